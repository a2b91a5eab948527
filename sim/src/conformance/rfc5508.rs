//! RFC 5508 (BCP 148): ICMP.

use natbed_nat::Side;
use natbed_packet::{Endpoint, IcmpErrorKind, Packet, Protocol};

use super::common::{
    self, ERRORS, PORT, SERVER_PORT, complain_inside, error_inward, not_applicable, one_way, open,
    secs,
};
use super::finding::{Finding, Shortfall, applies, require};
use super::lab::Lab;
use super::middlebox::Setting;
use super::packets;
use super::requirement::Level::{May, Must, MustNot, Recommended, Should, ShouldNot};
use super::requirement::Requirement;
use super::trial::{Complaint, Flow, Trial, complaints};

const NO_CHECKSUMS: &str = "packets in the simulator have no checksums, so that none is wrong";
const NOT_MODELLED: &str = "packets in the simulator have no such messages and fields";
const PROTOCOLS: [Protocol; 3] = [Protocol::Udp, Protocol::Tcp, Protocol::Icmp];

pub(super) const REQUIREMENTS: &[Requirement] = &[
    Requirement::seen(
        5508,
        "1",
        Must,
        "Queries from inside get out, and their answers in.",
        passes_queries,
    ),
    Requirement::seen(
        5508,
        "1a",
        Should,
        "A query identifier has one external identifier for all destinations.",
        |lab| common::maps_independently(lab, Protocol::Icmp),
    ),
    Requirement::seen(
        5508,
        "2",
        MustNot,
        "The session of a query lives for 60 seconds or more.",
        |lab| {
            let query = |trial: &mut Trial| open(trial, Protocol::Icmp);
            common::lives(lab, secs(60), "a query", query, Trial::answer)
        },
    ),
    Requirement::unseen(
        5508,
        "2a",
        Recommended,
        "The timer of query sessions is configurable.",
        "what an administrator can configure shows in no packet",
    ),
    Requirement::unseen(
        5508,
        "3",
        Should,
        "An ICMP error with a wrong checksum is dropped silently.",
        NO_CHECKSUMS,
    ),
    Requirement::unseen(
        5508,
        "3a",
        Should,
        "An ICMP error about a packet with a wrong IP checksum is dropped silently.",
        NO_CHECKSUMS,
    ),
    Requirement::unseen(
        5508,
        "3b",
        Must,
        "IP options of the packet that an ICMP error is about are passed over.",
        "packets in the simulator have no IP options",
    ),
    Requirement::unseen(
        5508,
        "3c",
        ShouldNot,
        "The transport checksum of the packet that an ICMP error is about is not checked.",
        NO_CHECKSUMS,
    ),
    Requirement::unseen(
        5508,
        "3d",
        Must,
        "ICMP extensions are left out when that checksum is evaluated.",
        NO_CHECKSUMS,
    ),
    Requirement::seen(
        5508,
        "4",
        Should,
        "An error from outside about a packet of no mapping is dropped silently.",
        drops_unknown_from_outside,
    ),
    Requirement::seen(
        5508,
        "4a",
        Must,
        "In an error from outside, the packet it is about stands as its host sent it.",
        |lab| {
            each_error_inward(lab, |trial, flow, _, error| {
                let (from, to) = (error.quoted.source, error.quoted.destination);
                let sent_to = trial.seen_inside(flow.outside);
                let is_same = from == flow.inside
                    && to.ip == sent_to.ip
                    && (flow.protocol == Protocol::Icmp || to.port == sent_to.port);
                require(is_same, || format!("it is about {from} to {to}, not from {}", flow.inside))
            })
        },
    ),
    Requirement::seen(
        5508,
        "4b",
        Must,
        "The type and code of an error from outside are left alone.",
        |lab| {
            let trial = lab.trial()?;
            let is_nat64 = trial.addresses().nat64.is_some();
            applies(!is_nat64, || "a NAT64 translates type and code (RFC 7915)".to_owned())?;
            each_error_inward(lab, |_, _, kind, error| {
                require(error.kind == kind, || format!("\"{kind}\" becomes \"{}\"", error.kind))
            })
        },
    ),
    Requirement::seen(
        5508,
        "4c",
        Must,
        "An error from outside goes to the host whose packet it is about.",
        |lab| {
            each_error_inward(lab, |_, flow, _, error| {
                let (to, host) = (error.to, flow.inside.ip);
                require(to == host, || format!("it goes to {to}, not to {host}"))
            })
        },
    ),
    Requirement::seen(
        5508,
        "5",
        Should,
        "An error from inside about a packet of no mapping is dropped silently.",
        drops_unknown_from_inside,
    ),
    Requirement::seen(
        5508,
        "5a",
        Must,
        "In an error from inside, the packet it is about stands as it came to the box.",
        |lab| {
            each_error_outward(lab, |flow, _, error| {
                let (from, to) = (error.quoted.source, error.quoted.destination);
                let is_same = from.ip == flow.outside.ip && to == flow.external;
                require(is_same, || format!("it is about {from} to {to}, not to {}", flow.external))
            })
        },
    ),
    Requirement::seen(
        5508,
        "5b",
        Must,
        "The type and code of an error from inside are left alone.",
        |lab| {
            let trial = lab.trial()?;
            let is_nat64 = trial.addresses().nat64.is_some();
            applies(!is_nat64, || "a NAT64 translates type and code (RFC 7915)".to_owned())?;
            each_error_outward(lab, |_, kind, error| {
                require(error.kind == kind, || format!("\"{kind}\" becomes \"{}\"", error.kind))
            })
        },
    ),
    Requirement::seen(
        5508,
        "5c",
        Must,
        "An error from inside comes from an external address.",
        |lab| {
            each_error_outward(lab, |flow, _, error| {
                let (from, external) = (error.from, flow.external.ip);
                require(from == external, || format!("it comes from {from}, not from {external}"))
            })
        },
    ),
    Requirement::seen(
        5508,
        "6",
        MustNot,
        "An error about a query neither renews nor ends its session.",
        errors_leave_queries_alone,
    ),
    Requirement::seen(
        5508,
        "7 queries",
        Must,
        "A Basic NAT lets hosts inside ping each other at their external addresses.",
        hairpins_queries,
    ),
    Requirement::seen(
        5508,
        "7",
        Must,
        "An error about a hairpinned packet comes back to the host that sent it.",
        |lab| hairpinned_error(lab).map(drop),
    ),
    Requirement::seen(
        5508,
        "7a",
        Must,
        "A hairpinned error is addressed to the sender of the packet that it quotes.",
        |lab| {
            let (flow, error) = hairpinned_error(lab).map_err(not_applicable)?;
            require(error.to == flow.inside.ip && error.quoted.source == flow.inside, || {
                format!("it goes to {} and is about {}", error.to, error.quoted.source)
            })
        },
    ),
    Requirement::seen(
        5508,
        "8",
        Should,
        "A packet that there is no room for is answered with code 13, and dropped.",
        |lab| {
            let seen = refuse(lab)?.answer.map(|error| error.kind);
            applies(seen != Some(IcmpErrorKind::HostUnreachable), || {
                "it answers with code 1, as RFC 6888 REQ-11 wants of carrier NATs".to_owned()
            })?;
            require(seen == Some(IcmpErrorKind::AdminProhibited), || answered_with(seen))
        },
    ),
    Requirement::unseen(
        5508,
        "9",
        May,
        "A policy keeps ICMP messages off some interfaces.",
        "what the policy is shows in no packet",
    ),
    Requirement::seen(
        5508,
        "10a",
        Must,
        "Destination Unreachable and Time Exceeded are passed on, Time Exceeded is sent, and pings \
         are answered.",
        supports_messages,
    ),
    Requirement::unseen(
        5508,
        "10b",
        May,
        "Redirect, Timestamp, Address Mask, Parameter Problem and Router messages are supported.",
        NOT_MODELLED,
    ),
    Requirement::unseen(
        5508,
        "10c",
        ShouldNot,
        "Source Quench and Information messages are not supported.",
        NOT_MODELLED,
    ),
    Requirement::unseen(
        5508,
        "10d",
        Recommended,
        "The DS field is used as in section 7.7.",
        NOT_MODELLED,
    ),
    Requirement::seen(
        5508,
        "10e",
        Recommended,
        "No ICMP error is sent about an ICMP error.",
        sends_no_error_about_errors,
    ),
    Requirement::unseen(
        5508,
        "10f",
        Recommended,
        "The rate of ICMP errors is limited.",
        "the RFC names no rate",
    ),
    Requirement::unseen(
        5508,
        "11",
        May,
        "ICMP messages that are neither queries nor errors are dropped or handled.",
        NOT_MODELLED,
    ),
];

