//! An object for programs.

use serde_json::{Value, json as object};

use super::Conformance;
use crate::conformance::{Finding, Outcome, Requirement, Shortfall};

/// Renders one JSON object, schema 1.
#[must_use]
pub fn json(all: &[Conformance]) -> String {
    let boxes: Vec<_> = all.iter().map(one_box).collect();
    let version = env!("CARGO_PKG_VERSION");
    format!("{:#}\n", object!({ "schema": 1, "natbed": version, "boxes": boxes }))
}

fn one_box(one: &Conformance) -> Value {
    let findings: Vec<_> = one.findings.iter().map(|(it, finding)| line(it, finding)).collect();
    object!({
        "name": one.name,
        "status": one.status.to_string(),
        "met": one.count(Outcome::Met),
        "violated": one.count(Outcome::Violated),
        "violated_must": one.mandatory_violations(),
        "not_applicable": one.count(Outcome::NotApplicable),
        "requirements": findings,
    })
}

fn line(requirement: &Requirement, finding: &Finding) -> Value {
    let (outcome, seen) = match finding {
        Ok(()) => ("met", None),
        Err(Shortfall::Violated(seen)) => ("violated", Some(seen)),
        Err(Shortfall::NotApplicable(seen)) => ("not_applicable", Some(seen)),
    };
    object!({
        "rfc": requirement.rfc,
        "number": requirement.number,
        "level": requirement.level.to_string(),
        "says": requirement.says,
        "outcome": outcome,
        "seen": seen,
    })
}
