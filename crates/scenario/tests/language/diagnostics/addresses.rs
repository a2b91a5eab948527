//! Subnets, gateways and who has which address.

use super::assert_each;
use crate::marked::{assert_errors, gateway, hosts, lans, scenario, valid};

#[test]
fn subnets_and_addresses() {
    assert_each(&[
        (
            lans("  home: { subnet: «192.168.1.7/24» }"),
            "`192.168.1.7/24` is not the start of a subnet",
        ),
        (lans("  home: { subnet: «192.168.1.0» }"), "`192.168.1.0` is not a subnet"),
        (lans("  home: { subnet: «127.0.0.0/24» }"), "127.0.0.0/24 cannot be the subnet of a LAN"),
        (lans("  home: { subnet: «0.0.0.0/0» }"), "0.0.0.0/0 cannot be the subnet of a LAN"),
        (lans("  home: { subnet: «ff02::/64» }"), "ff02::/64 cannot be the subnet of a LAN"),
        (lans("  home: { subnet: «10.0.0.0/31» }"), "the subnet 10.0.0.0/31 is too small"),
        (lans("  home: { subnet: «\"fd00::/127\"» }"), "the subnet fd00::/127 is too small"),
        (hosts("  c: { lan: home, address: «home» }"), "`home` is not an IP address"),
        (
            hosts("  c: { lan: home, address: «192.168.2.7» }"),
            "192.168.2.7 is not in the subnet of `home`",
        ),
        (
            hosts("  c: { lan: home, address: «\"fd00::1\"» }"),
            "fd00::1 is not in the subnet of `home`",
        ),
        (
            hosts("  c: { lan: home, address: «192.168.1.0» }"),
            "192.168.1.0 is the network address of `home`",
        ),
        (
            hosts("  c: { lan: home, address: «192.168.1.255» }"),
            "192.168.1.255 is the broadcast address of `home`",
        ),
        (
            hosts("  c: { lan: home, address: «192.168.1.1» }"),
            "192.168.1.1 is the address of the gateway of `home`",
        ),
        (
            hosts(
                "  c: { lan: home, address: 192.168.1.7 }\n  d: { lan: home, address: «192.168.1.7» }",
            ),
            "192.168.1.7 is used twice in `home`",
        ),
        (
            hosts("  c: { lan: closed }\n  «d»: { lan: closed }"),
            "the subnet of `closed` is too small",
        ),
        (hosts("  c: { internet: «198.51.100.2» }"), "198.51.100.2 is used twice on the Internet"),
        (
            hosts("  c: { internet: «10.1.2.3» }"),
            "10.1.2.3 is private, so it cannot be on the Internet",
        ),
        (
            hosts("  c: { internet: «\"fd00::7\"» }"),
            "fd00::7 is private, so it cannot be on the Internet",
        ),
        (hosts("  c: { internet: «224.0.0.1» }"), "224.0.0.1 cannot be the address of a host"),
    ]);
}

#[test]
fn gateways_and_what_they_hang_on() {
    let two = |inner: &str, outer: &str| {
        lans(&format!(
            "  outer: {{ subnet: {outer} }}\n  inner: {{ subnet: {inner}, gateway: {{ nat: linux-masquerade, via: outer }} }}"
        ))
    };
    let routed = |subnet: &str| {
        lans(&format!(
            "  site: {{ subnet: 20.0.0.0/16, gateway: {{ nat: none }} }}\n  other: {{ subnet: {subnet}, gateway: {{ nat: none }} }}"
        ))
    };
    assert_each(&[
        (lans("  home: { subnet: 10.0.0.0/24, «gateway»: {} }"), "a gateway needs the key `nat`"),
        (
            two("«10.0.0.128/25»", "10.0.0.0/24"),
            "the subnets of `inner` and `outer` overlap, but are the two sides of one gateway",
        ),
        (
            routed("«20.0.3.0/24»"),
            "the subnets of `other` and `site` overlap, but are routed to each other",
        ),
        (routed("«172.16.0.0/16»"), "172.16.0.0/16 is private, but routed to the Internet"),
        (
            routed("30.0.0.0/16")
                .replace("a: { internet: 198.51.100.1 }", "a: { internet: «30.0.0.9» }"),
            "30.0.0.9 lies in a subnet that is routed to a LAN",
        ),
        (
            lans(
                "  a1: { subnet: 10.0.0.0/24, gateway: { nat: none, via: a2 } }\n  a2: { subnet: 10.0.1.0/24, gateway: { nat: none, via: «a1» } }",
            ),
            "the LAN `a2` is reached through itself",
        ),
        (
            lans("  a1: { subnet: 10.0.0.0/24, gateway: { nat: linux-masquerade, via: «a1» } }"),
            "the LAN `a1` is reached through itself",
        ),
        (
            lans(
                "  outer: { subnet: 10.0.0.0/24 }\n  inner: { subnet: 10.1.0.0/24, gateway: { nat: none, via: outer, external: «10.1.0.7» } }",
            ),
            "10.1.0.7 is not in the subnet of `outer`",
        ),
        (
            lans(
                "  outer: { subnet: 10.0.0.0/24 }\n  inner: { subnet: \"fd00::/64\", gateway: { nat: linux-masquerade, via: «outer» } }",
            ),
            "a gateway has the same IP version on both sides",
        ),
        (
            gateway("{ nat: linux-masquerade, external: «\"2001:db8::7\"» }"),
            "a gateway has the same IP version on both sides",
        ),
        (
            gateway("{ nat: linux-masquerade, external: «10.0.0.7» }"),
            "10.0.0.7 is private, so it cannot be on the Internet",
        ),
        (
            gateway("{ nat: linux-masquerade, external: «198.51.100.x» }"),
            "`198.51.100.x` is not an IP address",
        ),
        (
            lans(
                "  home: { subnet: 20.0.0.0/24, gateway: { nat: linux-masquerade, external: «20.0.0.9» } }",
            ),
            "the outside address lies in the LAN's own subnet",
        ),
        (
            scenario(
                "internet: none\nlans: { home: { subnet: 10.0.0.0/24, «gateway»: { nat: none } } }\nhosts: { a: { lan: home }, b: { lan: home } }\nsessions: { call: { between: [a, b] } }\n",
            ),
            "the gateway leads to an Internet that is not there",
        ),
        (
            scenario(
                "internet: none\nlans: { home: { subnet: 10.0.0.0/24 } }\nhosts: { a: { lan: home }, b: { internet: «198.51.100.7» } }\nsessions: { call: { between: [a, b] } }\n",
            ),
            "the host is on an Internet that is not there",
        ),
    ]);
}

