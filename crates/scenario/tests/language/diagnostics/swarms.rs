//! Swarms, and nodes that hosts serve.

use super::assert_each;
use crate::marked::{assert_errors, invalid, scenario, valid};

/// A LAN with two hosts, an IPv6 one, hosts on the Internet, and a node that one of them serves.
const WORLD: &str = "\
lans:
  home: { subnet: 192.168.1.0/24, gateway: { nat: linux-masquerade } }
  six: { subnet: \"2001:db8:1::/64\", gateway: { nat: none } }
  other: { subnet: 192.168.2.0/24, gateway: { nat: linux-masquerade } }
hosts:
  a: { lan: home }
  b: { lan: home }
  c: { internet: 198.51.100.1 }
  d: { lan: other }
  e: { internet: 198.51.100.3 }
  server: { internet: 198.51.100.2, serve: { stun: {} } }
  boot: { internet: 198.51.100.5, serve: { dht: {} } }
";

/// That world with these further hosts and this behind them.
pub(super) fn world(hosts: &str, rest: &str) -> String {
    scenario(&format!("{WORLD}{hosts}{rest}"))
}

/// A swarm that a call uses.
fn swarm(swarm: &str) -> String {
    world(
        "",
        &format!(
            "swarm: {swarm}\nsessions: {{ call: {{ between: [a, b], discovery: {{ dht: {{}} }} }} }}\n"
        ),
    )
}

#[test]
fn swarms() {
    assert_each(&[
        (swarm("«none»"), "expected a mapping for a swarm, found text"),
        (swarm("{ nodes: «1» }"), "`1` is not a number of nodes"),
        (swarm("{ nodes: «5001» }"), "`5001` is not a number of nodes"),
        (swarm("{ nodes: «+4» }"), "`+4` is not a number of nodes"),
        (swarm("{ nodes: 4, core: «boost» }"), "unknown core of a swarm `boost`"),
        (
            swarm("{ nodes: 4, network: «4294967296» }"),
            "`4294967296` is not the number of a network",
        ),
        (swarm("{ nodes: 4, ip: «v5» }"), "unknown IP version of a swarm `v5`"),
        (swarm("{ nodes: 4, start: «warm» }"), "unknown start of a swarm `warm`"),
        (swarm("{ nodes: 4, «nods»: 5 }"), "unknown key of a swarm: `nods`"),
        (swarm("{ nodes: 4, link: { «rate»: 1mbit } }"), "unknown key of a link: `rate`"),
        (swarm("{ nodes: 4, «churn»: { up: 1s } }"), "a churn needs the key `down`"),
        (swarm("{ nodes: 4, churn: { up: «0s», down: 1s } }"), "0ns is too little for a mean time"),
        (swarm("{ nodes: 4, churn: { up: 1s, down: «25h» } }"), "25h is too much for a mean time"),
        (
            swarm("{ nodes: 4, churn: { up: 1s, down: 1s, «away»: 1s } }"),
            "unknown key of a churn: `away`",
        ),
        (swarm("{ nodes: 4, «bootstrap»: [boot] }"), "a settled swarm begins from nobody"),
        (
            swarm("{ nodes: 4, start: settled, «bootstrap»: [swarm-1] }"),
            "a settled swarm begins from nobody",
        ),
        (
            swarm("{ nodes: 4, start: cold, bootstrap: «[]» }"),
            "a cold swarm needs a node to begin with",
        ),
        (swarm("{ nodes: 4, start: cold, bootstrap: [«a»] }"), "`a` does not serve `dht`"),
        (swarm("{ nodes: 4, start: cold, bootstrap: [«bot»] }"), "unknown host `bot`"),
        (swarm("{ nodes: 4, start: cold, bootstrap: [boot, «boot»] }"), "`boot` is named twice"),
        (swarm("{ nodes: 4, start: cold, bootstrap: [«swarm-5»] }"), "unknown host `swarm-5`"),
        (swarm("{ nodes: 4, start: cold, bootstrap: [«swarm»] }"), "unknown host `swarm`"),
        (
            swarm(
                "{ nodes: 2, start: cold, bootstrap: [swarm-1, swarm-2], «churn»: { up: 1s, down: 1s } }",
            ),
            "every node of the swarm stays",
        ),
        (
            swarm("{ nodes: 4, ip: dual, link: { mtu: «1000B» } }"),
            "1000B is too little for a link with IPv6",
        ),
        (
            swarm("{ nodes: 4, link: { queue: «1500B», mtu: 9000B } }"),
            "a queue of 1500B does not hold a packet",
        ),
    ]);
    valid(&swarm("{ nodes: 2, churn: { up: 1ns, down: 24h } }"));
    valid(&swarm("{ nodes: 5000 }"));
    valid(&swarm("{ nodes: 2, start: cold, bootstrap: [boot] }"));
}

#[test]
fn a_size_that_is_wrong_is_said_once() {
    assert_errors(
        &world(
            "",
            "swarm: { nodes: «many», start: cold, bootstrap: [swarm-3] }\n\
             sessions: { call: { between: [a, b], discovery: { dht: { bootstrap: [swarm-1] } } } }\n\
             events: [{ at: 1s, server_stop: swarm-2 }]\n",
        ),
        &["`many` is not a number of nodes"],
    );
    assert_errors(
        &swarm("{ core: mixed }").replace("swarm:", "«swarm»:"),
        &["a swarm needs the key `nodes`"],
    );
}

#[test]
fn the_names_of_a_swarm() {
    const CALL: &str =
        "swarm: { nodes: 4 }\nsessions: { call: { between: [a, b], discovery: { dht: {} } } }\n";
    assert_each(&[
        (
            world("  «swarm-4»: { lan: home }\n", CALL),
            "`swarm-4` is a host and a node of the swarm",
        ),
        (
            world("  x: { lan: home }\n", CALL).replace("  six:", "  «swarm-1»:"),
            "`swarm-1` is a LAN and a node of the swarm",
        ),
        (world("", &CALL.replace("[a, b]", "[a, «swarm-2»]")), "`swarm-2` is a node of the swarm"),
        (
            world("", &format!("{CALL}events: [{{ at: 1s, server_stop: «swarm-0» }}]\n")),
            "unknown host `swarm-0`",
        ),
        (
            world("", &format!("{CALL}events: [{{ at: 1s, roam: «swarm-1», to: home }}]\n")),
            "`swarm-1` serves, so it stays where it is",
        ),
    ]);
    valid(&world(
        "  swarm-5: { lan: home }\n  swarm-01: { lan: home }\n  swarm: { lan: home }\n",
        CALL,
    ));
    valid(&world(
        "",
        &format!(
            "{CALL}events: [{{ at: 1s, link_down: swarm-4 }}, {{ at: 2s, server_stop: swarm-1 }}]\n"
        ),
    ));
    let shown = invalid(&world("", &CALL.replace("dht: {}", "dht: { bootstrap: [swarm] }")));
    assert!(shown.to_string().contains("the first one is `swarm-1`"), "{shown}");
}

#[test]
fn the_place_of_a_swarm() {
    let no_internet = "\
        internet: none\nlans: { l: { subnet: 10.0.0.0/24 } }\nhosts: { a: { lan: l }, b: { lan: l } }\n\
        «swarm»: { nodes: 900 }\nsessions: { call: { between: [a, b], discovery: { dht: {} } } }\n";
    assert_each(&[
        (scenario(no_internet), "the swarm is on an Internet that is not there"),
        (
            swarm("{ nodes: 900 }")
                .replace("  e: { internet: 198.51.100.3 }", "  e: { internet: 198.19.0.7 }")
                .replace("swarm:", "«swarm»:"),
            "198.19.0.7 is used twice on the Internet",
        ),
        (
            swarm("{ nodes: 900, ip: dual }")
                .replace("boot: { internet", "boot: { ipv6_address: \"2001:db8:d47::9\", internet")
                .replace("swarm:", "«swarm»:"),
            "2001:db8:d47::9 is used twice on the Internet",
        ),
    ]);
    assert_errors(
        &swarm("{ nodes: 900 }")
            .replace("2001:db8:1::/64", "198.19.0.0/24")
            .replace("swarm:", "«swarm»:"),
        &["198.19.0.1 lies in a subnet that is routed to a LAN"],
    );
    assert_errors(
        &world(
            "  more: { copies: 19000, lan: x }\n",
            "swarm: { nodes: «994» }\nsessions: { call: { between: [a, b], discovery: { dht: {} } } }\n",
        )
        .replace("lans:\n", "lans:\n  x: { subnet: 10.0.0.0/8 }\n"),
        &["there may be at most 20000 hosts"],
    );
}

#[test]
fn a_swarm_is_used() {
    let with = |hosts: &str, swarm: &str, discovery: &str| {
        let call = format!("sessions: {{ call: {{ between: [a, b]{discovery} }} }}\n");
        world(hosts, &format!("{swarm}: {{ nodes: 4 }}\n{call}")).replace(
            "boot: { internet: 198.51.100.5, serve: { dht: {} } }",
            "boot: { internet: 198.51.100.5, serve: { dht: { bootstrap: [] } } }",
        )
    };
    for unused in ["", ", discovery: { lan: {} }", ", discovery: { rendezvous: {} }"] {
        assert_errors(&with("", "«swarm»", unused), &["nothing uses the swarm"]);
    }
    let far = "  n: { lan: home, serve: { dht: { bootstrap: [boot] } } }\n";
    assert_errors(&with(far, "«swarm»", ""), &["nothing uses the swarm"]);
    valid(&with("", "swarm", ", discovery: { dht: {} }"));
    valid(&with("", "swarm", ", discovery: { first_of: [dht, lan] }"));
    valid(&with("  n: { lan: home, serve: { dht: {} } }\n", "swarm", ""));
    valid(&with("  n: { lan: home, serve: { dht: { bootstrap: [swarm-4] } } }\n", "swarm", ""));
}

#[test]
fn served_nodes() {
    let host = |serve: &str| {
        world(
            &format!("  n: {{ internet: 198.51.100.6, serve: {{ dht: {serve} }} }}\n"),
            "sessions: { call: { between: [a, b] } }\n",
        )
    };
    assert_each(&[
        (host("«natbed»"), "expected a mapping for a DHT service, found text"),
        (host("{ core: «mixed» }"), "unknown core of a node `mixed`"),
        (host("{ «boostrap»: [boot] }"), "unknown key of a DHT service: `boostrap`"),
        (host("{ bootstrap: «boot» }"), "expected a list, found text"),
        (host("{ bootstrap: [«n»] }"), "a node does not begin from itself"),
        (host("{ bootstrap: [«server»] }"), "`server` does not serve `dht`"),
        (host("{ bootstrap: [«boto»] }"), "unknown host `boto`"),
        (host("{ bootstrap: [boot, «boot»] }"), "`boot` is named twice"),
        (host("{ bootstrap: [«swarm-1»] }"), "unknown host `swarm-1`"),
    ]);
    let shown = invalid(&host("{ bootstrap: [server] }")).to_string();
    assert!(shown.contains("needs `serve: { dht: .. }`"), "{shown}");
    let shown = invalid(&host("{ boostrap: [boot] }")).to_string();
    assert!(shown.contains("did you mean `bootstrap`?"), "{shown}");
    let many = |count: usize, last: &str| {
        let names: Vec<_> = (1..=count).map(|at| format!("m-{at}")).collect();
        let mut names = names.join(", ");
        names.push_str(last);
        world(
            &format!(
                "  m: {{ copies: 65, lan: home, serve: {{ dht: {{}} }} }}\n  \
                 n: {{ lan: home, serve: {{ dht: {{ bootstrap: [{names}] }} }} }}\n"
            ),
            "sessions: { call: { between: [a, b] } }\n",
        )
    };
    valid(&many(64, ""));
    assert_errors(&many(64, ", «m-65»"), &["there may be at most 64 bootstrap hosts"]);
}
