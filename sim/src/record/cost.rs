//! What loads cost: pipes, bytes on the wire, relays.

use std::collections::BTreeMap;

use natbed_network::observe::accounting::{Carried, PipeAccount, RelayBill, WireBytes};
use natbed_network::{HostId, Line};
use natbed_packet::DropReason;
use natbed_report::{BottleneckRecord, CarriedRecord, PipeRecord, RelayRecord, WireRecord};
use natbed_units::Ppm;

use crate::pipes::PipeNames;
use crate::run::LoadCost;

/// The fullest pipe on a load's way.
pub(super) fn bottleneck(pipes: &[PipeAccount], names: &PipeNames) -> Option<BottleneckRecord> {
    let fullest = PipeAccount::bottleneck(pipes)?;
    Some(BottleneckRecord {
        pipe: names.name(fullest.pipe)?,
        utilisation_ppm: fullest.utilisation?.as_ppm(),
    })
}

/// The pipes on a load's way that are links of the scenario.
pub(super) fn pipes<'a>(
    cost: &'a LoadCost,
    load: &'a str,
    names: &'a PipeNames,
) -> impl Iterator<Item = PipeRecord> + 'a {
    cost.pipes.iter().filter_map(move |account| {
        Some(PipeRecord {
            pipe: names.name(account.pipe)?,
            load: load.to_owned(),
            rate_bps: rate(account, &names.config(account.pipe).line),
            packets: account.packets.iter().sum(),
            bytes: account.bytes.iter().sum(),
            dropped: by_code(account.dropped.iter().map(|(reason, count)| (*reason, *count))),
            queued_p50_ns: account.queued.p50.as_nanos(),
            queued_p95_ns: account.queued.p95.as_nanos(),
            queued_p99_ns: account.queued.p99.as_nanos(),
            queued_max_ns: account.queued.max.as_nanos(),
            utilisation_ppm: account.utilisation.map(Ppm::as_ppm),
        })
    })
}

/// The rate of a line, or what it came to while the load ran, if it changes; `None` without one.
fn rate(account: &PipeAccount, line: &Line) -> Option<u64> {
    if let Line::Rate(rate) = line {
        return Some(rate.bits_per_second());
    }
    let bit_nanos = u128::from(account.capacity?) * 8_000_000_000;
    let rate = bit_nanos.checked_div(u128::from(account.span.as_nanos()))?;
    Some(u64::try_from(rate).unwrap_or(u64::MAX))
}

/// What the bytes of a load were, in each direction in which any left; `application` says how many
/// bytes of the application arrived.
pub(super) fn wire<'a>(
    cost: &'a LoadCost,
    load: &'a str,
    hosts: [&'a str; 2],
    application: impl Fn(usize) -> u64 + 'a,
) -> impl Iterator<Item = WireRecord> + 'a {
    let directions = cost.account.directions.iter().enumerate();
    let used = directions.filter(|(_, account)| account.sent.datagrams > 0);
    used.map(move |(from, account)| {
        let WireBytes {
            datagrams,
            framed: _,
            wire,
            ip_header,
            udp_header,
            tcp_header,
            channel_data,
            indication,
            shim,
            transport,
        } = account.sent;
        WireRecord {
            from: hosts[from].to_owned(),
            to: hosts[1 - from].to_owned(),
            load: load.to_owned(),
            datagrams,
            delivered: account.delivered.datagrams,
            lost: by_code(account.lost.iter().map(|((reason, _), count)| (*reason, *count))),
            wire,
            ip: ip_header,
            udp: udp_header,
            tcp: tcp_header,
            channel_data,
            indication,
            shim,
            transport,
            application: application(from),
        }
    })
}

fn by_code(counts: impl Iterator<Item = (DropReason, u64)>) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (reason, count) in counts {
        *sums.entry(reason.code().to_owned()).or_default() += count;
    }
    sums
}

/// The bills of a run's relays; `host` says what a host is called.
pub(super) fn relays(bills: &[RelayBill], host: impl Fn(HostId) -> String) -> Vec<RelayRecord> {
    let carried = |carried: Carried| CarriedRecord {
        datagrams: carried.datagrams,
        bytes: carried.wire,
        payload: carried.payload,
    };
    let record = |bill: &RelayBill| RelayRecord {
        host: host(bill.host),
        received: carried(bill.received),
        sent: carried(bill.sent),
        sessions: bill.sessions,
        peak_sessions: bill.peak_sessions,
    };
    bills.iter().map(record).collect()
}
