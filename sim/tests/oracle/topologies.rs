//! What the oracle says of each kind of topology, without running anything.

use natbed::oracle::{Oracle, predict};
use natbed_report::Prediction;
use natbed_scenario::{Source, load};

const HOME_NAT: &str = "linux-masquerade";
const SYMMETRIC: &str = "{ mapping: apdm, filtering: apdf }";
const TURN: &str =
    "turn: { internet: 203.0.113.10, serve: { stun: {}, turn: { users: { u: p } } } }";
const SERVERS: &str = "stun: [turn], turn: [turn]";

/// The prediction for the only session of a scenario, between `alice` and `bob`.
fn oracle(lans: &str, hosts: &str, session: &str, rest: &str) -> Oracle {
    let text = format!(
        "natbed: 1\nname: topology\nlans: {{ {lans} }}\nhosts: {{ {hosts} }}\n\
         sessions: {{ call: {{ between: [alice, bob], {session} }} }}\n{rest}"
    );
    let document = load(Source { name: "topology.yaml".to_owned(), text });
    let scenario = document.unwrap_or_else(|error| panic!("{error}")).case(0).scenario;
    predict(&scenario, &scenario.sessions[0])
}

#[track_caller]
fn assert_predicts(oracle: &Oracle, prediction: Prediction, reason: &str) {
    assert_eq!(oracle.prediction, prediction, "{}", oracle.reason);
    assert!(oracle.reason.contains(reason), "no {reason:?} in {:?}", oracle.reason);
}

fn lan(name: &str, gateway: &str) -> String {
    format!("{name}: {{ subnet: 192.168.1.0/24, gateway: {{ {gateway} }} }}")
}

/// Alice and Bob in homes of their own, each behind the given NAT.
fn homes(alice: &str, bob: &str, session: &str, rest: &str) -> Oracle {
    let (a, b) = (format!("nat: {alice}"), format!("nat: {bob}"));
    gateways(&a, &b, session, rest)
}

/// Alice and Bob in homes of their own, each behind the given gateway.
fn gateways(alice: &str, bob: &str, session: &str, rest: &str) -> Oracle {
    let lans = format!("{}, {}", lan("alice-home", alice), lan("bob-home", bob));
    let hosts = format!("alice: {{ lan: alice-home }}, bob: {{ lan: bob-home }}, {TURN}");
    oracle(&lans, &hosts, session, rest)
}

/// Alice at home behind the given NAT, Bob with a public address and the given firewall.
fn home_and_public(nat: &str, firewall: &str) -> Oracle {
    let hosts = format!(
        "alice: {{ lan: home }}, bob: {{ internet: 198.51.100.2, firewall: {firewall} }}, {TURN}"
    );
    oracle(&lan("home", &format!("nat: {nat}")), &hosts, SERVERS, "")
}

/// Both on one LAN behind the given NAT.
fn one_lan(nat: &str, isolate: bool, firewall: &str, session: &str) -> Oracle {
    let lans = format!(
        "home: {{ subnet: 192.168.1.0/24, isolate: {isolate}, gateway: {{ nat: {nat} }} }}"
    );
    let hosts =
        format!("alice: {{ lan: home, firewall: {firewall} }}, bob: {{ lan: home }}, {TURN}");
    oracle(&lans, &hosts, session, "")
}

/// Two homes behind a common carrier NAT.
fn carrier(nat: &str, isolate: bool) -> Oracle {
    let lans = format!(
        "carrier: {{ subnet: 100.64.0.0/24, isolate: {isolate}, gateway: {{ nat: {nat} }} }}, {}, {}",
        lan("alice-home", &format!("nat: {HOME_NAT}, via: carrier")),
        lan("bob-home", &format!("nat: {HOME_NAT}, via: carrier")),
    );
    let hosts = format!("alice: {{ lan: alice-home }}, bob: {{ lan: bob-home }}, {TURN}");
    oracle(&lans, &hosts, SERVERS, "")
}

