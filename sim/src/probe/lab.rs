//! The place where a box is probed: two hosts behind it, the server in front, and no delay anywhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};
use natbed_nat::{Behaviour, FirewallConfig, PortBlocks, TranslatorConfig};
use natbed_network::{
    Attachment, GatewayConfig, Hop, HostConfig, HostId, InterfaceConfig, InternetConfig, LanConfig,
    Limits as NetworkLimits, LinkConfig, Network, Observer, Step, TopologyError,
};
use natbed_packet::{Body, Endpoint, Icmp};
use natbed_peer::{
    BindingRequest, BindingResponse, DiscoveryClient, DiscoveryEvent, DiscoveryServer,
};
use natbed_runtime::{Limits, World};
use natbed_units::{Seed, SimDuration};

/// A box to be probed, and how its place is to be set up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) behaviour: &'a Behaviour,
    pub(super) seed: Seed,
    /// The server's ports.
    pub(super) server_ports: [u16; 2],
    /// How many external addresses a box that translates has.
    pub(super) externals: u16,
}

/// A socket of a host behind the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    /// Which of the two hosts: 0 or 1.
    pub(super) host: usize,
    pub(super) port: u16,
}

/// One of the server's four endpoints: index of the address, index of the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServerEnd(pub(super) usize, pub(super) usize);

impl ServerEnd {
    /// Where every test begins.
    pub(super) const FIRST: Self = Self(0, 0);
    /// The first address, the other port.
    pub(super) const OTHER_PORT: Self = Self(0, 1);
    /// The other address, the first port.
    pub(super) const OTHER_ADDRESS: Self = Self(1, 0);
    /// Address and port both the other.
    pub(super) const OPPOSITE: Self = Self(1, 1);
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// The socket that it arrived at, of whichever host.
    pub(super) at: Socket,
    /// The source it came with.
    pub(super) from: Endpoint,
    /// What the server said; `None` for a request of the other host.
    pub(super) response: Option<BindingResponse>,
}

/// Counts what a raw socket on the server would see.
#[derive(Clone, Copy, Debug)]
struct ErrorsAtServer {
    addresses: [IpAddr; 2],
    count: u32,
}

impl Observer for ErrorsAtServer {
    fn observe(&mut self, hop: &Hop<'_>) {
        let is_error = matches!(hop.packet.body, Body::Icmp(Icmp::Error { .. }));
        if is_error
            && matches!(hop.step, Step::Delivered(_))
            && self.addresses.contains(&hop.packet.destination)
        {
            self.count += 1;
        }
    }
}

/// A box just switched on, with everything around it.
///
/// Nothing takes time but [`Lab::wait`]: a request, its answer, and whatever the box does with
/// them are of one instant, so that idle times at the box are exactly those that were waited, and
/// what has not arrived in the instant never will.
pub(super) struct Lab {
    world: World<ErrorsAtServer>,
    hosts: [HostId; 2],
    addresses: [IpAddr; 2],
    /// The server's addresses as the hosts have to write them.
    servers: [IpAddr; 2],
    server_ports: [u16; 2],
}

/// Addresses for one way of setting up.
struct Plan {
    lan: IpNet,
    gateway: IpAddr,
    hosts: [IpAddr; 2],
    outside: IpAddr,
    pool: Vec<IpAddr>,
    servers: [IpAddr; 2],
    translator: Option<TranslatorConfig>,
    firewall: Option<FirewallConfig>,
    nat64: Option<Ipv6Net>,
}

const SERVERS_V4: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1))];
/// The addresses of the LAN: few, because each may need a block of ports.
const V4_SUBSCRIBERS: u16 = 8;
/// External addresses are counted from here, the range for benchmarks of RFC 2544.
const EXTERNAL: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
const V6: [u16; 3] = [0x2001, 0xdb8, 0];

const fn v6(subnet: u16, host: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(V6[0], V6[1], V6[2], subnet, 0, 0, 0, host))
}

