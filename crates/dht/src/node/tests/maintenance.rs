//! Staying connected: one test for each rule and each time.

use std::collections::BTreeSet;

use natbed_units::{Seed, SimDuration, SimTime};

use super::talk::{Said, Talk, config, peer, reply, with_token};
use super::{KEY, Node, secs};
use crate::id::Id;
use crate::message::{Contact, Message, Payload, Query, Reply};
use crate::node::{Event, NodeConfig, Status};

fn at(seconds: u64) -> SimTime {
    SimTime::ZERO + secs(seconds)
}

fn finds(said: &[Said]) -> Vec<(SimTime, Id)> {
    let targets = said.iter().filter_map(|said| match said.query() {
        Some(Query::Find { target, .. }) => Some((said.at, *target)),
        _ => None,
    });
    targets.collect()
}

#[test]
fn the_table_is_looked_after_first_after_3_to_5_s() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let mut node = Node::new(SimTime::ZERO, config(), Seed::new(seed));
        node.know(SimTime::ZERO, peer(0));
        while node.poll_transmit().is_none() {
            let next = node.poll_timeout();
            assert!(next <= at(5), "seed {seed}");
            node.handle_timeout(next);
            seen.insert(next);
        }
    }
    let first = seen.iter().find(|at| **at > SimTime::ZERO).copied();
    assert!(first >= Some(at(3)) && first < Some(at(3) + SimDuration::from_millis(100)));
}

#[test]
fn then_after_5_to_25_s_if_there_was_something_to_do_and_after_60_to_180_s_if_not() {
    let (mut busy, mut idle) = (Vec::new(), Vec::new());
    for seed in 0..60 {
        let mut node = Node::new(SimTime::ZERO, config(), Seed::new(seed));
        node.know(SimTime::ZERO, peer(0));
        let mut looked = Vec::new();
        let mut now = SimTime::ZERO;
        while now < at(1_000) {
            node.handle_timeout(now);
            while let Some((to, datagram)) = node.poll_transmit() {
                let message = Message::decode(&datagram).unwrap();
                let Payload::Query(_, query) = &message.payload else { continue };
                if matches!(query, Query::Find { families, .. } if families.v4) {
                    looked.push(now);
                }
                let (agent, transaction) = (bytes::Bytes::new(), message.transaction);
                let payload = reply(0, with_token(b"token")).unwrap();
                let answer = Message { payload, transaction, network: 0, agent, is_client: false };
                node.handle_datagram(now, to, &answer.encode());
            }
            now = node.poll_timeout();
        }
        for pair in looked.windows(2) {
            let wait = pair[1].saturating_since(pair[0]);
            if pair[1] < at(150) { busy.push(wait) } else { idle.push(wait) }
        }
    }
    assert!(busy.iter().all(|wait| (secs(5)..=secs(25)).contains(wait)), "{busy:?}");
    assert!(busy.len() > 300 && idle.is_empty(), "neighbours are sought for 150 s: {idle:?}");
}

#[test]
fn its_own_identifier_is_searched_first() {
    let mut talk = Talk::knowing(3, config());
    let own = talk.node.id();
    let said = talk.run_with(secs(6), |n, _| {
        let contacts_v4 = Some(vec![peer(7)]);
        reply(n, Reply { contacts_v4, ..with_token(b"token") })
    });
    let searched = finds(&said).into_iter().filter(|(_, target)| *target == own).count();
    assert_eq!(searched, 4, "with the first node that it is told of, all are asked for it");
    let later = talk.run_with(secs(600), |n, _| reply(n, with_token(b"token")));
    assert!(!finds(&later).iter().any(|(_, target)| *target == own), "once");
}