#[test]
fn public_hosts_are_direct_with_firewalls_or_without() {
    for firewall in ["{}", "{ inbound: drop }", "{ inbound: reject }"] {
        let hosts = format!(
            "alice: {{ internet: 198.51.100.1, firewall: {firewall} }}, \
             bob: {{ internet: 198.51.100.2, firewall: {{ inbound: drop }} }}"
        );
        let oracle = oracle("", &hosts, "stack: webrtc-ice", "");
        assert_predicts(&oracle, Prediction::Direct, "both mappings are endpoint-independent");
    }
}

#[test]
fn routed_homes_are_direct_behind_their_firewalls() {
    let home = |name: &str, subnet: &str| {
        format!(
            "{name}: {{ subnet: \"{subnet}\", gateway: {{ nat: none, firewall: {{ inbound: drop }} }} }}"
        )
    };
    let lans = format!("{}, {}", home("a", "20.0.1.0/24"), home("b", "20.0.2.0/24"));
    let oracle = oracle(&lans, "alice: { lan: a }, bob: { lan: b }", "stack: webrtc-ice", "");
    assert_predicts(&oracle, Prediction::Direct, "both mappings are endpoint-independent");
}

#[test]
fn one_nat_is_direct_unless_it_is_symmetric_and_the_other_side_filters_by_port() {
    for (nat, firewall, prediction) in [
        (HOME_NAT, "{}", Prediction::Direct),
        (HOME_NAT, "{ inbound: drop }", Prediction::Direct),
        (SYMMETRIC, "{}", Prediction::Direct),
        (SYMMETRIC, "{ inbound: drop }", Prediction::Relay),
        (SYMMETRIC, "{ inbound: reject }", Prediction::Relay),
    ] {
        assert_predicts(&home_and_public(nat, firewall), prediction, "mapping");
    }
}

#[test]
fn a_firewall_that_tells_sources_apart_is_left_open() {
    let rules = "{ inbound: { allow: [udp/5000-5999] } }";
    assert_predicts(&home_and_public(HOME_NAT, rules), Prediction::Open, "some sources");
}

#[test]
fn one_lan_is_lan_with_or_without_internet() {
    let oracle_online = one_lan(HOME_NAT, false, "{}", SERVERS);
    assert_predicts(&oracle_online, Prediction::Lan, "both are on one LAN");
    let lans = "cabin: { subnet: 192.168.1.0/24 }";
    let hosts = "alice: { lan: cabin }, bob: { lan: cabin }";
    let offline = oracle(lans, hosts, "stack: webrtc-ice", "internet: none\n");
    assert_predicts(&offline, Prediction::Lan, "both are on one LAN");
}

#[test]
fn a_firewall_that_blocks_udp_on_one_lan_is_left_open() {
    let blocked = one_lan(HOME_NAT, false, "{ outbound: { allow: [tcp/443] } }", SERVERS);
    assert_predicts(&blocked, Prediction::Open, "a host firewall blocks UDP");
}

#[test]
fn an_isolated_lan_is_crossed_by_a_hairpin_that_shows_the_external_source() {
    let nat = |mapping: &str, hairpin: &str| {
        format!("{{ mapping: {mapping}, filtering: apdf, hairpin: {hairpin} }}")
    };
    for (mapping, hairpin, prediction, reason) in [
        ("eim", "none", Prediction::Relay, "does not hairpin"),
        ("eim", "internal", Prediction::Relay, "internal source"),
        ("eim", "external", Prediction::Direct, "both mappings are endpoint-independent"),
        ("apdm", "external", Prediction::Relay, "both mappings depend on the destination"),
    ] {
        assert_predicts(&one_lan(&nat(mapping, hairpin), true, "{}", SERVERS), prediction, reason);
    }
    let no_relay = one_lan(&nat("eim", "none"), true, "{}", "stun: [turn]");
    assert_predicts(&no_relay, Prediction::None, "does not hairpin, and there is no relay");
}

