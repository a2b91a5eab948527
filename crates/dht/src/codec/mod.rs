//! Messages as bytes: one MessagePack map in each datagram.
//!
//! Encoding writes keys in the order and numbers in the width that OpenDHT 2.4 does. Decoding takes
//! them in any order and any width, skips what it does not know, and is bounded by the datagram:
//! nothing is made larger than the bytes that say so.

mod decode;
mod encode;
mod reader;
#[cfg(test)]
mod tests;
mod value;
mod writer;

use thiserror::Error;

pub(crate) use reader::Reader;
pub(crate) use writer::Writer;

/// The longest datagram that is worth decoding, in bytes: what UDP over IPv4 carries.
pub const DATAGRAM_MAX: usize = 65_507;

/// Address families as they are on the wire: the numbers that Linux gives them.
const AF_INET: u64 = 2;
const AF_INET6: u64 = 10;
/// IPv6 as Windows and macOS number it.
const AF_INET6_ELSEWHERE: [u64; 2] = [23, 30];

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The bytes end before the message does.
    #[error("the message is cut short")]
    Truncated,
    /// Something stands where something of another type should.
    #[error("a field is of another type than it should be")]
    Unexpected,
    /// A number, a length or an identifier is not within its range.
    #[error("a field is out of range")]
    OutOfRange,
    /// A field that the message cannot do without is missing.
    #[error("the message has no {0}")]
    Missing(&'static str),
    /// The kind of the message is none that is known.
    #[error("the message is of no known kind")]
    UnknownKind,
    /// The message is longer than a datagram.
    #[error("the message is too long")]
    TooLong,
}
