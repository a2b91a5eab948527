//! Loads, sessions without a stack, and what is expected of loads.

use super::assert_each;
use crate::marked::{assert_errors, session, valid};

/// A session between `a` and `b` with these keys.
fn with(keys: &str) -> String {
    session(&format!("{{ between: [a, b], {keys} }}"))
}

fn load(load: &str) -> String {
    with(&format!("load: {{ {load} }}"))
}

#[test]
fn loads() {
    assert_each(&[
        (load("«qiuc»: { size: 1MB }"), "unknown key of a load: `qiuc`"),
        (with("load: «{ quic: { size: 1MB }, echo: {} }»"), "a load is exactly one of its kinds"),
        (load("«quic»: {}"), "a transfer needs the key `size` or `for`"),
        (load("sctp: { size: 1MB, «for»: 1s }"), "a transfer has a `size` or goes on `for` a time"),
        (load("quic: { size: «0B» }"), "0B is too little for the size of a transfer"),
        (load("quic: { size: «2000GB» }"), "2000GB is too much for the size of a transfer"),
        (load("quic: { for: «0s» }"), "0ns is too little for a time to go on"),
        (load("quic: { size: 1MB, from: «c» }"), "unknown sender `c`"),
        (load("quic: { size: 1MB, streams: «0» }"), "`0` is not a number of streams"),
        (load("quic: { size: 1MB, streams: «257» }"), "`257` is not a number of streams"),
        (load("quic: { size: 1MB, congestion: «none» }"), "unknown congestion control `none`"),
        (load("quic: { size: 1MB, window: «1KB» }"), "1KB is too little for a window"),
        (load("quic: { size: 1MB, window: «1GB» }"), "1GB is too much for a window"),
        (load("quic: { size: 1MB, «ordered»: true }"), "unknown key of a QUIC load: `ordered`"),
        (
            load("sctp: { size: 1MB, «congestion»: cubic }"),
            "unknown key of an SCTP load: `congestion`",
        ),
        (load("sctp: { size: 1MB, ordered: «yes» }"), "expected `true` or `false`, found text"),
        (load("«file»: {}"), "a file load needs the key `size`"),
        (load("file: { size: 1MB, «for»: 1s }"), "unknown key of a file load: `for`"),
        (load("file: { size: 1MB, over: «udp» }"), "unknown transport `udp`"),
        (load("«datagrams»: { for: 1s }"), "datagrams need the key `preset` or `rate`"),
        (load("datagrams: { preset: «vidoe», for: 1s }"), "unknown preset of media `vidoe`"),
        (load("«datagrams»: { rate: 1mbit }"), "a load of datagrams needs the key `for`"),
        (load("datagrams: { rate: «0bit», for: 1s }"), "0bit is too little for a rate of media"),
        (
            load("datagrams: { rate: 1mbit, for: 1s, size: «31B» }"),
            "31B is too little for the size of a datagram",
        ),
        (
            load("datagrams: { rate: 1mbit, for: 1s, size: «1201B» }"),
            "1.201KB is too much for the size of a datagram",
        ),
        (
            load("datagrams: { rate: 1mbit, for: 1s, freeze_after: «0s» }"),
            "0ns is too little for a time to go on",
        ),
        (
            load("datagrams: { rate: 100gbit, for: «20s» }"),
            "a load has at most 50000000 datagrams each way",
        ),
        (load("echo: { «from»: first }"), "unknown key of an echo load: `from`"),
        (load("echo: { after: «25h» }"), "25h is too much for a time within a run"),
    ]);
}

#[test]
fn samples_are_limited() {
    assert_each(&[
        (load("quic: { size: 1MB, sample: «0s» }"), "0ns is too little for a time between samples"),
        (load("quic: { size: 1MB, sample: «2ms» }"), "a load takes at most 100000 samples"),
        (load("quic: { for: 11s, sample: «100us» }"), "a load takes at most 100000 samples"),
        (
            load("datagrams: { rate: 1mbit, for: 11s, sample: «100us» }"),
            "a load takes at most 100000 samples",
        ),
    ]);
    valid(&load("quic: { size: 1MB, sample: 3ms }"));
    valid(&load("quic: { for: 10s, sample: 100us }"));
}

