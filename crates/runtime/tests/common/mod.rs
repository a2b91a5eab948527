//! Small networks for the tests of this crate.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // every test file uses its own part

use std::net::{IpAddr, SocketAddr};

use natbed_network::{
    Attachment, HostConfig, HostId, InterfaceConfig, InternetConfig, Limits as NetworkLimits,
    LinkConfig, Network, Observer, PipeConfig,
};
use natbed_runtime::{Limits, World};
use natbed_units::{Seed, SimDuration, SimTime};

pub const A: &str = "198.51.100.1";
pub const B: &str = "198.51.100.2";

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub fn at(text: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip(text), port)
}

pub const fn ns(nanos: u64) -> SimTime {
    SimTime::from_nanos(nanos)
}

pub const fn ms(millis: u64) -> SimTime {
    SimTime::from_nanos(millis * 1_000_000)
}

pub fn public_host<O: Observer>(
    network: &mut Network<O>,
    name: &str,
    addresses: &[&str],
    delay: SimDuration,
) -> HostId {
    let link = LinkConfig::symmetric(PipeConfig::with_delay(delay));
    let interfaces = addresses.iter().map(|address| InterfaceConfig {
        address: ip(address),
        attachment: Attachment::Internet,
        link: link.clone(),
    });
    let config =
        HostConfig { name: name.to_owned(), interfaces: interfaces.collect(), firewall: None };
    network.add_host(config).unwrap()
}

/// Two hosts on the Internet, [`A`] and [`B`], `delay` apart, and nothing between them.
pub fn two_hosts<O: Observer>(seed: Seed, observer: O, delay: SimDuration) -> Two<O> {
    let mut network = Network::new(seed, NetworkLimits::default(), observer);
    network.set_internet(InternetConfig { delay: SimDuration::ZERO });
    let a = public_host(&mut network, "a", &[A], SimDuration::ZERO);
    let b = public_host(&mut network, "b", &[B], delay);
    Two { world: World::new(network, seed, Limits::default()), a, b }
}

pub struct Two<O> {
    pub world: World<O>,
    pub a: HostId,
    pub b: HostId,
}

/// [`two_hosts`] unobserved, with a delay of 10 ms, for a seed that does not matter.
pub fn two() -> Two<()> {
    two_hosts(Seed::new(1), (), SimDuration::from_millis(10))
}
