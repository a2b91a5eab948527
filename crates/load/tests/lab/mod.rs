//! Two hosts on the Internet, and loads between their UDP ports.
#![allow(dead_code)] // each test takes what it needs

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use natbed_load::{
    BareConfig, Direction, LoadConfig, LoadProcess, LoadSet, PlannedLoad, SideReport,
    run_bare_session,
};
use natbed_nat::{Forward, NatConfig, Protocol};
use natbed_network::observe::{PayloadTag, TraceHash};
use natbed_network::{
    Attachment, GatewayConfig, Hop, HostConfig, HostId, InterfaceConfig, InternetConfig, LanConfig,
    Limits as NetworkLimits, LinkConfig, LinkId, Network, Observer, PipeConfig, Step,
};
use natbed_packet::{Body, Endpoint};
use natbed_peer::SessionReport;
use natbed_runtime::{Limits, RunReport, World};
use natbed_units::{Seed, SimDuration, SimTime};

pub(crate) const A: &str = "192.0.2.1";
pub(crate) const B: &str = "198.51.100.1";
/// Outside address of the gateway of [`Lab::forwarded`].
pub(crate) const GATEWAY: &str = "203.0.113.1";
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

/// What a session between plain sockets came to.
#[derive(Debug, PartialEq)]
pub(crate) struct Bare {
    pub(crate) report: SessionReport,
    pub(crate) loads: Vec<[SideReport; 2]>,
    pub(crate) trace_hash: u64,
    pub(crate) largest: usize,
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
        Self::seeded(pipe, SEED)
    }

    /// As [`Lab::new`], with other draws.
    pub(crate) fn seeded(pipe: PipeConfig, seed: Seed) -> Self {
        let observed = Observed::default();
        let mut network = Network::new(seed, NetworkLimits::default(), observed);
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

    /// The second host behind a gateway at [`GATEWAY`] that forwards both protocols' ports from
    /// [`PORT`] on to it.
    pub(crate) fn forwarded(delay: SimDuration) -> Self {
        let mut network = Network::new(SEED, NetworkLimits::default(), Observed::default());
        network.set_internet(InternetConfig { delay: SimDuration::ZERO });
        let lan = network.add_lan(LanConfig {
            name: "home".to_owned(),
            subnet: "192.168.1.0/24".parse().unwrap(),
            second_subnet: None,
            isolate: false,
        });
        let ports = PORT..PORT + 3;
        let forward = |protocol| {
            ports.clone().map(move |port| Forward {
                protocol,
                external_port: port,
                internal: SocketAddr::new(ip("192.168.1.10"), port),
            })
        };
        let forwards = forward(Protocol::Udp).chain(forward(Protocol::Tcp)).collect();
        let gateway = GatewayConfig {
            name: "home".to_owned(),
            lan,
            inside: ip("192.168.1.1"),
            upstream: Attachment::Internet,
            outside: ip(GATEWAY),
            uplink: LinkConfig::symmetric(PipeConfig::with_delay(delay)),
            pool: Vec::new(),
            translator: Some(NatConfig { forwards, ..NatConfig::default() }.into()),
            firewall: None,
            icmp_errors: true,
            beside: None,
        };
        let router = network.add_gateway(gateway).unwrap();
        let link = network.uplink(router);
        let places = [(A, Attachment::Internet), ("192.168.1.10", Attachment::Lan(lan))];
        let hosts = places.map(|(address, attachment)| {
            let interface =
                InterfaceConfig { address: ip(address), attachment, link: LinkConfig::IDEAL };
            let name = address.to_owned();
            let interfaces = vec![interface];
            network.add_host(HostConfig { name, interfaces, firewall: None }).unwrap()
        });
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

    /// Runs a session between plain sockets on a thread of its own; the second host is reached at
    /// `to`.
    pub(crate) fn run_bare(mut self, to: &str, loads: &[PlannedLoad]) -> Bare {
        let handle = self.world.handle();
        let hosts = self.hosts.map(|host| self.world.host(host));
        let set = Arc::new(LoadSet::new(&handle, TAG, loads, SEED).unwrap());
        let config = BareConfig {
            port: PORT,
            to: to.parse().unwrap(),
            hold: SimDuration::ZERO,
            deadline: at(300_000),
        };
        let load = Arc::clone(&set);
        let session = async move { run_bare_session(&handle, config, hosts, &load).await };
        let report = self.world.run_async(session).unwrap().output.unwrap();
        let (trace_hash, largest) = (self.trace_hash(), self.largest());
        Bare { report, loads: set.reports(), trace_hash, largest }
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

/// The sender's and the receiver's of two things, given the first host's and the second's.
pub(crate) fn in_roles<T>(direction: Direction, [first, second]: [T; 2]) -> [T; 2] {
    if direction.sends(0) { [first, second] } else { [second, first] }
}

pub(crate) fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}
