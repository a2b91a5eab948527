//! How fast the simulator is: `natbed bench`.
//!
//! Every figure is CPU time of one thread, so that other load on the machine disturbs it little,
//! and the best of several rounds, since noise only ever adds.

mod dht;
mod hosts;
mod network;
mod relay;
mod session;
mod topology;
mod transport;

use std::time::Duration;

use natbed_nat::Mapping;
use natbed_report::Color;
use natbed_units::SimDuration;
use serde_json::{Map, Value, json};

/// Rounds of each measurement; the best counts.
const ROUNDS: usize = 5;

/// Sessions measured; the best counts. A session takes milliseconds: one round is a single sample.
const SESSION_ROUNDS: usize = 25;

/// One measured figure and what it should be.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Its name, the key in the JSON form.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// What was measured.
    pub value: f64,
    /// What it is measured in.
    pub unit: Unit,
    /// What it should be.
    pub target: f64,
}

/// What a figure is measured in, and with it which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Datagrams per CPU-second: more is better.
    PerSecond,
    /// A ratio of two CPU times: less is better.
    Ratio,
    /// Nanoseconds of CPU time: less is better.
    Nanoseconds,
    /// Milliseconds of CPU time: less is better.
    Milliseconds,
    /// Seconds of CPU time for 10^9 bytes of the application: less is better.
    SecondsPerGigabyte,
    /// Bytes of memory: less is better.
    Bytes,
    /// Seconds of CPU time: less is better.
    Seconds,
    /// How many times as fast as real time: more is better.
    TimesRealTime,
}

impl Figure {
    /// Says whether the target is reached.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        if self.unit.is_more_better() {
            self.value >= self.target
        } else {
            self.value <= self.target
        }
    }
}

impl Unit {
    fn is_more_better(self) -> bool {
        matches!(self, Self::PerSecond | Self::TimesRealTime)
    }
}

/// A figure that can be measured.
struct Benchmark {
    name: &'static str,
    about: &'static str,
    unit: Unit,
    target: f64,
    measure: fn() -> anyhow::Result<f64>,
}

/// Datagrams of the benchmarks without agents.
const DATAGRAMS: u64 = 400_000;
/// Bytes of a bulk transfer.
const BYTES: u64 = 50_000_000;
/// Datagrams of those over ICE sessions.
const ICE_DATAGRAMS: u64 = 20_000;

