//! One run, one fresh thread; and many runs side by side.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{Builder, Scope, ScopedJoinHandle};

use natbed_units::Seed;

use crate::error::RunError;
use crate::simulated;

/// Runs `f` on a thread of its own, with virtual time and entropy from `seed`, and waits for it.
///
/// On that thread `SystemTime`, `Instant` and everything else that asks libc for the time see the
/// virtual clock, which starts at [`EPOCH_UNIX_SECONDS`](crate::EPOCH_UNIX_SECONDS) and moves only
/// with a [`World`](crate::World); everything that asks libc for entropy (hash keys of `HashMap`,
/// `rand`, `uuid`) gets it from the seed. Other threads are not affected. The thread is a fresh
/// one because generators and hash keys, once made, stay in a thread: a second run on the same one
/// would see others. For the same reason `f` must not start threads or use a thread pool.
///
/// # Errors
///
/// [`RunError::Panicked`] if `f` panicked, [`RunError::Thread`] if there was no thread. Nothing is
/// printed; other runs are not affected.
pub fn run_on_fresh_thread<T: Send>(
    seed: Seed,
    f: impl FnOnce() -> T + Send,
) -> Result<T, RunError> {
    std::thread::scope(|scope| match spawn(scope, seed, f) {
        // The thread catches the panics of `f`; what is left is one in a thread-local destructor.
        Ok(thread) => thread.join().unwrap_or_else(|panic| {
            Err(RunError::Panicked { message: message_of(panic.as_ref()) })
        }),
        Err(error) => Err(error),
    })
}

/// Runs `f` for each of `items`, at most `jobs` at once, each on a fresh thread of its own.
///
/// `done` gets the results on the calling thread, in the order of the items and as soon as that
/// order allows. Once `cancel` is set no further item is started; those that run are waited for
/// and handed over, so `done` always sees a gapless beginning of the items. `done` may set
/// `cancel` itself, to stop at the first failure. Behind one that takes long, no more than 32
/// times `jobs` others are run ahead.
///
/// What a run computes depends on its seed and item alone, never on `jobs`.
pub fn run_many<I: Send, T: Send>(
    jobs: NonZeroUsize,
    items: impl IntoIterator<Item = (Seed, I)>,
    cancel: &AtomicBool,
    f: impl Fn(I) -> T + Sync,
    mut done: impl FnMut(Result<T, RunError>),
) {
    let (f, jobs) = (&f, jobs.get() as u64);
    std::thread::scope(|scope| {
        let (results_in, results) = mpsc::channel();
        let mut items = items.into_iter();
        let mut early = BTreeMap::new();
        let (mut started, mut finished, mut handed_over) = (0_u64, 0_u64, 0_u64);
        loop {
            let may_start = |started| {
                started - finished < jobs && started - handed_over < jobs * RUNS_AHEAD_PER_JOB
            };
            while may_start(started) && !cancel.load(Ordering::Relaxed) {
                let Some((seed, item)) = items.next() else { break };
                let (number, results_in) = (started, results_in.clone());
                started += 1;
                let reporter = results_in.clone();
                let job = move || {
                    // The receiver lives until every started run has reported.
                    let _ = reporter.send((number, catch(|| f(item))));
                };
                if let Err(error) = spawn(scope, seed, job) {
                    let _ = results_in.send((number, Err(error)));
                }
            }
            if started == finished {
                return;
            }
            let Ok((number, result)) = results.recv() else { return };
            finished += 1;
            early.insert(number, result);
            while let Some(result) = early.remove(&handed_over) {
                handed_over += 1;
                done(result);
            }
        }
    });
}

/// How many results may wait for an earlier one, for each job.
const RUNS_AHEAD_PER_JOB: u64 = 32;

/// Starts a simulation thread that runs `f` and catches its panics.
fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    seed: Seed,
    f: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, Result<T, RunError>>, RunError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(keep_panic_messages);
    Builder::new()
        .name(format!("natbed-run-{seed}"))
        .spawn_scoped(scope, move || {
            let _simulated = simulated::enter(seed);
            catch(f)
        })
        .map_err(|error| RunError::Thread { kind: error.kind() })
}

/// Runs `f` and turns a panic into an error.
fn catch<T>(f: impl FnOnce() -> T) -> Result<T, RunError> {
    // Nothing that `f` left half done is looked at after a panic.
    panic::catch_unwind(AssertUnwindSafe(f)).map_err(|panic| RunError::Panicked {
        message: take_panic_messages().pop().unwrap_or_else(|| message_of(panic.as_ref())),
    })
}

thread_local! {
    /// Messages of panics on this simulation thread that nobody has asked for yet.
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// How many panic messages a thread keeps; code that panics and recovers in a loop makes no more.
const PANIC_MESSAGES_MAX: usize = 64;

/// Takes the messages of this thread's panics, in order.
pub(crate) fn take_panic_messages() -> Vec<String> {
    PANICS.take()
}

/// Installs a panic hook that keeps a simulation thread's messages instead of printing them.
///
/// A task's panic is caught by the runtime, and only the hook ever sees its message and place.
fn keep_panic_messages() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !simulated::is_simulated() {
            return print(info);
        }
        let mut message = message_of(info.payload());
        if let Some(place) = info.location() {
            message = format!("{message} ({place})");
        }
        PANICS.with_borrow_mut(|panics| {
            if panics.len() == PANIC_MESSAGES_MAX {
                panics.remove(0);
            }
            panics.push(message);
        });
    }));
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    }
}
