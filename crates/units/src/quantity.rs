//! Rates, sizes and probabilities.

use std::fmt;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use crate::parse::{ParseQuantityError, UnitTable, format_scaled};
use crate::time::SimDuration;

/// A link rate in bits per second.
///
/// Parses and prints as `100mbit`, `64kbit`, `2.5gbit`, `900bit` (per second,
/// with decimal prefixes, as `tc` writes them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

const RATE_UNITS: UnitTable = UnitTable {
    what: "a rate",
    example: "100mbit",
    units: &[("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1_000), ("bit", 1)],
};

impl Rate {
    /// Makes a rate of `bits` bits per second.
    #[must_use]
    pub const fn from_bits_per_second(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the rate in bits per second.
    #[must_use]
    pub const fn bits_per_second(self) -> u64 {
        self.0
    }

    /// Returns how long `bytes` occupy a line of this rate, rounded up to the nanosecond.
    ///
    /// A rate of zero never finishes: the answer is [`SimDuration::MAX`].
    #[must_use]
    pub fn serialization_time(self, bytes: ByteCount) -> SimDuration {
        if self.0 == 0 {
            return SimDuration::MAX;
        }
        // A packet's bits times 10^9 fit u64 up to 2.3 GB; u128 division is four times slower.
        let nanos = match bytes.0.checked_mul(8_000_000_000) {
            Some(bit_nanos) => bit_nanos.div_ceil(self.0),
            None => {
                let exact = (u128::from(bytes.0) * 8_000_000_000).div_ceil(u128::from(self.0));
                u64::try_from(exact).unwrap_or(u64::MAX)
            }
        };
        SimDuration::from_nanos(nanos)
    }
}

impl FromStr for Rate {
    type Err = ParseQuantityError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        RATE_UNITS.parse(text).map(Self)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format_scaled(f, self.0, &RATE_UNITS)
    }
}

/// A number of bytes.
///
/// Parses and prints as `1500B`, `64KB`, `5MB`, `1GB` (decimal); also parses
/// `64KiB`, `4MiB`, `1GiB` (binary).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteCount(u64);

const BYTE_UNITS: UnitTable = UnitTable {
    what: "a size",
    example: "5MB",
    units: &[
        ("GiB", 1 << 30),
        ("GB", 1_000_000_000),
        ("MiB", 1 << 20),
        ("MB", 1_000_000),
        ("KiB", 1 << 10),
        ("KB", 1_000),
        ("B", 1),
    ],
};

impl ByteCount {
    /// No bytes.
    pub const ZERO: Self = Self(0);

    /// Makes a count of `bytes` bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl Add for ByteCount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for ByteCount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl FromStr for ByteCount {
    type Err = ParseQuantityError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        BYTE_UNITS.parse(text).map(Self)
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format_scaled(f, self.0, &BYTE_UNITS)
    }
}

/// A share in parts per million; parses and prints as `0.5%`.
///
/// Probabilities and shares are integers so that they echo exactly and decide
/// the same on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ppm(u32);

const PPM_UNITS: UnitTable =
    UnitTable { what: "a percentage", example: "0.5%", units: &[("%", 10_000)] };

impl Ppm {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The whole; 100 %.
    pub const ONE: Self = Self(1_000_000);

    /// Makes a share of `ppm` parts per million, or `None` above one million.
    #[must_use]
    pub const fn new(ppm: u32) -> Option<Self> {
        if ppm <= 1_000_000 { Some(Self(ppm)) } else { None }
    }

    /// Returns `part` of `whole` rounded to the nearest millionth, zero when `whole` is zero.
    #[must_use]
    pub fn ratio(part: u64, whole: u64) -> Self {
        if whole == 0 {
            return Self::ZERO;
        }
        let scaled =
            (u128::from(part.min(whole)) * 1_000_000 + u128::from(whole / 2)) / u128::from(whole);
        Self(u32::try_from(scaled).unwrap_or(1_000_000))
    }

    /// Returns the parts per million, at most 1 000 000.
    #[must_use]
    pub const fn as_ppm(self) -> u32 {
        self.0
    }
}

impl FromStr for Ppm {
    type Err = ParseQuantityError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ppm = PPM_UNITS.parse(text)?;
        u32::try_from(ppm).ok().and_then(Self::new).ok_or_else(|| ParseQuantityError::TooLarge {
            text: text.to_owned(),
            what: PPM_UNITS.what,
        })
    }
}

impl fmt::Display for Ppm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0 / 10_000;
        let fraction = self.0 % 10_000;
        if fraction == 0 {
            write!(f, "{whole}%")
        } else {
            let digits = format!("{fraction:04}");
            write!(f, "{whole}.{}%", digits.trim_end_matches('0'))
        }
    }
}
