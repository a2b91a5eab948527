//! What it costs to watch a packet: accounts, ledger and witness, beside nobody watching.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use natbed_nat::profile;
use natbed_network::observe::accounting::LoadWatch;
use natbed_network::observe::{Accounting, Ledger, PayloadTag, Witness};
use natbed_network::{
    Attachment, GatewayConfig, HostConfig, HostId, InterfaceConfig, InternetConfig, LanConfig,
    Limits, LinkConfig, Network, Observer, PipeConfig,
};
use natbed_packet::{Body, Endpoint, Packet, Tcp, TcpFlags};
use natbed_units::{ByteCount, Rate, Seed, SimDuration, SimTime};

const ALICE: IpAddr = ip([192, 168, 1, 10]);
const HOMES: [IpAddr; 2] = [ip([198, 51, 100, 1]), ip([198, 51, 100, 2])];
const TAG: PayloadTag = PayloadTag::new(1);
const PORT: u16 = 5000;

type Observers = (Accounting, Ledger, Witness);

const fn ip([a, b, c, d]: [u8; 4]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

fn delayed(millis: u64) -> LinkConfig {
    let delay = SimDuration::from_millis(millis);
    let rate = Rate::from_bits_per_second(1_000_000_000);
    LinkConfig::symmetric(PipeConfig::with_rate(rate, delay, ByteCount::new(1 << 20)))
}

/// Host, Linux NAT, core, Linux NAT, host: four links, 32 ms each way, ten packets on their way.
struct Scene<O> {
    network: Network<O>,
    hosts: [HostId; 2],
    now: SimTime,
}

impl<O: Observer> Scene<O> {
    fn new(observer: O) -> Self {
        let mut network = Network::new(Seed::new(1), Limits::default(), observer);
        network.set_internet(InternetConfig { delay: SimDuration::from_millis(10) });
        let nat = profile("linux-masquerade").and_then(|profile| profile.behaviour.nat().cloned());
        let hosts = HOMES.map(|outside| {
            let subnet = "192.168.1.0/24".parse().expect("it is a subnet");
            let name = || "home".to_owned();
            let config = LanConfig { name: name(), subnet, second_subnet: None, isolate: false };
            let lan = network.add_lan(config);
            let config = GatewayConfig {
                name: name(),
                lan,
                inside: ip([192, 168, 1, 1]),
                upstream: Attachment::Internet,
                outside,
                uplink: delayed(10),
                pool: Vec::new(),
                translator: nat.clone().map(Into::into),
                firewall: None,
                icmp_errors: true,
                beside: None,
            };
            network.add_gateway(config).expect("the address is free");
            let attachment = Attachment::Lan(lan);
            let interfaces = vec![InterfaceConfig { address: ALICE, attachment, link: delayed(1) }];
            let config = HostConfig { name: name(), interfaces, firewall: None };
            network.add_host(config).expect("the address is free")
        });
        Self { network, hosts, now: SimTime::ZERO }
    }

    fn step(&mut self, packet: &Packet) -> bool {
        self.now += SimDuration::from_micros(3_200);
        self.network.handle_timeout(self.now);
        let arrived = self.network.poll_delivery().is_some();
        self.network.send(self.now, self.hosts[0], packet.clone());
        arrived
    }

    fn measure(&mut self, c: &mut Criterion, name: &str, packet: &Packet) {
        // Each opens its filter toward the other.
        for (host, to) in self.hosts.into_iter().zip([HOMES[1], HOMES[0]]) {
            self.network.send(self.now, host, Packet { destination: to, ..packet.clone() });
        }
        for _ in 0..30 {
            self.step(packet);
        }
        assert!(self.step(packet), "the packets of this bench arrive");
        let mut group = c.benchmark_group("observe");
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |b| b.iter(|| black_box(self.step(packet))));
        group.finish();
    }
}

fn datagram(start: &[u8]) -> Packet {
    let mut payload = start.to_vec();
    payload.resize(1_200, 0);
    Packet::udp(Endpoint::new(ALICE, PORT), Endpoint::new(HOMES[1], PORT), Bytes::from(payload))
}

fn segment() -> Packet {
    let tcp = Tcp {
        source_port: PORT,
        destination_port: PORT,
        sequence: 0,
        acknowledgment: 0,
        flags: TcpFlags::SYN,
        window: 65_535,
        urgent: 0,
        options: Bytes::new(),
        payload: Bytes::from(vec![0; 1_160]),
    };
    Packet::new(ALICE, HOMES[1], Body::Tcp(Box::new(tcp)))
}

fn watched(is_tcp: bool) -> Scene<Observers> {
    let mut scene = Scene::new(Observers::default());
    let peers = scene.hosts;
    let (accounting, ledger, witness) = scene.network.observer_mut();
    ledger.watch(TAG, peers, &[]);
    let interval = Some(SimDuration::from_millis(100));
    let watch = LoadWatch { is_stamped: true, interval };
    if is_tcp {
        accounting.watch_tcp(TAG, peers, PORT, watch);
        ledger.watch_tcp(TAG, peers, PORT);
        witness.watch_tcp(TAG, peers, PORT);
    } else {
        accounting.watch(TAG, peers, watch);
        witness.watch(TAG, peers);
    }
    scene
}

fn observe(c: &mut Criterion) {
    let (other, payload) = (datagram(b""), datagram(TAG.as_bytes()));
    Scene::new(()).measure(c, "nobody", &other);
    Scene::new(Observers::default()).measure(c, "nothing watched", &other);
    watched(false).measure(c, "another datagram", &other);
    watched(false).measure(c, "a datagram of the load", &payload);
    Scene::new(()).measure(c, "nobody, TCP", &segment());
    watched(false).measure(c, "another segment", &segment());
    watched(true).measure(c, "a segment of the load", &segment());
}

criterion_group!(benches, observe);
criterion_main!(benches);
