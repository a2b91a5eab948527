//! A node among peers that lie, flood and talk nonsense: it does not panic, and does not grow.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use natbed_units::{Seed, SimDuration, SimTime};
use proptest::prelude::*;

use super::{KEY, Node, NodeConfig, value};
use crate::id::Id;
use crate::message::{Carried, Contact, Message, Part, Payload, Query, Reply};

fn node() -> Node {
    let bootstrap = vec!["192.0.2.1:4222".parse().unwrap()];
    let config = NodeConfig { bootstrap, ..NodeConfig::default() };
    Node::new(SimTime::ZERO, config, Seed::new(1))
}

fn any_address() -> impl Strategy<Value = SocketAddr> {
    (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::from((ip, port)))
}

fn any_id() -> impl Strategy<Value = Id> {
    prop_oneof![any::<[u8; 20]>().prop_map(Id::new), Just(Id::ZERO), Just(KEY)]
}

fn any_values() -> impl Strategy<Value = Vec<Carried>> {
    let carried = prop_oneof![
        (any::<u64>(), 0_usize..700).prop_map(|(id, n)| Carried::Whole(Arc::new(value(id, n)))),
        any::<u32>().prop_map(Carried::InParts),
    ];
    proptest::collection::vec(carried, 0..5)
}

fn any_query() -> impl Strategy<Value = Query> {
    let token = || proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
    let created = proptest::option::of(any::<u64>());
    prop_oneof![
        Just(Query::Ping),
        any_id().prop_map(|target| Query::Find { target, families: Default::default() }),
        any_id().prop_map(|key| Query::Get { key, select: None, families: Default::default() }),
        (any_id(), any_values(), created, token()).prop_map(|(key, values, created, token)| {
            Query::Put { key, values, created, token }
        }),
        (any_id(), token(), any::<u32>()).prop_map(|(key, token, socket)| Query::Listen {
            key,
            token,
            socket,
            version: 1,
            select: None
        }),
        (any_id(), any::<u32>(), any_values(), token()).prop_map(|(key, socket, values, token)| {
            Query::Update { key, socket, values, created: None, token }
        }),
    ]
}

fn any_payload() -> impl Strategy<Value = Payload> {
    let contact = (any_id(), any_address()).prop_map(|(id, address)| Contact { id, address });
    let reply = (proptest::collection::vec(contact, 0..9), any_values(), any::<bool>());
    let reply = reply.prop_map(|(contacts, values, has_token)| Reply {
        contacts_v4: Some(contacts),
        values,
        token: if has_token { Bytes::from_static(b"token") } else { Bytes::new() },
        ..Reply::default()
    });
    let part = (any::<u32>(), any::<u32>(), proptest::collection::vec(any::<u8>(), 0..1_400));
    prop_oneof![
        (any_id(), any_query()).prop_map(|(id, query)| Payload::Query(id, query)),
        (any_id(), reply).prop_map(|(id, reply)| Payload::Reply(id, Box::new(reply))),
        (proptest::option::of(any_id()), any::<u16>()).prop_map(|(id, code)| Payload::Error(
            id,
            code,
            "no".to_owned()
        )),
        part.prop_map(|(index, offset, bytes)| Payload::Part(Part {
            index: index % 4,
            offset: offset % 4_000,
            bytes: bytes.into()
        })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_comes_it_goes_on(
        messages in proptest::collection::vec(
            (any_payload(), any_address(), any::<bool>(), 0_u64..4_000), 1..60),
    ) {
        let mut node = node();
        let mut now = SimTime::ZERO;
        node.listen(now, KEY);
        // What it has asked for, so that some of the lies are answers.
        let mut asked = vec![1];
        for (payload, from, is_answer, wait) in messages {
            now += SimDuration::from_millis(wait);
            node.handle_timeout(now);
            let transaction = if is_answer { asked[asked.len() - 1] } else { wait as u32 };
            let message =
                Message { payload, transaction, network: 0, agent: Bytes::new(), is_client: false };
            node.handle_datagram(now, from, &message.encode());
            while let Some((_, datagram)) = node.poll_transmit() {
                let sent = Message::decode(&datagram).unwrap();
                asked.push(sent.transaction);
            }
            while node.poll_event().is_some() {}
        }
        // Left alone, it comes to rest: what remains is its own maintenance.
        for _ in 0..200 {
            now = now.max(node.poll_timeout());
            node.handle_timeout(now);
            let sent = std::iter::from_fn(|| node.poll_transmit()).count();
            prop_assert!(sent < 200, "{sent} datagrams at once");
        }
    }
}

#[test]
fn a_node_told_of_on_the_lan_is_asked_after_a_second() {
    let mut node = node();
    while node.poll_transmit().is_some() {}
    let contact = Contact { id: Id::MAX, address: "192.168.1.9:4222".parse().unwrap() };
    node.handle_timeout(SimTime::ZERO); // the bootstrap host is asked
    while node.poll_transmit().is_some() {}
    node.insert(SimTime::ZERO, contact);
    assert!(node.poll_transmit().is_none(), "not at once");
    let second = SimTime::ZERO + SimDuration::from_secs(1);
    node.handle_timeout(second);
    let to: Vec<_> = std::iter::from_fn(|| node.poll_transmit()).map(|(to, _)| to).collect();
    assert!(to.contains(&contact.address), "{to:?}");
}
