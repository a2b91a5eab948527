//! The streams of one side: what it still has to write, and what it has read.

use bytes::Bytes;
use natbed_units::SimTime;
use quinn_proto::{Connection, Dir, ReadError, StreamId};

use crate::config::Amount;
use crate::transfer::TransferReport;

use super::QuicConfig;

/// What one write hands to the connection at most.
///
/// The connection keeps a piece until all of it is acknowledged and looks pieces up one by one, so
/// that many small ones would cost more than the packets they go into.
const PIECE: usize = 32 << 10;
/// What all streams carry; nobody looks at it.
static ZEROS: [u8; PIECE] = [0; PIECE];

/// The streams this side sends on.
pub(super) struct Sending {
    /// How many there are to be; none when this side does not send.
    count: usize,
    streams: Vec<Outgoing>,
    /// The stream that writes next.
    turn: usize,
    /// What each stream is to carry, the first ones a byte more where it does not come out even.
    bytes: Option<u64>,
    acknowledged: usize,
}

/// One stream this side sends on.
struct Outgoing {
    id: StreamId,
    /// Bytes not yet written; `None` writes until it is told to finish.
    left: Option<u64>,
    is_finished: bool,
}

impl Sending {
    pub(super) fn new(config: &QuicConfig, peer: usize) -> Self {
        let sends = config.transfer.direction.sends(peer);
        let bytes = match config.transfer.amount {
            Amount::Bytes(bytes) => Some(bytes.bytes()),
            Amount::For(_) => None,
        };
        Self {
            count: if sends { usize::from(config.streams) } else { 0 },
            streams: Vec::new(),
            turn: 0,
            bytes,
            acknowledged: 0,
        }
    }

    /// Opens what the other side lets it open.
    pub(super) fn open(&mut self, connection: &mut Connection) {
        while self.streams.len() < self.count
            && let Some(id) = connection.streams().open(Dir::Uni)
        {
            let (count, number) = (self.count as u64, self.streams.len() as u64);
            let left = self.bytes.map(|all| all / count + u64::from(number < all % count));
            self.streams.push(Outgoing { id, left, is_finished: false });
        }
    }

    /// Lets the connection keep about two congestion windows of unacknowledged bytes.
    ///
    /// A sender could write far ahead of what the path takes, but what is written must go out: a
    /// transfer for so much time would end long after it.
    pub(super) fn bound(&self, connection: &mut Connection) {
        let pieces = (self.count as u64 + 2) * PIECE as u64;
        let wanted = connection.congestion_state().window().saturating_mul(2);
        // In whole pieces, so that writes are of whole pieces too.
        let wanted = wanted / PIECE as u64 * PIECE as u64;
        connection.set_send_window(wanted.saturating_add(pieces));
    }

    /// Writes to one stream after the other until none takes any more; returns how many bytes.
    pub(super) fn write(&mut self, connection: &mut Connection) -> u64 {
        let (mut written, mut idle) = (0, 0);
        while idle < self.streams.len() {
            let turn = self.turn;
            self.turn = (turn + 1) % self.streams.len();
            match self.streams[turn].write(connection) {
                0 => idle += 1,
                bytes => (written, idle) = (written + bytes, 0),
            }
        }
        written
    }

    /// Ends all streams after what is written.
    pub(super) fn finish(&mut self, connection: &mut Connection) {
        self.bytes = Some(0); // those not yet open carry nothing
        for stream in &mut self.streams {
            stream.left = Some(0);
            stream.finish_if_empty(connection);
        }
    }

    /// Counts a stream of which everything is acknowledged, its end too.
    pub(super) fn note_acknowledged(&mut self) {
        self.acknowledged += 1;
    }

    /// Says whether everything has arrived at the other side, and this side knows.
    pub(super) fn is_done(&self) -> bool {
        self.acknowledged >= self.count
    }
}

impl Outgoing {
    fn write(&mut self, connection: &mut Connection) -> u64 {
        if self.is_finished {
            return 0;
        }
        let left = usize::try_from(self.left.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let piece = Bytes::from_static(&ZEROS[..left.min(PIECE)]);
        let mut written = 0;
        if !piece.is_empty() {
            // Blocked is all that can be wrong: the other side stops no stream.
            let outcome = connection.send_stream(self.id).write_chunks(&mut [piece]);
            written = outcome.map_or(0, |written| written.bytes as u64);
            self.left = self.left.map(|left| left - written);
        }
        self.finish_if_empty(connection);
        written
    }

    fn finish_if_empty(&mut self, connection: &mut Connection) {
        if self.left == Some(0) && !self.is_finished {
            self.is_finished = connection.send_stream(self.id).finish().is_ok();
        }
    }
}

/// The streams this side receives.
pub(super) struct Receiving {
    /// How many there will be.
    count: usize,
    finished: usize,
}

impl Receiving {
    pub(super) fn new(config: &QuicConfig, peer: usize) -> Self {
        let receives = config.transfer.direction.sends(1 - peer);
        Self { count: if receives { usize::from(config.streams) } else { 0 }, finished: 0 }
    }

    /// Reads all there is of the streams that the other side has opened since.
    pub(super) fn accept(
        &mut self,
        now: SimTime,
        connection: &mut Connection,
        report: &mut TransferReport,
    ) {
        while let Some(id) = connection.streams().accept(Dir::Uni) {
            self.read(now, id, connection, report);
        }
    }

    /// Reads all there is of a stream.
    pub(super) fn read(
        &mut self,
        now: SimTime,
        id: StreamId,
        connection: &mut Connection,
        report: &mut TransferReport,
    ) {
        let mut stream = connection.recv_stream(id);
        // A stream that is closed has been read to its end.
        let Ok(mut chunks) = stream.read(true) else { return };
        let mut bytes = 0;
        let has_ended = loop {
            match chunks.next(usize::MAX) {
                Ok(Some(chunk)) => bytes += chunk.bytes.len() as u64,
                Ok(None) => break true,
                Err(ReadError::Blocked | ReadError::Reset(_)) => break false,
            }
        };
        // What is to be told to the other side goes out with the next `poll_transmit`.
        let _ = chunks.finalize();
        if bytes > 0 {
            report.received_bytes += bytes;
            report.first_received.get_or_insert(now);
            report.last_received = Some(now);
            if let Some(series) = &mut report.series {
                series.add(now, bytes);
            }
        }
        if has_ended {
            self.finished += 1;
            if self.finished == self.count {
                report.completed = Some(now);
            }
        }
    }

    /// Says whether everything of the other side has arrived.
    pub(super) fn is_done(&self) -> bool {
        self.finished >= self.count
    }
}
