//! Gives every gateway and host its addresses: those the file fixes first, then free ones, and
//! last those that events bring.

mod events;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;

use crate::event::EventKeys;
use crate::host::{HostKeys, Place};
use crate::internet::{InternetAddresses, unusable};
use crate::lan::{HalfKeys, IPV4, IPV6, LanKeys, version_name};
use crate::nat_keys::NatKeys;
use crate::pool::{From, Owner, Pool, Taken};
use crate::problem::{Problem, Problems};
use crate::topology::{Route, Upstream, subnet_span};
use crate::tree::Located;

/// An address of each IP version, if there is one.
pub(crate) type Pair = [Option<IpAddr>; 2];

/// The addresses of a scenario; none where something was reported.
pub(crate) struct Addresses {
    /// The inside addresses of each LAN's gateway.
    pub(crate) inside: Vec<Pair>,
    /// The outside addresses of each half of each LAN's gateway, by the version inside.
    pub(crate) external: Vec<[Vec<IpAddr>; 2]>,
    /// The addresses of each interface of each host.
    pub(crate) hosts: Vec<Vec<Pair>>,
    /// The addresses that each event brings.
    pub(crate) events: Vec<EventAddresses>,
}

/// The addresses that an event brings.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventAddresses {
    /// Those of a gateway's outside.
    pub(crate) external: Vec<IpAddr>,
    /// Those of a host that has moved.
    pub(crate) roamed: Pair,
}

/// What addresses are given to.
pub(crate) struct Plan<'a, 't> {
    pub(crate) lans: &'a [LanKeys<'t>],
    pub(crate) lan_names: &'a BTreeMap<&'t str, usize>,
    pub(crate) hosts: &'a [HostKeys<'t>],
    /// The hosts that are the nodes of a swarm.
    pub(crate) swarm: Range<usize>,
    pub(crate) host_names: &'a BTreeMap<&'t str, usize>,
    pub(crate) events: &'a [EventKeys<'t>],
    pub(crate) upstreams: &'a [Upstream],
    pub(crate) routes: &'a [Route<'t>],
}

/// Gives out the addresses of `plan` and reports those that cannot be.
pub(crate) fn assign(plan: &Plan<'_, '_>, problems: &mut Problems) -> Addresses {
    let pools: Vec<[Option<Pool>; 2]> = plan
        .lans
        .iter()
        .map(|lan| [IPV4, IPV6].map(|version| pool(lan, version, problems)))
        .collect();
    let internet = InternetAddresses::new(plan.routes, problems);
    let mut assignment = Assignment { plan, internet, pools, problems };
    let inside = assignment.inside();
    let mut external = assignment.fixed_externals();
    let mut hosts = assignment.fixed_hosts();
    let mut events = assignment.fixed_events();
    for (at, lan) in plan.lans.iter().enumerate() {
        for version in [IPV4, IPV6] {
            let Some(half) = lan.half(version).filter(|half| half.external.is_empty()) else {
                continue;
            };
            external[at][version].extend(assignment.free_external(at, version, half));
        }
    }
    for (at, host) in plan.hosts.iter().enumerate() {
        for (index, interface) in host.interfaces.iter().enumerate() {
            if let Place::Lan { lan, address } = &interface.place
                && let Some(lan) = plan.lan_names.get(lan.value)
            {
                let owner = Owner::Host { host: at, is_later: false };
                let given = [address.is_some(), interface.ipv6_address.is_some()];
                let by = Taken { span: host.name.span, owner };
                assignment.fill(&mut hosts[at][index], *lan, given, by);
            }
        }
    }
    assignment.free_events(&mut events, &external, &hosts);
    Addresses { inside, external, hosts, events }
}

fn pool(lan: &LanKeys<'_>, version: usize, problems: &mut Problems) -> Option<Pool> {
    let subnet = lan.subnet_of(version)?;
    if let Some(range) = unusable(subnet.value) {
        problems.push(
            Problem::new(subnet.span, format!("{} cannot be the subnet of a LAN", subnet.value))
                .label(format!("{range} is not for hosts")),
        );
        return None;
    }
    let pool = Pool::new(subnet.value);
    if pool.is_none() {
        problems.push(
            Problem::new(subnet.span, format!("the subnet {} is too small", subnet.value))
                .label("has no room for a gateway and a host"),
        );
    }
    pool
}

