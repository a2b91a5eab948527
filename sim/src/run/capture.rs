//! The packet capture of a run.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use natbed_network::Network;
use natbed_network::observe::Capture;
use natbed_packet::pcapng::WriteError;
use natbed_runtime::EPOCH_UNIX_SECONDS;

use crate::observers::Observers;

/// Begins a capture of what every link end of the network sees.
pub(super) fn open(
    path: &Path,
    network: &Network<Observers>,
) -> io::Result<Capture<BufWriter<File>>> {
    let epoch_unix_nanos = EPOCH_UNIX_SECONDS * 1_000_000_000;
    let sink = BufWriter::new(File::create(path)?);
    Capture::new(sink, epoch_unix_nanos, network).map_err(io_error)
}

/// Writes out what is left of it.
pub(super) fn close(capture: Capture<BufWriter<File>>) -> io::Result<()> {
    let sink = capture.finish().map_err(io_error)?;
    sink.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(())
}

fn io_error(error: WriteError) -> io::Error {
    match error {
        WriteError::Io(error) => error,
        other => io::Error::other(other),
    }
}
