//! Small pieces that typed decoding is put together from.
//!
//! Each takes a node and returns `Some` value or reports what is wrong and
//! returns `None`, so that a decoder goes on to the next key and a file's
//! errors all come out at once.

pub(crate) mod keys;
pub(crate) mod quantity;
mod scalar;

pub(crate) use keys::Keys;
pub(crate) use quantity::{delay, mtu, queue, rate, span_of_run, timer, timer_or_zero};
pub(crate) use scalar::{
    address, boolean, check_name, digits, ipv6_network, network, none_or, number, parse, property,
    text, word,
};

use crate::problem::{Problem, Problems};
use crate::tree::{Entry, Node, Span, Value};

/// A mapping whose keys are fixed by the language.
pub(crate) struct Fields<'t> {
    keys: &'static Keys,
    entries: &'t [Entry],
    /// Where to point when something is missing: the key that the mapping is the value of.
    at: Span,
}

impl<'t> Fields<'t> {
    /// Opens the mapping `node` and reports the keys that it should not have.
    pub(crate) fn open(
        node: &'t Node,
        at: Span,
        keys: &'static Keys,
        problems: &mut Problems,
    ) -> Option<Self> {
        let Value::Mapping(entries) = &node.value else {
            problems.expected(node, &format!("a mapping for {}", keys.of));
            return None;
        };
        for entry in entries {
            if !keys.names.contains(&&*entry.key.value) {
                let what = format!("key of {}:", keys.of);
                let known = keys.names.iter().copied();
                problems.unknown(entry.key.span, &what, &entry.key.value, known);
            }
        }
        Some(Self { keys, entries, at })
    }

    /// Returns where to point when something about the mapping as a whole is wrong.
    pub(crate) const fn at(&self) -> Span {
        self.at
    }

    /// Says whether the mapping has no keys at all.
    pub(crate) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Says whether all keys of the mapping are known; the others were reported.
    pub(crate) fn has_only_known(&self) -> bool {
        self.entries.iter().all(|entry| self.keys.names.contains(&&*entry.key.value))
    }

    /// Returns all entries, known or not.
    pub(crate) const fn entries(&self) -> &'t [Entry] {
        self.entries
    }

    /// Returns the known entries that are not of `keys`.
    pub(crate) fn others(&self, keys: &[&str]) -> impl Iterator<Item = &'t Entry> {
        self.entries.iter().filter(|entry| {
            let key = &*entry.key.value;
            self.keys.names.contains(&key) && !keys.contains(&key)
        })
    }

    /// Returns the entry of `key`, which is one of the mapping's keys.
    pub(crate) fn get(&self, key: &'static str) -> Option<&'t Entry> {
        debug_assert!(self.keys.names.contains(&key), "{key} is missing from its key table");
        self.entries.iter().find(|entry| &*entry.key.value == key)
    }

    /// Returns the value of `key`, or reports that it is missing.
    pub(crate) fn required(&self, key: &'static str, problems: &mut Problems) -> Option<&'t Entry> {
        let entry = self.get(key);
        if entry.is_none() {
            problems.push(
                Problem::new(self.at, format!("{} needs the key `{key}`", self.keys.of))
                    .label(format!("`{key}` is missing")),
            );
        }
        entry
    }

    /// Decodes the value of `key` if it is there.
    pub(crate) fn optional<T>(
        &self,
        key: &'static str,
        problems: &mut Problems,
        decode: impl FnOnce(&'t Node, &mut Problems) -> Option<T>,
    ) -> Option<T> {
        self.get(key).and_then(|entry| decode(&entry.value, problems))
    }
}

/// The items of a list.
pub(crate) fn list<'t>(node: &'t Node, problems: &mut Problems) -> Option<&'t [Node]> {
    let Value::Sequence(items) = &node.value else {
        problems.expected(node, "a list");
        return None;
    };
    Some(items)
}

/// The entries of a mapping whose keys the user chose, at most `limit`.
pub(crate) fn entries<'t>(
    node: &'t Node,
    what: &str,
    limit: usize,
    problems: &mut Problems,
) -> Option<&'t [Entry]> {
    let Value::Mapping(entries) = &node.value else {
        problems.expected(node, &format!("a mapping for {what} by name"));
        return None;
    };
    Some(at_most(entries, limit, what, |entry| entry.key.span, problems))
}

/// The first `limit` of `items`; more are reported.
pub(crate) fn at_most<'t, T>(
    items: &'t [T],
    limit: usize,
    what: &str,
    span: impl Fn(&T) -> Span,
    problems: &mut Problems,
) -> &'t [T] {
    let Some(first_extra) = items.get(limit) else { return items };
    problems.push(
        Problem::new(span(first_extra), format!("there may be at most {limit} {what}"))
            .label(format!("there are {}", items.len())),
    );
    &items[..limit]
}

/// The one entry of a mapping that stands for a choice, like `{ echo: { count: 5 } }`.
pub(crate) fn choice<'t>(
    node: &'t Node,
    keys: &'static Keys,
    problems: &mut Problems,
) -> Option<&'t Entry> {
    let fields = Fields::open(node, node.span, keys, problems)?;
    match fields.entries {
        [entry] => keys.names.contains(&&*entry.key.value).then_some(entry),
        _ if !fields.has_only_known() => None,
        _ => {
            problems.push(
                Problem::new(node.span, format!("{} is exactly one of its kinds", keys.of))
                    .label(format!("expected one of {}", keys.names.join(", "))),
            );
            None
        }
    }
}
