//! A scenario file as a whole: what it is called, its axes and its cases.

use std::collections::BTreeMap;
use std::path::Path;

use crate::copies;
use crate::decode::{Fields, keys, parse, text};
use crate::diagnostic::{Diagnostics, LineIndex};
use crate::limits::{MAX_CASE_NODES, MAX_NAME_CHARS, MAX_NODES, MAX_PROBLEMS};
use crate::matrix::Matrix;
use crate::problem::{Problem, Problems};
use crate::profile::NamedProfile;
use crate::resolve::resolve;
use crate::scenario::Case;
use crate::seeds::SeedRange;
use crate::source::Source;
use crate::swarm;
use crate::traces::Traces;
use crate::tree::{Entry, Node, Span, Value};
use crate::yaml::{self, Budget};

/// The version of the language that this crate reads, the value of the key `natbed`.
pub const LANGUAGE_VERSION: u32 = 1;

/// The keys that are about the file rather than about a case; references are not replaced there.
const FILE_KEYS: &[&str] = &["natbed", "name", "description", "seeds", "matrix"];

/// A checked scenario file.
///
/// Every case was made and checked when the file was loaded, but none is kept:
/// [`Document::case`] makes it anew, so that a matrix of thousands of cases
/// takes the memory of its file.
#[derive(Debug)]
pub struct Document {
    source_name: String,
    lines: LineIndex,
    name: String,
    description: String,
    seeds: SeedRange,
    axes: Vec<Axis>,
    matrix: Matrix,
    /// Profiles that its cases may name beside those built in and its own.
    given: Vec<NamedProfile>,
    /// The traces that its cases name.
    traces: Traces,
    /// The tree without the keys of the file, with its references.
    template: Node,
}

/// An axis of a document's matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Its name, by which `${name}` refers to it.
    pub name: String,
    /// The labels of its values, in the order of the file.
    pub labels: Vec<String>,
}

/// Checks a scenario file, all cases of it.
///
/// # Errors
///
/// All that is wrong with the file, not only the first.
pub fn load(source: Source) -> Result<Document, Diagnostics> {
    load_with(source, Vec::new())
}

/// Checks a scenario file as [`load`] does; it may name `profiles` beside those built in and its
/// own.
///
/// # Errors
///
/// All that is wrong with the file, not only the first.
pub fn load_with(source: Source, profiles: Vec<NamedProfile>) -> Result<Document, Diagnostics> {
    load_in(source, profiles, None)
}

/// Checks a scenario file as [`load_with`] does; the traces that it names are files below
/// `directory`, which are read now.
///
/// # Errors
///
/// All that is wrong with the file and its traces, not only the first.
pub fn load_beside(
    source: Source,
    profiles: Vec<NamedProfile>,
    directory: &Path,
) -> Result<Document, Diagnostics> {
    load_in(source, profiles, Some(directory))
}

fn load_in(
    source: Source,
    profiles: Vec<NamedProfile>,
    directory: Option<&Path>,
) -> Result<Document, Diagnostics> {
    let mut problems = Problems::default();
    let lines = LineIndex::new(&source.text);
    let document = yaml::parse(&source.text, Budget::SCENARIO, &mut problems).and_then(|root| {
        Document::decode(&source.name, lines, root, profiles, directory, &mut problems)
    });
    match document {
        Some(document) if problems.is_empty() => Ok(document),
        _ => Err(Diagnostics::new(source, problems.take())),
    }
}

impl Document {
    /// Returns the scenario's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the scenario's description, empty if it has none.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Returns the name of the source that was loaded.
    #[must_use]
    pub fn source_name(&self) -> &str {
        &self.source_name
    }

    /// Returns the seeds that every case is to be run with.
    #[must_use]
    pub const fn seeds(&self) -> SeedRange {
        self.seeds
    }

    /// Returns the axes of the matrix, none if there is no matrix.
    #[must_use]
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Returns the number of cases; one if there is no matrix.
    #[must_use]
    pub fn case_count(&self) -> usize {
        self.matrix.case_count()
    }