const BENCHMARKS: &[Benchmark] = &[
    Benchmark {
        name: "raw_two_nat_datagrams",
        about: "network alone, host - NAT - core - NAT - host",
        unit: Unit::PerSecond,
        target: 4e6,
        measure: || rate(|| network::two_nat_datagrams(DATAGRAMS, 100)),
    },
    Benchmark {
        name: "process_two_nat_datagrams",
        about: "the same between processes",
        unit: Unit::PerSecond,
        target: 3e6,
        measure: || rate(|| hosts::process_two_nat_datagrams(DATAGRAMS)),
    },
    Benchmark {
        name: "socket_two_nat_datagrams",
        about: "the same between async sockets, each at its own instant",
        unit: Unit::PerSecond,
        target: 1e6,
        measure: || rate(|| hosts::socket_datagrams(topology::two_nats, DATAGRAMS, 1)),
    },
    Benchmark {
        name: "socket_two_nat_datagrams_burst",
        about: "the same, ten per instant",
        unit: Unit::PerSecond,
        target: 2e6,
        measure: || rate(|| hosts::socket_datagrams(topology::two_nats, DATAGRAMS, 10)),
    },
    Benchmark {
        name: "socket_direct_datagrams_burst",
        about: "async sockets over one link, ten per instant",
        unit: Unit::PerSecond,
        target: 4e6,
        measure: || rate(|| hosts::socket_datagrams(topology::direct, DATAGRAMS, 10)),
    },
    Benchmark {
        name: "in_flight_slowdown",
        about: "network alone, 20 000 on their way against 10",
        unit: Unit::Ratio,
        target: 2.0,
        measure: || {
            let few = best(ROUNDS, || network::two_nat_datagrams(DATAGRAMS, 10))?;
            let many = best(ROUNDS, || network::two_nat_datagrams(DATAGRAMS, 20_000))?;
            Ok(many.as_secs_f64() / few.as_secs_f64())
        },
    },
    Benchmark {
        name: "many_hosts_datagrams",
        about: "network alone, 20 000 hosts, 20 000 on their way",
        unit: Unit::PerSecond,
        target: 1e6,
        measure: || rate(|| network::many_hosts_datagrams(20_000, DATAGRAMS)),
    },
    Benchmark {
        name: "idle_200_agents_ns_per_virtual_second",
        about: "200 processes that send a keepalive every 15 s",
        unit: Unit::Nanoseconds,
        target: 20_000.0,
        measure: || nanos_each(3_600, |seconds| hosts::idle_agents(200, seconds)),
    },
    Benchmark {
        name: "build_drop_two_nat_ns",
        about: "build and drop a network of two homes",
        unit: Unit::Nanoseconds,
        target: 50_000.0,
        measure: || nanos_each(2_000, network::build_and_drop),
    },
    Benchmark {
        name: "bytes_per_idle_host",
        about: "resident memory of an idle host in the network",
        unit: Unit::Bytes,
        target: 1_000.0,
        measure: || Ok(network::bytes_per_idle_host(100_000)? as f64),
    },
    Benchmark {
        name: "ice_session_ms",
        about: "one webrtc-ice session, connect to close, all in",
        unit: Unit::Milliseconds,
        target: 6.0,
        measure: || Ok(best(SESSION_ROUNDS, session::ice_session)?.as_secs_f64() * 1e3),
    },
    Benchmark {
        name: "dht_call_ms",
        about: "a call through a swarm of 64 nodes of OpenDHT, with its ICE session, all in",
        unit: Unit::Milliseconds,
        target: 60.0,
        measure: || Ok(best(SESSION_ROUNDS, dht::call)?.as_secs_f64() * 1e3),
    },
    Benchmark {
        name: "dht_1000_nodes_s",
        about: "1000 nodes of OpenDHT that begin at once, for ten virtual minutes",
        unit: Unit::Seconds,
        target: 20.0,
        measure: || Ok(dht::cold_swarm(1_000, SimDuration::from_secs(600))?.as_secs_f64()),
    },
    Benchmark {
        name: "direct_ice_datagram_ns",
        about: "a datagram over a direct pair of webrtc-ice, each at its own instant",
        unit: Unit::Nanoseconds,
        target: 5_000.0,
        measure: || ice_datagram(Mapping::EndpointIndependent, 1),
    },
    Benchmark {
        name: "relay_datagram_ns",
        about: "the same over a relayed pair, the turn crate's server included",
        unit: Unit::Nanoseconds,
        target: 8_000.0,
        measure: || ice_datagram(Mapping::AddressAndPortDependent, 1),
    },
    Benchmark {
        name: "relay_datagram_burst_ns",
        about: "the same, ten per instant",
        unit: Unit::Nanoseconds,
        target: 8_000.0,
        measure: || ice_datagram(Mapping::AddressAndPortDependent, 10),
    },
    Benchmark {
        name: "relayed_calls_speedup",
        about: "50 relayed calls, 2 Mbit/s in each, for a minute, all in",
        unit: Unit::TimesRealTime,
        target: 20.0,
        measure: || relay::relayed_calls_speedup(50, 1_000_000, SimDuration::from_secs(60)),
    },
    Benchmark {
        name: "relayed_calls_both_ways_speedup",
        about: "the same, 2 Mbit/s each way",
        unit: Unit::TimesRealTime,
        target: 10.0,
        measure: || relay::relayed_calls_speedup(50, 2_000_000, SimDuration::from_secs(60)),
    },
    Benchmark {
        name: "quic_cpu_s_per_gb",
        about: "QUIC between processes through two NATs, both ends",
        unit: Unit::SecondsPerGigabyte,
        target: 3.0,
        measure: || gigabyte(BYTES, transport::quic),
    },
    Benchmark {
        name: "quic_bare_cpu_s_per_gb",
        about: "the same over a pipe in memory",
        unit: Unit::SecondsPerGigabyte,
        target: 3.0,
        measure: || gigabyte(BYTES, transport::bare_quic),
    },
    Benchmark {
        name: "quic_overhead",
        about: "the one against the other, in turns",
        unit: Unit::Ratio,
        target: 1.15,
        measure: quic_overhead,
    },
    Benchmark {
        name: "tcp_cpu_s_per_gb",
        about: "TCP between async tasks through two NATs, both ends",
        unit: Unit::SecondsPerGigabyte,
        target: 4.0,
        measure: || gigabyte(BYTES, transport::tcp),
    },
    Benchmark {
        name: "sctp_cpu_s_per_gb",
        about: "SCTP between processes through two NATs, both ends",
        unit: Unit::SecondsPerGigabyte,
        target: 20.0,
        measure: || gigabyte(BYTES / 5, transport::sctp),
    },
    Benchmark {
        name: "datagrams_cpu_s_per_gb",
        about: "a call between processes through two NATs, both ends",
        unit: Unit::SecondsPerGigabyte,
        target: 0.5,
        measure: || gigabyte(BYTES, transport::datagrams),
    },
];

