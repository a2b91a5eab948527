//! How hosts found each other: phases by scenario and case, missed calls, nodes of one session.

use std::collections::BTreeMap;

use natbed_report::human::{self, Detail};
use natbed_report::markdown::{self, Claim};
use natbed_report::{
    Color, DiscoveryFailure, DiscoveryRecord, DiscoveryWay, LedgerRecord, LedgerRole, NodeRecord,
    Path, PhasesRecord, Report, RunRecord, TrafficRecord, Verdict, json,
};
use serde_json::Value;

use crate::fixture::{MS, full, passing, uncoloured, visible};

const COMMAND: &str = "natbed run scenarios/discovery --out md=reports/discovery.md";

fn node(bootstrapped: Option<u64>, sent: u64) -> NodeRecord {
    let traffic = |datagrams| TrafficRecord { datagrams, bytes: datagrams * 123 };
    NodeRecord {
        online_ns: 250 * MS,
        bootstrapped_ns: bootstrapped.map(|at| at * MS),
        listening_ns: bootstrapped.map(|at| (at + 610) * MS),
        public_addresses: vec!["203.0.113.7".to_owned()],
        sent: traffic(sent),
        received: traffic(sent - 11),
        by_kind: [("find", 120), ("get", 12), ("listen", 9), ("ping", sent), ("update", 2)]
            .map(|(kind, number)| (kind.to_owned(), number))
            .into(),
    }
}

/// A call through the DHT that took `stored` milliseconds to be stored, and so on.
fn by_dht(stored: u64) -> DiscoveryRecord {
    let at = |millis: u64| Some((stored + millis) * MS);
    DiscoveryRecord {
        by: Some(DiscoveryWay::Dht),
        call_ns: 12_000 * MS,
        phases: PhasesRecord {
            offer_stored_ns: at(0),
            offer_seen_ns: at(41),
            answer_stored_ns: at(160),
            answer_seen_ns: at(202),
            candidates_known_ns: at(202),
            connected_ns: at(1_290),
            first_payload_ns: at(1_331),
        },
        nodes: BTreeMap::from([
            ("alice".to_owned(), node(Some(80 + stored / 10), 311)),
            ("bob".to_owned(), node(Some(90), 401)),
        ]),
        stored_at: (1..=8).map(|number| format!("dht-{}", number * 3)).collect(),
        failure: None,
        failure_reason: None,
    }
}

fn by_lan() -> DiscoveryRecord {
    let phases = PhasesRecord {
        offer_seen_ns: Some(MS),
        answer_seen_ns: Some(2 * MS),
        candidates_known_ns: Some(2 * MS),
        connected_ns: Some(210 * MS),
        first_payload_ns: Some(211 * MS),
        ..PhasesRecord::default()
    };
    let offline = NodeRecord { public_addresses: Vec::new(), ..node(None, 14) };
    let nodes = ["alice", "bob"].map(|host| (host.to_owned(), offline.clone())).into();
    DiscoveryRecord {
        by: Some(DiscoveryWay::Lan),
        phases,
        nodes,
        stored_at: Vec::new(),
        ..by_dht(0)
    }
}

fn missed(failure: DiscoveryFailure, reason: &str) -> DiscoveryRecord {
    DiscoveryRecord {
        by: None,
        phases: PhasesRecord {
            offer_stored_ns: Some(330 * MS),
            candidates_known_ns: None,
            ..PhasesRecord::default()
        },
        failure: Some(failure),
        failure_reason: Some(reason.to_owned()),
        ..by_dht(300)
    }
}

fn found(scenario: &str, labels: &[(&str, &str)], discovery: DiscoveryRecord) -> RunRecord {
    let path = match discovery.phases.connected_ns {
        Some(_) => Path::Direct,
        None => Path::None,
    };
    let connect_ns = discovery.phases.connected_ns;
    RunRecord { discovery: Some(discovery), connect_ns, ..passing(scenario, labels, path) }
}

