//! `sessions:` as written: who connects to whom, how, and what is expected; names not yet resolved.

use natbed_units::{ByteCount, SimDuration};

use crate::decode::{
    Fields, at_most, check_name, choice, delay, entries, keys, list, number, quantity, span_of_run,
    text, word,
};
use crate::expect::{self, ExpectKeys};
use crate::limits::{MAX_DELAY, MAX_ECHO, MAX_ECHOES, MAX_SERVERS, MAX_SESSIONS, MIN_ECHO};
use crate::problem::{Problem, Problems};
use crate::scenario::{Discovery, Load, Restart, Stack};
use crate::tree::{Entry, Located, Node};

/// What a rendezvous takes one way unless the file says otherwise.
const DEFAULT_RENDEZVOUS_DELAY: SimDuration = SimDuration::from_millis(50);
const DEFAULT_ECHO_COUNT: u32 = 5;
const DEFAULT_ECHO_INTERVAL: SimDuration = SimDuration::from_millis(20);
const DEFAULT_ECHO_SIZE: ByteCount = ByteCount::new(160);

pub(crate) struct SessionKeys<'t> {
    pub(crate) name: Located<&'t str>,
    /// `None` if it was not right.
    pub(crate) between: Option<[Located<&'t str>; 2]>,
    pub(crate) stack: Stack,
    pub(crate) discovery: Discovery,
    pub(crate) stun: Vec<Located<&'t str>>,
    pub(crate) turn: Vec<Located<&'t str>>,
    pub(crate) start: Vec<(Located<&'t str>, SimDuration)>,
    pub(crate) load: Load,
    pub(crate) hold: SimDuration,
    pub(crate) restart: Restart,
    pub(crate) expect: Option<ExpectKeys>,
}

pub(crate) fn decode<'t>(entry: &'t Entry, problems: &mut Problems) -> Vec<SessionKeys<'t>> {
    let Some(sessions) = entries(&entry.value, "sessions", MAX_SESSIONS, problems) else {
        return Vec::new();
    };
    if sessions.is_empty() {
        problems.push(
            Problem::new(entry.key.span, "a scenario needs a session").label("there is none"),
        );
    }
    sessions.iter().filter_map(|entry| session(entry, problems)).collect()
}

fn session<'t>(entry: &'t Entry, problems: &mut Problems) -> Option<SessionKeys<'t>> {
    check_name(entry.name(), "a session", problems);
    let fields = Fields::open(&entry.value, entry.key.span, &keys::SESSION, problems)?;
    Some(SessionKeys {
        name: entry.name(),
        between: fields
            .required("between", problems)
            .and_then(|entry| between(&entry.value, problems)),
        stack: fields
            .optional("stack", problems, |node, problems| {
                word(node, "stack", Stack::ALL, Stack::NAMES, problems)
            })
            .unwrap_or(Stack::WebrtcIce),
        discovery: fields
            .optional("discovery", problems, discovery)
            .unwrap_or(Discovery::Rendezvous { delay: DEFAULT_RENDEZVOUS_DELAY }),
        stun: fields.optional("stun", problems, servers).unwrap_or_default(),
        turn: fields.optional("turn", problems, servers).unwrap_or_default(),
        start: fields.optional("start", problems, start).unwrap_or_default(),
        load: fields.optional("load", problems, load).unwrap_or(Load::Echo {
            count: DEFAULT_ECHO_COUNT,
            interval: DEFAULT_ECHO_INTERVAL,
            size: DEFAULT_ECHO_SIZE,
        }),
        hold: fields
            .optional("hold", problems, span_of_run)
            .map_or(SimDuration::ZERO, |hold| hold.value),
        restart: fields
            .optional("restart", problems, |node, problems| {
                word(node, "reason to restart", Restart::ALL, Restart::NAMES, problems)
            })
            .unwrap_or(Restart::Never),
        expect: fields.get("expect").and_then(|entry| expect::decode(entry, problems)),
    })
}

fn between<'t>(node: &'t Node, problems: &mut Problems) -> Option<[Located<&'t str>; 2]> {
    let items = list(node, problems)?;
    let [first, second] = items else {
        problems.push(
            Problem::new(node.span, format!("a session is between two hosts, not {}", items.len()))
                .label("expected two names"),
        );
        return None;
    };
    let first = text(first, "the name of a host", problems);
    let second = text(second, "the name of a host", problems);
    Some([first?, second?])
}

fn discovery(node: &Node, problems: &mut Problems) -> Option<Discovery> {
    let entry = choice(node, &keys::DISCOVERY, problems)?;
    let fields = Fields::open(&entry.value, entry.key.span, &keys::RENDEZVOUS, problems)?;
    let delay = fields.optional("delay", problems, delay).unwrap_or(DEFAULT_RENDEZVOUS_DELAY);
    Some(Discovery::Rendezvous { delay })
}

fn servers<'t>(node: &'t Node, problems: &mut Problems) -> Option<Vec<Located<&'t str>>> {
    let items = list(node, problems)?;
    let items = at_most(items, MAX_SERVERS, "servers of a session", |item| item.span, problems);
    Some(items.iter().filter_map(|item| text(item, "the name of a host", problems)).collect())
}

fn start<'t>(
    node: &'t Node,
    problems: &mut Problems,
) -> Option<Vec<(Located<&'t str>, SimDuration)>> {
    let entries = entries(node, "start times", 2, problems)?;
    let offset =
        |entry: &'t Entry| Some((entry.name(), span_of_run(&entry.value, problems)?.value));
    Some(entries.iter().filter_map(offset).collect())
}

fn load(node: &Node, problems: &mut Problems) -> Option<Load> {
    let entry = choice(node, &keys::LOAD, problems)?;
    let fields = Fields::open(&entry.value, entry.key.span, &keys::ECHO, problems)?;
    let interval = SimDuration::from_nanos(1)..=MAX_DELAY;
    Some(Load::Echo {
        count: fields
            .optional("count", problems, |node, problems| {
                number(node, "a number of echoes", 1..=MAX_ECHOES, problems)
            })
            .unwrap_or(DEFAULT_ECHO_COUNT),
        interval: fields
            .optional("interval", problems, |node, problems| {
                quantity::within(node, "an interval", interval, problems)
            })
            .map_or(DEFAULT_ECHO_INTERVAL, |interval| interval.value),
        size: fields
            .optional("size", problems, |node, problems| {
                quantity::within(node, "the size of an echo", MIN_ECHO..=MAX_ECHO, problems)
            })
            .map_or(DEFAULT_ECHO_SIZE, |size| size.value),
    })
}
