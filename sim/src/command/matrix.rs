//! `natbed` alone: the embedded NAT matrix as a grid.

use std::fmt::Write as _;
use std::io::Write as _;

use natbed_report::{Report, grid::Grid, human};

use super::run::{Session, jobs};
use crate::batch::Batch;
use crate::exit::Exit;
use crate::select::embedded;

/// Runs the embedded default and draws the grid.
///
/// # Errors
///
/// When this machine cannot give virtual time (exit code 96), or standard output cannot be
/// written.
pub fn matrix() -> anyhow::Result<Exit> {
    let session = Session::start()?;
    let selected = [embedded()?];
    let batch = Batch {
        selected: &selected,
        filter: None,
        seeds: None,
        jobs: jobs(None),
        pcap: None,
        check_determinism: false,
        fail_fast: false,
    };
    let mut runs = Vec::new();
    let end = session.carry_out(&batch, |records| {
        runs.extend(records);
        Ok(())
    })?;
    let report = Report::new(env!("CARGO_PKG_VERSION"), runs);
    let color = super::stdout_color();
    let mut text = String::new();
    if let Some(grid) = Grid::new(&report.runs) {
        writeln!(text, "{}", grid.render(color))?;
    }
    text.push_str(&human::failures(&report.runs, color));
    writeln!(text, "{}", human::summary_line(&report, color).trim_end())?;
    text.push_str(
        "\nNext:\n  natbed run scenarios            every scenario that comes with natbed\n  \
         natbed run scenarios/two-homes.yaml --pcap captures\n                                  \
         one call, with a packet capture for Wireshark\n  natbed --help                   \
         everything else\n",
    );
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(session.exit(&report, &end))
}
