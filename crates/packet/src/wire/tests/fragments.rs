//! Fragments on the wire.

use natbed_units::ByteCount;
use proptest::prelude::*;

use super::*;
use crate::Body;

fn cut(packet: &Packet, mtu: u64) -> Vec<Packet> {
    let packet = Packet { dont_fragment: false, ..packet.clone() };
    packet.fragments(ByteCount::new(mtu), 0x0001_abcd).expect("it does not fit")
}

#[test]
fn req_791_3_2_the_header_of_an_ipv4_fragment() {
    let pieces = cut(&udp_v4(&[0; 40]), 44);
    let bytes: Vec<_> = pieces.iter().map(|piece| encode(piece).unwrap()).collect();
    assert_eq!(bytes.len(), 2);
    // Length, identification, more fragments, offset 0; time to live, UDP.
    assert_eq!(bytes[0][..10], hex("4500 002c abcd 2000 4011"));
    assert_eq!(bytes[1][..10], hex("4500 002c abcd 0003 4011"));
    for bytes in &bytes {
        assert_eq!(bytes.len(), 44);
        assert_eq!(Sum16BitWords::new().add_slice(&bytes[..20]).ones_complement(), 0);
        assert_eq!(decode(bytes), Err(DecodeError::Fragment));
    }
}

#[test]
fn req_8200_4_5_the_header_of_an_ipv6_fragment() {
    let bytes: Vec<_> =
        cut(&udp_v6(&[0; 40]), 72).iter().map(|piece| encode(piece).unwrap()).collect();
    assert_eq!(bytes.len(), 2);
    // Payload length, fragment header follows, hop limit.
    assert_eq!(bytes[0][..8], hex("6000 0000 0020 2c40"));
    // UDP follows, offset 0, more fragments, identification.
    assert_eq!(bytes[0][40..48], hex("1100 0001 0001 abcd"));
    assert_eq!(bytes[1][..8], hex("6000 0000 0020 2c40"));
    assert_eq!(bytes[1][40..48], hex("1100 0018 0001 abcd"));
    assert!(bytes.iter().all(|bytes| decode(bytes) == Err(DecodeError::Fragment)));
}

#[test]
fn a_fragment_that_is_no_part_of_its_whole_has_no_bytes() {
    let piece = cut(&udp_v4(&[0; 40]), 44).remove(0);
    let Body::Fragment(part) = &piece.body else { panic!("not a fragment: {piece:?}") };
    let with = |change: &dyn Fn(&mut crate::Fragment)| {
        let mut part = part.clone();
        change(&mut part);
        encode(&Packet { body: Body::Fragment(part), ..piece.clone() })
    };
    let refused = |offset, length| Err(EncodeError::FragmentRange { offset, length });
    assert!(with(&|_| ()).is_ok());
    assert_eq!(with(&|part| part.offset = 7), refused(7, 24));
    assert_eq!(with(&|part| part.offset = u16::MAX), refused(u16::MAX, 24));
    assert_eq!(with(&|part| part.length = 49), refused(0, 49));
    assert_eq!(with(&|part| part.whole = piece.clone().into()), refused(0, 24));
    assert_eq!(with(&|part| part.whole = udp_v6(&[0; 40]).into()), refused(0, 24));
}

proptest! {
    #[test]
    fn the_bodies_of_all_fragments_are_the_body_of_the_whole(
        is_v4 in any::<bool>(),
        payload in prop::collection::vec(any::<u8>(), 0..3000),
        mtu in 56_u64..1500,
        smaller in 56_u64..1500,
    ) {
        let packet = if is_v4 { udp_v4(&payload) } else { udp_v6(&payload) };
        let whole = encode(&packet).unwrap();
        prop_assume!(whole.len() as u64 > mtu);
        let headers = if is_v4 { 20 } else { 48 };
        let mut body = Vec::new();
        for piece in cut(&packet, mtu) {
            let smaller = piece.fragments(ByteCount::new(smaller), 2).unwrap_or(vec![piece]);
            for piece in smaller {
                let bytes = encode(&piece).unwrap();
                prop_assert_eq!(bytes.len() as u64, piece.wire_len().bytes());
                prop_assert!(bytes.len() as u64 <= mtu);
                body.extend_from_slice(&bytes[headers..]);
            }
        }
        prop_assert_eq!(&body, &whole[if is_v4 { 20 } else { 40 }..]);
    }
}
