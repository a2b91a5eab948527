//! Requests, their repetition, and who is heard: one test for each rule.

use std::net::SocketAddr;

use bytes::Bytes;
use natbed_units::{SimDuration, SimTime};

use super::talk::{Said, Talk, config, error, peer, reply, with_token};
use super::{KEY, Node, secs, value};
use crate::id::Id;
use crate::limits::REQUESTS_OF_ADDRESS_MAX;
use crate::message::{Contact, Message, Payload, Query, Reply};
use crate::node::{Event, NodeConfig, Status};
use natbed_units::Seed;

fn times(said: &[Said], of: impl Fn(&Query) -> bool, to: SocketAddr) -> Vec<SimTime> {
    let said = said.iter().filter(|said| said.to == to && said.query().is_some_and(&of));
    said.map(|said| said.at).collect()
}

#[test]
fn a_request_is_sent_at_0_and_about_1_and_3_4_s_and_its_node_is_given_up_at_about_8_2_s() {
    // Measured with OpenDHT 2.4.12: 1.076, 3.440 and 8.19 s.
    let measured = [1.076, 3.440, 8.19];
    let (mut least, mut most) = ([f64::MAX; 3], [0.0_f64; 3]);
    for seed in 0..300 {
        let mut node = Node::new(SimTime::ZERO, config(), Seed::new(seed));
        node.know(SimTime::ZERO, peer(0));
        while node.poll_event().is_some() {}
        let get = node.get(SimTime::ZERO, KEY);
        let mut sent = 0;
        let mut at = Vec::new();
        let mut now = SimTime::ZERO;
        while at.len() < 3 {
            let asks = std::iter::from_fn(|| node.poll_transmit()).filter(|(_, datagram)| {
                let message = Message::decode(datagram).unwrap();
                matches!(message.payload, Payload::Query(_, Query::Get { .. }))
            });
            let before = sent;
            sent += asks.count();
            let has_failed =
                std::iter::from_fn(|| node.poll_event()).any(|e| e == Event::Failed(get));
            if sent > before && now > SimTime::ZERO || has_failed {
                at.push(now.since_start().as_millis_f64() / 1_000.0);
            }
            now = node.poll_timeout();
            node.handle_timeout(now);
        }
        assert_eq!(sent, 3);
        for (place, at) in at.into_iter().enumerate() {
            least[place] = least[place].min(at);
            most[place] = most[place].max(at);
        }
    }
    for (place, (low, high)) in [(1.0, 1.25), (3.0, 4.0), (7.0, 9.75)].into_iter().enumerate() {
        assert!(least[place] >= low && most[place] <= high, "{least:?} {most:?}");
        assert!(least[place] <= measured[place] && measured[place] <= most[place]);
    }
}

#[test]
fn an_answer_to_another_transaction_or_of_another_node_is_none() {
    let mut talk = Talk::knowing(1, config());
    talk.node.get(talk.now, KEY);
    let asked = talk.said();
    let transaction = asked[0].message.transaction;
    let token = || Box::new(with_token(b"token"));
    talk.say(peer(0).address, transaction + 1, Payload::Reply(peer(0).id, token()));
    talk.say(peer(0).address, transaction, Payload::Reply(peer(1).id, token()));
    assert!(talk.run(secs(2)).iter().any(|said| said.message.transaction == transaction), "again");
    talk.say(peer(0).address, transaction, Payload::Reply(peer(0).id, token()));
    let later = talk.run(secs(10));
    assert!(!later.iter().any(|said| said.message.transaction == transaction));
}

#[test]
fn a_bootstrap_host_is_known_by_its_transaction_alone() {
    let bootstrap = vec![peer(0).address];
    let mut talk = Talk::new(NodeConfig { bootstrap, ..config() });
    let asked = talk.run(secs(0));
    talk.say(peer(7).address, asked[0].message.transaction, reply(7, Reply::default()).unwrap());
    assert_eq!(talk.node.status(), Status::Connected);
    assert_eq!(talk.node.contacts().collect::<Vec<_>>(), [peer(7)], "where it answered from");
}

#[test]
fn a_message_from_elsewhere_moves_its_node_there() {
    let mut talk = Talk::knowing(1, config());
    let elsewhere: SocketAddr = "198.51.100.9:7".parse().unwrap();
    talk.say(elsewhere, 1, Payload::Query(peer(0).id, Query::Ping));
    let contact = Contact { address: elsewhere, ..peer(0) };
    assert_eq!(talk.node.contacts().collect::<Vec<_>>(), [contact], "the last one counts");
}

