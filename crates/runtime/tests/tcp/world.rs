//! Small networks with TCP hosts, and what tests do with them.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};

use natbed_nat::{Behaviour, FirewallConfig, NatConfig, profile};
use natbed_network::observe::{Counters, TraceHash};
use natbed_network::{
    Attachment, GatewayConfig, HostConfig, HostId, InterfaceConfig, InternetConfig, LanConfig,
    Limits as NetworkLimits, LinkConfig, LinkId, Network, PipeConfig, RouterId,
};
use natbed_packet::DropReason;
use natbed_runtime::{
    Finished, Handle, Host, Limits, TcpStream, World, WorldHandle, run_on_fresh_thread,
};
use natbed_units::{ByteCount, Rate, Seed, SimDuration, SimTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) const SERVER: &str = "198.51.100.9";
pub(crate) const CLIENT: &str = "198.51.100.1";

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn at(text: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip(text), port)
}

pub(crate) const fn ms(millis: u64) -> SimDuration {
    SimDuration::from_millis(millis)
}

pub(crate) const fn secs(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

pub(crate) fn errno<T>(result: io::Result<T>) -> i32 {
    result.err().and_then(|error| error.raw_os_error()).unwrap_or(0)
}

/// A pipe of `mbit` Mbit/s and `delay` with a queue of `queue` bytes.
pub(crate) fn line(mbit: u64, delay: SimDuration, queue: u64) -> PipeConfig {
    PipeConfig::with_rate(
        Rate::from_bits_per_second(mbit * 1_000_000),
        delay,
        ByteCount::new(queue),
    )
}

/// What tests observe.
pub(crate) type Seen = (TraceHash, Counters);

/// A network with a public client and a public server.
pub(crate) struct Lab {
    pub(crate) network: Network<Seen>,
    pub(crate) seed: Seed,
    pub(crate) limits: Limits,
    pub(crate) hosts: Vec<HostId>,
    pub(crate) routers: Vec<RouterId>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::seeded(Seed::new(7))
    }

    pub(crate) fn seeded(seed: Seed) -> Self {
        let mut network = Network::new(
            seed,
            NetworkLimits::default(),
            (TraceHash::default(), Counters::default()),
        );
        network.set_internet(InternetConfig { delay: SimDuration::ZERO });
        let limits = Limits::default();
        Self { network, seed, limits, hosts: Vec::new(), routers: Vec::new() }
    }

    /// A client and a server, `delay` apart.
    pub(crate) fn two(delay: SimDuration) -> Self {
        let link = LinkConfig::symmetric(PipeConfig::with_delay(delay));
        Self::new().public(&[CLIENT], &LinkConfig::IDEAL).public(&[SERVER], &link)
    }

    /// A client and a server with a line between them.
    pub(crate) fn line(pipe: &PipeConfig) -> Self {
        Self::new().between(pipe)
    }

    pub(crate) fn between(self, pipe: &PipeConfig) -> Self {
        self.public(&[CLIENT], &LinkConfig::symmetric(pipe.clone()))
            .public(&[SERVER], &LinkConfig::IDEAL)
    }

    pub(crate) fn public(mut self, addresses: &[&str], link: &LinkConfig) -> Self {
        let attachment = Attachment::Internet;
        let interface = |address: &&str| InterfaceConfig {
            address: ip(address),
            attachment,
            link: link.clone(),
        };
        let interfaces = addresses.iter().map(interface).collect();
        let name = format!("host-{}", self.hosts.len());
        let config = HostConfig { name, interfaces, firewall: None };
        self.hosts.push(self.network.add_host(config).unwrap());
        self
    }

    /// A host with `address` behind gateways, the outermost first, each with its outside address.
    pub(crate) fn behind(
        mut self,
        gateways: &[(&str, NatConfig, Option<FirewallConfig>)],
        address: &str,
        uplink: &PipeConfig,
    ) -> Self {
        let mut upstream = Attachment::Internet;
        for (depth, (outside, nat, firewall)) in gateways.iter().enumerate() {
            let inside = format!("10.{depth}.0.1");
            let lan = self.network.add_lan(LanConfig {
                name: format!("lan-{depth}-{}", self.hosts.len()),
                subnet: format!("10.{depth}.0.0/24").parse().unwrap(),
                second_subnet: None,
                isolate: false,
            });
            let router = self.network.add_gateway(GatewayConfig {
                name: format!("gateway-{depth}-{}", self.hosts.len()),
                lan,
                inside: ip(&inside),
                upstream,
                outside: ip(outside),
                pool: Vec::new(),
                uplink: LinkConfig::symmetric(uplink.clone()),
                translator: Some(nat.clone().into()),
                firewall: firewall.clone(),
                icmp_errors: true,
                beside: None,
            });
            self.routers.push(router.unwrap());
            upstream = Attachment::Lan(lan);
        }
        let interface =
            InterfaceConfig { address: ip(address), attachment: upstream, link: LinkConfig::IDEAL };
        let name = format!("host-{}", self.hosts.len());
        let config = HostConfig { name, interfaces: vec![interface], firewall: None };
        self.hosts.push(self.network.add_host(config).unwrap());
        self
    }

    pub(crate) fn link(&self, host: usize) -> LinkId {
        self.network.host_links(self.hosts[host]).next().unwrap()
    }

    /// Runs `main` with the hosts; it must return before the run ends.
    pub(crate) fn run<T, F>(self, main: impl FnOnce(Ends) -> F + Send) -> Outcome<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        run_on_fresh_thread(self.seed, move || {
            let mut world = World::new(self.network, self.seed, self.limits);
            let hosts = self.hosts.iter().map(|host| world.host(*host)).collect();
            let (handle, remote) = (world.handle(), world.remote());
            let ends = Ends { hosts, handle, remote };
            let Finished { output, report } = world.run_async(main(ends)).unwrap();
            let (hash, counters) = world.network().observer();
            Outcome {
                output: output.unwrap_or_else(|| panic!("main has not returned: {report:?}")),
                at: report.at,
                events: report.events,
                hash: hash.value(),
                dropped: counters.dropped(),
            }
        })
        .unwrap()
    }
}

/// What a main task gets.
pub(crate) struct Ends {
    pub(crate) hosts: Vec<Host>,
    pub(crate) handle: Handle,
    pub(crate) remote: WorldHandle<Seen>,
}

impl Ends {
    pub(crate) fn client(&self) -> Host {
        self.hosts[0].clone()
    }

    pub(crate) fn server(&self) -> Host {
        self.hosts[1].clone()
    }
}

/// What came of a run.
pub(crate) struct Outcome<T> {
    pub(crate) output: T,
    pub(crate) at: SimTime,
    pub(crate) events: u64,
    pub(crate) hash: u64,
    pub(crate) dropped: BTreeMap<DropReason, u64>,
}

/// The NAT of a profile.
pub(crate) fn nat(name: &str) -> NatConfig {
    match &profile(name).unwrap().behaviour {
        Behaviour::Nat(config) => config.clone(),
        Behaviour::Firewall(_) => panic!("{name} is no NAT"),
    }
}

/// Bytes that tell where they stand.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at ^ at >> 8 ^ at >> 16) as u8).collect()
}

/// Writes `data` and ends the stream's writing.
pub(crate) async fn send_all(stream: &mut TcpStream, data: &[u8]) -> io::Result<()> {
    stream.write_all(data).await?;
    stream.shutdown().await
}

/// Reads to the end.
pub(crate) async fn read_all(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    stream.read_to_end(&mut data).await?;
    Ok(data)
}
