//! `hosts:` as written: attachments and services, names not yet resolved.

use std::net::IpAddr;
use std::rc::Rc;

use crate::catalogue::Catalogue;
use crate::decode::{Fields, address, at_most, check_name, entries, keys, list, text};
use crate::dht_keys::{self, DhtKeys};
use crate::firewall_keys;
use crate::lan::link;
use crate::limits::{MAX_HOSTS, MAX_INTERFACES, MAX_NAME_CHARS, MAX_USERS};
use crate::link::LinkKeys;
use crate::problem::{Problem, Problems};
use crate::scenario::{FirewallChoice, Serve, TurnService};
use crate::tree::{Entry, Located, Node, Span};

pub(crate) struct HostKeys<'t> {
    pub(crate) name: Located<&'t str>,
    /// Empty if nothing of it was right.
    pub(crate) interfaces: Vec<InterfaceKeys<'t>>,
    pub(crate) firewall: Option<FirewallChoice>,
    /// What it serves but for its node of the DHT.
    pub(crate) serve: Serve,
    /// Its node of the DHT, if it serves one.
    pub(crate) dht: Option<DhtKeys<'t>>,
}

impl HostKeys<'_> {
    /// Says whether it serves anything.
    pub(crate) fn serves(&self) -> bool {
        self.serve != Serve::default() || self.dht.is_some()
    }
}

pub(crate) struct InterfaceKeys<'t> {
    pub(crate) place: Place<'t>,
    /// Its second address, if that is given.
    pub(crate) ipv6_address: Option<Located<IpAddr>>,
    /// Its link, which the nodes of a swarm share.
    pub(crate) uplink: Rc<LinkKeys>,
}

impl InterfaceKeys<'_> {
    /// Says whether its first address is a public IPv6 one.
    pub(crate) fn is_public_ipv6(&self) -> bool {
        matches!(&self.place, Place::Internet { address } if address.value.is_ipv6())
    }
}

pub(crate) enum Place<'t> {
    Lan { lan: Located<&'t str>, address: Option<Located<IpAddr>> },
    Internet { address: Located<IpAddr> },
}

pub(crate) fn decode<'t>(
    entry: &'t Entry,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Vec<HostKeys<'t>> {
    let hosts = entries(&entry.value, "hosts", MAX_HOSTS, problems).unwrap_or_default();
    hosts.iter().map(|entry| host(entry, catalogue, problems)).collect()
}

fn host<'t>(entry: &'t Entry, catalogue: &Catalogue<'_>, problems: &mut Problems) -> HostKeys<'t> {
    check_name(entry.name(), "a host", problems);
    let fields = Fields::open(&entry.value, entry.key.span, &keys::HOST, problems);
    let mut host = HostKeys {
        name: entry.name(),
        interfaces: Vec::new(),
        firewall: None,
        serve: Serve::default(),
        dht: None,
    };
    let Some(fields) = fields else { return host };
    host.interfaces = match fields.get("interfaces") {
        None => interface(&fields, "a host", catalogue, problems).into_iter().collect(),
        Some(several) => interfaces(&fields, several, catalogue, problems),
    };
    host.firewall =
        fields.get("firewall").and_then(|entry| firewall_keys::decode(entry, catalogue, problems));
    if let Some(entry) = fields.get("firewall")
        && host.firewall.as_ref().is_some_and(|firewall| firewall.config.captive_portal)
    {
        problems.push(portal_on_host(entry.value.span));
    }
    (host.serve, host.dht) =
        fields.get("serve").and_then(|entry| serve(entry, problems)).unwrap_or_default();
    host
}

/// The problem of a host's own firewall that nobody could log in to.
pub(crate) fn portal_on_host(firewall: Span) -> Problem {
    Problem::new(firewall, "a captive portal is the firewall of a gateway")
        .label("stands on a host")
        .help("a host logs in to the portal of its LAN's gateway")
}

/// `interfaces:`, beside which the keys of a single one have no place.
fn interfaces<'t>(
    host: &Fields<'t>,
    several: &'t Entry,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Vec<InterfaceKeys<'t>> {
    for other in host.others(&["interfaces", "firewall", "serve"]) {
        let message = format!("`{}` is that of one of the interfaces", other.key.value);
        problems.push(
            Problem::new(other.key.span, message)
                .label("without effect here")
                .related(several.key.span, "the interfaces"),
        );
    }
    let Some(items) = list(&several.value, problems) else { return Vec::new() };
    let items = at_most(items, MAX_INTERFACES, "interfaces of a host", |item| item.span, problems);
    if items.len() < 2 {
        problems.push(
            Problem::new(several.value.span, "`interfaces` are two or more")
                .label(format!("there are {}", items.len()))
                .help("the key of a single one, `lan` or `internet`, belongs to the host"),
        );
    }
    let mut interfaces: Vec<InterfaceKeys<'t>> = Vec::with_capacity(items.len());
    for item in items {
        let fields = Fields::open(item, item.span, &keys::INTERFACE, problems);
        let Some(next) =
            fields.and_then(|fields| interface(&fields, "an interface", catalogue, problems))
        else {
            continue;
        };
        let same_lan = interfaces.iter().find_map(|other| match (&other.place, &next.place) {
            (Place::Lan { lan, .. }, Place::Lan { lan: again, .. }) => {
                (lan.value == again.value).then_some((lan.span, *again))
            }
            _ => None,
        });
        if let Some((first, lan)) = same_lan {
            let message = format!("two interfaces are in the LAN `{}`", lan.value);
            problems.push(
                Problem::new(lan.span, message).label("the second one").related(first, "the first"),
            );
        }
        interfaces.push(next);
    }
    interfaces
}