/// Twenty seeds of a scenario, two cases of another one, and one run on a LAN.
fn mixed() -> Vec<RunRecord> {
    let seeds = (1..=20)
        .map(|seed| RunRecord { seed, ..found("dht-two-homes", &[], by_dht(300 + seed * 17)) });
    let mut runs: Vec<_> = seeds.collect();
    for (seed, listens) in [(1, 34_u64), (2, 41), (3, 50)] {
        let case = [("timeout", "30s")];
        runs.push(RunRecord { seed, ..found("listen-expires", &case, by_dht(300 + listens)) });
    }
    for (seed, gone) in [(1, "15.1s"), (2, "15.3s")] {
        let reason = format!("bob's NAT forgot the mapping of its node {gone} before the call");
        let discovery = missed(DiscoveryFailure::OfferNotSeen, &reason);
        let record = found("listen-expires", &[("timeout", "10s")], discovery);
        runs.push(RunRecord { seed, ..record });
    }
    let lost = missed(DiscoveryFailure::AnswerNotSeen, "all 4 parts of the answer were lost");
    let lost = DiscoveryRecord { by: Some(DiscoveryWay::Dht), ..lost };
    let record = found("listen-expires", &[("timeout", "10s")], lost);
    runs.push(RunRecord { seed: 3, verdict: Verdict::Fail, ..record });
    runs.push(found("same-lan-offline", &[], by_lan()));
    runs
}

/// One session with a swarm of witnesses.
fn witnessed() -> RunRecord {
    let row = |number: u32, saw: &[(&str, &str)]| LedgerRecord {
        node: format!("dht-{number}"),
        role: LedgerRole::Dht,
        saw: saw
            .iter()
            .map(|&(host, address)| (host.to_owned(), vec![address.to_owned()]))
            .collect(),
        payload_datagrams: 0,
        payload_bytes: 0,
    };
    let (alice, bob) = (("alice", "203.0.113.7"), ("bob", "198.51.100.2"));
    let mut ledger: Vec<_> = (1..20).map(|number| row(number, &[alice, bob])).collect();
    ledger.extend((20..24).map(|number| row(number, &[alice])));
    ledger.push(row(24, &[("alice", "203.0.113.8")]));
    ledger.push(row(25, &[]));
    RunRecord { ledger, ..found("dht-two-homes", &[], by_dht(312)) }
}

fn text(runs: Vec<RunRecord>, detail: Detail) -> String {
    human::render(&Report::new("0.1.0", runs), detail, Color::Never)
}

fn page(runs: Vec<RunRecord>) -> Option<String> {
    let claim = |scenario: &str, description: &str| Claim {
        scenario: scenario.to_owned(),
        description: description.to_owned(),
    };
    let claims = [
        claim("dht-two-homes", "Two homes that know nothing of each other but a key."),
        claim("same-lan-offline", ""),
        claim("elsewhere", "A scenario of which nothing ran."),
    ];
    markdown::discovery(&Report::new("0.1.0", runs), &claims, COMMAND)
}

/// The part of a terminal's text from the line that starts with `start`.
fn from<'a>(text: &'a str, start: &str) -> &'a str {
    let place = text.find(&format!("\n{start}")).expect("a line that starts so");
    &text[place + 1..]
}

#[test]
fn calls_have_rows_by_scenario_and_case_and_misses_stand_below() {
    let text = text(mixed(), Detail::Brief);
    let discovery = from(&text, "from call to link");
    insta::assert_snapshot!(discovery);
    let section = discovery.split("\nMISSED").next().unwrap();
    let widest = section.lines().map(unicode_width::UnicodeWidthStr::width).max();
    assert!(widest <= Some(100), "{widest:?}");
}

#[test]
fn colour_marks_what_was_missed() {
    let report = Report::new("0.1.0", mixed());
    let coloured = human::render(&report, Detail::Full, Color::Always);
    assert!(visible(&coloured).contains("␛[1m␛[31mMISSED␛[0m"), "{}", visible(&coloured));
    assert_eq!(uncoloured(&coloured), human::render(&report, Detail::Full, Color::Never));
}

#[test]
fn details_are_phases_nodes_and_what_the_swarm_saw() {
    let reason = "bob's node was never online";
    let silent = DiscoveryRecord {
        nodes: BTreeMap::new(),
        stored_at: Vec::new(),
        phases: PhasesRecord::default(),
        ..missed(DiscoveryFailure::OfferNotStored, reason)
    };
    let runs = vec![witnessed(), found("nobody-home", &[], silent)];
    insta::assert_snapshot!(text(runs, Detail::Full));
}

