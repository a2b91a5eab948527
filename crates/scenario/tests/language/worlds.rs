//! What valid files come out as: addresses, links, NATs, firewalls and events.

use std::net::IpAddr;

use natbed_nat::{Action, Hairpin, Mapping, NatConfig, PortAllocation, WanInput, profile};
use natbed_scenario::{
    Bounds, Event, EventAction, HostIndex, IceState, LanIndex, Line, Link, LinkTarget, Load, Queue,
    Scenario,
};
use natbed_units::{ByteCount, Ppm, Rate, SimDuration};

use crate::marked::{HOSTS, SESSIONS, gateway, hosts, lans, scenario, session, valid};

fn case(text: &str) -> Scenario {
    valid(text).case(0).scenario
}

fn address(scenario: &Scenario, host: &str) -> String {
    let host = scenario.hosts.iter().find(|known| known.name == host).expect("a host of this name");
    host.address().to_string()
}

fn outside(scenario: &Scenario, lan: &str) -> String {
    let lan = scenario.lans.iter().find(|known| known.name == lan).expect("a LAN of this name");
    lan.gateway.as_ref().expect("it has a gateway").external.to_string()
}

#[test]
fn the_smallest_world_is_two_hosts_on_the_internet() {
    let scenario = case(&scenario(&format!("{HOSTS}{SESSIONS}")));
    assert!(scenario.lans.is_empty());
    assert_eq!(scenario.internet.unwrap().delay, SimDuration::from_millis(20));
    let session = &scenario.sessions[0];
    assert!(session.expect.is_none() && session.stun.is_empty() && session.turn.is_empty());
    let load =
        Load::Echo { count: 5, interval: SimDuration::from_millis(20), size: ByteCount::new(160) };
    assert_eq!(session.loads[0].load, load);
}

#[test]
fn a_world_without_internet_needs_no_gateway() {
    let scenario = case(&scenario(&format!(
        "internet: none\nlans: {{ l: {{ subnet: 10.0.0.0/24 }} }}\n\
         hosts: {{ a: {{ lan: l }}, b: {{ lan: l }} }}\n{SESSIONS}"
    )));
    assert_eq!(scenario.internet, None);
    assert_eq!(scenario.lans[0].gateway, None);
    assert_eq!([address(&scenario, "a"), address(&scenario, "b")], ["10.0.0.10", "10.0.0.11"]);
}

#[test]
fn fixed_addresses_are_kept_free_of_chosen_ones() {
    let scenario = case(&hosts(
        "  c: { lan: home }\n  d: { lan: home, address: 192.168.1.11 }\n  e: { lan: home }\n  \
         f: { lan: home, address: 192.168.1.2 }",
    ));
    let addresses = ["a", "c", "d", "e", "f"].map(|host| address(&scenario, host));
    assert_eq!(
        addresses,
        ["192.168.1.10", "192.168.1.12", "192.168.1.11", "192.168.1.13", "192.168.1.2"]
    );
}

#[test]
fn chosen_addresses_go_on_from_the_start_of_a_small_subnet() {
    let addresses = |subnet: &str, count: usize| -> Vec<String> {
        let members: String =
            (0..count).map(|host| format!("  h{host}: {{ lan: small }}\n")).collect();
        let scenario = case(&scenario(&format!(
            "lans: {{ small: {{ subnet: {subnet}, gateway: {{ nat: linux-masquerade }} }} }}\n\
             hosts:\n{members}sessions: {{ call: {{ between: [h0, h1] }} }}\n"
        )));
        scenario.hosts.iter().map(|host| host.address().to_string()).collect()
    };
    // The tenth address is not in this subnet; .8 is its network and .9 its gateway.
    let all = ["10.0.0.10", "10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14"];
    assert_eq!(addresses("10.0.0.8/29", 5), all);
    // Here .26 is the tenth and .30 the last before the broadcast address.
    let all = addresses("10.0.0.16/28", 13);
    assert_eq!(all[..2], ["10.0.0.26", "10.0.0.27"]);
    assert_eq!(all[4..7], ["10.0.0.30", "10.0.0.18", "10.0.0.19"]);
    assert_eq!(all[12], "10.0.0.25");
}

