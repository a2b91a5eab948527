//! One side of a call.

use bytes::Bytes;
use natbed_network::observe::accounting::Histogram;
use natbed_units::{SimDuration, SimTime};

use super::arrivals::{Arrival, Arrivals};
use super::gaps::Gaps;
use super::jitter::Jitter;
use super::schedule::Schedule;
use super::{CallConfig, CallReport};
use crate::series::Series;
use crate::side::{Side, SideReport};

/// Bytes before the media: what is not of this side, and the number.
pub(super) const HEADER: usize = PREFIX + NUMBER;
/// Bytes of the tag and of the time of sending, which whoever runs the side writes and takes off.
const PREFIX: usize = 16;
/// Bytes of a datagram's number.
const NUMBER: usize = 8;

/// How long after the end, or the last arrival if that is later, missing datagrams are waited for.
const PATIENCE: SimDuration = SimDuration::from_secs(2);

/// One side of the load: it sends, or receives, or both.
pub(crate) struct Call {
    config: CallConfig,
    schedule: Schedule,
    started: Option<SimTime>,
    /// The latest time that it was told.
    latest: SimTime,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
}

#[derive(Default)]
struct Sender {
    /// The number of the next datagram, and how many have been sent.
    next: u64,
    last_sent: Option<SimTime>,
    /// When the next one is due; `None` before the start, and when all are sent.
    due: Option<SimTime>,
}

struct Receiver {
    arrivals: Arrivals,
    received: u64,
    received_bytes: u64,
    duplicates: u64,
    reordered: u64,
    /// When the other side must have sent its first datagram, by the first one that arrived.
    other_started: SimTime,
    first_received: Option<SimTime>,
    last_received: Option<SimTime>,
    delays: Histogram,
    delay_min: SimDuration,
    jitter: Jitter,
    gaps: Gaps,
    series: Option<Series>,
    is_done: bool,
}

impl Call {
    /// Makes the side of the peer with this number, 0 or 1.
    pub(crate) fn new(config: CallConfig, peer: usize) -> Self {
        let schedule = Schedule::new(&config);
        let receives = config.direction.sends(1 - peer);
        Self {
            config,
            schedule,
            started: None,
            latest: SimTime::ZERO,
            sender: config.direction.sends(peer).then(Sender::default),
            receiver: receives.then(|| Receiver::new(&config, &schedule)),
        }
    }

    /// When what is missing is given up; `None` if nothing is waited for.
    fn deadline(&self) -> Option<SimTime> {
        let receiver = self.receiver.as_ref().filter(|receiver| !receiver.is_done)?;
        let end = self.started? + self.config.duration;
        Some(receiver.last_received.map_or(end, |last| last.max(end)) + PATIENCE)
    }
}

impl Receiver {
    fn new(config: &CallConfig, schedule: &Schedule) -> Self {
        Self {
            arrivals: Arrivals::new(schedule.total()),
            received: 0,
            received_bytes: 0,
            duplicates: 0,
            reordered: 0,
            other_started: SimTime::ZERO,
            first_received: None,
            last_received: None,
            delays: Histogram::default(),
            delay_min: SimDuration::from_nanos(u64::MAX),
            jitter: Jitter::default(),
            gaps: Gaps::new(config.freeze_after),
            series: None,
            is_done: false,
        }
    }

    fn note(
        &mut self,
        now: SimTime,
        schedule: &Schedule,
        number: u64,
        sent_at: SimTime,
        bytes: u64,
    ) {
        match self.arrivals.note(number) {
            Arrival::Again => {
                self.duplicates += 1;
                return;
            }
            Arrival::Reordered => self.reordered += 1,
            Arrival::InOrder => {}
        }
        self.received += 1;
        self.received_bytes += bytes;
        let delay = now.saturating_since(sent_at);
        self.delays.record(delay);
        self.delay_min = self.delay_min.min(delay);
        self.jitter.record(delay);
        match self.last_received.replace(now) {
            Some(last) => self.gaps.push(last, now),
            None => {
                self.first_received = Some(now);
                let since = sent_at.as_nanos().saturating_sub(schedule.due(number).as_nanos());
                self.other_started = SimTime::from_nanos(since);
            }
        }
        if let Some(series) = &mut self.series {
            series.add(now, bytes);
        }
        self.is_done |= self.received == schedule.total();
    }

