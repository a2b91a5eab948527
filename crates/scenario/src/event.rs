//! `events:` as written: a time and a verb each, names not yet resolved.

use natbed_units::SimDuration;

use crate::decode::{Fields, at_most, keys, list, span_of_run, text};
use crate::limits::MAX_EVENTS;
use crate::problem::{Problem, Problems};
use crate::tree::{Entry, Located, Node};

pub(crate) struct EventKeys<'t> {
    pub(crate) at: Located<SimDuration>,
    pub(crate) verb: Verb,
    pub(crate) target: Located<&'t str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    LinkDown,
    LinkUp,
    ServerStop,
    ServerStart,
    NatFlush,
}

const VERBS: &[(&str, Verb)] = &[
    ("link_down", Verb::LinkDown),
    ("link_up", Verb::LinkUp),
    ("server_stop", Verb::ServerStop),
    ("server_start", Verb::ServerStart),
    ("nat_flush", Verb::NatFlush),
];

pub(crate) fn decode<'t>(entry: &'t Entry, problems: &mut Problems) -> Vec<EventKeys<'t>> {
    let events = list(&entry.value, problems).unwrap_or_default();
    let events = at_most(events, MAX_EVENTS, "events", |node| node.span, problems);
    events.iter().filter_map(|item| event(item, problems)).collect()
}

fn event<'t>(node: &'t Node, problems: &mut Problems) -> Option<EventKeys<'t>> {
    let fields = Fields::open(node, node.span, &keys::EVENT, problems)?;
    let at = fields.required("at", problems);
    let at = at.and_then(|entry| span_of_run(&entry.value, problems));
    let mut verbs = VERBS.iter().filter_map(|(word, verb)| Some((fields.get(word)?, *verb)));
    let (Some((entry, verb)), None) = (verbs.next(), verbs.next()) else {
        // An unknown key was already reported as an unknown verb.
        if fields.has_only_known() {
            let known: Vec<&str> = VERBS.iter().map(|(word, _)| *word).collect();
            problems.push(
                Problem::new(node.span, "an event does exactly one thing")
                    .label(format!("expected one of {}", known.join(", "))),
            );
        }
        return None;
    };
    let target = text(&entry.value, "the name of a LAN or a host", problems)?;
    Some(EventKeys { at: at?, verb, target })
}
