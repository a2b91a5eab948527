//! Who came to know whose addresses.

use natbed_network::HostId;
use natbed_network::observe::ledger::{LedgerNode, LedgerRow};
use natbed_report::{LedgerRecord, LedgerRole};
use natbed_scenario::{Scenario, Session};

/// The ledger of a session; `hosts` are the scenario's hosts in the network.
pub(super) fn ledger(
    scenario: &Scenario,
    session: &Session,
    hosts: &[HostId],
    rows: &[LedgerRow],
) -> Vec<LedgerRecord> {
    let place = |host: HostId| hosts.iter().position(|known| *known == host);
    let name = |host: HostId| place(host).map(|place| scenario.hosts[place].name.clone());
    let name = |host| name(host).unwrap_or_default(); // the network has no other hosts
    let is_in = |servers: &[natbed_scenario::HostIndex], host| {
        servers.iter().any(|server| hosts[server.0] == host)
    };
    let is_node = |host| {
        place(host).is_some_and(|place| scenario.hosts[place].serve.dht.is_some())
            && !is_in(&session.turn, host)
    };
    let record = |row: &LedgerRow| {
        let (node, role) = match row.node {
            LedgerNode::Peer(host) => (name(host), LedgerRole::Peer),
            LedgerNode::Host(host)
                if is_in(&session.stun, host)
                    && !is_in(&session.turn, host)
                    && row.payload_datagrams == 0 =>
            {
                (name(host), LedgerRole::Stun)
            }
            LedgerNode::Host(host) if is_node(host) && row.payload_datagrams == 0 => {
                (name(host), LedgerRole::Dht)
            }
            LedgerNode::Host(host) => (name(host), LedgerRole::Relay),
            LedgerNode::Rendezvous => ("rendezvous".to_owned(), LedgerRole::Rendezvous),
        };
        let known = row.saw.iter().filter(|(_, seen)| !seen.is_empty());
        let known = known.map(|(host, seen)| {
            (name(*host), seen.iter().map(|seen| seen.address.to_string()).collect())
        });
        LedgerRecord {
            node,
            role,
            saw: known.collect(),
            payload_datagrams: row.payload_datagrams,
            payload_bytes: row.payload_bytes,
        }
    };
    rows.iter().map(record).collect()
}