/// The IP version outside of a half with `version` inside; the same if the NAT was reported.
fn outside_version(half: &HalfKeys<'_>, version: usize) -> usize {
    let nat = half.nat.as_ref().map_or(&NatKeys::Routed, |nat| &nat.value);
    if nat.outside_is_ipv4(version == IPV4) { IPV4 } else { IPV6 }
}

const fn version_of(address: IpAddr) -> usize {
    if address.is_ipv4() { IPV4 } else { IPV6 }
}

struct Assignment<'a, 'p, 't> {
    plan: &'a Plan<'a, 't>,
    internet: InternetAddresses,
    pools: Vec<[Option<Pool>; 2]>,
    problems: &'p mut Problems,
}

impl<'a, 't> Assignment<'a, '_, 't> {
    /// Takes the first address of each subnet of each LAN that has a gateway.
    fn inside(&mut self) -> Vec<Pair> {
        let lans = self.plan.lans.iter().zip(&mut self.pools);
        lans.map(|(lan, pools)| {
            let Some(gateway) = &lan.gateway else { return [None; 2] };
            let by = Taken { span: gateway.at, owner: Owner::Inside };
            [IPV4, IPV6].map(|version| {
                let pool = pools[version].as_mut()?;
                let inside = pool.gateway();
                pool.take(inside, by).ok().map(|()| inside)
            })
        })
        .collect()
    }

    /// Takes the outside addresses that the file fixes.
    fn fixed_externals(&mut self) -> Vec<[Vec<IpAddr>; 2]> {
        let plan = self.plan;
        let mut external: Vec<[Vec<IpAddr>; 2]> = vec![<[_; 2]>::default(); plan.lans.len()];
        for (at, lan) in plan.lans.iter().enumerate() {
            for version in [IPV4, IPV6] {
                let Some(half) = lan.half(version) else { continue };
                self.check_version(at, version, half);
                self.check_pool(half);
                let owner = Owner::Outside { lan: at, is_later: false };
                let fixed = half.external.iter();
                external[at][version] = fixed
                    .filter_map(|fixed| self.take_external(at, half, version, *fixed, owner))
                    .collect();
            }
        }
        external
    }

    /// Takes an outside address for a half of the gateway of LAN `at`.
    fn take_external(
        &mut self,
        at: usize,
        half: &HalfKeys<'_>,
        version: usize,
        fixed: Located<IpAddr>,
        owner: Owner,
    ) -> Option<IpAddr> {
        let outside_version = outside_version(half, version);
        match self.plan.upstreams[at] {
            // One of the other version was reported.
            Upstream::Internet if version_of(fixed.value) != outside_version => None,
            Upstream::Internet => {
                self.check_not_inside(at, fixed);
                self.internet.take(fixed, owner, self.problems)
            }
            Upstream::Lan(outside) => self.take_in_lan(outside, outside_version, fixed, owner),
            Upstream::Closed | Upstream::Shared(_) | Upstream::Unknown => None,
        }
    }

    fn check_not_inside(&mut self, at: usize, external: Located<IpAddr>) {
        let lan = &self.plan.lans[at];
        let mut subnets = [lan.subnet, lan.ipv6].into_iter().flatten();
        let Some(subnet) = subnets.find(|subnet| subnet.value.contains(&external.value)) else {
            return;
        };
        self.problems.push(
            Problem::new(external.span, "the outside address lies in the LAN's own subnet")
                .label("is an inside address")
                .related(subnet.span, "the subnet inside"),
        );
    }

    /// Reports a list of outside addresses where only the first has an effect.
    fn check_pool(&mut self, half: &HalfKeys<'_>) {
        let is_mapped = matches!(&half.nat, None | Some(Located { value: NatKeys::Mapped(_), .. }));
        if let Some(second) = half.external.get(1).filter(|_| !is_mapped) {
            self.problems.push(
                Problem::new(second.span, "only a NAT with mappings has several outside addresses")
                    .label("without effect here"),
            );
        }
    }

    /// Reports a gateway whose outside has not the IP version that it leads to.
    fn check_version(&mut self, at: usize, version: usize, half: &HalfKeys<'_>) {
        let plan = self.plan;
        let lan = &plan.lans[at];
        let (Some(inside), Some(gateway)) = (lan.subnet_of(version), &lan.gateway) else { return };
        let wanted = outside_version(half, version);
        let found = match (plan.upstreams[at], gateway.via) {
            (Upstream::Lan(outside), Some(via)) => {
                let outside = &plan.lans[outside];
                let Some(subnet) = outside.subnet else { return };
                if outside.subnet_of(wanted).is_some() {
                    return;
                }
                if lan.ipv6 == Some(inside) && wanted == version {
                    let (name, outside) = (lan.name.value, outside.name.value);
                    let message = format!("`{outside}` has no IPv6, which that of `{name}` needs");
                    self.problems.push(
                        Problem::new(inside.span, message)
                            .label("has no way out")
                            .related(via.span, "the way out"),
                    );
                    return;
                }
                (version_of(subnet.value.network()), via.span)
            }
            (Upstream::Internet, _) => {
                let mut fixed = half.external.iter();
                match fixed.find(|fixed| version_of(fixed.value) != wanted) {
                    Some(fixed) => (version_of(fixed.value), fixed.span),
                    None => return,
                }
            }
            _ => return,
        };
        let (found, span) = found;
        let message = if wanted == version {
            "a gateway has the same IP version on both sides".to_owned()
        } else {
            format!("this NAT leads from {} to {}", version_name(version), version_name(wanted))
        };
        self.problems.push(
            Problem::new(span, message)
                .label(format!("is {}", version_name(found)))
                .related(inside.span, format!("is {}", version_name(version))),
        );
    }

    /// Takes the addresses of hosts that the file fixes.
    fn fixed_hosts(&mut self) -> Vec<Vec<Pair>> {
        let plan = self.plan;
        let mut hosts = Vec::with_capacity(plan.hosts.len());
        let mut is_swarm_refused = false;
        for (at, host) in plan.hosts.iter().enumerate() {
            let owner = Owner::Host { host: at, is_later: false };
            let mut addresses = vec![[None; 2]; host.interfaces.len()];
            let is_in_swarm = plan.swarm.contains(&at);
            if is_in_swarm && is_swarm_refused {
                hosts.push(addresses); // one node that cannot have its address says enough
                continue;
            }
            for (pair, interface) in addresses.iter_mut().zip(&host.interfaces) {
                let second = interface.ipv6_address;
                match &interface.place {
                    Place::Internet { address } => {
                        if let Some(second) = second.filter(|_| address.value.is_ipv6()) {
                            self.report_second(second, "the first address is an IPv6 one");
                        }
                        for address in [Some(*address), second].into_iter().flatten() {
                            let taken = self.internet.take(address, owner, self.problems);
                            is_swarm_refused |= is_in_swarm && taken.is_none();
                            pair[version_of(address.value)] = taken;
                        }
                    }
                    Place::Lan { lan, address } => {
                        if let Some(lan) = plan.lan_names.get(lan.value) {
                            *pair = self.take_pair(*lan, *address, second, owner);
                        }
                    }
                }
            }
            hosts.push(addresses);
        }
        hosts
    }

    fn report_second(&mut self, second: Located<IpAddr>, why: &str) {
        self.problems.push(
            Problem::new(second.span, "`ipv6_address` is the second address of a dual-stack host")
                .label(why)
                .help("the first one is given with `address`, or with `internet`"),
        );
    }

    /// Takes the addresses given for a host in a LAN.
    fn take_pair(
        &mut self,
        lan: usize,
        first: Option<Located<IpAddr>>,
        second: Option<Located<IpAddr>>,
        owner: Owner,
    ) -> Pair {
        let keys = &self.plan.lans[lan];
        let mut pair = [None; 2];
        if let (Some(first), Some(subnet)) = (first, keys.subnet) {
            let version = version_of(subnet.value.network());
            pair[version] = self.take_in_lan(lan, version, first, owner);
        }
        if let Some(second) = second {
            if keys.ipv6.is_some() {
                pair[IPV6] = self.take_in_lan(lan, IPV6, second, owner);
            } else if keys.subnet.is_some() {
                self.report_second(second, "the LAN has no second subnet");
            }
        }
        pair
    }

    fn free_external(&mut self, at: usize, version: usize, half: &HalfKeys<'_>) -> Option<IpAddr> {
        let plan = self.plan;
        let gateway = plan.lans[at].gateway.as_ref()?;
        let owner = Owner::Outside { lan: at, is_later: false };
        let span = match plan.upstreams[at] {
            Upstream::Lan(_) => gateway.via.map_or(gateway.at, |via| via.span),
            _ => gateway.at,
        };
        self.free_outside(at, outside_version(half, version), Taken { span, owner })
    }

    /// Takes a free address of an IP version outside of the gateway of LAN `at`.
    fn free_outside(&mut self, at: usize, version: usize, by: Taken) -> Option<IpAddr> {
        let lan = &self.plan.lans[at];
        match self.plan.upstreams[at] {
            Upstream::Internet => {
                let subnets = [lan.subnet, lan.ipv6].into_iter().flatten();
                let subnets: Vec<IpNet> = subnets.map(|subnet| subnet.value).collect();
                self.internet.take_free(version, &subnets, by, self.problems)
            }
            Upstream::Lan(outside) => self.take_free(outside, version, From::Gateways, by),
            Upstream::Closed | Upstream::Shared(_) | Upstream::Unknown => None,
        }
    }

    /// Takes free addresses in a LAN for what `pair` has none of yet; those that were given, be it
    /// the first or the second, are either there or reported.
    fn fill(&mut self, pair: &mut Pair, lan: usize, given: [bool; 2], by: Taken) {
        let keys = &self.plan.lans[lan];
        for version in [IPV4, IPV6] {
            let Some(subnet) = keys.subnet_of(version) else { continue };
            let is_second = Some(subnet) == keys.ipv6;
            if pair[version].is_none() && !given[usize::from(is_second)] {
                pair[version] = self.take_free(lan, version, From::Hosts, by);
            }
        }
    }

    fn take_free(&mut self, lan: usize, version: usize, from: From, by: Taken) -> Option<IpAddr> {
        let free = self.pools[lan][version].as_mut()?.take_free(from, by);
        if free.is_none() {
            let lan = &self.plan.lans[lan];
            let name = lan.name.value;
            let subnet = lan.subnet_of(version).map_or(subnet_span(lan), |subnet| subnet.span);
            self.problems.push(
                Problem::new(by.span, format!("the subnet of `{name}` is too small"))
                    .label("no address is left")
                    .related(subnet, "all of these are taken"),
            );
        }
        free
    }

    /// Takes an address in a LAN, which must be in its subnet of this version and free.
    fn take_in_lan(
        &mut self,
        at: usize,
        version: usize,
        address: Located<IpAddr>,
        owner: Owner,
    ) -> Option<IpAddr> {
        let lan = &self.plan.lans[at];
        let (subnet, name) = (lan.subnet_of(version).or(lan.subnet)?, lan.name.value);
        let pool = self.pools[at][version_of(subnet.value.network())].as_mut()?;
        let Located { value, span } = address;
        let refusal = if !subnet.value.contains(&value) {
            Problem::new(span, format!("{value} is not in the subnet of `{name}`"))
                .label(format!("expected an address of {}", subnet.value))
                .related(subnet.span, format!("the subnet of `{name}`"))
        } else if !pool.is_usable(value) {
            let which = if value == subnet.value.network() { "network" } else { "broadcast" };
            Problem::new(span, format!("{value} is the {which} address of `{name}`"))
                .label("no host can have it")
        } else {
            let taken = pool.take(value, Taken { span, owner });
            match taken {
                Ok(()) => return Some(value),
                Err(Taken { span: first, owner: Owner::Inside }) => {
                    Problem::new(span, format!("{value} is the address of the gateway of `{name}`"))
                        .label("already taken")
                        .related(first, "a gateway has the first address of its subnet")
                }
                Err(first) => Problem::new(span, format!("{value} is used twice in `{name}`"))
                    .label("used again")
                    .related(first.span, "first used here"),
            }
        };
        self.problems.push(refusal);
        None
    }
}
