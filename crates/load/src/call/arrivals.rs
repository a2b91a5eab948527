//! Which datagrams have arrived, in memory that does not grow with the call.

/// Remembers the latest numbers that arrived, as a replay window does (RFC 4303 section 3.4.3).
#[derive(Debug)]
pub(super) struct Arrivals {
    /// One bit for each of the latest numbers; number n has bit n modulo their count.
    bits: Vec<u64>,
    /// One more than the highest number that arrived.
    next: u64,
}

/// How a datagram arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Later in the sequence than all before.
    InOrder,
    /// For the first time, but after one with a higher number.
    Reordered,
    /// Once more, or before everything that is remembered.
    Again,
}

impl Arrivals {
    /// The most numbers that are remembered: 128 KiB of them, which is 40 minutes of 4 Mbit/s or ten
    /// seconds of 1 Gbit/s in datagrams of 1200 bytes.
    pub(super) const WINDOW_MAX: u64 = 1 << 20;

    /// Remembers the latest of so many numbers.
    pub(super) fn new(total: u64) -> Self {
        let words = total.clamp(1, Self::WINDOW_MAX).div_ceil(64);
        Self { bits: vec![0; words as usize], next: 0 }
    }

    /// One more than the highest number that arrived.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Notes that a datagram arrived; its number is below [`u64::MAX`].
    pub(super) fn note(&mut self, number: u64) -> Arrival {
        let window = self.bits.len() as u64 * 64;
        if number >= self.next {
            if number - self.next >= window {
                self.bits.fill(0);
            } else {
                (self.next..number).for_each(|missing| self.forget(missing));
            }
            self.insert(number);
            self.next = number + 1;
            Arrival::InOrder
        } else if self.next - number > window || !self.insert(number) {
            Arrival::Again
        } else {
            Arrival::Reordered
        }
    }

    /// Says whether it was not there.
    fn insert(&mut self, number: u64) -> bool {
        let (word, bit) = self.place(number);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    fn forget(&mut self, number: u64) {
        let (word, bit) = self.place(number);
        *word &= !bit;
    }

    fn place(&mut self, number: u64) -> (&mut u64, u64) {
        let word = (number / 64 % self.bits.len() as u64) as usize;
        (&mut self.bits[word], 1 << (number % 64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use natbed_units::Seed;

    use super::Arrival::{Again, InOrder, Reordered};
    use super::Arrivals;

    #[test]
    fn duplicates_and_reordering_are_told_apart() {
        let mut arrivals = Arrivals::new(100);
        let seen = [0, 1, 1, 4, 2, 2, 5, 3, 0, 99].map(|number| arrivals.note(number));
        let expected = [
            InOrder, InOrder, Again, InOrder, Reordered, Again, InOrder, Reordered, Again, InOrder,
        ];
        assert_eq!(seen, expected);
        assert_eq!(arrivals.next(), 100);
    }

    #[test]
    fn memory_is_bounded_and_what_is_too_old_counts_as_a_duplicate() {
        let mut arrivals = Arrivals::new(u64::MAX);
        let window = Arrivals::WINDOW_MAX;
        assert_eq!(arrivals.bits.len() as u64 * 64, window);
        assert_eq!(arrivals.note(5), InOrder);
        assert_eq!(arrivals.note(5 + window), InOrder);
        assert_eq!(arrivals.note(5), Again, "it cannot be told any more");
        assert_eq!(arrivals.note(6), Reordered, "the oldest that is remembered");
        assert_eq!(arrivals.note(u64::MAX - 1), InOrder);
        assert_eq!(arrivals.note(u64::MAX - 2), Reordered);
    }

    #[test]
    fn it_agrees_with_a_set_of_all_numbers() {
        let mut rng = Seed::new(4).rng("arrivals");
        let mut arrivals = Arrivals::new(1);
        let (mut all, mut highest) = (BTreeSet::new(), None);
        for step in 0..20_000_u64 {
            // Around a front that moves, and never further behind it than is remembered.
            let number = step / 2 + u64::from(rng.in_range(0..30));
            let expected = match (all.insert(number), highest) {
                (false, _) => Again,
                (true, Some(highest)) if number < highest => Reordered,
                (true, _) => InOrder,
            };
            highest = highest.max(Some(number));
            assert_eq!(arrivals.note(number), expected, "{number} at step {step}");
        }
    }
}
