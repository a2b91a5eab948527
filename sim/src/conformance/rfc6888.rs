//! RFC 6888 (BCP 127): carrier-grade NATs.

use std::collections::BTreeSet;

use natbed_nat::{Filtering, Side};
use natbed_packet::{Endpoint, IcmpErrorKind, Packet, Protocol};

use super::common::{PORT, SERVER_PORT, open, secs};
use super::finding::{Finding, Shortfall, applies, require};
use super::lab::{LONG, Lab};
use super::middlebox::Setting;
use super::requirement::Level::{May, Must, MustNot, Recommended, Should, ShouldNot};
use super::requirement::{Check, Requirement};
use super::rfc5508::{answered_with, refuse};
use super::trial::Trial;
use super::{rfc4787, rfc5382, rfc5508};

const CONFIGURATION: &str = "what an administrator can configure shows in no packet";
const MANAGEMENT: &str = "management and logs show in no packet";

/// More ports and sessions than any box has for one subscriber that it limits.
const MANY: u16 = 64_000;

pub(super) const REQUIREMENTS: &[Requirement] = &[
    Requirement::seen(6888, "1a", Must, "Every MUST of RFC 4787 is met.", |lab| {
        meets_all(lab, rfc4787::REQUIREMENTS)
    }),
    Requirement::seen(6888, "1b", Must, "Every MUST of RFC 5382 is met.", |lab| {
        meets_all(lab, rfc5382::REQUIREMENTS)
    }),
    Requirement::seen(6888, "1c", Must, "Every MUST of RFC 5508 is met.", |lab| {
        meets_all(lab, rfc5508::REQUIREMENTS)
    }),
    Requirement::unseen(
        6888,
        "1d",
        Must,
        "The requirements of RFC 5597 are met.",
        "the simulator has no DCCP",
    ),
    Requirement::seen(
        6888,
        "2",
        Must,
        "UDP, TCP and ICMP sessions of an internal address all use one external address.",
        pairs_addresses_of_all_protocols,
    ),
    Requirement::unseen(
        6888,
        "3",
        ShouldNot,
        "External addresses may be many, and need not be contiguous.",
        CONFIGURATION,
    ),
    Requirement::seen(
        6888,
        "4",
        Must,
        "The external ports of a subscriber are limited, so that others have some left.",
        |lab| leaves_something(lab, |index| (1024 + index, 0, SERVER_PORT)),
    ),
    Requirement::unseen(6888, "4a", Must, "The limit is configurable.", CONFIGURATION),
    Requirement::unseen(
        6888,
        "4b",
        May,
        "The limit is another one for each protocol.",
        CONFIGURATION,
    ),
    Requirement::unseen(
        6888,
        "4c",
        Recommended,
        "An administrator can set what a subscriber may cost in processor time.",
        CONFIGURATION,
    ),
    Requirement::seen(
        6888,
        "5",
        Should,
        "The sessions of a subscriber are limited, so that others can have some.",
        |lab| leaves_something(lab, |index| (PORT, index % 4, index.max(1))),
    ),
    Requirement::unseen(6888, "5a", Should, "These limits are configurable.", CONFIGURATION),
    Requirement::unseen(
        6888,
        "5b",
        Should,
        "The rate at which a subscriber takes memory can be limited.",
        CONFIGURATION,
    ),
    Requirement::unseen(
        6888,
        "6",
        Must,
        "Translation can be turned off toward some destinations.",
        CONFIGURATION,
    ),
    Requirement::seen(
        6888,
        "7",
        Recommended,
        "Everybody may send to a mapping (endpoint-independent filtering).",
        |lab| {
            let filtering = lab.filtering(Protocol::Udp)?;
            require(filtering == Filtering::EndpointIndependent, || {
                format!("it filters by the sender ({})", filtering.to_string().to_uppercase())
            })
        },
    ),
    Requirement::seen(
        6888,
        "8",
        ShouldNot,
        "A port whose mapping has ended goes to no other subscriber for 120 seconds.",
        holds_ports,
    ),
    Requirement::seen(
        6888,
        "9",
        Must,
        "Subscribers control their mappings by a protocol, which should be PCP.",
        answers_mapping_requests,
    ),
    Requirement::unseen(6888, "10", Should, "The box is manageable.", MANAGEMENT),
    Requirement::seen(
        6888,
        "11a",
        Must,
        "A packet that no mapping can be made for is dropped.",
        |lab| {
            let refused = refuse(lab)?;
            require(!refused.is_forwarded, || "it gets out".to_owned())
        },
    ),
    Requirement::seen(
        6888,
        "11b",
        Should,
        "A packet that no mapping can be made for is answered with ICMP Host Unreachable.",
        |lab| {
            let seen = refuse(lab)?.answer.map(|error| error.kind);
            require(seen == Some(IcmpErrorKind::HostUnreachable), || answered_with(seen))
        },
    ),
    Requirement::unseen(6888, "11c", Should, "A management system is told about it.", MANAGEMENT),
    Requirement::seen(
        6888,
        "11d",
        MustNot,
        "No mapping is deleted to make room for another.",
        keeps_what_exists,
    ),
    Requirement::unseen(6888, "12", ShouldNot, "Destinations are not logged.", MANAGEMENT),
    Requirement::unseen(
        6888,
        "13",
        Should,
        "As many of the ports as possible can be used.",
        "it takes as many subscribers as there are ports to see",
    ),
    Requirement::unseen(6888, "14", Should, "There is little to log.", MANAGEMENT),
    Requirement::seen(
        6888,
        "15",
        Should,
        "Ports are hard to guess.",
        chooses_ports_that_are_hard_to_guess,
    ),
];

