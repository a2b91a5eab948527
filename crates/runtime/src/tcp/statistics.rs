//! What a TCP connection has sent and received, counted by its segments.

use natbed_packet::{Tcp, TcpFlags};

/// What a TCP connection has done so far; made by [`TcpStream::statistics`](crate::TcpStream::statistics).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpStatistics {
    /// Bytes that were written into the connection.
    pub bytes_written: u64,
    /// Bytes of these that the other side has acknowledged.
    pub bytes_acknowledged: u64,
    /// Bytes that were read from the connection.
    pub bytes_read: u64,
    /// Bytes that have arrived in order; those that were not read yet are among them.
    pub bytes_received: u64,
    /// Segments sent: data, acknowledgments, probes.
    pub segments_sent: u64,
    /// Segments that have arrived.
    pub segments_received: u64,
    /// Segments sent that carried sequence numbers sent before: data, SYN or FIN. A probe of a
    /// closed window counts once the window opens, because its byte is then sent again.
    pub segments_retransmitted: u64,
    /// Payload bytes of these that had been sent before.
    pub bytes_retransmitted: u64,
}

/// How far a connection has sent, to tell repeated segments from new ones.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    /// One more than the highest sequence number sent.
    end: Option<u32>,
    /// Payload bytes sent for the first time.
    payload: u64,
}

impl Sent {
    /// Returns how many payload bytes were sent, each counted once.
    pub(super) fn payload(&self) -> u64 {
        self.payload
    }

    /// Counts a segment that is sent; `is_idle` if nothing waits to be acknowledged.
    pub(super) fn count(&mut self, tcp: &Tcp, is_idle: bool, statistics: &mut TcpStatistics) {
        statistics.segments_sent += 1;
        let payload = tcp.payload.len() as u32;
        let controls = [TcpFlags::SYN, TcpFlags::FIN];
        let controls = controls.into_iter().filter(|flag| tcp.flags.contains(*flag)).count() as u32;
        let length = payload + controls;
        if length == 0 {
            return;
        }
        let end = tcp.sequence.wrapping_add(length);
        let sent = *self.end.get_or_insert(tcp.sequence);
        // A keepalive probe repeats the number before the next one, with a byte that nobody reads.
        let is_keepalive = is_idle && payload == 1 && controls == 0 && end == sent;
        let again = distance(tcp.sequence, sent);
        if again > 0 && !is_keepalive {
            statistics.segments_retransmitted += 1;
            statistics.bytes_retransmitted += u64::from(payload.min(again as u32));
        }
        if distance(sent, end) > 0 {
            self.end = Some(end);
            self.payload += u64::from(payload.min(distance(sent, end) as u32));
        }
    }
}

/// How far `to` is after `from` in the circle of sequence numbers; negative if it is before.
fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn segment(sequence: u32, payload: usize, flags: TcpFlags) -> Tcp {
        Tcp {
            source_port: 1,
            destination_port: 2,
            sequence,
            acknowledgment: 0,
            flags,
            window: 0,
            urgent: 0,
            options: Bytes::new(),
            payload: Bytes::from(vec![0; payload]),
        }
    }

    fn count(segments: &[(Tcp, bool)]) -> TcpStatistics {
        let (mut sent, mut statistics) = (Sent::default(), TcpStatistics::default());
        for (tcp, is_idle) in segments {
            sent.count(tcp, *is_idle, &mut statistics);
        }
        statistics
    }

    #[test]
    fn what_is_sent_again_is_told_by_its_sequence_numbers_also_across_zero() {
        let start = u32::MAX - 500;
        let statistics = count(&[
            (segment(start, 0, TcpFlags::SYN), false),
            (segment(start.wrapping_add(1), 1000, TcpFlags::ACK), false),
            (segment(start.wrapping_add(1001), 1000, TcpFlags::ACK), false),
            (segment(start.wrapping_add(2001), 0, TcpFlags::ACK), false),
            // The second half again, with what comes after it.
            (segment(start.wrapping_add(1501), 1000, TcpFlags::ACK), false),
            (segment(start.wrapping_add(1), 1000, TcpFlags::ACK), false),
        ]);
        assert_eq!(statistics.segments_sent, 6);
        assert_eq!(statistics.segments_retransmitted, 2);
        assert_eq!(statistics.bytes_retransmitted, 500 + 1000);
    }

    #[test]
    fn syn_and_fin_that_are_sent_again_count_as_segments_without_bytes() {
        let syn = segment(7, 0, TcpFlags::SYN);
        let fin = segment(8, 0, TcpFlags::FIN.with(TcpFlags::ACK));
        let statistics =
            count(&[(syn.clone(), false), (syn, false), (fin.clone(), false), (fin, false)]);
        assert_eq!((statistics.segments_retransmitted, statistics.bytes_retransmitted), (2, 0));
    }

    #[test]
    fn a_keepalive_probe_is_no_retransmission() {
        let data = segment(100, 1, TcpFlags::ACK);
        let statistics = count(&[(data.clone(), false), (data.clone(), true), (data, false)]);
        assert_eq!((statistics.segments_sent, statistics.segments_retransmitted), (3, 1));
    }
}
