//! What a node does for others: one test for each rule.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::talk::{Said, Talk, config, peer, reply, with_token};
use super::{KEY, secs, value};
use crate::Identity;
use crate::id::Id;
use crate::message::{Carried, Families, Notice, Payload, Query, Select};
use crate::node::{Generation, NodeConfig};
use crate::value::{Body, Data, Value};

fn put(key: Id, value: Value, created: Option<u64>, token: Bytes) -> Query {
    Query::Put { key, values: vec![Carried::Whole(Arc::new(value))], created, token }
}

fn listen(token: Bytes, socket: u32) -> Query {
    Query::Listen { key: KEY, token, socket, version: 1, select: None }
}

fn stored(talk: &Talk, key: Id) -> Vec<u64> {
    talk.node.storage.values(key).iter().map(|value| value.id).collect()
}

fn updates(said: &[Said]) -> Vec<Vec<u64>> {
    let ids = |values: &[Carried]| {
        let id = |value: &Carried| match value {
            Carried::Whole(value) => value.id,
            Carried::InParts(length) => u64::from(*length),
        };
        values.iter().map(id).collect()
    };
    let updates = said.iter().filter_map(|said| match said.query() {
        Some(Query::Update { values, .. }) => Some(ids(values)),
        _ => None,
    });
    updates.collect()
}

fn notices(said: &[Said]) -> Vec<Notice> {
    let notices = said.iter().filter_map(|said| match said.query() {
        Some(Query::Notify { notice, .. }) => Some(notice.clone()),
        _ => None,
    });
    notices.collect()
}

#[test]
fn values_far_from_it_are_dropped_once_it_knows_eight_good_nodes_and_answered_all_the_same() {
    let far = Id::new([0x11; 20]); // the node is 0xee.., the others are next to 0x42..
    for (known, is_stored) in [(7, true), (8, false)] {
        let mut talk = Talk::knowing(known, config());
        let token = talk.token(100);
        let said = talk.ask(100, put(far, value(5, 10), None, token));
        assert_eq!(said[0].reply().unwrap().stored, Some(5));
        assert_eq!(stored(&talk, far), if is_stored { vec![5] } else { vec![] });
    }
    let mut talk = Talk::knowing(13, config());
    let near = Id::new([0xef; 20]);
    let token = talk.token(100);
    talk.ask(100, put(near, value(5, 10), None, token));
    assert_eq!(stored(&talk, near), [5], "it is closer than all others");
}

#[test]
fn a_value_lives_from_when_it_was_made_and_nothing_is_made_in_the_future() {
    let mut talk = Talk::new(NodeConfig { epoch_unix_seconds: 1_000_000, ..config() });
    talk.run(secs(1_000));
    let token = talk.token(0);
    for (id, created) in [(1, 1_000_000 + 399), (2, 1_000_000 + 900), (3, 9_000_000)] {
        talk.ask(0, put(KEY, value(id, 10), Some(created), token.clone()));
    }
    assert_eq!(stored(&talk, KEY), [2, 3], "the first is older than ten minutes");
    talk.run(secs(501));
    assert_eq!(stored(&talk, KEY), [3]);
    talk.run(secs(100));
    assert!(stored(&talk, KEY).is_empty());
}

#[test]
fn what_says_that_it_is_signed_is_stored_only_if_it_is() {
    let alice = include_bytes!("../../../tests/data/keys/alice.pk8");
    let alice = Identity::from_pkcs8(alice).unwrap();
    let signed = Value { data: alice.sign(Body::default(), 1, None).unwrap(), ..value(5, 1) };
    let mut forged = Value { id: 6, ..signed.clone() };
    if let Data::Open { body, .. } = &mut forged.data {
        body.data = Bytes::from_static(b"something else");
    }
    let mut talk = Talk::new(config());
    let token = talk.token(0);
    for value in [signed, forged] {
        let said = talk.ask(0, put(KEY, value, None, token.clone()));
        assert!(said[0].reply().is_some());
    }
    assert_eq!(stored(&talk, KEY), [5]);
}

