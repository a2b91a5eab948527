//! `natbed run`: run scenarios and report.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use natbed_report::human::Detail;
use natbed_report::markdown::Claim;
use natbed_report::{Report, RunRecord, human, json, markdown, svg};
use natbed_runtime::self_check;
use natbed_scenario::Discovery;

use super::progress::Progress;
use crate::batch::{Batch, BatchEnd};
use crate::cli::{Format, Output, OutputForm, RunArgs};
use crate::dht;
use crate::exit::{Abort, Exit};
use crate::filter::Filter;
use crate::run::has_more_than_echoes;
use crate::select::{Selected, load_all};

/// Runs scenarios, reports as asked, and says how it went.
///
/// # Errors
///
/// An [`Abort`] with the exit code for what was wrong before anything ran; any other error is a
/// report that could not be written.
pub fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let selected = load_all(&args.paths, super::stderr_takes_color())?;
    let filter = args.filter.as_deref().map(Filter::parse).transpose()?;
    if let Some(filter) = &filter {
        filter.check_axes(&selected)?;
    }
    let batch = Batch {
        selected: &selected,
        filter: filter.as_ref(),
        seeds: args.seed,
        jobs: jobs(args.jobs),
        pcap: args.pcap.as_deref(),
        check_determinism: args.check_determinism,
        fail_fast: args.fail_fast,
    };
    if batch.run_count() == 0 {
        return Err(Abort::new(Exit::NothingSelected, "the filter matches no case").into());
    }
    check_cores(&selected)?;
    let asks_for = |form| args.out.iter().any(|output| output.form == form);
    if asks_for(OutputForm::Markdown) && page(&selected).is_none() {
        let message = "the Markdown form needs one scenario with at least two axes, or transfers \
                       or calls in all, or discovery by `dht` or `lan` in all";
        return Err(Abort::new(Exit::Usage, message).into());
    }
    let mut outputs = open_outputs(&args.out)?;
    if let Some(directory) = &args.pcap {
        prepare_captures(directory).map_err(|error| unwritable(directory, &error))?;
    }
    let session = Session::start()?;

    let mut runs: Vec<RunRecord> = Vec::new();
    let mut stdout = BufWriter::new(std::io::stdout().lock());
    let end = session.carry_out(&batch, |records| {
        for record in &records {
            if args.format == Format::Jsonl {
                json::write_line(&mut stdout, record)?;
            }
            for (_, file) in outputs.iter_mut().filter(|(out, _)| out.form == OutputForm::Jsonl) {
                json::write_line(file, record)?;
            }
        }
        runs.extend(records);
        Ok(())
    })?;
    let report = Report::new(env!("CARGO_PKG_VERSION"), runs);
    match args.format {
        Format::Human => {
            let detail = if args.verbose { Detail::Full } else { Detail::Brief };
            let text = human::render(&report, detail, super::stdout_color());
            stdout.write_all(text.as_bytes())?;
        }
        Format::Json => stdout.write_all(json::render(&report).as_bytes())?,
        Format::Jsonl => {}
    }
    stdout.flush()?;
    for (output, mut file) in outputs {
        write_output(output, &mut file, &report, &selected, args)
            .with_context(|| format!("cannot write {}", output.path.display()))?;
    }
    Ok(session.exit(&report, &end))
}

/// What every command that runs something needs around it: virtual time, and Ctrl-C.
pub(super) struct Session {
    interrupted: Arc<AtomicBool>,
    cancel: Arc<AtomicBool>,
}

impl Session {
    /// Checks that simulation threads get virtual time, and listens for Ctrl-C.
    ///
    /// The first Ctrl-C stops starting runs, so that what was done is still reported; the second
    /// ends the program.
    pub(super) fn start() -> Result<Self, Abort> {
        self_check().map_err(|error| Abort::new(Exit::SetUp, error.to_string()))?;
        let interrupted = Arc::new(AtomicBool::new(false));
        let cancel = Arc::new(AtomicBool::new(false));
        let (seen, stop) = (Arc::clone(&interrupted), Arc::clone(&cancel));
        let handler = move || {
            if seen.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(Exit::Interrupted.code()));
            }
            stop.store(true, Ordering::Relaxed);
        };
        ctrlc::set_handler(handler)
            .map_err(|error| Abort::new(Exit::SetUp, format!("cannot handle Ctrl-C: {error}")))?;
        Ok(Self { interrupted, cancel })
    }

    /// Carries out a batch with a progress bar; `take` gets the records of each run in order.
    pub(super) fn carry_out(
        &self,
        batch: &Batch<'_>,
        mut take: impl FnMut(Vec<RunRecord>) -> std::io::Result<()>,
    ) -> anyhow::Result<BatchEnd> {
        let progress = Progress::new(batch.run_count());
        let mut written = Ok(());
        let end = batch.carry_out(&self.cancel, |records| {
            progress.advance();
            if written.is_ok() {
                written = take(records);
                if written.is_err() {
                    self.cancel.store(true, Ordering::Relaxed);
                }
            }
        });
        progress.finish();
        written.context("cannot write results")?;
        Ok(end)
    }

    /// Reports what is left to say on standard error, and decides the exit code.
    pub(super) fn exit(&self, report: &Report, end: &BatchEnd) -> Exit {
        for difference in &end.differences {
            let parts = difference.parts.join("\n    ");
            anstream::eprintln!(
                "not deterministic: {} seed {}\n    {parts}\n  repeat: {}",
                difference.case,
                difference.seed,
                difference.repeat
            );
        }
        if self.interrupted.load(Ordering::Relaxed) {
            anstream::eprintln!("interrupted: the report covers the runs that were finished");
            Exit::Interrupted
        } else if !end.differences.is_empty() {
            Exit::NotDeterministic
        } else if report.summary.fail + report.summary.error > 0 {
            Exit::ExpectationFailed
        } else {
            Exit::Pass
        }
    }
}

