//! A network with a clock, short ways to build it, and what arrives and is lost as text.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use natbed_nat::{Action, FirewallConfig, NatConfig, Policy, PortAllocation};
use natbed_network::{
    Attachment, Delivery, GatewayConfig, Hop, HostConfig, HostId, InterfaceConfig, InternetConfig,
    LanConfig, LanId, Limits, LinkConfig, Network, Observer, PipeConfig, Place, RouterId, Step,
};
use natbed_packet::{Body, DropReason, Endpoint, Icmp, IcmpErrorKind, Packet, Tcp, TcpFlags};
use natbed_units::{ByteCount, Rate, Seed, SimDuration, SimTime};

/// More events than any test here needs: a packet that circles for ever is found by it.
const MOST_EVENTS: u64 = 100_000;

/// A network, the time, and a note of every loss.
pub(crate) struct World<O = ()> {
    pub(crate) network: Network<(Losses, O)>,
    pub(crate) now: SimTime,
}

impl World {
    /// A network without Internet and without observers but the one for losses.
    pub(crate) fn new() -> Self {
        Self::observed(())
    }

    /// A network whose Internet takes no time.
    pub(crate) fn with_internet() -> Self {
        let mut world = Self::new();
        world.internet(SimDuration::ZERO);
        world
    }
}

impl<O: Observer> World<O> {
    pub(crate) fn observed(observer: O) -> Self {
        Self::limited(Limits::default(), observer)
    }

    pub(crate) fn limited(limits: Limits, observer: O) -> Self {
        let network = Network::new(Seed::new(1), limits, (Losses::default(), observer));
        Self { network, now: SimTime::ZERO }
    }

    pub(crate) fn internet(&mut self, delay: SimDuration) {
        self.network.set_internet(InternetConfig { delay });
    }

    pub(crate) fn lan(&mut self, name: &str, subnet: &str) -> LanId {
        let subnet = subnet.parse().unwrap();
        self.network.add_lan(LanConfig {
            name: name.to_owned(),
            subnet,
            second_subnet: None,
            isolate: false,
        })
    }

    pub(crate) fn isolated_lan(&mut self, name: &str, subnet: &str) -> LanId {
        let subnet = subnet.parse().unwrap();
        self.network.add_lan(LanConfig {
            name: name.to_owned(),
            subnet,
            second_subnet: None,
            isolate: true,
        })
    }

    pub(crate) fn add_gateway(&mut self, config: GatewayConfig) -> RouterId {
        self.network.add_gateway(config).unwrap()
    }

    pub(crate) fn add_host(&mut self, config: HostConfig) -> HostId {
        self.network.add_host(config).unwrap()
    }

    /// Adds a host on the Internet with an ideal link.
    pub(crate) fn public_host(&mut self, name: &str, address: &str) -> HostId {
        self.add_host(host(name, Attachment::Internet, address))
    }

    /// Adds a host on a LAN with an ideal link.
    pub(crate) fn lan_host(&mut self, name: &str, lan: LanId, address: &str) -> HostId {
        self.add_host(host(name, Attachment::Lan(lan), address))
    }

    pub(crate) fn send(&mut self, from: HostId, packet: Packet) {
        self.network.send(self.now, from, packet);
    }

    /// Sends a UDP datagram; its source is the host's first address.
    pub(crate) fn datagram(&mut self, from: HostId, port: u16, to: &str) {
        let source = Endpoint::new(self.network.addresses(from).next().unwrap(), port);
        self.send(from, udp(source, ep(to), b"natbed"));
    }

    /// Sends a datagram back where one came from.
    pub(crate) fn answer(&mut self, arrival: &Arrival) {
        let packet = &arrival.delivery.packet;
        let back = udp(
            packet.destination_endpoint().unwrap(),
            packet.source_endpoint().unwrap(),
            b"answer",
        );
        self.send(arrival.delivery.host, back);
    }

    /// Drives the network until no packet is on its way; state that expires later stays.
    pub(crate) fn settle(&mut self) -> Vec<Arrival> {
        let mut arrivals = self.take_deliveries();
        while self.network.packets_in_flight() > 0 {
            let next = self.network.poll_timeout().expect("a packet on its way has a time");
            arrivals.extend(self.step(next));
        }
        arrivals
    }

