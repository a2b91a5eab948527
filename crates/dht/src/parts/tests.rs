//! Cutting and putting together.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use natbed_units::SimTime;
use proptest::prelude::*;

use super::{
    Assembler, BYTES_MAX, EARLY_PARTS_MAX, MESSAGES_MAX, PART_BYTES, VALUE_BYTES_MAX, split,
};
use crate::id::Id;
use crate::message::{Carried, Message, Part, Payload, Query};
use crate::value::{Body, Data, Value};

const FROM: &str = "198.51.100.1:4222";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn at(millis: u64) -> SimTime {
    SimTime::from_nanos(millis * 1_000_000)
}

fn value(id: u64, bytes: usize) -> Arc<Value> {
    let body = Body { data: vec![id as u8; bytes].into(), ..Body::default() };
    let data = Data::Open { body, signature: Bytes::new() };
    Arc::new(Value { id, data, priority: 0, push_type: Bytes::new() })
}

fn put(transaction: u32, values: Vec<Carried>) -> Message {
    let key = Id::new([7; 20]);
    let query = Query::Put { key, values, created: None, token: Bytes::from_static(b"token") };
    let payload = Payload::Query(Id::new([1; 20]), query);
    Message { payload, transaction, network: 0, agent: Bytes::new(), is_client: false }
}

fn whole(values: &[Arc<Value>]) -> Vec<Carried> {
    values.iter().cloned().map(Carried::Whole).collect()
}

#[test]
fn short_values_stay_in_the_message_and_long_ones_do_not() {
    let short = [value(1, 100), value(2, 100)];
    assert_eq!(split(&short), (whole(&short), vec![]));
    let long = [value(1, 3_000)];
    let (carried, parts) = split(&long);
    let length = long[0].encode().len();
    assert_eq!(carried, [Carried::InParts(length as u32)]);
    let lengths: Vec<_> = parts.iter().map(|part| part.bytes.len()).collect();
    assert_eq!(lengths, [PART_BYTES, PART_BYTES, length - 2 * PART_BYTES]);
    let many: Vec<_> = (0..50).map(|id| value(id, 0)).collect();
    assert!(matches!(split(&many).0[0], Carried::InParts(_)), "50 are too many");
}

#[test]
fn a_message_is_whole_with_its_last_part() {
    let values = [value(1, 2_000), value(2, 10)];
    let (carried, parts) = split(&values);
    let mut assembler = Assembler::default();
    assert_eq!(assembler.handle_message(at(0), address(FROM), put(5, carried)), None);
    let (last, others) = parts.split_last().unwrap();
    for part in others {
        assert_eq!(assembler.handle_part(at(1), address(FROM), 5, part.clone()), None);
    }
    let message = assembler.handle_part(at(2), address(FROM), 5, last.clone());
    assert_eq!(message, Some(put(5, whole(&values))));
    assert_eq!(assembler.poll_timeout(), None, "nothing is left of it");
}

#[test]
fn parts_that_overtake_their_message_are_kept_for_it() {
    let values = [value(1, 2_000)];
    let (carried, parts) = split(&values);
    let mut assembler = Assembler::default();
    for part in parts {
        assert_eq!(assembler.handle_part(at(0), address(FROM), 5, part), None);
    }
    let other = assembler.handle_message(at(1), address("198.51.100.2:1"), put(5, carried.clone()));
    assert_eq!(other, None, "another sender's are none of its own");
    let message = assembler.handle_message(at(1), address(FROM), put(5, carried));
    assert_eq!(message, Some(put(5, whole(&values))));
}

