//! What it keeps in memory, and what adds up whatever happens.

use std::net::Ipv4Addr;

use bytes::Bytes;
use natbed_packet::{Body, Endpoint, Packet, Tcp, TcpFlags};
use natbed_units::{ByteCount, Rate, Seed, SimDuration, SimTime};
use proptest::prelude::*;

use super::{Accounting, DirectionAccount, LoadWatch, SERIES_MAX};
use crate::config::{Attachment, HostConfig, InterfaceConfig, InternetConfig};
use crate::id::HostId;
use crate::network::{Limits, Network};
use crate::observe::PayloadTag;
use crate::pipe::{LinkConfig, PipeConfig};

const LOADS: [PayloadTag; 2] = [PayloadTag::new(1), PayloadTag::new(2).with_load(1)];
const PORT: u16 = 80;

/// Alice, Bob and a relay on the Internet; the first two with narrow links and small queues.
struct Scene {
    network: Network<Accounting>,
    now: SimTime,
    hosts: [HostId; 3],
}

fn address(host: usize) -> Endpoint {
    Endpoint::new(Ipv4Addr::new(203, 0, 113, host as u8).into(), PORT)
}

impl Scene {
    fn new(link: &PipeConfig) -> Self {
        let mut network = Network::new(Seed::new(1), Limits::default(), Accounting::default());
        network.set_internet(InternetConfig { delay: SimDuration::from_millis(1) });
        let hosts = [0, 1, 2].map(|n| {
            let pipe = if n < 2 { link.clone() } else { PipeConfig::IDEAL };
            let link = LinkConfig::symmetric(pipe);
            let (address, attachment) = (address(n).ip, Attachment::Internet);
            let interfaces = vec![InterfaceConfig { address, attachment, link }];
            let config = HostConfig { name: n.to_string(), interfaces, firewall: None };
            network.add_host(config).unwrap()
        });
        Self { network, now: SimTime::ZERO, hosts }
    }

    fn watch(&mut self) {
        let peers = [self.hosts[0], self.hosts[1]];
        let interval = Some(SimDuration::from_millis(1));
        for tag in LOADS {
            let watch = LoadWatch { is_stamped: true, interval };
            self.network.observer_mut().watch(tag, peers, watch);
        }
        let watch = LoadWatch { is_stamped: false, interval };
        self.network.observer_mut().watch_tcp(PayloadTag::new(3), peers, PORT, watch);
    }

    fn payload(&self, tag: PayloadTag, length: usize) -> Vec<u8> {
        let mut payload = tag.as_bytes().to_vec();
        payload.extend(self.now.as_nanos().to_be_bytes());
        payload.resize(16 + length, 0);
        payload
    }

    fn send(&mut self, from: usize, to: usize, payload: Vec<u8>) {
        let packet = Packet::udp(address(from), address(to), Bytes::from(payload));
        let packet = Packet { dont_fragment: false, ..packet };
        self.network.send(self.now, self.hosts[from], packet);
    }

    fn segment(&mut self, from: usize, to: usize, flags: TcpFlags, length: usize) {
        let (from_port, to_port) = if from == 0 { (5_000, PORT) } else { (PORT, 5_000) };
        let tcp = Tcp {
            source_port: from_port,
            destination_port: to_port,
            sequence: 0,
            acknowledgment: 0,
            flags,
            window: 0,
            urgent: 0,
            options: Bytes::new(),
            payload: Bytes::from(vec![0; length]),
        };
        let body = Body::Tcp(Box::new(tcp));
        let packet = Packet::new(address(from).ip, address(to).ip, body);
        self.network.send(self.now, self.hosts[from], packet);
    }

