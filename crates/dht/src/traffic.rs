//! Counting what a node sends and receives.

use crate::message::{Payload, Query};

/// What a datagram is, as far as counting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageKind {
    /// A request to say that one is there.
    Ping,
    /// A request for nodes.
    Find,
    /// A request for values.
    Get,
    /// A request to store values.
    Put,
    /// A request to be told of values.
    Listen,
    /// Values for a listener, or what became of them.
    Update,
    /// A request to keep a value.
    Refresh,
    /// The answer to a request.
    Reply,
    /// The refusal of a request.
    Error,
    /// A part of a value.
    Part,
    /// What is no message, or of another network.
    Foreign,
}

impl MessageKind {
    /// All of them, in their order.
    pub const ALL: [Self; 11] = [
        Self::Ping,
        Self::Find,
        Self::Get,
        Self::Put,
        Self::Listen,
        Self::Update,
        Self::Refresh,
        Self::Reply,
        Self::Error,
        Self::Part,
        Self::Foreign,
    ];

    pub(crate) fn of(payload: &Payload) -> Self {
        match payload {
            Payload::Query(_, query) => match query {
                Query::Ping => Self::Ping,
                Query::Find { .. } => Self::Find,
                Query::Get { .. } => Self::Get,
                Query::Put { .. } => Self::Put,
                Query::Listen { .. } => Self::Listen,
                Query::Update { .. } | Query::Notify { .. } => Self::Update,
                Query::Refresh { .. } => Self::Refresh,
            },
            Payload::Reply(..) => Self::Reply,
            Payload::Error(..) => Self::Error,
            Payload::Part(_) => Self::Part,
        }
    }

    /// Returns its name, as reports have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Find => "find",
            Self::Get => "get",
            Self::Put => "put",
            Self::Listen => "listen",
            Self::Update => "update",
            Self::Refresh => "refresh",
            Self::Reply => "reply",
            Self::Error => "error",
            Self::Part => "part",
            Self::Foreign => "foreign",
        }
    }
}

/// How much of something there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Datagrams.
    pub datagrams: u64,
    /// Their bytes, without the headers of IP and UDP.
    pub bytes: u64,
}

/// What went one way, by the kind of message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallies([Tally; MessageKind::ALL.len()]);

impl Tallies {
    pub(crate) fn count(&mut self, kind: MessageKind, bytes: usize) {
        let tally = &mut self.0[kind as usize];
        tally.datagrams += 1;
        tally.bytes += bytes as u64;
    }

    /// Returns how much there was of one kind.
    #[must_use]
    pub fn of(&self, kind: MessageKind) -> Tally {
        self.0[kind as usize]
    }

    /// Returns how much there was of all kinds together.
    #[must_use]
    pub fn total(&self) -> Tally {
        self.0.iter().fold(Tally::default(), |sum, tally| Tally {
            datagrams: sum.datagrams + tally.datagrams,
            bytes: sum.bytes + tally.bytes,
        })
    }
}

/// What a node has sent and received since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// What it has sent; what is sent again counts again.
    pub sent: Tallies,
    /// What it has received.
    pub received: Tallies,
}

#[cfg(test)]
mod tests {
    use super::{MessageKind, Tallies, Tally};

    #[test]
    fn each_kind_has_a_place_and_a_name_of_its_own() {
        let mut tallies = Tallies::default();
        for (place, kind) in MessageKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
            tallies.count(kind, place);
            assert_eq!(tallies.of(kind), Tally { datagrams: 1, bytes: place as u64 });
        }
        assert_eq!(tallies.total(), Tally { datagrams: 11, bytes: 55 });
        let mut names = MessageKind::ALL.map(MessageKind::name).to_vec();
        names.dedup();
        assert_eq!(names.len(), 11);
    }
}
