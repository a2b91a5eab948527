//! The addresses of one subnet: which are taken, and which is the next free one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::tree::Span;

/// An address as a number, so that both IP versions count alike.
pub(crate) const fn to_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits() as u128,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The address of a number in the IP version of `like`.
pub(crate) fn to_address(number: u128, like: IpAddr) -> IpAddr {
    match like {
        // A subnet's numbers never pass its own version's range.
        IpAddr::V4(_) => Ipv4Addr::from_bits(number as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(number).into(),
    }
}

/// Where a run of chosen addresses begins, as the last part of the address is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum From {
    /// `.10` or `::10`.
    Hosts,
    /// `.100` or `::100`.
    Gateways,
}

/// The usable addresses of a subnet.
#[derive(Debug)]
pub(crate) struct Pool {
    network: IpAddr,
    first: u128,
    last: u128,
    taken: BTreeMap<u128, Taken>,
    /// The next address to try for hosts and for gateways.
    next: [Option<u128>; 2],
    is_full: bool,
}

/// Who has an address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) span: Span,
    pub(crate) owner: Owner,
}

impl Taken {
    /// Says whether the address is one that `owner` may come back to.
    pub(crate) fn lets(&self, owner: Owner) -> bool {
        match (self.owner, owner) {
            (Owner::Outside { lan, .. }, Owner::Outside { lan: again, is_later: true }) => {
                lan == again
            }
            (Owner::Host { host, .. }, Owner::Host { host: again, is_later: true }) => {
                host == again
            }
            _ => false,
        }
    }
}

/// What an address is given to; `is_later` for what an event gives it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The inside of a gateway.
    Inside,
    /// The outside of the gateway of this LAN.
    Outside { lan: usize, is_later: bool },
    /// This host.
    Host { host: usize, is_later: bool },
}

impl Pool {
    /// Makes the pool of `subnet`; `None` if it has fewer than two usable addresses.
    pub(crate) fn new(subnet: IpNet) -> Option<Self> {
        let network = subnet.network();
        let (start, end) = (to_number(network), to_number(subnet.broadcast()));
        // The all-ones address is a broadcast in IPv4 only; the all-zeros one is never a host's
        // (in IPv6 it is the routers' anycast address, RFC 4291 section 2.6.1).
        let last = if network.is_ipv4() { end.checked_sub(1)? } else { end };
        let first = start.checked_add(1)?;
        (last > first).then(|| Self {
            network,
            first,
            last,
            taken: BTreeMap::new(),
            next: [None; 2],
            is_full: false,
        })
    }

    /// The address that the subnet's gateway has inside.
    pub(crate) fn gateway(&self) -> IpAddr {
        to_address(self.first, self.network)
    }

    /// Says whether a host may have `address`, if nobody else has it.
    pub(crate) fn is_usable(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.network.is_ipv4()
            && (self.first..=self.last).contains(&to_number(address))
    }

    /// Takes `address`, or returns who has it; its owner may come back to it.
    pub(crate) fn take(&mut self, address: IpAddr, by: Taken) -> Result<(), Taken> {
        match self.taken.entry(to_number(address)) {
            Entry::Vacant(free) => {
                free.insert(by);
                Ok(())
            }
            Entry::Occupied(first) if first.get().lets(by.owner) => Ok(()),
            Entry::Occupied(first) => Err(*first.get()),
        }
    }

    /// Takes the lowest free address from `from` on, or from the start once these are used up.
    pub(crate) fn take_free(&mut self, from: From, by: Taken) -> Option<IpAddr> {
        if self.is_full {
            return None;
        }
        let offset = match (from, self.network) {
            (From::Hosts, IpAddr::V4(_)) => 10,
            (From::Hosts, IpAddr::V6(_)) => 0x10,
            (From::Gateways, IpAddr::V4(_)) => 100,
            (From::Gateways, IpAddr::V6(_)) => 0x100,
        };
        let second = self.first + 1;
        let preferred = match self.first.saturating_add(offset - 1) {
            beyond if beyond > self.last => second,
            within => within,
        };
        // Addresses are only ever taken, so what was passed once need not be looked at again.
        let mut candidate = self.next[from as usize].unwrap_or(preferred);
        loop {
            if let Entry::Vacant(free) = self.taken.entry(candidate) {
                free.insert(by);
                self.next[from as usize] = Some(candidate);
                return Some(to_address(candidate, self.network));
            }
            candidate = if candidate == self.last { second } else { candidate + 1 };
            if candidate == preferred {
                self.is_full = true;
                return None;
            }
        }
    }
}