#[test]
fn a_common_carrier_nat_decides_by_its_hairpin_and_not_by_its_isolation() {
    for isolate in [true, false] {
        for (hairpin, prediction, reason) in [
            ("none", Prediction::Relay, "does not hairpin"),
            ("internal", Prediction::Relay, "internal source"),
            ("external", Prediction::Direct, "both mappings are endpoint-independent"),
        ] {
            let nat = format!("{{ profile: rfc6888-cgn, hairpin: {hairpin} }}");
            assert_predicts(&carrier(&nat, isolate), prediction, reason);
        }
    }
    let symmetric = "{ mapping: apdm, filtering: apdf, hairpin: external }";
    assert_predicts(&carrier(symmetric, false), Prediction::Relay, "depend on the destination");
}

#[test]
fn a_peer_on_the_lan_of_the_others_gateway_is_left_open() {
    let lans = format!(
        "office: {{ subnet: 10.0.0.0/24, gateway: {{ nat: {HOME_NAT} }} }}, {}",
        lan("lab", &format!("nat: {HOME_NAT}, via: office"))
    );
    let hosts = format!("alice: {{ lan: office }}, bob: {{ lan: lab }}, {TURN}");
    let oracle = oracle(&lans, &hosts, SERVERS, "");
    assert_predicts(&oracle, Prediction::Open, "on the LAN that the other's gateway is on");
}

#[test]
fn two_nats_in_a_row_are_composed_and_three_are_left_open() {
    let chain = |outer: &str, middle: &str| {
        let lans = format!(
            "a3: {{ subnet: 100.64.0.0/24, gateway: {{ nat: {outer} }} }}, \
             a2: {{ subnet: 10.2.0.0/24, gateway: {{ nat: {middle}, via: a3 }} }}, {}, {}",
            lan("a1", &format!("nat: {HOME_NAT}, via: a2")),
            lan("b1", &format!("nat: {HOME_NAT}")),
        );
        let hosts = format!("alice: {{ lan: a1 }}, bob: {{ lan: b1 }}, {TURN}");
        oracle(&lans, &hosts, SERVERS, "")
    };
    assert_predicts(&chain(HOME_NAT, HOME_NAT), Prediction::Open, "more boxes in a row");
    // A router that only routes is no box, and neither is a NAT that hides nothing.
    assert_predicts(&chain(SYMMETRIC, "none"), Prediction::Relay, "one mapping depends");
    let hides_nothing = "{ mapping: eim, filtering: eif }";
    assert_predicts(&chain(hides_nothing, SYMMETRIC), Prediction::Relay, "one mapping depends");
}

#[test]
fn what_the_rule_takes_for_granted_of_a_nat_is_checked() {
    for (nat, reason) in [
        ("linux-masquerade-wan-input-accept", "a WAN input accepts"),
        ("{ wan_input: accept }", "a WAN input accepts"),
        ("{ mapping: apdm, ports: overload }", "preserved ports"),
        ("{ udp_timeout: 5s, udp_stream_timeout: 5s }", "mappings may expire"),
    ] {
        assert_predicts(&homes(nat, HOME_NAT, SERVERS, ""), Prediction::Open, reason);
        assert_predicts(&homes(HOME_NAT, nat, SERVERS, ""), Prediction::Open, reason);
    }
    let forward =
        "nat: linux-masquerade, forwards: [{ protocol: udp, port: 5000, to: \"bob:5000\" }]";
    let oracle = gateways(&format!("nat: {SYMMETRIC}"), forward, SERVERS, "");
    assert_predicts(&oracle, Prediction::Open, "port forwards");
}

