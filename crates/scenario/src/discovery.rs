//! Calls from node to node, held against the hosts that make them: each host has one node.

use std::collections::BTreeMap;

use natbed_units::SimDuration;

use crate::dht_keys::Bootstrap;
use crate::discovery_keys::{DiscoveryKeys, NodesKeys};
use crate::expect::ExpectKeys;
use crate::host::Place;
use crate::limits::{MAX_BOOTSTRAP, MAX_DHT_PEERS};
use crate::problem::{Problem, Problems};
use crate::resolve::Written;
use crate::scenario::{
    Discovery, ExpectedDiscovery, ExpectedPath, HostIndex, NodeDiscovery, Path, Stack,
};
use crate::session::SessionKeys;
use crate::tree::{Located, Span};
use crate::validate::{by_host, check_unconnected};

/// The nodes of the hosts that call and are called, as sessions before have them.
#[derive(Default)]
pub(crate) struct Nodes {
    by_host: BTreeMap<usize, PeerNode>,
    has_too_many: bool,
    /// The hosts on the Internet that serve a node, once somebody has asked for them.
    public: Option<Vec<HostIndex>>,
}

/// What a session says about the node of one of its hosts.
struct PeerNode {
    /// The key of the discovery.
    at: Span,
    /// The hosts that it begins from, in order; `None` without a DHT.
    bootstrap: Option<Vec<HostIndex>>,
    is_on_lan: bool,
    online: SimDuration,
    /// Where `online` is given, or the key of the discovery.
    online_at: Span,
}

