//! What is watched in a run, and what was seen when it is over.

use natbed_network::observe::accounting::{LoadAccount, LoadWatch, PipeAccount, RelayBill};
use natbed_network::observe::ledger::{LedgerNode, LedgerRow};
use natbed_network::observe::{PayloadTag, RouteChange, Sighting};
use natbed_network::{HostId, Network};
use natbed_peer::SessionReport;
use natbed_scenario::{Discovery, HostIndex, Load, NamedLoad, Reach, Scenario, Session};
use natbed_units::SimDuration;

use super::candidates::addresses;
use crate::observers::Observers;
use crate::pipes::{PipeNames, pipe_names};
use crate::world::Parts;

/// What the network saw of a session.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The way of its payload.
    pub sighting: Sighting,
    /// Which way its payload went from when on.
    pub routes: Vec<RouteChange>,
    /// What each load cost, in the session's order; empty in a run with echoes alone.
    pub costs: Vec<LoadCost>,
    /// Who came to know whose addresses.
    pub ledger: Vec<LedgerRow>,
}

/// What one load cost.
#[derive(Clone, Debug)]
pub struct LoadCost {
    /// Its bytes on the wire.
    pub account: LoadAccount,
    /// The pipes it went through.
    pub pipes: Vec<PipeAccount>,
}

/// What the network saw of a run.
#[derive(Clone, Debug)]
pub(super) struct AllSeen {
    /// Of each session, in the scenario's order.
    pub(super) sessions: Vec<Seen>,
    /// What relays carried.
    pub(super) relays: Vec<RelayBill>,
    /// What the pipes are called.
    pub(super) pipe_names: PipeNames,
}

/// Watches the sessions of a scenario and returns their tags.
pub(super) fn watch(
    network: &mut Network<Observers>,
    scenario: &Scenario,
    parts: &Parts,
) -> Vec<PayloadTag> {
    let tags: Vec<_> = (0..scenario.sessions.len()).map(|n| PayloadTag::new(n as u32)).collect();
    let is_accounted = scenario.sessions.iter().any(has_more_than_echoes);
    for (session, tag) in scenario.sessions.iter().zip(&tags) {
        let peers = session.between.map(|host| parts.hosts[host.0]);
        know_addresses(network, &peers);
        let servers = session.stun.iter().chain(&session.turn).copied();
        let nodes = dht_nodes(scenario, session);
        let servers: Vec<_> = servers.chain(nodes).map(|host| parts.hosts[host.0]).collect();
        let observers = network.observer_mut();
        observers.witness.watch(*tag, peers);
        observers.ledger.watch(*tag, peers, &servers);
        for (load, tag) in session.loads.iter().zip(load_tags(*tag)) {
            watch_load(observers, session, load, tag, peers, is_accounted);
        }
    }
    tags
}

/// The hosts that serve the DHT, to a session that uses it.
fn dht_nodes<'a>(
    scenario: &'a Scenario,
    session: &Session,
) -> impl Iterator<Item = HostIndex> + 'a {
    let is_used = matches!(session.discovery, Discovery::Nodes(_));
    let hosts = scenario.hosts.iter().enumerate();
    let nodes = hosts.filter(move |(_, host)| is_used && host.serve.dht.is_some());
    nodes.map(|(place, _)| HostIndex(place))
}

fn watch_load(
    observers: &mut Observers,
    session: &Session,
    load: &NamedLoad,
    tag: PayloadTag,
    peers: [HostId; 2],
    is_accounted: bool,
) {
    let interval = sample(&load.load);
    let is_stamped = !matches!(load.load, Load::Echo { .. });
    let watch = LoadWatch { is_stamped, interval };
    if let (Load::Tcp(_), Some(reach)) = (&load.load, &session.reach) {
        for port in tcp_ports(session, reach, tag) {
            observers.witness.watch_tcp(tag, peers, port);
            observers.ledger.watch_tcp(tag, peers, port);
            observers.accounting.watch_tcp(tag, peers, port, watch);
        }
    } else if is_accounted {
        observers.accounting.watch(tag, peers, watch);
    }
}

