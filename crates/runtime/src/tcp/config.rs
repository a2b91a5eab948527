//! What can be set on a TCP connection, and in which ranges.

use std::io;
use std::ops::RangeInclusive;

use natbed_units::{ByteCount, SimDuration};

use crate::sockets::errno;

/// Settings of a TCP connection, or of those that a listener takes.
///
/// What is out of range is refused with `EINVAL` when the configuration is used.
///
/// One flow fills a link if [`send_buffer`](Self::send_buffer) and
/// [`receive_buffer`](Self::receive_buffer) are at least the link's rate times the round trip
/// (the bandwidth-delay product). Together they should not be more than that plus the bottleneck's
/// queue: unlike an operating system's TCP, this one makes good one lost segment of a flight in a
/// round trip, and several only with a retransmission timeout of at least a second (see
/// [`TcpStream`](crate::TcpStream)). So a queue that overflows costs it a second each time where it
/// costs Linux next to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpConfig {
    /// How the sender finds out how much the path takes.
    pub congestion: Congestion,
    /// Bytes that wait to be sent or acknowledged, 1 KiB to 64 MiB; 256 KiB at first.
    pub send_buffer: ByteCount,
    /// Bytes that wait to be read, 1 KiB to 64 MiB; 256 KiB at first. It bounds the window that is
    /// advertised; the window is scaled (RFC 7323) if it is larger than 64 KiB.
    pub receive_buffer: ByteCount,
    /// Whether small writes wait for what is on its way to be acknowledged (RFC 896), as they do
    /// at first and without `TCP_NODELAY`.
    pub nagle: bool,
    /// How long an acknowledgment waits for company (RFC 1122 section 4.2.3.2), at most 500 ms;
    /// 40 ms at first, as on Linux (`TCP_DELACK_MIN`), `None` for not at all. More than one full
    /// segment is acknowledged at once, and so are the first 16 (`TCP_MAX_QUICKACKS`).
    pub ack_delay: Option<SimDuration>,
    /// Whether segments carry timestamps (RFC 7323), 12 bytes each, if the other side agrees; they
    /// do at first, as on Linux. They are sent and echoed, and nothing is derived from them.
    pub timestamps: bool,
    /// After how much silence an idle connection is probed (RFC 1122 section 4.2.3.6), at least
    /// 1 ms; `None` at first, for never. Once ten such spans have passed in silence the connection
    /// ends with `ETIMEDOUT` (Linux: nine probes are not answered).
    pub keepalive: Option<SimDuration>,
    /// How long an established connection waits in silence while something is unacknowledged
    /// before it ends with `ETIMEDOUT` (`TCP_USER_TIMEOUT`, RFC 5482); 924.6 s at first, as on
    /// Linux with 15 retries.
    pub timeout: SimDuration,
    /// How long an answer to the first segment is waited for before connecting ends with
    /// `ETIMEDOUT`; 127 s at first, as on Linux with six retries.
    pub connect_timeout: SimDuration,
    /// How many connections may wait to be accepted, half-open ones included, 1 to 65 535; 128 at
    /// first. The first segments of more are dropped, so that those who connect try again.
    pub backlog: usize,
}

/// The congestion control of a TCP sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Congestion {
    /// CUBIC (RFC 9438), what operating systems use.
    #[default]
    Cubic,
    /// Reno (RFC 5681).
    Reno,
    /// None: the windows alone bound what is on its way. For tests and for links without a queue.
    None,
}

/// The sizes of a buffer.
const BUFFER: RangeInclusive<u64> = 1 << 10..=64 << 20;
/// The longest that an acknowledgment may wait (RFC 1122 section 4.2.3.2).
const ACK_DELAY_MAX: SimDuration = SimDuration::from_millis(500);
const KEEPALIVE_MIN: SimDuration = SimDuration::from_millis(1);
/// The longest of the other spans, so that sums of times stay far from the end of time.
const SPAN_MAX: SimDuration = SimDuration::from_secs(365 * 86_400);

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            congestion: Congestion::Cubic,
            send_buffer: ByteCount::new(256 << 10),
            receive_buffer: ByteCount::new(256 << 10),
            nagle: true,
            ack_delay: Some(SimDuration::from_millis(40)),
            timestamps: true,
            keepalive: None,
            timeout: SimDuration::from_millis(924_600),
            connect_timeout: SimDuration::from_secs(127),
            backlog: 128,
        }
    }
}

impl TcpConfig {
    /// Makes the default configuration with both buffers of `bytes`.
    #[must_use]
    pub fn with_buffers(bytes: ByteCount) -> Self {
        Self { send_buffer: bytes, receive_buffer: bytes, ..Self::default() }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// `EINVAL` if a value is out of its range.
    pub(super) fn check(&self) -> io::Result<()> {
        let is_span = |span: SimDuration| !span.is_zero() && span <= SPAN_MAX;
        let is_valid = BUFFER.contains(&self.send_buffer.bytes())
            && BUFFER.contains(&self.receive_buffer.bytes())
            && self.ack_delay.is_none_or(|delay| delay <= ACK_DELAY_MAX)
            && self.keepalive.is_none_or(|span| span >= KEEPALIVE_MIN && span <= SPAN_MAX)
            && is_span(self.timeout)
            && is_span(self.connect_timeout)
            && (1..=65_535).contains(&self.backlog);
        if is_valid { Ok(()) } else { Err(errno(libc::EINVAL)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_refused() {
        let valid = TcpConfig::default();
        assert!(valid.check().is_ok());
        let (small, large) = (ByteCount::new(1023), ByteCount::new((64 << 20) + 1));
        let invalid = [
            TcpConfig { send_buffer: small, ..valid },
            TcpConfig { receive_buffer: large, ..valid },
            TcpConfig { ack_delay: Some(SimDuration::from_millis(501)), ..valid },
            TcpConfig { keepalive: Some(SimDuration::ZERO), ..valid },
            TcpConfig { timeout: SimDuration::ZERO, ..valid },
            TcpConfig { connect_timeout: SimDuration::MAX, ..valid },
            TcpConfig { backlog: 0, ..valid },
        ];
        for config in invalid {
            let error = config.check().expect_err("out of range");
            assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "{config:?}");
        }
    }
}
