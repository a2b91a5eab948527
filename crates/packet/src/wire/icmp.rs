//! Types and codes of ICMP (RFC 792, RFC 1812 section 5.2.7.1) and ICMPv6 (RFC 4443).

use super::{DecodeError, Version};
use crate::IcmpErrorKind;

/// The two echo messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Echo {
    Request,
    Reply,
}

impl Version {
    /// Returns the type of an echo message; its code is 0.
    pub(super) const fn echo_type(self, echo: Echo) -> u8 {
        match (self, echo) {
            (Self::V4, Echo::Request) => 8,
            (Self::V4, Echo::Reply) => 0,
            (Self::V6, Echo::Request) => 128,
            (Self::V6, Echo::Reply) => 129,
        }
    }

    /// Reads type and code of an echo message; `None` for any other message.
    pub(super) const fn echo_of(self, icmp_type: u8, code: u8) -> Option<Echo> {
        match (self, icmp_type, code) {
            (Self::V4, 8, 0) | (Self::V6, 128, 0) => Some(Echo::Request),
            (Self::V4, 0, 0) | (Self::V6, 129, 0) => Some(Echo::Reply),
            _ => None,
        }
    }

    /// Returns type, code and the second word of an error.
    pub(super) const fn error_type(self, kind: IcmpErrorKind) -> (u8, u8, u32) {
        use IcmpErrorKind as Kind;
        match (self, kind) {
            (Self::V4, Kind::NetUnreachable) => (3, 0, 0),
            (Self::V4, Kind::HostUnreachable) => (3, 1, 0),
            (Self::V4, Kind::PortUnreachable) => (3, 3, 0),
            (Self::V4, Kind::TooBig { mtu }) => (3, 4, mtu as u32),
            (Self::V4, Kind::AdminProhibited) => (3, 13, 0),
            (Self::V4, Kind::TtlExceeded) => (11, 0, 0),
            (Self::V6, Kind::NetUnreachable) => (1, 0, 0),
            (Self::V6, Kind::AdminProhibited) => (1, 1, 0),
            (Self::V6, Kind::HostUnreachable) => (1, 3, 0),
            (Self::V6, Kind::PortUnreachable) => (1, 4, 0),
            (Self::V6, Kind::TooBig { mtu }) => (2, 0, mtu as u32),
            (Self::V6, Kind::TtlExceeded) => (3, 0, 0),
        }
    }

    /// Reads type, code and the second word of an error, of which only "too big" uses the word.
    pub(super) fn error_of(
        self,
        icmp_type: u8,
        code: u8,
        word: u32,
    ) -> Result<IcmpErrorKind, DecodeError> {
        use IcmpErrorKind as Kind;
        Ok(match (self, icmp_type, code) {
            (Self::V4, 3, 0) | (Self::V6, 1, 0) => Kind::NetUnreachable,
            (Self::V4, 3, 1) | (Self::V6, 1, 3) => Kind::HostUnreachable,
            (Self::V4, 3, 3) | (Self::V6, 1, 4) => Kind::PortUnreachable,
            (Self::V4, 3, 13) | (Self::V6, 1, 1) => Kind::AdminProhibited,
            (Self::V4, 11, 0) | (Self::V6, 3, 0) => Kind::TtlExceeded,
            // RFC 1191 section 4: the low half of the word; the high half is unused.
            (Self::V4, 3, 4) => Kind::TooBig { mtu: word as u16 },
            // RFC 4443 section 3.2: the receiver ignores the code.
            (Self::V6, 2, _) => {
                Kind::TooBig { mtu: u16::try_from(word).map_err(|_| DecodeError::Mtu(word))? }
            }
            _ => return Err(DecodeError::IcmpMessage { icmp_type, code }),
        })
    }
}
