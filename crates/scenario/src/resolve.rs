//! A case's tree to its [`Scenario`]: decodes every part, resolves the names between them, and
//! reports all that is wrong on the way.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use natbed_nat::{Forward, PortBlocks, TranslatorConfig};
use natbed_units::SimDuration;

use crate::address::{self, Addresses, Pair, Plan};
use crate::bottleneck::Routes;
use crate::catalogue::Catalogue;
use crate::decode::{Fields, delay, keys, span_of_run};
use crate::diagnostic::LineIndex;
use crate::event::{self, EventKeys};
use crate::host::{self, HostKeys, Place};
use crate::lan::{self, ForwardKeys, IPV6, LanKeys, version};
use crate::link::LinkKeys;
use crate::nat_check::{self, Site};
use crate::nat_keys::NatKeys;
use crate::problem::{Problem, Problems};
use crate::profile::NamedProfile;
use crate::profile_keys;
use crate::scenario::{
    Attachment, Gateway, Host, HostIndex, Interface, Internet, Ipv6Gateway, Lan, LanIndex, Link,
    NatChoice, Scenario, SecondLan, Serve,
};
use crate::session::{self, SessionKeys};
use crate::swarm::{self, SwarmKeys};
use crate::topology::{self, Upstream};
use crate::traces::Traces;
use crate::tree::{Entry, Located, Node, Span};

const DEFAULT_INTERNET: Internet = Internet { delay: SimDuration::from_millis(20) };
const DEFAULT_HORIZON: SimDuration = SimDuration::from_secs(300);

/// The parts of a scenario as written, with the names they know each other by.
pub(crate) struct Written<'t> {
    pub(crate) internet: Option<Internet>,
    pub(crate) lans: Vec<LanKeys<'t>>,
    pub(crate) lan_names: BTreeMap<&'t str, usize>,
    pub(crate) hosts: Vec<HostKeys<'t>>,
    pub(crate) host_names: BTreeMap<&'t str, usize>,
    pub(crate) swarm: Option<SwarmKeys<'t>>,
    pub(crate) sessions: Vec<SessionKeys<'t>>,
    pub(crate) events: Vec<EventKeys<'t>>,
    /// Whether there are events at all, also some that were not right.
    pub(crate) has_events: bool,
    pub(crate) horizon: SimDuration,
}

/// Makes the scenario that `root` describes; `None` if anything in it was reported.
///
/// `given` are profiles that it may name beside those built in and its own.
pub(crate) fn resolve(
    root: &Node,
    lines: &LineIndex,
    given: &[NamedProfile],
    traces: &Traces,
    problems: &mut Problems,
) -> Option<Scenario> {
    let swarm_names = swarm::names(root);
    let written = Written::decode(root, &swarm_names, given, traces, problems)?;
    let mut upstreams = topology::upstreams(&written.lans, &written.lan_names, problems);
    written.check_internet(&mut upstreams, problems);
    let domains = topology::domains(&written.lans, &upstreams);
    let routes = topology::routes(&written.lans, &upstreams, &domains);
    topology::check_overlaps(&written.lans, &upstreams, &domains, &routes, problems);
    let addresses = address::assign(
        &Plan {
            lans: &written.lans,
            lan_names: &written.lan_names,
            hosts: &written.hosts,
            swarm: written.swarm_hosts(),
            host_names: &written.host_names,
            events: &written.events,
            upstreams: &upstreams,
            routes: &routes,
        },
        problems,
    );
    let lans = written.resolve_lans(&upstreams, &addresses, problems);
    let swarm_bootstrap = written.swarm_bootstrap(problems);
    let hosts = written.resolve_hosts(&addresses, &swarm_bootstrap, problems);
    let routes = Routes { upstreams: &upstreams, lans: &lans, hosts: &hosts };
    let sessions = written.resolve_sessions(&addresses, &routes, lines, problems);
    let events = written.resolve_events(&upstreams, &addresses, problems);
    let swarm = written.resolve_swarm(&hosts, &sessions, problems);
    let dht_network = written.swarm.as_ref().map_or(0, |swarm| swarm.network);
    let Written { internet, horizon, .. } = written;
    problems.is_empty().then_some(Scenario {
        internet,
        lans,
        hosts,
        swarm,
        dht_network,
        sessions,
        events,
        horizon,
    })
}

