//! What a chain of boxes comes down to.

use natbed_nat::{
    Action, Composite, FilterScope, Filtering, FirewallConfig, Mapping, NatClass, NatConfig,
    Policy, Rule,
};
use natbed_packet::Protocol;
use natbed_scenario::NatChoice;

use super::Oracle;
use super::side::Hop;

/// How many boxes in a row the composition of two classes has been held against.
const LAYERS_MAX: usize = 2;
/// No box at all: nothing is rewritten, everything is let in.
const NO_BOX: NatClass =
    NatClass { mapping: Mapping::EndpointIndependent, filtering: Filtering::EndpointIndependent };

/// The class that a host's firewall and the gateways before it add up to, innermost first.
pub(super) fn class(own: Option<&FirewallConfig>, hops: &[Hop<'_>]) -> Result<Composite, Oracle> {
    let mut layers = vec![Composite::from(firewall_class(own)?)];
    for hop in hops {
        layers.push(firewall_class(hop.firewall)?.into());
        // What translates by rule keeps ports and lets everybody in: as good as no box.
        layers.extend(hop.nat.and_then(NatChoice::nat).map(nat_class));
    }
    layers.retain(|layer| layer.class != NO_BOX);
    if layers.len() > LAYERS_MAX {
        return Err(Oracle::open("more boxes in a row than the rule is proven for"));
    }
    let innermost = layers.first().copied().unwrap_or(NO_BOX.into());
    if layers.iter().skip(1).any(|layer| *layer != Composite::from(layer.class)) {
        return Err(Oracle::open(
            "behind another box, permissions for the internal endpoint are not in the rule",
        ));
    }
    let outer = layers.iter().skip(1);
    Ok(outer.fold(innermost, |inner, layer| inner.behind(layer.class)))
}

fn nat_class(nat: &NatConfig) -> Composite {
    let natural = Composite::from(NatClass::from(nat));
    match nat.filter_scope {
        FilterScope::Mapping => natural,
        FilterScope::InternalEndpoint => {
            Composite { scope: FilterScope::InternalEndpoint, ..natural }
        }
    }
}

/// A stateful firewall maps nothing; it filters as it is told, or not at all.
fn firewall_class(firewall: Option<&FirewallConfig>) -> Result<NatClass, Oracle> {
    let Some(firewall) = firewall else { return Ok(NO_BOX) };
    match (&firewall.inbound.rules[..], firewall.inbound.default) {
        ([], Action::Allow) => Ok(NO_BOX),
        ([], Action::Drop | Action::Reject) => {
            Ok(NatClass { filtering: firewall.filtering, ..NO_BOX })
        }
        _ => Err(Oracle::open("a firewall lets some sources in and others not")),
    }
}

/// Whether UDP can leave through a firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Udp {
    Passes,
    Blocked,
}

pub(super) fn udp(firewall: Option<&FirewallConfig>) -> Result<Udp, Oracle> {
    let Some(FirewallConfig { outbound: Policy { rules, default }, .. }) = firewall else {
        return Ok(Udp::Passes);
    };
    let about_udp = |rule: &&Rule| rule.protocol.is_none_or(|protocol| protocol == Protocol::Udp);
    let Some(first) = rules.iter().find(about_udp) else { return Ok(passes(*default)) };
    if first.ports.is_some() || first.remote.is_some() {
        return Err(Oracle::open("a firewall lets UDP out to some places and not to others"));
    }
    Ok(passes(first.action))
}

fn passes(action: Action) -> Udp {
    match action {
        Action::Allow => Udp::Passes,
        Action::Drop | Action::Reject => Udp::Blocked,
    }
}
