//! Loads against what is expected of them, with the bottleneck where there is one.

use std::fmt::Display;

use natbed_report::{
    CallDirection, CallRecord, EchoRecord, LoadRecord, TransferDirection, TransferRecord,
    compact_bytes, compact_duration, compact_rate,
};
use natbed_scenario::{Bounds, LoadExpect};
use natbed_units::{ByteCount, Ppm, Rate, SimDuration};

use super::{JudgedLoad, Observed, why_ended};

/// Says of every transfer that has begun and not ended where it stood and why, as far as that is
/// known. That fails a session whatever is expected of it.
pub(super) fn check_ends(observed: &Observed<'_>, reasons: &mut Vec<String>) {
    let is_over = observed.report.is_some_and(|report| !report.is_cut_off);
    let (end, at) = observed.end;
    let why = match is_over {
        true => "the session ended".to_owned(),
        false => format!("the run {}, at {at},", why_ended(end)),
    };
    for judged in &observed.loads {
        let of = of(judged);
        match judged.record {
            Some(record) => {
                let transfers = record.transfer().into_iter();
                for direction in transfers.flat_map(|record| &record.directions) {
                    check_end(&of, record, direction, &why, reasons);
                }
            }
            None if !is_over && observed.is_connected() && judged.load.load.kind() != "echo" => {
                reasons.push(format!("unfinished{of}: {why} before the load had begun"));
            }
            None => {}
        }
    }
}

fn check_end(
    of: &str,
    record: &LoadRecord,
    direction: &TransferDirection,
    why: &str,
    reasons: &mut Vec<String>,
) {
    let stood = progress(direction);
    let tail = tail(record);
    if let Some(failure) = &direction.failure {
        reasons.push(format!("aborted{of}: {failure}; {stood}{tail}"));
    } else if !direction.is_complete() {
        let connected = match direction.connected_ns {
            Some(_) => "",
            None => ", the transport was not connected",
        };
        reasons.push(format!("unfinished{of}: {why} when {stood}{connected}{tail}"));
    }
}

/// How much had arrived, of what, and when the last of it had.
fn progress(direction: &TransferDirection) -> String {
    let (from, to) = (&direction.from, &direction.to);
    let arrived = match direction.bytes {
        0 => "nothing".to_owned(),
        bytes => compact_bytes(bytes),
    };
    let offered = direction.offered_bytes.map(|bytes| format!(" of {}", ByteCount::new(bytes)));
    let last = direction.started_at_ns.zip(direction.last_byte_ns).map(|(start, last)| {
        let millis = (start + last) / 1_000_000;
        format!(", the last of it at {}", SimDuration::from_millis(millis))
    });
    let (offered, last) = (offered.unwrap_or_default(), last.unwrap_or_default());
    format!("{arrived}{offered} had arrived from {from} to {to}{last}")
}

/// Holds a load against its expectation.
pub(super) fn check(judged: &JudgedLoad<'_>, reasons: &mut Vec<String>) {
    let expect = &judged.load.expect;
    if expect.is_empty() {
        return;
    }
    let of = of(judged);
    let mut check = Check { of: &of, place: String::new(), tail: String::new(), reasons };
    match judged.record {
        None if judged.load.load.kind() == "echo" => check.echo(expect, None),
        None => check.nothing(expect),
        Some(LoadRecord::Echo(echo)) => check.echo(expect, Some(echo)),
        Some(
            record @ (LoadRecord::Quic(transfer)
            | LoadRecord::Sctp(transfer)
            | LoadRecord::Tcp(transfer)),
        ) => {
            check.tail = tail(record);
            check.transfer(expect, transfer);
        }
        Some(record @ LoadRecord::Datagrams(call)) => {
            check.tail = tail(record);
            check.call(expect, call);
        }
    }
}

fn of(judged: &JudgedLoad<'_>) -> String {
    judged.load.name.as_ref().map(|name| format!(" of {name}")).unwrap_or_default()
}

fn tail(record: &LoadRecord) -> String {
    let bottleneck = record.bottleneck();
    bottleneck.map(|found| format!("; bottleneck {}", found.pipe)).unwrap_or_default()
}

/// Where reasons go, and what each of them says besides its metric.
struct Check<'a> {
    /// ` of NAME`, for a load that has one.
    of: &'a str,
    /// ` from HOST to HOST`, for what is measured by direction.
    place: String,
    /// What slowed it down.
    tail: String,
    reasons: &'a mut Vec<String>,
}

