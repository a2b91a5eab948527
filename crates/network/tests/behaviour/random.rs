//! Random networks with random traffic, for properties that hold in all of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use ipnet::IpNet;
use natbed_nat::{FirewallConfig, NatConfig};
use natbed_network::{
    Attachment, Delivery, GatewayConfig, HostConfig, HostId, InterfaceConfig, InternetConfig,
    LanConfig, LanId, Limits, LinkConfig, LinkId, Network, Observer, RouterId,
};
use natbed_packet::{Body, DropReason, Endpoint, Icmp, Packet, Tcp};
use natbed_units::{Seed, SimDuration, SimTime};

pub(crate) use self::strategy::plan;
use crate::world::{syn, udp};

mod strategy;

/// A network and what happens in it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    is_ipv6: bool,
    limit: usize,
    core_delay: SimDuration,
    lans: Vec<LanPlan>,
    hosts: Vec<HostPlan>,
    acts: Vec<Act>,
}

#[derive(Clone, Debug)]
struct LanPlan {
    isolate: bool,
    gateway: Option<GatewayPlan>,
}

#[derive(Clone, Debug)]
struct GatewayPlan {
    /// One of the LANs before this one, or the Internet.
    upstream: usize,
    uplink: LinkConfig,
    nat: Option<NatConfig>,
    firewall: Option<FirewallConfig>,
}

#[derive(Clone, Debug)]
struct HostPlan {
    /// One of the LANs, or the Internet; for each interface.
    homes: Vec<(usize, LinkConfig)>,
    firewall: Option<FirewallConfig>,
}

/// Something that happens; numbers choose among what there is, wrapping around.
#[derive(Clone, Debug)]
enum Act {
    Send {
        from: usize,
        port: u16,
        to: Target,
        shape: Shape,
        ttl: u8,
        length: usize,
        dont_fragment: bool,
    },
    /// Sends back what was received as the `n`th.
    Answer(usize),
    /// Gives what was received as the `n`th back to the network.
    Reject(usize, DropReason),
    Wait(SimDuration),
    Cut(usize, bool),
    Stop(usize, bool),
    Flush(usize),
    Reboot(usize),
    Power(usize, bool),
    Readdress(usize),
    Join(usize, &'static str, bool),
    /// Moves the first interface of a host to one of the LANs or the Internet.
    Roam(usize, usize, Box<LinkConfig>),
}

#[derive(Clone, Debug)]
enum Target {
    Host(usize, u16),
    Gateway(usize, u16),
    /// Where the `n`th received packet came from.
    Seen(usize),
    Strange(&'static str),
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Udp,
    Tcp,
    Ping,
}

/// How the network is driven through a wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// From event to event, as `poll_timeout` says.
    EachEvent,
    /// Once, at the end of the wait.
    OnceAtTheEnd,
    /// At instants that have nothing to do with events, each time twice.
    Irregular,
}

/// A network built from a plan.
pub(crate) struct Game<O> {
    pub(crate) network: Network<O>,
    is_ipv6: bool,
    hosts: Vec<HostId>,
    lans: Vec<LanId>,
    addresses: Addresses,
    /// With what each is attached to outside, and its address there.
    routers: Vec<(RouterId, usize, IpAddr)>,
    received: Vec<Delivery>,
    now: SimTime,
    sends: u64,
}

impl<O: Observer> Game<O> {
    pub(crate) fn new(plan: &Plan, observer: O) -> Self {
        let limits = Limits { packets_in_flight: plan.limit };
        let mut network = Network::new(Seed::new(1), limits, observer);
        network.set_internet(InternetConfig { delay: plan.core_delay });
        let mut addresses = Addresses { is_ipv6: plan.is_ipv6, used: vec![0; plan.lans.len() + 1] };
        let lans: Vec<LanId> = plan
            .lans
            .iter()
            .enumerate()
            .map(|(n, lan)| {
                let (name, subnet) = (format!("lan-{n}"), addresses.subnet(n));
                network.add_lan(LanConfig {
                    name,
                    subnet,
                    second_subnet: None,
                    isolate: lan.isolate,
                })
            })
            .collect();
        let attachment =
            |n: usize| lans.get(n).map_or(Attachment::Internet, |id| Attachment::Lan(*id));
        let mut routers = Vec::new();
        for (n, lan) in plan.lans.iter().enumerate() {
            let Some(gateway) = &lan.gateway else { continue };
            let upstream = if gateway.upstream < n { gateway.upstream } else { lans.len() };
            let outside = addresses.take(upstream);
            let config = GatewayConfig {
                name: format!("gateway-{n}"),
                lan: lans[n],
                inside: addresses.take(n),
                upstream: attachment(upstream),
                outside,
                uplink: gateway.uplink.clone(),
                pool: Vec::new(),
                translator: gateway.nat.clone().map(Into::into),
                firewall: gateway.firewall.clone(),
                icmp_errors: true,
                beside: None,
            };
            routers.push((network.add_gateway(config).unwrap(), upstream, outside));
        }
        let hosts = plan.hosts.iter().enumerate().map(|(n, host)| {
            let interface = |(home, link): &(usize, LinkConfig)| {
                let home = (*home).min(lans.len());
                let (address, attachment) = (addresses.take(home), attachment(home));
                InterfaceConfig { address, attachment, link: link.clone() }
            };
            let interfaces = host.homes.iter().map(interface).collect();
            let firewall = host.firewall.clone();
            network
                .add_host(HostConfig { name: format!("host-{n}"), interfaces, firewall })
                .unwrap()
        });
        let hosts = hosts.collect();
        let (is_ipv6, received, now) = (plan.is_ipv6, Vec::new(), SimTime::ZERO);
        Self { network, is_ipv6, hosts, lans, addresses, routers, received, now, sends: 0 }
    }

