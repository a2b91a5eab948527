//! Networks to run the stacks on, and what is seen of them.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;

use natbed_dht::{Contact, Id, NodeConfig};
use natbed_load::{EchoConfig, EchoReport, LoadConfig, LoadSet, PlannedLoad};
use natbed_nat::{FirewallConfig, Mapping, NatConfig};
use natbed_network::observe::{Counters, PayloadTag, Sighting, Witness};
use natbed_network::{
    Attachment, GatewayConfig, Hop, HostConfig, HostId, InterfaceConfig, InternetConfig, LanConfig,
    LanId, Limits as NetworkLimits, LinkConfig, LinkId, Network, Observer, PipeConfig, RouterId,
    Step,
};
use natbed_packet::{Body, Packet};
use natbed_peer::{
    AgentSource, CallDiscovery, DHT_PORT, DhtProcess, Discovery, IceAgent, IceDescription,
    IceServers, Restart, STUN_PORT, SessionConfig, SessionReport, TurnServer, TurnServerAccess,
    VnetHost, WebrtcAgent, WebrtcAgents, run_session, settled_contacts,
};
use natbed_runtime::{Handle, Host, Limits, World, WorldHandle, run_on_fresh_thread};
use natbed_units::{Seed, SimDuration, SimTime};

/// One way through the core.
pub(crate) const CORE: SimDuration = SimDuration::from_millis(10);
/// One way over an uplink to the core.
pub(crate) const UPLINK: SimDuration = SimDuration::from_nanos(5_004_321);
/// One way between a host and its LAN.
pub(crate) const LAN_HOP: SimDuration = SimDuration::from_micros(200);

pub(crate) const SEED: Seed = Seed::new(1);
pub(crate) const TAG: PayloadTag = PayloadTag::new(0);
const USER: (&str, &str) = ("user", "secret");

/// What is seen of a run.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) counters: Counters,
    witness: Witness,
    /// ICMP messages that reached a host.
    pub(crate) icmp: Vec<(SimTime, HostId, Packet)>,
    /// When datagrams reached which host.
    pub(crate) arrivals: Vec<(SimTime, HostId)>,
    /// When a packet was last sent, by anybody.
    pub(crate) last_sent: SimTime,
}

impl Watch {
    pub(crate) fn sighting(&self) -> Sighting {
        self.witness.sighting(TAG).unwrap_or_default()
    }
}

impl Observer for Watch {
    fn observe(&mut self, hop: &Hop<'_>) {
        self.counters.observe(hop);
        self.witness.observe(hop);
        match (hop.step, &hop.packet.body) {
            (Step::Sent, _) => self.last_sent = hop.at,
            (Step::Delivered(host), Body::Icmp(_)) => {
                self.icmp.push((hop.at, host, hop.packet.clone()));
            }
            (Step::Delivered(host), Body::Udp(_)) => self.arrivals.push((hop.at, host)),
            _ => {}
        }
    }
}

/// Two peers and the server that they gather with.
pub(crate) struct Lab {
    network: Network<Watch>,
    /// Hosts with a node of the DHT that know each other.
    swarm: Vec<HostId>,
    server: HostId,
    peers: [HostId; 2],
    /// What leads from the first peer's site to the core.
    uplink: LinkId,
    /// The gateway of the first peer's site, if it has one.
    gateway: Option<RouterId>,
}

impl Lab {
    /// Peers behind NATs of their own.
    pub(crate) fn two_homes(mappings: [Mapping; 2]) -> Self {
        let mut network = internet();
        let server = public_host(&mut network, "server", "198.51.100.1", None);
        let mut gateways = Vec::new();
        let peers = [0, 1].map(|n| {
            let mapping = mappings[n];
            let name = ["a", "b"][n];
            let (lan, gateway) = home(&mut network, name, n + 1, mapping);
            gateways.push(gateway);
            lan_host(&mut network, name, lan, ["192.168.1.10", "192.168.2.20"][n])
        });
        let uplink = network.uplink(gateways[0]);
        Self { network, swarm: Vec::new(), server, peers, uplink, gateway: Some(gateways[0]) }
    }

