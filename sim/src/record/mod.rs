//! From what a run observed to the records that are reported.

mod cost;
mod discovery;
mod expectation;
mod ledger;
mod load;
mod nat;

use std::collections::BTreeMap;

use natbed_load::SideReport;
use natbed_peer::{Candidate, RestartReport, SelectedPair, SessionReport};
use natbed_report::{
    CandidateRecord, LoadRecord, LostRecord, NoticedRecord, PacketCounts, PairRecord, Path,
    PayloadCounts, PipeRecord, ProfileRecord, RecoveredRecord, RestartRecord, RunRecord,
    StateRecord, TimelineRecord, Verdict, WireRecord,
};
use natbed_scenario::{Case, ProfileRef, Scenario, Session};
use natbed_units::SimTime;

use crate::oracle::{Oracle, predict};
use crate::run::{RunOutput, has_more_than_echoes};
use crate::timeline::{Consequence, timeline};
use crate::verdict::{JudgedLoad, Observed, claimed, judge, witnessed};
use expectation::expectation;

/// Which run a record is of.
#[derive(Clone, Copy, Debug)]
pub struct RunId<'a> {
    /// Name of the scenario.
    pub scenario: &'a str,
    /// The case.
    pub case: &'a Case,
    /// The seed.
    pub seed: u64,
    /// The command that repeats it.
    pub repeat: &'a str,
}

/// Makes the record of each session of a run that was carried out.
#[must_use]
pub fn records(id: RunId<'_>, output: &RunOutput) -> Vec<RunRecord> {
    let scenario = &id.case.scenario;
    let packets = PacketCounts {
        sent: output.counters.sent(),
        delivered: output.counters.delivered(),
        dropped: output
            .counters
            .dropped()
            .into_iter()
            .map(|(reason, count)| (reason.code().to_owned(), count))
            .collect(),
    };
    let mut records = Vec::with_capacity(scenario.sessions.len());
    for (index, session) in scenario.sessions.iter().enumerate() {
        let report = output.sessions.get(index).and_then(Option::as_ref);
        let seen = &output.seen[index];
        let (sighting, routes) = (seen.sighting, &seen.routes);
        let traffic = load::traffic(&output.loads[index]);
        let loads = load_records(scenario, session, &output.loads[index], index, output);
        let hosts = session.between.map(|host| output.parts.hosts[host.0]);
        let timeline = report
            .map_or_else(Vec::new, |report| timeline(scenario, report, traffic, hosts, routes));
        let observed = Observed {
            report,
            timeline: &timeline,
            witness: witnessed(sighting),
            stack: session.stack,
            agents: [0, 1].map(|peer| {
                let report = report?;
                let pair = report.peers[peer].pair?;
                if report.has_begun_anew_after_its_load() {
                    return None;
                }
                Some(claimed(scenario, session, peer, pair))
            }),
            discovery: None,
            loads: session
                .loads
                .iter()
                .zip(&loads)
                .map(|(load, record)| JudgedLoad { load, record: record.as_ref() })
                .collect(),
            end: (output.end, output.ended.since_start()),
        };
        let discovery = discovery::discovery(scenario, session, report, sighting.first, output);
        let was_missed = discovery.as_ref().is_some_and(|discovery| discovery.failure.is_some());
        let oracle = match was_missed {
            true => Oracle::without_candidates(),
            false => predict(scenario, session),
        };
        let observed = Observed { discovery: discovery.as_ref(), ..observed };
        let (verdict, reasons) = judge(&observed, &oracle, session.expect.as_ref());
        let pair = report.and_then(|report| report.peers[0].pair);
        let (pipes, wire) = costs(scenario, session, &loads, index, output);
        let relays = match has_more_than_echoes(session) {
            true => cost::relays(&output.relays, |host| host_name(scenario, output, host)),
            false => Vec::new(),
        };
        let since_start =
            |at: Option<SimTime>| Some(at?.saturating_since(report?.started).as_nanos());
        records.push(RunRecord {
            path: observed.path(),
            witness: observed.witness,
            agent: observed.agent(),
            local: pair.map(|pair| candidate(pair.local)),
            remote: pair.map(|pair| candidate(pair.remote)),
            gather_ns: since_start(report.and_then(SessionReport::gathered)),
            connect_ns: since_start(report.and_then(SessionReport::connected)),
            states: report.map(|report| states(scenario, session, report)).unwrap_or_default(),
            timeline: timeline.iter().map(|event| entry(scenario, session, event)).collect(),
            restarts: report.map_or_else(Vec::new, |report| {
                report.restarts.iter().map(|r| restart(scenario, session, r)).collect()
            }),
            discovery,
            bottleneck: loads.iter().flatten().find_map(LoadRecord::bottleneck).cloned(),
            load: loads.first().cloned().flatten(),
            loads: named(session, loads),
            pipes,
            wire,
            relays,
            ledger: ledger::ledger(scenario, session, &output.parts.hosts, &seen.ledger),
            payload: PayloadCounts {
                lan: sighting.lan,
                direct: sighting.direct,
                relay: sighting.relay,
            },
            verdict,
            reasons,
            trace_hash: format!("{:016x}", output.trace_hash),
            events: output.events,
            virtual_ns: output.ended.as_nanos(),
            tasks_left: output.tasks_left as u64,
            packets: packets.clone(),
            ..unobserved(id, session, oracle)
        });
    }
    records
}