/// The keys of an interface among those of `what`.
fn interface<'t>(
    fields: &Fields<'t>,
    what: &str,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Option<InterfaceKeys<'t>> {
    let place = place(fields, what, problems);
    let ipv6_address = fields.optional("ipv6_address", problems, address);
    if let Some(second) = ipv6_address.filter(|second| second.value.is_ipv4()) {
        problems.push(
            Problem::new(second.span, format!("{} is not an IPv6 address", second.value))
                .label("expected an address like `2001:db8:1::10`"),
        );
    }
    let uplink = Rc::new(link(fields, "uplink", catalogue, problems));
    Some(InterfaceKeys {
        place: place?,
        ipv6_address: ipv6_address.filter(|second| second.value.is_ipv6()),
        uplink,
    })
}

fn place<'t>(fields: &Fields<'t>, what: &str, problems: &mut Problems) -> Option<Place<'t>> {
    let fixed = fields.get("address");
    match (fields.get("lan"), fields.get("internet")) {
        (Some(lan), None) => {
            let address = fixed.and_then(|entry| address(&entry.value, problems));
            let lan = text(&lan.value, "the name of a LAN", problems)?;
            Some(Place::Lan { lan, address })
        }
        (None, Some(internet)) => {
            if let Some(fixed) = fixed {
                problems.push(
                    Problem::new(fixed.key.span, "`address` belongs to a host in a LAN")
                        .label("without effect here")
                        .help("the value of `internet` is the host's address"),
                );
            }
            Some(Place::Internet { address: address(&internet.value, problems)? })
        }
        (Some(lan), Some(internet)) => {
            let message = format!("{what} is in a LAN or on the Internet, not both");
            problems.push(
                Problem::new(internet.key.span, message)
                    .label("second attachment")
                    .related(lan.key.span, "first attachment")
                    .help("a host with two attachments has `interfaces`"),
            );
            None
        }
        (None, None) => {
            let message = format!("{what} needs the key `lan` or `internet`");
            problems.push(Problem::new(fields.at(), message).label("is attached to nothing"));
            None
        }
    }
}

fn serve<'t>(entry: &'t Entry, problems: &mut Problems) -> Option<(Serve, Option<DhtKeys<'t>>)> {
    let fields = Fields::open(&entry.value, entry.key.span, &keys::SERVE, problems)?;
    let stun = fields
        .get("stun")
        .and_then(|entry| Fields::open(&entry.value, entry.key.span, &keys::STUN, problems));
    let turn = fields.get("turn").and_then(|entry| {
        let fields = Fields::open(&entry.value, entry.key.span, &keys::TURN, problems)?;
        let users = fields.required("users", problems)?;
        Some(TurnService { users: users_of(&users.value, users.key.span, problems)? })
    });
    let dht = fields.get("dht").map(|entry| dht_keys::decode(entry, problems));
    Some((Serve { stun: stun.is_some(), turn, dht: None }, dht))
}

fn users_of(node: &Node, at: Span, problems: &mut Problems) -> Option<Vec<(String, String)>> {
    let users = entries(node, "users", MAX_USERS, problems)?;
    if users.is_empty() {
        problems.push(Problem::new(at, "a TURN service needs a user").label("nobody may use it"));
    }
    let credential = |credential: Located<&str>, what: &str, problems: &mut Problems| {
        let length = credential.value.chars().count();
        let fits = (1..=MAX_NAME_CHARS).contains(&length);
        if !fits {
            problems.push(
                Problem::new(credential.span, format!("{what} has {length} characters"))
                    .label(format!("expected 1 to {MAX_NAME_CHARS}")),
            );
        }
        fits.then(|| credential.value.to_owned())
    };
    Some(
        users
            .iter()
            .filter_map(|entry| {
                let password = text(&entry.value, "a password", problems)?;
                Some((
                    credential(entry.name(), "a user name", problems)?,
                    credential(password, "a password", problems)?,
                ))
            })
            .collect(),
    )
}