#[test]
fn several_loads() {
    let many = |count: usize| {
        let loads: Vec<_> = (0..count).map(|at| format!("l{at}: {{ echo: {{}} }}")).collect();
        with(&format!("loads: {{ {} }}", loads.join(", ")))
    };
    valid(&many(32));
    assert_each(&[
        (many(33).replace("l32", "«l32»"), "there may be at most 32 loads of a session"),
        (with("«loads»: {}"), "`loads` needs a load"),
        (
            with("load: { echo: {} }, «loads»: { a: { echo: {} } }"),
            "a session has a `load` or `loads`",
        ),
        (with("loads: { «a b»: { echo: {} } }"), "`a b` is not a name for a load"),
        (with("loads: { a: { «ping»: {} } }"), "unknown key of a load: `ping`"),
        (
            with("loads: { a: { echo: {} } }, expect: { «loss»: { at_most: 1% } }"),
            "`loss` does not say of which load",
        ),
        (
            with(
                "loads: { a: { echo: {} } }, expect: { loads: { «b»: { loss: { at_most: 1% } } } }",
            ),
            "unknown load `b`",
        ),
        (
            with("loads: { a: { echo: {} } }, expect: { loads: { «a»: {} } }"),
            "the expectation is empty",
        ),
        (
            with("load: { echo: {} }, expect: { «loads»: { a: { loss: { at_most: 1% } } } }"),
            "the load of this session has no name",
        ),
        (
            with("loads: { a: { echo: {} } }, expect: { loads: { a: { «path»: lan } } }"),
            "unknown key of an expectation of a load: `path`",
        ),
    ]);
}

#[test]
fn loads_that_cannot_end_in_time() {
    for late in [
        "load: { quic: { for: 6min } }",
        "load: { quic: { for: 4min, after: 2min } }",
        "load: { datagrams: { rate: 1mbit, for: 290s } }, hold: 20s",
        "load: { echo: { after: 5min } }",
        "loads: { a: { echo: {} }, b: { sctp: { for: 299s, after: 2s } } }",
        "load: { quic: { size: 1B, after: 5min } }",
    ] {
        let text = with(late).replace("  call:", "  «call»:");
        assert_errors(&text, &["the session `call` cannot end in time"]);
    }
    valid(&with("stack: none, load: { tcp: { for: 5min } }"));
}

#[test]
fn sessions_without_a_stack() {
    let none = |keys: &str| with(&format!("stack: none, {keys}"));
    assert_each(&[
        (none("«discovery»: { rendezvous: {} }"), "`discovery` needs a stack"),
        (none("«stun»: [server]"), "`stun` needs a stack"),
        (none("«turn»: []"), "`turn` needs a stack"),
        (none("«start»: { a: 1s }"), "`start` needs a stack"),
        (none("«hold»: 1s"), "`hold` needs a stack"),
        (none("«restart»: failed"), "`restart` needs a stack"),
        (none("expect: { «connect_within»: 1s }"), "`connect_within` needs a stack"),
        (none("expect: { «states»: [connected] }"), "`states` needs a stack"),
        (none("expect: { «final_state»: connected }"), "`final_state` needs a stack"),
        (
            none("expect: { path: \"«${oracle}»\" }").replace("\"«", "«\"").replace("»\"", "\"»"),
            "the outcome rule is for sessions with a stack",
        ),
        (none("expect: { path: «relay» }"), "a session without `turn` servers cannot take a relay"),
        (none("port: «0»"), "`0` is not a port"),
        (none("to: «b»"), "`b` is not an address with or without a port, like `203.0.113.7:5001`"),
        (
            none("to: \"«198.51.100.2:0»\"").replace("\"«", "«\"").replace("»\"", "\"»"),
            "`198.51.100.2:0` is not an address with or without a port, like `203.0.113.7:5001`",
        ),
        (
            none("to: \"«2001:db8::1»\"").replace("\"«", "«\"").replace("»\"", "\"»"),
            "`a` has no IPv6 address",
        ),
        (with("«port»: 80"), "`port` is for a session without a stack"),
        (with("stack: webrtc-ice, «to»: 198.51.100.2"), "`to` is for a session without a stack"),
        (load("«tcp»: { size: 1MB }"), "TCP does not go over an ICE pair"),
        (load("file: { size: 1MB, over: «tcp» }"), "TCP does not go over an ICE pair"),
        (
            none("load: { tcp: { size: 1MB, congestion: «bbr» } }"),
            "unknown congestion control `bbr`",
        ),
        (
            none("load: { tcp: { size: 1MB, «streams»: 2 } }"),
            "unknown key of a TCP load: `streams`",
        ),
    ]);
    let apart = "natbed: 1\nname: test\nhosts:\n  a: { internet: 198.51.100.1 }\n  \
                 b: { internet: \"2001:db8::2\" }\nsessions:\n  \
                 call: { between: [a, «b»], stack: none }\n";
    assert_errors(apart, &["`a` and `b` have no IP version in common"]);
}