#[test]
fn blocked_udp_is_none_on_both_sides_and_open_on_one() {
    let office = "nat: linux-masquerade, firewall: { outbound: { allow: [tcp/443] } }";
    let home = "nat: linux-masquerade";
    let both = gateways(office, office, SERVERS, "");
    assert_predicts(&both, Prediction::None, "UDP is blocked on both sides");
    for (alice, bob) in [(office, home), (home, office)] {
        let one = gateways(alice, bob, SERVERS, "");
        assert_predicts(&one, Prediction::Open, "UDP is blocked on one side only");
    }
    let some = "nat: linux-masquerade, firewall: { outbound: { allow: [udp/53] } }";
    assert_predicts(&gateways(some, home, SERVERS, ""), Prediction::Open, "to some places");
    let tcp_rules = "nat: linux-masquerade, firewall: { outbound: { drop: [tcp/25] } }";
    let unaffected = gateways(tcp_rules, home, SERVERS, "");
    assert_predicts(&unaffected, Prediction::Direct, "both mappings are endpoint-independent");
}

#[test]
fn without_a_relay_what_is_not_direct_is_none() {
    let no_turn = homes(SYMMETRIC, HOME_NAT, "stun: [turn]", "");
    assert_predicts(&no_turn, Prediction::None, "and there is no relay");
    let direct = homes(HOME_NAT, HOME_NAT, "stun: [turn]", "");
    assert_predicts(&direct, Prediction::Direct, "both mappings are endpoint-independent");
}

#[test]
fn a_server_that_is_stopped_from_the_start_is_as_good_as_none() {
    let stopped = "events: [{ at: 0s, server_stop: turn }]\n";
    let relay = homes(SYMMETRIC, HOME_NAT, SERVERS, stopped);
    assert_predicts(&relay, Prediction::None, "without STUN neither knows its public address");
    let later = homes(SYMMETRIC, HOME_NAT, SERVERS, "events: [{ at: 1s, server_stop: turn }]\n");
    assert_predicts(&later, Prediction::Open, "events change the network");
}

#[test]
fn a_network_that_changes_is_left_open() {
    for event in ["link_down: alice-home", "link_up: bob", "nat_flush: bob-home"] {
        let rest = format!("events: [{{ at: 0s, {event} }}]\n");
        assert_predicts(&homes(HOME_NAT, HOME_NAT, SERVERS, &rest), Prediction::Open, "events");
    }
}

#[test]
fn a_nat_that_may_run_out_of_flows_is_left_open() {
    let full = "{ profile: linux-masquerade, max_flows: 31 }";
    assert_predicts(&homes(full, HOME_NAT, SERVERS, ""), Prediction::Open, "run out of flows");
    let enough = "{ profile: linux-masquerade, max_flows: 32 }";
    let enough = homes(enough, HOME_NAT, SERVERS, "");
    assert_predicts(&enough, Prediction::Direct, "both mappings are endpoint-independent");
}

#[test]
fn a_late_start_is_left_open_when_it_is_later_than_checks_are_known_to_bridge() {
    for (start, prediction) in [
        ("{ bob: 1s }", Prediction::Direct),
        ("{ alice: 1001ms }", Prediction::Open),
        ("{ alice: 5s, bob: 5s }", Prediction::Direct),
        ("{ alice: 5s, bob: 3s }", Prediction::Open),
    ] {
        let oracle = homes(HOME_NAT, HOME_NAT, &format!("{SERVERS}, start: {start}"), "");
        assert_eq!(oracle.prediction, prediction, "{start}: {}", oracle.reason);
    }
}

#[test]
fn without_stun_homes_are_not_found_and_one_home_is_left_open() {
    let session = "stack: webrtc-ice";
    let both = homes(HOME_NAT, HOME_NAT, session, "");
    assert_predicts(&both, Prediction::None, "without STUN neither knows its public address");
    let hosts = "alice: { lan: home }, bob: { internet: 198.51.100.2 }";
    let one = oracle(&lan("home", "nat: linux-masquerade"), hosts, session, "");
    assert_predicts(&one, Prediction::Open, "one side does not know its public address");
    // A TURN server tells the address as well.
    let turn = homes(HOME_NAT, HOME_NAT, "turn: [turn]", "");
    assert_predicts(&turn, Prediction::Direct, "both mappings are endpoint-independent");
}

