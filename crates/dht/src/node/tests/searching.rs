//! Searches, puts and listens, as others see them: one test for each rule.

use std::collections::BTreeMap;

use natbed_units::{SimDuration, SimTime};

use super::talk::{Said, Talk, config, error, number, peer, reply, with_token};
use super::{KEY, secs, value};
use crate::id::Id;
use crate::message::{Carried, Content, Field, Payload, Query, Reply, Rows, Select};
use crate::node::{Event, Generation, NodeConfig};
use crate::value::{Body, Data, Owner, Value};
use std::sync::Arc;

pub(super) fn answer(n: u8, _: &Query) -> Option<Payload> {
    reply(n, with_token(b"token"))
}

/// The numbers of those who were asked something, in order.
fn asked(said: &[Said], of: impl Fn(&Query) -> bool) -> Vec<u8> {
    let said = said.iter().filter(|said| said.query().is_some_and(&of));
    said.filter_map(|said| number(said.to)).collect()
}

fn is_put(query: &Query) -> bool {
    matches!(query, Query::Put { .. })
}

fn ids() -> Option<Select> {
    Some(Select { fields: vec![Field::Id], conditions: vec![] })
}

fn id_and_sequence(rows: &[(u64, u64)]) -> Reply {
    let contents = rows.iter().flat_map(|(id, seq)| [*id, *seq]).map(Content::Number).collect();
    let rows = Rows { fields: vec![Field::Id, Field::Sequence], contents };
    Reply { rows: Some(rows), ..with_token(b"token") }
}

pub(super) fn edition(id: u64, sequence: u16) -> Value {
    let owner = Some(Owner { sequence, key: "alice".into(), to: None });
    let body = Body { owner, data: "x".into(), ..Body::default() };
    Value { data: Data::Open { body, signature: Default::default() }, ..value(id, 1) }
}

#[test]
fn four_are_asked_at_a_time_the_closest_first_and_fourteen_at_most() {
    let mut talk = Talk::knowing(20, config());
    talk.node.get(talk.now, KEY);
    let is_get = |query: &Query| matches!(query, Query::Get { .. });
    assert_eq!(asked(&talk.said(), is_get), [0, 1, 2, 3]);
    let said = talk.run(secs(3)); // nobody answers: after the second attempt others are asked
    let mut others = asked(&said, is_get);
    others.sort_unstable();
    others.dedup();
    assert_eq!(others, (0..12).collect::<Vec<_>>());
    let mut talk = Talk::knowing(20, config());
    talk.node.listen(talk.now, KEY);
    let said = talk.run_with(secs(2), answer);
    let mut all = asked(&said, |query| matches!(query, Query::Find { target: KEY, .. }));
    all.sort_unstable();
    assert_eq!(all.len(), 14, "no others are kept");
    assert_eq!(all[..8], (0..8).collect::<Vec<_>>());
}

#[test]
fn a_get_asks_each_node_for_identifiers_first_and_then_for_each_value() {
    let mut talk = Talk::knowing(10, config());
    let get = talk.node.get(talk.now, KEY);
    let mut asked = Vec::new();
    talk.run_with(secs(1), |n, query| {
        let Query::Get { select: Some(select), .. } = query else { return answer(n, query) };
        asked.push((n, select.clone()));
        if select.fields == [Field::Id] {
            let contents = vec![Content::Number(5), Content::Number(6)];
            let rows = Some(Rows { fields: vec![Field::Id], contents });
            return reply(n, Reply { rows, ..with_token(b"token") });
        }
        let [(Field::Id, Content::Number(id))] = select.conditions[..] else {
            panic!("{select:?}")
        };
        let values = vec![Carried::Whole(Arc::new(value(id, 10)))];
        reply(n, Reply { values, ..with_token(b"token") })
    });
    let of_first: Vec<&Select> = asked.iter().filter(|(n, _)| *n == 0).map(|(_, s)| s).collect();
    let one = |id| Select { fields: vec![], conditions: vec![(Field::Id, Content::Number(id))] };
    assert_eq!(of_first, [&ids().unwrap(), &one(5), &one(6)]);
    let told: Vec<u64> = talk
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Value(of, value, from) if *of == get => {
                assert!(from.is_some());
                Some(value.id)
            }
            _ => None,
        })
        .collect();
    assert_eq!(told, [5, 6], "each once, although all nodes have them");
    assert!(talk.events.iter().any(|(_, event)| *event == Event::Finished(get)));
}

#[test]
fn a_get_is_over_when_the_eight_closest_have_answered() {
    let mut talk = Talk::knowing(14, config());
    let get = talk.node.get(talk.now, KEY);
    let is_over = |talk: &Talk| talk.events.iter().any(|(_, event)| *event == Event::Finished(get));
    talk.run_with(secs(1), |n, query| (n != 7).then(|| answer(n, query))?);
    assert!(!is_over(&talk), "the eighth has not");
    talk.run_with(SimDuration::from_millis(500), answer);
    assert!(is_over(&talk), "it is sent again, and answered");
}

