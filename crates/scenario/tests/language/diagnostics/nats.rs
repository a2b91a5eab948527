//! NATs: properties, rules, and what contradicts them.

use super::assert_each;
use crate::marked::{assert_errors, gateway, hosts, lans, valid};

#[test]
fn nat_properties() {
    let nat = |nat: &str| gateway(&format!("{{ nat: {{ {nat} }} }}"));
    assert_each(&[
        (nat("mapping: «symmetric»"), "unknown value of `mapping`: `symmetric`"),
        (nat("filtering: «adm»"), "unknown value of `filtering`: `adm`"),
        (nat("ports: «keep»"), "unknown value of `ports`: `keep`"),
        (nat("hairpin: «true»"), "unknown value of `hairpin`: `true`"),
        (nat("wan_input: «allow»"), "unknown value of `wan_input`: `allow`"),
        (nat("udp_timeout: «0s»"), "0ns is too little for a timer"),
        (nat("udp_stream_timeout: «2401h»"), "2401h is too much for a timer"),
        (nat("refresh_inbound: «yes»"), "expected `true` or `false`, found text"),
        (nat("max_flows: «0»"), "`0` is not a number of flows"),
        (nat("max_flows: «+5»"), "`+5` is not a number of flows"),
        (nat("«timeout»: 5s"), "unknown key of a NAT: `timeout`"),
        (
            gateway("{ nat: «[linux-masquerade]» }"),
            "expected `none`, a profile's name or properties, found a list",
        ),
    ]);
}

#[test]
fn port_forwards() {
    let forwards = |nat: &str, forwards: &str| {
        hosts("").replace(
            "gateway: { nat: linux-masquerade }",
            &format!("gateway: {{ nat: {nat}, forwards: [{forwards}] }}"),
        )
    };
    let one = |forward: &str| forwards("linux-masquerade", &format!("{{ {forward} }}"));
    assert_each(&[
        (one("protocol: «icmp», port: 1, to: a:1"), "unknown protocol with ports `icmp`"),
        (one("protocol: udp, port: «0», to: a:1"), "`0` is not a port"),
        (one("protocol: udp, port: 1, to: «a»"), "`a` is not a host and a port, like `bob:5000`"),
        (
            one("protocol: udp, port: 1, to: «a:70000»"),
            "`a:70000` is not a host and a port, like `bob:5000`",
        ),
        (one("protocol: udp, port: 1, to: «b:1»"), "`b` is not in the LAN `home`"),
        (one("protocol: udp, port: 1, to: «10.0.0.1:1»"), "`10.0.0.1` is not in the LAN `home`"),
        (one("protocol: udp, port: 1, to: «c:1»"), "unknown host `c`"),
        (
            forwards("linux-masquerade", "«{ protocol: udp, to: a:1 }»"),
            "a port forward needs the key `port`",
        ),
        (
            forwards(
                "linux-masquerade",
                "{ protocol: udp, port: 1, to: a:1 }, { protocol: tcp, port: 1, to: a:1 }, { protocol: udp, port: «1», to: a:2 }",
            ),
            "port 1 is forwarded twice",
        ),
        (
            forwards("none", "{ protocol: udp, port: «1», to: a:1 }")
                .replace("192.168.1.0/24", "20.0.0.0/24"),
            "a port forward needs a NAT",
        ),
    ]);
}

