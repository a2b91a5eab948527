//! The closed vocabularies of an outcome: path, prediction, verdict.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The way a session's packets went between its two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// The packets never left the LAN that both hosts are in.
    Lan,
    /// End to end, through any number of NATs, with no relay between.
    Direct,
    /// Through a TURN server.
    Relay,
    /// There was no connection.
    None,
}

impl Path {
    /// Every path, best first: the order in which reports count them.
    pub const ALL: [Self; 4] = [Self::Lan, Self::Direct, Self::Relay, Self::None];

    /// Returns the word that JSON and tables use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lan => "lan",
            Self::Direct => "direct",
            Self::Relay => "relay",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the closed-form rule says about a session before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prediction {
    /// [`Path::Lan`].
    Lan,
    /// [`Path::Direct`].
    Direct,
    /// [`Path::Relay`].
    Relay,
    /// [`Path::None`].
    None,
    /// The rule's preconditions do not hold, so it says nothing rather than guess.
    Open,
}

impl Prediction {
    /// Returns the word that JSON and tables use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self.path() {
            Some(path) => path.as_str(),
            None => "open",
        }
    }

    /// Returns the predicted path, or `None` if the rule says nothing.
    #[must_use]
    pub const fn path(self) -> Option<Path> {
        match self {
            Self::Lan => Some(Path::Lan),
            Self::Direct => Some(Path::Direct),
            Self::Relay => Some(Path::Relay),
            Self::None => Some(Path::None),
            Self::Open => None,
        }
    }
}

impl From<Path> for Prediction {
    fn from(path: Path) -> Self {
        match path {
            Path::Lan => Self::Lan,
            Path::Direct => Self::Direct,
            Path::Relay => Self::Relay,
            Path::None => Self::None,
        }
    }
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An outcome held against what the scenario expects of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything the scenario expects was observed.
    Pass,
    /// The run ended and something else was observed; the reasons say what.
    Fail,
    /// The run could not be carried out, so nothing was observed; the reasons say why.
    Error,
}

impl Verdict {
    /// Returns the word that JSON and tables use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
