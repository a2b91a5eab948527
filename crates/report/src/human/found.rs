//! How the hosts of one session found each other, for those who want to know more.

use std::collections::BTreeMap;

use crate::table::{Align, Cell, Table};
use crate::text::{ALARM, BAD, Color, clean, compact_bytes, nanos, wrapped};
use crate::{DiscoveryRecord, LedgerRecord, LedgerRole};

/// Renders the phases, the nodes and where the offer was; the lines are indented by two.
pub(super) fn render(discovery: &DiscoveryRecord, color: Color) -> String {
    let mut out = phases(discovery).render(2, color);
    if let Some(failure) = discovery.failure {
        out += &format!("  {}", color.paint(ALARM, failure.as_str()));
        if let Some(reason) = &discovery.failure_reason {
            out += &format!(": {}", clean(reason));
        }
        out.push('\n');
    }
    if !discovery.stored_at.is_empty() {
        let nodes = discovery.stored_at.iter().map(|node| clean(node).into_owned());
        out += &wrapped(2, "offer stored at", nodes);
    }
    if !discovery.nodes.is_empty() {
        out += &nodes(discovery).render(2, color);
    }
    for (host, node) in &discovery.nodes {
        if !node.by_kind.is_empty() {
            let kinds = node.by_kind.iter();
            let kinds = kinds.map(|(kind, number)| format!("{number} {}", clean(kind)));
            out += &wrapped(2, &format!("datagrams of {}:", clean(host)), kinds);
        }
    }
    out
}

fn phases(discovery: &DiscoveryRecord) -> Table {
    let mut table = Table::new([
        ("called", Align::Right),
        ("found\nby", Align::Left),
        ("offer\nstored", Align::Right),
        ("offer\nseen", Align::Right),
        ("answer\nstored", Align::Right),
        ("answer\nseen", Align::Right),
        ("candidates\nknown", Align::Right),
        ("connected", Align::Right),
        ("first\npayload", Align::Right),
    ]);
    let by = match discovery.by {
        Some(by) => Cell::plain(by.as_str()),
        None => Cell::new(BAD, "none"),
    };
    let phases = &discovery.phases;
    let times = [
        phases.offer_stored_ns,
        phases.offer_seen_ns,
        phases.answer_stored_ns,
        phases.answer_seen_ns,
        phases.candidates_known_ns,
        phases.connected_ns,
        phases.first_payload_ns,
    ];
    let times = times.map(|time| Cell::plain(&nanos(time)));
    table.push([Cell::plain(&nanos(Some(discovery.call_ns))), by].into_iter().chain(times));
    table
}

fn nodes(discovery: &DiscoveryRecord) -> Table {
    let mut table = Table::new([
        ("node", Align::Left),
        ("online", Align::Right),
        ("boot-\nstrap", Align::Right),
        ("listening", Align::Right),
        ("sent", Align::Right),
        ("datagrams", Align::Right),
        ("received", Align::Right),
        ("datagrams", Align::Right),
        ("public at", Align::Left),
    ]);
    for (host, node) in &discovery.nodes {
        let public = match &node.public_addresses[..] {
            [] => "-".to_owned(),
            addresses => addresses.join(", "),
        };
        table.push([
            Cell::plain(host),
            Cell::plain(&nanos(Some(node.online_ns))),
            Cell::plain(&nanos(node.bootstrapped_ns)),
            Cell::plain(&nanos(node.listening_ns)),
            Cell::plain(&compact_bytes(node.sent.bytes)),
            Cell::plain(&node.sent.datagrams.to_string()),
            Cell::plain(&compact_bytes(node.received.bytes)),
            Cell::plain(&node.received.datagrams.to_string()),
            Cell::plain(&public),
        ]);
    }
    table
}

/// What DHT nodes know of one host, taken together.
pub(super) struct Witnesses<'a> {
    /// The host.
    pub(super) host: &'a str,
    /// Where they saw it.
    pub(super) addresses: &'a [String],
    /// The name of the first of them.
    pub(super) first: &'a str,
    /// How many they are.
    pub(super) nodes: u64,
    /// Bytes of payload that came to them.
    pub(super) payload_bytes: u64,
}

/// Takes the rows of DHT nodes together by what they saw: a swarm would fill a page.
///
/// By host, then those that more nodes saw first.
pub(super) fn witnesses(rows: &[LedgerRecord]) -> Vec<Witnesses<'_>> {
    let mut seen: BTreeMap<(&str, &[String]), Witnesses<'_>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.role == LedgerRole::Dht) {
        for (host, addresses) in &row.saw {
            let first = row.node.as_str();
            let none = Witnesses { host, addresses, first, nodes: 0, payload_bytes: 0 };
            let witnesses = seen.entry((host, addresses)).or_insert(none);
            witnesses.nodes += 1;
            witnesses.payload_bytes = witnesses.payload_bytes.saturating_add(row.payload_bytes);
        }
    }
    let mut seen: Vec<_> = seen.into_values().collect();
    seen.sort_by_key(|witnesses| (witnesses.host, std::cmp::Reverse(witnesses.nodes)));
    seen
}
