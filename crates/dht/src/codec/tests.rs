//! Messages captured between OpenDHT 2.4.12 nodes, and any bytes at all.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::DecodeError;
use crate::announcement::Announcement;
use crate::message::{Carried, Message, Payload, Query};

/// One captured datagram in each line: its kind, its bytes in hexadecimal digits.
const CAPTURED: &str = include_str!("../../tests/data/captured.jsonl");

fn captured() -> impl Iterator<Item = (String, Bytes)> {
    CAPTURED.lines().map(|line| {
        let line: Json = serde_json::from_str(line).unwrap();
        let hex = line["hex"].as_str().unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        (line["kind"].as_str().unwrap().to_owned(), Bytes::from(bytes))
    })
}

#[test]
fn every_captured_message_is_encoded_again_as_the_same_bytes() {
    let mut messages = 0;
    for (kind, bytes) in captured() {
        messages += 1;
        let again = if kind.starts_with("discovery") {
            Announcement::decode(&bytes).unwrap_or_else(|error| panic!("{kind}: {error}")).encode()
        } else {
            let message = Message::decode(&bytes).unwrap_or_else(|error| panic!("{kind}: {error}"));
            assert_eq!(Message::decode(&message.encode()), Ok(message.clone()), "{kind}");
            message.encode()
        };
        assert_eq!(again, bytes, "{kind}");
    }
    assert_eq!(messages, 36);
}

#[test]
fn captured_messages_mean_what_their_kind_says() {
    for (kind, bytes) in captured().filter(|(kind, _)| !kind.starts_with("discovery")) {
        let message = Message::decode(&bytes).unwrap();
        assert_eq!(message.network, if kind.ends_with("netid") { 7 } else { 0 }, "{kind}");
        let name = match &message.payload {
            Payload::Query(_, Query::Ping) => "q_ping",
            Payload::Query(_, Query::Find { .. }) => "q_find",
            Payload::Query(_, Query::Get { select: Some(_), .. }) => "q_get_query",
            Payload::Query(_, Query::Put { .. }) => "q_put",
            Payload::Query(_, Query::Listen { version: 1, .. }) => "q_listen",
            Payload::Query(_, Query::Update { .. }) => "q_update",
            Payload::Reply(..) => "r",
            Payload::Part(_) => "value_part",
            other => panic!("{kind}: {other:?}"),
        };
        assert!(kind.starts_with(name), "{kind} is {name}");
        if let Payload::Query(_, Query::Put { values, .. } | Query::Update { values, .. }) =
            &message.payload
        {
            let in_parts = matches!(values[..], [Carried::InParts(_)]);
            assert_eq!(in_parts, kind.contains("frag"), "{kind}");
        }
    }
}

#[test]
fn a_message_cut_short_is_refused_wherever_it_is_cut() {
    for (kind, bytes) in captured().filter(|(kind, _)| !kind.starts_with("discovery")) {
        for length in 0..bytes.len() {
            let cut = Message::decode(&bytes.slice(..length));
            assert_eq!(cut, Err(DecodeError::Truncated), "{kind} after {length} bytes");
        }
    }
}

#[test]
fn a_length_that_the_datagram_does_not_hold_costs_nothing() {
    // A map, an array and a binary of four thousand million elements.
    for lie in [
        &b"\xdf\xff\xff\xff\xff"[..],
        b"\x81\xa1v\xdd\xff\xff\xff\xff",
        b"\x81\xa1t\xc6\xff\xff\xff\xff",
    ] {
        assert!(Message::decode(&Bytes::from_static(lie)).is_err());
    }
    // Nested a thousand deep, where nothing is known.
    let mut deep = b"\x82\xa1t\x01\xa1?".to_vec();
    deep.extend([0x91; 1_000]);
    deep.push(0xc0);
    let deep = Message::decode(&deep.into());
    assert_eq!(deep, Err(DecodeError::UnknownKind), "it is passed over");
}

#[test]
fn old_nodes_write_transactions_as_bytes_and_families_by_other_numbers() {
    let ping = b"\x84\xa1a\x81\xa2id\xc4\x14AAAAAAAAAAAAAAAAAAAA\xa1q\xa4ping\xa1t\xc4\x04\x00\x00\x01\x02\xa1y\xa1q";
    assert_eq!(Message::decode(&Bytes::from_static(ping)).unwrap().transaction, 0x102);
    for (family, is_v6) in [(23, true), (30, true), (10, true), (2, false)] {
        let mut find = b"\x84\xa1a\x83\xa2id\xc4\x14AAAAAAAAAAAAAAAAAAAA\xa6target\xc4\x14BBBBBBBBBBBBBBBBBBBB\xa1w\x91".to_vec();
        find.push(family);
        find.extend(b"\xa1q\xa4find\xa1t\x01\xa1y\xa1q");
        let Payload::Query(_, Query::Find { families, .. }) =
            Message::decode(&find.into()).unwrap().payload
        else {
            panic!("a find");
        };
        assert_eq!((families.v4, families.v6), (!is_v6, is_v6));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_bytes_are_a_problem(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        let _ = Message::decode(&bytes);
        let _ = Announcement::decode(&bytes);
    }

    #[test]
    fn a_changed_message_is_refused_or_decodes_to_what_it_encodes_to(
        which in 0_usize..36,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (_, bytes) = captured().nth(which).unwrap();
        let mut bytes = bytes.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(message) = Message::decode(&bytes.into()) {
            prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
        }
    }
}
