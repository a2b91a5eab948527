//! `${axis}`: references to the axes of the matrix, checked once and replaced in every case.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::matrix::Matrix;
use crate::problem::{Problem, Problems};
use crate::tree::{Entry, Located, Node, Span, Value};

/// The reference to what the outcome rule predicts; it is no axis and stands at `expect.path` only.
pub(crate) const ORACLE: &str = "${oracle}";
pub(crate) const ORACLE_NAME: &str = "oracle";

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

/// Reports the references in `template` that cannot be replaced and returns the axes it uses.
pub(crate) fn check(
    matrix: &Matrix,
    template: &Node,
    problems: &mut Problems,
) -> BTreeSet<Arc<str>> {
    let mut check = Check { matrix, used: BTreeSet::new(), problems };
    check.node(template, &mut Vec::new());
    check.used
}

struct Check<'m> {
    matrix: &'m Matrix,
    used: BTreeSet<Arc<str>>,
    problems: &'m mut Problems,
}

impl Check<'_> {
    fn node<'t>(&mut self, node: &'t Node, path: &mut Vec<&'t str>) {
        match &node.value {
            Value::Scalar { text, .. } => {
                let is_expected_path =
                    matches!(path[..], ["sessions", _, "expect", "path"]) && &**text == ORACLE;
                if !is_expected_path {
                    self.text(text, node.span, true);
                }
            }
            Value::Sequence(items) => {
                path.push("");
                items.iter().for_each(|item| self.node(item, path));
                path.pop();
            }
            Value::Mapping(entries) => {
                for entry in entries {
                    self.text(&entry.key.value, entry.key.span, false);
                    path.push(&entry.key.value);
                    self.node(&entry.value, path);
                    path.pop();
                }
            }
            Value::Invalid => {}
        }
    }

    /// Looks at the references of one text; only a whole value may take what is not text.
    fn text(&mut self, text: &str, span: Span, is_value: bool) {
        let is_whole = is_value && whole(text).is_some();
        for piece in pieces(text) {
            let name = match piece {
                Piece::Text(_) => continue,
                Piece::Reference(name) => name,
                Piece::Unclosed => {
                    self.problems.push(
                        Problem::new(span, "`${` without its `}`").label("expected `${axis}`"),
                    );
                    continue;
                }
            };
            let Some(axis) = self.matrix.axis(name) else {
                if name == ORACLE_NAME {
                    self.problems.push(
                        Problem::new(span, "`${oracle}` stands only as the whole `expect.path`")
                            .label("not possible here"),
                    );
                } else {
                    self.problems.unknown(span, "axis", name, self.matrix.names());
                }
                continue;
            };
            self.used.insert(axis.name.value.clone());
            let other = |value: &&(String, Node)| !matches!(value.1.value, Value::Scalar { .. });
            if let Some((_, value)) = axis.values.iter().find(other).filter(|_| !is_whole) {
                self.problems.push(
                    Problem::new(span, format!("`{name}` is not text in every case"))
                        .label("can only be put into a text if it is text")
                        .related(value.span, format!("this value is {}", value.describe())),
                );
            }
        }
    }
}

/// The axis of a text that is nothing but one reference.
pub(crate) fn whole(text: &str) -> Option<&str> {
    let mut pieces = pieces(text);
    match (pieces.next(), pieces.next()) {
        (Some(Piece::Reference(name)), None) => Some(name),
        _ => None,
    }
}

/// The values of the axes in one case.
pub(crate) struct Expansion<'m> {
    values: Vec<(&'m str, &'m Node)>,
}

impl<'m> Expansion<'m> {
    pub(crate) const fn new(values: Vec<(&'m str, &'m Node)>) -> Self {
        Self { values }
    }

    /// Makes `node` with its references replaced; those that were reported become invalid.
    pub(crate) fn node(&self, node: &Node, problems: &mut Problems) -> Node {
        let value = match &node.value {
            Value::Scalar { text, plain } if text.contains("${") => {
                if &**text == ORACLE {
                    return node.clone();
                }
                if let Some(name) = whole(text) {
                    return self.get(name).cloned().unwrap_or(Node::invalid(node.span));
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
        let mut expanded: Vec<Entry> = Vec::with_capacity(entries.len());
        for entry in entries {
            let span = entry.key.span;
            let is_reference = entry.key.value.contains("${");
            let key = if is_reference { self.text(&entry.key.value) } else { None };
            let key = match key {
                Some(key) => key,
                None if is_reference => continue, // reported by the check
                None => entry.key.value.clone(),
            };
            expanded.push(Entry {
                key: Located::new(key, span),
                value: self.node(&entry.value, problems),
            });
        }
        if entries.iter().any(|entry| entry.key.value.contains("${")) {
            drop_duplicates(&mut expanded, problems);
        }
        expanded
    }

    /// The text with its references replaced; `None` if one is not text, which was reported.
    fn text(&self, text: &str) -> Option<Arc<str>> {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text) {
            out.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Reference(name) => match &self.get(name)?.value {
                    Value::Scalar { text, .. } => text,
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
fn drop_duplicates(entries: &mut Vec<Entry>, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    entries.retain(|entry| {
        let is_first = seen.insert(entry.key.value.clone());
        if !is_first {
            problems.push(
                Problem::new(entry.key.span, format!("the key `{}` is used twice", entry.key.value))
                    .label("used again"),
            );
        }
        is_first
    });
}
