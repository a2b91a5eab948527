//! Requests that wait for their answer: when each is sent again, and when it is given up.
//!
//! A request is sent three times. It waits for 1 to 1.25 s, then for 2 to 2.75 s, then for 4 to
//! 5.75 s; after that the node it went to is given up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::Bytes;
use natbed_units::{SimDuration, SimRng, SimTime};
use rand_core::Rng;

use crate::id::Id;
use crate::traffic::MessageKind;

/// How often a request is sent.
const ATTEMPTS: u8 = 3;
/// The attempt at which others are asked as well: the node may not answer any more.
const DOUBTFUL: u8 = 2;
/// What the first wait is at least, doubled with each attempt.
const FIRST_WAIT: SimDuration = SimDuration::from_millis(1_000);
/// What is added at random to each wait, in microseconds.
const RANDOM_MICROS: u32 = 250_000;

/// Whom a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    /// The node; `None` if only its address is known, as with a bootstrap host.
    pub(crate) id: Option<Id>,
    pub(crate) address: SocketAddr,
}

/// A request that waits; `P` is what it is for.
#[derive(Debug)]
pub(crate) struct Request<P> {
    pub(crate) target: Target,
    pub(crate) purpose: P,
    kind: MessageKind,
    /// The message and the parts that follow it.
    datagrams: Vec<Bytes>,
    attempts: u8,
    wait: SimDuration,
    due: SimTime,
}

/// What became of a request that was not answered in time.
#[derive(Debug)]
pub(crate) enum Overdue<P> {
    /// It is to be sent again: these datagrams, of this kind, to this address.
    Again(SocketAddr, MessageKind, Vec<Bytes>),
    /// It is to be sent again, and whoever waits for it should ask others as well.
    Doubtful(SocketAddr, MessageKind, Vec<Bytes>, P),
    /// It was sent often enough.
    GivenUp(Target, P),
}

/// All requests of a node that wait.
#[derive(Debug)]
pub(crate) struct Requests<P> {
    waiting: BTreeMap<u32, Request<P>>,
    due: BTreeSet<(SimTime, u32)>,
    by_node: BTreeSet<(Id, u32)>,
    next: u32,
    rng: SimRng,
}

impl<P: Clone> Requests<P> {
    pub(crate) fn new(mut rng: SimRng) -> Self {
        let next = rng.next_u32();
        let (waiting, due, by_node) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self { waiting, due, by_node, next, rng }
    }

    /// Gives out the number of the next request: never zero, and none that is in use.
    pub(crate) fn next_transaction(&mut self) -> u32 {
        loop {
            self.next = self.next.wrapping_add(1);
            if self.next != 0 && !self.waiting.contains_key(&self.next) {
                return self.next;
            }
        }
    }

    /// Takes note of a request that is sent now.
    pub(crate) fn sent(
        &mut self,
        now: SimTime,
        transaction: u32,
        target: Target,
        purpose: P,
        kind: MessageKind,
        datagrams: Vec<Bytes>,
    ) {
        let wait = FIRST_WAIT + self.random();
        let due = now + wait;
        let request = Request { target, purpose, kind, datagrams, attempts: 1, wait, due };
        self.by_node.extend(target.id.map(|id| (id, transaction)));
        self.waiting.insert(transaction, request);
        self.due.insert((due, transaction));
    }

    /// Takes the request that a node answers, if it waits for an answer of that node.
    pub(crate) fn answered(&mut self, transaction: u32, by: Id) -> Option<Request<P>> {
        self.waits_for(transaction, by, |_| true).then(|| self.remove(transaction))?
    }

