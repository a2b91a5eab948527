use super::{Framing, Message, Told, unwrap};
use crate::observe::PayloadTag;

const TRANSACTION: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

fn message(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend(kind.to_be_bytes());
        body.extend((value.len() as u16).to_be_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut message = kind.to_be_bytes().to_vec();
    message.extend((body.len() as u16).to_be_bytes());
    message.extend([0x21, 0x12, 0xa4, 0x42]);
    message.extend(TRANSACTION);
    message.extend(body);
    message
}

fn told(message: &[u8]) -> Vec<(Told, String)> {
    let message = Message::of(message).unwrap();
    message.addresses().map(|(told, address)| (told, address.to_string())).collect()
}

#[test]
fn channel_data_and_indications_are_unwrapped() {
    let tag = *PayloadTag::new(7).as_bytes();
    let mut channel = vec![0x40, 0x01, 0, 8];
    channel.extend(tag);
    assert_eq!(unwrap(&channel), (Framing::ChannelData, &tag[..]));
    channel.extend([0; 3]);
    assert_eq!(unwrap(&channel), (Framing::ChannelData, &tag[..]), "padding");

    let peer = [0, 1, 0, 0, 0, 0, 0, 0];
    for kind in [0x0016, 0x0017] {
        let indication = message(kind, &[(0x0012, &peer), (0x0013, &tag)]);
        assert_eq!(unwrap(&indication), (Framing::Indication, &tag[..]));
    }
}

#[test]
fn what_is_not_a_whole_turn_frame_is_not_unwrapped() {
    let endless = [0x00, 0x17, 0xff, 0xff, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0];
    let request = message(0x0008, &[(0x0013, b"data")]);
    let cut = &message(0x0016, &[(0x0013, b"12345678")])[..26];
    for datagram in [
        &[][..],
        &[0x00],
        PayloadTag::new(7).as_bytes(),
        &[0x40],
        &[0x40, 0x01, 0, 9, 1, 2],
        &endless,
        &request,
        cut,
    ] {
        assert_eq!(unwrap(datagram), (Framing::Bare, datagram));
    }
}

/// The addresses of RFC 5769 sections 2.2 and 2.3 (sample responses), their transaction id too.
#[test]
fn addresses_of_the_rfc_5769_samples() {
    let mut v4 = message(0x0101, &[(0x0020, &[0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43])]);
    assert_eq!(told(&v4), [(Told::Mapped, "192.0.2.1".to_owned())]);
    v4[20..22].copy_from_slice(&[0x00, 0x12]);
    assert_eq!(told(&v4), [(Told::Peer, "192.0.2.1".to_owned())]);

    let masked = [
        0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5,
        0xbe, 0xd2, 0xb9, 0xd9,
    ];
    let mut v6 = message(0x0101, &[(0x8022, b"vector"), (0x0020, &masked)]);
    v6[8..20]
        .copy_from_slice(&[0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);
    let expected = "2001:db8:1234:5678:11:2233:4455:6677".to_owned();
    assert_eq!(told(&v6), [(Told::Mapped, expected)]);
}

#[test]
fn addresses_that_are_not_masked_or_not_whole() {
    let plain = message(0x0101, &[(0x0001, &[0, 1, 0, 80, 192, 0, 2, 9])]);
    assert_eq!(told(&plain), [(Told::Mapped, "192.0.2.9".to_owned())]);
    for value in [&[][..], &[0], &[0, 1, 0, 80, 192, 0, 2], &[0, 2, 0, 80, 192, 0, 2, 9]] {
        assert_eq!(told(&message(0x0101, &[(0x0001, value)])), []);
    }
    assert!(Message::of(b"\x00\x01\x00\x00").is_none());
    assert!(Message::of(&[0; 20]).is_none(), "no cookie");
}

proptest::proptest! {
    #[test]
    fn no_bytes_are_too_strange(bytes: Vec<u8>) {
        unwrap(&bytes);
        let with_cookie = [&[0, 0x16, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &bytes].concat();
        unwrap(&with_cookie);
        if let Some(message) = Message::of(&with_cookie) {
            message.addresses().for_each(drop);
        }
    }
}
