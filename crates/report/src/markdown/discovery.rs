//! The page of discovery: how two peers found each other, and how soon their calls became links.

use super::{Claim, escape, provenance, table};
use crate::discovery::tally::{Miss, PHASES, Scenario, Tally, by_scenario};
use crate::text::{compact_bytes, count, span};
use crate::{Report, Times, TrafficRecord};

/// Renders the page of calls: their phases, who found whom, and what was missed for which cause.
///
/// `scenarios` introduces those that have something to say about themselves. `None` if no record
/// has a discovery. The bytes depend on the arguments alone.
#[must_use]
pub fn discovery(report: &Report, scenarios: &[Claim], command: &str) -> Option<String> {
    let groups = by_scenario(&report.runs);
    let rows: Vec<_> = groups.iter().flat_map(rows).collect();
    if rows.is_empty() {
        return None;
    }
    let calls: u64 = rows.iter().map(|row| row.tally.calls).sum();
    let mut out = format!("# Discovery\n\n{HEAD}");
    out += &provenance(report, &count(calls, "call"), command);
    let described = |claim: &&Claim| {
        !claim.description.is_empty() && groups.iter().any(|group| group.name == claim.scenario)
    };
    let mut introduction = String::new();
    for claim in scenarios.iter().filter(described) {
        let (name, text) = (escape(&claim.scenario), escape(claim.description.trim()));
        introduction += &format!("- **{name}**: {text}\n");
    }
    if !introduction.is_empty() {
        out += &format!("## Scenarios\n\n{introduction}\n");
    }
    out += &format!("## From call to link\n\n{PHASES_HEAD}{}\n", phase_table(&rows));
    out += &format!("## Who found whom\n\n{COUNTS_HEAD}{}\n", count_table(&rows));
    out += "## Missed calls\n\n";
    if rows.iter().all(|row| row.tally.misses.is_empty()) {
        out += "None.\n\n";
    } else {
        out += &format!("{MISSES_HEAD}{}\n", miss_table(&rows));
    }
    out += NOTES;
    Some(out)
}

const HEAD: &str = "\
How two peers find each other through OpenDHT or on their LAN, and how long it takes from the call to the link.

The first host of a session calls the second one with an offer: straight to it on a LAN that both are in, or through the
nodes of the DHT. The second host listens for offers and sends its answer. Once both know the candidates of the other,
their ICE agents connect, and payload flows.

Every time is virtual: what the simulated network takes, whatever the machine. The seed decides what is random in a
run, such as the ids of nodes and the values of timers; the same seed gives the same numbers to the nanosecond.

";

const PHASES_HEAD: &str = "\
The median of the calls that reached a phase, and the time that 95 % of them did not exceed (nearest rank), over all
sessions and seeds of a case; one value if both are the same.

";

const COUNTS_HEAD: &str = "\
Discovery traffic is the mean over the two peers: UDP payload of a peer's node and of its discovery on the LAN, over the
whole run.

";

const MISSES_HEAD: &str = "\
Calls that got no answer, by what did not happen. The reason is that of the first of them.

";

const NOTES: &str = "\
## Notes

- **bootstrapped**: a peer's node knew a good node; since that node went online. All other phases: since the call.
- **offer stored**: the first node of the DHT acknowledged the offer; `-` where only the LAN carried it.
- **offer seen**: the callee had the offer. **answer seen**: the caller had the answer.
- **candidates known**: both peers had the candidates of the other.
- **connected**: both agents reported a connection. **first payload**: the first datagram of payload arrived.
- **by LAN**, **by DHT**: answered calls, by how the offer reached the callee first.
- **linked**: calls that ended in a connection; what is answered but not linked failed in ICE. **relayed**: calls whose
  payload the network saw go through a TURN server.
- **offer-not-stored**: no node acknowledged the offer. **offer-not-seen**: it did not reach the callee.
  **answer-not-stored**: no node acknowledged the answer. **answer-not-seen**: it did not reach the caller.
";

/// A case of a scenario, and what its calls came to.
struct Row<'a> {
    scenario: &'a str,
    case: &'a str,
    tally: Tally<'a>,
}

fn rows<'a>(scenario: &'a Scenario<'a>) -> impl Iterator<Item = Row<'a>> {
    let row = |(case, calls)| Row { scenario: scenario.name, case, tally: Tally::of(calls) };
    scenario.cases.iter().map(|(case, calls)| (case.as_str(), calls)).map(row)
}

fn phase_table(rows: &[Row<'_>]) -> String {
    let titles = ["scenario", "case", "calls"].into_iter().chain(PHASES).map(str::to_owned);
    let mut lines: Vec<Vec<String>> = vec![titles.collect()];
    for Row { scenario, case, tally } in rows {
        let head = [escape(scenario), escape(case), tally.calls.to_string()];
        lines.push(head.into_iter().chain(tally.phases.map(spread)).collect());
    }
    table(&lines)
}

/// Prints `p50 / p95`.
fn spread(times: Option<Times>) -> String {
    let [p50, p95] = [span(times.map(|times| times.p50)), span(times.map(|times| times.p95))];
    if p50 == p95 { p50 } else { format!("{p50} / {p95}") }
}

fn count_table(rows: &[Row<'_>]) -> String {
    let titles = [
        "scenario",
        "case",
        "calls",
        "by LAN",
        "by DHT",
        "missed",
        "linked",
        "relayed",
        "sent per peer",
        "datagrams",
        "received per peer",
        "datagrams",
    ];
    let mut lines = vec![titles.map(str::to_owned).to_vec()];
    for Row { scenario, case, tally } in rows {
        let mut cells = vec![escape(scenario), escape(case)];
        let found = [tally.calls, tally.by_lan, tally.by_dht, tally.missed];
        let counts = found.into_iter().chain([tally.linked, tally.relayed]);
        cells.extend(counts.map(|number| number.to_string()));
        for traffic in [tally.sent, tally.received] {
            let show = |of: fn(TrafficRecord) -> String| traffic.map_or_else(|| "-".to_owned(), of);
            cells.push(show(|traffic| compact_bytes(traffic.bytes)));
            cells.push(show(|traffic| traffic.datagrams.to_string()));
        }
        lines.push(cells);
    }
    table(&lines)
}

fn miss_table(rows: &[Row<'_>]) -> String {
    let titles = ["scenario", "case", "cause", "calls", "first in", "reason"];
    let mut lines = vec![titles.map(str::to_owned).to_vec()];
    for Row { scenario, case, tally } in rows {
        lines.extend(tally.misses.iter().map(|miss| {
            let Miss { calls, first, .. } = miss;
            let reason = first.discovery.failure_reason.as_deref();
            vec![
                escape(scenario),
                escape(case),
                miss.word().to_owned(),
                format!("{calls} of {}", tally.calls),
                format!("{}, seed {}", escape(&first.record.session), first.record.seed),
                reason.map_or_else(|| "-".to_owned(), escape),
            ]
        }));
    }
    table(&lines)
}
