//! A limit on the rate of packets.

use natbed_units::SimTime;

use crate::PacketRate;

/// A packet costs as much as this many nanoseconds bring at a rate of one packet in a second.
const PACKET: u64 = 1_000_000_000;

/// A token bucket in exact integers: it counts in units of a packet and a nanosecond.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenBucket {
    rate: PacketRate,
    /// Packets that may pass, times [`PACKET`].
    level: u64,
    filled_at: SimTime,
}

impl TokenBucket {
    /// Makes a full bucket.
    pub(super) fn new(rate: PacketRate) -> Self {
        Self { rate, level: capacity(rate), filled_at: SimTime::ZERO }
    }

    /// Takes a token if there is one.
    pub(super) fn take(&mut self, now: SimTime) -> bool {
        let elapsed = now.saturating_since(self.filled_at).as_nanos();
        // Saturation does no harm: the bucket is full long before.
        let gained = elapsed.saturating_mul(u64::from(self.rate.packets_per_second));
        self.level = self.level.saturating_add(gained).min(capacity(self.rate));
        self.filled_at = self.filled_at.max(now);
        let passes = self.level >= PACKET;
        if passes {
            self.level -= PACKET;
        }
        passes
    }
}

/// Fits: 2^32 times 10^9 is less than 2^62.
fn capacity(rate: PacketRate) -> u64 {
    u64::from(rate.burst) * PACKET
}