impl<'t> Written<'t> {
    fn decode(
        root: &'t Node,
        swarm_names: &'t [String],
        given: &[NamedProfile],
        traces: &Traces,
        problems: &mut Problems,
    ) -> Option<Self> {
        let fields = Fields::open(root, root.span, &keys::DOCUMENT, problems)?;
        let mut catalogue = Catalogue::new(given).with_traces(traces);
        if let Some(entry) = fields.get("profiles") {
            profile_keys::decode(entry, &mut catalogue, problems);
        }
        let lans = fields.get("lans");
        let lans = lans.map(|entry| lan::decode(entry, &catalogue, problems)).unwrap_or_default();
        let hosts = fields.required("hosts", problems);
        let mut hosts =
            hosts.map(|entry| host::decode(entry, &catalogue, problems)).unwrap_or_default();
        let swarm = fields
            .get("swarm")
            .map(|entry| swarm::decode(entry, swarm_names, &mut hosts, &catalogue, problems));
        let sessions = fields.required("sessions", problems);
        let sessions = sessions.map(|entry| session::decode(entry, problems)).unwrap_or_default();
        let events = fields.get("events");
        let has_events = events.is_some();
        let events =
            events.map(|entry| event::decode(entry, &catalogue, problems)).unwrap_or_default();
        let written = Self {
            internet: fields
                .get("internet")
                .map_or(Some(DEFAULT_INTERNET), |entry| internet(entry, problems)),
            lan_names: lans.iter().enumerate().map(|(at, lan)| (lan.name.value, at)).collect(),
            lans,
            host_names: hosts.iter().enumerate().map(|(at, host)| (host.name.value, at)).collect(),
            hosts,
            swarm,
            sessions,
            events,
            has_events,
            horizon: fields
                .get("horizon")
                .and_then(|entry| horizon(&entry.value, problems))
                .unwrap_or(DEFAULT_HORIZON),
        };
        written.check_names(problems);
        Some(written)
    }

    /// Reports hosts with the name of a LAN: results and events could not tell them apart.
    fn check_names(&self, problems: &mut Problems) {
        self.check_swarm_names(problems);
        for host in &self.hosts[..self.swarm_hosts().start] {
            if let Some(lan) = self.lan_names.get(host.name.value) {
                let name = host.name.value;
                problems.push(
                    Problem::new(host.name.span, format!("`{name}` is a LAN and a host"))
                        .label("needs another name")
                        .related(self.lans[*lan].name.span, "the LAN"),
                );
            }
        }
    }

    /// Reports what is attached to an Internet that is not there.
    fn check_internet(&self, upstreams: &mut [Upstream], problems: &mut Problems) {
        if self.internet.is_some() {
            return;
        }
        for (lan, upstream) in self.lans.iter().zip(upstreams) {
            if let (Some(gateway), Upstream::Internet) = (&lan.gateway, *upstream) {
                *upstream = Upstream::Unknown;
                problems.push(
                    Problem::new(gateway.at, "the gateway leads to an Internet that is not there")
                        .label("needs `via`")
                        .help("the scenario says `internet: none`"),
                );
            }
        }
        if let Some(swarm) = &self.swarm {
            problems.push(
                Problem::new(swarm.at, "the swarm is on an Internet that is not there")
                    .label("needs the Internet")
                    .help("the scenario says `internet: none`"),
            );
        }
        for host in &self.hosts[..self.swarm_hosts().start] {
            for interface in &host.interfaces {
                let Place::Internet { address } = &interface.place else { continue };
                problems.push(
                    Problem::new(address.span, "the host is on an Internet that is not there")
                        .label("needs `lan`")
                        .help("the scenario says `internet: none`"),
                );
            }
        }
    }