/// The port at which the second host listens for a TCP load, and the one at which it is reached if
/// that is another: each TCP load of a session has ports one higher than the one before it.
fn tcp_ports(session: &Session, reach: &Reach, tag: PayloadTag) -> impl Iterator<Item = u16> {
    let before = session.loads.iter().take(tag.load().into());
    let offset = before.filter(|load| matches!(load.load, Load::Tcp(_))).count();
    let ports = [Some(reach.port), Some(reach.to.port()).filter(|to| *to != reach.port)];
    let nth = move |port: u16| port.checked_add(u16::try_from(offset).ok()?);
    ports.into_iter().flatten().filter_map(nth)
}

/// The time between two samples that a load asks for.
const fn sample(load: &Load) -> Option<SimDuration> {
    match load {
        Load::Echo { .. } => None,
        Load::Quic(quic) => quic.transfer.sample,
        Load::Sctp(sctp) => sctp.transfer.sample,
        Load::Tcp(tcp) => tcp.transfer.sample,
        Load::Datagrams(call) => call.sample,
    }
}

/// Says whether a session has a load that is worth accounting for.
#[must_use]
pub fn has_more_than_echoes(session: &Session) -> bool {
    session.loads.iter().any(|load| !matches!(load.load, Load::Echo { .. }))
}

fn load_tags(session: PayloadTag) -> impl Iterator<Item = PayloadTag> {
    (0..=u8::MAX).map(move |number| session.with_load(number))
}

/// Tells the ledger under which addresses hosts can be seen now.
pub(crate) fn know_addresses(network: &mut Network<Observers>, hosts: &[HostId]) {
    for host in hosts {
        for address in network.seen_under(*host) {
            network.observer_mut().ledger.know(*host, address);
        }
    }
}

/// Collects what was seen, when nothing more will happen.
pub(super) fn seen(
    network: &mut Network<Observers>,
    scenario: &Scenario,
    parts: &Parts,
    tags: &[PayloadTag],
    reports: &[Option<SessionReport>],
) -> AllSeen {
    let pipe_names = pipe_names(network, scenario, parts);
    let observers = network.observer_mut();
    let sessions = scenario.sessions.iter().zip(tags).zip(reports);
    let sessions = sessions.map(|((session, tag), report)| {
        if let Some(report) = report {
            tell_candidates(observers, scenario, session, parts, *tag, report);
        }
        let costs = session.loads.iter().zip(load_tags(*tag)).filter_map(|(_, tag)| {
            let account = observers.accounting.account(tag)?;
            let pipes = observers.accounting.pipes(tag, |pipe| pipe_names.config(pipe));
            Some(LoadCost { account, pipes })
        });
        Seen {
            sighting: observers.witness.sighting(*tag).unwrap_or_default(),
            routes: observers.witness.route_changes(*tag).to_vec(),
            costs: costs.collect(),
            ledger: observers.ledger.rows(*tag),
        }
    });
    let sessions = sessions.collect();
    AllSeen { sessions, relays: observers.accounting.relays(), pipe_names }
}

/// A rendezvous hands over all candidates of both: it knows them, and so does the other peer. An
/// offer by the DHT is encrypted: only who is called comes to know what it says.
///
/// A candidate on a relay is an address of the relay; of the peer it tells only what it is related
/// to.
fn tell_candidates(
    observers: &mut Observers,
    scenario: &Scenario,
    session: &Session,
    parts: &Parts,
    tag: PayloadTag,
    report: &SessionReport,
) {
    let relays: Vec<_> =
        session.turn.iter().flat_map(|turn| scenario.hosts[turn.0].addresses()).collect();
    let peers = session.between.map(|host| parts.hosts[host.0]);
    let by_rendezvous = matches!(session.discovery, Discovery::Rendezvous { .. });
    // Whether what each peer has to tell reached the other one.
    let has_arrived = match &report.call {
        Some(call) => [call.offer_seen.is_some(), call.answer_seen.is_some()],
        None => [report.gathered().is_some(); 2],
    };
    for (place, peer) in report.peers.iter().enumerate() {
        // What a candidate is related to is not in a request.
        let taken = if by_rendezvous { usize::MAX } else { 1 };
        let told = peer.candidates.iter().flat_map(|candidate| addresses(candidate).take(taken));
        for address in told.filter(|address| !relays.contains(address)) {
            let host = peers[place];
            if by_rendezvous {
                observers.ledger.tell(tag, LedgerNode::Rendezvous, host, address);
            }
            if has_arrived[place] {
                observers.ledger.tell(tag, LedgerNode::Peer(peers[1 - place]), host, address);
            }
        }
    }
}
