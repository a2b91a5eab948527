//! A list for people.

use std::fmt::Write as _;

use super::{Conformance, topic};
use crate::conformance::{Outcome, Shortfall};

/// Renders each box with its requirements, one in two lines.
#[must_use]
pub fn human(all: &[Conformance]) -> String {
    let mut text = String::new();
    for one in all {
        // Writing to a string cannot fail.
        let _ = render(&mut text, one);
    }
    text
}

fn render(text: &mut String, one: &Conformance) -> std::fmt::Result {
    let [met, violated, not_applicable] =
        [Outcome::Met, Outcome::Violated, Outcome::NotApplicable].map(|it| one.count(it));
    if !text.is_empty() {
        writeln!(text)?;
    }
    writeln!(text, "{} ({})", one.name, one.status)?;
    writeln!(
        text,
        "{met} met, {violated} violated ({} of them a MUST), {not_applicable} not applicable",
        one.mandatory_violations()
    )?;
    for (rfc, findings) in one.by_rfc() {
        writeln!(text, "\nRFC {rfc}: {}", topic(rfc))?;
        for (requirement, finding) in findings {
            let (label, level) = (requirement.label(), requirement.level);
            let outcome = Outcome::from(finding);
            writeln!(text, "  {label:<18} {level:<11} {outcome:<14} {}", requirement.says)?;
            if let Err(Shortfall::Violated(seen) | Shortfall::NotApplicable(seen)) = finding {
                writeln!(text, "{:48}{seen}", "")?;
            }
        }
    }
    Ok(())
}
