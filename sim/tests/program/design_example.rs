//! The example that the scenario language was written down with runs as it stands.

use natbed_report::{LoadRecord, Path, Prediction, Verdict};

use crate::support::natbed;

const EXAMPLE: &str = "sim/tests/data/design-example.yaml";

#[test]
fn the_example_of_the_language_runs_and_meets_its_expectation() {
    let report = natbed(&format!("run {EXAMPLE} --format json"), &[]).with_code(0).report();
    let [run] = &report.runs[..] else { panic!("{report:#?}") };
    assert_eq!(
        (run.verdict, run.path, run.oracle),
        (Verdict::Pass, Path::Relay, Prediction::Relay)
    );
    assert_eq!((run.scenario.as_str(), run.session.as_str()), ("two-homes", "call"));
    // Bob's gateway lets UDP out and has random ports; Alice's is behind the carrier's.
    assert!(run.nat["bob-home"].contains("mapping apdm"), "{}", run.nat["bob-home"]);
    assert!(run.nat["carrier"].starts_with("rfc6888-cgn: "), "{}", run.nat["carrier"]);
    // Bob begins half a second late: nobody can be connected before.
    assert!(run.connect_ns.unwrap() > 550_000_000, "{:?}", run.connect_ns);
    let Some(LoadRecord::Echo(echo)) = &run.load else { panic!("{run:#?}") };
    assert_eq!((echo.total.sent, echo.total.lost), (40, 0));
}