    /// Peers behind the same NAT.
    pub(crate) fn one_lan() -> Self {
        let mut network = internet();
        let server = public_host(&mut network, "server", "198.51.100.1", None);
        let (lan, gateway) = home(&mut network, "home", 1, Mapping::EndpointIndependent);
        let peers = [("a", "192.168.1.10"), ("b", "192.168.1.20")]
            .map(|(name, address)| lan_host(&mut network, name, lan, address));
        let uplink = network.uplink(gateway);
        Self { network, swarm: Vec::new(), server, peers, uplink, gateway: Some(gateway) }
    }

    /// Peers with public addresses and a firewall of their own.
    pub(crate) fn public([server, a, b]: [&str; 3], firewall: Option<&FirewallConfig>) -> Self {
        let mut network = internet();
        let server = public_host(&mut network, "server", server, None);
        let peers = [("a", a), ("b", b)]
            .map(|(name, address)| public_host(&mut network, name, address, firewall.cloned()));
        let uplink = network.host_links(peers[0]).next().unwrap();
        Self { network, swarm: Vec::new(), server, peers, uplink, gateway: None }
    }

    /// Adds a swarm of nodes on the Internet.
    pub(crate) fn with_swarm(mut self, nodes: u8) -> Self {
        let host = |n| {
            let (name, address) = (format!("node-{n}"), format!("198.19.0.{n}"));
            public_host(&mut self.network, &name, &address, None)
        };
        self.swarm = (1..=nodes).map(host).collect();
        self
    }

    /// Runs `script` on the network, on a thread of its own.
    pub(crate) fn run<T, F>(self, script: impl FnOnce(Site) -> F + Send) -> (T, Watch)
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        run_on_fresh_thread(SEED, || self.run_here(script)).unwrap()
    }

    /// Runs `script` on the network, on this thread.
    pub(crate) fn run_here<T, F>(self, script: impl FnOnce(Site) -> F) -> (T, Watch)
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let Self { mut network, swarm, server, peers, uplink, gateway } = self;
        network.observer_mut().witness.watch(TAG, peers);
        let mut world = World::new(network, SEED, Limits::default());
        let bootstrap = start_swarm(&mut world, &swarm);
        let site = Site {
            handle: world.handle(),
            remote: world.remote(),
            server: world.host(server),
            peers: peers.map(|peer| world.host(peer)),
            bootstrap,
            uplink,
            gateway,
        };
        let output = world.run_async(script(site)).unwrap().output.unwrap();
        (output, world.into_network().into_observer())
    }
}

/// A [`Lab`] as a script sees it.
pub(crate) struct Site {
    pub(crate) handle: Handle,
    remote: WorldHandle<Watch>,
    pub(crate) server: Host,
    pub(crate) peers: [Host; 2],
    /// Where the first node of the swarm is, if there is one.
    pub(crate) bootstrap: Vec<SocketAddr>,
    uplink: LinkId,
    gateway: Option<RouterId>,
}

impl Site {
    /// Cuts the link from the first peer's site to the core, or mends it.
    pub(crate) fn set_uplink_down(&self, at: SimTime, is_down: bool) {
        let link = self.uplink;
        self.remote.at(at, move |world| world.network_mut().set_link_down(link, is_down));
    }

    /// Lets the first peer's NAT forget its mappings.
    pub(crate) fn flush_nat(&self, at: SimTime) {
        let gateway = self.gateway.unwrap();
        self.remote.at(at, move |world| world.network_mut().flush_router(gateway));
    }

    pub(crate) fn server_address(&self) -> SocketAddr {
        SocketAddr::new(self.server.addresses()[0], STUN_PORT)
    }

    /// The server, with the password of an agent.
    pub(crate) fn turn(&self, password: &str) -> IceServers {
        let access = TurnServerAccess {
            address: self.server_address(),
            user: USER.0.to_owned(),
            password: password.to_owned(),
        };
        IceServers { stun: Vec::new(), turn: vec![access] }
    }

