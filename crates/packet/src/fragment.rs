//! Fragments: how a packet longer than a link takes is cut.

use std::sync::Arc;

use natbed_units::ByteCount;

use crate::{Body, Packet};

/// A part of the body of a packet that was cut (RFC 791 section 3.2, RFC 8200 section 4.5).
///
/// It shares the whole instead of carrying bytes: who has all fragments has the whole already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Tells the fragments of one packet from those of another; on the wire IPv4 has room for the
    /// low 16 bits.
    pub identification: u32,
    /// Where the part begins in the body, in units of eight bytes.
    pub offset: u16,
    /// Length of the part in bytes.
    pub length: u16,
    /// The packet as it was when it was cut first; no fragment itself.
    pub whole: Arc<Packet>,
}

impl Fragment {
    /// Says whether the body of the whole goes on behind this part.
    #[must_use]
    pub fn more_follow(&self) -> bool {
        let end = u64::from(self.offset) * 8 + u64::from(self.length);
        end < self.whole.body_len()
    }
}

impl Packet {
    /// Returns the length of the body on the wire, in bytes; without IP headers.
    #[must_use]
    pub fn body_len(&self) -> u64 {
        match &self.body {
            Body::Fragment(fragment) => fragment.length.into(),
            _ => self.wire_len().bytes() - self.ip_header_len(),
        }
    }

    const fn ip_header_len(&self) -> u64 {
        if self.source.is_ipv4() { 20 } else { 40 }
    }

    /// Cuts the packet into fragments of at most `mtu` bytes each, in order; at least two.
    ///
    /// A fragment is cut further under its own identification, all else under the one given.
    /// `None` if the packet fits as it is, or if `mtu` has no room for eight bytes of body.
    /// Whether it may be cut at all is for the caller: see [`Packet::dont_fragment`].
    #[must_use]
    pub fn fragments(&self, mtu: ByteCount, identification: u32) -> Option<Vec<Self>> {
        if self.wire_len() <= mtu {
            return None;
        }
        let fragment_header = if self.source.is_ipv4() { 0 } else { 8 };
        let room = mtu.bytes().checked_sub(self.ip_header_len() + fragment_header)? / 8 * 8;
        let (identification, start, whole) = match &self.body {
            Body::Fragment(this) => {
                (this.identification, u64::from(this.offset) * 8, Arc::clone(&this.whole))
            }
            _ => (identification, 0, Arc::new(self.clone())),
        };
        let end = start + self.body_len();
        // The fields of a fragment say no more; only a packet without a wire form is longer.
        if room == 0 || end > u64::from(u16::MAX) {
            return None;
        }
        let mut pieces = Vec::with_capacity((end - start).div_ceil(room) as usize);
        let mut at = start;
        while at < end {
            let length = room.min(end - at);
            let fragment = Fragment {
                identification,
                offset: (at / 8) as u16,
                length: length as u16,
                whole: Arc::clone(&whole),
            };
            pieces.push(Self { body: Body::Fragment(Box::new(fragment)), ..*self });
            at += length;
        }
        Some(pieces)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Endpoint;

    fn packet(version: u8, payload: usize) -> Packet {
        let [source, destination] = match version {
            4 => ["192.0.2.1", "198.51.100.7"],
            _ => ["2001:db8::1", "2001:db8::2"],
        }
        .map(|ip| Endpoint::new(ip.parse().unwrap(), 5000));
        let packet = Packet::udp(source, destination, Bytes::from(vec![7; payload]));
        Packet { dont_fragment: false, ..packet }
    }

    fn parts(pieces: &[Packet]) -> Vec<(u16, u16, bool)> {
        let part = |piece: &Packet| match &piece.body {
            Body::Fragment(part) => (part.offset, part.length, part.more_follow()),
            _ => panic!("not a fragment: {piece:?}"),
        };
        pieces.iter().map(part).collect()
    }

    #[test]
    fn parts_begin_at_multiples_of_eight_bytes_and_fit() {
        for (version, mtu, expected) in [
            (4, 1500, vec![(0, 1480, true), (185, 1480, true), (370, 48, false)]),
            (6, 1280, vec![(0, 1232, true), (154, 1232, true), (308, 544, false)]),
        ] {
            let pieces = packet(version, 3000).fragments(ByteCount::new(mtu), 9).unwrap();
            assert_eq!(parts(&pieces), expected, "IPv{version}");
            assert!(pieces.iter().all(|piece| piece.wire_len().bytes() <= mtu));
        }
    }

    #[test]
    fn a_fragment_is_cut_further_as_a_part_of_the_same_whole() {
        let pieces = packet(4, 3000).fragments(ByteCount::new(1500), 9).unwrap();
        let smaller = pieces[1].fragments(ByteCount::new(1004), 10).unwrap();
        assert_eq!(parts(&smaller), [(185, 984, true), (308, 496, true)]);
        for piece in smaller {
            let Body::Fragment(part) = &piece.body else { panic!("not a fragment: {piece:?}") };
            assert_eq!((part.identification, &*part.whole), (9, &packet(4, 3000)));
        }
    }

    #[test]
    fn what_fits_or_cannot_be_cut_small_enough_is_not_cut() {
        assert_eq!(packet(4, 1472).fragments(ByteCount::new(1500), 1), None);
        assert_eq!(packet(4, 1472).fragments(ByteCount::new(27), 1), None);
        assert_eq!(packet(4, 1472).fragments(ByteCount::ZERO, 1), None);
        assert_eq!(packet(6, 1472).fragments(ByteCount::new(55), 1), None);
        assert_eq!(
            packet(6, 1472).fragments(ByteCount::new(56), 1).map(|all| all.len()),
            Some(185)
        );
        assert_eq!(packet(4, 70_000).fragments(ByteCount::new(1500), 1), None);
    }
}
