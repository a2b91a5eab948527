//! Tests of the codec: known bytes, refusals, and what holds for every packet.

use bytes::Bytes;

use super::*;
use crate::{Endpoint, Packet};

mod fragments;
mod known_bytes;
mod properties;
mod refusals;

fn endpoint(text: &str) -> Endpoint {
    text.parse::<std::net::SocketAddr>().unwrap().into()
}

/// Reads hexadecimal digits with any space between them.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

fn udp_v4(payload: &[u8]) -> Packet {
    let (source, destination) = (endpoint("192.168.1.2:5000"), endpoint("198.51.100.7:3478"));
    Packet::udp(source, destination, Bytes::copy_from_slice(payload))
}

fn udp_v6(payload: &[u8]) -> Packet {
    let (source, destination) =
        (endpoint("[2001:db8:1::2]:5000"), endpoint("[2001:db8:2::7]:3478"));
    Packet::udp(source, destination, Bytes::copy_from_slice(payload))
}