impl Written<'_> {
    /// Makes the discovery of a session; `None` if something was reported.
    pub(crate) fn discovery(
        &self,
        session: &SessionKeys<'_>,
        between: Option<[usize; 2]>,
        nodes: &mut Nodes,
        problems: &mut Problems,
    ) -> Option<Discovery> {
        let keys = match session.discovery.as_ref()? {
            DiscoveryKeys::Rendezvous { delay } => {
                return Some(Discovery::Rendezvous { delay: *delay });
            }
            // Without a stack there is nothing to discover, which was reported.
            DiscoveryKeys::Nodes(_) if session.stack == Stack::None => return None,
            DiscoveryKeys::Nodes(keys) => keys,
        };
        let dht = keys.dht.as_ref().map(|(at, given)| {
            (*at, self.bootstrap_of_session(*at, given.as_ref(), nodes, problems))
        });
        self.check_call(keys, problems);
        let names = session.between?;
        let online = by_host(&keys.online, names, problems);
        self.check_online(keys, names, online, problems);
        let between = between?;
        self.check_lan(keys, between, problems);
        let bootstrap = dht.as_ref().map(|(_, hosts)| hosts.clone().unwrap_or_default());
        for ((host, name), online) in between.into_iter().zip(names).zip(online) {
            self.check_has_no_node(host, name, problems);
            if let Some((at, hosts)) = &dht {
                let at = keys
                    .dht
                    .as_ref()
                    .and_then(|(_, given)| given.as_ref())
                    .map_or(*at, |given| given.at);
                self.check_versions(host, hosts.as_deref().unwrap_or_default(), at, problems);
            }
            let node = PeerNode {
                at: keys.at,
                bootstrap: bootstrap.clone().map(|mut hosts| {
                    hosts.sort_unstable();
                    hosts
                }),
                is_on_lan: keys.lan.is_some(),
                online: online.map_or(SimDuration::ZERO, |online| online.value),
                online_at: online.map_or(keys.at, |online| online.span),
            };
            nodes.add(host, name, node, problems);
        }
        let dht = match dht {
            Some((_, hosts)) => Some(hosts?),
            None => None,
        };
        Some(Discovery::Nodes(NodeDiscovery {
            dht,
            lan: keys.lan.is_some(),
            call_at: keys.call_at(),
            online: online.map(|online| online.map_or(SimDuration::ZERO, |online| online.value)),
            answer_within: keys.answer_within,
        }))
    }

    /// The hosts that the nodes of a session begin from; `None` if there are none, which is
    /// reported.
    fn bootstrap_of_session(
        &self,
        at: Span,
        given: Option<&Bootstrap<'_>>,
        nodes: &mut Nodes,
        problems: &mut Problems,
    ) -> Option<Vec<HostIndex>> {
        const NEEDS_ONE: &str = "a DHT needs a node to begin with";
        if let Some(given) = given {
            if given.is_empty {
                problems.push(Problem::new(given.at, NEEDS_ONE).label("is empty"));
            }
            let hosts = self.bootstrap_hosts(&given.names, problems);
            return Some(hosts).filter(|hosts| !hosts.is_empty());
        }
        if self.swarm.is_some() {
            return self.first_of_swarm().map(|first| vec![first]);
        }
        let public = nodes.public.get_or_insert_with(|| self.public_nodes());
        if public.is_empty() {
            problems.push(Problem::new(at, NEEDS_ONE).label("there is none on the Internet").help(
                "give the scenario a `swarm: { nodes: 64 }`, or let a host `serve: { dht: {} }`",
            ));
        } else if public.len() > MAX_BOOTSTRAP {
            let count = public.len();
            problems.push(
                Problem::new(at, format!("there are {count} hosts that a node could begin with"))
                    .label(format!("name at most {MAX_BOOTSTRAP} of them in `bootstrap`")),
            );
        }
        Some(public.clone()).filter(|hosts| (1..=MAX_BOOTSTRAP).contains(&hosts.len()))
    }

    fn public_nodes(&self) -> Vec<HostIndex> {
        let hosts = self.hosts.iter().enumerate().filter(|(_, host)| {
            let mut interfaces = host.interfaces.iter();
            host.dht.is_some()
                && interfaces.any(|interface| matches!(interface.place, Place::Internet { .. }))
        });
        hosts.map(|(at, _)| HostIndex(at)).collect()
    }

    /// Reports a call that the run does not come to.
    fn check_call(&self, keys: &NodesKeys<'_>, problems: &mut Problems) {
        if let Some(call_at) = keys.call_at.filter(|at| at.value >= self.horizon) {
            problems.push(
                Problem::new(call_at.span, "the call comes after the run")
                    .label(format!("the run ends after {}", self.horizon)),
            );
        }
    }

    /// Reports nodes that start after the run, or after the call that they are to make.
    fn check_online(
        &self,
        keys: &NodesKeys<'_>,
        names: [Located<&str>; 2],
        online: [Option<Located<SimDuration>>; 2],
        problems: &mut Problems,
    ) {
        let is_in_run = |online: &Located<SimDuration>| online.value < self.horizon;
        for late in online.iter().flatten().filter(|online| !is_in_run(online)) {
            problems.push(
                Problem::new(late.span, "the node starts after the run")
                    .label(format!("the run ends after {}", self.horizon)),
            );
        }
        let Some(caller) = online[0].filter(|online| is_in_run(online)) else { return };
        if keys.call_at() < caller.value {
            let name = names[0].value;
            let problem = match keys.call_at {
                Some(call_at) => Problem::new(call_at.span, "the caller is not online yet")
                    .label(format!("`{name}` is online from {} on", caller.value))
                    .related(caller.span, "its node starts here"),
                None => Problem::new(caller.span, "the caller is not online yet")
                    .label(format!("`{name}` calls at {}", keys.call_at()))
                    .help("say with `call_at` when it calls"),
            };
            problems.push(problem);
        }
    }

    /// Reports multicast on a LAN by hosts that are in none; beside a DHT one of the two may be.
    fn check_lan(&self, keys: &NodesKeys<'_>, between: [usize; 2], problems: &mut Problems) {
        let Some(at) = keys.lan else { return };
        let mut outside = between.into_iter().filter(|host| !self.may_be_in_lan(*host));
        let Some(first) = outside.next() else { return };
        let problem = match (keys.dht.is_some(), outside.next()) {
            (true, None) => return,
            (true, Some(_)) => Problem::new(at, "neither host is in a LAN")
                .label("without effect here")
                .help("write `discovery: { dht: {} }`"),
            (false, _) => {
                let name = self.hosts[first].name.value;
                Problem::new(at, format!("`{name}` is in no LAN"))
                    .label("has nobody to look for there")
            }
        };
        problems.push(problem.related(self.hosts[first].name.span, "is on the Internet alone"));
    }

    /// Reports a host that would have a second node.
    fn check_has_no_node(&self, host: usize, name: Located<&str>, problems: &mut Problems) {
        let Some(dht) = &self.hosts[host].dht else { return };
        if self.swarm_hosts().contains(&host) {
            return; // was reported
        }
        problems.push(
            Problem::new(name.span, format!("`{}` has a node already", name.value))
                .label("cannot call or be called with another one")
                .related(dht.at, "the node that it serves"),
        );
    }

    /// Reports ways of being found that cannot be.
    pub(crate) fn check_discovered(
        &self,
        session: &SessionKeys<'_>,
        expect: &ExpectKeys<'_>,
        problems: &mut Problems,
    ) {
        // Without a stack it was reported as what only an agent tells.
        let Some(discovered) = expect.discovered.filter(|_| session.stack != Stack::None) else {
            return;
        };
        let keys = match &session.discovery {
            None => return,
            Some(DiscoveryKeys::Rendezvous { .. }) => {
                problems.push(
                    Problem::new(discovered.span, "the hosts of this session just meet")
                        .label("there is nothing to discover")
                        .help("say how they find each other with `discovery: { dht: {} }`"),
                );
                return;
            }
            Some(DiscoveryKeys::Nodes(keys)) => keys,
        };
        let message = match discovered.value {
            ExpectedDiscovery::Lan if keys.lan.is_none() => {
                "the hosts do not look for each other on the LAN"
            }
            ExpectedDiscovery::Lan if !self.share_lan(session) => {
                "the hosts are not in one LAN where they see each other"
            }
            ExpectedDiscovery::Dht if keys.dht.is_none() => "the hosts have no DHT",
            ExpectedDiscovery::None => {
                return check_undiscovered(expect, discovered.span, problems);
            }
            ExpectedDiscovery::Lan | ExpectedDiscovery::Dht => return,
        };
        problems.push(
            Problem::new(discovered.span, message)
                .label("impossible")
                .related(keys.at, "how they find each other"),
        );
    }
}

