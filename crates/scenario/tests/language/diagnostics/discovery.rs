//! Calls from node to node, and what is expected of them.

use super::assert_each;
use super::swarms::world;
use crate::marked::{assert_errors, invalid, scenario, valid};

/// A call between hosts.
fn call(between: &str, keys: &str) -> String {
    world("", &format!("sessions: {{ call: {{ between: {between}, {keys} }} }}\n"))
}

/// A call from `a` to `b` with this discovery.
fn discovery(discovery: &str) -> String {
    call("[a, b]", &format!("discovery: {discovery}"))
}

#[test]
fn calls() {
    assert_each(&[
        (discovery("«dht»"), "expected a mapping for a discovery, found text"),
        (discovery("{ dht: «boot» }"), "expected a mapping for a discovery by DHT, found text"),
        (discovery("«{ lan: {}, dht: {} }»"), "a discovery is exactly one of its kinds"),
        (discovery("{ dht: { «call»: 1s } }"), "unknown key of a discovery by DHT: `call`"),
        (
            discovery("{ lan: { «bootstrap»: [boot] } }"),
            "unknown key of a discovery on the LAN: `bootstrap`",
        ),
        (discovery("{ dht: { bootstrap: «[]» } }"), "a DHT needs a node to begin with"),
        (discovery("{ dht: { bootstrap: [«c»] } }"), "`c` does not serve `dht`"),
        (discovery("{ dht: { bootstrap: [«swarm-1»] } }"), "unknown host `swarm-1`"),
        (discovery("{ dht: { call_at: «5min» } }"), "the call comes after the run"),
        (
            discovery("{ lan: { call_at: «soon» } }"),
            "`soon` is not a duration: expected a number with a unit, like `20ms`",
        ),
        (discovery("{ dht: { answer_within: «0s» } }"), "0ns is too little for a time to wait"),
        (discovery("{ dht: { answer_within: «25h» } }"), "25h is too much for a time to wait"),
        (discovery("{ lan: { online: { «c»: 1s } } }"), "`c` takes no part in the session"),
        (discovery("{ lan: { online: { b: «5min» } } }"), "the node starts after the run"),
        (discovery("{ dht: { online: { a: «1s» } } }"), "the caller is not online yet"),
        (
            discovery("{ dht: { call_at: «9s», online: { a: 10s } } }"),
            "the caller is not online yet",
        ),
        (call("[a, «boot»]", "discovery: { dht: {} }"), "`boot` has a node already"),
        (call("[a, c]", "discovery: { «lan»: {} }"), "`c` is in no LAN"),
        (call("[c, a]", "discovery: { «lan»: {} }"), "`c` is in no LAN"),
        (call("[c, e]", "discovery: { first_of: [dht, «lan»] }"), "neither host is in a LAN"),
        (
            call("[c, a]", "discovery: { dht: { call_at: 299s } }, hold: 2s")
                .replace("call:", "«call»:"),
            "the session `call` cannot end in time",
        ),
        (
            call("[a, b]", "stack: none, «discovery»: { dht: { bootstrap: [boot] } }"),
            "`discovery` needs a stack",
        ),
    ]);
    valid(&call("[a, b]", "discovery: { dht: { call_at: 10s, online: { a: 10s, b: 299s } } }"));
    valid(&call("[a, d]", "discovery: { lan: {} }"));
    valid(&call("[a, c]", "discovery: { first_of: [lan, dht] }"));
    valid(&format!(
        "{}events: [{{ at: 1s, roam: c, to: home }}]\n",
        call("[a, c]", "discovery: { lan: {} }")
    ));
}

