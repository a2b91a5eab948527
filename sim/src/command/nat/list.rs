//! `natbed nat list`: each profile in one line.

use natbed_nat::{Behaviour, FirewallConfig, NatConfig};
use serde_json::json;

use super::named::Named;
use crate::cli::PlainFormat;

/// Renders one line, or one JSON object, for each box.
pub(super) fn render(boxes: &[Named<'_>], format: PlainFormat) -> String {
    match format {
        PlainFormat::Human => human(boxes),
        PlainFormat::Json => {
            let profiles: Vec<_> = boxes.iter().map(object).collect();
            format!("{:#}\n", json!({ "schema": 1, "profiles": profiles }))
        }
    }
}

fn human(boxes: &[Named<'_>]) -> String {
    let lines: Vec<_> = boxes
        .iter()
        .map(|one| {
            let brief = Brief::from(one.behaviour);
            [
                one.name.to_owned(),
                one.status.to_string(),
                format!("{}/{}", brief.mapping, brief.filtering),
                brief.ports,
                brief.hairpin,
                brief.udp_timeout,
                brief.udp_stream_timeout,
            ]
        })
        .collect();
    let titles =
        ["name", "status", "map/filter", "ports", "hairpin", "udp", "udp stream"].map(String::from);
    let mut text = String::new();
    let rows = || std::iter::once(&titles).chain(&lines);
    let widths: Vec<usize> = (0..titles.len())
        .map(|column| rows().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    for row in rows() {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, w)| format!("{cell:w$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn object(one: &Named<'_>) -> serde_json::Value {
    let brief = Brief::from(one.behaviour);
    json!({
        "name": one.name,
        "summary": one.summary,
        "source": one.source,
        "status": one.status.to_string(),
        "mapping": brief.mapping,
        "filtering": brief.filtering,
        "ports": brief.ports,
        "hairpin": brief.hairpin,
        "udp_timeout": brief.udp_timeout,
        "udp_stream_timeout": brief.udp_stream_timeout,
    })
}

/// What a line has room for.
struct Brief {
    mapping: String,
    filtering: String,
    ports: String,
    hairpin: String,
    udp_timeout: String,
    udp_stream_timeout: String,
}

impl From<&Behaviour> for Brief {
    fn from(behaviour: &Behaviour) -> Self {
        match behaviour {
            Behaviour::Nat(NatConfig {
                mapping,
                filtering,
                ports,
                hairpin,
                udp_timeout,
                udp_stream_timeout,
                nat64,
                ..
            }) => Self {
                mapping: mapping.to_string(),
                filtering: filtering.to_string(),
                ports: if nat64.is_some() { format!("{ports}, nat64") } else { ports.to_string() },
                hairpin: hairpin.to_string(),
                udp_timeout: udp_timeout.to_string(),
                udp_stream_timeout: udp_stream_timeout.to_string(),
            },
            Behaviour::Firewall(FirewallConfig {
                filtering,
                udp_timeout,
                udp_stream_timeout,
                ..
            }) => Self {
                mapping: "none".to_owned(),
                filtering: filtering.to_string(),
                ports: "-".to_owned(),
                hairpin: "-".to_owned(),
                udp_timeout: udp_timeout.to_string(),
                udp_stream_timeout: udp_stream_timeout.to_string(),
            },
        }
    }
}
