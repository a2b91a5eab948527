//! What happens to the network, what it does to a session, and what the report says of it.

use natbed_report::{Path, RunRecord, TimelineRecord};

use crate::support::{Folder, natbed};

/// A call between two homes that talks for a minute, with the given events and further keys of the
/// session.
fn call(events: &str, session: &str) -> String {
    world(
        "  alice-home: { subnet: 192.168.1.0/24, gateway: { nat: linux-masquerade } }\n  \
         bob-home: { subnet: 192.168.2.0/24, gateway: { nat: linux-masquerade } }\n",
        "  alice: { lan: alice-home }\n  bob: { lan: bob-home }\n",
        events,
        session,
    )
}

fn world(lans: &str, hosts: &str, events: &str, session: &str) -> String {
    format!(
        "natbed: 1\nname: eventful\nhorizon: 3min\nlans:\n{lans}hosts:\n{hosts}  \
         turn: {{ internet: 203.0.113.10, serve: {{ stun: {{}}, turn: {{ users: {{ u: p }} }} }} }}\n\
         events: [{events}]\nsessions:\n  call:\n    between: [alice, bob]\n    \
         stun: [turn]\n    turn: [turn]\n    \
         load: {{ echo: {{ count: 3000, interval: 20ms }} }}\n{session}"
    )
}

/// Runs a scenario and returns the record of its only session.
#[track_caller]
fn run(name: &str, text: &str, code: i32) -> RunRecord {
    let folder = Folder::new(&format!("events_{name}"));
    let path = folder.write("eventful.yaml", text);
    let report = natbed("run --format json", &[&path]).with_code(code).report();
    let [record] = &report.runs[..] else { panic!("{report:#?}") };
    record.clone()
}

/// Seconds from an event to what is said of it: lost, noticed, recovered.
fn seconds(event: &TimelineRecord) -> [Option<f64>; 3] {
    let since = |at_ns: u64| (at_ns - event.at_ns) as f64 / 1e9;
    [
        event.lost.as_ref().map(|lost| since(lost.at_ns)),
        event.noticed.as_ref().map(|noticed| since(noticed.at_ns)),
        event.recovered.as_ref().map(|recovered| since(recovered.at_ns)),
    ]
}

#[track_caller]
fn assert_about(found: Option<f64>, expected: Option<f64>) {
    let is_near = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() < 0.25,
        (found, expected) => found == expected,
    };
    assert!(is_near, "{found:?} is not about {expected:?}");
}

#[track_caller]
fn assert_timeline(event: &TimelineRecord, expected: [Option<f64>; 3]) {
    for (found, expected) in seconds(event).into_iter().zip(expected) {
        assert_about(found, expected);
    }
}

#[test]
fn a_cut_is_lost_noticed_and_recovered_when_it_is_mended() {
    let events = "{ at: 5s, nat_flush: bob-home }, { at: 10s, link_down: alice-home }, \
         { at: 18s, link_up: alice-home }, { at: 30s, link_down: bob }";
    let record = run("cut", &call(events, ""), 0);
    let [flush, down, up, last] = &record.timeline[..] else { panic!("{:#?}", record.timeline) };
    assert_eq!((&*down.event, &*up.event), ("link_down alice-home", "link_up alice-home"));
    // Masquerade keeps the port, so a flush between two datagrams does not show.
    assert_timeline(flush, [None; 3]);
    assert_timeline(down, [Some(0.02), Some(5.0), Some(8.0)]);
    assert_timeline(up, [None, None, Some(0.04)]);
    assert_timeline(last, [Some(0.02), Some(5.0), None]);
    let noticed = down.noticed.as_ref().unwrap();
    assert_eq!(noticed.state, "disconnected");
    let noted = record.states[&noticed.host].iter().any(|change| change.at_ns == noticed.at_ns);
    assert!(noted, "one of the agent's own states");
    let recovered = down.recovered.as_ref().unwrap();
    assert_eq!((recovered.path, Some(recovered)), (Some(Path::Direct), up.recovered.as_ref()));
    assert_eq!(record.restarts, []);
}

#[test]
fn a_session_without_events_has_an_empty_timeline() {
    let record = run("none", &call("", "").replace("count: 3000", "count: 5"), 0);
    assert_eq!((record.timeline.len(), record.restarts.len()), (0, 0));
}

