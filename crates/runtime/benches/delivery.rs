//! What one delivery costs in CPU time, over a direct link: to a process, and to an async socket.
//!
//! The datagrams carry 1200 bytes, which sender and receiver copy. "Alone" has every datagram in
//! an instant of its own, "ten" has ten of them in one instant.
#![allow(clippy::unwrap_used, missing_docs)] // a benchmark

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use natbed_network::{
    Attachment, HostConfig, HostId, InterfaceConfig, InternetConfig, Limits as NetworkLimits,
    LinkConfig, Network, PipeConfig,
};
use natbed_packet::Endpoint;
use natbed_runtime::{Limits, Process, Transmit, World, run_on_fresh_thread, thread_cpu_time};
use natbed_units::{Seed, SimDuration, SimTime};

const PAYLOAD: [u8; 1_200] = [7; 1_200];
const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
const RECEIVER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2));
const PORT: u16 = 9;
/// Apart by a prime, so that deliveries fall on all parts of a millisecond.
const GAP: SimDuration = SimDuration::from_nanos(9_973);
const DELAY: SimDuration = SimDuration::from_millis(10);

fn world() -> (World, HostId, HostId) {
    let mut network = Network::new(Seed::new(1), NetworkLimits::default(), ());
    network.set_internet(InternetConfig { delay: SimDuration::ZERO });
    let mut host = |name: &str, address, delay| {
        let link = LinkConfig::symmetric(PipeConfig::with_delay(delay));
        let interface = InterfaceConfig { address, attachment: Attachment::Internet, link };
        let interfaces = vec![interface];
        network.add_host(HostConfig { name: name.to_owned(), interfaces, firewall: None }).unwrap()
    };
    let sender = host("sender", SENDER, SimDuration::ZERO);
    let receiver = host("receiver", RECEIVER, DELAY);
    let limits = Limits { horizon: Limits::HORIZON_MAX, ..Limits::default() };
    (World::new(network, Seed::new(1), limits), sender, receiver)
}

/// Sends `burst` datagrams every `burst` gaps until it has sent `left`.
struct Sender {
    left: u64,
    burst: u64,
    ready: u64,
    next: SimTime,
    chunk: BytesMut,
}

impl Process for Sender {
    fn handle_datagram(&mut self, _: SimTime, _: Endpoint, _: Endpoint, _: Bytes) {}

    fn handle_timeout(&mut self, now: SimTime) {
        if now >= self.next {
            self.ready += self.burst.min(self.left);
            self.left -= self.burst.min(self.left);
            self.next = now + GAP * self.burst;
        }
    }

    fn poll_transmit(&mut self, _: SimTime) -> Option<Transmit> {
        self.ready = self.ready.checked_sub(1)?;
        self.chunk.reserve(PAYLOAD.len());
        self.chunk.extend_from_slice(&PAYLOAD);
        Some(Transmit {
            local: Endpoint::new(SENDER, PORT),
            remote: Endpoint::new(RECEIVER, PORT),
            payload: self.chunk.split().freeze(),
        })
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        (self.left > 0).then_some(self.next)
    }
}

struct Receiver {
    received: u64,
    buffer: [u8; 1_200],
}

impl Process for Receiver {
    fn handle_datagram(&mut self, _: SimTime, _: Endpoint, _: Endpoint, payload: Bytes) {
        self.buffer.copy_from_slice(&payload);
        self.received += 1;
    }

    fn handle_timeout(&mut self, _: SimTime) {}

    fn poll_transmit(&mut self, _: SimTime) -> Option<Transmit> {
        None
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        None
    }
}

fn to_a_process(datagrams: u64, burst: u64) -> Duration {
    run_on_fresh_thread(Seed::new(1), || {
        let (mut world, sender, receiver) = world();
        let chunk = BytesMut::with_capacity(64 << 10);
        let next = SimTime::ZERO;
        world.set_process(sender, Sender { left: datagrams, burst, ready: 0, next, chunk });
        world.set_process(receiver, Receiver { received: 0, buffer: [0; 1_200] });
        let start = thread_cpu_time();
        world.run();
        let spent = thread_cpu_time() - start;
        assert_eq!(world.process::<Receiver>(receiver).unwrap().received, datagrams);
        spent
    })
    .unwrap()
}

fn to_an_async_socket(datagrams: u64, burst: u64) -> Duration {
    run_on_fresh_thread(Seed::new(1), || {
        let (mut world, sender, receiver) = world();
        let (sender, receiver) = (world.host(sender), world.host(receiver));
        let (clock, start) = (world.handle(), thread_cpu_time());
        let main = async move {
            let (sender, receiver) =
                (sender.bind_udp(PORT).unwrap(), receiver.bind_udp(PORT).unwrap());
            tokio::spawn(async move {
                let mut left = datagrams;
                while left > 0 {
                    for _ in 0..burst.min(left) {
                        sender.send_to(&PAYLOAD, SocketAddr::new(RECEIVER, PORT)).unwrap();
                    }
                    left -= burst.min(left);
                    clock.sleep(GAP * burst).await;
                }
            });
            let mut buffer = [0; 1_200];
            for _ in 0..datagrams {
                assert_eq!(receiver.recv_from(&mut buffer).await.unwrap().0, buffer.len());
            }
        };
        assert_eq!(world.run_async(main).unwrap().output, Some(()));
        thread_cpu_time() - start
    })
    .unwrap()
}

fn delivery(c: &mut Criterion) {
    let mut group = c.benchmark_group("delivery");
    group.throughput(Throughput::Elements(1));
    for (name, burst) in [("alone", 1), ("ten", 10)] {
        group.bench_function(BenchmarkId::new("process", name), |b| {
            b.iter_custom(|datagrams| to_a_process(datagrams, burst));
        });
        group.bench_function(BenchmarkId::new("async", name), |b| {
            b.iter_custom(|datagrams| to_an_async_socket(datagrams, burst));
        });
    }
    group.finish();
}

criterion_group!(benches, delivery);
criterion_main!(benches);
