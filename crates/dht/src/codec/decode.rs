//! Bytes to messages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;

use super::{AF_INET, AF_INET6, AF_INET6_ELSEWHERE, DATAGRAM_MAX, DecodeError, Reader};
use crate::id::Id;
use crate::message::{
    Carried, Contact, Content, Families, Field, Message, Notice, Part, Payload, Query, Reply, Rows,
    Select,
};
use crate::value::Value;

impl Message {
    /// Decodes a datagram; what it carries is not copied.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for what is no message, of which a node takes no notice.
    pub fn decode(datagram: &Bytes) -> Result<Self, DecodeError> {
        if datagram.len() > DATAGRAM_MAX {
            return Err(DecodeError::TooLong);
        }
        Envelope::read(&mut Reader::new(datagram))?.open()
    }
}

/// The outer map, its content still as bytes: what it means is only known at the end.
#[derive(Default)]
struct Envelope<'a> {
    kind: Bytes,
    query: Bytes,
    arguments: Option<Reader<'a>>,
    reply: Option<Reader<'a>>,
    error: Option<Reader<'a>>,
    part: Option<Reader<'a>>,
    transaction: u32,
    network: u32,
    agent: Bytes,
    is_client: bool,
}

impl<'a> Envelope<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut envelope = Self::default();
        let mut transaction = None;
        for _ in 0..reader.map()? {
            match &reader.text()?[..] {
                b"y" => envelope.kind = reader.text()?,
                b"q" => envelope.query = reader.text()?,
                b"a" => envelope.arguments = Some(reader.raw()?),
                b"r" => envelope.reply = Some(reader.raw()?),
                b"e" => envelope.error = Some(reader.raw()?),
                b"p" => envelope.part = Some(reader.raw()?),
                b"t" => transaction = Some(read_transaction(reader)?),
                b"v" => envelope.agent = reader.bytes()?,
                b"n" => envelope.network = reader.small_number()?,
                b"s" => envelope.is_client = reader.boolean()?,
                _ => reader.skip()?,
            }
        }
        envelope.transaction = transaction.ok_or(DecodeError::Missing("transaction"))?;
        Ok(envelope)
    }

    /// Finds out what it is, in the order in which OpenDHT does.
    fn open(self) -> Result<Message, DecodeError> {
        let payload = if let Some(error) = self.error {
            let sender = self.reply.map(Arguments::read).transpose()?.map(|reply| reply.id);
            read_error(error, sender.filter(|sender| *sender != Id::ZERO))?
        } else if let Some(reply) = self.reply {
            let arguments = Arguments::read(reply)?;
            Payload::Reply(arguments.sender()?, Box::new(arguments.into_reply()))
        } else if let Some(part) = self.part {
            Payload::Part(read_part(part)?)
        } else if &self.kind[..] == b"q" {
            let arguments = self.arguments.ok_or(DecodeError::Missing("arguments"))?;
            let arguments = Arguments::read(arguments)?;
            Payload::Query(arguments.sender()?, arguments.into_query(&self.query)?)
        } else {
            return Err(DecodeError::UnknownKind);
        };
        let Self { transaction, network, agent, is_client, .. } = self;
        Ok(Message { payload, transaction, network, agent, is_client })
    }
}

/// What a query or a reply may say, all of it optional.
#[derive(Default)]
struct Arguments {
    id: Id,
    key: Id,
    target: Id,
    select: Option<Select>,
    families: Families,
    token: Bytes,
    value: Option<u64>,
    socket: u32,
    version: u64,
    created: Option<u64>,
    seen_as: Option<IpAddr>,
    contacts_v4: Option<Vec<Contact>>,
    contacts_v6: Option<Vec<Contact>>,
    values: Vec<Carried>,
    rows: Option<Rows>,
    expired: Option<Vec<u64>>,
    refreshed: Option<Vec<u64>>,
}

