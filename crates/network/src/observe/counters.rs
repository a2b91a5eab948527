//! Packets sent, delivered and dropped.

use std::collections::BTreeMap;

use natbed_packet::DropReason;

use crate::id::Place;
use crate::observer::{Hop, Observer, Step};

/// Counts packets; sent + made = delivered + dropped + joined + still on their way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    sent: u64,
    made: u64,
    joined: u64,
    delivered: u64,
    dropped: BTreeMap<(DropReason, Place), u64>,
}

impl Counters {
    /// Packets that hosts and gateways sent, ICMP errors included.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Packets that the network made of others: fragments and copies beyond the first.
    ///
    /// What was lost of a packet that was cut is counted by the fragment.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Fragments that ended in the packet they are of, the first of each excepted.
    #[must_use]
    pub fn joined(&self) -> u64 {
        self.joined
    }

    /// Packets that reached their host, or the gateway they were for, and were taken there.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Packets lost, by reason.
    #[must_use]
    pub fn dropped(&self) -> BTreeMap<DropReason, u64> {
        let mut by_reason = BTreeMap::new();
        for (&(reason, _), &count) in &self.dropped {
            *by_reason.entry(reason).or_default() += count;
        }
        by_reason
    }

    /// Packets lost, by reason and place.
    pub fn dropped_at(&self) -> impl Iterator<Item = (DropReason, Place, u64)> + '_ {
        self.dropped.iter().map(|(&(reason, place), &count)| (reason, place, count))
    }
}

impl Observer for Counters {
    #[inline]
    fn observe(&mut self, hop: &Hop<'_>) {
        match hop.step {
            Step::Sent => self.sent += 1,
            Step::Made(_) => self.made += 1,
            Step::Joined(_) => self.joined += 1,
            Step::Delivered(_) | Step::Taken(_) => self.delivered += 1,
            Step::Dropped(place, reason) => *self.dropped.entry((reason, place)).or_default() += 1,
            Step::Refused(host, reason) => {
                self.delivered -= 1;
                *self.dropped.entry((reason, Place::Host(host))).or_default() += 1;
            }
            Step::Entered(_) | Step::Left(_) | Step::Translated(..) => {}
        }
    }
}
