//! What nodes send to each other, as values.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;

use crate::id::Id;
use crate::value::Value;

/// One datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it says.
    pub payload: Payload,
    /// Number of the request it is, or belongs to; each node counts its own.
    pub transaction: u32,
    /// Number of the network: nodes of another one are not heard. Zero is the public one.
    pub network: u32,
    /// The sender's software, such as `RNG1` (OpenDHT 2.4) or `o2` (3.0 and later); parts have none.
    pub agent: Bytes,
    /// Whether the sender only asks and is to be kept out of routing tables.
    pub is_client: bool,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A request.
    Query(Id, Query),
    /// The answer to one.
    Reply(Id, Box<Reply>),
    /// The refusal of one, by a node that may not say who it is.
    Error(Option<Id>, u16, String),
    /// A part of a value that a query or reply announced by its length.
    Part(Part),
}

/// A request. A key that the sender left out is [`Id::ZERO`]; it is to be refused as malformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Are you there?
    Ping,
    /// Which nodes are closest to an identifier?
    Find {
        /// The identifier.
        target: Id,
        /// The address families wanted.
        families: Families,
    },
    /// Which values are there under a key, and which nodes are closest to it?
    Get {
        /// The key.
        key: Id,
        /// Which fields of which values; all if it is not given.
        select: Option<Select>,
        /// The address families wanted; no node heeds them here.
        families: Families,
    },
    /// Store values.
    Put {
        /// The key.
        key: Id,
        /// The values.
        values: Vec<Carried>,
        /// When they were made, in seconds of Unix time.
        created: Option<u64>,
        /// What the receiver gave out to the sender's address.
        token: Bytes,
    },
    /// Tell me of values, those there and those to come.
    Listen {
        /// The key.
        key: Id,
        /// What the receiver gave out to the sender's address.
        token: Bytes,
        /// The number by which the listener knows what it is told.
        socket: u32,
        /// Version of the protocol: 1, or 0 from nodes before 2018, which are not answered in full.
        version: u64,
        /// Which values; all if it is not given.
        select: Option<Select>,
    },
    /// Values for a listener.
    Update {
        /// The key.
        key: Id,
        /// The listener's number.
        socket: u32,
        /// The values.
        values: Vec<Carried>,
        /// When they were made, in seconds of Unix time.
        created: Option<u64>,
        /// A token for the listener's next request.
        token: Bytes,
    },
    /// What became of values that a listener knows.
    Notify {
        /// The listener's number.
        socket: u32,
        /// A token for the listener's next request.
        token: Bytes,
        /// What became of them.
        notice: Notice,
    },
    /// Keep a value for another lifetime.
    Refresh {
        /// The key.
        key: Id,
        /// The value's identifier.
        value: u64,
        /// What the receiver gave out to the sender's address.
        token: Bytes,
    },
}

/// What became of values, by their identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// They were refreshed.
    Refreshed(Vec<u64>),
    /// They have expired.
    Expired(Vec<u64>),
}

/// An answer; what it does not say is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The address that the request came from.
    pub seen_as: Option<IpAddr>,
    /// The value that was stored or refreshed.
    pub stored: Option<u64>,
    /// Good nodes of IPv4 closest to what was asked for; `None` if not looked for.
    pub contacts_v4: Option<Vec<Contact>>,
    /// The same of IPv6.
    pub contacts_v6: Option<Vec<Contact>>,
    /// What the receiver may store and listen with; empty if there is none.
    pub token: Bytes,
    /// The values.
    pub values: Vec<Carried>,
    /// Fields of values, if it was fields that were asked for.
    pub rows: Option<Rows>,
}

/// A node and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its identifier.
    pub id: Id,
    /// Its address.
    pub address: SocketAddr,
}

/// A value in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// The value.
    Whole(Arc<Value>),
    /// So many bytes, which follow in parts.
    InParts(u32),
}

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which value of the message that announced it, from zero.
    pub index: u32,
    /// Where in the value the bytes belong.
    pub offset: u32,
    /// The bytes.
    pub bytes: Bytes,
}

/// Address families.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Families {
    /// IPv4.
    pub v4: bool,
    /// IPv6.
    pub v6: bool,
}

/// A field of a value that can be selected or compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Its identifier.
    Id,
    /// Its type.
    Type,
    /// The key of who signed it.
    Owner,
    /// Its sequence number.
    Sequence,
    /// The user's name for its type.
    UserType,
}

/// A field with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A number: identifier, type or sequence.
    Number(u64),
    /// Bytes: an owner's key identifier, or a user's type.
    Bytes(Bytes),
}

/// Which fields of which values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Select {
    /// The fields wanted; all of a value if there are none.
    pub fields: Vec<Field>,
    /// What a value must have.
    pub conditions: Vec<(Field, Content)>,
}

/// Fields of values, row by row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The fields of each row.
    pub fields: Vec<Field>,
    /// The content of all rows, one after the other.
    pub contents: Vec<Content>,
}
