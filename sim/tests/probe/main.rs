//! The probe sees what boxes are configured to be.
#![allow(clippy::unwrap_used)] // a test

use std::collections::BTreeSet;

use natbed::probe::{Verdict, compare, probe};
use natbed_nat::Behaviour;
use natbed_units::Seed;

use crate::invisible::invisible;

mod catalogue;
mod invisible;
mod properties;
mod random;

/// Probes a box and asserts that every property is as configured, or invisible if and only if it
/// is known to be.
#[track_caller]
fn agrees(behaviour: &Behaviour) {
    let findings = probe(behaviour, Seed::new(1)).unwrap();
    let rows = compare(&findings, behaviour);
    let differing: Vec<_> = rows.iter().filter(|row| row.verdict == Verdict::Differs).collect();
    assert!(differing.is_empty(), "{differing:#?} of {behaviour:#?}");
    let unseen = rows.iter().filter(|row| row.verdict == Verdict::NotVisible);
    let unseen: BTreeSet<_> = unseen.map(|row| row.property).collect();
    assert_eq!(unseen, invisible(behaviour), "{behaviour:#?}");
}
