//! `copies:`: one entry of LANs, hosts or sessions that stands for several.

use crate::decode::{digits, number};
use crate::limits::{MAX_COPIED_NODES, MAX_COPIES};
use crate::problem::{Problem, Problems};
use crate::reference::{COPY_NAME, Expansion, drop_duplicates, is_copies};
use crate::tree::{Entry, Located, Node, Value};

/// The keys of a scenario whose entries may be copied.
const COPIED: &[&str] = &["lans", "hosts", "sessions"];

/// Replaces each entry `NAME` that has `copies: N` by `NAME-1` to `NAME-N`, in which `${copy}` is the
/// number.
///
/// Returns `None` if there would be too many values, or if a number of copies was not right, which
/// is reported.
pub(crate) fn expand(mut root: Node, problems: &mut Problems) -> Option<Node> {
    let mut count = root.count();
    let mut is_right = true;
    let Value::Mapping(keys) = &mut root.value else { return Some(root) };
    for key in keys.iter_mut().filter(|entry| COPIED.contains(&&*entry.key.value)) {
        let Value::Mapping(entries) = &mut key.value.value else { continue };
        if !entries.iter().any(|entry| copies_of(entry).is_some()) {
            continue;
        }
        let mut copied = Vec::with_capacity(entries.len());
        for entry in std::mem::take(entries) {
            let Some(copies) = copies_of(&entry) else {
                copied.push(entry);
                continue;
            };
            let what = "a number of copies";
            let Some(copies) = number(&copies.value, what, 1..=MAX_COPIES, problems) else {
                is_right = false;
                continue;
            };
            let nodes = entry.value.count().saturating_mul(copies as usize);
            count = count.saturating_add(nodes);
            if count > MAX_COPIED_NODES {
                problems.push(
                    Problem::new(entry.key.span, "the case has too many values with these copies")
                        .label(format!("at most {MAX_COPIED_NODES} are allowed")),
                );
                return None;
            }
            copied.extend((1..=copies).map(|copy| copy_of(&entry, copy, problems)));
        }
        drop_duplicates(&mut copied, problems);
        *entries = copied;
    }
    is_right.then_some(root)
}

/// How many values and keys a tree has with its copies, as far as their numbers are right.
pub(crate) fn count(root: &Node) -> usize {
    let Value::Mapping(keys) = &root.value else { return root.count() };
    let copied = keys.iter().filter(|entry| COPIED.contains(&&*entry.key.value));
    let entries = copied.flat_map(|entry| match &entry.value.value {
        Value::Mapping(entries) => entries.as_slice(),
        _ => &[],
    });
    let copies = entries.filter_map(|entry| {
        let copies = copies_of(entry)?;
        let Value::Scalar { text, .. } = &copies.value.value else { return None };
        let copies: usize = digits(text)?;
        Some(entry.value.count().saturating_mul(copies))
    });
    copies.fold(root.count(), usize::saturating_add)
}

/// Says whether anything in the tree has copies, or might come to have them.
pub(crate) fn has_any(node: &Node) -> bool {
    match &node.value {
        Value::Scalar { .. } | Value::Invalid => false,
        Value::Sequence(items) => items.iter().any(has_any),
        Value::Mapping(entries) => {
            entries.iter().any(|entry| is_copies(entry) || has_any(&entry.value))
        }
    }
}

fn copies_of(entry: &Entry) -> Option<&Entry> {
    let Value::Mapping(entries) = &entry.value.value else { return None };
    entries.iter().find(|entry| is_copies(entry))
}

/// The copy with this number, at the place of the original.
fn copy_of(entry: &Entry, copy: u32, problems: &mut Problems) -> Entry {
    let number = copy.to_string();
    let name = format!("{}-{number}", entry.key.value);
    let text = Value::Scalar { text: number.into(), plain: true };
    let number = Node { span: entry.key.span, value: text };
    let mut value = Expansion::new(vec![(COPY_NAME, &number)]).node(&entry.value, problems);
    if let Value::Mapping(entries) = &mut value.value {
        entries.retain(|entry| !is_copies(entry));
    }
    Entry { key: Located::new(name.into(), entry.key.span), value }
}
