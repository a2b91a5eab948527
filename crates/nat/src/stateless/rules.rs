//! The rules: what an address is called on the other side.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::{ErrorHeader, Header, nptv6};
use crate::{StatelessConfig, siit};

/// The source of an ICMP error whose sender has no IPv4 address (RFC 7600 section 4.8).
const DUMMY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 0, 8));

impl StatelessConfig {
    /// Translates what goes out: sources are ours, destinations are not.
    pub(super) fn leave(&self, inside: Header) -> Option<Header> {
        let error = match inside.error {
            None => None,
            Some(error) => Some(ErrorHeader {
                kind: match self {
                    Self::Clat { .. } => siit::error_to_v6(error.kind),
                    _ => error.kind,
                },
                quoted_source: self.remote_outside(error.quoted_source)?,
                quoted_destination: self.ours_outside(error.quoted_destination)?,
            }),
        };
        // A router inside that no rule covers speaks as the host that the error is about (RFC 5508
        // REQ-5c asks for an address of the NAT then).
        let host = error.map(|error| error.quoted_destination);
        Some(Header {
            source: self.ours_outside(inside.source).or(host)?,
            destination: self.remote_outside(inside.destination)?,
            error,
        })
    }

    /// Translates what comes in: destinations are ours, sources are not.
    pub(super) fn enter(&self, outside: Header) -> Option<Header> {
        let error = match outside.error {
            None => None,
            Some(error) => Some(ErrorHeader {
                kind: match self {
                    Self::Clat { .. } => siit::error_to_v4(error.kind),
                    _ => error.kind,
                },
                quoted_source: self.ours_inside(error.quoted_source)?,
                quoted_destination: self.remote_inside(error.quoted_destination)?,
            }),
        };
        // A router between the CLAT and the NAT64.
        let router = error.map(|_| DUMMY);
        Some(Header {
            source: self.remote_inside(outside.source).or(router)?,
            destination: self.ours_inside(outside.destination)?,
            error,
        })
    }

    /// What an internal address is called outside.
    fn ours_outside(&self, ip: IpAddr) -> Option<IpAddr> {
        match (self, ip) {
            (Self::OneToOne { internal, external }, _) => replace_prefix(*internal, *external, ip),
            (Self::Nptv6 { internal, external }, IpAddr::V6(ip)) => {
                nptv6::translate(*internal, *external, ip).map(IpAddr::V6)
            }
            (Self::Clat { internal, clat, .. }, IpAddr::V4(v4)) if internal.contains(&v4) => {
                Some(siit::embed(*clat, ip))
            }
            _ => None,
        }
    }

    /// What an external address of ours is called inside.
    fn ours_inside(&self, ip: IpAddr) -> Option<IpAddr> {
        match (self, ip) {
            (Self::OneToOne { internal, external }, _) => replace_prefix(*external, *internal, ip),
            (Self::Nptv6 { internal, external }, IpAddr::V6(ip)) => {
                nptv6::translate(*external, *internal, ip).map(IpAddr::V6)
            }
            (Self::Clat { internal, clat, .. }, _) => {
                siit::extract(*clat, ip).filter(|ip| IpNet::V4(*internal).contains(ip))
            }
            _ => None,
        }
    }

    /// What somebody else's address is called outside.
    fn remote_outside(&self, ip: IpAddr) -> Option<IpAddr> {
        match self {
            Self::Clat { nat64, .. } => ip.is_ipv4().then(|| siit::embed(*nat64, ip)),
            Self::OneToOne { internal, .. } => same_version(ip, internal.addr()),
            Self::Nptv6 { .. } => ip.is_ipv6().then_some(ip),
        }
    }

    /// What somebody else's address is called inside.
    fn remote_inside(&self, ip: IpAddr) -> Option<IpAddr> {
        match self {
            Self::Clat { nat64, .. } => siit::extract(*nat64, ip),
            _ => self.remote_outside(ip),
        }
    }
}

fn same_version(ip: IpAddr, other: IpAddr) -> Option<IpAddr> {
    (ip.is_ipv4() == other.is_ipv4()).then_some(ip)
}

/// Replaces the network part of an address in `from`; the networks are of one version and length.
fn replace_prefix(from: IpNet, to: IpNet, ip: IpAddr) -> Option<IpAddr> {
    match (from, to, ip) {
        (IpNet::V4(from), IpNet::V4(to), IpAddr::V4(ip)) if from.contains(&ip) => {
            let host = ip.to_bits() & from.hostmask().to_bits();
            Some(Ipv4Addr::from_bits(to.network().to_bits() | host).into())
        }
        (IpNet::V6(from), IpNet::V6(to), IpAddr::V6(ip)) if from.contains(&ip) => {
            let host = ip.to_bits() & from.hostmask().to_bits();
            Some(Ipv6Addr::from_bits(to.network().to_bits() | host).into())
        }
        _ => None,
    }
}
