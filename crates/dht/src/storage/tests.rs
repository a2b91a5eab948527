//! What is kept, for how long, and what has to go.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use natbed_units::{SimDuration, SimTime};
use proptest::prelude::*;

use super::{BYTES_MAX, LISTENER_LIFE, Listener, Storage, Storing, life};
use crate::id::Id;
use crate::value::{Body, Data, Owner, Value};

const KEY: Id = Id::new([7; 20]);

fn secs(secs: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(secs)
}

fn address(n: u8) -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, n]))
}

fn value(id: u64, body: Body) -> Arc<Value> {
    let data = Data::Open { body, signature: Bytes::new() };
    Arc::new(Value { id, data, priority: 0, push_type: Bytes::new() })
}

fn plain(id: u64, data: &'static str) -> Arc<Value> {
    value(id, Body { data: data.into(), ..Body::default() })
}

fn signed(id: u64, owner: &'static str, sequence: u16) -> Arc<Value> {
    let owner = Some(Owner { sequence, key: owner.into(), to: None });
    value(id, Body { owner, data: Bytes::from(sequence.to_string()), ..Body::default() })
}

#[test]
fn a_value_lives_from_its_creation_for_as_long_as_its_type_does() {
    for (kind, minutes) in
        [(0, 10), (1, 5), (2, 15), (3, 5), (4, 10_080), (5, 1), (8, 10_080), (99, 10)]
    {
        assert_eq!(life(kind), SimDuration::from_secs(minutes * 60), "type {kind}");
    }
    let mut storage = Storage::default();
    let mut store =
        |created, now| storage.store(secs(now), KEY, plain(1, "a"), secs(created), address(1));
    assert_eq!(store(0, 600), Storing::Refused, "it is as old as it gets");
    assert_eq!(store(100, 600), Storing::New);
    assert_eq!(store(50, 600), Storing::Refreshed);
    assert_eq!(storage.poll_timeout(), Some(secs(700)), "an older creation takes nothing away");
    assert_eq!(storage.store(secs(600), KEY, plain(1, "a"), secs(9_000), None), Storing::Refreshed);
    assert_eq!(storage.poll_timeout(), Some(secs(1_200)), "nothing is made in the future");
    assert_eq!(storage.handle_timeout(secs(1_199)), []);
    assert_eq!(storage.handle_timeout(secs(1_200)), [(KEY, 1)]);
    assert_eq!(storage.values(KEY), []);
    assert_eq!(storage.poll_timeout(), None);
}

#[test]
fn a_refresh_is_told_from_an_unknown_value_and_an_unknown_key() {
    let mut storage = Storage::default();
    storage.store(secs(0), KEY, plain(1, "a"), secs(0), address(1));
    assert_eq!(storage.refresh(secs(300), KEY, 1), Some(true));
    assert_eq!(storage.poll_timeout(), Some(secs(900)));
    assert_eq!(storage.refresh(secs(300), KEY, 2), Some(false));
    assert_eq!(storage.refresh(secs(300), Id::MAX, 1), None);
}

#[test]
fn an_identifier_is_taken_over_only_by_a_later_edition_of_its_owner() {
    let mut storage = Storage::default();
    let mut store = |value: Arc<Value>| storage.store(secs(0), KEY, value, secs(0), address(1));
    assert_eq!(store(plain(1, "a")), Storing::New);
    assert_eq!(store(plain(1, "b")), Storing::Refused);
    assert_eq!(store(signed(1, "alice", 9)), Storing::Refused, "nobody owned the first");
    assert_eq!(store(signed(2, "alice", 3)), Storing::New);
    assert_eq!(store(signed(2, "alice", 3)), Storing::Refreshed);
    assert_eq!(store(signed(2, "alice", 2)), Storing::Refused);
    assert_eq!(store(signed(2, "bob", 4)), Storing::Refused);
    assert_eq!(store(plain(2, "c")), Storing::Refused);
    assert_eq!(store(signed(2, "alice", 4)), Storing::New);
    assert_eq!(storage.values(KEY), [plain(1, "a"), signed(2, "alice", 4)]);
}

#[test]
fn over_its_quota_the_oldest_of_the_heaviest_goes() {
    let mut storage = Storage::default();
    let large = |id| value(id, Body { data: vec![0; 60_000].into(), ..Body::default() });
    storage.store(secs(0), KEY, plain(1_000_000, "small"), secs(0), address(1));
    let fits = (BYTES_MAX / 60_100) as u64;
    for n in 0..fits + 5 {
        storage.store(secs(0) + SimDuration::from_nanos(n), KEY, large(n), secs(0), address(2));
    }
    let kept: Vec<u64> = storage.values(KEY).iter().map(|value| value.id).collect();
    assert!(storage.bytes <= BYTES_MAX);
    assert_eq!(kept.last(), Some(&1_000_000), "who stores little keeps it");
    assert!(kept[0] > 0 && kept.contains(&(fits + 4)), "the newest is kept, the oldest went");
}

#[test]
fn a_listener_is_told_for_ten_minutes() {
    let mut storage = Storage::default();
    let address = "192.0.2.1:4222".parse().unwrap();
    let listener = Listener { address, is_legacy: false, select: None, until: SimTime::ZERO };
    storage.listen(secs(5), KEY, Id::MAX, 7, listener.clone());
    let told = |storage: &Storage, at| storage.listeners(at, KEY).count();
    let end = secs(5) + LISTENER_LIFE;
    assert_eq!(told(&storage, secs(604)), 1);
    assert_eq!(told(&storage, end), 0);
    storage.listen(secs(604), KEY, Id::MAX, 7, listener);
    assert_eq!(told(&storage, end), 1, "it asked again");
    storage.forget(secs(604) + LISTENER_LIFE);
    assert!(storage.keys.is_empty());
}

proptest! {
    #[test]
    fn what_is_counted_is_what_is_there(
        steps in proptest::collection::vec((0_u8..4, 0_u64..20, 0_u16..4, 0_u64..300), 1..200),
    ) {
        let mut storage = Storage::default();
        let mut now = SimTime::ZERO;
        for (step, id, sequence, wait) in steps {
            now += SimDuration::from_secs(wait);
            match step {
                0 => { storage.store(now, KEY, signed(id, "alice", sequence), now, address(id as u8)); }
                1 => { storage.store(now, Id::MAX, plain(id, "x"), now, address(1)); }
                2 => { storage.refresh(now, KEY, id); }
                _ => { storage.handle_timeout(now); }
            }
            let stored = || storage.keys.values().flat_map(|shelf| shelf.values.values());
            let bytes: usize = stored().filter(|s| s.origin.is_some()).map(|s| s.bytes).sum();
            prop_assert_eq!(bytes, storage.bytes);
            let by_origin: usize = storage.origins.values().map(|origin| origin.bytes).sum();
            prop_assert_eq!(by_origin, storage.bytes);
            prop_assert_eq!(storage.expiry.len(), stored().count());
        }
        storage.handle_timeout(SimTime::MAX);
        prop_assert_eq!((storage.bytes, storage.origins.len(), storage.expiry.len()), (0, 0, 0));
    }
}
