//! Valid documents with a part taken away, doubled or exchanged: whatever comes out is either
//! reported with a place in the file, or a scenario that holds what its documentation promises.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use natbed_nat::Translator;
use natbed_units::{Seed, SimDuration};
use proptest::prelude::*;

use crate::diagnostic::{Diagnostics, LineIndex};
use crate::document::Document;
use crate::problem::Problems;
use crate::scenario::{Attachment, Discovery, EventAction, HostIndex, LanIndex, Scenario, Stack};
use crate::source::Source;
use crate::tree::{Entry, Node, Value};
use crate::yaml::{self, Budget};

const TWO_HOMES: &str = include_str!("../tests/language/two-homes.yaml");

const MATRIX: &str = "\
natbed: 1
name: everything
profiles:
  my-box: { summary: mine, source: measured, status: measured, profile: linux-masquerade, ports: random, port_hold: 2min }
  my-wall: { firewall: { inbound: drop, udp_rate: { packets_per_second: 100, burst: 9 } } }
internet: { delay: 1ms }
lans:
  isp:
    subnet: 100.64.0.0/24
    ipv6: \"2001:db8:1::/64\"
    link: { delay: 3ms, up: 10mbit, queue: 3KB, mtu: 1492B }
    gateway:
      nat: \"${nat}\"
      external: [203.0.113.1, 203.0.113.2]
      firewall: { profile: my-wall, outbound: reject }
      ipv6: { firewall: { captive_portal: true }, external: \"2001:db8:2::1\" }
  home:
    subnet: 192.168.${net}.0/24
    gateway:
      nat: { profile: linux-masquerade, hairpin: external, tcp_mapping: adm, udp_well_known_timeout: 9s }
      via: isp
      icmp_errors: false
      forwards: [{ protocol: udp, port: 5000, to: a:6000 }]
  guest: { subnet: 192.168.90.0/24, isolate: true, gateway: { of: home } }
  lab: { subnet: 10.9.0.0/16, gateway: { nat: none, via: home } }
  v6: { subnet: \"fd00::/64\", isolate: true, gateway: { nat: { nat64: \"64:ff9b::/96\" }, uplink: { down: 1gbit } } }
  nptv6: { subnet: \"fd01::/48\", gateway: { nat: { nptv6: \"2001:db8:ff::/48\" } } }
  clat: { subnet: 192.0.0.0/29, gateway: { nat: { clat: { nat64: \"64:ff9b::/96\", prefix: \"2001:db8:c::/96\" } }, via: isp } }
  basic: { subnet: 10.1.0.0/28, gateway: { nat: { one_to_one: 198.51.200.0/28 }, firewall: my-wall } }
  blocks: { subnet: 10.2.0.0/24, gateway: { nat: { port_blocks: { deterministic: { compression: 256, overflow: 2 } } } } }
hosts:
  a: { lan: home, address: 192.168.1.77 }
  b: { internet: 198.51.100.2, firewall: { inbound: { allow: [udp, tcp/80] } } }
  c: { lan: lab, firewall: { outbound: { rules: [{ drop: any, remote: 9.0.0.0/8 }], default: allow } } }
  d: { lan: isp, ipv6_address: \"2001:db8:1::77\" }
  e: { lan: v6 }
  f: { interfaces: [{ lan: guest, uplink: { mtu: 600B } }, { internet: 198.51.100.3, ipv6_address: \"2001:db8:3::1\" }] }
  g: { lan: blocks }
  s: { internet: 198.51.100.9, serve: { stun: {}, turn: { users: { u: p } } } }
sessions:
  one:
    between: \"${roles}\"
    stun: [s]
    turn: \"${turn}\"
    start: { \"${late}\": 500ms }
    load: { echo: { count: 2, interval: 1ms, size: 32B } }
    hold: 2s
    expect: { path: \"${oracle}\", states: [connected], loss: { at_most: 1% } }
  two: { between: [c, d], restart: failed, expect: { recover_within: 5s, noticed_within: 4s } }
events:
  - { at: 1s, link_down: home }
  - { at: 2s, server_stop: s }
  - { at: 3s, nat_flush: isp }
  - { at: 4s, reboot: isp, off_for: 1s, external: new }
  - { at: 6s, readdress: isp, external: [203.0.113.1, 203.0.113.9] }
  - { at: 5s, roam: c, to: isp }
  - { at: 7s, roam: c, to: lab }
  - { at: 7s, roam: f, interface: guest, to: home, address: 192.168.1.88 }
  - { at: 7s, link_down: f, interface: home }
  - { at: 8s, log_in: d }
  - { at: 9s, set_firewall: home, firewall: { profile: my-wall } }
horizon: 1min
seeds: 1..3
matrix:
  nat: [rfc6888-cgn, my-box, { mapping: apdm, port_blocks: { dynamic: { size: 64, max_blocks: 4 } } }]
  roles: [[a, b], [b, a]]
  late: [a]
  net: [1]
  turn: { with: [s], without: [] }
";

const NODES: &str = "\
natbed: 1
name: nodes
lans:
  home: { subnet: 192.168.1.0/24, ipv6: \"2001:db8:1::/64\", gateway: { nat: linux-masquerade } }
  cafe: { subnet: 192.168.2.0/24, gateway: { nat: linux-masquerade } }
hosts:
  alice: { lan: home }
  bob: { lan: home }
  carol: { interfaces: [{ lan: cafe }, { internet: 198.51.100.3 }] }
  dave: { internet: 198.51.100.4 }
  boot: { internet: 198.51.100.5, serve: { stun: {}, dht: { bootstrap: [] } } }
  own: { lan: home, serve: { dht: { bootstrap: [boot, swarm-2], core: opendht } } }
  more: { copies: 2, lan: cafe, serve: { dht: {} } }
swarm:
  nodes: \"${size}\"
  core: \"${core}\"
  network: 7
  ip: dual
  start: cold
  bootstrap: [boot, swarm-1]
  link: { delay: 5ms, mtu: 1400B }
  churn: { up: 10min, down: 1min }
sessions:
  near:
    between: [alice, bob]
    discovery:
      first_of: [lan, { dht: { bootstrap: [boot, swarm-3], call_at: 9s, online: { alice: 2s, bob: 3s }, answer_within: 4s } }]
    expect: { discovered: \"${found}\", path: lan }
  again:
    between: [bob, alice]
    discovery: { first_of: [{ dht: { bootstrap: [swarm-3, boot] } }, { lan: { call_at: 20s, online: { bob: 3s, alice: 2s } } }] }
  far: { between: [carol, dave], discovery: { dht: { call_at: 1s } }, expect: { discovered: none, path: none } }
  last: { between: [dave, carol], stun: [boot], start: { carol: 1s }, discovery: { rendezvous: { delay: 3ms } } }
events:
  - { at: 1s, link_down: swarm-2 }
  - { at: 2s, server_stop: swarm-1 }
  - { at: 3s, server_start: swarm-1 }
  - { at: 4s, roam: carol, interface: cafe, to: home }
horizon: 1min
matrix:
  size: [4, 9]
  core: [natbed, mixed]
  found: [lan, dht]
";

/// The documents that are mutated.
const DOCUMENTS: [&str; 3] = [TWO_HOMES, MATRIX, NODES];

/// What is done to one node of a document.
#[derive(Clone, Copy, Debug)]
enum Mutation {
    Delete,
    Duplicate,
    /// Takes the node at this place of the document instead.
    Replace(prop::sample::Index),
    Empty,
}

fn mutation() -> impl Strategy<Value = (prop::sample::Index, Mutation)> {
    let kind = prop_oneof![
        Just(Mutation::Delete),
        Just(Mutation::Duplicate),
        any::<prop::sample::Index>().prop_map(Mutation::Replace),
        Just(Mutation::Empty),
    ];
    (any::<prop::sample::Index>(), kind)
}

/// All values of the document below its root, in their order.
fn values(node: &Node) -> Vec<&Node> {
    let children: Vec<&Node> = match &node.value {
        Value::Scalar { .. } | Value::Invalid => Vec::new(),
        Value::Sequence(items) => items.iter().collect(),
        Value::Mapping(entries) => entries.iter().map(|entry| &entry.value).collect(),
    };
    children.into_iter().flat_map(|child| std::iter::once(child).chain(values(child))).collect()
}

/// Mutates the value with the number `at`, which counts down to it.
fn mutate(node: &mut Node, at: &mut usize, mutation: Mutation, other: &Node) {
    match &mut node.value {
        Value::Scalar { .. } | Value::Invalid => {}
        Value::Sequence(items) => {
            for index in 0..items.len() {
                if *at == 0 {
                    *at = usize::MAX;
                    match mutation {
                        Mutation::Delete => drop(items.remove(index)),
                        Mutation::Duplicate => items.insert(index, items[index].clone()),
                        Mutation::Replace(_) => items[index] = other.clone(),
                        Mutation::Empty => items[index].value = Value::Sequence(Vec::new()),
                    }
                    return;
                }
                *at -= 1;
                mutate(&mut items[index], at, mutation, other);
            }
        }
        Value::Mapping(entries) => {
            for index in 0..entries.len() {
                if *at == 0 {
                    *at = usize::MAX;
                    match mutation {
                        Mutation::Delete => drop(entries.remove(index)),
                        Mutation::Duplicate => {
                            let Entry { mut key, value } = entries[index].clone();
                            key.value = format!("{}-2", key.value).into();
                            entries.insert(index, Entry { key, value });
                        }
                        Mutation::Replace(_) => entries[index].value = other.clone(),
                        Mutation::Empty => entries[index].value.value = Value::Mapping(Vec::new()),
                    }
                    return;
                }
                *at -= 1;
                mutate(&mut entries[index].value, at, mutation, other);
            }
        }
    }
}

/// Asserts that an address fits where it is, and that nobody else has it there.
fn take(
    scenario: &Scenario,
    at: Attachment,
    address: IpAddr,
    taken: &mut BTreeSet<(Option<LanIndex>, IpAddr)>,
) {
    let lan = match at {
        Attachment::Lan(lan) => {
            assert!(scenario.lans[lan.0].subnets().any(|subnet| subnet.contains(&address)));
            Some(lan)
        }
        Attachment::Internet => {
            assert!(scenario.internet.is_some());
            None
        }
    };
    assert!(taken.insert((lan, address)), "{address} twice");
}

/// Asserts what the types of a scenario promise.
fn assert_resolved(scenario: &Scenario) {
    assert!(!scenario.sessions.is_empty());
    let mut taken = BTreeSet::new();
    for (at, lan) in scenario.lans.iter().enumerate() {
        let at = LanIndex(at);
        assert!(!(lan.gateway.is_some() && lan.second_of.is_some()));
        if let Some(second) = lan.second_of {
            assert!(scenario.lans[second.of.0].gateway.is_some());
            for inside in [Some(second.inside), second.ipv6_inside].into_iter().flatten() {
                take(scenario, Attachment::Lan(at), inside, &mut taken);
            }
        }
        let Some(gateway) = &lan.gateway else { continue };
        let outside = gateway.via.map_or(Attachment::Internet, Attachment::Lan);
        let ipv6 = gateway.ipv6.as_ref();
        assert_eq!(ipv6.is_some(), lan.ipv6.is_some());
        let insides = [Some(gateway.inside), ipv6.map(|half| half.inside)];
        for inside in insides.into_iter().flatten() {
            take(scenario, Attachment::Lan(at), inside, &mut taken);
        }
        let main = (lan.subnet, gateway.inside, gateway.externals().collect(), &gateway.nat);
        let second = ipv6.map(|half| {
            let externals: Vec<IpAddr> =
                std::iter::once(half.external).chain(half.pool.iter().copied()).collect();
            (lan.ipv6.unwrap().into(), half.inside, externals, &half.nat)
        });
        for (subnet, inside, externals, nat) in [Some(main), second].into_iter().flatten() {
            assert!(subnet.contains(&inside));
            for external in &externals {
                take(scenario, outside, *external, &mut taken);
            }
            match nat.as_ref().map(|nat| &nat.config) {
                None => assert_eq!(inside.is_ipv4(), externals[0].is_ipv4()),
                Some(config) => {
                    Translator::new(config.clone(), externals, Seed::new(1).rng("nat")).unwrap();
                }
            }
        }
    }
    for host in &scenario.hosts {
        assert!(!host.interfaces.is_empty());
        for interface in &host.interfaces {
            for address in interface.addresses() {
                take(scenario, interface.attachment, address, &mut taken);
            }
        }
    }
    for event in &scenario.events {
        match &event.action {
            EventAction::Readdress { lan, external } => {
                assert!(!external.is_empty() && scenario.lans[lan.0].gateway.is_some());
            }
            EventAction::Roam { host, interface, to } => {
                assert!(*interface < scenario.hosts[host.0].interfaces.len());
                let Attachment::Lan(lan) = to.attachment else { panic!("{to:?}") };
                for address in to.addresses() {
                    assert!(scenario.lans[lan.0].subnets().any(|subnet| subnet.contains(&address)));
                }
            }
            EventAction::LogIn { host, .. } => assert!(host.0 < scenario.hosts.len()),
            _ => {}
        }
    }
    for session in &scenario.sessions {
        let [first, second] = session.between;
        assert!(first != second && first.0.max(second.0) < scenario.hosts.len());
        assert!(session.stun.iter().all(|server| scenario.hosts[server.0].serve.stun));
        assert!(session.turn.iter().all(|server| scenario.hosts[server.0].serve.turn.is_some()));
    }
    assert_nodes(scenario);
    assert!(scenario.events.iter().all(|event| event.at < scenario.horizon));
    assert!(scenario.events.is_sorted_by_key(|event| event.at));
}

/// Asserts what the types promise about nodes of the DHT.
fn assert_nodes(scenario: &Scenario) {
    let serves = |host: &HostIndex| scenario.hosts[host.0].serve.dht.is_some();
    for (at, host) in scenario.hosts.iter().enumerate() {
        let bootstrap = host.serve.dht.iter().flat_map(|dht| &dht.bootstrap);
        for other in bootstrap {
            assert!(other.0 != at && serves(other));
        }
    }
    match &scenario.swarm {
        None => assert_eq!(scenario.dht_network, 0),
        Some(swarm) => {
            assert!(swarm.hosts.len() >= 2 && swarm.hosts.end == scenario.hosts.len());
            assert!(
                scenario.hosts[swarm.hosts.clone()].iter().all(|host| host.serve.dht.is_some())
            );
            assert!(swarm.churn.is_none_or(|churn| !churn.up.is_zero() && !churn.down.is_zero()));
        }
    }
    let mut own: BTreeMap<HostIndex, (Option<BTreeSet<HostIndex>>, bool, SimDuration)> =
        BTreeMap::new();
    for session in &scenario.sessions {
        let Discovery::Nodes(nodes) = &session.discovery else {
            assert!(session.expect.as_ref().is_none_or(|expect| expect.discovered.is_none()));
            continue;
        };
        assert!(session.stack != Stack::None && (nodes.lan || nodes.dht.is_some()));
        assert!(nodes.dht.as_ref().is_none_or(|dht| !dht.is_empty() && dht.iter().all(serves)));
        assert!(nodes.call_at < scenario.horizon && nodes.call_at >= nodes.online[0]);
        assert!(!nodes.answer_within.is_zero());
        for (host, online) in session.between.into_iter().zip(nodes.online) {
            assert!(!serves(&host) && online < scenario.horizon);
            let dht = nodes.dht.as_ref().map(|dht| dht.iter().copied().collect());
            let node = (dht, nodes.lan, online);
            assert_eq!(own.entry(host).or_insert_with(|| node.clone()), &node);
        }
    }
}

/// Checks the document `root` of `text` and returns whether it is valid.
fn check(text: &str, root: Node) -> bool {
    let mut problems = Problems::default();
    let document =
        Document::decode("test.yaml", LineIndex::new(text), root, Vec::new(), None, &mut problems);
    if problems.is_empty() {
        document.expect("what is not reported is valid").cases().for_each(|case| {
            assert_resolved(&case.scenario);
        });
        return true;
    }
    let source = Source { name: "test.yaml".to_owned(), text: text.to_owned() };
    let diagnostics = Diagnostics::new(source, problems.take());
    assert!(!diagnostics.as_slice().is_empty());
    for diagnostic in diagnostics.as_slice() {
        assert!(text.get(diagnostic.span.clone()).is_some(), "{diagnostic:?}");
        assert!(diagnostic.line >= 1 && diagnostic.column >= 1);
    }
    assert!(diagnostics.to_string().contains("test.yaml:"));
    false
}

fn parse(text: &str) -> Node {
    let mut problems = Problems::default();
    yaml::parse(text, Budget::SCENARIO, &mut problems).expect("the documents above are YAML")
}

#[test]
fn the_documents_are_valid_before_they_are_mutated() {
    assert!(check(TWO_HOMES, parse(TWO_HOMES)));
    assert!(check(MATRIX, parse(MATRIX)));
    assert!(check(NODES, parse(NODES)));
}

#[test]
fn every_node_can_be_deleted_doubled_or_emptied() {
    let mut valid = [0; 3];
    for text in DOCUMENTS {
        let root = parse(text);
        for at in 0..values(&root).len() {
            let kinds = [Mutation::Delete, Mutation::Duplicate, Mutation::Empty];
            for (count, mutation) in valid.iter_mut().zip(kinds) {
                let mut mutant = root.clone();
                mutate(&mut mutant, &mut { at }, mutation, &root);
                *count += usize::from(check(text, mutant));
            }
        }
    }
    // Most keys are optional, so many documents without one of their nodes are valid.
    assert!(valid[0] > 50 && valid[1] > 5 && valid[2] > 5, "{valid:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_documents_are_reported_or_right(
        document in 0..DOCUMENTS.len(),
        mutations in prop::collection::vec(mutation(), 1..5),
    ) {
        let text = DOCUMENTS[document];
        let original = parse(text);
        let mut root = original.clone();
        for (index, mutation) in mutations {
            let count = values(&root).len();
            if count == 0 {
                break;
            }
            let parts = values(&original);
            let other = match mutation {
                Mutation::Replace(index) => parts[index.index(parts.len())],
                _ => &original,
            };
            mutate(&mut root, &mut index.index(count), mutation, other);
        }
        check(text, root);
    }
}
