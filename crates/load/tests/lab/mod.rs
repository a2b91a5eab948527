//! Two hosts on the Internet, and loads between their UDP ports.
#![allow(dead_code)] // each test takes what it needs

use std::net::IpAddr;

use natbed_load::{LoadConfig, LoadProcess, SideReport};
use natbed_network::observe::{PayloadTag, TraceHash};
use natbed_network::{
    Attachment, Hop, HostConfig, HostId, InterfaceConfig, InternetConfig, Limits as NetworkLimits,
    LinkConfig, LinkId, Network, Observer, PipeConfig, Step,
};
use natbed_packet::{Body, Endpoint};
use natbed_runtime::{Limits, RunReport, World};
use natbed_units::{Seed, SimDuration, SimTime};

pub(crate) const A: &str = "192.0.2.1";
pub(crate) const B: &str = "198.51.100.1";
pub(crate) const PORT: u16 = 4000;
pub(crate) const SEED: Seed = Seed::new(1);
const TAG: PayloadTag = PayloadTag::new(0);

pub(crate) type Observed = (TraceHash, Largest);

/// The length of the largest UDP payload that was sent.
#[derive(Default)]
pub(crate) struct Largest(usize);

impl Observer for Largest {
    fn observe(&mut self, hop: &Hop<'_>) {
        if let (Step::Sent, Body::Udp(udp)) = (hop.step, &hop.packet.body) {
            self.0 = self.0.max(udp.payload.len());
        }
    }
}

pub(crate) const fn ms(millis: u64) -> SimDuration {
    SimDuration::from_millis(millis)
}

pub(crate) const fn at(millis: u64) -> SimTime {
    SimTime::from_nanos(1_000_000 * millis)
}

/// Two hosts whose path takes no time but that of the links, one pipe each.
pub(crate) struct Lab {
    pub(crate) world: World<Observed>,
    pub(crate) hosts: [HostId; 2],
    /// The link of the first host.
    pub(crate) link: LinkId,
}

impl Lab {
    /// A path that delays by so much in each direction, and does nothing else.
    pub(crate) fn ideal(delay: SimDuration) -> Self {
        Self::new(PipeConfig::with_delay(delay))
    }

    /// A path with such a link at the first host; that of the second takes no time.
    pub(crate) fn new(pipe: PipeConfig) -> Self {
        let observed = Observed::default();
        let mut network = Network::new(SEED, NetworkLimits::default(), observed);
        network.set_internet(InternetConfig { delay: SimDuration::ZERO });
        let pipes = [(A, pipe), (B, PipeConfig::default())];
        let hosts = pipes.map(|(address, pipe)| {
            let interface = InterfaceConfig {
                address: ip(address),
                attachment: Attachment::Internet,
                link: LinkConfig::symmetric(pipe),
            };
            let name = address.to_owned();
            network
                .add_host(HostConfig { name, interfaces: vec![interface], firewall: None })
                .unwrap()
        });
        let link = network.host_links(hosts[0]).next().unwrap();
        Self { world: World::new(network, SEED, Limits::default()), hosts, link }
    }

    /// Puts the two sides of a load on the hosts; each knows the other's address.
    pub(crate) fn load(&mut self, config: &LoadConfig, seed: Seed) {
        let endpoints = [A, B].map(|address| Endpoint::new(ip(address), PORT));
        let sides = config.sides(seed).unwrap();
        for (peer, side) in sides.into_iter().enumerate() {
            let (local, remote) = (endpoints[peer], endpoints[1 - peer]);
            let sides = [(SimDuration::ZERO, side)];
            let process = LoadProcess::new(local, Some(remote), TAG, sides);
            self.world.set_process(self.hosts[peer], process);
        }
    }

    /// Takes the first host's link down for a while, or for good with [`SimTime::MAX`].
    pub(crate) fn cut(&mut self, from: SimTime, to: SimTime) {
        let link = self.link;
        for (time, is_down) in [(from, true), (to, false)] {
            if time == SimTime::MAX {
                continue;
            }
            self.world.at(time, move |world| world.network_mut().set_link_down(link, is_down));
        }
    }

    /// Runs until nothing is left to do.
    pub(crate) fn run(&mut self) -> RunReport {
        self.world.run()
    }

    /// What each side saw; all must be done.
    pub(crate) fn reports(&self) -> [SideReport; 2] {
        self.hosts.map(|host| {
            let process = self.world.process::<LoadProcess>(host).unwrap();
            assert!(process.is_done());
            process.reports().pop().unwrap()
        })
    }

    pub(crate) fn trace_hash(&self) -> u64 {
        self.world.network().observer().0.value()
    }

    /// Bytes of the largest datagram that was sent.
    pub(crate) fn largest(&self) -> usize {
        self.world.network().observer().1.0
    }
}

pub(crate) fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}