/// Reports what is expected of a connection where the hosts are not to find each other.
fn check_undiscovered(expect: &ExpectKeys<'_>, none: Span, problems: &mut Problems) {
    match expect.path {
        // What contradicts that is reported with the path.
        Some(Located { value: ExpectedPath::Is(Path::None), .. }) => return,
        Some(path) => problems.push(
            Problem::new(path.span, "hosts that do not find each other have no path")
                .label("impossible")
                .related(none, "they are not to find each other"),
        ),
        None => {}
    }
    check_unconnected(expect, none, problems);
}

impl Nodes {
    /// Adds what a session says about the node of a host, and reports what another one says
    /// otherwise.
    fn add(&mut self, host: usize, name: Located<&str>, node: PeerNode, problems: &mut Problems) {
        let Some(first) = self.by_host.get(&host) else {
            if self.by_host.len() < MAX_DHT_PEERS {
                self.by_host.insert(host, node);
            } else if !std::mem::replace(&mut self.has_too_many, true) {
                let message = format!("there may be at most {MAX_DHT_PEERS} hosts with a node");
                problems.push(
                    Problem::new(name.span, message)
                        .label("one too many")
                        .help("each host that calls or is called has an identity of its own"),
                );
            }
            return;
        };
        let (what, at, first_at) = if node.is_on_lan != first.is_on_lan
            || node.bootstrap.is_some() != first.bootstrap.is_some()
        {
            ("finds others in another way", node.at, first.at)
        } else if node.bootstrap != first.bootstrap {
            ("begins from other hosts", node.at, first.at)
        } else if node.online != first.online {
            ("starts at another time", node.online_at, first.online_at)
        } else {
            return;
        };
        problems.push(
            Problem::new(at, format!("the node of `{}` {what} in another session", name.value))
                .label("a host has one node")
                .related(first_at, "the other session"),
        );
    }
}
