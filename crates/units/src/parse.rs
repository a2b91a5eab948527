//! Numbers with a written-out unit, parsed exactly and printed back exactly.

use std::fmt;

use thiserror::Error;

/// What was wrong with the text of a quantity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseQuantityError {
    /// There is no number at the start.
    #[error("`{text}` is not {what}: expected a number with a unit, like `{example}`")]
    NoNumber {
        /// The text as given.
        text: String,
        /// The kind of quantity, with its article.
        what: &'static str,
        /// A well-formed quantity of this kind.
        example: &'static str,
    },
    /// The number has no unit, or one that this kind of quantity does not know.
    #[error("`{text}` is not {what}: expected one of the units {units}, like `{example}`")]
    UnknownUnit {
        /// The text as given.
        text: String,
        /// The kind of quantity, with its article.
        what: &'static str,
        /// The units that are known, separated by commas.
        units: String,
        /// A well-formed quantity of this kind.
        example: &'static str,
    },
    /// The quantity is finer than the smallest unit can hold.
    #[error("`{text}` is finer than {what} can be")]
    TooFine {
        /// The text as given.
        text: String,
        /// The kind of quantity, with its article.
        what: &'static str,
    },
    /// The quantity is larger than its type or its meaning allows.
    #[error("`{text}` is too large for {what}")]
    TooLarge {
        /// The text as given.
        text: String,
        /// The kind of quantity, with its article.
        what: &'static str,
    },
}

/// The units of one kind of quantity, largest first, each with its size in the base unit.
pub(crate) struct UnitTable {
    pub(crate) what: &'static str,
    pub(crate) example: &'static str,
    pub(crate) units: &'static [(&'static str, u64)],
}

impl UnitTable {
    pub(crate) fn parse(&self, text: &str) -> Result<u64, ParseQuantityError> {
        let trimmed = text.trim();
        let split =
            trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(split);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let no_number = || ParseQuantityError::NoNumber {
            text: text.to_owned(),
            what: self.what,
            example: self.example,
        };
        if whole.is_empty() || fraction.contains('.') || number.ends_with('.') {
            return Err(no_number());
        }
        let Some(&(_, scale)) = self.units.iter().find(|(name, _)| *name == unit.trim()) else {
            return Err(ParseQuantityError::UnknownUnit {
                text: text.to_owned(),
                what: self.what,
                units: self.units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
                example: self.example,
            });
        };
        let too_large = || ParseQuantityError::TooLarge { text: text.to_owned(), what: self.what };
        let whole: u64 = whole.parse().map_err(|_| too_large())?;
        let whole = whole.checked_mul(scale).ok_or_else(too_large)?;
        let fraction = self.fraction(text, fraction, scale)?;
        whole.checked_add(fraction).ok_or_else(too_large)
    }

    /// The part after the decimal point in base units; an inexact one is refused, not rounded.
    fn fraction(&self, text: &str, digits: &str, scale: u64) -> Result<u64, ParseQuantityError> {
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() {
            return Ok(0);
        }
        let too_fine = || ParseQuantityError::TooFine { text: text.to_owned(), what: self.what };
        // 10^18 is finer than the finest unit of the largest scale, and fits u64.
        let power = u32::try_from(digits.len()).ok().filter(|n| *n <= 18).ok_or_else(too_fine)?;
        let numerator: u128 = digits.parse().map_err(|_| too_fine())?;
        let denominator = 10u128.pow(power);
        let scaled = numerator * u128::from(scale);
        if !scaled.is_multiple_of(denominator) {
            return Err(too_fine());
        }
        u64::try_from(scaled / denominator).map_err(|_| too_fine())
    }
}

