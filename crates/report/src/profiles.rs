//! Which profiles a report rests on, and how far they can be trusted.

use std::collections::BTreeSet;

use crate::{ProfileRecord, RunRecord};

/// Returns the profiles of all records that are not verified, each once, by name.
pub(crate) fn unverified(records: &[RunRecord]) -> Vec<&ProfileRecord> {
    let all: BTreeSet<_> = records.iter().flat_map(|record| &record.profiles).collect();
    all.into_iter().filter(|profile| !profile.is_verified()).collect()
}

/// Says in one line which unverified profiles a report was made with; `None` if there are none.
pub(crate) fn caution(records: &[RunRecord]) -> Option<String> {
    let unverified = unverified(records);
    let names: Vec<_> =
        unverified.iter().map(|profile| format!("{} ({})", profile.name, profile.status)).collect();
    (!names.is_empty()).then(|| format!("made with unverified profiles: {}", names.join(", ")))
}