#[test]
fn gateways_choose_their_outside_before_hosts_choose() {
    let members: String = (0..95).map(|host| format!("  h{host}: {{ lan: isp }}\n")).collect();
    let scenario = case(&scenario(&format!(
        "lans:\n  isp: {{ subnet: 100.64.0.0/24, gateway: {{ nat: rfc6888-cgn }} }}\n  \
         x: {{ subnet: 192.168.0.0/24, gateway: {{ nat: linux-masquerade, via: isp }} }}\n  \
         y: {{ subnet: 192.168.0.0/24, gateway: {{ nat: linux-masquerade, via: isp, external: 100.64.0.101 }} }}\n  \
         z: {{ subnet: 192.168.0.0/24, gateway: {{ nat: linux-masquerade, via: isp }} }}\n\
         hosts:\n{members}sessions: {{ call: {{ between: [h0, h1] }} }}\n"
    )));
    let gateways = ["isp", "x", "y", "z"].map(|lan| outside(&scenario, lan));
    assert_eq!(gateways, ["198.18.0.1", "100.64.0.100", "100.64.0.101", "100.64.0.102"]);
    assert_eq!(address(&scenario, "h89"), "100.64.0.99");
    assert_eq!(address(&scenario, "h90"), "100.64.0.103");
    assert_eq!(scenario.lans[1].gateway.as_ref().unwrap().via, Some(LanIndex(0)));
}

#[test]
fn internet_addresses_are_chosen_around_taken_ones() {
    let lans: String = (0..3)
        .map(|lan| {
            format!("  l{lan}: {{ subnet: 10.0.0.0/24, gateway: {{ nat: linux-masquerade }} }}\n")
        })
        .collect();
    let text = format!(
        "lans:\n{lans}  r: {{ subnet: 198.18.0.4/30, gateway: {{ nat: none }} }}\n  \
         own: {{ subnet: 198.18.0.8/29, gateway: {{ nat: linux-masquerade }} }}\n\
         hosts: {{ a: {{ internet: 198.18.0.2 }}, b: {{ lan: r }} }}\n{SESSIONS}"
    );
    let scenario = case(&scenario(&text));
    let gateways = ["l0", "l1", "l2", "r", "own"].map(|lan| outside(&scenario, lan));
    // .2 is a host's, .4 to .7 are routed, .8 to .15 are inside the gateway that would get one.
    assert_eq!(gateways, ["198.18.0.1", "198.18.0.3", "198.18.0.8", "198.18.0.9", "198.18.0.16"]);
    assert_eq!(scenario.lans[3].gateway.as_ref().unwrap().nat, None);
}

#[test]
fn ipv6_subnets_work_the_same_way() {
    let scenario = case(&scenario(&format!(
        "lans:\n  site: {{ subnet: \"fd00:1::/64\", gateway: {{ nat: linux-masquerade }} }}\n  \
         lab: {{ subnet: \"fd00:2::/64\", gateway: {{ nat: none, via: site }} }}\n\
         hosts: {{ e: {{ lan: lab }}, f: {{ lan: lab, address: \"fd00:2::11\" }}, c: {{ lan: lab }},\
         d: {{ internet: \"2001:db8::7\" }}, a: {{ internet: 198.51.100.1 }},\
         b: {{ internet: 198.51.100.2 }} }}\n{SESSIONS}"
    )));
    let addresses = ["e", "f", "c", "d"].map(|host| address(&scenario, host));
    assert_eq!(addresses, ["fd00:2::10", "fd00:2::11", "fd00:2::12", "2001:db8::7"]);
    assert_eq!(outside(&scenario, "site"), "2001:db8:ffff::1");
    assert_eq!(outside(&scenario, "lab"), "fd00:1::100");
    let inside = scenario.lans[1].gateway.as_ref().unwrap().inside;
    assert_eq!(inside, "fd00:2::1".parse::<IpAddr>().unwrap());
}

#[test]
fn private_subnets_may_repeat_behind_different_nats() {
    let same = "subnet: 192.168.1.0/24";
    case(&lans(&format!(
        "  x: {{ {same}, gateway: {{ nat: linux-masquerade }} }}\n  \
         y: {{ {same}, gateway: {{ nat: linux-masquerade }} }}\n  z: {{ {same} }}"
    )));
}

