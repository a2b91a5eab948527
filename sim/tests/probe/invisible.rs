//! What nobody outside can see, for each property.

use std::collections::BTreeSet;

use natbed_nat::{
    Action, Behaviour, FilterScope, Filtering, FirewallConfig, Mapping, NatConfig, PortAllocation,
    WanInput,
};
use natbed_units::SimDuration;

/// What the probe waits for.
const DAY: SimDuration = SimDuration::from_secs(86_400);

const LIFETIMES: [&str; 6] = [
    "udp_timeout",
    "udp_stream_timeout",
    "udp_stream_after",
    "udp_well_known_timeout",
    "refresh_outbound",
    "refresh_inbound",
];

/// The properties of a box that no probe can see, by design.
pub(crate) fn invisible(behaviour: &Behaviour) -> BTreeSet<&'static str> {
    match behaviour {
        Behaviour::Nat(config) => of_nat(config),
        Behaviour::Firewall(config) => of_firewall(config),
    }
}

fn of_nat(config: &NatConfig) -> BTreeSet<&'static str> {
    use PortAllocation::{Random, Sequential, Strict};
    let (mapping, filtering, ports) = (config.mapping, config.filtering, config.ports);
    let is_eim = mapping == Mapping::EndpointIndependent;
    let is_eif = filtering == Filtering::EndpointIndependent;
    let mut unseen = BTreeSet::new();
    let mut hide = |property, is_invisible: bool| {
        if is_invisible {
            unseen.insert(property);
        }
    };
    // With one mapping, or without a filter, there is nothing to tell apart.
    hide("filter_scope", is_eim || is_eif);
    // Kept ports have their parity and their neighbours anyway, and so has a sequence its neighbours.
    hide("port_parity", ports == Strict);
    hide("port_contiguity", ports == Strict || ports == Sequential && !config.port_parity);
    // Two hosts that meet through mappings neither can know, before filters that want to be opened
    // toward them.
    let is_adf_for_all = (filtering, config.filter_scope)
        == (Filtering::AddressDependent, FilterScope::InternalEndpoint);
    hide("hairpin", !is_eim && !is_eif && !is_adf_for_all && ports == Random);
    // Reject and accept both answer; only a port that was to be had and is taken tells them apart.
    let is_adm_apdf =
        (mapping, filtering) == (Mapping::AddressDependent, Filtering::AddressAndPortDependent);
    let is_foreseen = ports != Random || is_eim && !is_eif || is_adm_apdf;
    hide("wan_input", config.wan_input != WanInput::Drop && !is_foreseen);
    let never_renewed = !config.refresh_outbound && !config.refresh_inbound;
    lifetimes(
        &mut unseen,
        config.udp_timeout,
        config.udp_stream_timeout,
        config.udp_stream_after,
        never_renewed,
    );
    unseen
}

fn of_firewall(config: &FirewallConfig) -> BTreeSet<&'static str> {
    if config.outbound.default != Action::Allow {
        // Nothing gets through.
        return ["mapping", "filtering", "wan_input"].into_iter().chain(LIFETIMES).collect();
    }
    if config.inbound.default == Action::Allow {
        return LIFETIMES.into(); // no state makes a difference
    }
    let mut unseen = BTreeSet::new();
    let (one_way, stream) = (config.udp_timeout, config.udp_stream_timeout);
    lifetimes(&mut unseen, one_way, stream, config.udp_stream_after, false);
    unseen
}

fn lifetimes(
    unseen: &mut BTreeSet<&'static str>,
    one_way: SimDuration,
    stream: SimDuration,
    stream_after: SimDuration,
    never_renewed: bool,
) {
    if one_way > DAY || stream_after.is_zero() && stream > DAY {
        unseen.extend(LIFETIMES);
        if one_way <= DAY {
            unseen.remove("udp_timeout");
            unseen.remove("udp_well_known_timeout");
        }
    } else if never_renewed {
        unseen.extend(["udp_stream_timeout", "udp_stream_after"]);
    } else if one_way == stream {
        unseen.insert("udp_stream_after");
    }
}
