//! What async code and the driver share: outgoing packets, sockets, TCP, alarms, requests.
//!
//! Async code never touches the network. It leaves its packets and requests here; the driver
//! takes them when every task is idle, which is still the same instant of virtual time. All of it
//! is used by one thread, so the lock is never contended; it makes sockets `Send` and `Sync`, as
//! the traits of async stacks demand.

use std::collections::BTreeMap;
use std::mem;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::{Bytes, BytesMut};
use natbed_network::HostId;
use natbed_packet::Packet;
use natbed_units::SimTime;

use crate::clock::AsyncClock;
use crate::process::Inlet;
use crate::sockets::Sockets;
use crate::tcp::{TcpHosts, TcpStack};

/// The handle to the shared state; cloning shares it.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<State>>);

/// How many packets may be sent in one instant before senders get `ENOBUFS`.
pub(crate) const OUTBOX_MAX: usize = 1 << 20;

/// Payloads are cut from buffers of this size, about fifty full-size datagrams.
const CHUNK_BYTES: usize = 64 << 10;

pub(crate) struct State {
    pub(crate) sockets: Sockets,
    pub(crate) tcp: TcpHosts,
    outbox: Vec<(HostId, Packet)>,
    chunk: BytesMut,
    /// Tasks to wake at an exact instant, in the order of time and then of setting.
    alarms: BTreeMap<(SimTime, u64), Waker>,
    alarms_set: u64,
    inlets: Vec<(HostId, Box<dyn Inlet + Send>)>,
    memberships: Vec<Membership>,
    has_actions: bool,
    is_stopped: bool,
    /// Set while the driver lets the async runtime run by itself.
    sleeping: Option<Sleeping>,
}

/// A driver that lets the async runtime run by itself.
pub(crate) struct Sleeping {
    /// Wakes the driver; taken by the first request.
    driver: Option<Waker>,
    /// When it wakes up by itself.
    pub(crate) until: SimTime,
    /// The async clock, which the runtime moves meanwhile.
    pub(crate) clock: AsyncClock,
    /// When a task was last seen to run, if nothing but tasks was left to wait for.
    pub(crate) last_active: SimTime,
}

/// A host that joins a multicast group, or leaves it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Membership {
    pub(crate) host: HostId,
    pub(crate) group: IpAddr,
    pub(crate) is_member: bool,
}

/// What async code left for the driver.
#[derive(Default)]
pub(crate) struct Requests {
    pub(crate) packets: Vec<(HostId, Packet)>,
    pub(crate) inlets: Vec<(HostId, Box<dyn Inlet + Send>)>,
    pub(crate) memberships: Vec<Membership>,
    pub(crate) has_actions: bool,
    pub(crate) is_stopped: bool,
    pub(crate) next_alarm: Option<SimTime>,
}

impl Shared {
    pub(crate) fn new(sockets: Sockets, tcp: TcpHosts) -> Self {
        Self(Arc::new(Mutex::new(State {
            sockets,
            tcp,
            outbox: Vec::new(),
            chunk: BytesMut::new(),
            alarms: BTreeMap::new(),
            alarms_set: 0,
            inlets: Vec::new(),
            memberships: Vec::new(),
            has_actions: false,
            is_stopped: false,
            sleeping: None,
        })))
    }

    /// Locks the state; a panic elsewhere ends the run anyway, so poison means nothing here.
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Copies a payload without an allocation of its own.
    ///
    /// The buffer that it is cut from is used again once all its payloads are gone.
    #[inline]
    pub(crate) fn copy(&mut self, payload: &[u8]) -> Bytes {
        if self.chunk.capacity() < payload.len() {
            self.chunk.reserve(CHUNK_BYTES.max(payload.len()));
        }
        self.chunk.extend_from_slice(payload);
        self.chunk.split().freeze()
    }

    /// Leaves a packet for the driver to send; `false` if there are too many.
    #[inline]
    pub(crate) fn send(&mut self, host: HostId, packet: Packet) -> bool {
        if self.outbox.len() >= OUTBOX_MAX {
            return false;
        }
        self.outbox.push((host, packet));
        self.wake_driver();
        true
    }

    /// Calls `f` with the TCP of a host and leaves what it has to send for the driver; `None` if the
    /// host has no sockets.
    pub(crate) fn update_tcp<R>(
        &mut self,
        host: HostId,
        f: impl FnOnce(&mut TcpStack) -> R,
    ) -> Option<R> {
        let Self { tcp, outbox, .. } = self;
        let before = outbox.len();
        let result = tcp.update(host, f, |packet| {
            // More is lost without a trace; what matters is sent again.
            if outbox.len() < OUTBOX_MAX {
                outbox.push((host, packet));
            }
        });
        let has_sent = outbox.len() > before;
        let due = tcp.poll_timeout();
        let is_early = |sleeping: &Sleeping| due.is_some_and(|due| due < sleeping.until);
        if has_sent || self.sleeping.as_ref().is_some_and(is_early) {
            self.wake_driver();
        }
        result
    }

