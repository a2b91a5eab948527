//! Ctrl-C: what was done until then is reported.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use natbed_report::{Report, RunRecord, Verdict};

use crate::support::{Folder, neighbours, program};

#[test]
fn an_interrupted_run_ends_with_130_and_reports_the_runs_that_were_finished() {
    let folder = Folder::new("interrupted");
    let path = folder.write("lan.yaml", &neighbours("expect: { path: lan }"));
    let report = folder.file("report.json");
    let mut child = program()
        .args(["run", "--seed", "1..100000", "--format", "jsonl", "--jobs", "2"])
        .args(["--out", &format!("json={}", report.display())])
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut records: Vec<RunRecord> = Vec::new();
    let mut record = |line: std::io::Result<String>| {
        records.push(serde_json::from_str(&line.unwrap()).unwrap());
    };
    lines.by_ref().take(3).for_each(&mut record);
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    lines.for_each(&mut record);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert_eq!(stderr, "interrupted: the report covers the runs that were finished\n");

    let report: Report = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(report.runs, records);
    assert!((3..90_000).contains(&records.len()), "{} runs", records.len());
    assert_eq!(report.summary.pass, records.len() as u64);
    for (run, seed) in report.runs.iter().zip(1..) {
        assert_eq!((run.seed, run.verdict), (seed, Verdict::Pass), "a gapless beginning");
    }
}
