//! The packets that hosts send in a trial.

use bytes::Bytes;
use natbed_nat::Side;
use natbed_packet::{Body, Endpoint, Icmp, Packet, Protocol, Tcp, TcpFlags};

/// What hosts send each other.
pub(super) const PAYLOAD: Bytes = Bytes::from_static(b"natbed");

/// SYN and ACK.
pub(super) const SYN_ACK: TcpFlags = TcpFlags::SYN.with(TcpFlags::ACK);
/// FIN and ACK.
pub(super) const FIN_ACK: TcpFlags = TcpFlags::FIN.with(TcpFlags::ACK);
/// RST and ACK.
pub(super) const RST_ACK: TcpFlags = TcpFlags::RST.with(TcpFlags::ACK);

/// Sequence numbers of the first SYN from inside and from outside.
const FIRST_SEQUENCES: (u32, u32) = (1_000, 5_000);

/// Makes a packet with a body of its own.
fn packet(from: Endpoint, to: Endpoint, body: Body) -> Packet {
    Packet { body, ..Packet::udp(from, to, PAYLOAD) }
}

/// The first packet of a flow: a datagram, a SYN or an echo request.
pub(super) fn first(protocol: Protocol, side: Side, from: Endpoint, to: Endpoint) -> Packet {
    match protocol {
        Protocol::Udp => Packet::udp(from, to, PAYLOAD),
        Protocol::Tcp => segment(side, TcpFlags::SYN, from, to),
        Protocol::Icmp => {
            let echo = Icmp::EchoRequest { identifier: from.port, sequence: 1, payload: PAYLOAD };
            packet(from, to, Body::Icmp(echo))
        }
    }
}

/// What it is answered with: a datagram, a SYN with ACK or an echo reply.
pub(super) fn answer(protocol: Protocol, side: Side, from: Endpoint, to: Endpoint) -> Packet {
    match protocol {
        Protocol::Udp => Packet::udp(from, to, PAYLOAD),
        Protocol::Tcp => segment(side, SYN_ACK, from, to),
        Protocol::Icmp => {
            let echo = Icmp::EchoReply { identifier: to.port, sequence: 1, payload: PAYLOAD };
            packet(from, to, Body::Icmp(echo))
        }
    }
}

/// A TCP segment whose numbers fit into a connection with the inside: all are in the window.
pub(super) fn segment(side: Side, flags: TcpFlags, from: Endpoint, to: Endpoint) -> Packet {
    let (mine, theirs) = match side {
        Side::Inside => FIRST_SEQUENCES,
        Side::Outside => (FIRST_SEQUENCES.1, FIRST_SEQUENCES.0),
    };
    let has = |flag| flags.contains(flag);
    let tcp = Tcp {
        source_port: from.port,
        destination_port: to.port,
        sequence: if has(TcpFlags::SYN) { mine } else { mine + 1 },
        acknowledgment: if has(TcpFlags::ACK) { theirs + 1 } else { 0 },
        flags,
        window: 65_535,
        urgent: 0,
        options: Bytes::new(),
        payload: Bytes::new(),
    };
    packet(from, to, Body::Tcp(Box::new(tcp)))
}
