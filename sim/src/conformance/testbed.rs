//! The box in a simulated network: a LAN, the box as its gateway, and hosts outside.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use ipnet::IpNet;
use natbed_nat::{Behaviour, FirewallConfig, NatConfig, PortBlocks, Side, TranslatorConfig};
use natbed_network::{
    Attachment, GatewayConfig, HostConfig, HostId, InterfaceConfig, InternetConfig, LanConfig,
    Limits, LinkConfig, Network, PipeConfig, TopologyError,
};
use natbed_packet::Packet;
use natbed_units::{ByteCount, Seed, SimDuration, SimTime};

use super::middlebox::{Addresses, Middlebox, Setting, Subject};

/// How many hosts are inside, if there is room.
const HOSTS_INSIDE: usize = 6;
/// How many hosts the checks take.
const HOSTS_NEEDED: usize = 3;

/// The network around a box.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The LAN.
    pub inside: IpNet,
    /// The hosts outside, as in [`Addresses::outside`].
    pub outside: [IpAddr; 4],
    /// The external addresses of the box, at least one.
    pub external: Vec<IpAddr>,
    /// The longest packet that its link outside takes; any, if `None`.
    pub mtu: Option<ByteCount>,
    /// Whether the box sends ICMP errors of its own.
    pub icmp_errors: bool,
}

/// A box as the gateway of a simulated LAN.
pub struct Testbed {
    network: Network,
    now: SimTime,
    hosts: BTreeMap<IpAddr, HostId>,
    sides: BTreeMap<HostId, Side>,
    received: VecDeque<(Side, Packet)>,
    addresses: Addresses,
}

impl Testbed {
    /// Builds the network around a box of a behaviour; its links take no time.
    ///
    /// # Errors
    ///
    /// What is wrong with the behaviour or the addresses.
    pub fn new(
        behaviour: &Behaviour,
        seed: u64,
        around: &Surroundings,
    ) -> Result<Self, TopologyError> {
        let Surroundings { inside: subnet, outside, external, mtu, icmp_errors } = around;
        let mut network = Network::new(Seed::new(seed), Limits::default(), ());
        network.set_internet(InternetConfig { delay: SimDuration::ZERO });
        let lan = network.add_lan(LanConfig {
            name: "lan".to_owned(),
            subnet: *subnet,
            second_subnet: None,
            isolate: false,
        });
        let mut inside = subnet.hosts().filter(|address| *address != subnet.network());
        let gateway = inside.next().unwrap_or(subnet.addr());
        let inside: Vec<_> = inside.take(HOSTS_INSIDE).collect();
        let (nat, firewall) = match behaviour {
            Behaviour::Nat(nat) => (Some(nat.clone()), None),
            Behaviour::Firewall(firewall) => (None, Some(firewall.clone())),
        };
        let nat64 = nat.as_ref().and_then(|nat| nat.nat64);
        network.add_gateway(GatewayConfig {
            name: "box".to_owned(),
            lan,
            inside: gateway,
            upstream: Attachment::Internet,
            outside: external[0],
            pool: external[1..].to_vec(),
            uplink: LinkConfig::symmetric(PipeConfig { mtu: *mtu, ..PipeConfig::IDEAL }),
            translator: nat.map(TranslatorConfig::Nat),
            firewall,
            icmp_errors: *icmp_errors,
            beside: None,
        })?;
        let mut testbed = Self {
            network,
            now: SimTime::ZERO,
            hosts: BTreeMap::new(),
            sides: BTreeMap::new(),
            received: VecDeque::new(),
            addresses: Addresses { inside: inside.clone(), outside: *outside, gateway, nat64 },
        };
        for address in inside {
            testbed.add_host(Side::Inside, Attachment::Lan(lan), &[address])?;
        }
        for addresses in outside.chunks(2) {
            testbed.add_host(Side::Outside, Attachment::Internet, addresses)?;
        }
        Ok(testbed)
    }