impl Arguments {
    fn read(mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let reader = &mut reader;
        let mut read = Self::default();
        for _ in 0..reader.map()? {
            match &reader.text()?[..] {
                b"id" => read.id = reader.id()?,
                b"h" => read.key = reader.id()?,
                b"target" => read.target = reader.id()?,
                b"q" => read.select = Some(read_select(reader)?),
                b"w" => read.families = read_families(reader)?,
                b"token" => read.token = reader.bytes()?,
                b"vid" => read.value = Some(reader.number()?),
                b"sid" => read.socket = reader.small_number()?,
                b"ve" => read.version = reader.number()?,
                b"c" => read.created = Some(reader.number()?),
                b"sa" => read.seen_as = Some(read_address(&reader.binary()?)?),
                b"n4" => read.contacts_v4 = Some(read_contacts(&reader.binary()?, 4)?),
                b"n6" => read.contacts_v6 = Some(read_contacts(&reader.binary()?, 16)?),
                b"values" => read.values = read_values(reader)?,
                b"fileds" => read.rows = Some(read_rows(reader)?),
                b"exp" => read.expired = Some(read_numbers(reader)?),
                b"re" => read.refreshed = Some(read_numbers(reader)?),
                _ => reader.skip()?,
            }
        }
        Ok(read)
    }

    fn sender(&self) -> Result<Id, DecodeError> {
        if self.id == Id::ZERO { Err(DecodeError::Missing("sender")) } else { Ok(self.id) }
    }

    fn into_query(self, name: &[u8]) -> Result<Query, DecodeError> {
        let Self { key, token, socket, select, values, created, .. } = self;
        Ok(match name {
            b"ping" => Query::Ping,
            b"find" => Query::Find { target: self.target, families: self.families },
            b"get" => Query::Get { key, select, families: self.families },
            b"put" => Query::Put { key, values, created, token },
            b"listen" => Query::Listen { key, token, socket, version: self.version, select },
            b"update" => match (self.refreshed, self.expired) {
                (Some(values), _) => {
                    Query::Notify { socket, token, notice: Notice::Refreshed(values) }
                }
                (None, Some(values)) => {
                    Query::Notify { socket, token, notice: Notice::Expired(values) }
                }
                (None, None) => Query::Update { key, socket, values, created, token },
            },
            b"refresh" => Query::Refresh { key, value: self.value.unwrap_or(0), token },
            _ => return Err(DecodeError::UnknownKind),
        })
    }

    fn into_reply(self) -> Reply {
        Reply {
            seen_as: self.seen_as,
            stored: self.value,
            contacts_v4: self.contacts_v4,
            contacts_v6: self.contacts_v6,
            token: self.token,
            values: self.values,
            rows: self.rows,
        }
    }
}

/// A number, or the four bytes that old nodes write.
fn read_transaction(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    match reader.clone().number() {
        Err(DecodeError::Unexpected) => {
            let bytes = reader.bytes()?;
            let bytes = bytes[..].try_into().map_err(|_| DecodeError::OutOfRange)?;
            Ok(u32::from_be_bytes(bytes))
        }
        _ => reader.small_number(),
    }
}

fn read_error(mut reader: Reader<'_>, sender: Option<Id>) -> Result<Payload, DecodeError> {
    let length = reader.array()?;
    if length < 2 {
        return Err(DecodeError::Missing("error text"));
    }
    let code = u16::try_from(reader.number()?).map_err(|_| DecodeError::OutOfRange)?;
    let text = reader.bytes()?;
    Ok(Payload::Error(sender, code, String::from_utf8_lossy(&text).into_owned()))
}

fn read_part(mut reader: Reader<'_>) -> Result<Part, DecodeError> {
    if reader.map()? != 1 {
        return Err(DecodeError::Unexpected);
    }
    let index = reader.small_number()?;
    let (mut offset, mut bytes) = (0, None);
    for _ in 0..reader.map()? {
        match &reader.text()?[..] {
            b"o" => offset = reader.small_number()?,
            b"d" => bytes = Some(reader.binary()?),
            _ => reader.skip()?,
        }
    }
    Ok(Part { index, offset, bytes: bytes.ok_or(DecodeError::Missing("part"))? })
}

fn read_select(reader: &mut Reader<'_>) -> Result<Select, DecodeError> {
    let mut select = Select::default();
    for _ in 0..reader.map()? {
        match &reader.text()?[..] {
            b"s" => {
                for _ in 0..reader.array()? {
                    select.fields.push(Field::from_number(reader.number()?)?);
                }
            }
            b"w" => {
                for _ in 0..reader.array()? {
                    select.conditions.push(read_condition(reader)?);
                }
            }
            _ => reader.skip()?,
        }
    }
    Ok(select)
}

