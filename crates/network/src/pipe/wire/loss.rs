//! Which packets the wire loses.

use natbed_units::SimRng;

use super::draw;
use crate::pipe::config::{Fate, Loss};

/// The rules of loss, and how far they are.
#[derive(Debug)]
pub(super) struct LossState {
    rules: Loss,
    rng: SimRng,
    /// Packets since the rules hold.
    packets: u64,
    /// How many entries of a list have passed.
    passed: usize,
    is_bad: bool,
}

impl LossState {
    pub(super) fn new(rules: &Loss, rng: SimRng) -> Self {
        Self { rules: rules.clone(), rng, packets: 0, passed: 0, is_bad: false }
    }

    /// Changes the rules; where they stay the same they go on.
    pub(super) fn set_config(&mut self, rules: &Loss) {
        if self.rules != *rules {
            *self = Self::new(rules, self.rng.clone());
        }
    }

    /// Decides on the next packet.
    pub(super) fn loses(&mut self) -> bool {
        let number = self.packets;
        self.packets += 1;
        match &self.rules {
            Loss::None => false,
            Loss::Independent(share) => draw(&mut self.rng, *share),
            Loss::GilbertElliott(wire) => {
                let (loss, change) = match self.is_bad {
                    false => (wire.loss_good, wire.good_to_bad),
                    true => (wire.loss_bad, wire.bad_to_good),
                };
                let is_lost = draw(&mut self.rng, loss);
                self.is_bad ^= draw(&mut self.rng, change);
                is_lost
            }
            Loss::Pattern(fates) => fates[(number % fates.len() as u64) as usize] == Fate::Drop,
            Loss::List(numbers) => {
                let is_lost = numbers.get(self.passed) == Some(&(number + 1));
                self.passed += usize::from(is_lost);
                is_lost
            }
        }
    }
}
