//! Calls taken together: who was found how, how soon, and at what cost.

use std::collections::{BTreeMap, BTreeSet};

use super::{DiscoveryFailure, DiscoveryRecord, DiscoveryWay, NodeRecord, TrafficRecord};
use crate::{Path, RunRecord, Times};

/// The phases that tables have as columns, in the order in which a call goes through them.
pub(crate) const PHASES: [&str; 7] = [
    "bootstrapped",
    "offer stored",
    "offer seen",
    "answer seen",
    "candidates known",
    "connected",
    "first payload",
];

/// A session whose hosts looked for each other.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) record: &'a RunRecord,
    pub(crate) discovery: &'a DiscoveryRecord,
    /// Which run it is of: a node serves all sessions of one.
    run: usize,
}

/// The calls of one scenario.
pub(crate) struct Scenario<'a> {
    pub(crate) name: &'a str,
    /// Each case and its calls; the case is empty if the scenario has no matrix.
    pub(crate) cases: Vec<(String, Vec<Call<'a>>)>,
}

impl<'a> Scenario<'a> {
    /// Takes the calls of all cases together.
    pub(crate) fn tally(&self) -> Tally<'a> {
        Tally::of(self.cases.iter().flat_map(|(_, calls)| calls))
    }
}

/// Sorts the records that have a discovery by scenario and case, in the order of first appearance.
pub(crate) fn by_scenario(records: &[RunRecord]) -> Vec<Scenario<'_>> {
    let mut scenarios: Vec<Scenario<'_>> = Vec::new();
    let (mut places, mut case_places) = (BTreeMap::new(), BTreeMap::new());
    let (mut run, mut last_run) = (0, None);
    for record in records {
        let Some(discovery) = &record.discovery else { continue };
        let this_run = (&record.scenario, &record.case, record.seed);
        run += usize::from(last_run.replace(this_run).is_some_and(|last| last != this_run));
        let place = *places.entry(record.scenario.as_str()).or_insert_with(|| {
            scenarios.push(Scenario { name: &record.scenario, cases: Vec::new() });
            scenarios.len() - 1
        });
        let cases = &mut scenarios[place].cases;
        let case = record.case.to_string();
        let case_place = *case_places.entry((place, case.clone())).or_insert_with(|| {
            cases.push((case, Vec::new()));
            cases.len() - 1
        });
        cases[case_place].1.push(Call { record, discovery, run });
    }
    scenarios
}

/// What some calls came to.
#[derive(Default)]
pub(crate) struct Tally<'a> {
    /// How many there are: as many as were found and missed.
    pub(crate) calls: u64,
    /// Calls whose answer came, to an offer that went over the LAN.
    pub(crate) by_lan: u64,
    /// Calls whose answer came, to an offer that went through the DHT.
    pub(crate) by_dht: u64,
    /// Calls without an answer.
    pub(crate) missed: u64,
    /// Calls that ended in a connection.
    pub(crate) linked: u64,
    /// Calls whose payload went through a relay.
    pub(crate) relayed: u64,
    /// The times of [`PHASES`], over the calls (for the first phase: the nodes) that reached it.
    pub(crate) phases: [Option<Times>; 7],
    /// What a node sent on average.
    pub(crate) sent: Option<TrafficRecord>,
    /// What a node received on average.
    pub(crate) received: Option<TrafficRecord>,
    /// The missed calls by cause, by how far they had come.
    pub(crate) misses: Vec<Miss<'a>>,
}

/// Calls that were missed for the same cause.
pub(crate) struct Miss<'a> {
    /// The phase that they did not reach; `None` if their record does not say.
    pub(crate) cause: Option<DiscoveryFailure>,
    pub(crate) calls: u64,
    /// The first of them.
    pub(crate) first: Call<'a>,
}

impl Miss<'_> {
    /// Returns the word for the cause.
    pub(crate) fn word(&self) -> &'static str {
        self.cause.map_or("unexplained", DiscoveryFailure::as_str)
    }
}

impl<'a> Tally<'a> {
    pub(crate) fn of<'b>(calls: impl IntoIterator<Item = &'b Call<'a>>) -> Self
    where
        'a: 'b,
    {
        let mut tally = Self::default();
        let mut phases: [Vec<u64>; 7] = Default::default();
        let (mut nodes, mut known) = (Vec::new(), BTreeSet::new());
        let mut misses: BTreeMap<Option<DiscoveryFailure>, Miss<'a>> = BTreeMap::new();
        for &call in calls {
            let discovery = call.discovery;
            tally.calls += 1;
            tally.linked += u64::from(discovery.phases.connected_ns.is_some());
            tally.relayed += u64::from(call.record.path == Path::Relay);
            match (discovery.by, discovery.failure) {
                (Some(DiscoveryWay::Lan), None) => tally.by_lan += 1,
                (Some(DiscoveryWay::Dht), None) => tally.by_dht += 1,
                (_, cause) => {
                    tally.missed += 1;
                    let miss = Miss { cause, calls: 0, first: call };
                    misses.entry(cause).or_insert(miss).calls += 1;
                }
            }
            for (times, time) in phases[1..].iter_mut().zip(of_call(discovery)) {
                times.extend(time);
            }
            // A host that calls or is called twice has one node all the same.
            let of_run = discovery.nodes.iter();
            nodes.extend(of_run.filter(|(host, _)| known.insert((call.run, *host))).map(|n| n.1));
        }
        phases[0].extend(nodes.iter().filter_map(|node| node.bootstrapped_ns));
        tally.phases = phases.map(Times::of);
        tally.sent = mean(&nodes, |node| node.sent);
        tally.received = mean(&nodes, |node| node.received);
        tally.misses = misses.into_values().collect();
        tally
    }
}

/// The times of [`PHASES`] from the second one on.
fn of_call(discovery: &DiscoveryRecord) -> [Option<u64>; 6] {
    let phases = &discovery.phases;
    [
        phases.offer_stored_ns,
        phases.offer_seen_ns,
        phases.answer_seen_ns,
        phases.candidates_known_ns,
        phases.connected_ns,
        phases.first_payload_ns,
    ]
}

/// The mean over nodes, rounded to the nearest; `None` without nodes.
fn mean(nodes: &[&NodeRecord], of: fn(&NodeRecord) -> TrafficRecord) -> Option<TrafficRecord> {
    let mean = |part: fn(TrafficRecord) -> u64| {
        let sum: u128 = nodes.iter().map(|node| u128::from(part(of(node)))).sum();
        let number = nodes.len() as u128;
        let mean = (sum + number / 2).checked_div(number)?;
        u64::try_from(mean).ok()
    };
    let datagrams = mean(|traffic| traffic.datagrams)?;
    Some(TrafficRecord { datagrams, bytes: mean(|traffic| traffic.bytes)? })
}
