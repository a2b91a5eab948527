//! Mapping behaviour (RFC 5780 section 4.3), and pooling.

use std::collections::BTreeSet;

use natbed_nat::{Mapping, Pooling, PortAllocation};
use natbed_network::TopologyError;

use super::findings::Seen;
use super::lab::{Lab, ServerEnd, Socket, Subject};
use super::ports::TOO_FEW_PORTS;

const PORT: u16 = 40_000;

/// Finds out the mapping behaviour as one host sees it, by the three tests of the RFC.
pub(super) fn for_one_host(subject: &Subject<'_>) -> Result<Seen<Mapping>, TopologyError> {
    let mut lab = Lab::switch_on(subject)?;
    let socket = Socket { host: 0, port: PORT };
    let tests = [ServerEnd::FIRST, ServerEnd::OTHER_ADDRESS, ServerEnd::OPPOSITE];
    let [Some(first), Some(second), Some(third)] = tests.map(|end| lab.mapped(socket, end)) else {
        return Ok(Seen::NotVisible(TOO_FEW_PORTS));
    };
    Ok(Seen::Value(if second == first {
        Mapping::EndpointIndependent
    } else if third == second {
        Mapping::AddressDependent
    } else {
        Mapping::AddressAndPortDependent
    }))
}

/// Finds out the mapping behaviour, if need be with a second host.
///
/// Where ports are overloaded, a host keeps its port toward everybody and looks like EIM whatever
/// the box does. When two hosts with one internal port clash at one destination, the second gets
/// another port there; which of its later destinations see that port as well is the mapping
/// behaviour.
pub(super) fn behaviour(
    subject: &Subject<'_>,
    allocation: Option<PortAllocation>,
    for_one_host: Seen<Mapping>,
) -> Result<Seen<Mapping>, TopologyError> {
    if allocation != Some(PortAllocation::PreserveWithOverload) {
        return Ok(for_one_host);
    }
    let mut lab = Lab::switch_on(subject)?;
    let [first, second] = [0, 1].map(|host| Socket { host, port: PORT });
    lab.mapped(first, ServerEnd::FIRST);
    let Some(clash) = lab.mapped(second, ServerEnd::FIRST).filter(|clash| clash.port != PORT)
    else {
        return Ok(Seen::NotVisible("two hosts with one internal port did not clash"));
    };
    let other_port = lab.mapped(second, ServerEnd::OTHER_PORT);
    let other_address = lab.mapped(second, ServerEnd::OTHER_ADDRESS);
    Ok(Seen::Value(if other_address == Some(clash) {
        Mapping::EndpointIndependent
    } else if other_port == Some(clash) {
        Mapping::AddressDependent
    } else {
        Mapping::AddressAndPortDependent
    }))
}

/// Finds out how a box with several external addresses chooses one.
pub(super) fn pooling(subject: &Subject<'_>) -> Result<Seen<Pooling>, TopologyError> {
    let mut lab = Lab::switch_on(&Subject { externals: 4, ..*subject })?;
    let sockets = (0..16).map(|index| Socket { host: 0, port: PORT + 10 * index });
    let mapped: Vec<_> =
        sockets.filter_map(|socket| lab.mapped(socket, ServerEnd::FIRST)).collect();
    if mapped.len() < 8 {
        return Ok(Seen::NotVisible(TOO_FEW_PORTS));
    }
    let addresses: BTreeSet<_> = mapped.iter().map(|mapped| mapped.ip).collect();
    let is_paired = addresses.len() == 1;
    Ok(Seen::Value(if is_paired { Pooling::Paired } else { Pooling::Arbitrary }))
}
