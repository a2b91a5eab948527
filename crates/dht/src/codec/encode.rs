//! Messages to bytes, keys in the order in which OpenDHT writes them.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::{AF_INET, AF_INET6, Writer};
use crate::id::Id;
use crate::message::{
    Carried, Contact, Content, Families, Message, Notice, Part, Payload, Query, Reply, Rows, Select,
};

impl Message {
    /// Encodes the message as one datagram.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Writer::default();
        match &self.payload {
            Payload::Query(sender, query) => self.write_query(&mut out, *sender, query),
            Payload::Reply(sender, reply) => {
                self.open(&mut out, 4);
                out.text(b"r");
                write_reply(&mut out, *sender, reply);
                self.close(&mut out, b"r");
            }
            Payload::Error(sender, code, text) => {
                self.open(&mut out, 4 + usize::from(sender.is_some()));
                out.text(b"e");
                out.array(2);
                out.number((*code).into());
                out.text(text.as_bytes());
                if let Some(sender) = sender {
                    out.text(b"r");
                    out.map(1);
                    write_id(&mut out, b"id", *sender);
                }
                self.close(&mut out, b"e");
            }
            Payload::Part(part) => self.write_part(&mut out, part),
        }
        out.finish()
    }

    /// Begins the map, which has so many entries beside those that stand only when they say
    /// something.
    fn open(&self, out: &mut Writer, entries: usize) {
        out.map(entries + usize::from(self.is_client) + usize::from(self.network != 0));
    }

    /// Ends a query, a reply or an error.
    fn close(&self, out: &mut Writer, kind: &[u8]) {
        self.write_transaction(out);
        out.text(b"y");
        out.text(kind);
        self.write_sender(out);
    }

    fn write_transaction(&self, out: &mut Writer) {
        out.text(b"t");
        out.number(self.transaction.into());
    }

    fn write_sender(&self, out: &mut Writer) {
        out.text(b"v");
        out.text(&self.agent);
        if self.is_client {
            out.text(b"s");
            out.boolean(true);
        }
        if self.network != 0 {
            out.text(b"n");
            out.number(self.network.into());
        }
    }

    fn write_query(&self, out: &mut Writer, sender: Id, query: &Query) {
        self.open(out, 5);
        out.text(b"a");
        let name: &[u8] = match query {
            Query::Ping => {
                out.map(1);
                write_id(out, b"id", sender);
                b"ping"
            }
            Query::Find { target, families } => {
                out.map(2 + usize::from(families.any()));
                write_id(out, b"id", sender);
                write_id(out, b"target", *target);
                write_families(out, *families);
                b"find"
            }
            Query::Get { key, select, families } => {
                let entries = [*key != Id::ZERO, select.is_some(), families.any()];
                out.map(1 + count(&entries));
                write_id(out, b"id", sender);
                write_key(out, *key);
                write_select(out, select.as_ref());
                write_families(out, *families);
                b"get"
            }
            Query::Put { key, values, created, token } => {
                out.map(3 + count(&[*key != Id::ZERO, created.is_some()]));
                write_id(out, b"id", sender);
                write_key(out, *key);
                write_values(out, values);
                write_created(out, *created);
                write_token(out, token);
                b"put"
            }
            Query::Listen { key, token, socket, version, select } => {
                out.map(3 + count(&[*version != 0, *key != Id::ZERO, select.is_some()]));
                write_id(out, b"id", sender);
                write_version(out, *version);
                write_key(out, *key);
                write_token(out, token);
                write_socket(out, *socket);
                write_select(out, select.as_ref());
                b"listen"
            }
            Query::Update { key, socket, values, created, token } => {
                out.map(4 + count(&[*key != Id::ZERO, created.is_some(), !token.is_empty()]));
                write_id(out, b"id", sender);
                write_version(out, 1);
                write_key(out, *key);
                write_socket(out, *socket);
                write_values(out, values);
                write_created(out, *created);
                if !token.is_empty() {
                    write_token(out, token);
                }
                b"update"
            }
            Query::Notify { socket, token, notice } => {
                return self.write_notice(out, sender, *socket, token, notice);
            }
            Query::Refresh { key, value, token } => {
                out.map(3 + usize::from(*key != Id::ZERO));
                write_id(out, b"id", sender);
                write_key(out, *key);
                out.text(b"vid");
                out.number(*value);
                write_token(out, token);
                b"refresh"
            }
        };
        out.text(b"q");
        out.text(name);
        self.close(out, b"q");
    }

    /// The one query that OpenDHT writes in another order.
    fn write_notice(&self, out: &mut Writer, sender: Id, socket: u32, token: &Bytes, of: &Notice) {
        out.map(3 + usize::from(!token.is_empty()));
        write_id(out, b"id", sender);
        write_socket(out, socket);
        if !token.is_empty() {
            write_token(out, token);
        }
        let (key, values): (&[u8], _) = match of {
            Notice::Refreshed(values) => (b"re", values),
            Notice::Expired(values) => (b"exp", values),
        };
        out.text(key);
        out.array(values.len());
        values.iter().for_each(|value| out.number(*value));
        out.text(b"y");
        out.text(b"q");
        self.write_sender(out);
        out.text(b"q");
        out.text(b"update");
        self.write_transaction(out);
    }

    fn write_part(&self, out: &mut Writer, part: &Part) {
        out.map(3 + usize::from(self.network != 0));
        if self.network != 0 {
            out.text(b"n");
            out.number(self.network.into());
        }
        out.text(b"y");
        out.text(b"p");
        self.write_transaction(out);
        out.text(b"p");
        out.map(1);
        out.number(part.index.into());
        out.map(2);
        out.text(b"o");
        out.number(part.offset.into());
        out.text(b"d");
        out.binary(&part.bytes);
    }
}

