//! `matrix:`: named axes, whose combinations are the cases of a document.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::decode::{at_most, entries};
use crate::document::Axis;
use crate::limits::{MAX_AXES, MAX_CASES};
use crate::problem::{Problem, Problems};
use crate::reference::{self, Expansion, ORACLE_NAME};
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
        let mut matrix =
            Self { axes: axes.iter().filter_map(|entry| axis(entry, problems)).collect() };
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
        let labels =
            |axis: &AxisKeys| axis.values.iter().map(|(label, _)| label.clone()).collect();
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
    pub(crate) fn check(&self, template: &Node, problems: &mut Problems) {
        let used = reference::check(self, template, problems);
        for axis in self.axes.iter().filter(|axis| !used.contains(&axis.name.value)) {
            let name = &axis.name.value;
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

fn axis(entry: &Entry, problems: &mut Problems) -> Option<AxisKeys> {
    let name = entry.name();
    let is_name = name.value.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !is_name || name.value == ORACLE_NAME {
        problems.push(
            Problem::new(name.span, format!("`{}` is not a name for an axis", name.value))
                .label("expected letters, digits, `-` and `_`, other than `oracle`"),
        );
    }
    let mut values = Vec::new();
    match &entry.value.value {
        Value::Sequence(items) => {
            values.extend(items.iter().map(|item| (flow(item), item.span, item.clone())));
        }
        Value::Mapping(items) => values.extend(
            items.iter().map(|item| (item.key.value.to_string(), item.key.span, item.value.clone())),
        ),
        _ => {
            problems.expected(&entry.value, "a list of values, or values by label");
            return None;
        }
    }
    if values.is_empty() {
        problems.push(
            Problem::new(name.span, format!("the axis `{}` has no values", name.value))
                .label("there would be no cases"),
        );
        return None;
    }
    let mut labels = BTreeSet::new();
    for (label, span, value) in &values {
        if !labels.insert(label) {
            problems.push(
                Problem::new(*span, format!("the axis `{}` has `{label}` twice", name.value))
                    .label("not the first"),
            );
        }
        if label.chars().count() > MAX_LABEL_CHARS {
            problems.push(
                Problem::new(*span, "this value is too long to be its own label")
                    .label(format!("more than {MAX_LABEL_CHARS} characters"))
                    .help("write the axis as a mapping from labels to values"),
            );
        }
        report_references(value, problems);
    }
    let values = values.into_iter().map(|(label, _, value)| (label, value)).collect();
    Some(AxisKeys { name: entry.key.clone(), values })
}

/// Reports references in the value of an axis.
fn report_references(value: &Node, problems: &mut Problems) {
    match &value.value {
        Value::Scalar { text, .. } if text.contains("${") => problems.push(
            Problem::new(value.span, "the value of an axis cannot refer to an axis")
                .label("has a reference"),
        ),
        Value::Scalar { .. } | Value::Invalid => {}
        Value::Sequence(items) => items.iter().for_each(|item| report_references(item, problems)),
        Value::Mapping(entries) => {
            entries.iter().for_each(|entry| report_references(&entry.value, problems));
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
