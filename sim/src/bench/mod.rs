//! How fast the simulator is: `natbed bench`.
//!
//! Every figure is CPU time of one thread, so that other load on the machine disturbs it little,
//! and the best of several rounds, since noise only ever adds.

mod hosts;
mod network;
mod session;
mod topology;

use std::time::Duration;

use natbed_report::Color;
use serde_json::{Map, Value, json};

/// Rounds of each measurement; the best counts.
const ROUNDS: usize = 5;

/// Sessions measured; the best counts.
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
    /// Bytes of memory: less is better.
    Bytes,
}

impl Figure {
    /// Says whether the target is reached.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        match self.unit {
            Unit::PerSecond => self.value >= self.target,
            _ => self.value <= self.target,
        }
    }
}

/// Measures everything; takes about ten seconds.
///
/// # Errors
///
/// When a measured network loses datagrams or cannot be built, which would make the figure wrong.
pub fn measure_all() -> anyhow::Result<Vec<Figure>> {
    const DATAGRAMS: u64 = 400_000;
    const HOSTS: u32 = 20_000;
    const AGENTS: u32 = 200;
    const IDLE_SECONDS: u64 = 3_600;
    const BUILDS: u64 = 2_000;

    let rate = |spent: Duration| DATAGRAMS as f64 / spent.as_secs_f64();
    let raw = best(|| network::two_nat_datagrams(DATAGRAMS, 100))?;
    let few = best(|| network::two_nat_datagrams(DATAGRAMS, 10))?;
    let many = best(|| network::two_nat_datagrams(DATAGRAMS, 20_000))?;
    let process = best(|| hosts::process_two_nat_datagrams(DATAGRAMS))?;
    let socket = best(|| hosts::socket_datagrams(topology::two_nats, DATAGRAMS, 1))?;
    let socket_burst = best(|| hosts::socket_datagrams(topology::two_nats, DATAGRAMS, 10))?;
    let direct_burst = best(|| hosts::socket_datagrams(topology::direct, DATAGRAMS, 10))?;
    let many_hosts = best(|| network::many_hosts_datagrams(HOSTS, DATAGRAMS))?;
    let idle = best(|| hosts::idle_agents(AGENTS, IDLE_SECONDS))?;
    let build = best(|| network::build_and_drop(BUILDS))?;
    let memory = network::bytes_per_idle_host(100_000)?;
    // A session takes milliseconds: one round is a single sample.
    let session =
        (0..SESSION_ROUNDS).map(|_| session::ice_session()).collect::<Result<Vec<_>, _>>()?;
    let session = session.into_iter().min().unwrap_or(Duration::MAX);

    let per_second =
        |name, about, value, target| Figure { name, about, value, unit: Unit::PerSecond, target };
    Ok(vec![
        per_second(
            "raw_two_nat_datagrams",
            "network alone, host - NAT - core - NAT - host",
            rate(raw),
            4e6,
        ),
        per_second("process_two_nat_datagrams", "the same between processes", rate(process), 3e6),
        per_second(
            "socket_two_nat_datagrams",
            "the same between async sockets, each at its own instant",
            rate(socket),
            1e6,
        ),
        per_second(
            "socket_two_nat_datagrams_burst",
            "the same, ten per instant",
            rate(socket_burst),
            2e6,
        ),
        per_second(
            "socket_direct_datagrams_burst",
            "async sockets over one link, ten per instant",
            rate(direct_burst),
            4e6,
        ),
        Figure {
            name: "in_flight_slowdown",
            about: "network alone, 20 000 on their way against 10",
            value: many.as_secs_f64() / few.as_secs_f64(),
            unit: Unit::Ratio,
            target: 2.0,
        },
        per_second(
            "many_hosts_datagrams",
            "network alone, 20 000 hosts, 20 000 on their way",
            rate(many_hosts),
            1e6,
        ),
        Figure {
            name: "idle_200_agents_ns_per_virtual_second",
            about: "200 processes that send a keepalive every 15 s",
            value: idle.as_nanos() as f64 / IDLE_SECONDS as f64,
            unit: Unit::Nanoseconds,
            target: 20_000.0,
        },
        Figure {
            name: "build_drop_two_nat_ns",
            about: "build and drop a network of two homes",
            value: build.as_nanos() as f64 / BUILDS as f64,
            unit: Unit::Nanoseconds,
            target: 50_000.0,
        },
        Figure {
            name: "bytes_per_idle_host",
            about: "resident memory of an idle host in the network",
            value: memory as f64,
            unit: Unit::Bytes,
            target: 1_000.0,
        },
        Figure {
            name: "ice_session_ms",
            about: "one webrtc-ice session, connect to close, all in",
            value: session.as_secs_f64() * 1e3,
            unit: Unit::Milliseconds,
            target: 6.0,
        },
    ])
}

fn best(measure: impl Fn() -> anyhow::Result<Duration>) -> anyhow::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
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
        Unit::Nanoseconds => format!("{:.2} us", value / 1e3),
        Unit::Milliseconds => format!("{value:.2} ms"),
        Unit::Bytes => format!("{value:.0} B"),
    };
    let mut text = String::from("Per CPU-second of one thread, best of several rounds.\n\n");
    text.push_str(&format!("{:38} {:>10} {:>12}  what\n", "figure", "measured", "target"));
    for figure in figures {
        let bound = if figure.unit == Unit::PerSecond { ">=" } else { "<=" };
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
        Unit::Ratio | Unit::Milliseconds => json!((figure.value * 100.0).round() / 100.0),
    };
    let object: Map<String, Value> =
        figures.iter().map(|figure| (figure.name.to_owned(), rounded(figure))).collect();
    format!("{:#}\n", Value::Object(object))
}
