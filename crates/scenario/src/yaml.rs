//! YAML text to a located tree; the only module that knows the YAML library.
//!
//! The library's event stream is used rather than its serde side: events carry
//! the span of every key and collection, and a duplicate key does not end the
//! reading. Tags, merge keys, several documents and keys that are not text have
//! no meaning in a scenario and are errors.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use serde_saphyr::granit_parser::{
    self as parser, ErrorKind, Event, Parser, ScalarStyle, StructureStyle,
};

use crate::limits::{MAX_DEPTH, MAX_FILE_BYTES, MAX_NODES};
use crate::problem::{Problem, Problems};
use crate::tree::{Entry, Located, Node, Span, Value};

/// What reading a text may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Bytes of text.
    pub(crate) bytes: usize,
    /// Collections inside one another.
    pub(crate) depth: usize,
    /// Keys and values, those copied by aliases included.
    pub(crate) nodes: usize,
}

impl Budget {
    /// The budget of a scenario file.
    pub(crate) const SCENARIO: Self =
        Self { bytes: MAX_FILE_BYTES, depth: MAX_DEPTH, nodes: MAX_NODES };
}

/// Reads the one document of `text`; `None` if its structure is broken, which is then reported.
pub(crate) fn parse(text: &str, budget: Budget, problems: &mut Problems) -> Option<Node> {
    if text.len() > budget.bytes {
        problems.push(Problem::new(
            Span::default(),
            format!("the file is larger than {} bytes", budget.bytes),
        ));
        return None;
    }
    let options = parser::options! {
        emit_comments: false,
        disallow_directives: true,
        flow_nesting_limit: budget.depth,
        block_nesting_limit: budget.depth,
    };
    let mut builder = Builder::new(text, budget, problems);
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => builder.event(event, byte_span(span))?,
            Err(error) => {
                problems.push(syntax_error(text, budget, &error));
                return None;
            }
        }
    }
    let root = builder.root;
    if root.is_none() {
        problems
            .push(Problem::new(Span::default(), "the file is empty").label("expected a scenario"));
    }
    root
}

fn byte_span(span: parser::Span) -> Span {
    // Spans of text inputs always have byte offsets.
    Span::new(span.byte_range().unwrap_or_default())
}

fn syntax_error(text: &str, budget: Budget, error: &parser::ScanError) -> Problem {
    let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        return too_deep(Span::new(at..at), budget);
    }
    let problem = Problem::new(Span::new(at..at), format!("invalid YAML: {}", error.info()));
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line..].lines().next().unwrap_or_default();
    // The one trap of `${axis}`: braces end a bare text inside `{ }` and `[ ]`.
    if line.contains("${") {
        problem.help("inside `{ }` and `[ ]` a reference needs quotes, like \"${axis}\"")
    } else {
        problem
    }
}

fn too_deep(span: Span, budget: Budget) -> Problem {
    Problem::new(span, "the file is nested too deep")
        .label(format!("at most {} levels are allowed", budget.depth))
}

/// A collection whose end has not come yet.
struct Open {
    span: Span,
    flow: bool,
    anchor: usize,
    items: Items,
}

enum Items {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        first_use: BTreeMap<Arc<str>, Span>,
        /// The key whose value comes next; `None` inside if the entry is to be passed over.
        key: Option<Option<Located<Arc<str>>>>,
    },
}

/// An anchored node and what a copy of it costs.
struct Anchored {
    node: Node,
    nodes: usize,
    depth: usize,
}

/// Builds the tree event by event; its methods return `None` after an error that ends the reading.
struct Builder<'t, 'p> {
    text: &'t str,
    budget: Budget,
    problems: &'p mut Problems,
    nodes: usize,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Rc<Anchored>>,
    root: Option<Node>,
}

