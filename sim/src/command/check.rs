//! `natbed check`: validate only.

use std::io::Write;

use crate::cli::PathArgs;
use crate::exit::Exit;
use crate::select::load_all;

/// Checks scenario files and prints one line for each, or every error.
///
/// # Errors
///
/// An [`Abort`](crate::exit::Abort) with exit code 2, 4 or 95.
pub fn check(args: &PathArgs) -> anyhow::Result<Exit> {
    let selected = load_all(&args.paths, super::stderr_takes_color())?;
    let mut out = std::io::stdout().lock();
    for one in &selected {
        let path = one.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let (cases, seeds) = (one.document.case_count(), one.document.seeds());
        writeln!(out, "ok {path}: {} ({cases} cases, seeds {seeds})", one.document.name())?;
    }
    Ok(Exit::Pass)
}
