//! `natbed nat probe`: what boxes are like as seen from outside, beside what they claim.

use natbed_report::Color;
use serde_json::{Map, Value, json};

use super::named::Named;
use crate::cli::{NatProbeArgs, PlainFormat};
use crate::exit::{Abort, Exit};
use crate::probe::{Comparison, Verdict, compare};

/// A box with what was seen of it.
struct Probed<'a> {
    named: Named<'a>,
    rows: Vec<Comparison>,
}

/// Probes boxes one after the other; says what was found and how the program ends.
///
/// # Errors
///
/// Exit code 95 for a box that cannot be built from its configuration.
pub(super) fn probe(boxes: &[Named<'_>], args: &NatProbeArgs) -> Result<(String, Exit), Abort> {
    let mut probed = Vec::with_capacity(boxes.len());
    for named in boxes {
        let findings = crate::probe::probe(named.behaviour, args.seed).map_err(|error| {
            Abort::new(Exit::InvalidScenario, format!("cannot build `{}`: {error}", named.name))
        })?;
        probed.push(Probed { named: *named, rows: compare(&findings, named.behaviour) });
    }
    let text = match args.format {
        PlainFormat::Human => {
            let color = super::super::stdout_color();
            let texts: Vec<_> = probed.iter().map(|one| human(one, color)).collect();
            texts.join("\n")
        }
        PlainFormat::Json => {
            let objects: Vec<_> = probed.iter().map(object).collect();
            let (version, seed) = (env!("CARGO_PKG_VERSION"), args.seed.get());
            let report = json!({ "schema": 1, "natbed": version, "seed": seed, "boxes": objects });
            format!("{report:#}\n")
        }
    };
    let mut rows = probed.iter().flat_map(|one| &one.rows);
    let differs = rows.any(|row| row.verdict == Verdict::Differs);
    Ok((text, if differs { Exit::ExpectationFailed } else { Exit::Pass }))
}

fn human(probed: &Probed<'_>, color: Color) -> String {
    let Probed { named, rows } = probed;
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let mut text = format!(
        "{} ({}): {} as claimed, {} not, {} not visible\n",
        named.name,
        named.status,
        count(Verdict::Agrees),
        count(Verdict::Differs),
        count(Verdict::NotVisible)
    );
    text.push_str(&format!("  {:22}  {:12}  claim\n", "property", "seen"));
    for row in rows {
        let seen = row.seen.as_deref().unwrap_or("not visible");
        let seen = format!("{seen:12}");
        let seen = match (color, row.verdict) {
            (Color::Always, Verdict::Differs) => format!("\x1b[31m{seen}\x1b[0m"),
            (Color::Always, Verdict::NotVisible) => format!("\x1b[2m{seen}\x1b[0m"),
            _ => seen,
        };
        let claim = row.claim.as_deref().unwrap_or("-");
        let note = row.note.unwrap_or_default();
        let line = format!("  {:22}  {seen}  {claim:10}  {note}", row.property);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn object(probed: &Probed<'_>) -> Value {
    let properties: Map<String, Value> = probed
        .rows
        .iter()
        .map(|row| {
            let verdict = match row.verdict {
                Verdict::Agrees => "agrees",
                Verdict::Differs => "differs",
                Verdict::NotVisible => "not_visible",
            };
            let fields = json!({
                "seen": row.seen,
                "claim": row.claim,
                "verdict": verdict,
                "note": row.note,
            });
            (row.property.to_owned(), fields)
        })
        .collect();
    json!({
        "name": probed.named.name,
        "status": probed.named.status.to_string(),
        "properties": properties,
    })
}
