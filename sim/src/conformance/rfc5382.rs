//! RFC 5382 (BCP 142): TCP.

use natbed_nat::{Filtering, Side};
use natbed_packet::{IcmpErrorKind, Packet, Protocol, TcpFlags};
use natbed_units::SimDuration;

use super::common::{self, PORT, closed, connected, lives, one_way, open, secs, still_connected};
use super::finding::{Finding, Shortfall, applies, require};
use super::lab::Lab;
use super::packets::{self, FIN_ACK, RST_ACK, SYN_ACK};
use super::requirement::Level::{May, Must, MustNot, Recommended, Should};
use super::requirement::Requirement;
use super::trial::{Flow, Trial, complaints, resets};

const CONFIGURATION: &str = "what an administrator can configure shows in no packet";

pub(super) const REQUIREMENTS: &[Requirement] = &[
    Requirement::seen(
        5382,
        "1",
        Must,
        "An internal endpoint has one external endpoint for all TCP destinations.",
        |lab| common::maps_independently(lab, Protocol::Tcp),
    ),
    Requirement::seen(
        5382,
        "2",
        Must,
        "All valid sequences of TCP packets pass, whoever begins.",
        passes_valid_sequences,
    ),
    Requirement::seen(5382, "2a", Must, "A simultaneous open succeeds.", opens_simultaneously),
    Requirement::seen(
        5382,
        "3",
        Recommended,
        "Everybody may connect to a mapping, or every port of an address that was connected to.",
        |lab| common::filters_as_recommended(lab, Protocol::Tcp),
    ),
    Requirement::unseen(5382, "3a", May, "The filter is configurable.", CONFIGURATION),
    Requirement::seen(
        5382,
        "3b",
        May,
        "The filter for TCP is another one than that for UDP.",
        filters_on_its_own,
    ),
    Requirement::seen(
        5382,
        "4",
        MustNot,
        "An unsolicited SYN is not answered for 6 seconds, nor at all if a SYN goes out meanwhile.",
        stays_silent,
    ),
    Requirement::seen(
        5382,
        "4 error",
        Should,
        "An unsolicited SYN is answered with ICMP Port Unreachable after 6 seconds.",
        |lab| complains_late(lab, IcmpErrorKind::PortUnreachable),
    ),
    Requirement::unseen(
        5382,
        "4a",
        Must,
        "The SYN is dropped silently if an answer violates the security policy.",
        "what the security policy is shows in no packet",
    ),
    Requirement::seen(
        5382,
        "5 established",
        MustNot,
        "An established connection is kept for 2 hours 4 minutes or more without a packet.",
        |lab| lives(lab, secs(7440), "an established connection", connected, still_connected),
    ),
    Requirement::seen(
        5382,
        "5 transitory",
        MustNot,
        "A connection that opens or closes is kept for 4 minutes or more without a packet.",
        |lab| transitory_lives(lab, secs(240)),
    ),
    Requirement::unseen(5382, "5a", May, "The idle timeouts are configurable.", CONFIGURATION),
    Requirement::seen(
        5382,
        "6",
        Recommended,
        "Application level gateways for TCP, but for FTP, are off: payloads stay as they are.",
        // RTSP, H.323, PPTP, SIP and IRC
        |lab| common::leaves_payload_alone(lab, Protocol::Tcp, &[554, 1720, 1723, 5060, 6667]),
    ),
    Requirement::seen(
        5382,
        "7",
        MustNot,
        "Two internal endpoints never share an external endpoint (no port overloading).",
        |lab| common::never_overloads(lab, Protocol::Tcp),
    ),
    Requirement::seen(
        5382,
        "8",
        Must,
        "Two hosts inside can connect at their external endpoints (hairpinning).",
        |lab| common::hairpin(lab, Protocol::Tcp).map(drop),
    ),
    Requirement::seen(
        5382,
        "8a",
        Must,
        "A hairpinned segment comes from the external endpoint of its sender.",
        |lab| common::hairpins_with_external_source(lab, Protocol::Tcp),
    ),
    Requirement::seen(
        5382,
        "9",
        Should,
        "ICMP Destination Unreachable about TCP reaches the host inside that it concerns.",
        |lab| common::forwards_unreachable(lab, Protocol::Tcp),
    ),
    Requirement::seen(
        5382,
        "10",
        MustNot,
        "No ICMP message ends a mapping or a connection.",
        |lab| common::survives_errors(lab, connected, still_connected),
    ),
];

/// Opening, data, a half-closed connection, closing, a reset; from inside, and from outside if the
/// filter lets everybody in.
pub(super) fn passes_valid_sequences(lab: &Lab<'_>) -> Finding {
    use Side::{Inside, Outside};
    const ACK: TcpFlags = TcpFlags::ACK;
    let orderly = [
        (Inside, ACK),
        (Outside, ACK),
        (Outside, FIN_ACK),
        (Inside, ACK),
        (Inside, FIN_ACK),
        (Outside, ACK),
    ];
    let reset = [(Outside, ACK), (Inside, RST_ACK)];
    for sequence in [&orderly[..], &reset] {
        let mut trial = lab.trial()?;
        let flow = connected(&mut trial)?;
        pass(&mut trial, flow, sequence)?;
    }
    if lab.filtering(Protocol::Tcp)? == Filtering::EndpointIndependent {
        let mut trial = lab.trial()?;
        let flow = open(&mut trial, Protocol::Tcp)?;
        let visitor = trial.outside(2, 5000);
        trial.visit(Protocol::Tcp, visitor, flow.external);
        let visit = Flow { outside: visitor, ..flow };
        pass(&mut trial, visit, &[(Inside, SYN_ACK), (Outside, ACK), (Inside, ACK)])?;
    }
    Ok(())
}