#[test]
fn a_power_cycled_router_with_another_address_is_got_over_by_a_restart() {
    let events = "{ at: 10s, reboot: alice-home, off_for: 3s, external: new }";
    let session = "    restart: disconnected\n    \
         expect: { path: direct, noticed_within: 6s, recover_within: 8s }\n";
    let record = run("reboot", &call(events, session), 0);
    let [reboot] = &record.timeline[..] else { panic!("{:#?}", record.timeline) };
    assert_timeline(reboot, [Some(0.02), Some(5.1), Some(6.5)]);
    let [restart] = &record.restarts[..] else { panic!("{:#?}", record.restarts) };
    assert_eq!(restart.state, "disconnected");
    let remote = |pair: &Option<natbed_report::PairRecord>| pair.clone().unwrap().local.address;
    assert_ne!(remote(&restart.before), remote(&restart.after), "another socket");
    assert_eq!(record.reasons, Vec::<String>::new());
    // Without a restart there is no way back: Bob sends to an address that nobody has.
    let record = run("reboot_never", &call(events, ""), 0);
    let [reboot] = &record.timeline[..] else { panic!("{:#?}", record.timeline) };
    assert_timeline(reboot, [Some(0.02), Some(5.1), None]);
}

#[test]
fn a_router_that_only_blinks_keeps_its_address_and_the_call() {
    let events = "{ at: 10s, reboot: alice-home, off_for: 1s }";
    let record = run("blink", &call(events, "    expect: { recover_within: 2s }\n"), 0);
    // The agents were not interrupted for long enough to notice.
    let [reboot] = &record.timeline[..] else { panic!("{:#?}", record.timeline) };
    assert_timeline(reboot, [Some(0.02), None, Some(1.04)]);
}

#[test]
fn an_address_that_changes_in_mid_call_takes_a_restart() {
    let events = "{ at: 10s, readdress: alice-home, external: 198.51.100.77 }";
    let record = run("readdress", &call(events, "    restart: disconnected\n"), 0);
    let [readdress] = &record.timeline[..] else { panic!("{:#?}", record.timeline) };
    assert_eq!(readdress.event, "readdress alice-home as 198.51.100.77");
    assert_eq!(readdress.recovered.as_ref().unwrap().path, Some(Path::Direct));
    assert_about(seconds(readdress)[2], Some(6.4));
    assert_eq!(record.restarts.len(), 1);
}

#[test]
fn roaming_to_another_lan_recovers_with_the_address_there() {
    let lans = "  wifi: { subnet: 192.168.1.0/24, gateway: { nat: linux-masquerade } }\n  \
         cellular: { subnet: 100.64.0.0/24, isolate: true, gateway: { nat: rfc6888-cgn } }\n  \
         bob-home: { subnet: 192.168.2.0/24, gateway: { nat: linux-masquerade } }\n";
    let hosts = "  alice: { lan: wifi }\n  bob: { lan: bob-home }\n";
    let events = "{ at: 10s, roam: alice, to: cellular }";
    let session = "    restart: disconnected\n    expect: { path: direct, recover_within: 8s }\n";
    let record = run("roam", &world(lans, hosts, events, session), 0);
    let [roam] = &record.timeline[..] else { panic!("{:#?}", record.timeline) };
    assert_eq!(roam.event, "roam alice to cellular");
    assert_about(seconds(roam)[0], Some(0.0));
    let [restart] = &record.restarts[..] else { panic!("{:#?}", record.restarts) };
    let local = |pair: &Option<natbed_report::PairRecord>| pair.clone().unwrap().local.address;
    assert!(local(&restart.before).starts_with("192.168.1."), "{restart:?}");
    assert!(local(&restart.after).starts_with("100.64.0."), "{restart:?}");
    assert_eq!(record.local.as_ref().unwrap().address, local(&restart.after));
}

#[test]
fn roaming_onto_the_peers_lan_ends_on_the_lan() {
    let lans = "  wifi: { subnet: 192.168.1.0/24, gateway: { nat: linux-masquerade } }\n  \
         bob-home: { subnet: 192.168.2.0/24, gateway: { nat: linux-masquerade } }\n";
    let hosts = "  alice: { lan: wifi }\n  bob: { lan: bob-home }\n";
    let session = "    restart: disconnected\n    expect: { path: lan }\n";
    let text = world(lans, hosts, "{ at: 10s, roam: alice, to: bob-home }", session);
    // A path of `lan` is refused for hosts that do not begin on one LAN, so it is not expected.
    let record = run("roam_home", &text.replace("path: lan", "recover_within: 8s"), 0);
    assert_eq!((record.path, record.agent), (Path::Lan, Path::Lan));
    assert_eq!(record.timeline[0].recovered.as_ref().unwrap().path, Some(Path::Lan));
}

