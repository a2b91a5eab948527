//! Boxes drawn at random: the probe sees what they are, or says that nobody can.

use natbed_nat::{
    Action, Behaviour, FilterScope, Filtering, FirewallConfig, Hairpin, Mapping, NatConfig, Policy,
    Pooling, PortAllocation, PortClasses, WanInput,
};
use natbed_units::SimDuration;
use proptest::prelude::*;
use proptest::sample::select;

use crate::agrees;

fn boxes() -> impl Strategy<Value = NatConfig> {
    let classes =
        (select(Mapping::ALL), select(Filtering::ALL), select(FilterScope::ALL), any::<bool>());
    let ports = (
        select(PortAllocation::ALL),
        select(PortClasses::ALL),
        any::<bool>(),
        any::<bool>(),
        select(Pooling::ALL),
    );
    // A time that holds from a certain age on can be seen if the flow lives until then.
    let timers = (1_000_u64..600_000, 1_000_u64..600_000, 0_u64..30_000_000_000);
    let timers =
        timers.prop_flat_map(|timers| (Just(timers), prop::option::of(1_000_u64..600_000)));
    let refresh = (any::<bool>(), any::<bool>());
    let rest = (select(Hairpin::ALL), select(WanInput::ALL), any::<bool>());
    (classes, ports, timers, refresh, rest).prop_map(|(classes, ports, timers, refresh, rest)| {
        let (mut mapping, filtering, filter_scope, is_held) = classes;
        let (ports, mut port_classes, port_parity, port_contiguity, pooling) = ports;
        let ((udp, stream, after), well_known) = timers;
        let (refresh_outbound, refresh_inbound) = refresh;
        let (hairpin, wan_input, is_nat64) = rest;
        if ports == PortAllocation::Strict {
            (mapping, port_classes) = (Mapping::EndpointIndependent, PortClasses::Two);
        }
        let is_held = is_held && ports != PortAllocation::PreserveWithOverload;
        NatConfig {
            mapping,
            filtering,
            filter_scope,
            ports,
            port_classes,
            port_parity,
            port_contiguity,
            port_hold: SimDuration::from_secs(if is_held { 120 } else { 0 }),
            pooling,
            hairpin,
            udp_timeout: SimDuration::from_millis(udp),
            udp_stream_timeout: SimDuration::from_millis(stream),
            udp_stream_after: SimDuration::from_nanos(after),
            udp_well_known_timeout: well_known.map(SimDuration::from_millis),
            refresh_outbound,
            refresh_inbound,
            wan_input,
            nat64: is_nat64.then(|| "64:ff9b::/96".parse().unwrap()),
            ..NatConfig::default()
        }
    })
}

fn walls() -> impl Strategy<Value = FirewallConfig> {
    let policies = (select(Action::ALL), select(Action::ALL), select(Filtering::ALL));
    let timers = (1_000_u64..600_000, 1_000_u64..600_000, 0_u64..30_000_000_000);
    let timers = (timers, prop::option::of(1_000_u64..600_000), any::<bool>());
    (policies, timers).prop_map(|(policies, timers)| {
        let (inbound, outbound, filtering) = policies;
        let ((udp, stream, after), well_known, refresh_inbound) = timers;
        FirewallConfig {
            inbound: Policy::all(inbound),
            outbound: Policy::all(outbound),
            filtering,
            udp_timeout: SimDuration::from_millis(udp),
            udp_stream_timeout: SimDuration::from_millis(stream),
            udp_stream_after: SimDuration::from_nanos(after),
            udp_well_known_timeout: well_known.map(SimDuration::from_millis),
            refresh_inbound,
            ..FirewallConfig::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_probe_agrees_with_any_firewall(config in walls()) {
        agrees(&Behaviour::Firewall(config));
    }

    #[test]
    fn the_probe_agrees_with_any_nat(config in boxes()) {
        agrees(&Behaviour::Nat(config));
    }
}
