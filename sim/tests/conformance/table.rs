//! The table as a whole: it is complete, each of its checks has a test, and chance decides none.

use std::collections::BTreeSet;

use natbed::conformance::{
    Finding, Lab, Level, Outcome, Requirement, Shortfall, examine, requirements,
};
use natbed_nat::{Action, Behaviour, NatConfig, Policy, PortBlocks, profile, profiles};
use natbed_units::SimDuration;

use crate::boxes::{carrier_nat, firewall, good_firewall, nat};

const TESTS: [&str; 6] = [
    include_str!("rfc4787.rs"),
    include_str!("rfc5382.rs"),
    include_str!("rfc5508.rs"),
    include_str!("rfc6092.rs"),
    include_str!("rfc6888.rs"),
    include_str!("rfc7857.rs"),
];

#[test]
fn each_requirement_has_its_test() {
    for requirement in requirements() {
        let number = requirement.number.replace(['.', ' '], "_");
        let name = format!(" req_{}_{number}_", requirement.rfc);
        let tested = TESTS.iter().any(|tests| tests.contains(&name));
        assert!(tested, "no test is called{name}...");
    }
}

#[test]
fn numbers_are_unique_and_sentences_whole() {
    let mut seen = BTreeSet::new();
    for it in requirements() {
        assert!(seen.insert((it.rfc, it.number)), "RFC {} {} stands twice", it.rfc, it.number);
        assert!(it.says.ends_with('.'), "{}", it.says);
    }
}

/// The numbers of each RFC, from the first to the last.
#[test]
fn no_number_is_left_out() {
    for (rfc, numbers) in
        [(4787, 1..=14), (5382, 1..=10), (5508, 1..=11), (6888, 1..=15), (6092, 9..=49)]
    {
        let there: BTreeSet<u32> = requirements()
            .filter(|requirement| requirement.rfc == rfc)
            .map(|it| it.number.chars().map_while(|c| c.to_digit(10)).fold(0, |n, d| n * 10 + d))
            .collect();
        assert_eq!(there, numbers.collect(), "RFC {rfc}");
    }
}

/// What a box comes to with the seeds from 1 to 5 is the same.
fn assert_certain(behaviour: &Behaviour, rfcs: &[u16]) {
    let outcomes = |seed| {
        let findings = examine(&Lab::new(behaviour, seed), rfcs);
        let outcome =
            |(it, finding): &(&Requirement, Finding)| (it.rfc, it.number, Outcome::from(finding));
        findings.iter().map(outcome).collect::<Vec<_>>()
    };
    let first = outcomes(1);
    for seed in 2..=5 {
        assert_eq!(outcomes(seed), first, "seed {seed}");
    }
}

#[test]
fn chance_decides_no_outcome() {
    let nat_rfcs = [4787, 5382, 5508, 6888, 7857];
    // With limits, so that no check takes long.
    let limited = |config| {
        let limit = Some(1500);
        let (max_ports_per_subscriber, max_flows_per_subscriber) = (limit, limit);
        Behaviour::Nat(NatConfig { max_ports_per_subscriber, max_flows_per_subscriber, ..config })
    };
    for behaviour in [&profile("linux-masquerade").unwrap().behaviour, &nat(|_| {})] {
        assert_certain(&limited(behaviour.nat().unwrap().clone()), &nat_rfcs);
    }
    assert_certain(&carrier_nat(|_| {}), &nat_rfcs);
    assert_certain(&good_firewall(), &[6092]);
}

#[test]
fn chance_decides_nothing_about_any_profile() {
    for profile in profiles() {
        let rfcs: &[u16] = match profile.behaviour {
            Behaviour::Nat(_) => &[4787, 5382, 5508],
            Behaviour::Firewall(_) => &[6092],
        };
        assert_certain(&profile.behaviour, rfcs);
    }
}

/// Boxes that users think of can be too small, contradictory, or shut.
#[test]
fn odd_boxes_are_not_applicable_and_nothing_worse() {
    let blocks = |subscribers: &str| {
        let subscribers = subscribers.parse().unwrap();
        Some(PortBlocks::Deterministic { subscribers, compression: 8, overflow: 0 })
    };
    let odd = [
        nat(|nat| nat.port_blocks = blocks("192.168.7.0/31")),
        nat(|nat| nat.port_blocks = blocks("2001:db8:7::/64")),
        nat(|nat| nat.udp_timeout = SimDuration::ZERO),
        nat(|nat| nat.max_flows = 1),
        firewall(|config| config.outbound = Policy::all(Action::Drop)),
        firewall(|config| config.captive_portal = true),
        firewall(|config| config.max_flows = 1),
    ];
    for behaviour in odd {
        for (requirement, finding) in
            examine(&Lab::new(&behaviour, 1), &[4787, 5382, 5508, 6092, 7857])
        {
            if let Err(Shortfall::Violated(seen) | Shortfall::NotApplicable(seen)) = finding {
                assert!(!seen.is_empty(), "{}", requirement.label());
            }
        }
    }
}

/// What the RFCs ask of a NAT and of a firewall can be had together.
#[test]
fn the_good_boxes_violate_no_must() {
    for (behaviour, rfcs) in
        [(nat(|_| {}), &[4787, 5382, 5508, 7857][..]), (good_firewall(), &[6092])]
    {
        let violated: Vec<_> = examine(&Lab::new(&behaviour, 1), rfcs)
            .into_iter()
            .filter(|(it, finding)| {
                it.level != Level::May && Outcome::from(finding) == Outcome::Violated
            })
            .map(|(it, finding)| (it.rfc, it.number, finding))
            .filter(|(rfc, number, _)| (*rfc, *number) != (6092, "48")) // PCP
            .collect();
        assert!(violated.is_empty(), "{violated:?}");
    }
}
