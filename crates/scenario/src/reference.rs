//! `${axis}` and `${copy}`: references to the axes of the matrix and to the number of a copy, checked
//! once and replaced in every case.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::matrix::Matrix;
use crate::problem::{Problem, Problems};
use crate::tree::{Entry, Located, Node, Span, Value};

/// The reference to what the outcome rule predicts; it is no axis and stands at `expect.path` only.
pub(crate) const ORACLE: &str = "${oracle}";
pub(crate) const ORACLE_NAME: &str = "oracle";

/// The reference to the number of a copy; it is no axis and stands in an entry with `copies` only.
pub(crate) const COPY: &str = "${copy}";
pub(crate) const COPY_NAME: &str = "copy";

/// How text refers to it.
pub(crate) const COPY_REFERENCE: &str = "${copy}";

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'t> {
    Text(&'t str),
    /// `${name}`, without the marks.
    Reference(&'t str),
    /// `${` without its `}`.
    Unclosed,
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = match rest.find("${") {
            Some(0) => match rest.split_once('}') {
                Some((open, after)) => (Piece::Reference(&open[2..]), after),
                None => (Piece::Unclosed, ""),
            },
            Some(at) => (Piece::Text(&rest[..at]), &rest[at..]),
            None => (Piece::Text(rest), ""),
        };
        rest = after;
        Some(piece)
    })
}

/// Reports the references in `template` that cannot be replaced, makes their values invalid, and
/// returns the axes that it uses.
pub(crate) fn check(
    matrix: &Matrix,
    template: &mut Node,
    problems: &mut Problems,
) -> BTreeSet<Arc<str>> {
    let mut check = Check { matrix, used: BTreeSet::new(), is_copied: false, problems };
    check.node(template, Place::Root);
    check.used
}

/// How far along `sessions.*.expect.path`, where `${oracle}` may stand, a node is, or along `lans.*`
/// and `hosts.*`, which may be copied as sessions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Root,
    /// LANs or hosts.
    LansOrHosts,
    LanOrHost,
    Sessions,
    Session,
    Expect,
    Path,
    Elsewhere,
}

impl Place {
    fn of(self, key: &str) -> Self {
        match (self, key) {
            (Self::Root, "lans" | "hosts") => Self::LansOrHosts,
            (Self::LansOrHosts, _) => Self::LanOrHost,
            (Self::Root, "sessions") => Self::Sessions,
            (Self::Sessions, _) => Self::Session,
            (Self::Session, "expect") => Self::Expect,
            (Self::Expect, "path") => Self::Path,
            _ => Self::Elsewhere,
        }
    }
}

struct Check<'m> {
    matrix: &'m Matrix,
    used: BTreeSet<Arc<str>>,
    /// Whether this is inside of an entry that is copied.
    is_copied: bool,
    problems: &'m mut Problems,
}

impl Check<'_> {
    fn node(&mut self, node: &mut Node, place: Place) {
        match &mut node.value {
            Value::Scalar { text, .. } => {
                let is_oracle = place == Place::Path && &**text == ORACLE;
                if !is_oracle && !self.text(text, node.span, whole(text).is_some()) {
                    node.value = Value::Invalid;
                }
            }
            Value::Sequence(items) => {
                items.iter_mut().for_each(|item| self.node(item, Place::Elsewhere));
            }
            Value::Mapping(entries) => {
                let may_be_copied = matches!(place, Place::LanOrHost | Place::Session);
                let copied = may_be_copied && entries.iter().any(is_copies);
                entries.retain_mut(|entry| {
                    let outside = self.is_copied;
                    self.is_copied |= copied && !is_copies(entry);
                    self.node(&mut entry.value, place.of(&entry.key.value));
                    let is_fine = self.text(&entry.key.value, entry.key.span, false);
                    self.is_copied = outside;
                    is_fine
                });
            }
            Value::Invalid => {}
        }
    }

    /// Looks at the references of a text and says whether all can be replaced; those to values
    /// that are not text only if the reference is `whole`.
    fn text(&mut self, text: &str, span: Span, whole: bool) -> bool {
        let mut is_fine = true;
        for piece in pieces(text) {
            is_fine &= match piece {
                Piece::Text(_) => true,
                Piece::Reference(name) => self.reference(name, span, whole),
                Piece::Unclosed => {
                    self.problems.push(
                        Problem::new(span, "`${` without its `}`").label("expected `${axis}`"),
                    );
                    false
                }
            };
        }
        is_fine
    }

    fn reference(&mut self, name: &str, span: Span, whole: bool) -> bool {
        if name == COPY_NAME && self.is_copied {
            return true;
        }
        let Some(axis) = self.matrix.axis(name) else {
            if name == COPY_NAME {
                self.problems.push(
                    Problem::new(span, "`${copy}` stands only in an entry that has `copies`")
                        .label("not possible here"),
                );
            } else if name == ORACLE_NAME {
                self.problems.push(
                    Problem::new(span, "`${oracle}` stands only as the whole `expect.path`")
                        .label("not possible here"),
                );
            } else {
                self.problems.unknown(span, "axis", name, self.matrix.names());
            }
            return false;
        };
        self.used.insert(axis.name.value.clone());
        let is_other = |value: &Node| matches!(value.value, Value::Sequence(_) | Value::Mapping(_));
        let other = axis.values.iter().find(|(_, value)| !whole && is_other(value));
        if let Some((_, value)) = other {
            self.problems.push(
                Problem::new(span, format!("`{name}` is not text in every case"))
                    .label("can only be put into a text if it is text")
                    .related(value.span, format!("this value is {}", value.describe())),
            );
        }
        other.is_none()
    }
}

