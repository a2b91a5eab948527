//! Which way a packet goes.

/// Which way a packet goes through a NAT or a firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Outbound,
    Inbound,
}
