//! The trace hash of every shipped case, as it was when it was last written down.
//!
//! A test build and a release build cannot be compared in one test; both are held against the same
//! file instead: `cargo test -p natbed --test program trace_hashes`, with `--release` and without.
//! The file also shows, in review, that a change altered what the simulator does, and where.
//!
//! After a change that is meant to alter runs, write the file anew:
//!
//! ```text
//! NATBED_BLESS=1 cargo test -p natbed --test program trace_hashes
//! ```

use std::fmt::Write as _;
use std::fs;

use crate::support::{EVERYTHING, case_name, repository};

const FILE: &str = "sim/tests/data/trace-hashes.txt";

#[test]
fn trace_hashes_are_those_that_were_written_down() {
    let mut found =
        String::from("# trace hash, seed, case: see sim/tests/program/trace_hashes.rs\n");
    for run in &EVERYTHING.ended.report().runs {
        writeln!(found, "{} {} {}", run.trace_hash, run.seed, case_name(run)).unwrap();
    }
    let path = repository().join(FILE);
    #[allow(clippy::disallowed_methods)] // what is written down is asked for by hand, not by a run
    let bless = std::env::var("NATBED_BLESS").is_ok_and(|value| value == "1");
    if bless {
        fs::write(&path, &found).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let differing: Vec<_> =
        found.lines().filter(|line| !written.lines().any(|known| known == *line)).collect();
    assert!(
        found == written,
        "{} of {} lines are not in {FILE}, or it has others; first of them:\n{}\n\
         If runs were meant to change, write it anew with NATBED_BLESS=1.",
        differing.len(),
        found.lines().count(),
        differing.iter().take(5).copied().collect::<Vec<_>>().join("\n"),
    );
}