#[test]
fn a_message_waits_three_seconds_for_a_part_and_ten_for_all() {
    let (carried, parts) = split(&[value(1, 20_000)]);
    let mut assembler = Assembler::default();
    let _ = assembler.handle_message(at(0), address(FROM), put(5, carried));
    assert_eq!(assembler.poll_timeout(), Some(at(3_000)));
    for (n, part) in (1..).zip(&parts[..4]) {
        let now = at(n * 2_500);
        assembler.handle_timeout(now);
        let _ = assembler.handle_part(now, address(FROM), 5, part.clone());
        assert_eq!(assembler.poll_timeout(), Some(at((n * 2_500 + 3_000).min(10_000))));
        if n == 3 {
            break;
        }
    }
    assembler.handle_timeout(at(10_000));
    assert_eq!(assembler.poll_timeout(), None);
    let late = assembler.handle_part(at(10_000), address(FROM), 5, parts[3].clone());
    assert_eq!(late, None);
}

#[test]
fn what_lies_about_lengths_is_not_heard_and_nothing_grows_without_bound() {
    let mut assembler = Assembler::default();
    for length in [0, VALUE_BYTES_MAX as u32 + 1, u32::MAX] {
        let message = put(1, vec![Carried::InParts(length)]);
        assert_eq!(assembler.handle_message(at(0), address(FROM), message), None);
    }
    assert_eq!(assembler.poll_timeout(), None, "nothing waits");
    for transaction in 0..3 * MESSAGES_MAX as u32 {
        let message = put(transaction, vec![Carried::InParts(1_000)]);
        let _ = assembler.handle_message(at(transaction.into()), address(FROM), message);
        let part = Part { index: 9, offset: 0, bytes: Bytes::from_static(b"x") };
        let _ = assembler.handle_part(at(0), address(FROM), !transaction, part);
    }
    assert_eq!((assembler.waiting.len(), assembler.early.len()), (MESSAGES_MAX, EARLY_PARTS_MAX));
    let begins = assembler.waiting.values().map(|waiting| waiting.began).min();
    assert_eq!(begins, Some(at(2 * MESSAGES_MAX as u64)), "the oldest gave way");
    assembler.handle_timeout(at(3_600_000));
    assert_eq!((assembler.waiting.len(), assembler.early.len()), (0, 0));
}

proptest! {
    #[test]
    fn whatever_is_cut_comes_together_again(
        sizes in proptest::collection::vec(0_usize..5_000, 1..8),
        turn in any::<prop::sample::Index>(),
    ) {
        let values: Vec<_> = (1..).zip(&sizes).map(|(id, size)| value(id, *size)).collect();
        let (carried, parts) = split(&values);
        let mut assembler = Assembler::default();
        // The message comes somewhere among its parts.
        let (before, after) = parts.split_at(turn.index(parts.len() + 1));
        for part in before {
            prop_assert_eq!(assembler.handle_part(at(0), address(FROM), 1, part.clone()), None);
        }
        let mut message = assembler.handle_message(at(0), address(FROM), put(1, carried));
        for part in after {
            prop_assert_eq!(&message, &None);
            message = assembler.handle_part(at(0), address(FROM), 1, part.clone());
        }
        prop_assert_eq!(message, Some(put(1, whole(&values))));
    }
}

#[test]
fn what_is_there_in_part_is_bounded_and_counted() {
    let mut assembler = Assembler::default();
    let bytes = Bytes::from(vec![0; 60_000]);
    for transaction in 0..1_000 {
        let message = put(transaction, vec![Carried::InParts(64_000)]);
        let _ = assembler.handle_message(at(transaction.into()), address(FROM), message);
        let part = Part { index: 0, offset: 0, bytes: bytes.clone() };
        let part = assembler.handle_part(at(transaction.into()), address(FROM), transaction, part);
        assert_eq!(part, None);
        let [waiting, _, there] = assembler.sizes();
        assert_eq!(there, waiting * 60_000);
        assert!(there <= BYTES_MAX);
    }
    let kept = BYTES_MAX / 60_000;
    assert_eq!(assembler.sizes()[0], kept, "the oldest gave way");
    assembler.handle_timeout(at(20_000));
    assert_eq!(assembler.sizes(), [0; 3]);
}