#[test]
fn expectations_of_loads() {
    let expect =
        |load: &str, expect: &str| with(&format!("load: {{ {load} }}, expect: {{ {expect} }}"));
    let (quic, call) = ("quic: { size: 1MB }", "datagrams: { rate: 1mbit, for: 1s }");
    assert_each(&[
        (expect(quic, "«freezes»: { at_most: 0 }"), "a `quic` load has no `freezes`"),
        (expect(quic, "«loss»: { at_most: 0% }"), "a `quic` load has no `loss`"),
        (
            expect("file: { size: 1MB }", "«jitter»: { at_most: 1s }"),
            "a `file` load has no `jitter`",
        ),
        (expect(call, "«rtt_p50»: { at_most: 1s }"), "a `datagrams` load has no `rtt_p50`"),
        (expect(call, "«complete_within»: 1s"), "a `datagrams` load has no `complete_within`"),
        (
            expect("sctp: { for: 1s }", "«complete_within»: 1s"),
            "`complete_within` needs a `sctp` load with a `size`",
        ),
        (expect("echo: {}", "«goodput»: { at_least: 1mbit }"), "an `echo` load has no `goodput`"),
        (with("expect: { «goodput»: { at_least: 1mbit } }"), "an `echo` load has no `goodput`"),
        (expect("echo: {}", "«complete_within»: 1s"), "an `echo` load has no `complete_within`"),
        (expect(quic, "«goodput»: {}"), "a bound needs the key `at_least` or `at_most`"),
        (expect(quic, "goodput: { «at_mots»: 1mbit }"), "unknown key of a bound: `at_mots`"),
        (
            expect(quic, "goodput: { at_least: «2mbit», at_most: 1mbit }"),
            "no value is at least 2mbit and at most 1mbit",
        ),
        (expect(call, "freezes: { at_most: «-1» }"), "`-1` is not a number of freezes"),
        (
            expect(quic, "retransmitted: { at_most: «101%» }"),
            "`101%` is too large for a percentage",
        ),
        (expect(quic, "complete_within: «6min»"), "the time to complete is longer than the run"),
        (expect(quic, "path: none, complete_within: «6s»"), "this needs a connection"),
    ]);
    let cut = "events: [{ at: 1s, link_down: home }, { at: 2s, link_up: home }]";
    let recover = |load: &str| format!("{}{cut}\n", expect(load, "recover_within: 5s"));
    valid(&recover("echo: {}"));
    assert_errors(
        &recover(quic).replace("within: 5s", "within: «5s»"),
        &["recovery is seen by echoes, and the session has none"],
    );
}

#[test]
fn transfers_that_a_link_is_too_slow_for() {
    let world = |links: &str, session: &str| {
        crate::marked::scenario(&format!(
            "lans:\n  home: {{ subnet: 192.168.1.0/24, gateway: {{ nat: linux-masquerade, uplink: {{ up: 1mbit }} }} }}\n  \
             inner: {{ subnet: 10.0.0.0/24, gateway: {{ nat: linux-masquerade, via: home, uplink: {{ down: 2mbit }} }} }}\n\
             hosts:\n  a: {{ lan: home }}\n  a2: {{ lan: home }}\n  i: {{ lan: inner }}\n  \
             b: {{ internet: 198.51.100.2{links} }}\nsessions:\n  call: {session}\n"
        ))
    };
    let late = "40MB cannot arrive before the run ends";
    // 40 MB are 320 Mbit; the run takes 300 s.
    assert_each(&[
        (world("", "{ between: [a, b], load: { «quic»: { size: 40MB } } }"), late),
        (world("", "{ between: [a, b], load: { «file»: { size: 40MB, over: sctp } } }"), late),
        (world("", "{ between: [b, a], load: { «quic»: { size: 40MB, from: both } } }"), late),
        (world("", "{ between: [i, b], load: { «sctp»: { size: 40MB } } }"), late),
        (
            world(
                ", uplink: { preset: dsl, up: 1mbit }",
                "{ between: [b, a], load: { «quic»: { size: 40MB } } }",
            ),
            late,
        ),
        (
            world(
                ", uplink: { down: { schedule: [{ at: 0s, rate: 0bit }, { at: 1s, rate: 1mbit }] } }",
                "{ between: [i, b], load: { «quic»: { size: 40MB } } }",
            ),
            late,
        ),
        (
            world("", "{ between: [a, b], load: { «quic»: { size: 31MB, after: 1min } } }"),
            "31MB cannot arrive before the run ends",
        ),
        (
            world("", "{ between: [a, i], load: { «quic»: { size: 80MB } } }"),
            "80MB cannot arrive before the run ends",
        ),
    ]);
    for session in [
        "{ between: [a, b], load: { quic: { size: 30MB } } }",
        "{ between: [b, a], load: { quic: { size: 40MB } } }",
        "{ between: [a, a2], load: { quic: { size: 40MB } } }",
        "{ between: [i, a], load: { quic: { size: 1GB } } }",
        "{ between: [a, b], load: { quic: { size: 40MB } } }\nevents: [{ at: 1s, set_link: home, up: 9mbit }]",
    ] {
        valid(&world("", session));
    }
    let shaped = ", uplink: { down: { rate: 1mbit, burst: 10MB } }";
    valid(&world(shaped, "{ between: [a, b], load: { quic: { size: 37MB } } }"));
}
