//! What a session cost, how its hosts found each other and who came to know of it, for those who want to know more.

use super::found::{self, Witnesses, witnesses};
use crate::table::{Align, Cell, Table};
use crate::text::{
    BAD, Color, HEADER, PLAIN, clean, compact_bytes, compact_rate, count, nanos, percent,
};
use crate::{LedgerRecord, LedgerRole, PipeRecord, RelayRecord, RunRecord, WireRecord};

/// Renders the discovery, the pipes, the bytes, the relays' bills and the ledger of each record that has any.
///
/// Relays carry for all sessions of a run: their bill stands below the first of them.
pub(super) fn render<'a>(records: impl IntoIterator<Item = &'a RunRecord>, color: Color) -> String {
    let mut out = String::new();
    let mut last_run = None;
    for record in records {
        let run = (&record.scenario, &record.case, record.seed);
        let is_new = last_run.replace(run) != Some(run);
        let mut title = clean(&record.scenario).into_owned();
        for (axis, label) in record.case.iter() {
            title += &format!(" {}={}", clean(axis), clean(label));
        }
        let bills = if is_new { &record.relays[..] } else { &[] };
        let tables =
            [pipes(&record.pipes), wire(&record.wire), relays(bills), ledger(&record.ledger)];
        let tables: Vec<_> = tables.into_iter().flatten().collect();
        if tables.is_empty() && record.discovery.is_none() {
            continue;
        }
        out += &color.paint(HEADER, &title);
        out += &format!(", session {}, seed {}\n", clean(&record.session), record.seed);
        if let Some(discovery) = &record.discovery {
            out += &found::render(discovery, color);
        }
        for table in tables {
            out += &table.render(2, color);
        }
    }
    out
}

fn pipes(pipes: &[PipeRecord]) -> Option<Table> {
    let mut table = Table::new([
        ("pipe", Align::Left),
        ("load", Align::Left),
        ("rate", Align::Right),
        ("packets", Align::Right),
        ("bytes", Align::Right),
        ("lost", Align::Right),
        ("queued p50", Align::Right),
        ("p95", Align::Right),
        ("p99", Align::Right),
        ("max", Align::Right),
        ("busy", Align::Right),
    ]);
    for pipe in pipes {
        let lost: u64 = pipe.dropped.values().sum();
        let waits = |wait| match pipe.rate_bps {
            Some(_) => Cell::plain(&nanos(Some(wait))),
            None => Cell::plain(""),
        };
        table.push([
            Cell::plain(&pipe.pipe),
            Cell::plain(&pipe.load),
            Cell::plain(&pipe.rate_bps.map_or_else(|| "-".to_owned(), compact_rate)),
            Cell::plain(&pipe.packets.to_string()),
            Cell::plain(&compact_bytes(pipe.bytes)),
            Cell::new(if lost == 0 { PLAIN } else { BAD }, &lost.to_string()),
            waits(pipe.queued_p50_ns),
            waits(pipe.queued_p95_ns),
            waits(pipe.queued_p99_ns),
            waits(pipe.queued_max_ns),
            Cell::plain(&pipe.utilisation_ppm.map_or_else(String::new, percent)),
        ]);
    }
    (!pipes.is_empty()).then_some(table)
}

fn wire(directions: &[WireRecord]) -> Option<Table> {
    let mut table = Table::new([
        ("bytes of", Align::Left),
        ("load", Align::Left),
        ("datagrams", Align::Right),
        ("wire", Align::Right),
        ("ip", Align::Right),
        ("udp", Align::Right),
        ("tcp", Align::Right),
        ("channel data", Align::Right),
        ("indications", Align::Right),
        ("natbed", Align::Right),
        ("transport", Align::Right),
        ("application", Align::Right),
    ]);
    for direction in directions {
        let some = |bytes: u64| match bytes {
            0 => Cell::plain(""),
            bytes => Cell::plain(&compact_bytes(bytes)),
        };
        table.push([
            Cell::plain(&format!("{} to {}", direction.from, direction.to)),
            Cell::plain(&direction.load),
            Cell::plain(&direction.datagrams.to_string()),
            some(direction.wire),
            some(direction.ip),
            some(direction.udp),
            some(direction.tcp),
            some(direction.channel_data),
            some(direction.indication),
            some(direction.shim),
            some(direction.transport),
            some(direction.application),
        ]);
    }
    (!directions.is_empty()).then_some(table)
}

fn relays(relays: &[RelayRecord]) -> Option<Table> {
    let mut table = Table::new([
        ("relay of the run", Align::Left),
        ("received", Align::Right),
        ("datagrams", Align::Right),
        ("sent", Align::Right),
        ("datagrams", Align::Right),
        ("sessions", Align::Right),
        ("at once", Align::Right),
    ]);
    for relay in relays {
        table.push([
            Cell::plain(&relay.host),
            Cell::plain(&compact_bytes(relay.received.bytes)),
            Cell::plain(&relay.received.datagrams.to_string()),
            Cell::plain(&compact_bytes(relay.sent.bytes)),
            Cell::plain(&relay.sent.datagrams.to_string()),
            Cell::plain(&relay.sessions.to_string()),
            Cell::plain(&relay.peak_sessions.to_string()),
        ]);
    }
    (!relays.is_empty()).then_some(table)
}

/// The most rows that say what DHT nodes saw.
const WITNESSES_MAX: usize = 8;

/// A row for each node and each host whose addresses it knows; DHT nodes that know the same have one.
fn ledger(rows: &[LedgerRecord]) -> Option<Table> {
    let mut table = Table::new([
        ("who", Align::Left),
        ("role", Align::Left),
        ("knows", Align::Left),
        ("at", Align::Left),
        ("payload", Align::Right),
    ]);
    for row in rows.iter().filter(|row| row.role != LedgerRole::Dht) {
        let payload = match row.payload_datagrams {
            0 => "none".to_owned(),
            _ => compact_bytes(row.payload_bytes),
        };
        let mut known: Vec<_> =
            row.saw.iter().map(|(host, at)| (host.as_str(), at.join(", "))).collect();
        if known.is_empty() {
            known.push(("nobody", String::new()));
        }
        for (number, (host, at)) in known.iter().enumerate() {
            let first = |text: &str| Cell::plain(if number == 0 { text } else { "" });
            table.push([
                first(&row.node),
                first(row.role.as_str()),
                Cell::plain(host),
                Cell::plain(at),
                first(&payload),
            ]);
        }
    }
    let swarm = witnesses(rows);
    for Witnesses { host, addresses, first, nodes, payload_bytes } in
        swarm.iter().take(WITNESSES_MAX)
    {
        let who = if *nodes == 1 { (*first).to_owned() } else { count(*nodes, "node") };
        let payload = match payload_bytes {
            0 => "none".to_owned(),
            bytes => compact_bytes(*bytes),
        };
        let role = LedgerRole::Dht.as_str();
        table.push([&who, role, host, &addresses.join(", "), &payload].map(Cell::plain));
    }
    if let Some(more @ 1..) = swarm.len().checked_sub(WITNESSES_MAX) {
        let more = format!("and {more} more");
        table.push([&more, LedgerRole::Dht.as_str(), "", "", ""].map(Cell::plain));
    }
    (!rows.is_empty()).then_some(table)
}
