//! The nodes that a node knows, and what it thinks of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use natbed_units::{SimDuration, SimTime};

use crate::id::Id;

/// How long after its last answer a node may still be good.
const ANSWER_LIFE: SimDuration = SimDuration::from_secs(120 * 60);
/// How long after it was last heard of a node is good.
const HEARD_LIFE: SimDuration = SimDuration::from_secs(10 * 60);
/// The most nodes that are kept of one address family.
const PEERS_MAX: usize = 16_384;

/// How a node was heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Heard {
    /// Another node told of it.
    Hearsay,
    /// The user told of it.
    Told,
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
    /// Takes note of a node; says whether it was not known, or was given up before.
    pub(crate) fn hear(&mut self, now: SimTime, id: Id, address: SocketAddr, how: Heard) -> bool {
        let is_new = !self.0.contains_key(&id);
        let unheard = Peer { address, heard: None, answered: None, is_expired: false };
        let peer = self.0.entry(id).or_insert(unheard);
        if how == Heard::Hearsay {
            // What others say changes nothing of a node that is there.
            if peer.is_expired {
                peer.address = address;
            }
            return is_new;
        }
        peer.address = address;
        if how == Heard::Told {
            return is_new;
        }
        peer.heard = Some(now);
        if how == Heard::Answered {
            peer.answered = Some(now);
        }
        is_new | std::mem::take(&mut peer.is_expired)
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Peer> {
        self.0.get(&id)
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

    /// Returns the nodes closest to an identifier that `is_wanted`, the closest first.
    pub(crate) fn closest(
        &self,
        target: Id,
        count: usize,
        is_wanted: impl Fn(Id, &Peer) -> bool,
    ) -> Vec<Id> {
        let wanted = self.0.iter().filter(|(id, peer)| is_wanted(**id, peer));
        let mut by_distance: Vec<_> = wanted.map(|(id, _)| (id.distance(target), *id)).collect();
        if by_distance.len() > count && count > 0 {
            by_distance.select_nth_unstable(count - 1);
        }
        by_distance.truncate(count);
        by_distance.sort_unstable();
        by_distance.into_iter().map(|(_, id)| id).collect()
    }

    /// Forgets nodes that nobody needs and that have been silent longest, if there are too many.
    pub(crate) fn forget(&mut self, is_needed: impl Fn(Id) -> bool) {
        let excess = self.0.len().saturating_sub(PEERS_MAX);
        if excess == 0 {
            return;
        }
        let idle = self.0.iter().filter(|(id, _)| !is_needed(**id));
        let mut idle: Vec<_> = idle.map(|(id, peer)| (peer.heard, *id)).collect();
        idle.sort_unstable();
        for (_, id) in idle.into_iter().take(excess) {
            self.0.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use natbed_units::{SimDuration, SimTime};
    use proptest::prelude::*;

    use super::{Heard, PEERS_MAX, Peers};
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
        peers.hear(secs(1), id(1), address(2), Heard::Hearsay);
        let peer = peers.get(id(1)).unwrap();
        assert_eq!((peer.is_expired, peer.address), (true, address(2)), "a new address to try");
        assert!(peers.hear(secs(1), id(1), address(3), Heard::Asked));
        let peer = peers.get(id(1)).unwrap();
        assert_eq!((peer.is_expired, peer.address), (false, address(3)));
    }

    #[test]
    fn those_who_are_needed_or_were_heard_last_are_kept() {
        let mut peers = Peers::default();
        for n in 0..PEERS_MAX as u32 + 10 {
            peers.hear(secs(n.into()), id(n), address(1), Heard::Asked);
        }
        peers.forget(|needed| needed == id(3));
        assert_eq!(peers.0.len(), PEERS_MAX);
        assert!(peers.get(id(3)).is_some() && peers.get(id(10)).is_none());
        assert!(peers.get(id(11)).is_some());
    }

    proptest! {
        #[test]
        fn the_closest_are_the_first_of_all_by_distance(
            ids in proptest::collection::btree_set(any::<[u8; 20]>(), 0..60),
            target: [u8; 20],
            count in 0_usize..20,
        ) {
            let target = Id::new(target);
            let mut peers = Peers::default();
            for bytes in &ids {
                peers.hear(secs(0), Id::new(*bytes), address(1), Heard::Asked);
            }
            let mut all: Vec<Id> = ids.into_iter().map(Id::new).collect();
            all.sort_by_key(|id| id.distance(target));
            all.truncate(count);
            prop_assert_eq!(peers.closest(target, count, |_, _| true), all);
        }
    }
}
