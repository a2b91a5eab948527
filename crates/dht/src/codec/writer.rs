//! Writing MessagePack, each number in its smallest form.

use bytes::Bytes;
use rmp::encode::{self, ByteBuf};

/// A datagram in the making.
#[derive(Default)]
pub(crate) struct Writer(ByteBuf);

// Writing to memory cannot fail: the error type of a `ByteBuf` has no values.
macro_rules! written {
    ($result:expr) => {
        match $result {
            Ok(_) => {}
            Err(error) => match error {
                encode::ValueWriteError::InvalidMarkerWrite(never)
                | encode::ValueWriteError::InvalidDataWrite(never) => match never {},
            },
        }
    };
}

impl Writer {
    pub(crate) fn map(&mut self, entries: usize) {
        written!(encode::write_map_len(&mut self.0, clamp(entries)));
    }

    pub(crate) fn array(&mut self, elements: usize) {
        written!(encode::write_array_len(&mut self.0, clamp(elements)));
    }

    pub(crate) fn number(&mut self, number: u64) {
        written!(encode::write_uint(&mut self.0, number));
    }

    pub(crate) fn text(&mut self, text: &[u8]) {
        written!(encode::write_str_len(&mut self.0, clamp(text.len())));
        self.0.as_mut_vec().extend_from_slice(text);
    }

    pub(crate) fn binary(&mut self, bytes: &[u8]) {
        written!(encode::write_bin(&mut self.0, bytes));
    }

    pub(crate) fn boolean(&mut self, is_true: bool) {
        match encode::write_bool(&mut self.0, is_true) {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }

    pub(crate) fn nil(&mut self) {
        match encode::write_nil(&mut self.0) {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }

    pub(crate) fn finish(self) -> Bytes {
        self.0.into_vec().into()
    }
}

/// A length as it is on the wire; nothing here is as long as that could not say.
fn clamp(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
