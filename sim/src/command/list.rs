//! `natbed list`: the cases that would run.

use std::io::{BufWriter, Write};

use crate::cli::ListArgs;
use crate::exit::{Abort, Exit};
use crate::filter::{Filter, case_name};
use crate::select::load_all;

/// Prints the name of each case, a line each; `--filter` takes such a name.
///
/// # Errors
///
/// An [`Abort`] with exit code 2, 4, 94 or 95.
pub fn list(args: &ListArgs) -> anyhow::Result<Exit> {
    let selected = load_all(&args.paths, super::stderr_takes_color())?;
    let filter = args.filter.as_deref().map(Filter::parse).transpose()?;
    if let Some(filter) = &filter {
        filter.check_axes(&selected)?;
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut listed = 0_u64;
    for one in &selected {
        let document = &one.document;
        for labels in (0..document.case_count()).map(|case| document.labels(case)) {
            if filter.as_ref().is_none_or(|filter| filter.matches(document.name(), &labels)) {
                writeln!(out, "{}", case_name(document.name(), &labels))?;
                listed += 1;
            }
        }
    }
    out.flush()?;
    if listed == 0 {
        let message = "the filter matches no case";
        return Err(Abort::new(Exit::NothingSelected, message).into());
    }
    Ok(Exit::Pass)
}
