//! What the user is told of what became of things, and what is counted.

use std::net::SocketAddr;

use super::{DELAY, Event, KEY, Status, Swarm, address, secs, value};
use crate::search::OperationId;
use crate::traffic::MessageKind;

fn told(swarm: &Swarm, n: usize) -> Vec<&Event> {
    let told = swarm.events.iter().filter(|(_, at, _)| *at == address(n));
    told.map(|(.., event)| event).collect()
}

fn delivered_by(swarm: &Swarm, n: usize, operation: OperationId) -> Vec<Option<SocketAddr>> {
    let values = told(swarm, n).into_iter().filter_map(|event| match event {
        Event::Value(of, _, from) if *of == operation => Some(*from),
        _ => None,
    });
    values.collect()
}

#[test]
fn each_node_that_stores_a_value_is_told_of() {
    let mut swarm = Swarm::new(30, 1);
    swarm.run(secs(300));
    let now = swarm.now;
    let put = swarm.node(3).put(now, KEY, value(7, 100), false);
    swarm.run(secs(10));
    let told = told(&swarm, 3);
    let stored: Vec<SocketAddr> = told
        .iter()
        .filter_map(|event| match event {
            Event::Stored(of, by) if *of == put => Some(*by),
            _ => None,
        })
        .collect();
    assert_eq!(stored.len(), 8, "the eight closest: {stored:?}");
    for by in stored {
        assert!(!swarm.nodes[&by].storage.values(KEY).is_empty(), "{by}");
    }
    let first = told.iter().position(|event| matches!(event, Event::Stored(..)));
    let end = told.iter().position(|event| **event == Event::Finished(put));
    assert!(first < end, "{told:?}");
}

#[test]
fn a_value_comes_with_the_address_of_the_node_that_has_it() {
    let mut swarm = Swarm::new(20, 1);
    swarm.run(secs(120));
    let now = swarm.now;
    let listen = swarm.node(5).listen(now, KEY);
    swarm.run(secs(5));
    let listening = Event::Listening(listen);
    let times = told(&swarm, 5).into_iter().filter(|event| **event == listening).count();
    assert_eq!(times, 1, "told once, however many nodes are listened at");
    let now = swarm.now;
    swarm.node(9).put(now, KEY, value(1, 100), false);
    swarm.run(secs(5));
    let [Some(by)] = delivered_by(&swarm, 5, listen)[..] else { panic!("one node, by name") };
    assert!(!swarm.nodes[&by].storage.values(KEY).is_empty());
    let now = swarm.now;
    let own = swarm.node(9).get(now, KEY);
    swarm.run(secs(5));
    assert_eq!(delivered_by(&swarm, 9, own), [None], "it is in its own storage");
}

#[test]
fn a_get_fails_if_the_bootstrap_hosts_do_not_answer() {
    let mut swarm = Swarm::new(2, 1);
    swarm.nodes.remove(&address(0));
    swarm.run(secs(1));
    assert_eq!(swarm.node(1).status(), Status::Connecting, "it waits for an answer");
    let now = swarm.now;
    let get = swarm.node(1).get(now, KEY);
    swarm.run(secs(8)); // before it asks again, after 10 s
    assert_eq!(swarm.node(1).status(), Status::Disconnected);
    assert!(told(&swarm, 1).contains(&&Event::Failed(get)));
}

#[test]
fn a_search_fails_once_all_its_nodes_are_given_up_and_goes_on_when_they_are_back() {
    let mut swarm = Swarm::new(12, 1);
    swarm.run(secs(120));
    swarm.cut.insert(address(5));
    let now = swarm.now;
    let get = swarm.node(5).get(now, KEY);
    let put = swarm.node(5).put(now, KEY, value(1, 100), true);
    swarm.run(secs(60));
    for operation in [get, put] {
        let failed = Event::Failed(operation);
        let times = told(&swarm, 5).into_iter().filter(|event| **event == failed).count();
        assert!(times >= 1, "{operation:?}");
    }
    swarm.cut.clear();
    swarm.run(secs(120));
    let is_stored = |event: &Event| matches!(event, Event::Stored(of, _) if *of == put);
    assert!(told(&swarm, 5).into_iter().any(is_stored), "the put goes on");
    assert!(!told(&swarm, 5).contains(&&Event::Finished(get)), "the get is over");
}

#[test]
fn a_listener_at_another_address_listens_again_when_it_says_so() {
    let mut swarm = Swarm::new(20, 1);
    swarm.run(secs(120));
    let now = swarm.now;
    let listen = swarm.node(5).listen(now, KEY);
    swarm.run(secs(12));
    // The host moves: its node is the same.
    let moved: SocketAddr = "203.0.113.9:4222".parse().unwrap();
    let mut node = swarm.nodes.remove(&address(5)).unwrap();
    assert!(node.public_address(true).is_some());
    node.connectivity_changed(swarm.now);
    assert_eq!(node.public_address(true), None, "what was reported is forgotten");
    swarm.nodes.insert(moved, node);
    swarm.run(DELAY * 10);
    let node = &swarm.nodes[&moved];
    assert_eq!(node.public_address(true), Some(moved.ip()));
    let now = swarm.now;
    swarm.node(9).put(now, KEY, value(1, 100), false);
    swarm.run(secs(1));
    let is_value = |event: &Event| matches!(event, Event::Value(of, ..) if *of == listen);
    let heard = swarm.events.iter().filter(|(_, at, event)| *at == moved && is_value(event));
    assert_eq!(heard.count(), 1, "long before the next 20 s are over");
}

#[test]
fn what_one_side_counts_as_sent_the_other_counts_as_received() {
    let mut swarm = Swarm::new(10, 1);
    swarm.trace = Some(Vec::new());
    swarm.run(secs(300));
    let now = swarm.now;
    swarm.node(3).put(now, KEY, value(7, 3_000), false);
    swarm.run(secs(60));
    let flying = swarm.flying.len() as u64;
    let total = |of: &dyn Fn(&crate::Traffic) -> u64| -> u64 {
        swarm.nodes.values().map(|node| of(node.traffic())).sum()
    };
    let sent = total(&|traffic| traffic.sent.total().datagrams);
    let trace = swarm.trace.as_ref().unwrap();
    assert_eq!(sent, trace.len() as u64);
    assert_eq!(sent, total(&|traffic| traffic.received.total().datagrams) + flying);
    let bytes: usize = trace.iter().map(|(.., datagram)| datagram.len()).sum();
    assert_eq!(bytes as u64, total(&|traffic| traffic.sent.total().bytes));
    for (kind, least) in [
        (MessageKind::Ping, 9),
        (MessageKind::Find, 9),
        (MessageKind::Put, 1),
        (MessageKind::Part, 3),
        (MessageKind::Reply, 19),
    ] {
        let [sent, received] = [
            total(&|traffic| traffic.sent.of(kind).datagrams),
            total(&|traffic| traffic.received.of(kind).datagrams),
        ];
        assert_eq!((sent, sent >= least), (received, true), "{kind:?}: {sent}");
    }
}
