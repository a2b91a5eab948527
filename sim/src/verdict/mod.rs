//! Witness, agent and oracle side by side, and all of it against the expectation.

mod discovery;
mod load;

use std::collections::BTreeSet;
use std::net::IpAddr;

use natbed_network::observe::{Route, Sighting};
use natbed_peer::{IceState, PeerReport, SelectedPair, SessionReport};
use natbed_report::{DiscoveryRecord, LoadRecord, Path, Prediction, Verdict};
use natbed_runtime::RunEnd;
use natbed_scenario::{
    Attachment, EventAction, Expect, ExpectedPath, NamedLoad, Scenario, Session, Stack,
};
use natbed_units::{SimDuration, SimTime};

use crate::oracle::Oracle;
use crate::timeline::Consequence;

/// The path that the payload was seen on last; `None` when no payload arrived.
#[must_use]
pub fn witnessed(sighting: Sighting) -> Option<Path> {
    sighting.last.map(path_of)
}

/// The path that a way of payload amounts to.
#[must_use]
pub const fn path_of(route: Route) -> Path {
    match route {
        Route::Lan => Path::Lan,
        Route::Direct => Path::Direct,
        Route::Relay => Path::Relay,
    }
}

/// The path that an agent's selected pair amounts to, by its addresses alone.
///
/// Labels are not looked at: a relayed address that a peer learned from a check is called
/// peer-reflexive, and a host on a LAN may be called server-reflexive behind a hairpin.
#[must_use]
pub fn claimed(scenario: &Scenario, session: &Session, peer: usize, pair: SelectedPair) -> Path {
    let relays: BTreeSet<IpAddr> =
        session.turn.iter().map(|turn| scenario.hosts[turn.0].address()).collect();
    if relays.contains(&pair.local.address.ip()) || relays.contains(&pair.remote.address.ip()) {
        return Path::Relay;
    }
    let peer = session.between[peer];
    let lans = scenario.hosts[peer.0].interfaces.iter().map(|interface| interface.attachment);
    let roamed = scenario.events.iter().filter_map(|event| match &event.action {
        EventAction::Roam { host, to, .. } if *host == peer => Some(to.attachment),
        _ => None,
    });
    let is_near = |attachment: Attachment| match attachment {
        Attachment::Lan(lan) => {
            scenario.lans[lan.0].subnets().any(|subnet| subnet.contains(&pair.remote.address.ip()))
        }
        Attachment::Internet => false,
    };
    if lans.chain(roamed).any(is_near) { Path::Lan } else { Path::Direct }
}

/// A load and what it came to.
#[derive(Clone, Copy, Debug)]
pub struct JudgedLoad<'a> {
    /// The load, with what is expected of it.
    pub load: &'a NamedLoad,
    /// What it came to; `None` if it never began.
    pub record: Option<&'a LoadRecord>,
}

/// What a session came to, before it is judged.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// The session's report; `None` when the run ended before the session did.
    pub report: Option<&'a SessionReport>,
    /// What the network saw; `None` when no payload arrived.
    pub witness: Option<Path>,
    /// The stack under test.
    pub stack: Stack,
    /// What each agent's selected pair amounts to; `None` without a pair.
    pub agents: [Option<Path>; 2],
    /// How the peers found each other, if they had to.
    pub discovery: Option<&'a DiscoveryRecord>,
    /// Its loads.
    pub loads: Vec<JudgedLoad<'a>>,
    /// What each event did to the session.
    pub timeline: &'a [Consequence],
    /// Why and when the run ended, for the message when the session did not.
    pub end: (RunEnd, SimDuration),
}

impl Observed<'_> {
    /// The agents' word: the controlling one's, `none` when either has no connection.
    ///
    /// Where there are no agents there is nothing to say against the witness.
    #[must_use]
    pub fn agent(&self) -> Path {
        match self.agents {
            _ if self.stack == Stack::None => self.path(),
            [Some(controlling), Some(_)] if self.is_connected() => controlling,
            _ => Path::None,
        }
    }

    /// The path: the witness's word.
    #[must_use]
    pub fn path(&self) -> Path {
        self.witness.unwrap_or(Path::None)
    }

    fn is_connected(&self) -> bool {
        self.report.is_some_and(|report| report.connected().is_some())
    }
}

/// Judges a session and says why, each reason with a code in front.
#[must_use]
pub fn judge(
    observed: &Observed<'_>,
    oracle: &Oracle,
    expect: Option<&Expect>,
) -> (Verdict, Vec<String>) {
    let mut reasons = Vec::new();
    // How far transfers got says more than that they did not end.
    load::check_ends(observed, &mut reasons);
    let (end, at) = observed.end;
    let report = match observed.report {
        Some(report) if !report.is_cut_off || !reasons.is_empty() => report,
        _ => {
            let why = why_ended(end);
            let reason = format!("not-ended: the run {why}, at {at}, before the session ended");
            reasons.insert(0, reason);
            return (Verdict::Error, reasons);
        }
    };
    check_agreement(observed, oracle, &mut reasons);
    discovery::check(observed.discovery, expect, &mut reasons);
    if let Some(expect) = expect {
        check_expectation(observed, report, oracle, expect, &mut reasons);
    }
    for load in &observed.loads {
        load::check(load, &mut reasons);
    }
    if let Some(expect) = expect {
        check_timeline(observed.timeline, expect, &mut reasons);
    }
    let verdict = if reasons.is_empty() { Verdict::Pass } else { Verdict::Fail };
    (verdict, reasons)
}

