//! The command line.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use natbed_scenario::SeedRange;
use natbed_units::Seed;

use crate::conformance::requirements;
use crate::exit::Exit;

/// A deterministic simulator of NATs, firewalls and LANs in virtual time that hosts the real ICE
/// and TURN stacks: do two peers get a direct link or a relay, and how fast?
///
/// Without a command it runs the embedded default: every kind of NAT against every other.
#[derive(Debug, Parser)]
#[command(name = "natbed", version, max_term_width = 100, after_help = after_help())]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run scenarios and hold what happens against what they expect.
    Run(RunArgs),
    /// Check scenario files without running them; shows every error.
    Check(PathArgs),
    /// List the cases that scenarios consist of, one name a line.
    List(ListArgs),
    /// Measure how fast the simulator is on this machine.
    Bench(BenchArgs),
    /// What the NATs and firewalls that natbed knows by name are like.
    Nat(NatArgs),
}

/// Which scenarios.
#[derive(Debug, Args)]
pub struct PathArgs {
    /// Scenario files, or directories that are searched for *.yaml and *.yml.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
}

/// Arguments of `natbed run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Scenario files, or directories that are searched for *.yaml and *.yml.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// The seed or seeds to run with, instead of what the scenarios say: N or A..B, inclusive.
    #[arg(long, value_name = "N|A..B")]
    pub seed: Option<SeedRange>,
    /// How many runs at once; the results do not depend on it [default: one for each core].
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// What goes to standard output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Write a report to a file as well; may be given several times [forms: json, jsonl, md,
    /// svg].
    #[arg(long, value_name = "FORM=FILE")]
    pub out: Vec<Output>,
    /// Write a packet capture of each run into this directory, one pcapng file each.
    #[arg(long, value_name = "DIR")]
    pub pcap: Option<PathBuf>,
    /// Run everything twice and compare the two runs packet by packet.
    #[arg(long)]
    pub check_determinism: bool,
    /// Run only cases that match all words of TEXT: parts of a case's name, or AXIS=LABEL.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Stop at the first run that does not pass.
    #[arg(long)]
    pub fail_fast: bool,
    /// Show what each session cost as well: pipes and their queues, bytes on the wire, what relays
    /// carried; and who came to know whose addresses.
    #[arg(long, short)]
    pub verbose: bool,
}

/// Arguments of `natbed list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Scenario files, or directories that are searched for *.yaml and *.yml.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// List only cases that match all words of TEXT.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
}

/// Arguments of `natbed bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Measure only figures whose name contains this.
    #[arg(default_value = "", hide_default_value = true)]
    pub only: String,
    /// What goes to standard output.
    #[arg(long, value_enum, default_value_t = PlainFormat::Human)]
    pub format: PlainFormat,
}

/// Arguments of `natbed nat`.
#[derive(Debug, Args)]
pub struct NatArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: NatCommand,
    /// A file with profiles of your own, beside those that come with natbed.
    #[arg(long, global = true, value_name = "FILE")]
    pub profiles: Option<PathBuf>,
}

/// What `natbed nat` does.
#[derive(Debug, Subcommand)]
pub enum NatCommand {
    /// List the profiles, one a line.
    List(NatListArgs),
    /// Show every property of profiles, where it is known from, and what it means for calls.
    Show(NatShowArgs),
    /// Find out from outside what boxes are like, with STUN (RFC 5780), and compare.
    Probe(NatProbeArgs),
    /// Check which requirements of the RFCs boxes meet, from their outside.
    Conformance(NatConformanceArgs),
}

/// Arguments of `natbed nat list`.
#[derive(Debug, Args)]
pub struct NatListArgs {
    /// What goes to standard output.
    #[arg(long, value_enum, default_value_t = PlainFormat::Human)]
    pub format: PlainFormat,
}

