//! A node of a search: what it was asked, and how far it is with that.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use natbed_units::{SimDuration, SimTime};

use super::OperationId;
use crate::id::Id;

/// How long a token is used, and a node need not be asked again.
const TOKEN_LIFE: SimDuration = SimDuration::from_secs(600);

/// How far a node is with a get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Getting {
    /// It was asked which values it has.
    Ids,
    /// It was asked for these values.
    Values(BTreeSet<u64>),
    /// It has said all.
    Done,
}

/// How far a node is with a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Putting {
    /// It was sent the value; it is to be renewed at this time.
    Sent(SimTime),
    /// It has the value, which is to be renewed at this time.
    Done(SimTime),
}

/// How far a node is with a listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listening {
    /// The number that it is listened at with.
    pub(super) socket: u32,
    pub(super) is_pending: bool,
    /// When it has answered last.
    pub(super) answered: Option<SimTime>,
}

/// A node of a search.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) id: Id,
    /// Its token, and when it came.
    token: Option<(Bytes, SimTime)>,
    /// Asked for nodes alone: whether it has not answered yet.
    pub(super) find: Option<bool>,
    /// Asked which of the permanent values it has.
    pub(super) is_probed: bool,
    /// It has let an attempt pass: others are asked meanwhile.
    pub(super) is_doubtful: bool,
    pub(super) gets: BTreeMap<OperationId, Getting>,
    pub(super) puts: BTreeMap<OperationId, Putting>,
    pub(super) listens: BTreeMap<OperationId, Listening>,
}

impl Candidate {
    pub(super) fn new(id: Id) -> Self {
        Self {
            id,
            token: None,
            find: None,
            is_probed: false,
            is_doubtful: false,
            gets: BTreeMap::new(),
            puts: BTreeMap::new(),
            listens: BTreeMap::new(),
        }
    }

    /// Takes note of its token.
    pub(super) fn set_token(&mut self, now: SimTime, token: &Bytes) {
        self.token = Some((token.clone(), now));
        self.is_doubtful = false;
    }

    /// Its token, if it is good still.
    pub(super) fn token(&self, now: SimTime) -> Option<&Bytes> {
        let (token, since) = self.token.as_ref()?;
        (now < *since + TOKEN_LIFE).then_some(token)
    }

    pub(super) fn is_synced(&self, now: SimTime) -> bool {
        self.token(now).is_some()
    }

    /// When its token is good no more.
    pub(super) fn token_end(&self) -> Option<SimTime> {
        self.token.as_ref().map(|(_, since)| *since + TOKEN_LIFE)
    }

    /// Its token is worthless: it has to give another one.
    pub(super) fn refuse(&mut self) {
        self.token = None;
        self.find = None;
    }

    /// Says whether it was asked something that takes one of the few places.
    pub(super) fn is_solicited(&self) -> bool {
        let is_pending = |getting: &Getting| *getting != Getting::Done;
        self.find == Some(true) || self.is_probed || self.gets.values().any(is_pending)
    }

    /// Says whether it is to be asked for nodes.
    pub(super) fn can_find(&self, now: SimTime) -> bool {
        !self.is_solicited()
            && !self.is_synced(now)
            && (self.find.is_none() || self.token.is_some())
    }

    /// Forgets all it was asked: it was given up.
    pub(super) fn expire(&mut self) {
        *self = Self::new(self.id);
    }

    /// Forgets one thing it was asked.
    pub(super) fn cancel(&mut self, operation: OperationId) {
        self.gets.remove(&operation);
        self.puts.remove(&operation);
        self.listens.remove(&operation);
    }
}
