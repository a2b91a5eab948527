//! The packet value and its bodies.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use natbed_units::ByteCount;

use crate::{Ecn, Endpoint, Fragment};

#[cfg(test)]
mod tests;

/// Packets are moved at every hop: what makes them larger makes every run slower.
const _: () = assert!(size_of::<Packet>() <= 96);

/// One IP packet, version 4 or 6, with a UDP, TCP or ICMP body.
///
/// Source and destination are of the same IP version; [`Packet::is_consistent`]
/// says so, and the network refuses packets that are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Remaining hops: IPv4 time to live, IPv6 hop limit.
    pub ttl: u8,
    /// Whether nobody may cut the packet into fragments: the DF bit of IPv4, and for IPv6, where
    /// routers never do, what the sender asks of its own host (RFC 3542 section 11.2).
    pub dont_fragment: bool,
    /// Congestion notification; NATs and fragments keep it.
    pub ecn: Ecn,
    /// Whether bits of the body have changed on the way, so that its checksum is wrong.
    ///
    /// A NAT keeps it that way: it adds to the checksum what its change of addresses and ports
    /// adds, and so the error is still there (RFC 3022 section 4.2). The host that the packet is
    /// for drops it, as UDP (RFC 1122 section 4.1.3.4), TCP (RFC 9293 section 3.1) and ICMP ask.
    pub is_corrupt: bool,
    /// What the packet carries.
    pub body: Body,
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A UDP datagram.
    Udp(Udp),
    /// A TCP segment; boxed, so that it does not make every packet larger.
    Tcp(Box<Tcp>),
    /// An ICMP or ICMPv6 message.
    Icmp(Icmp),
    /// A part of the body of a longer packet; boxed, it is rare.
    Fragment(Box<Fragment>),
}

/// A UDP datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udp {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// The datagram's bytes; cloning shares them.
    pub payload: Bytes,
}

/// A TCP segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number of the first byte.
    pub sequence: u32,
    /// Acknowledgment number; meaningful with the ACK flag.
    pub acknowledgment: u32,
    /// Control flags.
    pub flags: TcpFlags,
    /// Receive window, unscaled.
    pub window: u16,
    /// Urgent pointer; meaningful with the URG flag.
    pub urgent: u16,
    /// Options as they stand on the wire, padded to a multiple of four bytes, at most 40.
    pub options: Bytes,
    /// The segment's bytes; cloning shares them.
    pub payload: Bytes,
}

/// TCP control flags as the low nine bits of the wire field (RFC 9293 section 3.1, NS of RFC 3540).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags(u16);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x001);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x002);
    /// Reset the connection.
    pub const RST: Self = Self(0x004);
    /// Push.
    pub const PSH: Self = Self(0x008);
    /// The acknowledgment number is meaningful.
    pub const ACK: Self = Self(0x010);
    /// The urgent pointer is meaningful.
    pub const URG: Self = Self(0x020);

    /// Makes flags from the wire field; bits above the lowest nine are ignored.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & 0x1ff)
    }

    /// Returns the wire field.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Says whether all flags of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the flags of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// An ICMP or ICMPv6 message; the IP version of the packet says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Icmp {
    /// An echo request ("ping").
    EchoRequest {
        /// Query identifier; a NAT maps it like a port (RFC 5508 REQ-1).
        identifier: u16,
        /// Sequence number within the query.
        sequence: u16,
        /// Data to be echoed.
        payload: Bytes,
    },
    /// The answer to an echo request.
    EchoReply {
        /// Identifier of the request.
        identifier: u16,
        /// Sequence number of the request.
        sequence: u16,
        /// Data of the request.
        payload: Bytes,
    },
    /// An error about an earlier packet; boxed, it is rare.
    Error {
        /// What went wrong.
        kind: IcmpErrorKind,
        /// The start of the packet that caused it.
        quoted: Box<Quoted>,
    },
}

/// What an ICMP error reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IcmpErrorKind {
    /// No route to the destination network: ICMP 3/0, ICMPv6 1/0.
    NetUnreachable,
    /// The destination host does not answer: ICMP 3/1, ICMPv6 1/3.
    HostUnreachable,
    /// Nothing listens at the destination port: ICMP 3/3, ICMPv6 1/4.
    PortUnreachable,
    /// A filter refuses the packet: ICMP 3/13, ICMPv6 1/1.
    AdminProhibited,
    /// The packet is larger than the next link and may not be split: ICMP 3/4, ICMPv6 2/0.
    TooBig {
        /// The largest packet that the next link takes, in bytes.
        mtu: u16,
    },
    /// The hop count ran out: ICMP 11/0, ICMPv6 3/0.
    TtlExceeded,
}

