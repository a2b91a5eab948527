//! Dual-stack LANs, pools, second LANs, rules, and hosts with several interfaces.

use std::net::IpAddr;

use natbed_nat::{PortBlocks, StatelessConfig, TranslatorConfig};
use natbed_scenario::{Attachment, Gateway, LanIndex, Scenario};

use crate::marked::{SESSIONS, gateway, hosts, lans, scenario, valid};

fn case(text: &str) -> Scenario {
    valid(text).case(0).scenario
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("the addresses of this test are valid")
}

/// The gateway of the first LAN of a scenario with these LANs.
fn first(text: &str) -> Gateway {
    case(&lans(text)).lans[0].gateway.clone().expect("the first LAN has a gateway")
}

#[test]
fn a_dual_stack_lan_has_a_gateway_with_two_halves() {
    let scenario = case(&scenario(&format!(
        "lans:\n  isp:\n    subnet: 100.64.0.0/24\n    ipv6: 2001:db8:1::/64\n    \
         gateway: {{ nat: rfc6888-cgn, ipv6: {{ external: \"2001:db8:9::1\", firewall: {{}} }} }}\n  \
         home:\n    subnet: 192.168.1.0/24\n    ipv6: 2001:db8:2::/64\n    \
         gateway: {{ nat: linux-masquerade, via: isp, firewall: {{ inbound: drop }} }}\n\
         hosts:\n  a: {{ lan: home }}\n  b: {{ lan: home, address: 192.168.1.77, ipv6_address: \"2001:db8:2::77\" }}\n\
         {SESSIONS}"
    )));
    let isp = scenario.lans[0].gateway.as_ref().unwrap();
    let half = isp.ipv6.as_ref().unwrap();
    assert_eq!([isp.inside, isp.external], [ip("100.64.0.1"), ip("198.18.0.1")]);
    assert_eq!([half.inside, half.external], [ip("2001:db8:1::1"), ip("2001:db8:9::1")]);
    assert!(half.firewall.is_some() && isp.firewall.is_none());
    let home = scenario.lans[1].gateway.as_ref().unwrap();
    let half = home.ipv6.as_ref().unwrap();
    assert_eq!([home.inside, home.external], [ip("192.168.1.1"), ip("100.64.0.100")]);
    assert_eq!([half.inside, half.external], [ip("2001:db8:2::1"), ip("2001:db8:1::100")]);
    assert_eq!(half.nat, None, "IPv6 is routed unless the file says otherwise");
    assert_eq!(half.firewall, home.firewall, "the firewall is for both");
    let addresses = |host: usize| scenario.hosts[host].addresses().collect::<Vec<_>>();
    assert_eq!(addresses(0), [ip("192.168.1.10"), ip("2001:db8:2::10")]);
    assert_eq!(addresses(1), [ip("192.168.1.77"), ip("2001:db8:2::77")]);
    assert_eq!(scenario.hosts[0].ipv4_address(), Some("192.168.1.10".parse().unwrap()));
    let subnets: Vec<_> = scenario.lans[1].subnets().map(|subnet| subnet.to_string()).collect();
    assert_eq!(subnets, ["192.168.1.0/24", "2001:db8:2::/64"]);
}

#[test]
fn a_pool_is_what_follows_the_gateways_own_address() {
    let gateway = first(
        "  home: { subnet: 10.0.0.0/24, gateway: { nat: linux-masquerade, \
         external: [203.0.113.9, 203.0.113.3], icmp_errors: false, uplink: { mtu: 1492B } } }",
    );
    assert_eq!(
        (gateway.external, &gateway.pool[..]),
        (ip("203.0.113.9"), &[ip("203.0.113.3")][..])
    );
    let externals: Vec<_> = gateway.externals().collect();
    assert_eq!(externals, [ip("203.0.113.9"), ip("203.0.113.3")]);
    assert_eq!((gateway.icmp_errors, gateway.uplink.up.mtu), (false, Some(1492)));
    let plain = first("  home: { subnet: 10.0.0.0/24, gateway: { nat: linux-masquerade } }");
    assert_eq!((plain.icmp_errors, plain.uplink.down.mtu, plain.pool.len()), (true, None, 0));
}

#[test]
fn an_mtu_is_inherited_like_the_rest_of_a_link() {
    let scenario = case(&scenario(&format!(
        "lans: {{ l: {{ subnet: 10.0.0.0/24, link: {{ mtu: 1400B }} }} }}\n\
         hosts: {{ a: {{ lan: l }}, b: {{ lan: l, uplink: {{ mtu: 600B }} }} }}\n{SESSIONS}"
    )));
    let mtu = |host: usize| scenario.hosts[host].interface().link.up.mtu;
    assert_eq!([mtu(0), mtu(1)], [Some(1400), Some(600)]);
}

#[test]
fn a_second_lan_shares_the_gateway_of_the_first() {
    let scenario = case(&lans(
        "  guest: { subnet: 192.168.2.0/24, gateway: { of: home } }\n  \
         home: { subnet: 192.168.1.0/24, ipv6: \"2001:db8:1::/64\", gateway: { nat: linux-masquerade } }\n  \
         lab: { subnet: 192.168.3.0/24, gateway: { nat: none, via: guest } }",
    ));
    let guest = &scenario.lans[0];
    let second = guest.second_of.unwrap();
    assert_eq!((second.of, second.inside), (LanIndex(1), ip("192.168.2.1")));
    assert_eq!((second.ipv6_inside, &guest.gateway), (None, &None));
    assert_eq!(scenario.served_by(LanIndex(0)), LanIndex(1));
    assert_eq!(scenario.gateway(LanIndex(0)), scenario.lans[1].gateway.as_ref());
    assert_eq!(scenario.gateway(LanIndex(2)).unwrap().external, ip("192.168.2.100"));
}