/// The n-th external address of a box.
fn external(number: u16) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(EXTERNAL.to_bits() | u32::from(number)))
}

impl Plan {
    fn new(subject: &Subject<'_>) -> Self {
        match subject.behaviour {
            // What only filters stands in front of IPv6 hosts, where nothing has to be translated.
            Behaviour::Firewall(config) => Self {
                firewall: Some(config.clone()),
                outside: v6(0xff, 1),
                servers: [v6(0x51, 1), v6(0x52, 1)],
                ..Self::inside_v6()
            },
            Behaviour::Nat(config) => {
                let mut config = config.clone();
                let is_v6 = config.nat64.is_some();
                let inside = if is_v6 { Self::inside_v6() } else { Self::inside_v4() };
                let mut externals = subject.externals;
                if let Some(PortBlocks::Deterministic { subscribers, compression, .. }) =
                    &mut config.port_blocks
                {
                    // Who they are is for the place to say; everybody's block needs room.
                    *subscribers = inside.lan;
                    let count = if is_v6 { 1 } else { V4_SUBSCRIBERS };
                    externals = externals.max(count.div_ceil((*compression).max(1)));
                }
                Self {
                    nat64: config.nat64,
                    translator: Some(config.into()),
                    outside: external(1),
                    pool: (2..=externals).map(external).collect(),
                    servers: SERVERS_V4,
                    ..inside
                }
            }
        }
    }

    fn inside_v4() -> Self {
        Self::inside(IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(192, 168, 1, 0)), 29))
    }

    fn inside_v6() -> Self {
        Self::inside(IpNet::new_assert(v6(1, 0), 64))
    }

    /// A LAN with the first three addresses of `subnet` for its gateway and the hosts.
    fn inside(subnet: IpNet) -> Self {
        let address = |offset: u8| match subnet.network() {
            IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() | u32::from(offset)).into(),
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() | u128::from(offset)).into(),
        };
        Self {
            lan: subnet,
            gateway: address(1),
            hosts: [address(2), address(3)],
            outside: address(1),
            pool: Vec::new(),
            servers: SERVERS_V4,
            translator: None,
            firewall: None,
            nat64: None,
        }
    }
}

impl Lab {
    /// Sets everything up and switches the box on.
    ///
    /// # Errors
    ///
    /// When the box cannot be built from its configuration.
    pub(super) fn switch_on(subject: &Subject<'_>) -> Result<Self, TopologyError> {
        let plan = Plan::new(subject);
        let seed = subject.seed;
        let watch = ErrorsAtServer { addresses: plan.servers, count: 0 };
        let mut network = Network::new(seed, NetworkLimits::default(), watch);
        network.set_internet(InternetConfig { delay: SimDuration::ZERO });
        let lan = LanConfig {
            name: "inside".to_owned(),
            subnet: plan.lan,
            second_subnet: None,
            isolate: false,
        };
        let lan = network.add_lan(lan);
        network.add_gateway(GatewayConfig {
            name: "box".to_owned(),
            lan,
            inside: plan.gateway,
            upstream: Attachment::Internet,
            outside: plan.outside,
            pool: plan.pool,
            uplink: LinkConfig::IDEAL,
            translator: plan.translator,
            firewall: plan.firewall,
            icmp_errors: true,
            beside: None,
        })?;
        let mut add_host = |name: &str, attachment, addresses: &[IpAddr]| {
            let interfaces = addresses
                .iter()
                .map(|&address| InterfaceConfig { address, attachment, link: LinkConfig::IDEAL })
                .collect();
            network.add_host(HostConfig { name: name.to_owned(), interfaces, firewall: None })
        };
        let server = add_host("server", Attachment::Internet, &plan.servers)?;
        let [first, second] = plan.hosts;
        let hosts = [
            add_host("first", Attachment::Lan(lan), &[first])?,
            add_host("second", Attachment::Lan(lan), &[second])?,
        ];
        let limits = Limits { horizon: Limits::HORIZON_MAX, ..Limits::default() };
        let mut world = World::new(network, seed, limits);
        world.set_process(server, DiscoveryServer::new(plan.servers, subject.server_ports));
        for (host, address) in hosts.into_iter().zip(plan.hosts) {
            let rng = seed.rng(&format!("client/{address}"));
            world.set_process(host, DiscoveryClient::new(address, rng));
        }
        let servers = plan.servers.map(|server| match (plan.nat64, server) {
            (Some(prefix), IpAddr::V4(server)) => {
                let bits = prefix.network().to_bits() | u128::from(server.to_bits());
                Ipv6Addr::from_bits(bits).into()
            }
            (_, server) => server,
        });
        let (addresses, server_ports) = (plan.hosts, subject.server_ports);
        Ok(Self { world, hosts, addresses, servers, server_ports })
    }

