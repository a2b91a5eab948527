//! What the chunks of SCTP packets tell: what was sent again, and how long acknowledgments took.

use natbed_units::{SimDuration, SimTime};

/// Bytes of the common header (RFC 9260 section 3.1).
const COMMON_HEADER: usize = 12;
/// Bytes of a DATA chunk before the user's (RFC 9260 section 3.3.1).
const DATA_HEADER: usize = 16;
const DATA: u8 = 0;
const SACK: u8 = 3;

/// Follows the DATA chunks that one side sends and the SACK chunks that it gets.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    /// The highest TSN sent, and the highest one up to which all have arrived.
    highest: Option<u32>,
    acknowledged: Option<u32>,
    /// The user's bytes, those sent again not included.
    pub(super) bytes: u64,
    pub(super) packets: u64,
    /// Packets with any DATA chunk that had been sent before, and the user's bytes in those chunks.
    pub(super) packets_again: u64,
    pub(super) bytes_again: u64,
    /// The chunk that is measured, and when it was sent.
    timed: Option<(u32, SimTime)>,
    round_trip: Option<SimDuration>,
}

impl Chunks {
    /// The smoothed round trip: SRTT of RFC 9260 section 6.3.1, measured on one chunk at a time that
    /// was sent only once.
    pub(super) fn round_trip(&self) -> Option<SimDuration> {
        self.round_trip
    }

    /// Says whether everything that was sent, and anything was, has arrived.
    pub(super) fn is_all_acknowledged(&self) -> bool {
        self.highest.is_some() && self.highest == self.acknowledged
    }

    /// Takes a packet that this side sends now.
    pub(super) fn sent(&mut self, now: SimTime, packet: &[u8]) {
        self.packets += 1;
        let mut has_old = false;
        for (kind, chunk) in chunks(packet) {
            let (DATA, Some(tsn)) = (kind, word(chunk, 4)) else { continue };
            let bytes = chunk.len().saturating_sub(DATA_HEADER) as u64;
            if self.highest.is_none_or(|highest| is_after(tsn, highest)) {
                self.highest = Some(tsn);
                self.bytes += bytes;
                self.timed.get_or_insert((tsn, now));
            } else {
                has_old = true;
                self.bytes_again += bytes;
                // Which of the two is acknowledged could not be told (Karn's algorithm).
                self.timed = self.timed.filter(|(timed, _)| *timed != tsn);
            }
        }
        self.packets_again += u64::from(has_old);
    }

    /// Takes a packet that arrived now.
    pub(super) fn received(&mut self, now: SimTime, packet: &[u8]) {
        for (kind, chunk) in chunks(packet) {
            let (SACK, Some(up_to), Some(highest)) = (kind, word(chunk, 4), self.highest) else {
                continue;
            };
            if is_after(up_to, highest) {
                continue; // it is none of what was sent
            }
            if self.acknowledged.is_none_or(|acknowledged| is_after(up_to, acknowledged)) {
                self.acknowledged = Some(up_to);
            }
            if let Some((timed, sent_at)) = self.timed
                && (!is_after(timed, up_to) || is_in_gap_block(chunk, timed.wrapping_sub(up_to)))
            {
                self.timed = None;
                self.measured(now.saturating_since(sent_at));
            }
        }
    }

    fn measured(&mut self, round_trip: SimDuration) {
        self.round_trip = Some(match self.round_trip {
            Some(smoothed) => (smoothed * 7 + round_trip) / 8,
            None => round_trip,
        });
    }
}

