//! How the external endpoint of a new mapping is chosen (RFC 4787 sections 4.1 and 4.2).

use std::net::IpAddr;
use std::ops::RangeInclusive;

use natbed_packet::{DropReason, Endpoint, Protocol};
use natbed_units::SimRng;

use super::External;
use super::subscribers::{Subscriber, Subscribers};
use crate::{NatConfig, Pooling, PortAllocation};

/// Gives out external endpoints; all but the overloading kind one to one mapping at a time.
#[derive(Clone, Debug)]
pub(super) struct PortAllocator {
    allocation: PortAllocation,
    pooling: Pooling,
    subscribers: Subscribers,
    /// Ports in use, by address and protocol; stays empty when ports are overloaded.
    used: Vec<[PortSet; 3]>,
    /// Where a sequential search goes on.
    cursor: u16,
}

/// The ports that a sequential allocation gives out.
const DYNAMIC: RangeInclusive<u16> = 1024..=65535;

impl PortAllocator {
    pub(super) fn new(config: &NatConfig, addresses: u32, rng: &mut SimRng) -> Self {
        Self {
            allocation: config.ports,
            pooling: config.pooling,
            subscribers: Subscribers::default(),
            used: vec![Default::default(); addresses as usize],
            cursor: draw(rng, &DYNAMIC),
        }
    }

    /// Notes that a mapping holds an external endpoint.
    pub(super) fn take(&mut self, protocol: Protocol, internal: IpAddr, external: External) {
        if self.allocation != PortAllocation::PreserveWithOverload {
            self.used_by(protocol, external.address).insert(external.port);
        }
        self.subscribers.opened(Subscriber::from(internal), external.address);
    }

    /// Notes that the mapping holds it no more.
    pub(super) fn release(&mut self, protocol: Protocol, internal: IpAddr, external: External) {
        self.used_by(protocol, external.address).remove(external.port);
        self.subscribers.closed(Subscriber::from(internal));
    }

    fn used_by(&mut self, protocol: Protocol, address: u16) -> &mut PortSet {
        &mut self.used[usize::from(address)][protocol as usize]
    }

    /// Forgets all mappings, and how many addresses there were; sequential ports go on.
    pub(super) fn reset(&mut self, addresses: u32) {
        self.used = vec![Default::default(); addresses as usize];
        self.subscribers = Subscribers::default();
    }

    /// Chooses an external endpoint that is not `taken` toward the flow's destination.
    ///
    /// Every search is bounded by the number of addresses and the size of the port's class.
    ///
    /// # Errors
    ///
    /// [`DropReason::PortClash`] or [`DropReason::PortsExhausted`] when it finds none.
    pub(super) fn choose(
        &mut self,
        rng: &mut SimRng,
        protocol: Protocol,
        internal: Endpoint,
        taken: impl Fn(External) -> bool,
    ) -> Result<External, DropReason> {
        let len = self.used.len() as u32;
        let paired = self.subscribers.address(Subscriber::from(internal.ip));
        let (first, tries) = match paired.filter(|_| self.pooling == Pooling::Paired) {
            // RFC 7857 section 4: who finds its address exhausted is not moved to another.
            Some(address) => (address.into(), 1),
            None if len == 1 => (0, 1),
            None => (rng.in_range(0..len), len),
        };
        let chosen = (first..first + tries).find_map(|n| {
            // Fits: there are at most 65536 addresses.
            let external = |port| External { address: (n % len) as u16, port };
            let taken = |port| taken(external(port));
            let port = self.choose_port(rng, protocol, (n % len) as u16, internal.port, taken);
            port.map(external)
        });
        chosen.ok_or(match self.allocation {
            PortAllocation::Strict => DropReason::PortClash,
            _ => DropReason::PortsExhausted,
        })
    }

    /// Chooses a port of one address.
    fn choose_port(
        &mut self,
        rng: &mut SimRng,
        protocol: Protocol,
        address: u16,
        internal_port: u16,
        taken: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        let used = &self.used[usize::from(address)][protocol as usize];
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
