//! Traces in files of their own, beside the scenario that names them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Component, Path};
use std::sync::Arc;

use natbed_units::trace::Trace;

use crate::limits::MAX_TRACES;
use crate::tree::{Node, Value};

/// The traces that a document names, read once; or why one could not be.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    known: BTreeMap<String, Result<Arc<Trace>, String>>,
}

impl Traces {
    /// Returns the trace in the file that was named so.
    pub(crate) fn get(&self, name: &str) -> Option<&Result<Arc<Trace>, String>> {
        self.known.get(name)
    }

    /// Reads all traces that a tree names and that were not read before.
    pub(crate) fn read_of(&mut self, tree: &Node, directory: Option<&Path>) {
        let mut names = BTreeSet::new();
        names_in(tree, &mut names);
        for name in names {
            if !self.known.contains_key(name) {
                let trace = match self.known.len() < MAX_TRACES {
                    true => read(name, directory),
                    false => Err(format!("a document has at most {MAX_TRACES} files of traces")),
                };
                self.known.insert(name.to_owned(), trace);
            }
        }
    }
}

/// Finds the names at `trace: { file: NAME }` anywhere in the tree.
fn names_in<'t>(node: &'t Node, names: &mut BTreeSet<&'t str>) {
    match &node.value {
        Value::Scalar { .. } | Value::Invalid => {}
        Value::Sequence(items) => items.iter().for_each(|item| names_in(item, names)),
        Value::Mapping(entries) => {
            for entry in entries {
                if let ("trace", Value::Mapping(keys)) = (&*entry.key.value, &entry.value.value) {
                    let files = keys.iter().filter(|entry| &*entry.key.value == "file");
                    names.extend(files.filter_map(|entry| match &entry.value.value {
                        Value::Scalar { text, .. } => Some(&**text),
                        _ => None,
                    }));
                }
                names_in(&entry.value, names);
            }
        }
    }
}

fn read(name: &str, directory: Option<&Path>) -> Result<Arc<Trace>, String> {
    let Some(directory) = directory else {
        return Err(format!("`{name}` stands beside no file: the scenario was not read from one"));
    };
    let path = Path::new(name);
    if !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(format!("`{name}` leads out of the directory of the scenario"));
    }
    let unreadable = |error: std::io::Error| format!("cannot read `{name}`: {}", error.kind());
    let file = fs::File::open(directory.join(path)).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file at the limit from one beyond it.
    file.take(Trace::BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| format!("`{name}` is not UTF-8 text"))?;
    let trace = Trace::parse(&text);
    trace
        .map(Arc::new)
        .map_err(|error| format!("{name}:{}:{}: {}", error.line, error.column, error.problem))
}
