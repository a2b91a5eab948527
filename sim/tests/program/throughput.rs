//! Transfers and calls: what is expected of them, what came of them, and why they ended.

use natbed_report::{LedgerRole, LoadRecord, Path, RunRecord, Verdict};

use crate::support::{Folder, natbed};

/// Two homes of which one sends at 20 Mbit/s, with whatever sessions and other keys.
fn homes(nat: &str, rest: &str) -> String {
    let nat = match nat {
        "symmetric" => "{ mapping: apdm, filtering: apdf }",
        nat => nat,
    };
    format!(
        "natbed: 1\nname: homes\n\
         lans:\n  alice-home:\n    subnet: 192.168.1.0/24\n    \
         gateway: {{ nat: {nat}, uplink: {{ down: 100mbit, up: 20mbit, delay: 5ms }} }}\n  \
         bob-home:\n    subnet: 192.168.2.0/24\n    \
         gateway: {{ nat: {nat}, uplink: {{ down: 100mbit, up: 50mbit, delay: 5ms }} }}\n\
         hosts:\n  alice: {{ lan: alice-home }}\n  bob: {{ lan: bob-home }}\n  \
         turn: {{ internet: 203.0.113.10, serve: {{ stun: {{}}, turn: {{ users: {{ u: p }} }} }} }}\n\
         {rest}\n"
    )
}

/// A session over the servers of these homes.
fn session(keys: &str) -> String {
    format!("sessions: {{ file: {{ between: [alice, bob], stun: [turn], turn: [turn], {keys} }} }}")
}

/// Runs a scenario of one session and returns its record.
#[track_caller]
fn record(name: &str, code: i32, text: &str) -> RunRecord {
    let folder = Folder::new(name);
    let path = folder.write("scenario.yaml", text);
    let report = natbed("run --format json", &[&path]).with_code(code).report();
    assert_eq!(report.runs.len(), 1, "{report:#?}");
    report.runs[0].clone()
}

#[test]
fn a_transfer_that_keeps_its_expectation_passes() {
    let expect = "load: { quic: { size: 4MB } }, \
                  expect: { goodput: { at_least: 14mbit, at_most: 20mbit }, complete_within: 3s }";
    let record = record("throughput_met", 0, &homes("linux-masquerade", &session(expect)));
    let transfer = record.load.as_ref().and_then(LoadRecord::transfer).unwrap();
    let [direction] = &transfer.directions[..] else { panic!("one direction: {transfer:?}") };
    assert_eq!((direction.from.as_str(), direction.to.as_str()), ("alice", "bob"));
    assert_eq!((direction.offered_bytes, direction.bytes), (Some(4_000_000), 4_000_000));
    let times = [
        direction.connected_ns,
        direction.first_byte_ns,
        direction.last_byte_ns,
        direction.completed_ns,
    ];
    assert!(times.iter().all(Option::is_some) && times.is_sorted(), "{times:?}");
    // On an empty line a datagram takes 30 ms, in front of a full queue 100 ms more.
    assert!(
        direction.delay_p50_ns > Some(30_000_000) && direction.delay_max_ns < Some(150_000_000)
    );
    assert_eq!(direction.failure, None);
}

#[test]
fn a_goodput_that_is_missed_names_the_bottleneck() {
    let expect = "load: { quic: { size: 2MB } }, expect: { goodput: { at_least: 30mbit } }";
    let record = record("throughput_missed", 100, &homes("linux-masquerade", &session(expect)));
    let [reason] = &record.reasons[..] else { panic!("{:?}", record.reasons) };
    let start = "goodput: expected at least 30mbit, measured ";
    assert!(reason.starts_with(start), "{reason}");
    assert!(reason.ends_with("mbit from alice to bob; bottleneck alice-home up"), "{reason}");
    let bottleneck = record.bottleneck.unwrap();
    assert_eq!(bottleneck.pipe, "alice-home up");
    let pipe = record.pipes.iter().find(|pipe| pipe.pipe == bottleneck.pipe).unwrap();
    assert_eq!(pipe.rate_bps, Some(20_000_000));
    assert_eq!(pipe.utilisation_ppm, Some(bottleneck.utilisation_ppm));
    assert!(pipe.dropped.contains_key("queue-full"), "{pipe:?}");
}

#[test]
fn a_transfer_that_has_not_ended_at_the_horizon_says_how_far_it_got() {
    let rest = format!("horizon: 4s\n{}", session("load: { quic: { size: 9MB } }"));
    let record = record("throughput_unfinished", 100, &homes("linux-masquerade", &rest));
    assert_eq!(record.verdict, Verdict::Fail, "not an error");
    let [reason] = &record.reasons[..] else { panic!("{:?}", record.reasons) };
    let start = "unfinished: the run reached its horizon, at 4s, when ";
    assert!(reason.starts_with(start), "{reason}");
    assert!(reason.contains(" of 9MB had arrived from alice to bob, the last of it at 3."));
    let transfer = record.load.as_ref().and_then(LoadRecord::transfer).unwrap();
    assert_eq!(transfer.directions[0].completed_ns, None);
    assert!(transfer.directions[0].goodput_bps.is_some(), "what arrived counts");
}

#[test]
fn a_transport_that_gives_up_says_so_in_its_own_words() {
    // Bob's line is cut for good; QUIC gives up after 30 s of silence.
    let rest = format!(
        "horizon: 2min\nevents: [{{ at: 3s, link_down: bob-home }}]\n{}",
        session("load: { quic: { size: 50MB } }")
    );
    let record = record("throughput_aborted", 100, &homes("linux-masquerade", &rest));
    let aborted = record.reasons.iter().find(|reason| reason.starts_with("aborted: ")).unwrap();
    assert!(aborted.contains("alice: ") && aborted.contains("timed out"), "{aborted}");
    assert!(aborted.contains(" of 50MB had arrived from alice to bob"), "{aborted}");
}

