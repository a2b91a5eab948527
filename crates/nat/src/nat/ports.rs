//! Ports: which ones an internal port may become, and how they are searched.

use std::ops::RangeInclusive;

use natbed_packet::Protocol;
use natbed_units::SimRng;

use crate::{NatConfig, PortAllocation, PortClasses};

/// The ports outside the system range, which port blocks and sequences consist of.
pub(super) const DYNAMIC: RangeInclusive<u16> = 1024..=65535;

/// Returns the ports that may be given for `port`, when there are no blocks (RFC 4787 REQ-3a).
pub(super) fn class(config: &NatConfig, protocol: Protocol, port: u16) -> RangeInclusive<u16> {
    use PortClasses::{Linux, Three, Two};
    if config.ports == PortAllocation::Sequential {
        return DYNAMIC;
    }
    match (protocol, config.port_classes, port) {
        (Protocol::Icmp, ..) => 0..=65535,
        (_, Two, ..1024) => 1..=1023,
        (_, Three | Linux, ..512) => 1..=511,
        (_, Three, ..1024) => 512..=1023,
        (_, Linux, ..1024) => 600..=1023,
        _ => DYNAMIC,
    }
}

/// Says whether `port` may be kept, when there are no blocks.
///
/// On Linux it may outside its class: the kernel looks at classes only when it needs another port.
pub(super) fn may_keep(config: &NatConfig, protocol: Protocol, port: u16) -> bool {
    protocol == Protocol::Icmp
        || port >= if config.port_classes == PortClasses::Unprivileged { 1024 } else { 1 }
}

/// The ports to choose from: all of a range, or those of one parity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidates {
    first: u16,
    step: u16,
    count: u32,
}

impl Candidates {
    pub(super) fn new(range: RangeInclusive<u16>, parity_of: Option<u16>) -> Self {
        let (first, step) = match parity_of {
            None => (u32::from(*range.start()), 1),
            Some(port) => (u32::from(*range.start()) + u32::from((range.start() ^ port) & 1), 2),
        };
        let behind = u32::from(*range.end()) + 1;
        let count = behind.saturating_sub(first).div_ceil(step);
        // Both fit: without a candidate, `first` is not used.
        Self { first: first as u16, step: step as u16, count }
    }

    /// Returns the `n`th candidate, counted around.
    fn nth(self, n: u32) -> u16 {
        // Fits: it lies in the range.
        self.first + (n % self.count) as u16 * self.step
    }

    /// Tries each candidate once, upward from the first at or above `start` and around.
    pub(super) fn upward(self, start: u16, free: impl Fn(u16) -> bool) -> Option<u16> {
        let below = u32::from(start.saturating_sub(self.first).div_ceil(self.step));
        let first = if below < self.count { below } else { 0 };
        (first..first + self.count).map(|n| self.nth(n)).find(|port| free(*port))
    }

    /// Tries each candidate once, upward from a random one and around.
    pub(super) fn random(self, rng: &mut SimRng, free: impl Fn(u16) -> bool) -> Option<u16> {
        let start = rng.in_range(0..self.count);
        (start..start + self.count).map(|n| self.nth(n)).find(|port| free(*port))
    }

    /// Tries candidates as the Linux kernel does: 128 in a row from a random start, then 64 from
    /// another, and so on down to 8; a small class just once around.
    pub(super) fn as_linux(self, rng: &mut SimRng, free: impl Fn(u16) -> bool) -> Option<u16> {
        let mut attempts = self.count.min(128);
        loop {
            let start = rng.in_range(0..0x1_0000);
            let found = (start..start + attempts).map(|n| self.nth(n)).find(|port| free(*port));
            if found.is_some() || attempts == self.count || attempts < 16 {
                return found;
            }
            attempts /= 2;
        }
    }
}

/// A set of ports as one bit each; takes no memory until the first insertion.
#[derive(Clone, Debug, Default)]
pub(super) struct PortSet(Vec<u64>);

impl PortSet {
    const fn place(port: u16) -> (usize, u64) {
        (port as usize / 64, 1 << (port % 64))
    }

    pub(super) fn contains(&self, port: u16) -> bool {
        let (word, bit) = Self::place(port);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }

    pub(super) fn insert(&mut self, port: u16) {
        self.0.resize(1024, 0);
        let (word, bit) = Self::place(port);
        self.0[word] |= bit;
    }

    pub(super) fn remove(&mut self, port: u16) {
        let (word, bit) = Self::place(port);
        if let Some(bits) = self.0.get_mut(word) {
            *bits &= !bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use natbed_units::Seed;

    use super::Candidates;

    #[test]
    fn candidates_are_all_of_a_range_or_those_of_one_parity() {
        for (range, parity_of, expected) in [
            (10..=14, None, vec![10, 11, 12, 13, 14]),
            (10..=14, Some(7), vec![11, 13]),
            (10..=14, Some(8), vec![10, 12, 14]),
            (11..=14, Some(8), vec![12, 14]),
            (65534..=65535, Some(1), vec![65535]),
            (65535..=65535, Some(0), vec![]),
            (7..=7, Some(0), vec![]),
        ] {
            let candidates = Candidates::new(range.clone(), parity_of);
            let all: Vec<_> = (0..candidates.count).map(|n| candidates.nth(n)).collect();
            assert_eq!(all, expected, "{range:?} {parity_of:?}");
            let mut rng = Seed::new(1).rng("ports");
            for port in &expected {
                let free = |other| other == *port;
                assert_eq!(candidates.upward(12, free), Some(*port));
                assert_eq!(candidates.random(&mut rng, free), Some(*port));
                assert_eq!(candidates.as_linux(&mut rng, free), Some(*port));
            }
            assert_eq!(candidates.upward(12, |_| false), None);
            assert_eq!(candidates.random(&mut rng, |_| false), None);
            assert_eq!(candidates.as_linux(&mut rng, |_| false), None);
        }
    }

    #[test]
    fn a_search_upward_goes_around() {
        let odd = Candidates::new(10..=20, Some(1));
        for (start, first) in [(0, 11), (11, 11), (12, 13), (19, 19), (20, 11), (65535, 11)] {
            assert_eq!(odd.upward(start, |_| true), Some(first), "from {start}");
        }
        assert_eq!(odd.upward(17, |port| port != 17 && port != 19), Some(11));
    }
}
