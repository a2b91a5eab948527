//! Exit codes: what a script learns from a run without reading its output.

/// How the program ended; the numbers are a contract and are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was selected ran, and every verdict is pass.
    Pass = 0,
    /// A bug in natbed: please report it with the command.
    Internal = 1,
    /// The command line is wrong, or names a path that does not exist.
    Usage = 2,
    /// The command line is right but selects nothing to run.
    NothingSelected = 4,
    /// The text of `--filter` is not a filter, or names an axis that no scenario has.
    BadFilter = 94,
    /// A scenario file is invalid; nothing was run.
    InvalidScenario = 95,
    /// Something the run needs is missing: an output cannot be written, or this machine cannot
    /// give simulation threads virtual time.
    SetUp = 96,
    /// The same scenario with the same seed did not give the same run.
    NotDeterministic = 97,
    /// A run did not meet its expectation, or agent, witness and oracle do not agree.
    ExpectationFailed = 100,
    /// A result differs from its baseline.
    Regression = 101,
    /// Stopped by Ctrl-C; what was done until then was reported.
    Interrupted = 130,
}

impl Exit {
    /// Every exit code with what it means, for `--help` and the documentation.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::Pass, "everything selected ran and passed"),
        (Self::Internal, "internal error"),
        (Self::Usage, "wrong command line, or a path that does not exist"),
        (Self::NothingSelected, "nothing selected to run"),
        (Self::BadFilter, "bad filter"),
        (Self::InvalidScenario, "invalid scenario; nothing was run"),
        (Self::SetUp, "set-up or capability missing (unwritable output, no virtual time)"),
        (Self::NotDeterministic, "determinism broken"),
        (Self::ExpectationFailed, "an expectation failed, or agent, witness and oracle disagree"),
        (Self::Regression, "regression against the baseline"),
        (Self::Interrupted, "interrupted by Ctrl-C"),
    ];

    /// Returns the number that the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error that ends the program before or instead of a run, with its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Abort {
    /// How the program ends.
    pub exit: Exit,
    /// What to tell the user.
    pub message: String,
}

impl Abort {
    /// Makes an abort with a message for the user.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}
