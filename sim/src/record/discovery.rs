//! How two hosts found each other, and why not.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use natbed_dht::Status;
use natbed_network::{Place, RouterId};
use natbed_peer::{CallFailure, CallReport, DeviceReport, SessionReport, Way};
use natbed_report::{
    DiscoveryFailure, DiscoveryRecord, DiscoveryWay, NodeRecord, PhasesRecord, TrafficRecord,
};
use natbed_scenario::{Attachment, Discovery, HostIndex, NodeDiscovery, Scenario, Session};
use natbed_units::SimTime;

use crate::run::RunOutput;

/// Makes the record of how the hosts of a session found each other; `None` by a rendezvous, or if
/// the call did not come about.
pub(super) fn discovery(
    scenario: &Scenario,
    session: &Session,
    report: Option<&SessionReport>,
    first_payload: Option<SimTime>,
    output: &RunOutput,
) -> Option<DiscoveryRecord> {
    let Discovery::Nodes(nodes) = &session.discovery else { return None };
    let report = report?;
    let call = report.call.as_ref()?;
    let called = call.called?;
    let since = |at: Option<SimTime>| Some(at?.saturating_since(called).as_nanos());
    let device = |host: HostIndex| {
        let known = output.devices.iter().find(|(index, _)| *index == host);
        known.map(|(_, device)| device)
    };
    let of_peers = session.between.iter().zip(nodes.online).filter_map(|(host, online)| {
        let name = scenario.hosts[host.0].name.clone();
        Some((name, node(device(*host)?, SimTime::ZERO + online)))
    });
    let failure = call.failure;
    Some(DiscoveryRecord {
        by: call.way.map(way),
        call_ns: called.as_nanos(),
        phases: PhasesRecord {
            offer_stored_ns: since(call.offer_stored),
            offer_seen_ns: since(call.offer_seen),
            answer_stored_ns: since(call.answer_stored),
            answer_seen_ns: since(call.answer_seen),
            // Whoever is called has had them since it saw the offer.
            candidates_known_ns: since(call.answer_seen),
            connected_ns: since(report.connected()),
            first_payload_ns: since(first_payload),
        },
        nodes: of_peers.collect(),
        stored_at: stored_at(scenario, session, call),
        failure: failure.map(failure_word),
        failure_reason: failure.map(|failure| {
            let evidence = Evidence { scenario, session, nodes, call, output };
            evidence.sentence(failure)
        }),
    })
}

const fn way(way: Way) -> DiscoveryWay {
    match way {
        Way::Lan => DiscoveryWay::Lan,
        Way::Dht => DiscoveryWay::Dht,
    }
}

const fn failure_word(failure: CallFailure) -> DiscoveryFailure {
    match failure {
        CallFailure::OfferNotStored => DiscoveryFailure::OfferNotStored,
        CallFailure::OfferNotSeen => DiscoveryFailure::OfferNotSeen,
        CallFailure::AnswerNotStored => DiscoveryFailure::AnswerNotStored,
        CallFailure::AnswerNotSeen => DiscoveryFailure::AnswerNotSeen,
    }
}

/// The nodes of a device, taken together: it is online with the first one.
fn node(device: &DeviceReport, online: SimTime) -> NodeRecord {
    let since = |at: Option<SimTime>| Some(at?.saturating_since(online).as_nanos());
    let nodes = &device.nodes;
    let mut record = NodeRecord {
        online_ns: online.as_nanos(),
        bootstrapped_ns: since(nodes.iter().filter_map(|node| node.bootstrapped).min()),
        listening_ns: since(nodes.iter().filter_map(|node| node.listening).min()),
        ..NodeRecord::default()
    };
    for node in nodes {
        add(&mut record.sent, node.sent);
        add(&mut record.received, node.received);
        for (kind, count) in &node.by_kind {
            *record.by_kind.entry((*kind).to_owned()).or_default() += count;
        }
        for address in node.public_addresses.iter().map(ToString::to_string) {
            if !record.public_addresses.contains(&address) {
                record.public_addresses.push(address);
            }
        }
    }
    record
}

const fn add(record: &mut TrafficRecord, tally: natbed_dht::Tally) {
    record.datagrams += tally.datagrams;
    record.bytes += tally.bytes;
}

/// The names of those that acknowledged the offer; of who cannot be named, the address.
fn stored_at(scenario: &Scenario, session: &Session, call: &CallReport) -> Vec<String> {
    call.stored_at.iter().map(|node| name_of(scenario, session.between[0], *node)).collect()
}

