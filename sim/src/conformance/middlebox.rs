//! A box as the checks see it: two sides and the time.

use std::net::IpAddr;

use ipnet::Ipv6Net;
use natbed_nat::Side;
use natbed_packet::Packet;
use natbed_units::SimDuration;

/// A box between hosts inside and hosts outside, of which only packets are seen.
pub trait Middlebox {
    /// A host sends a packet on its side; its source says which host, and is one of
    /// [`Middlebox::addresses`].
    fn send(&mut self, side: Side, packet: Packet);

    /// Returns the next packet that reached a host, with the side it is on.
    fn receive(&mut self) -> Option<(Side, Packet)>;

    /// Lets time pass.
    fn wait(&mut self, span: SimDuration);

    /// Returns what the hosts know of the network they are in.
    fn addresses(&self) -> Addresses;
}

/// Who can be addressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The hosts inside, one address each; at least three.
    pub inside: Vec<IpAddr>,
    /// Two hosts outside with two addresses each: the first and second are one host's.
    pub outside: [IpAddr; 4],
    /// The box, as the hosts inside know it.
    pub gateway: IpAddr,
    /// The /96 under which the hosts inside reach IPv4 addresses, if the box is a NAT64.
    pub nat64: Option<Ipv6Net>,
}

/// What a check asks of the box's surroundings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Two external addresses instead of one.
    pub pool: bool,
    /// The most flows that the box has room for, if that must be few.
    pub room: Option<u32>,
    /// A link outside that takes no packet longer than 1280 bytes.
    pub narrow: bool,
    /// An outside network with the numbers of the one inside.
    pub conflict: bool,
}

/// A factory of boxes that are all alike.
pub trait Subject {
    /// Makes a box without state; `seed` decides what is left to chance in it.
    ///
    /// # Errors
    ///
    /// Why such a box cannot stand in this setting.
    fn build(&self, seed: u64, setting: Setting) -> Result<Box<dyn Middlebox>, String>;
}

impl<F: Fn(u64, Setting) -> Result<Box<dyn Middlebox>, String>> Subject for F {
    fn build(&self, seed: u64, setting: Setting) -> Result<Box<dyn Middlebox>, String> {
        self(seed, setting)
    }
}