    /// Lets time pass; the relay sends on what comes to it, or keeps it, as `relay_keeps` says.
    fn advance(&mut self, by: SimDuration, mut relay_keeps: impl FnMut() -> Fate) {
        let until = self.now + by;
        loop {
            while let Some(delivery) = self.network.poll_delivery() {
                match relay_keeps() {
                    Fate::Refuse => {
                        let full = natbed_packet::DropReason::SocketBufferFull;
                        self.network.reject(self.now, delivery, full);
                    }
                    Fate::Take if delivery.host == self.hosts[2] => {
                        if let Body::Udp(udp) = &delivery.packet.body {
                            let from = usize::from(delivery.packet.source == address(1).ip);
                            self.send(2, 1 - from, udp.payload.to_vec());
                        }
                    }
                    Fate::Take | Fate::Keep => {}
                }
            }
            match self.network.poll_timeout().filter(|next| *next <= until) {
                Some(next) => {
                    self.now = next;
                    self.network.handle_timeout(next);
                }
                None => break,
            }
        }
        self.now = until;
    }

    fn directions(&self) -> Vec<DirectionAccount> {
        let tags = LOADS.into_iter().chain([PayloadTag::new(3)]);
        tags.flat_map(|tag| self.network.observer().account(tag).unwrap().directions).collect()
    }
}

/// What a host does with a packet that reached it.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Take,
    Keep,
    Refuse,
}

fn narrow() -> PipeConfig {
    let rate = Rate::from_bits_per_second(4_000_000);
    let pipe = PipeConfig::with_rate(rate, SimDuration::from_millis(2), ByteCount::new(6_000));
    PipeConfig { mtu: Some(ByteCount::new(1_200)), ..pipe }
}

#[test]
fn memory_stays_bounded_over_an_hour_of_a_call() {
    let mut scene = Scene::new(&PipeConfig::with_delay(SimDuration::from_millis(20)));
    scene.watch();
    // 200 datagrams a second each way, half of them through a relay that keeps one in a thousand.
    let mut count = 0_u32;
    for n in 0..3_600 * 200_u64 {
        for from in [0, 1] {
            let to = if n % 2 == 0 { 1 - from } else { 2 };
            let payload = scene.payload(LOADS[0], 16);
            scene.send(from, to, payload);
        }
        scene.advance(SimDuration::from_millis(5), || {
            count += 1;
            if count.is_multiple_of(1_000) { Fate::Keep } else { Fate::Take }
        });
        let accounting = scene.network.observer();
        assert!(accounting.flights.len() <= 32, "{}", accounting.flights.len());
    }
    scene.advance(SimDuration::from_secs(1), || Fate::Take);
    let accounting = scene.network.observer();
    assert!(accounting.flights.is_empty());
    assert_eq!(accounting.relays.bills().len(), 1);
    let load = accounting.account(LOADS[0]).unwrap();
    assert_eq!(load.directions[0].sent.datagrams, 720_000);
    for direction in load.directions {
        // One in five milliseconds has an arrival.
        let length = direction.series.bytes.len();
        assert!(direction.series.is_cut && (SERIES_MAX - 4..=SERIES_MAX).contains(&length));
    }
    assert_eq!(accounting.ways.len(), 6, "pipes of one load");
}

#[test]
fn what_relays_keep_is_forgotten_in_the_end() {
    let mut inside = super::Inside::default();
    for n in 0..200_000_u64 {
        inside.put(HostId(0), 0, &n.to_be_bytes(), 0);
        assert!(inside.len() <= 65_536);
    }
    assert_eq!(inside.take(HostId(0), 0, &199_999_u64.to_be_bytes()), Some(0));
    assert_eq!(inside.take(HostId(0), 0, &199_999_u64.to_be_bytes()), None);
    assert_eq!(inside.take(HostId(0), 0, &0_u64.to_be_bytes()), None);
}

#[test]
fn an_hour_of_connections_is_not_too_many() {
    let mut flows = super::TcpFlows::default();
    flows.watch([HostId(0), HostId(1)], PORT, 0);
    let tcp = |source_port| Tcp {
        source_port,
        destination_port: PORT,
        sequence: 0,
        acknowledgment: 0,
        flags: TcpFlags::SYN,
        window: 0,
        urgent: 0,
        options: Bytes::new(),
        payload: Bytes::new(),
    };
    for n in 0..100_000_u32 {
        let to = Endpoint::new(Ipv4Addr::from_bits(n).into(), PORT);
        let packet = Packet::udp(address(0), to, Bytes::new());
        let sender = flows.sender(HostId(0), &packet, &tcp(5_000));
        assert!(matches!(sender, super::tcp::Sender::Load(0)));
        assert!(flows.len() <= 65_536);
    }
}

