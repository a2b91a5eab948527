//! Filtering behaviour (RFC 5780 section 4.4), and what becomes of packets that nobody asked for.

use natbed_nat::{FilterScope, Filtering, Mapping, PortAllocation, WanInput};
use natbed_network::TopologyError;
use natbed_peer::{BindingRequest, Change};

use super::findings::{Findings, Seen};
use super::lab::{Lab, ServerEnd, Socket, Subject};
use super::ports::{TOO_FEW_PORTS, next_port};

const SOCKET: Socket = Socket { host: 0, port: 40_000 };
/// Asks for answers that go elsewhere.
const ASKER: Socket = Socket { host: 0, port: 40_010 };

const fn changing(change: Change) -> BindingRequest {
    BindingRequest { change, response_port: None }
}

const fn answered_at(port: u16) -> BindingRequest {
    BindingRequest { change: Change::None, response_port: Some(port) }
}

/// Finds out the filtering behaviour, with a socket that has spoken to nobody else.
pub(super) fn behaviour(subject: &Subject<'_>) -> Result<Seen<Filtering>, TopologyError> {
    let mut lab = Lab::switch_on(subject)?;
    let comes_back = |lab: &mut Lab, change| {
        let arrival = lab.ask(SOCKET, ServerEnd::FIRST, changing(change));
        arrival.is_some_and(|arrival| arrival.at == SOCKET)
    };
    Ok(Seen::Value(if comes_back(&mut lab, Change::AddressAndPort) {
        Filtering::EndpointIndependent
    } else if comes_back(&mut lab, Change::Port) {
        Filtering::AddressDependent
    } else {
        Filtering::AddressAndPortDependent
    }))
}

/// Finds out whether a permission is the mapping's or the internal endpoint's.
///
/// An endpoint with two mappings speaks to one end of the server through each; then that of the
/// second mapping sends to the first.
pub(super) fn scope(
    subject: &Subject<'_>,
    found: &Findings,
) -> Result<Seen<FilterScope>, TopologyError> {
    if found.mapping == Seen::Value(Some(Mapping::EndpointIndependent)) {
        return Ok(Seen::NotVisible("an internal endpoint has one mapping"));
    }
    if found.filtering == Seen::Value(Filtering::EndpointIndependent) {
        return Ok(Seen::NotVisible("no permission is needed"));
    }
    let mut lab = Lab::switch_on(subject)?;
    // Where ports are overloaded, only after a clash do two mappings have two ports.
    let rival = Socket { host: 1, ..SOCKET };
    lab.mapped(rival, ServerEnd::FIRST);
    let first = lab.mapped(SOCKET, ServerEnd::FIRST);
    let second = lab.mapped(SOCKET, ServerEnd::OTHER_ADDRESS);
    let (Some(first), Some(_)) = (first, second.filter(|_| second != first)) else {
        return Ok(Seen::NotVisible(TOO_FEW_PORTS));
    };
    let arrival = lab.ask(ASKER, ServerEnd::OTHER_ADDRESS, answered_at(first.port));
    let is_let_in = arrival.is_some_and(|arrival| arrival.at == SOCKET);
    Ok(Seen::Value(if is_let_in { FilterScope::InternalEndpoint } else { FilterScope::Mapping }))
}

/// Finds out what a box that only filters does with a packet for a socket that has sent nothing.
pub(super) fn unsolicited(subject: &Subject<'_>) -> Result<Seen<WanInput>, TopologyError> {
    let mut lab = Lab::switch_on(subject)?;
    lab.listen(SOCKET);
    let arrival = lab.ask(ASKER, ServerEnd::FIRST, answered_at(SOCKET.port));
    Ok(Seen::Value(match arrival {
        Some(_) => WanInput::Accept,
        None if lab.icmp_errors() > 0 => WanInput::Reject,
        None => WanInput::Drop,
    }))
}

/// Finds out what a box that translates does with a packet for an external port without a mapping.
///
/// A box that takes such a packet as its own answers as one that rejects it does. What gives it
/// away is that it then holds the port against the mapping that should have it.
pub(super) fn wan_input(
    subject: &Subject<'_>,
    found: &Findings,
) -> Result<Seen<WanInput>, TopologyError> {
    let mut lab = Lab::switch_on(subject)?;
    // The mapping of the asker has another port, whatever the allocation: it has this one itself,
    // or one that is not drawn.
    let unused = lab.mapped(ASKER, ServerEnd::FIRST).map(|mapped| mapped.port ^ 0x4000);
    lab.ask(ASKER, ServerEnd::FIRST, answered_at(unused.unwrap_or(SOCKET.port)));
    if lab.icmp_errors() == 0 {
        return Ok(Seen::Value(WanInput::Drop));
    }
    let mut lab = Lab::switch_on(subject)?;
    let holds_port = match found.ports.value() {
        Some(
            PortAllocation::Preserve
            | PortAllocation::PreserveWithOverload
            | PortAllocation::Strict,
        ) => early_packet(&mut lab, &[SOCKET.port]),
        Some(PortAllocation::Sequential) => {
            let last = lab.mapped(ASKER, ServerEnd::FIRST).map_or(0, |mapped| mapped.port);
            // By two if parity is kept.
            early_packet(&mut lab, &[1, 2].map(|steps| next_port(last, steps)))
        }
        Some(PortAllocation::Random) => match (found.mapping, found.filtering) {
            (
                Seen::Value(Some(Mapping::EndpointIndependent)),
                Seen::Value(Filtering::AddressDependent | Filtering::AddressAndPortDependent),
            ) => filtered_packet(&mut lab, Change::AddressAndPort, ServerEnd::OPPOSITE),
            (
                Seen::Value(Some(Mapping::AddressDependent)),
                Seen::Value(Filtering::AddressAndPortDependent),
            ) => filtered_packet(&mut lab, Change::Port, ServerEnd::OTHER_PORT),
            _ => None,
        },
        None => None,
    };
    Ok(match holds_port {
        Some(true) => Seen::Value(WanInput::Accept),
        Some(false) => Seen::Value(WanInput::Reject),
        None => Seen::NotVisible(
            "it answers with an ICMP error; whether it also holds the port cannot be told where \
             the next port cannot be foreseen and no mapping is used for two destinations",
        ),
    })
}

/// Lets the server send to `ports` before a socket whose mapping should get one of them; says
/// whether it gets another.
fn early_packet(lab: &mut Lab, ports: &[u16]) -> Option<bool> {
    for port in ports {
        lab.ask(ASKER, ServerEnd::FIRST, answered_at(*port));
    }
    let mapped = lab.mapped(SOCKET, ServerEnd::FIRST);
    Some(mapped.is_none_or(|mapped| !ports.contains(&mapped.port)))
}

/// Lets the server send from an end that the filter does not let in, then sends to that end; says
/// whether this takes another mapping.
fn filtered_packet(lab: &mut Lab, change: Change, end: ServerEnd) -> Option<bool> {
    let before = lab.mapped(SOCKET, ServerEnd::FIRST)?;
    lab.ask(SOCKET, ServerEnd::FIRST, changing(change));
    Some(lab.mapped(SOCKET, end) != Some(before))
}