impl<'t, 'p> Builder<'t, 'p> {
    fn new(text: &'t str, budget: Budget, problems: &'p mut Problems) -> Self {
        let (open, anchors) = (Vec::new(), BTreeMap::new());
        Self { text, budget, problems, nodes: 0, open, anchors, root: None }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        if event.tag().is_some() {
            self.problems.push(
                Problem::new(span, "YAML tags have no meaning in a scenario").label("has a tag"),
            );
        }
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                let problem = Problem::new(span, "a file holds one scenario");
                self.stop(problem.label("a second one starts here"))
            }
            Event::Scalar(text, style, anchor, _) => {
                self.charge(1, 0, span)?;
                let plain = style == ScalarStyle::Plain;
                let span = self.trimmed(span);
                let value = Value::Scalar { text: text.into(), plain };
                self.complete(Node { span, value }, anchor)
            }
            Event::Alias(id) => {
                let Some(anchored) = self.anchors.get(&id) else {
                    return self.stop(Problem::new(span, "an anchor cannot hold itself"));
                };
                let anchored = Rc::clone(anchored);
                self.charge(anchored.nodes, anchored.depth, span)?;
                self.complete(anchored.node.clone(), 0)
            }
            Event::SequenceStart(style, anchor, _) => {
                self.open(span, style, anchor, Items::Sequence(Vec::new()))
            }
            Event::MappingStart(style, anchor, _) => {
                let items =
                    Items::Mapping { entries: Vec::new(), first_use: BTreeMap::new(), key: None };
                self.open(span, style, anchor, items)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            _ => Some(()),
        }
    }

    fn stop(&mut self, problem: Problem) -> Option<()> {
        self.problems.push(problem);
        None
    }

    /// Takes `nodes` and `depth` more levels from the budget.
    fn charge(&mut self, nodes: usize, depth: usize, span: Span) -> Option<()> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.budget.nodes {
            let limit = self.budget.nodes;
            let problem = Problem::new(span, format!("the file has more than {limit} values"));
            return self.stop(problem.label("anchors and aliases count as what they stand for"));
        }
        if self.open.len() + depth > self.budget.depth {
            return self.stop(too_deep(span, self.budget));
        }
        Some(())
    }

    fn open(
        &mut self,
        span: Span,
        style: StructureStyle,
        anchor: usize,
        items: Items,
    ) -> Option<()> {
        self.charge(1, 1, span)?;
        self.open.push(Open { span, flow: style == StructureStyle::Flow, anchor, items });
        Some(())
    }

    fn close(&mut self, end: Span) -> Option<()> {
        let open = self.open.pop()?;
        // The end of a block is where the next thing starts; its last child says where it ends.
        let (last, value) = match open.items {
            Items::Sequence(items) => (items.last().map(|item| item.span), Value::Sequence(items)),
            Items::Mapping { entries, .. } => {
                (entries.last().map(|entry| entry.value.span), Value::Mapping(entries))
            }
        };
        let span = match last {
            _ if open.flow => open.span.to(end),
            Some(last) => open.span.to(last),
            None => open.span,
        };
        self.complete(Node { span, value }, open.anchor)
    }

    /// Puts a finished node where it belongs: key, value, item or root.
    fn complete(&mut self, node: Node, anchor: usize) -> Option<()> {
        if anchor != 0 {
            let (nodes, depth) = (node.count(), node.depth());
            // What is kept for aliases counts too, or nested anchors would multiply for free.
            self.charge(nodes, 0, node.span)?;
            self.anchors.insert(anchor, Rc::new(Anchored { node: node.clone(), nodes, depth }));
        }
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::Sequence(items)) => items.push(node),
            Some(Items::Mapping { entries, first_use, key }) => match key.take() {
                None => *key = Some(usable_key(node, first_use, self.problems)),
                Some(Some(key)) => {
                    // A value that is not there is best pointed at by its key.
                    let span = if node.span.range().is_empty() { key.span } else { node.span };
                    entries.push(Entry { key, value: Node { span, ..node } });
                }
                Some(None) => {}
            },
        }
        Some(())
    }

    /// Leaves the line break out of the span of a text block, which the library counts in.
    fn trimmed(&self, span: Span) -> Span {
        let text = self.text.get(span.range()).unwrap_or_default();
        Span::new(span.range().start..span.range().start + text.trim_end().len())
    }
}

/// Checks a key; `None` if it was reported and its entry is to be passed over.
fn usable_key(
    node: Node,
    first_use: &mut BTreeMap<Arc<str>, Span>,
    problems: &mut Problems,
) -> Option<Located<Arc<str>>> {
    let Value::Scalar { text, plain } = node.value else {
        problems.push(Problem::new(node.span, "a key must be text").label("not text"));
        return None;
    };
    if plain && &*text == "<<" {
        problems.push(
            Problem::new(node.span, "merge keys are not part of the language")
                .label("write the keys out"),
        );
        return None;
    }
    if let Some(first) = first_use.get(&text) {
        problems.push(
            Problem::new(node.span, format!("the key `{text}` is used twice"))
                .label("used again")
                .related(*first, "first used here"),
        );
        return None;
    }
    first_use.insert(text.clone(), node.span);
    Some(Located::new(text, node.span))
}
