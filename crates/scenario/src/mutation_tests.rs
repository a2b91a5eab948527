//! Valid documents with a part taken away, doubled or exchanged: whatever comes out is either
//! reported with a place in the file, or a scenario that holds what its documentation promises.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::diagnostic::{Diagnostics, LineIndex};
use crate::document::Document;
use crate::problem::Problems;
use crate::scenario::{Attachment, Scenario};
use crate::source::Source;
use crate::tree::{Entry, Node, Value};
use crate::yaml::{self, Budget};

const TWO_HOMES: &str = include_str!("../tests/language/two-homes.yaml");

const MATRIX: &str = "\
natbed: 1
name: everything
internet: { delay: 1ms }
lans:
  isp:
    subnet: 100.64.0.0/24
    link: { delay: 3ms, up: 10mbit, queue: 3KB }
    gateway: { nat: \"${nat}\", external: 203.0.113.1 }
  home:
    subnet: 192.168.${net}.0/24
    gateway:
      nat: { profile: linux-masquerade, hairpin: external }
      via: isp
      forwards: [{ protocol: udp, port: 5000, to: a:6000 }]
  lab: { subnet: 10.9.0.0/16, gateway: { nat: none, via: home } }
  v6: { subnet: \"fd00::/64\", isolate: true, gateway: { nat: {}, uplink: { down: 1gbit } } }
hosts:
  a: { lan: home, address: 192.168.1.77 }
  b: { internet: 198.51.100.2, firewall: { inbound: { allow: [udp, tcp/80] } } }
  c: { lan: lab, firewall: { outbound: { rules: [{ drop: any, remote: 9.0.0.0/8 }], default: allow } } }
  d: { lan: v6 }
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
  two: { between: [c, d] }
events:
  - { at: 1s, link_down: home }
  - { at: 2s, server_stop: s }
  - { at: 3s, nat_flush: isp }
horizon: 1min
seeds: 1..3
matrix:
  nat: [rfc6888-cgn, { mapping: apdm }]
  roles: [[a, b], [b, a]]
  late: [a, b]
  net: [1]
  turn: { with: [s], without: [] }
";

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

/// Asserts what the types of a scenario promise.
fn assert_resolved(scenario: &Scenario) {
    assert!(!scenario.sessions.is_empty());
    let mut public = BTreeSet::new();
    let mut local = BTreeSet::new();
    for (at, lan) in scenario.lans.iter().enumerate() {
        let Some(gateway) = &lan.gateway else { continue };
        assert!(lan.subnet.contains(&gateway.inside));
        assert!(local.insert((at, gateway.inside)), "{} twice", gateway.inside);
        assert_eq!(gateway.inside.is_ipv4(), gateway.external.is_ipv4());
        match gateway.via {
            Some(outside) => {
                assert!(scenario.lans[outside.0].subnet.contains(&gateway.external));
                assert!(!lan.subnet.contains(&gateway.external));
                assert!(local.insert((outside.0, gateway.external)), "{} twice", gateway.external);
            }
            None => {
                assert!(scenario.internet.is_some());
                assert!(public.insert(gateway.external), "{} twice", gateway.external);
            }
        }
        if let Some(nat) = &gateway.nat {
            let Some(config) = nat.nat() else { continue };
            assert_eq!(config.validate(&[gateway.external]), Ok(()));
        }
    }
    for host in &scenario.hosts {
        let address = host.address();
        match host.interface().attachment {
            Attachment::Lan(lan) => {
                assert!(scenario.lans[lan.0].subnet.contains(&address));
                assert!(local.insert((lan.0, address)), "{address} twice");
            }
            Attachment::Internet => {
                assert!(scenario.internet.is_some());
                assert!(public.insert(address), "{address} twice");
            }
        }
    }
    for session in &scenario.sessions {
        let [first, second] = session.between;
        assert!(first != second && first.0.max(second.0) < scenario.hosts.len());
        assert!(session.stun.iter().all(|server| scenario.hosts[server.0].serve.stun));
        assert!(session.turn.iter().all(|server| scenario.hosts[server.0].serve.turn.is_some()));
    }
    assert!(scenario.events.iter().all(|event| event.at < scenario.horizon));
    assert!(scenario.events.is_sorted_by_key(|event| event.at));
}

/// Checks the document `root` of `text` and returns whether it is valid.
fn check(text: &str, root: Node) -> bool {
    let mut problems = Problems::default();
    let document = Document::decode("test.yaml", LineIndex::new(text), root, &mut problems);
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
}

#[test]
fn every_node_can_be_deleted_doubled_or_emptied() {
    let mut valid = [0; 3];
    for text in [TWO_HOMES, MATRIX] {
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
        first in any::<bool>(),
        mutations in prop::collection::vec(mutation(), 1..5),
    ) {
        let text = if first { TWO_HOMES } else { MATRIX };
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
