//! The event queue: what happens next, by (time, sequence).

use std::cmp::Ordering;

use dary_heap::{PeekMut, QuaternaryHeap};
use natbed_units::SimTime;

use crate::id::{HostId, PipeId, RouterId};

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The packet at the head of a pipe comes out.
    Pipe(PipeId),
    /// The line of a pipe has sent a packet.
    Line(PipeId),
    /// The first of the packets on the wire of a pipe that may overtake each other comes out.
    Wire(PipeId),
    /// State of a gateway expires.
    Router(RouterId),
    /// State of a host's firewall expires.
    HostFirewall(HostId),
    /// A host may have waited long enough for the other fragments of a packet.
    HostFragments(HostId),
    /// The same for a gateway.
    RouterFragments(RouterId),
}

/// An event; a greater one comes earlier, because heaps give out the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Event {
    at: SimTime,
    sequence: u64,
    due: Due,
}

impl Event {
    /// Time and sequence in one number, which compares in one step.
    #[inline]
    fn key(&self) -> u128 {
        u128::from(self.at.as_nanos()) << 64 | u128::from(self.sequence)
    }
}

impl Ord for Event {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl PartialOrd for Event {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Pending events in a heap.
///
/// Packets wait in the FIFO of their pipe and only the head of each pipe stands here, so the heap
/// is as large as the number of busy pipes, not of packets. Four children to a node: with many
/// busy pipes the way through the heap touches half as many cache lines.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    heap: QuaternaryHeap<Event>,
    sequence: u64,
}

impl Schedule {
    /// Gives out the next sequence number, which orders events of one instant.
    #[inline]
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    #[inline]
    pub(crate) fn push(&mut self, at: SimTime, sequence: u64, due: Due) {
        self.heap.push(Event { at, sequence, due });
    }

    #[inline]
    pub(crate) fn next_time(&self) -> Option<SimTime> {
        self.heap.peek().map(|event| event.at)
    }

    /// Returns the next event at or before `limit`; it stays queued until [`Schedule::finish`].
    #[inline]
    pub(crate) fn peek(&self, limit: SimTime) -> Option<(SimTime, Due)> {
        let event = self.heap.peek().filter(|event| event.at <= limit)?;
        Some((event.at, event.due))
    }

    /// Takes all events of a kind off the queue; slow, for what happens seldom.
    pub(crate) fn cancel(&mut self, due: Due) {
        self.heap.retain(|event| event.due != due);
    }

    /// Takes the event just peeked off the queue, or moves it to its successor in one step.
    #[inline(always)]
    pub(crate) fn finish(&mut self, successor: Option<(SimTime, u64)>) {
        if let Some(mut top) = self.heap.peek_mut() {
            match successor {
                Some((at, sequence)) => (top.at, top.sequence) = (at, sequence),
                None => {
                    PeekMut::pop(top);
                }
            }
        }
    }
}
