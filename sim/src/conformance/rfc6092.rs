//! RFC 6092: firewalls of IPv6 residential gateways.

use natbed_nat::{Filtering, Side};
use natbed_packet::{Body, IcmpErrorKind, Packet, Protocol, TcpFlags};

use super::common::{
    self, ERRORS, PORT, connected, error_inward, lives, one_way, open, secs, still_connected,
    two_way,
};
use super::finding::{Finding, applies, require};
use super::lab::Lab;
use super::packets;
use super::requirement::Level::{Default, May, Must, MustNot, Should, ShouldNot};
use super::requirement::{Level, Requirement};
use super::trial::{Flow, Trial};
use super::{rfc5382, rfc6888};

const OTHER_TRANSPORTS: &str = "the simulator carries UDP, TCP and ICMP only";

const fn other_transport(number: &'static str, level: Level, says: &'static str) -> Requirement {
    Requirement::unseen(6092, number, level, says, OTHER_TRANSPORTS)
}

pub(super) const REQUIREMENTS: &[Requirement] = &[
    Requirement::unseen(
        6092,
        "9",
        MustNot,
        "DHCPv6 discovery from outside is not processed.",
        "the simulator has no DHCPv6",
    ),
    Requirement::seen(
        6092,
        "10",
        ShouldNot,
        "Destination Unreachable and Packet Too Big about packets without a state record stay out.",
        drops_unknown_errors,
    ),
    other_transport(
        "11",
        Should,
        "Of other transports, everybody gets in at a port that was sent from, or an address that \
         was sent to.",
    ),
    other_transport("12", MustNot, "State of other transports lives for 2 minutes or more."),
    Requirement::unseen(
        6092,
        "13",
        Should,
        "The firmware can be updated conveniently and securely.",
        "firmware shows in no packet",
    ),
    Requirement::seen(
        6092,
        "14",
        MustNot,
        "A UDP state record lives for 2 minutes or more without a packet.",
        |lab| common::udp_lives(lab, secs(120)),
    ),
    Requirement::seen(
        6092,
        "14 default",
        Default,
        "A UDP state record lives for 5 minutes.",
        |lab| common::udp_lives(lab, secs(300)),
    ),
    Requirement::seen(
        6092,
        "15",
        May,
        "Only for ports below 1024 the timer is shorter.",
        common::only_well_known_ports_are_short,
    ),
    Requirement::seen(
        6092,
        "16",
        Must,
        "A UDP packet from inside renews its state record.",
        |lab| {
            let renewed = common::is_renewed_by(lab, one_way, Trial::answer, |trial, flow| {
                trial.repeat(flow);
            })?;
            require(renewed, || "the record ends although its host goes on sending".to_owned())
        },
    ),
    Requirement::seen(
        6092,
        "16 inbound",
        May,
        "A UDP packet from outside renews its state record.",
        inbound_renews,
    ),
    Requirement::seen(
        6092,
        "17",
        Should,
        "Of UDP, everybody gets in at a port that was sent from, or an address that was sent to.",
        |lab| common::filters_as_recommended(lab, Protocol::Udp),
    ),
    Requirement::seen(
        6092,
        "17 default",
        Should,
        "For UDP, endpoint-independent filtering is the default.",
        |lab| filters_nobody(lab, Protocol::Udp),
    ),
    Requirement::seen(
        6092,
        "18",
        Must,
        "Destination Unreachable and Packet Too Big about a UDP flow get in.",
        |lab| common::forwards_unreachable(lab, Protocol::Udp),
    ),
    Requirement::seen(
        6092,
        "19",
        MustNot,
        "No ICMPv6 message ends the state record of a UDP flow.",
        |lab| common::survives_errors(lab, two_way, Trial::answer),
    ),
    other_transport("20", Should, "UDP-Lite is handled like UDP, with records of its own."),
    other_transport("21", MustNot, "Packets with an authentication header pass."),
    other_transport("22", MustNot, "ESP passes."),
    other_transport("23", Must, "ICMPv6 errors about ESP flows get in."),
    Requirement::seen(
        6092,
        "24",
        MustNot,
        "UDP to port 500 (IKE) passes in both directions.",
        lets_ike_pass,
    ),
    other_transport("25", Should, "ESP state is found by the two addresses and the protocol."),
    other_transport("26", MustNot, "Packets of the Host Identity Protocol pass."),
    other_transport("27", MustNot, "Packets with a type 2 routing header of a flow pass."),
    other_transport("28", Must, "Valid sequences of Mobility Header packets pass."),
    other_transport("29", Must, "Packets in the tunnel of a Mobility Header flow pass."),
    other_transport("30", Must, "ICMPv6 errors about Mobility Header flows get in."),
    Requirement::seen(
        6092,
        "31",
        Must,
        "All valid sequences of TCP packets pass, simultaneous open included.",
        |lab| {
            rfc5382::passes_valid_sequences(lab)?;
            rfc5382::opens_simultaneously(lab)
        },
    ),
    Requirement::seen(
        6092,
        "32",
        MustNot,
        "The TCP window is not enforced on a flow whose window scale was not seen.",
        enforces_no_unknown_window,
    ),
    Requirement::seen(
        6092,
        "33",
        Should,
        "Of TCP, everybody gets in at a port that was sent from, or an address that was sent to.",
        |lab| common::filters_as_recommended(lab, Protocol::Tcp),
    ),
    Requirement::seen(
        6092,
        "33 default",
        Should,
        "For TCP, endpoint-independent filtering is the default.",
        |lab| filters_nobody(lab, Protocol::Tcp),
    ),
    Requirement::seen(
        6092,
        "34",
        Must,
        "An unsolicited SYN is answered with code 1 (administratively prohibited), after 6 seconds.",
        |lab| {
            rfc5382::stays_silent(lab)?;
            rfc5382::complains_late(lab, IcmpErrorKind::AdminProhibited)
        },
    ),
    Requirement::seen(
        6092,
        "35 established",
        MustNot,
        "An established flow is kept for 2 hours 4 minutes or more without a packet.",
        |lab| lives(lab, secs(7440), "an established flow", connected, still_connected),
    ),
    Requirement::seen(
        6092,
        "35 transitory",
        MustNot,
        "A flow that opens or closes is kept for 4 minutes or more without a packet.",
        |lab| rfc5382::transitory_lives(lab, secs(240)),
    ),
    Requirement::seen(
        6092,
        "36",
        Must,
        "Destination Unreachable and Packet Too Big about a TCP flow get in.",
        |lab| common::forwards_unreachable(lab, Protocol::Tcp),
    ),
    Requirement::seen(
        6092,
        "37",
        MustNot,
        "No ICMPv6 message ends the state record of a TCP flow.",
        |lab| common::survives_errors(lab, connected, still_connected),
    ),
    other_transport("38", Must, "All valid sequences of SCTP packets pass."),
    other_transport("39", Default, "An unsolicited SCTP INIT is answered after 6 seconds."),
    other_transport("40", MustNot, "An SCTP association is kept for 2 h 4 min or more."),
    other_transport("41", Must, "ICMPv6 errors about SCTP associations get in."),
    other_transport("42", MustNot, "No ICMPv6 message ends the state of an SCTP association."),
    other_transport("43", Must, "All valid sequences of DCCP packets pass."),
    other_transport("44", MustNot, "A DCCP flow is kept for 2 h 4 min or more."),
    other_transport("45", Must, "ICMPv6 errors about DCCP flows get in."),
    other_transport("46", MustNot, "No ICMPv6 message ends the state of a DCCP flow."),
    other_transport("47", Must, "Valid sequences of packets with a Shim6 header pass."),
    Requirement::seen(
        6092,
        "48",
        Should,
        "Applications can ask for inbound traffic by a protocol such as PCP.",
        rfc6888::answers_mapping_requests,
    ),
    Requirement::unseen(
        6092,
        "49",
        Must,
        "A transparent mode that forwards everything is easily selected.",
        "what can be selected shows in no packet",
    ),
];

