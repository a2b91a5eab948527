//! What loads came to.

use natbed_load::{CallReport, EchoReport, Series, SideReport, TransferReport};
use natbed_network::observe::accounting::{DirectionAccount, Quantiles};
use natbed_report::{
    CallDirection, CallRecord, EchoRecord, EchoSamples, LoadRecord, OutageRecord, SeriesRecord,
    TransferDirection, TransferRecord,
};
use natbed_scenario::{DatagramsLoad, Load, NamedLoad, Sender};
use natbed_units::{Ppm, Rate, SimDuration, SimTime};

use super::cost::bottleneck;
use crate::pipes::PipeNames;
use crate::run::LoadCost;
use crate::timeline::Traffic;

/// What both peers saw of the load by which interruptions are told: the session's first echo load,
/// else its first call.
///
/// A load that never began, because the session did not connect, came to nothing.
pub(super) fn traffic(loads: &[[SideReport; 2]]) -> Traffic<'_> {
    let mut echoes = loads.iter().filter_map(echoes_of);
    let has_begun = |echoes: &[&EchoReport; 2]| echoes.iter().any(|echo| !echo.sent.is_empty());
    if let Some(echoes) = echoes.next() {
        return if has_begun(&echoes) { Traffic::Echoes(echoes) } else { Traffic::None };
    }
    loads.iter().find_map(calls_of).map_or(Traffic::None, Traffic::Call)
}

fn echoes_of([a, b]: &[SideReport; 2]) -> Option<[&EchoReport; 2]> {
    Some([a.echo()?, b.echo()?])
}

/// Makes the record of a load; `None` if it never began.
pub(super) fn load_record(
    load: &NamedLoad,
    sides: &[SideReport; 2],
    cost: Option<&LoadCost>,
    names: [&str; 2],
    pipes: &PipeNames,
) -> Option<LoadRecord> {
    let accounts = cost.map(|cost| &cost.account.directions);
    let bottleneck = cost.and_then(|cost| bottleneck(&cost.pipes, pipes));
    let transfer = |from| {
        let sides = transfers_of(sides)?;
        let directions = senders(from).map(|from| {
            let delay = accounts.map(|accounts| &accounts[from]);
            transfer_direction([from, 1 - from].map(|peer| sides[peer]), delay, from, names)
        });
        Some(TransferRecord { directions: directions.collect(), bottleneck: bottleneck.clone() })
    };
    match &load.load {
        Load::Echo { .. } => {
            let echoes = echoes_of(sides).filter(|e| e.iter().any(|echo| !echo.sent.is_empty()))?;
            Some(LoadRecord::Echo(echo_record(echoes, names)))
        }
        Load::Quic(quic) => transfer(quic.transfer.from).map(LoadRecord::Quic),
        Load::Sctp(sctp) => transfer(sctp.transfer.from).map(LoadRecord::Sctp),
        Load::Tcp(tcp) => transfer(tcp.transfer.from).map(LoadRecord::Tcp),
        Load::Datagrams(datagrams) => {
            let sides = calls_of(sides)?;
            let directions = senders(datagrams.from).map(|from| {
                call_direction(datagrams, [from, 1 - from].map(|peer| sides[peer]), from, names)
            });
            let directions = directions.collect();
            Some(LoadRecord::Datagrams(CallRecord { directions, bottleneck }))
        }
    }
}

/// Which peers send, by number.
pub(super) fn senders(from: Sender) -> impl Iterator<Item = usize> {
    match from {
        Sender::First => 0..1,
        Sender::Second => 1..2,
        Sender::Both => 0..2,
    }
}

/// Both sides of a transfer, unless neither has begun.
fn transfers_of(sides: &[SideReport; 2]) -> Option<[&TransferReport; 2]> {
    let [SideReport::Transfer(a), SideReport::Transfer(b)] = sides else { return None };
    (a.started.is_some() || b.started.is_some()).then_some([a, b])
}

/// Both sides of a call, unless neither has begun.
fn calls_of(sides: &[SideReport; 2]) -> Option<[&CallReport; 2]> {
    let [SideReport::Call(a), SideReport::Call(b)] = sides else { return None };
    (a.started.is_some() || b.started.is_some()).then_some([a, b])
}

fn echo_record(echoes: [&EchoReport; 2], names: [&str; 2]) -> EchoRecord {
    let samples = [(0, 1), (1, 0)].map(|(from, to)| EchoSamples {
        from: names[from].to_owned(),
        to: names[to].to_owned(),
        sent: echoes[from].sent.len() as u64,
        round_trips_ns: echoes[from].round_trips.iter().map(|time| time.as_nanos()).collect(),
    });
    EchoRecord::evaluate(samples.into())
}