    /// Drives the network up to `until`, whatever is pending after it.
    pub(crate) fn run_until(&mut self, until: SimTime) -> Vec<Arrival> {
        let mut arrivals = self.take_deliveries();
        while let Some(next) = self.network.poll_timeout().filter(|next| *next <= until) {
            arrivals.extend(self.step(next));
        }
        self.now = until;
        arrivals
    }

    /// Drives the network until it has nothing pending at all, timers included.
    pub(crate) fn exhaust(&mut self) -> Vec<Arrival> {
        let mut arrivals = self.take_deliveries();
        while let Some(next) = self.network.poll_timeout() {
            arrivals.extend(self.step(next));
        }
        arrivals
    }

    /// Drives until no packet is on its way and tells what arrived, a line each.
    pub(crate) fn arrivals(&mut self) -> Vec<String> {
        self.settle().iter().map(ToString::to_string).collect()
    }

    /// Tells what has arrived by now, a line each.
    pub(crate) fn take_arrivals(&mut self) -> Vec<String> {
        self.take_deliveries().iter().map(ToString::to_string).collect()
    }

    /// Drives until no packet is on its way; exactly one must arrive.
    pub(crate) fn only_arrival(&mut self) -> Arrival {
        let mut arrivals = self.settle();
        let losses = &self.network.observer().0;
        assert_eq!(arrivals.len(), 1, "lost: {:?}", losses.0);
        arrivals.remove(0)
    }

    /// Takes the losses noted since the last call.
    pub(crate) fn losses(&mut self) -> Vec<(DropReason, Place)> {
        std::mem::take(&mut self.network.observer_mut().0.0)
    }

    /// Drives until no packet is on its way; nothing may arrive and one packet must be lost.
    pub(crate) fn only_loss(&mut self) -> (DropReason, Place) {
        assert_eq!(self.arrivals(), [""; 0]);
        let losses = self.losses();
        assert_eq!(losses.len(), 1, "{losses:?}");
        losses[0]
    }

    /// The same, for a packet that must be lost in the Internet core.
    pub(crate) fn only_core_loss(&mut self) -> DropReason {
        let (reason, place) = self.only_loss();
        assert!(matches!(place, Place::Core(_)), "{reason} at {place:?}");
        reason
    }

    fn step(&mut self, next: SimTime) -> Vec<Arrival> {
        assert!(next >= self.now, "{next} comes before {}", self.now);
        self.now = next;
        self.network.handle_timeout(next);
        assert!(self.network.events() < MOST_EVENTS, "this does not end");
        self.take_deliveries()
    }

    fn take_deliveries(&mut self) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        while let Some(delivery) = self.network.poll_delivery() {
            let name = self.network.host_name(delivery.host).to_owned();
            arrivals.push(Arrival { at: self.now, name, delivery });
        }
        arrivals
    }
}

/// A packet that reached a host, and when.
///
/// Prints as `bob at 8ms: 192.168.1.2:5000 > 192.168.1.3:6000, ttl 64`.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) at: SimTime,
    name: String,
    pub(crate) delivery: Delivery,
}

impl Arrival {
    pub(crate) fn source(&self) -> Endpoint {
        self.delivery.packet.source_endpoint().unwrap()
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packet = &self.delivery.packet;
        write!(f, "{} at {}: ", self.name, self.at)?;
        match &packet.body {
            Body::Icmp(Icmp::Error { kind, quoted }) => {
                write!(f, "{} > {} {kind} about ", packet.source, packet.destination)?;
                write!(f, "{} > {}", quoted.source, quoted.destination)?;
            }
            _ => {
                let (source, destination) =
                    (packet.source_endpoint().unwrap(), packet.destination_endpoint().unwrap());
                write!(f, "{source} > {destination}")?;
            }
        }
        write!(f, ", ttl {}", packet.ttl)
    }
}

/// Notes every packet that was lost.
#[derive(Debug, Default)]
pub(crate) struct Losses(Vec<(DropReason, Place)>);

impl Observer for Losses {
    fn observe(&mut self, hop: &Hop<'_>) {
        if let Step::Dropped(place, reason) = hop.step {
            self.0.push((reason, place));
        }
    }
}

/// A NAT of default properties that keeps ports, so that tests know them.
pub(crate) fn keeps_ports() -> NatConfig {
    NatConfig { ports: PortAllocation::Preserve, ..NatConfig::default() }
}