    pub(crate) async fn vnet(&self, peer: usize) -> Arc<VnetHost> {
        let host = self.peers[peer].clone();
        Arc::new(VnetHost::new(&self.handle, host).await.unwrap())
    }

    /// Starts the server and gives the peers their networks.
    pub(crate) async fn start(self) -> Stacks {
        let users = [(USER.0.to_owned(), USER.1.to_owned())];
        let server = TurnServer::start(&self.server, &users).await.unwrap();
        let vnets = [self.vnet(0).await, self.vnet(1).await];
        Stacks { site: self, server, vnets }
    }
}

/// What became of a session, and what each peer saw of its echo load.
#[derive(Debug)]
pub(crate) struct Outcome {
    report: SessionReport,
    pub(crate) echoes: [EchoReport; 2],
}

impl Deref for Outcome {
    type Target = SessionReport;

    fn deref(&self) -> &SessionReport {
        &self.report
    }
}

/// The software of a [`Site`], running.
pub(crate) struct Stacks {
    pub(crate) site: Site,
    server: TurnServer,
    vnets: [Arc<VnetHost>; 2],
}

impl Stacks {
    pub(crate) async fn agent(&self, peer: usize, servers: &IceServers) -> Arc<dyn IceAgent> {
        Arc::new(WebrtcAgent::new(&self.site.handle, &self.vnets[peer], servers).await.unwrap())
    }

    /// Runs a session with STUN and TURN of the server.
    pub(crate) async fn session(&self, echo: EchoConfig, hold: SimDuration) -> Outcome {
        self.session_with(&self.site.turn(USER.1), echo, hold).await
    }

    pub(crate) async fn session_with(
        &self,
        servers: &IceServers,
        echo: EchoConfig,
        hold: SimDuration,
    ) -> Outcome {
        self.restarting_session(servers, echo, hold, Restart::Never).await
    }

    pub(crate) async fn restarting_session(
        &self,
        servers: &IceServers,
        echo: EchoConfig,
        hold: SimDuration,
        restart: Restart,
    ) -> Outcome {
        let agents = [self.agent(0, servers).await, self.agent(1, servers).await];
        let discovery = Discovery::Rendezvous { delay: SimDuration::from_millis(50) };
        self.session_by(discovery, Some(agents), servers, echo, hold, restart).await
    }

    /// Runs a session by a call.
    pub(crate) async fn called_session(&self, call: CallDiscovery, restart: Restart) -> Outcome {
        self.called_session_with(call, FIVE, restart).await
    }

    pub(crate) async fn called_session_with(
        &self,
        call: CallDiscovery,
        echo: EchoConfig,
        restart: Restart,
    ) -> Outcome {
        let (servers, hold) = (self.site.turn(USER.1), SimDuration::from_millis(500));
        self.session_by(Discovery::Call(call), None, &servers, echo, hold, restart).await
    }

    async fn session_by(
        &self,
        discovery: Discovery,
        agents: Option<[Arc<dyn IceAgent>; 2]>,
        servers: &IceServers,
        echo: EchoConfig,
        hold: SimDuration,
        restart: Restart,
    ) -> Outcome {
        let sources = self.vnets.each_ref().map(|vnet| -> Arc<dyn AgentSource> {
            let (handle, vnet) = (&self.site.handle, Arc::clone(vnet));
            Arc::new(WebrtcAgents::new(handle, vnet, servers.clone()))
        });
        let config = SessionConfig {
            discovery,
            start: [SimDuration::ZERO; 2],
            hold,
            restart,
            deadline: SimTime::MAX,
        };
        let load = PlannedLoad { config: LoadConfig::Echo(echo), after: SimDuration::ZERO };
        let load = LoadSet::new(&self.site.handle, TAG, &[load], SEED).unwrap();
        let report = run_session(&self.site.handle, config, agents, sources, &load).await;
        let [sides] = &load.reports()[..] else { panic!("one load") };
        Outcome { report, echoes: sides.each_ref().map(|side| side.echo().unwrap().clone()) }
    }

