//! The sides of all loads that one peer has in a session, behind one stream of datagrams.

use bytes::{Buf, Bytes};
use natbed_network::observe::PayloadTag;
use natbed_units::{SimDuration, SimTime};

use crate::side::{Side, SideReport};

/// The sides of one peer; a datagram goes to the one whose tag it bears.
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    started: Option<SimTime>,
}

struct Lane {
    tag: PayloadTag,
    after: SimDuration,
    side: Box<dyn Side>,
    has_started: bool,
}

impl Lanes {
    /// Puts sides together, each with the time after which it begins; they are numbered as they come.
    pub(crate) fn new(
        tag: PayloadTag,
        sides: impl IntoIterator<Item = (SimDuration, Box<dyn Side>)>,
    ) -> Self {
        let lanes = (0..=u8::MAX).zip(sides).map(|(number, (after, side))| Lane {
            tag: tag.with_load(number),
            after,
            side,
            has_started: false,
        });
        Self { lanes: lanes.collect(), started: None }
    }

    pub(crate) fn start(&mut self, now: SimTime) {
        self.started = Some(now);
        self.handle_timeout(now);
    }

    pub(crate) fn handle_datagram(&mut self, now: SimTime, mut datagram: Bytes) {
        let Some(tag) = PayloadTag::of(&datagram) else { return };
        let Some(lane) = self.lanes.get_mut(usize::from(tag.load())) else { return };
        if lane.tag != tag {
            return;
        }
        datagram.advance(tag.as_bytes().len());
        let sent_at = if lane.side.is_stamped() {
            let Ok(stamp) = datagram.try_get_u64() else { return };
            Some(SimTime::from_nanos(stamp))
        } else {
            None
        };
        // The other side may be ahead by the time that connecting took longer here.
        lane.start(now);
        lane.side.handle_datagram(now, sent_at, datagram);
    }

    pub(crate) fn handle_timeout(&mut self, now: SimTime) {
        let Some(started) = self.started else { return };
        for lane in &mut self.lanes {
            if lane.has_started {
                lane.side.handle_timeout(now);
            } else if started + lane.after <= now {
                lane.start(now);
            }
        }
    }

    /// Writes the next datagram over `datagram`; `false` when there is none.
    pub(crate) fn poll_transmit(&mut self, now: SimTime, datagram: &mut Vec<u8>) -> bool {
        self.lanes.iter_mut().filter(|lane| lane.has_started).any(|lane| {
            datagram.clear();
            datagram.extend(lane.tag.as_bytes());
            if lane.side.is_stamped() {
                datagram.extend(now.as_nanos().to_be_bytes());
            }
            lane.side.poll_transmit(now, datagram)
        })
    }

    pub(crate) fn poll_timeout(&self) -> Option<SimTime> {
        let started = self.started?;
        let next = |lane: &Lane| {
            if lane.has_started { lane.side.poll_timeout() } else { Some(started + lane.after) }
        };
        self.lanes.iter().filter_map(next).min()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.lanes.iter().all(|lane| lane.has_started && lane.side.is_done())
    }

    pub(crate) fn reports(&self) -> Vec<SideReport> {
        self.lanes.iter().map(|lane| lane.side.report()).collect()
    }
}

impl Lane {
    fn start(&mut self, now: SimTime) {
        if !self.has_started {
            self.has_started = true;
            self.side.start(now);
        }
    }
}
