//! The machine-readable form: JSON, version [`SCHEMA`](crate::SCHEMA).

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::{Report, RunRecord};

/// Renders the whole report as one JSON value.
///
/// Each run stands on a line of its own, so that a line-based comparison of
/// two reports shows the runs that differ.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut bytes = Vec::new();
    report
        .serialize(&mut Serializer::with_formatter(&mut bytes, LinePerRun { depth: 0 }))
        .expect("a Vec takes every write, and every map of a report has string keys");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

/// Writes one record as a line of JSON Lines and flushes it, for use while runs end.
///
/// # Errors
///
/// Whatever `out` reports, such as a broken pipe; part of the line may have been written.
pub fn write_line(mut out: impl io::Write, record: &RunRecord) -> io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

/// Compact JSON with a line break before each value of an array at the second level.
struct LinePerRun {
    depth: usize,
}

/// Inside the report's object, inside its array of runs.
const RUNS: usize = 2;

impl Formatter for LinePerRun {
    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth += 1;
        out.write_all(b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth -= 1;
        out.write_all(b"}")
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth += 1;
        out.write_all(b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        let end: &[u8] = if self.depth == RUNS { b"\n]" } else { b"]" };
        self.depth -= 1;
        out.write_all(end)
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        if self.depth == RUNS { out.write_all(b"\n") } else { Ok(()) }
    }
}