#[test]
fn answers_tell_of_closer_nodes_which_are_asked_in_turn() {
    let mut talk = Talk::new(config());
    talk.node.know(talk.now, peer(100));
    talk.node.get(talk.now, KEY);
    let mut asked = Vec::new();
    talk.run_with(secs(1), |n, _| {
        asked.push(n);
        let contacts_v4 = Some(vec![peer(n / 2), peer(n / 3)]);
        reply(n, Reply { contacts_v4, ..with_token(b"token") })
    });
    assert_eq!(asked[0], 100);
    assert!(asked.contains(&0), "down to the closest: {asked:?}");
}

#[test]
fn a_value_is_put_to_the_eight_closest_with_the_time_it_was_made() {
    let epoch_unix_seconds = 1_700_000_000;
    for (generation, first) in [(Generation::Two, 8), (Generation::Four, 2)] {
        let mut talk = Talk::knowing(14, NodeConfig { epoch_unix_seconds, generation, ..config() });
        talk.run_with(secs(10), answer);
        talk.node.put(talk.now, KEY, value(5, 10), false);
        let mut answered = 0;
        let mut before_first = None;
        let said = talk.run_with(secs(2), |n, query| {
            if is_put(query) {
                before_first.get_or_insert(answered);
                let Query::Put { created, values, .. } = query else { return None };
                assert_eq!((created, values.len()), (&Some(1_700_000_010), 1));
            } else {
                answered += 1;
            }
            answer(n, query)
        });
        let mut to = asked(&said, is_put);
        to.sort_unstable();
        assert_eq!(to, (0..8).collect::<Vec<_>>(), "{generation:?}");
        assert!(before_first.is_some_and(|before| before >= first), "{before_first:?}");
    }
}

#[test]
fn a_permanent_value_is_asked_for_first_and_put_without_its_time() {
    let mut talk = Talk::knowing(8, config());
    talk.node.put(talk.now, KEY, value(5, 10), true);
    let mut log: Vec<(u8, &str)> = Vec::new();
    talk.run_with(secs(1), |n, query| {
        match query {
            Query::Get { select: Some(select), .. } => {
                assert_eq!(select.fields, [Field::Id, Field::Sequence]);
                log.push((n, "probe"));
                return reply(n, id_and_sequence(&[]));
            }
            Query::Put { created, .. } => {
                assert_eq!(*created, None);
                log.push((n, "put"));
            }
            _ => {}
        }
        answer(n, query)
    });
    for n in 0..8 {
        let of: Vec<&str> = log.iter().filter(|(m, _)| *m == n).map(|(_, what)| *what).collect();
        assert_eq!(of, ["probe", "put"], "node {n}");
    }
}

#[test]
fn a_permanent_value_that_is_there_is_refreshed_and_an_older_edition_replaced() {
    let mut talk = Talk::knowing(8, config());
    talk.node.put(talk.now, KEY, edition(5, 3), true);
    let mut log: BTreeMap<u8, &str> = BTreeMap::new();
    talk.run_with(secs(1), |n, query| {
        match query {
            Query::Get { .. } => {
                let stored: &[(u64, u64)] = match n {
                    0 => &[(5, 3)],
                    1 => &[(5, 2)],
                    2 => &[(5, 9)],
                    3 => &[(4, 3)],
                    _ => &[],
                };
                return reply(n, id_and_sequence(stored));
            }
            Query::Put { .. } => drop(log.insert(n, "put")),
            Query::Refresh { value: 5, .. } => drop(log.insert(n, "refresh")),
            _ => {}
        }
        answer(n, query)
    });
    let of: Vec<&str> = (0..5).map(|n| log[&n]).collect();
    assert_eq!(of, ["refresh", "put", "refresh", "put", "put"]);
}

#[test]
fn a_permanent_value_is_renewed_after_9_min_50_s_and_no_more_once_it_is_cancelled() {
    let mut talk = Talk::knowing(8, config());
    let put = talk.node.put(talk.now, KEY, value(5, 10), true);
    let has = |rows: &'static [(u64, u64)]| {
        move |n: u8, query: &Query| match query {
            Query::Get { .. } => reply(n, id_and_sequence(rows)),
            _ => answer(n, query),
        }
    };
    let said = talk.run_with(secs(1), has(&[]));
    let first: Vec<SimTime> =
        said.iter().filter(|said| said.query().is_some_and(is_put)).map(|said| said.at).collect();
    let said = talk.run_with(secs(600), has(&[(5, 0)]));
    let refreshed = said.iter().filter(|said| matches!(said.query(), Some(Query::Refresh { .. })));
    let refreshed: Vec<SimTime> = refreshed.map(|said| said.at).collect();
    assert_eq!(refreshed.len(), 8);
    for at in refreshed {
        assert_eq!(at.saturating_since(first[0]), secs(590));
    }
    talk.node.cancel(put);
    let said = talk.run_with(secs(1_800), has(&[(5, 0)]));
    assert!(!said.iter().any(|said| matches!(said.query(), Some(Query::Refresh { .. }))));
}