/// Measures every figure whose name contains `only`; all of them take about half a minute.
///
/// # Errors
///
/// When a measured network loses datagrams or cannot be built, which would make the figure wrong.
pub fn measure(only: &str) -> anyhow::Result<Vec<Figure>> {
    let chosen = BENCHMARKS.iter().filter(|benchmark| benchmark.name.contains(only));
    let measured = chosen.map(|benchmark| {
        let Benchmark { name, about, unit, target, measure } = *benchmark;
        Ok(Figure { name, about, value: measure()?, unit, target })
    });
    measured.collect()
}

/// Datagrams per CPU-second, of a measurement of [`DATAGRAMS`].
fn rate(measure: impl Fn() -> anyhow::Result<Duration>) -> anyhow::Result<f64> {
    Ok(DATAGRAMS as f64 / best(ROUNDS, measure)?.as_secs_f64())
}

/// Nanoseconds for each of `count`.
fn nanos_each(
    count: u64,
    measure: impl Fn(u64) -> anyhow::Result<Duration>,
) -> anyhow::Result<f64> {
    Ok(best(ROUNDS, || measure(count))?.as_nanos() as f64 / count as f64)
}

/// Seconds for 10^9 bytes.
fn gigabyte(bytes: u64, measure: impl Fn(u64) -> anyhow::Result<Duration>) -> anyhow::Result<f64> {
    Ok(best(ROUNDS, || measure(bytes))?.as_secs_f64() * 1e9 / bytes as f64)
}

/// What the network costs on top of QUIC: both are measured in turns, so that what else goes on on
/// the machine meets both.
fn quic_overhead() -> anyhow::Result<f64> {
    let (mut network, mut bare) = (Duration::MAX, Duration::MAX);
    for _ in 0..2 * ROUNDS {
        network = network.min(transport::quic(BYTES)?);
        bare = bare.min(transport::bare_quic(BYTES)?);
    }
    Ok(network.as_secs_f64() / bare.as_secs_f64())
}

fn ice_datagram(mapping: Mapping, burst: u64) -> anyhow::Result<f64> {
    nanos_each(ICE_DATAGRAMS, |count| relay::ice_datagrams(mapping, count, burst))
}

fn best(rounds: usize, measure: impl Fn() -> anyhow::Result<Duration>) -> anyhow::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        best = best.min(measure()?);
    }
    Ok(best)
}

/// The figures as a table for people.
#[must_use]
pub fn render_human(figures: &[Figure], color: Color) -> String {
    let number = |value: f64, unit| match unit {
        Unit::PerSecond => format!("{:.2} M/s", value / 1e6),
        Unit::Ratio => format!("{value:.2} x"),
        Unit::TimesRealTime => format!("{value:.1} x"),
        Unit::Nanoseconds => format!("{:.2} us", value / 1e3),
        Unit::Milliseconds => format!("{value:.2} ms"),
        Unit::SecondsPerGigabyte => format!("{value:.2} s/GB"),
        Unit::Seconds => format!("{value:.2} s"),
        Unit::Bytes => format!("{value:.0} B"),
    };
    let mut text = String::from("Per CPU-second of one thread, best of several rounds.\n\n");
    text.push_str(&format!("{:38} {:>10} {:>12}  what\n", "figure", "measured", "target"));
    for figure in figures {
        let bound = if figure.unit.is_more_better() { ">=" } else { "<=" };
        let measured = format!("{:>10}", number(figure.value, figure.unit));
        let measured = match (color, figure.is_reached()) {
            (Color::Never, _) => measured,
            (Color::Always, true) => format!("\x1b[32m{measured}\x1b[0m"),
            (Color::Always, false) => format!("\x1b[31m{measured}\x1b[0m"),
        };
        let target = format!("{bound} {}", number(figure.target, figure.unit));
        text.push_str(&format!("{:38} {measured} {target:>12}  {}\n", figure.name, figure.about));
    }
    text
}

/// The figures as one JSON object, rounded to what the measurement can tell.
#[must_use]
pub fn render_json(figures: &[Figure]) -> String {
    let rounded = |figure: &Figure| match figure.unit {
        Unit::PerSecond | Unit::Nanoseconds | Unit::Bytes => json!(figure.value.round() as u64),
        Unit::Ratio
        | Unit::Milliseconds
        | Unit::Seconds
        | Unit::TimesRealTime
        | Unit::SecondsPerGigabyte => json!((figure.value * 100.0).round() / 100.0),
    };
    let object: Map<String, Value> =
        figures.iter().map(|figure| (figure.name.to_owned(), rounded(figure))).collect();
    format!("{:#}\n", Value::Object(object))
}
