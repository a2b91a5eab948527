//! Tokio's paused clock, moved to exact nanoseconds.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use natbed_units::{SimDuration, SimTime};
use tokio::time::{self, Instant};

/// The grid on which tokio's timers fire.
pub(crate) const TICK: SimDuration = SimDuration::from_millis(1);

/// The last point of the timer grid at or before `time`.
#[inline]
pub(crate) const fn tick_before(time: SimTime) -> SimTime {
    let nanos = time.as_nanos();
    SimTime::from_nanos(nanos - nanos % TICK.as_nanos())
}

/// Where the clock of the async runtime stands; a default one is that of a run without async code.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AsyncClock {
    /// Tokio's name for virtual time zero.
    zero: Option<Instant>,
    at: SimTime,
}

impl AsyncClock {
    /// Takes the clock of the runtime that this is called in as it stands for virtual time zero.
    pub(crate) fn start() -> Self {
        Self { zero: Some(Instant::now()), at: SimTime::ZERO }
    }

    #[inline]
    pub(crate) fn at(&self) -> SimTime {
        self.at
    }

    /// Returns tokio's name for `time`, which has not passed.
    pub(crate) fn deadline(&self, time: SimTime) -> Instant {
        Instant::now() + Duration::from(time.saturating_since(self.at))
    }

    /// Moves the clock to `time`, which must not lie beyond the next tick.
    ///
    /// Timers of tokio do not fire before the runtime polls them, which it does when it runs out
    /// of tasks. A clock that is there already stays.
    #[inline]
    pub(crate) fn move_to(&mut self, time: SimTime) {
        let step = time.saturating_since(self.at);
        if step.is_zero() || self.zero.is_none() {
            return;
        }
        // The first poll moves the clock; what would be left is one yield, of no use here.
        let advance = pin!(time::advance(step.into()));
        let _ = advance.poll(&mut Context::from_waker(Waker::noop()));
        self.at = time;
    }

    /// Reads how far the runtime has moved its clock by itself.
    pub(crate) fn catch_up(&mut self) -> SimTime {
        if let Some(zero) = self.zero {
            let elapsed = Instant::now().saturating_duration_since(zero);
            self.at = SimTime::ZERO + SimDuration::from(elapsed);
        }
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_poll_of_advance_moves_the_clock() {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let mut clock = AsyncClock::start();
            let before = Instant::now();
            clock.move_to(SimTime::from_nanos(123_457));
            assert_eq!(Instant::now() - before, Duration::from_nanos(123_457));
            clock.move_to(SimTime::from_nanos(123_457));
            assert_eq!(clock.catch_up(), SimTime::from_nanos(123_457));
        });
    }

    #[test]
    fn ticks_are_whole_milliseconds() {
        for (nanos, tick) in [(0, 0), (999_999, 0), (1_000_000, 1_000_000), (5_300_001, 5_000_000)]
        {
            assert_eq!(tick_before(SimTime::from_nanos(nanos)), SimTime::from_nanos(tick));
        }
    }
}
