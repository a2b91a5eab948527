//! What a translator without state is told to be.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A translator that rewrites addresses by rule: no ports, no timers, no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatelessConfig {
    /// 1:1 NAT, the "Basic NAT" of RFC 3022: each internal address has an external one.
    OneToOne {
        /// The internal network.
        internal: IpNet,
        /// The external network, of the same version and length.
        external: IpNet,
    },
    /// NPTv6 (RFC 6296): the prefix is replaced and the checksum kept.
    Nptv6 {
        /// The internal prefix, at most /64.
        internal: Ipv6Net,
        /// The external prefix, of the same length.
        external: Ipv6Net,
    },
    /// CLAT, the customer side of 464XLAT (RFC 6877): IPv4 hosts inside, IPv6 outside.
    Clat {
        /// The internal IPv4 network.
        internal: Ipv4Net,
        /// The /96 that internal addresses are put into.
        clat: Ipv6Net,
        /// The /96 that stands for the IPv4 Internet: the NAT64's.
        nat64: Ipv6Net,
    },
}

/// How a gateway translates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TranslatorConfig {
    /// With mappings: [`Nat`](crate::Nat).
    Nat(crate::NatConfig),
    /// By rule: [`Stateless`](crate::Stateless).
    Stateless(StatelessConfig),
}

impl From<crate::NatConfig> for TranslatorConfig {
    fn from(config: crate::NatConfig) -> Self {
        Self::Nat(config)
    }
}