    /// The gaps, with those before the first and after the last arrival.
    fn gaps(&self, schedule: &Schedule, started: SimTime, latest: SimTime) -> Gaps {
        let mut gaps = self.gaps.clone();
        let Some(last_number) = schedule.total().checked_sub(1) else { return gaps };
        let last_due = schedule.due(last_number);
        if let (Some(first), Some(last)) = (self.first_received, self.last_received) {
            let soonest = self.other_started + self.delay_min;
            gaps.push_front(soonest, first);
            gaps.push(last, (soonest + last_due).min(latest));
        } else {
            gaps.push(started, (started + last_due).min(latest));
        }
        gaps
    }

    fn report(&self, report: &mut CallReport, gaps: Gaps) {
        let delays = (self.received > 0).then(|| self.delays.quantiles());
        report.expected = self.arrivals.next();
        report.received = self.received;
        report.received_bytes = self.received_bytes;
        report.duplicates = self.duplicates;
        report.reordered = self.reordered;
        report.first_received = self.first_received;
        report.last_received = self.last_received;
        report.delay_p50 = delays.map(|delays| delays.p50);
        report.delay_p95 = delays.map(|delays| delays.p95);
        report.delay_p99 = delays.map(|delays| delays.p99);
        report.delay_max = delays.map(|delays| delays.max);
        report.jitter = self.jitter.value();
        report.jitter_max = self.jitter.max();
        report.freezes = gaps.freezes;
        report.frozen = gaps.frozen;
        report.outages = gaps.outages;
        report.series = self.series.clone();
    }
}

impl Side for Call {
    fn start(&mut self, now: SimTime) {
        (self.started, self.latest) = (Some(now), now);
        if let Some(sender) = &mut self.sender {
            sender.due = (self.schedule.total() > 0).then_some(now);
        }
        if let Some(receiver) = &mut self.receiver {
            receiver.series = self.config.sample.map(|interval| Series::new(now, interval));
            receiver.is_done = self.schedule.total() == 0;
        }
    }

    fn handle_datagram(&mut self, now: SimTime, sent_at: Option<SimTime>, payload: Bytes) {
        self.latest = now;
        let Some(receiver) = &mut self.receiver else { return };
        let (Some(sent_at), Some(number)) = (sent_at, payload.first_chunk()) else { return };
        let number = u64::from_be_bytes(*number);
        if number < self.schedule.total() {
            let bytes = (PREFIX + payload.len()) as u64;
            receiver.note(now, &self.schedule, number, sent_at, bytes);
        }
    }

    fn handle_timeout(&mut self, now: SimTime) {
        self.latest = now;
        let is_late = self.deadline().is_some_and(|deadline| deadline <= now);
        if let Some(receiver) = &mut self.receiver {
            receiver.is_done |= is_late;
        }
    }

    fn poll_transmit(&mut self, now: SimTime, datagram: &mut Vec<u8>) -> bool {
        let (Some(sender), Some(started)) = (&mut self.sender, self.started) else { return false };
        if sender.due.is_none_or(|due| now < due) {
            return false;
        }
        self.latest = now;
        let media = self.config.size.bytes() as usize; // checked to be small
        let end = datagram.len() + media.saturating_sub(PREFIX).max(NUMBER);
        datagram.extend(sender.next.to_be_bytes());
        datagram.resize(end, 0);
        sender.next += 1;
        sender.last_sent = Some(now);
        let has_more = sender.next < self.schedule.total();
        sender.due = has_more.then(|| started + self.schedule.due(sender.next));
        true
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        let due = self.sender.as_ref().and_then(|sender| sender.due);
        due.into_iter().chain(self.deadline()).min()
    }

    fn is_done(&self) -> bool {
        let sends = self.sender.as_ref().is_some_and(|sender| sender.due.is_some());
        let receives = self.receiver.as_ref().is_some_and(|receiver| !receiver.is_done);
        !sends && !receives
    }

    fn report(&self) -> SideReport {
        let mut report = CallReport { started: self.started, ..CallReport::default() };
        if let Some(sender) = &self.sender {
            report.sent = sender.next;
            report.sent_bytes = sender.next * self.config.size.bytes();
            report.last_sent = sender.last_sent;
        }
        if let (Some(receiver), Some(started)) = (&self.receiver, self.started) {
            let gaps = receiver.gaps(&self.schedule, started, self.latest);
            receiver.report(&mut report, gaps);
        }
        SideReport::Call(Box::new(report))
    }
}

#[cfg(test)]
mod tests;