/// Makes the record of each session of a run that could not be carried out.
#[must_use]
pub fn error_records(id: RunId<'_>, reason: &str) -> Vec<RunRecord> {
    let sessions = &id.case.scenario.sessions;
    let record = |session| {
        let oracle = predict(&id.case.scenario, session);
        RunRecord { reasons: vec![reason.to_owned()], ..unobserved(id, session, oracle) }
    };
    sessions.iter().map(record).collect()
}

/// What is known of a session without having run it.
fn unobserved(id: RunId<'_>, session: &Session, oracle: Oracle) -> RunRecord {
    RunRecord {
        scenario: id.scenario.to_owned(),
        case: id.case.labels.iter().cloned().collect(),
        seed: id.seed,
        session: session.name.clone(),
        stack: session.stack.to_string(),
        path: Path::None,
        witness: None,
        agent: Path::None,
        oracle: oracle.prediction,
        oracle_reason: oracle.reason,
        local: None,
        remote: None,
        gather_ns: None,
        connect_ns: None,
        states: BTreeMap::new(),
        timeline: Vec::new(),
        restarts: Vec::new(),
        discovery: None,
        load: None,
        loads: BTreeMap::new(),
        bottleneck: None,
        pipes: Vec::new(),
        wire: Vec::new(),
        relays: Vec::new(),
        ledger: Vec::new(),
        payload: PayloadCounts::default(),
        expect: session.expect.as_ref().map(|expect| expectation(session, expect)),
        verdict: Verdict::Error,
        reasons: Vec::new(),
        trace_hash: format!("{:016x}", 0),
        events: 0,
        virtual_ns: 0,
        tasks_left: 0,
        packets: PacketCounts::default(),
        nat: nat::nats(&id.case.scenario),
        profiles: id.case.scenario.profiles().into_iter().map(profile).collect(),
        repeat: id.repeat.to_owned(),
    }
}

fn candidate(candidate: Candidate) -> CandidateRecord {
    CandidateRecord {
        candidate: candidate.kind.to_string(),
        address: candidate.address.to_string(),
    }
}

fn pair(pair: SelectedPair) -> PairRecord {
    PairRecord { local: candidate(pair.local), remote: candidate(pair.remote) }
}

fn profile(profile: &ProfileRef) -> ProfileRecord {
    ProfileRecord { name: profile.name.clone(), status: profile.status.to_string() }
}

