//! `natbed nat show`: every property of a box, where it is known from, and what it means for
//! peer-to-peer.

use serde_json::{Map, Value, json};

use super::meaning::{Meaning, meaning};
use super::named::Named;
use crate::cli::PlainFormat;
use crate::properties::properties;

/// Renders boxes in full.
pub(super) fn render(boxes: &[Named<'_>], format: PlainFormat) -> String {
    match format {
        PlainFormat::Human => boxes.iter().map(human).collect::<Vec<_>>().join("\n"),
        PlainFormat::Json => {
            let objects: Vec<_> = boxes.iter().map(object).collect();
            format!("{:#}\n", json!({ "schema": 1, "profiles": objects }))
        }
    }
}

fn human(one: &Named<'_>) -> String {
    let properties = properties(one.behaviour);
    let wide = properties.iter().map(|(_, value)| value.len()).max().unwrap_or(0).max(5);
    let mut text = format!("{}\n", one.name);
    let mut line = |indent: usize, line: &str| {
        text.push_str(&" ".repeat(indent));
        text.push_str(line.trim_end());
        text.push('\n');
    };
    if !one.summary.is_empty() {
        line(2, one.summary);
    }
    match one.source {
        "" => line(2, &one.status.to_string()),
        source => line(2, &format!("{}: {source}", one.status)),
    }
    line(0, "");
    line(2, &format!("{:24}  {:wide$}  known", "property", "value"));
    for (property, value) in properties {
        line(2, &format!("{property:24}  {value:wide$}  {}", one.status_of(property)));
    }
    if one.stated.is_some() {
        line(2, "What is unverified and has no note below, the source does not speak of.");
    }
    if !one.notes.is_empty() {
        line(0, "");
        line(2, "notes");
    }
    for note in one.notes {
        let about = match note.properties {
            [] => "the box".to_owned(),
            properties => properties.join(", "),
        };
        line(4, &format!("{about} ({}): {}", note.status, note.text));
    }
    let Meaning { direct_with, relay_with, keepalive, remarks } = meaning(one.behaviour);
    line(0, "");
    line(2, "for peer-to-peer");
    let list = |classes: &[String]| match classes {
        [] => "none".to_owned(),
        _ => classes.join(", "),
    };
    line(4, &format!("direct link with: {}", list(&direct_with)));
    line(4, &format!("relay needed with: {}", list(&relay_with)));
    line(4, &keepalive);
    for remark in remarks {
        line(4, &remark);
    }
    text
}

fn object(one: &Named<'_>) -> Value {
    let properties: Map<String, Value> = properties(one.behaviour)
        .into_iter()
        .map(|(property, value)| {
            let status = one.status_of(property).to_string();
            let note = one.notes.iter().find(|note| note.properties.contains(&property));
            let note = note.map(|note| note.text);
            let fields = json!({ "value": value, "status": status, "note": note });
            (property.to_owned(), fields)
        })
        .collect();
    let whole = one.notes.iter().filter(|note| note.properties.is_empty());
    let notes: Vec<_> =
        whole.map(|note| json!({ "status": note.status.to_string(), "text": note.text })).collect();
    let Meaning { direct_with, relay_with, keepalive, remarks } = meaning(one.behaviour);
    json!({
        "name": one.name,
        "summary": one.summary,
        "status": one.status.to_string(),
        "source": one.source,
        "properties": properties,
        "notes": notes,
        "peer_to_peer": {
            "direct_with": direct_with,
            "relay_with": relay_with,
            "keepalive": keepalive,
            "remarks": remarks,
        },
    })
}
