use std::net::SocketAddr;

use bytes::Bytes;

use super::*;
use crate::wire;

fn packet(payload: &'static [u8]) -> Packet {
    let source: SocketAddr = "192.168.1.2:5000".parse().unwrap();
    let destination: SocketAddr = "198.51.100.7:3478".parse().unwrap();
    Packet::udp(source.into(), destination.into(), Bytes::from_static(payload))
}

/// A block as a reader sees it.
#[derive(Debug, PartialEq)]
struct Block<'a> {
    block_type: u32,
    body: &'a [u8],
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

/// Reads the blocks of a file, checking that both lengths of each agree.
fn blocks(mut file: &[u8]) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    while !file.is_empty() {
        let (block_type, length) = (u32_at(file, 0), u32_at(file, 4));
        let (block, rest) = file.split_at(length as usize);
        assert!(length.is_multiple_of(4));
        assert_eq!(u32_at(block, block.len() - 4), length);
        blocks.push(Block { block_type, body: &block[8..block.len() - 4] });
        file = rest;
    }
    blocks
}

/// Reads options up to the end mark, which must be the last thing there.
fn options(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut options = Vec::new();
    loop {
        let (code, length) = (u16_at(bytes, 0), usize::from(u16_at(bytes, 2)));
        if code == OPT_END {
            assert_eq!(bytes, [0; 4]);
            return options;
        }
        options.push((code, &bytes[4..4 + length]));
        bytes = &bytes[4 + length.next_multiple_of(4)..];
    }
}

#[derive(Debug, PartialEq)]
struct PacketBlock<'a> {
    interface: u32,
    unix_nanos: u64,
    packet: &'a [u8],
    options: Vec<(u16, &'a [u8])>,
}

fn packet_block<'a>(block: &Block<'a>) -> PacketBlock<'a> {
    assert_eq!(block.block_type, ENHANCED_PACKET);
    let length = u32_at(block.body, 12) as usize;
    assert_eq!(u32_at(block.body, 16) as usize, length, "nothing was cut off");
    PacketBlock {
        interface: u32_at(block.body, 0),
        unix_nanos: u64::from(u32_at(block.body, 4)) << 32 | u64::from(u32_at(block.body, 8)),
        packet: &block.body[20..20 + length],
        options: options(&block.body[20 + length.next_multiple_of(4)..]),
    }
}

#[test]
fn a_small_file_has_these_bytes() {
    let mut writer = Writer::new(Vec::new()).unwrap();
    let wan = writer.add_interface("wan", "alice-home").unwrap();
    let (time, packet) = (SimTime::from_nanos(1), packet(b"hello"));
    writer.write_packet(wan, time, Direction::Outbound, &packet, Some("nat")).unwrap();
    let file = writer.finish().unwrap();

    #[rustfmt::skip]
    let expected = [
        // Section header: type, length, byte order, version 1.0, length of the section unknown.
        0x0a, 0x0d, 0x0d, 0x0a, 44, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        // The program, end of options, length.
        4, 0, 6, 0, b'n', b'a', b't', b'b', b'e', b'd', 0, 0,
        0, 0, 0, 0, 44, 0, 0, 0,
        // Interface: type, length, link type, no length limit.
        1, 0, 0, 0, 56, 0, 0, 0, 101, 0, 0, 0, 0, 0, 0, 0,
        // Name, description, nanoseconds, end of options, length.
        2, 0, 3, 0, b'w', b'a', b'n', 0,
        3, 0, 10, 0, b'a', b'l', b'i', b'c', b'e', b'-', b'h', b'o', b'm', b'e', 0, 0,
        9, 0, 1, 0, 9, 0, 0, 0,
        0, 0, 0, 0, 56, 0, 0, 0,
        // Packet: type, length, interface, time (high word first), captured and original length.
        6, 0, 0, 0, 88, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x9c, 0x97, 0x17, 0x01, 0x00, 0x2a, 0x36,
        33, 0, 0, 0, 33, 0, 0, 0,
        0x45, 0x00, 0x00, 0x21, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x4e, 0xe7,
        192, 168, 1, 2, 198, 51, 100, 7,
        0x13, 0x88, 0x0d, 0x96, 0x00, 0x0d, 0xae, 0xfe, b'h', b'e', b'l', b'l', b'o', 0, 0, 0,
        // Flags: outbound; comment, end of options, length.
        2, 0, 4, 0, 2, 0, 0, 0,
        1, 0, 3, 0, b'n', b'a', b't', 0,
        0, 0, 0, 0, 88, 0, 0, 0,
    ];
    assert_eq!(file, expected);
}

