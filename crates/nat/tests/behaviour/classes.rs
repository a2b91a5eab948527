//! Every mapping, filtering and port allocation, told from outside as RFC 5780 does.

use natbed_nat::{Filtering, Mapping, NatConfig, PortAllocation};
use natbed_packet::DropReason;

use crate::lab::{Lab, ep, secs};

const CLIENT: &str = "192.168.1.10:5000";
const OTHER: &str = "192.168.1.11:5000";

/// All combinations that make sense: a strict port cannot differ from one destination to another.
fn all() -> impl Iterator<Item = NatConfig> {
    let all = Mapping::ALL.iter().flat_map(|&mapping| {
        Filtering::ALL.iter().flat_map(move |&filtering| {
            PortAllocation::ALL.iter().map(move |&ports| NatConfig {
                mapping,
                filtering,
                ports,
                ..NatConfig::default()
            })
        })
    });
    all.filter(|config| {
        config.ports != PortAllocation::Strict || config.mapping == Mapping::EndpointIndependent
    })
}

/// Tells the mapping behaviour by the ports toward three servers (RFC 5780 section 4.3).
fn mapping_seen(lab: &mut Lab) -> Mapping {
    let [first, other_port, other_address] =
        ["203.0.113.1:3478", "203.0.113.1:3479", "203.0.113.2:3478"].map(|to| lab.port(CLIENT, to));
    match (first == other_port, first == other_address) {
        (true, true) => Mapping::EndpointIndependent,
        (true, false) => Mapping::AddressDependent,
        (false, false) => Mapping::AddressAndPortDependent,
        (false, true) => panic!("no behaviour has this"),
    }
}

/// Tells the filtering behaviour by who can answer a packet to one server (section 4.4).
fn filtering_seen(lab: &mut Lab) -> Filtering {
    let port = lab.port(CLIENT, "203.0.113.1:3478");
    let stranger = lab.back("203.0.113.2:9", port);
    let same_address = lab.back("203.0.113.1:9", port);
    assert_eq!(lab.back("203.0.113.1:3478", port), Ok(ep(CLIENT)), "the server itself");
    match (same_address, stranger) {
        (Ok(_), Ok(_)) => Filtering::EndpointIndependent,
        (Ok(_), Err(_)) => Filtering::AddressDependent,
        (Err(_), Err(_)) => Filtering::AddressAndPortDependent,
        (Err(_), Ok(_)) => panic!("no behaviour has this"),
    }
}

#[test]
fn every_combination_looks_from_outside_like_what_it_is() {
    for config in all() {
        let mut lab = Lab::new(config.clone());
        assert_eq!(filtering_seen(&mut lab), config.filtering, "{config:?}");
        let mut lab = Lab::new(config.clone());
        if config.ports == PortAllocation::PreserveWithOverload {
            // Only a clash shows it: let another client have the port toward all servers.
            for to in ["203.0.113.1:3478", "203.0.113.1:3479", "203.0.113.2:3478"] {
                assert_eq!(lab.port(OTHER, to), 5000, "{config:?}");
            }
        }
        assert_eq!(mapping_seen(&mut lab), config.mapping, "{config:?}");
    }
}

#[test]
fn without_a_clash_overloading_makes_every_mapping_look_endpoint_independent() {
    for config in all().filter(|config| config.ports == PortAllocation::PreserveWithOverload) {
        let mut lab = Lab::new(config);
        assert_eq!(mapping_seen(&mut lab), Mapping::EndpointIndependent);
    }
}

#[test]
fn ports_are_chosen_as_the_allocation_says() {
    let ports_of = |ports| {
        let mut lab = Lab::new(NatConfig { ports, ..NatConfig::default() });
        [CLIENT, OTHER, "192.168.1.12:7000"].map(|from| lab.port(from, "203.0.113.1:3478"))
    };
    let [first, second, third] = ports_of(PortAllocation::Preserve);
    assert_eq!((first, third), (5000, 7000));
    assert!(second != 5000 && second != 7000);
    let [first, second, third] = ports_of(PortAllocation::Sequential);
    assert_eq!((second, third), (first + 1, first + 2));
    let [first, second, third] = ports_of(PortAllocation::Random);
    assert!(first != 5000 && second != first + 1 && third != second + 1);
}

#[test]
fn a_strict_port_is_the_internal_one_or_none() {
    let config = NatConfig { ports: PortAllocation::Strict, ..NatConfig::default() };
    let mut lab = Lab::new(config);
    assert_eq!(lab.port(CLIENT, "203.0.113.1:3478"), 5000);
    assert_eq!(lab.out(OTHER, "203.0.113.1:3478"), Err(DropReason::PortClash));
    assert_eq!(lab.out(OTHER, "203.0.113.9:9"), Err(DropReason::PortClash), "toward anybody");
    assert_eq!(lab.back("203.0.113.1:3478", 5000), Ok(ep(CLIENT)), "the first keeps it");
    assert_eq!(lab.port("192.168.1.11:80", "203.0.113.1:3478"), 80);
    lab.wait(secs(300));
    assert_eq!(lab.port(OTHER, "203.0.113.1:3478"), 5000, "free again");
}

