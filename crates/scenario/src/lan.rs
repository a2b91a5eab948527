//! `lans:` as written: subnets, gateways and port forwards, names not yet resolved.

use std::net::IpAddr;

use ipnet::IpNet;
use natbed_nat::Protocol;

use crate::catalogue::Catalogue;
use crate::decode::{
    Fields, address, at_most, boolean, check_name, digits, entries, ipv6_network, keys, list,
    network, number, text, word,
};
use crate::limits::{MAX_EXTERNALS, MAX_LANS};
use crate::link::LinkKeys;
use crate::nat_keys::NatKeys;
use crate::problem::{Problem, Problems};
use crate::scenario::FirewallChoice;
use crate::tree::{Entry, Located, Node, Span, Value};
use crate::{firewall_keys, nat_keys};

/// An IP version, by which subnets and the halves of a gateway are told apart.
pub(crate) const IPV4: usize = 0;
pub(crate) const IPV6: usize = 1;

/// The version of a network.
pub(crate) const fn version(network: &IpNet) -> usize {
    match network {
        IpNet::V4(_) => IPV4,
        IpNet::V6(_) => IPV6,
    }
}

/// The version's name.
pub(crate) const fn version_name(version: usize) -> &'static str {
    if version == IPV4 { "IPv4" } else { "IPv6" }
}

pub(crate) struct LanKeys<'t> {
    pub(crate) name: Located<&'t str>,
    /// `None` if it was not right; nothing is then said about addresses in it.
    pub(crate) subnet: Option<Located<IpNet>>,
    /// The second subnet, which is then of IPv6, and the first of IPv4.
    pub(crate) ipv6: Option<Located<IpNet>>,
    pub(crate) isolate: bool,
    pub(crate) link: LinkKeys,
    pub(crate) gateway: Option<GatewayKeys<'t>>,
}

impl<'t> LanKeys<'t> {
    /// Returns the subnet of an IP version.
    pub(crate) fn subnet_of(&self, wanted: usize) -> Option<Located<IpNet>> {
        let mut subnets = [self.subnet, self.ipv6].into_iter().flatten();
        subnets.find(|subnet| version(&subnet.value) == wanted)
    }

    /// Returns the gateway's half for an IP version that the LAN has.
    pub(crate) fn half(&self, wanted: usize) -> Option<&HalfKeys<'t>> {
        let gateway = self.gateway.as_ref()?;
        let subnet = self.subnet_of(wanted)?;
        Some(if Some(subnet) == self.ipv6 { &gateway.ipv6 } else { &gateway.main })
    }
}

pub(crate) struct GatewayKeys<'t> {
    /// The key `gateway`.
    pub(crate) at: Span,
    /// The LAN whose gateway it is; nothing else is then given.
    pub(crate) of: Option<Located<&'t str>>,
    /// What it is for the LAN's first subnet.
    pub(crate) main: HalfKeys<'t>,
    /// What it is for the LAN's second subnet.
    pub(crate) ipv6: HalfKeys<'t>,
    pub(crate) via: Option<Located<&'t str>>,
    pub(crate) icmp_errors: bool,
    pub(crate) uplink: LinkKeys,
    pub(crate) forwards: Vec<ForwardKeys<'t>>,
}

/// What a gateway is for one IP version.
pub(crate) struct HalfKeys<'t> {
    /// `None` if it was not right.
    pub(crate) nat: Option<Located<NatKeys<'t>>>,
    pub(crate) firewall: Option<FirewallChoice>,
    pub(crate) external: Vec<Located<IpAddr>>,
}

pub(crate) struct ForwardKeys<'t> {
    pub(crate) protocol: Protocol,
    pub(crate) port: Located<u16>,
    /// The name or the address of the host it goes to.
    pub(crate) target: Located<&'t str>,
    pub(crate) target_port: u16,
}

pub(crate) fn decode<'t>(
    entry: &'t Entry,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Vec<LanKeys<'t>> {
    let lans = entries(&entry.value, "LANs", MAX_LANS, problems).unwrap_or_default();
    lans.iter().map(|entry| lan(entry, catalogue, problems)).collect()
}

fn lan<'t>(entry: &'t Entry, catalogue: &Catalogue<'_>, problems: &mut Problems) -> LanKeys<'t> {
    check_name(entry.name(), "a LAN", problems);
    let fields = Fields::open(&entry.value, entry.key.span, &keys::LAN, problems);
    let mut lan = LanKeys {
        name: entry.name(),
        subnet: None,
        ipv6: None,
        isolate: false,
        link: LinkKeys::default(),
        gateway: None,
    };
    let Some(fields) = fields else { return lan };
    lan.subnet =
        fields.required("subnet", problems).and_then(|entry| network(&entry.value, problems));
    lan.ipv6 = fields.optional("ipv6", problems, ipv6_network).map(|ipv6| ipv6.map(Into::into));
    if let (Some(subnet), Some(ipv6)) = (lan.subnet, lan.ipv6)
        && version(&subnet.value) == IPV6
    {
        problems.push(
            Problem::new(ipv6.span, "a dual-stack LAN has an IPv4 `subnet` beside this one")
                .label("the second IPv6 subnet")
                .related(subnet.span, "the first one"),
        );
        lan.ipv6 = None;
    }
    lan.isolate = fields.optional("isolate", problems, boolean).unwrap_or(false);
    lan.link = link(&fields, "link", catalogue, problems);
    let is_dual = fields.get("ipv6").is_some();
    lan.gateway =
        fields.get("gateway").and_then(|entry| gateway(entry, is_dual, catalogue, problems));
    lan
}