#[test]
fn without_discovery_nothing_is_said() {
    let text = text(vec![full()], Detail::Full);
    assert!(!text.contains("from call to link"), "{text}");
    assert_eq!(page(vec![full()]), None);
}

#[test]
fn one_call_has_one_row() {
    let text = text(vec![found("once", &[], by_dht(312))], Detail::Brief);
    let discovery = from(&text, "from call to link");
    assert_eq!(discovery.lines().filter(|line| line.starts_with("once")).count(), 2);
    assert!(!discovery.contains("p50") && !discovery.contains("p95"), "{discovery}");
}

#[test]
fn many_cases_are_taken_together() {
    let cases = |number: u64| {
        let labels = (0..number).map(|case| case.to_string());
        labels.map(|label| found("matrix", &[("n", &label)], by_dht(300))).collect()
    };
    let few = text(cases(12), Detail::Brief);
    let rows = |text: &str| {
        let rows = from(text, "from call to link").lines();
        rows.filter(|line| line.starts_with("  n=")).count()
    };
    assert_eq!(rows(&few), 24);
    let many = text(cases(13), Detail::Brief);
    assert_eq!(rows(&many), 0);
    assert!(many.contains("\nmatrix, 13 cases  p50 "), "{many}");
}

#[test]
fn a_host_in_several_sessions_of_a_run_has_one_node() {
    let mut second = found("ring", &[], by_dht(312));
    second.path = Path::Relay;
    second.session = "again".to_owned();
    let mut other = found("ring", &[], by_dht(312));
    other.seed = 2;
    for node in other.discovery.as_mut().unwrap().nodes.values_mut() {
        node.sent = TrafficRecord { datagrams: 0, bytes: 0 };
    }
    let page = page(vec![found("ring", &[], by_dht(312)), second, other]).unwrap();
    let counts = page.lines().filter(|line| line.starts_with("| ring")).nth(1).unwrap();
    let cells: Vec<_> = counts.split('|').map(str::trim).collect();
    // Alice sent 311 and Bob 401 datagrams, and in the second run nothing.
    assert_eq!(cells[3..10], ["3", "0", "3", "0", "3", "1", "21.9KB"]);
}

#[test]
fn the_published_page() {
    insta::assert_snapshot!(page(mixed()).unwrap());
}

#[test]
fn a_page_without_misses_says_so() {
    let page = page(vec![found("same-lan-offline", &[], by_lan())]).unwrap();
    assert!(page.contains("\n## Missed calls\n\nNone.\n"), "{page}");
    assert!(!page.contains("## Scenarios"), "{page}");
}

#[test]
fn the_record_reads_back_the_same_and_absent_times_are_null() {
    let mut runs = mixed();
    runs.push(witnessed());
    let report = Report::new("0.1.0", runs);
    assert_eq!(serde_json::from_str::<Report>(&json::render(&report)).unwrap(), report);
    let value = serde_json::to_value(&report.runs).unwrap();
    let missed = &value[23]["discovery"];
    assert_eq!(missed["by"], Value::Null);
    assert_eq!(missed["failure"], "offer-not-seen");
    assert_eq!(missed["phases"].get("answer_seen_ns"), Some(&Value::Null));
    assert_eq!(value[0]["discovery"].get("failure_reason"), Some(&Value::Null));
    assert_eq!(value[26]["discovery"]["by"], "lan");
    assert_eq!(value[27]["ledger"][0]["role"], "dht");
    assert_eq!(serde_json::to_value(full()).unwrap().get("discovery"), None);
}

#[test]
fn the_keys_of_a_discovery_stand_in_their_order() {
    insta::assert_snapshot!(serde_json::to_string(&by_dht(312)).unwrap());
    for failure in DiscoveryFailure::ALL {
        assert_eq!(serde_json::to_value(failure).unwrap(), failure.as_str());
    }
    for way in [DiscoveryWay::Lan, DiscoveryWay::Dht] {
        assert_eq!(serde_json::to_value(way).unwrap(), way.as_str());
    }
}