#[test]
fn after_401_a_node_is_asked_for_another_token_and_after_the_fourth_it_is_given_up() {
    let mut talk = Talk::knowing(8, config());
    talk.node.put(talk.now, KEY, value(5, 10), false);
    let (mut log, mut refusals) = (Vec::new(), 0);
    talk.run_with(secs(1), |n, query| match query {
        Query::Put { token, .. } if n == 0 && &token[..] == b"token" && refusals == 0 => {
            refusals += 1;
            log.push("401");
            error(n, 401)
        }
        Query::Put { .. } if n == 0 => {
            log.push("put");
            answer(n, query)
        }
        Query::Find { target: KEY, .. } if n == 0 => {
            log.push("find");
            answer(n, query)
        }
        _ => answer(n, query),
    });
    assert_eq!(log, ["find", "401", "find", "put"]);

    let mut talk = Talk::knowing(8, config());
    talk.node.put(talk.now, KEY, value(5, 10), false);
    let said = talk.run_with(secs(1), |n, query| {
        if n == 0 && is_put(query) { error(n, 401) } else { answer(n, query) }
    });
    assert_eq!(asked(&said, is_put).iter().filter(|n| **n == 0).count(), 4);
}

#[test]
fn after_404_a_value_is_put_again() {
    let mut talk = Talk::knowing(8, config());
    talk.node.put(talk.now, KEY, value(5, 10), true);
    let (mut log, mut has_it) = (Vec::new(), true);
    talk.run_with(secs(1), |n, query| match query {
        Query::Get { .. } if n == 0 => {
            reply(n, id_and_sequence(if has_it { &[(5, 0)] } else { &[] }))
        }
        Query::Refresh { .. } if n == 0 => {
            log.push("404");
            has_it = false;
            error(n, 404)
        }
        Query::Put { .. } if n == 0 => {
            log.push("put");
            answer(n, query)
        }
        Query::Get { .. } => reply(n, id_and_sequence(&[])),
        _ => answer(n, query),
    });
    assert_eq!(log, ["404", "put"]);
}

#[test]
fn a_search_fails_when_twenty_five_nodes_in_a_row_are_given_up() {
    let mut talk = Talk::new(config());
    // The closest never answer, and there is no end of them; one beyond them does.
    talk.node.know(talk.now, peer(200));
    let get = talk.node.get(talk.now, KEY);
    talk.run_with(secs(200), |n, query| {
        let contacts_v4 = Some((0..40).map(peer).collect());
        if n == 200 {
            reply(n, Reply { contacts_v4, ..with_token(b"token") })
        } else {
            None?
        };
        let _ = query;
        None
    });
    assert!(talk.events.iter().any(|(_, event)| *event == Event::Failed(get)));
}

#[test]
fn a_value_without_identifier_is_given_one_and_one_too_long_fails() {
    let mut talk = Talk::knowing(8, config());
    talk.node.put(talk.now, KEY, value(0, 10), false);
    let said = talk.run_with(secs(1), answer);
    let ids: Vec<u64> = said
        .iter()
        .filter_map(|said| match said.query() {
            Some(Query::Put { values, .. }) => match &values[..] {
                [Carried::Whole(value)] => Some(value.id),
                other => panic!("{other:?}"),
            },
            _ => None,
        })
        .collect();
    assert!(ids.len() == 8 && ids[0] != 0 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let put = talk.node.put(talk.now, KEY, value(7, 65_536), false);
    let said = talk.run_with(secs(1), answer);
    assert!(asked(&said, is_put).is_empty());
    assert!(talk.events.iter().any(|(_, event)| *event == Event::Failed(put)));
}

#[test]
fn operations_on_one_key_share_a_search() {
    let mut talk = Talk::knowing(8, config());
    talk.run_with(secs(6), answer);
    talk.node.listen(talk.now, KEY);
    talk.run_with(secs(1), answer);
    let put = talk.node.put(talk.now, KEY, value(5, 10), false);
    let said = talk.said();
    assert_eq!(asked(&said, is_put).len(), 8, "at once: the tokens are there");
    assert_eq!(talk.node.networks[0].as_ref().unwrap().searches.len(), 2, "and its own");
    talk.node.cancel(put);
    assert_ne!(KEY, Id::ZERO);
}
