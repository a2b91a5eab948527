//! `matrix:`: named axes, whose combinations are the cases of a document.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::copies;
use crate::decode::{at_most, entries};
use crate::document::Axis;
use crate::limits::{MAX_AXES, MAX_CASES};
use crate::problem::{Problem, Problems};
use crate::reference::{self, COPY_NAME, COPY_REFERENCE, Expansion, ORACLE_NAME};
use crate::tree::{Entry, Located, Node, Value};

/// Labels are part of every result; longer values need one of their own.
const MAX_LABEL_CHARS: usize = 100;

/// The axes of a document; without any there is one case.
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    axes: Vec<AxisKeys>,
}

#[derive(Debug)]
pub(crate) struct AxisKeys {
    pub(crate) name: Located<Arc<str>>,
    /// Label and value; at least one.
    pub(crate) values: Vec<(String, Node)>,
}

impl Matrix {
    pub(crate) fn decode(entry: &Entry, problems: &mut Problems) -> Self {
        let axes = entries(&entry.value, "axes", usize::MAX, problems).unwrap_or_default();
        let axes = at_most(axes, MAX_AXES, "axes", |entry| entry.key.span, problems);
        let mut matrix = Self { axes: axes.iter().map(|entry| axis(entry, problems)).collect() };
        let cases = matrix.axes.iter().try_fold(1usize, |n, axis| n.checked_mul(axis.values.len()));
        if cases.is_none_or(|cases| cases > MAX_CASES) {
            problems.push(
                Problem::new(entry.key.span, format!("the matrix has more than {MAX_CASES} cases"))
                    .label(cases.map_or_else(String::new, |cases| format!("has {cases}"))),
            );
            // The first value of each axis is enough to find what else is wrong.
            matrix.axes.iter_mut().for_each(|axis| axis.values.truncate(1));
        }
        matrix
    }

    /// The axes as results show them.
    pub(crate) fn axes(&self) -> Vec<Axis> {
        let labels = |axis: &AxisKeys| axis.values.iter().map(|(label, _)| label.clone()).collect();
        self.axes
            .iter()
            .map(|axis| Axis { name: axis.name.value.to_string(), labels: labels(axis) })
            .collect()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.axes.iter().map(|axis| &*axis.name.value)
    }

    pub(crate) fn case_count(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).product()
    }

    /// The chosen label of each axis in the case; the first axis changes slowest.
    pub(crate) fn labels(&self, case: usize) -> impl Iterator<Item = (&str, &str)> {
        self.chosen(case).map(|(axis, (label, _))| (&*axis.name.value, label.as_str()))
    }

    fn chosen(&self, case: usize) -> impl Iterator<Item = (&AxisKeys, &(String, Node))> {
        let mut stride = self.case_count();
        self.axes.iter().map(move |axis| {
            stride /= axis.values.len();
            (axis, &axis.values[case / stride % axis.values.len()])
        })
    }

    /// Reports references to axes that are not there and axes that nothing refers to.
    ///
    /// Values with a reference that cannot be replaced become invalid in `template`.
    pub(crate) fn check(&self, template: &mut Node, problems: &mut Problems) {
        let used = reference::check(self, template, problems);
        for axis in &self.axes {
            let name = &axis.name.value;
            if used.contains(name) || matches!(&**name, ORACLE_NAME | COPY_NAME) {
                continue;
            }
            problems.push(
                Problem::new(axis.name.span, format!("the axis `{name}` is not used"))
                    .label(format!("nothing refers to ${{{name}}}")),
            );
        }
    }

    /// The most nodes that `template` has once references are replaced.
    pub(crate) fn expanded_count(&self, template: &Node) -> usize {
        1 + match &template.value {
            Value::Scalar { text, .. } => reference::whole(text)
                .and_then(|name| self.axis(name))
                .and_then(|axis| axis.values.iter().map(|(_, value)| value.count()).max())
                .unwrap_or(0),
            Value::Sequence(items) => items.iter().map(|item| self.expanded_count(item)).sum(),
            Value::Mapping(entries) => {
                entries.iter().map(|entry| 1 + self.expanded_count(&entry.value)).sum()
            }
            Value::Invalid => 0,
        }
    }

    /// Says whether a value of an axis has copies, or might come to have them.
    pub(crate) fn has_copies(&self) -> bool {
        self.axes.iter().flat_map(|axis| &axis.values).any(|(_, value)| copies::has_any(value))
    }

    pub(crate) fn axis(&self, name: &str) -> Option<&AxisKeys> {
        self.axes.iter().find(|axis| &*axis.name.value == name)
    }

    /// Makes the tree of a case: `template` with every reference replaced.
    pub(crate) fn expand(&self, template: &Node, case: usize, problems: &mut Problems) -> Node {
        let values =
            self.chosen(case).map(|(axis, (_, value))| (&*axis.name.value, value)).collect();
        Expansion::new(values).node(template, problems)
    }
}