#[test]
fn links_inherit_what_they_do_not_say() {
    let scenario = case(&scenario(&format!(
        "lans:\n  isp:\n    subnet: 100.64.0.0/24\n    link: {{ delay: 3ms, up: 10mbit }}\n    \
         gateway: {{ nat: rfc6888-cgn, uplink: {{ queue: 3KB }} }}\n  \
         home: {{ subnet: 10.0.0.0/24, gateway: {{ nat: linux-masquerade, via: isp, uplink: {{ down: 50mbit }} }} }}\n\
         hosts:\n  a: {{ lan: isp, uplink: {{ delay: 0ms }} }}\n  b: {{ lan: home }}\n{SESSIONS}"
    )));
    let uplink = |lan: usize| scenario.lans[lan].gateway.as_ref().unwrap().uplink.clone();
    let mbit = |rate: u64| Line::Rate(Rate::from_bits_per_second(rate * 1_000_000));
    let plain = (SimDuration::from_micros(100), Line::Unlimited);
    assert_eq!((uplink(0).up.delay, uplink(0).up.line), plain);
    assert_eq!(uplink(0).up.queue, Queue::drop_tail(ByteCount::new(3_000)));
    assert_eq!(uplink(0).down.queue, uplink(0).up.queue);
    assert_eq!(
        (uplink(1).up.delay, uplink(1).up.line, uplink(1).down.line),
        (SimDuration::from_millis(3), mbit(10), mbit(50))
    );
    let link = |host: usize| scenario.hosts[host].interface().link.clone();
    let Link { up, down } = link(0);
    assert_eq!((up.delay, up.line, down.line), (SimDuration::ZERO, mbit(10), Line::Unlimited));
    assert_eq!((link(1).up.delay, link(1).up.line), plain);
    assert_eq!(scenario.lans[0].link.up.delay, SimDuration::from_millis(3));
}

#[test]
fn a_nat_is_its_profile_with_what_the_file_overrides() {
    let config = |nat: &str| {
        let scenario = case(&gateway(&format!("{{ nat: {nat} }}")));
        scenario.lans[0].gateway.clone().unwrap().nat.unwrap()
    };
    let linux = profile("linux-masquerade").unwrap().behaviour.nat().unwrap();
    let choice = config("{ profile: linux-masquerade, hairpin: external, udp_timeout: 2min }");
    assert_eq!(choice.profile.as_ref().unwrap().name, "linux-masquerade");
    let expected = NatConfig {
        hairpin: Hairpin::ExternalSource,
        udp_timeout: SimDuration::from_secs(120),
        ..linux.clone()
    };
    assert_eq!(choice.config, expected.into());

    assert_eq!(config("{}").config, NatConfig::default().into());
    let all = config(
        "{ mapping: adm, filtering: adf, ports: sequential, hairpin: internal, udp_timeout: 5s, \
         udp_stream_timeout: 4s, udp_stream_after: 0s, refresh_inbound: false, \
         refresh_outbound: false, wan_input: accept, max_flows: 9 }",
    );
    let all = all.nat().unwrap();
    assert_eq!((all.mapping, all.ports), (Mapping::AddressDependent, PortAllocation::Sequential));
    assert_eq!((all.refresh_inbound, all.refresh_outbound, all.max_flows), (false, false, 9));
    assert_eq!(
        (all.wan_input, all.udp_stream_timeout),
        (WanInput::Accept, SimDuration::from_secs(4))
    );
}

#[test]
fn the_stream_timeout_is_never_shorter_than_a_lone_udp_timeout() {
    let stream = |nat: &str| {
        let scenario = case(&gateway(&format!("{{ nat: {nat} }}")));
        let nat = scenario.lans[0].gateway.clone().unwrap().nat.unwrap();
        nat.nat().unwrap().udp_stream_timeout
    };
    assert_eq!(stream("{ udp_timeout: 30s }"), SimDuration::from_secs(300));
    assert_eq!(stream("{ udp_timeout: 1h }"), SimDuration::from_secs(3600));
    assert_eq!(
        stream("{ profile: linux-masquerade, udp_timeout: 10min }"),
        SimDuration::from_secs(600)
    );
}

#[test]
fn ports_are_forwarded_to_hosts_by_name_or_address() {
    let scenario = case(&hosts("").replace(
        "nat: linux-masquerade }",
        "nat: linux-masquerade, forwards: [{ protocol: udp, port: 5000, to: a:6000 }, \
             { protocol: tcp, port: 5000, to: 192.168.1.99:80 }] }",
    ));
    let nat = scenario.lans[0].gateway.clone().unwrap().nat.unwrap();
    let nat = nat.nat().unwrap();
    let forwards: Vec<_> = nat
        .forwards
        .iter()
        .map(|forward| {
            (forward.protocol.to_string(), forward.external_port, forward.internal.to_string())
        })
        .collect();
    assert_eq!(
        forwards,
        [
            ("udp".to_owned(), 5000, "192.168.1.10:6000".to_owned()),
            ("tcp".to_owned(), 5000, "192.168.1.99:80".to_owned()),
        ]
    );
    assert_eq!(nat.validate(&["198.18.0.1".parse().unwrap()]), Ok(()));
}

