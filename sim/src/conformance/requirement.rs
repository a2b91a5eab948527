//! The table of requirements.

use std::fmt;

use super::finding::{Finding, Shortfall};
use super::lab::Lab;
use super::{rfc4787, rfc5382, rfc5508, rfc6092, rfc6888, rfc7857};

/// How strongly an RFC asks for something, in its own words (RFC 2119).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// An absolute requirement.
    Must,
    /// An absolute prohibition.
    MustNot,
    /// To be done unless there are good reasons.
    Should,
    /// Not to be done unless there are good reasons.
    ShouldNot,
    /// The same as SHOULD.
    Recommended,
    /// Optional.
    May,
    /// What RFC 6092 wants a gateway to do as it comes out of its carton.
    Default,
}

impl Level {
    /// Says whether a box that violates it does not comply with its RFC.
    #[must_use]
    pub const fn is_mandatory(self) -> bool {
        matches!(self, Self::Must | Self::MustNot)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Should => "SHOULD",
            Self::ShouldNot => "SHOULD NOT",
            Self::Recommended => "RECOMMENDED",
            Self::May => "MAY",
            Self::Default => "DEFAULT",
        })
    }
}

/// How a requirement is checked.
#[derive(Clone, Copy)]
pub enum Check {
    /// By sending packets through boxes.
    Packets(fn(&Lab<'_>) -> Finding),
    /// Not at all: why it shows in no packet.
    Invisible(&'static str),
}

/// One requirement of an RFC, or a part of it that has a level of its own.
pub struct Requirement {
    /// The RFC.
    pub rfc: u16,
    /// Its number there with its letter, and the part if there are several: `5a`, `5 transitory`.
    /// In RFC 7857 it is the section.
    pub number: &'static str,
    /// How strongly it is asked for.
    pub level: Level,
    /// What a box does that meets it, in one sentence.
    pub says: &'static str,
    /// How it is checked.
    pub check: Check,
}

impl Requirement {
    pub(super) const fn seen(
        rfc: u16,
        number: &'static str,
        level: Level,
        says: &'static str,
        check: fn(&Lab<'_>) -> Finding,
    ) -> Self {
        Self { rfc, number, level, says, check: Check::Packets(check) }
    }

    pub(super) const fn unseen(
        rfc: u16,
        number: &'static str,
        level: Level,
        says: &'static str,
        why: &'static str,
    ) -> Self {
        Self { rfc, number, level, says, check: Check::Invisible(why) }
    }

    /// Returns its name within the RFC: `REQ-5a`, `REC-14`, `section 2.1`.
    #[must_use]
    pub fn label(&self) -> String {
        match self.rfc {
            7857 => format!("section {}", self.number),
            6092 => format!("REC-{}", self.number),
            _ => format!("REQ-{}", self.number),
        }
    }

    /// Checks it with the boxes of a lab.
    ///
    /// # Errors
    ///
    /// Why it is not met.
    pub fn check(&self, lab: &Lab<'_>) -> Finding {
        match self.check {
            Check::Packets(check) => check(lab),
            Check::Invisible(why) => Err(Shortfall::NotApplicable(why.to_owned())),
        }
    }
}

/// All requirements, by RFC and number.
pub fn requirements() -> impl Iterator<Item = &'static Requirement> {
    [
        rfc4787::REQUIREMENTS,
        rfc5382::REQUIREMENTS,
        rfc5508::REQUIREMENTS,
        rfc6092::REQUIREMENTS,
        rfc6888::REQUIREMENTS,
        rfc7857::REQUIREMENTS,
    ]
    .into_iter()
    .flatten()
}

/// Checks all requirements of some RFCs on one kind of box, in the order of the table.
#[must_use]
pub fn examine(lab: &Lab<'_>, rfcs: &[u16]) -> Vec<(&'static Requirement, Finding)> {
    let asked = requirements().filter(|requirement| rfcs.contains(&requirement.rfc));
    asked.map(|requirement| (requirement, requirement.check(lab))).collect()
}
