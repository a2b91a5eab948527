//! What can run on a host besides sockets: sans-IO software, and inlets of foreign stacks.

use std::any::Any;

use bytes::Bytes;
use natbed_packet::{DropReason, Endpoint, Packet};
use natbed_units::SimTime;

/// Sans-IO software on a host: a state machine that speaks UDP and knows no clock.
///
/// The [`World`](crate::World) drives it in virtual time without any async runtime: thousands of
/// idle ones cost nothing. After each call that may change its state the world takes all
/// [`poll_transmit`](Self::poll_transmit) has and asks [`poll_timeout`](Self::poll_timeout) again.
pub trait Process: Any {
    /// Begins; called once, before anything else.
    fn start(&mut self, now: SimTime) {
        let _ = now;
    }

    /// Takes a datagram that arrived at `local`, an address of its host, from `remote`.
    fn handle_datagram(&mut self, now: SimTime, local: Endpoint, remote: Endpoint, payload: Bytes);

    /// Does what has become due; being called early or twice is harmless.
    fn handle_timeout(&mut self, now: SimTime);

    /// Returns the next datagram to send, `None` when there is none.
    #[must_use = "a datagram that is not sent is lost without a reason"]
    fn poll_transmit(&mut self, now: SimTime) -> Option<Transmit>;

    /// Returns when [`handle_timeout`](Self::handle_timeout) wants to be called next.
    ///
    /// The world comes back at exactly this nanosecond; a time that has passed counts as now.
    #[must_use]
    fn poll_timeout(&self) -> Option<SimTime>;

    /// Says whether what it sends may not be cut into fragments, as
    /// [`UdpSocket::set_dont_fragment`](crate::UdpSocket::set_dont_fragment) does.
    fn dont_fragment(&self) -> bool {
        false
    }

    /// Says whether it listens at `port`; if not, the datagram is refused as a closed port.
    fn accepts(&self, port: u16) -> bool {
        let _ = port;
        true
    }
}

/// A datagram that a [`Process`] sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where it comes from: an address of the host, or the unspecified address to let the host
    /// choose its first one of the same IP version.
    pub local: Endpoint,
    /// Where it goes.
    pub remote: Endpoint,
    /// Its bytes.
    pub payload: Bytes,
}

/// The way into a foreign network stack that lives in async code, such as `webrtc_util`'s vnet.
///
/// It takes every packet that arrives at its host and that no [`UdpSocket`](crate::UdpSocket) of
/// the host takes. The way out is [`Handle::send`](crate::Handle::send).
pub trait Inlet {
    /// Takes a packet, or gives it back with the reason why not.
    ///
    /// Called only when every task is idle and the async clock shows `now`, so that a future
    /// polled once here finds no lock taken.
    ///
    /// # Errors
    ///
    /// The packet and the reason, typically [`DropReason::PortClosed`] or
    /// [`DropReason::SocketBufferFull`]; the host then answers as that reason asks for.
    #[allow(clippy::result_large_err)] // the packet goes back to the network by value
    fn deliver(&mut self, now: SimTime, packet: Packet) -> Result<(), (Packet, DropReason)>;
}
