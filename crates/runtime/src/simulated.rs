//! What a simulation thread has of its own: a clock, entropy, and tasks ahead of time.
//!
//! All of it is thread-local and plain data; `interpose.rs` reads it from inside
//! libc calls, so nothing here may read a clock, draw entropy or block.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use natbed_units::{LookupMap, Seed, SimTime};
use rand_core::Rng;
use tokio::task;

/// Unix time at the start of every run, in seconds: 2025-01-01 00:00:00 UTC.
pub const EPOCH_UNIX_SECONDS: u64 = 1_735_689_600;

/// What monotonic clocks show at the start of every run, in seconds.
///
/// Not zero, so that code may subtract from [`std::time::Instant`] early in a run.
const UPTIME_SECONDS: u64 = 1_000_000;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// How far ahead the wall clock of a task is that was spawned inside [`ahead_of_time`].
const AHEAD_NANOS: u64 = NANOS_PER_SECOND;

thread_local! {
    // The cells have no destructor: they can be read until the thread is gone.
    static IS_SIMULATED: Cell<bool> = const { Cell::new(false) };
    static NOW: Cell<SimTime> = const { Cell::new(SimTime::ZERO) };
    static ENTROPY: RefCell<Option<natbed_units::SimRng>> = const { RefCell::new(None) };
    static IS_CLAIMED: Cell<bool> = const { Cell::new(false) };
    static SPAWNS_AHEAD: Cell<bool> = const { Cell::new(false) };
    static ANY_AHEAD: Cell<bool> = const { Cell::new(false) };
    // A hash map: every look at the wall clock asks it.
    static AHEAD: RefCell<LookupMap<task::Id, ()>> =
        const { RefCell::new(LookupMap::new()) };
}

/// Says whether this thread is a simulation thread.
pub(crate) fn is_simulated() -> bool {
    IS_SIMULATED.get()
}

/// Returns the virtual time of this thread's run; zero on other threads.
#[inline]
pub(crate) fn now() -> SimTime {
    NOW.get()
}

/// Moves this thread's virtual clocks.
#[inline]
pub(crate) fn set_now(now: SimTime) {
    NOW.set(now);
}

/// Makes this thread a simulation thread until the guard is dropped.
pub(crate) fn enter(seed: Seed) -> Simulated {
    ENTROPY.replace(Some(seed.rng("entropy")));
    NOW.set(SimTime::ZERO);
    IS_SIMULATED.set(true);
    Simulated(())
}

/// Takes this thread for a run with async code; `false` if it had one before.
pub(crate) fn claim_thread() -> bool {
    !IS_CLAIMED.replace(true)
}

/// While it lives, its thread sees virtual time and seeded entropy.
pub(crate) struct Simulated(());

impl Drop for Simulated {
    fn drop(&mut self) {
        IS_SIMULATED.set(false);
        NOW.set(SimTime::ZERO);
        ENTROPY.replace(None);
        ANY_AHEAD.set(false);
        AHEAD.take();
    }
}

/// What a clock is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Unix time.
    Wall,
    /// Time since an arbitrary instant.
    Monotonic,
}

/// Returns what `clock` shows on this thread in nanoseconds, `None` if it is to be the real one.
#[inline]
pub(crate) fn clock_nanos(clock: Clock) -> Option<u64> {
    if !IS_SIMULATED.get() {
        return None;
    }
    let elapsed = NOW.get().as_nanos();
    Some(match clock {
        Clock::Monotonic => UPTIME_SECONDS * NANOS_PER_SECOND + elapsed,
        Clock::Wall => {
            let ahead = if ANY_AHEAD.get() && current_task_is_ahead() { AHEAD_NANOS } else { 0 };
            EPOCH_UNIX_SECONDS * NANOS_PER_SECOND + elapsed + ahead
        }
    })
}

fn current_task_is_ahead() -> bool {
    let Some(id) = task::try_id() else { return false };
    // Out of reach only while the thread ends, or inside the hooks below, which read no clock.
    AHEAD
        .try_with(|ahead| ahead.try_borrow().is_ok_and(|ahead| ahead.contains_key(&id)))
        .unwrap_or(false)
}

/// Fills `bytes` from this thread's seeded generator; `false` if it is to be the real one.
pub(crate) fn fill_entropy(bytes: &mut [u8]) -> bool {
    if !IS_SIMULATED.get() {
        return false;
    }
    ENTROPY.with_borrow_mut(|entropy| match entropy {
        Some(rng) => {
            rng.fill_bytes(bytes);
            true
        }
        None => false,
    })
}

/// Returns the wall-clock time that a simulation thread shows at `now`.
///
/// For stamping what leaves the simulation, like captures: 2025-01-01 00:00:00 UTC plus `now`.
#[must_use]
pub fn wall_clock(now: SimTime) -> SystemTime {
    SystemTime::UNIX_EPOCH
        + Duration::from_secs(EPOCH_UNIX_SECONDS)
        + Duration::from(now.since_start())
}

/// Runs `f` and puts every task that it spawns one second ahead of time.
///
/// Such a task reads [`SystemTime::now`] one second later than all others; its other clocks are
/// right. For code like the router of `webrtc_util::vnet`, which stamps a packet when it is
/// queued and lets it pass only once the wall clock shows *more* than the stamp: in virtual time
/// both readings are of one instant, so the packet would wait for the next timer. In a router
/// task that is ahead, every queued packet is due at once. The router's `start` spawns its task
/// before it returns, so `ahead_of_time(|| drop(router.start()))` is all there is to do.
///
/// Call it from a task of an asynchronous run; elsewhere it only runs `f`.
pub fn ahead_of_time<T>(f: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            SPAWNS_AHEAD.set(self.0);
        }
    }
    let _restore = Restore(SPAWNS_AHEAD.replace(true));
    f()
}

/// Runtime hook: a task was spawned.
pub(crate) fn task_spawned(id: task::Id) {
    if SPAWNS_AHEAD.get() {
        ANY_AHEAD.set(true);
        AHEAD.with_borrow_mut(|ahead| ahead.insert(id, ()));
    }
}

/// Runtime hook: a task has ended.
pub(crate) fn task_ended(id: task::Id) {
    if ANY_AHEAD.get() {
        AHEAD.with_borrow_mut(|ahead| {
            ahead.remove(&id);
            ANY_AHEAD.set(!ahead.is_empty());
        });
    }
}
