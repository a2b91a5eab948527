//! The `quic` load: a bulk transfer over real QUIC.
//!
//! [`quinn-proto`](quinn_proto) speaks QUIC version 1 (RFC 9000) with a real TLS 1.3 handshake:
//! AES-128-GCM, X25519 and a pinned Ed25519 certificate. The first peer is the client. There is one
//! connection, and each peer that sends does so on as many unidirectional streams as are asked for.
//!
//! # Size of datagrams
//!
//! QUIC begins with datagrams of 1200 bytes and looks for the longest that pass, up to
//! [`MAX_DATAGRAM`]: path MTU discovery as of RFC 8899, as quinn does it. On top of that come
//! the tag and the stamp of the load (16 bytes), the framing of TURN (a Send indication of up to 48
//! bytes, with an IPv6 address), UDP (8) and IP (20 or 40): 1500 bytes in the worst case, so that
//! all fits an Ethernet whatever the path. A path of less than 1312 bytes with IPv6 and a relay, or
//! 1244 with IPv4 and none, is too short for QUIC itself (RFC 9000 section 14).
//!
//! # Waiting
//!
//! A connection that hears nothing for [`IDLE_TIMEOUT`] is given up, as is a server to which
//! nobody connects for so long; whatever interrupts the path for a shorter time is survived, with
//! probes that become rarer and rarer as QUIC has them (RFC 9002 section 6.2). There are no keep-alives: as
//! long as anything is missing, its sender probes for it, and the mappings of NATs are the
//! business of ICE. When all is done the connection is left to run out, which costs nothing.
//!
//! # Determinism
//!
//! Connection IDs, reset tokens and the generators of `quinn-proto` come from the load's seed. The
//! keys of TLS and the phase of BBR's gain cycle are drawn from the operating system's entropy,
//! which is the run's seed on a simulation thread. Elsewhere packets differ from run to run in
//! their bits, and with BBR in their times as well. CUBIC calls the cube root of the C library: two
//! platforms might differ in its last bit.

mod bare;
mod clock;
mod endpoint;
mod side;
mod streams;
mod tls;

#[cfg(test)]
mod tests;

use std::fmt;

use natbed_units::{ByteCount, Seed, SimDuration};

use crate::config::LoadError;
use crate::side::Side;
use crate::transfer::TransferConfig;

pub use bare::{BarePipe, BareTransfer, bare_transfer};

use side::Quic;

/// The longest UDP payload of QUIC, bytes.
pub const MAX_DATAGRAM: u16 = 1_388;

/// How long a connection stays without any packet of the other side (RFC 9308 section 3.2: 30 s).
pub const IDLE_TIMEOUT: SimDuration = SimDuration::from_secs(30);

/// A bulk transfer over QUIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuicConfig {
    /// What is sent, by whom; [`Amount::For`](crate::Amount::For) counts from the start of the load,
    /// connecting included.
    pub transfer: TransferConfig,
    /// Streams of each peer that sends, at least one; the bytes are divided among them.
    pub streams: u16,
    /// How the sender reacts to loss.
    pub congestion: Congestion,
    /// The most that a receiver lets be on its way, bytes: its flow control window, of the
    /// connection as of each stream; at least one.
    ///
    /// More than [`QuicConfig::DEFAULT_WINDOW`] is of use on paths whose bandwidth times round trip
    /// is more than that. It is dangerous: see there.
    pub window: ByteCount,
}

impl QuicConfig {
    /// One stream.
    pub const DEFAULT_STREAMS: u16 = 1;

    /// 4 MB.
    ///
    /// The receiver of `quinn-proto` 0.11 keeps at most 1024 separate pieces of a stream (twice
    /// that for a while) and closes the connection with an internal error, "too many gaps in stream
    /// buffer", when there are more. When slow start overruns a queue, every second packet of up to
    /// half a window is lost: a window of `w` bytes leaves up to `w / 4` / 1350 pieces.
    /// With 4 MB these are about 800.
    pub const DEFAULT_WINDOW: ByteCount = ByteCount::new(4_000_000);

    /// Makes a transfer with one stream, CUBIC, and a window of 4 MB.
    #[must_use]
    pub const fn new(transfer: TransferConfig) -> Self {
        Self {
            transfer,
            streams: Self::DEFAULT_STREAMS,
            congestion: Congestion::Cubic,
            window: Self::DEFAULT_WINDOW,
        }
    }

    /// Makes both sides, the client first.
    ///
    /// # Errors
    ///
    /// [`LoadError::Transport`] without any stream, with a window of nothing or of more than 2^62
    /// bytes.
    pub fn sides(&self, seed: Seed) -> Result<[Box<dyn Side>; 2], LoadError> {
        Ok(self.quic_sides(seed)?.map(|side| Box::new(side) as Box<dyn Side>))
    }

    fn quic_sides(&self, seed: Seed) -> Result<[Quic; 2], LoadError> {
        if self.streams == 0 {
            return Err(refused("a transfer needs a stream"));
        }
        if self.window == ByteCount::ZERO {
            return Err(refused("nothing fits a window of nothing"));
        }
        Ok([Quic::new(self, 0, seed)?, Quic::new(self, 1, seed)?])
    }
}

/// How a sender finds the rate of the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Congestion {
    /// CUBIC (RFC 9438).
    #[default]
    Cubic,
    /// New Reno, as in RFC 9002 section 7.
    NewReno,
    /// BBR version 1 (Cardwell et al., ACM Queue 14(5), 2016), experimental in quinn.
    ///
    /// For a path of its own, which it fills like the others. Several of its flows share a
    /// bottleneck badly: of eight on 20 Mbit/s, 40 ms and a queue of 100 kB one gets 8 Mbit/s and
    /// most of them less than one, loss is high, and what a flow that has lost everything sends
    /// to probe may be lost until the connection is given up.
    Bbr,
}

/// Says that QUIC refuses its configuration.
fn refused(reason: impl fmt::Display) -> LoadError {
    LoadError::Transport { transport: "QUIC", message: reason.to_string() }
}
