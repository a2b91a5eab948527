//! `natbed nat conformance`: which requirements boxes meet.

use super::named::Named;
use crate::cli::{ConformanceFormat, NatConformanceArgs};
use crate::conformance::{Conformance, human, json, markdown};
use crate::exit::{Abort, Exit};

/// Checks boxes and prints what was found.
///
/// # Errors
///
/// Exit code 2 for a name that nobody knows, 4 if none of the RFCs asked for is about the boxes;
/// any other error is an output that could not be written.
pub(super) fn conformance(args: &NatConformanceArgs) -> anyhow::Result<Exit> {
    let shipped = Named::shipped();
    let boxes = if args.all {
        shipped
    } else {
        args.names.iter().map(|name| find(&shipped, name)).collect::<Result<_, _>>()?
    };
    let all: Vec<_> = boxes
        .iter()
        .map(|it| Conformance::of(it.name, it.status, it.behaviour, &args.rfc))
        .filter(|conformance| !conformance.findings.is_empty())
        .collect();
    if all.is_empty() {
        let message = "none of these RFCs is about these boxes: 6092 is for firewalls, all others \
                       are for NATs";
        return Err(Abort::new(Exit::NothingSelected, message).into());
    }
    super::print(&match args.format {
        ConformanceFormat::Human => human(&all),
        ConformanceFormat::Json => json(&all),
        ConformanceFormat::Md => markdown(&all),
    })?;
    let is_violated = all.iter().any(|conformance| conformance.mandatory_violations() > 0);
    Ok(if args.strict && is_violated { Exit::ExpectationFailed } else { Exit::Pass })
}

fn find<'a>(known: &[Named<'a>], name: &str) -> Result<Named<'a>, Abort> {
    known.iter().find(|one| one.name == name).copied().ok_or_else(|| {
        Abort::new(Exit::Usage, format!("no profile is called `{name}`: see `natbed nat list`"))
    })
}
