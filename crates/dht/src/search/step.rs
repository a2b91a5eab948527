//! What a search does next.

use std::sync::Arc;

use natbed_units::{SimDuration, SimTime};

use super::{
    Action, Ask, CLOSEST, CONCURRENCY, Candidate, EARLY, Getting, Habits, LISTENED, Listening,
    OperationId, Putting, RENEW_BEFORE, Search, Want,
};
use crate::id::Id;
use crate::peers::Peers;
use crate::value::Value;

impl Search {
    /// Decides what to ask now; call it again after every answer.
    ///
    /// `next_socket` gives out numbers to listen with.
    pub(crate) fn step(
        &mut self,
        now: SimTime,
        peers: &Peers,
        habits: Habits,
        next_socket: impl FnMut() -> u32,
    ) -> Vec<Ask> {
        let mut asks = Vec::new();
        if self.is_done || self.is_lost {
            return asks;
        }
        self.used = now;
        let usable = self.usable(now, peers, habits);
        self.listen_at(now, peers, habits, usable, next_socket, &mut asks);
        self.put_to(now, peers, usable, &mut asks);
        self.solicit(now, peers, usize::MAX, &mut asks);
        asks
    }

    /// Asks one more node, if there is a place for it: what an answer makes room for is filled before
    /// it is seen whether that answer was the last one needed.
    pub(crate) fn solicit_one(&mut self, now: SimTime, peers: &Peers) -> Vec<Ask> {
        let mut asks = Vec::new();
        if !self.is_done && !self.is_lost {
            self.solicit(now, peers, 1, &mut asks);
        }
        asks
    }

    /// Says whether the closest nodes are synced.
    fn is_synced(&self, now: SimTime, peers: &Peers) -> bool {
        let mut closest = self.closest(peers).peekable();
        closest.peek().is_some() && closest.all(|node| node.is_synced(now))
    }

    /// Returns at how many of the closest nodes it is time to put and to listen: all if they are
    /// synced; before that, if it is early, those that no closer one is missing of.
    fn usable(&self, now: SimTime, peers: &Peers, habits: Habits) -> usize {
        let (all, synced) = (
            self.closest(peers).count(),
            self.closest(peers).take_while(|node| node.is_synced(now)).count(),
        );
        if synced == all {
            if all == 0 { 0 } else { usize::MAX }
        } else if habits.is_early && synced >= EARLY {
            synced
        } else {
            0
        }
    }

    /// The closest nodes of which there is no doubt.
    fn closest<'a>(&'a self, peers: &'a Peers) -> impl Iterator<Item = &'a Candidate> {
        let good = |node: &&Candidate| !node.is_doubtful && !peers.is_expired(node.id);
        self.nodes.iter().filter(good).take(CLOSEST)
    }

    fn listen_at(
        &mut self,
        now: SimTime,
        peers: &Peers,
        habits: Habits,
        usable: usize,
        mut next_socket: impl FnMut() -> u32,
        asks: &mut Vec<Ask>,
    ) {
        let listens: Vec<OperationId> = (self.wants.iter())
            .filter(|(_, want)| matches!(want, Want::Listen))
            .map(|(operation, _)| *operation)
            .collect();
        let mut listened = 0;
        for node in self.nodes.iter_mut().filter(|node| !peers.is_expired(node.id)) {
            if listens.is_empty() || listened >= LISTENED.min(usable) {
                return;
            }
            let Some(token) = node.token(now).cloned() else { continue };
            listened += usize::from(!node.is_doubtful);
            for operation in &listens {
                let listening = node.listens.entry(*operation).or_insert_with(|| Listening {
                    socket: next_socket(),
                    is_pending: false,
                    answered: None,
                });
                let is_due = |at: SimTime| at + habits.listen_period <= now;
                if !listening.is_pending && listening.answered.is_none_or(is_due) {
                    listening.is_pending = true;
                    let action = Action::Listen(*operation, listening.socket, token.clone());
                    asks.push(Ask { node: node.id, action });
                }
            }
        }
    }

    fn put_to(&mut self, now: SimTime, peers: &Peers, usable: usize, asks: &mut Vec<Ask>) {
        let (wants, finished) = (&self.wants, &self.finished);
        let mut put_to = 0;
        for node in self.nodes.iter_mut().filter(|node| !peers.is_expired(node.id)) {
            if put_to >= CLOSEST.min(usable) {
                return;
            }
            let Some(token) = node.token(now).cloned().filter(|_| !node.is_probed) else {
                continue;
            };
            put_to += usize::from(!node.is_doubtful);
            let mut is_to_be_probed = false;
            for (operation, want) in wants {
                let Want::Put { value, created, is_permanent } = want else { continue };
                if !is_due(now, node.puts.get(operation)) {
                    continue;
                }
                if *is_permanent {
                    is_to_be_probed = true;
                } else if !finished.contains(operation) {
                    node.puts.insert(*operation, Putting::Sent(now + value.life()));
                    let (value, created) = (Arc::clone(value), Some(*created));
                    let action = Action::Put(*operation, value, created, token.clone());
                    asks.push(Ask { node: node.id, action });
                }
            }
            if is_to_be_probed {
                node.is_probed = true;
                asks.push(Ask { node: node.id, action: Action::Probe });
            }
        }
    }