#[test]
fn every_property_refuses_what_is_none_of_its_values() {
    let nat = |nat: &str| gateway(&format!("{{ nat: {{ {nat} }} }}"));
    assert_each(&[
        (nat("tcp_mapping: «edm»"), "unknown value of `tcp_mapping`: `edm`"),
        (nat("tcp_filtering: «all»"), "unknown value of `tcp_filtering`: `all`"),
        (nat("filter_scope: «host»"), "unknown value of `filter_scope`: `host`"),
        (nat("port_classes: «four»"), "unknown value of `port_classes`: `four`"),
        (nat("pooling: «pared»"), "unknown value of `pooling`: `pared`"),
        (nat("unsolicited_tcp: «rst»"), "unknown value of `unsolicited_tcp`: `rst`"),
        (nat("fragments: «any»"), "unknown value of `fragments`: `any`"),
        (nat("exhausted: «loud»"), "unknown value of `exhausted`: `loud`"),
        (nat("port_parity: «even»"), "expected `true` or `false`, found text"),
        (nat("port_contiguity: «1»"), "expected `true` or `false`, found text"),
        (
            nat("port_hold: «101h30»"),
            "`101h30` is not a duration: expected one of the units h, min, s, ms, us, ns, like `20ms`",
        ),
        (nat("tcp_timeout: «0s»"), "0ns is too little for a timer"),
        (nat("tcp_opening_timeout: «2401h»"), "2401h is too much for a timer"),
        (
            nat("tcp_closing_timeout: «-1s»"),
            "`-1s` is not a duration: expected a number with a unit, like `20ms`",
        ),
        (
            nat("tcp_reset_timeout: «soon»"),
            "`soon` is not a duration: expected a number with a unit, like `20ms`",
        ),
        (
            nat("icmp_timeout: «none»"),
            "`none` is not a duration: expected a number with a unit, like `20ms`",
        ),
        (nat("udp_well_known_timeout: «0s»"), "0ns is too little for a timer"),
        (nat("max_flows_per_subscriber: «0»"), "`0` is not a number of flows"),
        (nat("max_ports_per_subscriber: «70000»"), "`70000` is not a number of ports"),
        (nat("nat64: «10.0.0.0/8»"), "`10.0.0.0/8` is not an IPv6 subnet"),
        (nat("port_blocks: «{}»"), "a kind of port blocks is exactly one of its kinds"),
        (nat("port_blocks: { «static»: {} }"), "unknown key of a kind of port blocks: `static`"),
        (
            nat("port_blocks: { «deterministic»: {} }"),
            "deterministic port blocks needs the key `compression`",
        ),
        (
            nat("port_blocks: { deterministic: { compression: «0» } }"),
            "`0` is not a number of subscribers",
        ),
        (
            nat("port_blocks: { «dynamic»: { size: 64 } }"),
            "dynamic port blocks needs the key `max_blocks`",
        ),
        (
            nat("port_blocks: { dynamic: { size: «65536», max_blocks: 1 } }"),
            "`65536` is not a number of ports",
        ),
    ]);
}

#[test]
fn properties_that_contradict_each_other() {
    let nat = |nat: &str| gateway(&format!("{{ nat: {{ {nat} }} }}"));
    let strict = "`ports: strict` keeps every internal port, and `mapping` asks for other ones";
    assert_each(&[
        (nat("ports: strict, mapping: «apdm»"), strict),
        (
            nat("ports: strict, tcp_mapping: «adm»"),
            "`ports: strict` keeps every internal port, and `tcp_mapping` asks for other ones",
        ),
        (
            nat("ports: strict, port_classes: «unprivileged»"),
            "`ports: strict` keeps every internal port, and `port_classes` asks for other ones",
        ),
        (
            nat("ports: overload, port_hold: «2min»"),
            "`port_hold` cannot be kept with `ports: overload`, where mappings share a port",
        ),
        (
            nat("profile: linux-masquerade, port_hold: «2min»"),
            "`port_hold` cannot be kept with `ports: overload`, where mappings share a port",
        ),
        (nat("ports: strict, port_parity: «true»"), "`port_parity` has no effect on strict ports"),
        (
            nat("ports: strict, port_contiguity: «true»"),
            "`port_contiguity` has no effect on strict ports",
        ),
        (
            nat("ports: strict, port_blocks: «{ dynamic: { size: 64, max_blocks: 1 } }»"),
            "`ports: strict` keeps every internal port, and `port_blocks` asks for other ones",
        ),
        (
            nat("port_blocks: «{ dynamic: { size: 64512, max_blocks: 2 } }»"),
            "a subscriber's blocks have up to 129024 ports",
        ),
        (
            nat("port_blocks: «{ deterministic: { compression: 64000, overflow: 513 } }»"),
            "64512 ports cannot be cut into 64513 blocks (64000 subscribers and 513 overflow blocks for each external address)",
        ),
        (
            nat("port_blocks: «{ deterministic: { compression: 253 } }»"),
            "192.168.1.0/24 has 254 subscribers, and 1 external addresses with 253 each have room for 253",
        ),
        (
            nat("max_flows: 100, max_flows_per_subscriber: «101»"),
            "a subscriber's limit of 101 flows is above that of the NAT",
        ),
        (nat("nat64: «64:ff9b::/96»"), "NAT64 is for a LAN with IPv6"),
        (nat("nat64: «64:ff9b::/64»"), "NAT64 is for a LAN with IPv6"),
        // What is written is at fault rather than the profile.
        (nat("profile: linux-masquerade-random, ports: «strict»"), strict),
    ]);
    let two = "port_blocks: { deterministic: { compression: 127 } }";
    valid(&gateway(&format!("{{ nat: {{ {two} }}, external: [203.0.113.1, 203.0.113.2] }}")));
}