#[test]
fn a_listener_is_told_of_what_is_there_and_of_what_comes_until_ten_minutes_after_its_last_word() {
    let mut talk = Talk::new(config());
    let token = talk.token(0);
    talk.ask(0, put(KEY, value(5, 10), None, token.clone()));
    let said = talk.ask(1, listen(talk_token(&mut Talk::new(config())), 77));
    assert_eq!(said.len(), 1, "with a wrong token it is refused");
    let token_of_1 = talk.token(1);
    let said = talk.ask(1, listen(token_of_1.clone(), 77));
    assert_eq!(updates(&said), [[5]]);
    let said = talk.ask(1, listen(token_of_1, 77));
    assert_eq!(updates(&said), Vec::<Vec<u64>>::new(), "it knows them already");
    let said = talk.ask(0, put(KEY, value(6, 10), None, token));
    assert_eq!((updates(&said), said[0].to), (vec![vec![6]], peer(1).address));
    let answer = |n: u8, _: &Query| reply(n, with_token(b"token"));
    talk.run_with(secs(599), answer);
    let token = talk.token(0);
    let said = talk.ask(0, put(KEY, value(7, 10), None, token.clone()));
    assert_eq!(updates(&said), [[7]]);
    talk.run_with(secs(1), answer);
    let said = talk.ask(0, put(KEY, value(8, 10), None, token));
    assert_eq!(updates(&said), Vec::<Vec<u64>>::new(), "it has not asked again");
}

fn talk_token(of: &mut Talk) -> Bytes {
    of.run(secs(1));
    Bytes::from(vec![0; of.token(1).len()])
}

#[test]
fn a_listener_is_told_where_it_was_heard_last() {
    let mut talk = Talk::new(config());
    let (token, token_of_1) = (talk.token(0), talk.token(1));
    talk.ask(1, listen(token_of_1, 77));
    let elsewhere = "203.0.113.9:61000".parse().unwrap();
    talk.say(elsewhere, 5, Payload::Query(peer(1).id, Query::Ping));
    let _ = talk.said();
    let said = talk.ask(0, put(KEY, value(6, 10), None, token));
    assert_eq!((updates(&said), said[0].to), (vec![vec![6]], elsewhere));
}

#[test]
fn a_listener_that_wants_some_values_is_told_of_those() {
    let mut talk = Talk::new(config());
    let token = talk.token(0);
    let select = crate::message::Content::Number(6);
    let select = Select { fields: vec![], conditions: vec![(crate::Field::Id, select)] };
    let query = Query::Listen {
        key: KEY,
        token: token.clone(),
        socket: 7,
        version: 1,
        select: Some(select),
    };
    talk.ask(0, query);
    let said = talk.ask(0, put(KEY, value(5, 10), None, token.clone()));
    assert_eq!(updates(&said), Vec::<Vec<u64>>::new());
    let said = talk.ask(0, put(KEY, value(6, 10), None, token));
    assert_eq!(updates(&said), [[6]]);
}

#[test]
fn many_values_are_told_in_messages_of_at_most_56_kib() {
    let mut talk = Talk::new(config());
    let token = talk.token(0);
    for id in 1..=10 {
        talk.ask(0, put(KEY, value(id, 500), None, token.clone()));
    }
    for id in 11..=15 {
        // Too long for a datagram: put by the node's own user.
        talk.node.put(talk.now, KEY, value(id, 20_000), false);
    }
    let _ = talk.said();
    let said = talk.ask(0, listen(token, 7));
    let sums: Vec<u64> = updates(&said).iter().map(|lengths| lengths.iter().sum()).collect();
    assert_eq!(updates(&said).iter().map(Vec::len).sum::<usize>(), 15);
    assert!(sums.len() == 3 && sums.iter().all(|sum| *sum <= 56 << 10), "{sums:?}");
    assert!(said.last().is_some_and(|said| said.reply().is_some()), "then it is answered");
}

#[test]
fn listeners_are_told_what_expires_and_what_is_renewed_with_a_token() {
    let mut talk = Talk::new(config());
    let token = talk.token(0);
    for id in [5, 6] {
        talk.ask(0, put(KEY, value(id, 10), None, token.clone()));
    }
    talk.ask(0, listen(token.clone(), 7));
    let said = talk.ask(0, put(KEY, value(5, 10), None, token.clone()));
    assert_eq!(notices(&said), [Notice::Refreshed(vec![5])], "the same once more");
    let answer = |n: u8, _: &Query| reply(n, with_token(b"token"));
    talk.run_with(secs(300), answer);
    let refresh = Query::Refresh { key: KEY, value: 5, token: token.clone() };
    assert_eq!(notices(&talk.ask(0, refresh)), [Notice::Refreshed(vec![5])]);
    talk.ask(0, listen(token.clone(), 7));
    let said = talk.run_with(secs(301), answer);
    let mut told = notices(&said);
    told.retain(|notice| *notice != Notice::Refreshed(vec![5])); // that is sent again
    assert_eq!(told, [Notice::Expired(vec![6])]);
    for said in said.iter().filter(|said| matches!(said.query(), Some(Query::Notify { .. }))) {
        let Some(Query::Notify { token: given, .. }) = said.query() else { continue };
        assert_eq!(given.len(), 32, "good for the next request");
    }
    assert_eq!(stored(&talk, KEY), [5], "five minutes more for the one that was refreshed");
}

