//! The scenarios about NATs that ship with natbed: that they run, and what they are to show.

use std::fs;
use std::path::PathBuf;

use natbed_report::RunRecord;

use crate::support::{natbed, repository};

/// Those that take long without optimization; parts of them are run below.
const LARGE: [&str; 3] = ["device-pairs.yaml", "carrier.yaml", "idle.yaml"];

fn records(arguments: &str) -> Vec<RunRecord> {
    let arguments = format!("run --format json {arguments}");
    natbed(&arguments, &[]).with_code(0).report().runs
}

#[test]
fn every_scenario_is_valid() {
    natbed("check scenarios", &[]).with_code(0);
}

#[test]
fn the_small_scenarios_come_out_as_expected() {
    let files = fs::read_dir(repository().join("scenarios/nat")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| LARGE.iter().all(|large| !file.ends_with(large)));
    assert!(files.len() > 10, "{files:?}");
    files.sort();
    let files: Vec<_> = files.iter().map(PathBuf::as_path).collect();
    natbed("run", &files).with_code(0);
}

#[test]
fn a_row_of_devices_and_a_row_of_carriers_agree_with_the_oracle() {
    let devices = records("scenarios/nat/device-pairs.yaml --filter alice=windows-netnat");
    assert_eq!(devices.len(), 16);
    let carriers = records("scenarios/nat/carrier.yaml --filter alice-carrier=rfc6888-cgn");
    assert_eq!(carriers.len(), 16);
    for record in devices.iter().chain(&carriers) {
        assert_eq!(Some(record.path), record.oracle.path(), "{record:?}");
    }
}

#[test]
fn a_full_carrier_nat_says_what_it_is_short_of() {
    let records = records("scenarios/nat/exhaustion.yaml");
    for (limit, reason) in [
        ("whole-table", "nat-table-full"),
        ("flows-of-a-home", "nat-subscriber-limit"),
        ("ports-of-a-home", "nat-subscriber-limit"),
        ("dynamic-block", "nat-subscriber-limit"),
        ("deterministic-block", "nat-ports-exhausted"),
    ] {
        let mut of_limit = records.iter().filter(|record| record.case.to_string().contains(limit));
        let dropped = &of_limit.next().unwrap().packets.dropped;
        assert!(dropped.contains_key(reason), "{limit}: {dropped:?}");
    }
}

#[test]
fn arbitrary_pooling_takes_the_relay_of_the_one_who_has_it() {
    let records = records("scenarios/nat/pooling.yaml");
    let locals: Vec<_> = records
        .iter()
        .map(|record| record.local.as_ref().map(|local| local.candidate.to_string()))
        .collect();
    assert_eq!(locals, [Some("host".to_owned()), Some("relay".to_owned())]);
}
