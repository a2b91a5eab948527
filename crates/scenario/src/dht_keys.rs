//! `serve: { dht: .. }` as written, and lists of the hosts that nodes begin from.

use crate::decode::{Fields, at_most, keys, list, text, word};
use crate::limits::MAX_BOOTSTRAP;
use crate::problem::Problems;
use crate::scenario::DhtCore;
use crate::tree::{Entry, Located, Node, Span};

/// The node of the DHT that a host serves.
pub(crate) struct DhtKeys<'t> {
    /// The key `dht`, or the swarm that it is a node of.
    pub(crate) at: Span,
    pub(crate) core: DhtCore,
    /// Where it begins, if that is given; empty if it begins nowhere.
    pub(crate) bootstrap: Option<Bootstrap<'t>>,
}

/// The hosts that a node begins from.
pub(crate) struct Bootstrap<'t> {
    /// The list.
    pub(crate) at: Span,
    pub(crate) names: Vec<Located<&'t str>>,
    /// Whether the list has no items, right or wrong.
    pub(crate) is_empty: bool,
}

pub(crate) fn decode<'t>(entry: &'t Entry, problems: &mut Problems) -> DhtKeys<'t> {
    let mut dht = DhtKeys { at: entry.key.span, core: DhtCore::Natbed, bootstrap: None };
    let Some(fields) = Fields::open(&entry.value, dht.at, &keys::DHT, problems) else { return dht };
    let core = fields.optional("core", problems, |node, problems| {
        word(node, "core of a node", DhtCore::ALL, DhtCore::NAMES, problems)
    });
    dht.core = core.unwrap_or(dht.core);
    dht.bootstrap = fields.optional("bootstrap", problems, bootstrap);
    dht
}

/// `bootstrap:`, wherever it stands.
pub(crate) fn bootstrap<'t>(node: &'t Node, problems: &mut Problems) -> Option<Bootstrap<'t>> {
    let items = list(node, problems)?;
    let items = at_most(items, MAX_BOOTSTRAP, "bootstrap hosts", |item| item.span, problems);
    let names = items.iter().filter_map(|item| text(item, "the name of a host", problems));
    Some(Bootstrap { at: node.span, names: names.collect(), is_empty: items.is_empty() })
}