#[test]
fn the_external_address_of_a_gateway_may_not_be_a_hosts() {
    assert_errors(
        &gateway("{ nat: linux-masquerade, external: 198.51.100.2 }")
            .replace("internet: 198.51.100.2", "internet: «198.51.100.2»"),
        &["198.51.100.2 is used twice on the Internet"],
    );
}

#[test]
fn dual_stack_lans_and_gateways() {
    let dual = |gateway: &str| {
        lans(&format!(
            "  home: {{ subnet: 192.168.1.0/24, ipv6: \"2001:db8:1::/64\", gateway: {gateway} }}"
        ))
    };
    assert_each(&[
        (
            lans("  home: { subnet: 10.0.0.0/24, ipv6: «10.1.0.0/24» }"),
            "`10.1.0.0/24` is not an IPv6 subnet",
        ),
        (
            lans("  home: { subnet: \"fd00::/64\", ipv6: «\"fd01::/64\"» }"),
            "a dual-stack LAN has an IPv4 `subnet` beside this one",
        ),
        (
            dual("{ nat: linux-masquerade }").replace("\"2001:db8:1::/64\"", "«\"fd00::/64\"»"),
            "fd00::/64 is private, but routed to the Internet",
        ),
        (
            gateway("{ nat: linux-masquerade, «ipv6»: {} }"),
            "the gateway's `ipv6` is for a dual-stack LAN",
        ),
        (
            dual("{ nat: linux-masquerade, ipv6: { «via»: x } }"),
            "unknown key of a gateway's IPv6 half: `via`",
        ),
        (
            dual("{ nat: linux-masquerade, ipv6: { external: «203.0.113.9» } }"),
            "a gateway has the same IP version on both sides",
        ),
        (
            lans(
                "  isp: { subnet: 100.64.0.0/24, gateway: { nat: rfc6888-cgn } }\n  \
                  home: { subnet: 10.0.0.0/24, ipv6: «\"2001:db8::/64\"», gateway: { nat: linux-masquerade, via: isp } }",
            ),
            "`isp` has no IPv6, which that of `home` needs",
        ),
        (
            hosts("  c: { lan: home, ipv6_address: «\"2001:db8::7\"» }"),
            "`ipv6_address` is the second address of a dual-stack host",
        ),
        (
            hosts("  c: { lan: home, ipv6_address: «192.168.1.7» }"),
            "192.168.1.7 is not an IPv6 address",
        ),
        (
            hosts("  c: { internet: \"2001:db8::7\", ipv6_address: «\"2001:db8::8\"» }"),
            "`ipv6_address` is the second address of a dual-stack host",
        ),
        (
            lans(
                "  nat64: { subnet: \"fd00::/64\", gateway: { nat: { nat64: \"64:ff9b::/96\" }, external: «\"2001:db8::7\"» } }",
            ),
            "this NAT leads from IPv6 to IPv4",
        ),
        (
            lans(
                "  isp: { subnet: 100.64.0.0/24, gateway: { nat: rfc6888-cgn } }\n  \
                  home: { subnet: 10.0.0.0/29, gateway: { nat: { clat: { nat64: \"64:ff9b::/96\", prefix: \"2001:db8:c::/96\" } }, via: «isp» } }",
            ),
            "this NAT leads from IPv4 to IPv6",
        ),
    ]);
}

