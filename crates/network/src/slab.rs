//! The packets in flight, in one block of memory with lists threaded through it.

use natbed_packet::Packet;
use natbed_units::SimTime;

use crate::observer::Origin;

/// A packet on its way, with what the network knows of it.
///
/// It lies in two cache lines, not across three: with hundreds of packets in flight, each of them a
/// stranger to the cache at every hop, that counts.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct InFlight {
    pub(crate) packet: Packet,
    pub(crate) id: u64,
    pub(crate) origin: Origin,
    /// When it leaves the pipe it is in.
    pub(crate) due: SimTime,
    /// Orders it among the events of one instant.
    pub(crate) sequence: u64,
    /// The packet behind it in the same pipe.
    pub(crate) next: Slot,
}

const _: () = assert!(size_of::<Option<InFlight>>() == 128);

/// Index of a packet in the [`Slab`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    /// No packet: the end of a list.
    pub(crate) const NONE: Self = Self(u32::MAX);

    #[cfg(test)]
    pub(crate) const fn for_test(index: u32) -> Self {
        Self(index)
    }

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// Storage for packets in flight; a slot is reused as soon as its packet has left.
#[derive(Debug, Default)]
pub(crate) struct Slab {
    slots: Vec<Option<InFlight>>,
    free: Vec<Slot>,
}

impl Slab {
    #[inline]
    pub(crate) fn insert(&mut self, flight: InFlight) -> Slot {
        if let Some(slot) = self.free.pop() {
            self.slots[slot.0 as usize] = Some(flight);
            return slot;
        }
        // `Limits::packets_in_flight` keeps the number of slots far below u32::MAX.
        let slot = Slot(self.slots.len() as u32);
        self.slots.push(Some(flight));
        slot
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut InFlight {
        self.slots[slot.0 as usize].as_mut().expect("a slot in a list or in hand is occupied")
    }

    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> &InFlight {
        self.slots[slot.0 as usize].as_ref().expect("a slot in a list or in hand is occupied")
    }

    #[inline]
    pub(crate) fn remove(&mut self, slot: Slot) -> InFlight {
        let flight = self.slots[slot.0 as usize].take();
        self.free.push(slot);
        flight.expect("a slot in a list or in hand is occupied")
    }

    /// Lets two packets in hand change places.
    pub(crate) fn swap(&mut self, a: Slot, b: Slot) {
        self.slots.swap(a.0 as usize, b.0 as usize);
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