fn drops_unknown_errors(lab: &Lab<'_>) -> Finding {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let mut trial = lab.trial()?;
        let known = open(&mut trial, protocol)?;
        let inside = trial.inside(1, 9);
        let unknown = Flow { inside, external: inside, ..known };
        for kind in ERRORS {
            let seen = error_inward(&mut trial, unknown, 0, kind);
            require(seen.is_none(), || {
                format!("\"{kind}\" about {protocol} from {inside}, which never sent, gets in")
            })?;
        }
    }
    Ok(())
}

fn inbound_renews(lab: &Lab<'_>) -> Finding {
    let renewed = common::is_renewed_by(lab, two_way, Trial::answer, |trial, flow| {
        trial.answer(flow);
    })?;
    applies(renewed, || "packets from outside do not renew the record".to_owned())?;
    if lab.filtering(Protocol::Udp)? == Filtering::EndpointIndependent {
        return Ok(());
    }
    let by_stranger = common::is_renewed_by(lab, two_way, Trial::answer, |trial, flow| {
        trial.visit(Protocol::Udp, trial.outside(2, 5000), flow.external);
    })?;
    require(!by_stranger, || "packets that the filter drops renew the record as well".to_owned())
}

fn filters_nobody(lab: &Lab<'_>, protocol: Protocol) -> Finding {
    let filtering = lab.filtering(protocol)?;
    require(filtering == Filtering::EndpointIndependent, || {
        format!("it filters by the sender ({})", filtering.to_string().to_uppercase())
    })
}

fn lets_ike_pass(lab: &Lab<'_>) -> Finding {
    const IKE: u16 = 500;
    let mut trial = lab.trial()?;
    let (inside, outside) = (trial.inside(0, IKE), trial.outside(0, IKE));
    let out = trial.map(Protocol::Udp, inside, outside);
    require(out.is_some(), || format!("{inside} to {outside} does not get out"))?;
    let mut trial = lab.trial()?;
    let taker = trial.visit(Protocol::Udp, outside, inside);
    require(taker == Some(inside), || format!("{outside} to {inside} does not get in"))
}

/// A connection that was there before the box came up: its segments pass, in the window or not.
fn enforces_no_unknown_window(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial()?;
    let (inside, outside) = (trial.inside(0, PORT), trial.outside(0, PORT));
    let first = packets::segment(Side::Inside, TcpFlags::ACK, inside, outside);
    let goes_on = trial.out(first).is_some();
    applies(goes_on, || "connections whose opening it did not see do not pass".to_owned())?;
    for side in [Side::Outside, Side::Inside] {
        let (from, to) = if side == Side::Inside { (inside, outside) } else { (outside, inside) };
        let mut far = packets::segment(side, TcpFlags::ACK, from, to);
        if let Body::Tcp(tcp) = &mut far.body {
            tcp.sequence += 10_000_000;
        }
        let came: Option<Packet> =
            if side == Side::Inside { trial.out(far) } else { trial.inward(far) };
        require(came.is_some(), || format!("a segment far ahead from {from} does not arrive"))?;
    }
    Ok(())
}
