//! What can be wrong with a packet or with its bytes.

use std::fmt;

use thiserror::Error;

/// Why a packet has no bytes: a field does not fit the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Source and destination, or a packet and what it quotes, are not of one IP version.
    #[error("addresses of both IP versions in one packet")]
    MixedVersions,
    /// The 16-bit length field of the IP header cannot say how long the packet is.
    #[error("a packet of {length} bytes, the most is {max}")]
    TooLong {
        /// Length of the packet with its IP header, in bytes.
        length: u64,
        /// The most that this IP version can say, in bytes.
        max: u64,
    },
    /// The TCP options are no multiple of four bytes, or more than 40 (RFC 9293 section 3.1).
    #[error("TCP options of {length} bytes, not a multiple of 4 up to 40")]
    TcpOptions {
        /// Length of the options, in bytes.
        length: usize,
    },
    /// A fragment is of another fragment or IP version, or of no part of its whole.
    #[error("no such fragment: {length} bytes from unit {offset} on")]
    FragmentRange {
        /// Where it begins, in units of eight bytes.
        offset: u16,
        /// Its length in bytes.
        length: u16,
    },
    /// A quoted ICMP query has an identifier on both sides, where an echo message has one.
    #[error("quoted ICMP query with identifiers {source_port} and {destination_port}")]
    QuotedQuery {
        /// Identifier at the source.
        source_port: u16,
        /// Identifier at the destination.
        destination_port: u16,
    },
}

/// Why bytes are not a [`Packet`](crate::Packet).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end before a header does.
    #[error("{layer} header cut short: {available} of {needed} bytes")]
    Truncated {
        /// Whose header.
        layer: Layer,
        /// Length of the header, as far as it is known, in bytes.
        needed: usize,
        /// What is there, in bytes.
        available: usize,
    },
    /// A length field does not agree with the bytes there are; trailing bytes are refused as well.
    #[error("{layer} length field says {declared} bytes, there are {available}")]
    Length {
        /// Whose length field.
        layer: Layer,
        /// What the field says, in bytes.
        declared: usize,
        /// What is there, in bytes.
        available: usize,
    },
    /// A header length field is below the smallest header.
    #[error("{layer} header length of {words} words")]
    HeaderLength {
        /// Whose header.
        layer: Layer,
        /// The field: IPv4 IHL or TCP data offset, in words of four bytes.
        words: u8,
    },
    /// The IP version is not 4 or 6, or that of a quoted packet differs from the quoting one.
    #[error("IP version {0}")]
    Version(u8),
    /// The IPv4 header carries options.
    #[error("IPv4 options")]
    Ipv4Options,
    /// The packet is a fragment.
    #[error("a fragment")]
    Fragment,
    /// An IPv6 extension header with this number follows; that of a fragment is [`Self::Fragment`].
    #[error("IPv6 extension header {0}")]
    ExtensionHeader(u8),
    /// The body is not UDP, TCP or the ICMP of this IP version; the IP protocol number.
    #[error("IP protocol {0}")]
    Protocol(u8),
    /// A checksum is wrong.
    #[error("wrong {0} checksum")]
    Checksum(Layer),
    /// UDP over IPv6 without a checksum (RFC 8200 section 8.1).
    #[error("no UDP checksum over IPv6")]
    NoChecksum,
    /// Neither an echo message nor one of the errors of [`IcmpErrorKind`](crate::IcmpErrorKind).
    #[error("ICMP type {icmp_type} code {code}")]
    IcmpMessage {
        /// The type field; the IP version of the packet says from which registry.
        icmp_type: u8,
        /// The code field.
        code: u8,
    },
    /// An ICMPv6 "packet too big" with an MTU above 65535 bytes.
    #[error("MTU of {0} bytes")]
    Mtu(u32),
    /// What is wrong with the packet that an ICMP error quotes.
    #[error("quoted packet: {0}")]
    Quoted(Box<Self>),
}

/// A protocol layer of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// IPv4 or IPv6.
    Ip,
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// ICMP or ICMPv6.
    Icmp,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ip => "IP",
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Icmp => "ICMP",
        })
    }
}
