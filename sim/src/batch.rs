//! Many runs: every case with every seed, side by side, results in order.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use natbed_report::{RunRecord, Verdict};
use natbed_runtime::{RunError, run_many};
use natbed_scenario::{Document, SeedRange};
use natbed_units::Seed;

use crate::filter::{Filter, case_name, exact_filter};
use crate::record::{RunId, error_records, records};
use crate::run::run;
use crate::select::{EMBEDDED_PATH, Selected};

/// What to run and how.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The scenarios.
    pub selected: &'a [Selected],
    /// Which cases; `None` for all.
    pub filter: Option<&'a Filter>,
    /// Seeds to run with instead of the scenarios' own.
    pub seeds: Option<SeedRange>,
    /// How many runs at once.
    pub jobs: NonZeroUsize,
    /// Where captures go.
    pub pcap: Option<&'a Path>,
    /// Whether to run everything twice and compare.
    pub check_determinism: bool,
    /// Whether to stop at the first run that does not pass.
    pub fail_fast: bool,
}

/// One run to be carried out.
#[derive(Clone, Copy, Debug)]
struct Job<'a> {
    selected: &'a Selected,
    case: usize,
    seed: u64,
    /// The second of two runs that must be the same.
    is_repetition: bool,
}

/// A run that came out differently when it was repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The case, as `natbed list` names it.
    pub case: String,
    /// The seed.
    pub seed: u64,
    /// Which parts of the record differ, with both values.
    pub parts: Vec<String>,
    /// The command that repeats it.
    pub repeat: String,
}

/// What a batch came to, besides its records.
#[derive(Clone, Debug, Default)]
pub struct BatchEnd {
    /// Runs that were not the same twice.
    pub differences: Vec<Difference>,
}

impl<'a> Batch<'a> {
    /// Returns the number of runs, a repeated one counted once.
    #[must_use]
    pub fn run_count(&self) -> u64 {
        let count = |selected: &Selected| {
            let seeds = self.seeds_of(&selected.document);
            self.cases(selected).count() as u64 * seeds.iter().count() as u64
        };
        self.selected.iter().map(count).sum()
    }

    /// Runs everything and hands each run's records over in order; `done` runs on this thread.
    ///
    /// Setting `cancel` stops starting runs; those that run are finished and handed over.
    pub fn carry_out(&self, cancel: &AtomicBool, mut done: impl FnMut(Vec<RunRecord>)) -> BatchEnd {
        let mut end = BatchEnd::default();
        let mut first: Option<Vec<RunRecord>> = None;
        let mut finished = self.jobs();
        run_many(
            self.jobs,
            self.jobs().map(|job| (Seed::new(job.seed), job)),
            cancel,
            |job| self.execute(job),
            |result| {
                let Some(job) = finished.next() else { return };
                let records = result.unwrap_or_else(|error| self.died(job, &error));
                if self.check_determinism && !job.is_repetition {
                    first = Some(records);
                    return;
                }
                if let Some(first) = first.take() {
                    end.differences.extend(compare(&first, &records));
                }
                let is_bad = records.iter().any(|record| record.verdict != Verdict::Pass);
                if self.fail_fast && (is_bad || !end.differences.is_empty()) {
                    cancel.store(true, Ordering::Relaxed);
                }
                done(records);
            },
        );
        end
    }

    fn seeds_of(&self, document: &Document) -> SeedRange {
        self.seeds.unwrap_or_else(|| document.seeds())
    }

    fn cases(&self, selected: &'a Selected) -> impl Iterator<Item = usize> + use<'a> {
        let filter = self.filter;
        let document = &selected.document;
        (0..document.case_count()).filter(move |case| {
            filter.is_none_or(|filter| filter.matches(document.name(), &document.labels(*case)))
        })
    }

    fn jobs(&self) -> impl Iterator<Item = Job<'a>> + use<'a, '_> {
        let repetitions: &[bool] = if self.check_determinism { &[false, true] } else { &[false] };
        self.selected.iter().flat_map(move |selected| {
            let seeds = self.seeds_of(&selected.document);
            self.cases(selected).flat_map(move |case| {
                seeds.iter().flat_map(move |seed| {
                    let job = move |is_repetition: &bool| Job {
                        selected,
                        case,
                        seed,
                        is_repetition: *is_repetition,
                    };
                    repetitions.iter().map(job)
                })
            })
        })
    }