    /// Does what the plan says, then drives until no packet is on its way.
    pub(crate) fn play(&mut self, plan: &Plan, pace: Pace) {
        for act in &plan.acts {
            self.act(act, pace);
            self.take_deliveries();
        }
        while self.network.packets_in_flight() > 0 {
            self.wait(SimDuration::from_secs(1), pace);
        }
    }

    /// The most events that the packets of this game can have made.
    ///
    /// At most five gateways up, the core, and five gateways down: 24 links, the same for the error
    /// that each packet may cause, and an expiry at each gateway and host firewall on the way.
    pub(crate) fn most_events(&self) -> u64 {
        100 + self.sends * 60
    }

    fn act(&mut self, act: &Act, pace: Pace) {
        match act {
            Act::Send { from, port, to, shape, ttl, length, dont_fragment } => {
                let host = self.hosts[from % self.hosts.len()];
                let Some(to) = self.target(to) else { return };
                let source = self.network.addresses(host).next().unwrap();
                let packet = shape.packet(Endpoint::new(source, *port), to, *length);
                self.send(host, Packet { ttl: *ttl, dont_fragment: *dont_fragment, ..packet });
            }
            Act::Answer(n) => {
                let Some(delivery) = self.seen(*n) else { return };
                let (host, packet) = (delivery.host, delivery.packet.clone());
                self.send(host, answer(packet));
            }
            Act::Reject(n, reason) => {
                if let Some(at) = n.checked_rem(self.received.len()) {
                    let delivery = self.received.swap_remove(at);
                    self.sends += weight(&delivery.packet);
                    self.network.reject(self.now, delivery, *reason);
                }
            }
            Act::Wait(span) => self.wait(*span, pace),
            Act::Cut(n, is_down) => {
                let link = self.link(*n);
                self.network.set_link_down(link, *is_down);
            }
            Act::Stop(n, is_stopped) => {
                self.network.set_host_stopped(self.hosts[n % self.hosts.len()], *is_stopped);
            }
            Act::Flush(n) => {
                if let Some(at) = n.checked_rem(self.routers.len()) {
                    self.network.flush_router(self.routers[at].0);
                }
            }
            Act::Reboot(n) => {
                if let Some(at) = n.checked_rem(self.routers.len()) {
                    self.network.reboot_router(self.now, self.routers[at].0);
                }
            }
            Act::Power(n, is_off) => {
                if let Some(at) = n.checked_rem(self.routers.len()) {
                    self.network.set_router_off(self.routers[at].0, *is_off);
                }
            }
            Act::Readdress(n) => {
                if let Some(at) = n.checked_rem(self.routers.len()) {
                    let (router, upstream, outside) = &mut self.routers[at];
                    *outside = self.addresses.take(*upstream);
                    self.network.readdress_router(self.now, *router, vec![*outside]).unwrap();
                }
            }
            Act::Join(n, group, joins) => {
                let (host, group) = (self.hosts[n % self.hosts.len()], group.parse().unwrap());
                match joins {
                    true => self.network.join(host, group).unwrap(),
                    false => self.network.leave(host, group),
                }
            }
            Act::Roam(n, home, link) => {
                let host = self.hosts[n % self.hosts.len()];
                let home = home % (self.lans.len() + 1);
                let attachment =
                    self.lans.get(home).map_or(Attachment::Internet, |id| Attachment::Lan(*id));
                let address = self.addresses.take(home);
                let to = InterfaceConfig { address, attachment, link: (**link).clone() };
                let link = self.network.move_host(host, 0, to).unwrap();
                assert_eq!(self.network.host_links(host).next(), Some(link));
            }
        }
    }

    fn send(&mut self, host: HostId, packet: Packet) {
        self.sends += weight(&packet);
        self.network.send(self.now, host, packet);
    }

    fn seen(&self, n: usize) -> Option<&Delivery> {
        self.received.get(n.checked_rem(self.received.len())?)
    }

    fn link(&self, n: usize) -> LinkId {
        let mut links: Vec<LinkId> =
            self.hosts.iter().flat_map(|host| self.network.host_links(*host)).collect();
        links.extend(self.routers.iter().map(|(router, ..)| self.network.uplink(*router)));
        links[n % links.len()]
    }