    /// Says whether a request of some purpose waits for an answer of that node.
    pub(crate) fn waits_for(
        &self,
        transaction: u32,
        by: Id,
        is_meant: impl Fn(&P) -> bool,
    ) -> bool {
        let request = self.waiting.get(&transaction);
        let request = request.filter(|request| request.target.id.is_none_or(|id| id == by));
        request.is_some_and(|request| is_meant(&request.purpose))
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Says whether anything waits for an answer of that node.
    pub(crate) fn is_asked(&self, node: Id) -> bool {
        self.by_node.range((node, 0)..=(node, u32::MAX)).next().is_some()
    }

    /// Takes all requests to a node: it has been given up.
    pub(crate) fn take_all_to(&mut self, node: Id) -> Vec<P> {
        let to_node = self.by_node.range((node, 0)..=(node, u32::MAX));
        let transactions: Vec<u32> = to_node.map(|(_, transaction)| *transaction).collect();
        let taken = transactions.into_iter().filter_map(|transaction| self.remove(transaction));
        taken.map(|request| request.purpose).collect()
    }

    /// Takes all requests to an address of which it is not known who is there.
    pub(crate) fn take_all_unnamed_to(&mut self, address: SocketAddr) -> Vec<P> {
        let unnamed = Target { id: None, address };
        let there = self.waiting.iter().filter(|(_, request)| request.target == unnamed);
        let transactions: Vec<u32> = there.map(|(transaction, _)| *transaction).collect();
        let taken = transactions.into_iter().filter_map(|transaction| self.remove(transaction));
        taken.map(|request| request.purpose).collect()
    }

    pub(crate) fn poll_timeout(&self) -> Option<SimTime> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Returns the next request that is overdue; call it until `None`.
    pub(crate) fn poll_overdue(&mut self, now: SimTime) -> Option<Overdue<P>> {
        let (due, transaction) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        let random = self.random();
        let request = self.waiting.get_mut(&transaction)?;
        if request.attempts >= ATTEMPTS {
            let Request { target, purpose, .. } = self.remove(transaction)?;
            return Some(Overdue::GivenUp(target, purpose));
        }
        request.attempts += 1;
        request.wait = request.wait * 2 + random;
        request.due = now + request.wait;
        self.due.remove(&(due, transaction));
        self.due.insert((request.due, transaction));
        let (address, kind) = (request.target.address, request.kind);
        let datagrams = request.datagrams.clone();
        Some(if request.attempts == DOUBTFUL {
            Overdue::Doubtful(address, kind, datagrams, request.purpose.clone())
        } else {
            Overdue::Again(address, kind, datagrams)
        })
    }

    fn remove(&mut self, transaction: u32) -> Option<Request<P>> {
        let request = self.waiting.remove(&transaction)?;
        self.due.remove(&(request.due, transaction));
        request.target.id.map(|id| self.by_node.remove(&(id, transaction)));
        Some(request)
    }

    fn random(&mut self) -> SimDuration {
        SimDuration::from_micros(self.rng.in_range(0..RANDOM_MICROS).into())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use natbed_units::{Seed, SimDuration, SimTime};

    use super::{Overdue, Requests, Target};
    use crate::id::Id;
    use crate::traffic::MessageKind;

    const NODE: Id = Id::new([1; 20]);

    fn target() -> Target {
        Target { id: Some(NODE), address: "192.0.2.1:4222".parse().unwrap() }
    }

    fn requests(seed: u64) -> Requests<&'static str> {
        Requests::new(Seed::new(seed).rng("dht"))
    }

    #[test]
    fn a_request_is_sent_three_times_and_given_up() {
        for seed in 0..100 {
            let mut requests = requests(seed);
            let transaction = requests.next_transaction();
            let ping = Bytes::from_static(b"ping");
            requests.sent(
                SimTime::ZERO,
                transaction,
                target(),
                "ping",
                MessageKind::Ping,
                vec![ping],
            );
            let mut times = Vec::new();
            while let Some(at) = requests.poll_timeout() {
                times.push(at.as_nanos() / 1_000_000);
                assert!(requests.poll_overdue(SimTime::ZERO).is_none(), "too early");
                match (times.len(), requests.poll_overdue(at).unwrap()) {
                    (1, Overdue::Doubtful(_, MessageKind::Ping, datagrams, "ping"))
                    | (2, Overdue::Again(_, MessageKind::Ping, datagrams)) => {
                        assert_eq!(datagrams, [&b"ping"[..]]);
                    }
                    (3, Overdue::GivenUp(given_up, "ping")) => assert_eq!(given_up, target()),
                    (n, other) => panic!("{n}: {other:?}"),
                }
            }
            let [second, third, end] = times[..] else { panic!("{times:?}") };
            assert!((1_000..=1_250).contains(&second), "{times:?}");
            assert!((2_000..=2_750).contains(&(third - second)), "{times:?}");
            assert!((4_000..=5_750).contains(&(end - third)), "{times:?}");
        }
    }

    #[test]
    fn an_answer_counts_only_from_the_node_that_was_asked() {
        let mut requests = requests(1);
        let [ping, boot] = [0, 1].map(|_| requests.next_transaction());
        requests.sent(SimTime::ZERO, ping, target(), "ping", MessageKind::Ping, vec![]);
        requests.sent(
            SimTime::ZERO,
            boot,
            Target { id: None, ..target() },
            "bootstrap",
            MessageKind::Ping,
            vec![],
        );
        assert!(requests.answered(ping, Id::MAX).is_none(), "somebody else");
        assert_eq!(requests.answered(ping, NODE).map(|request| request.purpose), Some("ping"));
        assert!(requests.answered(ping, NODE).is_none(), "a second time");
        assert!(requests.answered(boot, Id::MAX).is_some(), "whoever is there");
        assert_eq!(requests.poll_timeout(), None);
    }

    #[test]
    fn what_waits_for_a_node_ends_with_it() {
        let mut requests = requests(1);
        for purpose in ["a", "b"] {
            let transaction = requests.next_transaction();
            requests.sent(SimTime::ZERO, transaction, target(), purpose, MessageKind::Ping, vec![]);
        }
        let other = requests.next_transaction();
        requests.sent(
            SimTime::ZERO,
            other,
            Target { id: None, ..target() },
            "c",
            MessageKind::Ping,
            vec![],
        );
        assert_eq!(requests.take_all_to(NODE), ["a", "b"]);
        assert_eq!(requests.answered(other, NODE).map(|request| request.purpose), Some("c"));
        assert_eq!(requests.poll_timeout(), None);
    }

    #[test]
    fn transactions_are_never_zero_nor_in_use() {
        let mut requests = requests(1);
        requests.next = u32::MAX - 1;
        let later = SimTime::ZERO + SimDuration::from_secs(1);
        let last = requests.next_transaction();
        requests.sent(later, 1, target(), "in use", MessageKind::Ping, vec![]);
        assert_eq!((last, requests.next_transaction()), (u32::MAX, 2));
    }
}
