//! `lans:` as written: subnets, gateways and port forwards, names not yet resolved.

use std::net::IpAddr;

use ipnet::IpNet;
use natbed_nat::Protocol;

use crate::decode::{
    Fields, address, boolean, check_name, digits, entries, keys, list, network, number, text, word,
};
use crate::firewall_keys;
use crate::limits::MAX_LANS;
use crate::link::LinkKeys;
use crate::nat_keys::NatKeys;
use crate::problem::{Problem, Problems};
use crate::scenario::FirewallChoice;
use crate::tree::{Entry, Located, Node, Span};

pub(crate) struct LanKeys<'t> {
    pub(crate) name: Located<&'t str>,
    /// `None` if it was not right; nothing is then said about addresses in it.
    pub(crate) subnet: Option<Located<IpNet>>,
    pub(crate) isolate: bool,
    pub(crate) link: LinkKeys,
    pub(crate) gateway: Option<GatewayKeys<'t>>,
}

pub(crate) struct GatewayKeys<'t> {
    /// The key `gateway`.
    pub(crate) at: Span,
    /// `None` if it was not right.
    pub(crate) nat: Option<Located<NatKeys>>,
    pub(crate) firewall: Option<FirewallChoice>,
    pub(crate) via: Option<Located<&'t str>>,
    pub(crate) external: Option<Located<IpAddr>>,
    pub(crate) uplink: LinkKeys,
    pub(crate) forwards: Vec<ForwardKeys<'t>>,
}

pub(crate) struct ForwardKeys<'t> {
    pub(crate) protocol: Protocol,
    pub(crate) port: Located<u16>,
    /// The name or the address of the host it goes to.
    pub(crate) target: Located<&'t str>,
    pub(crate) target_port: u16,
}

pub(crate) fn decode<'t>(entry: &'t Entry, problems: &mut Problems) -> Vec<LanKeys<'t>> {
    let lans = entries(&entry.value, "LANs", MAX_LANS, problems).unwrap_or_default();
    lans.iter().map(|entry| lan(entry, problems)).collect()
}

fn lan<'t>(entry: &'t Entry, problems: &mut Problems) -> LanKeys<'t> {
    check_name(entry.name(), "a LAN", problems);
    let fields = Fields::open(&entry.value, entry.key.span, &keys::LAN, problems);
    let mut lan = LanKeys {
        name: entry.name(),
        subnet: None,
        isolate: false,
        link: LinkKeys::default(),
        gateway: None,
    };
    let Some(fields) = fields else { return lan };
    lan.subnet =
        fields.required("subnet", problems).and_then(|entry| network(&entry.value, problems));
    lan.isolate = fields.optional("isolate", problems, boolean).unwrap_or(false);
    lan.link = link(&fields, "link", problems);
    lan.gateway = fields.get("gateway").and_then(|entry| gateway(entry, problems));
    lan
}

/// The link keys at `key`; none when they are absent or were reported.
pub(crate) fn link(fields: &Fields<'_>, key: &'static str, problems: &mut Problems) -> LinkKeys {
    fields.get(key).and_then(|entry| LinkKeys::decode(entry, problems)).unwrap_or_default()
}

fn gateway<'t>(entry: &'t Entry, problems: &mut Problems) -> Option<GatewayKeys<'t>> {
    let fields = Fields::open(&entry.value, entry.key.span, &keys::GATEWAY, problems)?;
    let nat = fields
        .required("nat", problems)
        .and_then(|entry| Some(Located::new(NatKeys::decode(entry, problems)?, entry.value.span)));
    let forwards = fields.optional("forwards", problems, list).unwrap_or_default();
    Some(GatewayKeys {
        at: entry.key.span,
        nat,
        firewall: fields.get("firewall").and_then(|entry| firewall_keys::decode(entry, problems)),
        via: fields
            .optional("via", problems, |node, problems| text(node, "the name of a LAN", problems)),
        external: fields.optional("external", problems, address),
        uplink: link(&fields, "uplink", problems),
        forwards: forwards.iter().filter_map(|item| forward(item, problems)).collect(),
    })
}

fn forward<'t>(node: &'t Node, problems: &mut Problems) -> Option<ForwardKeys<'t>> {
    let fields = Fields::open(node, node.span, &keys::FORWARD, problems)?;
    let protocol = fields.required("protocol", problems).and_then(|entry| {
        let (values, words) = (&[Protocol::Udp, Protocol::Tcp], &["udp", "tcp"]);
        word(&entry.value, "protocol with ports", values, words, problems)
    });
    let port = fields.required("port", problems).and_then(|entry| {
        let port = number(&entry.value, "a port", 1..=65_535, problems)?;
        Some(Located::new(u16::try_from(port).ok()?, entry.value.span))
    });
    let target = fields.required("to", problems).and_then(|entry| {
        let what = "a host and a port, like `bob:5000`";
        let to = text(&entry.value, what, problems)?;
        let parts = to.value.rsplit_once(':').and_then(|(host, port)| {
            let port: u16 = digits(port).filter(|port| *port > 0)?;
            let host = host.strip_prefix('[').and_then(|v6| v6.strip_suffix(']')).unwrap_or(host);
            Some((host, port)).filter(|(host, _)| !host.is_empty())
        });
        if parts.is_none() {
            problems.push(
                Problem::new(to.span, format!("`{}` is not {what}", to.value))
                    .label(format!("expected {what}")),
            );
        }
        let (host, port) = parts?;
        Some((Located::new(host, to.span), port))
    });
    let (target, target_port) = target?;
    Some(ForwardKeys { protocol: protocol?, port: port?, target, target_port })
}