#[test]
fn neighbours_are_sought_beside_its_own_identifier_in_both_families() {
    let mut talk = Talk::knowing(3, NodeConfig { has_ipv6: true, ..config() });
    let own = talk.node.id();
    let said = talk.run_with(secs(100), |n, _| reply(n, with_token(b"token")));
    let mut count = 0;
    for said in &said {
        if let Some(Query::Find { target, families }) = said.query()
            && target.as_bytes()[..19] == own.as_bytes()[..19]
            && *target != own
        {
            assert!(families.v4 && families.v6);
            count += 1;
        }
    }
    assert!(count >= 3, "{count}");
}

#[test]
fn a_first_node_that_asks_hastens_the_look_to_one_second() {
    let mut talk = Talk::new(config());
    talk.run(secs(1));
    let _ = talk.ask(0, Query::Ping);
    assert_eq!(talk.node.poll_timeout(), at(2));
    let said = talk.run(secs(1));
    assert_eq!(finds(&said).len(), 1, "and it is asked");
}

#[test]
fn a_node_given_up_in_maintenance_hastens_the_next_look() {
    let mut talk = Talk::knowing(2, config());
    // It does not answer: it is given up after 7 to 9.75 s, and a second later the table is looked
    // after again, not after up to 25 s.
    let said = talk.run(secs(20));
    let mut begun: Vec<SimTime> = Vec::new();
    let mut numbers = BTreeSet::new();
    for said in said.iter().filter(|said| matches!(said.query(), Some(Query::Find { .. }))) {
        if numbers.insert(said.message.transaction) {
            begun.push(said.at);
        }
    }
    assert!(begun.len() >= 2 && begun[0] >= at(3), "{begun:?}");
    let wait = begun[1].saturating_since(begun[0]);
    assert!(wait <= SimDuration::from_millis(10_750), "{wait}");
}

#[test]
fn bootstrap_goes_on_at_0_10_30_70_s_and_so_on_and_ends_with_an_answer() {
    let bootstrap = vec![peer(0).address];
    let mut talk = Talk::new(NodeConfig { bootstrap, ..config() });
    let said = talk.run(secs(300_000));
    let mut begun = Vec::<SimTime>::new();
    let mut numbers = BTreeSet::new();
    for said in said.iter().filter(|said| said.query() == Some(&Query::Ping)) {
        if numbers.insert(said.message.transaction) {
            begun.push(said.at);
        }
    }
    let waits: Vec<u64> = begun
        .windows(2)
        .map(|pair| pair[1].saturating_since(pair[0]).as_nanos() / 1_000_000_000)
        .collect();
    assert_eq!(begun[..4], [at(0), at(10), at(30), at(70)]);
    let doubled: Vec<u64> = (0..waits.len()).map(|n| (10 << n).min(24 * 3_600)).collect();
    assert_eq!(waits, doubled);
    assert_eq!(waits.last(), Some(&(24 * 3_600)), "a day is the longest");
    talk.node.connectivity_changed(talk.now);
    talk.run_with(secs(1), |n, _| reply(n, with_token(b"token")));
    assert_eq!(talk.node.status(), Status::Connected);
    let said = talk.run_with(secs(3_600), |n, _| reply(n, with_token(b"token")));
    assert!(!said.iter().any(|said| said.query() == Some(&Query::Ping)), "no more pings");
}

#[test]
fn the_status_is_that_of_the_best_node_and_of_bootstrap() {
    let bootstrap = vec![peer(9).address];
    let mut talk = Talk::new(NodeConfig { bootstrap, ..config() });
    assert_eq!(talk.node.status(), Status::Disconnected);
    let _ = talk.run(secs(0));
    assert_eq!(talk.node.status(), Status::Connecting, "a host was asked");
    let _ = talk.run(secs(9));
    assert_eq!(talk.node.status(), Status::Disconnected, "and has not answered");
    let _ = talk.ask(0, Query::Ping);
    assert_eq!(talk.node.status(), Status::Connecting, "a node is there that has only asked");
    talk.run_with(secs(2), |n, _| reply(n, with_token(b"token")));
    assert_eq!(talk.node.status(), Status::Connected, "it has answered");
    let told: Vec<Status> = talk
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Status(status) => Some(*status),
            _ => None,
        })
        .collect();
    let changes = [Status::Connecting, Status::Disconnected, Status::Connecting, Status::Connected];
    assert_eq!(told, changes);
    talk.node.connectivity_changed(talk.now);
    assert_eq!(
        talk.node.status(),
        Status::Connecting,
        "nothing is known for certain in a new network"
    );
}

