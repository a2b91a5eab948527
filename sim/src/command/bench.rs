//! `natbed bench`: how fast the simulator is here.

use std::io::Write;

use natbed_runtime::self_check;

use crate::bench::{measure, render_human, render_json};
use crate::cli::{BenchArgs, PlainFormat};
use crate::exit::{Abort, Exit};

/// Measures and prints.
///
/// # Errors
///
/// Exit code 96 when this machine cannot give virtual time.
pub fn bench(args: &BenchArgs) -> anyhow::Result<Exit> {
    self_check().map_err(|error| Abort::new(Exit::SetUp, error.to_string()))?;
    let figures = measure(&args.only)?;
    let text = match args.format {
        PlainFormat::Human => render_human(&figures, super::stdout_color()),
        PlainFormat::Json => render_json(&figures),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Exit::Pass)
}
