//! Identifiers of nodes and keys, and how far they are from each other.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A node or a key of the DHT: 160 bits; prints and parses as 40 hexadecimal digits.
///
/// OpenDHT calls it an `InfoHash`. The one of nothing but zeros stands for none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Id([u8; 20]);

impl Id {
    /// Bytes of an identifier.
    pub const LENGTH: usize = size_of::<Self>();
    /// The one that stands for none.
    pub const ZERO: Self = Self([0; Self::LENGTH]);
    /// The largest.
    pub const MAX: Self = Self([0xff; Self::LENGTH]);

    /// Makes an identifier of its bytes.
    #[must_use]
    pub const fn new(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// Makes an identifier of exactly as many bytes as it has.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Returns its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The same in three numbers, the most significant one first.
    fn words(&self) -> (u64, u64, u32) {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = self.0;
        (
            u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            u64::from_be_bytes([i, j, k, l, m, n, o, p]),
            u32::from_be_bytes([q, r, s, t]),
        )
    }

    /// Returns the distance to another one: their exclusive or, to be compared as a number.
    #[must_use]
    pub fn distance(self, other: Self) -> Self {
        let mut distance = self.0;
        distance.iter_mut().zip(other.0).for_each(|(byte, other)| *byte ^= other);
        Self(distance)
    }

    /// Returns how many leading bits both have in common, at most 160.
    #[must_use]
    pub fn common_bits(self, other: Self) -> u32 {
        let mut bits = 0;
        for byte in self.distance(other).0 {
            bits += byte.leading_zeros();
            if byte != 0 {
                break;
            }
        }
        bits
    }

    /// Returns a bit, counted from the most significant one; `false` beyond the last.
    #[must_use]
    pub fn bit(self, number: u32) -> bool {
        let byte = self.0.get(number as usize / 8).copied().unwrap_or(0);
        byte >> (7 - number % 8) & 1 == 1
    }

    /// Returns the same with one bit set or cleared, counted from the most significant one.
    #[must_use]
    pub fn with_bit(mut self, number: u32, is_set: bool) -> Self {
        if let Some(byte) = self.0.get_mut(number as usize / 8) {
            let mask = 1 << (7 - number % 8);
            *byte = if is_set { *byte | mask } else { *byte & !mask };
        }
        self
    }
}

impl Ord for Id {
    fn cmp(&self, other: &Self) -> Ordering {
        // As numbers: that is what tables and searches do most of all.
        self.words().cmp(&other.words())
    }
}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected 40 hexadecimal digits")]
pub struct ParseIdError;

impl FromStr for Id {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(ParseIdError);
        let digits: &[u8; 2 * Self::LENGTH] =
            text.as_bytes().try_into().map_err(|_| ParseIdError)?;
        let mut bytes = [0; Self::LENGTH];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::Id;

    const A: &str = "d7f574d87ef76df168ba9ebb8a31a07f5997334d";

    #[test]
    fn prints_what_it_parses() {
        let id: Id = A.parse().unwrap();
        assert_eq!(id.to_string(), A);
        assert_eq!(A.to_uppercase().parse(), Ok(id));
        for wrong in ["", "d7", &A[1..], &format!("{A}0"), &A.replace('d', "g")] {
            assert!(wrong.parse::<Id>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_order_is_that_of_the_bytes() {
        let a: Id = A.parse().unwrap();
        for place in 0..Id::LENGTH {
            let mut bytes = *a.as_bytes();
            bytes[place] = bytes[place].wrapping_add(0x55);
            assert_eq!(a.cmp(&Id::new(bytes)), a.as_bytes().cmp(&bytes), "byte {place}");
        }
        assert!(Id::ZERO < a && a < Id::MAX && a <= a);
    }

    #[test]
    fn distance_is_a_metric_of_bits() {
        let a: Id = A.parse().unwrap();
        assert_eq!(a.distance(a), Id::ZERO);
        assert_eq!(a.common_bits(a), 160);
        for bit in [0, 1, 7, 8, 100, 159] {
            let b = a.with_bit(bit, !a.bit(bit));
            assert_eq!(a.common_bits(b), bit);
            assert_eq!((a.distance(b), b.bit(bit)), (b.distance(a), !a.bit(bit)));
        }
        assert_eq!(a.with_bit(160, true), a, "there is no such bit");
    }
}