    fn execute(&self, job: Job<'_>) -> Vec<RunRecord> {
        let document = &job.selected.document;
        let case = document.case(job.case);
        let repeat = repeat(job, &case.labels);
        let id = RunId { scenario: document.name(), case: &case, seed: job.seed, repeat: &repeat };
        let pcap = self
            .pcap
            .filter(|_| !job.is_repetition)
            .map(|directory| capture_path(directory, document.name(), &case.labels, job.seed));
        match run(&case.scenario, Seed::new(job.seed), pcap.as_deref()) {
            Ok(output) => records(id, &output),
            Err(error) => error_records(id, &format!("set-up: {error:#}")),
        }
    }

    /// The records of a run whose thread died.
    fn died(&self, job: Job<'_>, error: &RunError) -> Vec<RunRecord> {
        let document = &job.selected.document;
        let case = document.case(job.case);
        let repeat = repeat(job, &case.labels);
        let id = RunId { scenario: document.name(), case: &case, seed: job.seed, repeat: &repeat };
        error_records(id, &format!("internal: {error}"))
    }
}

/// Names the parts in which two records of the same run differ.
fn compare(first: &[RunRecord], second: &[RunRecord]) -> Vec<Difference> {
    let differing = first.iter().zip(second).filter(|(a, b)| a != b);
    differing
        .map(|(a, b)| {
            let (json_a, json_b) = (to_json(a), to_json(b));
            let parts = json_a
                .iter()
                .filter(|(key, value)| json_b.get(*key) != Some(value))
                .map(|(key, value)| {
                    let other = json_b.get(key).map(ToString::to_string).unwrap_or_default();
                    format!("{key}: {value} and {other}")
                })
                .collect();
            let labels: Vec<_> =
                a.case.iter().map(|(axis, label)| (axis.to_owned(), label.to_owned())).collect();
            Difference {
                case: case_name(&a.scenario, &labels),
                seed: a.seed,
                parts,
                repeat: format!("{} --check-determinism", a.repeat),
            }
        })
        .collect()
}

fn to_json(record: &RunRecord) -> serde_json::Map<String, serde_json::Value> {
    match serde_json::to_value(record) {
        Ok(serde_json::Value::Object(object)) => object,
        _ => serde_json::Map::new(), // a record always is an object
    }
}

/// The command that repeats a run.
fn repeat(job: Job<'_>, labels: &[(String, String)]) -> String {
    let path = job.selected.path.as_deref().unwrap_or(Path::new(EMBEDDED_PATH));
    let mut command = format!("natbed run {}", quote(&path.display().to_string()));
    if !labels.is_empty() {
        command.push_str(&format!(" --filter {}", quote(&exact_filter(labels))));
    }
    command.push_str(&format!(" --seed {}", job.seed));
    command
}

/// Quotes a word for a POSIX shell, if it needs it.
fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The file that a run's capture is written to; labels become part of the name.
fn capture_path(
    directory: &Path,
    scenario: &str,
    labels: &[(String, String)],
    seed: u64,
) -> PathBuf {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-=".contains(c) { c } else { '_' };
    let mut name: String = case_name(scenario, labels).chars().map(safe).collect();
    name.truncate(180); // file systems allow 255 bytes
    directory.join(format!("{name}-seed{seed}.pcapng"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{capture_path, quote};

    #[test]
    fn words_are_quoted_for_the_shell_when_they_need_it() {
        assert_eq!(quote("scenarios/call.yaml"), "scenarios/call.yaml");
        assert_eq!(quote("alice=EIM/EIF bob=*"), "'alice=EIM/EIF bob=*'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn capture_names_stay_inside_their_directory() {
        let labels = [("a".to_owned(), "../../x y".to_owned())];
        let path = capture_path(Path::new("out"), "call", &labels, 7);
        assert_eq!(path, Path::new("out/call_a=.._.._x_y-seed7.pcapng"));
    }
}
