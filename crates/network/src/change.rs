//! Things that happen to a network while it runs: cuts, stops, reboots, new addresses, roaming.

use std::net::IpAddr;

use natbed_nat::{Firewall, FirewallConfig};
use natbed_packet::DropReason;
use natbed_units::SimTime;

use crate::config::{Attachment, InterfaceConfig, TopologyError};
use crate::id::{HostId, LinkId, Place, RouterId};
use crate::network::Network;
use crate::node::Interface;
use crate::observer::{Observer, Roaming};
use crate::topology::check_link;

impl<O: Observer> Network<O> {
    /// Cuts a link or mends it, both directions.
    ///
    /// While it is down, packets that would enter it or come out of it are dropped as `link-down`.
    /// A link that a host has left stays down.
    pub fn set_link_down(&mut self, link: LinkId, is_down: bool) {
        for pipe in [link.up(), link.down()] {
            let pipe = &mut self.pipes[pipe.index()];
            pipe.is_down = is_down || pipe.is_left;
        }
    }

    /// Stops a host or starts it again; a stopped one neither sends nor takes packets.
    pub fn set_host_stopped(&mut self, host: HostId, is_stopped: bool) {
        self.hosts[host.index()].is_stopped = is_stopped;
    }

    /// Changes the firewall of a host; `None` lets everything pass.
    ///
    /// What was let through before stays so if the new rules allow it.
    pub fn set_host_firewall(&mut self, host: HostId, firewall: Option<FirewallConfig>) {
        let changed = &mut self.hosts[host.index()].firewall;
        match (changed, firewall) {
            (Some(known), Some(config)) => known.set_config(config),
            (changed, firewall) => {
                *changed = firewall.map(|config| Box::new(Firewall::new(config)));
            }
        }
    }

    /// Forgets all dynamic state of a gateway: NAT mappings, firewall flows, and who has logged in
    /// at its captive portal.
    pub fn flush_router(&mut self, router: RouterId) {
        let router = &mut self.routers[router.index()];
        if let Some(nat) = &mut router.nat {
            nat.flush();
        }
        if let Some(firewall) = &mut router.firewall {
            firewall.flush();
        }
    }

    /// Takes a gateway's power and gives it back in the same instant: all its state is gone.
    ///
    /// That is what [`Network::flush_router`] forgets, and fragments that wait in it, which are lost
    /// as `router-off`. For a reboot that takes time, see [`Network::set_router_off`].
    pub fn reboot_router(&mut self, now: SimTime, router: RouterId) {
        self.give_up_router_fragments(now, router, SimTime::MAX, DropReason::RouterOff);
        self.flush_router(router);
    }

    /// Switches a gateway off or on again; while it is off, what comes to it is lost both ways.
    ///
    /// Its state stays: call [`Network::reboot_router`] when it comes back without.
    pub fn set_router_off(&mut self, router: RouterId, is_off: bool) {
        self.routers[router.index()].is_off = is_off;
    }

    /// Changes the firewall of a gateway; `None` lets everything pass.
    ///
    /// What was let through before stays so if the new rules allow it, and so do logins.
    pub fn set_router_firewall(&mut self, router: RouterId, firewall: Option<FirewallConfig>) {
        let changed = &mut self.routers[router.index()].firewall;
        match (changed, firewall) {
            (Some(known), Some(config)) => known.set_config(config),
            (changed, firewall) => *changed = firewall.map(Firewall::new),
        }
    }

    /// Logs a host inside in at the captive portal of a gateway; of no effect without a firewall.
    pub fn log_in(&mut self, router: RouterId, host: IpAddr) {
        if let Some(firewall) = &mut self.routers[router.index()].firewall {
            firewall.log_in(host);
        }
    }

