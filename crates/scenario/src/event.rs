//! `events:` as written: a time and a verb each, names not yet resolved.

use std::net::IpAddr;

use natbed_units::SimDuration;

use crate::catalogue::Catalogue;
use crate::decode::{Fields, address, at_most, keys, list, span_of_run, text};
use crate::firewall_keys;
use crate::lan::externals;
use crate::limits::MAX_EVENTS;
use crate::link::LinkKeys;
use crate::problem::{Problem, Problems};
use crate::scenario::FirewallChoice;
use crate::tree::{Entry, Located, Node};

/// How long a reboot takes unless the file says otherwise.
const DEFAULT_OFF_FOR: SimDuration = SimDuration::from_secs(30);

pub(crate) struct EventKeys<'t> {
    pub(crate) at: Located<SimDuration>,
    /// The host or LAN that it happens to.
    pub(crate) target: Located<&'t str>,
    /// The LAN of the interface meant, of a host that has several.
    pub(crate) interface: Option<Located<&'t str>>,
    pub(crate) verb: Verb<'t>,
}

pub(crate) enum Verb<'t> {
    LinkDown,
    LinkUp,
    ServerStop,
    ServerStart,
    NatFlush,
    Reboot {
        off_for: SimDuration,
        external: NewExternal,
    },
    Readdress {
        external: NewExternal,
    },
    Roam {
        to: Located<&'t str>,
        address: Option<Located<IpAddr>>,
        ipv6_address: Option<Located<IpAddr>>,
    },
    SetFirewall {
        firewall: Box<FirewallChoice>,
    },
    SetLink {
        link: Box<LinkKeys>,
    },
    LogIn,
}

impl Verb<'_> {
    /// Says whether a connection that an event has interrupted may go on after this one, without
    /// that the agents begin anew.
    pub(crate) const fn heals(&self) -> bool {
        match self {
            Self::LinkUp
            | Self::ServerStart
            | Self::NatFlush
            | Self::Reboot { external: NewExternal::Keep, .. }
            | Self::SetFirewall { .. }
            | Self::SetLink { .. }
            | Self::LogIn => true,
            Self::LinkDown
            | Self::ServerStop
            | Self::Reboot { .. }
            | Self::Readdress { .. }
            | Self::Roam { .. } => false,
        }
    }
}

/// The outside addresses of a gateway after an event.
#[derive(Clone, Debug)]
pub(crate) enum NewExternal {
    Keep,
    /// As many as before, to be chosen; where that was asked for.
    Chosen,
    Fixed(Vec<Located<IpAddr>>),
}

/// Each verb with the keys that may stand beside it.
const VERBS: &[(&str, &[&str])] = &[
    ("link_down", &["interface"]),
    ("link_up", &["interface"]),
    ("server_stop", &[]),
    ("server_start", &[]),
    ("nat_flush", &[]),
    ("reboot", &["off_for", "external"]),
    ("readdress", &["external"]),
    ("roam", &["to", "interface", "address", "ipv6_address"]),
    ("set_firewall", &["firewall"]),
    (
        "set_link",
        &[
            "interface",
            "up",
            "down",
            "delay",
            "queue",
            "mtu",
            "loss",
            "jitter",
            "duplicate",
            "corrupt",
            "preset",
        ],
    ),
    ("log_in", &[]),
];

pub(crate) fn decode<'t>(
    entry: &'t Entry,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Vec<EventKeys<'t>> {
    let events = list(&entry.value, problems).unwrap_or_default();
    let events = at_most(events, MAX_EVENTS, "events", |node| node.span, problems);
    events.iter().filter_map(|item| event(item, catalogue, problems)).collect()
}

fn event<'t>(
    node: &'t Node,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Option<EventKeys<'t>> {
    let fields = Fields::open(node, node.span, &keys::EVENT, problems)?;
    let at = fields.required("at", problems);
    let at = at.and_then(|entry| span_of_run(&entry.value, problems));
    let mut verbs = VERBS.iter().filter_map(|(word, beside)| Some((fields.get(word)?, *beside)));
    let (Some((entry, beside)), None) = (verbs.next(), verbs.next()) else {
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
    let word = &*entry.key.value;
    for other in fields.others(&["at", word]) {
        if !beside.contains(&&*other.key.value) {
            let message = format!("`{}` says nothing about `{word}`", other.key.value);
            problems.push(
                Problem::new(other.key.span, message)
                    .label("without effect here")
                    .related(entry.key.span, "what happens"),
            );
        }
    }
    let target = text(&entry.value, "the name of a LAN or a host", problems);
    let interface = fields.optional("interface", problems, |node, problems| {
        text(node, "the name of a LAN", problems)
    });
    let verb = verb(word, &fields, catalogue, problems)?;
    Some(EventKeys { at: at?, target: target?, interface, verb })
}

fn verb<'t>(
    word: &str,
    fields: &Fields<'t>,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Option<Verb<'t>> {
    Some(match word {
        "link_down" => Verb::LinkDown,
        "link_up" => Verb::LinkUp,
        "server_stop" => Verb::ServerStop,
        "server_start" => Verb::ServerStart,
        "nat_flush" => Verb::NatFlush,
        "reboot" => Verb::Reboot {
            off_for: fields
                .optional("off_for", problems, span_of_run)
                .map_or(DEFAULT_OFF_FOR, |off_for| off_for.value),
            external: match fields.get("external") {
                Some(entry) if entry.value.is_text("keep") => NewExternal::Keep,
                Some(entry) => new_external(&entry.value, problems)?,
                None => NewExternal::Keep,
            },
        },
        "readdress" => Verb::Readdress {
            external: match required(fields, word, "external", problems) {
                Some(entry) => new_external(&entry.value, problems)?,
                None => return None,
            },
        },
        "roam" => {
            let to = required(fields, word, "to", problems)
                .and_then(|entry| text(&entry.value, "the name of a LAN", problems));
            let address_of = fields.optional("address", problems, address);
            let ipv6_address = fields.optional("ipv6_address", problems, address);
            Verb::Roam { to: to?, address: address_of, ipv6_address }
        }
        "set_firewall" => {
            let entry = required(fields, word, "firewall", problems)?;
            let firewall = firewall_keys::decode(entry, catalogue, problems)?;
            Verb::SetFirewall { firewall: Box::new(firewall) }
        }
        "set_link" => {
            if fields.others(&["at", "set_link", "interface"]).next().is_none()
                && fields.has_only_known()
            {
                problems.push(
                    Problem::new(fields.at(), "`set_link` needs a key of a link")
                        .label("would change nothing"),
                );
            }
            Verb::SetLink { link: Box::new(LinkKeys::of(fields, catalogue, problems)) }
        }
        _ => Verb::LogIn,
    })
}

/// The entry of a key that the verb `word` needs, or a report that it is missing.
fn required<'t>(
    fields: &Fields<'t>,
    word: &str,
    key: &'static str,
    problems: &mut Problems,
) -> Option<&'t Entry> {
    let entry = fields.get(key);
    if entry.is_none() {
        problems.push(
            Problem::new(fields.at(), format!("`{word}` needs the key `{key}`"))
                .label(format!("`{key}` is missing")),
        );
    }
    entry
}

/// `new`, an address or a list of them.
fn new_external(node: &Node, problems: &mut Problems) -> Option<NewExternal> {
    if node.is_text("new") {
        return Some(NewExternal::Chosen);
    }
    externals(node, problems).map(NewExternal::Fixed)
}