#[test]
fn rules() {
    let rule = |subnet: &str, rule: &str| {
        lans(&format!("  home: {{ subnet: \"{subnet}\", gateway: {{ nat: {{ {rule} }} }} }}"))
    };
    let clat = |nat64: &str, prefix: &str| {
        rule("192.0.0.0/29", &format!("clat: {{ nat64: {nat64}, prefix: {prefix} }}"))
    };
    assert_each(&[
        (
            rule("10.0.0.0/28", "one_to_one: 198.51.200.0/28, «mapping»: eim"),
            "`mapping` has no effect on a NAT by rule",
        ),
        (
            rule("10.0.0.0/28", "one_to_one: 198.51.200.0/28, «nptv6»: \"2001:db8::/48\""),
            "`nptv6` has no effect on a NAT by rule",
        ),
        (
            rule("10.0.0.0/28", "one_to_one: «198.51.200.0/24»"),
            "10.0.0.0/28 and 198.51.200.0/24 are not of one length",
        ),
        (
            rule("10.0.0.0/28", "one_to_one: «10.9.0.0/28»"),
            "10.9.0.0/28 is private, but routed to the Internet",
        ),
        (
            rule("10.0.0.0/28", "one_to_one: «198.51.100.0/28»")
                .replace("«198.51.100.0/28»", "198.51.100.0/28")
                .replace("internet: 198.51.100.1 ", "internet: «198.51.100.1» ")
                .replace("198.51.100.2", "198.51.200.2"),
            "198.51.100.1 lies in a subnet that is routed to a LAN",
        ),
        (rule("10.0.0.0/28", "nptv6: «\"2001:db8::/48\"»"), "NPTv6 is for a LAN with IPv6"),
        (
            rule("fd00::/56", "nptv6: «\"2001:db8::/48\"»"),
            "fd00::/56 and 2001:db8::/48 are not of one length",
        ),
        (rule("fd00::/80", "nptv6: «\"2001:db8::/80\"»"), "fd00::/80 is longer than /64"),
        (
            clat("\"64:ff9b::/96\"", "«\"2001:db8::/64\"»"),
            "2001:db8::/64 is no /96 prefix with zeros in bits 64 to 71",
        ),
        (
            clat("«\"64:ff9b::/64\"»", "\"2001:db8:c::/96\""),
            "64:ff9b::/64 is no /96 prefix with zeros in bits 64 to 71",
        ),
        (
            clat("\"2001:db8:c::/96\"", "«\"2001:db8:c::/96\"»"),
            "2001:db8:c::/96 and 2001:db8:c::/96 overlap",
        ),
        (
            rule("10.0.0.0/28", "«clat»: { nat64: \"64:ff9b::/96\" }"),
            "a CLAT needs the key `prefix`",
        ),
        (
            rule("fd00::/64", "clat: «{ nat64: \"64:ff9b::/96\", prefix: \"2001:db8:c::/96\" }»"),
            "a CLAT is for a LAN with IPv4",
        ),
        (
            rule("fd00::/64", "nat64: «\"64:ff9b::/64\"»"),
            "the NAT64 prefix 64:ff9b::/64 is no /96 with zeros in bits 64 to 71",
        ),
        (
            rule("64:ff9b::/96", "nat64: «\"64:ff9b::/96\"»"),
            "the NAT64 prefix overlaps with the LAN's subnet",
        ),
    ]);
    let forwards = gateway(
        "{ nat: { one_to_one: 198.51.200.0/24 }, forwards: [{ protocol: udp, port: «1», to: 192.168.1.9:1 }] }",
    );
    assert_errors(&forwards, &["a NAT by rule forwards no ports"]);
    assert_errors(
        &lans(
            "  a1: { subnet: 10.0.0.0/28, gateway: { nat: { one_to_one: 198.51.200.0/28 } } }\n  \
             a2: { subnet: 10.0.0.0/28, gateway: { nat: { one_to_one: «198.51.200.0/28» } } }",
        ),
        &[
            "the outside network of `a2` overlaps with the outside network of `a1`, but both are routed to each other",
        ],
    );
}