impl fmt::Display for IcmpErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NetUnreachable => f.write_str("net unreachable"),
            Self::HostUnreachable => f.write_str("host unreachable"),
            Self::PortUnreachable => f.write_str("port unreachable"),
            Self::AdminProhibited => f.write_str("administratively prohibited"),
            Self::TooBig { mtu } => write!(f, "too big, mtu {mtu}"),
            Self::TtlExceeded => f.write_str("ttl exceeded"),
        }
    }
}

/// The part of an offending packet that an ICMP error quotes: its addresses and ports.
///
/// RFC 792 asks for the IP header and eight more bytes, which is what the
/// ports are in; a NAT translates them (RFC 5508 REQ-4 and REQ-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Transport protocol of the quoted packet.
    pub protocol: Protocol,
    /// Its source; for ICMP queries see [`Packet::source_endpoint`].
    pub source: Endpoint,
    /// Its destination; for ICMP queries see [`Packet::destination_endpoint`].
    pub destination: Endpoint,
}

/// The transport protocols that NATs and firewalls tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// User Datagram Protocol.
    Udp,
    /// Transmission Control Protocol.
    Tcp,
    /// ICMP and ICMPv6 queries (echo); errors belong to the protocol they quote.
    Icmp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Icmp => "icmp",
        })
    }
}

impl Packet {
    /// The hop count a host gives its packets.
    pub const DEFAULT_TTL: u8 = 64;

    /// Makes a packet as a host sends it: with all its hops, not to be cut, without ECN.
    #[must_use]
    pub const fn new(source: IpAddr, destination: IpAddr, body: Body) -> Self {
        Self {
            source,
            destination,
            ttl: Self::DEFAULT_TTL,
            dont_fragment: true,
            ecn: Ecn::NotEct,
            is_corrupt: false,
            body,
        }
    }

    /// Makes a UDP packet as a host sends it that looks for the path MTU: nobody may cut it
    /// (RFC 1191 section 3).
    #[must_use]
    pub fn udp(source: Endpoint, destination: Endpoint, payload: Bytes) -> Self {
        let body = Body::Udp(Udp {
            source_port: source.port,
            destination_port: destination.port,
            payload,
        });
        Self::new(source.ip, destination.ip, body)
    }

