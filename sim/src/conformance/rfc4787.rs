//! RFC 4787 (BCP 127): UDP.

use natbed_nat::Filtering;
use natbed_packet::{Endpoint, Protocol};

use super::common::{self, PORT, SERVER_PORT, UNREACHABLE, error_inward, one_way, secs, two_way};
use super::finding::{Finding, Shortfall, applies, require};
use super::fragments;
use super::lab::Lab;
use super::middlebox::Setting;
use super::requirement::Level::{May, Must, MustNot, Recommended, Should, ShouldNot};
use super::requirement::Requirement;
use super::trial::{Trial, shown};

const CONFIGURATION: &str = "what an administrator can configure shows in no packet";

pub(super) const REQUIREMENTS: &[Requirement] = &[
    Requirement::seen(
        4787,
        "1",
        Must,
        "An internal endpoint has one external endpoint for all destinations.",
        |lab| common::maps_independently(lab, Protocol::Udp),
    ),
    Requirement::seen(
        4787,
        "2",
        Recommended,
        "All sessions of an internal address use one external address (paired pooling).",
        pairs_addresses,
    ),
    Requirement::seen(
        4787,
        "3",
        MustNot,
        "Two internal endpoints never share an external endpoint (no port overloading).",
        |lab| common::never_overloads(lab, Protocol::Udp),
    ),
    Requirement::seen(
        4787,
        "3a",
        Recommended,
        "A source port below 1024 stays below 1024, one from 1024 on stays there.",
        keeps_port_class,
    ),
    Requirement::seen(
        4787,
        "4",
        Recommended,
        "An even source port stays even, an odd one odd.",
        keeps_parity,
    ),
    Requirement::seen(
        4787,
        "5",
        MustNot,
        "A UDP mapping lives for 2 minutes or more without a packet.",
        |lab| common::udp_lives(lab, secs(120)),
    ),
    Requirement::seen(
        4787,
        "5a",
        May,
        "Only for destination ports below 1024 the timer is shorter.",
        common::only_well_known_ports_are_short,
    ),
    Requirement::unseen(4787, "5b", May, "The UDP mapping timer is configurable.", CONFIGURATION),
    Requirement::seen(
        4787,
        "5c",
        Recommended,
        "The UDP mapping timer is 5 minutes or more by default.",
        |lab| common::udp_lives(lab, secs(300)),
    ),
    Requirement::seen(
        4787,
        "6",
        Must,
        "A packet from inside renews the timer of its mapping.",
        outbound_renews,
    ),
    Requirement::seen(
        4787,
        "6a",
        May,
        "A packet from outside renews the timer, if the filter lets it in.",
        inbound_renews,
    ),
    Requirement::seen(
        4787,
        "7",
        Must,
        "Outside nodes whose addresses conflict with the inside network are reached all the same.",
        copes_with_conflict,
    ),
    Requirement::seen(
        4787,
        "8",
        Recommended,
        "Everybody may send to a mapping, or every port of an address that was sent to.",
        |lab| common::filters_as_recommended(lab, Protocol::Udp),
    ),
    Requirement::unseen(4787, "8a", May, "The filter is configurable.", CONFIGURATION),
    Requirement::seen(
        4787,
        "9",
        Must,
        "Two hosts inside reach each other at their external endpoints (hairpinning).",
        |lab| common::hairpin(lab, Protocol::Udp).map(drop),
    ),
    Requirement::seen(
        4787,
        "9a",
        Must,
        "A hairpinned packet comes from the external endpoint of its sender.",
        |lab| common::hairpins_with_external_source(lab, Protocol::Udp),
    ),
    Requirement::seen(
        4787,
        "10",
        Should,
        "Application level gateways for UDP are off: payloads stay as they are.",
        // DNS, TFTP, IKE, RTSP, H.323 and SIP
        |lab| common::leaves_payload_alone(lab, Protocol::Udp, &[53, 69, 500, 554, 1719, 5060]),
    ),
    Requirement::unseen(
        4787,
        "10a",
        Recommended,
        "Each application level gateway can be switched by itself.",
        CONFIGURATION,
    ),
    Requirement::seen(
        4787,
        "11",
        Must,
        "Mapping and filtering behave the same at any time and under any conditions.",
        is_deterministic,
    ),
    Requirement::seen(4787, "12", MustNot, "No ICMP message ends a mapping.", |lab| {
        common::survives_errors(lab, two_way, Trial::answer)
    }),
    Requirement::seen(
        4787,
        "12a",
        ShouldNot,
        "ICMP messages get in whatever their source address is.",
        takes_errors_from_anybody,
    ),
    Requirement::seen(
        4787,
        "12b",
        Recommended,
        "ICMP Destination Unreachable reaches the host inside that it concerns.",
        |lab| common::forwards_unreachable(lab, Protocol::Udp),
    ),
    Requirement::seen(
        4787,
        "13",
        Must,
        "A packet too long for the link outside that may not be cut (DF=1) is answered with ICMP \
         Fragmentation Needed.",
        fragments::reports_what_is_too_long,
    ),
    Requirement::seen(
        4787,
        "13a",
        Must,
        "A packet too long for the link outside that may be cut (DF=0) is cut into fragments.",
        fragments::cuts_what_is_too_long,
    ),
    Requirement::unseen(
        4787,
        "13a order",
        Should,
        "The fragments are sent in order.",
        "hosts in the simulator put fragments together before anybody sees them",
    ),
    Requirement::seen(
        4787,
        "14",
        Must,
        "Fragments are taken in any order.",
        fragments::takes_any_order,
    ),
    Requirement::seen(
        4787,
        "14a",
        Must,
        "A flood of fragments stops neither whole packets nor fragments that come in order.",
        fragments::withstands_flood,
    ),
];

