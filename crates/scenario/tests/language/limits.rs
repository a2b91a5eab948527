//! Files at and beyond the limits of the language, and files that cannot be read.

use std::fs;

use natbed_scenario::limits::{MAX_FILE_BYTES, MAX_HOSTS, MAX_LANS};
use natbed_scenario::{LoadError, Source, load};

use crate::marked::{HOSTS, SESSIONS, invalid, scenario, source, valid};

/// A scenario with `count` hosts in one LAN.
fn hosts(count: usize) -> String {
    let hosts: String = (0..count).map(|host| format!("  h{host}: {{ lan: l }}\n")).collect();
    scenario(&format!(
        "lans: {{ l: {{ subnet: 10.0.0.0/8 }} }}\nhosts:\n{hosts}\
         sessions: {{ call: {{ between: [h0, h1] }} }}\n"
    ))
}

/// Asserts that the only error has this message.
fn assert_refused(text: &str, message: &str) {
    let diagnostics = invalid(text);
    let [found] = diagnostics.as_slice() else { panic!("{diagnostics}") };
    assert_eq!(found.message, message);
}

#[test]
fn twenty_thousand_hosts_load_and_one_more_does_not() {
    let document = valid(&hosts(MAX_HOSTS));
    let scenario = document.case(0).scenario;
    assert_eq!(scenario.hosts.len(), MAX_HOSTS);
    let last = scenario.hosts[MAX_HOSTS - 1].address();
    assert_eq!(last.to_string(), "10.0.78.41"); // 10 + 19 999 after 10.0.0.0
    assert_refused(&hosts(MAX_HOSTS + 1), "there may be at most 20000 hosts");
}

#[test]
fn twenty_thousand_lans_load_and_one_more_does_not() {
    let lans = |count: usize| {
        let lans: String =
            (0..count).map(|lan| format!("  l{lan}: {{subnet: 10.0.0.0/24}}\n")).collect();
        scenario(&format!("lans:\n{lans}{HOSTS}{SESSIONS}"))
    };
    assert_eq!(valid(&lans(MAX_LANS)).case(0).scenario.lans.len(), MAX_LANS);
    assert_refused(&lans(MAX_LANS + 1), "there may be at most 20000 LANs");
}

#[test]
fn a_chain_of_ten_thousand_routed_lans_is_no_trouble() {
    let lans: String = (1..10_000)
        .map(|lan| {
            let (high, low, via) = (lan / 250, lan % 250, lan - 1);
            format!(
                "  l{lan}: {{subnet: 10.{high}.{low}.0/24, gateway: {{nat: none, via: l{via}}}}}\n"
            )
        })
        .collect();
    let text = scenario(&format!(
        "lans:\n  l0: {{subnet: 10.0.0.0/24, gateway: {{nat: linux-masquerade}}}}\n{lans}{HOSTS}{SESSIONS}"
    ));
    let scenario = valid(&text).case(0).scenario;
    let last = scenario.lans[9_999].gateway.as_ref().unwrap();
    assert_eq!(last.external.to_string(), "10.39.248.100");
}

#[test]
fn sessions_events_and_servers_are_limited() {
    let many = |count: usize, item: &dyn Fn(usize) -> String| -> String {
        (0..count).map(item).collect::<Vec<_>>().join(", ")
    };
    let session = |at: usize| format!("c{at}: {{ between: [a, b] }}");
    valid(&scenario(&format!("{HOSTS}sessions: {{ {} }}\n", many(1_000, &session))));
    assert_refused(
        &scenario(&format!("{HOSTS}sessions: {{ {} }}\n", many(1_001, &session))),
        "there may be at most 1000 sessions",
    );
    let event = |_| "{ at: 1s, link_up: a }".to_owned();
    valid(&scenario(&format!("{HOSTS}{SESSIONS}events: [{}]\n", many(10_000, &event))));
    assert_refused(
        &scenario(&format!("{HOSTS}{SESSIONS}events: [{}]\n", many(10_001, &event))),
        "there may be at most 10000 events",
    );
    let server = |at: usize| format!("s{at}: {{ internet: 9.0.0.{at}, serve: {{ stun: {{}} }} }}");
    let name = |at: usize| format!("s{at}");
    assert_refused(
        &scenario(&format!(
            "hosts: {{ {} }}\nsessions: {{ c: {{ between: [s0, s1], stun: [{}] }} }}\n",
            many(65, &server),
            many(65, &name)
        )),
        "there may be at most 64 servers of a session",
    );
}

#[test]
fn depth_and_size_of_the_document_are_limited() {
    let nested = |depth: usize| format!("a: {}{}\n", "[".repeat(depth), "]".repeat(depth));
    assert_refused(&nested(40), "the file is nested too deep");
    let blocks: String = (0..40).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_refused(&blocks, "the file is nested too deep");
    assert!(!invalid(&nested(31)).to_string().contains("nested"), "31 lists in a mapping are fine");

    let line = |name: char, of: char| {
        format!("{name}: &{name} [{}]\n", vec![format!("*{of}"); 9].join(","))
    };
    let bomb: String = ('b'..='l').map(|name| line(name, char::from(name as u8 - 1))).collect();
    assert_refused(
        &format!("a: &a [x,x,x,x,x,x,x,x,x]\n{bomb}"),
        "the file has more than 200000 values",
    );
    let wide = format!("a: [{}]\n", vec!["1"; 200_000].join(","));
    assert_refused(&wide, "the file has more than 200000 values");
    let long = format!("# {}\n", "x".repeat(MAX_FILE_BYTES));
    assert_refused(&long, "the file is larger than 1048576 bytes");
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let directory = std::env::temp_dir().join(format!("natbed-scenario-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = directory.join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let missing = Source::read(&directory.join("missing.yaml")).unwrap_err();
    assert!(
        matches!(&missing, LoadError::Unreadable { name, .. } if name.ends_with("missing.yaml"))
    );
    assert!(matches!(Source::read(&directory), Err(LoadError::Unreadable { .. })));
    let latin1 = Source::read(&write("latin1.yaml", b"name: caf\xe9\n")).unwrap_err();
    assert!(matches!(latin1, LoadError::NotUtf8 { offset: 9, .. }));
    let large = Source::read(&write("large.yaml", &vec![b'#'; MAX_FILE_BYTES + 1])).unwrap_err();
    assert!(matches!(large, LoadError::TooLarge { limit: MAX_FILE_BYTES, .. }));
    let text = scenario(&format!("{HOSTS}{SESSIONS}"));
    let source = Source::read(&write("right.yaml", text.as_bytes())).unwrap();
    assert!(source.name.ends_with("right.yaml"));
    assert_eq!(load(source).unwrap().name(), "test");
    fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_fine() {
    let text = scenario(&format!("{HOSTS}{SESSIONS}"));
    valid(&text.replace('\n', "\r\n"));
    valid(&format!("\u{feff}{text}"));
    let diagnostics = load(source(&text.replace("a:", "ä:").replace('\n', "\r\n"))).unwrap_err();
    assert_eq!((diagnostics.as_slice()[0].line, diagnostics.as_slice()[0].column), (3, 10));
}
