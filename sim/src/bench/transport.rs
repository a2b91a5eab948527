//! Bulk transfers: what the network adds to the cost of the transport.

use std::time::Duration;

use natbed_load::quic::{BarePipe, QuicConfig, bare_transfer};
use natbed_load::{Amount, Direction, LoadProcess, SideReport, TransferConfig};
use natbed_network::observe::PayloadTag;
use natbed_network::{LinkConfig, PipeConfig};
use natbed_packet::Endpoint;
use natbed_runtime::{World, thread_cpu_time};
use natbed_units::{ByteCount, Rate, Seed, SimDuration};

use super::hosts::unlimited;
use super::topology::{PATH_DELAY, Pair, two_nats_with};

/// Of the sender's uplink.
const RATE: Rate = Rate::from_bits_per_second(100_000_000);
/// In front of it: the rate times a round trip.
const QUEUE: ByteCount = ByteCount::new(200_000);
/// What the network adds to a datagram of QUIC: tag and stamp of the load, UDP, IPv4.
const HEADER: ByteCount = ByteCount::new(16 + 8 + 20);
const SEED: Seed = Seed::new(1);

fn config(bytes: u64) -> QuicConfig {
    QuicConfig::new(TransferConfig {
        direction: Direction::Forward,
        amount: Amount::Bytes(ByteCount::new(bytes)),
        sample: None,
    })
}

/// CPU time of a transfer of `bytes` over QUIC between processes, through two NATs.
pub(super) fn quic(bytes: u64) -> anyhow::Result<Duration> {
    let line = PipeConfig::with_rate(RATE, PATH_DELAY / 4, QUEUE);
    let Pair { network, sender, receiver, sender_address, receiver_address, target } =
        two_nats_with(&LinkConfig::symmetric(line))?;
    let mut world = World::new(network, SEED, unlimited());
    let [client, server] = config(bytes).sides(SEED)?;
    let process = |local: Endpoint, remote, side| {
        LoadProcess::new(local, remote, PayloadTag::new(0), [(SimDuration::ZERO, side)])
    };
    world.set_process(sender, process(sender_address, Some(target), client));
    world.set_process(receiver, process(receiver_address, None, server));
    let start = thread_cpu_time();
    world.run();
    let spent = thread_cpu_time() - start;
    let reports = world.process::<LoadProcess>(receiver).map(LoadProcess::reports);
    match reports.as_deref() {
        Some([SideReport::Transfer(report)]) if report.received_bytes == bytes => Ok(spent),
        other => anyhow::bail!("not all bytes arrived: {other:?}"),
    }
}

/// CPU time of the same transfer over a pipe in memory.
pub(super) fn bare_quic(bytes: u64) -> anyhow::Result<Duration> {
    let pipe = BarePipe { rate: Some(RATE), delay: PATH_DELAY, queue: QUEUE, header: HEADER };
    let start = thread_cpu_time();
    let transfer = bare_transfer(&config(bytes), pipe, SEED)?;
    let spent = thread_cpu_time() - start;
    let received = transfer.reports[1].received_bytes;
    anyhow::ensure!(received == bytes, "{received} of {bytes} bytes arrived");
    Ok(spent)
}