/// Refuses what this program was built without, before anything runs.
fn check_cores(selected: &[Selected]) -> Result<(), Abort> {
    let missing = selected.iter().find(|selected| !dht::has_cores(&selected.document));
    let Some(missing) = missing else { return Ok(()) };
    let message = format!(
        "{} has nodes of the core `opendht`, which this natbed was built without: build it with \
         `--features opendht-core`, which needs g++ and libopendht-dev",
        missing.document.name()
    );
    Err(Abort::new(Exit::SetUp, message))
}

/// How many runs at once: as asked, else one for each core.
pub(super) fn jobs(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    asked.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// Opens all output files before anything runs.
fn open_outputs(outputs: &[Output]) -> Result<Vec<(&Output, BufWriter<File>)>, Abort> {
    let mut files = Vec::with_capacity(outputs.len());
    for output in outputs {
        let file = File::create(&output.path).map_err(|error| unwritable(&output.path, &error))?;
        files.push((output, BufWriter::new(file)));
    }
    Ok(files)
}

/// Makes the directory of captures, and finds out now rather than in each run whether it takes files.
fn prepare_captures(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let probe = directory.join(".natbed-probe");
    File::create(&probe)?;
    std::fs::remove_file(probe)
}

/// What a Markdown page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    /// From call to link, phase by phase.
    Discovery,
    /// What files and calls came to.
    Claims,
    /// The paths of one scenario as a grid.
    Matrix,
}

/// Returns the page that the scenarios make, if they make one.
fn page(selected: &[Selected]) -> Option<Page> {
    if is_about_discovery(selected) {
        Some(Page::Discovery)
    } else if is_about_throughput(selected) {
        Some(Page::Claims)
    } else {
        matches!(selected, [one] if one.document.axes().len() >= 2).then_some(Page::Matrix)
    }
}

/// Says whether every scenario has transfers or calls.
fn is_about_throughput(selected: &[Selected]) -> bool {
    let has_some = |selected: &Selected| {
        let sessions = selected.document.case(0).scenario.sessions;
        sessions.iter().any(has_more_than_echoes)
    };
    selected.iter().all(has_some)
}

/// Says whether every scenario has a session that begins with a call.
fn is_about_discovery(selected: &[Selected]) -> bool {
    let has_some = |selected: &Selected| {
        let sessions = selected.document.case(0).scenario.sessions;
        sessions.iter().any(|session| matches!(session.discovery, Discovery::Nodes(_)))
    };
    selected.iter().all(has_some)
}

fn claim(selected: &Selected) -> Claim {
    let document = &selected.document;
    let description = document.description().to_owned();
    Claim { scenario: document.name().to_owned(), description }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Abort {
    Abort::new(Exit::SetUp, format!("cannot write {}: {error}", path.display()))
}

fn write_output(
    output: &Output,
    file: &mut BufWriter<File>,
    report: &Report,
    selected: &[Selected],
    args: &RunArgs,
) -> anyhow::Result<()> {
    match output.form {
        OutputForm::Json => file.write_all(json::render(report).as_bytes())?,
        OutputForm::Jsonl => {}
        OutputForm::Markdown => {
            let paths: Vec<_> = args.paths.iter().map(|path| path.display().to_string()).collect();
            let command = format!("natbed run {}", paths.join(" "));
            let claims: Vec<_> = selected.iter().map(claim).collect();
            let text = match page(selected) {
                Some(Page::Discovery) => markdown::discovery(report, &claims, &command)
                    .context("no call came about: the runs ended before, or in errors")?,
                Some(Page::Claims) => markdown::claims(report, &claims, &command),
                Some(Page::Matrix) | None => markdown::matrix(report, &command)
                    .context("the runs make no grid: there are none, or it has too many columns")?,
            };
            file.write_all(text.as_bytes())?;
        }
        OutputForm::Svg => {
            let text = svg::chart(report).context(
                "no scenario has an axis of at least three numbers, and transfers or calls",
            )?;
            file.write_all(text.as_bytes())?;
        }
    }
    file.flush()?;
    Ok(())
}
