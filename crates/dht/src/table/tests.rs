//! Which nodes have a place, and which are asked.

use std::net::SocketAddr;

use natbed_units::{Seed, SimDuration, SimTime};
use proptest::prelude::*;
use rand_core::Rng;

use super::{BUCKET_SIZE, Insertion, Table};
use crate::id::Id;
use crate::peers::{Heard, Peers};

fn ids(seed: u64, count: usize) -> Vec<Id> {
    let mut rng = Seed::new(seed).rng("ids");
    let mut id = || {
        let mut bytes = [0; 20];
        rng.fill_bytes(&mut bytes);
        Id::new(bytes)
    };
    (0..count).map(|_| id()).collect()
}

fn heard(peers: &mut Peers, now: SimTime, id: Id) {
    let address = SocketAddr::from(([192, 0, 2, 1], 4222));
    peers.hear(now, id, address, Heard::Answered);
}

fn insert(table: &mut Table, now: SimTime, id: Id, peers: &Peers) -> Insertion {
    table.insert(now, id, Heard::Answered, peers, |_| false)
}

/// A table of the first identifier that has taken in those of the others it has room for.
fn table(seed: u64, count: usize) -> (Table, Peers, Vec<Id>) {
    let ids = ids(seed, count + 1);
    let (mut table, mut peers) = (Table::new(ids[0], false), Peers::default());
    for id in &ids[1..] {
        heard(&mut peers, SimTime::ZERO, *id);
        insert(&mut table, SimTime::ZERO, *id, &peers);
    }
    (table, peers, ids)
}

#[test]
fn there_are_few_distant_nodes_and_many_near_ones() {
    let (table, peers, ids) = table(1, 2_000);
    let own = ids[0];
    let kept =
        |bits: u32| table.nodes(&peers).filter(|(id, _)| own.common_bits(*id) == bits).count();
    for bits in 0..5 {
        assert_eq!(kept(bits), BUCKET_SIZE, "{bits} bits in common");
    }
    let sharing = |bits| ids[1..].iter().filter(move |id| own.common_bits(**id) >= bits);
    let bits = (0..).find(|bits| sharing(*bits).count() <= BUCKET_SIZE).unwrap();
    assert!(bits >= 6 && sharing(bits).all(|id| table.contains(*id)), "the nearest are all kept");
    assert!(!table.contains(own));
}

#[test]
fn a_full_bucket_takes_a_node_in_for_one_that_is_gone() {
    let (mut table, mut peers, ids) = table(1, 500);
    let far = |id: &Id| ids[0].common_bits(*id) == 0;
    let kept: Vec<Id> =
        ids[1..].iter().copied().filter(|id| far(id) && table.contains(*id)).collect();
    let new = *ids[1..].iter().find(|id| far(id) && !table.contains(**id)).unwrap();
    let full = |doubtful: &[Id]| Insertion { is_new: true, doubtful: doubtful.to_vec() };
    let all_good = insert(&mut table, SimTime::ZERO, new, &peers);
    assert_eq!((all_good, table.contains(new)), (full(&[]), false));
    let later = SimTime::ZERO + SimDuration::from_secs(601);
    kept[1..].iter().for_each(|id| heard(&mut peers, later, *id));
    assert_eq!(insert(&mut table, later, new, &peers), full(&[kept[0]]), "it may be gone");
    let is_asked = |id| id == kept[0];
    let asked = table.insert(later, new, Heard::Asked, &peers, is_asked);
    assert_eq!(asked, full(&[]), "it is asked once at a time");
    peers.expire(kept[0]);
    assert_eq!(table.remove_expired(&peers), [new], "it waits for the place");
    assert_eq!(insert(&mut table, later, new, &peers), full(&[]));
    assert!(table.contains(new) && !table.contains(kept[0]));
    assert!(!insert(&mut table, later, new, &peers).is_new);
    peers.expire(new);
    assert_eq!(insert(&mut table, later, kept[0], &peers), full(&[]), "in place of a dead one");
    assert!(table.contains(kept[0]) && !table.contains(new));
}

#[test]
fn the_own_bucket_is_cut_in_two_once_its_nodes_are_known_to_be_there() {
    let ids = ids(1, 40);
    let (mut table, mut peers) = (Table::new(ids[0], false), Peers::default());
    for id in &ids[1..30] {
        peers.hear(SimTime::ZERO, *id, SocketAddr::from(([192, 0, 2, 1], 4222)), Heard::Hearsay);
        table.insert(SimTime::ZERO, *id, Heard::Hearsay, &peers, |_| false);
    }
    let buckets = table.buckets.len();
    assert_eq!(buckets, 2, "the first bucket is cut whatever is in it");
    for id in &ids[1..] {
        heard(&mut peers, SimTime::ZERO, *id);
        insert(&mut table, SimTime::ZERO, *id, &peers);
    }
    assert!(table.buckets.len() > buckets);
}

#[test]
fn bootstrap_hosts_have_room_for_distant_nodes() {
    let ids = ids(1, 2_000);
    let count = |splits_far| {
        let (mut table, mut peers) = (Table::new(ids[0], splits_far), Peers::default());
        for id in &ids[1..] {
            heard(&mut peers, SimTime::ZERO, *id);
            insert(&mut table, SimTime::ZERO, *id, &peers);
        }
        table.nodes(&peers).count()
    };
    let few = count(false);
    assert!((64..=100).contains(&few), "{few}");
    assert!(count(true) >= 64 * BUCKET_SIZE, "64 buckets of six bits each are full");
}

#[test]
fn silent_buckets_are_looked_after() {
    let (table, peers, ids) = table(1, 300);
    let mut rng = Seed::new(1).rng("maintenance");
    assert_eq!(table.neglected(SimTime::ZERO, &peers, &mut rng), []);
    let later = SimTime::ZERO + SimDuration::from_secs(601);
    let searches = table.neglected(later, &peers, &mut rng);
    assert_eq!(searches.len(), table.buckets.len());
    for (place, (target, asked)) in searches.iter().enumerate() {
        assert_eq!(table.place(*target), place);
        assert!(table.contains(*asked) && ids.contains(asked));
    }
}

proptest! {
    #[test]
    fn buckets_cover_everything_once_and_keep_to_their_size(seed: u64, count in 0_usize..400) {
        let (table, peers, ids) = table(seed, count);
        prop_assert_eq!(table.buckets[0].first, Id::ZERO);
        for (place, bucket) in table.buckets.iter().enumerate() {
            prop_assert!(bucket.nodes.len() <= BUCKET_SIZE);
            prop_assert!(bucket.nodes.iter().all(|id| table.place(*id) == place));
            let depth = table.depth(place);
            let last = (depth..160).fold(bucket.first, |id, bit| id.with_bit(bit, true));
            prop_assert_eq!(table.place(last), place);
            let next = table.buckets.get(place + 1).map(|next| next.first);
            prop_assert!(next.is_none_or(|next| last < next && last.distance(next) != Id::ZERO));
        }
        let target = ids[count / 2];
        let closest = table.closest(SimTime::ZERO, target, 8, &peers);
        prop_assert_eq!(closest.len(), table.nodes(&peers).count().min(8));
        let distances: Vec<Id> = closest.iter().map(|id| id.distance(target)).collect();
        prop_assert!(distances.is_sorted());
        // Whoever is told of and is not of the target's bucket is farther than all of that.
        let bucket = &table.buckets[table.place(target)];
        let own = bucket.nodes.iter().filter(|id| closest.contains(id)).count();
        prop_assert_eq!(own, bucket.nodes.len().min(8));
    }
}