    /// Makes the ICMP error that `from` sends about `offender`.
    ///
    /// There is none about an ICMP error (RFC 1122 section 3.2.2, RFC 4443
    /// section 2.4), nor about a fragment but the first, nor about a packet from or to a
    /// multicast or broadcast address, nor toward an unspecified source.
    #[must_use]
    pub fn icmp_error(from: IpAddr, kind: IcmpErrorKind, offender: &Self) -> Option<Self> {
        let to_many = |ip: IpAddr| ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST);
        if to_many(offender.source)
            || to_many(offender.destination)
            || offender.source.is_unspecified()
        {
            return None;
        }
        let of = match &offender.body {
            Body::Fragment(fragment) if fragment.offset == 0 => &*fragment.whole,
            _ => offender,
        };
        let quoted = Quoted {
            protocol: of.protocol(),
            source: of.source_endpoint()?,
            destination: of.destination_endpoint()?,
        };
        let body = Body::Icmp(Icmp::Error { kind, quoted: Box::new(quoted) });
        Some(Self::new(from, offender.source, body))
    }

    /// Makes the answer to an echo request, as its receiver sends it; `None` to anything else, and
    /// to one that was sent to many (RFC 1122 section 3.2.2.6).
    #[must_use]
    pub fn echo_reply(request: &Self) -> Option<Self> {
        let Body::Icmp(Icmp::EchoRequest { identifier, sequence, payload }) = &request.body else {
            return None;
        };
        let body = Body::Icmp(Icmp::EchoReply {
            identifier: *identifier,
            sequence: *sequence,
            payload: payload.clone(),
        });
        (!request.is_to_many()).then(|| Self {
            dont_fragment: request.dont_fragment,
            ..Self::new(request.destination, request.source, body)
        })
    }

    /// Says whether the destination is a multicast group or the limited broadcast address.
    #[inline]
    #[must_use]
    pub fn is_to_many(&self) -> bool {
        self.destination.is_multicast() || self.destination == IpAddr::V4(Ipv4Addr::BROADCAST)
    }

    /// Says whether source and destination are of one IP version.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.source.is_ipv4() == self.destination.is_ipv4()
    }

    /// Returns the transport protocol; for an ICMP error the one it quotes, for a fragment that of
    /// the whole.
    #[inline]
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match &self.body {
            Body::Udp(_) => Protocol::Udp,
            Body::Tcp(_) => Protocol::Tcp,
            Body::Icmp(Icmp::Error { quoted, .. }) => quoted.protocol,
            Body::Icmp(_) => Protocol::Icmp,
            Body::Fragment(fragment) => fragment.whole.protocol(),
        }
    }

    /// Returns the source endpoint; `None` for an ICMP error, which has no port of its own, and for
    /// a fragment: only the whole is sure to have one.
    ///
    /// The query identifier stands on the side that asked: an echo request has
    /// it at the source and port 0 at the destination, a reply the other way.
    #[inline]
    #[must_use]
    pub fn source_endpoint(&self) -> Option<Endpoint> {
        let port = match &self.body {
            Body::Udp(udp) => udp.source_port,
            Body::Tcp(tcp) => tcp.source_port,
            Body::Icmp(Icmp::EchoRequest { identifier, .. }) => *identifier,
            Body::Icmp(Icmp::EchoReply { .. }) => 0,
            Body::Icmp(Icmp::Error { .. }) | Body::Fragment(_) => return None,
        };
        Some(Endpoint::new(self.source, port))
    }

    /// Returns the destination endpoint; `None` for an ICMP error and for a fragment.
    #[inline]
    #[must_use]
    pub fn destination_endpoint(&self) -> Option<Endpoint> {
        let port = match &self.body {
            Body::Udp(udp) => udp.destination_port,
            Body::Tcp(tcp) => tcp.destination_port,
            Body::Icmp(Icmp::EchoRequest { .. }) => 0,
            Body::Icmp(Icmp::EchoReply { identifier, .. }) => *identifier,
            Body::Icmp(Icmp::Error { .. }) | Body::Fragment(_) => return None,
        };
        Some(Endpoint::new(self.destination, port))
    }

    /// Rewrites the source, as a NAT does with a packet that goes out.
    ///
    /// The port of an ICMP error, an echo reply and a fragment is left alone: it has none there.
    #[inline]
    pub fn set_source(&mut self, endpoint: Endpoint) {
        self.source = endpoint.ip;
        match &mut self.body {
            Body::Udp(udp) => udp.source_port = endpoint.port,
            Body::Tcp(tcp) => tcp.source_port = endpoint.port,
            Body::Icmp(Icmp::EchoRequest { identifier, .. }) => *identifier = endpoint.port,
            Body::Icmp(_) | Body::Fragment(_) => {}
        }
    }

    /// Rewrites the destination, as a NAT does with a packet that comes in.
    ///
    /// The port of an ICMP error, an echo request and a fragment is left alone: it has none there.
    #[inline]
    pub fn set_destination(&mut self, endpoint: Endpoint) {
        self.destination = endpoint.ip;
        match &mut self.body {
            Body::Udp(udp) => udp.destination_port = endpoint.port,
            Body::Tcp(tcp) => tcp.destination_port = endpoint.port,
            Body::Icmp(Icmp::EchoReply { identifier, .. }) => *identifier = endpoint.port,
            Body::Icmp(_) | Body::Fragment(_) => {}
        }
    }

    /// Returns the length on the wire from the IP header on, in bytes.
    ///
    /// An ICMP error counts the quoted header and eight bytes of its body (RFC 792).
    #[inline]
    #[must_use]
    pub fn wire_len(&self) -> ByteCount {
        let ip_header: u64 = if self.source.is_ipv4() { 20 } else { 40 };
        let body = match &self.body {
            Body::Udp(udp) => 8 + udp.payload.len() as u64,
            Body::Tcp(tcp) => 20 + tcp.options.len() as u64 + tcp.payload.len() as u64,
            Body::Icmp(Icmp::EchoRequest { payload, .. } | Icmp::EchoReply { payload, .. }) => {
                8 + payload.len() as u64
            }
            Body::Icmp(Icmp::Error { .. }) => 8 + ip_header + 8,
            Body::Fragment(fragment) => {
                let fragment_header = if self.source.is_ipv4() { 0 } else { 8 };
                fragment_header + u64::from(fragment.length)
            }
        };
        ByteCount::new(ip_header + body)
    }
}