#[test]
fn packets_keep_interface_time_direction_and_comment() {
    let mut writer = Writer::with_epoch(Vec::new(), 1_000).unwrap();
    let lan = writer.add_interface("lan", "").unwrap();
    let first = packet(b"");
    writer.write_packet(lan, SimTime::ZERO, Direction::Inbound, &first, None).unwrap();
    let wan = writer.add_interface("wan", "late").unwrap();
    let second = packet(b"x");
    let time = SimTime::from_nanos(1 << 40);
    writer.write_packet(wan, time, Direction::Outbound, &second, Some("nat-filtered")).unwrap();
    let file = writer.finish().unwrap();

    let blocks = blocks(&file);
    let types: Vec<_> = blocks.iter().map(|block| block.block_type).collect();
    assert_eq!(types, [SECTION_HEADER, 1, 6, 1, 6]);
    assert_eq!(
        options(&blocks[3].body[8..]),
        [(IF_NAME, &b"wan"[..]), (IF_DESCRIPTION, b"late"), (IF_TSRESOL, &[9])]
    );
    assert_eq!(
        packet_block(&blocks[2]),
        PacketBlock {
            interface: 0,
            unix_nanos: 1_000,
            packet: &wire::encode(&first).unwrap(),
            options: vec![(EPB_FLAGS, &[1, 0, 0, 0])],
        }
    );
    assert_eq!(
        packet_block(&blocks[4]),
        PacketBlock {
            interface: 1,
            unix_nanos: (1 << 40) + 1_000,
            packet: &wire::encode(&second).unwrap(),
            options: vec![(EPB_FLAGS, &[2, 0, 0, 0]), (OPT_COMMENT, b"nat-filtered")],
        }
    );
}

#[test]
fn every_length_is_padded_to_four_bytes() {
    for comment in ["", "a", "ab", "abc", "abcd"] {
        for payload in [&b""[..], b"1", b"12", b"123"] {
            let mut writer = Writer::new(Vec::new()).unwrap();
            let interface = writer.add_interface(comment, comment).unwrap();
            let packet = packet(payload);
            let direction = Direction::Inbound;
            writer
                .write_packet(interface, SimTime::ZERO, direction, &packet, Some(comment))
                .unwrap();
            let file = writer.finish().unwrap();
            let blocks = blocks(&file);
            let block = packet_block(&blocks[2]);
            assert_eq!(wire::decode(block.packet), Ok(packet));
            assert_eq!(block.options[1], (OPT_COMMENT, comment.as_bytes()));
        }
    }
}

#[test]
fn a_long_comment_is_cut_at_a_character() {
    // The 65535th byte is the second of the three of a euro sign.
    let comment = format!("x{}", "€".repeat(30_000));
    let mut writer = Writer::new(Vec::new()).unwrap();
    let interface = writer.add_interface("", "").unwrap();
    let (now, direction) = (SimTime::ZERO, Direction::Inbound);
    writer.write_packet(interface, now, direction, &packet(b""), Some(&comment)).unwrap();
    let file = writer.finish().unwrap();
    let blocks = blocks(&file);
    let block = packet_block(&blocks[2]);
    let cut = std::str::from_utf8(block.options[1].1).unwrap();
    assert_eq!(cut.len(), 65_533);
    assert!(comment.starts_with(cut));
}

#[test]
fn a_refused_packet_leaves_the_file_alone() {
    let mut writer = Writer::new(Vec::new()).unwrap();
    let interface = writer.add_interface("lan", "").unwrap();
    let (now, direction) = (SimTime::ZERO, Direction::Inbound);

    let foreign = InterfaceId(1);
    let refused = writer.write_packet(foreign, now, direction, &packet(b""), None);
    assert!(matches!(refused, Err(WriteError::UnknownInterface(id)) if id == foreign));

    let mixed = Packet { source: [0_u16; 8].into(), ..packet(b"") };
    let refused = writer.write_packet(interface, now, direction, &mixed, None);
    assert!(matches!(refused, Err(WriteError::Encode(EncodeError::MixedVersions))));

    writer.write_packet(interface, now, direction, &packet(b""), None).unwrap();
    assert_eq!(blocks(&writer.finish().unwrap()).len(), 3);
}

#[test]
fn what_the_file_reports_comes_through() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    assert_eq!(Writer::new(Full).err().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
}

#[test]
fn the_clock_stops_at_its_end() {
    let mut writer = Writer::new(Vec::new()).unwrap();
    let interface = writer.add_interface("", "").unwrap();
    let direction = Direction::Inbound;
    writer.write_packet(interface, SimTime::MAX, direction, &packet(b""), None).unwrap();
    let file = writer.finish().unwrap();
    assert_eq!(packet_block(&blocks(&file)[2]).unix_nanos, u64::MAX);
}
