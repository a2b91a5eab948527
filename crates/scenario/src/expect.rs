//! `expect:`: what a session's outcome is held against.

use std::fmt::Display;
use std::str::FromStr;

use natbed_units::{Ppm, SimDuration};

use crate::decode::{Fields, keys, list, parse, span_of_run, text, word};
use crate::problem::{Problem, Problems};
use crate::reference::ORACLE;
use crate::scenario::{Bounds, ExpectedPath, IceState, Path};
use crate::tree::{Entry, Located, Node, Span};

pub(crate) struct ExpectKeys {
    /// The key `expect`.
    pub(crate) at: Span,
    pub(crate) path: Option<Located<ExpectedPath>>,
    pub(crate) connect_within: Option<Located<SimDuration>>,
    pub(crate) states: Vec<Located<IceState>>,
    pub(crate) final_state: Option<Located<IceState>>,
    pub(crate) loss: Option<Bounds<Ppm>>,
    pub(crate) rtt_p50: Option<Bounds<SimDuration>>,
    pub(crate) rtt_p95: Option<Bounds<SimDuration>>,
    pub(crate) noticed_within: Option<Located<SimDuration>>,
    pub(crate) recover_within: Option<Located<SimDuration>>,
}

pub(crate) fn decode(entry: &Entry, problems: &mut Problems) -> Option<ExpectKeys> {
    let at = entry.key.span;
    let fields = Fields::open(&entry.value, at, &keys::EXPECT, problems)?;
    if fields.is_empty() {
        problems.push(Problem::new(at, "the expectation is empty").label("nothing is expected"));
    }
    let states = fields.optional("states", problems, list).unwrap_or_default();
    Some(ExpectKeys {
        at,
        path: fields.optional("path", problems, path),
        connect_within: fields.optional("connect_within", problems, span_of_run),
        states: states.iter().filter_map(|item| state(item, problems)).collect(),
        final_state: fields.optional("final_state", problems, state),
        loss: bound(&fields, "loss", "a share, like `1%`", problems),
        rtt_p50: bound(&fields, "rtt_p50", "a duration", problems),
        rtt_p95: bound(&fields, "rtt_p95", "a duration", problems),
        noticed_within: fields.optional("noticed_within", problems, span_of_run),
        recover_within: fields.optional("recover_within", problems, span_of_run),
    })
}

fn path(node: &Node, problems: &mut Problems) -> Option<Located<ExpectedPath>> {
    let word_of = text(node, "a path", problems)?;
    let path = match word_of.value {
        ORACLE => ExpectedPath::Oracle,
        _ => ExpectedPath::Is(word(node, "path", Path::ALL, Path::NAMES, problems)?),
    };
    Some(Located::new(path, node.span))
}

fn state(node: &Node, problems: &mut Problems) -> Option<Located<IceState>> {
    let state = word(node, "ICE state", IceState::ALL, IceState::NAMES, problems)?;
    Some(Located::new(state, node.span))
}

/// `{ at_most: .. }`.
fn bound<T: FromStr<Err: Display>>(
    fields: &Fields<'_>,
    key: &'static str,
    what: &str,
    problems: &mut Problems,
) -> Option<Bounds<T>> {
    let entry = fields.get(key)?;
    let fields = Fields::open(&entry.value, entry.key.span, &keys::AT_MOST, problems)?;
    let at_most = fields.required("at_most", problems)?;
    Some(Bounds { at_least: None, at_most: Some(parse(&at_most.value, what, problems)?.value) })
}
