//! A firewall's policy: an action for all, a list of traffic, or rule by rule.

use std::ops::RangeInclusive;

use ipnet::IpNet;
use natbed_nat::{Action, Policy, Protocol, Rule};

use crate::decode::{Fields, digits, keys, list, network, text, word};
use crate::problem::{Problem, Problems};
use crate::tree::{Entry, Node, Value};

/// The protocols that a rule can be about; `any` is all of them.
const PROTOCOLS: &[(&str, Option<Protocol>)] = &[
    ("udp", Some(Protocol::Udp)),
    ("tcp", Some(Protocol::Tcp)),
    ("icmp", Some(Protocol::Icmp)),
    ("any", None),
];

/// An action for all, a list of what passes or does not, or rules in order.
pub(crate) fn policy(node: &Node, problems: &mut Problems) -> Option<Policy> {
    if !matches!(node.value, Value::Mapping(_)) {
        return action(node, problems).map(Policy::all);
    }
    let fields = Fields::open(node, node.span, &keys::POLICY, problems)?;
    let mut short = actions(&fields);
    match (short.next(), short.next(), fields.get("rules")) {
        (Some((entry, action)), None, None) => {
            if let Some(default) = fields.get("default") {
                problems.push(
                    Problem::new(default.key.span, "`default` belongs to `rules`")
                        .label("without effect here")
                        .help(format!(
                            "all that `{}` does not list is treated the other way",
                            entry.key.value
                        )),
                );
            }
            let rules = list(&entry.value, problems)?
                .iter()
                .filter_map(|item| rule(action, item, None, problems))
                .collect();
            let default = if action == Action::Allow { Action::Drop } else { Action::Allow };
            Some(Policy { rules, default })
        }
        (None, None, Some(entry)) => {
            let rules = list(&entry.value, problems)?
                .iter()
                .filter_map(|item| written_rule(item, problems))
                .collect();
            let default = fields.optional("default", problems, action);
            Some(Policy { rules, default: default.unwrap_or(Action::Drop) })
        }
        _ if !fields.has_only_known() => None,
        _ => {
            problems.push(
                Problem::new(
                    node.span,
                    "a firewall policy has exactly one of `allow`, `drop`, `reject` and `rules`",
                )
                .label("expected one of them"),
            );
            None
        }
    }
}

fn action(node: &Node, problems: &mut Problems) -> Option<Action> {
    word(node, "firewall action", Action::ALL, Action::NAMES, problems)
}

/// The entries whose key is an action.
fn actions<'t>(fields: &Fields<'t>) -> impl Iterator<Item = (&'t Entry, Action)> {
    let words = Action::NAMES.iter().zip(Action::ALL);
    words.filter_map(|(word, action)| Some((fields.get(word)?, *action)))
}

/// A rule as `rules:` lists it: `{ allow: udp/53, remote: 10.0.0.0/8 }`.
fn written_rule(node: &Node, problems: &mut Problems) -> Option<Rule> {
    let fields = Fields::open(node, node.span, &keys::RULE, problems)?;
    let remote = fields.optional("remote", problems, network);
    let mut actions = actions(&fields);
    let (Some((entry, action)), None) = (actions.next(), actions.next()) else {
        if fields.has_only_known() {
            let what = "a firewall rule has exactly one of `allow`, `drop` and `reject`";
            problems.push(Problem::new(node.span, what).label("expected one of them"));
        }
        return None;
    };
    rule(action, &entry.value, remote.map(|remote| remote.value), problems)
}

fn rule(
    action: Action,
    node: &Node,
    remote: Option<IpNet>,
    problems: &mut Problems,
) -> Option<Rule> {
    let (protocol, ports) = traffic(node, problems)?;
    Some(Rule { action, protocol, ports, remote })
}

type Traffic = (Option<Protocol>, Option<RangeInclusive<u16>>);

/// What a rule is about: `any`, `udp`, `tcp/80`, `udp/5000-6000`, `icmp`.
fn traffic(node: &Node, problems: &mut Problems) -> Option<Traffic> {
    let text = text(node, "a kind of traffic, like `udp` or `tcp/80`", problems)?;
    let (name, ports) = match text.value.split_once('/') {
        Some((name, ports)) => (name, Some(ports)),
        None => (text.value, None),
    };
    let Some((_, protocol)) = PROTOCOLS.iter().find(|(word, _)| *word == name) else {
        problems.unknown(text.span, "protocol", name, PROTOCOLS.iter().map(|(word, _)| *word));
        return None;
    };
    let Some(ports) = ports else { return Some((*protocol, None)) };
    let bad = |why: &str| {
        Problem::new(text.span, format!("`{}` is not a kind of traffic: {why}", text.value))
            .label("expected something like `udp/53` or `udp/5000-6000`")
    };
    if !matches!(protocol, Some(Protocol::Udp | Protocol::Tcp)) {
        problems.push(bad("only UDP and TCP have ports"));
        return None;
    }
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    match (digits::<u16>(first), digits::<u16>(last)) {
        (Some(first), Some(last)) if first <= last => Some((*protocol, Some(first..=last))),
        (Some(_), Some(_)) => {
            problems.push(bad("its ports are reversed"));
            None
        }
        _ => {
            problems.push(bad("ports are numbers from 0 to 65535"));
            None
        }
    }
}
