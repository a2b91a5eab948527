//! The same transfer in natbed.

use natbed_nat::profile;
use natbed_network::{
    Attachment, GatewayConfig, HostConfig, InterfaceConfig, InternetConfig, LanConfig,
    Limits as NetworkLimits, Line, LinkConfig, Network, PipeConfig, Queue, Shaper,
};
use natbed_runtime::{Limits, TcpConfig, World, run_on_fresh_thread};
use natbed_units::{ByteCount, Rate, Seed, SimDuration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Case;
use crate::roles::Meter;

/// An IP packet of Ethernet, and its frame as `tbf` counts it: with the header of the link.
const PACKET: u64 = 1_500;
const FRAME: u64 = 1_514;
/// What a pair of virtual devices and a busy kernel take, about.
const DELAY: SimDuration = SimDuration::from_micros(20);

/// Bytes as natbed counts them, IP packets, of those that `tbf` counts.
fn packets_of(frames: u64) -> ByteCount {
    ByteCount::new(frames * PACKET / FRAME)
}

/// Makes the transfer of `case` and returns its goodput in bits per second.
pub(crate) fn goodput(case: Case) -> f64 {
    let seed = Seed::new(1);
    run_on_fresh_thread(seed, move || transfer(seed, case)).unwrap()
}

fn transfer(seed: Seed, case: Case) -> f64 {
    let rate = Rate::from_bits_per_second(case.mbit * 1_000_000 * PACKET / FRAME);
    let wire = PipeConfig::with_delay(DELAY);
    let line = PipeConfig {
        line: Line::Shaper(Shaper { rate, burst: packets_of(case.burst), peak: None }),
        queue: Queue::drop_tail(packets_of(case.limit)),
        ..wire.clone()
    };
    let mut network = Network::new(seed, NetworkLimits::default(), ());
    network.set_internet(InternetConfig { delay: SimDuration::ZERO });
    let lan = LanConfig {
        name: "lan".to_owned(),
        subnet: "10.11.0.0/24".parse().unwrap(),
        second_subnet: None,
        isolate: false,
    };
    let lan = network.add_lan(lan);
    let translator = case.nat.then(|| profile("linux-masquerade").unwrap());
    let router = GatewayConfig {
        name: "router".to_owned(),
        lan,
        inside: "10.11.0.1".parse().unwrap(),
        upstream: Attachment::Internet,
        outside: "10.12.0.1".parse().unwrap(),
        pool: Vec::new(),
        uplink: LinkConfig { up: line, down: wire.clone() },
        translator: translator.map(|profile| profile.behaviour.nat().unwrap().clone().into()),
        firewall: None,
        icmp_errors: true,
        beside: None,
    };
    network.add_gateway(router).unwrap();
    let mut add = |name: &str, address: &str, attachment| {
        let link = LinkConfig::symmetric(wire.clone());
        let interface = InterfaceConfig { address: address.parse().unwrap(), attachment, link };
        let interfaces = vec![interface];
        network.add_host(HostConfig { name: name.to_owned(), interfaces, firewall: None }).unwrap()
    };
    let sender = add("sender", "10.11.0.2", Attachment::Lan(lan));
    let receiver = add("receiver", "10.12.0.2", Attachment::Internet);
    let mut world = World::new(network, seed, Limits::default());
    let (sender, receiver, handle) = (world.host(sender), world.host(receiver), world.handle());

    let config = TcpConfig {
        send_buffer: ByteCount::new(2 * case.window),
        receive_buffer: ByteCount::new(case.window),
        ..TcpConfig::default()
    };
    let to = "10.12.0.2:5001".parse().unwrap();
    let finished = world.run_async(async move {
        let listener = receiver.listen_tcp_with(to, &config).unwrap();
        tokio::spawn(async move {
            let mut stream = sender.connect_tcp_with(None, to, &config).await.unwrap();
            let chunk = vec![0x5a; 64 << 10];
            let mut left = case.bytes() as usize;
            while left > 0 {
                let length = left.min(chunk.len());
                stream.write_all(&chunk[..length]).await.unwrap();
                left -= length;
            }
        });
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut meter = Meter::new(case.bytes());
        let mut chunk = vec![0; 64 << 10];
        while let read @ 1.. = stream.read(&mut chunk).await.unwrap() {
            meter.count(handle.now().as_nanos() as f64 / 1e9, read as u64);
        }
        meter.goodput()
    });
    finished.unwrap().output.unwrap()
}