#[test]
fn messages_of_nobody_and_of_itself_are_dropped() {
    let mut talk = Talk::new(config());
    for id in [Id::ZERO, talk.node.id()] {
        talk.say(peer(0).address, 1, Payload::Query(id, Query::Ping));
        assert!(talk.said().is_empty(), "{id}");
    }
    assert_eq!(talk.ask(0, Query::Ping).len(), 1);
}

#[test]
fn impossible_addresses_are_not_heard_and_private_ones_are() {
    for (address, is_heard) in [
        ("0.1.2.3:4222", false),
        ("224.0.0.1:4222", false),
        ("255.255.255.255:4222", false),
        ("192.0.2.1:0", false),
        ("[ff02::1]:4222", false),
        ("[::]:4222", false),
        ("[::ffff:192.0.2.1]:4222", false),
        ("127.0.0.1:4222", true),
        ("10.0.0.1:4222", true),
        ("192.168.1.1:4222", true),
        ("[fe80::1]:4222", true),
    ] {
        let mut talk = Talk::new(NodeConfig { has_ipv6: true, ..config() });
        talk.say(address.parse().unwrap(), 1, Payload::Query(peer(0).id, Query::Ping));
        assert_eq!(talk.said().len(), usize::from(is_heard), "{address}");
    }
}

#[test]
fn loopback_in_an_answer_means_the_host_that_gave_it() {
    let mut talk = Talk::knowing(1, config());
    talk.node.get(talk.now, KEY);
    let asked = talk.said();
    let told = |n: u8, address: &str| Contact { address: address.parse().unwrap(), ..peer(n) };
    let contacts = vec![told(1, "127.0.0.1:5000"), told(2, "0.0.0.0:5000"), peer(3)];
    let answer = Reply { contacts_v4: Some(contacts), ..with_token(b"token") };
    talk.say(peer(0).address, asked[0].message.transaction, reply(0, answer).unwrap());
    let known: Vec<Contact> = talk.node.contacts().collect();
    let host = SocketAddr::new(peer(0).address.ip(), 5_000);
    assert!(known.contains(&Contact { address: host, ..peer(1) }), "{known:?}");
    assert!(known.contains(&peer(3)));
    assert_eq!(known.len(), 3, "nobody is at an impossible address");
}

#[test]
fn whoever_answers_without_a_token_is_not_heard_any_more() {
    let mut talk = Talk::knowing(2, config());
    talk.node.get(talk.now, KEY);
    talk.run_with(secs(1), |n, _| {
        reply(n, if n == 0 { Reply::default() } else { with_token(b"token") })
    });
    assert!(talk.ask(0, Query::Ping).is_empty(), "not even a ping is answered");
    assert_eq!(talk.ask(1, Query::Ping).len(), 1);
    let again = talk.run(secs(60));
    assert!(!again.iter().any(|said| said.to == peer(0).address));
}

#[test]
fn clients_are_answered_and_kept_out_of_the_table() {
    let mut talk = Talk::new(config());
    let payload = Payload::Query(peer(0).id, Query::Ping);
    let (agent, is_client) = (Bytes::new(), true);
    let message = Message { payload, transaction: 7, network: 0, agent, is_client };
    talk.node.handle_datagram(talk.now, peer(0).address, &message.encode());
    let said = talk.said();
    assert!(said.len() == 1 && said[0].reply().is_some());
    assert_eq!(talk.node.contacts().count(), 0);
    let mut talk = Talk::knowing(1, NodeConfig { is_client: true, ..config() });
    talk.node.get(talk.now, KEY);
    assert!(talk.said()[0].message.is_client, "it says that it is one");
    assert!(talk.ask(0, Query::Ping)[0].message.is_client);
}

#[test]
fn every_message_says_its_network_and_only_that_network_is_heard() {
    let mut talk = Talk::knowing(1, NodeConfig { network: 7, ..config() });
    talk.node.get(talk.now, KEY);
    assert_eq!(talk.said()[0].message.network, 7);
    assert!(talk.ask(0, Query::Ping).is_empty(), "that is network 0");
    let (payload, agent) = (Payload::Query(peer(0).id, Query::Ping), Bytes::new());
    let message = Message { payload, transaction: 7, network: 7, agent, is_client: false };
    talk.node.handle_datagram(talk.now, peer(0).address, &message.encode());
    assert_eq!(talk.said()[0].message.network, 7);
}

