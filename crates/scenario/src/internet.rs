//! The addresses of the Internet: who has which, and the subnets that are routed there.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::pool::{Owner, Taken, to_address, to_number};
use crate::problem::{Problem, Problems};
use crate::topology::{Domain, Route};
use crate::tree::Located;

/// Where the outside addresses of gateways begin (RFC 2544, RFC 3849).
const FIRST_V4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
const FIRST_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

const fn v6(bits: u128, prefix: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), prefix))
}

/// Ranges that no interface can have an address of.
const UNUSABLE: &[IpNet] = &[
    v4(0, 0, 0, 0, 8),
    v4(127, 0, 0, 0, 8),
    v4(224, 0, 0, 0, 3),
    v6(0, 127),
    v6(0xffff << 32, 96),
    v6(0xff << 120, 8),
];

/// Ranges that the Internet does not route (RFC 1918, 3927, 6598, 4193, 4291).
const PRIVATE: &[IpNet] = &[
    v4(10, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    v4(100, 64, 0, 0, 10),
    v4(169, 254, 0, 0, 16),
    v6(0xfc << 120, 7),
    v6(0xfe80 << 112, 10),
];

/// Returns the range of addresses that no interface can have, if `subnet` touches one.
pub(crate) fn unusable(subnet: IpNet) -> Option<IpNet> {
    overlapping(UNUSABLE, subnet)
}

fn overlapping(ranges: &[IpNet], subnet: IpNet) -> Option<IpNet> {
    let overlaps = |range: &&IpNet| range.contains(&subnet) || subnet.contains(*range);
    ranges.iter().find(overlaps).copied()
}

pub(crate) struct InternetAddresses {
    taken: BTreeMap<IpAddr, Taken>,
    /// The networks that are routed to LANs, in order.
    routed: Vec<IpNet>,
    /// The next outside address to try, for each IP version.
    next: [IpAddr; 2],
}

impl InternetAddresses {
    /// Finds the networks routed on the Internet and reports those that cannot be.
    pub(crate) fn new(routes: &[Route<'_>], problems: &mut Problems) -> Self {
        let mut routed = Vec::new();
        for route in routes.iter().filter(|route| route.domain == Domain::Internet) {
            let network = route.network;
            if let Some(range) = overlapping(PRIVATE, network.value) {
                let message = format!("{} is private, but routed to the Internet", network.value);
                let help = if route.is_outside {
                    "give it a public network"
                } else {
                    "give it a public subnet, or a NAT"
                };
                problems.push(
                    Problem::new(network.span, message)
                        .label(format!("overlaps {range}"))
                        .help(help),
                );
            } else if let Some(range) = unusable(network.value).filter(|_| route.is_outside) {
                let message = format!("{} cannot be routed to the Internet", network.value);
                problems.push(
                    Problem::new(network.span, message).label(format!("{range} is not for hosts")),
                );
            }
            routed.push(network.value);
        }
        routed.sort_unstable();
        Self { taken: BTreeMap::new(), routed, next: [FIRST_V4.into(), FIRST_V6.into()] }
    }

    /// Takes `address`, which must be public, free and outside all routed subnets.
    pub(crate) fn take(
        &mut self,
        address: Located<IpAddr>,
        owner: Owner,
        problems: &mut Problems,
    ) -> Option<IpAddr> {
        let Located { value, span } = address;
        let refusal = if let Some(range) = unusable(value.into()) {
            Problem::new(span, format!("{value} cannot be the address of a host"))
                .label(format!("{range} is not for hosts"))
        } else if let Some(range) = overlapping(PRIVATE, value.into()) {
            Problem::new(span, format!("{value} is private, so it cannot be on the Internet"))
                .label(format!("is in {range}"))
        } else if let Some(subnet) = self.routed_subnet(value) {
            Problem::new(span, format!("{value} lies in a subnet that is routed to a LAN"))
                .label(format!("is in {subnet}"))
        } else if let Some(first) = self.taken.get(&value).filter(|first| !first.lets(owner)) {
            Problem::new(span, format!("{value} is used twice on the Internet"))
                .label("used again")
                .related(first.span, "first used here")
        } else {
            self.taken.entry(value).or_insert(Taken { span, owner });
            return Some(value);
        };
        problems.push(refusal);
        None
    }

    /// Takes the next free outside address of an IP version that lies in none of `inside`.
    pub(crate) fn take_free(
        &mut self,
        version: usize,
        inside: &[IpNet],
        by: Taken,
        problems: &mut Problems,
    ) -> Option<IpAddr> {
        loop {
            let candidate = self.next[version];
            if unusable(candidate.into()).is_some() {
                problems.push(
                    Problem::new(by.span, "no public address is left for the gateway")
                        .label("needs `external`"),
                );
                return None;
            }
            let inside = inside.iter().find(|inside| inside.contains(&candidate)).copied();
            let subnet = inside.or_else(|| self.routed_subnet(candidate));
            let last = subnet.map_or(candidate, |subnet| subnet.broadcast());
            // Unusable addresses follow the last public one, so this ends before the numbers do.
            self.next[version] = to_address(to_number(last).saturating_add(1), candidate);
            if subnet.is_none() && !self.taken.contains_key(&candidate) {
                self.taken.insert(candidate, by);
                return Some(candidate);
            }
        }
    }

    fn routed_subnet(&self, address: IpAddr) -> Option<IpNet> {
        // The subnets are in order and apart, so only the last that starts before can hold it.
        let after = self.routed.partition_point(|subnet| subnet.network() <= address);
        let subnet = self.routed[..after].last()?;
        subnet.contains(&address).then_some(*subnet)
    }
}
