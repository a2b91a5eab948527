//! The routing table: the nodes that are told of, more of them the closer they are.
//!
//! The space of identifiers is cut into buckets of up to eight nodes each. A full bucket is cut in
//! two only if the node itself belongs into it, so that there are few distant nodes and many near
//! ones.

use natbed_units::{SimDuration, SimRng, SimTime};
use rand_core::Rng;

use crate::id::Id;
use crate::peers::{Peer, Peers};

/// Nodes in a bucket, and nodes that are told of in an answer.
pub(crate) const BUCKET_SIZE: usize = 8;
/// How long a bucket may be silent before it is looked after.
const SILENCE_MAX: SimDuration = SimDuration::from_secs(10 * 60);
/// How long after its last growth a table is cold.
const COLD: SimDuration = SimDuration::from_secs(5 * 60);
/// The bits of an identifier.
const BITS: u32 = 8 * Id::LENGTH as u32;

/// The buckets of one address family, by the first identifier of each.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    own: Id,
    buckets: Vec<Bucket>,
    /// When a node was taken in last.
    pub(crate) grew: Option<SimTime>,
}

#[derive(Clone, Debug, Default)]
struct Bucket {
    first: Id,
    nodes: Vec<Id>,
    /// When a node of it was heard last.
    heard: Option<SimTime>,
    /// A node that would be taken in if there were room.
    candidate: Option<Id>,
}

/// What became of a node that was to be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insertion {
    /// It was there already.
    Known,
    /// It is there now.
    TakenIn,
    /// There is no room; if this node does not answer a ping, there will be.
    Full(Option<Id>),
}

impl Table {
    pub(crate) fn new(own: Id) -> Self {
        Self { own, buckets: vec![Bucket::default()], grew: None }
    }

    /// Takes a node in that was heard, if there is room for it.
    pub(crate) fn insert(&mut self, now: SimTime, id: Id, peers: &Peers) -> Insertion {
        if id == self.own {
            return Insertion::Known;
        }
        loop {
            let place = self.place(id);
            let is_own = place == self.place(self.own);
            let is_full = self.buckets[place].nodes.len() >= BUCKET_SIZE;
            let bucket = &mut self.buckets[place];
            bucket.heard = Some(now);
            if bucket.nodes.contains(&id) {
                return Insertion::Known;
            }
            let is_expired = |id: &Id| peers.get(*id).is_none_or(|peer| peer.is_expired);
            if !is_full {
                bucket.nodes.push(id);
            } else if let Some(old) = bucket.nodes.iter_mut().find(|id| is_expired(id)) {
                *old = id;
            } else if is_own && self.split(place) {
                continue;
            } else {
                let bucket = &mut self.buckets[place];
                bucket.candidate = Some(id);
                let is_good = |id: &Id| peers.get(*id).is_some_and(|peer| peer.is_good(now));
                return Insertion::Full(bucket.nodes.iter().copied().find(|id| !is_good(id)));
            }
            self.grew = Some(now);
            return Insertion::TakenIn;
        }
    }

    /// Removes nodes that were given up and returns those to ping that could take their places.
    pub(crate) fn remove_expired(&mut self, peers: &Peers) -> Vec<Id> {
        let is_expired = |id: &Id| peers.get(*id).is_none_or(|peer| peer.is_expired);
        let mut candidates = Vec::new();
        for bucket in &mut self.buckets {
            let before = bucket.nodes.len();
            bucket.nodes.retain(|id| !is_expired(id));
            if bucket.nodes.len() < before {
                candidates.extend(bucket.candidate.take().filter(|id| !is_expired(id)));
            }
        }
        candidates
    }

    pub(crate) fn contains(&self, id: Id) -> bool {
        self.buckets[self.place(id)].nodes.contains(&id)
    }

    /// Says whether no node has come into it lately.
    pub(crate) fn is_cold(&self, now: SimTime) -> bool {
        self.grew.is_none_or(|grew| grew + COLD <= now)
    }