fn transfer_direction(
    [sender, receiver]: [&TransferReport; 2],
    account: Option<&DirectionAccount>,
    from: usize,
    names: [&str; 2],
) -> TransferDirection {
    let started = receiver.started.or(sender.started);
    let since = |at: Option<SimTime>| Some(at?.saturating_since(started?).as_nanos());
    let delay = account.map(|account| account.delay).filter(|delay| delay.count > 0);
    let delay = |read: fn(&Quantiles) -> SimDuration| delay.map(|delay| read(&delay).as_nanos());
    let failures = [(sender, names[from]), (receiver, names[1 - from])];
    let failures = failures.into_iter().filter_map(|(side, name)| {
        let failure = side.failure.as_ref()?;
        Some(format!("{name}: {failure}"))
    });
    let failures: Vec<_> = failures.collect();
    let (datagrams, retransmitted) = (sender.datagrams_sent, sender.datagrams_retransmitted);
    TransferDirection {
        from: names[from].to_owned(),
        to: names[1 - from].to_owned(),
        offered_bytes: sender.offered_bytes,
        bytes: receiver.received_bytes,
        goodput_bps: receiver.goodput().map(Rate::bits_per_second),
        started_at_ns: started.map(SimTime::as_nanos),
        connected_ns: since(receiver.connected),
        first_byte_ns: since(receiver.first_received),
        last_byte_ns: since(receiver.last_received),
        completed_ns: since(receiver.completed),
        datagrams,
        retransmitted,
        retransmitted_bytes: sender.retransmitted_bytes,
        retransmitted_ppm: Ppm::ratio(retransmitted, datagrams).as_ppm(),
        rtt_ns: sender.round_trip.map(SimDuration::as_nanos),
        delay_p50_ns: delay(|delay| delay.p50),
        delay_p95_ns: delay(|delay| delay.p95),
        delay_p99_ns: delay(|delay| delay.p99),
        delay_max_ns: delay(|delay| delay.max),
        failure: (!failures.is_empty()).then(|| failures.join("; ")),
        series: receiver.series.as_ref().map(series),
    }
}

fn call_direction(
    load: &DatagramsLoad,
    [sender, receiver]: [&CallReport; 2],
    from: usize,
    names: [&str; 2],
) -> CallDirection {
    let nanos = |span: Option<SimDuration>| span.map(SimDuration::as_nanos);
    let lost = sender.sent.saturating_sub(receiver.received);
    let bits = u128::from(load.rate.bits_per_second()) * u128::from(receiver.received_bytes);
    let goodput = bits.checked_div(u128::from(sender.sent_bytes));
    let goodput = goodput.map(|goodput| u64::try_from(goodput).unwrap_or(u64::MAX));
    CallDirection {
        from: names[from].to_owned(),
        to: names[1 - from].to_owned(),
        started_at_ns: sender.started.map(SimTime::as_nanos),
        sent: sender.sent,
        received: receiver.received,
        lost,
        loss_ppm: Ppm::ratio(lost, sender.sent).as_ppm(),
        duplicates: receiver.duplicates,
        reordered: receiver.reordered,
        bytes: receiver.received_bytes,
        goodput_bps: goodput,
        delay_p50_ns: nanos(receiver.delay_p50),
        delay_p95_ns: nanos(receiver.delay_p95),
        delay_p99_ns: nanos(receiver.delay_p99),
        delay_max_ns: nanos(receiver.delay_max),
        jitter_ns: nanos(receiver.jitter),
        jitter_max_ns: nanos(receiver.jitter_max),
        freezes: receiver.freezes,
        frozen_ns: receiver.frozen.as_nanos(),
        outages: receiver.outages.iter().map(outage).collect(),
        series: receiver.series.as_ref().map(series),
    }
}

fn outage((from, until): &(SimTime, SimTime)) -> OutageRecord {
    OutageRecord { at_ns: from.as_nanos(), until_ns: until.as_nanos() }
}

fn series(series: &Series) -> SeriesRecord {
    SeriesRecord {
        start_at_ns: series.start().as_nanos(),
        interval_ns: series.interval().as_nanos(),
        bytes: series.bytes().to_vec(),
    }
}

/// Bytes of the application that arrived of what a host sent; of echoes, which have none, zero.
pub(super) fn arrived(record: &LoadRecord, from: &str) -> u64 {
    let transfers = record.transfer().into_iter().flat_map(|record| &record.directions);
    let transfers = transfers.map(|direction| (&direction.from, direction.bytes));
    let calls = record.call().into_iter().flat_map(|record| &record.directions);
    let calls = calls.map(|direction| (&direction.from, direction.bytes));
    transfers.chain(calls).filter(|(host, _)| *host == from).map(|(_, bytes)| bytes).sum()
}