fn passes_queries(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial()?;
    for address in 0..4 {
        let (from, to) = (trial.inside(0, PORT), trial.outside(address, 0));
        let flow = trial
            .open(Protocol::Icmp, from, to)
            .map_err(|_| Shortfall::Violated(format!("a ping to {} does not get out", to.ip)))?;
        require(trial.answer(flow), || format!("the answer of {} does not get in", to.ip))?;
    }
    Ok(())
}

/// Sends each error about a flow of each protocol from outside and looks at it inside.
fn each_error_inward(
    lab: &Lab<'_>,
    look: impl Fn(&Trial, Flow, IcmpErrorKind, Complaint) -> Finding,
) -> Finding {
    for protocol in PROTOCOLS {
        let mut trial = lab.trial()?;
        let flow = open(&mut trial, protocol)?;
        for kind in ERRORS {
            let error = error_inward(&mut trial, flow, 3, kind).ok_or_else(|| {
                Shortfall::Violated(format!("\"{kind}\" about {protocol} does not get in"))
            })?;
            look(&trial, flow, kind, error)?;
        }
    }
    Ok(())
}

/// Sends each error about a packet of each protocol from inside and looks at it outside.
fn each_error_outward(
    lab: &Lab<'_>,
    look: impl Fn(Flow, IcmpErrorKind, Complaint) -> Finding,
) -> Finding {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut trial = lab.trial()?;
        let flow = open(&mut trial, protocol)?;
        trial.answer(flow);
        for kind in ERRORS {
            let error = complain_inside(&trial, flow, kind);
            let received = trial.send(Side::Inside, error);
            let outside = complaints(&received).into_iter().find(|it| it.side == Side::Outside);
            let error = outside.ok_or_else(|| {
                Shortfall::Violated(format!("\"{kind}\" about {protocol} does not get out"))
            })?;
            look(flow, kind, error)?;
        }
    }
    Ok(())
}