#[test]
fn a_rule_has_the_subnet_inside_and_the_file_says_the_outside() {
    let rule = |subnet: &str, rule: &str| {
        let gateway =
            first(&format!("  home: {{ subnet: \"{subnet}\", gateway: {{ nat: {{ {rule} }} }} }}"));
        match gateway.nat.unwrap().config {
            TranslatorConfig::Stateless(rule) => (rule, gateway.external),
            TranslatorConfig::Nat(config) => panic!("{config:?}"),
        }
    };
    let (config, external) = rule("10.0.0.0/28", "one_to_one: 198.51.200.0/28");
    let (internal, outside) = ("10.0.0.0/28".parse().unwrap(), "198.51.200.0/28".parse().unwrap());
    assert_eq!(config, StatelessConfig::OneToOne { internal, external: outside });
    assert_eq!(external, ip("198.18.0.1"));
    let (config, external) = rule("fd01::/48", "nptv6: \"2001:db8:ff::/48\"");
    let (internal, outside) = ("fd01::/48".parse().unwrap(), "2001:db8:ff::/48".parse().unwrap());
    assert_eq!(config, StatelessConfig::Nptv6 { internal, external: outside });
    assert_eq!(external, ip("2001:db8:ffff::1"));
    let (config, external) =
        rule("192.0.0.0/29", "clat: { nat64: \"64:ff9b::/96\", prefix: \"2001:db8:c::/96\" }");
    let (clat, nat64) = ("2001:db8:c::/96".parse().unwrap(), "64:ff9b::/96".parse().unwrap());
    let internal = "192.0.0.0/29".parse().unwrap();
    assert_eq!(config, StatelessConfig::Clat { internal, clat, nat64 });
    assert_eq!(external, ip("2001:db8:ffff::1"), "the outside of a CLAT is IPv6");
}

#[test]
fn a_nat64_leads_from_ipv6_to_ipv4() {
    let scenario = case(&scenario(&format!(
        "lans:\n  carrier: {{ subnet: \"2001:db8:a::/64\", gateway: {{ nat: {{ profile: rfc6888-cgn, nat64: \"64:ff9b::/96\" }} }} }}\n  \
         phone:\n    subnet: 192.0.0.0/29\n    \
         gateway: {{ nat: {{ clat: {{ nat64: \"64:ff9b::/96\", prefix: \"2001:db8:c::/96\" }} }}, via: carrier }}\n\
         hosts: {{ a: {{ lan: phone }}, b: {{ internet: 198.51.100.2 }} }}\n{SESSIONS}"
    )));
    let carrier = scenario.lans[0].gateway.as_ref().unwrap();
    assert_eq!([carrier.inside, carrier.external], [ip("2001:db8:a::1"), ip("198.18.0.1")]);
    let nat = carrier.nat.as_ref().unwrap();
    assert_eq!(nat.nat().unwrap().nat64, Some("64:ff9b::/96".parse().unwrap()));
    assert_eq!(nat.profile.as_ref().unwrap().name, "rfc6888-cgn");
    let phone = scenario.lans[1].gateway.as_ref().unwrap();
    assert_eq!([phone.inside, phone.external], [ip("192.0.0.1"), ip("2001:db8:a::100")]);
}

#[test]
fn the_subscribers_of_deterministic_blocks_are_the_lans() {
    let text =
        gateway("{ nat: { port_blocks: { deterministic: { compression: 256, overflow: 4 } } } }");
    let nat = case(&text).lans[0].gateway.clone().unwrap().nat.unwrap();
    let blocks = PortBlocks::Deterministic {
        subscribers: "192.168.1.0/24".parse().unwrap(),
        compression: 256,
        overflow: 4,
    };
    assert_eq!(nat.nat().unwrap().port_blocks, Some(blocks));
}

#[test]
fn hosts_may_have_several_interfaces() {
    let scenario = case(&hosts(
        "  c: { interfaces: [{ lan: home, address: 192.168.1.7, uplink: { delay: 9ms } }, { lan: closed }, \
         { internet: 198.51.100.7, ipv6_address: \"2001:db8::7\" }], firewall: { inbound: drop } }",
    ));
    let host = &scenario.hosts[2];
    let interfaces: Vec<_> =
        host.interfaces.iter().map(|one| (one.attachment, one.address, one.ipv6_address)).collect();
    assert_eq!(
        interfaces,
        [
            (Attachment::Lan(LanIndex(0)), ip("192.168.1.7"), None),
            (Attachment::Lan(LanIndex(1)), ip("10.0.0.2"), None),
            (Attachment::Internet, ip("198.51.100.7"), Some(ip("2001:db8::7"))),
        ]
    );
    assert_eq!(host.interfaces[0].link.up.delay.to_string(), "9ms");
    assert_eq!(host.interfaces[1].link, natbed_scenario::Link::default());
    assert_eq!(host.address(), ip("192.168.1.7"));
    assert_eq!(host.addresses().count(), 4);
    assert!(host.firewall.is_some());
}

#[test]
fn any_interface_of_a_host_may_be_in_the_others_lan() {
    let scenario = case(&scenario(
        "lans: { l: { subnet: 10.0.0.0/24 }, m: { subnet: 10.0.1.0/24 } }\n\
         hosts: { a: { lan: l }, b: { interfaces: [{ lan: m }, { lan: l }] } }\n\
         sessions: { call: { between: [a, b], expect: { path: lan } } }\n",
    ));
    assert_eq!(scenario.hosts[1].interfaces.len(), 2);
}
