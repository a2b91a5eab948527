//! Reading MessagePack from a datagram without copying it.

use bytes::Bytes;
use rmp::Marker;
use rmp::decode;

use super::DecodeError;
use crate::id::Id;

/// What is left of a datagram.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    whole: &'a Bytes,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(whole: &'a Bytes) -> Self {
        Self { whole, rest: whole }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns how many entries the map has that begins here.
    pub(crate) fn map(&mut self) -> Result<usize, DecodeError> {
        let length = decode::read_map_len(&mut self.rest).map_err(|error| read_error(&error))?;
        // Each entry takes two bytes at least: a longer map is a lie.
        self.plausible(length, 2)
    }

    /// Returns how many elements the array has that begins here.
    pub(crate) fn array(&mut self) -> Result<usize, DecodeError> {
        let length = decode::read_array_len(&mut self.rest).map_err(|error| read_error(&error))?;
        self.plausible(length, 1)
    }

    fn plausible(&self, length: u32, bytes_each: usize) -> Result<usize, DecodeError> {
        let length = length as usize;
        if length.saturating_mul(bytes_each) > self.rest.len() {
            return Err(DecodeError::Truncated);
        }
        Ok(length)
    }

    /// Reads an unsigned number of any width.
    pub(crate) fn number(&mut self) -> Result<u64, DecodeError> {
        use decode::NumValueReadError::{
            InvalidDataRead, InvalidMarkerRead, OutOfRange, TypeMismatch,
        };
        decode::read_int(&mut self.rest).map_err(|error| match error {
            InvalidMarkerRead(_) | InvalidDataRead(_) => DecodeError::Truncated,
            TypeMismatch(_) => DecodeError::Unexpected,
            OutOfRange => DecodeError::OutOfRange,
        })
    }

    /// Reads an unsigned number that fits 32 bits.
    pub(crate) fn small_number(&mut self) -> Result<u32, DecodeError> {
        u32::try_from(self.number()?).map_err(|_| DecodeError::OutOfRange)
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, DecodeError> {
        decode::read_bool(&mut self.rest).map_err(|error| read_error(&error))
    }

    /// Reads a text; that it is UTF-8 is not asked for.
    pub(crate) fn text(&mut self) -> Result<Bytes, DecodeError> {
        let length = decode::read_str_len(&mut self.rest).map_err(|error| match error {
            decode::ValueReadError::TypeMismatch(_) => DecodeError::Unexpected,
            _ => DecodeError::Truncated,
        })?;
        self.take(length as usize)
    }

    /// Reads bytes.
    pub(crate) fn binary(&mut self) -> Result<Bytes, DecodeError> {
        let length = decode::read_bin_len(&mut self.rest).map_err(|error| read_error(&error))?;
        self.take(length as usize)
    }

    /// Reads bytes that may stand as a text: old nodes write them so.
    pub(crate) fn bytes(&mut self) -> Result<Bytes, DecodeError> {
        match self.clone().binary() {
            Err(DecodeError::Unexpected) => self.text(),
            _ => self.binary(),
        }
    }

    pub(crate) fn id(&mut self) -> Result<Id, DecodeError> {
        Id::from_slice(&self.binary()?).ok_or(DecodeError::OutOfRange)
    }

    /// Passes over whatever begins here, without recursion: input may nest as deep as it likes.
    pub(crate) fn skip(&mut self) -> Result<(), DecodeError> {
        let mut left: u64 = 1;
        while left > 0 {
            left -= 1;
            let marker = decode::read_marker(&mut self.rest).map_err(|_| DecodeError::Truncated)?;
            let (bytes, elements) = self.extent(marker)?;
            self.take(bytes)?;
            left += elements;
        }
        Ok(())
    }

    /// Returns what begins here as bytes, and passes over it.
    pub(crate) fn raw(&mut self) -> Result<Self, DecodeError> {
        let before = self.rest;
        self.skip()?;
        let length = before.len() - self.rest.len();
        Ok(Self { whole: self.whole, rest: &before[..length] })
    }

    /// Bytes and elements that follow a marker.
    fn extent(&mut self, marker: Marker) -> Result<(usize, u64), DecodeError> {
        Ok(match marker {
            Marker::FixPos(_)
            | Marker::FixNeg(_)
            | Marker::Null
            | Marker::True
            | Marker::False
            | Marker::Reserved => (0, 0),
            Marker::U8 | Marker::I8 => (1, 0),
            Marker::U16 | Marker::I16 | Marker::FixExt1 => (2, 0),
            Marker::FixExt2 => (3, 0),
            Marker::U32 | Marker::I32 | Marker::F32 => (4, 0),
            Marker::FixExt4 => (5, 0),
            Marker::U64 | Marker::I64 | Marker::F64 => (8, 0),
            Marker::FixExt8 => (9, 0),
            Marker::FixExt16 => (17, 0),
            Marker::FixStr(length) => (length.into(), 0),
            Marker::Str8 | Marker::Bin8 => (self.length(1)?, 0),
            Marker::Str16 | Marker::Bin16 => (self.length(2)?, 0),
            Marker::Str32 | Marker::Bin32 => (self.length(4)?, 0),
            Marker::Ext8 => (self.length(1)?.saturating_add(1), 0),
            Marker::Ext16 => (self.length(2)?.saturating_add(1), 0),
            Marker::Ext32 => (self.length(4)?.saturating_add(1), 0),
            Marker::FixArray(length) => (0, length.into()),
            Marker::Array16 => (0, self.length(2)? as u64),
            Marker::Array32 => (0, self.length(4)? as u64),
            Marker::FixMap(length) => (0, 2 * u64::from(length)),
            Marker::Map16 => (0, 2 * self.length(2)? as u64),
            Marker::Map32 => (0, 2 * self.length(4)? as u64),
        })
    }

    /// Reads a length of so many bytes.
    fn length(&mut self, bytes: usize) -> Result<usize, DecodeError> {
        let bytes = self.take(bytes)?;
        Ok(bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }

    fn take(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(self.whole.slice_ref(taken))
    }
}

fn read_error<E: decode::RmpReadErr>(error: &decode::ValueReadError<E>) -> DecodeError {
    match error {
        decode::ValueReadError::TypeMismatch(_) => DecodeError::Unexpected,
        _ => DecodeError::Truncated,
    }
}
