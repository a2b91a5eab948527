//! Every property of a NAT and of a firewall, and the profiles that they come from.

use natbed_nat::{
    Exhausted, FilterScope, Filtering, FirewallConfig, Fragments, Hairpin, Mapping, NatConfig,
    PacketRate, Policy, Pooling, PortAllocation, PortBlocks, PortClasses, ProfileStatus,
    UnsolicitedTcp, WanInput, profile,
};
use natbed_scenario::{FirewallChoice, NamedProfile, NatChoice, Source, load_profiles, load_with};
use natbed_units::SimDuration;

use crate::marked::{HOSTS, SESSIONS, gateway, hosts, scenario, source, valid};

fn nat(nat: &str) -> NatChoice {
    let scenario = valid(&gateway(&format!("{{ nat: {nat} }}"))).case(0).scenario;
    let gateway = scenario.lans[0].gateway.clone().expect("the LAN has a gateway");
    gateway.nat.expect("the gateway has a NAT")
}

fn firewall(firewall: &str) -> FirewallChoice {
    let text = hosts(&format!("  c: {{ lan: home, firewall: {firewall} }}"));
    let host = valid(&text).case(0).scenario.hosts[2].clone();
    host.firewall.expect("the host has a firewall")
}

const fn secs(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

#[test]
fn every_property_of_a_nat_can_be_given() {
    let choice = nat(
        "{ mapping: adm, filtering: adf, tcp_mapping: apdm, tcp_filtering: eif, filter_scope: endpoint, \
         ports: sequential, port_classes: three, port_parity: true, port_contiguity: true, \
         port_blocks: { dynamic: { size: 64, max_blocks: 4 } }, port_hold: 1s, pooling: arbitrary, \
         hairpin: internal, udp_timeout: 2s, udp_stream_timeout: 3s, udp_stream_after: 4s, \
         udp_well_known_timeout: 5s, tcp_timeout: 6s, tcp_opening_timeout: 7s, tcp_closing_timeout: 8s, \
         tcp_reset_timeout: 9s, icmp_timeout: 10s, refresh_outbound: false, refresh_inbound: false, \
         wan_input: reject, unsolicited_tcp: delay, fragments: in_order, exhausted: host_unreachable, \
         max_flows: 99, max_flows_per_subscriber: 11, max_ports_per_subscriber: 12 }",
    );
    let expected = NatConfig {
        mapping: Mapping::AddressDependent,
        filtering: Filtering::AddressDependent,
        tcp_mapping: Some(Mapping::AddressAndPortDependent),
        tcp_filtering: Some(Filtering::EndpointIndependent),
        filter_scope: FilterScope::InternalEndpoint,
        ports: PortAllocation::Sequential,
        port_classes: PortClasses::Three,
        port_parity: true,
        port_contiguity: true,
        port_blocks: Some(PortBlocks::Dynamic { size: 64, max_blocks: 4 }),
        port_hold: secs(1),
        pooling: Pooling::Arbitrary,
        hairpin: Hairpin::InternalSource,
        udp_timeout: secs(2),
        udp_stream_timeout: secs(3),
        udp_stream_after: secs(4),
        udp_well_known_timeout: Some(secs(5)),
        tcp_timeout: secs(6),
        tcp_opening_timeout: secs(7),
        tcp_closing_timeout: secs(8),
        tcp_reset_timeout: secs(9),
        icmp_timeout: secs(10),
        refresh_outbound: false,
        refresh_inbound: false,
        wan_input: WanInput::Reject,
        unsolicited_tcp: UnsolicitedTcp::Delay,
        fragments: Fragments::InOrder,
        exhausted: Exhausted::HostUnreachable,
        forwards: Vec::new(),
        max_flows: 99,
        max_flows_per_subscriber: Some(11),
        max_ports_per_subscriber: Some(12),
        nat64: None,
    };
    assert_eq!(choice, NatChoice { profile: None, config: expected.into() });
}

#[test]
fn every_property_of_a_firewall_can_be_given() {
    let text = gateway(
        "{ nat: linux-masquerade, firewall: { outbound: reject, inbound: drop, filtering: eif, udp_timeout: 2s, udp_stream_timeout: 3s, \
         udp_stream_after: 4s, udp_well_known_timeout: 5s, tcp_timeout: 6s, tcp_opening_timeout: 7s, \
         tcp_closing_timeout: 8s, tcp_reset_timeout: 9s, icmp_timeout: 10s, refresh_inbound: false, \
         unsolicited_tcp: reset, udp_rate: { packets_per_second: 100, burst: 7 }, max_flow_age: 11s, \
         captive_portal: true, max_flows: 99 } }",
    );
    let choice = valid(&text).case(0).scenario.lans[0].gateway.clone().unwrap().firewall.unwrap();
    let expected = FirewallConfig {
        outbound: Policy::all(natbed_nat::Action::Reject),
        inbound: Policy::all(natbed_nat::Action::Drop),
        filtering: Filtering::EndpointIndependent,
        udp_timeout: secs(2),
        udp_stream_timeout: secs(3),
        udp_stream_after: secs(4),
        udp_well_known_timeout: Some(secs(5)),
        tcp_timeout: secs(6),
        tcp_opening_timeout: secs(7),
        tcp_closing_timeout: secs(8),
        tcp_reset_timeout: secs(9),
        icmp_timeout: secs(10),
        refresh_inbound: false,
        unsolicited_tcp: UnsolicitedTcp::Reset,
        udp_rate: Some(PacketRate { packets_per_second: 100, burst: 7 }),
        max_flow_age: Some(secs(11)),
        captive_portal: true,
        max_flows: 99,
    };
    assert_eq!(choice, FirewallChoice { profile: None, config: expected });
    assert_eq!(firewall("{}").config, FirewallConfig::default());
}

#[test]
fn a_lone_udp_timeout_of_a_firewall_is_for_all_udp_flows() {
    let config = firewall("{ udp_timeout: 9s }").config;
    assert_eq!((config.udp_timeout, config.udp_stream_timeout), (secs(9), secs(9)));
    let config = firewall("{ udp_stream_timeout: 9s }").config;
    assert_eq!((config.udp_timeout, config.udp_stream_timeout), (secs(300), secs(9)));
    let rate = firewall("{ udp_rate: { packets_per_second: 8 } }").config.udp_rate;
    assert_eq!(rate, Some(PacketRate { packets_per_second: 8, burst: 8 }));
}

#[test]
fn none_takes_away_what_a_profile_has() {
    let mine = "profiles: { mine: { tcp_mapping: adm, udp_well_known_timeout: 9s, max_flows_per_subscriber: 5, \
                port_blocks: { dynamic: { size: 64, max_blocks: 4 } } } }\nlans:";
    let text = gateway(
        "{ nat: { profile: mine, tcp_mapping: none, udp_well_known_timeout: none, \
         max_flows_per_subscriber: none, port_blocks: none } }",
    )
    .replace("lans:", mine);
    let choice = valid(&text).case(0).scenario.lans[0].gateway.clone().unwrap().nat.unwrap();
    assert_eq!(choice.config, NatConfig::default().into());
}

#[test]
fn every_built_in_profile_can_be_used_where_it_belongs() {
    for profile in natbed_nat::profiles() {
        let text = match profile.behaviour.nat() {
            Some(_) => scenario(&format!(
                "lans: {{ l: {{ subnet: 10.0.0.0/29, gateway: {{ nat: {} }} }} }}\n{HOSTS}{SESSIONS}",
                profile.name
            )),
            None => hosts(&format!("  c: {{ lan: home, firewall: {} }}", profile.name)),
        };
        let scenario = match profile.behaviour.nat().is_some_and(|nat| nat.nat64.is_some()) {
            true => valid(&text.replace("10.0.0.0/29", "\"fd00::/64\"")),
            false => valid(&text),
        };
        let scenario = scenario.case(0).scenario;
        let used = scenario.profiles();
        let used = used.iter().find(|used| used.name == profile.name).expect("it is used");
        assert_eq!((used.status, &*used.source), (profile.status, profile.source));
        assert_eq!(NamedProfile::from(profile).behaviour, profile.behaviour);
    }
}

#[test]
fn a_users_profiles_build_on_one_another() {
    let text = gateway("{ nat: { profile: cellar, hairpin: external }, firewall: wall }").replace(
        "lans:",
        "profiles:\n  box: { profile: linux-masquerade, udp_timeout: 20s }\n  \
         cellar: { profile: box, max_flows: 9, summary: mine, source: measured, status: measured }\n  \
         wall: { firewall: { inbound: drop } }\nlans:",
    );
    let scenario = valid(&text).case(0).scenario;
    let gateway = scenario.lans[0].gateway.clone().unwrap();
    let choice = gateway.nat.unwrap();
    let linux = profile("linux-masquerade").unwrap().behaviour.nat().unwrap();
    let expected = NatConfig {
        udp_timeout: secs(20),
        max_flows: 9,
        hairpin: Hairpin::ExternalSource,
        ..linux.clone()
    };
    assert_eq!(choice.config, expected.into());
    let used: Vec<_> =
        scenario.profiles().iter().map(|used| (used.name.clone(), used.status)).collect();
    assert_eq!(
        used,
        [
            ("cellar".to_owned(), ProfileStatus::Measured),
            ("wall".to_owned(), ProfileStatus::Unverified)
        ]
    );
    assert_eq!(gateway.firewall.unwrap().profile.unwrap().source, "");
}

#[test]
fn a_file_of_profiles_is_read_alone_and_given_beside_scenarios() {
    let file = |text: &str| Source { name: "mine.yaml".to_owned(), text: text.to_owned() };
    let text =
        "natbed: 1\nprofiles:\n  zoo: { mapping: apdm }\n  ark: { profile: zoo, firewall: {} }\n";
    let wrong = load_profiles(file(text)).unwrap_err();
    assert_eq!(wrong.as_slice()[0].message, "`profile` belongs to a NAT");
    let text = text.replace("firewall: {}", "filtering: eif");
    let profiles = load_profiles(file(&text)).unwrap();
    let names: Vec<_> = profiles.iter().map(|profile| profile.name.as_str()).collect();
    assert_eq!(names, ["zoo", "ark"], "in the order of the file");
    assert_eq!(profiles[0].status, ProfileStatus::Unverified);

    let document = load_with(source(&gateway("{ nat: ark }")), profiles.clone()).unwrap();
    let choice = document.case(0).scenario.lans[0].gateway.clone().unwrap().nat.unwrap();
    assert_eq!(choice.profile.as_ref().unwrap().name, "ark");
    let config = choice.nat().unwrap();
    assert_eq!(
        (config.mapping, config.filtering),
        (Mapping::AddressAndPortDependent, Filtering::EndpointIndependent)
    );
    let again = gateway("{ nat: ark }").replace("lans:", "profiles: { ark: {} }\nlans:");
    let twice = load_with(source(&again), profiles).unwrap_err();
    assert_eq!(twice.as_slice()[0].message, "the name `ark` is taken");

    for (text, message) in [
        ("natbed: 1\n", "a file of profiles needs the key `profiles`"),
        ("profiles: {}\n", "a file of profiles needs the key `natbed`"),
        ("natbed: 2\nprofiles: {}\n", "this version of the language is not known"),
        ("natbed: 1\nprofiles: {}\nlans: {}\n", "unknown key of a file of profiles: `lans`"),
        ("", "the file is empty"),
    ] {
        assert_eq!(load_profiles(file(text)).unwrap_err().as_slice()[0].message, message);
    }
}

#[test]
fn the_matrix_may_choose_among_a_users_profiles() {
    let text = gateway("{ nat: \"${box}\" }")
        .replace("lans:", "profiles: { mine: { udp_timeout: \"${idle}\" } }\nlans:")
        + "matrix: { box: [mine, linux-masquerade], idle: [20s, 40s] }\n";
    let document = valid(&text);
    assert_eq!(document.case_count(), 4);
    let timeout = |case: usize| {
        let nat = document.case(case).scenario.lans[0].gateway.clone().unwrap().nat.unwrap();
        nat.nat().unwrap().udp_timeout
    };
    assert_eq!([timeout(0), timeout(1)], [secs(20), secs(40)]);
}
