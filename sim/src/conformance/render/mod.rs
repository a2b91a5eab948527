//! What checks came to, for people, for programs and as a table.

mod human;
mod json;
mod markdown;

use natbed_nat::{Behaviour, ProfileStatus};

pub use human::human;
pub use json::json;
pub use markdown::markdown;

use super::finding::{Finding, Outcome};
use super::lab::Lab;
use super::requirement::{Requirement, examine};

/// RFCs for boxes that translate.
const FOR_NATS: [u16; 5] = [4787, 5382, 5508, 6888, 7857];
/// The RFC for boxes that only filter.
const FOR_FIREWALLS: [u16; 1] = [6092];

/// How far one named box meets the requirements that are made of its kind.
pub struct Conformance {
    /// The name of the box.
    pub name: String,
    /// How far the box can be trusted as a picture of what it is named after.
    pub status: ProfileStatus,
    /// The requirements and what was found, in the order of the RFCs.
    pub findings: Vec<(&'static Requirement, Finding)>,
}

impl Conformance {
    /// Checks a box; of the RFCs for its kind, those that are `wanted`, or all if none is.
    #[must_use]
    pub fn of(name: &str, status: ProfileStatus, behaviour: &Behaviour, wanted: &[u16]) -> Self {
        let for_it = match behaviour {
            Behaviour::Nat(_) => &FOR_NATS[..],
            Behaviour::Firewall(_) => &FOR_FIREWALLS,
        };
        let is_wanted = |rfc: &u16| wanted.is_empty() || wanted.contains(rfc);
        let rfcs: Vec<_> = for_it.iter().copied().filter(is_wanted).collect();
        let findings = examine(&Lab::new(behaviour, 1), &rfcs);
        Self { name: name.to_owned(), status, findings }
    }

    /// Counts the findings with an outcome.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.findings.iter().filter(|(_, finding)| Outcome::from(finding) == outcome).count()
    }

    /// Counts the violations that keep it from complying with an RFC.
    #[must_use]
    pub fn mandatory_violations(&self) -> usize {
        let is_one = |(requirement, finding): &&(&'static Requirement, Finding)| {
            requirement.level.is_mandatory() && Outcome::from(finding) == Outcome::Violated
        };
        self.findings.iter().filter(is_one).count()
    }

    /// The findings by RFC, in the order of the findings.
    fn by_rfc(&self) -> impl Iterator<Item = (u16, &[(&'static Requirement, Finding)])> {
        self.findings
            .chunk_by(|one, other| one.0.rfc == other.0.rfc)
            .map(|part| (part[0].0.rfc, part))
    }
}

/// What an RFC is about, for headings.
const fn topic(rfc: u16) -> &'static str {
    match rfc {
        4787 => "UDP",
        5382 => "TCP",
        5508 => "ICMP",
        6888 => "carrier NATs",
        7857 => "updates",
        6092 => "IPv6 firewalls",
        _ => "",
    }
}