fn pairs_addresses(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial_in(Setting { pool: true, ..Setting::default() })?;
    for host in 0..3 {
        let ports = PORT + 100 * host as u16;
        let first = open(&mut trial, host, ports)?;
        for port in ports + 1..ports + 12 {
            let other = open(&mut trial, host, port)?;
            require(other.ip == first.ip, || {
                let inside = trial.inside(host, port).ip;
                format!("{inside} is {} in one session and {} in another", first.ip, other.ip)
            })?;
        }
    }
    Ok(())
}

fn open(trial: &mut Trial, host: usize, port: u16) -> Result<Endpoint, Shortfall> {
    let (inside, outside) = (trial.inside(host, port), trial.outside(0, SERVER_PORT));
    trial.open(Protocol::Udp, inside, outside).map(|flow| flow.external)
}

fn keeps_port_class(lab: &Lab<'_>) -> Finding {
    keeps(lab, &[7, 22, 1000, 1023, 1024, 1025, 5000, 65_535], |port| port < 1024)
}

fn keeps_parity(lab: &Lab<'_>) -> Finding {
    let ports: Vec<u16> = (PORT..PORT + 12).collect();
    keeps(lab, &ports, |port| port % 2 == 0)
}

/// External ports are of the internal port's class, also when another host has the port already.
fn keeps(lab: &Lab<'_>, ports: &[u16], class: fn(u16) -> bool) -> Finding {
    let mut trial = lab.trial()?;
    one_way(&mut trial)?;
    for host in 0..2 {
        for port in ports {
            let (from, to) = (trial.inside(host, *port), trial.outside(0, SERVER_PORT));
            let external = trial.map(Protocol::Udp, from, to);
            let kept = external.is_none_or(|external| class(external.port) == class(*port));
            require(kept, || format!("{from} becomes {}", shown(external)))?;
        }
    }
    Ok(())
}

fn outbound_renews(lab: &Lab<'_>) -> Finding {
    let renewed = common::is_renewed_by(lab, one_way, Trial::answer, |trial, flow| {
        trial.repeat(flow);
    })?;
    require(renewed, || "the mapping ends although its host goes on sending".to_owned())
}

fn inbound_renews(lab: &Lab<'_>) -> Finding {
    let renewed = common::is_renewed_by(lab, two_way, Trial::answer, |trial, flow| {
        trial.answer(flow);
    })?;
    applies(renewed, || "packets from outside do not renew the timer".to_owned())?;
    if lab.filtering(Protocol::Udp)? == Filtering::EndpointIndependent {
        return Ok(());
    }
    let by_stranger = common::is_renewed_by(lab, two_way, Trial::answer, |trial, flow| {
        trial.visit(Protocol::Udp, trial.outside(2, 5000), flow.external);
    })?;
    require(!by_stranger, || "packets that the filter drops renew the timer as well".to_owned())
}

fn copes_with_conflict(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial_in(Setting { conflict: true, ..Setting::default() })?;
    for address in 0..4 {
        let (from, to) = (trial.inside(0, PORT), trial.outside(address, SERVER_PORT));
        let external = trial.map(Protocol::Udp, from, to);
        require(external.is_some(), || format!("{from} does not reach {to} outside"))?;
    }
    Ok(())
}

/// What holds for a host alone must hold when another host has the same port, and when a packet
/// from outside came first.
fn is_deterministic(lab: &Lab<'_>) -> Finding {
    let alone = mapped(lab, 0, |_| Ok(()))?;
    let clashing = mapped(lab, 1, |trial| one_way(trial).map(drop))?;
    let is_independent = |seen: &[Option<Endpoint>]| seen.windows(2).all(|two| two[0] == two[1]);
    require(is_independent(&alone) == is_independent(&clashing), || {
        let seen: Vec<_> = clashing.iter().map(|endpoint| shown(*endpoint)).collect();
        format!(
            "a host whose port another one has is {} toward three destinations",
            seen.join(", ")
        )
    })?;
    let late = mapped(lab, 0, |trial| {
        let flow = one_way(trial)?;
        trial.visit(Protocol::Udp, trial.outside(2, SERVER_PORT), flow.external);
        Ok(())
    })?;
    require(is_independent(&alone) == is_independent(&late), || {
        let (before, after) = (shown(late[2]), shown(late[0]));
        format!("{before} becomes {after} toward a destination whose packet came in first")
    })
}

/// The external endpoints of the usual port of a host toward three destinations, the usual one last.
fn mapped(
    lab: &Lab<'_>,
    host: usize,
    before: impl Fn(&mut Trial) -> Finding,
) -> Result<Vec<Option<Endpoint>>, Shortfall> {
    let mut trial = lab.trial()?;
    before(&mut trial)?;
    let from = trial.inside(host, PORT);
    let destinations = [2, 3, 0].map(|address| trial.outside(address, SERVER_PORT));
    Ok(destinations.into_iter().map(|to| trial.map(Protocol::Udp, from, to)).collect())
}

fn takes_errors_from_anybody(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial()?;
    let flow = one_way(&mut trial)?;
    let mut reaches =
        |from| UNREACHABLE.iter().all(|kind| error_inward(&mut trial, flow, from, *kind).is_some());
    let (from_end, from_router) = (reaches(0), reaches(3));
    applies(from_end || from_router, || "no ICMP error gets in".to_owned())?;
    require(from_router, || "errors get in from the destination only, from no router".to_owned())?;
    require(from_end, || "errors from the destination itself do not get in".to_owned())
}
