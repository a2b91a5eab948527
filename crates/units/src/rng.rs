//! Seeded randomness, one generator for each component.

use std::convert::Infallible;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use rand_core::{Rng, SeedableRng, TryRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use twox_hash::XxHash3_64;

/// The seed of a run.
///
/// Every component draws from a generator of its own, made by [`Seed::rng`]
/// from the seed and the component's name. Adding a host to a scenario
/// therefore does not shift the numbers another host draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seed(u64);

impl Seed {
    /// Makes a seed from its number.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the number of the seed.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Derives the seed of the component called `name`.
    #[must_use]
    pub fn derive(self, name: &str) -> Self {
        Self(XxHash3_64::oneshot_with_seed(self.0, name.as_bytes()))
    }

    /// Makes the generator of the component called `name`.
    #[must_use]
    pub fn rng(self, name: &str) -> SimRng {
        SimRng(Xoshiro256PlusPlus::seed_from_u64(self.derive(name).0))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Seed {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().parse().map(Self)
    }
}

/// A seeded generator (xoshiro256++); made by [`Seed::rng`].
#[derive(Clone, Debug)]
pub struct SimRng(Xoshiro256PlusPlus);

impl SimRng {
    /// Draws a number uniformly from `range`, without bias; an empty range gives its start.
    pub fn in_range(&mut self, range: Range<u32>) -> u32 {
        let width = range.end.saturating_sub(range.start);
        if width == 0 {
            return range.start;
        }
        // Lemire's multiply-and-reject: unbiased, and one multiplication in nearly all draws.
        let threshold = width.wrapping_neg() % width;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(width);
            if product as u32 >= threshold {
                return range.start + (product >> 32) as u32;
            }
        }
    }
}

impl TryRng for SimRng {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.0.try_next_u32()
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0.try_next_u64()
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.try_fill_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use rand_core::Rng;

    use super::Seed;

    #[test]
    fn a_component_draws_the_same_whatever_else_exists() {
        let seed = Seed::new(7);
        let mut a = seed.rng("nat/home");
        let mut b = seed.rng("nat/home");
        let mut other = seed.rng("nat/office");
        let drawn: Vec<u64> = (0..4).map(|_| a.next_u64()).collect();
        assert_eq!(drawn, (0..4).map(|_| b.next_u64()).collect::<Vec<_>>());
        assert_ne!(drawn, (0..4).map(|_| other.next_u64()).collect::<Vec<_>>());
    }

    #[test]
    fn ranges_are_covered_and_kept() {
        let mut rng = Seed::new(1).rng("range");
        let mut seen = [0u32; 10];
        for _ in 0..10_000 {
            seen[rng.in_range(20..30) as usize - 20] += 1;
        }
        assert!(seen.iter().all(|n| (800..1200).contains(n)), "{seen:?}");
        assert_eq!(rng.in_range(5..5), 5);
    }
}