/// The name of the host that `viewer` reaches at an address: on the Internet, or on a LAN of its
/// own.
fn name_of(scenario: &Scenario, viewer: HostIndex, node: SocketAddr) -> String {
    let near: Vec<_> = scenario.hosts[viewer.0].interfaces.iter().map(|i| i.attachment).collect();
    let is_reached = |host: &&natbed_scenario::Host| {
        host.interfaces.iter().any(|interface| {
            let is_near = interface.attachment == Attachment::Internet
                || near.contains(&interface.attachment);
            is_near && interface.addresses().any(|address| address == node.ip())
        })
    };
    let host = scenario.hosts.iter().find(is_reached);
    host.map_or_else(|| node.to_string(), |host| host.name.clone())
}

/// What is known of a call without an answer.
struct Evidence<'a> {
    scenario: &'a Scenario,
    session: &'a Session,
    nodes: &'a NodeDiscovery,
    call: &'a CallReport,
    output: &'a RunOutput,
}

impl Evidence<'_> {
    /// Says in one sentence what the call did not get past, and what points to the reason.
    fn sentence(&self, failure: CallFailure) -> String {
        let [caller, called] = [0, 1].map(|peer| self.name(peer));
        let mut parts = vec![match failure {
            CallFailure::OfferNotStored => format!("no node acknowledged the offer of {caller}"),
            CallFailure::OfferNotSeen => {
                format!("{} had the offer of {caller}, but {called} did not see it", self.holders())
            }
            CallFailure::AnswerNotStored => {
                format!("{called} had the offer, but no node acknowledged its answer")
            }
            CallFailure::AnswerNotSeen => {
                format!("the answer of {called} was stored, but {caller} did not see it")
            }
        }];
        // Whose node should have sent or heard what is missing.
        let peer = match failure {
            CallFailure::OfferNotStored | CallFailure::AnswerNotSeen => 0,
            CallFailure::OfferNotSeen | CallFailure::AnswerNotStored => 1,
        };
        parts.extend(self.state_of(peer));
        parts.extend(self.drops_at(peer));
        parts.join("; ")
    }

    fn name(&self, peer: usize) -> &str {
        &self.scenario.hosts[self.session.between[peer].0].name
    }

    fn holders(&self) -> String {
        match &stored_at(self.scenario, self.session, self.call)[..] {
            [] => "nobody that acknowledged it".to_owned(),
            [one] => one.clone(),
            [first, others @ ..] => format!("{first} and {} others", others.len()),
        }
    }

    /// How a peer's nodes stood when the call was given up.
    fn state_of(&self, peer: usize) -> Option<String> {
        let name = self.name(peer);
        let nodes = &self.call.at_failure.as_ref()?[peer].nodes;
        let status = nodes.iter().map(|node| node.status).max()?;
        if nodes.iter().all(|node| node.online.is_none()) {
            let online = self.nodes.online[peer];
            return Some(format!("{name} was not online before {online}"));
        }
        let listened = nodes.iter().any(|node| node.listening.is_some());
        Some(match status {
            Status::Disconnected => format!("the node of {name} knew no node that answers"),
            Status::Connecting => format!("no node had answered that of {name} of late"),
            Status::Connected if !listened => {
                format!("no node had acknowledged the listen of {name}")
            }
            Status::Connected => format!("the node of {name} was connected and listened"),
        })
    }

    /// What was dropped in the run at a peer and at the gateways before it, the most frequent reason
    /// first.
    fn drops_at(&self, peer: usize) -> Option<String> {
        /// Reasons that are named.
        const REASONS: usize = 3;
        let host = self.session.between[peer];
        let routers = self.routers_of(host);
        let is_on_its_way = |place: Place| match place {
            Place::Host(place) => place == self.output.parts.hosts[host.0],
            _ => place.router().is_some_and(|router| routers.contains(&router)),
        };
        let mut drops: BTreeMap<&str, u64> = BTreeMap::new();
        for (reason, place, count) in self.output.counters.dropped_at() {
            if is_on_its_way(place) {
                *drops.entry(reason.code()).or_default() += count;
            }
        }
        let mut drops: Vec<_> = drops.into_iter().collect();
        drops.sort_by_key(|(code, count)| (Reverse(*count), *code));
        let named = drops.iter().take(REASONS).map(|(code, count)| format!("{count} {code}"));
        let named: Vec<_> = named.collect();
        (!named.is_empty()).then(|| {
            format!(
                "dropped in the run at {} and its gateways: {}",
                self.name(peer),
                named.join(", ")
            )
        })
    }

    /// The gateways between a host and the Internet.
    fn routers_of(&self, host: HostIndex) -> Vec<RouterId> {
        let scenario = self.scenario;
        let mut routers = Vec::new();
        let lans = scenario.hosts[host.0].interfaces.iter().filter_map(|i| match i.attachment {
            Attachment::Lan(lan) => Some(lan),
            Attachment::Internet => None,
        });
        for lan in lans {
            let mut next = Some(lan);
            while let Some(lan) = next {
                let own = self.output.parts.routers(scenario.served_by(lan));
                routers.extend(own);
                next = scenario.gateway(lan).and_then(|gateway| gateway.via);
            }
        }
        routers
    }
}
