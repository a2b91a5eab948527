//! What a NAT says it did to a packet.

use std::fmt;

use natbed_packet::{Endpoint, Protocol};
use natbed_units::SimTime;

/// A rewritten endpoint: the source of a packet that went out, the destination of one that came in.
///
/// For an ICMP error it is the endpoint of the packet it quotes. Prints as captures show it:
/// `192.168.1.10:5000 -> 198.18.0.1:40000 (new mapping)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// The protocol; for an ICMP error, that of the packet it quotes.
    pub protocol: Protocol,
    /// The endpoint as it was.
    pub before: Endpoint,
    /// The endpoint as it is in the packet now.
    pub after: Endpoint,
    /// Whether the packet made a new mapping.
    pub created: bool,
    /// The internal endpoint that the packet now goes to, if it was hairpinned.
    pub hairpinned_to: Option<Endpoint>,
}

impl fmt::Display for Translation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.before, self.after)?;
        if self.created {
            f.write_str(" (new mapping)")?;
        }
        if let Some(inside) = self.hairpinned_to {
            write!(f, ", hairpinned to {inside}")?;
        }
        Ok(())
    }
}

/// Where a packet from inside goes after its translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outbound {
    /// Out, to the external network.
    Forwarded(Translation),
    /// Back in: its destination is an internal address again (RFC 4787 section 6).
    Hairpinned(Translation),
}

/// A mapping that has ended because its last flow expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappingEnded {
    /// When its last flow expired.
    pub at: SimTime,
    /// The protocol.
    pub protocol: Protocol,
    /// The internal endpoint.
    pub internal: Endpoint,
    /// The external endpoint it had.
    pub external: Endpoint,
}
