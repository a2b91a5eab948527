//! One test for each kind of error: its line, its column, what is marked and what is said.

use crate::marked::{
    HOSTS, SESSIONS, assert_errors, gateway, hosts, invalid, lans, scenario, session, source, valid,
};
use natbed_scenario::load;

/// Asserts one error for each row: a text with the wrong thing marked, and the message.
fn assert_each(rows: &[(String, &str)]) {
    for (marked, message) in rows {
        assert_errors(marked, &[message]);
    }
}

#[test]
fn yaml_that_is_no_scenario_document() {
    assert_each(&[
        ("«»".to_owned(), "the file is empty"),
        ("«»# a comment alone\n".to_owned(), "the file is empty"),
        ("«- a list»\n".to_owned(), "expected a mapping for a scenario, found a list"),
        ("natbed: 1\n«---»\nnatbed: 1\n".to_owned(), "a file holds one scenario"),
        ("hosts: «»{ a: 1\n".to_owned(), "invalid YAML: unclosed bracket '{'"),
        (
            "hosts: { a: $«»{axis} }\n".to_owned(),
            "invalid YAML: while parsing a flow mapping, did not find expected ',' or '}'",
        ),
        (
            scenario(&format!("{HOSTS}{SESSIONS}horizon: &h 5min\n«horizon»: 4min\n")),
            "the key `horizon` is used twice",
        ),
        (
            scenario(&format!("{HOSTS}{SESSIONS}«<<»: {{ horizon: 4min }}\n")),
            "merge keys are not part of the language",
        ),
        (
            scenario(&format!("{HOSTS}{SESSIONS}horizon: !!str «4min»\n")),
            "YAML tags have no meaning in a scenario",
        ),
        (scenario(&format!("{HOSTS}{SESSIONS}? «[horizon]»\n: 4min\n")), "a key must be text"),
        ("a: &a [«*a»]\n".to_owned(), "an anchor cannot hold itself"),
        ("a: «»*b\n".to_owned(), "invalid YAML: while parsing node, found unknown anchor"),
    ]);
}

#[test]
fn keys_and_types() {
    assert_each(&[
        (format!("«name: test»\n{HOSTS}{SESSIONS}"), "a scenario needs the key `natbed`"),
        (format!("«natbed: 1»\n{HOSTS}{SESSIONS}"), "a scenario needs the key `name`"),
        (format!("«natbed: 1»\nname: test\n{HOSTS}"), "a scenario needs the key `sessions`"),
        (
            format!("natbed: «2»\nname: test\nanything: {{}}\n{HOSTS}"),
            "this version of the language is not known",
        ),
        (
            format!("natbed: 1\nname: «My Test»\n{HOSTS}{SESSIONS}"),
            "`My Test` is not a name for a scenario",
        ),
        (
            scenario(&format!("{HOSTS}{SESSIONS}«event»: []\n")),
            "unknown key of a scenario: `event`",
        ),
        (
            scenario(&format!("{HOSTS}{SESSIONS}description: «[]»\n")),
            "expected a description, found a list",
        ),
        (
            scenario(&format!("{HOSTS}{SESSIONS}events: «{{}}»\n")),
            "expected a list, found a mapping",
        ),
        (scenario(&format!("{HOSTS}{SESSIONS}seeds: «9..2»\n")), "the seeds 9..2 are reversed"),
        (
            scenario(&format!("{HOSTS}{SESSIONS}seeds: «1..100001»\n")),
            "the seeds 1..100001 are more than 100000",
        ),
        (
            scenario(&format!("{HOSTS}{SESSIONS}seeds: «some»\n")),
            "`some` is not a range of seeds: expected `first..last` or a number, like `1..100`",
        ),
        (scenario(&format!("{HOSTS}{SESSIONS}horizon: «0s»\n")), "a run needs time"),
        (
            scenario(&format!("{HOSTS}{SESSIONS}horizon: «25h»\n")),
            "25h is too much for a time within a run",
        ),
        (
            scenario(&format!("{HOSTS}{SESSIONS}internet: «public»\n")),
            "expected a mapping for the Internet, found text",
        ),
        (lans("  «home»: { }"), "a LAN needs the key `subnet`"),
        (lans("  «home»:"), "expected a mapping for a LAN, found nothing"),
        (
            lans("  home: { subnet: 10.0.0.0/24, «isolatet»: true }"),
            "unknown key of a LAN: `isolatet`",
        ),
        (
            lans("  home: { subnet: 10.0.0.0/24, isolate: «\"true\"» }"),
            "expected `true` or `false`, found text",
        ),
        (lans("  «-home»: { subnet: 10.0.0.0/24 }"), "`-home` is not a name for a LAN"),
        (hosts("  «c»: {}"), "a host needs the key `lan` or `internet`"),
        (
            hosts("  c: { lan: home, «internet»: 198.51.100.7 }"),
            "a host is in a LAN or on the Internet, not both",
        ),
        (
            hosts("  c: { internet: 198.51.100.7, «address»: 192.168.1.7 }"),
            "`address` belongs to a host in a LAN",
        ),
        (
            hosts("  c: { lan: home, serve: { «sturn»: {} } }"),
            "unknown key of a host's services: `sturn`",
        ),
        (
            hosts("  c: { lan: home, serve: { turn: { «users»: {} } } }"),
            "a TURN service needs a user",
        ),
        (
            hosts("  c: { lan: home, serve: { turn: { users: { u: «\"\"» } } } }"),
            "a password has 0 characters",
        ),
        (
            hosts("  c: { lan: home, serve: { stun: { «port»: 3478 } } }"),
            "unknown key of a STUN service: `port`",
        ),
    ]);
}

