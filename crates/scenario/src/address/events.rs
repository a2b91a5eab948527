//! The addresses that events bring: new ones outside of gateways, and those of hosts that roam.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Assignment, EventAddresses, Pair, outside_version, version_of};
use crate::event::{NewExternal, Verb};
use crate::host::Place;
use crate::lan::{HalfKeys, IPV4, IPV6, version_name};
use crate::pool::{Owner, Taken};
use crate::problem::Problem;
use crate::tree::Located;

impl<'a, 't> Assignment<'a, '_, 't> {
    /// Takes the addresses that events fix.
    pub(super) fn fixed_events(&mut self) -> Vec<EventAddresses> {
        let plan = self.plan;
        let mut events = vec![EventAddresses::default(); plan.events.len()];
        for (addresses, event) in events.iter_mut().zip(plan.events) {
            match &event.verb {
                Verb::Reboot { external: NewExternal::Fixed(fixed), .. }
                | Verb::Readdress { external: NewExternal::Fixed(fixed) } => {
                    let Some((at, version, half)) = self.main_half(event.target) else { continue };
                    let owner = Owner::Outside { lan: at, is_later: true };
                    for (index, address) in fixed.iter().enumerate() {
                        if let Some(first) =
                            fixed[..index].iter().find(|one| one.value == address.value)
                        {
                            self.problems.push(
                                Problem::new(
                                    address.span,
                                    format!("{} is given twice", address.value),
                                )
                                .label("given again")
                                .related(first.span, "first given here"),
                            );
                        }
                        if version_of(address.value) != outside_version(half, version) {
                            let wanted = version_name(outside_version(half, version));
                            self.problems.push(
                                Problem::new(
                                    address.span,
                                    format!("the gateway's outside is {wanted}"),
                                )
                                .label(format!("is {}", version_name(version_of(address.value)))),
                            );
                            continue;
                        }
                        let taken = self.take_external(at, half, version, *address, owner);
                        addresses.external.extend(taken);
                    }
                }
                Verb::Roam { to, address, ipv6_address } => {
                    let host = plan.host_names.get(event.target.value);
                    let (Some(host), Some(lan)) = (host, plan.lan_names.get(to.value)) else {
                        continue;
                    };
                    let owner = Owner::Host { host: *host, is_later: true };
                    addresses.roamed = self.take_pair(*lan, *address, *ipv6_address, owner);
                }
                _ => {}
            }
        }
        events
    }

    /// The gateway's half that events about outside addresses concern, if the name is right.
    fn main_half(&self, name: Located<&str>) -> Option<(usize, usize, &'a HalfKeys<'t>)> {
        let at = *self.plan.lan_names.get(name.value)?;
        let lan = &self.plan.lans[at];
        let version = version_of(lan.subnet?.value.network());
        Some((at, version, lan.half(version)?))
    }

    /// Chooses the addresses that events bring and do not fix, in the order of time.
    pub(super) fn free_events(
        &mut self,
        events: &mut [EventAddresses],
        external: &[[Vec<IpAddr>; 2]],
        hosts: &[Vec<Pair>],
    ) {
        let plan = self.plan;
        let mut order: Vec<usize> = (0..events.len()).collect();
        order.sort_by_key(|event| plan.events[*event].at.value);
        // Who comes back to a LAN has the address again that it had there.
        let mut known: BTreeMap<(usize, usize), Pair> = BTreeMap::new();
        for (at, host) in plan.hosts.iter().enumerate() {
            for (interface, pair) in host.interfaces.iter().zip(&hosts[at]) {
                if let Place::Lan { lan, .. } = &interface.place
                    && let Some(lan) = plan.lan_names.get(lan.value)
                {
                    known.insert((at, *lan), *pair);
                }
            }
        }
        for index in order {
            let event = &plan.events[index];
            let span = event.target.span;
            match &event.verb {
                Verb::Reboot { external: NewExternal::Chosen, .. }
                | Verb::Readdress { external: NewExternal::Chosen } => {
                    let Some((at, version, half)) = self.main_half(event.target) else { continue };
                    let outside = outside_version(half, version);
                    let by = Taken { span, owner: Owner::Outside { lan: at, is_later: true } };
                    for _ in 0..external[at][version].len() {
                        events[index].external.extend(self.free_outside(at, outside, by));
                    }
                }
                Verb::Roam { to, address, ipv6_address } => {
                    let host = plan.host_names.get(event.target.value);
                    let (Some(host), Some(lan)) = (host, plan.lan_names.get(to.value)) else {
                        continue;
                    };
                    let pair = &mut events[index].roamed;
                    let before = known.get(&(*host, *lan)).copied().unwrap_or_default();
                    for version in [IPV4, IPV6] {
                        pair[version] = pair[version].or(before[version]);
                    }
                    let given = [address.is_some(), ipv6_address.is_some()];
                    let owner = Owner::Host { host: *host, is_later: true };
                    self.fill(pair, *lan, given, Taken { span, owner });
                    known.insert((*host, *lan), *pair);
                }
                _ => {}
            }
        }
    }
}
