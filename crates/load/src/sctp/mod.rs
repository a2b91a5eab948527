//! Bulk transfers over SCTP, the transport of WebRTC's data channels.

mod association;
mod chunks;
mod side;

use natbed_units::ByteCount;

use crate::config::LoadError;
use crate::transfer::TransferConfig;

pub(crate) use side::Sctp;

/// A bulk transfer over SCTP as WebRTC data channels use it (RFC 8831, RFC 9260).
///
/// The implementation is the `sctp-proto` crate, unmodified, which the str0m WebRTC stack uses. The
/// first peer opens the association. Each sender writes messages of 16 KiB, the size that data
/// channels of all browsers take, in turn on its streams; a last message tells how much was sent.
/// Reliable delivery, timers as in RFC 9260 section 16.
///
/// DTLS is left out but for its size: each datagram has as many bytes as with a DTLS 1.2 record of
/// AES-GCM around the SCTP packet (37: RFC 6347 section 4.1, RFC 5288 section 3), of which tag and
/// time of sending take 16. Its handshake is missing, and so are the messages of RFC 8832, as if
/// the channels had been agreed on beforehand. No datagram is longer than 1200 bytes.
///
/// The association ends with the load, without a SHUTDOWN, as a peer connection that is closed. If
/// nothing arrives for 30 s, after which consent to send has expired as well (RFC 7675 section 5.1),
/// the transfer has failed.
///
/// # How fast it is
///
/// The implementation sends one lost packet again in each round trip (RFC 9260 section 7.2.4), and
/// all of them after a timeout of at least a second. When slow start overruns the bottleneck's
/// queue, hundreds are lost and a second or more with them; later losses are few. A window of at
/// most the path's rate times its round trip and the queue avoids that: 20 Mbit/s with 40 ms and a
/// queue of 200 kB are used to 99 % with a window of 250 kB, and to 95 % with one of 4 MB, over a
/// minute (of what headers leave, 92 %).
///
/// It is asked for packets once after all that happens to it, so that what it sends again after a
/// timeout keeps to the congestion window: asked until it has no more, it would not.
///
/// # Determinism
///
/// Verification tags, cookies and initial TSNs come from the thread's entropy, which on simulation
/// threads is that of the run. Elsewhere packets differ from run to run in these, and in nothing
/// else: neither in their sizes nor in their times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SctpConfig {
    /// What it sends.
    pub transfer: TransferConfig,
    /// How many streams it is spread over, at least one.
    pub streams: u16,
    /// Whether messages of a stream are handed over in order.
    pub ordered: bool,
    /// The receive buffer: the most bytes that a receiver lets be on their way, from
    /// [`SctpConfig::MIN_WINDOW`] to 4 GiB. Below 32 KiB messages have half its size.
    pub window: ByteCount,
}

impl SctpConfig {
    /// The smallest receive buffer, of some packets.
    pub const MIN_WINDOW: ByteCount = ByteCount::new(8_000);

    /// Checks that the transfer can be made as it is described.
    ///
    /// # Errors
    ///
    /// When there is no stream, or the window is out of its range.
    pub fn validate(&self) -> Result<(), LoadError> {
        let refuse = |message| Err(LoadError::Transport { transport: "SCTP", message });
        if self.streams == 0 {
            return refuse("it needs a stream".to_owned());
        }
        if !(Self::MIN_WINDOW.bytes()..=u64::from(u32::MAX)).contains(&self.window.bytes()) {
            let (window, least) = (self.window, Self::MIN_WINDOW);
            return refuse(format!("its window is {window}, not {least} to 4 GiB"));
        }
        Ok(())
    }
}
