//! The claims that ship with natbed: those that are small enough for a test build.

use crate::support::natbed;

#[test]
fn the_small_claims_hold() {
    let names = [
        "asymmetric-lines",
        "bufferbloat",
        "direct-file",
        "lan-offline",
        "lossy-wifi",
        "own-turn",
        "turn-off",
    ];
    let paths = names.map(|name| format!("scenarios/claims/{name}.yaml"));
    let ended = natbed(&format!("run --format json {}", paths.join(" ")), &[]).with_code(0);
    let report = ended.report();
    assert_eq!(report.summary.fail + report.summary.error, 0);
    assert!(report.runs.len() >= 15, "{}", report.runs.len());
}

#[test]
fn a_transfer_outlives_its_relay() {
    let report = natbed("run --format json scenarios/claims/relay-dies.yaml", &[]).with_code(0);
    let [record] = &report.report().runs[..] else { panic!("one session") };
    let [restart] = &record.restarts[..] else { panic!("one restart: {:?}", record.restarts) };
    let relay = |pair: &Option<natbed_report::PairRecord>| {
        pair.as_ref().unwrap().remote.address.split(':').next().unwrap().to_owned()
    };
    assert_eq!([relay(&restart.before), relay(&restart.after)], ["203.0.113.10", "203.0.113.20"]);
    let hosts: Vec<_> = record.relays.iter().map(|relay| relay.host.as_str()).collect();
    assert_eq!(hosts, ["near", "far"], "both have carried some of it");
}

#[test]
fn a_page_and_a_chart_are_made_of_them() {
    let folder = crate::support::Folder::new("claims_page");
    let (page, chart) = (folder.file("claims.md"), folder.file("chart.svg"));
    let arguments =
        format!("run scenarios/claims/turn-off.yaml --out md={} --format jsonl", page.display());
    natbed(&arguments, &[]).with_code(0);
    let text = std::fs::read_to_string(page).unwrap();
    for said in ["# Claims about throughput\n", "## turn-off\n", "alice-home up", "natbed run "] {
        assert!(text.contains(said), "no {said:?} in:\n{text}");
    }
    let arguments =
        format!("run scenarios/claims/turn-off.yaml --out svg={} --format jsonl", chart.display());
    let ended = natbed(&arguments, &[]);
    assert!(ended.stderr.contains("no scenario has an axis"), "{}", ended.stderr);
}
