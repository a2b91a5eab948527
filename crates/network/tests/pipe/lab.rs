//! Two hosts, a pipe between them, and notes of all that happens.

use std::net::IpAddr;

use bytes::Bytes;
use natbed_network::observe::Counters;
use natbed_network::{
    Attachment, Hop, HostConfig, HostId, InterfaceConfig, LanConfig, LanId, Limits, LinkConfig,
    Network, Observer, PipeConfig, PipeId, Step,
};
use natbed_packet::{DropReason, Ecn, Endpoint, Packet};
use natbed_units::{ByteCount, Ppm, Rate, Seed, SimDuration, SimTime};

/// What was seen of packets.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) delivered: Vec<Arrival>,
    pub(crate) dropped: Vec<(SimTime, u64, DropReason)>,
    pub(crate) made: Vec<u64>,
    pub(crate) waits: Vec<(PipeId, u64, SimDuration)>,
    pub(crate) left: Vec<(SimTime, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) at: SimTime,
    pub(crate) id: u64,
    pub(crate) packet: Packet,
}

impl Observer for Notes {
    fn observe(&mut self, hop: &Hop<'_>) {
        match hop.step {
            Step::Delivered(_) => {
                let packet = hop.packet.clone();
                self.delivered.push(Arrival { at: hop.at, id: hop.id, packet });
            }
            Step::Dropped(_, reason) => self.dropped.push((hop.at, hop.id, reason)),
            Step::Made(of) => self.made.push(of),
            Step::Left(_) => self.left.push((hop.at, hop.id)),
            _ => {}
        }
    }

    fn queued(&mut self, pipe: PipeId, id: u64, _: &Packet, wait: SimDuration) {
        self.waits.push((pipe, id, wait));
    }
}

/// Alice sends to Bob over the pipe under test; Bob's link is ideal.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) network: Network<(Counters, Notes)>,
    pub(crate) alice: HostId,
    pub(crate) pipe: PipeId,
    pub(crate) now: SimTime,
}

impl Lab {
    pub(crate) fn new(pipe: PipeConfig) -> Self {
        Self::with_seed(1, pipe)
    }

    pub(crate) fn with_seed(seed: u64, pipe: PipeConfig) -> Self {
        let observer = (Counters::default(), Notes::default());
        let mut network = Network::new(Seed::new(seed), Limits::default(), observer);
        let lan = lan(&mut network);
        let link = LinkConfig { up: pipe, down: PipeConfig::IDEAL };
        let alice = add_host(&mut network, lan, "alice", "10.0.0.1", link);
        add_host(&mut network, lan, "bob", "10.0.0.2", LinkConfig::IDEAL);
        let pipe = network.host_links(alice).next().unwrap().up();
        Self { network, alice, pipe, now: SimTime::ZERO }
    }

    /// Handles everything up to a time.
    pub(crate) fn run_until(&mut self, until: SimTime) {
        while let Some(at) = self.network.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.network.handle_timeout(at);
            self.drain();
        }
        self.now = self.now.max(until);
    }

    /// Handles everything there is.
    pub(crate) fn settle(&mut self) {
        while let Some(at) = self.network.poll_timeout() {
            self.run_until(at);
        }
    }

    /// Sends a packet of so many bytes at a time.
    pub(crate) fn send(&mut self, at: SimTime, length: u64) {
        self.send_packet(at, packet(length));
    }

    pub(crate) fn send_packet(&mut self, at: SimTime, packet: Packet) {
        self.run_until(at);
        self.network.send(at, self.alice, packet);
        self.drain();
    }

    /// Sends so many packets, one in every `gap`.
    pub(crate) fn send_evenly(&mut self, count: u64, gap: SimDuration, length: u64) {
        let start = self.now;
        for n in 0..count {
            self.send(start + gap * n, length);
        }
    }

    fn drain(&mut self) {
        while self.network.poll_delivery().is_some() {}
    }

    pub(crate) fn notes(&self) -> &Notes {
        &self.network.observer().1
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.network.observer().0
    }

    /// When and in which order packets arrived.
    pub(crate) fn arrivals(&self) -> Vec<(u64, u64)> {
        self.notes().delivered.iter().map(|a| (a.at.as_nanos(), a.id)).collect()
    }

    /// The numbers of packets lost for a reason.
    pub(crate) fn lost(&self, reason: DropReason) -> Vec<u64> {
        let of = |&&(_, _, other): &&(SimTime, u64, DropReason)| other == reason;
        self.notes().dropped.iter().filter(of).map(|(_, id, _)| *id).collect()
    }

    pub(crate) fn set(&mut self, at: SimTime, config: PipeConfig) {
        self.run_until(at);
        self.network.set_pipe(at, self.pipe, config).unwrap();
        self.drain();
    }
}

pub(crate) fn lan<O: Observer>(network: &mut Network<O>) -> LanId {
    let subnet = "10.0.0.0/24".parse().unwrap();
    network.add_lan(LanConfig { name: "lan".into(), subnet, second_subnet: None, isolate: false })
}

pub(crate) fn add_host<O: Observer>(
    network: &mut Network<O>,
    lan: LanId,
    name: &str,
    address: &str,
    link: LinkConfig,
) -> HostId {
    let (address, attachment) = (ip(address), Attachment::Lan(lan));
    let interfaces = vec![InterfaceConfig { address, attachment, link }];
    network.add_host(HostConfig { name: name.into(), interfaces, firewall: None }).unwrap()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A packet from Alice to Bob of so many bytes, IP header included.
pub(crate) fn packet(length: u64) -> Packet {
    flow(1, length)
}

/// The same from another port of hers.
pub(crate) fn flow(port: u16, length: u64) -> Packet {
    let payload = Bytes::from(vec![0; length as usize - 28]);
    let (from, to) = (Endpoint::new(ip("10.0.0.1"), port), Endpoint::new(ip("10.0.0.2"), 9));
    Packet::udp(from, to, payload)
}

pub(crate) fn capable(packet: Packet) -> Packet {
    Packet { ecn: Ecn::Ect0, ..packet }
}

pub(crate) fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

pub(crate) const fn bytes(count: u64) -> ByteCount {
    ByteCount::new(count)
}

pub(crate) fn percent(text: &str) -> Ppm {
    text.parse().unwrap()
}

pub(crate) const fn ms(millis: u64) -> SimDuration {
    SimDuration::from_millis(millis)
}

pub(crate) const fn us(micros: u64) -> SimDuration {
    SimDuration::from_micros(micros)
}

pub(crate) fn at(span: SimDuration) -> SimTime {
    SimTime::ZERO + span
}

/// Mean and standard deviation.
pub(crate) fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}
