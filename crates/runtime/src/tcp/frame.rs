//! Packets as smoltcp sees them: bytes from the IP header on, without checksums.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::{Bytes, BytesMut};
use natbed_packet::{Body, Packet, Tcp, TcpFlags};
use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;
const TCP_HEADER: usize = 20;
/// The number of TCP among IP protocols.
const TCP: u8 = 6;

/// The device of a connection: one packet in, any number out.
pub(super) struct Port<'a> {
    pub(super) received: Option<&'a [u8]>,
    pub(super) sent: &'a mut Vec<Packet>,
    /// The longest packet, IP header included, in bytes.
    pub(super) mtu: usize,
}

impl Device for Port<'_> {
    type RxToken<'b>
        = Received<'b>
    where
        Self: 'b;
    type TxToken<'b>
        = Sender<'b>
    where
        Self: 'b;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Sender<'_>)> {
        Some((Received(self.received.take()?), Sender(self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sender<'_>> {
        Some(Sender(self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        // Packets are values: nothing can damage them on their way.
        capabilities.checksum = ChecksumCapabilities::ignored();
        capabilities
    }
}

pub(super) struct Received<'a>(&'a [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

pub(super) struct Sender<'a>(&'a mut Vec<Packet>);

impl TxToken for Sender<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut frame = BytesMut::zeroed(length);
        let result = f(&mut frame);
        self.0.extend(read(&frame.freeze()));
        result
    }
}

/// Makes a packet of a frame; the payload shares its bytes. `None` if it is not one with TCP.
fn read(frame: &Bytes) -> Option<Packet> {
    let (header, source, destination, ttl) = match frame.first()? >> 4 {
        4 => {
            let address = |at: usize| {
                let bytes: [u8; 4] = frame.get(at..at + 4)?.try_into().ok()?;
                Some(IpAddr::from(Ipv4Addr::from(bytes)))
            };
            (V4_HEADER, address(12)?, address(16)?, *frame.get(8)?)
        }
        6 => {
            let address = |at: usize| {
                let bytes: [u8; 16] = frame.get(at..at + 16)?.try_into().ok()?;
                Some(IpAddr::from(Ipv6Addr::from(bytes)))
            };
            (V6_HEADER, address(8)?, address(24)?, *frame.get(7)?)
        }
        _ => return None,
    };
    let fixed: &[u8; TCP_HEADER] = frame.get(header..)?.first_chunk()?;
    let short = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
    let long =
        |at: usize| u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    let options = header + TCP_HEADER;
    let payload = header + usize::from(fixed[12] >> 4) * 4;
    if payload < options || payload > frame.len() {
        return None;
    }
    let tcp = Tcp {
        source_port: short(0),
        destination_port: short(2),
        sequence: long(4),
        acknowledgment: long(8),
        flags: TcpFlags::from_bits(short(12)),
        window: short(14),
        urgent: short(18),
        options: frame.slice(options..payload),
        payload: frame.slice(payload..),
    };
    // Not to be cut: whoever sends TCP looks for the path MTU (RFC 1191 section 3).
    Some(Packet { ttl, ..Packet::new(source, destination, Body::Tcp(Box::new(tcp))) })
}

/// Writes a packet with TCP into `frame`, in place of what is there; `false` if it is none, or if
/// one of its lengths has no place in the format.
pub(super) fn write(packet: &Packet, frame: &mut Vec<u8>) -> bool {
    let Body::Tcp(tcp) = &packet.body else { return false };
    let length = TCP_HEADER + tcp.options.len() + tcp.payload.len();
    if tcp.options.len() > 40 || !tcp.options.len().is_multiple_of(4) {
        return false;
    }
    frame.clear();
    match (packet.source, packet.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let Ok(total) = u16::try_from(V4_HEADER + length) else { return false };
            frame.extend_from_slice(&[0x45, 0]);
            frame.extend_from_slice(&total.to_be_bytes());
            // No identification, not to be cut, no offset; the checksum is not looked at.
            frame.extend_from_slice(&[0, 0, 0x40, 0, packet.ttl, TCP, 0, 0]);
            frame.extend_from_slice(&source.octets());
            frame.extend_from_slice(&destination.octets());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let Ok(length) = u16::try_from(length) else { return false };
            frame.extend_from_slice(&[0x60, 0, 0, 0]);
            frame.extend_from_slice(&length.to_be_bytes());
            frame.extend_from_slice(&[TCP, packet.ttl]);
            frame.extend_from_slice(&source.octets());
            frame.extend_from_slice(&destination.octets());
        }
        _ => return false,
    }
    let words = ((TCP_HEADER + tcp.options.len()) / 4) as u16;
    frame.extend_from_slice(&tcp.source_port.to_be_bytes());
    frame.extend_from_slice(&tcp.destination_port.to_be_bytes());
    frame.extend_from_slice(&tcp.sequence.to_be_bytes());
    frame.extend_from_slice(&tcp.acknowledgment.to_be_bytes());
    frame.extend_from_slice(&(words << 12 | tcp.flags.bits()).to_be_bytes());
    frame.extend_from_slice(&tcp.window.to_be_bytes());
    frame.extend_from_slice(&[0, 0]);
    frame.extend_from_slice(&tcp.urgent.to_be_bytes());
    frame.extend_from_slice(&tcp.options);
    frame.extend_from_slice(&tcp.payload);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(source: &str, destination: &str) -> Packet {
        let tcp = Tcp {
            source_port: 49_152,
            destination_port: 443,
            sequence: 0x0102_0304,
            acknowledgment: 0xf1f2_f3f4,
            flags: TcpFlags::from_bits(0x1d2),
            window: 65_000,
            urgent: 9,
            // Maximum segment size 1460, window scale 7, and padding.
            options: Bytes::from_static(&[2, 4, 5, 180, 3, 3, 7, 0]),
            payload: Bytes::from_static(b"payload"),
        };
        let body = Body::Tcp(Box::new(tcp));
        let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
        Packet { ttl: 63, ..Packet::new(source, destination, body) }
    }

    #[test]
    fn a_packet_comes_back_as_it_was() {
        for (a, b) in [("192.0.2.1", "198.51.100.2"), ("2001:db8::1", "2001:db8::2")] {
            let packet = packet(a, b);
            let mut frame = vec![1, 2, 3];
            assert!(write(&packet, &mut frame));
            assert_eq!(frame.len() as u64, packet.wire_len().bytes());
            assert_eq!(read(&Bytes::from(frame)), Some(packet));
        }
    }

    #[test]
    fn a_frame_is_what_the_wire_codec_reads() {
        let packet = packet("2001:db8::1", "2001:db8::2");
        let mut frame = Vec::new();
        assert!(write(&packet, &mut frame));
        let mut expected = natbed_packet::wire::encode(&packet).unwrap();
        expected[V6_HEADER + 16..V6_HEADER + 18].fill(0);
        assert_eq!(frame, expected, "but for the checksum");
    }

    #[test]
    fn what_does_not_fit_is_no_frame() {
        let mut frame = Vec::new();
        let mut mixed = packet("192.0.2.1", "198.51.100.2");
        mixed.destination = "2001:db8::2".parse().unwrap();
        assert!(!write(&mixed, &mut frame));
        let mut long = packet("192.0.2.1", "198.51.100.2");
        let Body::Tcp(tcp) = &mut long.body else { unreachable!() };
        tcp.payload = Bytes::from(vec![0; 65_535]);
        assert!(!write(&long, &mut frame));
        for length in 0..60 {
            assert_eq!(read(&Bytes::from(vec![0x45; length.min(39)])), None);
        }
    }
}
