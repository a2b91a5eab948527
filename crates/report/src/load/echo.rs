//! Echoes: loss and round trips of datagrams that the other end sends back.

use natbed_units::Ppm;
use serde::{Deserialize, Serialize};

use crate::nearest_rank;

/// Loss and round-trip times of an echo load: both directions together, then each alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EchoRecord {
    /// All directions taken together.
    #[serde(flatten)]
    pub total: EchoStats,
    /// Each direction on its own, in the order of the session's hosts.
    pub directions: Vec<EchoDirection>,
}

/// Loss and round-trip times of the datagrams that one host sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EchoDirection {
    /// The host that sent and measured.
    pub from: String,
    /// The host that echoed.
    pub to: String,
    /// What it measured.
    #[serde(flatten)]
    pub stats: EchoStats,
}

/// Loss and round-trip times of a set of echoed datagrams.
///
/// Percentiles are nearest-rank ([`nearest_rank`]), in virtual nanoseconds,
/// and `None` if nothing came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EchoStats {
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams whose echo came back.
    pub received: u64,
    /// Datagrams whose echo did not come back.
    pub lost: u64,
    /// Share lost in parts per million, rounded to the nearest.
    pub loss_ppm: u32,
    /// The shortest round trip.
    pub rtt_min_ns: Option<u64>,
    /// The median round trip.
    pub rtt_p50_ns: Option<u64>,
    /// The round trip that 95 % did not exceed.
    pub rtt_p95_ns: Option<u64>,
    /// The round trip that 99 % did not exceed.
    pub rtt_p99_ns: Option<u64>,
    /// The longest round trip.
    pub rtt_max_ns: Option<u64>,
}

/// The raw measurements of one direction of an echo load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EchoSamples {
    /// The host that sent and measured.
    pub from: String,
    /// The host that echoed.
    pub to: String,
    /// Datagrams sent; at least as many as came back.
    pub sent: u64,
    /// The round trip of each datagram that came back, in virtual nanoseconds and any order.
    pub round_trips_ns: Vec<u64>,
}

impl EchoRecord {
    /// Evaluates the measurements of each direction, and of all taken together.
    #[must_use]
    pub fn evaluate(samples: Vec<EchoSamples>) -> Self {
        let sent = samples.iter().map(|direction| direction.sent).fold(0, u64::saturating_add);
        let all = samples.iter().flat_map(|direction| direction.round_trips_ns.iter().copied());
        Self {
            total: EchoStats::evaluate(sent, all.collect()),
            directions: samples
                .into_iter()
                .map(|EchoSamples { from, to, sent, round_trips_ns }| EchoDirection {
                    from,
                    to,
                    stats: EchoStats::evaluate(sent, round_trips_ns),
                })
                .collect(),
        }
    }
}

impl EchoStats {
    fn evaluate(sent: u64, mut round_trips_ns: Vec<u64>) -> Self {
        round_trips_ns.sort_unstable();
        let received = round_trips_ns.len() as u64;
        let lost = sent.saturating_sub(received);
        let percentile = |percent| nearest_rank(&round_trips_ns, percent);
        Self {
            sent,
            received,
            lost,
            loss_ppm: Ppm::ratio(lost, sent).as_ppm(),
            rtt_min_ns: percentile(0),
            rtt_p50_ns: percentile(50),
            rtt_p95_ns: percentile(95),
            rtt_p99_ns: percentile(99),
            rtt_max_ns: percentile(100),
        }
    }
}
