//! One node alone.

use bytes::Bytes;
use natbed_opendht_core::{
    CoreConfig, CoreContact, CoreError, CoreEvent, CoreNode, CoreStatus, self_check,
};
use natbed_units::{Seed, SimTime};

use crate::swarm::{address, secs, value};

fn node(config: CoreConfig) -> CoreNode {
    CoreNode::new(SimTime::ZERO, config, Seed::new(1)).unwrap()
}

/// Runs a node that nobody answers until `end`; returns at which
/// milliseconds it has sent, and to which host.
fn sent_alone(node: &mut CoreNode, end: SimTime) -> Vec<(u64, std::net::SocketAddr)> {
    let mut sent = Vec::new();
    let mut now = SimTime::ZERO;
    loop {
        while let Some((to, _)) = node.poll_transmit() {
            sent.push((now.as_nanos() / 1_000_000, to));
        }
        match node.poll_timeout() {
            Some(next) if next < end => now = next,
            _ => return sent,
        }
        node.handle_timeout(now);
    }
}

#[test]
fn shared_libraries_call_this_programs_functions() {
    self_check().unwrap();
}

#[test]
fn bootstrap_is_repeated_after_10_s_and_then_twice_as_long_each_time() {
    let mut node = node(CoreConfig { bootstrap: vec![address(1)], ..CoreConfig::default() });
    let sent = sent_alone(&mut node, secs(300));
    let at: Vec<u64> = sent.iter().map(|(at, _)| *at).collect();
    for (place, begun) in [0, 10_000, 30_000, 70_000, 150_000].into_iter().enumerate() {
        // A ping is sent three times: that fails if the core is called at the very time it asks
        // for, see `LATENESS`.
        let [first, second, third] = [0, 1, 2].map(|attempt| at[3 * place + attempt]);
        assert_eq!(first, begun);
        assert!((1_000..1_251).contains(&(second - first)), "{at:?}");
        assert!((2_000..2_751).contains(&(third - second)), "{at:?}");
    }
    assert_eq!(at.len(), 15);
    assert_eq!(node.status(), CoreStatus::Disconnected);
}

#[test]
fn an_inserted_node_is_known_and_asked_without_a_ping() {
    let contact = CoreContact { id: [7; 20], address: address(1) };
    let mut node = node(CoreConfig { contacts: vec![contact], ..CoreConfig::default() });
    assert_eq!(node.known(), (0, 1));
    node.get(SimTime::ZERO, [9; 20]);
    let (to, _) = node.poll_transmit().unwrap();
    assert_eq!(to, address(1));
}

#[test]
fn a_node_speaks_only_what_it_has() {
    let config = CoreConfig { has_ipv6: false, ..CoreConfig::default() };
    let mut node = node(config);
    node.ping(SimTime::ZERO, "[2001:db8::1]:4222".parse().unwrap());
    assert_eq!(node.poll_transmit(), None);
    node.ping(SimTime::ZERO, address(1));
    assert!(node.poll_transmit().is_some());
}

#[test]
fn what_is_no_value_is_not_put_and_the_node_lives_on() {
    let mut node = node(CoreConfig::default());
    for wrong in [&b""[..], b"\xc1", b"\x80", b"\x93\x01", &[0xff; 100]] {
        let result = node.put(SimTime::ZERO, [1; 20], &Bytes::copy_from_slice(wrong), false);
        assert_eq!(result, Err(CoreError::NotAValue), "{wrong:?}");
    }
    assert_eq!(node.failure(), None);
    let value = value(5, "hello").encode();
    node.put(SimTime::ZERO, [1; 20], &value, false).unwrap();
    // Its own user is told of what it has itself.
    let listen = node.listen(SimTime::ZERO, [1; 20]);
    let told: Vec<_> = std::iter::from_fn(|| node.poll_event()).collect();
    assert!(told.contains(&CoreEvent::Value(listen, value)), "{told:?}");
}

#[test]
fn memory_comes_back_and_nodes_are_limited() {
    let mut nodes = Vec::new();
    let limit = loop {
        match CoreNode::new(SimTime::ZERO, CoreConfig::default(), Seed::new(1)) {
            Ok(node) => nodes.push(node),
            Err(error) => break error,
        }
        assert!(nodes.len() <= 4096);
    };
    assert!(matches!(limit, CoreError::NotMade { .. }), "{limit}");
    let memory = nodes[0].memory();
    assert!(memory < 1 << 20, "{memory} bytes");
    drop(nodes);
    // What is freed is used again, and nothing of the nodes before is in it.
    for _ in 0..100 {
        let again = node(CoreConfig::default());
        assert_eq!(again.memory(), memory);
    }
}
