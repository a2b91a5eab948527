//! RFC 7857 (BCP 127): updates to RFC 4787, 5382 and 5508.

use natbed_nat::{Filtering, Side};
use natbed_packet::{Endpoint, IcmpErrorKind, Protocol, TcpFlags};

use super::common::{
    self, PORT, SERVER_PORT, closed, complain_inside, connected, lives, one_way, open, secs,
    still_connected, two_way,
};
use super::finding::{Finding, Shortfall, applies, require};
use super::lab::{LONG, Lab};
use super::middlebox::Setting;
use super::packets::{FIN_ACK, RST_ACK};
use super::requirement::Level::{May, Must, Recommended, Should, ShouldNot};
use super::requirement::Requirement;
use super::rfc6888::{follow, is_guessable, scattered};
use super::trial::{Flow, Trial};
use super::{rfc5382, rfc5508};

pub(super) const REQUIREMENTS: &[Requirement] = &[
    Requirement::seen(
        7857,
        "2",
        Should,
        "The state of a TCP connection is followed: half-closed is established, closed is not, and \
         data after a reset means that it lives.",
        follows_connections,
    ),
    Requirement::seen(
        7857,
        "2.1",
        Recommended,
        "Connections that open or close have 4 minutes by default.",
        |lab| rfc5382::transitory_lives(lab, secs(240)),
    ),
    Requirement::seen(7857, "2.2", Must, "A TCP reset of a mapping is translated.", passes_resets),
    Requirement::seen(
        7857,
        "2.2 wait",
        Should,
        "The state of a connection outlives a reset by 4 minutes.",
        |lab| {
            for side in [Side::Inside, Side::Outside] {
                let reset = |trial: &mut Trial| after(trial, side, RST_ACK);
                lives(lab, secs(240), "a connection that was reset", reset, still_connected)?;
            }
            Ok(())
        },
    ),
    Requirement::seen(
        7857,
        "3",
        May,
        "Sessions of several hosts share an external port if their destinations differ.",
        overlaps_without_confusion,
    ),
    Requirement::seen(
        7857,
        "4",
        Should,
        "With paired pooling, a host whose external address has no port left gets no other address.",
        stays_paired_when_exhausted,
    ),
    Requirement::seen(
        7857,
        "5",
        Should,
        "The mappings of UDP and TCP have nothing to do with each other.",
        maps_by_protocol,
    ),
    Requirement::seen(
        7857,
        "6",
        Should,
        "A mapping of UDP lets in no TCP, and one of TCP no UDP.",
        filters_by_protocol,
    ),
    Requirement::seen(
        7857,
        "7",
        ShouldNot,
        "A packet from outside that is dropped renews no mapping.",
        dropped_packets_renew_nothing,
    ),
    Requirement::seen(
        7857,
        "7.1",
        ShouldNot,
        "An ICMP error or reset from inside, sent about a packet from outside, renews no mapping.",
        refusals_renew_nothing,
    ),
    Requirement::unseen(
        7857,
        "8",
        May,
        "Ports do not keep their parity.",
        "both is allowed: see REQ-4 of RFC 4787 for what the box does",
    ),
    Requirement::seen(
        7857,
        "9",
        Should,
        "A port that has to change is not guessable from others.",
        changes_ports_unpredictably,
    ),
    Requirement::unseen(
        7857,
        "10",
        Should,
        "The IP identification of translated packets is unique enough (RFC 6864).",
        "packets in the simulator have no identification",
    ),
    Requirement::seen(
        7857,
        "11",
        May,
        "The mapping of a query ends with its last session.",
        query_mappings_end,
    ),
    Requirement::seen(
        7857,
        "12",
        Must,
        "Errors about hairpinned packets find their way by external addresses alone.",
        |lab| rfc5508::hairpinned_error(lab).map(drop),
    ),
];

/// Opens a connection, and sends one more segment.
fn after(trial: &mut Trial, side: Side, flags: TcpFlags) -> Result<Flow, Shortfall> {
    let flow = connected(trial)?;
    trial.segment(flow, side, flags);
    Ok(flow)
}

fn follows_connections(lab: &Lab<'_>) -> Finding {
    let established = lab.lifetime(LONG, connected, still_connected)?;
    for side in [Side::Inside, Side::Outside] {
        let half_closed = |trial: &mut Trial| after(trial, side, FIN_ACK);
        lives(lab, established, "a half-closed connection", half_closed, still_connected)?;
    }
    let revived = |trial: &mut Trial| {
        let flow = after(trial, Side::Outside, RST_ACK)?;
        for side in [Side::Outside, Side::Inside] {
            trial.segment(flow, side, TcpFlags::ACK);
        }
        Ok(flow)
    };
    lives(lab, established, "a connection that goes on after a reset", revived, still_connected)?;
    let lifetime = lab.lifetime(established, closed, still_connected)?;
    require(lifetime < established, || "a closed connection is kept like an open one".to_owned())
}

fn passes_resets(lab: &Lab<'_>) -> Finding {
    for side in [Side::Inside, Side::Outside] {
        let mut trial = lab.trial()?;
        let flow = connected(&mut trial)?;
        let from = if side == Side::Inside { flow.inside } else { flow.outside };
        require(trial.segment(flow, side, RST_ACK), || {
            format!("a reset from {from} does not arrive")
        })?;
    }
    Ok(())
}

