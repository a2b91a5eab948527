//! What the rule takes for granted; where it does not hold, the prediction is `open`.

use natbed_nat::{
    FirewallConfig, Mapping, NatConfig, Pooling, PortAllocation, PortBlocks, WanInput,
};
use natbed_scenario::{EventAction, HostIndex, LanIndex, Loss, NatChoice, Scenario, Session};
use natbed_units::{Ppm, SimDuration};

use super::Oracle;
use super::side::{Hop, Side};

/// Skew between the peers' checks up to which retransmissions are known to bridge it.
const BRIDGED_SKEW: SimDuration = SimDuration::from_secs(1);
/// Checks take a few seconds; state must outlive them.
const SHORTEST_TIMER: SimDuration = SimDuration::from_secs(10);
/// Flows, and ports, that a NAT surely has to have for each peer behind it: a few sockets, each
/// toward every candidate of the other peer.
const ROOM: u32 = 32;
/// The same where each new port may show the other peer a candidate more.
const ROOM_FOR_SURPRISES: u32 = 1_024;
/// Bytes that a check, or a relayed datagram beyond its payload, takes on the wire at most.
const CHECK_BYTES: u64 = 256;

pub(super) fn check_events(scenario: &Scenario, session: &Session) -> Result<(), Oracle> {
    let is_absence = |host: &HostIndex| !session.between.contains(host);
    for event in &scenario.events {
        let stopped_from_the_start = event.at.is_zero()
            && matches!(&event.action, EventAction::ServerStop(host) if is_absence(host));
        if !stopped_from_the_start {
            return Err(Oracle::open("events change the network during the run"));
        }
    }
    Ok(())
}

pub(super) fn check_session(session: &Session) -> Result<(), Oracle> {
    let [skew_a, skew_b] = session.start;
    if skew_a.saturating_sub(skew_b) + skew_b.saturating_sub(skew_a) > BRIDGED_SKEW {
        return Err(Oracle::open("the peers start further apart than checks are repeated"));
    }
    Ok(())
}

