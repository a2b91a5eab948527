//! A reader of pcapng files (draft-ietf-opsawg-pcapng) that accepts what natbed writes.

use std::net::IpAddr;

use bytes::Bytes;
use natbed_packet::pcapng::EPOCH_UNIX_NANOS;
use natbed_packet::wire::{self, DecodeError};
use natbed_packet::{Endpoint, Packet};
use natbed_units::SimTime;

/// What stands in a file.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) packets: Vec<Captured>,
}

#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) description: String,
}

#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) at: SimTime,
    pub(crate) interface: usize,
    pub(crate) is_outbound: bool,
    pub(crate) packet: Packet,
    /// Whether only the header of the packet is right: a fragment does not have its whole.
    pub(crate) is_fragment: bool,
    pub(crate) comment: Option<String>,
}

impl File {
    pub(crate) fn read(mut bytes: &[u8]) -> Self {
        let mut file = Self::default();
        assert_eq!(u32_at(bytes, 0), 0x0a0d_0d0a, "a section header comes first");
        while !bytes.is_empty() {
            let length = u32_at(bytes, 4) as usize;
            let (block, rest) = bytes.split_at(length);
            assert_eq!(u32_at(block, length - 4) as usize, length);
            file.block(u32_at(block, 0), &block[8..length - 4]);
            bytes = rest;
        }
        file
    }

    fn block(&mut self, block_type: u32, body: &[u8]) {
        match block_type {
            0x0a0d_0d0a => assert_eq!(u32_at(body, 0), 0x1a2b_3c4d),
            1 => {
                assert_eq!(u16_at(body, 0), 101, "raw IP");
                let text = |code| {
                    let option = options(&body[8..]).into_iter().find(|(at, _)| *at == code);
                    String::from_utf8(option.unwrap().1.to_vec()).unwrap()
                };
                self.interfaces.push(Interface { name: text(2), description: text(3) });
            }
            6 => {
                let interface = u32_at(body, 0) as usize;
                assert!(interface < self.interfaces.len());
                let unix_nanos = u64::from(u32_at(body, 4)) << 32 | u64::from(u32_at(body, 8));
                let length = u32_at(body, 12) as usize;
                assert_eq!(u32_at(body, 16) as usize, length, "nothing is cut off");
                let (mut is_outbound, mut comment) = (None, None);
                for (code, value) in options(&body[20 + length.next_multiple_of(4)..]) {
                    match code {
                        1 => comment = Some(String::from_utf8(value.to_vec()).unwrap()),
                        2 => is_outbound = Some(u32_at(value, 0) & 0b11 == 0b10),
                        other => panic!("option {other}"),
                    }
                }
                let (packet, is_fragment) = match wire::decode(&body[20..20 + length]) {
                    Err(DecodeError::Fragment) => (header(&body[20..20 + length]), true),
                    decoded => (decoded.unwrap(), false),
                };
                self.packets.push(Captured {
                    at: SimTime::from_nanos(unix_nanos - EPOCH_UNIX_NANOS),
                    interface,
                    is_outbound: is_outbound.unwrap(),
                    packet,
                    is_fragment,
                    comment,
                });
            }
            other => panic!("block type {other}"),
        }
    }

    /// Every packet as a line: `8ms home-gateway-outside > 198.51.100.1:5000 > ... [comment]`,
    /// with `>` before what the owner of the interface sent and `<` before what it received.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |captured: &Captured| {
            let Captured { at, interface, is_outbound, packet, comment, .. } = captured;
            let name = &self.interfaces[*interface].name;
            let direction = if *is_outbound { '>' } else { '<' };
            let ends = match (packet.source_endpoint(), packet.destination_endpoint()) {
                _ if captured.is_fragment => {
                    format!("{} to {} fragment", packet.source, packet.destination)
                }
                (Some(source), Some(destination)) => format!("{source} to {destination}"),
                _ => format!("{} to {} icmp error", packet.source, packet.destination),
            };
            let comment = comment.as_ref().map_or(String::new(), |text| format!(" [{text}]"));
            format!("{at} {name} {direction} {ends}{comment}")
        };
        self.packets.iter().map(line).collect()
    }
}

/// The addresses of a packet that does not decode.
fn header(bytes: &[u8]) -> Packet {
    let ip = |at: usize| -> IpAddr {
        match bytes[0] >> 4 {
            4 => <[u8; 4]>::try_from(&bytes[12 + at * 4..][..4]).unwrap().into(),
            _ => <[u8; 16]>::try_from(&bytes[8 + at * 16..][..16]).unwrap().into(),
        }
    };
    let [source, destination] = [0, 1].map(|at| Endpoint::new(ip(at), 0));
    Packet::udp(source, destination, Bytes::new())
}

/// Reads options up to the end mark, which must be the last thing there.
fn options(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut options = Vec::new();
    loop {
        let (code, length) = (u16_at(bytes, 0), usize::from(u16_at(bytes, 2)));
        if code == 0 {
            assert_eq!(bytes, [0; 4]);
            return options;
        }
        options.push((code, &bytes[4..4 + length]));
        bytes = &bytes[4 + length.next_multiple_of(4)..];
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(*bytes[at..].first_chunk().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().unwrap())
}