    fn target(&self, target: &Target) -> Option<Endpoint> {
        match target {
            Target::Host(n, port) => {
                let host = self.hosts[n % self.hosts.len()];
                self.network.addresses(host).last().map(|ip| Endpoint::new(ip, *port))
            }
            Target::Gateway(n, port) => {
                let (.., outside) = self.routers.get(n.checked_rem(self.routers.len())?)?;
                Some(Endpoint::new(*outside, *port))
            }
            Target::Seen(n) => self.seen(*n)?.packet.source_endpoint(),
            Target::Strange(address) => Some(Endpoint::new(address.parse().unwrap(), 1)),
        }
    }

    fn wait(&mut self, span: SimDuration, pace: Pace) {
        let until = self.now + span;
        match pace {
            Pace::EachEvent => {
                while let Some(at) = self.network.poll_timeout().filter(|at| *at <= until) {
                    assert!(at >= self.now, "time goes back from {} to {at}", self.now);
                    self.drive(at);
                }
            }
            Pace::OnceAtTheEnd => self.drive(until),
            Pace::Irregular => {
                for part in 1..=7 {
                    let at = self.now + span * part / 7;
                    self.network.handle_timeout(at);
                    self.network.handle_timeout(self.now);
                    self.take_deliveries();
                }
                self.drive(until);
            }
        }
        self.now = until;
    }

    fn drive(&mut self, at: SimTime) {
        self.network.handle_timeout(at);
        assert!(self.network.events() <= self.most_events(), "this does not end");
        self.take_deliveries();
    }

    fn take_deliveries(&mut self) {
        while let Some(delivery) = self.network.poll_delivery() {
            self.received.push(delivery);
        }
        let is_version_kept =
            |delivery: &Delivery| delivery.packet.source.is_ipv6() == self.is_ipv6;
        assert!(self.received.iter().all(is_version_kept));
    }
}

/// Gives out addresses; LANs of the same number modulo three have the same ones.
struct Addresses {
    is_ipv6: bool,
    used: Vec<u8>,
}

impl Addresses {
    fn subnet(&self, lan: usize) -> IpNet {
        let (ip, length) = (self.nth(lan, 0), if self.is_ipv6 { 64 } else { 24 });
        IpNet::new(ip, length).unwrap()
    }

    fn take(&mut self, lan: usize) -> IpAddr {
        self.used[lan] += 1;
        self.nth(lan, self.used[lan])
    }

    fn nth(&self, lan: usize, n: u8) -> IpAddr {
        let is_public = lan + 1 == self.used.len();
        let lan = (lan % 3) as u8;
        match (self.is_ipv6, is_public) {
            (false, true) => Ipv4Addr::new(198, 51, 100, n).into(),
            (false, false) => Ipv4Addr::new(10, 0, lan, n).into(),
            (true, true) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()).into(),
            (true, false) => Ipv6Addr::new(0xfd00, lan.into(), 0, 0, 0, 0, 0, n.into()).into(),
        }
    }
}

impl Shape {
    fn packet(self, from: Endpoint, to: Endpoint, length: usize) -> Packet {
        match self {
            Self::Udp => Packet::udp(from, to, Bytes::from(vec![0; length])),
            Self::Tcp => syn(&from.to_string(), &to.to_string()),
            Self::Ping => {
                let (identifier, payload) = (from.port, Bytes::from(vec![0; length]));
                let body = Body::Icmp(Icmp::EchoRequest { identifier, sequence: 1, payload });
                Packet { body, ..udp(from, to, b"") }
            }
        }
    }
}

/// How many packets a packet may become: with 152 bytes in a fragment, and all of them cut again.
fn weight(packet: &Packet) -> u64 {
    // At most five hosts with two interfaces each.
    let is_directed_broadcast =
        matches!(packet.destination, IpAddr::V4(ip) if ip.octets()[3] == 255);
    let receivers = if packet.is_to_many() || is_directed_broadcast { 11 } else { 1 };
    (1 + packet.wire_len().bytes() / 152 * 4) * receivers
}

/// The packet with its ends swapped, an echo request as its reply.
fn answer(packet: Packet) -> Packet {
    let Packet { source, destination, dont_fragment, body, .. } = packet;
    let body = match body {
        Body::Icmp(Icmp::EchoRequest { identifier, sequence, payload }) => {
            Body::Icmp(Icmp::EchoReply { identifier, sequence, payload })
        }
        Body::Udp(mut udp) => {
            std::mem::swap(&mut udp.source_port, &mut udp.destination_port);
            Body::Udp(udp)
        }
        Body::Tcp(mut tcp) => {
            let Tcp { source_port, destination_port, .. } = &mut *tcp;
            std::mem::swap(source_port, destination_port);
            Body::Tcp(tcp)
        }
        other @ (Body::Icmp(_) | Body::Fragment(_)) => other,
    };
    Packet { dont_fragment, ..Packet::new(destination, source, body) }
}
