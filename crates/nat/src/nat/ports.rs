//! How the external port of a new mapping is chosen (RFC 4787 section 4.2).

use std::ops::RangeInclusive;

use natbed_packet::Protocol;
use natbed_units::SimRng;

use crate::PortAllocation;

/// Gives out external ports; all but the overloading kind one port to one mapping at a time.
#[derive(Clone, Debug)]
pub(super) struct PortAllocator {
    allocation: PortAllocation,
    /// Ports in use, by protocol; stays empty when ports are overloaded.
    used: [PortSet; 3],
    /// Where a sequential search goes on.
    cursor: u16,
}

/// The ports that a sequential allocation gives out.
const DYNAMIC: RangeInclusive<u16> = 1024..=65535;

impl PortAllocator {
    pub(super) fn new(allocation: PortAllocation, rng: &mut SimRng) -> Self {
        Self { allocation, used: Default::default(), cursor: draw(rng, &DYNAMIC) }
    }

    /// Marks a port as held by a mapping.
    pub(super) fn take(&mut self, protocol: Protocol, port: u16) {
        if self.allocation != PortAllocation::PreserveWithOverload {
            self.used[protocol as usize].insert(port);
        }
    }

    /// Marks a port as held by no mapping.
    pub(super) fn release(&mut self, protocol: Protocol, port: u16) {
        self.used[protocol as usize].remove(port);
    }

    pub(super) fn release_all(&mut self) {
        self.used = Default::default();
    }

    /// Chooses a port that is not `taken` toward the flow's destination, or `None` if the search
    /// finds none. Every search is bounded by the size of the port's class.
    pub(super) fn choose(
        &mut self,
        rng: &mut SimRng,
        protocol: Protocol,
        internal_port: u16,
        taken: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        let used = &self.used[protocol as usize];
        let free = |port: u16| !used.contains(port) && !taken(port);
        match self.allocation {
            PortAllocation::Preserve => {
                let class = class(protocol, internal_port, 512);
                if class.contains(&internal_port) && free(internal_port) {
                    return Some(internal_port);
                }
                search(&class, draw(rng, &class), free)
            }
            PortAllocation::Strict => free(internal_port).then_some(internal_port),
            PortAllocation::PreserveWithOverload => {
                if !taken(internal_port) {
                    return Some(internal_port);
                }
                search_as_linux(rng, &class(protocol, internal_port, 600), taken)
            }
            PortAllocation::Sequential => {
                let port = search(&DYNAMIC, self.cursor, free)?;
                self.cursor = port.checked_add(1).unwrap_or(*DYNAMIC.start());
                Some(port)
            }
            PortAllocation::Random => {
                let class = class(protocol, internal_port, 600);
                search(&class, draw(rng, &class), free)
            }
        }
    }
}

/// The ports that a flow from `port` may get; `middle` is where the class below 1024 starts
/// (600 in the Linux kernel, 512 elsewhere).
fn class(protocol: Protocol, port: u16, middle: u16) -> RangeInclusive<u16> {
    match (protocol, port) {
        (Protocol::Icmp, _) => 0..=65535,
        (_, ..512) => 1..=511,
        (_, ..1024) => middle..=1023,
        _ => DYNAMIC,
    }
}

fn draw(rng: &mut SimRng, class: &RangeInclusive<u16>) -> u16 {
    let drawn = rng.in_range(u32::from(*class.start())..u32::from(*class.end()) + 1);
    // Fits: the range ends at a u16.
    drawn as u16
}

/// Tries each port of the class once, upward from `start` and around.
fn search(class: &RangeInclusive<u16>, start: u16, free: impl Fn(u16) -> bool) -> Option<u16> {
    (start..=*class.end()).chain(*class.start()..start).find(|port| free(*port))
}

/// Tries ports as the Linux kernel does: 128 in a row from a random start, then 64 from another,
/// and so on down to 8; a small class just once around.
fn search_as_linux(
    rng: &mut SimRng,
    class: &RangeInclusive<u16>,
    taken: impl Fn(u16) -> bool,
) -> Option<u16> {
    let size = u32::from(class.end() - class.start()) + 1;
    let mut attempts = size.min(128);
    loop {
        let start = rng.in_range(0..0x1_0000);
        let found = (start..start + attempts)
            .map(|offset| class.start() + (offset % size) as u16)
            .find(|port| !taken(*port));
        if found.is_some() || attempts == size || attempts < 16 {
            return found;
        }
        attempts /= 2;
    }
}

/// A set of ports as one bit each; takes no memory until the first insertion.
#[derive(Clone, Debug, Default)]
struct PortSet(Vec<u64>);

impl PortSet {
    const fn place(port: u16) -> (usize, u64) {
        (port as usize / 64, 1 << (port % 64))
    }

    fn contains(&self, port: u16) -> bool {
        let (word, bit) = Self::place(port);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }

    fn insert(&mut self, port: u16) {
        self.0.resize(1024, 0);
        let (word, bit) = Self::place(port);
        self.0[word] |= bit;
    }

    fn remove(&mut self, port: u16) {
        let (word, bit) = Self::place(port);
        if let Some(bits) = self.0.get_mut(word) {
            *bits &= !bit;
        }
    }
}
