//! From what a run observed to the records that are reported.

mod nat;

use std::collections::BTreeMap;

use natbed_load::{EchoReport, SideReport};
use natbed_peer::{Candidate, RestartReport, SelectedPair, SessionReport};
use natbed_report::{
    CandidateRecord, EchoRecord, EchoSamples, LoadRecord, LostRecord, NoticedRecord, PacketCounts,
    PairRecord, Path, PayloadCounts, ProfileRecord, RecoveredRecord, RestartRecord, RunRecord,
    StateRecord, TimelineRecord, Verdict,
};
use natbed_scenario::{Bounds, Case, Expect, ExpectedPath, ProfileRef, Scenario, Session};
use natbed_units::SimTime;
use serde_json::{Value, json};

use crate::oracle::{Oracle, predict};
use crate::run::RunOutput;
use crate::timeline::{Consequence, timeline};
use crate::verdict::{Observed, claimed, judge, witnessed};

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
        let sighting = output.sightings.get(index).copied().unwrap_or_default();
        let echoes = output.loads.get(index).and_then(|loads| echoes(loads));
        let echo = echoes.map(|echoes| echo_record(scenario, session, echoes));
        let hosts = session.between.map(|host| output.hosts[host.0]);
        let routes = output.routes.get(index).map_or(&[][..], Vec::as_slice);
        let timeline = report
            .map_or_else(Vec::new, |report| timeline(scenario, report, echoes, hosts, routes));
        let observed = Observed {
            report,
            timeline: &timeline,
            witness: witnessed(sighting),
            agents: [0, 1].map(|peer| {
                let report = report?;
                let pair = report.peers[peer].pair?;
                if report.has_begun_anew_after_its_load() {
                    return None;
                }
                Some(claimed(scenario, session, peer, pair))
            }),
            load: echo.as_ref(),
            load_expect: session.loads.first().map(|load| load.expect).unwrap_or_default(),
            end: (output.end, output.ended.since_start()),
        };
        let oracle = predict(scenario, session);
        let (verdict, reasons) = judge(&observed, &oracle, session.expect.as_ref());
        let pair = report.and_then(|report| report.peers[0].pair);
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
            load: echo.map(LoadRecord::Echo),
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
        load: None,
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

/// What both peers saw of the session's first echo load.
///
/// A load that never began, because the session did not connect, came to nothing.
fn echoes(loads: &[[SideReport; 2]]) -> Option<[&EchoReport; 2]> {
    let mut echoes = loads.iter().filter_map(|[a, b]| Some([a.echo()?, b.echo()?]));
    echoes.next().filter(|echoes| echoes.iter().any(|echo| !echo.sent.is_empty()))
}

fn echo_record(scenario: &Scenario, session: &Session, echoes: [&EchoReport; 2]) -> EchoRecord {
    let name = |peer: usize| scenario.hosts[session.between[peer].0].name.clone();
    let samples = [(0, 1), (1, 0)].map(|(from, to)| EchoSamples {
        from: name(from),
        to: name(to),
        sent: echoes[from].sent.len() as u64,
        round_trips_ns: echoes[from].round_trips.iter().map(|time| time.as_nanos()).collect(),
    });
    EchoRecord::evaluate(samples.into())
}

/// The expectation as it was written, resolved to one case.
fn expectation(session: &Session, expect: &Expect) -> Value {
    let mut object = serde_json::Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    };
    put(
        "path",
        expect.path.map(|path| match path {
            ExpectedPath::Is(path) => json!(path.to_string()),
            ExpectedPath::Oracle => json!("${oracle}"),
        }),
    );
    put("connect_within", expect.connect_within.map(|limit| json!(limit.to_string())));
    let words: Vec<_> = expect.states.iter().map(ToString::to_string).collect();
    put("states", (!words.is_empty()).then(|| json!(words)));
    put("final_state", expect.final_state.map(|state| json!(state.to_string())));
    let load = session.loads.first().map(|load| load.expect).unwrap_or_default();
    put("loss", load.loss.map(bounds));
    put("rtt_p50", load.rtt_p50.map(bounds));
    put("rtt_p95", load.rtt_p95.map(bounds));
    put("noticed_within", expect.noticed_within.map(|limit| json!(limit.to_string())));
    put("recover_within", expect.recover_within.map(|limit| json!(limit.to_string())));
    Value::Object(object)
}

fn bounds<T: ToString>(bounds: Bounds<T>) -> Value {
    let mut object = serde_json::Map::new();
    let limits = [("at_least", bounds.at_least), ("at_most", bounds.at_most)];
    for (key, limit) in limits {
        object.extend(limit.map(|limit| (key.to_owned(), json!(limit.to_string()))));
    }
    Value::Object(object)
}
