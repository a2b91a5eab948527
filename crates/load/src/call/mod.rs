//! Calls: datagrams at a constant bit rate, and how they arrive.

mod arrivals;
mod gaps;
mod jitter;
mod preset;
mod schedule;
mod side;

use natbed_units::{ByteCount, Rate, SimDuration, SimTime};

use crate::config::{Direction, LoadError};
use crate::series::Series;

pub use preset::MediaPreset;
pub(crate) use side::Call;

/// Datagrams at a constant bit rate, as audio or video sends them.
///
/// The n-th datagram, from 0, is due `n * size * 8 / rate` after the start, rounded down to the
/// nanosecond: over any time the rate is met without drift. Nothing is sent at or after the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallConfig {
    /// Which peers send.
    pub direction: Direction,
    /// Bits per second that each of them sends, counted in whole datagrams; headers of UDP, IP and
    /// TURN are not counted.
    pub rate: Rate,
    /// Bytes of each datagram, from [`CallConfig::MIN_SIZE`] to [`CallConfig::MAX_SIZE`].
    ///
    /// Tag, time of sending and number are the first 24 of them, about what the headers of SRTP
    /// take (RFC 3550 section 5.1, RFC 3711 section 3.1: 12 and 10 bytes); the rest is zeros.
    pub size: ByteCount,
    /// How long.
    pub duration: SimDuration,
    /// A gap between two arrivals of at least this length is a freeze; choose it well above the
    /// time between two datagrams. [`CallConfig::FREEZE_AFTER`] suits video.
    pub freeze_after: SimDuration,
    /// Time between two samples of what arrived; `None` takes none.
    pub sample: Option<SimDuration>,
}

impl CallConfig {
    /// The smallest datagram: tag, time of sending and number, eight bytes each.
    pub const MIN_SIZE: usize = side::HEADER;

    /// The largest datagram.
    pub const MAX_SIZE: usize = 2048;

    /// A gap that is seen as a freeze of video.
    ///
    /// The W3C's `freezeCount` (Identifiers for WebRTC's Statistics API) counts the time between two
    /// frames if it is at least max(3 d, d + 150 ms), where d is the mean of the last frames' times:
    /// 190 ms at 25 frames per second, 183 ms at 30. This is that limit at 20 frames per second.
    pub const FREEZE_AFTER: SimDuration = SimDuration::from_millis(200);

    /// Makes a call of both peers with such media.
    #[must_use]
    pub const fn of(media: MediaPreset, duration: SimDuration) -> Self {
        Self {
            direction: Direction::Both,
            rate: media.rate,
            size: media.size,
            duration,
            freeze_after: Self::FREEZE_AFTER,
            sample: None,
        }
    }

    /// Checks that the call can be made as it is described.
    ///
    /// # Errors
    ///
    /// When the rate is zero or the size out of its range.
    pub fn validate(&self) -> Result<(), LoadError> {
        let refuse = |message| Err(LoadError::Transport { transport: "datagrams", message });
        let sizes = Self::MIN_SIZE as u64..=Self::MAX_SIZE as u64;
        if !sizes.contains(&self.size.bytes()) {
            let (least, most) = (Self::MIN_SIZE, Self::MAX_SIZE);
            return refuse(format!("its size is {}, not {least} to {most} bytes", self.size));
        }
        if self.rate.bits_per_second() == 0 {
            return refuse("its rate is zero".to_owned());
        }
        Ok(())
    }
}

/// What one side of a call sent, and what arrived there.
///
/// Without the series it takes less than a hundred kilobytes, however long the call is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallReport {
    /// When this side began.
    pub started: Option<SimTime>,
    /// Datagrams that this side sent.
    pub sent: u64,
    /// Bytes of them, headers of UDP and IP not included.
    pub sent_bytes: u64,
    /// When the last of them was sent.
    pub last_sent: Option<SimTime>,
    /// Datagrams that the other side has sent, as far as this side can tell by their numbers: those
    /// lost after the last arrival are missing. What the other side says it [`sent`](Self::sent) is
    /// the better number.
    pub expected: u64,
    /// Datagrams that arrived here, each once.
    pub received: u64,
    /// Bytes of them.
    pub received_bytes: u64,
    /// Datagrams that arrived once more, or so late, a million datagrams, that it cannot be told.
    pub duplicates: u64,
    /// Datagrams that arrived after one that was sent later (RFC 4737 section 3.3), duplicates not
    /// included.
    pub reordered: u64,
    /// When the first one arrived.
    pub first_received: Option<SimTime>,
    /// When the last one arrived.
    pub last_received: Option<SimTime>,
    /// The median time from sending to arrival; percentiles are nearest-rank, at most 1 % above.
    pub delay_p50: Option<SimDuration>,
    /// The one-way delay that 95 % did not exceed.
    pub delay_p95: Option<SimDuration>,
    /// The one-way delay that 99 % did not exceed.
    pub delay_p99: Option<SimDuration>,
    /// The longest one-way delay, exactly.
    pub delay_max: Option<SimDuration>,
    /// The interarrival jitter at the end (RFC 3550 section 6.4.1), from the second arrival on.
    pub jitter: Option<SimDuration>,
    /// The largest that it was.
    pub jitter_max: Option<SimDuration>,
    /// How often nothing new arrived for as long as makes a freeze.
    pub freezes: u64,
    /// How long that lasted in sum: from the last arrival before each freeze to the first after it.
    pub frozen: SimDuration,
    /// The freezes one by one in order, each from the last arrival before it to the first one after
    /// it; the first [`CallReport::OUTAGES_MAX`] of them.
    ///
    /// Datagrams lost at the very start or end make a freeze too: it begins when the first datagram
    /// should have arrived, or ends when the last one should have, with the shortest delay of this
    /// call. If nothing arrived at all, it lasts from this side's start on for as long as the other
    /// one sends.
    pub outages: Vec<(SimTime, SimTime)>,
    /// What arrived here by intervals, if that was asked for.
    pub series: Option<Series>,
}

impl CallReport {
    /// The most [`outages`](Self::outages) that are listed; all are counted.
    pub const OUTAGES_MAX: usize = 4096;
}
