//! Hairpinning (RFC 5780 section 4.5), between two hosts.

use natbed_nat::{FilterScope, Filtering, Hairpin, Mapping, PortAllocation};
use natbed_network::TopologyError;
use natbed_packet::Endpoint;

use super::findings::{Findings, Seen};
use super::lab::{Arrival, Lab, ServerEnd, Socket, Subject};
use super::ports::{TOO_FEW_PORTS, next_port};

const FIRST: Socket = Socket { host: 0, port: 40_000 };
const SECOND: Socket = Socket { host: 1, port: 40_010 };
/// Learns what can be foreseen.
const SCOUT: Socket = Socket { host: 0, port: 40_020 };

/// Finds out whether and how packets to an external endpoint are turned back inside.
///
/// Each of two hosts sends to the external endpoint of the other. The first packet opens the
/// sender's filter toward the second's endpoint; the second packet should then arrive, unless the
/// box does not hairpin. That takes the endpoints that the hosts have *toward each other*. Where
/// ports are kept or given out in sequence they can be foreseen. Else the hosts try what the server
/// saw of them, which is right if the mapping is endpoint-independent, and does as well if the
/// filter lets in everybody, or all of an address that the host has sent to.
pub(super) fn behaviour(
    subject: &Subject<'_>,
    found: &Findings,
) -> Result<Seen<Hairpin>, TopologyError> {
    let mut lab = Lab::switch_on(subject)?;
    let Some(scout) = lab.mapped(SCOUT, ServerEnd::FIRST) else {
        return Ok(Seen::NotVisible(TOO_FEW_PORTS));
    };
    let foreseen = match found.ports.value() {
        Some(
            PortAllocation::Preserve
            | PortAllocation::PreserveWithOverload
            | PortAllocation::Strict,
        ) => Some([FIRST, SECOND].map(|socket| Endpoint::new(scout.ip, socket.port))),
        Some(PortAllocation::Sequential) => {
            let step = if found.port_parity.value() == Some(true) { 2 } else { 1 };
            Some([1, 2].map(|steps| Endpoint::new(scout.ip, next_port(scout.port, steps * step))))
        }
        Some(PortAllocation::Random) | None => None,
    };
    let endpoints = match foreseen {
        Some(endpoints) => endpoints,
        None => match [FIRST, SECOND].map(|socket| lab.mapped(socket, ServerEnd::FIRST)) {
            [Some(first), Some(second)] => [first, second],
            _ => return Ok(Seen::NotVisible(TOO_FEW_PORTS)),
        },
    };
    for (from, to, target) in [(FIRST, SECOND, endpoints[1]), (SECOND, FIRST, endpoints[0])] {
        let Some(Arrival { at, from: source, .. }) = lab.send_outside(from, target) else {
            continue;
        };
        if at == to {
            let is_internal = source == lab.local(from);
            return Ok(Seen::Value(if is_internal {
                Hairpin::InternalSource
            } else {
                Hairpin::ExternalSource
            }));
        }
    }
    let filtering = found.filtering.value();
    let would_arrive = foreseen.is_some()
        || found.mapping.value() == Some(Some(Mapping::EndpointIndependent))
        || filtering == Some(Filtering::EndpointIndependent)
        || filtering == Some(Filtering::AddressDependent)
            && found.filter_scope.value() == Some(FilterScope::InternalEndpoint);
    Ok(if would_arrive {
        Seen::Value(Hairpin::None)
    } else {
        Seen::NotVisible(
            "the hosts meet each other through mappings that neither can know, and the filter \
             drops their packets whether or not the box hairpins",
        )
    })
}