#[test]
fn a_firewall_that_comes_to_block_udp_ends_the_call() {
    let events = "{ at: 10s, set_firewall: bob-home, firewall: { inbound: drop, outbound: { drop: [udp] } } }";
    let record = run("firewall", &call(events, "    restart: failed\n"), 0);
    let [set] = &record.timeline[..] else { panic!("{:#?}", record.timeline) };
    assert_eq!((&*set.event, &set.recovered), ("set_firewall bob-home", &None));
    assert_about(seconds(set)[0], Some(0.0));
    assert!(record.restarts.iter().all(|restart| restart.connected_at_ns.is_none()));
    assert_eq!(record.agent, Path::None);
}

#[test]
fn logging_in_at_a_captive_portal_opens_the_way() {
    let lans = "  hotel:\n    subnet: 192.168.1.0/24\n    gateway:\n      nat: linux-masquerade\n      \
         firewall: { captive_portal: true }\n  \
         bob-home: { subnet: 192.168.2.0/24, gateway: { nat: linux-masquerade } }\n";
    let hosts = "  alice: { lan: hotel }\n  bob: { lan: bob-home }\n";
    // Alice asks the servers anew when she has failed, at 38 s, and again too early by 2 s: she
    // goes without addresses of her own, and comes to Bob's relayed one.
    let session = "    restart: failed\n    expect: { path: relay, recover_within: 6s }\n";
    let events = "{ at: 40s, log_in: alice }";
    let record = run("log_in", &world(lans, hosts, events, session), 0);
    let [log_in] = &record.timeline[..] else { panic!("{:#?}", record.timeline) };
    assert_eq!((&*log_in.event, &log_in.lost), ("log_in alice", &None));
    assert_eq!(log_in.recovered.as_ref().unwrap().path, Some(Path::Relay));
    assert!(record.connect_ns.unwrap() > 40_000_000_000);
    let never = run("no_log_in", &world(lans, hosts, "", "    restart: failed\n"), 0);
    assert_eq!((never.path, never.connect_ns), (Path::None, None));
    assert_eq!(
        never.restarts.len(),
        2,
        "one at 38 s, one at 81 s, and then the load would be over"
    );
}

#[test]
fn what_is_not_recovered_or_noticed_in_time_fails_with_a_reason() {
    let events = "{ at: 10s, reboot: alice-home, off_for: 3s, external: new }";
    let session = "    restart: failed\n    expect: { noticed_within: 4s, recover_within: 5s }\n";
    let record = run("late", &call(events, session), 100);
    let [noticed, recovered] = &record.reasons[..] else { panic!("{:?}", record.reasons) };
    let start = "noticed_within: expected an agent to notice within 4s after reboot alice-home as";
    assert!(noticed.starts_with(start) && noticed.contains(" at 10s, took 5"), "{noticed}");
    let start = "recover_within: expected payload to arrive again within 5s after reboot";
    assert!(recovered.starts_with(start) && recovered.contains(", took 3"), "{recovered}");
}

#[test]
fn an_event_after_the_load_shows_nothing_and_does_not_pass_for_recovered() {
    let text = call(
        "{ at: 20s, link_down: bob }, { at: 20500ms, link_up: bob }",
        "    hold: 30s\n    expect: { recover_within: 5s }\n",
    );
    let record = run("unobserved", &text.replace("count: 3000", "count: 5"), 100);
    assert_eq!(
        record.reasons,
        ["recover_within: no payload was sent after an event, so none was missed"]
    );
}

#[test]
fn people_read_a_line_for_each_event() {
    let folder = Folder::new("events_human");
    let events = "{ at: 10s, link_down: alice-home }, { at: 18s, link_up: alice-home }";
    let path = folder.write("eventful.yaml", &call(events, ""));
    let text = natbed("run", &[&path]).with_code(0).stdout;
    for said in [
        "\neventful, session call, seed 1\n  10.0s link_down alice-home: alice to bob lost after ",
        "disconnected after 5.0",
        "direct again after 8.0",
        "\n  18.0s link_up alice-home: direct again after ",
    ] {
        assert!(text.contains(said), "no {said:?} in:\n{text}");
    }
}

#[test]
fn an_event_about_what_is_not_there_is_shown_in_its_place() {
    for (events, message) in [
        ("{ at: 10s, reboot: nowhere }", "nowhere"),
        ("{ at: 10s, roam: alice, to: nowhere }", "nowhere"),
        ("{ at: 10s, log_in: alice }", "captive"),
        ("{ at: 10min, link_down: bob }", "after the run"),
    ] {
        let folder = Folder::new("events_unknown");
        let path = folder.write("eventful.yaml", &call(events, ""));
        let line = ":11:"; // where `events` stands
        natbed("check", &[&path]).with_code(95).refused_because(&[message, "eventful.yaml", line]);
    }
}
