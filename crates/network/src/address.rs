//! Addresses as integers, and a routing table over them.

use std::net::IpAddr;

use ipnet::IpNet;
use natbed_units::LookupMap;

/// An address as one integer: IPv4 in its IPv6-mapped form. Hashes and compares in one step.
#[inline]
pub(crate) fn key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => 0xffff_0000_0000 | u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// A subnet as integers, for tests on the way of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    base: u128,
    mask: u128,
    /// No address of one version is in a subnet of the other, whatever their integers.
    is_ipv4: bool,
}

impl Prefix {
    pub(crate) fn new(subnet: IpNet) -> Self {
        let host_bits = u32::from(subnet.max_prefix_len() - subnet.prefix_len());
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        Self { base: key(subnet.addr()) & mask, mask, is_ipv4: subnet.addr().is_ipv4() }
    }

    #[inline]
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        key(address) & self.mask == self.base && address.is_ipv4() == self.is_ipv4
    }
}

/// Longest-prefix routes to `T`, with single addresses as the fast case.
#[derive(Clone, Debug)]
pub(crate) struct RouteTable<T> {
    /// Apart, because a table of short keys is a quarter as large.
    v4: LookupMap<u32, T>,
    v6: LookupMap<u128, T>,
    /// Longest prefix first; there are few, one for each routed subnet.
    prefixes: Vec<(u8, Prefix, T)>,
}

impl<T: Copy> RouteTable<T> {
    pub(crate) fn new() -> Self {
        Self { v4: LookupMap::new(), v6: LookupMap::new(), prefixes: Vec::new() }
    }

    /// Adds the route of one address; says whether it was free.
    pub(crate) fn add_address(&mut self, address: IpAddr, target: T) -> bool {
        if self.lookup_address(address).is_some() {
            return false;
        }
        match address {
            IpAddr::V4(ip) => self.v4.insert(ip.to_bits(), target),
            IpAddr::V6(ip) => self.v6.insert(ip.to_bits(), target),
        };
        true
    }

    pub(crate) fn remove_address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(ip) => self.v4.remove(&ip.to_bits()),
            IpAddr::V6(ip) => self.v6.remove(&ip.to_bits()),
        };
    }

    pub(crate) fn add_prefix(&mut self, subnet: IpNet, target: T) {
        let length = subnet.prefix_len();
        let at = self.prefixes.partition_point(|(known, _, _)| *known >= length);
        self.prefixes.insert(at, (length, Prefix::new(subnet), target));
    }

    #[inline]
    pub(crate) fn lookup_address(&self, address: IpAddr) -> Option<T> {
        match address {
            IpAddr::V4(ip) => self.v4.get(&ip.to_bits()).copied(),
            IpAddr::V6(ip) => self.v6.get(&ip.to_bits()).copied(),
        }
    }

    #[inline]
    pub(crate) fn lookup_prefix(&self, address: IpAddr) -> Option<T> {
        let route = self.prefixes.iter().find(|(_, prefix, _)| prefix.contains(address));
        route.map(|(_, _, target)| *target)
    }

    #[inline]
    pub(crate) fn lookup(&self, address: IpAddr) -> Option<T> {
        self.lookup_address(address).or_else(|| self.lookup_prefix(address))
    }
}

#[cfg(test)]
mod tests {
    use super::RouteTable;

    #[test]
    fn the_longest_prefix_wins_whatever_the_order() {
        let mut table = RouteTable::new();
        table.add_prefix("10.0.0.0/8".parse().unwrap(), 8);
        table.add_prefix("10.1.2.0/24".parse().unwrap(), 24);
        table.add_prefix("10.1.0.0/16".parse().unwrap(), 16);
        assert!(table.add_address("10.1.2.3".parse().unwrap(), 32));
        assert!(!table.add_address("10.1.2.3".parse().unwrap(), 33));
        for (address, expected) in [
            ("10.1.2.3", Some(32)),
            ("10.1.2.4", Some(24)),
            ("10.1.9.9", Some(16)),
            ("10.9.9.9", Some(8)),
            ("11.0.0.1", None),
            ("::ffff:10.1.2.3", None),
            ("::ffff:10.1.2.9", None),
        ] {
            assert_eq!(table.lookup(address.parse().unwrap()), expected, "{address}");
        }
    }
}