#[test]
fn peers_without_a_common_network_have_no_path() {
    let lans = "a: { subnet: 192.168.1.0/24 }, b: { subnet: 192.168.1.0/24 }";
    let hosts = "alice: { lan: a }, bob: { lan: b }";
    let oracle = oracle(lans, hosts, "stack: webrtc-ice", "internet: none\n");
    assert_predicts(&oracle, Prediction::None, "no segment is reachable from both");
}

#[test]
fn a_relay_that_is_not_public_is_left_open() {
    let lans = format!(
        "{}, {}, {}",
        lan("a", &format!("nat: {SYMMETRIC}")),
        lan("b", &format!("nat: {SYMMETRIC}")),
        lan("c", "nat: linux-masquerade"),
    );
    let hosts = "alice: { lan: a }, bob: { lan: b }, \
         turn: { lan: c, serve: { stun: {}, turn: { users: { u: p } } } }";
    let oracle = oracle(&lans, hosts, SERVERS, "");
    assert_predicts(&oracle, Prediction::Open, "reach the relay is outside of the rule");
}

#[test]
fn a_firewall_filters_as_loosely_as_it_is_told() {
    for (filtering, prediction) in
        [("eif", Prediction::Direct), ("adf", Prediction::Direct), ("apdf", Prediction::Relay)]
    {
        let firewall = format!("{{ inbound: drop, filtering: {filtering} }}");
        assert_predicts(&home_and_public(SYMMETRIC, &firewall), prediction, "one mapping depends");
    }
}

#[test]
fn permissions_of_the_endpoint_let_two_that_filter_by_address_meet() {
    let nat = |scope: &str| format!("{{ mapping: adm, filtering: adf, filter_scope: {scope} }}");
    for (scopes, prediction) in [
        (["mapping", "mapping"], Prediction::Relay),
        (["endpoint", "mapping"], Prediction::Direct),
        (["endpoint", "endpoint"], Prediction::Direct),
    ] {
        let oracle = homes(&nat(scopes[0]), &nat(scopes[1]), SERVERS, "");
        assert_predicts(&oracle, prediction, "both mappings depend on the destination");
    }
}

#[test]
fn strict_ports_are_predicted_for_one_host_and_left_open_for_two() {
    let strict = "{ ports: strict, hairpin: external }";
    let one = homes(strict, HOME_NAT, SERVERS, "");
    assert_predicts(&one, Prediction::Direct, "both mappings are endpoint-independent");
    assert_predicts(&one_lan(strict, true, "{}", SERVERS), Prediction::Open, "the same port");
}

#[test]
fn what_a_firewall_does_over_time_is_left_open() {
    for (firewall, reason) in [
        ("{ captive_portal: true }", "captive portal"),
        ("{ udp_rate: { packets_per_second: 100 } }", "rate of UDP"),
        ("{ max_flow_age: 10min }", "have become old"),
        ("{ inbound: drop, udp_timeout: 5s }", "may forget flows"),
        ("{ inbound: drop, max_flows: 8 }", "run out of flows"),
    ] {
        let gateway = format!("nat: {HOME_NAT}, firewall: {firewall}");
        let oracle = gateways(&gateway, "nat: linux-masquerade", SERVERS, "");
        assert_predicts(&oracle, Prediction::Open, reason);
    }
}

#[test]
fn several_outside_addresses_are_left_open_unless_a_host_has_one_of_them() {
    let pool = |pooling: &str| {
        let nat = format!("nat: {{ pooling: {pooling} }}");
        let gateway = format!("{nat}, external: [198.51.100.1, 198.51.100.2]");
        gateways(&gateway, "nat: linux-masquerade", SERVERS, "")
    };
    assert_predicts(&pool("paired"), Prediction::Direct, "both mappings");
    assert_predicts(&pool("arbitrary"), Prediction::Open, "different addresses");
}

