//! A node of the OpenDHT network as sans-IO building blocks: no clock, no socket, no thread.
//!
//! OpenDHT is the distributed hash table by which Jami's devices find each other. The formats here
//! are those of OpenDHT 2.4 and 4.x as they are on the wire: one MessagePack map in each UDP
//! datagram, values of more than 600 bytes in parts of their own.
//!
//! - [`Node`]: a whole node, which answers others and gets, puts and listens for its user
//! - [`Id`]: nodes and keys, and their distance
//! - [`Message`]: what nodes send to each other, encoded and decoded
//! - [`Value`]: what is stored under a key: plain, signed or encrypted
//! - [`split`] and [`Assembler`]: values too long for one datagram
//! - [`ConnectionRequest`]: what Jami's devices put to be connected with each other
//! - [`Identity`]: who signs values, and whom they are encrypted for
//! - [`LanDiscovery`] and [`Announcement`]: how nodes on one LAN find each other by multicast
#![forbid(unsafe_code)]

mod announcement;
mod codec;
mod connection_request;
mod id;
mod identity;
mod lan;
mod limits;
mod message;
mod node;
mod parts;
mod peers;
mod requests;
mod search;
mod select;
mod storage;
mod table;
mod tokens;
mod traffic;
mod value;

pub use announcement::Announcement;
pub use codec::{DATAGRAM_MAX, DecodeError};
pub use connection_request::ConnectionRequest;
pub use id::{Id, ParseIdError};
pub use identity::{Identity, IdentityError, PublicIdentity};
pub use lan::{LanConfig, LanDiscovery};
pub use message::{
    Carried, Contact, Content, Families, Field, Message, Notice, Part, Payload, Query, Reply, Rows,
    Select,
};
pub use node::{Event, Generation, Node, NodeConfig, Status};
pub use parts::{Assembler, split};
pub use search::OperationId;
pub use traffic::{MessageKind, Tallies, Tally, Traffic};
pub use value::{Body, Data, Owner, Value};
