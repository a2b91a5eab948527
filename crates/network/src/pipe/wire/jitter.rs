//! How the delay varies from packet to packet.

use natbed_units::{Ppm, SimDuration, SimRng};
use rand_core::Rng;

use super::quantile::{self, FRACTION, NORMAL, PARETO};
use crate::pipe::config::{Distribution, Jitter};

/// The jitter of a pipe.
#[derive(Debug)]
pub(super) struct JitterState {
    config: Option<Jitter>,
    rng: SimRng,
    /// The normal variable that the last packet drew, if packets have something in common.
    last: Option<i64>,
}

impl JitterState {
    pub(super) const fn new(config: Option<Jitter>, rng: SimRng) -> Self {
        Self { config, rng, last: None }
    }

    pub(super) fn set_config(&mut self, config: Option<Jitter>) {
        self.config = config;
    }

    pub(super) fn reorders(&self) -> bool {
        self.config.is_some_and(|jitter| jitter.reorder)
    }

    /// Draws the delay of the next packet.
    pub(super) fn delay(&mut self, mean: SimDuration) -> SimDuration {
        let Some(jitter) = self.config else { return mean };
        let deviation = i128::from(self.deviation(jitter));
        let varied = (i128::from(jitter.spread.as_nanos()) * deviation) >> FRACTION;
        let delay = (i128::from(mean.as_nanos()) + varied).max(0);
        SimDuration::from_nanos(u64::try_from(delay).unwrap_or(u64::MAX))
    }

    /// Draws how far the next packet is off, as a multiple of the spread in 2^-24.
    fn deviation(&mut self, jitter: Jitter) -> i64 {
        // The share of all normal variables that lie further from zero, and on which side.
        let (tail, is_above) = if jitter.correlation == Ppm::ZERO {
            let bits = self.rng.next_u64();
            ((bits >> 32) + 1, bits & 1 == 1)
        } else {
            let normal = self.correlated(jitter.correlation);
            (NORMAL.tail(normal.abs()), normal > 0)
        };
        match jitter.distribution {
            Distribution::Uniform => {
                let from_zero = (quantile::ONE - tail) as i64 >> (quantile::BITS - FRACTION);
                if is_above { from_zero } else { -from_zero }
            }
            Distribution::Normal => {
                let from_zero = NORMAL.at(tail);
                if is_above { from_zero } else { -from_zero }
            }
            Distribution::Pareto => {
                let half = tail / 2;
                PARETO.at(if is_above { half.max(1) } else { quantile::ONE - half })
            }
        }
    }

    /// Draws a normal variable that has something in common with the last one: a mixture of that
    /// and a new one, whose squared parts make one, so that its own distribution stays the same.
    fn correlated(&mut self, correlation: Ppm) -> i64 {
        let bits = self.rng.next_u64();
        let from_zero = NORMAL.at((bits >> 32) + 1);
        let new = if bits & 1 == 1 { from_zero } else { -from_zero };
        let share = u64::from(correlation.as_ppm());
        let other = (1_000_000_000_000 - share * share).isqrt();
        let normal = match self.last {
            Some(last) => (last * share as i64 + new * other as i64) / 1_000_000,
            None => new,
        };
        self.last = Some(normal);
        normal
    }
}