#[test]
fn pools() {
    let external =
        |nat: &str, external: &str| gateway(&format!("{{ nat: {nat}, external: {external} }}"));
    assert_each(&[
        (external("linux-masquerade", "«[]»"), "a gateway has an address outside"),
        (
            external("linux-masquerade", "[203.0.113.1, «203.0.113.1»]"),
            "203.0.113.1 is used twice on the Internet",
        ),
        (
            external("linux-masquerade", "[203.0.113.1, «\"2001:db8::1\"»]"),
            "a gateway has the same IP version on both sides",
        ),
        (
            external("none", "[203.0.113.1, «203.0.113.2»]").replace("192.168.1.0", "20.0.0.0"),
            "only a NAT with mappings has several outside addresses",
        ),
        (
            external("{ one_to_one: 198.51.200.0/24 }", "[203.0.113.1, «203.0.113.2»]"),
            "only a NAT with mappings has several outside addresses",
        ),
    ]);
}

#[test]
fn second_lans_on_a_gateway() {
    let second = |guest: &str, home: &str| {
        lans(&format!(
            "  home: {{ subnet: 192.168.1.0/24, gateway: {{ {home} }} }}\n  \
             shed: {{ subnet: 10.0.0.0/24 }}\n  guest: {{ {guest} }}"
        ))
    };
    let guest = |gateway: &str| {
        second(&format!("subnet: 192.168.2.0/24, gateway: {gateway}"), "nat: linux-masquerade")
    };
    assert_each(&[
        (guest("{ of: «hoem» }"), "unknown LAN `hoem`"),
        (guest("{ of: «shed» }"), "the LAN `shed` has no gateway"),
        (guest("{ of: «guest» }"), "the LAN `guest` shares a gateway itself"),
        (guest("{ of: home, «nat»: none }"), "`nat` is that of the LAN whose gateway this is"),
        (
            guest("{ of: home, «firewall»: {} }"),
            "`firewall` is that of the LAN whose gateway this is",
        ),
        (
            second("subnet: «192.168.1.128/25», gateway: { of: home }", "nat: linux-masquerade"),
            "the subnets of `guest` and `home` overlap, but are routed to each other",
        ),
        (
            second("subnet: \"fd00::/64\", gateway: { of: «home» }", "nat: linux-masquerade"),
            "the gateway of `home` has no IPv6",
        ),
        (
            second(
                "subnet: 192.168.2.0/24, gateway: { of: «home» }",
                "nat: { one_to_one: 198.51.200.0/24 }",
            ),
            "the NAT of `home` is for its own subnet alone",
        ),
        (
            second(
                "subnet: 192.168.2.0/24, gateway: { of: «home» }",
                "nat: linux-masquerade, via: guest",
            ),
            "the LAN `guest` is reached through itself",
        ),
    ]);
}

#[test]
fn links_that_are_too_narrow() {
    assert_each(&[
        (hosts("  c: { lan: home, uplink: { mtu: «67B» } }"), "67B is too little for an MTU"),
        (hosts("  c: { lan: home, uplink: { mtu: «70KB» } }"), "70KB is too much for an MTU"),
        (
            hosts("  c: { lan: home, uplink: { mtu: «1500» } }"),
            "`1500` is not a size: expected one of the units GiB, GB, MiB, MB, KiB, KB, B, like `5MB`",
        ),
        (
            hosts("  c: { internet: \"2001:db8::7\", uplink: { mtu: «1279B» } }"),
            "1279B is too little for a link with IPv6",
        ),
        (
            lans("  v6: { subnet: \"fd00::/64\", link: { mtu: «576B» } }"),
            "576B is too little for a link with IPv6",
        ),
        (
            lans(
                "  v6: { subnet: \"fd00::/64\", gateway: { nat: linux-masquerade, uplink: { mtu: «576B» } } }",
            ),
            "576B is too little for a link with IPv6",
        ),
    ]);
    valid(&hosts("  c: { lan: home, uplink: { mtu: 68B } }"));
}

#[test]
fn interfaces() {
    let c = |keys: &str| hosts(&format!("  c: {{ {keys} }}"));
    assert_each(&[
        (c("interfaces: «[{ lan: home }]»"), "`interfaces` are two or more"),
        (c("interfaces: [{ lan: home }, «{}»]"), "an interface needs the key `lan` or `internet`"),
        (c("interfaces: [{ lan: home }, { lan: «home» }]"), "two interfaces are in the LAN `home`"),
        (
            c("«lan»: home, interfaces: [{ lan: home }, { lan: closed }]"),
            "`lan` is that of one of the interfaces",
        ),
        (
            c("interfaces: [{ lan: home }, { lan: closed, «serve»: {} }]"),
            "unknown key of an interface: `serve`",
        ),
        (c("interfaces: [{ lan: home }, { lan: «cloesd» }]"), "unknown LAN `cloesd`"),
        (
            c(&format!(
                "interfaces: [{}«{{ internet: 9.0.0.9 }}»]",
                (0..8).map(|at| format!("{{ internet: 9.0.0.{at} }}, ")).collect::<String>()
            )),
            "there may be at most 8 interfaces of a host",
        ),
        (
            c("interfaces: [{ lan: home, address: 192.168.1.7 }, { internet: «198.51.100.2» }]"),
            "198.51.100.2 is used twice on the Internet",
        ),
    ]);
}