#[test]
fn quantities() {
    let uplink = |link: &str| hosts(&format!("  c: {{ lan: home, uplink: {{ {link} }} }}"));
    assert_each(&[
        (
            uplink("delay: «20»"),
            "`20` is not a duration: expected one of the units h, min, s, ms, us, ns, like `20ms`",
        ),
        (uplink("delay: «2min»"), "2min is too much for a delay"),
        (uplink("down: «0bit»"), "0bit is too little for a link rate"),
        (uplink("down: «1001gbit»"), "1001gbit is too much for a link rate"),
        (uplink("up: «[1mbit]»"), "expected a link rate, found a list"),
        (uplink("queue: «1499B»"), "1.499KB is too little for a queue"),
        (uplink("queue: «2GB»"), "2GB is too much for a queue"),
        (
            uplink("queue: «many»"),
            "`many` is not a size: expected a number with a unit, like `5MB`",
        ),
        (
            scenario(&format!("{HOSTS}{SESSIONS}internet: {{ delay: «2min» }}\n")),
            "2min is too much for a delay",
        ),
    ]);
}

#[test]
fn names_that_refer_to_nothing() {
    assert_each(&[
        (hosts("  c: { lan: «hoem» }"), "unknown LAN `hoem`"),
        (gateway("{ nat: linux-masquerade, via: «carier» }"), "unknown LAN `carier`"),
        (gateway("{ nat: «linux-maskerade» }"), "unknown NAT profile `linux-maskerade`"),
        (gateway("{ nat: { profile: «cisco» } }"), "unknown NAT profile `cisco`"),
        (hosts("  «home»: { lan: home }"), "`home` is a LAN and a host"),
        (session("{ between: [a, «bob»] }"), "unknown host `bob`"),
        (session("{ between: [a, b], stun: [«servr»] }"), "unknown host `servr`"),
    ]);
    let guess = |text: &str| invalid(text).as_slice()[0].help.clone();
    assert_eq!(guess(&hosts("  c: { lan: hoem }")).unwrap(), "did you mean `home`?");
    assert_eq!(
        guess(&gateway("{ nat: linux-maskerade }")).unwrap(),
        "did you mean `linux-masquerade`?"
    );
    assert_eq!(guess(&session("{ between: [a, nobody] }")), None);
}

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
fn firewalls() {
    let firewall =
        |policy: &str| hosts(&format!("  c: {{ lan: home, firewall: {{ inbound: {policy} }} }}"));
    assert_each(&[
        (hosts("  c: { lan: home, firewall: «drop» }"), "unknown firewall profile `drop`"),
        (
            hosts("  c: { lan: home, firewall: { «input»: drop } }"),
            "unknown key of a firewall: `input`",
        ),
        (firewall("«deny»"), "unknown firewall action `deny`"),
        (
            firewall("«{}»"),
            "a firewall policy has exactly one of `allow`, `drop`, `reject` and `rules`",
        ),
        (
            firewall("«{ allow: [udp], drop: [tcp] }»"),
            "a firewall policy has exactly one of `allow`, `drop`, `reject` and `rules`",
        ),
        (firewall("{ «deny»: [udp] }"), "unknown key of a firewall policy: `deny`"),
        (firewall("{ allow: [udp], «default»: drop }"), "`default` belongs to `rules`"),
        (firewall("{ allow: «udp» }"), "expected a list, found text"),
        (firewall("{ allow: [«upd»] }"), "unknown protocol `upd`"),
        (
            firewall("{ allow: [«udp/x»] }"),
            "`udp/x` is not a kind of traffic: ports are numbers from 0 to 65535",
        ),
        (
            firewall("{ allow: [«udp/9-2»] }"),
            "`udp/9-2` is not a kind of traffic: its ports are reversed",
        ),
        (
            firewall("{ allow: [«icmp/8»] }"),
            "`icmp/8` is not a kind of traffic: only UDP and TCP have ports",
        ),
        (
            firewall("{ rules: [«{ remote: 10.0.0.0/8 }»] }"),
            "a firewall rule has exactly one of `allow`, `drop` and `reject`",
        ),
        (
            firewall("{ rules: [{ drop: any, remote: «10.0.0.1/8» }] }"),
            "`10.0.0.1/8` is not the start of a subnet",
        ),
        (
            firewall("{ rules: [{ drop: «[udp]» }] }"),
            "expected a kind of traffic, like `udp` or `tcp/80`, found a list",
        ),
    ]);
}

