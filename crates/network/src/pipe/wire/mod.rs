//! What happens to a packet once it has left the line: loss, duplication, corruption, delay.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use natbed_units::{Ppm, Seed, SimDuration, SimRng, SimTime};

use super::config::PipeConfig;
use crate::slab::Slot;
use jitter::JitterState;
use loss::LossState;

mod jitter;
mod loss;
mod quantile;
#[cfg(test)]
mod tests;

/// The wire of a pipe, with a generator for each thing that is left to chance.
#[derive(Debug)]
pub(super) struct Wire {
    delay: SimDuration,
    loss: LossState,
    duplicate: Chance,
    corrupt: Chance,
    jitter: JitterState,
    /// When the last packet of all that are on the wire comes out.
    last_due: SimTime,
    /// Packets that may overtake each other, or be overtaken.
    loose: BinaryHeap<Reverse<Loose>>,
}

/// Something that happens to a share of all packets.
#[derive(Clone, Debug)]
struct Chance {
    share: Ppm,
    rng: SimRng,
}

impl Chance {
    fn comes_true(&mut self) -> bool {
        self.share != Ppm::ZERO && draw(&mut self.rng, self.share)
    }
}

/// Says whether something happens that does so with the given probability.
fn draw(rng: &mut SimRng, share: Ppm) -> bool {
    rng.in_range(0..1_000_000) < share.as_ppm()
}

/// A packet on the wire that is not bound to the order of the others.
#[derive(Clone, Copy, Debug)]
struct Loose {
    due: SimTime,
    sequence: u64,
    slot: Slot,
    /// Whether it stands in the schedule; the first one always does.
    is_scheduled: bool,
}

impl Loose {
    const fn key(&self) -> (SimTime, u64) {
        (self.due, self.sequence)
    }
}

impl PartialEq for Loose {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Loose {}

impl PartialOrd for Loose {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Loose {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Wire {
    /// Makes the wire of a pipe that draws from the generators called `name` and more.
    pub(super) fn new(config: &PipeConfig, delay: SimDuration, seed: Seed, name: &str) -> Self {
        let rng = |what| seed.rng(&format!("{name}/{what}"));
        Self {
            delay,
            loss: LossState::new(&config.loss, rng("loss")),
            duplicate: Chance { share: config.duplicate, rng: rng("duplicate") },
            corrupt: Chance { share: config.corrupt, rng: rng("corrupt") },
            jitter: JitterState::new(config.jitter, rng("jitter")),
            last_due: SimTime::ZERO,
            loose: BinaryHeap::new(),
        }
    }

    /// Changes what happens to packets from now on; the generators go on.
    pub(super) fn set_config(&mut self, config: &PipeConfig, delay: SimDuration) {
        self.delay = delay;
        self.loss.set_config(&config.loss);
        self.duplicate.share = config.duplicate;
        self.corrupt.share = config.corrupt;
        self.jitter.set_config(config.jitter);
    }

    /// Takes note of a packet that is on the wire already.
    pub(super) fn keep_behind(&mut self, due: SimTime) {
        self.last_due = self.last_due.max(due);
    }

    pub(super) fn loses(&mut self) -> bool {
        self.loss.loses()
    }

    pub(super) fn duplicates(&mut self) -> bool {
        self.duplicate.comes_true()
    }

    pub(super) fn corrupts(&mut self) -> bool {
        self.corrupt.comes_true()
    }

    /// Decides when a packet that has left the line comes out, and whether it may overtake others.
    pub(super) fn due(&mut self, now: SimTime) -> (SimTime, bool) {
        let due = now + self.jitter.delay(self.delay);
        let may_overtake = self.jitter.reorders();
        let due = if may_overtake { due } else { due.max(self.last_due) };
        self.keep_behind(due);
        (due, may_overtake)
    }

    /// Says whether no packet is there that may be overtaken.
    pub(super) fn is_orderly(&self) -> bool {
        self.loose.is_empty()
    }

    /// Keeps a packet that may overtake others; says whether it is the next one out.
    #[must_use = "the next one out stands in the schedule"]
    pub(super) fn keep_loose(&mut self, slot: Slot, due: SimTime, sequence: u64) -> bool {
        let is_next = self.loose.peek().is_none_or(|Reverse(next)| (due, sequence) < next.key());
        self.loose.push(Reverse(Loose { due, sequence, slot, is_scheduled: is_next }));
        is_next
    }

    /// Gives out the packet that comes out next of these, and when the one behind it does, unless
    /// that one stands in the schedule already.
    pub(super) fn pop_loose(&mut self) -> Option<(Slot, Option<(SimTime, u64)>)> {
        let Reverse(out) = self.loose.pop()?;
        let next = self.loose.peek_mut().and_then(|mut next| {
            if next.0.is_scheduled {
                return None;
            }
            // Its place in the order stays what it is: no two are due with one sequence number.
            next.0.is_scheduled = true;
            Some((next.0.due, next.0.sequence))
        });
        Some((out.slot, next))
    }
}