#[test]
fn a_change_of_network_forgets_what_was_reported_and_gives_everybody_another_chance() {
    let mut talk = Talk::knowing(3, config());
    talk.node.get(talk.now, KEY);
    let seen = Reply { seen_as: Some([203, 0, 113, 5].into()), ..with_token(b"token") };
    talk.run_with(secs(1), |n, _| (n > 0).then(|| reply(n, seen.clone()))?);
    talk.run_with(secs(10), |n, _| (n > 0).then(|| reply(n, seen.clone()))?);
    let good = |talk: &mut Talk| {
        let said = talk.ask(9, Query::Find { target: KEY, families: Default::default() });
        said[0].reply().unwrap().contacts_v4.as_ref().map_or(0, Vec::len)
    };
    assert_eq!((good(&mut talk), talk.node.public_address(true).is_some()), (2, true));
    talk.node.connectivity_changed(talk.now);
    assert_eq!((good(&mut talk), talk.node.public_address(true)), (0, None));
    let asked: BTreeSet<_> = talk.run(secs(60)).into_iter().map(|said| said.to).collect();
    assert!(asked.contains(&peer(0).address), "the one that was given up, too: {asked:?}");
}

#[test]
fn what_is_old_is_forgotten_every_2_to_6_minutes() {
    let mut talk = Talk::knowing(9, config());
    // One node does not answer: it leaves the table when that is cleaned up.
    talk.node.get(talk.now, KEY);
    talk.run_with(secs(10), |n, _| (n > 0).then(|| reply(n, with_token(b"token")))?);
    let is_there = |talk: &Talk| talk.node.contacts().any(|contact| contact.id == peer(0).id);
    assert!(is_there(&talk), "not at once");
    talk.run_with(secs(350), |n, _| (n > 0).then(|| reply(n, with_token(b"token")))?);
    assert!(!is_there(&talk));
}

#[test]
fn a_search_that_nothing_is_wanted_of_is_forgotten_after_62_minutes() {
    let mut talk = Talk::knowing(9, config());
    talk.node.get(talk.now, KEY);
    let answer = |n: u8, _: &Query| reply(n, with_token(b"token"));
    let has_search = |talk: &Talk| {
        talk.node.networks[0].as_ref().is_some_and(|network| network.searches.contains_key(&KEY))
    };
    talk.run_with(secs(61 * 60), answer);
    assert!(has_search(&talk));
    talk.run_with(secs(8 * 60), answer);
    assert!(!has_search(&talk), "62 minutes and at most six until it is noticed");
}

#[test]
fn one_address_family_is_enough_and_each_has_a_table_of_its_own() {
    let mut talk = Talk::new(NodeConfig { has_ipv6: true, ..config() });
    let v6 = Contact { address: "[2001:db8::1]:4222".parse().unwrap(), ..peer(1) };
    talk.node.know(talk.now, peer(0));
    talk.node.know(talk.now, v6);
    let said = talk.ask(5, Query::Get { key: KEY, select: None, families: Default::default() });
    let told = said[0].reply().unwrap();
    assert_eq!(told.contacts_v4.as_deref(), Some(&[peer(0)][..]), "a get tells of both families");
    assert_eq!(told.contacts_v6.as_deref(), Some(&[v6][..]));
    let said = talk.ask(5, Query::Find { target: KEY, families: Default::default() });
    let told = said[0].reply().unwrap();
    assert_eq!((told.contacts_v4.is_some(), told.contacts_v6.is_some()), (true, false));
}
