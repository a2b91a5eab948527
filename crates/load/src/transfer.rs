//! Bulk transfers: what they send, and what came of it, whatever the transport.

use natbed_units::{ByteCount, Rate, SimDuration, SimTime};

use crate::config::{Amount, Direction};
use crate::series::Series;

/// What a bulk transfer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferConfig {
    /// Which peers send.
    pub direction: Direction,
    /// How much each of them sends.
    pub amount: Amount,
    /// Time between two samples of what arrived; `None` takes none.
    pub sample: Option<SimDuration>,
}

impl TransferConfig {
    /// Returns how many bytes the peer with this number is to send; `None` for as many as go
    /// through in the time.
    #[must_use]
    pub const fn bytes(&self, peer: usize) -> Option<ByteCount> {
        match self.amount {
            _ if !self.direction.sends(peer) => Some(ByteCount::ZERO),
            Amount::Bytes(bytes) => Some(bytes),
            Amount::For(_) => None,
        }
    }

    /// Returns how long it takes if all goes well, as far as that is known beforehand: nothing for
    /// so many bytes.
    #[must_use]
    pub const fn duration(&self) -> SimDuration {
        match self.amount {
            Amount::Bytes(_) => SimDuration::ZERO,
            Amount::For(time) => time,
        }
    }
}

/// What one side of a bulk transfer sent and received.
///
/// Bytes are the application's: neither headers nor retransmissions count, and what was received is
/// counted when the transport hands it over, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransferReport {
    /// When this side began: its load started, the transport not yet connected.
    pub started: Option<SimTime>,
    /// When the transport had connected.
    pub connected: Option<SimTime>,
    /// Bytes that this side was to send; `None` for as many as go through in the time.
    pub offered_bytes: Option<u64>,
    /// Bytes that this side has handed to the transport.
    pub sent_bytes: u64,
    /// Bytes that arrived here.
    pub received_bytes: u64,
    /// When the first of them arrived.
    pub first_received: Option<SimTime>,
    /// When the last of them arrived.
    pub last_received: Option<SimTime>,
    /// When everything that the other side sends had arrived, and this side knew that.
    pub completed: Option<SimTime>,
    /// Datagrams or segments that this side sent, acknowledgments included.
    pub datagrams_sent: u64,
    /// Of these, those that carried something again, or that the transport gave up for lost.
    pub datagrams_retransmitted: u64,
    /// Bytes sent again, as far as the transport tells.
    pub retransmitted_bytes: u64,
    /// The round trip as the transport had smoothed it last.
    pub round_trip: Option<SimDuration>,
    /// Why the transport gave up, in its own words.
    pub failure: Option<String>,
    /// What arrived here by intervals, if that was asked for.
    pub series: Option<Series>,
}

impl TransferReport {
    /// Returns the goodput of what arrived here: its bytes over the time from this side's start to
    /// the last of them, so that connecting the transport counts.
    ///
    /// `None` when nothing arrived.
    #[must_use]
    pub fn goodput(&self) -> Option<Rate> {
        let span = self.last_received?.saturating_since(self.started?).as_nanos();
        let bits = u128::from(self.received_bytes) * 8_000_000_000;
        let rate = bits / u128::from(span.max(1));
        Some(Rate::from_bits_per_second(u64::try_from(rate).unwrap_or(u64::MAX)))
    }
}
