//! The `echo` load: datagrams both ways over the selected pair, each answered by the other side.

use std::collections::VecDeque;

use bytes::Bytes;
use natbed_units::{SimDuration, SimTime};

use crate::side::{Side, SideReport};

/// How long the last echoes are waited for before they count as lost.
const PATIENCE: SimDuration = SimDuration::from_secs(2);

/// What each side sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoConfig {
    /// Datagrams that each side sends.
    pub count: u32,
    /// Time between two of them.
    pub interval: SimDuration,
    /// Bytes of each, at least [`EchoConfig::MIN_SIZE`].
    pub size: usize,
}

impl EchoConfig {
    /// The smallest datagram: tag, kind, sequence number and time of sending.
    pub const MIN_SIZE: usize = TAG + HEADER;
}

/// What one side saw of its own datagrams and of the other side's.
///
/// No list is longer than the load's [`EchoConfig::count`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EchoReport {
    /// When each datagram was due and sent, if there was a way to send it.
    pub sent: Vec<SimTime>,
    /// When each datagram of the other side arrived here, by its number; those that did not arrive
    /// are `None`, or missing at the end.
    pub arrivals: Vec<Option<SimTime>>,
    /// Round-trip time of each datagram whose echo came back, in order of return.
    pub round_trips: Vec<SimDuration>,
}

impl EchoReport {
    /// Datagrams of the other side that arrived here.
    #[must_use]
    pub fn arrived(&self) -> usize {
        self.arrivals.iter().flatten().count()
    }

    /// Datagrams whose echo did not come back.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.sent.len().saturating_sub(self.round_trips.len())
    }
}

const PROBE: u8 = 0;
const ECHO: u8 = 1;

/// Bytes of the tag before each datagram.
const TAG: usize = 8;
/// Bytes of a datagram's header: kind (1), zero (3), sequence (4), sent at (8).
const HEADER: usize = 16;

/// A datagram of the load: its header, then zeros.
struct Datagram {
    kind: u8,
    sequence: u32,
    sent_at: SimTime,
}

impl Datagram {
    fn write(&self, buffer: &mut Vec<u8>) {
        buffer.extend([self.kind, 0, 0, 0]);
        buffer.extend(self.sequence.to_be_bytes());
        buffer.extend(self.sent_at.as_nanos().to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first_chunk::<4>()?;
        let (sequence, rest) = rest.split_first_chunk::<4>()?;
        let sent_at = rest.first_chunk::<8>()?;
        Some(Self {
            kind: kind[0],
            sequence: u32::from_be_bytes(*sequence),
            sent_at: SimTime::from_nanos(u64::from_be_bytes(*sent_at)),
        })
    }
}

/// One side of the load.
pub(crate) struct Echo {
    config: EchoConfig,
    report: EchoReport,
    /// Which datagrams have come back.
    returned: Vec<bool>,
    /// When the next datagram is due; when all are sent, when those missing are given up.
    due: Option<SimTime>,
    /// Probes of the other side that are still to be sent back.
    answers: VecDeque<Bytes>,
    is_done: bool,
}

impl Echo {
    pub(crate) fn new(config: EchoConfig) -> Self {
        Self {
            config,
            report: EchoReport::default(),
            returned: vec![false; config.count as usize],
            due: None,
            answers: VecDeque::new(),
            is_done: false,
        }
    }

    fn has_sent_all(&self) -> bool {
        self.report.sent.len() >= self.config.count as usize
    }

    fn note_arrival(&mut self, now: SimTime, sequence: u32) {
        if sequence >= self.config.count {
            return;
        }
        let number = sequence as usize;
        let arrivals = &mut self.report.arrivals;
        if arrivals.len() <= number {
            arrivals.resize(number + 1, None);
        }
        arrivals[number].get_or_insert(now);
    }

    fn note_return(&mut self, now: SimTime, datagram: &Datagram) {
        let Some(seen @ false) = self.returned.get_mut(datagram.sequence as usize) else { return };
        *seen = true;
        self.report.round_trips.push(now.saturating_since(datagram.sent_at));
        if self.report.round_trips.len() == self.returned.len() {
            (self.is_done, self.due) = (true, None);
        }
    }
}

impl Side for Echo {
    fn is_stamped(&self) -> bool {
        false
    }

    fn start(&mut self, now: SimTime) {
        self.due = Some(if self.config.count == 0 { now + PATIENCE } else { now });
    }