    /// Makes a case. The first axis changes slowest.
    ///
    /// # Panics
    ///
    /// If `index` is not below [`Document::case_count`].
    #[must_use]
    pub fn case(&self, index: usize) -> Case {
        assert!(index < self.case_count(), "case {index} of {}", self.case_count());
        let mut problems = Problems::default();
        let tree = self.matrix.expand(&self.template, index, &mut problems);
        let tree = copies::expand(tree, &mut problems);
        let scenario = tree
            .and_then(|tree| resolve(&tree, &self.lines, &self.given, &self.traces, &mut problems));
        Case {
            labels: self.labels(index),
            scenario: scenario.expect("every case was resolved without a problem by `load`"),
        }
    }

    /// Returns the labels of a case, axis by axis, without making the case.
    ///
    /// # Panics
    ///
    /// If `index` is not below [`Document::case_count`].
    #[must_use]
    pub fn labels(&self, index: usize) -> Vec<(String, String)> {
        assert!(index < self.case_count(), "case {index} of {}", self.case_count());
        let owned = |(axis, label): (&str, &str)| (axis.to_owned(), label.to_owned());
        self.matrix.labels(index).map(owned).collect()
    }

    /// Makes the cases one after the other.
    pub fn cases(&self) -> impl Iterator<Item = Case> {
        (0..self.case_count()).map(|index| self.case(index))
    }

    /// Makes the document of a tree and reports all that is wrong with it.
    pub(crate) fn decode(
        source_name: &str,
        lines: LineIndex,
        root: Node,
        given: Vec<NamedProfile>,
        directory: Option<&Path>,
        problems: &mut Problems,
    ) -> Option<Self> {
        if !is_supported(&root, problems) {
            return None; // another version may mean anything by its keys
        }
        let fields = Fields::open(&root, root.span, &keys::DOCUMENT, problems)?;
        fields.required("natbed", problems);
        let name = fields.required("name", problems).and_then(|entry| {
            let name = text(&entry.value, "the scenario's name", problems)?;
            check_name(name.value, name.span, problems);
            Some(name.value.to_owned())
        });
        let description = fields.optional("description", problems, |node, problems| {
            text(node, "a description", problems)
        });
        let description = description.map(|text| text.value.trim().to_owned());
        let seeds = fields.optional("seeds", problems, |node, problems| {
            parse(node, "a range of seeds, like `1..100`", problems)
        });
        let matrix = fields.get("matrix").map(|entry| Matrix::decode(entry, problems));
        let mut document = Self {
            source_name: source_name.to_owned(),
            lines,
            name: name.unwrap_or_default(),
            description: description.unwrap_or_default(),
            seeds: seeds.map(|seeds| seeds.value).unwrap_or_default(),
            axes: Vec::new(),
            matrix: matrix.unwrap_or_default(),
            given,
            traces: Traces::default(),
            template: template(root),
        };
        document.axes = document.matrix.axes();
        document.check(directory, problems);
        Some(document)
    }