fn read_condition(reader: &mut Reader<'_>) -> Result<(Field, Content), DecodeError> {
    let (mut field, mut content) = (None, None);
    for _ in 0..reader.map()? {
        match &reader.text()?[..] {
            b"f" => field = Some(Field::from_number(reader.number()?)?),
            b"v" => content = Some(read_content(reader)?),
            _ => reader.skip()?,
        }
    }
    let field = field.ok_or(DecodeError::Missing("field"))?;
    Ok((field, content.ok_or(DecodeError::Missing("field content"))?))
}

fn read_content(reader: &mut Reader<'_>) -> Result<Content, DecodeError> {
    match reader.clone().number() {
        Err(DecodeError::Unexpected) => reader.bytes().map(Content::Bytes),
        _ => reader.number().map(Content::Number),
    }
}

fn read_rows(reader: &mut Reader<'_>) -> Result<Rows, DecodeError> {
    let mut rows = Rows::default();
    for _ in 0..reader.map()? {
        match &reader.text()?[..] {
            b"f" => {
                for _ in 0..reader.array()? {
                    rows.fields.push(Field::from_number(reader.number()?)?);
                }
            }
            b"v" => {
                for _ in 0..reader.array()? {
                    rows.contents.push(read_content(reader)?);
                }
            }
            _ => reader.skip()?,
        }
    }
    // No number of rows is exact only if there is nothing to divide.
    let (width, cells) = (rows.fields.len(), rows.contents.len());
    if width == 0 && cells > 0 || width > 0 && cells % width != 0 {
        return Err(DecodeError::OutOfRange);
    }
    Ok(rows)
}

fn read_values(reader: &mut Reader<'_>) -> Result<Vec<Carried>, DecodeError> {
    let length = reader.array()?;
    let mut values = Vec::new();
    for _ in 0..length {
        values.push(match reader.clone().number() {
            Err(DecodeError::Unexpected) => Carried::Whole(Arc::new(Value::read(reader)?)),
            _ => Carried::InParts(reader.small_number()?),
        });
    }
    Ok(values)
}

fn read_numbers(reader: &mut Reader<'_>) -> Result<Vec<u64>, DecodeError> {
    (0..reader.array()?).map(|_| reader.number()).collect()
}

fn read_families(reader: &mut Reader<'_>) -> Result<Families, DecodeError> {
    let mut families = Families::default();
    for family in read_numbers(reader)? {
        families.v4 |= family == AF_INET;
        families.v6 |= family == AF_INET6 || AF_INET6_ELSEWHERE.contains(&family);
    }
    Ok(families)
}

fn read_address(bytes: &[u8]) -> Result<IpAddr, DecodeError> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        Ok(Ipv4Addr::from(v4).into())
    } else if let Ok(v6) = <[u8; 16]>::try_from(bytes) {
        Ok(Ipv6Addr::from(v6).into())
    } else {
        Err(DecodeError::OutOfRange)
    }
}

/// Contacts of which each has an identifier, an address of so many bytes and a port.
fn read_contacts(bytes: &[u8], address: usize) -> Result<Vec<Contact>, DecodeError> {
    let chunks = bytes.chunks_exact(Id::LENGTH + address + 2);
    if !chunks.remainder().is_empty() {
        return Err(DecodeError::OutOfRange);
    }
    let contact = |chunk: &[u8]| {
        let (id, rest) = chunk.split_at(Id::LENGTH);
        let (ip, port) = rest.split_at(address);
        let id = Id::from_slice(id).ok_or(DecodeError::OutOfRange)?;
        let port = port.iter().fold(0, |port, byte| port << 8 | u16::from(*byte));
        Ok(Contact { id, address: SocketAddr::new(read_address(ip)?, port) })
    };
    chunks.map(contact).collect()
}

impl Field {
    const ALL: [Self; 5] = [Self::Id, Self::Type, Self::Owner, Self::Sequence, Self::UserType];

    /// The number of the field on the wire.
    pub(super) const fn number(self) -> u64 {
        self as u64 + 1
    }

    fn from_number(number: u64) -> Result<Self, DecodeError> {
        let field = Self::ALL.into_iter().find(|field| field.number() == number);
        field.ok_or(DecodeError::OutOfRange)
    }
}
