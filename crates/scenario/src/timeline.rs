//! Events held against the world they happen in, one after the other as time goes by.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::address::{Addresses, EventAddresses};
use crate::event::{EventKeys, NewExternal, Verb};
use crate::host::{Place, portal_on_host};
use crate::lan::{IPV4, IPV6};
use crate::link::LinkKeys;
use crate::nat_keys::NatKeys;
use crate::problem::{Problem, Problems};
use crate::resolve::Written;
use crate::scenario::{Event, EventAction, FirewallTarget, HostIndex, LanIndex, Link, LinkTarget};
use crate::topology::Upstream;
use crate::tree::Located;

/// What events have changed so far.
struct Moment {
    /// The LAN that each interface of each host is in; `None` is the Internet.
    places: Vec<Vec<Option<usize>>>,
    /// Whether the gateway of each LAN has a captive portal.
    portals: Vec<bool>,
    /// The links of hosts' interfaces that were changed, until they move.
    links: BTreeMap<(usize, usize), Link>,
    /// The uplinks that were changed, by LAN.
    uplinks: BTreeMap<usize, Link>,
}

impl Written<'_> {
    pub(crate) fn resolve_events(
        &self,
        upstreams: &[Upstream],
        addresses: &Addresses,
        problems: &mut Problems,
    ) -> Vec<Event> {
        let mut order: Vec<usize> = (0..self.events.len()).collect();
        // Stable: one instant keeps the order of the file.
        order.sort_by_key(|event| self.events[*event].at.value);
        let mut moment = self.start();
        let mut events = Vec::with_capacity(order.len());
        for index in order {
            let event = &self.events[index];
            if event.at.value >= self.horizon {
                problems.push(
                    Problem::new(event.at.span, "the event comes after the run")
                        .label(format!("the run ends after {}", self.horizon)),
                );
            }
            let action = self.action(event, index, addresses, upstreams, &mut moment, problems);
            events.extend(action.map(|action| Event { at: event.at.value, action }));
        }
        events
    }

    fn start(&self) -> Moment {
        let place = |place: &Place<'_>| match place {
            Place::Lan { lan, .. } => self.lan_names.get(lan.value).copied(),
            Place::Internet { .. } => None,
        };
        let places = self
            .hosts
            .iter()
            .map(|host| host.interfaces.iter().map(|interface| place(&interface.place)).collect());
        let portals = self.lans.iter().map(|lan| {
            let gateway = lan.gateway.as_ref();
            let main = gateway.and_then(|gateway| gateway.main.firewall.as_ref());
            let ipv6 = gateway.and_then(|gateway| gateway.ipv6.firewall.as_ref());
            main.into_iter().chain(ipv6).any(|firewall| firewall.config.captive_portal)
        });
        Moment {
            places: places.collect(),
            portals: portals.collect(),
            links: BTreeMap::new(),
            uplinks: BTreeMap::new(),
        }
    }

    fn action(
        &self,
        event: &EventKeys<'_>,
        index: usize,
        all: &Addresses,
        upstreams: &[Upstream],
        moment: &mut Moment,
        problems: &mut Problems,
    ) -> Option<EventAction> {
        let name = event.target;
        let addresses = &all.events[index];
        Some(match &event.verb {
            Verb::LinkDown => EventAction::LinkDown(self.link_target(event, moment, problems)?),
            Verb::LinkUp => EventAction::LinkUp(self.link_target(event, moment, problems)?),
            Verb::ServerStop => EventAction::ServerStop(self.server(name, problems)?),
            Verb::ServerStart => EventAction::ServerStart(self.server(name, problems)?),
            Verb::NatFlush => {
                let lan = self.lan(name, problems)?;
                let lan = self.with_mappings(lan, name, "there is nothing to flush", problems)?;
                EventAction::NatFlush(lan)
            }
            Verb::Reboot { off_for, external } => {
                let lan = self.lan(name, problems)?;
                let lan = self.own_gateway(lan, name, "there is nothing to reboot", problems)?;
                let external = match external {
                    NewExternal::Keep => None,
                    NewExternal::Chosen | NewExternal::Fixed(_) => {
                        self.with_externals(lan.0, name, problems)?;
                        Some(addresses.external.clone())
                    }
                };
                EventAction::Reboot { lan, off_for: *off_for, external }
            }
            Verb::Readdress { .. } => {
                let lan = self.lan(name, problems)?;
                self.with_externals(lan, name, problems)?;
                let external = addresses.external.clone();
                EventAction::Readdress { lan: LanIndex(lan), external }
            }
            Verb::Roam { to, .. } => self.roam(event, *to, addresses, moment, problems)?,
            Verb::SetFirewall { firewall } => {
                let target = self.firewall_target(name, problems)?;
                match target {
                    FirewallTarget::Gateway(LanIndex(lan)) => {
                        moment.portals[lan] = firewall.config.captive_portal;
                    }
                    FirewallTarget::Host(_) if firewall.config.captive_portal => {
                        problems.push(portal_on_host(name.span));
                    }
                    FirewallTarget::Host(_) => {}
                }
                EventAction::SetFirewall { target, firewall: firewall.clone() }
            }
            Verb::SetLink { link } => {
                self.set_link(event, link, all, upstreams, moment, problems)?
            }
            Verb::LogIn => self.log_in(name, upstreams, moment, problems)?,
        })
    }

    /// Changes a link, or the links of a host, on top of what they are by then.
    fn set_link(
        &self,
        event: &EventKeys<'_>,
        keys: &LinkKeys,
        addresses: &Addresses,
        upstreams: &[Upstream],
        moment: &mut Moment,
        problems: &mut Problems,
    ) -> Option<EventAction> {
        let target = self.link_target(event, moment, problems)?;
        let interfaces = match target {
            LinkTarget::Gateway(LanIndex(lan)) => {
                let via = match upstreams[lan] {
                    Upstream::Lan(via) => Some(via),
                    _ => None,
                };
                let uplink = &self.lans[lan].gateway.as_ref()?.uplink;
                let now = moment.uplinks.get(&lan).cloned();
                let now = now.unwrap_or_else(|| uplink.over(&self.lan_link(via)));
                if addresses.external[lan].iter().flatten().any(IpAddr::is_ipv6) {
                    keys.check_ipv6(problems);
                }
                let link = keys.checked_over(&now, problems);
                moment.uplinks.insert(lan, link.clone());
                return Some(EventAction::SetLink { target, links: vec![link] });
            }
            LinkTarget::Host(HostIndex(host)) => {
                (0..self.hosts[host].interfaces.len()).map(|at| (host, at)).collect()
            }
            LinkTarget::Interface(HostIndex(host), interface) => vec![(host, interface)],
        };
        let mut links = Vec::with_capacity(interfaces.len());
        for (host, interface) in interfaces {
            let place = moment.places[host].get(interface).copied().flatten();
            let own = self.hosts[host].interfaces.get(interface)?;
            let now = moment.links.get(&(host, interface)).cloned();
            let now = now.unwrap_or_else(|| own.uplink.over(&self.lan_link(place)));
            let has_ipv6 = match place {
                Some(lan) => self.lans[lan].subnet_of(IPV6).is_some(),
                None => own.ipv6_address.is_some() || own.is_public_ipv6(),
            };
            if has_ipv6 {
                keys.check_ipv6(problems);
            }
            let link = keys.checked_over(&now, problems);
            moment.links.insert((host, interface), link.clone());
            links.push(link);
        }
        Some(EventAction::SetLink { target, links })
    }

    fn link_target(
        &self,
        event: &EventKeys<'_>,
        moment: &Moment,
        problems: &mut Problems,
    ) -> Option<LinkTarget> {
        let name = event.target;
        if let Some(host) = self.host_names.get(name.value) {
            return Some(match event.interface {
                None => LinkTarget::Host(HostIndex(*host)),
                Some(lan) => {
                    let interface = self.interface_in(*host, lan, moment, problems)?;
                    LinkTarget::Interface(HostIndex(*host), interface)
                }
            });
        }
        let Some(lan) = self.lan_names.get(name.value) else {
            self.unknown_target(name, problems);
            return None;
        };
        if let Some(interface) = event.interface {
            problems.push(
                Problem::new(interface.span, format!("`{}` is a LAN", name.value))
                    .label("only a host has several interfaces"),
            );
        }
        self.own_gateway(*lan, name, "there is no link out of it", problems)
            .map(LinkTarget::Gateway)
    }

    fn unknown_target(&self, name: Located<&str>, problems: &mut Problems) {
        let names = self.lan_names.keys().chain(self.host_names.keys()).copied();
        problems.unknown(name.span, "LAN or host", name.value, names);
    }

    /// The interface of a host that is in the LAN `name` by now.
    fn interface_in(
        &self,
        host: usize,
        name: Located<&str>,
        moment: &Moment,
        problems: &mut Problems,
    ) -> Option<usize> {
        let lan = self.lan(name, problems)?;
        let interface = moment.places[host].iter().position(|place| *place == Some(lan));
        if interface.is_none() {
            let host = &self.hosts[host];
            let message =
                format!("`{}` has no interface in `{}` by then", host.name.value, name.value);
            problems.push(
                Problem::new(name.span, message)
                    .label("is not there")
                    .related(host.name.span, "the host"),
            );
        }
        interface
    }

    fn server(&self, name: Located<&str>, problems: &mut Problems) -> Option<HostIndex> {
        let host = self.host(name, problems)?;
        if !self.hosts[host].serves() {
            problems.push(
                Problem::new(name.span, format!("`{}` serves nothing", name.value))
                    .label("is no server"),
            );
        }
        Some(HostIndex(host))
    }

    /// The LAN with this name, which must have a gateway of its own.
    fn own_gateway(
        &self,
        lan: usize,
        name: Located<&str>,
        why: &str,
        problems: &mut Problems,
    ) -> Option<LanIndex> {
        let problem = match &self.lans[lan].gateway {
            None => Problem::new(name.span, format!("the LAN `{}` has no gateway", name.value))
                .label(why),
            Some(gateway) => match gateway.of {
                None => return Some(LanIndex(lan)),
                Some(of) => {
                    let message = format!("the LAN `{}` shares its gateway", name.value);
                    Problem::new(name.span, message)
                        .label(format!("expected `{}`, whose gateway it is", of.value))
                        .related(of.span, "shares a gateway")
                }
            },
        };
        problems.push(problem);
        None
    }

    /// The LAN with this name, whose gateway must have a NAT that keeps state.
    fn with_mappings(
        &self,
        lan: usize,
        name: Located<&str>,
        why: &str,
        problems: &mut Problems,
    ) -> Option<LanIndex> {
        if self.lans[lan].gateway.is_some() {
            self.own_gateway(lan, name, why, problems)?;
        }
        let halves = [IPV4, IPV6].into_iter().filter_map(|version| self.lans[lan].half(version));
        // A `nat` that was reported says nothing about whether there is one.
        let mut nats = halves.map(|half| half.nat.as_ref().map(|nat| &nat.value));
        let has_nat = self.lans[lan].gateway.is_some()
            && (self.lans[lan].subnet.is_none()
                || nats.any(|nat| matches!(nat, None | Some(NatKeys::Mapped(_)))));
        if !has_nat {
            problems.push(
                Problem::new(name.span, format!("the LAN `{}` has no NAT", name.value)).label(why),
            );
            return None;
        }
        Some(LanIndex(lan))
    }

    /// Checks that the main half of a gateway translates to addresses that can change.
    fn with_externals(
        &self,
        lan: usize,
        name: Located<&str>,
        problems: &mut Problems,
    ) -> Option<()> {
        self.own_gateway(lan, name, "there is no address to change", problems)?;
        let gateway = self.lans[lan].gateway.as_ref()?;
        let what = match &gateway.main.nat.as_ref()?.value {
            NatKeys::Mapped(_) => return Some(()),
            NatKeys::Routed => "has no NAT",
            NatKeys::ByRule(_) => "translates by rule",
        };
        problems.push(
            Problem::new(name.span, format!("the gateway of `{}` {what}", name.value))
                .label("there is no address that it translates to"),
        );
        None
    }

    fn roam(
        &self,
        event: &EventKeys<'_>,
        to: Located<&str>,
        addresses: &EventAddresses,
        moment: &mut Moment,
        problems: &mut Problems,
    ) -> Option<EventAction> {
        let host = self.host(event.target, problems);
        let lan = self.lan(to, problems);
        let (host, lan) = (host?, lan?);
        let name = event.target.value;
        let keys = &self.hosts[host];
        if keys.serves() {
            problems.push(
                Problem::new(
                    event.target.span,
                    format!("`{name}` serves, so it stays where it is"),
                )
                .label("cannot roam")
                .related(keys.name.span, "the server"),
            );
            return None;
        }
        let interface = match (event.interface, &moment.places[host][..]) {
            (Some(name), _) => self.interface_in(host, name, moment, problems)?,
            (None, [_]) => 0,
            (None, []) => return None, // was reported
            (None, several) => {
                let message = format!("`{name}` has {} interfaces", several.len());
                problems.push(
                    Problem::new(event.target.span, message)
                        .label("which one roams?")
                        .help("`interface` names the LAN that it is in"),
                );
                return None;
            }
        };
        if moment.places[host].contains(&Some(lan)) {
            problems.push(
                Problem::new(to.span, format!("`{name}` is in `{}` already", to.value))
                    .label("is there by then"),
            );
            return None;
        }
        let peers = self.sessions.iter().filter_map(|session| session.between).flatten();
        let is_peer = peers.into_iter().any(|peer| peer.value == name);
        let subnet = self.lans[lan].subnet?;
        if is_peer && self.lans[lan].subnet_of(IPV4).is_none() {
            problems.push(
                Problem::new(to.span, format!("`{name}` would have no IPv4 address"))
                    .label("the stack `webrtc-ice` runs over IPv4 alone here")
                    .related(subnet.span, "has IPv6 alone"),
            );
        }
        moment.places[host][interface] = Some(lan);
        let none = LinkKeys::default();
        let uplink = keys.interfaces.get(interface).map_or(&none, |keys| &keys.uplink);
        if addresses.roamed[IPV6].is_some() {
            uplink.check_ipv6(problems);
        }
        let to = self.interface(Some(lan), addresses.roamed, uplink, problems)?;
        moment.links.remove(&(host, interface));
        Some(EventAction::Roam { host: HostIndex(host), interface, to: Box::new(to) })
    }

    fn firewall_target(
        &self,
        name: Located<&str>,
        problems: &mut Problems,
    ) -> Option<FirewallTarget> {
        if let Some(host) = self.host_names.get(name.value) {
            return Some(FirewallTarget::Host(HostIndex(*host)));
        }
        let Some(lan) = self.lan_names.get(name.value) else {
            self.unknown_target(name, problems);
            return None;
        };
        let lan = self.own_gateway(*lan, name, "there is no place for a firewall", problems)?;
        Some(FirewallTarget::Gateway(lan))
    }

    fn log_in(
        &self,
        name: Located<&str>,
        upstreams: &[Upstream],
        moment: &Moment,
        problems: &mut Problems,
    ) -> Option<EventAction> {
        let host = self.host(name, problems)?;
        let lans = moment.places[host].iter().flatten();
        let mut gateways = lans.map(|lan| match upstreams[*lan] {
            Upstream::Shared(owner) => owner,
            _ => *lan,
        });
        let Some(lan) = gateways.find(|lan| moment.portals[*lan]) else {
            let message = format!("`{}` has no captive portal before it by then", name.value);
            problems.push(
                Problem::new(name.span, message).label("there is nothing to log in to").help(
                    "a portal is the firewall of the LAN's gateway with `captive_portal: true`",
                ),
            );
            return None;
        };
        Some(EventAction::LogIn { host: HostIndex(host), lan: LanIndex(lan) })
    }
}