    /// Finds the LAN that `name` refers to.
    pub(crate) fn lan(&self, name: Located<&str>, problems: &mut Problems) -> Option<usize> {
        lookup(&self.lan_names, "LAN", name, problems)
    }

    /// Finds the host that `name` refers to.
    pub(crate) fn host(&self, name: Located<&str>, problems: &mut Problems) -> Option<usize> {
        if self.is_lost_node(name.value) {
            return None;
        }
        lookup(&self.host_names, "host", name, problems)
    }

    fn resolve_lans(
        &self,
        upstreams: &[Upstream],
        addresses: &Addresses,
        problems: &mut Problems,
    ) -> Vec<Lan> {
        let mut lans = Vec::with_capacity(self.lans.len());
        for (at, lan) in self.lans.iter().enumerate() {
            if lan.ipv6.is_some() || lan.subnet_of(IPV6).is_some() {
                lan.link.check_ipv6(problems);
            }
            let gateway = self.gateway(at, upstreams[at], addresses, problems);
            let inside = addresses.inside[at];
            let second_of = match upstreams[at] {
                Upstream::Shared(of) => lan.subnet.and_then(|subnet| {
                    Some(SecondLan {
                        of: LanIndex(of),
                        inside: inside[version(&subnet.value)]?,
                        ipv6_inside: lan.ipv6.and(inside[IPV6]),
                    })
                }),
                _ => None,
            };
            lans.extend(lan.subnet.map(|subnet| Lan {
                name: lan.name.value.to_owned(),
                subnet: subnet.value,
                ipv6: lan.ipv6.and_then(|ipv6| match ipv6.value {
                    IpNet::V6(ipv6) => Some(ipv6),
                    IpNet::V4(_) => None,
                }),
                isolate: lan.isolate,
                link: lan.link.checked_over(&Link::default(), problems),
                gateway,
                second_of,
            }));
        }
        lans
    }

    /// The gateway of LAN `at`, if it has one of its own.
    fn gateway(
        &self,
        at: usize,
        upstream: Upstream,
        addresses: &Addresses,
        problems: &mut Problems,
    ) -> Option<Gateway> {
        let lan = &self.lans[at];
        let gateway = lan.gateway.as_ref()?;
        let forwards = self.forwards(at, &gateway.forwards, addresses, problems);
        let subnet = lan.subnet?;
        let nat = self.nat(at, subnet, addresses, forwards, problems);
        let ipv6_nat = lan.ipv6.map(|ipv6| self.nat(at, ipv6, addresses, Vec::new(), problems));
        let via = match upstream {
            Upstream::Lan(outside) => Some(outside),
            Upstream::Internet => None,
            Upstream::Closed | Upstream::Shared(_) | Upstream::Unknown => return None,
        };
        let (inside, outside) = (addresses.inside[at], &addresses.external[at]);
        let main = version(&subnet.value);
        if outside.iter().flatten().any(IpAddr::is_ipv6) {
            gateway.uplink.check_ipv6(problems);
        }
        let (external, pool) = outside[main].split_first()?;
        Some(Gateway {
            inside: inside[main]?,
            external: *external,
            pool: pool.to_vec(),
            via: via.map(LanIndex),
            nat,
            firewall: gateway.main.firewall.clone(),
            icmp_errors: gateway.icmp_errors,
            uplink: gateway.uplink.checked_over(&self.lan_link(via), problems),
            ipv6: ipv6_nat.and_then(|nat| {
                let (external, pool) = outside[IPV6].split_first()?;
                Some(Ipv6Gateway {
                    inside: inside[IPV6]?,
                    external: *external,
                    pool: pool.to_vec(),
                    nat,
                    firewall: gateway.ipv6.firewall.clone(),
                })
            }),
        })
    }

