//! Gives every gateway and host its address: those the file fixes first, then free ones.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::host::{HostKeys, Place};
use crate::internet::{InternetAddresses, unusable};
use crate::lan::{GatewayKeys, LanKeys};
use crate::pool::{From, Pool, Taken};
use crate::problem::{Problem, Problems};
use crate::topology::{Domain, Upstream, subnet_span};
use crate::tree::{Located, Span};

/// The addresses of a scenario; `None` where something was reported.
pub(crate) struct Addresses {
    /// The inside address of each LAN's gateway.
    pub(crate) inside: Vec<Option<IpAddr>>,
    /// The outside address of each LAN's gateway.
    pub(crate) external: Vec<Option<IpAddr>>,
    /// The address of each host.
    pub(crate) hosts: Vec<Option<IpAddr>>,
}

/// What addresses are given to.
pub(crate) struct Plan<'a, 't> {
    pub(crate) lans: &'a [LanKeys<'t>],
    pub(crate) lan_names: &'a BTreeMap<&'t str, usize>,
    pub(crate) hosts: &'a [HostKeys<'t>],
    pub(crate) upstreams: &'a [Upstream],
    pub(crate) domains: &'a [Domain],
}

/// Gives out the addresses of `plan` and reports those that cannot be.
pub(crate) fn assign(plan: &Plan<'_, '_>, problems: &mut Problems) -> Addresses {
    let pools: Vec<Option<Pool>> = plan.lans.iter().map(|lan| pool(lan, problems)).collect();
    let internet = InternetAddresses::new(plan.lans, plan.domains, problems);
    let mut assignment = Assignment { plan, internet, pools, problems };
    let inside = assignment.inside();
    let mut external = assignment.fixed_externals();
    let mut hosts = assignment.fixed_hosts();
    for (at, lan) in plan.lans.iter().enumerate() {
        if let Some(gateway) = lan.gateway.as_ref().filter(|gateway| gateway.external.is_none()) {
            external[at] = assignment.free_external(at, gateway);
        }
    }
    for (at, host) in plan.hosts.iter().enumerate() {
        if let Some(Place::Lan { lan, address: None }) = &host.place {
            hosts[at] = assignment.free_host(host.name.span, *lan);
        }
    }
    Addresses { inside, external, hosts }
}

fn pool(lan: &LanKeys<'_>, problems: &mut Problems) -> Option<Pool> {
    let subnet = lan.subnet?;
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

struct Assignment<'a, 'p, 't> {
    plan: &'a Plan<'a, 't>,
    internet: InternetAddresses,
    pools: Vec<Option<Pool>>,
    problems: &'p mut Problems,
}

