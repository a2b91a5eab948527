//! FQ-CoDel: flows take turns, each under CoDel of its own (RFC 8290).

use std::collections::VecDeque;

use natbed_units::LookupMap;

use super::{CodelState, Fifo, Pushed, Surroundings, Taken, Waiting};
use crate::pipe::config::FqCodel;
use crate::slab::Slot;

/// Queues of flows, and whose turn it is.
#[derive(Clone, Debug)]
pub(in crate::pipe) struct FqCodelQueue {
    config: FqCodel,
    /// The flows that had packets so far: few of all that there may be.
    flows: Vec<Flow>,
    /// Where each stands among them, by its number.
    places: LookupMap<u32, usize>,
    /// Flows that have just got packets, and go first,
    new: VecDeque<usize>,
    /// and the others.
    old: VecDeque<usize>,
    bytes: u64,
    packets: u32,
}

#[derive(Clone, Debug, Default)]
struct Flow {
    fifo: Fifo,
    codel: CodelState,
    /// Bytes that it may still send in this turn.
    credits: i64,
    /// Whether it stands in one of the two lists.
    is_listed: bool,
}

impl FqCodelQueue {
    pub(super) fn new(config: FqCodel) -> Self {
        Self {
            config,
            flows: Vec::new(),
            places: LookupMap::default(),
            new: VecDeque::new(),
            old: VecDeque::new(),
            bytes: 0,
            packets: 0,
        }
    }

    pub(super) const fn has_flows(&self, flows: u32) -> bool {
        self.config.flows == flows
    }

    pub(super) fn set_config(&mut self, config: FqCodel) {
        self.config = config;
    }

    /// Puts the packet into the queue of its flow; what exceeds the limit goes from the head of the
    /// longest queue (RFC 8290 section 4.1.2).
    pub(super) fn push(
        &mut self,
        packet: Waiting,
        around: Surroundings,
        dropped: &mut VecDeque<Slot>,
    ) -> Pushed {
        self.put(packet);
        let limit = self.config.codel.limit;
        while !limit.has_room(self.bytes, self.packets - 1, 0, around.on_line) {
            match self.drop_from_fattest() {
                Some(slot) if slot == packet.slot => return Pushed::Full,
                Some(slot) => dropped.push_back(slot),
                None => break,
            }
        }
        Pushed::Waits
    }

    pub(super) fn put(&mut self, packet: Waiting) {
        // A flow's number is a part of the hash, all of which are equally likely.
        let number = ((packet.flow >> 32) * u64::from(self.config.flows)) >> 32;
        let place = match self.places.get(&(number as u32)) {
            Some(place) => *place,
            None => {
                self.places.insert(number as u32, self.flows.len());
                self.flows.push(Flow::default());
                self.flows.len() - 1
            }
        };
        let flow = &mut self.flows[place];
        self.bytes += u64::from(packet.length);
        self.packets += 1;
        flow.fifo.push(packet);
        if !flow.is_listed {
            flow.is_listed = true;
            flow.credits = self.config.quantum.bytes() as i64;
            self.new.push_back(place);
        }
    }

    /// Takes the head of the queue with the most bytes; of equals, that of the oldest flow.
    fn drop_from_fattest(&mut self) -> Option<Slot> {
        let mut fattest: Option<&mut Flow> = None;
        for flow in &mut self.flows {
            if fattest.as_ref().is_none_or(|other| flow.fifo.bytes > other.fifo.bytes) {
                fattest = Some(flow);
            }
        }
        let packet = fattest?.fifo.pop()?;
        self.bytes -= u64::from(packet.length);
        self.packets -= 1;
        Some(packet.slot)
    }

    /// Lets the first flow in turn that has credits send (RFC 8290 section 4.2).
    pub(super) fn pop(
        &mut self,
        around: Surroundings,
        dropped: &mut VecDeque<Slot>,
    ) -> Option<Taken> {
        loop {
            let is_new = !self.new.is_empty();
            let list = if is_new { &mut self.new } else { &mut self.old };
            let place = *list.front()?;
            let Flow { fifo, codel, credits, is_listed } = &mut self.flows[place];
            if *credits <= 0 {
                *credits += self.config.quantum.bytes() as i64;
                list.pop_front();
                self.old.push_back(place);
                continue;
            }
            let (bytes, packets) = (fifo.bytes, fifo.len());
            let taken = codel.pop(&self.config.codel, fifo, around, dropped);
            self.bytes -= bytes - fifo.bytes;
            self.packets -= packets - fifo.len();
            match taken {
                Some(taken) => {
                    *credits -= i64::from(taken.packet.length);
                    return Some(taken);
                }
                // An empty new flow becomes an old one, lest it starve those by coming back.
                None if is_new => {
                    list.pop_front();
                    self.old.push_back(place);
                }
                None => {
                    list.pop_front();
                    *is_listed = false;
                }
            }
        }
    }

    pub(super) fn drain(&mut self) -> Vec<Waiting> {
        let flows = std::mem::take(&mut self.flows);
        let mut packets: Vec<_> = flows.into_iter().flat_map(|flow| flow.fifo.packets).collect();
        packets.sort_unstable_by_key(|packet| packet.order);
        packets
    }
}
