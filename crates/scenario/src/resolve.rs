//! A case's tree to its [`Scenario`]: decodes every part, resolves the names between them, and
//! reports all that is wrong on the way.

use std::collections::BTreeMap;
use std::net::IpAddr;

use natbed_nat::{Forward, TranslatorConfig};
use natbed_units::SimDuration;

use crate::address::{self, Addresses, Plan};
use crate::decode::{Fields, delay, keys, span_of_run};
use crate::diagnostic::LineIndex;
use crate::event::{self, EventKeys};
use crate::host::{self, HostKeys, Place};
use crate::lan::{self, ForwardKeys, LanKeys};
use crate::nat_keys::NatKeys;
use crate::problem::{Problem, Problems};
use crate::scenario::{
    Attachment, Gateway, Host, Interface, Internet, Lan, LanIndex, Link, NatChoice, Scenario,
};
use crate::session::{self, SessionKeys};
use crate::topology::{self, Upstream};
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
    pub(crate) sessions: Vec<SessionKeys<'t>>,
    pub(crate) events: Vec<EventKeys<'t>>,
    pub(crate) horizon: SimDuration,
}

/// Makes the scenario that `root` describes; `None` if anything in it was reported.
pub(crate) fn resolve(root: &Node, lines: &LineIndex, problems: &mut Problems) -> Option<Scenario> {
    let written = Written::decode(root, problems)?;
    let mut upstreams = topology::upstreams(&written.lans, &written.lan_names, problems);
    written.check_internet(&mut upstreams, problems);
    let domains = topology::domains(&written.lans, &upstreams);
    topology::check_overlaps(&written.lans, &upstreams, &domains, problems);
    let addresses = address::assign(
        &Plan {
            lans: &written.lans,
            lan_names: &written.lan_names,
            hosts: &written.hosts,
            upstreams: &upstreams,
            domains: &domains,
        },
        problems,
    );
    let lans = written.resolve_lans(&upstreams, &addresses, problems);
    let hosts = written.resolve_hosts(&addresses, problems);
    let sessions = written.resolve_sessions(lines, problems);
    let events = written.resolve_events(problems);
    let Written { internet, horizon, .. } = written;
    problems.is_empty().then_some(Scenario { internet, lans, hosts, sessions, events, horizon })
}

impl<'t> Written<'t> {
    fn decode(root: &'t Node, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::open(root, root.span, &keys::DOCUMENT, problems)?;
        let lans = fields.get("lans").map(|entry| lan::decode(entry, problems)).unwrap_or_default();
        let hosts = fields.required("hosts", problems);
        let hosts = hosts.map(|entry| host::decode(entry, problems)).unwrap_or_default();
        let sessions = fields.required("sessions", problems);
        let sessions = sessions.map(|entry| session::decode(entry, problems)).unwrap_or_default();
        let events = fields.get("events");
        let events = events.map(|entry| event::decode(entry, problems)).unwrap_or_default();
        let written = Self {
            internet: fields
                .get("internet")
                .map_or(Some(DEFAULT_INTERNET), |entry| internet(entry, problems)),
            lan_names: lans.iter().enumerate().map(|(at, lan)| (lan.name.value, at)).collect(),
            lans,
            host_names: hosts.iter().enumerate().map(|(at, host)| (host.name.value, at)).collect(),
            hosts,
            sessions,
            events,
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
        for host in &self.hosts {
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
        for host in &self.hosts {
            if let Some(Place::Internet { address }) = &host.place {
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
            let nat = self.nat(at, addresses, problems);
            let gateway = lan.gateway.as_ref().and_then(|gateway| {
                let via = match upstreams[at] {
                    Upstream::Lan(outside) => Some(outside),
                    _ => None,
                };
                let base =
                    via.map_or(Link::default(), |via| self.lans[via].link.over(Link::default()));
                Some(Gateway {
                    inside: addresses.inside[at]?,
                    external: addresses.external[at]?,
                    via: via.map(LanIndex),
                    nat,
                    firewall: gateway.firewall.clone(),
                    uplink: gateway.uplink.over(base),
                    pool: Vec::new(),
                    icmp_errors: true,
                    ipv6: None,
                })
            });
            lans.extend(lan.subnet.map(|subnet| Lan {
                name: lan.name.value.to_owned(),
                subnet: subnet.value,
                ipv6: None,
                second_of: None,
                isolate: lan.isolate,
                link: lan.link.over(Link::default()),
                gateway,
            }));
        }
        lans
    }

    /// The NAT of a LAN's gateway with its port forwards.
    fn nat(&self, at: usize, addresses: &Addresses, problems: &mut Problems) -> Option<NatChoice> {
        let gateway = self.lans[at].gateway.as_ref()?;
        let forwards = self.forwards(at, &gateway.forwards, addresses, problems);
        match &gateway.nat.as_ref()?.value {
            NatKeys::Translated(choice) => {
                let mut choice = NatChoice::clone(choice);
                if let TranslatorConfig::Nat(config) = &mut choice.config {
                    config.forwards.extend(forwards);
                }
                Some(choice)
            }
            NatKeys::Routed => {
                if let Some(forward) = gateway.forwards.first() {
                    problems.push(
                        Problem::new(forward.port.span, "a port forward needs a NAT")
                            .label("the gateway has `nat: none`"),
                    );
                }
                None
            }
        }
    }

    fn forwards(
        &self,
        at: usize,
        written: &[ForwardKeys<'t>],
        addresses: &Addresses,
        problems: &mut Problems,
    ) -> Vec<Forward> {
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
            }
            let target = self.forward_target(at, forward.target, addresses, problems);
            forwards.extend(target.map(|target| Forward {
                protocol: forward.protocol,
                external_port: forward.port.value,
                internal: (target, forward.target_port).into(),
            }));
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
        let (address, is_here) = match target.value.parse() {
            Ok(address) => (Some(address), lan.subnet?.value.contains(&address)),
            Err(_) => {
                let host = self.host(target, problems)?;
                let is_here = matches!(&self.hosts[host].place,
                    Some(Place::Lan { lan, .. }) if self.lan_names.get(lan.value) == Some(&at));
                (addresses.hosts[host], is_here)
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

    fn resolve_hosts(&self, addresses: &Addresses, problems: &mut Problems) -> Vec<Host> {
        let mut hosts = Vec::with_capacity(self.hosts.len());
        for (at, host) in self.hosts.iter().enumerate() {
            let lan = match &host.place {
                Some(Place::Lan { lan, .. }) => match self.lan(*lan, problems) {
                    Some(lan) => Some(lan),
                    None => continue,
                },
                Some(Place::Internet { .. }) => None,
                None => continue,
            };
            let Some(address) = addresses.hosts[at] else { continue };
            let base = lan.map_or(Link::default(), |lan| self.lans[lan].link.over(Link::default()));
            hosts.push(Host {
                name: host.name.value.to_owned(),
                interfaces: vec![Interface {
                    attachment: lan
                        .map_or(Attachment::Internet, |lan| Attachment::Lan(LanIndex(lan))),
                    address,
                    ipv6_address: None,
                    link: host.uplink.over(base),
                }],
                firewall: host.firewall.clone(),
                serve: host.serve.clone(),
            });
        }
        hosts
    }
}

fn lookup(
    names: &BTreeMap<&str, usize>,
    what: &str,
    name: Located<&str>,
    problems: &mut Problems,
) -> Option<usize> {
    let found = names.get(name.value).copied();
    if found.is_none() {
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
