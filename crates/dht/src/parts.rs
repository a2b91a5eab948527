//! Values too long for one datagram: cut into parts, and put together again.
//!
//! A message with more than [`INLINE_BYTES_MAX`] bytes of values says only how long each of them is;
//! the values follow in datagrams of their own, [`PART_BYTES`] in each. Nothing asks for a part that
//! was lost: the whole message is sent again when its request is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use natbed_units::{SimDuration, SimTime};

use crate::message::{Carried, Message, Part, Payload, Query};
use crate::value::Value;

/// Values of this many bytes in sum do not go into the message itself.
pub(crate) const INLINE_BYTES_MAX: usize = 600;
/// Nor do this many values.
pub(crate) const INLINE_VALUES_MAX: usize = 50;
/// Bytes of a value in one part.
pub(crate) const PART_BYTES: usize = 1_280;
/// The longest value, encoded; what announces a longer one is not heard.
pub(crate) const VALUE_BYTES_MAX: usize = (64 << 10) + 32;

/// How long a message waits for its next part.
const PATIENCE: SimDuration = SimDuration::from_secs(3);
/// How long it waits for all of them.
const PATIENCE_MAX: SimDuration = SimDuration::from_secs(10);
/// The most messages that wait at once; those that have waited longest give way.
const MESSAGES_MAX: usize = 1_024;
/// The most bytes of values that one message may announce.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// The most bytes of values that are there in part; the messages that have waited longest give way.
const BYTES_MAX: usize = 16 << 20;
/// The most parts that came before their message and are kept.
const EARLY_PARTS_MAX: usize = 256;

/// Returns values as they stand in a message, and the parts that follow it.
#[must_use]
pub fn split(values: &[Arc<Value>]) -> (Vec<Carried>, Vec<Part>) {
    let encoded: Vec<Bytes> = values.iter().map(|value| value.encode()).collect();
    let bytes: usize = encoded.iter().map(Bytes::len).sum();
    if bytes < INLINE_BYTES_MAX && values.len() < INLINE_VALUES_MAX {
        return (values.iter().cloned().map(Carried::Whole).collect(), Vec::new());
    }
    let length = |bytes: &Bytes| Carried::InParts(bytes.len() as u32); // bounded by the storage
    let carried = encoded.iter().map(length).collect();
    let mut parts = Vec::new();
    for (index, bytes) in (0..).zip(&encoded) {
        for offset in (0..bytes.len()).step_by(PART_BYTES) {
            let end = bytes.len().min(offset + PART_BYTES);
            parts.push(Part { index, offset: offset as u32, bytes: bytes.slice(offset..end) });
        }
    }
    (carried, parts)
}

/// Messages whose values are still on their way, and parts whose message is.
#[derive(Debug, Default)]
pub struct Assembler {
    /// By sender and transaction.
    waiting: BTreeMap<(SocketAddr, u32), Waiting>,
    /// Parts that were faster than their message, oldest first.
    early: Vec<(SimTime, SocketAddr, u32, Part)>,
    /// The bytes that are there of all that wait.
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    message: Message,
    values: Vec<Partial>,
    began: SimTime,
    progressed: SimTime,
}

/// A value of which perhaps only some bytes are there.
#[derive(Debug)]
enum Partial {
    Whole(Arc<Value>),
    Buffer { bytes: Vec<u8>, length: usize },
}

impl Waiting {
    /// How much of it is there.
    fn bytes(&self) -> usize {
        let bytes = |value: &Partial| match value {
            Partial::Whole(_) => 0,
            Partial::Buffer { bytes, .. } => bytes.len(),
        };
        self.values.iter().map(bytes).sum()
    }

    fn deadline(&self) -> SimTime {
        (self.progressed + PATIENCE).min(self.began + PATIENCE_MAX)
    }
}

impl Assembler {
    /// Takes a message; returns it if nothing of it is missing.
    ///
    /// A message that announces more than a node would store is not heard: it returns nothing, now
    /// or later.
    pub fn handle_message(
        &mut self,
        now: SimTime,
        from: SocketAddr,
        message: Message,
    ) -> Option<Message> {
        let carried = carried(&message);
        if !carried.iter().any(|value| matches!(value, Carried::InParts(_))) {
            return Some(message);
        }
        let partial = |value: &Carried| match value {
            Carried::Whole(value) => Partial::Whole(Arc::clone(value)),
            Carried::InParts(length) => {
                Partial::Buffer { bytes: Vec::new(), length: *length as usize }
            }
        };
        let values: Vec<Partial> = carried.iter().map(partial).collect();
        let lengths = values.iter().map(|value| match value {
            Partial::Whole(_) => 0,
            Partial::Buffer { length, .. } => *length,
        });
        let is_heard = |length: usize| (1..=VALUE_BYTES_MAX).contains(&length);
        if lengths.clone().sum::<usize>() > MESSAGE_BYTES_MAX
            || !lengths.clone().filter(|length| *length > 0).all(is_heard)
            || carried.contains(&Carried::InParts(0))
        {
            return None;
        }
        let key = (from, message.transaction);
        if self.waiting.len() >= MESSAGES_MAX && !self.waiting.contains_key(&key) {
            self.drop_oldest();
        }
        let waiting = Waiting { message, values, began: now, progressed: now };
        let replaced = self.waiting.insert(key, waiting);
        self.bytes -= replaced.map_or(0, |waiting| waiting.bytes());
        let early = std::mem::take(&mut self.early);
        let (mine, others) = early
            .into_iter()
            .partition(|(_, address, transaction, _)| (*address, *transaction) == key);
        self.early = others;
        let mine: Vec<_> = mine;
        mine.into_iter().find_map(|(.., part)| self.handle_part(now, from, key.1, part))
    }

