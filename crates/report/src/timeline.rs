//! What became of a session after each thing that happened to the network.

use natbed_units::SimDuration;
use serde::{Deserialize, Serialize};

use crate::text::{BAD, Color, GOOD, HEADER, QUIET, clean, compact_duration, path_style};
use crate::{CandidateRecord, Path, RunRecord};

/// The most lines of one session's timeline that are printed for people.
const LINES_MAX: usize = 20;

/// An event of the scenario and what it did to one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineRecord {
    /// Virtual nanoseconds from the start of the run to the event.
    pub at_ns: u64,
    /// The event, as its verb and what it is about: `link_down alice-home`.
    pub event: String,
    /// The first payload that no longer arrived; `None` if all of it did, or none was sent.
    pub lost: Option<LostRecord>,
    /// The first agent to notice; `None` if none did.
    pub noticed: Option<NoticedRecord>,
    /// The first payload that arrived again, of the direction that took longer; `None` if nothing
    /// was lost, or nothing arrived again.
    pub recovered: Option<RecoveredRecord>,
}

/// The first payload after an event that no longer arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostRecord {
    /// When it would have arrived, had it taken as long as the one before it; virtual nanoseconds
    /// since the start of the run.
    pub at_ns: u64,
    /// The host that sent it.
    pub from: String,
    /// The host that it was for.
    pub to: String,
}

/// The first agent that noticed an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticedRecord {
    /// When; virtual nanoseconds since the start of the run.
    pub at_ns: u64,
    /// The host that it runs on.
    pub host: String,
    /// The state it entered: `disconnected` or `failed`.
    pub state: String,
}

/// The first payload that arrived again after an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveredRecord {
    /// When; virtual nanoseconds since the start of the run.
    pub at_ns: u64,
    /// The host that sent it.
    pub from: String,
    /// The host that it arrived at.
    pub to: String,
    /// The path that the network saw it take.
    pub path: Option<Path>,
}

/// Fresh agents in place of those that had lost their connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartRecord {
    /// When the old ones were given up; virtual nanoseconds since the start of the run.
    pub at_ns: u64,
    /// The host whose agent was the reason.
    pub host: String,
    /// The state of that agent: `disconnected` or `failed`.
    pub state: String,
    /// The pair in use before; `None` if there was none.
    pub before: Option<PairRecord>,
    /// When both new agents had connected; virtual nanoseconds since the start of the run.
    pub connected_at_ns: Option<u64>,
    /// The pair that the new agents connected with.
    pub after: Option<PairRecord>,
}

/// A selected candidate pair, as the session's first (controlling) host has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairRecord {
    /// The candidate at the session's first host.
    pub local: CandidateRecord,
    /// The candidate at its second host.
    pub remote: CandidateRecord,
}

/// Renders a line for each event of each record's timeline; nothing if there are none.
pub(crate) fn render<'a>(records: impl IntoIterator<Item = &'a RunRecord>, color: Color) -> String {
    let mut out = String::new();
    for record in records.into_iter().filter(|record| !record.timeline.is_empty()) {
        let mut title = clean(&record.scenario).into_owned();
        for (axis, label) in record.case.iter() {
            title += &format!(" {}={}", clean(axis), clean(label));
        }
        out += &color.paint(HEADER, &title);
        out += &format!(", session {}, seed {}\n", clean(&record.session), record.seed);
        for entry in record.timeline.iter().take(LINES_MAX) {
            out += &line(entry, color);
        }
        if record.timeline.len() > LINES_MAX {
            out += &format!("  ... and {} more events\n", record.timeline.len() - LINES_MAX);
        }
        for restart in record.restarts.iter().take(LINES_MAX) {
            out += &restart_line(restart, color);
        }
    }
    out
}

fn line(entry: &TimelineRecord, color: Color) -> String {
    let since =
        |at_ns: u64| compact_duration(SimDuration::from_nanos(at_ns - entry.at_ns.min(at_ns)));
    let mut parts = Vec::new();
    match &entry.lost {
        None if entry.recovered.is_none() => parts.push(color.paint(QUIET, "nothing lost")),
        None => {}
        Some(lost) => {
            let text = format!("{} to {} lost", clean(&lost.from), clean(&lost.to));
            parts.push(format!("{} after {}", color.paint(BAD, &text), since(lost.at_ns)));
        }
    }
    if let Some(noticed) = &entry.noticed {
        let (host, state) = (clean(&noticed.host), clean(&noticed.state));
        parts.push(format!("{host} {state} after {}", since(noticed.at_ns)));
    }
    match &entry.recovered {
        Some(recovered) => {
            let (style, path) = match recovered.path {
                Some(path) => (path_style(path), path.as_str()),
                None => (GOOD, "payload"),
            };
            let text = color.paint(style, &format!("{path} again"));
            parts.push(format!("{text} after {}", since(recovered.at_ns)));
        }
        None if entry.lost.is_some() => parts.push(color.paint(BAD, "not recovered")),
        None => {}
    }
    let at = compact_duration(SimDuration::from_nanos(entry.at_ns));
    format!("  {at} {}: {}\n", clean(&entry.event), parts.join(", "))
}

fn restart_line(restart: &RestartRecord, color: Color) -> String {
    let span = |nanos: u64| compact_duration(SimDuration::from_nanos(nanos));
    let pair = |pair: &Option<PairRecord>| match pair {
        None => "no pair".to_owned(),
        Some(PairRecord { local, remote }) => {
            format!("{} - {}", clean(&local.address), clean(&remote.address))
        }
    };
    let outcome = match restart.connected_at_ns {
        None => color.paint(BAD, "not connected"),
        Some(at) => format!(
            "connected after {}: {}",
            span(at.saturating_sub(restart.at_ns)),
            pair(&restart.after)
        ),
    };
    format!(
        "  {} restart, {} {} ({}), {outcome}\n",
        span(restart.at_ns),
        clean(&restart.host),
        clean(&restart.state),
        pair(&restart.before),
    )
}
