//! The page of claims: what transfers and calls came to, case by case.

use std::collections::BTreeMap;

use natbed_units::SimDuration;

use super::{escape, provenance, table};
use crate::text::{count, family, percent};
use crate::{LoadRecord, Report, RunRecord, Verdict, compact_duration, compact_rate, nearest_rank};

/// A scenario as the page introduces it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Its name.
    pub scenario: String,
    /// What it shows, in its own words.
    pub description: String,
}

/// Renders the page of some scenarios: one table each, with what each case came to.
///
/// Sessions that are copies of each other (`pair-1`, `pair-2`, ...) share a row, as do both
/// directions: it then shows the median, and the least and the greatest value. The bytes depend on
/// the arguments alone.
#[must_use]
pub fn claims(report: &Report, claims: &[Claim], command: &str) -> String {
    let mut out = format!(
        "# Claims about throughput\n\n\
         What natbed's scenarios about transfers and calls claim, and what came of it. Every number \
         is of virtual time, over the path that the real ICE agents found.\n\n{}",
        provenance(report, &count(report.runs.len() as u64, "session"), command),
    );
    for claim in claims {
        let runs: Vec<_> =
            report.runs.iter().filter(|record| record.scenario == claim.scenario).collect();
        if runs.is_empty() {
            continue;
        }
        out += &format!("## {}\n\n", escape(&claim.scenario));
        if !claim.description.is_empty() {
            out += &format!("{}\n\n", escape(claim.description.trim()));
        }
        out += &scenario_table(&runs);
        out.push('\n');
    }
    out += NOTES;
    out
}

const NOTES: &str = "\
## Notes

- **goodput**: bits of the application that arrived per second, from the start of the load to its last byte; the
  handshake of the transport counts, headers and what was sent again do not. Of a call, the bits of media that arrived
  per second of sending.
- **delay**: from the sending of a datagram to its arrival, one way; 95 % took no longer.
- **lost / again**: the share of a call's datagrams that did not arrive; the share of a transfer's that was sent again.
- **bottleneck**: the line on the way that was busy for the greatest share of the time, with all traffic on it.
- A row of several sessions has the median, and the least and the greatest value in brackets.
- `!` marks a case that does not come out as its scenario expects.
";

/// What sessions of one name in one case, or copies of them, came to with one load.
#[derive(Default)]
struct Row<'a> {
    records: Vec<&'a RunRecord>,
    goodputs: Vec<u64>,
    delays: Vec<u64>,
    shares: Vec<u64>,
    bottlenecks: BTreeMap<String, (usize, u64)>,
    unfinished: u64,
}

fn scenario_table(runs: &[&RunRecord]) -> String {
    let titles =
        ["case", "session", "path", "goodput", "delay p95", "lost / again", "bottleneck", ""];
    let mut lines = vec![titles.map(str::to_owned).to_vec()];
    for ((case, session), row) in rows(runs) {
        lines.push(row.cells(&case, &session));
    }
    table(&lines)
}

/// The rows in the order of first appearance.
fn rows<'a>(runs: &[&'a RunRecord]) -> Vec<((String, String), Row<'a>)> {
    let mut rows: Vec<((String, String), Row<'a>)> = Vec::new();
    for &record in runs {
        let loads: Vec<(&str, Option<&LoadRecord>)> = match record.loads.is_empty() {
            true => vec![("", record.load.as_ref())],
            false => record.loads.iter().map(|(name, load)| (name.as_str(), Some(load))).collect(),
        };
        for (name, load) in loads {
            let mut session = family(&record.session).to_owned();
            let kind = if name.is_empty() { load.map_or("", LoadRecord::kind) } else { name };
            if !kind.is_empty() {
                session = format!("{session}, {kind}");
            }
            let key = (record.case.to_string(), session);
            let place = rows.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
                rows.push((key, Row::default()));
                rows.len() - 1
            });
            rows[place].1.add(record, load);
        }
    }
    rows
}

impl<'a> Row<'a> {
    fn add(&mut self, record: &'a RunRecord, load: Option<&LoadRecord>) {
        self.records.push(record);
        let Some(load) = load else { return };
        for direction in load.transfer().into_iter().flat_map(|record| &record.directions) {
            self.goodputs.push(direction.goodput_bps.unwrap_or(0));
            self.delays.extend(direction.delay_p95_ns);
            self.shares.push(direction.retransmitted_ppm.into());
            self.unfinished += u64::from(!direction.is_complete());
        }
        for direction in load.call().into_iter().flat_map(|record| &record.directions) {
            self.goodputs.push(direction.goodput_bps.unwrap_or(0));
            self.delays.extend(direction.delay_p95_ns);
            self.shares.push(direction.loss_ppm.into());
        }
        if let Some(found) = load.bottleneck() {
            let name = family_of_pipe(&found.pipe);
            let (count, most) = self.bottlenecks.entry(name).or_default();
            *count += 1;
            *most = (*most).max(found.utilisation_ppm.into());
        }
    }

    fn cells(mut self, case: &str, session: &str) -> Vec<String> {
        let spread = |values: &mut Vec<u64>, show: fn(u64) -> String| {
            values.sort_unstable();
            let at = |percent| nearest_rank(values, percent).map(show);
            match (at(50), at(0), at(100)) {
                (Some(median), Some(least), Some(most)) if least != most => {
                    format!("{median} ({least} to {most})")
                }
                (median, ..) => median.unwrap_or_else(|| "-".to_owned()),
            }
        };
        let share = |ppm: u64| percent(u32::try_from(ppm).unwrap_or(u32::MAX));
        let delay = |nanos| compact_duration(SimDuration::from_nanos(nanos));
        let number = self.records.len();
        let session = match number {
            1 => escape(session),
            _ => format!("{} ({number})", escape(session)),
        };
        let path = self.records.first().map(|record| record.path);
        let path = path.filter(|path| self.records.iter().all(|record| record.path == *path));
        let bottleneck = self.bottlenecks.iter().max_by_key(|(_, (count, _))| *count);
        let bottleneck = bottleneck.map(|(name, (_, most))| format!("{name} {}", share(*most)));
        let is_alarm = self.records.iter().any(|record| record.verdict != Verdict::Pass);
        vec![
            escape(case),
            session,
            path.map_or("several", crate::Path::as_str).to_owned(),
            spread(&mut self.goodputs, compact_rate),
            spread(&mut self.delays, delay),
            spread(&mut self.shares, share),
            escape(&bottleneck.unwrap_or_default()),
            if is_alarm { "!".to_owned() } else { String::new() },
        ]
    }
}

/// The name of a pipe without the number of the copy: `home up` of `home-12 up`.
fn family_of_pipe(pipe: &str) -> String {
    match pipe.rsplit_once(' ') {
        Some((link, direction)) => format!("{} {direction}", family(link)),
        None => pipe.to_owned(),
    }
}
