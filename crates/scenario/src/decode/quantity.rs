//! Quantities with a unit, each held against what is sensible for it.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use natbed_units::{ByteCount, Rate, SimDuration};

use super::scalar;
use crate::limits::{
    MAX_DELAY, MAX_HORIZON, MAX_MTU, MAX_QUEUE, MAX_RATE, MAX_TIMER, MIN_MTU, MIN_QUEUE,
};
use crate::problem::{Problem, Problems};
use crate::tree::{Located, Node};

/// A quantity that must lie within `range`; `what` names it with its article.
pub(crate) fn within<T>(
    node: &Node,
    what: &str,
    range: RangeInclusive<T>,
    problems: &mut Problems,
) -> Option<Located<T>>
where
    T: FromStr<Err: Display> + Display + PartialOrd,
{
    let quantity: Located<T> = scalar::parse(node, what, problems)?;
    let (least, most) = range.into_inner();
    let problem = if quantity.value < least {
        format!("{} is too little for {what}", quantity.value)
    } else if quantity.value > most {
        format!("{} is too much for {what}", quantity.value)
    } else {
        return Some(quantity);
    };
    problems.push(Problem::new(node.span, problem).label(format!("expected {least} to {most}")));
    None
}

/// A propagation delay, up to a minute.
pub(crate) fn delay(node: &Node, problems: &mut Problems) -> Option<SimDuration> {
    within(node, "a delay", SimDuration::ZERO..=MAX_DELAY, problems).map(|delay| delay.value)
}

/// An idle timer, more than nothing and up to 100 days.
pub(crate) fn timer(node: &Node, problems: &mut Problems) -> Option<SimDuration> {
    let range = SimDuration::from_nanos(1)..=MAX_TIMER;
    within(node, "a timer", range, problems).map(|timer| timer.value)
}

/// As [`timer`], but zero has a meaning.
pub(crate) fn timer_or_zero(node: &Node, problems: &mut Problems) -> Option<SimDuration> {
    within(node, "a timer", SimDuration::ZERO..=MAX_TIMER, problems).map(|timer| timer.value)
}

/// A time within a run, up to the longest horizon.
pub(crate) fn span_of_run(node: &Node, problems: &mut Problems) -> Option<Located<SimDuration>> {
    within(node, "a time within a run", SimDuration::ZERO..=MAX_HORIZON, problems)
}

/// A link rate; a link without one is unlimited, one of zero would never deliver.
pub(crate) fn rate(node: &Node, problems: &mut Problems) -> Option<Rate> {
    let range = Rate::from_bits_per_second(1)..=MAX_RATE;
    within(node, "a link rate", range, problems).map(|rate| rate.value)
}

/// A queue's size, at least one full packet.
pub(crate) fn queue(node: &Node, problems: &mut Problems) -> Option<ByteCount> {
    within(node, "a queue", MIN_QUEUE..=MAX_QUEUE, problems).map(|queue| queue.value)
}

/// The largest packet of a link; what is too small for IPv6 may do for IPv4.
pub(crate) fn mtu(node: &Node, problems: &mut Problems) -> Option<Located<u16>> {
    let bytes = |bytes: u16| ByteCount::new(bytes.into());
    let mtu = within(node, "an MTU", bytes(MIN_MTU[0])..=bytes(MAX_MTU), problems)?;
    Some(Located::new(u16::try_from(mtu.value.bytes()).ok()?, mtu.span))
}