impl Check<'_> {
    fn echo(&mut self, expect: &LoadExpect, record: Option<&EchoRecord>) {
        let stats = record.map(|record| &record.total);
        self.bounds("loss", expect.loss, |limit, word| {
            let Some(stats) = stats else { return Some("nothing was sent".to_owned()) };
            let is_kept = word.keeps(&Ppm::ratio(stats.lost, stats.sent), &limit);
            (!is_kept).then(|| format!("{} of {} echoes were lost", stats.lost, stats.sent))
        });
        let round_trips = [
            ("rtt_p50", expect.rtt_p50, stats.and_then(|stats| stats.rtt_p50_ns)),
            ("rtt_p95", expect.rtt_p95, stats.and_then(|stats| stats.rtt_p95_ns)),
        ];
        for (key, bounds, measured) in round_trips {
            self.bounds(key, bounds, |limit, word| {
                let Some(measured) = measured else { return Some("no echo came back".to_owned()) };
                let measured = SimDuration::from_nanos(measured);
                (!word.keeps(&measured, &limit)).then(|| format!("measured {measured}"))
            });
        }
    }

    fn transfer(&mut self, expect: &LoadExpect, record: &TransferRecord) {
        for direction in &record.directions {
            let TransferDirection { from, to, .. } = direction;
            self.place = format!(" from {from} to {to}");
            self.rate("goodput", expect.goodput, direction.goodput_bps);
            if let Some(limit) = expect.complete_within {
                let took = direction.completed_ns.map(SimDuration::from_nanos);
                let found = match took {
                    None => Some(format!("it did not{}", self.place)),
                    Some(took) if took > limit => Some(format!("took {took}{}", self.place)),
                    Some(_) => None,
                };
                if let Some(found) = found {
                    let (of, tail) = (self.of, &self.tail);
                    self.reasons.push(format!(
                        "complete_within{of}: expected all to arrive within {limit}, {found}{tail}"
                    ));
                }
            }
            self.time("delay_p50", expect.delay_p50, direction.delay_p50_ns);
            self.time("delay_p95", expect.delay_p95, direction.delay_p95_ns);
            self.time("delay_p99", expect.delay_p99, direction.delay_p99_ns);
            let again = (direction.datagrams > 0).then_some(direction.retransmitted_ppm);
            self.share("retransmitted", expect.retransmitted, again);
        }
    }

    fn call(&mut self, expect: &LoadExpect, record: &CallRecord) {
        for direction in &record.directions {
            let CallDirection { from, to, .. } = direction;
            self.place = format!(" from {from} to {to}");
            self.rate("goodput", expect.goodput, direction.goodput_bps);
            self.share("loss", expect.loss, (direction.sent > 0).then_some(direction.loss_ppm));
            self.time("delay_p50", expect.delay_p50, direction.delay_p50_ns);
            self.time("delay_p95", expect.delay_p95, direction.delay_p95_ns);
            self.time("delay_p99", expect.delay_p99, direction.delay_p99_ns);
            self.time("jitter", expect.jitter, direction.jitter_ns);
            let freezes = u32::try_from(direction.freezes).unwrap_or(u32::MAX);
            self.measured("freezes", expect.freezes, Some(freezes), u32::to_string);
        }
    }

    /// A load that never began keeps no expectation.
    fn nothing(&mut self, expect: &LoadExpect) {
        let never = || Some("the load never began".to_owned());
        self.bounds("goodput", expect.goodput, |_, _| never());
        if let Some(limit) = expect.complete_within {
            let of = self.of;
            self.reasons.push(format!(
                "complete_within{of}: expected all to arrive within {limit}, the load never began"
            ));
        }
        self.bounds("loss", expect.loss, |_, _| never());
        self.bounds("delay_p50", expect.delay_p50, |_, _| never());
        self.bounds("delay_p95", expect.delay_p95, |_, _| never());
        self.bounds("delay_p99", expect.delay_p99, |_, _| never());
        self.bounds("jitter", expect.jitter, |_, _| never());
        self.bounds("freezes", expect.freezes, |_, _| never());
        self.bounds("retransmitted", expect.retransmitted, |_, _| never());
    }

    fn rate(&mut self, key: &str, bounds: Option<Bounds<Rate>>, measured: Option<u64>) {
        let measured = measured.map(Rate::from_bits_per_second);
        self.measured(key, bounds, measured, |rate| compact_rate(rate.bits_per_second()));
    }

    fn time(&mut self, key: &str, bounds: Option<Bounds<SimDuration>>, measured: Option<u64>) {
        let measured = measured.map(SimDuration::from_nanos);
        self.measured(key, bounds, measured, |span| compact_duration(*span));
    }

    fn share(&mut self, key: &str, bounds: Option<Bounds<Ppm>>, measured: Option<u32>) {
        self.measured(key, bounds, measured.and_then(Ppm::new), Ppm::to_string);
    }

    /// Holds a measurement of the direction at hand against its bounds; `show` prints it short.
    fn measured<T: Copy + PartialOrd + Display>(
        &mut self,
        key: &str,
        bounds: Option<Bounds<T>>,
        measured: Option<T>,
        show: impl Fn(&T) -> String,
    ) {
        let (place, tail) = (self.place.clone(), self.tail.clone());
        self.bounds(key, bounds, |limit, word| {
            let Some(measured) = measured else { return Some(format!("nothing arrived{place}")) };
            if word.keeps(&measured, &limit) {
                return None;
            }
            // Rounded to what is expected, it would look as if it were kept.
            let (short, exact) = (show(&measured), measured.to_string());
            let shown = if short == show(&limit) { exact } else { short };
            Some(format!("measured {shown}{place}{tail}"))
        });
    }

    /// Adds a reason for each bound about which `found` has something to say.
    fn bounds<T: Copy + Display>(
        &mut self,
        key: &str,
        bounds: Option<Bounds<T>>,
        found: impl Fn(T, Word) -> Option<String>,
    ) {
        let Some(Bounds { at_least, at_most }) = bounds else { return };
        for (limit, word) in [(at_least, Word::AtLeast), (at_most, Word::AtMost)] {
            let Some(limit) = limit else { continue };
            if let Some(found) = found(limit, word) {
                let (of, word) = (self.of, word.as_str());
                self.reasons.push(format!("{key}{of}: expected {word} {limit}, {found}"));
            }
        }
    }
}

/// Which side of a bound is the right one.
#[derive(Clone, Copy)]
enum Word {
    AtLeast,
    AtMost,
}

impl Word {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast => "at least",
            Self::AtMost => "at most",
        }
    }

    fn keeps<T: PartialOrd>(self, measured: &T, limit: &T) -> bool {
        match self {
            Self::AtLeast => measured >= limit,
            Self::AtMost => measured <= limit,
        }
    }
}
