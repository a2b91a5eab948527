//! How a run can fail. How it can end well is in `report.rs`.

use std::io;

use thiserror::Error;

/// Why a run did not come to an orderly end.
///
/// Running into a limit is an orderly end: see [`RunEnd`](crate::RunEnd).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RunError {
    /// A task of the run panicked, whoever spawned it.
    #[error("a task panicked: {message}")]
    TaskPanicked {
        /// The panic's message and place.
        message: String,
    },
    /// The run's own code panicked: a process, an action, an observer, or what set up the run.
    #[error("the run panicked: {message}")]
    Panicked {
        /// The panic's message and place.
        message: String,
    },
    /// The operating system gave no thread for the run.
    #[error("no thread for the run: {kind}")]
    Thread {
        /// What the operating system said.
        kind: io::ErrorKind,
    },
    /// The asynchronous runtime could not be built.
    #[error("no asynchronous runtime for the run: {kind}")]
    Runtime {
        /// What the runtime builder said.
        kind: io::ErrorKind,
    },
    /// Asynchronous code was to run on a thread without virtual time.
    #[error("asynchronous code runs only inside `run_on_fresh_thread`")]
    NotASimulationThread,
    /// The thread has run a simulation before, whose traces (hash keys, generators) stay in it.
    #[error("this thread has run a simulation before: every run needs a fresh one")]
    ThreadUsedBefore,
}