/// Sends segments, each of which has to arrive.
fn pass(trial: &mut Trial, flow: Flow, segments: &[(Side, TcpFlags)]) -> Finding {
    for (index, (side, flags)) in segments.iter().enumerate() {
        require(trial.segment(flow, *side, *flags), || {
            let from = if *side == Side::Inside { flow.inside } else { flow.outside };
            format!("segment {} after the opening, from {from}, does not arrive", index + 1)
        })?;
    }
    Ok(())
}

pub(super) fn opens_simultaneously(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial()?;
    let flow = open(&mut trial, Protocol::Tcp)?;
    let segments = [
        (Side::Outside, TcpFlags::SYN),
        (Side::Inside, SYN_ACK),
        (Side::Outside, SYN_ACK),
        (Side::Inside, TcpFlags::ACK),
        (Side::Outside, TcpFlags::ACK),
    ];
    pass(&mut trial, flow, &segments)
}

fn filters_on_its_own(lab: &Lab<'_>) -> Finding {
    let (tcp, udp) = (lab.filtering(Protocol::Tcp)?, lab.filtering(Protocol::Udp)?);
    applies(tcp != udp, || "TCP and UDP are filtered alike".to_owned())
}

/// Nothing comes back for 6 s after a SYN that nobody inside takes, to a port without a mapping
/// and to one whose mapping has a filter; nor later, if a SYN goes out meanwhile.
pub(super) fn stays_silent(lab: &Lab<'_>) -> Finding {
    let six_seconds = secs(6) - SimDuration::from_millis(1);
    for meets_mapping in [false, true] {
        let mut trial = lab.trial()?;
        let syn = unsolicited(&mut trial, meets_mapping)?;
        let mut seen = trial.send(Side::Outside, syn);
        if seen.iter().any(|(side, _)| *side == Side::Inside) {
            continue; // it was let in
        }
        seen.extend(trial.wait(six_seconds));
        let answers = complaints(&seen).len() + resets(&seen).len();
        require(answers == 0, || "an unsolicited SYN is answered within 6 s".to_owned())?;
    }
    let mut trial = lab.trial()?;
    let syn = unsolicited(&mut trial, true)?;
    let seen = trial.send(Side::Outside, syn.clone());
    if seen.iter().all(|(side, _)| *side == Side::Outside) {
        trial.wait(secs(3));
        open_meanwhile(&mut trial, &syn)?;
    }
    Ok(())
}

/// A SYN from somebody whom nobody inside has sent to.
///
/// One that meets a mapping is to the external endpoint of the usual connection.
fn unsolicited(trial: &mut Trial, meets_mapping: bool) -> Result<Packet, Shortfall> {
    let visitor = trial.outside(2, 5000);
    let mut to =
        if meets_mapping { open(trial, Protocol::Tcp)?.external } else { one_way(trial)?.external };
    if !meets_mapping {
        to.port = 9;
    }
    Ok(packets::first(Protocol::Tcp, Side::Outside, visitor, to))
}

/// The host inside connects to who sent the SYN: there is no error about it, and the connection
/// can be made.
fn open_meanwhile(trial: &mut Trial, syn: &Packet) -> Finding {
    let visitor = trial.outside(2, 5000);
    let flow = trial.open(Protocol::Tcp, trial.inside(0, PORT), visitor)?;
    if Some(flow.external) != syn.destination_endpoint() {
        return Ok(()); // with another mapping it is another connection
    }
    require(trial.segment(flow, Side::Outside, TcpFlags::SYN), || {
        "the SYN does not get in although a SYN went out within 6 s".to_owned()
    })?;
    let seen = trial.wait(secs(60));
    require(complaints(&seen).is_empty() && resets(&seen).is_empty(), || {
        "an unsolicited SYN is answered although a SYN went out within 6 s".to_owned()
    })
}

/// An unsolicited SYN is answered with an ICMP error, some time after 6 s.
pub(super) fn complains_late(lab: &Lab<'_>, kind: IcmpErrorKind) -> Finding {
    let mut trial = lab.trial()?;
    let syn = unsolicited(&mut trial, false)?;
    let now = trial.send(Side::Outside, syn);
    let is_quiet = complaints(&now).is_empty() && resets(&now).is_empty();
    require(is_quiet, || "the answer comes at once".to_owned())?;
    let seen = complaints(&trial.wait(secs(60)));
    require(!seen.is_empty(), || "an unsolicited SYN is never answered".to_owned())?;
    require(seen[0].kind == kind, || format!("the answer is \"{}\"", seen[0].kind))
}

pub(super) fn transitory_lives(lab: &Lab<'_>, floor: SimDuration) -> Finding {
    let opening = |trial: &mut Trial| open(trial, Protocol::Tcp);
    lives(lab, floor, "a connection that opens", opening, Trial::answer)?;
    lives(lab, floor, "a connection that closes", closed, still_connected)
}