/// A gateway with a NAT that keeps ports, on an ideal uplink.
pub(crate) fn gateway(
    name: &str,
    lan: LanId,
    inside: &str,
    upstream: Attachment,
    outside: &str,
) -> GatewayConfig {
    GatewayConfig {
        name: name.to_owned(),
        lan,
        inside: ip(inside),
        upstream,
        outside: ip(outside),
        uplink: LinkConfig::IDEAL,
        pool: Vec::new(),
        translator: Some(keeps_ports().into()),
        firewall: None,
        icmp_errors: true,
        beside: None,
    }
}

/// A host with one interface on an ideal link.
pub(crate) fn host(name: &str, attachment: Attachment, address: &str) -> HostConfig {
    let interface = InterfaceConfig { address: ip(address), attachment, link: LinkConfig::IDEAL };
    HostConfig { name: name.to_owned(), interfaces: vec![interface], firewall: None }
}

/// The same host with another link.
pub(crate) fn linked(mut host: HostConfig, link: LinkConfig) -> HostConfig {
    host.interfaces[0].link = link;
    host
}

/// A link of unlimited rate with the given delays.
pub(crate) const fn delays(up: SimDuration, down: SimDuration) -> LinkConfig {
    LinkConfig { up: PipeConfig::with_delay(up), down: PipeConfig::with_delay(down) }
}

/// A pipe of `rate` with a queue of `queue` bytes.
pub(crate) fn pipe(rate: &str, delay: SimDuration, queue: u64) -> PipeConfig {
    let rate: Rate = rate.parse().unwrap();
    PipeConfig::with_rate(rate, delay, ByteCount::new(queue))
}

/// A firewall without rules.
pub(crate) fn firewall(outbound: Action, inbound: Action) -> FirewallConfig {
    FirewallConfig {
        outbound: Policy::all(outbound),
        inbound: Policy::all(inbound),
        ..FirewallConfig::default()
    }
}

pub(crate) const fn ms(millis: u64) -> SimDuration {
    SimDuration::from_millis(millis)
}

pub(crate) const fn secs(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

/// The instant that long after the start.
pub(crate) fn at(span: SimDuration) -> SimTime {
    SimTime::ZERO + span
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn ep(text: &str) -> Endpoint {
    text.parse::<SocketAddr>().unwrap().into()
}

pub(crate) fn udp(from: Endpoint, to: Endpoint, payload: &'static [u8]) -> Packet {
    Packet::udp(from, to, Bytes::from_static(payload))
}

/// A datagram of which `length` bytes are on the wire, from the IPv4 header on.
pub(crate) fn sized(from: &str, to: &str, length: usize) -> Packet {
    let packet = Packet::udp(ep(from), ep(to), Bytes::from(vec![0; length - 28]));
    assert_eq!(packet.wire_len(), ByteCount::new(length as u64));
    packet
}

pub(crate) fn with_ttl(packet: Packet, ttl: u8) -> Packet {
    Packet { ttl, ..packet }
}

pub(crate) fn syn(from: &str, to: &str) -> Packet {
    let (from, to) = (ep(from), ep(to));
    let tcp = Tcp {
        source_port: from.port,
        destination_port: to.port,
        sequence: 1,
        acknowledgment: 0,
        flags: TcpFlags::SYN,
        window: 65_535,
        urgent: 0,
        options: Bytes::new(),
        payload: Bytes::new(),
    };
    let body = Body::Tcp(Box::new(tcp));
    Packet::new(from.ip, to.ip, body)
}

pub(crate) fn echo_request(from: &str, to: &str, identifier: u16) -> Packet {
    let payload = Bytes::from_static(b"ping");
    let body = Body::Icmp(Icmp::EchoRequest { identifier, sequence: 1, payload });
    Packet::new(ip(from), ip(to), body)
}

/// The answer to an echo request as it arrived.
pub(crate) fn echo_reply(request: &Packet) -> Packet {
    let Body::Icmp(Icmp::EchoRequest { identifier, sequence, payload }) = &request.body else {
        panic!("not an echo request: {request:?}");
    };
    let (identifier, sequence, payload) = (*identifier, *sequence, payload.clone());
    let body = Body::Icmp(Icmp::EchoReply { identifier, sequence, payload });
    let (source, destination) = (request.destination, request.source);
    Packet::new(source, destination, body)
}

/// The error that the receiver of `packet` sends about it.
pub(crate) fn unreachable(packet: &Packet) -> Packet {
    Packet::icmp_error(packet.destination, IcmpErrorKind::PortUnreachable, packet).unwrap()
}