fn overlaps_without_confusion(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial()?;
    let one = one_way(&mut trial)?;
    let other = trial.open(Protocol::Udp, trial.inside(1, PORT), trial.outside(2, SERVER_PORT))?;
    applies(one.external == other.external, || "it gives a port to one host only".to_owned())?;
    for flow in [one, other, one] {
        require(trial.answer(flow), || {
            format!("an answer of {} does not reach {}", flow.outside, flow.inside)
        })?;
    }
    Ok(())
}

fn stays_paired_when_exhausted(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial_in(Setting { pool: true, ..Setting::default() })?;
    let first = one_way(&mut trial)?;
    let to = trial.outside(0, SERVER_PORT);
    for port in 1024..=u16::MAX {
        let from = trial.inside(0, port);
        let Some(external) = trial.map(Protocol::Udp, from, to) else { return Ok(()) };
        if external.ip == first.external.ip {
            continue;
        }
        let pairs = port < 1056;
        applies(!pairs, || "its pooling is not paired".to_owned())?;
        require(false, || format!("after {} sessions it gets {}", port - 1024, external.ip))?;
    }
    Err(Shortfall::NotApplicable("one host does not use up an address".to_owned()))
}

/// If ports are kept, TCP of one host keeps the port that UDP of another one has; if they are not,
/// TCP and UDP of one host have different ones.
fn maps_by_protocol(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial()?;
    let udp = one_way(&mut trial)?;
    if udp.external.port == udp.inside.port {
        let from = trial.inside(1, PORT);
        let tcp = trial.open(Protocol::Tcp, from, udp.outside)?;
        return require(tcp.external.port == PORT, || {
            format!("TCP from {from} becomes {}, for {} is UDP's", tcp.external, udp.external)
        });
    }
    let tcp = open(&mut trial, Protocol::Tcp)?;
    require(tcp.external != udp.external, || {
        format!("TCP from {} has the mapping of UDP, {}", tcp.inside, udp.external)
    })
}

fn filters_by_protocol(lab: &Lab<'_>) -> Finding {
    for (mapped, other) in [(Protocol::Udp, Protocol::Tcp), (Protocol::Tcp, Protocol::Udp)] {
        let mut trial = lab.trial()?;
        let flow = open(&mut trial, mapped)?;
        let taker = trial.visit(other, flow.outside, flow.external);
        require(taker.is_none(), || format!("{other} gets in at a mapping of {mapped}"))?;
    }
    Ok(())
}

fn dropped_packets_renew_nothing(lab: &Lab<'_>) -> Finding {
    let visit = |trial: &mut Trial, flow: Flow| {
        let visitor = trial.outside(2, 5000);
        trial.visit(flow.protocol, visitor, flow.external)
    };
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let filtering = lab.filtering(protocol)?;
        applies(filtering != Filtering::EndpointIndependent, || {
            format!("it drops no {protocol} that comes to a mapping")
        })?;
    }
    let renewed = common::is_renewed_by(lab, two_way, Trial::answer, |trial, flow| {
        visit(trial, flow);
    })?;
    require(!renewed, || "a datagram that the filter drops renews it".to_owned())?;
    let renewed = common::is_renewed_by(lab, connected, still_connected, |trial, flow| {
        visit(trial, flow);
    })?;
    require(!renewed, || "a SYN that the filter drops renews it".to_owned())
}

fn refusals_renew_nothing(lab: &Lab<'_>) -> Finding {
    for kind in [IcmpErrorKind::PortUnreachable, IcmpErrorKind::HostUnreachable] {
        let renewed = common::is_renewed_by(lab, two_way, Trial::answer, |trial, flow| {
            let error = complain_inside(trial, flow, kind);
            trial.send(Side::Inside, error);
        })?;
        require(!renewed, || format!("\"{kind}\" from inside renews it"))?;
    }
    let renewed = common::is_renewed_by(lab, connected, still_connected, |trial, flow| {
        trial.segment(flow, Side::Inside, RST_ACK);
    })?;
    require(!renewed, || "a reset from inside renews it".to_owned())
}

/// Ports are kept, and only change when another host has them; or they change always. Those that
/// change do not follow each other.
fn changes_ports_unpredictably(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial()?;
    let mut changed = Vec::new();
    for host in 0..2 {
        for index in 0..32 {
            let from = trial.inside(host, scattered(index));
            let to = trial.outside(0, SERVER_PORT);
            let external = trial.map(Protocol::Udp, from, to);
            changed.extend(
                external.map(|Endpoint { port, .. }| port).filter(|port| *port != from.port),
            );
        }
    }
    applies(!changed.is_empty(), || "no port changes".to_owned())?;
    require(!is_guessable(&changed), || follow(&changed))
}

fn query_mappings_end(lab: &Lab<'_>) -> Finding {
    let query = |trial: &mut Trial| open(trial, Protocol::Icmp);
    let lifetime = lab.lifetime(LONG, query, Trial::answer)?;
    applies(lifetime < LONG, || "it does not end".to_owned())
}