    /// Takes a part of a value; returns the message if it was the last that was missing.
    pub fn handle_part(
        &mut self,
        now: SimTime,
        from: SocketAddr,
        transaction: u32,
        part: Part,
    ) -> Option<Message> {
        let key = (from, transaction);
        let Some(waiting) = self.waiting.get_mut(&key) else {
            if self.early.len() < EARLY_PARTS_MAX {
                self.early.push((now, from, transaction, part));
            }
            return None;
        };
        let place = waiting.values.get_mut(part.index as usize);
        if let Some(Partial::Buffer { bytes, length }) = place {
            // Parts of a value come in order or are of no use, as OpenDHT has it.
            let is_next = bytes.len() == part.offset as usize;
            if !is_next || part.bytes.is_empty() || bytes.len() + part.bytes.len() > *length {
                return None;
            }
            bytes.extend_from_slice(&part.bytes);
            waiting.progressed = now;
            self.bytes += part.bytes.len();
        }
        let is_there = |value: &Partial| match value {
            Partial::Whole(_) => true,
            Partial::Buffer { bytes, length } => bytes.len() == *length,
        };
        if !waiting.values.iter().all(is_there) {
            while self.bytes > BYTES_MAX {
                self.drop_oldest();
            }
            return None;
        }
        let waiting = self.waiting.remove(&key)?;
        self.bytes -= waiting.bytes();
        let Waiting { mut message, values, .. } = waiting;
        // A value that does not decode is left out; the others are good.
        let whole = values.into_iter().filter_map(|value| match value {
            Partial::Whole(value) => Some(value),
            Partial::Buffer { bytes, .. } => Value::decode(&bytes.into()).ok().map(Arc::new),
        });
        let whole = whole.map(Carried::Whole).collect();
        if let Some(values) = carried_mut(&mut message) {
            *values = whole;
        }
        Some(message)
    }

    /// Gives up the message that has waited longest.
    fn drop_oldest(&mut self) {
        let oldest = self.waiting.iter().min_by_key(|(_, waiting)| waiting.began);
        let oldest = oldest.map(|(key, _)| *key);
        let dropped = oldest.and_then(|oldest| self.waiting.remove(&oldest));
        self.bytes -= dropped.map_or(0, |waiting| waiting.bytes());
    }

    /// Says how many messages, early parts and bytes wait.
    #[cfg(test)]
    pub(crate) fn sizes(&self) -> [usize; 3] {
        [self.waiting.len(), self.early.len(), self.bytes]
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        let waiting = self.waiting.values().map(Waiting::deadline);
        waiting.chain(self.early.iter().map(|(since, ..)| *since + PATIENCE)).min()
    }

    /// Gives up what has waited long enough.
    pub fn handle_timeout(&mut self, now: SimTime) {
        if !self.waiting.is_empty() {
            self.waiting.retain(|_, waiting| waiting.deadline() > now);
            self.bytes = self.waiting.values().map(Waiting::bytes).sum();
        }
        self.early.retain(|(since, ..)| *since + PATIENCE > now);
    }
}

/// The values of a message.
fn carried(message: &Message) -> &[Carried] {
    match &message.payload {
        Payload::Query(_, Query::Put { values, .. } | Query::Update { values, .. }) => values,
        Payload::Reply(_, reply) => &reply.values,
        Payload::Query(..) | Payload::Error(..) | Payload::Part(_) => &[],
    }
}

fn carried_mut(message: &mut Message) -> Option<&mut Vec<Carried>> {
    match &mut message.payload {
        Payload::Query(_, Query::Put { values, .. } | Query::Update { values, .. }) => Some(values),
        Payload::Reply(_, reply) => Some(&mut reply.values),
        Payload::Query(..) | Payload::Error(..) | Payload::Part(_) => None,
    }
}

#[cfg(test)]
mod tests;
