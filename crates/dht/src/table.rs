//! The routing table: the nodes that are told of, more of them the closer they are.
//!
//! The space of identifiers is cut into buckets of up to eight nodes each. A full bucket is cut in
//! two only if the node itself belongs into it, so that there are few distant nodes and many near
//! ones.

use natbed_units::{SimDuration, SimRng, SimTime};
use rand_core::Rng;

use crate::id::Id;
use crate::peers::{Heard, Peer, Peers};

/// Nodes in a bucket, and nodes that are told of in an answer.
pub(crate) const BUCKET_SIZE: usize = 8;
/// The depth down to which bootstrap hosts cut buckets other than their own.
const FAR_DEPTH: u32 = 6;
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
    splits_far: bool,
    buckets: Vec<Bucket>,
    /// When a node of its own bucket was told of last that was not there.
    pub(crate) grew: Option<SimTime>,
}

#[derive(Clone, Debug, Default)]
struct Bucket {
    first: Id,
    nodes: Vec<Id>,
    /// When a node of it has answered last.
    heard: Option<SimTime>,
    /// A node that would be taken in if there were room.
    candidate: Option<Id>,
}

/// What became of a node that was to be taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Insertion {
    /// Whether it was not there before; it may not be there now, if there was no room.
    pub(crate) is_new: bool,
    /// Nodes in its way, which may be gone, and nodes that could be where there is room now: they are
    /// to be pinged.
    pub(crate) doubtful: Vec<Id>,
}

impl Table {
    /// A table of a node; one that `splits_far`, as those of bootstrap hosts do, has many nodes in
    /// all parts of the space.
    pub(crate) fn new(own: Id, splits_far: bool) -> Self {
        Self { own, splits_far, buckets: vec![Bucket::default()], grew: None }
    }

    /// Takes a node in, if there is room for it; `is_asked` says of which nodes an answer is waited
    /// for already.
    pub(crate) fn insert(
        &mut self,
        now: SimTime,
        id: Id,
        how: Heard,
        peers: &Peers,
        is_asked: impl Fn(Id) -> bool,
    ) -> Insertion {
        let mut insertion = Insertion::default();
        if id == self.own {
            return insertion;
        }
        loop {
            let place = self.place(id);
            let is_own = place == self.place(self.own);
            let bucket = &mut self.buckets[place];
            if how == Heard::Answered {
                bucket.heard = Some(now);
            }
            if bucket.nodes.contains(&id) {
                return insertion;
            }
            insertion.is_new = true;
            if is_own {
                self.grew = Some(now);
            }
            if bucket.nodes.len() < BUCKET_SIZE {
                bucket.nodes.insert(0, id);
                return insertion;
            }
            if let Some(expired) = bucket.nodes.iter_mut().find(|id| peers.is_expired(**id)) {
                *expired = id;
                return insertion;
            }
            let is_good = |id: &Id| peers.get(*id).is_some_and(|peer| peer.is_good(now));
            let mut doubtful = bucket.nodes.iter().copied().filter(|id| !is_good(id)).peekable();
            let has_doubtful = doubtful.peek().is_some();
            let asked = doubtful.find(|id| !is_asked(*id) && !insertion.doubtful.contains(id));
            insertion.doubtful.extend(asked);
            // What may be gone is asked first: a bucket of nodes that are there is cut in two.
            let may_split = is_own || self.splits_far && self.depth(place) < FAR_DEPTH;
            let is_to_split = may_split && (!has_doubtful || self.buckets.len() == 1);
            if is_to_split {
                // Whoever waited for a place is asked whether it is there still.
                insertion.doubtful.extend(self.buckets[place].candidate.take());
                if self.split(place) {
                    continue;
                }
            }
            let bucket = &mut self.buckets[place];
            if how > Heard::Hearsay || bucket.candidate.is_none() {
                bucket.candidate = Some(id);
            }
            return insertion;
        }
    }

    /// Removes nodes that were given up and returns those to ping that could take their places.
    pub(crate) fn remove_expired(&mut self, peers: &Peers) -> Vec<Id> {
        let mut candidates = Vec::new();
        for bucket in &mut self.buckets {
            let before = bucket.nodes.len();
            bucket.nodes.retain(|id| !peers.is_expired(*id));
            if bucket.nodes.len() < before {
                candidates.extend(bucket.candidate.take().filter(|id| !peers.is_expired(*id)));
            }
        }
        candidates
    }

