//! Listening, as those who are listened at see it: one test for each rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use natbed_units::SimTime;

use super::searching::{answer, edition};
use super::talk::{Said, Talk, config, number, peer};
use super::{KEY, secs, value};
use crate::message::{Carried, Notice, Query};
use crate::node::{Event, NodeConfig};

fn is_listen(query: &Query) -> bool {
    matches!(query, Query::Listen { .. })
}

#[test]
fn listeners_ask_the_four_closest_and_again_after_20_s_or_290_s() {
    for (is_public_stable, period) in [(false, 20), (true, 290)] {
        let mut talk = Talk::knowing(14, NodeConfig { is_public_stable, ..config() });
        talk.node.listen(talk.now, KEY);
        let said = talk.run_with(secs(6 * 60), answer);
        let mut times: BTreeMap<u8, Vec<SimTime>> = BTreeMap::new();
        for said in said.iter().filter(|said| said.query().is_some_and(is_listen)) {
            times.entry(number(said.to).unwrap()).or_default().push(said.at);
        }
        assert_eq!(times.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3]);
        for pair in times[&0].windows(2) {
            assert_eq!(pair[1].saturating_since(pair[0]), secs(period));
        }
        assert_eq!(times[&0].len() as u64, 360 / period + 1);
    }
}

/// Someone who listens, and the number under which the closest node is to tell of values.
fn listener() -> (Talk, crate::OperationId, u32) {
    let mut talk = Talk::knowing(8, config());
    let listen = talk.node.listen(talk.now, KEY);
    let said = talk.run_with(secs(1), answer);
    let socket = |said: &Said| match said.query() {
        Some(Query::Listen { socket, version: 1, .. }) if said.to == peer(0).address => {
            Some(*socket)
        }
        _ => None,
    };
    let socket = said.iter().find_map(socket).unwrap();
    (talk, listen, socket)
}

#[test]
fn what_listeners_are_told_is_confirmed_and_its_token_used_from_then_on() {
    let (mut talk, _, socket) = listener();
    let values = vec![Carried::Whole(Arc::new(value(5, 10)))];
    let token = bytes::Bytes::from_static(b"another");
    let update = Query::Update { key: KEY, socket, values, created: None, token };
    let said = talk.ask(0, update);
    assert!(said.len() == 1 && said[0].reply().is_some(), "whoever tells waits for that");
    let said = talk.run_with(secs(25), answer);
    let token_of = |said: &Said| match said.query() {
        Some(Query::Listen { token, .. }) => Some((number(said.to).unwrap(), token.clone())),
        _ => None,
    };
    let tokens: BTreeMap<u8, _> = said.iter().filter_map(token_of).collect();
    assert_eq!((&tokens[&0][..], &tokens[&1][..]), (&b"another"[..], &b"token"[..]));
}

#[test]
fn a_value_is_there_as_long_as_one_node_has_it() {
    let (mut talk, listen, socket) = listener();
    let numbers: BTreeMap<u8, u32> = [(0, socket)].into();
    let values = || vec![Carried::Whole(Arc::new(value(5, 10)))];
    let tell = |talk: &mut Talk, n: u8, socket| {
        let (values, token) = (values(), Default::default());
        talk.ask(n, Query::Update { key: KEY, socket, values, created: None, token });
    };
    tell(&mut talk, 0, numbers[&0]);
    let said = talk.run_with(secs(20), answer);
    let socket_of_1 = said.iter().find_map(|said| match said.query() {
        Some(Query::Listen { socket, .. }) if said.to == peer(1).address => Some(*socket),
        _ => None,
    });
    let socket_of_1 = socket_of_1.unwrap();
    tell(&mut talk, 1, socket_of_1);
    let gone = Event::Gone(listen, 5);
    let expire = |talk: &mut Talk, n: u8, socket| {
        let notice = Notice::Expired(vec![5]);
        talk.ask(n, Query::Notify { socket, token: Default::default(), notice });
        talk.events.iter().any(|(_, event)| *event == gone)
    };
    assert!(!expire(&mut talk, 0, numbers[&0]), "another one has it");
    assert!(expire(&mut talk, 1, socket_of_1));
    let told = talk.events.iter().filter(|(_, event)| matches!(event, Event::Value(..)));
    assert_eq!(told.count(), 1);
}

#[test]
fn a_value_that_nobody_renews_ends_with_its_type_and_a_notice_lets_it_live_on() {
    for is_renewed in [false, true] {
        let (mut talk, listen, socket) = listener();
        let values = vec![Carried::Whole(Arc::new(value(5, 10)))];
        let token = bytes::Bytes::new();
        talk.ask(0, Query::Update { key: KEY, socket, values, created: None, token });
        let began = talk.now;
        talk.run_with(secs(300), answer);
        if is_renewed {
            let notice = Notice::Refreshed(vec![5]);
            talk.ask(0, Query::Notify { socket, token: Default::default(), notice });
        }
        talk.run_with(secs(1_000), answer);
        let gone = talk.events.iter().find(|(_, event)| *event == Event::Gone(listen, 5));
        let lived = gone.map(|(at, _)| at.saturating_since(began));
        assert_eq!(lived, Some(secs(if is_renewed { 900 } else { 600 })));
    }
}

#[test]
fn another_edition_of_a_value_is_told_again() {
    let (mut talk, _, socket) = listener();
    for (sequence, told) in [(1, 1), (1, 1), (2, 2)] {
        let values = vec![Carried::Whole(Arc::new(edition(5, sequence)))];
        let token = bytes::Bytes::new();
        talk.ask(0, Query::Update { key: KEY, socket, values, created: None, token });
        let values = talk.events.iter().filter(|(_, event)| matches!(event, Event::Value(..)));
        assert_eq!(values.count(), told);
    }
}