    /// Returns all nodes with what is known of them, bucket by bucket.
    pub(crate) fn nodes<'a>(&'a self, peers: &'a Peers) -> impl Iterator<Item = (Id, &'a Peer)> {
        let ids = self.buckets.iter().flat_map(|bucket| &bucket.nodes);
        ids.filter_map(|id| Some((*id, peers.get(*id)?)))
    }

    /// Returns the good nodes closest to an identifier, the closest first.
    pub(crate) fn closest(&self, now: SimTime, target: Id, count: usize, peers: &Peers) -> Vec<Id> {
        let good = self.nodes(peers).filter(|(_, peer)| peer.is_good(now));
        let mut nodes: Vec<_> = good.map(|(id, _)| (id.distance(target), id)).collect();
        nodes.sort_unstable();
        nodes.into_iter().take(count).map(|(_, id)| id).collect()
    }

    /// Returns, for each bucket that is empty or was silent for long, an identifier in it to look
    /// for and a node to ask.
    ///
    /// One in eight asks a node of a bucket beside it instead: the nodes in it may be gone.
    pub(crate) fn neglected(&self, now: SimTime, peers: &Peers, rng: &mut SimRng) -> Vec<(Id, Id)> {
        let mut searches = Vec::new();
        for (place, bucket) in self.buckets.iter().enumerate() {
            let is_heard = bucket.heard.is_some_and(|heard| now < heard + SILENCE_MAX);
            if is_heard && !bucket.nodes.is_empty() {
                continue;
            }
            let target = self.random_id(place, rng);
            let beside = [place.checked_sub(1), Some(place + 1)];
            let beside: Vec<_> =
                beside.into_iter().flatten().filter_map(|place| self.buckets.get(place)).collect();
            let use_beside = bucket.nodes.is_empty() || rng.in_range(0..8) == 0;
            let candidates = if use_beside { beside } else { vec![bucket] };
            let alive = candidates.iter().flat_map(|bucket| &bucket.nodes);
            let alive: Vec<Id> = alive
                .copied()
                .filter(|id| peers.get(*id).is_some_and(|peer| !peer.is_expired))
                .collect();
            if !alive.is_empty() {
                let chosen = rng.in_range(0..alive.len() as u32) as usize;
                searches.push((target, alive[chosen]));
            }
        }
        searches
    }

    /// Returns the nodes of the node's own bucket that were not given up, or if there are none,
    /// those of the buckets beside it.
    pub(crate) fn neighbours(&self, peers: &Peers) -> Vec<Id> {
        let place = self.place(self.own);
        let alive = |places: &[usize]| -> Vec<Id> {
            let nodes = places.iter().filter_map(|place| self.buckets.get(*place));
            let nodes = nodes.flat_map(|bucket| &bucket.nodes).copied();
            nodes.filter(|id| peers.get(*id).is_some_and(|peer| !peer.is_expired)).collect()
        };
        let own = alive(&[place]);
        if own.is_empty() { alive(&[place.wrapping_sub(1), place + 1]) } else { own }
    }

    /// Forgets when its buckets were heard.
    pub(crate) fn reset(&mut self) {
        self.grew = None;
        self.buckets.iter_mut().for_each(|bucket| bucket.heard = None);
    }

    /// The bucket that an identifier belongs into; the first bucket begins with zero.
    fn place(&self, id: Id) -> usize {
        self.buckets.partition_point(|bucket| bucket.first <= id).saturating_sub(1)
    }

    /// How many leading bits the identifiers of a bucket have in common.
    fn depth(&self, place: usize) -> u32 {
        // Buckets are halves of halves: the larger of the distances to its neighbours' firsts says it.
        let first = self.buckets[place].first;
        let next = self.buckets.get(place + 1).map(|next| next.first);
        let lowest = |id: Id| (0..BITS).rev().find(|bit| id.bit(*bit)).map_or(0, |bit| bit + 1);
        match next {
            Some(next) => lowest(first).max(lowest(next)),
            None => lowest(first),
        }
    }

    /// Cuts a bucket in two; `false` if it has only one identifier left.
    fn split(&mut self, place: usize) -> bool {
        let depth = self.depth(place);
        if depth >= BITS {
            return false;
        }
        let bucket = &mut self.buckets[place];
        let middle = bucket.first.with_bit(depth, true);
        let (upper, lower) = bucket.nodes.drain(..).partition(|id| *id >= middle);
        bucket.nodes = lower;
        let candidate = bucket.candidate.filter(|id| *id >= middle);
        let half = Bucket { first: middle, nodes: upper, heard: bucket.heard, candidate };
        bucket.candidate = bucket.candidate.filter(|id| *id < middle);
        self.buckets.insert(place + 1, half);
        true
    }

    fn random_id(&self, place: usize, rng: &mut SimRng) -> Id {
        let (first, depth) = (self.buckets[place].first, self.depth(place));
        let mut bytes = [0; Id::LENGTH];
        rng.fill_bytes(&mut bytes);
        let random = Id::new(bytes);
        (0..depth).fold(random, |id, bit| id.with_bit(bit, first.bit(bit)))
    }
}

#[cfg(test)]
mod tests {
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

    /// A table of the first identifier that has taken in those of the others it has room for.
    fn table(seed: u64, count: usize) -> (Table, Peers, Vec<Id>) {
        let ids = ids(seed, count + 1);
        let (mut table, mut peers) = (Table::new(ids[0]), Peers::default());
        for id in &ids[1..] {
            heard(&mut peers, SimTime::ZERO, *id);
            table.insert(SimTime::ZERO, *id, &peers);
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
        assert!(
            bits >= 6 && sharing(bits).all(|id| table.contains(*id)),
            "the nearest are all kept"
        );
        assert!(!table.contains(own));
    }

    #[test]
    fn a_full_bucket_takes_a_node_in_for_one_that_is_gone() {
        let (mut table, mut peers, ids) = table(1, 500);
        let far = |id: &Id| ids[0].common_bits(*id) == 0;
        let kept: Vec<Id> =
            ids[1..].iter().copied().filter(|id| far(id) && table.contains(*id)).collect();
        let new = *ids[1..].iter().find(|id| far(id) && !table.contains(**id)).unwrap();
        assert_eq!(table.insert(SimTime::ZERO, new, &peers), Insertion::Full(None), "all are good");
        let later = SimTime::ZERO + SimDuration::from_secs(601);
        kept[1..].iter().for_each(|id| heard(&mut peers, later, *id));
        assert_eq!(table.insert(later, new, &peers), Insertion::Full(Some(kept[0])));
        peers.expire(kept[0]);
        assert_eq!(table.remove_expired(&peers), [new], "it waits for the place");
        assert_eq!(table.insert(later, new, &peers), Insertion::TakenIn);
        assert_eq!(table.insert(later, new, &peers), Insertion::Known);
        assert!(!table.contains(kept[0]));
    }

    #[test]
    fn silent_buckets_are_looked_after() {
        let (table, peers, ids) = table(1, 300);
        let mut rng = Seed::new(1).rng("maintenance");
        assert_eq!(table.neglected(SimTime::ZERO, &peers, &mut rng), []);
        let later = SimTime::ZERO + SimDuration::from_secs(600);
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
            let all = peers.closest(target, 8, |id, _| table.contains(id));
            prop_assert_eq!(closest, all);
        }
    }
}