    /// The NAT of a LAN's gateway for one of its subnets, with its port forwards.
    fn nat(
        &self,
        at: usize,
        subnet: Located<IpNet>,
        addresses: &Addresses,
        forwards: Vec<(Span, Forward)>,
        problems: &mut Problems,
    ) -> Option<NatChoice> {
        let version = version(&subnet.value);
        let mapped = match &self.lans[at].half(version)?.nat.as_ref()?.value {
            NatKeys::Mapped(mapped) => mapped,
            other => {
                if let Some((span, _)) = forwards.first() {
                    problems.push(match other {
                        NatKeys::ByRule(_) => {
                            Problem::new(*span, "a NAT by rule forwards no ports")
                                .label("each address has its own anyway")
                        }
                        _ => Problem::new(*span, "a port forward needs a NAT")
                            .label("the gateway has `nat: none`"),
                    });
                }
                let NatKeys::ByRule(rule) = other else { return None };
                let config =
                    TranslatorConfig::Stateless(nat_check::by_rule(*rule, subnet, problems)?);
                return Some(NatChoice { profile: None, config });
            }
        };
        let (spans, forwards): (Vec<Span>, Vec<Forward>) = forwards.into_iter().unzip();
        let mut config = mapped.config.clone();
        config.forwards.extend(forwards);
        if let Some(PortBlocks::Deterministic { subscribers, .. }) = &mut config.port_blocks {
            *subscribers = subnet.value;
        }
        let site =
            Site { inside: subnet, externals: &addresses.external[at][version], forwards: &spans };
        nat_check::check(&config, &mapped.given, site, problems);
        Some(NatChoice { profile: mapped.profile.clone(), config: config.into() })
    }

