//! The file as a whole: YAML, keys, types, quantities and names.

use super::assert_each;
use crate::marked::{HOSTS, SESSIONS, gateway, hosts, invalid, lans, scenario, session};

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
