//! Any bytes as a message or a value of the DHT.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use natbed_dht::{Announcement, Data, Message, Value};

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(message) = Message::decode(&bytes) {
        let again = message.encode();
        assert_eq!(Message::decode(&again), Ok(message));
    }
    if let Ok(value) = Value::decode(&bytes) {
        assert_eq!(Value::decode(&value.encode()), Ok(value));
    }
    if let Ok(announcement) = Announcement::decode(&bytes) {
        assert_eq!(Announcement::decode(&announcement.encode()), Ok(announcement));
    }
    let _ = Data::decode_open(&bytes);
});