#[test]
fn too_many_requests_of_one_address_are_dropped_and_answers_are_not() {
    let mut talk = Talk::knowing(1, config());
    talk.node.get(talk.now, KEY);
    let transaction = talk.said()[0].message.transaction;
    let from = |port| SocketAddr::new(peer(0).address.ip(), port);
    let mut answered = 0;
    for n in 0..2 * REQUESTS_OF_ADDRESS_MAX as u16 {
        talk.say(from(1 + n % 9), 1, Payload::Query(peer(0).id, Query::Ping));
        answered += talk.said().len();
    }
    assert_eq!(answered, REQUESTS_OF_ADDRESS_MAX, "whatever the port");
    let is_reply = |said: &Said| said.reply().is_some();
    assert!(talk.ask(1, Query::Ping).iter().any(is_reply), "others are answered still");
    talk.say(from(4222), transaction, reply(0, with_token(b"token")).unwrap());
    let later = talk.run(secs(2));
    let is_again = |said: &Said| said.message.transaction == transaction;
    assert!(!later.iter().any(is_again), "the answer was heard");
    assert!(talk.ask(0, Query::Ping).iter().any(is_reply), "after a second they are heard again");
}

#[test]
fn most_votes_say_which_address_it_has() {
    let mut talk = Talk::knowing(20, config());
    talk.node.get(talk.now, KEY);
    let mut votes = 0_u8;
    talk.run_with(secs(2), |n, _| {
        votes += 1;
        let seen_as = if votes.is_multiple_of(3) { [198, 51, 100, n] } else { [203, 0, 113, 5] };
        reply(n, Reply { seen_as: Some(seen_as.into()), ..with_token(b"token") })
    });
    assert!(votes > 5);
    assert_eq!(talk.node.public_address(true), Some([203, 0, 113, 5].into()));
    assert_eq!(talk.node.public_address(false), None);
}

#[test]
fn who_cannot_be_reached_is_given_up_at_once() {
    let bootstrap = vec![peer(9).address];
    let mut talk = Talk::knowing(2, NodeConfig { bootstrap, ..config() });
    let get = talk.node.get(talk.now, KEY);
    let _ = talk.run(secs(0));
    for n in [0, 1, 9] {
        talk.node.handle_unreachable(talk.now, peer(n).address);
    }
    let _ = talk.said();
    let failed = talk.events.iter().find(|(_, event)| *event == Event::Failed(get));
    assert_eq!(failed.map(|(at, _)| *at), Some(SimTime::ZERO));
}

#[test]
fn a_refusal_without_effect_does_not_end_a_request() {
    let mut talk = Talk::knowing(1, config());
    talk.node.get(talk.now, KEY);
    let said = talk.run_with(secs(20), |n, query| match query {
        Query::Get { .. } => error(n, 203),
        _ => None,
    });
    let gets = times(&said, |query| matches!(query, Query::Get { .. }), peer(0).address);
    assert!(gets.len() >= 3, "it is sent again as if nothing had come");
}

#[test]
fn numbers_of_requests_go_up_from_a_random_one() {
    let first = |seed| {
        let mut node = Node::new(SimTime::ZERO, config(), Seed::new(seed));
        (0..5).for_each(|n| node.know(SimTime::ZERO, peer(n)));
        node.get(SimTime::ZERO, KEY);
        let sent = std::iter::from_fn(|| node.poll_transmit());
        let numbers: Vec<u32> =
            sent.map(|(_, datagram)| Message::decode(&datagram).unwrap().transaction).collect();
        assert!(numbers.len() == 4 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
        numbers[0]
    };
    assert_ne!(first(1), first(2));
}

#[test]
fn a_value_in_parts_is_sent_again_with_all_its_parts() {
    let mut talk = Talk::knowing(1, config());
    talk.node.put(talk.now, KEY, value(5, 3_000), false);
    let said = talk.run_with(SimDuration::from_millis(900), |n, query| match query {
        Query::Find { .. } => reply(n, with_token(b"token")),
        _ => None,
    });
    let parts = |said: &[Said]| {
        said.iter().filter(|said| matches!(said.message.payload, Payload::Part(_))).count()
    };
    assert_eq!(parts(&said), 3);
    assert_eq!(parts(&talk.run(secs(1))), 3, "there is nobody to say which one was lost");
}
