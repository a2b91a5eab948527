//! The nodes that a node knows, and what it thinks of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use natbed_units::{SimDuration, SimTime};

use crate::id::Id;

/// How long after its last answer a node may still be good.
const ANSWER_LIFE: SimDuration = SimDuration::from_secs(120 * 60);
/// How long after it was last heard of a node is good.
pub(crate) const HEARD_LIFE: SimDuration = SimDuration::from_secs(10 * 60);
/// The most nodes that are kept of one address family.
pub(crate) const PEERS_MAX: usize = 16_384;
/// How often in a row a node may refuse a token before it is given up.
const REFUSALS_MAX: u8 = 3;

/// How a node was heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Heard {
    /// Another node, or the user, told of it.
    Hearsay,
    /// It asked something.
    Asked,
    /// It answered.
    Answered,
}

/// A node that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Where it is; the last message counts.
    pub(crate) address: SocketAddr,
    /// When it sent anything last.
    pub(crate) heard: Option<SimTime>,
    /// When it answered last.
    pub(crate) answered: Option<SimTime>,
    /// How often it has refused a token since it has last taken one.
    refusals: u8,
    /// It has not answered to three attempts, and nothing came from it since.
    pub(crate) is_expired: bool,
}

impl Peer {
    /// Says whether it can be told of and relied on: it has answered, and is still there.
    pub(crate) fn is_good(&self, now: SimTime) -> bool {
        let within = |at: Option<SimTime>, life| at.is_some_and(|at| now < at + life);
        !self.is_expired && within(self.answered, ANSWER_LIFE) && within(self.heard, HEARD_LIFE)
    }
}

/// All known nodes of one address family.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peers(BTreeMap<Id, Peer>);

impl Peers {
    /// Takes note of a node; says whether it was not known, or was given up before, or is heard for
    /// the first time.
    pub(crate) fn hear(&mut self, now: SimTime, id: Id, address: SocketAddr, how: Heard) -> bool {
        let is_new = !self.0.contains_key(&id);
        let unheard = Peer { address, heard: None, answered: None, refusals: 0, is_expired: false };
        let peer = self.0.entry(id).or_insert(unheard);
        if how == Heard::Hearsay {
            // What others say changes nothing of a node that is there.
            if peer.heard.is_none_or(|heard| heard + HEARD_LIFE < now) {
                peer.address = address;
            }
            return is_new;
        }
        peer.address = address;
        let is_first = peer.heard.replace(now).is_none();
        if how == Heard::Answered {
            peer.answered = Some(now);
        }
        is_new | is_first | std::mem::take(&mut peer.is_expired)
    }

