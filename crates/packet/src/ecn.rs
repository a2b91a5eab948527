//! Explicit congestion notification: two bits of every IP header.

use std::fmt;

/// The ECN field of an IP header (RFC 3168 section 5): the low two bits of the type of service of
/// IPv4 and of the traffic class of IPv6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Ecn {
    /// The transport does not know ECN: congestion drops its packets.
    #[default]
    NotEct = 0b00,
    /// ECN-capable transport, codepoint ECT(1), which L4S uses (RFC 9331).
    Ect1 = 0b01,
    /// ECN-capable transport, codepoint ECT(0).
    Ect0 = 0b10,
    /// Congestion experienced: a queue on the way would have dropped the packet.
    Ce = 0b11,
}

impl Ecn {
    /// Every codepoint, in the order of its bits.
    pub const ALL: [Self; 4] = [Self::NotEct, Self::Ect1, Self::Ect0, Self::Ce];

    /// Reads the low two bits of a type of service or traffic class; the others are ignored.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0b00 => Self::NotEct,
            0b01 => Self::Ect1,
            0b10 => Self::Ect0,
            _ => Self::Ce,
        }
    }

    /// Returns the two bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self as u8
    }

    /// Returns the field of a packet put together from fragments with these two: congestion that
    /// one of them experienced is not forgotten (RFC 3168 section 5.3).
    #[must_use]
    pub const fn of_whole(self, other: Self) -> Self {
        match other {
            Self::Ce => other,
            _ => self,
        }
    }

    /// Says whether a queue may mark the packet instead of dropping it.
    #[must_use]
    pub const fn is_capable(self) -> bool {
        !matches!(self, Self::NotEct)
    }
}

impl fmt::Display for Ecn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotEct => "not-ect",
            Self::Ect1 => "ect1",
            Self::Ect0 => "ect0",
            Self::Ce => "ce",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Ecn;

    #[test]
    fn rfc_3168_section_5_codepoints() {
        assert_eq!(Ecn::ALL.map(Ecn::bits), [0b00, 0b01, 0b10, 0b11]);
        assert_eq!([0b00, 0b01, 0b10, 0b11].map(Ecn::from_bits), Ecn::ALL);
        assert_eq!(Ecn::from_bits(0b1011_1010), Ecn::Ect0, "the other bits are the DSCP");
        assert_eq!(Ecn::ALL.map(Ecn::is_capable), [false, true, true, true]);
    }

    #[test]
    fn rfc_3168_section_5_3_a_mark_on_one_fragment_is_one_on_the_whole() {
        assert_eq!(Ecn::Ect0.of_whole(Ecn::Ce), Ecn::Ce);
        assert_eq!(Ecn::Ce.of_whole(Ecn::Ect0), Ecn::Ce);
        assert_eq!(Ecn::Ect0.of_whole(Ecn::Ect0), Ecn::Ect0);
    }
}
