//! How many events a run may take.

use natbed_peer::RESTARTS_MAX;
use natbed_scenario::{
    Amount, Attachment, Event, EventAction, HostIndex, Interface, LanIndex, Load, Pipe, Restart,
    Scenario, Sender, Session, Transfer,
};
use natbed_units::{Rate, SimDuration};

/// What connecting takes, once; two symmetric NATs that filter loosely, without a relay, make
/// `webrtc-ice` find one peer-reflexive candidate after the other, each costing more than the last.
const CONNECTING: u64 = 100_000;
/// What keepalives take in a second.
const PER_SECOND: u64 = 100;
/// What a datagram takes that is sent once, through a relay and with what answers it.
const PER_DATAGRAM: u64 = 100;
/// Bytes of the application in a datagram of a transfer, rather fewer than there are: what is sent
/// again counts in.
const TRANSFER_DATAGRAM_BYTES: u64 = 600;
/// What a transfer on a way without any limit may come to; faster ones use up the budget early.
const UNLIMITED: Rate = Rate::from_bits_per_second(1_000_000_000);

/// How many events a run may take for a session: several times what connecting, as often as it may
/// restart, its loads and keepalives until the horizon take.
///
/// What takes more keeps itself busy, or sends for a long time over links without a rate.
pub(super) fn events_max(scenario: &Scenario, session: &Session) -> u64 {
    let attempts = match session.restart {
        Restart::Never => 1,
        Restart::Disconnected | Restart::Failed => 1 + RESTARTS_MAX as u64,
    };
    let seconds = scenario.horizon.as_nanos() / 1_000_000_000;
    let datagrams = session.loads.iter().map(|load| datagrams(scenario, session, &load.load));
    let datagrams = datagrams.fold(0, u64::saturating_add);
    let loads = PER_DATAGRAM.saturating_mul(datagrams);
    (CONNECTING * attempts + PER_SECOND * seconds).saturating_add(loads)
}

/// How many datagrams of payload a load sends, about.
fn datagrams(scenario: &Scenario, session: &Session, load: &Load) -> u64 {
    match load {
        Load::Echo { count, .. } => u64::from(*count),
        Load::Quic(quic) => transfer(scenario, session, &quic.transfer),
        Load::Sctp(sctp) => transfer(scenario, session, &sctp.transfer),
        Load::Tcp(tcp) => transfer(scenario, session, &tcp.transfer),
        Load::Datagrams(call) => {
            let each = bytes_in(call.rate, call.duration) / call.size.bytes().max(1) + 1;
            each.saturating_mul(senders(call.from).count() as u64)
        }
    }
}

fn transfer(scenario: &Scenario, session: &Session, transfer: &Transfer) -> u64 {
    let bytes = senders(transfer.from).map(|peer| match transfer.amount {
        Amount::Bytes(bytes) => bytes.bytes(),
        Amount::For(span) => bytes_in(fastest(scenario, session, peer), span),
    });
    bytes.fold(0, u64::saturating_add) / TRANSFER_DATAGRAM_BYTES
}

/// Which of a session's hosts send, by number.
fn senders(from: Sender) -> std::ops::Range<usize> {
    match from {
        Sender::First => 0..1,
        Sender::Second => 1..2,
        Sender::Both => 0..2,
    }
}

fn bytes_in(rate: Rate, span: SimDuration) -> u64 {
    let bits = u128::from(rate.bits_per_second()) * u128::from(span.as_nanos()) / 1_000_000_000;
    u64::try_from(bits / 8).unwrap_or(u64::MAX)
}

/// The rate that payload from a peer to the other one cannot exceed, as far as their own links and
/// gateways tell.
fn fastest(scenario: &Scenario, session: &Session, from: usize) -> Rate {
    let changes = |event: &Event| matches!(event.action, EventAction::SetLink { .. });
    if scenario.events.iter().any(changes) {
        return UNLIMITED;
    }
    let [sender, receiver] = [session.between[from], session.between[1 - from]];
    let lans = |host: HostIndex| {
        let interfaces = scenario.hosts[host.0].interfaces.iter();
        interfaces.filter_map(|interface| match interface.attachment {
            Attachment::Lan(lan) => Some(scenario.served_by(lan)),
            Attachment::Internet => None,
        })
    };
    let share_a_gateway = lans(sender).any(|lan| lans(receiver).any(|other| other == lan));
    let up = |interface: &Interface| {
        let own = most(&interface.link.up);
        let uplink = match interface.attachment {
            Attachment::Lan(lan) if !share_a_gateway => uplink(scenario, lan),
            Attachment::Lan(_) | Attachment::Internet => None,
        };
        [own, uplink].into_iter().flatten().min().unwrap_or(UNLIMITED)
    };
    scenario.hosts[sender.0].interfaces.iter().map(up).max().unwrap_or(UNLIMITED)
}

fn uplink(scenario: &Scenario, lan: LanIndex) -> Option<Rate> {
    most(&scenario.gateway(lan)?.uplink.up)
}

/// The rate of a line in the long run.
fn most(pipe: &Pipe) -> Option<Rate> {
    pipe.line.most().map(|(rate, _)| rate)
}
