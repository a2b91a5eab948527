//! Sessions and what is expected of them.

use super::assert_each;
use crate::marked::{HOSTS, assert_errors, scenario, session, valid};

#[test]
fn sessions() {
    assert_each(&[
        (scenario(&format!("{HOSTS}«sessions»: {{}}\n")), "a scenario needs a session"),
        (session("{ between: «[a]» }"), "a session is between two hosts, not 1"),
        (session("{ between: [a, «a»] }"), "a session is between two different hosts"),
        (session("{ between: [a, b], stack: «pion» }"), "unknown stack `pion`"),
        (
            session("{ between: [a, b], discovery: { «dth»: {} } }"),
            "unknown key of a discovery: `dth`",
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
        (expect("[a, b]", "{ «rtt_p50»: {} }"), "a bound needs the key `at_least` or `at_most`"),
    ]);
    valid(&expect("[a, a2]", "{ path: lan }"));
    valid(&expect("[a, b]", "{ path: none, rtt_p50: { at_most: 1s }, final_state: failed }"));
}

#[test]
fn hosts_without_ipv4() {
    let v6 = |session: &str| {
        scenario(&format!(
            "lans: {{ v6: {{ subnet: \"2001:db8:1::/64\", gateway: {{ nat: none }} }} }}\n\
             hosts:\n  a: {{ internet: 198.51.100.1 }}\n  b: {{ internet: 198.51.100.2, ipv6_address: \"2001:db8::2\" }}\n  \
             c: {{ lan: v6 }}\n  d: {{ internet: \"2001:db8::4\", serve: {{ stun: {{}} }} }}\n  \
             e: {{ interfaces: [{{ lan: v6 }}, {{ internet: 198.51.100.5 }}] }}\n\
             sessions: {{ call: {session} }}\n"
        ))
    };
    assert_each(&[
        (v6("{ between: [a, «c»] }"), "`c` has no IPv4 address"),
        (v6("{ between: [a, b], stun: [«d»] }"), "`d` has no IPv4 address"),
    ]);
    valid(&v6("{ between: [b, e] }"));
}

#[test]
fn restarts_and_recoveries() {
    let with = |session_keys: &str, events: &str| {
        session(&format!("{{ between: [a, b], {session_keys} }}\n{events}"))
    };
    let cut = "events: [{ at: 1s, link_down: home }]";
    let healed = "events: [{ at: 1s, link_down: home }, { at: 2s, link_up: home }]";
    assert_each(&[
        (with("restart: «always»", ""), "unknown reason to restart `always`"),
        (with("expect: { recover_within: «5s» }", ""), "there is no event that this could follow"),
        (with("expect: { noticed_within: «5s» }", ""), "there is no event that this could follow"),
        (with("expect: { recover_within: «5s» }", cut), "nothing here lets the session recover"),
        (
            with("expect: { recover_within: «6min» }", healed),
            "the time to recover is longer than the run",
        ),
        (
            with("expect: { noticed_within: «6min» }", healed),
            "the time to notice is longer than the run",
        ),
        (with("expect: { path: none, recover_within: «5s» }", healed), "this needs a connection"),
    ]);
    valid(&with("expect: { recover_within: 5s }", healed));
    valid(&with("restart: failed, expect: { recover_within: 5s, noticed_within: 5s }", cut));
    valid(&with("expect: { noticed_within: 5s }", cut));
}
