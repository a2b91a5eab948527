//! Single properties, configured in every way that there is.

use natbed::probe::{Seen, Verdict, compare, probe};
use natbed_nat::{
    Action, Behaviour, FilterScope, Filtering, FirewallConfig, Hairpin, Mapping, NatConfig, Policy,
    Pooling, PortAllocation, PortBlocks, WanInput,
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
fn both_filter_scopes_of_every_class() {
    for config in classes() {
        nat_agrees(NatConfig { filter_scope: FilterScope::InternalEndpoint, ..config });
    }
}

#[test]
fn parity_and_contiguity_with_every_port_allocation() {
    for config in classes().filter(|config| config.ports != PortAllocation::Strict) {
        for (port_parity, port_contiguity) in [(true, false), (false, true), (true, true)] {
            nat_agrees(NatConfig { port_parity, port_contiguity, ..config.clone() });
        }
    }
}

#[test]
fn pooling_of_every_class() {
    for config in classes() {
        nat_agrees(NatConfig { pooling: Pooling::Arbitrary, ..config });
    }
}

#[test]
fn a_nat64_of_every_class() {
    for config in classes() {
        for hairpin in [Hairpin::None, Hairpin::ExternalSource] {
            let nat64 = Some("64:ff9b::/96".parse().unwrap());
            nat_agrees(NatConfig { nat64, hairpin, ..config.clone() });
        }
    }
}

#[test]
fn blocks_of_ports_in_which_ports_are_drawn() {
    let subscribers = "100.64.0.0/24".parse().unwrap();
    for ports in [PortAllocation::Sequential, PortAllocation::Random] {
        for blocks in [
            PortBlocks::Deterministic { subscribers, compression: 1, overflow: 0 },
            PortBlocks::Deterministic { subscribers, compression: 256, overflow: 0 },
            PortBlocks::Deterministic { subscribers, compression: 64, overflow: 64 },
            PortBlocks::Dynamic { size: 64, max_blocks: 1 },
            PortBlocks::Dynamic { size: 8, max_blocks: 8 },
        ] {
            for nat64 in [None, Some("64:ff9b::/96".parse().unwrap())] {
                let port_blocks = Some(blocks);
                nat_agrees(NatConfig { ports, port_blocks, nat64, ..NatConfig::default() });
            }
        }
    }
}

#[test]
fn a_block_of_ports_hides_that_other_ports_would_be_kept() {
    let behaviour = Behaviour::Nat(NatConfig {
        ports: PortAllocation::Preserve,
        port_blocks: Some(PortBlocks::Dynamic { size: 64, max_blocks: 2 }),
        ..NatConfig::default()
    });
    let rows = compare(&probe(&behaviour, Seed::new(1)).unwrap(), &behaviour);
    let ports = rows.iter().find(|row| row.property == "ports").unwrap();
    assert_eq!(ports.verdict, Verdict::Differs);
    assert_eq!(ports.seen.as_deref(), Some("random"));
    assert!(ports.note.unwrap().contains("block"), "{ports:?}");
}

#[test]
fn overloaded_ports_look_like_eim_to_one_host_and_the_comparison_says_so() {
    for mapping in [Mapping::AddressDependent, Mapping::AddressAndPortDependent] {
        let behaviour = Behaviour::Nat(NatConfig {
            mapping,
            ports: PortAllocation::PreserveWithOverload,
            ..NatConfig::default()
        });
        let findings = probe(&behaviour, Seed::new(1)).unwrap();
        assert_eq!(findings.mapping, Seen::Value(Some(mapping)));
        let alone = Seen::Value(Some(Mapping::EndpointIndependent));
        assert_eq!(findings.mapping_for_one_host, alone);
        let rows = compare(&findings, &behaviour);
        let row = rows.iter().find(|row| row.property == "mapping").unwrap();
        assert!(row.note.unwrap().contains("one host alone sees eim"), "{row:?}");
    }
}

#[test]
fn a_firewall_that_cuts_flows_hides_the_timers_that_are_longer() {
    let seconds = SimDuration::from_secs;
    let stream = ["udp_stream_timeout", "udp_stream_after", "refresh_outbound", "refresh_inbound"];
    let [of_all, of_streams] = [&stream[..], &stream[..1]];
    for (udp_stream_after, age, hidden) in [(0, 60, of_all), (2, 60, of_streams), (0, 600, &[])] {
        let behaviour = Behaviour::Firewall(FirewallConfig {
            inbound: Policy::all(Action::Drop),
            udp_timeout: seconds(30),
            udp_stream_timeout: seconds(180),
            udp_stream_after: seconds(udp_stream_after),
            udp_well_known_timeout: Some(seconds(20)),
            max_flow_age: Some(seconds(age)),
            ..FirewallConfig::default()
        });
        let rows = compare(&probe(&behaviour, Seed::new(1)).unwrap(), &behaviour);
        assert!(rows.iter().all(|row| row.verdict != Verdict::Differs), "{rows:?}");
        for row in rows.iter().filter(|row| row.seen.is_none()) {
            assert!(hidden.contains(&row.property), "{row:?}");
            assert!(row.note.unwrap().contains("cut at an age"), "{row:?}");
        }
        let unseen = rows.iter().filter(|row| row.verdict == Verdict::NotVisible).count();
        assert_eq!(unseen, hidden.len(), "{rows:?}");
    }
}

/// A box that claims something else than it is, for each property, is found out.
#[test]
fn a_false_claim_is_seen() {
    type Change = fn(&mut NatConfig);
    let changes: [(&str, Change); 15] = [
        ("mapping", |config| config.mapping = Mapping::AddressAndPortDependent),
        ("filtering", |config| config.filtering = Filtering::EndpointIndependent),
        ("filter_scope", |config| config.filter_scope = FilterScope::InternalEndpoint),
        ("ports", |config| config.ports = PortAllocation::Preserve),
        ("port_parity", |config| config.port_parity = true),
        ("port_contiguity", |config| config.port_contiguity = true),
        ("pooling", |config| config.pooling = Pooling::Arbitrary),
        ("hairpin", |config| config.hairpin = Hairpin::InternalSource),
        ("udp_timeout", |config| config.udp_timeout = SimDuration::from_millis(30_001)),
        ("udp_stream_timeout", |config| config.udp_stream_timeout = SimDuration::from_secs(179)),
        ("udp_stream_after", |config| config.udp_stream_after = SimDuration::from_secs(3)),
        ("udp_well_known_timeout", |config| {
            config.udp_well_known_timeout = Some(SimDuration::from_secs(29));
        }),
        ("refresh_outbound", |config| config.refresh_outbound = false),
        ("refresh_inbound", |config| config.refresh_inbound = false),
        ("wan_input", |config| config.wan_input = WanInput::Accept),
    ];
    let claimed = NatConfig {
        mapping: Mapping::AddressDependent,
        filtering: Filtering::AddressDependent,
        ports: PortAllocation::PreserveWithOverload,
        udp_timeout: SimDuration::from_secs(30),
        udp_stream_timeout: SimDuration::from_secs(180),
        udp_stream_after: SimDuration::from_secs(2),
        ..NatConfig::default()
    };
    for (property, change) in changes {
        let mut real = claimed.clone();
        change(&mut real);
        let findings = probe(&Behaviour::Nat(real), Seed::new(1)).unwrap();
        let rows = compare(&findings, &Behaviour::Nat(claimed.clone()));
        let differing = rows.iter().filter(|row| row.verdict == Verdict::Differs);
        let differing: Vec<_> = differing.map(|row| row.property).collect();
        assert_eq!(differing, [property]);
    }
}

#[test]
fn every_hairpin_behaviour_of_every_class() {
    for config in classes() {
        for hairpin in [Hairpin::InternalSource, Hairpin::ExternalSource] {
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
fn a_time_of_its_own_for_well_known_ports() {
    for seconds in [60, 120, 300, 600] {
        for timeout in [120, 300] {
            nat_agrees(NatConfig {
                udp_timeout: SimDuration::from_secs(timeout),
                udp_well_known_timeout: Some(SimDuration::from_secs(seconds)),
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
fn a_firewall_with_every_filter_and_timer() {
    let seconds = SimDuration::from_secs;
    for &filtering in Filtering::ALL {
        for (udp_timeout, udp_stream_timeout, udp_stream_after) in
            [(30, 180, 0), (30, 120, 2), (300, 300, 0), (120, 60, 5)]
        {
            for (refresh_inbound, inbound) in [(true, Action::Drop), (false, Action::Reject)] {
                agrees(&Behaviour::Firewall(FirewallConfig {
                    inbound: Policy::all(inbound),
                    filtering,
                    udp_timeout: seconds(udp_timeout),
                    udp_stream_timeout: seconds(udp_stream_timeout),
                    udp_stream_after: seconds(udp_stream_after),
                    udp_well_known_timeout: Some(seconds(10)),
                    refresh_inbound,
                    ..FirewallConfig::default()
                }));
            }
        }
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