const fn why_ended(end: RunEnd) -> &'static str {
    match end {
        RunEnd::Horizon => "reached its horizon",
        RunEnd::EventLimit => {
            "used up its events: the agents keep each other busy, or a transfer has links without \
             a rate"
        }
        RunEnd::Idle => "came to a standstill",
        RunEnd::Stopped => "was stopped",
    }
}

/// Laws 8 and 9: agent and witness must agree, and both with the oracle where it predicts.
fn check_agreement(observed: &Observed<'_>, oracle: &Oracle, reasons: &mut Vec<String>) {
    let path = observed.path();
    for (side, agent) in ["controlling", "controlled"].iter().zip(observed.agents) {
        // An agent that lost its pair again says nothing about the way the payload went before.
        if let Some(agent) = agent
            && agent != path
        {
            reasons.push(format!(
                "agent-witness-mismatch: the {side} agent's pair is {agent}, the network saw {}",
                observed.witness.map_or("no payload", Path::as_str),
            ));
        }
    }
    if observed.is_connected() && observed.witness.is_none() && reasons.is_empty() {
        reasons.push(
            "agent-witness-mismatch: both agents reported a connection, the network saw no payload"
                .to_owned(),
        );
    }
    if oracle.prediction.path().is_some_and(|predicted| predicted != path) {
        reasons.push(format!(
            "oracle-mismatch: the rule predicts {} ({}), the network saw {path}",
            oracle.prediction, oracle.reason,
        ));
    }
}

fn check_expectation(
    observed: &Observed<'_>,
    report: &SessionReport,
    oracle: &Oracle,
    expect: &Expect,
    reasons: &mut Vec<String>,
) {
    let path = observed.path();
    match expect.path {
        Some(ExpectedPath::Is(expected)) => {
            if expected.to_string() != path.as_str() {
                reasons.push(format!("path: expected {expected}, the network saw {path}"));
            }
        }
        Some(ExpectedPath::Oracle) if oracle.prediction == Prediction::Open => reasons.push(
            format!("path: expected what the oracle predicts, which is open: {}", oracle.reason),
        ),
        // A prediction that was not met is reported as a mismatch already.
        Some(ExpectedPath::Oracle) | None => {}
    }
    if let Some(limit) = expect.connect_within {
        match report.connected().map(|at| at.saturating_since(report.started)) {
            None => reasons.push(format!(
                "connect_within: expected a connection within {limit}, there was none{}",
                failures(report)
            )),
            Some(took) if took > limit => reasons
                .push(format!("connect_within: expected a connection within {limit}, took {took}")),
            Some(_) => {}
        }
    }
    for (side, peer) in ["controlling", "controlled"].iter().zip(&report.peers) {
        check_states(side, peer, expect, reasons);
    }
}

fn failures(report: &SessionReport) -> String {
    let mut text = String::new();
    for (side, peer) in ["controlling", "controlled"].iter().zip(&report.peers) {
        if let Some(failure) = &peer.failure {
            text.push_str(&format!("; {side}: {failure}"));
        }
    }
    text
}

fn check_states(side: &str, peer: &PeerReport, expect: &Expect, reasons: &mut Vec<String>) {
    let words = |states: &mut dyn Iterator<Item = String>| states.collect::<Vec<_>>().join(", ");
    let entered = || words(&mut peer.states.iter().map(|change| change.state.to_string()));
    let mut left = peer.states.iter().map(|change| change.state.to_string());
    let in_order = expect.states.iter().all(|want| left.any(|state| state == want.to_string()));
    if !in_order {
        let expected = words(&mut expect.states.iter().map(ToString::to_string));
        reasons.push(format!(
            "states: expected the {side} agent to enter {expected}; it entered {}",
            entered()
        ));
    }
    if let Some(expected) = expect.final_state {
        let last = peer.states.last().map_or(IceState::New, |change| change.state);
        if last.to_string() != expected.to_string() {
            reasons.push(format!(
                "final_state: expected the {side} agent to end {expected}, it ended {last}"
            ));
        }
    }
}

/// An event that interrupted the payload must be noticed and got over in time. One that did not
/// passes, as long as there was payload to interrupt.
fn check_timeline(timeline: &[Consequence], expect: &Expect, reasons: &mut Vec<String>) {
    let limits =
        [("noticed_within", expect.noticed_within), ("recover_within", expect.recover_within)];
    for (name, limit) in limits {
        let Some(limit) = limit else { continue };
        let is_tried = |event: &Consequence| event.was_observed || event.noticed.is_some();
        if !timeline.iter().any(is_tried) {
            reasons.push(format!("{name}: no payload was sent after an event, so none was missed"));
        }
        for event in timeline {
            let since = |at: SimTime| at.saturating_since(event.at);
            let noticed = event.noticed.map(|(at, ..)| since(at));
            let recovered = event.recovered.map(|(at, ..)| since(at));
            let (took, what) = match name {
                // Who is over it before it is due need not have noticed.
                "noticed_within" if noticed.is_none() && recovered.is_some_and(|t| t <= limit) => {
                    continue;
                }
                "noticed_within" => (noticed, "an agent to notice"),
                _ => (recovered, "payload to arrive again"),
            };
            let is_concerned = event.lost.is_some() || took.is_some();
            if is_concerned && took.is_none_or(|took| took > limit) {
                let (at, event) = (event.at.since_start(), &event.event);
                let took = took.map_or("never came".to_owned(), |took| format!("took {took}"));
                reasons.push(format!(
                    "{name}: expected {what} within {limit} after {event} at {at}, {took}"
                ));
            }
        }
    }
}