    /// Lets a node count as heard at another time.
    pub(crate) fn prolong(&mut self, id: Id, heard: SimTime) {
        if let Some(peer) = self.0.get_mut(&id) {
            peer.heard = Some(heard);
        }
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Peer> {
        self.0.get(&id)
    }

    /// Says whether a node has been given up.
    pub(crate) fn is_expired(&self, id: Id) -> bool {
        self.0.get(&id).is_some_and(|peer| peer.is_expired)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the nodes at an address.
    pub(crate) fn at(&self, address: SocketAddr) -> Vec<Id> {
        let there = self.0.iter().filter(|(_, peer)| peer.address == address);
        there.map(|(id, _)| *id).collect()
    }

    pub(crate) fn remove(&mut self, id: Id) {
        self.0.remove(&id);
    }

    /// Takes note that a node has taken a token.
    pub(crate) fn accept(&mut self, id: Id) {
        if let Some(peer) = self.0.get_mut(&id) {
            peer.refusals = 0;
        }
    }

    /// Takes note that a node has refused a token; says whether it has done so too often.
    pub(crate) fn refuse(&mut self, id: Id) -> bool {
        let Some(peer) = self.0.get_mut(&id) else { return false };
        peer.refusals = peer.refusals.saturating_add(1);
        peer.refusals > REFUSALS_MAX
    }

    /// Gives a node up until something comes from it.
    pub(crate) fn expire(&mut self, id: Id) {
        if let Some(peer) = self.0.get_mut(&id) {
            peer.is_expired = true;
        }
    }

    /// Begins anew with all nodes, as after a change of the own network: none is given up, and none
    /// is known to be there.
    pub(crate) fn reset(&mut self) {
        for peer in self.0.values_mut() {
            (peer.heard, peer.answered, peer.is_expired) = (None, None, false);
        }
    }

    /// Returns nodes about an identifier that `is_wanted`, the closest first as far as the order of
    /// identifiers shows it.
    ///
    /// As in OpenDHT's cache these are the nearest before and after it, whichever is closer next: most
    /// of the closest ones, but not all where the space of identifiers is cut in two beside it.
    pub(crate) fn around(
        &self,
        target: Id,
        count: usize,
        is_wanted: impl Fn(&Peer) -> bool,
    ) -> Vec<Id> {
        let mut before = self.0.range(..target).rev().peekable();
        let mut after = self.0.range(target..).peekable();
        let mut nodes = Vec::with_capacity(count);
        while nodes.len() < count {
            let distance = |next: Option<&(&Id, &Peer)>| next.map(|(id, _)| id.distance(target));
            let next = match (distance(before.peek()), distance(after.peek())) {
                (Some(before_it), Some(after_it)) if before_it < after_it => before.next(),
                (Some(_), None) => before.next(),
                _ => after.next(),
            };
            let Some((id, peer)) = next else { break };
            if is_wanted(peer) {
                nodes.push(*id);
            }
        }
        nodes
    }

    /// Forgets nodes that nobody needs.
    pub(crate) fn forget(&mut self, is_needed: impl Fn(Id) -> bool) {
        self.0.retain(|id, _| is_needed(*id));
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use natbed_units::{SimDuration, SimTime};
    use proptest::prelude::*;

    use super::{Heard, Peers};
    use crate::id::Id;

    fn secs(secs: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(secs)
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn id(n: u32) -> Id {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b9).to_be_bytes());
        Id::new(bytes)
    }

    #[test]
    fn a_node_is_good_while_it_answers() {
        let mut peers = Peers::default();
        assert!(peers.hear(secs(0), id(1), address(1), Heard::Hearsay));
        let is_good = |peers: &Peers, at| peers.get(id(1)).unwrap().is_good(secs(at));
        assert!(!is_good(&peers, 0), "hearsay");
        assert!(peers.hear(secs(0), id(1), address(1), Heard::Asked), "heard for the first time");
        assert!(!peers.hear(secs(0), id(1), address(1), Heard::Asked));
        assert!(!is_good(&peers, 0), "it only asked");
        peers.hear(secs(0), id(1), address(1), Heard::Answered);
        assert!(is_good(&peers, 599) && !is_good(&peers, 600), "silent for ten minutes");
        peers.hear(secs(7_100), id(1), address(1), Heard::Asked);
        assert!(is_good(&peers, 7_199) && !is_good(&peers, 7_200), "no answer for two hours");
    }

    #[test]
    fn a_node_that_was_given_up_comes_back_by_itself_only() {
        let mut peers = Peers::default();
        peers.hear(secs(0), id(1), address(1), Heard::Answered);
        peers.hear(secs(0), id(1), address(2), Heard::Hearsay);
        assert_eq!(peers.get(id(1)).unwrap().address, address(1), "it is there itself");
        peers.expire(id(1));
        peers.hear(secs(601), id(1), address(2), Heard::Hearsay);
        let peer = peers.get(id(1)).unwrap();
        assert_eq!((peer.is_expired, peer.address), (true, address(2)), "a new address to try");
        assert!(peers.hear(secs(1), id(1), address(3), Heard::Asked));
        let peer = peers.get(id(1)).unwrap();
        assert_eq!((peer.is_expired, peer.address), (false, address(3)));
    }

    #[test]
    fn those_who_are_needed_are_kept() {
        let mut peers = Peers::default();
        for n in 0..10 {
            peers.hear(secs(0), id(n), address(1), Heard::Asked);
        }
        peers.forget(|needed| needed == id(3));
        assert_eq!((peers.len(), peers.get(id(3)).is_some()), (1, true));
    }

    #[test]
    fn after_three_refusals_in_a_row_a_node_is_too_much() {
        let mut peers = Peers::default();
        peers.hear(secs(0), id(1), address(1), Heard::Asked);
        let refusals = |peers: &mut Peers, n: u8| (0..n).any(|_| peers.refuse(id(1)));
        assert!(!refusals(&mut peers, 3));
        peers.accept(id(1));
        assert!(!refusals(&mut peers, 3), "one that it takes makes up for them");
        assert!(peers.refuse(id(1)));
    }

    proptest! {
        #[test]
        fn those_around_an_identifier_begin_with_the_closest_before_or_after_it(
            ids in proptest::collection::btree_set(any::<[u8; 20]>(), 0..60),
            target: [u8; 20],
            count in 0_usize..20,
        ) {
            let target = Id::new(target);
            let mut peers = Peers::default();
            for bytes in &ids {
                peers.hear(secs(0), Id::new(*bytes), address(1), Heard::Asked);
            }
            let around = peers.around(target, count, |_| true);
            prop_assert_eq!(around.len(), count.min(ids.len()));
            // No gap: all that lie between two of them are among them.
            let (low, high) = (around.iter().min(), around.iter().max());
            if let (Some(low), Some(high)) = (low, high) {
                let within = peers.0.range(*low..=*high).count();
                prop_assert_eq!(within, around.len());
                let next = [peers.0.range(..target).next_back(), peers.0.range(target..).next()];
                let next = next.into_iter().flatten().map(|(id, _)| *id);
                let closest = next.min_by_key(|id| id.distance(target));
                prop_assert_eq!(Some(around[0]), closest);
            }
        }
    }
}
