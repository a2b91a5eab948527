//! Transports: what a gigabyte of each costs, and what the network adds to that of QUIC.

use std::future::poll_fn;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use natbed_load::quic::{BarePipe, QuicConfig, bare_transfer};
use natbed_load::{
    Amount, CallConfig, Direction, LoadConfig, LoadProcess, SctpConfig, SideReport, TransferConfig,
};
use natbed_network::observe::PayloadTag;
use natbed_network::{LinkConfig, PipeConfig};
use natbed_runtime::{TcpConfig, TcpStream, World, run_on_fresh_thread, thread_cpu_time};
use natbed_units::{ByteCount, Rate, Seed, SimDuration};

use super::hosts::unlimited;
use super::topology::{PATH_DELAY, PAYLOAD_BYTES, Pair, two_nats_with};

/// Of the sender's uplink.
const RATE: Rate = Rate::from_bits_per_second(100_000_000);
/// In front of it: the rate times a round trip.
const QUEUE: ByteCount = ByteCount::new(200_000);
/// What SCTP and TCP may have on their way: less than a round trip holds and the queue, so that
/// nothing is lost.
const WINDOW: ByteCount = ByteCount::new(350_000);
/// What the network adds to a datagram of QUIC: tag and stamp of the load, UDP, IPv4.
const HEADER: ByteCount = ByteCount::new(16 + 8 + 20);
const SEED: Seed = Seed::new(1);

fn network() -> anyhow::Result<Pair> {
    let line = PipeConfig::with_rate(RATE, PATH_DELAY / 4, QUEUE);
    Ok(two_nats_with(&LinkConfig::symmetric(line))?)
}

fn transfer(bytes: u64) -> TransferConfig {
    let amount = Amount::Bytes(ByteCount::new(bytes));
    TransferConfig { direction: Direction::Forward, amount, sample: None }
}

/// CPU time of `bytes` over QUIC between processes, through two NATs.
pub(super) fn quic(bytes: u64) -> anyhow::Result<Duration> {
    load(&LoadConfig::Quic(QuicConfig::new(transfer(bytes))), bytes)
}

/// CPU time of the same transfer over a pipe in memory.
pub(super) fn bare_quic(bytes: u64) -> anyhow::Result<Duration> {
    let pipe = BarePipe { rate: Some(RATE), delay: PATH_DELAY, queue: QUEUE, header: HEADER };
    let start = thread_cpu_time();
    let done = bare_transfer(&QuicConfig::new(transfer(bytes)), pipe, SEED)?;
    let spent = thread_cpu_time() - start;
    let received = done.reports[1].received_bytes;
    ensure!(received == bytes, "{received} of {bytes} bytes arrived");
    Ok(spent)
}

/// CPU time of `bytes` over SCTP.
pub(super) fn sctp(bytes: u64) -> anyhow::Result<Duration> {
    let transfer = transfer(bytes);
    load(
        &LoadConfig::Sctp(SctpConfig { transfer, streams: 1, ordered: true, window: WINDOW }),
        bytes,
    )
}

/// CPU time of `bytes` in datagrams at half the line's rate.
pub(super) fn datagrams(bytes: u64) -> anyhow::Result<Duration> {
    let rate = Rate::from_bits_per_second(RATE.bits_per_second() / 2);
    let config = CallConfig {
        direction: Direction::Forward,
        rate,
        size: ByteCount::new(PAYLOAD_BYTES as u64),
        duration: rate.serialization_time(ByteCount::new(bytes)),
        freeze_after: CallConfig::FREEZE_AFTER,
        sample: None,
    };
    load(&LoadConfig::Call(config), bytes)
}

/// CPU time of a load between processes on the two hosts.
fn load(config: &LoadConfig, bytes: u64) -> anyhow::Result<Duration> {
    let Pair { network, sender, receiver, sender_address, receiver_address, target } = network()?;
    let mut world = World::new(network, SEED, unlimited());
    let [from, to] = config.sides(SEED)?.map(|side| [(SimDuration::ZERO, side)]);
    let tag = PayloadTag::new(0);
    world.set_process(sender, LoadProcess::new(sender_address, Some(target), tag, from));
    world.set_process(receiver, LoadProcess::new(receiver_address, None, tag, to));
    let start = thread_cpu_time();
    world.run();
    let spent = thread_cpu_time() - start;
    let reports = world.process::<LoadProcess>(receiver).map(LoadProcess::reports);
    let received = match reports.context("the receiver is gone")?.first() {
        Some(SideReport::Transfer(report)) => report.received_bytes,
        Some(SideReport::Call(report)) => report.received_bytes,
        _ => 0,
    };
    // The last datagram of a call ends with it.
    ensure!(received + PAYLOAD_BYTES as u64 > bytes, "{received} of {bytes} bytes arrived");
    Ok(spent)
}

/// CPU time of `bytes` over TCP between async tasks.
pub(super) fn tcp(bytes: u64) -> anyhow::Result<Duration> {
    run_on_fresh_thread(SEED, || {
        let Pair { network, sender, receiver, receiver_address, target, .. } = network()?;
        let mut world = World::new(network, SEED, unlimited());
        let (sender, receiver) = (world.host(sender), world.host(receiver));
        let handle = world.handle();
        let start = thread_cpu_time();
        let finished = world.run_async(async move {
            let config = TcpConfig::with_buffers(WINDOW);
            let listener = receiver.listen_tcp_with(receiver_address.into(), &config)?;
            let sending = handle.spawn(async move {
                let stream = sender.connect_tcp_with(None, target.into(), &config).await?;
                write(&stream, bytes).await?;
                anyhow::Ok(stream)
            });
            let (stream, _) = listener.accept().await?;
            let received = read(&stream).await?;
            sending.await??;
            ensure!(received == bytes, "{received} of {bytes} bytes arrived");
            Ok(())
        })?;
        let spent = thread_cpu_time() - start;
        finished.output.context("the run ended before the transfer")??;
        Ok(spent)
    })?
}

async fn write(stream: &TcpStream, bytes: u64) -> anyhow::Result<()> {
    let block = vec![7; 64 << 10];
    let mut left = bytes;
    while left > 0 {
        let length = left.min(block.len() as u64) as usize;
        left -= poll_fn(|cx| stream.poll_write_from(cx, &block[..length])).await? as u64;
    }
    stream.shut_down();
    Ok(())
}

/// Reads to the end and returns how much that was.
async fn read(stream: &TcpStream) -> anyhow::Result<u64> {
    let mut buffer = vec![0; 64 << 10];
    let mut received = 0;
    loop {
        match poll_fn(|cx| stream.poll_read_into(cx, &mut buffer)).await? {
            0 => return Ok(received),
            length => received += length as u64,
        }
    }
}
