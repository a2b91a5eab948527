//! Traces of what a real link carried, in the format of Mahimahi.
//!
//! Each line is a whole number of milliseconds since the start of the trace at which 1500 bytes
//! may go; a number stands as often as that happens in the millisecond. The numbers never
//! decrease, and the trace begins anew at its last one (Netravali et al., "Mahimahi: Accurate
//! Record-and-Replay for HTTP", USENIX ATC 2015, and the manual page `mm-link(1)`).

use std::str::FromStr;

use thiserror::Error;

use crate::{ByteCount, Rate, SimDuration, SimTime};

#[cfg(test)]
mod tests;

/// When a link may send 1500 bytes; it repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// In milliseconds, never decreasing; the last one is above zero.
    times: Box<[u32]>,
}

/// One of the times of a [`Trace`], counted on through its repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opportunity {
    /// Which repetition, from zero.
    cycle: u64,
    /// Which of the times in it.
    index: u32,
}

impl Trace {
    /// What may go at one time.
    pub const OPPORTUNITY: ByteCount = ByteCount::new(1_500);
    /// The longest text that is read, in bytes.
    pub const BYTES_MAX: usize = 16 << 20;
    /// The most times in a trace.
    pub const TIMES_MAX: usize = 2_000_000;
    /// The latest time in a trace, in milliseconds: a day.
    pub const MILLIS_MAX: u32 = 86_400_000;

    /// Reads a trace.
    ///
    /// Blanks around a number and empty lines at the end are passed over.
    ///
    /// # Errors
    ///
    /// [`TraceError`] says where and why the text is no trace.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        if text.len() > Self::BYTES_MAX {
            return Err(TraceError { line: 1, column: 1, problem: TraceProblem::TooLong });
        }
        let mut times: Vec<u32> = Vec::new();
        let text = text.trim_end();
        for (n, line) in text.lines().enumerate() {
            let number = line.trim_start();
            // Blanks at the start are of one byte or several, but columns are characters.
            let column = line.chars().count() - number.chars().count() + 1;
            let error = |problem| TraceError { line: n + 1, column, problem };
            let time = read_time(number.trim_end()).map_err(error)?;
            if let Some(&before) = times.last().filter(|before| time < **before) {
                return Err(error(TraceProblem::Backwards { time, before }));
            }
            if times.len() == Self::TIMES_MAX {
                return Err(error(TraceProblem::TooMany));
            }
            times.push(time);
        }
        let last_line = times.len().max(1);
        match times.last() {
            Some(0) | None => {
                Err(TraceError { line: last_line, column: 1, problem: TraceProblem::NoTime })
            }
            Some(_) => Ok(Self { times: times.into() }),
        }
    }

    /// Returns the times in milliseconds, in order.
    #[must_use]
    pub fn millis(&self) -> &[u32] {
        &self.times
    }

    /// Returns after how long the trace begins anew.
    #[must_use]
    pub fn period(&self) -> SimDuration {
        SimDuration::from_millis(self.times.last().copied().unwrap_or(1).into())
    }

    /// Returns the rate on average over one period, rounded down.
    #[must_use]
    pub fn average_rate(&self) -> Rate {
        let bits = self.times.len() as u64 * Self::OPPORTUNITY.bytes() * 8;
        Rate::from_bits_per_second(bits * 1_000 / (self.period().as_nanos() / 1_000_000))
    }

    /// Returns the first time to send after `now`.
    #[must_use]
    pub fn first_after(&self, now: SimTime) -> Opportunity {
        let period = self.period().as_nanos();
        let (cycle, into) = (now.as_nanos() / period, now.as_nanos() % period);
        let index = self.times.partition_point(|&millis| u64::from(millis) * 1_000_000 <= into);
        // There is one: the last time is the period, and more than what is left of it.
        Opportunity { cycle, index: index as u32 }
    }

    /// Returns the time to send that follows another one; it may be of the same millisecond.
    #[must_use]
    pub fn next(&self, after: Opportunity) -> Opportunity {
        let index = after.index + 1;
        if (index as usize) < self.times.len() {
            Opportunity { index, ..after }
        } else {
            Opportunity { cycle: after.cycle + 1, index: 0 }
        }
    }

    /// Returns when a time to send is, as time since the start of the first repetition.
    ///
    /// An opportunity of another trace may be at any time.
    #[must_use]
    pub fn at(&self, opportunity: Opportunity) -> SimTime {
        let millis = self.times.get(opportunity.index as usize).copied().unwrap_or_default();
        let into = SimDuration::from_millis(millis.into());
        SimTime::ZERO + self.period() * opportunity.cycle + into
    }
}

impl FromStr for Trace {
    type Err = TraceError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

fn read_time(number: &str) -> Result<u32, TraceProblem> {
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TraceProblem::NotANumber);
    }
    match number.parse() {
        Ok(time) if time <= Trace::MILLIS_MAX => Ok(time),
        _ => Err(TraceProblem::TooLate),
    }
}

/// Why a text is no trace, and where that shows.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct TraceError {
    /// The line, from one.
    pub line: usize,
    /// The column of the number in it, from one, in characters.
    pub column: usize,
    /// What is wrong there.
    pub problem: TraceProblem,
}

/// What is wrong with a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TraceProblem {
    /// A line is not a whole number.
    #[error("expected a whole number of milliseconds")]
    NotANumber,
    /// A time is too late.
    #[error("a time is at most {} ms", Trace::MILLIS_MAX)]
    TooLate,
    /// A time is before the one in the line before.
    #[error("{time} ms comes after {before} ms")]
    Backwards {
        /// The time, in milliseconds.
        time: u32,
        /// The time before it.
        before: u32,
    },
    /// There are no times, or none but zero: the trace would repeat without time passing.
    #[error("a trace ends later than it begins")]
    NoTime,
    /// There are too many lines.
    #[error("a trace has at most {} times", Trace::TIMES_MAX)]
    TooMany,
    /// The text is too long.
    #[error("a trace is at most {} bytes long", Trace::BYTES_MAX)]
    TooLong,
}