/// Arguments of `natbed nat conformance`.
#[derive(Debug, Args)]
pub struct NatConformanceArgs {
    /// Profiles, as `natbed nat list` names them.
    #[arg(value_name = "NAME", required_unless_present = "all")]
    pub names: Vec<String>,
    /// Check every profile.
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// Check the requirements of this RFC only; may be given several times.
    #[arg(long, value_name = "NUMBER", value_parser = rfc)]
    pub rfc: Vec<u16>,
    /// What goes to standard output.
    #[arg(long, value_enum, default_value_t = ConformanceFormat::Human)]
    pub format: ConformanceFormat,
    /// End with exit code 100 if a MUST is violated.
    #[arg(long)]
    pub strict: bool,
}

fn rfc(text: &str) -> Result<u16, String> {
    let known: BTreeSet<u16> = requirements().map(|requirement| requirement.rfc).collect();
    match text.parse() {
        Ok(rfc) if known.contains(&rfc) => Ok(rfc),
        _ => {
            let known: Vec<_> = known.iter().map(u16::to_string).collect();
            Err(format!("expected one of {}", known.join(", ")))
        }
    }
}

/// Form of the standard output of `natbed nat conformance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConformanceFormat {
    /// A list for people.
    Human,
    /// One JSON object, schema 1.
    Json,
    /// A table for each RFC, as Markdown.
    Md,
}

/// Arguments of `natbed nat show`.
#[derive(Debug, Args)]
pub struct NatShowArgs {
    /// The profiles.
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// What goes to standard output.
    #[arg(long, value_enum, default_value_t = PlainFormat::Human)]
    pub format: PlainFormat,
}

/// Arguments of `natbed nat probe`.
#[derive(Debug, Args)]
pub struct NatProbeArgs {
    /// The profiles.
    #[arg(required_unless_present = "all", value_name = "NAME")]
    pub names: Vec<String>,
    /// All profiles.
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// The seed that random ports are drawn from.
    #[arg(long, value_name = "N", default_value_t = Seed::new(1))]
    pub seed: Seed,
    /// What goes to standard output.
    #[arg(long, value_enum, default_value_t = PlainFormat::Human)]
    pub format: PlainFormat,
}

/// Form of the standard output of `natbed run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people.
    Human,
    /// One JSON object, schema 1.
    Json,
    /// One JSON object per session of each run, a line each, as they finish.
    Jsonl,
}

/// Form of the standard output of commands whose results are no report of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlainFormat {
    /// Text for people.
    Human,
    /// One JSON object.
    Json,
}

/// A report to be written to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// What to write.
    pub form: OutputForm,
    /// Where to.
    pub path: PathBuf,
}

/// Form of a report in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputForm {
    /// One JSON object, schema 1.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// A page as Markdown: from call to link, if every scenario begins with calls; the table of what
    /// transfers and calls came to, if every scenario has some; else the NAT matrix, which needs one
    /// scenario with at least two axes.
    Markdown,
    /// Goodput against an axis of numbers as a chart; needs a scenario that has such an axis.
    Svg,
}

impl std::str::FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (form, path) = text
            .split_once('=')
            .filter(|(_, path)| !path.is_empty())
            .ok_or_else(|| "expected FORM=FILE, like json=report.json".to_owned())?;
        let form = match form {
            "json" => OutputForm::Json,
            "jsonl" => OutputForm::Jsonl,
            "md" => OutputForm::Markdown,
            "svg" => OutputForm::Svg,
            _ => return Err(format!("unknown form `{form}`: expected json, jsonl, md or svg")),
        };
        Ok(Self { form, path: path.into() })
    }
}

fn after_help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (exit, meaning) in Exit::ALL {
        text.push_str(&format!("{:>5}  {meaning}\n", exit.code()));
    }
    text.push_str("\nExamples:\n");
    for (command, meaning) in [
        ("natbed", "the NAT matrix"),
        ("natbed run scenarios", "everything in a directory"),
        ("natbed run call.yaml --seed 1..100", "a hundred seeds"),
        ("natbed run call.yaml --pcap captures", "with packet captures for Wireshark"),
        ("natbed nat show fritzbox", "what a box is like, and what follows for calls"),
    ] {
        text.push_str(&format!("  {command:<38} {meaning}\n"));
    }
    text
}
