//! Nodes of the DHT that hosts serve, those of a swarm among them, and what they begin from.

use std::ops::Range;

use crate::decode::digits;
use crate::dht_keys::Bootstrap;
use crate::discovery_keys::DiscoveryKeys;
use crate::event::Verb;
use crate::host::Place;
use crate::lan::{IPV4, IPV6, version_name};
use crate::problem::{Problem, Problems};
use crate::resolve::Written;
use crate::scenario::{DhtService, Discovery, Host, HostIndex, Session, Swarm, SwarmStart};
use crate::swarm::PREFIX;
use crate::tree::{Located, Span};

impl Written<'_> {
    /// The places of the swarm's nodes among the hosts, behind those of the file.
    pub(crate) fn swarm_hosts(&self) -> Range<usize> {
        let none = self.hosts.len()..self.hosts.len();
        self.swarm.as_ref().map_or(none, |swarm| swarm.hosts.clone())
    }

    /// The node that others begin from unless they say something else.
    pub(crate) fn first_of_swarm(&self) -> Option<HostIndex> {
        self.swarm_hosts().next().map(HostIndex)
    }

    /// Says whether this is the name of a node of a swarm.
    fn is_node(&self, name: &str) -> bool {
        let number = name.strip_prefix(PREFIX).and_then(digits::<usize>);
        let index =
            number.and_then(|number| self.swarm_hosts().start.checked_add(number)?.checked_sub(1));
        let host = index.filter(|at| self.swarm_hosts().contains(at)).map(|at| &self.hosts[at]);
        host.is_some_and(|host| host.name.value == name)
    }

    /// Says whether the name may be that of a node of a swarm whose size was reported.
    pub(crate) fn is_lost_node(&self, name: &str) -> bool {
        self.swarm.as_ref().is_some_and(|swarm| swarm.hosts.is_empty())
            && name.strip_prefix(PREFIX).is_some_and(|number| digits::<u32>(number).is_some())
    }

    /// Reports hosts and LANs of the file with the name of a node of the swarm.
    pub(crate) fn check_swarm_names(&self, problems: &mut Problems) {
        let Some(swarm) = &self.swarm else { return };
        let hosts = self.hosts[..swarm.hosts.start].iter().map(|host| (host.name, "a host"));
        let lans = self.lans.iter().map(|lan| (lan.name, "a LAN"));
        for (name, what) in hosts.chain(lans).filter(|(name, _)| self.is_node(name.value)) {
            let message = format!("`{}` is {what} and a node of the swarm", name.value);
            problems.push(
                Problem::new(name.span, message)
                    .label("needs another name")
                    .related(swarm.at, "the swarm"),
            );
        }
    }

    /// The hosts that a node begins from; each must serve one.
    pub(crate) fn bootstrap_hosts(
        &self,
        names: &[Located<&str>],
        problems: &mut Problems,
    ) -> Vec<HostIndex> {
        self.servers(names, "dht", |host| host.dht.is_some(), problems)
    }

    /// The hosts that the nodes of a cold swarm begin from; none if it is settled.
    pub(crate) fn swarm_bootstrap(&self, problems: &mut Problems) -> Vec<HostIndex> {
        let Some(swarm) = self.swarm.as_ref().filter(|swarm| swarm.start == SwarmStart::Cold)
        else {
            return Vec::new();
        };
        let Some(given) = &swarm.bootstrap else {
            return self.first_of_swarm().into_iter().collect();
        };
        let hosts = self.bootstrap_hosts(&given.names, problems);
        if let Some(HostIndex(first)) = self.first_of_swarm() {
            self.check_versions(first, &hosts, given.at, problems);
        }
        hosts
    }

    /// The node of the DHT that a host serves, if it does.
    pub(crate) fn dht_service(
        &self,
        at: usize,
        swarm_bootstrap: &[HostIndex],
        problems: &mut Problems,
    ) -> Option<DhtService> {
        let keys = self.hosts[at].dht.as_ref()?;
        let mut bootstrap = match &keys.bootstrap {
            _ if self.swarm_hosts().contains(&at) => swarm_bootstrap.to_vec(),
            Some(Bootstrap { names, at: span, .. }) => {
                let name = self.hosts[at].name.value;
                if let Some(own) = names.iter().find(|other| other.value == name) {
                    problems.push(
                        Problem::new(own.span, "a node does not begin from itself")
                            .label(format!("`{name}` is this host")),
                    );
                }
                let hosts = self.bootstrap_hosts(names, problems);
                self.check_versions(at, &hosts, *span, problems);
                hosts
            }
            None => {
                let hosts = self.first_of_swarm().into_iter().collect::<Vec<_>>();
                self.check_versions(at, &hosts, keys.at, problems);
                hosts
            }
        };
        bootstrap.retain(|host| host.0 != at);
        Some(DhtService { core: keys.core, bootstrap })
    }

    /// Reports a host that has no IP version in common with any that its node begins from.
    pub(crate) fn check_versions(
        &self,
        host: usize,
        bootstrap: &[HostIndex],
        at: Span,
        problems: &mut Problems,
    ) {
        let own = self.versions(host);
        let meets = |other: &HostIndex| {
            own.iter().zip(self.versions(other.0)).any(|(own, other)| *own && other)
        };
        if bootstrap.is_empty() || bootstrap.iter().any(meets) {
            return;
        }
        // Nobody has all versions here, so the host has one and all others have the other one.
        let (version, missing) = if own[IPV4] { (IPV4, IPV6) } else { (IPV6, IPV4) };
        if self.roams_to(host).any(|lan| lan.is_none_or(|lan| self.lan_may_have(lan, missing))) {
            return;
        }
        let Located { value: name, span } = self.hosts[host].name;
        let version = version_name(version);
        let message =
            format!("`{name}` has {version} alone, which none of its bootstrap hosts has");
        problems.push(
            Problem::new(at, message)
                .label("its node could reach none of them")
                .related(span, format!("has no {} address", version_name(missing))),
        );
    }

    /// Whether a host has IPv4, and whether it has IPv6; both if that is not known.
    fn versions(&self, host: usize) -> [bool; 2] {
        let interfaces = &self.hosts[host].interfaces;
        [IPV4, IPV6].map(|version| {
            interfaces.is_empty()
                || interfaces.iter().any(|interface| self.may_have(interface, version))
        })
    }

    /// The LANs that a host roams to in the course of the run; `None` for a name that is unknown.
    fn roams_to(&self, host: usize) -> impl Iterator<Item = Option<usize>> {
        let name = self.hosts[host].name.value;
        self.events.iter().filter_map(move |event| match &event.verb {
            Verb::Roam { to, .. } if event.target.value == name => {
                Some(self.lan_names.get(to.value).copied())
            }
            _ => None,
        })
    }

    /// Says whether a host is in a LAN at any time of the run, as far as that is known.
    pub(crate) fn may_be_in_lan(&self, host: usize) -> bool {
        let interfaces = &self.hosts[host].interfaces;
        interfaces.is_empty()
            || interfaces.iter().any(|interface| matches!(interface.place, Place::Lan { .. }))
            || self.roams_to(host).next().is_some()
    }

    /// Makes the swarm, and reports one that nothing uses and a churn of nobody.
    pub(crate) fn resolve_swarm(
        &self,
        hosts: &[Host],
        sessions: &[Session],
        problems: &mut Problems,
    ) -> Option<Swarm> {
        let swarm = self.swarm.as_ref()?;
        if !self.is_swarm_used() {
            problems.push(
                Problem::new(swarm.at, "nothing uses the swarm").label("without effect").help(
                    "let hosts find each other with `discovery: { dht: {} }`, or one of them \
                     `serve: { dht: {} }`",
                ),
            );
        }
        if let Some(churn) = &swarm.churn
            && !swarm.hosts.is_empty()
        {
            let mut stays = vec![false; swarm.hosts.len()];
            let served = hosts.iter().filter_map(|host| host.serve.dht.as_ref());
            let served = served.map(|dht| &dht.bootstrap);
            let called = sessions.iter().filter_map(|session| match &session.discovery {
                Discovery::Nodes(nodes) => nodes.dht.as_ref(),
                Discovery::Rendezvous { .. } => None,
            });
            for HostIndex(at) in served.chain(called).flatten() {
                if swarm.hosts.contains(at) {
                    stays[at - swarm.hosts.start] = true;
                }
            }
            if stays.into_iter().all(|stays| stays) {
                problems.push(
                    Problem::new(churn.span, "every node of the swarm stays")
                        .label("without effect here")
                        .help("a node that anything begins from stays, so name fewer of them"),
                );
            }
        }
        Some(Swarm {
            hosts: swarm.hosts.clone(),
            start: swarm.start,
            churn: swarm.churn.map(|churn| churn.value),
        })
    }

    /// Says whether any node begins from the swarm, as it is written.
    fn is_swarm_used(&self) -> bool {
        let names_it = |bootstrap: &Option<Bootstrap<'_>>| match bootstrap {
            Some(given) => given.names.iter().any(|name| self.is_node(name.value)),
            None => true,
        };
        let mut sessions = self.sessions.iter();
        let mut served =
            self.hosts[..self.swarm_hosts().start].iter().filter_map(|host| host.dht.as_ref());
        // A discovery that was reported may have been meant to use it, so may a broken swarm.
        self.swarm_hosts().is_empty()
            || served.any(|dht| names_it(&dht.bootstrap))
            || sessions.any(|session| match &session.discovery {
                Some(DiscoveryKeys::Nodes(nodes)) => nodes.dht.is_some(),
                Some(DiscoveryKeys::Rendezvous { .. }) => false,
                None => true,
            })
    }
}