    /// Lets TCP do what is due at `now`; those who wait for it are added to `wakers`.
    pub(crate) fn run_tcp_timers(&mut self, now: SimTime, wakers: &mut Vec<Waker>) {
        while let Some(host) = self.tcp.pop_due(now) {
            self.update_tcp(host, |stack| {
                stack.handle_timeout(now);
                stack.take_wakers(wakers);
            });
        }
    }

    pub(crate) fn add_inlet(&mut self, host: HostId, inlet: Box<dyn Inlet + Send>) {
        self.inlets.push((host, inlet));
        self.wake_driver();
    }

    pub(crate) fn set_member(&mut self, host: HostId, group: IpAddr, is_member: bool) {
        self.memberships.push(Membership { host, group, is_member });
        self.wake_driver();
    }

    pub(crate) fn announce_actions(&mut self) {
        self.has_actions = true;
        self.wake_driver();
    }

    pub(crate) fn stop(&mut self) {
        self.is_stopped = true;
        self.wake_driver();
    }

    /// Sets an alarm and returns its key.
    pub(crate) fn set_alarm(&mut self, at: SimTime, waker: Waker) -> (SimTime, u64) {
        self.alarms_set += 1;
        let key = (at, self.alarms_set);
        self.alarms.insert(key, waker);
        if self.sleeping.as_ref().is_some_and(|sleeping| at < sleeping.until) {
            self.wake_driver();
        }
        key
    }

    /// Replaces who is woken by an alarm; `false` if it has gone off.
    pub(crate) fn renew_alarm(&mut self, key: (SimTime, u64), waker: &Waker) -> bool {
        match self.alarms.get_mut(&key) {
            Some(known) => {
                known.clone_from(waker);
                true
            }
            None => false,
        }
    }

    /// Returns the alarm's waker so that it is dropped without the lock.
    pub(crate) fn cancel_alarm(&mut self, key: (SimTime, u64)) -> Option<Waker> {
        self.alarms.remove(&key)
    }

    /// Moves the wakers of all alarms due at `now` to `wakers`, in order.
    pub(crate) fn take_due_alarms(&mut self, now: SimTime, wakers: &mut Vec<Waker>) {
        while let Some(entry) = self.alarms.first_entry()
            && entry.key().0 <= now
        {
            wakers.push(entry.remove());
        }
    }

    /// Returns when an alarm goes off or TCP has something to do.
    pub(crate) fn next_alarm(&self) -> Option<SimTime> {
        let alarm = self.alarms.first_key_value().map(|((at, _), _)| *at);
        [alarm, self.tcp.poll_timeout()].into_iter().flatten().min()
    }

    /// Moves everything that async code left to `requests`, whose packets must have been taken.
    pub(crate) fn take_requests(&mut self, requests: &mut Requests) {
        mem::swap(&mut self.outbox, &mut requests.packets);
        // Both are rare, and this is called several times for each datagram.
        if !self.inlets.is_empty() || !self.memberships.is_empty() {
            requests.inlets.append(&mut self.inlets);
            requests.memberships.append(&mut self.memberships);
        }
        requests.has_actions = mem::take(&mut self.has_actions);
        requests.is_stopped = mem::take(&mut self.is_stopped);
        requests.next_alarm = self.next_alarm();
    }

    /// Notes that the driver sleeps until `until` and wants to be woken by any request.
    pub(crate) fn driver_sleeps(&mut self, driver: &Waker, clock: AsyncClock, until: SimTime) {
        let driver = Some(driver.clone());
        self.sleeping = Some(Sleeping { driver, until, clock, last_active: SimTime::ZERO });
    }

    pub(crate) fn sleeping_mut(&mut self) -> Option<&mut Sleeping> {
        self.sleeping.as_mut()
    }

    pub(crate) fn driver_wakes(&mut self) -> Option<Sleeping> {
        self.sleeping.take()
    }

    /// Wakes the driver if it sleeps. Its waker only sets a flag: it may be used under the lock.
    #[inline]
    pub(crate) fn wake_driver(&mut self) {
        if let Some(sleeping) = &mut self.sleeping
            && let Some(driver) = sleeping.driver.take()
        {
            driver.wake();
        }
    }
}
