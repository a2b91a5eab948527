//! Errors as the decoders collect them: a place in the file and what is wrong there.

use std::fmt::Write as _;

use crate::limits::MAX_PROBLEMS;
use crate::tree::{Node, Span, Value};

/// Longer messages end in an ellipsis; the offending text may be as long as the file.
const MAX_MESSAGE_CHARS: usize = 300;
/// How many names may be compared for "did you mean" in one load; beyond it there is no guess.
const MAX_COMPARISONS: usize = 1_000_000;
/// Up to so many known words stand beside the carets.
const MAX_IN_LABEL: usize = 6;
/// Up to so many known words are listed when there is no good guess.
const MAX_LISTED: usize = 20;

/// One thing that is wrong, before the place is turned into a line and a column.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) label: String,
    pub(crate) help: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) related: Option<(Span, String)>,
}

impl Problem {
    pub(crate) fn new(span: Span, message: impl AsRef<str>) -> Self {
        let message = printable(message.as_ref());
        Self { span, message, label: String::new(), help: None, note: None, related: None }
    }

    /// Adds the words beside the carets.
    pub(crate) fn label(mut self, label: impl AsRef<str>) -> Self {
        self.label = printable(label.as_ref());
        self
    }

    /// Adds a line that says what to do.
    pub(crate) fn help(mut self, help: impl AsRef<str>) -> Self {
        self.help = Some(printable(help.as_ref()));
        self
    }

    /// Adds a line that says when it is so.
    pub(crate) fn note(mut self, note: impl AsRef<str>) -> Self {
        self.note = Some(printable(note.as_ref()));
        self
    }

    /// Adds a second place that has to do with it.
    pub(crate) fn related(mut self, span: Span, label: impl AsRef<str>) -> Self {
        self.related = Some((span, printable(label.as_ref())));
        self
    }
}

/// Makes `text` safe and short enough to print: it may come from the file.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_MESSAGE_CHARS));
    for (index, character) in text.chars().enumerate() {
        if index == MAX_MESSAGE_CHARS {
            out.push('…');
            break;
        }
        if character.is_control() || is_bidirectional_control(character) {
            // Writing to a `String` cannot fail.
            let _ = write!(out, "{}", character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Characters that reorder what a terminal shows, so that an error could hide its own text.
const fn is_bidirectional_control(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What was found wrong so far, at most [`MAX_PROBLEMS`].
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    comparisons: usize,
}

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(problem);
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Takes the problems out and leaves the allowance for guesses as it is.
    pub(crate) fn take(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.list)
    }

    /// Reports that `node` is not `what`, like "a list"; silent about what was reported before.
    pub(crate) fn expected(&mut self, node: &Node, what: &str) {
        if !matches!(node.value, Value::Invalid) {
            let found = node.describe();
            self.push(
                Problem::new(node.span, format!("expected {what}, found {found}"))
                    .label(format!("expected {what}")),
            );
        }
    }

    /// Reports that `text` at `span` is none of `candidates`, with a guess at what was meant.
    ///
    /// `what` is the kind of thing with its article, like "a key of a host".
    pub(crate) fn unknown<'c>(
        &mut self,
        span: Span,
        what: &str,
        text: &str,
        candidates: impl Iterator<Item = &'c str> + Clone,
    ) {
        let problem = Problem::new(span, format!("unknown {what} `{text}`"));
        let guess = self.nearest(text, candidates.clone());
        let known: Vec<&str> = candidates.take(MAX_LISTED + 1).collect();
        let problem = match known.as_slice() {
            [] => problem.label("there is none"),
            few if few.len() <= MAX_IN_LABEL => {
                problem.label(format!("expected one of {}", few.join(", ")))
            }
            _ => problem.label("unknown"),
        };
        self.push(match guess {
            Some(name) => problem.help(format!("did you mean `{name}`?")),
            None if (MAX_IN_LABEL + 1..=MAX_LISTED).contains(&known.len()) => {
                problem.help(format!("known are {}", known.join(", ")))
            }
            None => problem,
        });
    }

    /// Returns the candidate that `text` most likely stands for.
    fn nearest<'c>(
        &mut self,
        text: &str,
        candidates: impl Iterator<Item = &'c str>,
    ) -> Option<&'c str> {
        let length = text.chars().count();
        if length > 64 {
            return None;
        }
        let lower = text.to_lowercase();
        let allowed = (length / 3).max(1);
        let mut best: Option<((usize, usize), &str)> = None;
        for candidate in candidates {
            if self.comparisons >= MAX_COMPARISONS {
                return None;
            }
            self.comparisons += 1;
            let unequal = candidate.len().abs_diff(lower.len());
            if unequal > allowed * 4 {
                continue; // a character has at most four bytes
            }
            let distance = strsim::osa_distance(&lower, &candidate.to_lowercase());
            let rank = (distance, unequal); // swapped letters before missing ones
            if distance <= allowed && best.is_none_or(|(least, _)| rank < least) {
                best = Some((rank, candidate));
            }
        }
        best.map(|(_, name)| name)
    }
}