#[test]
fn another_seed_gives_other_random_ports_and_the_same_seed_the_same() {
    let draw = |seed| Lab::seeded(NatConfig::default(), seed).port(CLIENT, "203.0.113.1:3478");
    assert_eq!(draw(1), draw(1));
    let mut drawn: Vec<_> = (0..100).map(draw).collect();
    drawn.sort_unstable();
    drawn.dedup();
    assert!(drawn.len() > 95, "{} of 100 seeds differ", drawn.len());
}

#[test]
fn a_seed_stands_for_the_same_ports_in_every_version() {
    // Whatever is added, a NAT with one address draws its ports and nothing else.
    let ports = |ports| {
        let mut lab = Lab::new(NatConfig { ports, ..NatConfig::default() });
        [CLIENT, OTHER].map(|from| lab.port(from, "203.0.113.1:3478"))
    };
    let drawn = [
        ports(PortAllocation::Random),
        ports(PortAllocation::Sequential),
        ports(PortAllocation::Preserve),
        ports(PortAllocation::PreserveWithOverload),
    ];
    assert_eq!(drawn, [[9219, 49780], [33396, 33397], [5000, 9219], [5000, 9349]]);
}

#[test]
fn preserving_dependent_mappings_keep_the_port_for_the_first_only() {
    let mapping = Mapping::AddressAndPortDependent;
    let ports = PortAllocation::Preserve;
    let mut lab = Lab::new(NatConfig { mapping, ports, ..NatConfig::default() });
    assert_eq!(lab.port(CLIENT, "203.0.113.1:3478"), 5000);
    assert_ne!(lab.port(CLIENT, "203.0.113.1:3479"), 5000);
}

#[test]
fn a_stranger_at_a_shared_port_reaches_the_oldest_mapping_that_lets_it_in() {
    let shared = |filtering| {
        let ports = PortAllocation::PreserveWithOverload;
        let mut lab = Lab::new(NatConfig { filtering, ports, ..NatConfig::default() });
        assert_eq!(lab.port(CLIENT, "203.0.113.1:3478"), 5000);
        assert_eq!(lab.port(OTHER, "203.0.113.2:3478"), 5000);
        lab
    };
    let mut lab = shared(Filtering::EndpointIndependent);
    assert_eq!(lab.back("203.0.113.3:9", 5000), Ok(ep(CLIENT)));
    let mut lab = shared(Filtering::AddressDependent);
    assert_eq!(lab.back("203.0.113.2:9", 5000), Ok(ep(OTHER)));
    assert_eq!(lab.back("203.0.113.1:9", 5000), Ok(ep(CLIENT)));
    assert!(lab.back("203.0.113.3:9", 5000).is_err());
}

#[test]
fn a_stranger_that_was_let_in_is_answered_by_the_mapping_of_its_own_address() {
    // What makes a symmetric NAT symmetric even when its filter is open.
    for (mapping, from_the_same) in [
        (Mapping::EndpointIndependent, true),
        (Mapping::AddressDependent, false),
        (Mapping::AddressAndPortDependent, false),
    ] {
        let filtering = Filtering::EndpointIndependent;
        let mut lab = Lab::new(NatConfig { mapping, filtering, ..NatConfig::default() });
        let port = lab.port(CLIENT, "203.0.113.1:3478");
        assert_eq!(lab.back("203.0.113.2:9", port), Ok(ep(CLIENT)));
        assert_eq!(lab.port(CLIENT, "203.0.113.2:9") == port, from_the_same, "{mapping}");
        assert_eq!(lab.back("203.0.113.2:9", port), Ok(ep(CLIENT)), "the way in stays open");
    }
}

#[test]
fn the_way_in_of_a_stranger_never_disturbs_the_way_out_to_it() {
    let mapping = Mapping::AddressAndPortDependent;
    let filtering = Filtering::EndpointIndependent;
    let mut lab = Lab::new(NatConfig { mapping, filtering, ..NatConfig::default() });
    let way_in = lab.port(CLIENT, "203.0.113.1:3478");
    assert_eq!(lab.back("203.0.113.2:9", way_in), Ok(ep(CLIENT)));
    let way_out = lab.port(CLIENT, "203.0.113.2:9");
    for _ in 0..3 {
        // The way in ends meanwhile.
        lab.wait(secs(200));
        assert_eq!(lab.port(CLIENT, "203.0.113.2:9"), way_out);
    }

    let ports = PortAllocation::PreserveWithOverload;
    let mut lab = Lab::new(NatConfig { filtering, ports, ..NatConfig::default() });
    assert_eq!(lab.port(CLIENT, "203.0.113.1:1"), 5000);
    assert_eq!(lab.port(OTHER, "203.0.113.1:2"), 5000);
    let way_out = lab.port(CLIENT, "203.0.113.1:2");
    assert_ne!(way_out, 5000);
    assert_eq!(lab.port(CLIENT, "203.0.113.1:3"), way_out);
    assert_eq!(lab.back("203.0.113.1:3", 5000), Ok(ep(CLIENT)));
    assert_eq!(lab.port(CLIENT, "203.0.113.1:3"), way_out);
}
