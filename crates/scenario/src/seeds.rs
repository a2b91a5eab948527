//! The seeds that a scenario is run with.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

use crate::limits::MAX_SEEDS;

/// The seeds from `first` to `last`, both included; written `1..100`, or `7` for one alone.
///
/// [`FromStr`] guarantees `first <= last` and at most [`MAX_SEEDS`] seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeedRange {
    /// The first seed.
    pub first: u64,
    /// The last seed.
    pub last: u64,
}

impl SeedRange {
    /// Makes the range of one seed.
    #[must_use]
    pub const fn one(seed: u64) -> Self {
        Self { first: seed, last: seed }
    }

    /// Returns the seeds in order.
    #[must_use]
    pub const fn iter(self) -> RangeInclusive<u64> {
        self.first..=self.last
    }
}

impl Default for SeedRange {
    /// Seed 1 alone.
    fn default() -> Self {
        Self::one(1)
    }
}

impl IntoIterator for SeedRange {
    type Item = u64;
    type IntoIter = RangeInclusive<u64>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Why a text is not a range of seeds.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseSeedsError {
    /// It is not a number, nor two with `..` between them.
    #[error("`{text}` is not a range of seeds: expected `first..last` or a number, like `1..100`")]
    NotNumbers {
        /// The text as given.
        text: String,
    },
    /// The last seed comes before the first.
    #[error("the seeds {first}..{last} are reversed")]
    Reversed {
        /// The seed before the dots.
        first: u64,
        /// The seed after the dots.
        last: u64,
    },
    /// There are more seeds than one scenario may be run with.
    #[error("the seeds {first}..{last} are more than {limit}")]
    TooMany {
        /// The first seed.
        first: u64,
        /// The last seed.
        last: u64,
        /// The most seeds that are allowed.
        limit: u64,
    },
}

impl FromStr for SeedRange {
    type Err = ParseSeedsError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let number = |digits: &str| {
            let digits = digits.trim();
            // `u64::from_str` would take a plus sign.
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            Some(digits).filter(|_| plain).and_then(|digits| digits.parse().ok())
        };
        let (Some(first), Some(last)) = (number(first), number(last)) else {
            return Err(ParseSeedsError::NotNumbers { text: text.to_owned() });
        };
        if last < first {
            return Err(ParseSeedsError::Reversed { first, last });
        }
        if last - first >= MAX_SEEDS {
            return Err(ParseSeedsError::TooMany { first, last, limit: MAX_SEEDS });
        }
        Ok(Self { first, last })
    }
}

impl fmt::Display for SeedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}..{}", self.first, self.last)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ParseSeedsError, SeedRange};

    #[test]
    fn seeds_print_as_they_parse() {
        for text in ["7", "0", "1..100", "18446744073709551615", "5..6"] {
            assert_eq!(text.parse::<SeedRange>().unwrap().to_string(), text);
        }
        assert_eq!(" 1 .. 3 ".parse::<SeedRange>().unwrap().iter().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!("4..4".parse(), Ok(SeedRange::one(4)));
    }

    #[test]
    fn seeds_that_cannot_be_run_say_why() {
        use ParseSeedsError as E;
        let parse = str::parse::<SeedRange>;
        for text in ["", "a", "1..", "..3", "1...3", "-1", "+1", "1..2..3", "1.5"] {
            assert_eq!(parse(text), Err(E::NotNumbers { text: text.to_owned() }));
        }
        assert_eq!(parse("9..2"), Err(E::Reversed { first: 9, last: 2 }));
        assert!(parse("1..100000").is_ok());
        assert_eq!(parse("1..100001"), Err(E::TooMany { first: 1, last: 100_001, limit: 100_000 }));
        assert!(matches!(parse("0..18446744073709551615"), Err(E::TooMany { .. })));
    }
}