#[derive(Clone, Debug)]
enum Action {
    Datagram { from: usize, relayed: bool, load: usize, length: usize },
    Segment { from: usize, flags: u16, length: usize },
    Other { from: usize, to: usize, bytes: Vec<u8> },
    Cut { host: usize, is_down: bool },
    Wait { micros: u64, fates: u8 },
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (0..2_usize, any::<bool>(), 0..2_usize, 0..4_000_usize).prop_map(
            |(from, relayed, load, length)| Action::Datagram { from, relayed, load, length }
        ),
        2 => (0..2_usize, 0..0x20_u16, 0..1_160_usize)
            .prop_map(|(from, flags, length)| Action::Segment { from, flags, length }),
        1 => (0..3_usize, 0..3_usize, prop::collection::vec(any::<u8>(), 0..64))
            .prop_map(|(from, to, bytes)| Action::Other { from, to, bytes }),
        1 => (0..2_usize, any::<bool>()).prop_map(|(host, is_down)| Action::Cut { host, is_down }),
        4 => (0..20_000_u64, any::<u8>()).prop_map(|(micros, fates)| Action::Wait { micros, fates }),
    ]
}

proptest! {
    #[test]
    fn what_was_sent_arrived_was_lost_or_is_on_its_way(
        actions in prop::collection::vec(action(), 1..80),
        mark in 0..80_usize,
    ) {
        let mut scene = Scene::new(&narrow());
        scene.watch();
        for (n, action) in actions.into_iter().enumerate() {
            match action {
                Action::Datagram { from, relayed, load, length } => {
                    let payload = scene.payload(LOADS[load], length);
                    scene.send(from, if relayed { 2 } else { 1 - from }, payload);
                }
                Action::Segment { from, flags, length } => {
                    scene.segment(from, 1 - from, TcpFlags::from_bits(flags), length);
                }
                Action::Other { from, to, mut bytes } => {
                    if n == mark {
                        bytes.splice(..0, LOADS[0].as_bytes().iter().copied());
                    }
                    scene.send(from, to, bytes);
                }
                Action::Cut { host, is_down } => {
                    let link = scene.network.host_links(scene.hosts[host]).next().unwrap();
                    scene.network.set_link_down(link, is_down);
                }
                Action::Wait { micros, mut fates } => {
                    scene.advance(SimDuration::from_micros(micros), || {
                        fates = fates.rotate_left(3);
                        [Fate::Take, Fate::Take, Fate::Keep, Fate::Refuse][usize::from(fates & 3)]
                    });
                }
            }
            for direction in scene.directions() {
                assert_adds_up(&direction);
            }
        }
        // Fragments wait for the others for half a minute.
        scene.advance(SimDuration::from_secs(60), || Fate::Take);
        prop_assert_eq!(scene.network.packets_in_flight(), 0);
        for direction in scene.directions() {
            assert_adds_up(&direction);
            prop_assert_eq!(direction.in_flight, 0);
        }
        prop_assert!(scene.network.observer().flights.is_empty());
    }
}

fn assert_adds_up(account: &DirectionAccount) {
    let DirectionAccount { sent, delivered, made, at_relay, in_flight, .. } = account;
    let gone = delivered.datagrams + account.lost() + at_relay + in_flight;
    assert_eq!(sent.datagrams + made, gone, "{account:?}");
    for bytes in [sent, delivered] {
        let headers = bytes.ip_header + bytes.udp_header + bytes.tcp_header;
        let rest = bytes.channel_data + bytes.indication + bytes.shim + bytes.transport;
        assert_eq!(bytes.wire, headers + rest, "{bytes:?}");
    }
}