fn drops_unknown_from_outside(lab: &Lab<'_>) -> Finding {
    for protocol in PROTOCOLS {
        let mut trial = lab.trial()?;
        let known = open(&mut trial, protocol)?;
        let external = Endpoint::new(known.external.ip, 9);
        let unknown = Flow { external, ..known };
        let error = trial.error_about(unknown, known.outside.ip, IcmpErrorKind::PortUnreachable);
        let received = trial.send(Side::Outside, error);
        require(received.is_empty(), || format!("one about {protocol} from {external} gets in"))?;
    }
    Ok(())
}

fn drops_unknown_from_inside(lab: &Lab<'_>) -> Finding {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut trial = lab.trial()?;
        let known = open(&mut trial, protocol)?;
        let unknown = Flow { inside: Endpoint::new(known.inside.ip, 9), ..known };
        let error = complain_inside(&trial, unknown, IcmpErrorKind::PortUnreachable);
        let received = trial.send(Side::Inside, error);
        require(received.is_empty(), || {
            format!("one about {protocol} to {}, which nobody sent to, gets out", unknown.inside)
        })?;
    }
    Ok(())
}

fn errors_leave_queries_alone(lab: &Lab<'_>) -> Finding {
    let query = |trial: &mut Trial| open(trial, Protocol::Icmp);
    common::survives_errors(lab, query, Trial::answer)?;
    for kind in ERRORS {
        let renewed = common::is_renewed_by(lab, query, Trial::answer, |trial, flow| {
            error_inward(trial, flow, 3, kind);
        })?;
        require(!renewed, || format!("\"{kind}\" renews the session"))?;
    }
    Ok(())
}

fn hairpins_queries(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial()?;
    let one = open(&mut trial, Protocol::Icmp)?;
    let other = trial.open(Protocol::Icmp, trial.inside(1, PORT), trial.outside(0, 0))?;
    let is_basic = one.external.ip != other.external.ip;
    applies(is_basic, || "it translates ports: hosts share an external address".to_owned())?;
    let to = trial.seen_inside(other.external);
    let ping = packets::first(Protocol::Icmp, Side::Inside, one.inside, to);
    let received = trial.send(Side::Inside, ping);
    require(received.iter().any(|(_, packet)| packet.destination == other.inside.ip), || {
        format!("a ping from {} to {} does not arrive", one.inside.ip, to.ip)
    })
}