/// Says whether a SACK chunk acknowledges what is so far above its cumulative TSN (RFC 9260 section
/// 3.3.4: pairs of 16-bit offsets, both included).
fn is_in_gap_block(sack: &[u8], offset: u32) -> bool {
    let count = sack.get(12..14).map_or(0, |bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
    let blocks = sack.get(16..).unwrap_or_default().chunks_exact(4).take(usize::from(count));
    blocks
        .map(|block| {
            let [start, end] = [[block[0], block[1]], [block[2], block[3]]].map(u16::from_be_bytes);
            u32::from(start)..=u32::from(end)
        })
        .any(|block| block.contains(&offset))
}

/// The chunks of a packet with their types, each with its header and without padding (RFC 9260
/// section 3.2); ends where they make no sense.
fn chunks(packet: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = packet.get(COMMON_HEADER..).unwrap_or_default();
    std::iter::from_fn(move || {
        let header = rest.first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let chunk = rest.get(..length.max(4))?;
        rest = rest.get(length.max(4).next_multiple_of(4)..).unwrap_or_default();
        Some((header[0], chunk))
    })
}

fn word(chunk: &[u8], at: usize) -> Option<u32> {
    chunk.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Serial number arithmetic (RFC 1982), as TSNs wrap around.
fn is_after(tsn: u32, other: u32) -> bool {
    let ahead = tsn.wrapping_sub(other);
    ahead != 0 && ahead < 1 << 31
}

#[cfg(test)]
mod tests {
    use natbed_units::{SimDuration, SimTime};

    use super::Chunks;

    fn packet(chunks: &[Vec<u8>]) -> Vec<u8> {
        let mut packet = vec![0; 12];
        for chunk in chunks {
            packet.extend(chunk);
            packet.resize(packet.len().next_multiple_of(4), 0);
        }
        packet
    }

    fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut chunk = vec![kind, 3];
        chunk.extend((body.len() as u16 + 4).to_be_bytes());
        chunk.extend(body);
        chunk
    }

    fn data(tsn: u32, bytes: usize) -> Vec<u8> {
        let mut body = tsn.to_be_bytes().to_vec();
        body.resize(12 + bytes, 0);
        chunk(0, &body)
    }

    fn sack(up_to: u32, blocks: &[(u16, u16)]) -> Vec<u8> {
        let mut body = up_to.to_be_bytes().to_vec();
        body.extend(100_000_u32.to_be_bytes());
        body.extend((blocks.len() as u16).to_be_bytes());
        body.extend([0, 1]); // one duplicate, which is no block
        for (start, end) in blocks {
            body.extend(start.to_be_bytes());
            body.extend(end.to_be_bytes());
        }
        body.extend([0; 4]);
        chunk(3, &body)
    }

    fn at(millis: u64) -> SimTime {
        SimTime::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn what_is_sent_again_is_counted_across_the_end_of_the_numbers() {
        let mut chunks = Chunks::default();
        chunks.sent(at(0), &packet(&[chunk(10, &[7; 33])])); // a cookie
        chunks.sent(at(1), &packet(&[data(u32::MAX, 1_001), data(0, 100)]));
        chunks.sent(at(2), &packet(&[data(1, 10)]));
        chunks.sent(at(3), &packet(&[data(0, 100), data(2, 50), data(1, 10)]));
        assert_eq!((chunks.packets, chunks.packets_again), (4, 1));
        assert_eq!((chunks.bytes, chunks.bytes_again), (1_161, 110));
        chunks.received(at(4), &packet(&[sack(1, &[])]));
        assert!(!chunks.is_all_acknowledged());
        chunks.received(at(5), &packet(&[sack(2, &[])]));
        chunks.received(at(6), &packet(&[sack(0, &[])])); // late
        chunks.received(at(6), &packet(&[sack(9, &[])])); // wrong
        assert!(chunks.is_all_acknowledged());
    }

    #[test]
    fn the_round_trip_is_smoothed_over_chunks_sent_once() {
        let mut chunks = Chunks::default();
        let ms = SimDuration::from_millis;
        chunks.sent(at(0), &packet(&[data(1, 10), data(2, 10)]));
        chunks.sent(at(5), &packet(&[data(3, 10)]));
        assert_eq!(chunks.round_trip(), None);
        chunks.received(at(40), &packet(&[sack(1, &[])]));
        assert_eq!(chunks.round_trip(), Some(ms(40)));
        chunks.received(at(41), &packet(&[sack(3, &[])]));
        assert_eq!(chunks.round_trip(), Some(ms(40)), "one at a time");
        chunks.sent(at(50), &packet(&[data(4, 10)]));
        chunks.received(at(66), &packet(&[chunk(9, &[]), sack(4, &[])]));
        assert_eq!(chunks.round_trip(), Some(ms(37)), "7/8 * 40 + 1/8 * 16");
        // A chunk sent twice says nothing, another one after it does, though there is a hole.
        chunks.sent(at(70), &packet(&[data(5, 10)]));
        chunks.sent(at(71), &packet(&[data(5, 10)]));
        chunks.sent(at(72), &packet(&[data(6, 10), data(7, 10)]));
        chunks.received(at(109), &packet(&[sack(4, &[(3, 3)])]));
        assert_eq!(chunks.round_trip(), Some(ms(37)));
        chunks.received(at(117), &packet(&[sack(4, &[(2, 3)])]));
        assert_eq!(chunks.round_trip(), Some(ms(38)), "7/8 * 37 + 1/8 * 45");
    }

    #[test]
    fn nonsense_ends_the_packet() {
        let mut chunks = Chunks::default();
        for bytes in [&[][..], &[0; 11], &[0; 12], &[0; 15], &[0; 16], &[0xff; 50], &[3; 500]] {
            chunks.sent(at(0), bytes);
            chunks.received(at(0), bytes);
        }
        let mut short = packet(&[sack(1, &[(1, 1)])]);
        short.truncate(30);
        chunks.received(at(0), &short);
        assert_eq!((chunks.bytes, chunks.packets_again), (0, 0));
    }
}
