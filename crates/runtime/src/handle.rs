//! What async code can ask of its run: the time, alarms, tasks, the end.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use natbed_network::HostId;
use natbed_packet::Packet;
use natbed_units::{SimDuration, SimTime};
use tokio::task::JoinHandle;

use crate::process::Inlet;
use crate::shared::Shared;
use crate::simulated;

/// A run as async code sees it; made by [`World::handle`](crate::World::handle).
#[derive(Clone)]
pub struct Handle {
    shared: Shared,
}

impl Handle {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared }
    }

    /// Returns the virtual time of the run that this thread executes.
    #[must_use]
    #[inline]
    pub fn now(&self) -> SimTime {
        simulated::now()
    }

    /// Waits until exactly `at`, to the nanosecond.
    ///
    /// Tokio's timers, in contrast, fire at whole milliseconds, the first one not before their
    /// deadline.
    pub fn sleep_until(&self, at: SimTime) -> Alarm {
        Alarm { shared: self.shared.clone(), at, key: None }
    }

    /// Waits for exactly `span`, to the nanosecond.
    pub fn sleep(&self, span: SimDuration) -> Alarm {
        self.sleep_until(self.now() + span)
    }

    /// Starts a task of the run.
    ///
    /// Call it from a task of the run; elsewhere there is nothing to run it, and it panics.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        tokio::spawn(future)
    }

    /// Ends the run as soon as every task is idle, in this instant.
    pub fn stop(&self) {
        self.shared.lock().stop();
    }

    /// Sends a packet from `host` in this instant: the way out of a foreign network stack.
    ///
    /// Returns `false`, and drops the packet unseen, if a million packets have been sent in this
    /// instant.
    pub fn send(&self, host: HostId, packet: Packet) -> bool {
        self.shared.lock().send(host, packet)
    }

    /// Gives `host` an inlet, in place of the one or the process it may have had.
    ///
    /// It is in place before any packet arrives that is sent from now on.
    pub fn set_inlet(&self, host: HostId, inlet: Box<dyn Inlet + Send>) {
        self.shared.lock().add_inlet(host, inlet);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// Waits until an exact instant; made by [`Handle::sleep_until`].
///
/// Alarms of the same instant go off in the order in which they were first polled.
#[must_use = "an alarm that is not awaited does nothing"]
pub struct Alarm {
    shared: Shared,
    at: SimTime,
    key: Option<(SimTime, u64)>,
}

impl Alarm {
    /// Returns when it goes off.
    #[must_use]
    pub fn at(&self) -> SimTime {
        self.at
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let alarm = self.get_mut();
        if simulated::now() >= alarm.at {
            return Poll::Ready(());
        }
        let mut state = alarm.shared.lock();
        if !alarm.key.is_some_and(|key| state.renew_alarm(key, cx.waker())) {
            alarm.key = Some(state.set_alarm(alarm.at, cx.waker().clone()));
        }
        Poll::Pending
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            // Bound to a name so that the waker is dropped after the lock was given back.
            let _waker = self.shared.lock().cancel_alarm(key);
        }
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").field("at", &self.at).finish_non_exhaustive()
    }
}