#[test]
fn several_loads_are_held_against_their_own_expectations() {
    let keys = "loads: { voice: { datagrams: { preset: audio, for: 3s } }, \
                file: { sctp: { size: 1MB, after: 1s } }, pulse: { echo: { count: 3 } } }, \
                expect: { loads: { voice: { loss: { at_most: 0% }, delay_p95: { at_most: 1us } }, \
                file: { complete_within: 30s } } }";
    let record = record("throughput_several", 100, &homes("linux-masquerade", &session(keys)));
    let names: Vec<_> =
        record.loads.iter().map(|(name, load)| (name.as_str(), load.kind())).collect();
    assert_eq!(names, [("file", "sctp"), ("pulse", "echo"), ("voice", "datagrams")]);
    assert_eq!(record.reasons.len(), 2, "each direction of the call: {:?}", record.reasons);
    for (reason, way) in record.reasons.iter().zip(["from alice to bob", "from bob to alice"]) {
        let start = "delay_p95 of voice: expected at most 1us, measured ";
        assert!(reason.starts_with(start) && reason.contains(way), "{reason}");
    }
    let call = record.loads["voice"].call().unwrap();
    assert_eq!(call.directions.len(), 2);
    assert_eq!(call.directions[0].goodput_bps, Some(64_000));
    assert!(record.wire.iter().any(|wire| wire.load == "file" && wire.application == 1_000_000));
}

#[test]
fn a_relayed_session_s_ledger_and_bill_name_the_relay() {
    let load = "load: { quic: { size: 1MB } }, expect: { path: relay }";
    let record = record("ledger_relayed", 0, &homes("symmetric", &session(load)));
    let row = |node: &str| record.ledger.iter().find(|row| row.node == node).unwrap();
    let relay = row("turn");
    assert_eq!(relay.role, LedgerRole::Relay);
    assert!(relay.payload_bytes > 1_000_000, "{relay:?}");
    assert!(relay.saw["alice"].contains(&"198.18.0.1".to_owned()), "{relay:?}");
    assert!(relay.saw["bob"].contains(&"198.18.0.2".to_owned()), "{relay:?}");
    let rendezvous = row("rendezvous");
    assert_eq!((rendezvous.role, rendezvous.payload_datagrams), (LedgerRole::Rendezvous, 0));
    assert!(rendezvous.saw["alice"].contains(&"192.168.1.10".to_owned()), "{rendezvous:?}");
    // Candidates tell bob where alice is, whatever way the payload takes.
    assert!(row("bob").saw["alice"].contains(&"198.18.0.1".to_owned()));
    let [bill] = &record.relays[..] else { panic!("{:?}", record.relays) };
    assert_eq!((bill.host.as_str(), bill.sessions, bill.peak_sessions), ("turn", 1, 1));
    assert!(bill.sent.payload > 1_000_000 && bill.sent.datagrams <= bill.received.datagrams);
    let wire = record.wire.iter().find(|wire| wire.from == "alice").unwrap();
    let parts = [wire.ip, wire.udp, wire.tcp, wire.channel_data, wire.indication, wire.shim];
    assert_eq!(wire.wire, parts.iter().sum::<u64>() + wire.transport);
    // Only on the side whose relay it is: the other one sends to an address like any other.
    let framed = |wire: &natbed_report::WireRecord| wire.channel_data + wire.indication > 0;
    assert_eq!(record.wire.iter().filter(|wire| framed(wire)).count(), 1, "{:?}", record.wire);
}

#[test]
fn a_direct_session_s_payload_goes_through_nobody_else_s_hands() {
    let record = record(
        "ledger_direct",
        0,
        &homes("linux-masquerade", &session("expect: { path: direct }")),
    );
    assert_eq!(record.path, Path::Direct);
    let others = record.ledger.iter().filter(|row| row.role != LedgerRole::Peer);
    for row in others {
        assert_eq!((row.payload_datagrams, row.payload_bytes), (0, 0), "{row:?}");
    }
    let roles: Vec<_> = record.ledger.iter().map(|row| row.role).collect();
    let expected = [LedgerRole::Peer, LedgerRole::Peer, LedgerRole::Relay, LedgerRole::Rendezvous];
    assert_eq!(roles, expected);
    assert!(record.pipes.is_empty() && record.relays.is_empty(), "echoes are not accounted for");
}

#[test]
fn a_session_without_a_stack_carries_tcp() {
    let text = "natbed: 1\nname: bare\n\
         hosts:\n  alice: { internet: 198.51.100.1, uplink: { down: 100mbit, up: 10mbit } }\n  \
         bob: { internet: 198.51.100.2 }\n\
         sessions:\n  file:\n    between: [alice, bob]\n    stack: none\n    \
         load: { tcp: { size: 1MB, window: 128KB } }\n    \
         expect: { path: direct, goodput: { at_least: 7mbit, at_most: 10mbit } }\n";
    let record = record("throughput_tcp", 0, text);
    assert_eq!(
        (record.stack.as_str(), record.path, record.agent),
        ("none", Path::Direct, Path::Direct)
    );
    assert_eq!(record.load.as_ref().map(LoadRecord::kind), Some("tcp"));
    assert!(record.wire.iter().all(|wire| wire.tcp > 0 && wire.udp == 0), "{:?}", record.wire);
}
