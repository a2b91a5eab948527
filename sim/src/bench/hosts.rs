//! Datagrams between hosts that copy them: sans-IO processes, and async sockets.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use natbed_packet::Endpoint;
use natbed_runtime::{Limits, Process, Transmit, World, run_on_fresh_thread, thread_cpu_time};
use natbed_units::{Seed, SimDuration, SimTime};

use super::network::gap_for;
use super::topology::{PAYLOAD_BYTES, Pair, many_hosts, public_address, two_nats};

/// Datagrams on their way at once.
const IN_FLIGHT: u64 = 100;

pub(super) fn unlimited() -> Limits {
    Limits { horizon: Limits::HORIZON_MAX, events: u64::MAX, ..Limits::default() }
}

/// A process that sends a copy of its payload at equal gaps.
struct Sender {
    from: Endpoint,
    to: Endpoint,
    left: u64,
    gap: SimDuration,
    next: SimTime,
    is_due: bool,
    payload: [u8; PAYLOAD_BYTES],
    chunk: BytesMut,
}

impl Process for Sender {
    fn handle_datagram(&mut self, _: SimTime, _: Endpoint, _: Endpoint, _: Bytes) {}

    fn handle_timeout(&mut self, now: SimTime) {
        if self.left > 0 && now >= self.next {
            self.left -= 1;
            self.next = now + self.gap;
            self.is_due = true;
        }
    }

    fn poll_transmit(&mut self, _: SimTime) -> Option<Transmit> {
        std::mem::take(&mut self.is_due).then(|| {
            if self.chunk.capacity() < PAYLOAD_BYTES {
                self.chunk.reserve(64 << 10);
            }
            self.chunk.extend_from_slice(&self.payload);
            let payload = self.chunk.split().freeze();
            Transmit { local: self.from, remote: self.to, payload }
        })
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        (self.left > 0).then_some(self.next)
    }
}

/// A process that copies what it receives out of the packet.
struct Receiver {
    received: u64,
    buffer: [u8; PAYLOAD_BYTES],
}

impl Process for Receiver {
    fn handle_datagram(&mut self, _: SimTime, _: Endpoint, _: Endpoint, payload: Bytes) {
        let length = payload.len().min(PAYLOAD_BYTES);
        self.buffer[..length].copy_from_slice(&payload[..length]);
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

/// CPU time of `datagrams` from process to process through two NATs.
pub(super) fn process_two_nat_datagrams(datagrams: u64) -> anyhow::Result<Duration> {
    let Pair { network, sender, receiver, sender_address, target, .. } = two_nats()?;
    let mut world = World::new(network, Seed::new(1), unlimited());
    world.set_process(
        sender,
        Sender {
            from: sender_address,
            to: target,
            left: datagrams,
            gap: gap_for(IN_FLIGHT),
            next: SimTime::ZERO,
            is_due: false,
            payload: [7; PAYLOAD_BYTES],
            chunk: BytesMut::new(),
        },
    );
    world.set_process(receiver, Receiver { received: 0, buffer: [0; PAYLOAD_BYTES] });
    let start = thread_cpu_time();
    world.run();
    let spent = thread_cpu_time() - start;
    let received = world.process::<Receiver>(receiver).map_or(0, |receiver| receiver.received);
    anyhow::ensure!(received == datagrams, "{received} of {datagrams} arrived");
    Ok(spent)
}

/// CPU time of `datagrams` from async socket to async socket, `burst` of them in each instant.
pub(super) fn socket_datagrams(
    topology: fn() -> Result<Pair, natbed_network::TopologyError>,
    datagrams: u64,
    burst: u64,
) -> anyhow::Result<Duration> {
    run_on_fresh_thread(Seed::new(1), || {
        let Pair { network, sender, receiver, sender_address, receiver_address, target } =
            topology()?;
        let mut world = World::new(network, Seed::new(1), unlimited());
        let (sender, receiver) = (world.host(sender), world.host(receiver));
        let clock = world.handle();
        let start = thread_cpu_time();
        let main = async move {
            let outgoing = sender.bind_udp_at(sender_address.into())?;
            let incoming = receiver.bind_udp_at(receiver_address.into())?;
            let spawner = clock.clone();
            let sending = spawner.spawn(async move {
                let payload = [7; PAYLOAD_BYTES];
                let gap = gap_for(IN_FLIGHT) * burst;
                for _ in 0..datagrams / burst {
                    for _ in 0..burst {
                        outgoing.send_to(&payload, target.into())?;
                    }
                    clock.sleep(gap).await;
                }
                anyhow::Ok(())
            });
            let mut buffer = [0; PAYLOAD_BYTES];
            for _ in 0..datagrams / burst * burst {
                incoming.recv_from(&mut buffer).await?;
            }
            sending.await?
        };
        let finished = world.run_async(main)?;
        let spent = thread_cpu_time() - start;
        finished.output.unwrap_or_else(|| {
            Err(anyhow::anyhow!("the run ended {:?} before all had arrived", finished.report.end))
        })?;
        anyhow::Ok(spent)
    })?
}

/// A process that sends a small datagram every 15 s, as ICE keeps a pair alive (RFC 8445
/// section 11).
struct Keepalive {
    from: Endpoint,
    to: Endpoint,
    next: SimTime,
    is_due: bool,
}

const KEEPALIVE: SimDuration = SimDuration::from_secs(15);

impl Process for Keepalive {
    fn handle_datagram(&mut self, _: SimTime, _: Endpoint, _: Endpoint, _: Bytes) {}

    fn handle_timeout(&mut self, now: SimTime) {
        if now >= self.next {
            self.next = now + KEEPALIVE;
            self.is_due = true;
        }
    }

    fn poll_transmit(&mut self, _: SimTime) -> Option<Transmit> {
        std::mem::take(&mut self.is_due).then(|| Transmit {
            local: self.from,
            remote: self.to,
            payload: Bytes::from_static(&[0; 20]),
        })
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        Some(self.next)
    }
}

/// CPU time of `seconds` virtual seconds of `agents` agents that only keep their pairs alive.
pub(super) fn idle_agents(agents: u32, seconds: u64) -> anyhow::Result<Duration> {
    let (network, hosts) = many_hosts(agents)?;
    let mut world = World::new(network, Seed::new(1), unlimited());
    for (number, host) in (0_u32..).zip(&hosts) {
        let peer = number ^ 1;
        let phase = KEEPALIVE / u64::from(agents) * u64::from(number);
        world.set_process(
            *host,
            Keepalive {
                from: Endpoint::new(public_address(number), 9),
                to: Endpoint::new(public_address(peer), 9),
                next: SimTime::ZERO + phase,
                is_due: false,
            },
        );
    }
    let start = thread_cpu_time();
    world.run_until(SimTime::ZERO + SimDuration::from_secs(seconds));
    Ok(thread_cpu_time() - start)
}
