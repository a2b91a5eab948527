//! One direction of a link as written: its line and what both directions have.

use std::sync::Arc;

use natbed_units::trace::Trace;
use natbed_units::{ByteCount, Ppm, Rate, SimDuration};

use crate::catalogue::Catalogue;
use crate::decode::{
    Fields, at_most, choice, delay, keys, list, mtu, none_or, number, parse, quantity, rate,
    span_of_run, text,
};
use crate::limits::{MAX_QUEUE, MAX_RATE, MAX_STEPS};
use crate::problem::{Problem, Problems};
use crate::scenario::{Jitter, Line, Loss, Pipe, Queue, RateSchedule, Shaper};
use crate::tree::{Entry, Located, Node, Span, Value};
use crate::{queue_keys, wire_keys};

/// The keys of a pipe that the file gives.
#[derive(Clone, Debug, Default)]
pub(crate) struct PipeKeys {
    line: Option<Line>,
    /// Where the burst of a shaper stands.
    pub(crate) burst: Option<Span>,
    delay: Option<SimDuration>,
    pub(crate) queue: Option<Located<Queue>>,
    pub(crate) mtu: Option<Located<u16>>,
    loss: Option<Loss>,
    jitter: Option<Option<Jitter>>,
    duplicate: Option<Ppm>,
    corrupt: Option<Ppm>,
}

impl PipeKeys {
    /// The keys of one direction at `entry`.
    pub(crate) fn decode(
        entry: &Entry,
        catalogue: &Catalogue<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let fields = Fields::open(&entry.value, entry.key.span, &keys::PIPE, problems)?;
        let (line, burst) = line(&fields, catalogue, problems);
        Some(Self { line, burst, ..Self::common(&fields, problems) })
    }

    /// One direction of which only the rate is given.
    pub(crate) fn of_rate(node: &Node, problems: &mut Problems) -> Self {
        Self { line: rate(node, problems).map(Line::Rate), ..Self::default() }
    }

    /// The keys that a link has as well as each of its directions.
    pub(crate) fn common(fields: &Fields<'_>, problems: &mut Problems) -> Self {
        let share = |node: &Node, problems: &mut Problems| {
            parse(node, "a share, like `0.1%`", problems).map(|share: Located<Ppm>| share.value)
        };
        Self {
            line: None,
            burst: None,
            delay: fields.optional("delay", problems, delay),
            queue: fields.optional("queue", problems, queue_keys::decode),
            mtu: fields.optional("mtu", problems, mtu),
            loss: fields.optional("loss", problems, wire_keys::loss),
            jitter: fields.optional("jitter", problems, none_or(wire_keys::jitter)),
            duplicate: fields.optional("duplicate", problems, share),
            corrupt: fields.optional("corrupt", problems, share),
        }
    }

    /// Makes the pipe that has these keys and is like `base` otherwise.
    pub(crate) fn over(&self, base: Pipe) -> Pipe {
        Pipe {
            line: self.line.clone().unwrap_or(base.line),
            delay: self.delay.unwrap_or(base.delay),
            queue: self.queue.map_or(base.queue, |queue| queue.value),
            mtu: self.mtu.map(|mtu| mtu.value).or(base.mtu),
            loss: self.loss.clone().unwrap_or(base.loss),
            jitter: self.jitter.unwrap_or(base.jitter),
            duplicate: self.duplicate.unwrap_or(base.duplicate),
            corrupt: self.corrupt.unwrap_or(base.corrupt),
        }
    }
}

/// The line, and where the burst of a shaper stands: one of `rate`, `trace` and `schedule`.
fn line(
    fields: &Fields<'_>,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> (Option<Line>, Option<Span>) {
    let mut kinds = ["rate", "trace", "schedule"].into_iter().filter_map(|key| fields.get(key));
    let first = kinds.next();
    for other in kinds {
        let message = "a line has a `rate`, a `trace` or a `schedule`";
        let problem = Problem::new(other.key.span, message).label("one of them only");
        problems.push(match first {
            Some(first) => problem.related(first.key.span, "already says how fast it is"),
            None => problem,
        });
    }
    for key in ["burst", "peak"] {
        if let Some(entry) = fields.get(key)
            && fields.get("rate").is_none()
        {
            problems.push(
                Problem::new(entry.key.span, format!("`{key}` needs a `rate`"))
                    .label("without effect here"),
            );
        }
    }
    if let (Some(peak), None) = (fields.get("peak"), fields.get("burst")) {
        problems.push(
            Problem::new(peak.key.span, "`peak` needs a `burst`")
                .label("nothing goes faster than the rate without one"),
        );
    }
    let line = match first {
        None => None,
        Some(entry) if &*entry.key.value == "rate" => {
            return shaped(&entry.value, fields, problems);
        }
        Some(entry) if &*entry.key.value == "trace" => trace(&entry.value, catalogue, problems),
        Some(entry) => schedule(&entry.value, problems),
    };
    (line, None)
}

