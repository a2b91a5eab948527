//! The start-up check that virtual time and seeded entropy are really in force.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant, SystemTime};

use natbed_units::{Seed, SimDuration, SimTime};
use rand_core::Rng;
use thiserror::Error;

use crate::error::RunError;
use crate::interpose::probe::{self, Source};
use crate::interpose::thread_cpu_time;
use crate::simulated::{self, wall_clock};
use crate::thread::run_on_fresh_thread;

/// What does not work as simulation needs it on this machine, in this executable.
///
/// A run without it would not repeat, so a program that sees this must not simulate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelfCheckError {
    /// The linker kept libc's own functions.
    #[error("libc's `{symbol}` was not replaced when this program was linked")]
    NotInterposed {
        /// The first such function.
        symbol: &'static str,
    },
    /// A wall clock on a simulation thread does not show virtual time.
    #[error("`{clock}` shows real time on a simulation thread")]
    WallClockNotVirtual {
        /// What was asked for the time.
        clock: &'static str,
    },
    /// `Instant` on a simulation thread does not show virtual time.
    #[error("`Instant` does not follow virtual time on a simulation thread")]
    InstantNotVirtual,
    /// CPU time on a simulation thread does not pass.
    #[error("CPU time stands still on a simulation thread")]
    CpuTimeNotReal,
    /// Entropy on a simulation thread does not come from the seed.
    #[error("`{source_name}` is not seeded on a simulation thread")]
    EntropyNotSeeded {
        /// What was asked for entropy.
        source_name: &'static str,
    },
    /// The order of standard hash maps on simulation threads does not follow from the seed.
    #[error("the keys of standard hash maps do not follow from the seed")]
    HashKeysNotSeeded,
    /// A thread that runs no simulation does not see real time.
    #[error("threads outside of the simulation do not see real time")]
    RealTimeLost,
    /// A thread that runs no simulation gets seeded entropy.
    #[error("threads outside of the simulation do not get real entropy")]
    RealEntropyLost,
    /// The check itself could not run.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Proves that simulation threads see virtual time and seeded entropy, and that others do not.
///
/// Call it once, on the main thread, before the first run; it takes well under a millisecond.
///
/// # Errors
///
/// The first thing found that does not hold.
pub fn self_check() -> Result<(), SelfCheckError> {
    if let Some(symbol) = probe::symbols_not_taken_over().first() {
        return Err(SelfCheckError::NotInterposed { symbol });
    }
    let seed = Seed::new(0x5e1f_c4ec);
    let keys = run_on_fresh_thread(seed, || inside(seed))??;
    let same = run_on_fresh_thread(seed, hash_keys)?;
    let other = run_on_fresh_thread(seed.derive("another"), hash_keys)?;
    if keys != same || keys == other {
        return Err(SelfCheckError::HashKeysNotSeeded);
    }
    outside()
}

/// Checks the clocks and entropy of a simulation thread; returns its hash keys at work.
fn inside(seed: Seed) -> Result<u64, SelfCheckError> {
    // First of all: standard hash maps take the first entropy of the thread.
    let keys = hash_keys();
    let (start, cpu_start) = (instant_now(), thread_cpu_time());
    for elapsed in [SimDuration::ZERO, SimDuration::from_nanos(123_456_789_987)] {
        let now = SimTime::ZERO + elapsed;
        simulated::set_now(now);
        if instant_now().duration_since(start) != Duration::from(elapsed) {
            return Err(SelfCheckError::InstantNotVirtual);
        }
        let expected = wall_clock(now);
        let since_epoch = expected.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let wall_clocks = [
            ("SystemTime", system_time_now() == expected),
            ("time", u64::try_from(probe::libc_time()) == Ok(since_epoch.as_secs())),
            (
                "gettimeofday",
                u128::try_from(probe::libc_gettimeofday()) == Ok(since_epoch.as_micros()),
            ),
        ];
        if let Some((clock, _)) = wall_clocks.into_iter().find(|(_, is_virtual)| !is_virtual) {
            return Err(SelfCheckError::WallClockNotVirtual { clock });
        }
    }
    simulated::set_now(SimTime::ZERO);

    // The thread's generator, from its start: the 16 bytes of the hash keys come first.
    let mut expected = [0; 16 + 3 * 16];
    seed.rng("entropy").fill_bytes(&mut expected);
    let (_, expected) = expected.split_at(16);
    let drawn = [
        ("getrandom", Source::Getrandom),
        ("getentropy", Source::Getentropy),
        ("syscall(SYS_getrandom)", Source::Syscall),
    ];
    for ((source_name, source), expected) in drawn.into_iter().zip(expected.chunks(16)) {
        if probe::libc_entropy::<16>(source).is_none_or(|drawn| drawn != expected) {
            return Err(SelfCheckError::EntropyNotSeeded { source_name });
        }
    }
    if probe::libc_entropy::<0>(Source::Getrandom).is_none() {
        return Err(SelfCheckError::EntropyNotSeeded { source_name: "getrandom of no bytes" });
    }
    if thread_cpu_time() <= cpu_start {
        return Err(SelfCheckError::CpuTimeNotReal);
    }
    Ok(keys)
}

/// Checks that the calling thread, which runs no simulation, sees the real world.
fn outside() -> Result<(), SelfCheckError> {
    let before = probe::kernel_unix_time();
    let seen = system_time_now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    if !(before..=probe::kernel_unix_time()).contains(&seen) {
        return Err(SelfCheckError::RealTimeLost);
    }
    for source in [Source::Getrandom, Source::Syscall] {
        if probe::libc_entropy::<16>(source) == probe::libc_entropy::<16>(source) {
            return Err(SelfCheckError::RealEntropyLost);
        }
    }
    Ok(())
}

fn hash_keys() -> u64 {
    RandomState::new().hash_one(0_u64)
}

#[allow(clippy::disallowed_methods)] // the self-check is about what foreign code sees
fn instant_now() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods)] // the self-check is about what foreign code sees
fn system_time_now() -> SystemTime {
    SystemTime::now()
}