    /// A socket's own endpoint.
    pub(super) fn local(&self, socket: Socket) -> Endpoint {
        Endpoint::new(self.addresses[socket.host], socket.port)
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, span: SimDuration) {
        let until = self.world.now() + span;
        self.world.run_until(until);
    }

    /// Opens a socket that has sent nothing.
    pub(super) fn listen(&mut self, socket: Socket) {
        let host = self.hosts[socket.host];
        self.world.update_process(host, |client: &mut DiscoveryClient, _| client.open(socket.port));
    }

    /// Sends a request to the server and returns what arrived of the answer, and where.
    pub(super) fn ask(
        &mut self,
        from: Socket,
        server: ServerEnd,
        request: BindingRequest,
    ) -> Option<Arrival> {
        let to = Endpoint::new(self.servers[server.0], self.server_ports[server.1]);
        self.send(from, to, request)
    }

    /// Asks the server how `from` looks from there; `None` if no answer came back to it.
    pub(super) fn mapped(&mut self, from: Socket, server: ServerEnd) -> Option<Endpoint> {
        let arrival = self.ask(from, server, BindingRequest::default())?;
        arrival.response.filter(|_| arrival.at == from).map(|response| response.mapped)
    }

    /// Sends a request to an endpoint of the outside, which may be another client's.
    pub(super) fn send_outside(&mut self, from: Socket, to: Endpoint) -> Option<Arrival> {
        let ip = self.as_written_inside(to.ip);
        self.send(from, Endpoint::new(ip, to.port), BindingRequest::default())
    }

    /// Returns how many ICMP errors have come to the server.
    pub(super) fn icmp_errors(&self) -> u32 {
        self.world.network().observer().count
    }

    /// An address of the outside as the hosts have to write it.
    fn as_written_inside(&self, outside: IpAddr) -> IpAddr {
        match (self.servers[0], outside) {
            (IpAddr::V6(server), IpAddr::V4(outside)) => {
                let prefix = server.to_bits() >> 32 << 32;
                Ipv6Addr::from_bits(prefix | u128::from(outside.to_bits())).into()
            }
            _ => outside,
        }
    }

    fn send(&mut self, from: Socket, to: Endpoint, request: BindingRequest) -> Option<Arrival> {
        for host in self.hosts {
            self.world.update_process(
                host,
                |client: &mut DiscoveryClient, _| {
                    while client.poll_event().is_some() {}
                },
            );
        }
        self.world.update_process(self.hosts[from.host], |client: &mut DiscoveryClient, _| {
            client.send(from.port, to, request);
        });
        self.wait(SimDuration::ZERO);
        (0..self.hosts.len()).find_map(|host| {
            let poll = |client: &mut DiscoveryClient, _| client.poll_event();
            match self.world.update_process(self.hosts[host], poll)?? {
                DiscoveryEvent::Response { port, from, response, .. } => {
                    Some(Arrival { at: Socket { host, port }, from, response })
                }
                DiscoveryEvent::Request { port, from } => {
                    Some(Arrival { at: Socket { host, port }, from, response: None })
                }
            }
        })
    }
}
