//! `discovery:` of a session as written: how its hosts find each other.

use natbed_units::SimDuration;

use crate::decode::{Fields, choice, delay, entries, keys, list, quantity, span_of_run};
use crate::dht_keys::{self, Bootstrap};
use crate::limits::MAX_HORIZON;
use crate::problem::{Problem, Problems};
use crate::tree::{Entry, Located, Node, Span, Value};

/// What a rendezvous takes one way unless the file says otherwise.
const DEFAULT_RENDEZVOUS_DELAY: SimDuration = SimDuration::from_millis(50);
/// How long a caller waits for the answer: Jami's `DHT_MSG_TIMEOUT`.
const DEFAULT_ANSWER_WITHIN: SimDuration = SimDuration::from_secs(30);

pub(crate) enum DiscoveryKeys<'t> {
    Rendezvous { delay: SimDuration },
    Nodes(Box<NodesKeys<'t>>),
}

impl Default for DiscoveryKeys<'_> {
    fn default() -> Self {
        Self::Rendezvous { delay: DEFAULT_RENDEZVOUS_DELAY }
    }
}

/// A call from node to node.
pub(crate) struct NodesKeys<'t> {
    /// The key that says so: `dht`, `lan` or `first_of`.
    pub(crate) at: Span,
    /// Where the DHT was asked for, and where the nodes begin, if that is given.
    pub(crate) dht: Option<(Span, Option<Bootstrap<'t>>)>,
    /// Where the LAN was asked for.
    pub(crate) lan: Option<Span>,
    pub(crate) call_at: Option<Located<SimDuration>>,
    /// When nodes start, by the name of the host.
    pub(crate) online: Vec<(Located<&'t str>, Located<SimDuration>)>,
    pub(crate) answer_within: SimDuration,
}

impl NodesKeys<'_> {
    /// Returns when the first host calls.
    pub(crate) fn call_at(&self) -> SimDuration {
        self.call_at.map_or(SimDuration::ZERO, |at| at.value)
    }
}

/// A way of discovery with its keys, which are none if it is just named.
struct Way<'t> {
    at: Span,
    fields: Option<Fields<'t>>,
}

pub(crate) fn decode<'t>(node: &'t Node, problems: &mut Problems) -> Option<DiscoveryKeys<'t>> {
    let entry = choice(node, &keys::DISCOVERY, problems)?;
    let at = entry.key.span;
    let [lan, dht] = match &*entry.key.value {
        "rendezvous" => {
            let fields = Fields::open(&entry.value, at, &keys::RENDEZVOUS, problems)?;
            let delay = fields.optional("delay", problems, delay);
            let delay = delay.unwrap_or(DEFAULT_RENDEZVOUS_DELAY);
            return Some(DiscoveryKeys::Rendezvous { delay });
        }
        "lan" => [Some(way(entry, problems)?), None],
        "dht" => [None, Some(way(entry, problems)?)],
        _ => first_of(entry, problems)?.map(Some),
    };
    Some(DiscoveryKeys::Nodes(Box::new(nodes(at, lan.as_ref(), dht.as_ref(), problems))))
}

/// `lan: {..}` or `dht: {..}`.
fn way<'t>(entry: &'t Entry, problems: &mut Problems) -> Option<Way<'t>> {
    let keys = match &*entry.key.value {
        "lan" => &keys::LAN_DISCOVERY,
        _ => &keys::DHT_DISCOVERY,
    };
    let at = entry.key.span;
    Some(Way { at, fields: Some(Fields::open(&entry.value, at, keys, problems)?) })
}

/// `first_of: [lan, dht]`, in any order, each just named or with its keys.
fn first_of<'t>(entry: &'t Entry, problems: &mut Problems) -> Option<[Way<'t>; 2]> {
    let items = list(&entry.value, problems)?;
    let names = keys::WAY.names;
    let mut ways: [Option<Way<'t>>; 2] = [None, None];
    let mut is_right = true;
    for item in items {
        let Some((name, found)) = item_of(item, problems) else {
            is_right = false;
            continue;
        };
        let slot = &mut ways[usize::from(name != names[0])];
        if let Some(first) = slot {
            problems.push(
                Problem::new(found.at, format!("`{name}` is named twice"))
                    .label("named again")
                    .related(first.at, "first named here"),
            );
            is_right = false;
        }
        slot.get_or_insert(found);
    }
    let missing = names.iter().zip(&ways).find(|(_, way)| way.is_none());
    if let Some((name, _)) = missing.filter(|_| is_right) {
        problems.push(
            Problem::new(entry.value.span, "`first_of` is of `lan` and `dht`")
                .label(format!("`{name}` is missing"))
                .help("a single way is written as `discovery: { dht: {} }`"),
        );
    }
    let [lan, dht] = ways;
    Some([lan?, dht?]).filter(|_| is_right)
}

fn item_of<'t>(item: &'t Node, problems: &mut Problems) -> Option<(&'static str, Way<'t>)> {
    let names = keys::WAY.names;
    let known = |text: &str| names.iter().copied().find(|name| *name == text);
    match &item.value {
        Value::Scalar { text, .. } if !item.is_null() => {
            let name = known(text);
            if name.is_none() {
                problems.unknown(item.span, "way of discovery", text, names.iter().copied());
            }
            Some((name?, Way { at: item.span, fields: None }))
        }
        Value::Mapping(_) => {
            let entry = choice(item, &keys::WAY, problems)?;
            Some((known(&entry.key.value)?, way(entry, problems)?))
        }
        _ => {
            problems.expected(item, keys::WAY.of);
            None
        }
    }
}

fn nodes<'t>(
    at: Span,
    lan: Option<&Way<'t>>,
    dht: Option<&Way<'t>>,
    problems: &mut Problems,
) -> NodesKeys<'t> {
    let fields = [lan, dht].map(|way| way.and_then(|way| way.fields.as_ref()));
    let mut common = |key: &'static str| {
        let [first, second] = fields.map(|fields| fields.and_then(|fields| fields.get(key)));
        if let (Some(first), Some(second)) = (first, second) {
            problems.push(
                Problem::new(second.key.span, format!("both ways have `{key}`"))
                    .label("is that of the node, so it stands in one of them")
                    .related(first.key.span, "also here"),
            );
        }
        first.or(second).map(|entry| &entry.value)
    };
    let [call_at, online_at, answer] = ["call_at", "online", "answer_within"].map(&mut common);
    let bootstrap = dht
        .as_ref()
        .and_then(|way| way.fields.as_ref())
        .and_then(|fields| fields.optional("bootstrap", problems, dht_keys::bootstrap));
    NodesKeys {
        at,
        dht: dht.map(|way| (way.at, bootstrap)),
        lan: lan.map(|way| way.at),
        call_at: call_at.and_then(|node| span_of_run(node, problems)),
        online: online_at.and_then(|node| online(node, problems)).unwrap_or_default(),
        answer_within: answer
            .and_then(|node| {
                let range = SimDuration::from_nanos(1)..=MAX_HORIZON;
                quantity::within(node, "a time to wait", range, problems)
            })
            .map_or(DEFAULT_ANSWER_WITHIN, |within| within.value),
    }
}

/// Times by the name of a host.
fn online<'t>(
    node: &'t Node,
    problems: &mut Problems,
) -> Option<Vec<(Located<&'t str>, Located<SimDuration>)>> {
    let entries = entries(node, "times", 2, problems)?;
    let time = |entry: &'t Entry| Some((entry.name(), span_of_run(&entry.value, problems)?));
    Some(entries.iter().filter_map(time).collect())
}
