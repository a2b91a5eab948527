//! `natbed nat conformance`: which requirements boxes meet.

use super::named::Named;
use crate::cli::{ConformanceFormat, NatConformanceArgs};
use crate::conformance::{Conformance, human, json, markdown};
use crate::exit::{Abort, Exit};

/// Checks boxes; says what was found and how the program ends.
///
/// # Errors
///
/// Exit code 4 if none of the RFCs asked for is about the boxes.
pub(super) fn conformance(
    boxes: &[Named<'_>],
    args: &NatConformanceArgs,
) -> Result<(String, Exit), Abort> {
    let all: Vec<_> = boxes
        .iter()
        .map(|it| Conformance::of(it.name, it.status, it.behaviour, &args.rfc))
        .filter(|conformance| !conformance.findings.is_empty())
        .collect();
    if all.is_empty() {
        let message = "none of these RFCs is about these boxes: 6092 is for firewalls, all others \
                       are for NATs";
        return Err(Abort::new(Exit::NothingSelected, message));
    }
    let text = match args.format {
        ConformanceFormat::Human => human(&all),
        ConformanceFormat::Json => json(&all),
        ConformanceFormat::Md => markdown(&all),
    };
    let is_violated = all.iter().any(|conformance| conformance.mandatory_violations() > 0);
    Ok((text, if args.strict && is_violated { Exit::ExpectationFailed } else { Exit::Pass }))
}
