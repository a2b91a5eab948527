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

/// Longest-prefix routes to `T`, with single addresses as the fast case.
#[derive(Clone, Debug)]
pub(crate) struct RouteTable<T> {
    addresses: LookupMap<u128, T>,
    /// Longest prefix first; there are few, one for each routed subnet.
    prefixes: Vec<(IpNet, T)>,
}

impl<T: Copy> RouteTable<T> {
    pub(crate) fn new() -> Self {
        Self { addresses: LookupMap::new(), prefixes: Vec::new() }
    }

    /// Adds the route of one address; says whether it was free.
    pub(crate) fn add_address(&mut self, address: IpAddr, target: T) -> bool {
        if self.addresses.contains_key(&key(address)) {
            return false;
        }
        self.addresses.insert(key(address), target);
        true
    }

    pub(crate) fn add_prefix(&mut self, prefix: IpNet, target: T) {
        let at = self.prefixes.partition_point(|(p, _)| p.prefix_len() >= prefix.prefix_len());
        self.prefixes.insert(at, (prefix, target));
    }

    #[inline]
    pub(crate) fn lookup(&self, address: IpAddr) -> Option<T> {
        if let Some(target) = self.addresses.get(&key(address)) {
            return Some(*target);
        }
        self.prefixes.iter().find(|(prefix, _)| prefix.contains(&address)).map(|(_, t)| *t)
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
            ("::ffff:10.1.2.9", None),
        ] {
            assert_eq!(table.lookup(address.parse().unwrap()), expected, "{address}");
        }
    }
}