#[test]
fn the_first_of_two_ways() {
    let of = |ways: &str| discovery(&format!("{{ first_of: {ways} }}"));
    assert_each(&[
        (of("«dht»"), "expected a list, found text"),
        (of("«[]»"), "`first_of` is of `lan` and `dht`"),
        (of("«[lan]»"), "`first_of` is of `lan` and `dht`"),
        (of("[lan, «lan»]"), "`lan` is named twice"),
        (of("[lan, dht, «lan»]"), "`lan` is named twice"),
        (of("[lan, «rendezvous»]"), "unknown way of discovery `rendezvous`"),
        (of("[lan, { «dhd»: {} }]"), "unknown key of a way of discovery: `dhd`"),
        (of("[lan, «[dht]»]"), "expected a way of discovery, found a list"),
        (of("[lan, «{ dht: {}, lan: {} }»]"), "a way of discovery is exactly one of its kinds"),
        (of("[{ lan: { call_at: 1s } }, { dht: { «call_at»: 1s } }]"), "both ways have `call_at`"),
        (
            of("[{ dht: { «online»: { b: 1s } } }, { lan: { online: { b: 1s } } }]"),
            "both ways have `online`",
        ),
        (
            of("[{ lan: { «bootstrap»: [boot] } }, dht]"),
            "unknown key of a discovery on the LAN: `bootstrap`",
        ),
    ]);
    valid(&of("[{ lan: { call_at: 1s } }, { dht: { online: { b: 2s }, bootstrap: [boot] } }]"));
    let nobody = of("[lan, «dht»]").replace("serve: { dht: {} }", "serve: { stun: {} }");
    assert_errors(&nobody, &["a DHT needs a node to begin with"]);
}

#[test]
fn a_host_has_one_node() {
    let two = |first: &str, second: &str| {
        world(
            "  boot2: { internet: 198.51.100.7, serve: { dht: {} } }\n",
            &format!(
                "sessions:\n  one: {{ between: [a, b], discovery: {first} }}\n  \
                 two: {{ between: [b, d], discovery: {second} }}\n"
            ),
        )
    };
    assert_each(&[
        (
            two("{ dht: {} }", "{ «lan»: {} }"),
            "the node of `b` finds others in another way in another session",
        ),
        (
            two("{ first_of: [dht, lan] }", "{ «dht»: {} }"),
            "the node of `b` finds others in another way in another session",
        ),
        (
            two("{ dht: { bootstrap: [boot] } }", "{ «dht»: { bootstrap: [boot2] } }"),
            "the node of `b` begins from other hosts in another session",
        ),
        (
            two("{ lan: { online: { b: 1s } } }", "{ lan: { call_at: 2s, online: { b: «2s» } } }"),
            "the node of `b` starts at another time in another session",
        ),
        (
            two("{ lan: { online: { b: 1s } } }", "{ «lan»: {} }"),
            "the node of `b` starts at another time in another session",
        ),
    ]);
    let shown = invalid(&two("{ dht: {} }", "{ lan: {} }")).to_string();
    assert!(shown.contains("the other session"), "{shown}");
    valid(&two(
        "{ dht: { bootstrap: [boot, boot2] } }",
        "{ dht: { bootstrap: [boot2, boot], call_at: 1s } }",
    ));
    valid(&two("{ dht: {} }", "{ rendezvous: {} }"));
}

#[test]
fn hosts_with_a_node_are_limited() {
    let many = |hosts: usize, last: &str| {
        scenario(&format!(
            "lans: {{ l: {{ subnet: 10.0.0.0/24, gateway: {{ nat: linux-masquerade }} }} }}\n\
             hosts: {{ h: {{ copies: {hosts}, lan: l }}, a: {{ lan: l }} }}\n\
             sessions: {{ c: {{ copies: {hosts}, between: [a, {last}], discovery: {{ lan: {{}} }} }} }}\n"
        ))
    };
    valid(&many(31, "\"h-${copy}\""));
    assert_errors(&many(40, "«\"h-${copy}\"»"), &["there may be at most 32 hosts with a node"]);
}