/// Says whether an entry is the one that tells how often the mapping around it is copied.
pub(crate) fn is_copies(entry: &Entry) -> bool {
    &*entry.key.value == "copies"
}

/// The axis of a text that is nothing but one reference.
pub(crate) fn whole(text: &str) -> Option<&str> {
    let mut pieces = pieces(text);
    match (pieces.next(), pieces.next()) {
        (Some(Piece::Reference(name)), None) => Some(name),
        _ => None,
    }
}

/// The values of the axes in one case, or the number of a copy.
///
/// References to what has no value here stay.
pub(crate) struct Expansion<'m> {
    values: Vec<(&'m str, &'m Node)>,
}

impl<'m> Expansion<'m> {
    pub(crate) const fn new(values: Vec<(&'m str, &'m Node)>) -> Self {
        Self { values }
    }

    /// Makes `node`, which was checked, with its references replaced.
    pub(crate) fn node(&self, node: &Node, problems: &mut Problems) -> Node {
        let value = match &node.value {
            Value::Scalar { text, plain } if text.contains("${") => {
                if &**text == ORACLE {
                    return node.clone();
                }
                if let Some(name) = whole(text) {
                    // The number of a copy stays where it was referred to, so that errors do.
                    return match self.get(name) {
                        Some(value) if name == COPY_NAME => {
                            Node { span: node.span, value: value.value.clone() }
                        }
                        Some(value) => value.clone(),
                        None if name == COPY_NAME => node.clone(),
                        None => Node::invalid(node.span),
                    };
                }
                match self.text(text) {
                    Some(text) => Value::Scalar { text, plain: *plain },
                    None => Value::Invalid,
                }
            }
            Value::Scalar { .. } | Value::Invalid => node.value.clone(),
            Value::Sequence(items) => {
                Value::Sequence(items.iter().map(|item| self.node(item, problems)).collect())
            }
            Value::Mapping(entries) => Value::Mapping(self.entries(entries, problems)),
        };
        Node { span: node.span, value }
    }

    fn entries(&self, entries: &[Entry], problems: &mut Problems) -> Vec<Entry> {
        let expand = |entry: &Entry, problems: &mut Problems| {
            let key = match entry.key.value.contains("${") {
                true => self.text(&entry.key.value)?,
                false => entry.key.value.clone(),
            };
            let key = Located::new(key, entry.key.span);
            Some(Entry { key, value: self.node(&entry.value, problems) })
        };
        let mut expanded: Vec<Entry> =
            entries.iter().filter_map(|entry| expand(entry, problems)).collect();
        if entries.iter().any(|entry| entry.key.value.contains("${")) {
            drop_duplicates(&mut expanded, problems);
        }
        expanded
    }

    /// The text with its references replaced; `None` if one is not text.
    fn text(&self, text: &str) -> Option<Arc<str>> {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text) {
            out.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Reference(name) => match self.get(name).map(|node| &node.value) {
                    Some(Value::Scalar { text, .. }) => text,
                    None if name == COPY_NAME => COPY,
                    _ => return None,
                },
                Piece::Unclosed => return None,
            });
        }
        Some(out.into())
    }

    fn get(&self, name: &str) -> Option<&'m Node> {
        self.values.iter().find(|(axis, _)| *axis == name).map(|(_, value)| *value)
    }
}

/// Removes the entries whose key another has; a mapping without references was checked before.
pub(crate) fn drop_duplicates(entries: &mut Vec<Entry>, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    entries.retain(|entry| {
        let is_first = seen.insert(entry.key.value.clone());
        if !is_first {
            problems.push(
                Problem::new(
                    entry.key.span,
                    format!("the key `{}` is used twice", entry.key.value),
                )
                .label("used again"),
            );
        }
        is_first
    });
}