/// Answers a hairpinned packet with an ICMP error; returns it as it reached the sender.
pub(super) fn hairpinned_error(lab: &Lab<'_>) -> Result<(Flow, Complaint), Shortfall> {
    let mut seen = common::hairpin(lab, Protocol::Udp)?;
    let kind = IcmpErrorKind::PortUnreachable;
    let error = Packet::icmp_error(seen.receiver.inside.ip, kind, &seen.packet);
    let error = error.expect("a hairpinned datagram is unicast and no error");
    let received = seen.trial.send(Side::Inside, error);
    let (sender, receiver) = (seen.sender, seen.receiver);
    match complaints(&received).into_iter().find(|error| error.side == Side::Inside) {
        Some(error) => Ok((sender, error)),
        None => Err(Shortfall::Violated(format!(
            "an error of {} about a hairpinned packet does not reach {}",
            receiver.inside.ip, sender.inside.ip
        ))),
    }
}

/// What happened to a packet that there was no room for.
pub(super) struct Refused {
    pub(super) trial: Trial,
    /// The flows that there was room for.
    pub(super) flows: Vec<Flow>,
    /// What the sender got for an answer.
    pub(super) answer: Option<Complaint>,
    /// Whether the packet got out all the same.
    pub(super) is_forwarded: bool,
}

/// Opens flows from one host in a box that has room for 16, until one more is answered with an
/// error, does not get out, or makes an older one end.
pub(super) fn refuse(lab: &Lab<'_>) -> Result<Refused, Shortfall> {
    const ROOM: u16 = 16;
    let mut trial = lab.trial_in(Setting { room: Some(ROOM.into()), ..Setting::default() })?;
    let mut flows = Vec::new();
    for port in PORT..=PORT + ROOM {
        let (from, to) = (trial.inside(0, port), trial.outside(0, SERVER_PORT));
        let first = packets::first(Protocol::Udp, Side::Inside, from, trial.seen_inside(to));
        let received = trial.send(Side::Inside, first);
        let outside = received.iter().find(|(side, _)| *side == Side::Outside);
        let external = outside.and_then(|(_, packet)| packet.source_endpoint());
        let answer = complaints(&received).into_iter().find(|it| it.side == Side::Inside);
        match external {
            Some(external) if flows.len() < usize::from(ROOM) && answer.is_none() => {
                flows.push(Flow { protocol: Protocol::Udp, inside: from, external, outside: to });
            }
            _ => {
                applies(!flows.is_empty(), || "no UDP gets out".to_owned())?;
                return Ok(Refused { trial, flows, answer, is_forwarded: external.is_some() });
            }
        }
    }
    Err(Shortfall::NotApplicable("it cannot be filled".to_owned()))
}

/// Formats what a refused packet was answered with.
pub(super) fn answered_with(kind: Option<IcmpErrorKind>) -> String {
    kind.map_or_else(|| "nothing comes back".to_owned(), |kind| format!("\"{kind}\" comes back"))
}

fn supports_messages(lab: &Lab<'_>) -> Finding {
    passes_queries(lab)?;
    common::forwards_unreachable(lab, Protocol::Udp)?;
    let mut trial = lab.trial()?;
    let flow = one_way(&mut trial)?;
    let passed_on = error_inward(&mut trial, flow, 3, IcmpErrorKind::TtlExceeded);
    require(passed_on.is_some(), || "Time Exceeded from a router outside does not get in".into())?;
    let sent = last_hop(
        &mut trial,
        packets::first(Protocol::Udp, Side::Inside, flow.inside, flow.outside),
    );
    require(sent.iter().any(|error| error.kind == IcmpErrorKind::TtlExceeded), || {
        "a packet whose hop count runs out in the box is not answered".to_owned()
    })
}

fn sends_no_error_about_errors(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial()?;
    let flow = one_way(&mut trial)?;
    trial.answer(flow);
    let error = complain_inside(&trial, flow, IcmpErrorKind::PortUnreachable);
    let seen = last_hop(&mut trial, error);
    require(seen.is_empty(), || "an error whose hop count runs out is answered".to_owned())
}

/// Sends a packet from inside whose hop count runs out in the box; returns the errors about it.
fn last_hop(trial: &mut Trial, packet: Packet) -> Vec<Complaint> {
    let to = trial.seen_inside(Endpoint::new(packet.destination, 0)).ip;
    complaints(&trial.send(Side::Inside, Packet { ttl: 1, destination: to, ..packet }))
}