    /// Takes note of the values that a node has, with their editions, and returns what is to be done
    /// about the values that are put: they are put where they are not, or not in this edition, and
    /// refreshed where they are.
    pub(crate) fn probed(&mut self, now: SimTime, id: Id, values: &[(u64, u64)]) -> Vec<Ask> {
        let mut asks = Vec::new();
        let Some(place) = self.place(id) else { return asks };
        let (node, wants, finished) = (&mut self.nodes[place], &self.wants, &self.finished);
        node.is_probed = false;
        let Some(token) = node.token(now).cloned() else { return asks };
        for (operation, want) in wants {
            let Want::Put { value, created, is_permanent } = want else { continue };
            let is_over = !is_permanent && finished.contains(operation);
            if is_over || !is_due(now, node.puts.get(operation)) {
                continue;
            }
            let stored = values.iter().find(|(stored, _)| *stored == value.id);
            let has_it = stored.is_some_and(|(_, sequence)| *sequence >= sequence_of(value));
            let until = now + value.life();
            let mut putting = Putting::Sent(until);
            if !has_it {
                let created = (!is_permanent).then_some(*created);
                let action = Action::Put(*operation, Arc::clone(value), created, token.clone());
                asks.push(Ask { node: id, action });
            } else if *is_permanent {
                let action = Action::Refresh(*operation, value.id, token.clone());
                asks.push(Ask { node: id, action });
            } else {
                putting = Putting::Done(until);
            }
            node.puts.insert(*operation, putting);
        }
        asks
    }

    /// Asks nodes that have not answered, the closest first and a few at a time, at most `limit`.
    fn solicit(&mut self, now: SimTime, peers: &Peers, limit: usize, asks: &mut Vec<Ask>) {
        let is_good = |node: &Candidate| !peers.is_expired(node.id);
        let is_counted = |node: &&Candidate| !node.is_doubtful && is_good(node);
        let solicited = self.nodes.iter().filter(is_counted).filter(|node| node.is_solicited());
        let mut free = CONCURRENCY.saturating_sub(solicited.count()).min(limit);
        let gets = self.wants.iter().filter(|(operation, want)| {
            matches!(want, Want::Get) && !self.finished.contains(operation)
        });
        let gets: Vec<OperationId> = gets.map(|(operation, _)| *operation).collect();
        for operation in &gets {
            let nodes = self.nodes.iter_mut().filter(|node| is_good(node));
            for node in nodes.filter(|node| !node.gets.contains_key(operation)) {
                if free == 0 {
                    return;
                }
                free -= usize::from(!node.is_solicited());
                node.gets.insert(*operation, Getting::Ids);
                asks.push(Ask { node: node.id, action: Action::GetIds(*operation) });
            }
        }
        if gets.is_empty() {
            for node in self.nodes.iter_mut().filter(|node| is_good(node) && node.can_find(now)) {
                if free == 0 {
                    return;
                }
                free -= 1;
                node.find = Some(true);
                asks.push(Ask { node: node.id, action: Action::Find });
            }
        }
    }

    /// Returns the gets and puts that have come to their end just now: the closest nodes are synced
    /// and have answered.
    pub(crate) fn take_finished(&mut self, now: SimTime, peers: &Peers) -> Vec<OperationId> {
        if self.is_done || self.is_lost || !self.is_synced(now, peers) {
            return Vec::new();
        }
        let is_done = |operation: &OperationId, want: &Want| {
            self.closest(peers).all(|node| match want {
                Want::Get => node.gets.get(operation) == Some(&Getting::Done),
                Want::Put { .. } => matches!(node.puts.get(operation), Some(Putting::Done(_))),
                Want::Listen => false,
            })
        };
        let open = self.wants.iter().filter(|(operation, _)| !self.finished.contains(operation));
        let finished: Vec<OperationId> =
            open.filter(|(operation, want)| is_done(operation, want)).map(|(o, _)| *o).collect();
        for operation in &finished {
            if let Some(Want::Put { is_permanent: true, .. }) = self.wants.get(operation) {
                self.finished.insert(*operation);
            } else {
                self.wants.remove(operation);
                self.nodes.iter_mut().for_each(|node| node.cancel(*operation));
            }
        }
        self.is_done = self.wants.is_empty();
        finished
    }

    /// Returns when [`step`](Self::step) has more to ask although nothing was answered.
    pub(crate) fn next_time(&self, now: SimTime, habits: Habits) -> Option<SimTime> {
        if self.is_done || self.is_lost {
            return None;
        }
        let mut next: Option<SimTime> = None;
        let mut consider = |at: SimTime| {
            // What was due and was not asked waits for more than time.
            if at > now {
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        };
        for node in &self.nodes {
            node.token_end().into_iter().for_each(&mut consider);
            for listening in node.listens.values().filter(|listening| !listening.is_pending) {
                let due = listening.answered.map(|at| at + habits.listen_period);
                due.into_iter().for_each(&mut consider);
            }
            for (operation, putting) in &node.puts {
                let is_permanent =
                    matches!(self.wants.get(operation), Some(Want::Put { is_permanent: true, .. }));
                if let (Putting::Done(until), true) = (putting, is_permanent) {
                    consider(early(*until));
                }
            }
        }
        next
    }
}

/// Says whether a value is to be put to a node.
fn is_due(now: SimTime, putting: Option<&Putting>) -> bool {
    match putting {
        None => true,
        Some(Putting::Sent(_)) => false,
        Some(Putting::Done(until)) => early(*until) <= now,
    }
}

/// When something is to be renewed that ends at that time.
fn early(end: SimTime) -> SimTime {
    let since = end.saturating_since(SimTime::ZERO).as_nanos();
    SimTime::ZERO + SimDuration::from_nanos(since.saturating_sub(RENEW_BEFORE.as_nanos()))
}

/// The number of a value's edition.
fn sequence_of(value: &Value) -> u64 {
    value.owner().map_or(0, |owner| owner.sequence.into())
}