    /// Gives a gateway other outside addresses on the same uplink, the first its own.
    ///
    /// The old ones lead nowhere from now on, and what its NAT knew is gone; subnets that it
    /// routes stay reachable. A packet already under way to an old address finds no route.
    ///
    /// # Errors
    ///
    /// If there is no address, one is taken or does not fit the upstream or the NAT; then nothing
    /// has changed.
    pub fn readdress_router(
        &mut self,
        _now: SimTime,
        router: RouterId,
        addresses: Vec<IpAddr>,
    ) -> Result<(), TopologyError> {
        let (name, upstream, link) = {
            let router = &self.routers[router.index()];
            (router.name.to_string(), router.upstream, router.outside_link)
        };
        let Some((&outside, pool)) = addresses.split_first() else {
            return Err(TopologyError::NoAddress { name });
        };
        for (n, &address) in addresses.iter().enumerate() {
            let owner = self.routes_for(&name, address, upstream)?.lookup_address(address);
            if addresses[..n].contains(&address) || owner.is_some_and(|owner| owner != link) {
                return Err(TopologyError::AddressTaken { name, address });
            }
        }
        let pool = pool.into();
        let changed = &mut self.routers[router.index()];
        if let Some(nat) = &mut changed.nat
            && let Err(source) = nat.set_externals(addresses.clone())
        {
            return Err(TopologyError::Nat { name, source });
        }
        let old = std::mem::replace(&mut changed.pool, pool).into_vec();
        let old_outside = std::mem::replace(&mut changed.outside, outside);
        for address in [old_outside].into_iter().chain(old) {
            self.routes_for(&name, address, upstream)?.remove_address(address);
        }
        for address in addresses {
            self.add_route(&name, address, upstream, link)?;
        }
        Ok(())
    }

    /// Moves an interface of a host to another address, attachment and link: roaming.
    ///
    /// The old address leads nowhere from now on, and what is under way on the old link is lost as
    /// `link-down`; other addresses on that link ([`Network::add_address`]) are gone with it. Returns
    /// the new link, which [`Network::host_links`] shows in the place of the old one.
    ///
    /// # Errors
    ///
    /// If there is no such interface, or the address is taken or does not fit the attachment; then
    /// nothing has changed. A host may move to the address that it has.
    pub fn move_host(
        &mut self,
        host: HostId,
        interface_index: usize,
        to: InterfaceConfig,
    ) -> Result<LinkId, TopologyError> {
        let moved = &self.hosts[host.index()];
        let name = moved.name.to_string();
        let Some(&old) = moved.interfaces.get(interface_index) else {
            return Err(TopologyError::NoSuchInterface { name, index: interface_index });
        };
        check_link(&name, &to.link)?;
        let owner = self.routes_for(&name, to.address, to.attachment)?.lookup_address(to.address);
        if owner.is_some_and(|owner| owner != old.link) {
            return Err(TopologyError::AddressTaken { name, address: to.address });
        }
        let on_old_link: Vec<_> = self.hosts[host.index()]
            .interfaces
            .iter()
            .filter(|i| i.link == old.link)
            .copied()
            .collect();
        for interface in on_old_link {
            let Interface { address, attachment, .. } = interface;
            self.routes_for(&name, address, attachment)?.remove_address(address);
        }
        if let Attachment::Lan(lan) = old.attachment {
            self.lans[lan.index()].hosts.retain(|(_, link)| *link != old.link);
        }
        for pipe in [old.link.up(), old.link.down()] {
            let pipe = &mut self.pipes[pipe.index()];
            (pipe.is_left, pipe.is_down) = (true, true);
        }
        let InterfaceConfig { address, attachment, link } = to;
        let nth = self.hosts[host.index()].links_made;
        let link = self.attach(&name, address, attachment, &link, Place::Host(host), nth)?;
        self.hosts[host.index()].links_made += 1;
        let interfaces = &mut self.hosts[host.index()].interfaces;
        interfaces[interface_index] = Interface { address, attachment, link };
        interfaces.retain(|interface| interface.link != old.link);
        let (near, far) = self.link_ends(link);
        let ends = (&*near, &*far);
        self.observer.moved(&Roaming { host, interface_index, address, link, ends });
        Ok(link)
    }
}
