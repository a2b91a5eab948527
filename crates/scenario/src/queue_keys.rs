//! `queue:`: where packets wait for a line, and which of them are dropped there.

use natbed_units::{ByteCount, Ppm, SimDuration};

use crate::decode::{Fields, boolean, choice, keys, number, quantity, queue};
use crate::limits::{MAX_DELAY, MAX_QUEUE, MAX_QUEUE_PACKETS};
use crate::problem::{Problem, Problems};
use crate::scenario::{Codel, FqCodel, Queue, QueueLimit, Red};
use crate::tree::{Located, Node, Value};

/// RFC 8289 sections 4.3 and 4.4, and what Linux holds.
const CODEL: Codel = Codel {
    target: SimDuration::from_millis(5),
    interval: SimDuration::from_millis(100),
    ecn: false,
    limit: QueueLimit { bytes: None, packets: Some(1_000) },
};

/// RFC 8290 section 5.2; the quantum is an IP packet of Ethernet.
const FQ_CODEL: FqCodel = FqCodel {
    codel: Codel {
        ecn: true,
        limit: QueueLimit { bytes: Some(ByteCount::new(32 << 20)), packets: Some(10_240) },
        ..CODEL
    },
    flows: 1_024,
    quantum: ByteCount::new(1_500),
};

/// The share of RED just below its upper threshold: what its authors came to advise.
const RED_SHARE: u32 = 100_000;
/// How slowly the average of RED follows: 0.002, as its authors advise.
const RED_WEIGHT: u32 = 9;

/// A size, or a discipline with its parameters.
pub(crate) fn decode(node: &Node, problems: &mut Problems) -> Option<Located<Queue>> {
    if !matches!(node.value, Value::Mapping(_)) {
        return queue(node, problems).map(|size| Located::new(Queue::drop_tail(size), node.span));
    }
    let entry = choice(node, &keys::QUEUE, problems)?;
    let (table, discipline): (_, fn(&Fields<'_>, &mut Problems) -> Option<Queue>) =
        match &*entry.key.value {
            "drop_tail" => (&keys::DROP_TAIL, drop_tail),
            "codel" => {
                (&keys::CODEL, |fields, problems| codel(fields, CODEL, problems).map(Queue::Codel))
            }
            "fq_codel" => (&keys::FQ_CODEL, fq_codel),
            _ => (&keys::RED, red),
        };
    let fields = Fields::open(&entry.value, entry.key.span, table, problems)?;
    Some(Located::new(discipline(&fields, problems)?, node.span))
}

/// What is given of `bytes` and `packets`, else `default`.
fn limit(
    fields: &Fields<'_>,
    default: Option<QueueLimit>,
    problems: &mut Problems,
) -> Option<QueueLimit> {
    let bytes = fields.optional("bytes", problems, queue);
    let packets = fields.optional("packets", problems, |node, problems| {
        number(node, "a number of packets", 1..=MAX_QUEUE_PACKETS, problems)
    });
    if fields.get("bytes").is_some() || fields.get("packets").is_some() {
        return Some(QueueLimit { bytes, packets });
    }
    if default.is_none() {
        problems.push(
            Problem::new(fields.at(), "the queue needs the key `bytes` or `packets`")
                .label("would hold everything"),
        );
    }
    default
}

fn drop_tail(fields: &Fields<'_>, problems: &mut Problems) -> Option<Queue> {
    limit(fields, None, problems).map(Queue::DropTail)
}

fn codel(fields: &Fields<'_>, default: Codel, problems: &mut Problems) -> Option<Codel> {
    let time = |node: &Node, problems: &mut Problems| {
        let range = SimDuration::from_nanos(1)..=MAX_DELAY;
        quantity::within(node, "a time in a queue", range, problems)
    };
    let target = fields.optional("target", problems, time);
    let interval = fields.optional("interval", problems, time);
    let codel = Codel {
        target: target.map_or(default.target, |target| target.value),
        interval: interval.map_or(default.interval, |interval| interval.value),
        ecn: fields.optional("ecn", problems, boolean).unwrap_or(default.ecn),
        limit: limit(fields, Some(default.limit), problems)?,
    };
    if let Some(at) = interval.or(target).filter(|_| codel.interval < codel.target) {
        let (interval, target) = (codel.interval, codel.target);
        problems.push(
            Problem::new(at.span, format!("the interval {interval} is below the target {target}"))
                .label("CoDel waits for longer than its target"),
        );
    }
    Some(codel)
}

fn fq_codel(fields: &Fields<'_>, problems: &mut Problems) -> Option<Queue> {
    let codel = codel(fields, FQ_CODEL.codel, problems)?;
    let flows = fields.optional("flows", problems, |node, problems| {
        number(node, "a number of flows", 1..=65_536, problems)
    });
    let quantum = fields.optional("quantum", problems, |node, problems| {
        quantity::within(node, "a quantum", ByteCount::new(64)..=MAX_QUEUE, problems)
    });
    Some(Queue::FqCodel(FqCodel {
        codel,
        flows: flows.unwrap_or(FQ_CODEL.flows),
        quantum: quantum.map_or(FQ_CODEL.quantum, |quantum| quantum.value),
    }))
}

fn red(fields: &Fields<'_>, problems: &mut Problems) -> Option<Queue> {
    let mut threshold = |key: &'static str| {
        let entry = fields.required(key, problems)?;
        let range = ByteCount::new(1)..=MAX_QUEUE;
        quantity::within(&entry.value, "a threshold", range, problems)
    };
    let (min, max) = (threshold("min"), threshold("max"));
    let max_share = fields.optional("max_share", problems, |node, problems| {
        let least = Ppm::new(1).unwrap_or(Ppm::ONE);
        quantity::within(node, "a share to drop", least..=Ppm::ONE, problems)
    });
    let weight = fields.optional("weight", problems, |node, problems| {
        number(node, "a power of two", 1..=24, problems)
    });
    let ecn = fields.optional("ecn", problems, boolean).unwrap_or(false);
    let limit = limit(fields, None, problems);
    let (min, max) = (min?, max?);
    if min.value >= max.value {
        problems.push(
            Problem::new(
                max.span,
                format!("the threshold {} is not above {}", max.value, min.value),
            )
            .label("expected more")
            .related(min.span, "the lower one"),
        );
    }
    Some(Queue::Red(Red {
        min: min.value,
        max: max.value,
        max_share: max_share.map(|share| share.value).or(Ppm::new(RED_SHARE))?,
        weight: u8::try_from(weight.unwrap_or(RED_WEIGHT)).ok()?,
        ecn,
        limit: limit?,
    }))
}
