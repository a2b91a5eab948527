//! What loads came to, for a row of a table.

use anstyle::Style;

use crate::table::{Align, Cell};
use crate::text::{ALARM, BAD, PLAIN, QUIET, compact_rate, nanos, percent};
use crate::{CallDirection, EchoStats, LoadRecord, RunRecord, TransferDirection};

/// The titles of the cells that a load has in a row.
pub(super) const TITLES: [(&str, Align); 8] = [
    ("load", Align::Left),
    ("goodput", Align::Right),
    ("done", Align::Right),
    ("delay p95", Align::Right),
    ("lost", Align::Right),
    ("again", Align::Right),
    ("rtt p50", Align::Right),
    ("bottleneck", Align::Left),
];

/// The cells of each row that a record's loads take up; at least one.
pub(super) fn rows(record: &RunRecord) -> Vec<[Cell; 8]> {
    let mut rows: Vec<_> = match record.loads.is_empty() {
        true => record.load.iter().flat_map(|load| of_load("", load)).collect(),
        false => record.loads.iter().flat_map(|(name, load)| of_load(name, load)).collect(),
    };
    if rows.is_empty() {
        rows.push(TITLES.map(|_| Cell::plain("")));
    }
    rows
}

fn of_load(name: &str, load: &LoadRecord) -> Vec<[Cell; 8]> {
    let title = if name.is_empty() { load.kind() } else { name };
    let bottleneck = load.bottleneck().map_or_else(String::new, |found| {
        format!("{} {}", found.pipe, percent(found.utilisation_ppm))
    });
    match load {
        LoadRecord::Echo(echo) => vec![of_echo(name, &echo.total)],
        LoadRecord::Quic(record) | LoadRecord::Sctp(record) | LoadRecord::Tcp(record) => {
            let directions = record.directions.iter();
            directions.map(|direction| of_transfer(title, direction, &bottleneck)).collect()
        }
        LoadRecord::Datagrams(record) => {
            let directions = record.directions.iter();
            directions.map(|direction| of_call(title, direction, &bottleneck)).collect()
        }
    }
}

fn of_echo(name: &str, echo: &EchoStats) -> [Cell; 8] {
    [
        Cell::plain(name),
        Cell::plain(""),
        Cell::plain(""),
        Cell::plain(""),
        lost(echo.lost, echo.sent),
        Cell::plain(""),
        Cell::plain(&nanos(echo.rtt_p50_ns)),
        Cell::plain(""),
    ]
}

fn of_transfer(title: &str, direction: &TransferDirection, bottleneck: &str) -> [Cell; 8] {
    let style = if direction.is_complete() { PLAIN } else { ALARM };
    [
        Cell::plain(&format!("{title} {} to {}", direction.from, direction.to)),
        goodput(style, direction.goodput_bps),
        Cell::new(style, &nanos(direction.completed_ns)),
        Cell::plain(&nanos(direction.delay_p95_ns)),
        Cell::plain(""),
        Cell::plain(&percent(direction.retransmitted_ppm)),
        Cell::plain(&nanos(direction.rtt_ns)),
        Cell::new(QUIET, bottleneck),
    ]
}

fn of_call(title: &str, direction: &CallDirection, bottleneck: &str) -> [Cell; 8] {
    [
        Cell::plain(&format!("{title} {} to {}", direction.from, direction.to)),
        goodput(PLAIN, direction.goodput_bps),
        Cell::plain(""),
        Cell::plain(&nanos(direction.delay_p95_ns)),
        lost(direction.lost, direction.sent),
        Cell::plain(""),
        Cell::plain(""),
        Cell::new(QUIET, bottleneck),
    ]
}

fn goodput(style: Style, bits_per_second: Option<u64>) -> Cell {
    Cell::new(style, &bits_per_second.map_or_else(|| "-".to_owned(), compact_rate))
}

fn lost(lost: u64, sent: u64) -> Cell {
    Cell::new(if lost == 0 { PLAIN } else { BAD }, &format!("{lost}/{sent}"))
}
