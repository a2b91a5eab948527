//! Calls through nodes of OpenDHT and on the LAN, as a user of scenarios meets them.

use natbed_report::{DiscoveryFailure, DiscoveryRecord, DiscoveryWay, LedgerRole, Path, RunRecord};

use crate::support::{Folder, natbed, repository};

/// Two homes with whatever sessions and other keys.
fn homes(nat: &str, discovery: &str, expect: &str, rest: &str) -> String {
    format!(
        "natbed: 1\nname: homes\nhorizon: 2min\n\
         lans:\n  alice-home: {{ subnet: 192.168.1.0/24, gateway: {{ nat: {nat} }} }}\n  \
         bob-home: {{ subnet: 192.168.2.0/24, gateway: {{ nat: {nat} }} }}\n\
         hosts:\n  alice: {{ lan: alice-home }}\n  bob: {{ lan: bob-home }}\n  \
         turn: {{ internet: 203.0.113.10, serve: {{ stun: {{}}, turn: {{ users: {{ u: p }} }} }} }}\n\
         sessions:\n  call:\n    between: [alice, bob]\n    turn: [turn]\n    \
         discovery: {{ {discovery} }}\n    expect: {{ {expect} }}\n{rest}\n"
    )
}

/// Runs a scenario of one session and returns its record.
#[track_caller]
fn record(name: &str, code: i32, text: &str) -> RunRecord {
    let folder = Folder::new(name);
    let path = folder.write("scenario.yaml", text);
    let report = natbed("run --format json", &[&path]).with_code(code).report();
    assert_eq!(report.runs.len(), 1, "{report:#?}");
    report.runs[0].clone()
}

#[track_caller]
fn discovery(record: &RunRecord) -> &DiscoveryRecord {
    record.discovery.as_ref().expect("it began with a call")
}

const SWARM: &str = "swarm: { nodes: 32 }";

#[test]
fn a_call_has_its_phases_in_order_and_its_traffic() {
    let text = homes("linux-masquerade", "dht: { call_at: 5s }", "discovered: dht", SWARM);
    let record = record("discovery_phases", 0, &text);
    let found = discovery(&record);
    assert_eq!((found.by, found.call_ns), (Some(DiscoveryWay::Dht), 5_000_000_000));
    let phases = found.phases;
    let order = [
        phases.offer_seen_ns,
        phases.answer_seen_ns,
        phases.candidates_known_ns,
        phases.connected_ns,
        phases.first_payload_ns,
    ];
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{phases:?}");
    assert_eq!(phases.connected_ns, record.connect_ns, "connecting counts from the call");
    assert!((8..=14).contains(&found.stored_at.len()), "{:?}", found.stored_at);
    assert!(found.stored_at.iter().all(|name| name.starts_with("swarm-")));
    for name in ["alice", "bob"] {
        let node = &found.nodes[name];
        assert!(node.bootstrapped_ns.is_some() && node.listening_ns.is_some(), "{node:?}");
        assert!(node.sent.bytes > 0 && node.received.datagrams > 0, "{node:?}");
    }
    assert_eq!(found.nodes["alice"].public_addresses, ["198.18.0.1"], "as the swarm sees it");
    assert_eq!((found.failure, &found.failure_reason), (None, &None));
}

#[test]
fn nodes_see_addresses_and_no_payload_and_nobody_reads_the_offer() {
    let text = homes("linux-masquerade", "dht: { call_at: 5s }", "discovered: dht", SWARM);
    let record = record("discovery_ledger", 0, &text);
    let nodes: Vec<_> = record.ledger.iter().filter(|row| row.role == LedgerRole::Dht).collect();
    assert!(nodes.len() >= 8, "{:?}", record.ledger);
    for node in nodes {
        assert_eq!(node.payload_bytes, 0, "{node:?}");
        // What is encrypted in the offer, the address on the LAN, no node has seen.
        let seen: Vec<_> = node.saw.values().flatten().collect();
        assert!(!seen.is_empty());
        assert!(seen.iter().all(|address| address.starts_with("198.18.")), "{node:?}");
    }
    assert!(!record.ledger.iter().any(|row| row.role == LedgerRole::Rendezvous));
    let peer = |name: &str| record.ledger.iter().find(|row| row.node == name).unwrap();
    assert!(peer("bob").saw["alice"].contains(&"192.168.1.10".to_owned()), "{:?}", peer("bob"));
}

#[test]
fn a_missed_call_fails_and_says_what_it_did_not_get_past_and_why() {
    let discovery_keys = "dht: { call_at: 5s, online: { bob: 60s }, answer_within: 10s }";
    let text = homes("linux-masquerade", discovery_keys, "connect_within: 1min", SWARM);
    let record = record("discovery_missed", 100, &text);
    let found = discovery(&record);
    assert_eq!(found.failure, Some(DiscoveryFailure::OfferNotSeen));
    assert_eq!(record.path, Path::None);
    let reason = record.reasons.iter().find(|reason| reason.starts_with("not-discovered: "));
    let reason = reason.unwrap_or_else(|| panic!("{:?}", record.reasons));
    assert!(reason.contains("offer-not-seen"), "{reason}");
    assert!(reason.contains("bob was not online before 1min"), "{reason}");
    assert!(!record.reasons.iter().any(|reason| reason.starts_with("oracle-mismatch")));
}

#[test]
fn what_is_expected_to_be_missed_and_is_found_fails() {
    let text = homes("linux-masquerade", "dht: { call_at: 5s }", "discovered: none", SWARM);
    let record = record("discovery_unexpected", 100, &text);
    assert_eq!(record.reasons, ["discovered: expected none, the call came by dht"]);
}

