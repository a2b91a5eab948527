//! Flow keys: two endpoints and a protocol as machine words, cheap to hash and to compare.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use natbed_packet::{Endpoint, Protocol};

use crate::nat::External;

/// The key of a flow in a lookup table: protocol, an endpoint of this side, one of the other.
///
/// It says the same as the tuple of the three, but is compared without a branch for each address
/// family, which is most of what a lookup costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlowKey {
    here: [u64; 2],
    there: [u64; 2],
    /// Address here if it has a number instead of words, protocol, port here, port there.
    rest: u64,
}

impl FlowKey {
    #[inline]
    pub(crate) fn new(protocol: Protocol, here: Endpoint, there: Endpoint) -> Self {
        let at_port = External { address: 0, port: here.port };
        Self { here: words(here.ip), ..Self::at_external(protocol, at_port, there) }
    }

    /// The key of a flow whose address on this side is one of few.
    #[inline]
    pub(crate) fn at_external(protocol: Protocol, here: External, there: Endpoint) -> Self {
        Self {
            here: [0; 2],
            there: words(there.ip),
            rest: u64::from(here.address) << 34
                | (protocol as u64) << 32
                | u64::from(here.port) << 16
                | u64::from(there.port),
        }
    }
}

/// An address as two words; an IPv4 address as the IPv6 address it maps to.
#[inline]
fn words(ip: IpAddr) -> [u64; 2] {
    match ip {
        IpAddr::V4(ip) => [0, 0xffff_0000_0000 | u64::from(ip.to_bits())],
        IpAddr::V6(ip) => {
            let bits = ip.to_bits();
            [(bits >> 64) as u64, bits as u64]
        }
    }
}

impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Folded to two words: for IPv4 nothing overlaps but constant bits.
        let [high, low] = self.here;
        state.write_u64(high.rotate_left(7) ^ low ^ self.rest << 32);
        let [high, low] = self.there;
        state.write_u64(high.rotate_left(7) ^ low ^ (self.rest >> 16) << 32);
    }
}
