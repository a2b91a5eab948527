//! The probe: what a NAT or firewall is like, found out from outside alone (RFC 5780).
//!
//! A STUN server with two addresses and two ports stands in front of the box, two hosts behind it.
//! The tests are those of RFC 5780, each with a socket of its own and on a box just switched on,
//! and go beyond them in three ways: a second host provokes clashes, which alone tell overloaded
//! ports from endpoint-independent mapping; nothing but waiting takes time, so that lifetimes come
//! out exact; and the server sees ICMP errors.
//!
//! [`probe`] looks at a box and gives [`Findings`]; [`compare`] holds them against what the box
//! claims to be. The probe is told nothing of the configuration but what it takes to put the box
//! in its place: which network its inside has to be.

mod compare;
mod filtering;
mod findings;
mod hairpin;
mod lab;
mod lifetime;
mod mapping;
mod ports;

use natbed_nat::Behaviour;
use natbed_network::TopologyError;
use natbed_peer::STUN_PORT;
use natbed_units::Seed;

pub use compare::{Comparison, Verdict, compare};
pub use findings::{Findings, Seen};

use self::lab::{Lab, ServerEnd, Socket, Subject};

/// The server's other port.
const OTHER_PORT: u16 = 3479;

const UNANSWERED: &str = "the server's answer did not come back: UDP does not get through";
const NO_TRANSLATION: &str = "the box does not translate";

/// Probes a box.
///
/// The same box and seed give the same findings; with another seed a box draws other ports.
///
/// # Errors
///
/// When the box cannot be built from its configuration.
pub fn probe(behaviour: &Behaviour, seed: Seed) -> Result<Findings, TopologyError> {
    let server_ports = [STUN_PORT, OTHER_PORT];
    let subject = &Subject { behaviour, seed, server_ports, externals: 1 };
    let socket = Socket { host: 0, port: 40_000 };
    let mut lab = Lab::switch_on(subject)?;
    let Some(mapped) = lab.mapped(socket, ServerEnd::FIRST) else {
        return Ok(Findings::none(UNANSWERED));
    };
    let is_translated = mapped != lab.local(socket);

    let filtering = filtering::behaviour(subject)?;
    let mut findings = Findings { filtering, ..Findings::none(NO_TRANSLATION) };
    if is_translated {
        let ports = ports::allocation(subject)?;
        let for_one_host = mapping::for_one_host(subject)?;
        findings.ports = ports;
        findings.mapping_for_one_host = for_one_host.map(Some);
        findings.mapping = mapping::behaviour(subject, ports.value(), for_one_host)?.map(Some);
        (findings.port_parity, findings.port_contiguity) = match ports {
            Seen::Value(allocation) => {
                let parity = ports::parity(subject, allocation)?;
                (parity, ports::contiguity(subject, allocation, parity.value())?)
            }
            Seen::NotVisible(reason) => (Seen::NotVisible(reason), Seen::NotVisible(reason)),
        };
        findings.filter_scope = filtering::scope(subject, &findings)?;
        findings.pooling = mapping::pooling(subject)?;
        findings.hairpin = hairpin::behaviour(subject, &findings)?;
        findings.wan_input = filtering::wan_input(subject, &findings)?;
    } else {
        findings.mapping = Seen::Value(None);
        findings.mapping_for_one_host = Seen::Value(None);
        findings.wan_input = filtering::unsolicited(subject)?;
    }
    lifetime::behaviour(subject, &mut findings)?;
    Ok(findings)
}
