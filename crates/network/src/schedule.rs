//! The event queue: what happens next, by (time, sequence).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use natbed_units::SimTime;

use crate::id::{HostId, PipeId, RouterId};

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The packet at the head of a pipe comes out.
    Pipe(PipeId),
    /// State of a gateway expires.
    Router(RouterId),
    /// State of a host's firewall expires.
    HostFirewall(HostId),
}

/// Pending events in a heap.
///
/// Packets wait in the FIFO of their pipe and only the head of each pipe stands
/// here, so the heap is as large as the number of busy pipes, not of packets.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    heap: BinaryHeap<Reverse<(SimTime, u64, Due)>>,
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
        self.heap.push(Reverse((at, sequence, due)));
    }

    #[inline]
    pub(crate) fn next_time(&self) -> Option<SimTime> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Returns the next event at or before `limit`; it stays queued until [`Schedule::finish`].
    #[inline]
    pub(crate) fn peek(&self, limit: SimTime) -> Option<(SimTime, Due)> {
        match self.heap.peek() {
            Some(Reverse((at, _, due))) if *at <= limit => Some((*at, *due)),
            _ => None,
        }
    }

    /// Takes the event just peeked off the queue, or moves it to its successor in one step.
    #[inline]
    pub(crate) fn finish(&mut self, successor: Option<(SimTime, u64)>) {
        if let Some(mut top) = self.heap.peek_mut() {
            match successor {
                Some((at, sequence)) => {
                    top.0.0 = at;
                    top.0.1 = sequence;
                }
                None => {
                    PeekMut::pop(top);
                }
            }
        }
    }
}