fn meets_all(lab: &Lab<'_>, requirements: &[Requirement]) -> Finding {
    let mut missed = Vec::new();
    for requirement in requirements.iter().filter(|requirement| requirement.level.is_mandatory()) {
        if let Check::Packets(check) = requirement.check
            && let Err(Shortfall::Violated(_)) = check(lab)
        {
            missed.push(requirement.label());
        }
    }
    require(missed.is_empty(), || format!("it violates {}", missed.join(", ")))
}

fn pairs_addresses_of_all_protocols(lab: &Lab<'_>) -> Finding {
    let mut trial = lab.trial_in(Setting { pool: true, ..Setting::default() })?;
    for host in 0..3 {
        let mut seen = BTreeSet::new();
        for protocol in [Protocol::Udp, Protocol::Tcp, Protocol::Icmp] {
            let ports = PORT + 100 * host as u16;
            for port in ports..ports + 8 {
                let (from, to) = (trial.inside(host, port), trial.outside(0, SERVER_PORT));
                seen.insert(trial.open(protocol, from, to)?.external.ip);
            }
        }
        let host = trial.inside(host, 0).ip;
        require(seen.len() == 1, || format!("{host} has {} external addresses", seen.len()))?;
    }
    Ok(())
}

/// One host opens sessions until it is refused; another one then still can open one.
///
/// `endpoints` makes the host's port, and address and port of its destination, of a number.
fn leaves_something(lab: &Lab<'_>, endpoints: impl Fn(u16) -> (u16, u16, u16)) -> Finding {
    let mut trial = lab.trial()?;
    open(&mut trial, Protocol::Udp)?;
    let refused = (0..MANY).find(|index| {
        let (port, address, to) = endpoints(*index);
        let (from, to) = (trial.inside(0, port), trial.outside(usize::from(address), to));
        trial.map(Protocol::Udp, from, to).is_none()
    });
    require(refused.is_some(), || format!("one host has {MANY} and is not stopped"))?;
    let (from, to) = (trial.inside(1, PORT), trial.outside(0, SERVER_PORT));
    let other = trial.map(Protocol::Udp, from, to);
    require(other.is_some(), || "when one host is stopped, there is nothing left".to_owned())
}