    /// Says whether there is room for a node where an identifier belongs.
    pub(crate) fn has_room(&self, id: Id) -> bool {
        self.buckets[self.place(id)].nodes.len() < BUCKET_SIZE
    }

    /// Says whether a node is in it, or waits for a place.
    pub(crate) fn knows(&self, id: Id) -> bool {
        let bucket = &self.buckets[self.place(id)];
        bucket.nodes.contains(&id) || bucket.candidate == Some(id)
    }

    #[cfg(test)]
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

    /// Returns good nodes close to an identifier, the closest first.
    ///
    /// They are those of its bucket, and as long as these are too few, of the next ones on both sides:
    /// as OpenDHT finds them, which are not always the closest of all in the table.
    pub(crate) fn closest(&self, now: SimTime, target: Id, count: usize, peers: &Peers) -> Vec<Id> {
        let mut nodes: Vec<(Id, Id)> = Vec::with_capacity(count + BUCKET_SIZE);
        let place = self.place(target);
        let (before, after) = self.buckets.split_at(place);
        let (mut before, mut after) = (before.iter().rev(), after.iter());
        while nodes.len() < count {
            let pair = [after.next(), before.next()];
            if pair.iter().all(Option::is_none) {
                break;
            }
            let ids = pair.into_iter().flatten().flat_map(|bucket| &bucket.nodes);
            let good = ids.filter(|id| peers.get(**id).is_some_and(|peer| peer.is_good(now)));
            nodes.extend(good.map(|id| (id.distance(target), *id)));
        }
        nodes.sort_unstable();
        nodes.into_iter().take(count).map(|(_, id)| id).collect()
    }

    /// Returns, for each bucket that is empty or was silent for long, an identifier in it to look
    /// for and a node to ask.
    pub(crate) fn neglected(&self, now: SimTime, peers: &Peers, rng: &mut SimRng) -> Vec<(Id, Id)> {
        let mut searches = Vec::new();
        for (place, bucket) in self.buckets.iter().enumerate() {
            let is_heard = bucket.heard.is_some_and(|heard| now <= heard + SILENCE_MAX);
            if is_heard && !bucket.nodes.is_empty() {
                continue;
            }
            let target = self.random_id(place, rng);
            if let Some(asked) = self.near(place, peers, rng) {
                searches.push((target, asked));
            }
        }
        searches
    }

    /// Returns a node of the node's own bucket, or of one beside it.
    pub(crate) fn neighbour(&self, peers: &Peers, rng: &mut SimRng) -> Option<Id> {
        self.near(self.place(self.own), peers, rng)
    }

    /// Returns any node of a bucket that was not given up. If it is empty it is one of a bucket
    /// beside it, and one time in eight anyway: the nodes in it may all be gone.
    fn near(&self, place: usize, peers: &Peers, rng: &mut SimRng) -> Option<Id> {
        let mut chosen = place;
        let is_empty = |place: usize| self.buckets[place].nodes.is_empty();
        if place + 1 < self.buckets.len() && (is_empty(chosen) || rng.in_range(0..8) == 0) {
            chosen = place + 1;
        }
        if place > 0 && (is_empty(chosen) || rng.in_range(0..8) == 0) && !is_empty(place - 1) {
            chosen = place - 1;
        }
        let nodes = self.buckets[chosen].nodes.iter().copied();
        let alive: Vec<Id> = nodes.filter(|id| !peers.is_expired(*id)).collect();
        alive.get(rng.in_range(0..alive.len() as u32) as usize).copied()
    }

    /// Forgets when its buckets were heard, and looks for neighbours anew.
    pub(crate) fn reset(&mut self, now: SimTime) {
        self.grew = Some(now);
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
        let (upper, lower) = bucket.nodes.drain(..).rev().partition(|id| *id >= middle);
        bucket.nodes = lower;
        let half = Bucket { first: middle, nodes: upper, heard: bucket.heard, candidate: None };
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
mod tests;
