//! All outcomes of one invocation, and their counts.

use serde::{Deserialize, Serialize};

use crate::{CallsSummary, Path, RunRecord, Verdict};

/// The version of the machine-readable form.
///
/// Keys may be added within a version; none is removed, renamed or given
/// another meaning.
pub const SCHEMA: u32 = 1;

/// All outcomes of one invocation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this form, [`SCHEMA`].
    pub schema: u32,
    /// The version of natbed that made the report.
    pub natbed: String,
    /// One record per session of each run, in the order of scenarios, cases and seeds.
    pub runs: Vec<RunRecord>,
    /// The counts over `runs`.
    pub summary: Summary,
    /// From call to link, by scenario and case; left out where no session begins with a call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discovery: Vec<CallsSummary>,
}

impl Report {
    /// Makes a report of `runs` and counts them; `natbed` is the program's version.
    #[must_use]
    pub fn new(natbed: impl Into<String>, runs: Vec<RunRecord>) -> Self {
        let (summary, discovery) = (Summary::of(&runs), CallsSummary::of(&runs));
        Self { schema: SCHEMA, natbed: natbed.into(), runs, summary, discovery }
    }
}

/// How many records had each verdict and took each path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Records that passed.
    pub pass: u64,
    /// Records that failed.
    pub fail: u64,
    /// Records in error.
    pub error: u64,
    /// Records whose path is [`Path::Lan`].
    pub lan: u64,
    /// Records whose path is [`Path::Direct`].
    pub direct: u64,
    /// Records whose path is [`Path::Relay`].
    pub relay: u64,
    /// Records whose path is [`Path::None`].
    pub none: u64,
}

impl Summary {
    /// Counts the records.
    #[must_use]
    pub fn of<'a>(records: impl IntoIterator<Item = &'a RunRecord>) -> Self {
        let mut summary = Self::default();
        for record in records {
            *match record.verdict {
                Verdict::Pass => &mut summary.pass,
                Verdict::Fail => &mut summary.fail,
                Verdict::Error => &mut summary.error,
            } += 1;
            *match record.path {
                Path::Lan => &mut summary.lan,
                Path::Direct => &mut summary.direct,
                Path::Relay => &mut summary.relay,
                Path::None => &mut summary.none,
            } += 1;
        }
        summary
    }

    /// Returns the number of records whose path is `path`.
    #[must_use]
    pub const fn path(&self, path: Path) -> u64 {
        match path {
            Path::Lan => self.lan,
            Path::Direct => self.direct,
            Path::Relay => self.relay,
            Path::None => self.none,
        }
    }
}

/// How often the oracle was right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Records whose outcome is the predicted one.
    pub agree: u64,
    /// Records with a prediction.
    pub predicted: u64,
    /// Records about which the rule says nothing.
    pub open: u64,
}

impl Agreement {
    /// Counts the records.
    #[must_use]
    pub fn of<'a>(records: impl IntoIterator<Item = &'a RunRecord>) -> Self {
        let mut agreement = Self::default();
        for record in records {
            match record.oracle_agrees() {
                Some(agrees) => {
                    agreement.predicted += 1;
                    agreement.agree += u64::from(agrees);
                }
                None => agreement.open += 1,
            }
        }
        agreement
    }

    /// Says whether no prediction was wrong.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.agree == self.predicted
    }
}