#[test]
fn nodes_need_an_ip_version_in_common() {
    let with = |hosts: &str, rest: &str| world(hosts, rest);
    let v6_boot = "  boot6: { internet: \"2001:db8:5::1\", serve: { dht: { bootstrap: [] } } }\n";
    let call = |dht: &str| {
        format!("sessions: {{ call: {{ between: [a, b], discovery: {{ dht: {dht} }} }} }}\n")
    };
    let both = "`a` has IPv4 alone, which none of its bootstrap hosts has";
    let other = both.replace("`a`", "`b`");
    assert_errors(
        &with(v6_boot, &call("{ bootstrap: «[boot6]» }"))
            .replace("[a, b]", "[a, b2]")
            .replace("  b: { lan: home }", "  b2: { interfaces: [{ lan: home }, { lan: six }] }"),
        &[both],
    );
    let shown = invalid(&with(v6_boot, &call("{ bootstrap: [boot6] }"))).to_string();
    assert!(shown.contains(both) && shown.contains(&other), "{shown}");
    valid(&with(v6_boot, &call("{ bootstrap: [boot6, boot] }")));
    let swarm6 = "swarm: { nodes: 4, ip: v6 }\n";
    let shown = invalid(&with("", &format!("{swarm6}{}", call("{}")))).to_string();
    assert!(shown.contains(both), "{shown}");
    assert_errors(
        &with("  n: { lan: home, serve: { dht: { bootstrap: «[boot6]» } } }\n", &call("{}"))
            .replace("  boot:", &format!("{v6_boot}  boot:")),
        &["`n` has IPv4 alone, which none of its bootstrap hosts has"],
    );
    assert_errors(
        &with(
            v6_boot,
            &format!("swarm: {{ nodes: 900, start: cold, bootstrap: «[boot6]» }}\n{}", call("{}")),
        )
        .replace(
            "198.51.100.5, serve: { dht: {} }",
            "198.51.100.5, serve: { dht: { bootstrap: [] } }",
        ),
        &["`swarm-1` has IPv4 alone, which none of its bootstrap hosts has"],
    );
    // Who comes to have the other version in the course of the run may reach them then.
    let dual = "  two: { subnet: 192.168.3.0/24, ipv6: \"2001:db8:3::/64\", gateway: { nat: linux-masquerade } }\n";
    let roams = "events: [{ at: 1s, roam: a, to: two }, { at: 1s, roam: b, to: two }]\n";
    valid(
        &with(v6_boot, &format!("{}{roams}", call("{ bootstrap: [boot6] }")))
            .replace("lans:\n", &format!("lans:\n{dual}")),
    );
}

#[test]
fn the_way_of_discovery_that_is_expected() {
    let expect = |between: &str, discovery: &str, expect: &str| {
        call(between, &format!("discovery: {discovery}, expect: {expect}"))
    };
    let both = "{ first_of: [lan, dht] }";
    assert_each(&[
        (expect("[a, b]", both, "{ discovered: «wan» }"), "unknown way of discovery `wan`"),
        (
            expect("[a, b]", "{ rendezvous: {} }", "{ discovered: «lan» }"),
            "the hosts of this session just meet",
        ),
        (call("[a, b]", "expect: { discovered: «none» }"), "the hosts of this session just meet"),
        (
            call("[a, b]", "stack: none, expect: { «discovered»: dht }"),
            "`discovered` needs a stack",
        ),
        (
            expect("[a, b]", "{ dht: {} }", "{ discovered: «lan» }"),
            "the hosts do not look for each other on the LAN",
        ),
        (expect("[a, b]", "{ lan: {} }", "{ discovered: «dht» }"), "the hosts have no DHT"),
        (
            expect("[a, d]", both, "{ discovered: «lan» }"),
            "the hosts are not in one LAN where they see each other",
        ),
        (
            expect("[a, b]", both, "{ discovered: none, path: «direct» }"),
            "hosts that do not find each other have no path",
        ),
        (
            expect("[a, b]", both, "{ discovered: none, path: «\"${oracle}\"» }"),
            "hosts that do not find each other have no path",
        ),
        (
            expect("[a, b]", both, "{ discovered: none, connect_within: «5s» }"),
            "this needs a connection",
        ),
        (
            expect("[a, b]", both, "{ discovered: none, path: none, connect_within: «5s» }"),
            "this needs a connection",
        ),
        (
            expect("[a, b]", both, "{ discovered: none, final_state: «connected» }"),
            "this needs a connection",
        ),
    ]);
    valid(&expect("[a, d]", both, "{ discovered: dht, path: direct, connect_within: 5s }"));
    valid(&expect("[a, b]", "{ lan: {} }", "{ discovered: lan, path: none }"));
    valid(&expect("[a, d]", "{ lan: {} }", "{ discovered: none, path: none }"));
    valid(&expect("[a, d]", "{ lan: {} }", "{ discovered: none }"));
}
