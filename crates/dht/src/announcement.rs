//! How nodes on one LAN find each other: a multicast to port 8888.

use bytes::Bytes;

use crate::codec::{DecodeError, Reader, Writer};
use crate::id::Id;

/// A datagram of OpenDHT's peer discovery, to the groups 239.192.0.1 and ff08::101.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// Who is there? Everybody who publishes something answers.
    Query,
    /// A node is here, at the address this came from.
    Node {
        /// Its identifier.
        id: Id,
        /// The port that it serves the DHT at.
        port: u16,
        /// Number of its network.
        network: u32,
    },
    /// Something else is, by the names of the services; an account, for example.
    Other(Vec<Bytes>),
}

impl Announcement {
    /// The port of the discovery.
    pub const PORT: u16 = 8888;

    /// Encodes it as one datagram; of [`Announcement::Other`] only the names are kept.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Writer::default();
        match self {
            Self::Query => out.text(b"q"),
            Self::Node { id, port, network } => {
                out.map(1);
                out.text(b"dht");
                out.array(3);
                out.binary(id.as_bytes());
                out.number((*port).into());
                out.number((*network).into());
            }
            Self::Other(names) => {
                out.map(names.len());
                for name in names {
                    out.text(name);
                    out.nil();
                }
            }
        }
        out.finish()
    }

    /// Decodes a datagram.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for what is no announcement.
    pub fn decode(datagram: &Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(datagram);
        if let Ok(text) = reader.clone().text() {
            return if &text[..] == b"q" { Ok(Self::Query) } else { Err(DecodeError::Unexpected) };
        }
        let mut names = Vec::new();
        for _ in 0..reader.map()? {
            let name = reader.text()?;
            if &name[..] != b"dht" {
                reader.skip()?;
                names.push(name);
                continue;
            }
            let length = reader.array()?;
            if length < 3 {
                return Err(DecodeError::Unexpected);
            }
            let id = reader.id()?;
            let port = u16::try_from(reader.number()?).map_err(|_| DecodeError::OutOfRange)?;
            let network = reader.small_number()?;
            return Ok(Self::Node { id, port, network });
        }
        Ok(Self::Other(names))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::Announcement;

    #[test]
    fn what_is_cut_short_or_something_else_is_refused() {
        let id = "3e33f2220d2ebbc3a1366de2e69b2df9fd7e0580".parse().unwrap();
        let node = Announcement::Node { id, port: 15_222, network: 7 };
        let bytes = node.encode();
        assert_eq!(Announcement::decode(&bytes), Ok(node));
        for length in 0..bytes.len() {
            assert!(Announcement::decode(&bytes.slice(..length)).is_err(), "{length}");
        }
        for wrong in [&b"\xa1r"[..], b"\xc0", b"\x81\xa3dht\x90", b""] {
            assert!(Announcement::decode(&Bytes::from_static(wrong)).is_err(), "{wrong:x?}");
        }
    }

    #[test]
    fn other_services_are_known_by_name() {
        let jami = Bytes::from_static(b"\x81\xa4jami\x92\xc4\x01x\xa3Bob");
        let other = Announcement::Other(vec![Bytes::from_static(b"jami")]);
        assert_eq!(Announcement::decode(&jami), Ok(other));
    }
}
