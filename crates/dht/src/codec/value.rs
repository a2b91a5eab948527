//! Values as bytes.
//!
//! `{id, dat[, p][, pt]}`, where `dat` is either binary, which is encrypted, or `{body[, sig]}`. The
//! signature covers the encoded body as it stands, so [`Body::encode`] is what is signed.

use bytes::Bytes;

use super::{DecodeError, Reader, Writer};
use crate::value::{Body, Data, Owner, Value};

impl Value {
    /// Encodes the value, as it stands in messages and in their parts.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Writer::default();
        self.write(&mut out);
        out.finish()
    }

    /// Decodes a value that was put together from its parts.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for what is no value, or has anything after it.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let value = Self::read(&mut reader)?;
        if reader.is_empty() { Ok(value) } else { Err(DecodeError::Unexpected) }
    }

    pub(super) fn write(&self, out: &mut Writer) {
        let extras = [self.priority != 0, !self.push_type.is_empty()];
        out.map(2 + extras.iter().filter(|is_there| **is_there).count());
        out.text(b"id");
        out.number(self.id);
        out.text(b"dat");
        match &self.data {
            Data::Encrypted(bytes) => out.binary(bytes),
            Data::Open { body, signature } => write_open(out, body, signature),
        }
        if self.priority != 0 {
            out.text(b"p");
            out.number(self.priority.into());
        }
        if !self.push_type.is_empty() {
            out.text(b"pt");
            out.text(&self.push_type);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut id, mut data, mut priority, mut push_type) = (None, None, 0, Bytes::new());
        for _ in 0..reader.map()? {
            match &reader.text()?[..] {
                b"id" => id = Some(reader.number()?),
                b"dat" => data = Some(read_data(reader)?),
                b"p" => priority = reader.small_number()?,
                b"pt" => push_type = reader.text()?,
                _ => reader.skip()?,
            }
        }
        let id = id.ok_or(DecodeError::Missing("value identifier"))?;
        let data = data.ok_or(DecodeError::Missing("value content"))?;
        Ok(Self { id, data, priority, push_type })
    }
}

impl Data {
    /// Encodes body and signature as they stand in `dat`: what is encrypted for a receiver.
    #[must_use]
    pub fn encode_open(body: &Body, signature: &Bytes) -> Bytes {
        let mut out = Writer::default();
        write_open(&mut out, body, signature);
        out.finish()
    }

    /// Decodes what was decrypted: body and signature.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for anything else.
    pub fn decode_open(bytes: &Bytes) -> Result<Self, DecodeError> {
        read_open(&mut Reader::new(bytes))
    }
}

impl Body {
    /// Encodes the body as it is signed.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Writer::default();
        self.write(&mut out);
        out.finish()
    }

    fn write(&self, out: &mut Writer) {
        let owned = self.owner.as_ref().map_or(0, |owner| 2 + usize::from(owner.to.is_some()));
        out.map(2 + owned + usize::from(!self.user_type.is_empty()));
        if let Some(owner) = &self.owner {
            out.text(b"seq");
            out.number(owner.sequence.into());
            out.text(b"owner");
            out.binary(&owner.key);
            if let Some(to) = owner.to {
                out.text(b"to");
                out.binary(to.as_bytes());
            }
        }
        out.text(b"type");
        out.number(self.kind.into());
        out.text(b"data");
        out.binary(&self.data);
        if !self.user_type.is_empty() {
            out.text(b"utype");
            out.text(&self.user_type);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut sequence, mut key, mut to) = (0, None, None);
        let (mut kind, mut data, mut user_type) = (None, None, Bytes::new());
        for _ in 0..reader.map()? {
            match &reader.text()?[..] {
                b"seq" => sequence = sixteen_bits(reader)?,
                b"owner" => key = Some(reader.binary()?),
                b"to" => to = Some(reader.id()?),
                b"type" => kind = Some(sixteen_bits(reader)?),
                b"data" => data = Some(reader.bytes()?),
                b"utype" => user_type = reader.text()?,
                _ => reader.skip()?,
            }
        }
        Ok(Self {
            owner: key.map(|key| Owner { sequence, key, to }),
            kind: kind.ok_or(DecodeError::Missing("value type"))?,
            data: data.ok_or(DecodeError::Missing("value data"))?,
            user_type,
        })
    }
}

fn sixteen_bits(reader: &mut Reader<'_>) -> Result<u16, DecodeError> {
    u16::try_from(reader.number()?).map_err(|_| DecodeError::OutOfRange)
}

fn write_open(out: &mut Writer, body: &Body, signature: &Bytes) {
    out.map(1 + usize::from(!signature.is_empty()));
    out.text(b"body");
    body.write(out);
    if !signature.is_empty() {
        out.text(b"sig");
        out.binary(signature);
    }
}

fn read_data(reader: &mut Reader<'_>) -> Result<Data, DecodeError> {
    match reader.clone().binary() {
        Err(DecodeError::Unexpected) => read_open(reader),
        _ => reader.binary().map(Data::Encrypted),
    }
}

fn read_open(reader: &mut Reader<'_>) -> Result<Data, DecodeError> {
    let (mut body, mut signature) = (None, Bytes::new());
    for _ in 0..reader.map()? {
        match &reader.text()?[..] {
            b"body" => body = Some(Body::read(reader)?),
            b"sig" => signature = reader.binary()?,
            _ => reader.skip()?,
        }
    }
    Ok(Data::Open { body: body.ok_or(DecodeError::Missing("value body"))?, signature })
}