/// A fixed rate, or a token bucket if there is a burst.
fn shaped(
    node: &Node,
    fields: &Fields<'_>,
    problems: &mut Problems,
) -> (Option<Line>, Option<Span>) {
    let average = rate(node, problems);
    let burst = fields.optional("burst", problems, |node, problems| {
        quantity::within(node, "a burst", ByteCount::new(1)..=MAX_QUEUE, problems)
    });
    let peak = fields.optional("peak", problems, |node, problems| {
        let range = Rate::from_bits_per_second(1)..=MAX_RATE;
        quantity::within(node, "a peak rate", range, problems)
    });
    let Some(average) = average else { return (None, None) };
    if let Some(peak) = peak.filter(|peak| peak.value < average) {
        problems.push(
            Problem::new(peak.span, format!("the peak rate {} is below the rate", peak.value))
                .label(format!("expected at least {average}"))
                .related(node.span, "the rate"),
        );
    }
    let Some(burst) = burst else { return (Some(Line::Rate(average)), None) };
    let peak = peak.map(|peak| peak.value);
    let shaper = Shaper { rate: average, burst: burst.value, peak };
    (Some(Line::Shaper(shaper)), Some(burst.span))
}

/// `{ file: .. }` or `{ opportunities_ms: [..] }`.
fn trace(node: &Node, catalogue: &Catalogue<'_>, problems: &mut Problems) -> Option<Line> {
    let entry = choice(node, &keys::TRACE, problems)?;
    if &*entry.key.value == "file" {
        let name = text(&entry.value, "the name of a file", problems)?;
        return match catalogue.trace(name.value)? {
            Ok(trace) => Some(Line::Trace(Arc::clone(trace))),
            Err(message) => {
                problems.push(Problem::new(name.span, message).label("the trace cannot be used"));
                None
            }
        };
    }
    let items = list(&entry.value, problems)?;
    let mut times = String::new();
    for item in items {
        let time = number(item, "a time in milliseconds", 0..=Trace::MILLIS_MAX, problems)?;
        times.push_str(&format!("{time}\n"));
    }
    match Trace::parse(&times) {
        Ok(trace) => Some(Line::Trace(Arc::new(trace))),
        Err(error) => {
            let span = items.get(error.line - 1).map_or(entry.value.span, |item| item.span);
            problems.push(Problem::new(span, error.problem.to_string()).label("is no trace"));
            None
        }
    }
}

/// A list of steps, or `{ steps: [..], repeat: .. }`.
fn schedule(node: &Node, problems: &mut Problems) -> Option<Line> {
    let (steps, repeat) = match &node.value {
        Value::Mapping(_) => {
            let fields = Fields::open(node, node.span, &keys::SCHEDULE, problems)?;
            let repeat = fields.optional("repeat", problems, span_of_run);
            (&fields.required("steps", problems)?.value, repeat)
        }
        _ => (node, None),
    };
    let items = list(steps, problems)?;
    let items = at_most(items, MAX_STEPS, "steps of a schedule", |item| item.span, problems);
    let mut made: Vec<(SimDuration, Rate)> = Vec::with_capacity(items.len());
    for item in items {
        let fields = Fields::open(item, item.span, &keys::STEP, problems)?;
        let at = fields.required("at", problems);
        let at = at.and_then(|entry| span_of_run(&entry.value, problems));
        let rate = fields.required("rate", problems).and_then(|entry| {
            let range = Rate::from_bits_per_second(0)..=MAX_RATE;
            quantity::within(&entry.value, "a link rate", range, problems)
        });
        let (at, rate) = (at?, rate?);
        let is_right = made.last().map_or(at.value.is_zero(), |(before, _)| *before < at.value);
        if !is_right {
            problems.push(
                Problem::new(at.span, "the steps of a schedule begin at 0s and follow each other")
                    .label(made.last().map_or_else(
                        || "expected `0s`".to_owned(),
                        |(before, _)| format!("expected more than {before}"),
                    )),
            );
            return None;
        }
        made.push((at.value, rate.value));
    }
    let Some((last, last_rate)) = made.last().copied() else {
        problems.push(Problem::new(steps.span, "a schedule needs a step").label("is empty"));
        return None;
    };
    if let Some(repeat) = repeat.filter(|repeat| repeat.value <= last) {
        problems.push(
            Problem::new(repeat.span, "the schedule begins anew before its last step")
                .label(format!("expected more than {last}")),
        );
        return None;
    }
    let nothing = |rate: Rate| rate.bits_per_second() == 0;
    let is_stuck = match repeat {
        None => nothing(last_rate),
        Some(_) => made.iter().all(|(_, rate)| nothing(*rate)),
    };
    if is_stuck {
        problems.push(
            Problem::new(steps.span, "what waits at the end of this schedule waits for ever")
                .label("ends at a rate of zero")
                .help("a link that is cut is the event `link_down`"),
        );
        return None;
    }
    let repeat = repeat.map(|repeat| repeat.value);
    Some(Line::Schedule(Arc::new(RateSchedule { steps: made, repeat })))
}