pub(super) fn check_boxes(scenario: &Scenario, sides: &[Side<'_>; 2]) -> Result<(), Oracle> {
    for hop in sides.iter().flat_map(|side| &side.hops) {
        if let Some(nat) = hop.nat.and_then(NatChoice::nat) {
            check_nat(nat, hop)?;
            check_room(scenario, nat, hop.gateway)?;
        }
    }
    for firewall in sides.iter().flat_map(Side::firewalls) {
        check_firewall(firewall)?;
    }
    Ok(())
}

fn check_nat(nat: &NatConfig, hop: &Hop<'_>) -> Result<(), Oracle> {
    let is_eim = nat.mapping == Mapping::EndpointIndependent;
    if nat.wan_input == WanInput::Accept {
        return Err(Oracle::open("a WAN input accepts: who sends first decides"));
    }
    if nat.ports == PortAllocation::PreserveWithOverload && !is_eim {
        return Err(Oracle::open("preserved ports make the mapping depend on clashes"));
    }
    if nat.ports == PortAllocation::Strict && !is_eim {
        return Err(Oracle::open("an endpoint has one port, which its second mapping is refused"));
    }
    if hop.has_pool && nat.pooling == Pooling::Arbitrary {
        return Err(Oracle::open("a host's mappings have different addresses"));
    }
    if !nat.forwards.is_empty() {
        return Err(Oracle::open("port forwards open the NAT by hand"));
    }
    if nat.udp_timeout < SHORTEST_TIMER || nat.udp_stream_timeout < SHORTEST_TIMER {
        return Err(Oracle::open("mappings may expire while checks run"));
    }
    Ok(())
}

/// Checks that there are ports and flows for everybody.
fn check_room(scenario: &Scenario, nat: &NatConfig, gateway: LanIndex) -> Result<(), Oracle> {
    let each = match nat.mapping {
        Mapping::EndpointIndependent => ROOM,
        _ => ROOM_FOR_SURPRISES,
    };
    let has_room_for = |peers: u32| room(nat) >= each.saturating_mul(peers);
    let is_strict = nat.ports == PortAllocation::Strict;
    // At most all peers are behind it; those that are need counting only if that is too many.
    let everybody = u32::try_from(2 * scenario.sessions.len()).unwrap_or(u32::MAX);
    if has_room_for(everybody) && !is_strict {
        return Ok(());
    }
    let peers = peers_behind(scenario, gateway);
    if is_strict && peers > 1 {
        return Err(Oracle::open("two hosts may want the same port, which only the first gets"));
    }
    if !has_room_for(peers) {
        return Err(Oracle::open("a NAT may run out of flows or ports"));
    }
    Ok(())
}

/// The flows or ports that one subscriber of a NAT finds room for at least.
fn room(nat: &NatConfig) -> u32 {
    let block = nat.port_blocks.map(|blocks| match blocks {
        PortBlocks::Deterministic { compression, overflow, .. } => {
            let blocks = u32::from(compression) + u32::from(overflow);
            (65_536 - 1_024) / blocks.max(1)
        }
        PortBlocks::Dynamic { size, max_blocks } => u32::from(size) * u32::from(max_blocks),
    });
    let limits = [nat.max_flows_per_subscriber, nat.max_ports_per_subscriber, block];
    limits.into_iter().flatten().fold(nat.max_flows, u32::min)
}

fn check_firewall(firewall: &FirewallConfig) -> Result<(), Oracle> {
    let reason = if firewall.captive_portal {
        "a captive portal lets nobody out before a login"
    } else if firewall.udp_rate.is_some() {
        "a firewall limits the rate of UDP packets"
    } else if firewall.max_flow_age.is_some() {
        "a firewall cuts flows that have become old"
    } else if firewall.udp_timeout < SHORTEST_TIMER || firewall.udp_stream_timeout < SHORTEST_TIMER
    {
        "a firewall may forget flows while checks run"
    } else if firewall.max_flows < ROOM {
        "a firewall may run out of flows"
    } else {
        return Ok(());
    };
    Err(Oracle::open(reason))
}

/// What checks, which are sent several times, get through without harm.
const LOSS_MAX: Ppm = match Ppm::new(10_000) {
    Some(one_percent) => one_percent,
    None => Ppm::ZERO,
};

/// Says whether so much is lost that which pair is found may be another one.
fn may_lose_checks(loss: &Loss) -> bool {
    match loss {
        Loss::None => false,
        Loss::Independent(share) => *share > LOSS_MAX,
        Loss::GilbertElliott(_) | Loss::Pattern(_) | Loss::Packets(_) => true,
    }
}

pub(super) fn check_links(session: &Session, sides: &[Side<'_>; 2]) -> Result<(), Oracle> {
    let largest = session.loads.iter().map(|load| load.load.largest_datagram().bytes()).max();
    let largest = largest.unwrap_or(0) + CHECK_BYTES;
    let pipes = || sides.iter().flat_map(Side::links).flat_map(|link| [&link.up, &link.down]);
    if pipes().any(|pipe| pipe.mtu.is_some_and(|mtu| u64::from(mtu) < largest)) {
        return Err(Oracle::open("a link may be too narrow for checks or payload"));
    }
    if pipes().any(|pipe| pipe.corrupt > LOSS_MAX || may_lose_checks(&pipe.loss)) {
        return Err(Oracle::open("a link may lose too many checks"));
    }
    Ok(())
}

/// How many peers of sessions have a gateway on their way out, each of their sessions counted.
fn peers_behind(scenario: &Scenario, gateway: LanIndex) -> u32 {
    let peers = scenario.sessions.iter().flat_map(|session| session.between);
    let is_behind = |host: &HostIndex| {
        // A host with several interfaces may use any of them.
        Side::new(scenario, *host)
            .map_or(true, |side| side.hops.iter().any(|hop| hop.gateway == gateway))
    };
    peers.filter(is_behind).count() as u32
}
