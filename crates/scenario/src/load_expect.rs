//! What the outcome of a load is held against, and which load tells what.

use std::fmt::Display;
use std::str::FromStr;

use natbed_units::SimDuration;

use crate::decode::{Fields, keys, number, parse, span_of_run};
use crate::problem::{Problem, Problems};
use crate::scenario::{Amount, Bounds, Load, LoadExpect};
use crate::tree::{Entry, Located, Node};

/// What is expected of a load, as written.
#[derive(Debug, Default)]
pub(crate) struct LoadExpectKeys<'t> {
    pub(crate) expect: LoadExpect,
    /// The keys that are given, whether they were right or not.
    pub(crate) given: Vec<Located<&'t str>>,
    pub(crate) complete_within: Option<Located<SimDuration>>,
}

/// Decodes what is expected of a load, among whatever other keys there are.
pub(crate) fn decode<'t>(fields: &Fields<'t>, problems: &mut Problems) -> LoadExpectKeys<'t> {
    let given = fields.entries().iter().map(Entry::name);
    let given = given.filter(|key| keys::LOAD_EXPECT.names.contains(&key.value)).collect();
    let complete_within = fields.optional("complete_within", problems, span_of_run);
    let expect = LoadExpect {
        goodput: bounds(fields, "goodput", "a rate", problems),
        complete_within: complete_within.map(|within| within.value),
        loss: bounds(fields, "loss", "a share, like `1%`", problems),
        rtt_p50: bounds(fields, "rtt_p50", "a duration", problems),
        rtt_p95: bounds(fields, "rtt_p95", "a duration", problems),
        delay_p50: bounds(fields, "delay_p50", "a duration", problems),
        delay_p95: bounds(fields, "delay_p95", "a duration", problems),
        delay_p99: bounds(fields, "delay_p99", "a duration", problems),
        jitter: bounds(fields, "jitter", "a duration", problems),
        freezes: bounds_of(fields, "freezes", problems, |node, problems| {
            let count = number(node, "a number of freezes", 0..=u32::MAX, problems)?;
            Some(Located::new(count, node.span))
        }),
        retransmitted: bounds(fields, "retransmitted", "a share, like `1%`", problems),
    };
    LoadExpectKeys { expect, given, complete_within }
}

/// `{ at_least: .., at_most: .. }` of a value in its textual form.
fn bounds<T: FromStr<Err: Display> + Display + Copy + PartialOrd>(
    fields: &Fields<'_>,
    key: &'static str,
    what: &str,
    problems: &mut Problems,
) -> Option<Bounds<T>> {
    bounds_of(fields, key, problems, |node, problems| parse(node, what, problems))
}

fn bounds_of<T: Display + Copy + PartialOrd>(
    fields: &Fields<'_>,
    key: &'static str,
    problems: &mut Problems,
    decode: impl Fn(&Node, &mut Problems) -> Option<Located<T>>,
) -> Option<Bounds<T>> {
    let entry = fields.get(key)?;
    let fields = Fields::open(&entry.value, entry.key.span, &keys::BOUNDS, problems)?;
    let least = fields.get("at_least");
    let most = fields.get("at_most");
    if least.is_none() && most.is_none() && fields.has_only_known() {
        problems.push(
            Problem::new(entry.key.span, "a bound needs the key `at_least` or `at_most`")
                .label("bounds nothing"),
        );
    }
    let decode = |entry: &Entry, problems: &mut Problems| decode(&entry.value, problems);
    let at_least = least.and_then(|entry| decode(entry, problems));
    let at_most = most.and_then(|entry| decode(entry, problems));
    if let (Some(least), Some(most)) = (at_least, at_most)
        && least.value > most.value
    {
        let message = format!("no value is at least {} and at most {}", least.value, most.value);
        problems.push(
            Problem::new(least.span, message).label("impossible").related(most.span, "is less"),
        );
    }
    (at_least.is_some() || at_most.is_some()).then_some(Bounds {
        at_least: at_least.map(|least| least.value),
        at_most: at_most.map(|most| most.value),
    })
}

/// The keys that the outcome of a load can be held against.
pub(crate) const fn metrics(load: &Load) -> &'static [&'static str] {
    let transfer = match load {
        Load::Echo { .. } => return &["loss", "rtt_p50", "rtt_p95"],
        Load::Datagrams(_) => {
            return &[
                "goodput",
                "loss",
                "delay_p50",
                "delay_p95",
                "delay_p99",
                "jitter",
                "freezes",
            ];
        }
        Load::Quic(quic) => &quic.transfer,
        Load::Sctp(sctp) => &sctp.transfer,
        Load::Tcp(tcp) => &tcp.transfer,
    };
    match transfer.amount {
        Amount::Bytes(_) => {
            &["goodput", "complete_within", "retransmitted", "delay_p50", "delay_p95", "delay_p99"]
        }
        Amount::For(_) => &["goodput", "retransmitted", "delay_p50", "delay_p95", "delay_p99"],
    }
}

/// Reports expectations that the load tells nothing about.
pub(crate) fn check(kind: &str, load: &Load, expect: &LoadExpectKeys<'_>, problems: &mut Problems) {
    let metrics = metrics(load);
    let article = if kind == "echo" { "an" } else { "a" };
    for key in expect.given.iter().filter(|key| !metrics.contains(&key.value)) {
        let message = match key.value {
            "complete_within" if metrics.contains(&"retransmitted") => {
                format!("`complete_within` needs {article} `{kind}` load with a `size`")
            }
            metric => format!("{article} `{kind}` load has no `{metric}`"),
        };
        problems.push(
            Problem::new(key.span, message)
                .label("is not measured")
                .help(format!("it has {}", metrics.join(", "))),
        );
    }
}
