//! What makes a NAT configuration impossible.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use ipnet::{IpNet, Ipv6Net};
use natbed_packet::Protocol;
use natbed_units::SimDuration;
use thiserror::Error;

use crate::nat::subscribers_of;
use crate::{
    Mapping, NatConfig, PortAllocation, PortBlocks, PortClasses, StatelessConfigError, siit,
};

/// The longest idle time that makes sense.
const LONGEST: SimDuration = SimDuration::from_secs(100 * 24 * 3600);

/// Why a NAT cannot be built from its configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NatConfigError {
    /// A flow with this idle time would be gone before its answer.
    #[error("`{property}` is zero")]
    ZeroTimeout {
        /// The name of the field.
        property: &'static str,
    },
    /// No box keeps idle state for that long.
    #[error("`{property}` is longer than 100 days")]
    AbsurdTimeout {
        /// The name of the field.
        property: &'static str,
    },
    /// A NAT without room for a single flow.
    #[error("`max_flows` is zero")]
    NoFlows,
    /// A limit that lets nobody through.
    #[error("`{property}` is zero")]
    ZeroLimit {
        /// The name of the field.
        property: &'static str,
    },
    /// With strict ports an external port is the internal one, whatever else is asked.
    #[error("`ports: strict` keeps every internal port, and `{property}` asks for other ones")]
    StrictPorts {
        /// The name of the field.
        property: &'static str,
    },
    /// A port with several mappings has no end at which it could be held back.
    #[error("`port_hold` cannot be kept with `ports: overload`, where mappings share a port")]
    HoldWithOverload,
    /// A block of ports is larger than what there is.
    #[error("a block of {size} ports is larger than the 64512 ports from 1024 on")]
    BlockTooLarge {
        /// Its size.
        size: u16,
    },
    /// Less than one port for each block.
    #[error(
        "64512 ports cannot be cut into {} blocks ({compression} subscribers and {overflow} \
         overflow blocks for each external address)",
        u32::from(*.compression) + u32::from(*.overflow)
    )]
    BlockTooSmall {
        /// Subscribers for each external address.
        compression: u16,
        /// Overflow blocks of each external address.
        overflow: u16,
    },
    /// There are more subscribers than blocks for them.
    #[error(
        "{network} has {subscribers} subscribers, and {externals} external addresses with \
         {compression} each have room for {}",
        *.externals as u128 * u128::from(*.compression)
    )]
    TooManySubscribers {
        /// The inside network.
        network: IpNet,
        /// How many subscribers it has.
        subscribers: u128,
        /// How many external addresses there are.
        externals: usize,
        /// Subscribers for each of them.
        compression: u16,
    },
    /// The inside network is not of the inside's IP version.
    #[error("the subscribers {network} are not of the IP version of the inside")]
    SubscribersVersion {
        /// The inside network.
        network: IpNet,
    },
    /// RFC 6052 has other lengths too; here the address stands in the last 32 bits.
    #[error("the NAT64 prefix {prefix} is no /96 with zeros in bits 64 to 71")]
    Nat64Prefix {
        /// The prefix.
        prefix: Ipv6Net,
    },
    /// A NAT64 translates to IPv4.
    #[error("a NAT64 has IPv4 external addresses, and {external} is none")]
    Nat64External {
        /// The first external address.
        external: IpAddr,
    },
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
    /// The internal endpoint is not of the inside's IP version.
    #[error(
        "forward of {protocol} port {external_port}: {internal} is not of the IP version of the \
         inside"
    )]
    ForwardVersion {
        /// The protocol of the forward.
        protocol: Protocol,
        /// Its external port.
        external_port: u16,
        /// Its internal endpoint.
        internal: SocketAddr,
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
    /// The first contradiction found: timers, limits, ports, addresses, blocks, forwards in their
    /// order.
    pub fn validate(&self, externals: &[IpAddr]) -> Result<(), NatConfigError> {
        self.validate_timers()?;
        self.validate_limits()?;
        self.validate_ports()?;
        let external = validate_externals(externals)?;
        if let Some(prefix) = self.nat64 {
            if !siit::is_prefix(prefix) {
                return Err(NatConfigError::Nat64Prefix { prefix });
            }
            if external.is_ipv6() {
                return Err(NatConfigError::Nat64External { external });
            }
        }
        let inside_is_v4 = external.is_ipv4() && self.nat64.is_none();
        self.validate_blocks(externals.len(), inside_is_v4)?;
        self.validate_forwards(inside_is_v4)
    }

    fn validate_timers(&self) -> Result<(), NatConfigError> {
        let of_new_flows = [
            ("udp_timeout", self.udp_timeout),
            ("udp_stream_timeout", self.udp_stream_timeout),
            ("udp_well_known_timeout", self.udp_well_known_timeout.unwrap_or(LONGEST)),
            ("tcp_timeout", self.tcp_timeout),
            ("tcp_opening_timeout", self.tcp_opening_timeout),
            ("icmp_timeout", self.icmp_timeout),
        ];
        let others = [
            ("udp_stream_after", self.udp_stream_after),
            ("tcp_closing_timeout", self.tcp_closing_timeout),
            ("tcp_reset_timeout", self.tcp_reset_timeout),
            ("port_hold", self.port_hold),
        ];
        if let Some((property, _)) = of_new_flows.iter().find(|(_, timeout)| timeout.is_zero()) {
            return Err(NatConfigError::ZeroTimeout { property });
        }
        match of_new_flows.iter().chain(&others).find(|(_, timeout)| *timeout > LONGEST) {
            Some((property, _)) => Err(NatConfigError::AbsurdTimeout { property }),
            None => Ok(()),
        }
    }

    fn validate_limits(&self) -> Result<(), NatConfigError> {
        if self.max_flows == 0 {
            return Err(NatConfigError::NoFlows);
        }
        let limits = [
            ("max_flows_per_subscriber", self.max_flows_per_subscriber),
            ("max_ports_per_subscriber", self.max_ports_per_subscriber),
        ];
        match limits.into_iter().find(|(_, limit)| *limit == Some(0)) {
            Some((property, _)) => Err(NatConfigError::ZeroLimit { property }),
            None => Ok(()),
        }
    }

    fn validate_ports(&self) -> Result<(), NatConfigError> {
        if self.ports == PortAllocation::PreserveWithOverload && !self.port_hold.is_zero() {
            return Err(NatConfigError::HoldWithOverload);
        }
        let others = [
            ("mapping", self.mapping != Mapping::EndpointIndependent),
            ("tcp_mapping", self.mapping_of(Protocol::Tcp) != Mapping::EndpointIndependent),
            ("port_classes", self.port_classes == PortClasses::Unprivileged),
            ("port_blocks", self.port_blocks.is_some()),
        ];
        match others.into_iter().find(|(_, asks)| self.ports == PortAllocation::Strict && *asks) {
            Some((property, _)) => Err(NatConfigError::StrictPorts { property }),
            None => Ok(()),
        }
    }

    fn validate_blocks(&self, externals: usize, inside_is_v4: bool) -> Result<(), NatConfigError> {
        match self.port_blocks {
            None => Ok(()),
            Some(PortBlocks::Dynamic { size: 0, .. }) => {
                Err(NatConfigError::ZeroLimit { property: "size" })
            }
            Some(PortBlocks::Dynamic { max_blocks: 0, .. }) => {
                Err(NatConfigError::ZeroLimit { property: "max_blocks" })
            }
            Some(PortBlocks::Dynamic { size: size @ 64513.., .. }) => {
                Err(NatConfigError::BlockTooLarge { size })
            }
            Some(PortBlocks::Dynamic { .. }) => Ok(()),
            Some(PortBlocks::Deterministic { compression: 0, .. }) => {
                Err(NatConfigError::ZeroLimit { property: "compression" })
            }
            Some(blocks @ PortBlocks::Deterministic { compression, overflow, .. })
                if blocks.size() == 0 =>
            {
                Err(NatConfigError::BlockTooSmall { compression, overflow })
            }
            Some(PortBlocks::Deterministic { subscribers: network, compression, .. }) => {
                let subscribers = subscribers_of(network);
                if network.addr().is_ipv4() != inside_is_v4 {
                    Err(NatConfigError::SubscribersVersion { network })
                } else if subscribers > externals as u128 * u128::from(compression) {
                    Err(NatConfigError::TooManySubscribers {
                        network,
                        subscribers,
                        externals,
                        compression,
                    })
                } else {
                    Ok(())
                }
            }
        }
    }

    fn validate_forwards(&self, inside_is_v4: bool) -> Result<(), NatConfigError> {
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
            if internal.is_ipv4() != inside_is_v4 {
                return Err(NatConfigError::ForwardVersion { protocol, external_port, internal });
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