    /// Reports what is wrong with the references, and then with any of the cases.
    fn check(&mut self, directory: Option<&Path>, problems: &mut Problems) {
        let nodes = self.matrix.expanded_count(&self.template);
        let cases = self.case_count();
        if nodes > MAX_NODES || nodes.saturating_mul(cases) > MAX_CASE_NODES {
            problems.push(self.too_large(&format!("up to {nodes} in each")));
            return;
        }
        self.matrix.check(&mut self.template, problems);
        let mut found: BTreeMap<(Span, String), Found> = BTreeMap::new();
        let mut case_problems = Problems::default();
        let has_copies = copies::has_any(&self.template) || self.matrix.has_copies();
        let has_more = has_copies || swarm::is_in(&self.template);
        if has_more && self.copied_count() > MAX_CASE_NODES {
            let with = if has_copies { "with their copies" } else { "with their swarms" };
            problems.push(self.too_large(with));
            return;
        }
        for case in 0..cases {
            let tree = self.matrix.expand(&self.template, case, &mut case_problems);
            if let Some(tree) = copies::expand(tree, &mut case_problems) {
                self.traces.read_of(&tree, directory);
                let (lines, given) = (&self.lines, &self.given);
                let _checked_only = resolve(&tree, lines, given, &self.traces, &mut case_problems);
            }
            for problem in case_problems.take() {
                // Copies have the problems of their original, each with its number in the message.
                let message = match has_copies {
                    true => without_numbers(&problem.message),
                    false => problem.message.clone(),
                };
                let key = (problem.span, message);
                let found = found.entry(key).or_insert(Found {
                    problem,
                    first: case,
                    last: None,
                    cases: 0,
                });
                if found.last != Some(case) {
                    found.cases += 1;
                }
                found.last = Some(case);
            }
            if found.len() >= MAX_PROBLEMS {
                break;
            }
        }
        for found in found.into_values() {
            problems.push(self.with_case(found, cases));
        }
    }

    /// How many values all cases have once their entries are copied and their swarms are there.
    fn copied_count(&self) -> usize {
        let mut ignored = Problems::default();
        let count = |case| {
            let tree = self.matrix.expand(&self.template, case, &mut ignored);
            copies::count(&tree).saturating_add(swarm::count(&tree))
        };
        (0..self.case_count()).map(count).fold(0, usize::saturating_add)
    }

    fn too_large(&self, how: &str) -> Problem {
        let cases = self.case_count();
        let message = format!("the {cases} cases of the matrix have too many values");
        Problem::new(self.template.span, message)
            .label(format!("{how}, {MAX_CASE_NODES} allowed in all"))
    }

    /// Adds the case to a problem that not every case has.
    fn with_case(&self, found: Found, cases: usize) -> Problem {
        let Found { problem, first, cases: affected, .. } = found;
        if affected == cases {
            return problem;
        }
        let labels = self.matrix.labels(first).map(|(axis, label)| format!("{axis}={label}"));
        let labels: Vec<String> = labels.collect();
        problem.note(format!("in {affected} of {cases} cases, first in {}", labels.join(" ")))
    }
}

/// A problem of one or several cases.
struct Found {
    problem: Problem,
    first: usize,
    last: Option<usize>,
    cases: usize,
}

/// The message of a problem without the digits in it.
fn without_numbers(message: &str) -> String {
    message.chars().filter(|character| !character.is_ascii_digit()).collect()
}

/// Says whether the file is of this language; one that does not say is taken to be.
pub(crate) fn is_supported(root: &Node, problems: &mut Problems) -> bool {
    let Value::Mapping(entries) = &root.value else { return true };
    let Some(entry) = entries.iter().find(|entry| &*entry.key.value == "natbed") else {
        return true;
    };
    let is_supported = entry.value.is_text(&LANGUAGE_VERSION.to_string());
    if !is_supported {
        problems.push(
            Problem::new(entry.value.span, "this version of the language is not known")
                .label(format!("expected {LANGUAGE_VERSION}")),
        );
    }
    is_supported
}

fn check_name(name: &str, span: Span, problems: &mut Problems) {
    let fits = (1..=MAX_NAME_CHARS).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !fits {
        problems.push(
            Problem::new(span, format!("`{name}` is not a name for a scenario"))
                .label("expected lower-case letters, digits and `-`")
                .help(format!(
                    "it names reports and files, so it has at most {MAX_NAME_CHARS} of them"
                )),
        );
    }
}

/// The part of the tree that the cases are made from; unknown keys were reported.
fn template(root: Node) -> Node {
    let Value::Mapping(entries) = root.value else { return Node::invalid(root.span) };
    let is_of_case = |entry: &Entry| {
        let key = &*entry.key.value;
        keys::DOCUMENT.names.contains(&key) && !FILE_KEYS.contains(&key)
    };
    Node {
        span: root.span,
        value: Value::Mapping(entries.into_iter().filter(is_of_case).collect()),
    }
}
