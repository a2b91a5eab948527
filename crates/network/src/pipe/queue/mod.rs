//! Queues: what waits for a line, what goes next, and what is dropped.
//!
//! A queue knows packets by what it needs of them, and not what they are: see [`Waiting`].

use std::collections::VecDeque;

use natbed_units::SimTime;

use super::config::{Queue, QueueLimit};
use crate::slab::Slot;
use codel::{CodelQueue, CodelState};
use fq_codel::FqCodelQueue;
use red::RedQueue;

mod codel;
mod fq_codel;
mod red;
#[cfg(test)]
mod tests;

/// A packet that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) slot: Slot,
    /// In bytes.
    pub(super) length: u32,
    /// When it came into the queue.
    pub(super) arrived: SimTime,
    /// Orders it among those of all flows.
    pub(super) order: u64,
    /// The hash of its flow; only FQ-CoDel looks at it.
    pub(super) flow: u64,
    /// Whether it may be marked instead of dropped.
    pub(super) is_ect: bool,
    /// Whether the observer knows how long it waits.
    pub(super) is_known: bool,
}

/// What came of a packet that was put into a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It waits.
    Waits,
    /// It waits, and is marked.
    Marked,
    /// There is no room for it.
    Full,
    /// It is dropped before the queue is full.
    Early,
}

/// A packet whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) packet: Waiting,
    pub(super) is_marked: bool,
}

/// What a queue sees of the rest of the pipe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings {
    pub(super) now: SimTime,
    /// Bytes and packets on the line, the bytes rounded up.
    pub(super) on_line: (u64, u32),
    /// A full packet, in bytes.
    pub(super) full_packet: u64,
    /// The rate of the line in bits per second.
    pub(super) rate: u64,
}

/// First in, first out.
#[derive(Clone, Debug, Default)]
pub(super) struct Fifo {
    packets: VecDeque<Waiting>,
    bytes: u64,
}

impl Fifo {
    fn push(&mut self, packet: Waiting) {
        self.bytes += u64::from(packet.length);
        self.packets.push_back(packet);
    }

    fn pop(&mut self) -> Option<Waiting> {
        let packet = self.packets.pop_front()?;
        self.bytes -= u64::from(packet.length);
        Some(packet)
    }

    fn len(&self) -> u32 {
        // Packets in flight are limited to far less.
        self.packets.len() as u32
    }
}

/// A queue of any kind.
#[derive(Clone, Debug)]
pub(super) enum QueueState {
    DropTail(QueueLimit, Fifo),
    Codel(CodelQueue),
    FqCodel(FqCodelQueue),
    Red(RedQueue),
}

impl QueueState {
    pub(super) fn new(config: &Queue) -> Self {
        match config {
            Queue::DropTail(limit) => Self::DropTail(*limit, Fifo::default()),
            Queue::Codel(codel) => Self::Codel(CodelQueue::new(*codel)),
            Queue::FqCodel(fq) => Self::FqCodel(FqCodelQueue::new(*fq)),
            Queue::Red(red) => Self::Red(RedQueue::new(*red)),
        }
    }

    /// Says whether packets need the hashes of their flows here.
    pub(super) const fn tells_flows_apart(&self) -> bool {
        matches!(self, Self::FqCodel(_))
    }

    /// Takes a packet in, or drops it; `chance` is a random number for that, and `dropped` gets the
    /// others that are dropped for it.
    pub(super) fn push(
        &mut self,
        packet: Waiting,
        around: Surroundings,
        chance: impl FnOnce() -> u32,
        dropped: &mut VecDeque<Slot>,
    ) -> Pushed {
        match self {
            Self::DropTail(limit, fifo) => {
                if !limit.has_room(fifo.bytes, fifo.len(), packet.length, around.on_line) {
                    return Pushed::Full;
                }
                fifo.push(packet);
                Pushed::Waits
            }
            Self::Codel(codel) => codel.push(packet, around),
            Self::FqCodel(fq) => fq.push(packet, around, dropped),
            Self::Red(red) => red.push(packet, around, chance),
        }
    }

    /// Gives out the packet whose turn it is; `dropped` gets those that are dropped instead.
    pub(super) fn pop(
        &mut self,
        around: Surroundings,
        dropped: &mut VecDeque<Slot>,
    ) -> Option<Taken> {
        match self {
            Self::DropTail(_, fifo) => Some(Taken { packet: fifo.pop()?, is_marked: false }),
            Self::Codel(codel) => codel.pop(around, dropped),
            Self::FqCodel(fq) => fq.pop(around, dropped),
            Self::Red(red) => red.pop(around.now),
        }
    }

    /// Changes the parameters; what waits stays, and where the kind stays so does what it knows.
    ///
    /// `flow` gives the hash of a packet's flow if the queue needs it only now.
    pub(super) fn set_config(&mut self, config: &Queue, flow: impl Fn(Slot) -> u64) {
        match (&mut *self, config) {
            (Self::DropTail(limit, _), Queue::DropTail(new)) => *limit = *new,
            (Self::Codel(codel), Queue::Codel(new)) => codel.set_config(*new),
            (Self::FqCodel(fq), Queue::FqCodel(new)) if fq.has_flows(new.flows) => {
                fq.set_config(*new);
            }
            (Self::Red(red), Queue::Red(new)) => red.set_config(*new),
            (_, config) => {
                let waiting = self.drain();
                let had_flows = self.tells_flows_apart();
                *self = Self::new(config);
                for mut packet in waiting {
                    if !had_flows && self.tells_flows_apart() {
                        packet.flow = flow(packet.slot);
                    }
                    self.put(packet);
                }
            }
        }
    }

    /// Takes everything out, in the order in which it came.
    fn drain(&mut self) -> Vec<Waiting> {
        match self {
            Self::DropTail(_, fifo) => fifo.packets.drain(..).collect(),
            Self::Codel(codel) => codel.drain(),
            Self::FqCodel(fq) => fq.drain(),
            Self::Red(red) => red.drain(),
        }
    }

    /// Puts a packet in that has been let in already.
    pub(super) fn put(&mut self, packet: Waiting) {
        match self {
            Self::DropTail(_, fifo) => fifo.push(packet),
            Self::Codel(codel) => codel.put(packet),
            Self::FqCodel(fq) => fq.put(packet),
            Self::Red(red) => red.put(packet),
        }
    }
}

impl QueueLimit {
    /// Says whether one more packet fits beside what waits and what is on the line.
    fn has_room(&self, bytes: u64, packets: u32, length: u32, on_line: (u64, u32)) -> bool {
        let fits = |most: u64| bytes + on_line.0 + u64::from(length) <= most;
        self.bytes.is_none_or(|most| fits(most.bytes()))
            && self.packets.is_none_or(|most| packets.saturating_add(on_line.1) < most)
    }
}
