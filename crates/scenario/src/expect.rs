//! `expect:`: what a session's outcome is held against.

use natbed_units::SimDuration;

use crate::decode::{Fields, entries, keys, list, span_of_run, text, word};
use crate::limits::MAX_LOADS;
use crate::load_expect::{self, LoadExpectKeys};
use crate::problem::{Problem, Problems};
use crate::reference::ORACLE;
use crate::scenario::{ExpectedDiscovery, ExpectedPath, IceState, Path};
use crate::tree::{Entry, Located, Node, Span};

/// Expectations by the name of the load.
pub(crate) type ByLoad<'t> = Vec<(Located<&'t str>, LoadExpectKeys<'t>)>;

pub(crate) struct ExpectKeys<'t> {
    /// The key `expect`.
    pub(crate) at: Span,
    /// All its keys.
    pub(crate) given: Vec<Located<&'t str>>,
    pub(crate) path: Option<Located<ExpectedPath>>,
    pub(crate) discovered: Option<Located<ExpectedDiscovery>>,
    pub(crate) connect_within: Option<Located<SimDuration>>,
    pub(crate) states: Vec<Located<IceState>>,
    pub(crate) final_state: Option<Located<IceState>>,
    pub(crate) noticed_within: Option<Located<SimDuration>>,
    pub(crate) recover_within: Option<Located<SimDuration>>,
    /// What is expected of the only load.
    pub(crate) load: LoadExpectKeys<'t>,
    /// What is expected of loads by name.
    pub(crate) loads: Option<Located<ByLoad<'t>>>,
}

pub(crate) fn decode<'t>(entry: &'t Entry, problems: &mut Problems) -> Option<ExpectKeys<'t>> {
    let at = entry.key.span;
    let fields = Fields::open(&entry.value, at, &keys::EXPECT, problems)?;
    check_empty(&fields, problems);
    let states = fields.optional("states", problems, list).unwrap_or_default();
    Some(ExpectKeys {
        at,
        given: fields.entries().iter().map(Entry::name).collect(),
        path: fields.optional("path", problems, path),
        discovered: fields.optional("discovered", problems, discovered),
        connect_within: fields.optional("connect_within", problems, span_of_run),
        states: states.iter().filter_map(|item| state(item, problems)).collect(),
        final_state: fields.optional("final_state", problems, state),
        noticed_within: fields.optional("noticed_within", problems, span_of_run),
        recover_within: fields.optional("recover_within", problems, span_of_run),
        load: load_expect::decode(&fields, problems),
        loads: fields.get("loads").map(|entry| loads(entry, problems)),
    })
}

fn check_empty(fields: &Fields<'_>, problems: &mut Problems) {
    if fields.is_empty() {
        problems.push(
            Problem::new(fields.at(), "the expectation is empty").label("nothing is expected"),
        );
    }
}

fn loads<'t>(entry: &'t Entry, problems: &mut Problems) -> Located<ByLoad<'t>> {
    let loads = entries(&entry.value, "expectations of loads", MAX_LOADS, problems);
    let loads = loads.unwrap_or_default().iter().filter_map(|entry| {
        let fields = Fields::open(&entry.value, entry.key.span, &keys::LOAD_EXPECT, problems)?;
        check_empty(&fields, problems);
        Some((entry.name(), load_expect::decode(&fields, problems)))
    });
    Located::new(loads.collect(), entry.key.span)
}

fn path(node: &Node, problems: &mut Problems) -> Option<Located<ExpectedPath>> {
    let word_of = text(node, "a path", problems)?;
    let path = match word_of.value {
        ORACLE => ExpectedPath::Oracle,
        _ => ExpectedPath::Is(word(node, "path", Path::ALL, Path::NAMES, problems)?),
    };
    Some(Located::new(path, node.span))
}

fn discovered(node: &Node, problems: &mut Problems) -> Option<Located<ExpectedDiscovery>> {
    let (ways, words) = (ExpectedDiscovery::ALL, ExpectedDiscovery::NAMES);
    Some(Located::new(word(node, "way of discovery", ways, words, problems)?, node.span))
}

fn state(node: &Node, problems: &mut Problems) -> Option<Located<IceState>> {
    let state = word(node, "ICE state", IceState::ALL, IceState::NAMES, problems)?;
    Some(Located::new(state, node.span))
}
