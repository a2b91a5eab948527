//! What makes the rules of a stateless translator impossible.

use ipnet::{IpNet, Ipv6Net};
use thiserror::Error;

use crate::{StatelessConfig, siit};

/// The longest prefix that NPTv6 translates (RFC 6296 section 3.1).
const LONGEST_NPTV6: u8 = 64;

/// Why a stateless translator cannot be built from its rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StatelessConfigError {
    /// One side is IPv4, the other IPv6.
    #[error("{internal} and {external} are not of one IP version")]
    Versions {
        /// The internal network.
        internal: IpNet,
        /// The external network.
        external: IpNet,
    },
    /// An address of the larger side would have no partner.
    #[error("{internal} and {external} are not of one length")]
    Lengths {
        /// The internal network.
        internal: IpNet,
        /// The external network.
        external: IpNet,
    },
    /// Nothing is left of the address that could make up for the prefix.
    #[error("{prefix} is longer than /64")]
    TooLong {
        /// The internal prefix.
        prefix: Ipv6Net,
    },
    /// IPv4 addresses do not fit into the prefix as RFC 6052 says.
    #[error("{prefix} is no /96 prefix with zeros in bits 64 to 71")]
    NoAddressPrefix {
        /// The prefix as given.
        prefix: Ipv6Net,
    },
    /// An address would belong to both sides.
    #[error("{first} and {second} overlap")]
    Overlap {
        /// The one network.
        first: IpNet,
        /// The other.
        second: IpNet,
    },
}

impl StatelessConfig {
    /// Says whether a translator can be built from these rules.
    ///
    /// # Errors
    ///
    /// The first contradiction found: versions, lengths, prefixes that take no addresses, overlap.
    pub fn validate(&self) -> Result<(), StatelessConfigError> {
        let (first, second) = match *self {
            Self::OneToOne { internal, external } => (internal, external),
            Self::Nptv6 { internal, external } => (internal.into(), external.into()),
            Self::Clat { clat, nat64, .. } => (clat.into(), nat64.into()),
        };
        match *self {
            Self::OneToOne { internal, external } => same_size(internal, external)?,
            Self::Nptv6 { internal, external } => {
                same_size(internal.into(), external.into())?;
                if internal.prefix_len() > LONGEST_NPTV6 {
                    return Err(StatelessConfigError::TooLong { prefix: internal });
                }
            }
            Self::Clat { clat, nat64, .. } => {
                let odd = [clat, nat64].into_iter().find(|prefix| !siit::is_prefix(*prefix));
                if let Some(prefix) = odd {
                    return Err(StatelessConfigError::NoAddressPrefix { prefix });
                }
            }
        }
        // They are of one length: either contains the other, or neither does.
        if first.contains(&second) {
            return Err(StatelessConfigError::Overlap { first, second });
        }
        Ok(())
    }
}

fn same_size(internal: IpNet, external: IpNet) -> Result<(), StatelessConfigError> {
    if internal.addr().is_ipv4() != external.addr().is_ipv4() {
        Err(StatelessConfigError::Versions { internal, external })
    } else if internal.prefix_len() == external.prefix_len() {
        Ok(())
    } else {
        Err(StatelessConfigError::Lengths { internal, external })
    }
}