impl Families {
    const fn any(self) -> bool {
        self.v4 || self.v6
    }
}

fn count(entries: &[bool]) -> usize {
    entries.iter().filter(|is_there| **is_there).count()
}

fn write_reply(out: &mut Writer, sender: Id, reply: &Reply) {
    let entries = [
        reply.stored.is_some(),
        reply.seen_as.is_some(),
        reply.contacts_v4.is_some(),
        reply.contacts_v6.is_some(),
        !reply.token.is_empty(),
        !reply.values.is_empty(),
        reply.rows.is_some(),
    ];
    out.map(1 + count(&entries));
    write_id(out, b"id", sender);
    if let Some(stored) = reply.stored {
        out.text(b"vid");
        out.number(stored);
    }
    if let Some(address) = reply.seen_as {
        out.text(b"sa");
        match address {
            IpAddr::V4(v4) => out.binary(&v4.octets()),
            IpAddr::V6(v6) => out.binary(&v6.octets()),
        }
    }
    write_contacts(out, b"n4", reply.contacts_v4.as_deref());
    write_contacts(out, b"n6", reply.contacts_v6.as_deref());
    if !reply.token.is_empty() {
        write_token(out, &reply.token);
    }
    if !reply.values.is_empty() {
        write_values(out, &reply.values);
    }
    if let Some(Rows { fields, contents }) = &reply.rows {
        out.text(b"fileds"); // as OpenDHT spells it
        out.map(2);
        out.text(b"f");
        out.array(fields.len());
        fields.iter().for_each(|field| out.number(field.number()));
        out.text(b"v");
        out.array(contents.len());
        contents.iter().for_each(|content| write_content(out, content));
    }
}

fn write_contacts(out: &mut Writer, name: &[u8], contacts: Option<&[Contact]>) {
    let Some(contacts) = contacts else { return };
    let mut bytes = Vec::with_capacity(contacts.len() * 38);
    for Contact { id, address } in contacts {
        bytes.extend(id.as_bytes());
        match address {
            SocketAddr::V4(v4) => bytes.extend(v4.ip().octets()),
            SocketAddr::V6(v6) => bytes.extend(v6.ip().octets()),
        }
        bytes.extend(address.port().to_be_bytes());
    }
    out.text(name);
    out.binary(&bytes);
}

fn write_id(out: &mut Writer, name: &[u8], id: Id) {
    out.text(name);
    out.binary(id.as_bytes());
}

fn write_key(out: &mut Writer, key: Id) {
    if key != Id::ZERO {
        write_id(out, b"h", key);
    }
}

fn write_families(out: &mut Writer, families: Families) {
    let wanted = [(families.v4, AF_INET), (families.v6, AF_INET6)];
    if families.any() {
        out.text(b"w");
        out.array(count(&wanted.map(|(is_wanted, _)| is_wanted)));
        let wanted = wanted.into_iter().filter(|(is_wanted, _)| *is_wanted);
        wanted.for_each(|(_, family)| out.number(family));
    }
}

fn write_select(out: &mut Writer, select: Option<&Select>) {
    let Some(Select { fields, conditions }) = select else { return };
    out.text(b"q");
    out.map(2);
    out.text(b"s");
    out.array(fields.len());
    fields.iter().for_each(|field| out.number(field.number()));
    out.text(b"w");
    out.array(conditions.len());
    for (field, content) in conditions {
        out.map(2);
        out.text(b"f");
        out.number(field.number());
        out.text(b"v");
        write_content(out, content);
    }
}

fn write_content(out: &mut Writer, content: &Content) {
    match content {
        Content::Number(number) => out.number(*number),
        Content::Bytes(bytes) => out.binary(bytes),
    }
}

fn write_values(out: &mut Writer, values: &[Carried]) {
    out.text(b"values");
    out.array(values.len());
    for value in values {
        match value {
            Carried::Whole(value) => value.write(out),
            Carried::InParts(length) => out.number((*length).into()),
        }
    }
}

fn write_created(out: &mut Writer, created: Option<u64>) {
    if let Some(created) = created {
        out.text(b"c");
        out.number(created);
    }
}

fn write_token(out: &mut Writer, token: &Bytes) {
    out.text(b"token");
    out.binary(token);
}

fn write_socket(out: &mut Writer, socket: u32) {
    out.text(b"sid");
    out.number(socket.into());
}

fn write_version(out: &mut Writer, version: u64) {
    if version != 0 {
        out.text(b"ve");
        out.number(version);
    }
}
