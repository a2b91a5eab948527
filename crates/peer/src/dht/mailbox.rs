//! Requests that have arrived at a device, whichever way they came.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use natbed_dht::Id;
use natbed_units::SimTime;
use tokio::sync::Notify;

use super::device::Way;
use super::offer::Opened;

/// Requests that nobody has taken yet, at most; the oldest goes first.
const WAITING_MAX: usize = 256;
/// Requests that are remembered, so that a copy is known as one.
const TREATED_MAX: usize = 4_096;

/// A request that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Incoming {
    pub(super) at: SimTime,
    /// The way it came first.
    pub(super) way: Way,
    pub(super) opened: Opened,
}

/// What has arrived and was not taken yet.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    inner: Mutex<Inner>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Incoming>,
    /// By whom, which, and whether it was an answer.
    treated: BTreeSet<(Id, u64, bool)>,
}

impl Mailbox {
    /// Takes a request in, unless it has come before.
    pub(super) fn deliver(&self, incoming: Incoming) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let request = &incoming.opened.request;
        let known = (incoming.opened.from, request.id, request.is_answer);
        if inner.treated.len() >= TREATED_MAX || !inner.treated.insert(known) {
            return;
        }
        if inner.waiting.len() >= WAITING_MAX {
            inner.waiting.pop_front();
        }
        inner.waiting.push_back(incoming);
        drop(inner);
        self.arrived.notify_waiters();
    }

    /// Waits for a request that is wanted, and takes it out.
    pub(super) async fn take(&self, is_wanted: impl Fn(&Opened) -> bool) -> Incoming {
        loop {
            let arrived = self.arrived.notified();
            if let Some(incoming) = self.try_take(&is_wanted) {
                return incoming;
            }
            arrived.await;
        }
    }

    fn try_take(&self, is_wanted: impl Fn(&Opened) -> bool) -> Option<Incoming> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let place = inner.waiting.iter().position(|incoming| is_wanted(&incoming.opened))?;
        inner.waiting.remove(place)
    }
}
