//! What makes a NAT configuration impossible.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use natbed_packet::Protocol;
use thiserror::Error;

use crate::{NatConfig, StatelessConfigError};

/// Why a NAT cannot be built from its configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NatConfigError {
    /// A flow with this idle time would be gone before its answer.
    #[error("`{property}` is zero")]
    ZeroTimeout {
        /// The name of the field.
        property: &'static str,
    },
    /// A NAT without room for a single flow.
    #[error("`max_flows` is zero")]
    NoFlows,
    /// A NAT without an external address.
    #[error("there is no external address")]
    NoExternal,
    /// More external addresses than 65536.
    #[error("{count} external addresses are more than 65536")]
    TooManyExternals {
        /// How many there are.
        count: usize,
    },
    /// An external address is given twice.
    #[error("the external address {external} is given twice")]
    DuplicateExternal {
        /// The address.
        external: IpAddr,
    },
    /// The external addresses are not of one IP version.
    #[error("the external addresses {first} and {external} are not of one IP version")]
    ExternalVersion {
        /// The first address.
        first: IpAddr,
        /// The first of the other version.
        external: IpAddr,
    },
    /// The external address is one that no packet can come from.
    #[error("{external} cannot be an external address")]
    UnusableExternal {
        /// The address as given.
        external: IpAddr,
    },
    /// Only UDP and TCP have ports to forward.
    #[error("{protocol} port {external_port} cannot be forwarded: only udp and tcp have ports")]
    ForwardWithoutPorts {
        /// The protocol of the forward.
        protocol: Protocol,
        /// Its external port.
        external_port: u16,
    },
    /// Port zero names no port.
    #[error("forward of {protocol} port {external_port} to {internal}: a port is zero")]
    ForwardPortZero {
        /// The protocol of the forward.
        protocol: Protocol,
        /// Its external port.
        external_port: u16,
        /// Its internal endpoint.
        internal: SocketAddr,
    },
    /// The internal endpoint is of another IP version than the external address.
    #[error(
        "forward of {protocol} port {external_port}: {internal} and {external} are not of one \
         IP version"
    )]
    ForwardVersion {
        /// The protocol of the forward.
        protocol: Protocol,
        /// Its external port.
        external_port: u16,
        /// Its internal endpoint.
        internal: SocketAddr,
        /// The NAT's external address.
        external: IpAddr,
    },
    /// Two forwards claim one external port.
    #[error("{protocol} port {external_port} is forwarded twice")]
    DuplicateForward {
        /// The protocol of both.
        protocol: Protocol,
        /// The external port of both.
        external_port: u16,
    },
    /// The rules of a translator without state do not fit each other.
    #[error(transparent)]
    Stateless(#[from] StatelessConfigError),
}

impl NatConfig {
    /// Says whether a NAT at the addresses `externals` can be built from this configuration.
    ///
    /// [`Nat::new`](crate::Nat::new) calls it; call it yourself to report mistakes earlier.
    ///
    /// # Errors
    ///
    /// The first contradiction found: timers, addresses, forwards in their order.
    pub fn validate(&self, externals: &[IpAddr]) -> Result<(), NatConfigError> {
        let timeouts = [
            ("udp_timeout", self.udp_timeout),
            ("udp_stream_timeout", self.udp_stream_timeout),
            ("tcp_timeout", self.tcp_timeout),
            ("icmp_timeout", self.icmp_timeout),
        ];
        if let Some((property, _)) = timeouts.into_iter().find(|(_, timeout)| timeout.is_zero()) {
            return Err(NatConfigError::ZeroTimeout { property });
        }
        if self.max_flows == 0 {
            return Err(NatConfigError::NoFlows);
        }
        let external = validate_externals(externals)?;
        let mut seen = BTreeSet::new();
        for forward in &self.forwards {
            let (protocol, external_port, internal) =
                (forward.protocol, forward.external_port, forward.internal);
            if protocol == Protocol::Icmp {
                return Err(NatConfigError::ForwardWithoutPorts { protocol, external_port });
            }
            if external_port == 0 || internal.port() == 0 {
                return Err(NatConfigError::ForwardPortZero { protocol, external_port, internal });
            }
            if internal.is_ipv4() != external.is_ipv4() {
                return Err(NatConfigError::ForwardVersion {
                    protocol,
                    external_port,
                    internal,
                    external,
                });
            }
            if !seen.insert((protocol, external_port)) {
                return Err(NatConfigError::DuplicateForward { protocol, external_port });
            }
        }
        Ok(())
    }
}

/// Checks a pool of addresses and returns the first.
fn validate_externals(externals: &[IpAddr]) -> Result<IpAddr, NatConfigError> {
    let first = *externals.first().ok_or(NatConfigError::NoExternal)?;
    if externals.len() > 0x1_0000 {
        return Err(NatConfigError::TooManyExternals { count: externals.len() });
    }
    let mut seen = BTreeSet::new();
    for &external in externals {
        let broadcast = matches!(external, IpAddr::V4(ip) if ip.is_broadcast());
        if broadcast || external.is_unspecified() || external.is_multicast() {
            return Err(NatConfigError::UnusableExternal { external });
        }
        if external.is_ipv4() != first.is_ipv4() {
            return Err(NatConfigError::ExternalVersion { first, external });
        }
        if !seen.insert(external) {
            return Err(NatConfigError::DuplicateExternal { external });
        }
    }
    Ok(first)
}