fn entry(scenario: &Scenario, session: &Session, event: &Consequence) -> TimelineRecord {
    let name = |peer: usize| scenario.hosts[session.between[peer].0].name.clone();
    TimelineRecord {
        at_ns: event.at.as_nanos(),
        event: event.event.clone(),
        lost: event.lost.map(|(at, from)| LostRecord {
            at_ns: at.as_nanos(),
            from: name(from),
            to: name(1 - from),
        }),
        noticed: event.noticed.map(|(at, peer, state)| NoticedRecord {
            at_ns: at.as_nanos(),
            host: name(peer),
            state: state.to_string(),
        }),
        recovered: event.recovered.map(|(at, from, path)| RecoveredRecord {
            at_ns: at.as_nanos(),
            from: name(from),
            to: name(1 - from),
            path,
        }),
    }
}

fn restart(scenario: &Scenario, session: &Session, restart: &RestartReport) -> RestartRecord {
    RestartRecord {
        at_ns: restart.at.as_nanos(),
        host: scenario.hosts[session.between[restart.peer].0].name.clone(),
        state: restart.state.to_string(),
        before: restart.before[0].map(pair),
        connected_at_ns: restart.connected.map(SimTime::as_nanos),
        after: restart.after[0].map(pair),
    }
}

fn states(
    scenario: &Scenario,
    session: &Session,
    report: &SessionReport,
) -> BTreeMap<String, Vec<StateRecord>> {
    let of_peer = |(host, peer): (&natbed_scenario::HostIndex, &natbed_peer::PeerReport)| {
        let states = peer
            .states
            .iter()
            .map(|change| StateRecord {
                at_ns: change.at.as_nanos(),
                state: change.state.to_string(),
            })
            .collect();
        (scenario.hosts[host.0].name.clone(), states)
    };
    session.between.iter().zip(&report.peers).map(of_peer).collect()
}

fn peer_names<'a>(scenario: &'a Scenario, session: &Session) -> [&'a str; 2] {
    session.between.map(|host| scenario.hosts[host.0].name.as_str())
}

fn host_name(scenario: &Scenario, output: &RunOutput, host: natbed_network::HostId) -> String {
    let place = output.parts.hosts.iter().position(|known| *known == host);
    place.map(|place| scenario.hosts[place].name.clone()).unwrap_or_default()
}

/// The record of each load of a session; `None` of one that never began.
fn load_records(
    scenario: &Scenario,
    session: &Session,
    sides: &[[SideReport; 2]],
    index: usize,
    output: &RunOutput,
) -> Vec<Option<LoadRecord>> {
    let names = peer_names(scenario, session);
    let costs = &output.seen[index].costs;
    let loads = session.loads.iter().zip(sides).enumerate();
    let records = loads.map(|(number, (load, sides))| {
        load::load_record(load, sides, costs.get(number), names, &output.pipe_names)
    });
    records.collect()
}

/// The loads that have names, by name.
fn named(session: &Session, loads: Vec<Option<LoadRecord>>) -> BTreeMap<String, LoadRecord> {
    let loads = session.loads.iter().zip(loads);
    loads.filter_map(|(load, record)| Some((load.name.clone()?, record?))).collect()
}

/// What the loads of a session cost, unless they are echoes alone.
fn costs(
    scenario: &Scenario,
    session: &Session,
    loads: &[Option<LoadRecord>],
    index: usize,
    output: &RunOutput,
) -> (Vec<PipeRecord>, Vec<WireRecord>) {
    let (mut pipes, mut wire) = (Vec::new(), Vec::new());
    if !has_more_than_echoes(session) {
        return (pipes, wire);
    }
    let names = peer_names(scenario, session);
    let costs = session.loads.iter().zip(loads).zip(&output.seen[index].costs);
    for ((load, record), cost) in costs {
        let name = load.name.as_deref().unwrap_or_default();
        pipes.extend(cost::pipes(cost, name, &output.pipe_names));
        let arrived = |from: usize| record.as_ref().map_or(0, |r| load::arrived(r, names[from]));
        wire.extend(cost::wire(cost, name, names, arrived));
    }
    (pipes, wire)
}
