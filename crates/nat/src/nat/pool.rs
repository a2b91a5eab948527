//! The external addresses.

use std::net::IpAddr;

use natbed_packet::Endpoint;
use natbed_units::LookupMap;

/// An external endpoint as the tables hold it: the place of its address in the pool, and its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct External {
    pub(crate) address: u16,
    pub(crate) port: u16,
}

/// The external addresses of a NAT, found by place and by address.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    /// The address at place 0, which is all that most NATs have.
    first: IpAddr,
    addresses: Vec<IpAddr>,
    /// Places of the addresses behind the first.
    others: LookupMap<IpAddr, u16>,
}

impl Pool {
    /// Makes a pool of addresses that [`NatConfig::validate`](crate::NatConfig::validate) accepts,
    /// so there are between 1 and 65536.
    pub(super) fn new(addresses: Vec<IpAddr>) -> Self {
        let mut others = LookupMap::new();
        for (place, address) in (0..=u16::MAX).zip(&addresses).skip(1) {
            others.insert(*address, place);
        }
        Self { first: addresses[0], addresses, others }
    }

    #[inline]
    pub(super) const fn first(&self) -> IpAddr {
        self.first
    }

    pub(super) fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Returns how many addresses there are, as places count them.
    pub(super) fn len(&self) -> u32 {
        self.addresses.len() as u32
    }

    /// Returns the place of an address, `None` if it is not the NAT's.
    #[inline(always)]
    pub(super) fn place(&self, address: IpAddr) -> Option<u16> {
        if address == self.first { Some(0) } else { self.others.get(&address).copied() }
    }

    /// Returns the external endpoint at `port` of this address, `None` if it is not the NAT's.
    #[inline]
    pub(super) fn external(&self, endpoint: Endpoint) -> Option<External> {
        Some(External { address: self.place(endpoint.ip)?, port: endpoint.port })
    }

    /// Returns the address and port behind an entry of the tables.
    #[inline]
    pub(super) fn endpoint(&self, external: External) -> Endpoint {
        let ip = match external.address {
            0 => self.first,
            place => self.addresses[usize::from(place)],
        };
        Endpoint::new(ip, external.port)
    }
}