#[test]
fn what_listeners_are_told_is_sent_again_until_they_confirm_it() {
    let mut talk = Talk::new(config());
    let token = talk.token(0);
    talk.ask(0, listen(token.clone(), 7));
    talk.ask(1, Query::Ping);
    let token = talk.token(1);
    talk.ask(1, put(KEY, value(5, 10), None, token));
    let said = talk.run(secs(4));
    assert_eq!(updates(&said).len(), 2, "after 1 s and 3.4 s");
}

#[test]
fn a_token_comes_with_the_answer_to_a_listen_from_generation_4_on() {
    for (generation, bytes) in [(Generation::Two, 0), (Generation::Four, 32)] {
        let mut talk = Talk::new(NodeConfig { generation, ..config() });
        let token = talk.token(0);
        let said = talk.ask(0, listen(token, 7));
        assert_eq!(said[0].reply().unwrap().token.len(), bytes, "{generation:?}");
    }
}

#[test]
fn tokens_are_bound_to_address_and_port_and_outlive_one_change_of_the_secret() {
    let mut talk = Talk::new(config());
    let token = talk.token(0);
    let is_taken = |talk: &mut Talk, n: u8, port: Option<u16>| {
        let from = port.map_or(peer(n).address, |port| SocketAddr::new(peer(n).address.ip(), port));
        let query = put(KEY, value(5, 10), None, token.clone());
        talk.say(from, 1, Payload::Query(peer(n).id, query));
        talk.said().iter().any(|said| said.reply().is_some())
    };
    assert!(is_taken(&mut talk, 0, None));
    assert!(!is_taken(&mut talk, 0, Some(4_223)), "another port");
    assert!(!is_taken(&mut talk, 1, None), "another host");
    talk.run(secs(15 * 60 - 1));
    assert!(is_taken(&mut talk, 0, None), "for a quarter of an hour at least");
    talk.run(secs(76 * 60));
    assert!(!is_taken(&mut talk, 0, None), "and for one and a half at most");
}

#[test]
fn only_good_nodes_are_told_of_eight_of_them_the_closest_first() {
    let mut talk = Talk::knowing(12, config());
    talk.node.insert(talk.now, peer(20)); // hearsay
    let find = |families| Query::Find { target: KEY, families };
    let said = talk.ask(30, find(Families::default()));
    let told = said[0].reply().unwrap().contacts_v4.clone().unwrap();
    assert_eq!(told, (0..8).map(peer).collect::<Vec<_>>());
    let said = talk.ask(30, find(Families { v4: false, v6: true }));
    let told = said[0].reply().unwrap();
    assert_eq!((&told.contacts_v4, &told.contacts_v6), (&None, &None), "there are none of IPv6");
}

#[test]
fn an_own_permanent_value_is_kept_until_it_is_cancelled() {
    let mut talk = Talk::new(config());
    let put = talk.node.put(talk.now, KEY, value(5, 10), true);
    talk.node.put(talk.now, KEY, value(6, 10), false);
    talk.run(secs(3_600));
    assert_eq!(stored(&talk, KEY), [5]);
    talk.node.cancel(put);
    talk.run(secs(601));
    assert!(stored(&talk, KEY).is_empty());
}

#[test]
fn listeners_of_before_2018_are_told_by_answers_under_their_number() {
    let mut talk = Talk::new(config());
    let token = talk.token(0);
    let query =
        Query::Listen { key: KEY, token: token.clone(), socket: 888, version: 0, select: None };
    assert_eq!(talk.ask(0, query).len(), 1);
    let said = talk.ask(0, put(KEY, value(8, 10), None, token));
    assert_eq!(said[0].message.transaction, 888);
    let told = said[0].reply().map(|reply| reply.values.clone()).unwrap();
    assert_eq!(told, [Carried::Whole(Arc::new(value(8, 10)))]);
    let again = talk.run(secs(2));
    assert!(!again.iter().any(|said| said.message.transaction == 888), "nobody confirms it");
}
