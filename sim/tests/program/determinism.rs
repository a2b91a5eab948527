//! The same scenario with the same seed is the same run, wherever, whenever and among whatever.

use natbed_report::RunRecord;

use crate::support::{EVERYTHING, natbed};

/// Scenarios of all sorts of paths, events and failures.
const SUBSET: &str = "scenarios/carrier-nat.yaml scenarios/link-cut-healed.yaml \
     scenarios/same-private-address.yaml scenarios/turn-down.yaml scenarios/two-homes.yaml \
     scenarios/udp-blocked.yaml";

fn runs(arguments: &str) -> Vec<RunRecord> {
    natbed(&format!("run {arguments} --format json"), &[]).with_code(0).report().runs
}

#[test]
fn running_everything_twice_finds_no_difference() {
    let twice = runs(&format!("{SUBSET} --check-determinism --seed 1..3"));
    let once = runs(&format!("{SUBSET} --seed 1..3"));
    assert_eq!(once.len(), 13 * 3);
    assert_eq!(twice, once, "each run is reported once, and as without the check");
}

#[test]
fn another_process_with_other_jobs_gives_the_same_records() {
    let one = runs(&format!("{SUBSET} --jobs 1 --seed 1..2"));
    let eight = runs(&format!("{SUBSET} --jobs 8 --seed 1..2"));
    assert_eq!(one, eight);
    assert_eq!(runs(&format!("{SUBSET} --jobs 8 --seed 1..2")), eight, "a third process");
}

#[test]
fn a_run_alone_is_the_run_among_others() {
    let everything = EVERYTHING.ended.report().runs;
    for (scenario, filter) in [
        ("nat-matrix", "alice=EIM/APDF bob=APDM/EIF"),
        ("nat-matrix", "alice=APDM/APDF bob=APDM/EIF"),
        ("carrier-nat", "hairpin=external isolate=true"),
        ("link-cut-healed", ""),
        ("same-private-address", ""),
    ] {
        let filter = match filter {
            "" => Vec::new(),
            words => vec!["--filter", words],
        };
        let file = format!("scenarios/{scenario}.yaml");
        let alone = crate::support::program()
            .args(["run", &file, "--seed", "1", "--format", "json"])
            .args(&filter)
            .output();
        let alone = crate::support::Ended::from(alone.unwrap()).with_code(0).report().runs;
        let among =
            everything.iter().find(|run| run.scenario == scenario && run.case == alone[0].case);
        assert_eq!(
            alone,
            [RunRecord { repeat: alone[0].repeat.clone(), ..among.unwrap().clone() }]
        );
    }
}

#[test]
fn another_seed_is_another_run() {
    let runs = runs("scenarios/two-homes.yaml scenarios/same-lan.yaml --seed 1..10");
    let mut hashes: Vec<_> = runs.iter().map(|run| &run.trace_hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 20);
}