fn axis(entry: &Entry, problems: &mut Problems) -> AxisKeys {
    let name = entry.name();
    let is_name = name.value.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !is_name || matches!(name.value, ORACLE_NAME | COPY_NAME) {
        problems.push(
            Problem::new(name.span, format!("`{}` is not a name for an axis", name.value))
                .label("expected letters, digits, `-` and `_`, other than `oracle` and `copy`"),
        );
    }
    let mut values = labelled(entry, problems);
    check_labels(name.value, &values, problems);
    if values.is_empty() {
        // The axis itself is known, so that references to it are not reported as well.
        values.push((Located::new(String::new(), name.span), Node::invalid(name.span)));
    }
    let values = values.into_iter().map(|(label, value)| (label.value, value)).collect();
    AxisKeys { name: entry.key.clone(), values }
}

/// The values of an axis, each with its label and where that stands.
fn labelled(entry: &Entry, problems: &mut Problems) -> Vec<(Located<String>, Node)> {
    let mut values: Vec<_> = match &entry.value.value {
        Value::Sequence(items) => {
            items.iter().map(|item| (Located::new(flow(item), item.span), item.clone())).collect()
        }
        Value::Mapping(entries) => entries
            .iter()
            .map(|entry| {
                let label = Located::new(entry.key.value.to_string(), entry.key.span);
                (label, entry.value.clone())
            })
            .collect(),
        _ => {
            problems.expected(&entry.value, "a list of values, or values by label");
            return Vec::new();
        }
    };
    if values.is_empty() {
        let name = &entry.key.value;
        problems.push(
            Problem::new(entry.key.span, format!("the axis `{name}` has no values"))
                .label("there would be no cases"),
        );
    }
    values.iter_mut().for_each(|(_, value)| report_references(value, problems));
    values
}

fn check_labels(axis: &str, values: &[(Located<String>, Node)], problems: &mut Problems) {
    let mut labels = BTreeSet::new();
    for (label, _) in values {
        if !labels.insert(&label.value) {
            problems.push(
                Problem::new(label.span, format!("the axis `{axis}` has `{}` twice", label.value))
                    .label("not the first"),
            );
        }
        if label.value.chars().count() > MAX_LABEL_CHARS {
            problems.push(
                Problem::new(label.span, "this value is too long to be its own label")
                    .label(format!("more than {MAX_LABEL_CHARS} characters"))
                    .help("write the axis as a mapping from labels to values"),
            );
        }
    }
}

/// Says whether a text refers to anything but the number of a copy, which it may: copies are made
/// when the value stands in its place.
fn has_reference(text: &str) -> bool {
    text.replace(COPY_REFERENCE, "").contains("${")
}

/// Reports references in the value of an axis and makes them invalid.
fn report_references(value: &mut Node, problems: &mut Problems) {
    let report = |span, problems: &mut Problems| {
        problems.push(
            Problem::new(span, "the value of an axis cannot refer to an axis")
                .label("has a reference"),
        );
    };
    match &mut value.value {
        Value::Scalar { text, .. } if has_reference(text) => {
            report(value.span, problems);
            value.value = Value::Invalid;
        }
        Value::Scalar { .. } | Value::Invalid => {}
        Value::Sequence(items) => {
            items.iter_mut().for_each(|item| report_references(item, problems));
        }
        Value::Mapping(entries) => {
            for entry in entries {
                if has_reference(&entry.key.value) {
                    report(entry.key.span, problems);
                }
                report_references(&mut entry.value, problems);
            }
        }
    }
}

/// The compact text of a value, which is its label.
fn flow(node: &Node) -> String {
    match &node.value {
        Value::Scalar { text, .. } => text.to_string(),
        Value::Sequence(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::Mapping(entries) => {
            let entry = |entry: &Entry| format!("{}: {}", entry.key.value, flow(&entry.value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Value::Invalid => String::new(),
    }
}
