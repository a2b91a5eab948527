//! The network alone: no sockets, no copies.

use std::time::Duration;

use bytes::Bytes;
use natbed_network::{HostId, Network};
use natbed_packet::{Endpoint, Packet};
use natbed_runtime::thread_cpu_time;
use natbed_units::{SimDuration, SimTime};

use super::topology::{PATH_DELAY, PAYLOAD_BYTES, Pair, many_hosts, public_address, two_nats};

/// CPU time of `datagrams` through two NATs with `in_flight` of them on their way.
pub(super) fn two_nat_datagrams(datagrams: u64, in_flight: u64) -> anyhow::Result<Duration> {
    let Pair { mut network, sender, sender_address, target, .. } = two_nats()?;
    let payload = Bytes::from(vec![7; PAYLOAD_BYTES]);
    full_path(&mut network, in_flight, datagrams, |network, now| {
        network.send(now, sender, Packet::udp(sender_address, target, payload.clone()));
    })
}

/// CPU time of `datagrams` between `hosts` hosts, with as many of them on their way as hosts.
pub(super) fn many_hosts_datagrams(hosts: u32, datagrams: u64) -> anyhow::Result<Duration> {
    let (mut network, ids) = many_hosts(hosts)?;
    let payload = Bytes::from(vec![7; PAYLOAD_BYTES]);
    let mut number = 0_u32;
    full_path(&mut network, u64::from(hosts), datagrams, |network, now| {
        // A step that shares no factor with the number of hosts visits all, far apart in memory.
        number = (number + 7_919) % hosts;
        let (from, to) = (number, (number + hosts / 2 + 1) % hosts);
        let endpoint = |host| Endpoint::new(public_address(host), 9);
        let packet = Packet::udp(endpoint(from), endpoint(to), payload.clone());
        network.send(now, ids[from as usize], packet);
    })
}

/// Lets `send` send at equal gaps so that `in_flight` datagrams are on their way, and takes the
/// deliveries; returns the CPU time of `datagrams` once the path is full.
fn full_path(
    network: &mut Network,
    in_flight: u64,
    datagrams: u64,
    mut send: impl FnMut(&mut Network, SimTime),
) -> anyhow::Result<Duration> {
    let gap = gap_for(in_flight);
    let mut now = SimTime::ZERO;
    let mut step = |network: &mut Network| {
        send(network, now);
        now += gap;
        drive(network, now)
    };
    for _ in 0..in_flight {
        step(network);
    }
    let start = thread_cpu_time();
    let delivered: u64 = (0..datagrams).map(|_| step(network)).sum();
    let spent = thread_cpu_time() - start;
    // One may still be at the very end of its way.
    anyhow::ensure!(delivered + 1 >= datagrams, "{delivered} of {datagrams} arrived");
    Ok(spent)
}

/// Takes everything that arrives before `until`.
fn drive(network: &mut Network, until: SimTime) -> u64 {
    let mut delivered = 0;
    network.handle_timeout(until);
    while let Some(delivery) = network.poll_delivery() {
        std::hint::black_box(&delivery.packet);
        delivered += 1;
    }
    delivered
}

/// Builds and drops a network of two homes, `count` times.
pub(super) fn build_and_drop(count: u64) -> anyhow::Result<Duration> {
    let start = thread_cpu_time();
    for _ in 0..count {
        std::hint::black_box(two_nats()?);
    }
    Ok(thread_cpu_time() - start)
}

/// Resident memory of a network of idle hosts, in bytes per host.
pub(super) fn bytes_per_idle_host(hosts: u32) -> anyhow::Result<u64> {
    let before = resident_bytes()?;
    let (network, ids): (Network, Vec<HostId>) = many_hosts(hosts)?;
    let after = resident_bytes()?;
    std::hint::black_box((&network, &ids));
    Ok(after.saturating_sub(before) / u64::from(hosts))
}

fn resident_bytes() -> anyhow::Result<u64> {
    use anyhow::Context as _;
    let statm = std::fs::read_to_string("/proc/self/statm").context("cannot read memory use")?;
    let pages = statm.split(' ').nth(1).context("/proc/self/statm has no second field")?;
    Ok(pages.parse::<u64>()? * PAGE_BYTES)
}

/// `statm` counts in pages; they have 4 KiB on the machines that natbed runs on.
const PAGE_BYTES: u64 = 4_096;

/// The gap of `n` datagrams that share the way, for those who pace themselves.
pub(super) fn gap_for(in_flight: u64) -> SimDuration {
    PATH_DELAY / in_flight
}