impl Assignment<'_, '_, '_> {
    /// Takes the first address of each LAN that has a gateway.
    fn inside(&mut self) -> Vec<Option<IpAddr>> {
        let lans = self.plan.lans.iter().zip(&mut self.pools);
        lans.map(|(lan, pool)| {
            let by = Taken { span: lan.gateway.as_ref()?.at, is_own_gateway: true };
            let pool = pool.as_mut()?;
            let inside = pool.gateway();
            pool.take(inside, by).ok().map(|()| inside)
        })
        .collect()
    }

    /// Takes the outside addresses that the file fixes.
    fn fixed_externals(&mut self) -> Vec<Option<IpAddr>> {
        let plan = self.plan;
        let mut external = vec![None; plan.lans.len()];
        for (at, lan) in plan.lans.iter().enumerate() {
            let Some(gateway) = &lan.gateway else { continue };
            self.check_version(at, gateway);
            let Some(fixed) = gateway.external else { continue };
            external[at] = match plan.upstreams[at] {
                Upstream::Internet => {
                    self.check_not_inside(lan, fixed);
                    self.internet.take(fixed, self.problems)
                }
                Upstream::Lan(outside) => self.take_in_lan(outside, fixed),
                Upstream::Closed | Upstream::Unknown => None,
            };
        }
        external
    }

    fn check_not_inside(&mut self, lan: &LanKeys<'_>, external: Located<IpAddr>) {
        let Some(subnet) = lan.subnet.filter(|subnet| subnet.value.contains(&external.value))
        else {
            return;
        };
        self.problems.push(
            Problem::new(external.span, "the outside address lies in the LAN's own subnet")
                .label("is an inside address")
                .related(subnet.span, "the subnet inside"),
        );
    }

    /// Reports a gateway whose two sides have different IP versions.
    fn check_version(&mut self, at: usize, gateway: &GatewayKeys<'_>) {
        let plan = self.plan;
        let Some(inside) = plan.lans[at].subnet else { return };
        let (outside, span) = match (plan.upstreams[at], gateway.via, gateway.external) {
            (Upstream::Lan(outside), Some(via), _) => match plan.lans[outside].subnet {
                Some(subnet) => (subnet.value.network(), via.span),
                None => return,
            },
            (Upstream::Internet, _, Some(external)) => (external.value, external.span),
            _ => return,
        };
        if outside.is_ipv4() != inside.value.network().is_ipv4() {
            let version = |is_v4| if is_v4 { "IPv4" } else { "IPv6" };
            self.problems.push(
                Problem::new(span, "a gateway has the same IP version on both sides")
                    .label(format!("is {}", version(outside.is_ipv4())))
                    .related(inside.span, format!("is {}", version(!outside.is_ipv4()))),
            );
        }
    }

    /// Takes the addresses of hosts that the file fixes.
    fn fixed_hosts(&mut self) -> Vec<Option<IpAddr>> {
        let plan = self.plan;
        let mut hosts = vec![None; plan.hosts.len()];
        for (at, host) in plan.hosts.iter().enumerate() {
            hosts[at] = match &host.place {
                Some(Place::Internet { address }) => self.internet.take(*address, self.problems),
                Some(Place::Lan { lan, address: Some(address) }) => {
                    plan.lan_names.get(lan.value).and_then(|lan| self.take_in_lan(*lan, *address))
                }
                Some(Place::Lan { address: None, .. }) | None => None,
            };
        }
        hosts
    }

    fn free_external(&mut self, at: usize, gateway: &GatewayKeys<'_>) -> Option<IpAddr> {
        let plan = self.plan;
        match plan.upstreams[at] {
            Upstream::Internet => {
                let subnet = plan.lans[at].subnet?;
                self.internet.take_free(subnet.value, gateway.at, self.problems)
            }
            Upstream::Lan(outside) => {
                let span = gateway.via.map_or(gateway.at, |via| via.span);
                self.take_free(outside, From::Gateways, span)
            }
            Upstream::Closed | Upstream::Unknown => None,
        }
    }

    fn free_host(&mut self, name: Span, lan: Located<&str>) -> Option<IpAddr> {
        let lan = *self.plan.lan_names.get(lan.value)?;
        self.take_free(lan, From::Hosts, name)
    }

    fn take_free(&mut self, lan: usize, from: From, span: Span) -> Option<IpAddr> {
        let free = self.pools[lan].as_mut()?.take_free(from, Taken { span, is_own_gateway: false });
        if free.is_none() {
            let lan = &self.plan.lans[lan];
            let name = lan.name.value;
            self.problems.push(
                Problem::new(span, format!("the subnet of `{name}` is too small"))
                    .label("no address is left")
                    .related(subnet_span(lan), "all of these are taken"),
            );
        }
        free
    }

    /// Takes an address in a LAN, which must be in its subnet and free.
    fn take_in_lan(&mut self, at: usize, address: Located<IpAddr>) -> Option<IpAddr> {
        let lan = &self.plan.lans[at];
        let (subnet, name) = (lan.subnet?, lan.name.value);
        let pool = self.pools[at].as_mut()?;
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
            let taken = pool.take(value, Taken { span, is_own_gateway: false });
            match taken {
                Ok(()) => return Some(value),
                Err(first) if first.is_own_gateway => {
                    Problem::new(span, format!("{value} is the address of the gateway of `{name}`"))
                        .label("already taken")
                        .related(first.span, "a gateway has the first address of its subnet")
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
