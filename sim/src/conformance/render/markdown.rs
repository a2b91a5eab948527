//! A table for each RFC: a line for each box, a column for each requirement.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Conformance, topic};
use crate::conformance::{Check, Finding, Outcome, Requirement};

/// Renders the tables, their legend and what the columns ask for.
#[must_use]
pub fn markdown(all: &[Conformance]) -> String {
    let mut text = String::from(
        "# Conformance\n\n\
         Which requirements of the RFCs each box meets, found out with packets alone: \
         `natbed nat conformance NAME` tells what was seen.\n\n\
         | sign | meaning |\n|---|---|\n\
         | + | met |\n\
         | **X** | violated: a MUST |\n\
         | x | violated: a SHOULD, RECOMMENDED or default |\n\
         | . | not applicable |\n\n\
         A name with `*` is a profile that nobody has verified: what it does is from memory or from \
         a third party's preset. A MAY is met by a box that makes use of it. RFC 6888 binds carrier \
         NATs only.\n",
    );
    let mut by_rfc = BTreeMap::new();
    for one in all {
        for (rfc, findings) in one.by_rfc() {
            by_rfc.entry(rfc).or_insert_with(Vec::new).push((one, findings));
        }
    }
    for (rfc, lines) in by_rfc {
        // Writing to a string cannot fail.
        let _ = table(&mut text, rfc, &lines);
    }
    text
}

type Line<'a> = (&'a Conformance, &'a [(&'static Requirement, Finding)]);

fn table(text: &mut String, rfc: u16, lines: &[Line<'_>]) -> std::fmt::Result {
    let is_visible = |requirement: &Requirement| matches!(requirement.check, Check::Packets(_));
    let requirements = || lines[0].1.iter().map(|(requirement, _)| *requirement);
    let visible = || requirements().filter(|requirement| is_visible(requirement));

    writeln!(text, "\n## RFC {rfc}: {}\n", topic(rfc))?;
    let numbers: Vec<_> = visible().map(|requirement| short(requirement.number)).collect();
    writeln!(text, "| box | {} |", numbers.join(" | "))?;
    writeln!(text, "|---|{}", ":-:|".repeat(numbers.len()))?;
    for (one, findings) in lines {
        let cells = findings.iter().filter(|(requirement, _)| is_visible(requirement));
        let signs: Vec<_> =
            cells.map(|(requirement, finding)| sign(requirement, finding)).collect();
        let star = if one.status == natbed_nat::ProfileStatus::Unverified { "*" } else { "" };
        writeln!(text, "| {}{star} | {} |", one.name, signs.join(" | "))?;
    }
    writeln!(text)?;
    for requirement in visible() {
        let (label, level, says) = (requirement.label(), requirement.level, requirement.says);
        writeln!(text, "- {label}, {level}: {says}")?;
    }
    let invisible: Vec<_> =
        requirements().filter(|it| !is_visible(it)).map(|it| it.number.to_owned()).collect();
    if !invisible.is_empty() {
        writeln!(text, "\nNot to be seen in packets: {}.", invisible.join(", "))?;
    }
    Ok(())
}

/// `5 transitory` takes less room as `5 tra`.
fn short(number: &str) -> String {
    match number.split_once(' ') {
        Some((number, part)) => format!("{number} {}", &part[..part.len().min(3)]),
        None => number.to_owned(),
    }
}

fn sign(requirement: &Requirement, finding: &Finding) -> &'static str {
    match Outcome::from(finding) {
        Outcome::Met => "+",
        Outcome::NotApplicable => ".",
        Outcome::Violated if requirement.level.is_mandatory() => "**X**",
        Outcome::Violated => "x",
    }
}