/// The link keys at `key`; none when they are absent or were reported.
pub(crate) fn link(
    fields: &Fields<'_>,
    key: &'static str,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> LinkKeys {
    let link = fields.get(key).and_then(|entry| LinkKeys::decode(entry, catalogue, problems));
    link.unwrap_or_default()
}

fn gateway<'t>(
    entry: &'t Entry,
    is_dual: bool,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Option<GatewayKeys<'t>> {
    let fields = Fields::open(&entry.value, entry.key.span, &keys::GATEWAY, problems)?;
    let at = entry.key.span;
    if let Some(of) = fields.get("of") {
        for other in fields.others(&["of"]) {
            let message = format!("`{}` is that of the LAN whose gateway this is", other.key.value);
            problems.push(
                Problem::new(other.key.span, message)
                    .label("without effect here")
                    .related(of.key.span, "shares a gateway"),
            );
        }
        let routed = || HalfKeys {
            nat: Some(Located::new(NatKeys::Routed, at)),
            firewall: None,
            external: Vec::new(),
        };
        return Some(GatewayKeys {
            at,
            of: Some(text(&of.value, "the name of a LAN", problems)?),
            main: routed(),
            ipv6: routed(),
            via: None,
            icmp_errors: true,
            uplink: LinkKeys::default(),
            forwards: Vec::new(),
        });
    }
    let main = HalfKeys {
        nat: fields.required("nat", problems).and_then(|entry| nat(entry, catalogue, problems)),
        firewall: fields
            .get("firewall")
            .and_then(|entry| firewall_keys::decode(entry, catalogue, problems)),
        external: fields.optional("external", problems, externals).unwrap_or_default(),
    };
    if let Some(ipv6) = fields.get("ipv6").filter(|_| !is_dual) {
        problems.push(
            Problem::new(ipv6.key.span, "the gateway's `ipv6` is for a dual-stack LAN")
                .label("without effect here")
                .help("give the LAN a second subnet with its own `ipv6`"),
        );
    }
    let ipv6 = ipv6_half(&fields, &main, catalogue, problems);
    let forwards = fields.optional("forwards", problems, list).unwrap_or_default();
    Some(GatewayKeys {
        at,
        of: None,
        main,
        ipv6,
        via: fields
            .optional("via", problems, |node, problems| text(node, "the name of a LAN", problems)),
        icmp_errors: fields.optional("icmp_errors", problems, boolean).unwrap_or(true),
        uplink: link(&fields, "uplink", catalogue, problems),
        forwards: forwards.iter().filter_map(|item| forward(item, problems)).collect(),
    })
}

fn nat<'t>(
    entry: &'t Entry,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Option<Located<NatKeys<'t>>> {
    Some(Located::new(nat_keys::decode(entry, catalogue, problems)?, entry.value.span))
}

/// The gateway's half for the second subnet: routed, and with the firewall of the first, unless
/// `ipv6` says otherwise.
fn ipv6_half<'t>(
    gateway: &Fields<'t>,
    main: &HalfKeys<'t>,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> HalfKeys<'t> {
    let mut half = HalfKeys {
        nat: Some(Located::new(NatKeys::Routed, gateway.at())),
        firewall: main.firewall.clone(),
        external: Vec::new(),
    };
    let fields = gateway.get("ipv6").and_then(|entry| {
        Fields::open(&entry.value, entry.key.span, &keys::IPV6_GATEWAY, problems)
    });
    let Some(fields) = fields else { return half };
    if let Some(entry) = fields.get("nat") {
        half.nat = nat(entry, catalogue, problems);
    }
    if let Some(entry) = fields.get("firewall") {
        half.firewall = firewall_keys::decode(entry, catalogue, problems);
    }
    half.external = fields.optional("external", problems, externals).unwrap_or_default();
    half
}

/// An address or a list of them.
pub(crate) fn externals(node: &Node, problems: &mut Problems) -> Option<Vec<Located<IpAddr>>> {
    let Value::Sequence(items) = &node.value else {
        return address(node, problems).map(|address| vec![address]);
    };
    if items.is_empty() {
        problems
            .push(Problem::new(node.span, "a gateway has an address outside").label("is empty"));
    }
    let items = at_most(items, MAX_EXTERNALS, "addresses of a gateway", |item| item.span, problems);
    Some(items.iter().filter_map(|item| address(item, problems)).collect())
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
