//! RED, random early detection (Floyd and Jacobson 1993).

use natbed_units::SimTime;

use super::{Fifo, Pushed, Surroundings, Taken, Waiting};
use crate::pipe::config::Red;

/// Binary digits behind the point of the average and of probabilities.
const FRACTION: u32 = 32;

/// One, with these digits.
const ONE: u64 = 1 << FRACTION;

/// A queue under RED.
#[derive(Clone, Debug)]
pub(in crate::pipe) struct RedQueue {
    config: Red,
    fifo: Fifo,
    /// The average of the bytes that wait, in 2^-32 bytes.
    average: u128,
    /// Packets since the last one that was dropped or marked, while the average lies between the
    /// thresholds.
    count: Option<u64>,
    /// Since when the queue is empty.
    idle_since: Option<SimTime>,
}

impl RedQueue {
    pub(super) fn new(config: Red) -> Self {
        let fifo = Fifo::default();
        Self { config, fifo, average: 0, count: None, idle_since: Some(SimTime::ZERO) }
    }

    pub(super) fn set_config(&mut self, config: Red) {
        self.config = config;
    }

    pub(super) fn push(
        &mut self,
        packet: Waiting,
        around: Surroundings,
        chance: impl FnOnce() -> u32,
    ) -> Pushed {
        self.follow(around);
        let limit = self.config.limit;
        let (bytes, packets) = (self.fifo.bytes, self.fifo.len());
        let has_room = limit.has_room(bytes, packets, packet.length, around.on_line);
        let verdict = match self.judge(chance) {
            Verdict::Notify if !(self.config.ecn && packet.is_ect) => return Pushed::Early,
            Verdict::Drop => return Pushed::Early,
            _ if !has_room => return Pushed::Full,
            Verdict::Notify => Pushed::Marked,
            Verdict::Pass => Pushed::Waits,
        };
        self.put(packet);
        verdict
    }

    /// Lets the average follow what waits; of the time that the queue was empty it takes note as if
    /// so many full packets had found it so.
    fn follow(&mut self, around: Surroundings) {
        let weight = u32::from(self.config.weight);
        if let Some(since) = self.idle_since {
            self.idle_since = Some(around.now);
            let idle = u128::from(around.now.saturating_since(since).as_nanos());
            let packet = u128::from(around.full_packet) * 8_000_000_000;
            let passed = idle.saturating_mul(around.rate.into()) / packet;
            let passed = u64::try_from(passed).unwrap_or(u64::MAX);
            self.average =
                (self.average * u128::from(power(ONE - (ONE >> weight), passed))) >> FRACTION;
        } else {
            let waiting = u128::from(self.fifo.bytes) << FRACTION;
            self.average = self.average - (self.average >> weight) + (waiting >> weight);
        }
    }

    fn judge(&mut self, chance: impl FnOnce() -> u32) -> Verdict {
        let bytes = |bytes: u64| u128::from(bytes) << FRACTION;
        let (min, max) = (bytes(self.config.min.bytes()), bytes(self.config.max.bytes()));
        if self.average < min {
            self.count = None;
            return Verdict::Pass;
        }
        if self.average >= max {
            self.count = Some(0);
            return Verdict::Drop;
        }
        // p_b grows evenly with the average, and p_a = p_b / (1 - count * p_b) makes the gaps between
        // drops evenly distributed (section 7 of the paper).
        let count = self.count.map_or(0, |count| count + 1);
        let share = u128::from(self.config.max_share.as_ppm());
        let base = share * (self.average - min) / (max - min) * u128::from(ONE) / 1_000_000;
        let rest = u128::from(ONE).saturating_sub(base.saturating_mul(count.into()));
        if u128::from(chance()) * rest < base * u128::from(ONE) {
            self.count = Some(0);
            Verdict::Notify
        } else {
            self.count = Some(count);
            Verdict::Pass
        }
    }

    pub(super) fn pop(&mut self, now: SimTime) -> Option<Taken> {
        let packet = self.fifo.pop()?;
        if self.fifo.bytes == 0 {
            self.idle_since = Some(now);
        }
        Some(Taken { packet, is_marked: false })
    }

    pub(super) fn drain(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.fifo).packets.into()
    }

    pub(super) fn put(&mut self, packet: Waiting) {
        self.idle_since = None;
        self.fifo.push(packet);
    }
}

/// What RED decides of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    /// Mark it if it may be marked, drop it else.
    Notify,
    Drop,
}

/// A share below one to a power, both with the binary digits of this module.
fn power(share: u64, exponent: u64) -> u64 {
    let (mut base, mut exponent, mut product) = (share, exponent, ONE);
    while exponent > 0 && product > 0 {
        if exponent & 1 == 1 {
            product = ((u128::from(product) * u128::from(base)) >> FRACTION) as u64;
        }
        base = ((u128::from(base) * u128::from(base)) >> FRACTION) as u64;
        exponent >>= 1;
    }
    product
}
