//! Entries that stand for several, and what refers to them.

use natbed_scenario::limits::MAX_HOSTS;
use natbed_scenario::{HostIndex, LanIndex, Load, Scenario};
use natbed_units::SimDuration;

use crate::marked::{HOSTS, SESSIONS, assert_errors, invalid, scenario, valid};

/// Pairs of hosts, each in a home of its own, that call each other.
fn pairs(copies: &str, matrix: &str) -> String {
    scenario(&format!(
        "lans:\n  home:\n    copies: {copies}\n    subnet: 192.168.${{copy}}.0/24\n    \
         gateway: {{ nat: linux-masquerade, uplink: {{ delay: \"${{copy}}ms\" }} }}\n\
         hosts:\n  alice: {{ copies: {copies}, lan: \"home-${{copy}}\" }}\n  \
         bob: {{ copies: {copies}, internet: \"198.51.100.${{copy}}\" }}\n  \
         carol: {{ internet: 203.0.113.1 }}\n\
         sessions:\n  call:\n    copies: {copies}\n    between: [\"alice-${{copy}}\", \"bob-${{copy}}\"]\n    \
         start: {{ \"bob-${{copy}}\": \"${{copy}}s\" }}\n    \
         load: {{ echo: {{ count: \"${{copy}}\" }} }}\n{matrix}"
    ))
}

fn hosts(scenario: &Scenario) -> Vec<&str> {
    scenario.hosts.iter().map(|host| &*host.name).collect()
}

#[test]
fn an_entry_with_copies_stands_for_several() {
    let scenario = valid(&pairs("3", "")).case(0).scenario;
    let names: Vec<_> = scenario.lans.iter().map(|lan| &*lan.name).collect();
    assert_eq!(names, ["home-1", "home-2", "home-3"]);
    assert_eq!(
        hosts(&scenario),
        ["alice-1", "alice-2", "alice-3", "bob-1", "bob-2", "bob-3", "carol"]
    );
    for copy in 1..=3 {
        let at = copy - 1;
        let lan = &scenario.lans[at];
        assert_eq!(lan.subnet.to_string(), format!("192.168.{copy}.0/24"));
        let delay = lan.gateway.as_ref().unwrap().uplink.down.delay;
        assert_eq!(delay, SimDuration::from_millis(copy as u64));
        let attachment = scenario.hosts[at].interface().attachment;
        assert_eq!(attachment, natbed_scenario::Attachment::Lan(LanIndex(at)));
        let session = &scenario.sessions[at];
        assert_eq!(session.name, format!("call-{copy}"));
        assert_eq!(session.between, [HostIndex(at), HostIndex(at + 3)]);
        assert_eq!(session.start[1], SimDuration::from_secs(copy as u64));
        let Load::Echo { count, .. } = session.loads[0].load else { panic!() };
        assert_eq!(count as usize, copy);
    }
}

#[test]
fn an_axis_may_say_how_many() {
    let document = valid(&pairs("\"${pairs}\"", "matrix: { pairs: [1, 5, 50] }\n"));
    let counts: Vec<_> = document
        .cases()
        .map(|case| (case.scenario.hosts.len(), case.scenario.sessions.len()))
        .collect();
    assert_eq!(counts, [(3, 1), (11, 5), (101, 50)]);
    let whole = scenario(
        "hosts: \"${hosts}\"\nsessions: { c: { between: [a-1, a-2] } }\n\
         matrix: { hosts: { two: { a: { copies: 2, lan: l } }, three: { a: { copies: 3, lan: l } } } }\n\
         lans: { l: { subnet: 10.0.0.0/24 } }\n",
    );
    let counts: Vec<_> = valid(&whole).cases().map(|case| case.scenario.hosts.len()).collect();
    assert_eq!(counts, [2, 3]);
}

#[test]
fn a_reference_to_a_copy_may_stand_among_others() {
    let text = scenario(
        "lans: { l: { subnet: 10.0.0.0/24 } }\n\
         hosts:\n  \"${who}\": { copies: 2, lan: l, address: \"10.0.${zero}.${copy}${copy}\" }\n\
         sessions: { c: { between: [\"${who}-1\", \"${who}-2\"] } }\n\
         matrix: { who: [x, y], zero: [0] }\n",
    );
    let document = valid(&text);
    let scenario = document.case(1).scenario;
    assert_eq!(hosts(&scenario), ["y-1", "y-2"]);
    assert_eq!(scenario.hosts[1].address().to_string(), "10.0.0.22");
}

