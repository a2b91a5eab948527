//! One host's part of a bulk transfer over a TCP connection.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use natbed_runtime::{Handle, TcpStream};
use natbed_units::SimDuration;
use tokio::sync::watch;

use super::tcp::TcpLoad;
use crate::config::Amount;

/// Bytes that are written or read at once.
const PIECE: usize = 64 << 10;

/// How long no segment may arrive: longer than TCP itself waits for an acknowledgment, so that it is
/// the one to say what is wrong where it has sent something.
const SILENCE: SimDuration = SimDuration::from_secs(40);
/// How often that is looked at.
const LOOK: SimDuration = SimDuration::from_secs(1);

/// Sends and receives what the load says, to the end of both directions or a failure.
pub(super) async fn transfer(handle: &Handle, load: &TcpLoad, peer: usize, stream: Arc<TcpStream>) {
    load.with_side(peer, |side| {
        side.report.connected = Some(handle.now());
        side.stream = Some(Arc::clone(&stream));
    });
    let (end, has_ended) = watch::channel(false);
    let read = async {
        read(handle, load, peer, &stream).await?;
        end.send_replace(true);
        Ok(())
    };
    let both = async { tokio::try_join!(read, write(handle, load, peer, &stream, has_ended)) };
    let outcome = tokio::select! { biased;
        outcome = both => outcome.map(|_| ()),
        error = silence(handle, &stream) => Err(error),
    };
    drop(stream);
    load.with_side(peer, |side| {
        if let Err(error) = outcome {
            side.fail(&error);
        }
        side.release();
    });
}

/// Writes all there is to write, then closes this direction; without anything to write, once the
/// other one has ended.
async fn write(
    handle: &Handle,
    load: &TcpLoad,
    peer: usize,
    stream: &TcpStream,
    mut has_ended: watch::Receiver<bool>,
) -> io::Result<()> {
    let transfer = load.config.transfer;
    if transfer.direction.sends(peer) {
        let zeros = vec![0; PIECE];
        let (started, mut sent) =
            load.with_side(peer, |side| (side.report.started, side.report.sent_bytes));
        let end = match (transfer.amount, started) {
            (Amount::For(duration), Some(started)) => Some(started + duration),
            _ => None,
        };
        loop {
            let left = match (transfer.amount, end) {
                (Amount::Bytes(bytes), _) => bytes.bytes() - sent,
                (Amount::For(_), Some(end)) if handle.now() < end => u64::MAX,
                (Amount::For(_), _) => 0,
            };
            if left == 0 {
                break;
            }
            let piece = &zeros[..left.min(PIECE as u64) as usize];
            let written = tokio::select! { biased;
                written = poll_fn(|cx| stream.poll_write_from(cx, piece)) => written?,
                () = until(handle, end) => 0,
            };
            sent += written as u64;
            load.with_side(peer, |side| side.report.sent_bytes = sent);
        }
    } else {
        // The other end of it is dropped only if reading has failed, which ends all this.
        let _ = has_ended.wait_for(|has_ended| *has_ended).await;
    }
    stream.shut_down();
    Ok(())
}

async fn until(handle: &Handle, end: Option<natbed_units::SimTime>) {
    match end {
        Some(end) => handle.sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// Reads to the end of what the other host sends.
async fn read(handle: &Handle, load: &TcpLoad, peer: usize, stream: &TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let length = poll_fn(|cx| stream.poll_read_into(cx, &mut buffer)).await? as u64;
        let now = handle.now();
        load.with_side(peer, |side| {
            let report = &mut side.report;
            if length > 0 {
                report.received_bytes += length;
                report.first_received.get_or_insert(now);
                report.last_received = Some(now);
                if let Some(series) = &mut report.series {
                    series.add(now, length);
                }
            } else if load.config.transfer.direction.sends(1 - peer) {
                report.completed = Some(now);
            }
        });
        if length == 0 {
            return Ok(());
        }
    }
}

/// Waits until nothing has arrived for too long.
async fn silence(handle: &Handle, stream: &TcpStream) -> io::Error {
    let mut heard = (handle.now(), stream.statistics().segments_received);
    loop {
        handle.sleep(LOOK).await;
        let (now, segments) = (handle.now(), stream.statistics().segments_received);
        if segments != heard.1 {
            heard = (now, segments);
        } else if heard.0 + SILENCE <= now {
            return io::Error::new(
                io::ErrorKind::TimedOut,
                format!("nothing arrived for {SILENCE}"),
            );
        }
    }
}
