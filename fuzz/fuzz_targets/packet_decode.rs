//! The bytes of a packet: what decodes encodes again, to an equal packet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use natbed_packet::wire::{decode, encode};

fuzz_target!(|bytes: &[u8]| {
    let Ok(packet) = decode(bytes) else { return };
    let encoded = encode(&packet).expect("a decoded packet has a wire form");
    assert_eq!(encoded.len() as u64, packet.wire_len().bytes());
    assert_eq!(decode(&encoded), Ok(packet));
});
