//! What a Jami device puts for another one to be connected with: a call, and the answer to it.
//!
//! It is the `PeerConnectionRequest` of dhtnet: a map of four entries, in a value of the user type
//! `peer_request` that is signed by the caller's device and encrypted for the callee's. It is put
//! at a key that follows from the long identifier of whom it is for.

use bytes::Bytes;

use crate::codec::{DecodeError, Reader, Writer};
use crate::id::Id;
use crate::identity::PublicIdentity;

/// The longest text of ICE that is taken, in bytes: more than 31 candidates have.
const ICE_MAX: usize = 16_384;

/// A call, or the answer to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRequest {
    /// By which an answer is known as that to its call; 1 to 2^53.
    pub id: u64,
    /// User fragment, password and candidates, each on a line of its own.
    pub ice: String,
    /// Whether it is the answer.
    pub is_answer: bool,
    /// What the connection is for, in words of the two devices.
    pub connection_type: String,
}

impl ConnectionRequest {
    /// The user type of the values it is put in.
    pub const USER_TYPE: &str = "peer_request";
    /// The largest identifier.
    pub const ID_MAX: u64 = 1 << 53;

    /// Returns the key that requests for a device are put at: SHA-1 of `peer:` and the device's
    /// long identifier in hexadecimal digits.
    #[must_use]
    pub fn key_of(device: &PublicIdentity) -> Id {
        let mut text = String::from("peer:");
        for byte in device.long_id() {
            text += &format!("{byte:02x}");
        }
        Id::hash(text.as_bytes())
    }

    /// Encodes it as the data of a value.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Writer::default();
        out.map(4);
        out.text(b"id");
        out.number(self.id);
        out.text(b"ice_msg");
        out.text(self.ice.as_bytes());
        out.text(b"isAnswer");
        out.boolean(self.is_answer);
        out.text(b"connType");
        out.text(self.connection_type.as_bytes());
        out.finish()
    }

    /// Decodes the data of a value.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for what is no request, and for one whose identifier or text is out of range.
    pub fn decode(data: &Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(data);
        let (mut id, mut ice) = (None, None);
        let (mut is_answer, mut connection_type) = (false, String::new());
        for _ in 0..reader.map()? {
            match &reader.text()?[..] {
                b"id" => id = Some(reader.number()?),
                b"ice_msg" => ice = Some(text(&reader.text()?)?),
                b"isAnswer" => is_answer = reader.boolean()?,
                b"connType" => connection_type = text(&reader.text()?)?,
                _ => reader.skip()?,
            }
        }
        let id = id.ok_or(DecodeError::Missing("id"))?;
        let ice: String = ice.ok_or(DecodeError::Missing("ice_msg"))?;
        if !(1..=Self::ID_MAX).contains(&id) || ice.len() > ICE_MAX {
            return Err(DecodeError::OutOfRange);
        }
        Ok(Self { id, ice, is_answer, connection_type })
    }
}

fn text(bytes: &Bytes) -> Result<String, DecodeError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| DecodeError::Unexpected)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{ConnectionRequest, ICE_MAX};
    use crate::codec::DecodeError;
    use crate::id::Id;
    use crate::identity::Identity;

    fn request() -> ConnectionRequest {
        ConnectionRequest {
            id: 77,
            ice: "ufrag\npwd\n1 1 UDP 2130706431 192.168.1.10 5000 typ host\n".to_owned(),
            is_answer: true,
            connection_type: "sip".to_owned(),
        }
    }

    #[test]
    fn it_survives_the_wire_and_is_refused_when_cut_short() {
        let bytes = request().encode();
        assert_eq!(ConnectionRequest::decode(&bytes), Ok(request()));
        for length in 0..bytes.len() {
            assert!(ConnectionRequest::decode(&bytes.slice(..length)).is_err(), "{length}");
        }
    }

    #[test]
    fn the_map_is_as_dhtnet_writes_it() {
        let bytes = ConnectionRequest { ice: "x".to_owned(), ..request() }.encode();
        let expected = b"\x84\xa2id\x4d\xa7ice_msg\xa1x\xa8isAnswer\xc3\xa8connType\xa3sip";
        assert_eq!(&bytes[..], expected);
    }

    #[test]
    fn what_is_out_of_range_or_missing_is_refused() {
        let decode = |request: &ConnectionRequest| ConnectionRequest::decode(&request.encode());
        for id in [0, ConnectionRequest::ID_MAX + 1, u64::MAX] {
            assert_eq!(
                decode(&ConnectionRequest { id, ..request() }),
                Err(DecodeError::OutOfRange)
            );
        }
        let long = ConnectionRequest { ice: "x".repeat(ICE_MAX + 1), ..request() };
        assert_eq!(decode(&long), Err(DecodeError::OutOfRange));
        let without = Bytes::from_static(b"\x81\xa2id\x01");
        assert_eq!(ConnectionRequest::decode(&without), Err(DecodeError::Missing("ice_msg")));
        let no_text = Bytes::from_static(b"\x82\xa2id\x01\xa7ice_msg\xa1\xff");
        assert!(ConnectionRequest::decode(&no_text).is_err());
    }

    #[test]
    fn the_key_follows_from_the_long_identifier_of_whom_it_is_for() {
        let alice = Identity::from_pkcs8(include_bytes!("../tests/data/keys/alice.pk8")).unwrap();
        let hex: String =
            alice.public().long_id().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex.len(), 64);
        let expected = Id::hash(format!("peer:{hex}").as_bytes());
        assert_eq!(ConnectionRequest::key_of(alice.public()), expected);
    }
}