#[test]
fn copies_that_are_wrong() {
    let host = |host: &str| {
        scenario(&format!(
            "lans: {{ l: {{ subnet: 10.0.0.0/8 }} }}\n\
             hosts: {{ a: {{ lan: l }}, b: {{ lan: l }}, {host} }}\n{SESSIONS}"
        ))
    };
    for (text, message) in [
        (host("c: { copies: «0», lan: l }"), "`0` is not a number of copies"),
        (host("c: { copies: «20001», lan: l }"), "`20001` is not a number of copies"),
        (host("c: { copies: «two», lan: l }"), "`two` is not a number of copies"),
        (host("c: { copies: «{}», lan: l }"), "expected a number of copies, found a mapping"),
        (
            host("c: { copies: «\"${copy}\"», lan: l }"),
            "`${copy}` stands only in an entry that has `copies`",
        ),
        (
            host("\"«c${copy}»\": { copies: 2, lan: l }"),
            "`${copy}` stands only in an entry that has `copies`",
        ),
        (
            host("c: { lan: «\"l-${copy}\"» }"),
            "`${copy}` stands only in an entry that has `copies`",
        ),
        (
            host("c: { copies: 2, lan: l, uplink: { «copies»: 2 } }"),
            "unknown key of a link: `copies`",
        ),
        (host("c: { copies: 2, lan: l }, «c-2»: { lan: l }"), "the key `c-2` is used twice"),
        (host("c-2: { lan: l }, «c»: { copies: 2, lan: l }"), "the key `c-2` is used twice"),
        (host("c: { copies: 2, lan: «l-1» }"), "unknown LAN `l-1`"),
        (host("c: { «copise»: 2, lan: l }"), "unknown key of a host: `copise`"),
        // The same in every copy is said once.
        (host("c: { copies: 50, lan: «\"m-${copy}\"» }"), "unknown LAN `m-1`"),
        (
            host("c: { copies: 50, «internet»: 198.51.100.9, lan: l }"),
            "a host is in a LAN or on the Internet, not both",
        ),
    ] {
        let text = text.replace("\"«c${copy}»\"", "«\"c${copy}\"»");
        assert_errors(&text, &[message]);
    }
    assert_errors(
        &scenario(&format!("{HOSTS}sessions: {{ call: {{ copies: 3, between: [«a-1», b] }} }}\n")),
        &["unknown host `a-1`"],
    );
    let named = "lans: { l: { subnet: 10.0.0.0/8 } }\nhosts: { a: { copies: 2, lan: l }, b: { lan: l } }\n\
                 sessions: { call: { between: [«a», b] } }\n";
    assert_errors(&scenario(named), &["unknown host `a`"]);
    let diagnostics = invalid(&scenario(&named.replace(['«', '»'], "")));
    assert_eq!(diagnostics.as_slice()[0].help.as_deref(), Some("the first one is `a-1`"));
    assert_errors(
        &scenario(&format!("{HOSTS}{SESSIONS}horizon: «\"${{copy}}s\"»\n")),
        &["`${copy}` stands only in an entry that has `copies`"],
    );
    assert_errors(
        &scenario(&format!("{HOSTS}{SESSIONS}matrix: {{ «copy»: [1] }}\n")),
        &["`copy` is not a name for an axis"],
    );
}

#[test]
fn a_problem_of_some_cases_says_of_which() {
    let text = pairs("\"${pairs}\"", "matrix: { pairs: [1, 280] }\n").replace('«', "");
    let diagnostics = invalid(&text);
    let notes: Vec<_> =
        diagnostics.as_slice().iter().map(|found| found.note.as_deref().unwrap()).collect();
    assert!(
        notes.iter().all(|note| *note == "in 1 of 2 cases, first in pairs=280"),
        "{diagnostics}"
    );
    let messages: Vec<_> = diagnostics.as_slice().iter().map(|found| &*found.message).collect();
    let expected = ["`192.168.256.0/24` is not a subnet", "`198.51.100.256` is not an IP address"];
    assert_eq!(messages, expected);
}

#[test]
fn the_limits_hold_for_what_copies_come_to() {
    let hosts = |copies: usize, sessions: usize| {
        scenario(&format!(
            "lans: {{ l: {{ subnet: 10.0.0.0/8 }} }}\n\
             hosts:\n  h: {{ copies: {copies}, lan: l }}\n  x: {{ lan: l }}\n\
             sessions: {{ call: {{ copies: {sessions}, between: [\"h-${{copy}}\", x] }} }}\n"
        ))
    };
    let document = valid(&hosts(MAX_HOSTS - 1, 1_000));
    let scenario_of = document.case(0).scenario;
    assert_eq!((scenario_of.hosts.len(), scenario_of.sessions.len()), (MAX_HOSTS, 1_000));
    let message = |text: &str| invalid(text).as_slice()[0].message.clone();
    assert_eq!(message(&hosts(MAX_HOSTS, 1)), "there may be at most 20000 hosts");
    assert_eq!(message(&hosts(2_000, 1_001)), "there may be at most 1000 sessions");
    let echoes: Vec<_> = (0..32).map(|at| format!("l{at}: {{ echo: {{ count: 1 }} }}")).collect();
    let large = format!(
        "{HOSTS}sessions:\n  «c»: {{ copies: 20000, between: [a, b], loads: {{ {} }} }}\n",
        echoes.join(", ")
    );
    assert_errors(&scenario(&large), &["the case has too many values with these copies"]);
    let axis: Vec<_> = (0..1_000).map(|at| format!("{at}ms")).collect();
    let many = scenario(&format!(
        "lans: {{ l: {{ subnet: 10.0.0.0/8 }} }}\nhosts: {{ h: {{ copies: 6000, lan: l }} }}\n\
         internet: {{ delay: \"${{delay}}\" }}\nsessions: {{ c: {{ between: [h-1, h-2] }} }}\n\
         matrix: {{ delay: [{}] }}\n",
        axis.join(", ")
    ));
    assert_eq!(message(&many), "the 1000 cases of the matrix have too many values");
}
