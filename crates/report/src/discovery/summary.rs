//! Calls taken together, for machines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TrafficRecord;
use super::tally::{PHASES, Tally, by_scenario};
use crate::RunRecord;

/// What the calls of one case of a scenario came to, over its seeds and sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallsSummary {
    /// The scenario's name.
    pub scenario: String,
    /// The case, as `axis=label` words; empty if the scenario has no matrix.
    pub case: String,
    /// How many calls there were.
    pub calls: u64,
    /// Those whose answer came, to an offer that went over the LAN.
    pub by_lan: u64,
    /// Those whose answer came, to an offer that went through the DHT.
    pub by_dht: u64,
    /// Those without an answer, by the word for the phase that they did not reach.
    pub missed: BTreeMap<String, u64>,
    /// Those that ended in a connection.
    pub linked: u64,
    /// By phase, in virtual time since the call (`bootstrapped`: since the node went online), over
    /// the calls that reached it.
    pub phases: BTreeMap<String, PercentilesRecord>,
    /// What a node sent on average.
    pub sent: Option<TrafficRecord>,
    /// What a node received on average.
    pub received: Option<TrafficRecord>,
}

/// The middle and the tail of some times, by nearest rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PercentilesRecord {
    /// Median, in virtual nanoseconds.
    pub p50_ns: u64,
    /// 95th percentile, in virtual nanoseconds.
    pub p95_ns: u64,
}

impl CallsSummary {
    /// Sums the calls of the records up, by scenario and case in the order of first appearance;
    /// nothing if there are none.
    #[must_use]
    pub fn of(records: &[RunRecord]) -> Vec<Self> {
        let scenarios = by_scenario(records);
        let cases = scenarios.iter().flat_map(|scenario| {
            scenario.cases.iter().map(|(case, calls)| (scenario.name, case, Tally::of(calls)))
        });
        cases.map(|(scenario, case, tally)| Self::of_case(scenario, case, &tally)).collect()
    }

    fn of_case(scenario: &str, case: &str, tally: &Tally<'_>) -> Self {
        let phases = PHASES.iter().zip(tally.phases).filter_map(|(name, times)| {
            let times = times?;
            let percentiles =
                PercentilesRecord { p50_ns: times.p50.as_nanos(), p95_ns: times.p95.as_nanos() };
            Some((name.replace(' ', "_"), percentiles))
        });
        let missed = tally.misses.iter().map(|miss| (miss.word().to_owned(), miss.calls));
        Self {
            scenario: scenario.to_owned(),
            case: case.to_owned(),
            calls: tally.calls,
            by_lan: tally.by_lan,
            by_dht: tally.by_dht,
            missed: missed.collect(),
            linked: tally.linked,
            phases: phases.collect(),
            sent: tally.sent,
            received: tally.received,
        }
    }
}