#[test]
fn a_translation_by_rule_is_as_good_as_none() {
    let office =
        "office: { subnet: 10.0.0.0/28, gateway: { nat: { one_to_one: 198.51.100.16/28 } } }";
    for (nat, prediction) in [(HOME_NAT, Prediction::Direct), (SYMMETRIC, Prediction::Direct)] {
        let lans = format!("{office}, {}", lan("bob-home", &format!("nat: {nat}")));
        let hosts = format!("alice: {{ lan: office }}, bob: {{ lan: bob-home }}, {TURN}");
        assert_predicts(&oracle(&lans, &hosts, SERVERS, ""), prediction, "mapping");
    }
    // Without STUN, a host behind it does not know its public address either.
    let lans = format!("{office}, {}", lan("bob-home", &format!("nat: {HOME_NAT}")));
    let hosts = format!("alice: {{ lan: office }}, bob: {{ lan: bob-home }}, {TURN}");
    let unknown = oracle(&lans, &hosts, "stack: webrtc-ice", "");
    assert_predicts(&unknown, Prediction::None, "without STUN");
}

#[test]
fn a_phone_on_ipv6_is_what_its_carriers_nat64_is() {
    let phone = |nat64: &str, bob: &str| {
        let lans = format!(
            "carrier: {{ subnet: \"2001:db8:a::/64\", gateway: {{ nat: {{ nat64: \"64:ff9b::/96\", \
             {nat64} }} }} }}, phone: {{ subnet: 192.0.0.0/29, gateway: {{ nat: {{ clat: {{ nat64: \
             \"64:ff9b::/96\", prefix: \"2001:db8:c::/96\" }} }}, via: carrier }} }}, {}",
            lan("bob-home", &format!("nat: {bob}")),
        );
        let hosts = format!("alice: {{ lan: phone }}, bob: {{ lan: bob-home }}, {TURN}");
        oracle(&lans, &hosts, SERVERS, "")
    };
    let eim = "mapping: eim, filtering: eif";
    assert_predicts(&phone(eim, SYMMETRIC), Prediction::Direct, "one mapping depends");
    let symmetric = "mapping: apdm, filtering: apdf";
    assert_predicts(&phone(symmetric, SYMMETRIC), Prediction::Relay, "both mappings depend");
}

#[test]
fn two_lans_of_one_router_are_direct_without_its_nat() {
    let lans = |isolate: bool, gateway: &str| {
        format!(
            "home: {{ subnet: 192.168.1.0/24, gateway: {{ nat: {SYMMETRIC}{gateway} }} }}, \
             guests: {{ subnet: 192.168.2.0/24, isolate: {isolate}, gateway: {{ of: home }} }}"
        )
    };
    let hosts = "alice: { lan: home }, bob: { lan: guests }";
    for isolate in [true, false] {
        let oracle = oracle(&lans(isolate, ""), hosts, "stack: webrtc-ice", "");
        assert_predicts(&oracle, Prediction::Direct, "one router routes between the LANs");
    }
    let blocks = ", firewall: { outbound: { drop: [udp] } }";
    let blocked = oracle(&lans(false, blocks), hosts, "stack: webrtc-ice", "");
    assert_predicts(&blocked, Prediction::Open, "blocks UDP");
}

#[test]
fn several_interfaces_and_narrow_links_are_left_open() {
    let lans = format!(
        "{}, {}",
        lan("wifi", "nat: linux-masquerade"),
        lan("wire", "nat: linux-masquerade")
    );
    let hosts = format!(
        "alice: {{ interfaces: [{{ lan: wifi }}, {{ lan: wire }}] }}, bob: {{ internet: 198.51.100.2 }}, {TURN}"
    );
    assert_predicts(&oracle(&lans, &hosts, SERVERS, ""), Prediction::Open, "several interfaces");
    let narrow = gateways(
        "nat: linux-masquerade, uplink: { mtu: 300B }",
        "nat: linux-masquerade",
        SERVERS,
        "",
    );
    assert_predicts(&narrow, Prediction::Open, "too narrow");
}