#[test]
fn a_failing_run_says_why_its_call_was_missed_once() {
    let reason = "all 4 parts of the answer were lost";
    let record = found("lossy", &[], missed(DiscoveryFailure::AnswerNotSeen, reason));
    let failing = RunRecord { verdict: Verdict::Fail, ..record };
    let explained = RunRecord { reasons: vec![format!("no answer: {reason}")], ..failing.clone() };
    let lines = |record| human::failures(&[record], Color::Never);
    assert!(lines(failing).contains(&format!("      answer-not-seen: {reason}\n")));
    assert_eq!(lines(explained).matches(reason).count(), 1);
}

#[test]
fn nothing_hostile_reaches_a_terminal_or_a_page() {
    let evil = "e\u{1b}]0;owned\u{7}\nv\u{202e}|<b>*\t";
    let texts = || vec![evil.to_owned(); 2];
    let node = NodeRecord {
        public_addresses: texts(),
        by_kind: BTreeMap::from([(evil.to_owned(), u64::MAX)]),
        sent: TrafficRecord { datagrams: u64::MAX, bytes: u64::MAX },
        bootstrapped_ns: Some(u64::MAX),
        ..NodeRecord::default()
    };
    let discovery = DiscoveryRecord {
        nodes: [(evil.to_owned(), node.clone()), ("bob".to_owned(), node)].into(),
        stored_at: texts(),
        ..missed(DiscoveryFailure::OfferNotSeen, evil)
    };
    let ledger = vec![LedgerRecord {
        node: evil.to_owned(),
        role: LedgerRole::Dht,
        saw: BTreeMap::from([(evil.to_owned(), texts())]),
        payload_datagrams: 2,
        payload_bytes: u64::MAX,
    }];
    let ledger = [ledger.clone(), ledger].concat();
    let session = evil.to_owned();
    let record = RunRecord { ledger, session, ..found(evil, &[(evil, evil)], discovery) };
    let terminal = text(vec![record.clone()], Detail::Full);
    let claims = [Claim { scenario: evil.to_owned(), description: evil.to_owned() }];
    let page = markdown::discovery(&Report::new(evil, vec![record]), &claims, evil).unwrap();
    for text in [&terminal, &page] {
        let is_safe = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
        assert!(text.chars().all(is_safe), "{text:?}");
    }
    let mut outside_of_code = page.lines().filter(|line| !line.starts_with("    "));
    assert!(outside_of_code.all(|line| !line.contains("<b>")), "{page}");
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| e"))
        .map(|line| line.replace(r"\|", "").matches('|').count());
    assert_eq!(rows.collect::<Vec<_>>(), [11, 13, 7], "{page}");
    assert_eq!(page.lines().filter(|line| line.starts_with('#')).count(), 6, "{page}");
}

/// As many records as a long night of seeds makes, each a case of its own, and as many witnesses:
/// whatever searches all of them for each of them makes this test slow.
#[test]
fn ten_thousand_records_are_no_trouble() {
    let scenarios = |number: usize| format!("scenario-{}", number % 1_000);
    let records = |reason: &str| -> Vec<RunRecord> {
        let record = |number: usize| {
            let label = number.to_string();
            let discovery = missed(DiscoveryFailure::OfferNotSeen, reason);
            found(&scenarios(number), &[("n", &label)], discovery)
        };
        (0..10_000).map(record).collect()
    };
    let runs = records("nobody listens");
    let page = page(runs.clone()).unwrap();
    assert_eq!(page.lines().filter(|line| line.starts_with("| scenario-")).count(), 30_000);
    let text = text(runs, Detail::Full);
    let discovery = from(&text, "from call to link");
    assert_eq!(discovery.matches(", 10 cases").count(), 2_000);
    assert_eq!(discovery.matches("\nMISSED scenario-").count(), 1_000);
    let ledger = (0..10_000).map(|number| LedgerRecord {
        node: format!("dht-{number}"),
        role: LedgerRole::Dht,
        saw: BTreeMap::from([("alice".to_owned(), vec![format!("203.0.113.7:{number}")])]),
        payload_datagrams: 0,
        payload_bytes: 0,
    });
    let ledger: Vec<_> = ledger.collect();
    let record = RunRecord { ledger, ..found("swarm", &[], by_dht(312)) };
    let text = human::render(&Report::new("0.1.0", vec![record]), Detail::Full, Color::Never);
    assert!(text.contains("  and 9992 more  dht"), "{text}");
}