    fn forwards(
        &self,
        at: usize,
        written: &[ForwardKeys<'t>],
        addresses: &Addresses,
        problems: &mut Problems,
    ) -> Vec<(Span, Forward)> {
        let mut taken: BTreeMap<_, Span> = BTreeMap::new();
        let mut forwards = Vec::with_capacity(written.len());
        for forward in written {
            let key = (forward.protocol, forward.port.value);
            if let Some(first) = taken.insert(key, forward.port.span) {
                problems.push(
                    Problem::new(forward.port.span, format!("port {} is forwarded twice", key.1))
                        .label("forwarded again")
                        .related(first, "first forwarded here"),
                );
                continue;
            }
            let target = self.forward_target(at, forward.target, addresses, problems);
            let made = target.map(|target| Forward {
                protocol: forward.protocol,
                external_port: forward.port.value,
                internal: (target, forward.target_port).into(),
            });
            forwards.extend(made.map(|made| (forward.port.span, made)));
        }
        forwards
    }

    /// The address that a port forward of LAN `at` goes to: in that LAN, by name or as it is.
    fn forward_target(
        &self,
        at: usize,
        target: Located<&str>,
        addresses: &Addresses,
        problems: &mut Problems,
    ) -> Option<IpAddr> {
        let lan = &self.lans[at];
        let subnet = lan.subnet?.value;
        let (address, is_here) = match target.value.parse() {
            Ok(address) => (Some(address), subnet.contains(&address)),
            Err(_) => {
                let host = self.host(target, problems)?;
                let interface = self.hosts[host].interfaces.iter().position(|interface| {
                    matches!(&interface.place,
                        Place::Lan { lan, .. } if self.lan_names.get(lan.value) == Some(&at))
                });
                let address = interface
                    .and_then(|interface| addresses.hosts[host][interface][version(&subnet)]);
                (address, interface.is_some())
            }
        };
        if !is_here {
            let name = lan.name.value;
            problems.push(
                Problem::new(target.span, format!("`{}` is not in the LAN `{name}`", target.value))
                    .label("a port can be forwarded into the gateway's own LAN only"),
            );
        }
        address.filter(|_| is_here)
    }

    fn resolve_hosts(
        &self,
        addresses: &Addresses,
        swarm_bootstrap: &[HostIndex],
        problems: &mut Problems,
    ) -> Vec<Host> {
        let swarm = self.swarm_hosts();
        let mut said_before = Problems::default();
        let mut hosts = Vec::with_capacity(self.hosts.len());
        for (at, (host, addresses)) in self.hosts.iter().zip(&addresses.hosts).enumerate() {
            // All nodes of a swarm are alike, so what is wrong with one is said once.
            let problems = if at > swarm.start { &mut said_before } else { &mut *problems };
            let interfaces = host.interfaces.iter().zip(addresses);
            let interfaces = interfaces.filter_map(|(interface, pair)| {
                let lan = match &interface.place {
                    Place::Lan { lan, .. } => Some(self.lan(*lan, problems)?),
                    Place::Internet { .. } => None,
                };
                if pair[IPV6].is_some() {
                    interface.uplink.check_ipv6(problems);
                }
                self.interface(lan, *pair, &interface.uplink, problems)
            });
            hosts.push(Host {
                name: host.name.value.to_owned(),
                interfaces: interfaces.collect(),
                firewall: host.firewall.clone(),
                serve: Serve {
                    dht: self.dht_service(at, swarm_bootstrap, problems),
                    ..host.serve.clone()
                },
            });
        }
        hosts
    }

    /// The interface in a LAN, or on the Internet, that has these addresses.
    pub(crate) fn interface(
        &self,
        lan: Option<usize>,
        [ipv4, ipv6]: Pair,
        uplink: &LinkKeys,
        problems: &mut Problems,
    ) -> Option<Interface> {
        Some(Interface {
            attachment: lan.map_or(Attachment::Internet, |lan| Attachment::Lan(LanIndex(lan))),
            address: ipv4.or(ipv6)?,
            ipv6_address: ipv4.and(ipv6),
            link: uplink.checked_over(&self.lan_link(lan), problems),
        })
    }

    /// What a link is that says nothing of its own: as the LAN that it leads to has it.
    pub(crate) fn lan_link(&self, lan: Option<usize>) -> Link {
        lan.map_or_else(Link::default, |lan| self.lans[lan].link.over(&Link::default()))
    }
}

fn lookup(
    names: &BTreeMap<&str, usize>,
    what: &str,
    name: Located<&str>,
    problems: &mut Problems,
) -> Option<usize> {
    let found = names.get(name.value).copied();
    if found.is_none() && names.contains_key(format!("{}-1", name.value).as_str()) {
        let name_of = name.value;
        problems.push(
            Problem::new(name.span, format!("unknown {what} `{name_of}`"))
                .label("stands for several")
                .help(format!("the first one is `{name_of}-1`")),
        );
    } else if found.is_none() {
        problems.unknown(name.span, what, name.value, names.keys().copied());
    }
    found
}

/// `internet: none` or `internet: { delay }`; the default where it is not right.
fn internet(entry: &Entry, problems: &mut Problems) -> Option<Internet> {
    if entry.value.is_text("none") {
        return None;
    }
    let fields = Fields::open(&entry.value, entry.key.span, &keys::INTERNET, problems);
    let delay = fields.and_then(|fields| fields.optional("delay", problems, delay));
    Some(delay.map_or(DEFAULT_INTERNET, |delay| Internet { delay }))
}

fn horizon(node: &Node, problems: &mut Problems) -> Option<SimDuration> {
    let horizon = span_of_run(node, problems)?;
    if horizon.value.is_zero() {
        problems.push(Problem::new(node.span, "a run needs time").label("nothing could happen"));
    }
    Some(horizon.value).filter(|horizon| !horizon.is_zero())
}
