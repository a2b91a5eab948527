//! The document as a tree in which every key and value knows where it stands.

use std::ops::Range;
use std::sync::Arc;

/// A range of bytes of the source; four-byte offsets do, as a file has at most a mebibyte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn new(range: Range<usize>) -> Self {
        let offset = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: offset(range.start), end: offset(range.end.max(range.start)) }
    }

    pub(crate) const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The span from the start of `self` to the end of `last`.
    pub(crate) const fn to(self, last: Self) -> Self {
        Self { start: self.start, end: if last.end > self.end { last.end } else { self.end } }
    }
}

/// A value together with the place it was written at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl<T> Located<T> {
    pub(crate) const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// Makes something of the value that was written at the same place.
    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U) -> Located<U> {
        Located::new(make(self.value), self.span)
    }
}

/// A value of the document. Cloning shares the text.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A text as it stands, after YAML's quoting is undone; `plain` if it had none.
    Scalar {
        text: Arc<str>,
        plain: bool,
    },
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
    /// Something that was already reported; decoders pass over it in silence.
    Invalid,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Located<Arc<str>>,
    pub(crate) value: Node,
}

impl Entry {
    pub(crate) fn name(&self) -> Located<&str> {
        Located::new(&self.key.value, self.key.span)
    }
}

impl Node {
    pub(crate) const fn invalid(span: Span) -> Self {
        Self { span, value: Value::Invalid }
    }

    /// The number of keys and values in this subtree.
    pub(crate) fn count(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { .. } | Value::Invalid => 0,
            Value::Sequence(items) => items.iter().map(Self::count).sum(),
            Value::Mapping(entries) => entries.iter().map(|entry| 1 + entry.value.count()).sum(),
        }
    }

    /// The number of collections inside one another, zero for a scalar.
    pub(crate) fn depth(&self) -> usize {
        match &self.value {
            Value::Scalar { .. } | Value::Invalid => 0,
            Value::Sequence(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Value::Mapping(entries) => {
                1 + entries.iter().map(|entry| entry.value.depth()).max().unwrap_or(0)
            }
        }
    }

    /// Says whether the node is what YAML calls null: nothing, `~` or `null` without quotes.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true }
            if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Says whether the node is this text.
    pub(crate) fn is_text(&self, word: &str) -> bool {
        matches!(&self.value, Value::Scalar { text, .. } if &**text == word)
    }

    /// What the node is, for "expected .., found ..".
    pub(crate) fn describe(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { .. } => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
            Value::Invalid => "an invalid value",
        }
    }
}
