//! An address with a port, small and cheap to hash.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

/// A transport address: IP address and port (RFC 4787 calls it "endpoint").
///
/// For ICMP queries the port is the query identifier (RFC 5508 section 3.1).
/// Unlike [`SocketAddr`] it has no flow label or scope id, and an IPv4
/// endpoint hashes as one integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The IP address.
    pub ip: IpAddr,
    /// The port, or the ICMP query identifier.
    pub port: u16,
}

impl Endpoint {
    /// Makes an endpoint from its parts.
    #[must_use]
    pub const fn new(ip: IpAddr, port: u16) -> Self {
        Self { ip, port }
    }
}

impl Hash for Endpoint {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.ip {
            IpAddr::V4(ip) => state.write_u64(u64::from(ip.to_bits()) << 16 | u64::from(self.port)),
            IpAddr::V6(ip) => {
                let bits = ip.to_bits();
                state.write_u64((bits >> 64) as u64);
                state.write_u64(bits as u64 ^ u64::from(self.port).rotate_left(40));
            }
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self { ip: address.ip(), port: address.port() }
    }
}

impl From<Endpoint> for SocketAddr {
    fn from(endpoint: Endpoint) -> Self {
        Self::new(endpoint.ip, endpoint.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::hash::DefaultHasher;

    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse::<SocketAddr>().unwrap().into()
    }

    fn hash(endpoint: Endpoint) -> u64 {
        let mut hasher = DefaultHasher::new();
        endpoint.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn prints_as_a_socket_address() {
        for text in ["192.0.2.1:3478", "[2001:db8::1]:3478"] {
            assert_eq!(endpoint(text).to_string(), text);
        }
    }

    #[test]
    fn scope_and_flow_label_do_not_make_another_endpoint() {
        let scoped = endpoint("[fe80::1%7]:5353");
        assert_eq!(scoped, endpoint("[fe80::1]:5353"));
        assert_eq!(hash(scoped), hash(endpoint("[fe80::1]:5353")));
    }

    #[test]
    fn neighbours_have_hashes_of_their_own() {
        let mut hashes = BTreeSet::new();
        for last in 0..8_u16 {
            for port in 40_000..40_064 {
                hashes.insert(hash(Endpoint::new([192, 0, 2, last as u8].into(), port)));
                let ip = [0x2001, 0xdb8, 0, last, 0, 0, 0, 1];
                hashes.insert(hash(Endpoint::new(ip.into(), port)));
                let ip = [0x2001, 0xdb8, 0, 0x100, 0, 0, 0, last];
                hashes.insert(hash(Endpoint::new(ip.into(), port)));
            }
        }
        assert_eq!(hashes.len(), 3 * 8 * 64);
    }
}