#[test]
fn firewall_policies_in_all_their_forms() {
    let firewall = |outbound: &str| {
        let text = hosts(&format!(
            "  c: {{ lan: home, firewall: {{ outbound: {outbound}, udp_timeout: 9s }} }}"
        ));
        let host = case(&text).hosts.pop().unwrap();
        let firewall = host.firewall.unwrap().config;
        assert_eq!(firewall.udp_timeout, SimDuration::from_secs(9));
        let rules: Vec<String> = firewall
            .outbound
            .rules
            .iter()
            .map(|rule| {
                let protocol = rule.protocol.map_or("any".to_owned(), |p| p.to_string());
                let ports = rule.ports.as_ref().map(|p| format!("/{}-{}", p.start(), p.end()));
                let remote = rule.remote.map(|remote| format!(" {remote}"));
                format!(
                    "{} {protocol}{}{}",
                    rule.action,
                    ports.unwrap_or_default(),
                    remote.unwrap_or_default()
                )
            })
            .collect();
        (rules.join("; "), firewall.outbound.default)
    };
    let is = |rules: &str, default| (rules.to_owned(), default);
    assert_eq!(firewall("reject"), is("", Action::Reject));
    assert_eq!(
        firewall("{ allow: [any, icmp, udp/5000-6000] }"),
        is("allow any; allow icmp; allow udp/5000-6000", Action::Drop)
    );
    assert_eq!(firewall("{ drop: [udp] }"), is("drop udp", Action::Allow));
    assert_eq!(firewall("{ reject: [tcp/80] }"), is("reject tcp/80-80", Action::Allow));
    assert_eq!(
        firewall(
            "{ rules: [{ allow: udp/53, remote: 10.0.0.0/8 }, { drop: any }], default: reject }"
        ),
        is("allow udp/53-53 10.0.0.0/8; drop any", Action::Reject)
    );
    assert_eq!(firewall("{ rules: [] }"), is("", Action::Drop));
}

#[test]
fn events_come_in_the_order_of_time() {
    let scenario = case(&hosts(
        "  s: { internet: 198.51.100.9, serve: { stun: {} } }\nevents:\n  \
         - { at: 9s, link_up: home }\n  - { at: 5s, link_down: home }\n  - { at: 5s, link_down: a }\n  \
         - { at: 1s, server_stop: s }\n  - { at: 2s, server_start: s }\n  - { at: 0s, nat_flush: home }",
    ));
    let event = |secs, action| Event { at: SimDuration::from_secs(secs), action };
    assert_eq!(
        scenario.events,
        [
            event(0, EventAction::NatFlush(LanIndex(0))),
            event(1, EventAction::ServerStop(HostIndex(2))),
            event(2, EventAction::ServerStart(HostIndex(2))),
            event(5, EventAction::LinkDown(LinkTarget::Gateway(LanIndex(0)))),
            event(5, EventAction::LinkDown(LinkTarget::Host(HostIndex(0)))),
            event(9, EventAction::LinkUp(LinkTarget::Gateway(LanIndex(0)))),
        ]
    );
}

#[test]
fn an_expectation_can_name_states_and_bounds() {
    let scenario = case(&session(
        "\n    between: [a, b]\n    hold: 2s\n    expect:\n      \
         states: [checking, connected, disconnected, connected]\n      final_state: connected\n      \
         loss: { at_most: 0.5% }\n      rtt_p50: { at_most: 90ms }\n      rtt_p95: { at_most: 1s }",
    ));
    let session = &scenario.sessions[0];
    assert_eq!(session.hold, SimDuration::from_secs(2));
    let expect = session.expect.as_ref().unwrap();
    use IceState::{Checking, Connected, Disconnected};
    assert_eq!(expect.states, [Checking, Connected, Disconnected, Connected]);
    assert_eq!(expect.final_state, Some(Connected));
    let load = scenario.sessions[0].loads[0].expect;
    assert_eq!(load.loss, Some(at_most(Ppm::new(5_000).unwrap())));
    assert_eq!(load.rtt_p50, Some(at_most(SimDuration::from_millis(90))));
    assert_eq!(load.rtt_p95, Some(at_most(SimDuration::from_secs(1))));
    assert_eq!((expect.path, expect.line), (None, 17));
}

#[test]
fn anchors_stand_for_what_they_name() {
    let scenario = case(&scenario(&format!(
        "lans:\n  x: {{ subnet: 10.0.0.0/24, gateway: &g {{ nat: linux-masquerade }} }}\n  \
         y: {{ subnet: 10.0.0.0/24, gateway: *g }}\n{HOSTS}{SESSIONS}"
    )));
    let nat = |lan: usize| scenario.lans[lan].gateway.as_ref().unwrap().nat.clone();
    assert_eq!(nat(0), nat(1));
    assert_ne!(outside(&scenario, "x"), outside(&scenario, "y"));
}

fn at_most<T>(limit: T) -> Bounds<T> {
    Bounds { at_least: None, at_most: Some(limit) }
}
