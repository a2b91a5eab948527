//! What a check comes to.

use std::fmt;

/// Why a check did not find its requirement met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// The box does something else; what was seen.
    Violated(String),
    /// The requirement does not concern this box, or nothing can be seen of it; why.
    NotApplicable(String),
}

/// What a check comes to: met, or why not.
pub type Finding = Result<(), Shortfall>;

/// The same in one word, as reports print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The box does what the requirement asks.
    Met,
    /// It does not.
    Violated,
    /// The requirement does not concern it, or nothing can be seen of it.
    NotApplicable,
}

impl From<&Finding> for Outcome {
    fn from(finding: &Finding) -> Self {
        match finding {
            Ok(()) => Self::Met,
            Err(Shortfall::Violated(_)) => Self::Violated,
            Err(Shortfall::NotApplicable(_)) => Self::NotApplicable,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Met => "met",
            Self::Violated => "violated",
            Self::NotApplicable => "not applicable",
        })
    }
}

/// Ends a check as violated, unless `holds`.
pub(super) fn require(holds: bool, seen: impl FnOnce() -> String) -> Finding {
    if holds { Ok(()) } else { Err(Shortfall::Violated(seen())) }
}

/// Ends a check as not applicable, unless `holds`.
pub(super) fn applies(holds: bool, why_not: impl FnOnce() -> String) -> Finding {
    if holds { Ok(()) } else { Err(Shortfall::NotApplicable(why_not())) }
}
