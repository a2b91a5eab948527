//! Fragments that wait for the others of their packet.

use std::net::IpAddr;
use std::sync::Arc;

use natbed_nat::Fragments;
use natbed_packet::{DropReason, Fragment, Packet};
use natbed_units::{SimDuration, SimTime};

use crate::id::Place;
use crate::slab::Slot;

/// How long hosts and most boxes wait for the other fragments (Linux: `ipfrag_time`).
pub(crate) const TIMEOUT: SimDuration = SimDuration::from_secs(30);

/// How long a NAT64 waits (RFC 6146 section 4: FRAGMENT_MIN).
pub(crate) const NAT64_TIMEOUT: SimDuration = SimDuration::from_secs(2);

/// The most bytes that one node keeps (Linux: `ipfrag_high_thresh`).
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The most packets that one node puts together at once.
const PACKETS_MAX: usize = 256;

/// The fragments that one node keeps, oldest packet first.
#[derive(Debug)]
pub(crate) struct Reassembler {
    policy: Fragments,
    timeout: SimDuration,
    partial: Vec<Partial>,
    bytes: u64,
}

/// A packet of which some fragments have come.
#[derive(Debug)]
struct Partial {
    key: Key,
    whole: Arc<Packet>,
    expires: SimTime,
    /// Bytes of the body that are there.
    length: u64,
    /// Where each begins and ends in the body, in bytes.
    pieces: Vec<(u64, u64, Slot)>,
}

/// What tells the fragments of one packet from those of others (RFC 791 section 3.2), and where
/// they come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    place: Place,
    source: IpAddr,
    destination: IpAddr,
    identification: u32,
}

impl Key {
    fn new(place: Place, packet: &Packet, fragment: &Fragment) -> Self {
        Self {
            place,
            source: packet.source,
            destination: packet.destination,
            identification: fragment.identification,
        }
    }
}

/// What became of a fragment.
pub(crate) enum Gathered {
    /// It waits; if it is the first of its packet to come, until then at the latest.
    Waiting(Option<SimTime>),
    /// It was the last one missing.
    Complete {
        /// The packet as it was before it was cut.
        whole: Arc<Packet>,
        /// The fragment that begins the body; it may be the one that came now.
        first: Slot,
        /// The fragments that were waiting.
        waited: Vec<Slot>,
    },
}

impl Reassembler {
    pub(crate) const fn new(policy: Fragments, timeout: SimDuration) -> Self {
        Self { policy, timeout, partial: Vec::new(), bytes: 0 }
    }

    /// Takes in a fragment, which `packet` is and `slot` holds.
    pub(crate) fn add(
        &mut self,
        now: SimTime,
        place: Place,
        slot: Slot,
        packet: &Packet,
        fragment: &Fragment,
    ) -> Result<Gathered, DropReason> {
        if self.policy == Fragments::Drop {
            return Err(DropReason::FragmentRefused);
        }
        let (start, length) = (u64::from(fragment.offset) * 8, u64::from(fragment.length));
        let end = start + length;
        let key = Key::new(place, packet, fragment);
        let known = self.position(key, fragment);
        let here = known.map_or(0, |at| self.partial[at].length);
        if let Some(at) = known
            && self.partial[at].pieces.iter().any(|&(from, to, _)| from < end && start < to)
        {
            return Err(DropReason::DuplicateFragment);
        }
        if self.policy == Fragments::InOrder && start != here {
            return Err(DropReason::FragmentRefused);
        }
        let at = match known {
            Some(at) => at,
            None => {
                self.partial.push(Partial {
                    key,
                    whole: Arc::clone(&fragment.whole),
                    expires: now + self.timeout,
                    length: 0,
                    pieces: Vec::new(),
                });
                self.partial.len() - 1
            }
        };
        let partial = &mut self.partial[at];
        partial.length += length;
        if partial.length < partial.whole.body_len() {
            self.bytes += length;
            partial.pieces.push((start, end, slot));
            return Ok(Gathered::Waiting(known.is_none().then_some(partial.expires)));
        }
        let Partial { whole, pieces, .. } = self.partial.remove(at);
        self.bytes -= whole.body_len() - length;
        let first = pieces.iter().find(|(start, ..)| *start == 0).map_or(slot, |(.., slot)| *slot);
        let waited = pieces.into_iter().map(|(.., slot)| slot).collect();
        Ok(Gathered::Complete { whole, first, waited })
    }

    /// Gives up the oldest packet if there is no room for one more fragment: where its fragments
    /// came to, and they.
    ///
    /// So a flood of fragments ends what is incomplete, and not what comes in one go (RFC 4787
    /// REQ-14a).
    pub(crate) fn pop_surplus(
        &mut self,
        place: Place,
        packet: &Packet,
        fragment: &Fragment,
    ) -> Option<(Place, Vec<Slot>)> {
        let is_new = || self.position(Key::new(place, packet, fragment), fragment).is_none();
        let is_full = self.bytes + u64::from(fragment.length) > BYTES_MAX
            || self.partial.len() == PACKETS_MAX && is_new();
        is_full.then(|| self.pop_oldest()).flatten()
    }

    fn position(&self, key: Key, fragment: &Fragment) -> Option<usize> {
        let is_it =
            |other: &Partial| other.key == key && Arc::ptr_eq(&other.whole, &fragment.whole);
        self.partial.iter().position(is_it)
    }

    /// Gives up one packet whose time is over by `now`: where its fragments came to, and they.
    pub(crate) fn pop_expired(&mut self, now: SimTime) -> Option<(Place, Vec<Slot>)> {
        // All wait equally long, so the oldest is the first to go.
        let expired = self.partial.first().is_some_and(|oldest| oldest.expires <= now);
        expired.then(|| self.pop_oldest()).flatten()
    }

    fn pop_oldest(&mut self) -> Option<(Place, Vec<Slot>)> {
        if self.partial.is_empty() {
            return None;
        }
        let Partial { key, length, pieces, .. } = self.partial.remove(0);
        self.bytes -= length;
        Some((key.place, pieces.into_iter().map(|(.., slot)| slot).collect()))
    }
}