    /// Stops the server and the networks, and returns the clock.
    pub(crate) async fn close(self) -> Handle {
        let Self { site, server, vnets } = self;
        server.close().await;
        for vnet in vnets {
            vnet.close().await;
        }
        site.handle
    }
}

/// Five datagrams, one every 10 ms.
pub(crate) const FIVE: EchoConfig =
    EchoConfig { count: 5, interval: SimDuration::from_millis(10), size: 100 };

pub(crate) const fn ms(millis: u64) -> SimTime {
    SimTime::from_nanos(millis * 1_000_000)
}

/// Addresses of the candidates of a kind (RFC 8839 section 5.1: the fields are foundation,
/// component, transport, priority, address, port, `typ` and the kind).
pub(crate) fn candidates(description: &IceDescription, kind: &str) -> Vec<SocketAddr> {
    let fields = |text: &'_ String| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let of_kind = description.candidates.iter().map(fields).filter(|f| f[7] == kind);
    of_kind.map(|f| SocketAddr::new(f[4].parse().unwrap(), f[5].parse().unwrap())).collect()
}

/// Starts the nodes, which know each other, and returns where the first one is.
fn start_swarm(world: &mut World<Watch>, swarm: &[HostId]) -> Vec<SocketAddr> {
    let contacts: Vec<Contact> = swarm
        .iter()
        .map(|host| {
            let address = world.network().addresses(*host).next().unwrap();
            let id = Id::hash(address.to_string().as_bytes());
            Contact { id, address: SocketAddr::new(address, DHT_PORT) }
        })
        .collect();
    for ((host, contact), known) in swarm.iter().zip(&contacts).zip(settled_contacts(&contacts)) {
        let config = NodeConfig { id: Some(contact.id), has_ipv6: false, ..NodeConfig::default() };
        let seed = SEED.derive(&contact.id.to_string());
        world.set_process(*host, DhtProcess::new(config, known, seed));
    }
    contacts.first().map(|contact| contact.address).into_iter().collect()
}

fn internet() -> Network<Watch> {
    let mut network = Network::new(SEED, NetworkLimits::default(), Watch::default());
    network.set_internet(InternetConfig { delay: CORE });
    network
}

fn host(
    network: &mut Network<Watch>,
    name: &str,
    address: &str,
    (attachment, delay): (Attachment, SimDuration),
    firewall: Option<FirewallConfig>,
) -> HostId {
    let address: IpAddr = address.parse().unwrap();
    let link = LinkConfig::symmetric(PipeConfig::with_delay(delay));
    let interfaces = vec![InterfaceConfig { address, attachment, link }];
    network.add_host(HostConfig { name: name.to_owned(), interfaces, firewall }).unwrap()
}

fn public_host(
    network: &mut Network<Watch>,
    name: &str,
    address: &str,
    firewall: Option<FirewallConfig>,
) -> HostId {
    host(network, name, address, (Attachment::Internet, UPLINK), firewall)
}

fn lan_host(network: &mut Network<Watch>, name: &str, lan: LanId, address: &str) -> HostId {
    host(network, name, address, (Attachment::Lan(lan), LAN_HOP), None)
}

/// The LAN 192.168.`number`.0/24 behind a NAT with port-restricted filtering.
fn home(
    network: &mut Network<Watch>,
    name: &str,
    number: usize,
    mapping: Mapping,
) -> (LanId, RouterId) {
    let subnet = format!("192.168.{number}.0/24").parse().unwrap();
    let lan = network.add_lan(LanConfig {
        name: name.to_owned(),
        subnet,
        second_subnet: None,
        isolate: false,
    });
    let gateway = GatewayConfig {
        name: name.to_owned(),
        lan,
        inside: format!("192.168.{number}.1").parse().unwrap(),
        upstream: Attachment::Internet,
        outside: format!("203.0.113.{number}").parse().unwrap(),
        uplink: LinkConfig::symmetric(PipeConfig::with_delay(UPLINK)),
        pool: Vec::new(),
        translator: Some(NatConfig { mapping, ..NatConfig::default() }.into()),
        firewall: None,
        icmp_errors: true,
        beside: None,
    };
    (lan, network.add_gateway(gateway).unwrap())
}
