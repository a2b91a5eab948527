//! Whose address an address is.

use std::net::IpAddr;

use ipnet::IpNet;
use natbed_units::LookupMap;

use crate::address::key;
use crate::config::Attachment;
use crate::id::HostId;
use crate::network::Network;
use crate::node::{Router, version};
use crate::observer::Observer;

/// The most addresses of all hosts together; what comes after is nobody's.
const OWNERS_MAX: usize = 1_000_000;

/// Which hosts can be seen under which addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Owners {
    owned: LookupMap<(u32, u128), ()>,
}

impl Owners {
    #[inline]
    pub(super) fn add(&mut self, host: HostId, address: IpAddr) {
        if self.owned.len() < OWNERS_MAX {
            self.owned.insert((host.0, key(address)), ());
        }
    }

    pub(super) fn has(&self, host: HostId, address: IpAddr) -> bool {
        self.owned.contains_key(&(host.0, key(address)))
    }
}

impl<O: Observer> Network<O> {
    /// Returns the addresses that a host can be seen under: its own, and those that the NATs between
    /// it and the Internet give to what it sends, in the order from inside to outside.
    ///
    /// Of a NAT with a whole prefix outside ([`natbed_nat::StatelessConfig`]) only the first address
    /// of the prefix is among them.
    #[must_use]
    pub fn seen_under(&self, host: HostId) -> Vec<IpAddr> {
        let mut seen = Vec::new();
        for interface in &self.hosts[host.index()].interfaces {
            push(&mut seen, interface.address);
        }
        for interface in &self.hosts[host.index()].interfaces {
            self.climb(interface.attachment, version(interface.address), &mut seen);
        }
        seen
    }

    /// Adds what the gateways above give to packets of an IP version.
    fn climb(&self, attachment: Attachment, ip_version: usize, seen: &mut Vec<IpAddr>) {
        let Attachment::Lan(lan) = attachment else { return };
        let Some(gateway) = self.lans[lan.index()].gateways[ip_version] else { return };
        for id in self.boxed(self.routers[gateway.router.index()].head) {
            let Router { inside, outside, pool, external, nat, upstream, .. } =
                &self.routers[id.index()];
            // The box may change the IP version, in which case its inside is of the host's.
            if version(*inside) != ip_version {
                continue;
            }
            if nat.is_some() {
                push(seen, *outside);
                pool.iter().for_each(|address| push(seen, *address));
                external.iter().map(IpNet::network).for_each(|address| push(seen, address));
            }
            self.climb(*upstream, version(*outside), seen);
        }
    }
}

fn push(seen: &mut Vec<IpAddr>, address: IpAddr) {
    if !seen.contains(&address) {
        seen.push(address);
    }
}