#[test]
fn sessions() {
    assert_each(&[
        (scenario(&format!("{HOSTS}«sessions»: {{}}\n")), "a scenario needs a session"),
        (session("{ between: «[a]» }"), "a session is between two hosts, not 1"),
        (session("{ between: [a, «a»] }"), "a session is between two different hosts"),
        (session("{ between: [a, b], stack: «pion» }"), "unknown stack `pion`"),
        (
            session("{ between: [a, b], discovery: { «dht»: {} } }"),
            "unknown key of a discovery: `dht`",
        ),
        (
            session("{ between: [a, b], discovery: «{}» }"),
            "a discovery is exactly one of its kinds",
        ),
        (session("{ between: [a, b], stun: [«b»] }"), "`b` does not serve `stun`"),
        (session("{ between: [a, b], turn: [«server»] }"), "`server` does not serve `turn`"),
        (session("{ between: [a, b], stun: [server, «server»] }"), "`server` is named twice"),
        (session("{ between: [a, b], start: { «c»: 1s } }"), "`c` takes no part in the session"),
        (
            session("{ between: [a, b], load: { echo: { count: «0» } } }"),
            "`0` is not a number of echoes",
        ),
        (
            session("{ between: [a, b], load: { echo: { size: «31B» } } }"),
            "31B is too little for the size of an echo",
        ),
        (
            session("{ between: [a, b], load: { echo: { interval: «0s» } } }"),
            "0ns is too little for an interval",
        ),
    ]);
    for late in ["hold: 5min", "start: { a: 6min }", "load: { echo: { count: 16000 } }"] {
        assert_errors(
            &session(&format!("{{ between: [a, b], {late} }}")).replace("  call:", "  «call»:"),
            &["the session `call` cannot end in time"],
        );
    }
}

#[test]
fn expectations() {
    let expect =
        |hosts: &str, expect: &str| session(&format!("{{ between: {hosts}, expect: {expect} }}"));
    assert_each(&[
        (session("{ between: [a, b], «expect»: {} }"), "the expectation is empty"),
        (expect("[a, b]", "{ path: «turn» }"), "unknown path `turn`"),
        (
            expect("[a, b]", "{ path: «relay» }"),
            "a session without `turn` servers cannot take a relay",
        ),
        (
            expect("[a, b]", "{ path: «lan» }"),
            "the hosts are not in one LAN where they see each other",
        ),
        (
            expect("[c, c2]", "{ path: «lan» }"),
            "the hosts are not in one LAN where they see each other",
        ),
        (expect("[a, b]", "{ path: none, connect_within: «5s» }"), "this needs a connection"),
        (
            expect("[a, b]", "{ path: none, states: [checking, «connected»] }"),
            "this needs a connection",
        ),
        (expect("[a, b]", "{ path: none, final_state: «completed» }"), "this needs a connection"),
        (expect("[a, b]", "{ states: [«conected»] }"), "unknown ICE state `conected`"),
        (
            expect("[a, b]", "{ connect_within: «6min» }"),
            "the time to connect is longer than the run",
        ),
        (expect("[a, b]", "{ loss: «1%» }"), "expected a mapping for a bound, found text"),
        (expect("[a, b]", "{ loss: { at_most: «101%» } }"), "`101%` is too large for a percentage"),
        (expect("[a, b]", "{ «rtt_p50»: {} }"), "a bound needs the key `at_most`"),
    ]);
    valid(&expect("[a, a2]", "{ path: lan }"));
    valid(&expect("[a, b]", "{ path: none, rtt_p50: { at_most: 1s }, final_state: failed }"));
}