/// None of the ports that one host had goes to another one until they have rested.
fn holds_ports(lab: &Lab<'_>) -> Finding {
    const PORTS: u16 = 1000;
    let filtering = lab.filtering(Protocol::Udp)?;
    applies(filtering == Filtering::EndpointIndependent, || {
        "its filter depends on the address: ports may be used again at once".to_owned()
    })?;
    let usual = |trial: &mut Trial| open(trial, Protocol::Udp);
    let lifetime = lab.lifetime(LONG, usual, Trial::answer)?;
    applies(lifetime < LONG, || "its mappings do not end".to_owned())?;
    let mut trial = lab.trial()?;
    let take = |trial: &mut Trial, host| -> BTreeSet<Endpoint> {
        let to = trial.outside(0, SERVER_PORT);
        let from: Vec<_> = (0..PORTS).map(|port| trial.inside(host, PORT + port)).collect();
        from.into_iter().filter_map(|from| trial.map(Protocol::Udp, from, to)).collect()
    };
    let old = take(&mut trial, 0);
    trial.wait(lifetime + secs(100));
    let again = take(&mut trial, 1).intersection(&old).count();
    require(again == 0, || format!("{again} of {PORTS} ports go to another host after 100 s"))
}

/// A request for the external address (NAT-PMP, RFC 6886) or an announcement (PCP, RFC 6887) to
/// the gateway's port 5351 is answered from there.
pub(super) fn answers_mapping_requests(lab: &Lab<'_>) -> Finding {
    const SERVICE: u16 = 5351;
    let mut trial = lab.trial()?;
    let (from, to) = (trial.inside(0, PORT), Endpoint::new(trial.addresses().gateway, SERVICE));
    let mut announce = vec![2, 0];
    announce.resize(24, 0);
    for request in [announce, vec![0, 0]] {
        let received = trial.send(Side::Inside, Packet::udp(from, to, request.into()));
        let is_answer = |packet: &Packet| {
            packet.protocol() == Protocol::Udp && packet.source_endpoint() == Some(to)
        };
        if received.iter().any(|(_, packet)| is_answer(packet)) {
            return Ok(());
        }
    }
    Err(Shortfall::Violated(format!("nobody answers PCP or NAT-PMP at {to}")))
}

fn keeps_what_exists(lab: &Lab<'_>) -> Finding {
    let mut refused = refuse(lab)?;
    for flow in refused.flows {
        require(refused.trial.answer(flow), || format!("{} is gone", flow.external))?;
    }
    Ok(())
}

/// The port of one mapping does not tell that of the next.
fn chooses_ports_that_are_hard_to_guess(lab: &Lab<'_>) -> Finding {
    let ports = successive_ports(&mut lab.trial()?, 0)?;
    require(!is_guessable(&ports), || follow(&ports))
}

/// The external ports of sessions that a host opens one after the other from ports that are far
/// apart.
pub(super) fn successive_ports(trial: &mut Trial, host: usize) -> Result<Vec<u16>, Shortfall> {
    let mut ports = Vec::new();
    for index in 0..32_u16 {
        let port = scattered(index);
        let (from, to) = (trial.inside(host, port), trial.outside(0, SERVER_PORT));
        ports.push(trial.open(Protocol::Udp, from, to)?.external.port);
    }
    Ok(ports)
}

/// A port from 1024 on that does not resemble those of the numbers before it.
pub(super) const fn scattered(index: u16) -> u16 {
    1024 + index.wrapping_mul(25_171) % 64_000
}

/// Says whether most ports are near the one before.
pub(super) fn is_guessable(ports: &[u16]) -> bool {
    let near = ports.windows(2).filter(|two| two[0].abs_diff(two[1]) <= 8).count();
    near * 2 > ports.len()
}

/// Formats ports that are near each other.
pub(super) fn follow(ports: &[u16]) -> String {
    let first: Vec<_> = ports.iter().take(4).map(u16::to_string).collect();
    format!("ports follow each other: {}", first.join(", "))
}
