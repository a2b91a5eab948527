//! `sessions:` as written: who connects to whom, how, and what is expected; names not yet resolved.

use std::net::{IpAddr, SocketAddr};

use natbed_units::SimDuration;

use crate::decode::{
    Fields, at_most, check_name, entries, keys, list, number, span_of_run, text, word,
};
use crate::discovery_keys::{self, DiscoveryKeys};
use crate::expect::{self, ExpectKeys};
use crate::limits::{MAX_SERVERS, MAX_SESSIONS};
use crate::load_keys::{self, Between, LoadKeys};
use crate::problem::{Problem, Problems};
use crate::scenario::{Load, Restart, Stack};
use crate::tree::{Entry, Located, Node, Value};

/// Where the second host listens without a stack: the port of iperf.
const DEFAULT_PORT: u16 = 5_001;
/// The keys of a session that are a stack's.
const OF_A_STACK: &[&str] = &["discovery", "stun", "turn", "start", "hold", "restart"];
/// The keys of a session without a stack.
const WITHOUT_A_STACK: &[&str] = &["port", "to"];

pub(crate) struct SessionKeys<'t> {
    pub(crate) name: Located<&'t str>,
    /// `None` if it was not right.
    pub(crate) between: Between<'t>,
    pub(crate) stack: Stack,
    /// `None` if it was not right.
    pub(crate) discovery: Option<DiscoveryKeys<'t>>,
    pub(crate) stun: Vec<Located<&'t str>>,
    pub(crate) turn: Vec<Located<&'t str>>,
    pub(crate) start: Vec<(Located<&'t str>, SimDuration)>,
    /// The port that the second host listens at without a stack.
    pub(crate) port: u16,
    /// Where the first host sends to without a stack, if that is given.
    pub(crate) to: Option<Located<To>>,
    pub(crate) loads: Vec<LoadKeys<'t>>,
    /// The names of the loads, if they have names; also of those that were not right.
    pub(crate) load_names: Option<Located<Vec<&'t str>>>,
    pub(crate) hold: SimDuration,
    pub(crate) restart: Restart,
    pub(crate) expect: Option<ExpectKeys<'t>>,
}

/// An address with or without a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct To {
    pub(crate) address: IpAddr,
    pub(crate) port: Option<u16>,
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
    let between =
        fields.required("between", problems).and_then(|entry| between(&entry.value, problems));
    let stack = fields
        .optional("stack", problems, |node, problems| {
            word(node, "stack", Stack::ALL, Stack::NAMES, problems)
        })
        .unwrap_or(Stack::WebrtcIce);
    check_stack(&fields, stack, problems);
    let (loads, load_names) = loads(&fields, between, problems);
    check_transports(&loads, stack, problems);
    Some(SessionKeys {
        name: entry.name(),
        between,
        stack,
        discovery: match fields.get("discovery") {
            Some(entry) => discovery_keys::decode(&entry.value, problems),
            None => Some(DiscoveryKeys::default()),
        },
        stun: fields.optional("stun", problems, servers).unwrap_or_default(),
        turn: fields.optional("turn", problems, servers).unwrap_or_default(),
        start: fields.optional("start", problems, start).unwrap_or_default(),
        port: fields.optional("port", problems, port).unwrap_or(DEFAULT_PORT),
        to: fields.optional("to", problems, to),
        loads,
        load_names,
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

/// Reports keys that mean nothing with the stack, or without one.
fn check_stack(fields: &Fields<'_>, stack: Stack, problems: &mut Problems) {
    let stack_at = fields.get("stack").map(|entry| entry.value.span);
    let (keys, message, help) = match stack {
        Stack::None => (OF_A_STACK, "needs a stack", "leave `stack` out"),
        Stack::WebrtcIce => {
            (WITHOUT_A_STACK, "is for a session without a stack", "write `stack: none` as well")
        }
    };
    for key in keys {
        let Some(entry) = fields.get(key) else { continue };
        let problem = Problem::new(entry.key.span, format!("`{key}` {message}"))
            .label("without effect here")
            .help(help);
        problems.push(match stack_at {
            Some(at) => problem.related(at, format!("the stack is `{stack}`")),
            None => problem,
        });
    }
}

/// Reports transports that the stack has no way for.
fn check_transports(loads: &[LoadKeys<'_>], stack: Stack, problems: &mut Problems) {
    if stack == Stack::None {
        return;
    }
    for load in loads.iter().filter(|load| matches!(load.load, Load::Tcp(_))) {
        problems.push(
            Problem::new(load.transport, "TCP does not go over an ICE pair")
                .label("needs a session without a stack")
                .help("write `stack: none`, or send over `quic` or `sctp`"),
        );
    }
}

/// The load or the loads, and the names of several.
fn loads<'t>(
    fields: &Fields<'t>,
    between: Between<'t>,
    problems: &mut Problems,
) -> (Vec<LoadKeys<'t>>, Option<Located<Vec<&'t str>>>) {
    let Some(several) = fields.get("loads") else {
        let load = match fields.get("load") {
            Some(entry) => load_keys::one(&entry.value, between, problems),
            None => Some(LoadKeys::default_at(fields.at())),
        };
        return (load.into_iter().collect(), None);
    };
    if let Some(one) = fields.get("load") {
        problems.push(
            Problem::new(several.key.span, "a session has a `load` or `loads`")
                .label("not both")
                .related(one.key.span, "the first one")
                .help("give that a name among the `loads`"),
        );
    }
    let names = match &several.value.value {
        Value::Mapping(entries) => entries.iter().map(|entry| &*entry.key.value).collect(),
        _ => Vec::new(),
    };
    let names = Located::new(names, several.key.span);
    (load_keys::several(several, between, problems), Some(names))
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

fn port(node: &Node, problems: &mut Problems) -> Option<u16> {
    number(node, "a port", 1..=65_535, problems).and_then(|port| u16::try_from(port).ok())
}

/// `address` or `address:port`.
fn to(node: &Node, problems: &mut Problems) -> Option<Located<To>> {
    let what = "an address with or without a port, like `203.0.113.7:5001`";
    let text = text(node, what, problems)?;
    let bare = text.value.parse().map(|address| To { address, port: None });
    let to = bare.ok().or_else(|| {
        let socket: SocketAddr = text.value.parse().ok()?;
        let port = Some(socket.port()).filter(|port| *port > 0)?;
        Some(To { address: socket.ip(), port: Some(port) })
    });
    if to.is_none() {
        problems.push(
            Problem::new(text.span, format!("`{}` is not {what}", text.value))
                .label("IPv6 addresses with a port stand in brackets, like `[2001:db8::7]:5001`"),
        );
    }
    Some(Located::new(to?, text.span))
}