#[test]
fn a_dead_bootstrap_host_leaves_no_one_to_store_the_offer() {
    let rest = format!("{SWARM}\nevents: [ {{ at: 0s, server_stop: swarm-1 }} ]");
    let text = homes("linux-masquerade", "dht: { call_at: 5s }", "discovered: none", &rest);
    let record = record("discovery_dead", 0, &text);
    let found = discovery(&record);
    assert_eq!(found.failure, Some(DiscoveryFailure::OfferNotStored));
    assert_eq!(found.nodes["alice"].bootstrapped_ns, None);
    let reason = found.failure_reason.as_deref().unwrap();
    assert!(reason.contains("no node had answered that of alice"), "{reason}");
    assert_eq!(found.stored_at, [""; 0]);
}

#[test]
fn refused_tokens_are_seen_and_recovered_from() {
    let path = repository().join("scenarios/discovery/token-moved.yaml");
    let report = natbed("run --format json --filter nat=EIM", &[&path]).with_code(0).report();
    let found = discovery(&report.runs[0]);
    assert!(found.nodes["alice"].by_kind["error"] > 0, "{:?}", found.nodes["alice"].by_kind);
    assert!(found.phases.answer_seen_ns > Some(1_000_000_000), "{:?}", found.phases);
}

/// No packet of a LAN without Internet has an address beyond it: every one that any interface of
/// the network saw is in the capture.
#[test]
fn on_a_lan_without_internet_no_packet_ever_leaves_it() {
    let folder = Folder::new("discovery_lan");
    let captures = folder.file("captures");
    let path = repository().join("scenarios/discovery/lan-offline.yaml");
    let arguments = format!("run --format json --pcap {}", captures.display());
    let report = natbed(&arguments, &[&path]).with_code(0).report();
    let record = &report.runs[0];
    assert_eq!((record.path, discovery(record).by), (Path::Lan, Some(DiscoveryWay::Lan)));
    let capture = std::fs::read_dir(&captures).unwrap().next().unwrap().unwrap().path();
    let addresses = ipv4_destinations(&std::fs::read(capture).unwrap());
    assert!(addresses.len() > 50, "{}", addresses.len());
    let is_near =
        |address: &[u8; 4]| address.starts_with(&[192, 168, 1]) || *address == [239, 192, 0, 1];
    assert_eq!(addresses.iter().find(|address| !is_near(address)), None);
    assert!(addresses.contains(&[239, 192, 0, 1]), "the multicast of the discovery is among them");
}

/// The destinations of all packets in a capture (pcapng: blocks of type 6 with raw IPv4 in them).
fn ipv4_destinations(capture: &[u8]) -> Vec<[u8; 4]> {
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
    let (mut at, mut destinations) = (0, Vec::new());
    while at + 12 <= capture.len() {
        let (kind, length) = (word(at), word(at + 4) as usize);
        if kind == 6 {
            let packet = at + 28;
            assert_eq!(capture[packet] >> 4, 4, "an IPv4 packet");
            destinations.push(capture[packet + 16..packet + 20].try_into().unwrap());
        }
        at += length;
    }
    destinations
}

#[test]
fn the_machine_form_sums_calls_up_by_phase() {
    let text = homes("linux-masquerade", "dht: { call_at: 5s }", "discovered: dht", SWARM);
    let path = Folder::new("discovery_summary").write("scenario.yaml", &text);
    let report = natbed("run --format json --seed 1..5", &[&path]).with_code(0).report();
    let [calls] = &report.discovery[..] else { panic!("{:?}", report.discovery) };
    assert_eq!((calls.scenario.as_str(), calls.calls, calls.by_dht), ("homes", 5, 5));
    assert!(calls.missed.is_empty());
    let mut connected: Vec<u64> =
        report.runs.iter().filter_map(|run| discovery(run).phases.connected_ns).collect();
    connected.sort_unstable();
    let summed = calls.phases["connected"];
    assert_eq!((summed.p50_ns, summed.p95_ns), (connected[2], connected[4]));
    assert!(calls.phases["offer_seen"].p50_ns < summed.p50_ns, "{:?}", calls.phases);
}

#[test]
fn two_seeds_are_two_swarms_and_one_seed_is_one() {
    let text = homes("linux-masquerade", "dht: { call_at: 5s }", "discovered: dht", SWARM);
    let folder = Folder::new("discovery_seeds");
    let path = folder.write("scenario.yaml", &text);
    let run = |seed: &str| {
        let report = natbed(&format!("run --format json --seed {seed}"), &[&path]).with_code(0);
        report.report().runs[0].trace_hash.clone()
    };
    assert_eq!(run("1"), run("1"));
    assert_ne!(run("1"), run("2"));
}

#[test]
fn a_page_about_discovery_is_made_of_scenarios_that_all_have_it() {
    let folder = Folder::new("discovery_page");
    let page = folder.file("page.md");
    let arguments = format!("run --out md={}", page.display());
    let path = repository().join("scenarios/discovery/lan-offline.yaml");
    let _ = natbed(&arguments, &[&path]).with_code(0);
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(text.contains("From call to link") && text.contains("discovery-lan-offline"), "{text}");
}

#[cfg(not(feature = "opendht-core"))]
#[test]
fn a_core_that_is_not_built_in_is_refused_before_anything_runs() {
    let swarm = "swarm: { nodes: 32, core: opendht }";
    let text = homes("linux-masquerade", "dht: { call_at: 5s }", "discovered: dht", swarm);
    let path = Folder::new("discovery_core").write("scenario.yaml", &text);
    natbed("run", &[&path])
        .with_code(96)
        .refused_because(&["homes has nodes of the core `opendht`", "--features opendht-core"]);
}