#[test]
fn events() {
    let event = |event: &str| {
        hosts(&format!(
            "  s: {{ internet: 198.51.100.9, serve: {{ stun: {{}} }} }}\nevents: [{event}]"
        ))
    };
    assert_each(&[
        (event("{ at: 1s, «link_dwn»: a }"), "unknown key of an event: `link_dwn`"),
        (event("«{ at: 1s }»"), "an event does exactly one thing"),
        (event("«{ at: 1s, link_up: a, link_down: a }»"), "an event does exactly one thing"),
        (event("«{ link_up: a }»"), "an event needs the key `at`"),
        (event("{ at: «5min», link_up: a }"), "the event comes after the run"),
        (event("{ at: 1s, link_up: «x» }"), "unknown LAN or host `x`"),
        (event("{ at: 1s, link_up: «closed» }"), "the LAN `closed` has no gateway"),
        (event("{ at: 1s, server_stop: «a» }"), "`a` serves nothing"),
        (event("{ at: 1s, server_stop: «home» }"), "unknown host `home`"),
        (event("{ at: 1s, nat_flush: «closed» }"), "the LAN `closed` has no NAT"),
        (event("{ at: 1s, nat_flush: «s» }"), "unknown LAN `s`"),
    ]);
    let diagnostics = invalid(&event("{ at: 1s }"));
    assert_eq!(
        diagnostics.as_slice()[0].label,
        "expected one of link_down, link_up, server_stop, server_start, nat_flush, reboot, \
         readdress, roam, set_firewall, log_in"
    );
}

#[test]
fn all_errors_of_a_file_come_at_once_and_in_its_order() {
    assert_errors(
        "natbed: 1\nname: «Test»\nlans:\n  home: { subnet: 10.0.0.0/24, «gatway»: {} }\nhosts:\n  \
         a: { lan: «hoem» }\n  b: { lan: home, address: «10.0.1.7» }\nsessions:\n  \
         call: { between: [a, «c»], stun: [«b»], hold: «1» }\nevents: [{ at: 1s, nat_flush: «home» }]\n",
        &[
            "`Test` is not a name for a scenario",
            "unknown key of a LAN: `gatway`",
            "unknown LAN `hoem`",
            "10.0.1.7 is not in the subnet of `home`",
            "unknown host `c`",
            "`b` does not serve `stun`",
            "`1` is not a duration: expected one of the units h, min, s, ms, us, ns, like `20ms`",
            "the LAN `home` has no NAT",
        ],
    );
}

#[test]
fn an_error_is_shown_with_its_line_and_what_to_do() {
    let diagnostics = invalid(&hosts("  c: { lan: hoem }"));
    let shown = "\
error: unknown LAN `hoem`
 --> test.yaml:9:13
  |
9 |   c: { lan: hoem }
  |             ^^^^ expected one of closed, home
  |
  = help: did you mean `home`?

";
    assert_eq!(diagnostics.to_string(), shown);
    assert_eq!(diagnostics.render(false), shown);
    let colored = diagnostics.render(true);
    assert!(colored.contains("\x1b[") && colored.contains("hoem"), "{colored:?}");
}

#[test]
fn an_error_shows_the_other_place_it_is_about() {
    let diagnostics = invalid(&hosts(
        "  c: { lan: home, address: 192.168.1.7 }\n  d: { lan: home, address: 192.168.1.7 }",
    ));
    assert_eq!(
        diagnostics.to_string(),
        "\
error: 192.168.1.7 is used twice in `home`
  --> test.yaml:10:28
   |
 9 |   c: { lan: home, address: 192.168.1.7 }
   |                            ----------- first used here
10 |   d: { lan: home, address: 192.168.1.7 }
   |                            ^^^^^^^^^^^ used again

"
    );
}

#[test]
fn columns_count_characters_and_hostile_text_is_made_visible() {
    assert_errors(
        &scenario(&format!("{HOSTS}{SESSIONS}description: «[]» # ä\n")),
        &["expected a description, found a list"],
    );
    assert_errors(
        &hosts("  c: { \"«äö»\": 1, lan: home }").replace("\"«äö»\"", "«\"äö\"»"),
        &["unknown key of a host: `äö`"],
    );
    let diagnostics = invalid(&hosts("  \"x\\e[2J\\u202e\": { lan: home }"));
    assert_eq!(
        diagnostics.as_slice()[0].message,
        "`x\\u{1b}[2J\\u{202e}` is not a name for a host"
    );
    let long = "x".repeat(5_000);
    let diagnostics = invalid(&hosts(&format!("  c: {{ lan: {long} }}")));
    assert_eq!(diagnostics.as_slice()[0].message.chars().count(), 301);
}

#[test]
fn a_hundred_errors_are_printed_and_the_rest_is_counted() {
    let many = |count: usize| {
        let hosts: String = (0..count).map(|at| format!("  h{at}: {{ lan: none }}\n")).collect();
        load(source(&scenario(&format!("hosts:\n{hosts}{SESSIONS}")))).unwrap_err()
    };
    let diagnostics = many(149); // and the two hosts of the session
    assert_eq!(diagnostics.as_slice().len(), 151);
    let shown = diagnostics.to_string();
    assert_eq!(shown.matches("error: ").count(), 100);
    assert!(shown.ends_with("… and 51 more\n"));
    let diagnostics = many(5_000);
    assert_eq!(diagnostics.as_slice().len(), 1_000);
    assert!(diagnostics.to_string().ends_with("… and at least 900 more\n"));
}