    fn handle_datagram(&mut self, now: SimTime, _: Option<SimTime>, payload: Bytes) {
        let Some(datagram) = Datagram::read(&payload) else { return };
        if datagram.kind == PROBE {
            self.note_arrival(now, datagram.sequence);
            self.answers.push_back(payload);
        } else {
            self.note_return(now, &datagram);
        }
    }

    fn handle_timeout(&mut self, now: SimTime) {
        if self.has_sent_all() && self.due.is_some_and(|deadline| deadline <= now) {
            (self.is_done, self.due) = (true, None);
        }
    }

    fn poll_transmit(&mut self, now: SimTime, datagram: &mut Vec<u8>) -> bool {
        if let Some(probe) = self.answers.pop_front() {
            let at = datagram.len();
            datagram.extend(&probe);
            datagram[at] = ECHO; // what was read has a header
            return true;
        }
        if self.has_sent_all() || self.due.is_none_or(|due| now < due) {
            return false;
        }
        let sequence = self.report.sent.len() as u32; // fewer than the count
        let end = datagram.len() + self.config.size.max(EchoConfig::MIN_SIZE) - TAG;
        Datagram { kind: PROBE, sequence, sent_at: now }.write(datagram);
        datagram.resize(end, 0);
        self.report.sent.push(now);
        let wait = if self.has_sent_all() { PATIENCE } else { self.config.interval };
        self.due = Some(now + wait);
        true
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        self.due
    }

    fn is_done(&self) -> bool {
        self.is_done
    }

    fn report(&self) -> SideReport {
        SideReport::Echo(self.report.clone())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use natbed_units::{SimDuration, SimTime};

    use super::{Echo, EchoConfig, PATIENCE};
    use crate::side::Side;

    const CONFIG: EchoConfig =
        EchoConfig { count: 3, interval: SimDuration::from_millis(10), size: 100 };

    fn sent(side: &mut Echo, now: SimTime) -> Vec<Bytes> {
        let mut all = Vec::new();
        let mut datagram = Vec::new();
        while side.poll_transmit(now, &mut datagram) {
            all.push(Bytes::from(std::mem::take(&mut datagram)));
        }
        all
    }

    #[test]
    fn probes_come_back_and_the_load_is_done_with_the_last_one() {
        let mut sides = [Echo::new(CONFIG), Echo::new(CONFIG)];
        sides.iter_mut().for_each(|side| side.start(SimTime::ZERO));
        for n in 0..3 {
            let now = SimTime::ZERO + CONFIG.interval * n;
            assert!(!sides[0].is_done());
            let probes = sent(&mut sides[0], now);
            assert_eq!(probes.iter().map(Bytes::len).collect::<Vec<_>>(), [92], "100 with the tag");
            sent(&mut sides[1], now); // its own probe, which is lost
            sides[1].handle_datagram(now, None, probes[0].clone());
            let answers = sent(&mut sides[1], now);
            assert_eq!(answers.len(), 1);
            let later = now + SimDuration::from_millis(4);
            answers.into_iter().for_each(|answer| sides[0].handle_datagram(later, None, answer));
        }
        assert!(sides[0].is_done() && !sides[1].is_done());
        assert_eq!(sides[0].report.round_trips, [SimDuration::from_millis(4); 3]);
        assert_eq!((sides[0].report.lost(), sides[1].report.arrived()), (0, 3));
    }

    #[test]
    fn what_does_not_come_back_is_given_up_after_a_while() {
        let mut side = Echo::new(EchoConfig { count: 1, ..CONFIG });
        side.start(SimTime::ZERO);
        assert_eq!(sent(&mut side, SimTime::ZERO).len(), 1);
        assert_eq!(side.poll_timeout(), Some(SimTime::ZERO + PATIENCE));
        side.handle_timeout(SimTime::ZERO);
        assert!(!side.is_done(), "too early");
        side.handle_timeout(SimTime::ZERO + PATIENCE);
        assert!(side.is_done() && side.poll_timeout().is_none());
        assert_eq!(side.report.lost(), 1);
    }

    #[test]
    fn datagrams_that_are_none_of_its_own_are_ignored() {
        let mut side = Echo::new(CONFIG);
        for bytes in [&b""[..], b"\x00\x00\x00\x00\x00", &[1; 16], &[0xff; 300]] {
            side.handle_datagram(SimTime::ZERO, None, Bytes::copy_from_slice(bytes));
        }
        assert_eq!(side.report.round_trips, []);
    }
}
