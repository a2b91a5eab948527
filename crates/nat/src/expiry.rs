//! State that ends by itself: a slab whose entries have an expiry.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use natbed_units::SimTime;

/// Where an entry stands in an [`ExpiringSlab`]; reused after the entry is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryId(u32);

/// A slab of entries, each alive while `now < expires`.
///
/// Renewing an entry only writes its `expires` field. The heap holds, for each entry, one wake-up
/// at `armed <= expires`; when it comes due and the entry has been renewed meanwhile, it is armed
/// again. Every entry thus costs one heap operation for each idle time, however many packets
/// renew it.
#[derive(Clone, Debug)]
pub(crate) struct ExpiringSlab<T> {
    slots: Vec<Slot<T>>,
    vacant: Vec<u32>,
    wakeups: BinaryHeap<Reverse<(SimTime, u32)>>,
    limit: u32,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    expires: SimTime,
    /// The wake-up that counts; others of this slot in the heap are stale.
    armed: SimTime,
    value: Option<T>,
}

impl<T> ExpiringSlab<T> {
    pub(crate) fn new(limit: u32) -> Self {
        Self { slots: Vec::new(), vacant: Vec::new(), wakeups: BinaryHeap::new(), limit }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.limit as usize
    }

    /// Adds an entry; the caller has made sure that the slab is not full.
    pub(crate) fn insert(&mut self, value: T, expires: SimTime) -> EntryId {
        debug_assert!(!self.is_full());
        let slot = Slot { expires, armed: expires, value: Some(value) };
        let index = if let Some(index) = self.vacant.pop() {
            self.slots[index as usize] = slot;
            index
        } else {
            self.slots.push(slot);
            // Fits: the limit is a u32, and there are never more slots than it allows.
            (self.slots.len() - 1) as u32
        };
        self.wakeups.push(Reverse((expires, index)));
        EntryId(index)
    }

    #[inline]
    pub(crate) fn get(&self, id: EntryId) -> Option<&T> {
        self.slots.get(id.0 as usize)?.value.as_ref()
    }

    /// Changes an entry, and moves its expiry, later or earlier, to what `change` makes of it.
    #[inline(always)]
    pub(crate) fn renew(
        &mut self,
        id: EntryId,
        change: impl FnOnce(&mut T, SimTime) -> Option<SimTime>,
    ) -> Option<&T> {
        let slot = self.slots.get_mut(id.0 as usize)?;
        let value = slot.value.as_mut()?;
        if let Some(expires) = change(value, slot.expires) {
            slot.expires = expires;
            if expires < slot.armed {
                slot.armed = expires;
                self.wakeups.push(Reverse((expires, id.0)));
            }
        }
        Some(value)
    }

    /// Returns an instant no later than the first expiry, `None` if there are no entries.
    #[inline]
    pub(crate) fn next_wakeup(&self) -> Option<SimTime> {
        self.wakeups.peek().map(|Reverse((at, _))| *at)
    }

    /// Removes and returns one entry that has expired by `now`, with the instant at which it did;
    /// call until `None`. They come in the order of their expiry, however late the call.
    pub(crate) fn pop_expired(&mut self, now: SimTime) -> Option<(SimTime, EntryId, T)> {
        while let Some(mut wakeup) = self.wakeups.peek_mut() {
            let Reverse((at, index)) = *wakeup;
            if at > now {
                return None;
            }
            let slot = &mut self.slots[index as usize];
            if slot.armed == at && slot.expires > at && slot.value.is_some() {
                slot.armed = slot.expires;
                *wakeup = Reverse((slot.expires, index));
                continue;
            }
            PeekMut::pop(wakeup);
            if slot.armed == at
                && let Some(value) = slot.value.take()
            {
                self.vacant.push(index);
                return Some((at, EntryId(index), value));
            }
        }
        None
    }

    /// Returns all entries with their expiries, in no meaningful but a defined order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SimTime, &T)> {
        self.slots.iter().filter_map(|slot| Some((slot.expires, slot.value.as_ref()?)))
    }

    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.vacant.clear();
        self.wakeups.clear();
    }
}

#[cfg(test)]
mod tests {
    use natbed_units::SimTime;

    use super::ExpiringSlab;

    const fn at(nanos: u64) -> SimTime {
        SimTime::from_nanos(nanos)
    }

    #[test]
    fn an_entry_lives_until_its_expiry_and_not_at_it() {
        let mut slab = ExpiringSlab::new(8);
        let id = slab.insert('a', at(10));
        assert_eq!(slab.pop_expired(at(9)), None);
        assert_eq!(slab.pop_expired(at(10)), Some((at(10), id, 'a')));
        assert_eq!((slab.len(), slab.next_wakeup()), (0, None));
    }

    #[test]
    fn renewing_moves_the_expiry_both_ways() {
        let mut slab = ExpiringSlab::new(8);
        let late = slab.insert("late", at(10));
        let early = slab.insert("early", at(100));
        slab.renew(late, |_, _| Some(at(50)));
        slab.renew(early, |_, _| Some(at(20)));
        assert_eq!(slab.pop_expired(at(19)), None);
        assert_eq!(slab.pop_expired(at(20)), Some((at(20), early, "early")));
        assert_eq!(slab.pop_expired(at(49)), None);
        assert_eq!(slab.next_wakeup(), Some(at(50)));
        assert_eq!(slab.pop_expired(at(50)), Some((at(50), late, "late")));
    }

    #[test]
    fn a_late_call_finds_them_in_the_order_of_their_expiry() {
        let mut slab = ExpiringSlab::new(8);
        let long = slab.insert("long", at(10));
        let short = slab.insert("short", at(20));
        slab.renew(long, |_, was| Some(at(was.as_nanos() + 20)));
        assert_eq!(slab.pop_expired(at(99)), Some((at(20), short, "short")));
        assert_eq!(slab.pop_expired(at(99)), Some((at(30), long, "long")));
        assert_eq!(slab.pop_expired(at(99)), None);
    }

    #[test]
    fn entries_are_told_with_their_expiries() {
        let mut slab = ExpiringSlab::new(8);
        slab.insert('a', at(10));
        let renewed = slab.insert('b', at(20));
        slab.renew(renewed, |_, _| Some(at(30)));
        slab.pop_expired(at(10));
        assert_eq!(slab.iter().collect::<Vec<_>>(), [(at(30), &'b')]);
    }

    #[test]
    fn stale_wakeups_go_away() {
        let mut slab = ExpiringSlab::new(8);
        let id = slab.insert('a', at(10));
        for now in 1..1000 {
            assert_eq!(slab.pop_expired(at(now)), None);
            slab.renew(id, |_, _| Some(at(now + 1)));
            slab.renew(id, |_, _| Some(at(now + 10)));
            assert!(slab.wakeups.len() <= 11, "{} wake-ups for one entry", slab.wakeups.len());
        }
    }

    #[test]
    fn a_stale_wakeup_does_not_end_the_next_tenant_of_its_slot() {
        let mut slab = ExpiringSlab::new(1);
        let first = slab.insert("first", at(100));
        slab.renew(first, |_, _| Some(at(20)));
        assert_eq!(slab.pop_expired(at(20)), Some((at(20), first, "first")));
        // The wake-up at 100 is still in the heap, and the slot is used again.
        let second = slab.insert("second", at(300));
        assert_eq!(first, second);
        assert_eq!(slab.pop_expired(at(299)), None);
        assert_eq!(slab.pop_expired(at(300)), Some((at(300), second, "second")));
    }
}
