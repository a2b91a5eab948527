//! Single properties, configured in every way that there is.

use natbed::probe::probe;
use natbed_nat::{
    Action, Behaviour, Filtering, FirewallConfig, Hairpin, Mapping, NatConfig, Policy,
    PortAllocation, WanInput,
};
use natbed_units::{Seed, SimDuration};

use crate::agrees;

#[track_caller]
fn nat_agrees(config: NatConfig) {
    agrees(&Behaviour::Nat(config));
}

/// Every mapping, filtering and port allocation; strict ports go with EIM only.
fn classes() -> impl Iterator<Item = NatConfig> {
    Mapping::ALL.iter().flat_map(|&mapping| {
        Filtering::ALL.iter().flat_map(move |&filtering| {
            let is_possible = move |ports: &&PortAllocation| {
                **ports != PortAllocation::Strict || mapping == Mapping::EndpointIndependent
            };
            PortAllocation::ALL.iter().filter(is_possible).map(move |&ports| NatConfig {
                mapping,
                filtering,
                ports,
                ..NatConfig::default()
            })
        })
    })
}

#[test]
fn every_class_with_every_port_allocation() {
    for config in classes() {
        nat_agrees(config);
    }
}

#[test]
fn every_hairpin_behaviour_of_every_class() {
    for config in classes() {
        for &hairpin in Hairpin::ALL {
            nat_agrees(NatConfig { hairpin, ..config.clone() });
        }
    }
}

#[test]
fn every_wan_input_of_every_class() {
    for config in classes() {
        for wan_input in [WanInput::Reject, WanInput::Accept] {
            nat_agrees(NatConfig { wan_input, ..config.clone() });
        }
    }
}

#[test]
fn timeouts_to_the_millisecond_and_the_age_of_streams_to_the_nanosecond() {
    let [millis, nanos] = [SimDuration::from_millis, SimDuration::from_nanos];
    for (udp_timeout, udp_stream_timeout, udp_stream_after) in [
        (30_000, 120_000, nanos(2_000_000_000)),
        (30_000, 120_000, nanos(0)),
        (30_000, 120_000, nanos(1)),
        (300_000, 300_000, nanos(0)),
        (60_000, 30_000, nanos(5_000_000_001)),
        (1_000, 86_399_999, nanos(999_999_999)),
        (90_001, 3_600_000, nanos(31_000_000_000)),
        (999, 1_001, nanos(0)),
        (7_200_000, 400, nanos(0)),
    ] {
        for refresh in [[true, true], [true, false], [false, true]] {
            nat_agrees(NatConfig {
                udp_timeout: millis(udp_timeout),
                udp_stream_timeout: millis(udp_stream_timeout),
                udp_stream_after,
                refresh_outbound: refresh[0],
                refresh_inbound: refresh[1],
                ..NatConfig::default()
            });
        }
    }
}

#[test]
fn refresh_rules_of_every_class() {
    for config in classes() {
        for refresh in [[true, false], [false, true], [false, false]] {
            nat_agrees(NatConfig {
                udp_timeout: SimDuration::from_secs(30),
                udp_stream_timeout: SimDuration::from_secs(180),
                refresh_outbound: refresh[0],
                refresh_inbound: refresh[1],
                ..config.clone()
            });
        }
    }
}

#[test]
fn what_lives_for_ever_is_not_waited_for() {
    let two_days = SimDuration::from_secs(2 * 86_400);
    nat_agrees(NatConfig {
        udp_timeout: two_days,
        udp_stream_timeout: two_days,
        ..NatConfig::default()
    });
}

#[test]
fn a_firewall_that_lets_everything_in_or_nothing_out() {
    agrees(&Behaviour::Firewall(FirewallConfig::default()));
    for action in [Action::Drop, Action::Reject] {
        agrees(&Behaviour::Firewall(FirewallConfig {
            inbound: Policy::all(action),
            ..FirewallConfig::default()
        }));
        agrees(&Behaviour::Firewall(FirewallConfig {
            outbound: Policy::all(action),
            ..FirewallConfig::default()
        }));
    }
}

#[test]
fn the_same_seed_gives_the_same_findings_and_another_seed_gives_them_too() {
    for config in classes() {
        let behaviour = Behaviour::Nat(config);
        let findings = probe(&behaviour, Seed::new(7)).unwrap();
        assert_eq!(findings, probe(&behaviour, Seed::new(7)).unwrap());
        assert_eq!(findings, probe(&behaviour, Seed::new(8)).unwrap());
    }
}
