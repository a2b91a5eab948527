//! What events did to a session, a line each, and the profiles that a report rests on.

use natbed_report::human::Detail;
use natbed_report::{
    CandidateRecord, Color, LostRecord, NoticedRecord, PairRecord, Path, ProfileRecord,
    RecoveredRecord, Report, RestartRecord, RunRecord, TimelineRecord, human,
};

use crate::fixture::{MS, full, passing};

fn host(name: &str) -> String {
    name.to_owned()
}

fn pair(port: u16) -> PairRecord {
    let end = |candidate: &str, ip: &str| CandidateRecord {
        candidate: candidate.to_owned(),
        address: format!("{ip}:{port}"),
    };
    PairRecord { local: end("host", "192.168.1.2"), remote: end("srflx", "203.0.113.7") }
}

/// A session that a cut took down, that began anew, and that a reboot did no harm.
fn eventful() -> RunRecord {
    let (alice, bob) = (host("alice"), host("bob"));
    let cut = TimelineRecord {
        at_ns: 10_000 * MS,
        event: "link_down alice-home".to_owned(),
        lost: Some(LostRecord { at_ns: 10_017 * MS, from: alice.clone(), to: bob.clone() }),
        noticed: Some(NoticedRecord {
            at_ns: 15_016 * MS,
            host: bob.clone(),
            state: "disconnected".to_owned(),
        }),
        recovered: Some(RecoveredRecord {
            at_ns: 18_037 * MS,
            from: bob.clone(),
            to: alice.clone(),
            path: Some(Path::Relay),
        }),
    };
    let quiet = TimelineRecord {
        at_ns: 20_000 * MS,
        event: "nat_flush bob-home".to_owned(),
        lost: None,
        noticed: None,
        recovered: None,
    };
    let last = TimelineRecord {
        at_ns: 30_000 * MS,
        event: "link_down bob".to_owned(),
        noticed: None,
        recovered: None,
        ..cut.clone()
    };
    let restart = RestartRecord {
        at_ns: 15_016 * MS,
        host: bob,
        state: "disconnected".to_owned(),
        before: Some(pair(5000)),
        connected_at_ns: Some(18_000 * MS),
        after: Some(pair(6000)),
    };
    let gave_up = RestartRecord {
        at_ns: 35_000 * MS,
        before: None,
        connected_at_ns: None,
        after: None,
        ..restart.clone()
    };
    RunRecord { timeline: vec![cut, quiet, last], restarts: vec![restart, gave_up], ..full() }
}

fn profile(name: &str, status: &str) -> ProfileRecord {
    ProfileRecord { name: name.to_owned(), status: status.to_owned() }
}

#[test]
fn each_event_has_a_line_below_the_table() {
    insta::assert_snapshot!(human::render(
        &Report::new("0.1.0", vec![eventful()]),
        Detail::Brief,
        Color::Never
    ));
}

#[test]
fn a_timeline_too_long_to_read_is_counted() {
    let mut record = eventful();
    record.timeline = vec![record.timeline[1].clone(); 30];
    let text = human::render(&Report::new("0.1.0", vec![record]), Detail::Brief, Color::Never);
    assert_eq!(text.matches("nat_flush bob-home: nothing lost\n").count(), 20);
    assert!(text.contains("  ... and 10 more events\n"), "{text}");
}

#[test]
fn timelines_of_many_runs_are_shown_where_a_run_did_not_pass() {
    let mut runs = vec![passing("same-lan", &[], Path::Lan); 41];
    runs.push(eventful());
    let text = |runs: Vec<RunRecord>| {
        human::render(&Report::new("0.1.0", runs), Detail::Brief, Color::Never)
    };
    assert!(!text(runs.clone()).contains("link_down"));
    runs[41].verdict = natbed_report::Verdict::Fail;
    assert!(text(runs).contains("  10.0s link_down alice-home: "));
}

#[test]
fn unverified_profiles_are_named_once_and_verified_ones_are_not() {
    let with = |profiles: &[ProfileRecord]| RunRecord { profiles: profiles.to_vec(), ..full() };
    let text = |runs| human::render(&Report::new("0.1.0", runs), Detail::Brief, Color::Never);
    let trusted = [profile("a", "read"), profile("b", "measured"), profile("c", "derived")];
    assert!(!text(vec![with(&trusted)]).contains("unverified"));
    let doubted = [profile("z", "unverified"), profile("y", "secondary"), trusted[0].clone()];
    let said = text(vec![with(&doubted), with(&doubted)]);
    let line = "\nmade with unverified profiles: y (secondary), z (unverified)\n";
    assert_eq!(said.matches(line).count(), 1, "{said}");
}