    fn add_host(
        &mut self,
        side: Side,
        attachment: Attachment,
        addresses: &[IpAddr],
    ) -> Result<(), TopologyError> {
        let interface = |address: &IpAddr| InterfaceConfig {
            address: *address,
            attachment,
            link: LinkConfig::IDEAL,
        };
        let host = self.network.add_host(HostConfig {
            name: addresses[0].to_string(),
            interfaces: addresses.iter().map(interface).collect(),
            firewall: None,
        })?;
        self.sides.insert(host, side);
        self.hosts.extend(addresses.iter().map(|address| (*address, host)));
        Ok(())
    }

    fn collect(&mut self) {
        while let Some(delivery) = self.network.poll_delivery() {
            self.received.push_back((self.sides[&delivery.host], delivery.packet));
        }
    }

    /// Handles everything up to `until`, each event at its own time.
    fn run(&mut self, until: SimTime) {
        self.collect();
        while let Some(at) = self.network.poll_timeout().filter(|at| *at <= until) {
            self.network.handle_timeout(at);
            self.collect();
        }
        self.now = until;
    }
}

impl Middlebox for Testbed {
    fn send(&mut self, _side: Side, packet: Packet) {
        if let Some(host) = self.hosts.get(&packet.source) {
            self.network.send(self.now, *host, packet);
            self.run(self.now);
        }
    }

    fn receive(&mut self) -> Option<(Side, Packet)> {
        self.received.pop_front()
    }

    fn wait(&mut self, span: SimDuration) {
        self.run(self.now + span);
    }

    fn addresses(&self) -> Addresses {
        self.addresses.clone()
    }
}

impl Subject for Behaviour {
    fn build(&self, seed: u64, setting: Setting) -> Result<Box<dyn Middlebox>, String> {
        if setting.conflict {
            return Err("the box does not choose the numbers of its inside network".to_owned());
        }
        let around = surroundings(self, setting);
        let behaviour = match self {
            Self::Nat(config) => Self::Nat(NatConfig {
                max_flows: setting.room.unwrap_or(config.max_flows),
                ..config.clone()
            }),
            Self::Firewall(config) => Self::Firewall(FirewallConfig {
                max_flows: setting.room.unwrap_or(config.max_flows),
                ..config.clone()
            }),
        };
        match Testbed::new(&behaviour, seed, &around) {
            Ok(testbed) if testbed.addresses.inside.len() < HOSTS_NEEDED => {
                Err(format!("{} has no room for {HOSTS_NEEDED} hosts", around.inside))
            }
            Ok(testbed) => Ok(Box::new(testbed)),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The network that suits a behaviour: its LAN is the one that the box has port blocks for, if it
/// has such, and of IPv6 if the box filters or is a NAT64.
fn surroundings(behaviour: &Behaviour, setting: Setting) -> Surroundings {
    let v6_lan = || net("2001:db8:1::/64");
    let inside = match behaviour {
        Behaviour::Firewall(_) => v6_lan(),
        Behaviour::Nat(config) => match config.port_blocks {
            Some(PortBlocks::Deterministic { subscribers, .. }) => subscribers,
            _ if config.nat64.is_some() => v6_lan(),
            _ => net("192.168.1.0/24"),
        },
    };
    let is_nat64 = behaviour.nat().is_some_and(|config| config.nat64.is_some());
    let (outside, external) = if inside.addr().is_ipv4() || is_nat64 {
        (
            ["203.0.113.1", "203.0.113.2", "198.51.100.1", "198.51.100.2"],
            ["198.18.0.1", "198.18.7.9"],
        )
    } else {
        (
            ["2001:db8:a::1", "2001:db8:a::2", "2001:db8:b::1", "2001:db8:b::2"],
            ["2001:db8:ffff::1", "2001:db8:ffff::9"],
        )
    };
    let pool = if setting.pool { 2 } else { 1 };
    Surroundings {
        inside,
        outside: outside.map(ip),
        external: external.map(ip)[..pool].to_vec(),
        mtu: setting.narrow.then_some(ByteCount::new(1280)),
        icmp_errors: true,
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("it is written in this file")
}

fn net(text: &str) -> IpNet {
    text.parse().expect("it is written in this file")
}
