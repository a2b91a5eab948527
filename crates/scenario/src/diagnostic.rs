//! Errors as the user sees them: with file, line and column, and the line itself.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::limits::{MAX_PRINTED, MAX_PROBLEMS};
use crate::problem::Problem;
use crate::source::Source;

/// Two places further apart than this are not shown in one excerpt.
const MAX_EXCERPT_BYTES: usize = 16 << 10;

/// How bad a [`Diagnostic`] is.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The scenario cannot run.
    Error,
}

/// One thing that is wrong with a scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file's name as the [`Source`] has it.
    pub file: Arc<str>,
    /// The line of the offending token, from 1.
    pub line: usize,
    /// The column of the offending token in characters, from 1.
    pub column: usize,
    /// The offending bytes of the file.
    pub span: Range<usize>,
    /// What is wrong, in one sentence without its full stop.
    pub message: String,
    /// Words beside the carets that mark the span; may be empty.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
    /// In which cases of the matrix it is so, if not in all.
    pub note: Option<String>,
    /// A second place that has to do with it, and in which way.
    pub related: Option<(Range<usize>, String)>,
}

/// All that is wrong with a scenario file, in the order of the file.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    source: Source,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(crate) fn new(source: Source, mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| (a.span, &a.message).cmp(&(b.span, &b.message)));
        problems.dedup_by(|a, b| a.span == b.span && a.message == b.message);
        let lines = LineIndex::new(&source.text);
        let file: Arc<str> = source.name.as_str().into();
        let list = problems
            .into_iter()
            .map(|problem| {
                let span = first_line_of(&source.text, problem.span.range());
                let (line, column) = lines.position(&source.text, span.start);
                Diagnostic {
                    severity: Severity::Error,
                    file: file.clone(),
                    line,
                    column,
                    span,
                    message: problem.message,
                    label: problem.label,
                    help: problem.help,
                    note: problem.note,
                    related: problem
                        .related
                        .map(|(span, label)| (first_line_of(&source.text, span.range()), label)),
                }
            })
            .collect();
        Self { source, list }
    }

    /// Returns the diagnostics, sorted by their place in the file; at most [`MAX_PROBLEMS`].
    #[must_use]
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.list
    }

    /// Renders them for people: each with its line and carets, at most
    /// [`MAX_PRINTED`]. With `color`, ANSI colours are used.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for diagnostic in self.list.iter().take(MAX_PRINTED) {
            out.push_str(&self.render_one(&renderer, diagnostic));
            out.push_str("\n\n");
        }
        let more = self.list.len().saturating_sub(MAX_PRINTED);
        if more > 0 {
            let at_least = if self.list.len() >= MAX_PROBLEMS { "at least " } else { "" };
            out.push_str(&format!("… and {at_least}{more} more\n"));
        }
        out
    }

    fn render_one(&self, renderer: &Renderer, diagnostic: &Diagnostic) -> String {
        let text = &self.source.text;
        let span = &diagnostic.span;
        // Only the lines that are shown are handed over: the renderer walks all it is given.
        let whole = |range: &Range<usize>| {
            let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
            let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at);
            start..end
        };
        let mut shown = whole(span);
        let related = diagnostic.related.as_ref().filter(|(other, _)| {
            let other = whole(other);
            let both = shown.start.min(other.start)..shown.end.max(other.end);
            let fits = both.len() <= MAX_EXCERPT_BYTES;
            if fits {
                shown = both;
            }
            fits
        });
        let within = |range: &Range<usize>| range.start - shown.start..range.end - shown.start;
        let first_line = 1 + text[..shown.start].bytes().filter(|byte| *byte == b'\n').count();
        let label = Some(diagnostic.label.as_str()).filter(|label| !label.is_empty());
        let mut snippet = Snippet::source(&text[shown.clone()])
            .line_start(first_line)
            .path(&*diagnostic.file)
            .annotation(AnnotationKind::Primary.span(within(span)).label(label));
        if let Some((other, label)) = related {
            snippet = snippet
                .annotation(AnnotationKind::Context.span(within(other)).label(label.as_str()));
        }
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
        };
        let mut report = level.primary_title(&*diagnostic.message).element(snippet);
        if let Some(note) = &diagnostic.note {
            report = report.element(Level::NOTE.message(note));
        }
        if let Some(help) = &diagnostic.help {
            report = report.element(Level::HELP.message(help));
        }
        renderer.render(&[report])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// Where the lines of a text start.
#[derive(Clone, Debug)]
pub(crate) struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    pub(crate) fn new(text: &str) -> Self {
        let after = |(at, byte)| (byte == b'\n').then_some(at + 1);
        let starts = std::iter::once(0).chain(text.bytes().enumerate().filter_map(after));
        Self { starts: starts.collect() }
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1)
    }

    /// The line and the column in characters of a byte of `text`, both from 1.
    fn position(&self, text: &str, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let start = self.starts[line - 1];
        let column = text.get(start..offset).map_or(0, |before| before.chars().count());
        (line, column + 1)
    }
}

/// The part of `range` on its first line, moved to characters and into the text.
fn first_line_of(text: &str, range: Range<usize>) -> Range<usize> {
    let boundary = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1; // offset zero is always a boundary
        }
        at
    };
    let start = boundary(range.start);
    let end = boundary(range.end).max(start);
    let line = text[start..end].split(['\n', '\r']).next().unwrap_or_default();
    start..start + line.len()
}