/// Prints `value` in the largest unit that needs no more than three decimals.
pub(crate) fn format_scaled(
    f: &mut fmt::Formatter<'_>,
    value: u64,
    table: &UnitTable,
) -> fmt::Result {
    for &(name, scale) in table.units {
        if value >= scale && value.is_multiple_of(scale) {
            return write!(f, "{}{name}", value / scale);
        }
        // Hours, minutes and binary sizes print only when they are exact: 1.25h is hard to read.
        if value >= scale && is_power_of_ten(scale) {
            let thousandth = scale / 1000;
            if thousandth > 0 && value.is_multiple_of(thousandth) {
                let decimals = format!("{:03}", value % scale / thousandth);
                return write!(f, "{}.{}{name}", value / scale, decimals.trim_end_matches('0'));
            }
        }
    }
    // The last unit is the base unit: every value is a whole number of it.
    let (name, scale) = table.units[table.units.len() - 1];
    write!(f, "{}{name}", value / scale)
}

fn is_power_of_ten(mut number: u64) -> bool {
    while number > 0 && number.is_multiple_of(10) {
        number /= 10;
    }
    number == 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::{ByteCount, ParseQuantityError, Ppm, Rate, SimDuration};

    #[test]
    fn durations_are_exact() {
        assert_eq!("20ms".parse(), Ok(SimDuration::from_millis(20)));
        assert_eq!("1.5s".parse(), Ok(SimDuration::from_millis(1500)));
        assert_eq!("0.000000001s".parse(), Ok(SimDuration::from_nanos(1)));
        assert_eq!("2min".parse(), Ok(SimDuration::from_secs(120)));
        assert!(matches!("0.5ns".parse::<SimDuration>(), Err(ParseQuantityError::TooFine { .. })));
    }

    #[test]
    fn a_number_without_its_unit_is_refused() {
        let error = "20".parse::<SimDuration>().unwrap_err();
        assert!(error.to_string().contains("h, min, s, ms, us, ns"), "{error}");
        assert!(matches!("mbit".parse::<Rate>(), Err(ParseQuantityError::NoNumber { .. })));
        assert!(matches!("-5ms".parse::<SimDuration>(), Err(ParseQuantityError::NoNumber { .. })));
        assert!(matches!(
            "1.2.3s".parse::<SimDuration>(),
            Err(ParseQuantityError::NoNumber { .. })
        ));
    }

    #[test]
    fn absurd_numbers_are_refused() {
        assert!(matches!(
            "99999999999999999999h".parse::<SimDuration>(),
            Err(ParseQuantityError::TooLarge { .. })
        ));
        assert!(matches!("100.1%".parse::<Ppm>(), Err(ParseQuantityError::TooLarge { .. })));
    }

    #[test]
    fn quantities_print_as_people_write_them() {
        assert_eq!(SimDuration::from_millis(1500).to_string(), "1.5s");
        assert_eq!(SimDuration::from_secs(120).to_string(), "2min");
        assert_eq!(SimDuration::ZERO.to_string(), "0ns");
        assert_eq!(Rate::from_bits_per_second(100_000_000).to_string(), "100mbit");
        assert_eq!(ByteCount::new(64 * 1024).to_string(), "64KiB");
        assert_eq!("0.5%".parse::<Ppm>().unwrap().to_string(), "0.5%");
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverse(value in any::<u64>(), ppm in 0u32..=1_000_000) {
            let span = SimDuration::from_nanos(value);
            prop_assert_eq!(span.to_string().parse(), Ok(span));
            let rate = Rate::from_bits_per_second(value);
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
            let size = ByteCount::new(value);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
            let share = Ppm::new(ppm).unwrap();
            prop_assert_eq!(share.to_string().parse(), Ok(share));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<SimDuration>();
            let _ = text.parse::<Rate>();
            let _ = text.parse::<ByteCount>();
            let _ = text.parse::<Ppm>();
        }

        #[test]
        fn serialization_time_rounds_up(bytes in 0u64..1 << 40, bits in 1u64..1 << 40) {
            let nanos = u128::from(
                Rate::from_bits_per_second(bits).serialization_time(ByteCount::new(bytes)).as_nanos(),
            );
            let exact = u128::from(bytes) * 8_000_000_000;
            prop_assert!(nanos * u128::from(bits) >= exact || nanos == u128::from(u64::MAX));
            prop_assert!(nanos == 0 || (nanos - 1) * u128::from(bits) < exact);
        }
    }
}
