//! `hosts:` as written: attachments and services, names not yet resolved.

use std::net::IpAddr;

use crate::decode::{Fields, address, check_name, entries, keys, text};
use crate::firewall_keys;
use crate::lan::link;
use crate::limits::{MAX_HOSTS, MAX_NAME_CHARS, MAX_USERS};
use crate::link::LinkKeys;
use crate::problem::{Problem, Problems};
use crate::scenario::{FirewallChoice, Serve, TurnService};
use crate::tree::{Entry, Located, Node, Span};

pub(crate) struct HostKeys<'t> {
    pub(crate) name: Located<&'t str>,
    /// `None` if it was not right.
    pub(crate) place: Option<Place<'t>>,
    pub(crate) firewall: Option<FirewallChoice>,
    pub(crate) uplink: LinkKeys,
    pub(crate) serve: Serve,
}

pub(crate) enum Place<'t> {
    Lan { lan: Located<&'t str>, address: Option<Located<IpAddr>> },
    Internet { address: Located<IpAddr> },
}

pub(crate) fn decode<'t>(entry: &'t Entry, problems: &mut Problems) -> Vec<HostKeys<'t>> {
    let hosts = entries(&entry.value, "hosts", MAX_HOSTS, problems).unwrap_or_default();
    hosts.iter().map(|entry| host(entry, problems)).collect()
}

fn host<'t>(entry: &'t Entry, problems: &mut Problems) -> HostKeys<'t> {
    check_name(entry.name(), "a host", problems);
    let fields = Fields::open(&entry.value, entry.key.span, &keys::HOST, problems);
    let mut host = HostKeys {
        name: entry.name(),
        place: None,
        firewall: None,
        uplink: LinkKeys::default(),
        serve: Serve::default(),
    };
    let Some(fields) = fields else { return host };
    host.place = place(&fields, problems);
    host.firewall = fields.get("firewall").and_then(|entry| firewall_keys::decode(entry, problems));
    host.uplink = link(&fields, "uplink", problems);
    host.serve = fields.get("serve").and_then(|entry| serve(entry, problems)).unwrap_or_default();
    host
}

fn place<'t>(fields: &Fields<'t>, problems: &mut Problems) -> Option<Place<'t>> {
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
            problems.push(
                Problem::new(internet.key.span, "a host is in a LAN or on the Internet, not both")
                    .label("second attachment")
                    .related(lan.key.span, "first attachment"),
            );
            None
        }
        (None, None) => {
            problems.push(
                Problem::new(fields.at(), "a host needs the key `lan` or `internet`")
                    .label("is attached to nothing"),
            );
            None
        }
    }
}

fn serve(entry: &Entry, problems: &mut Problems) -> Option<Serve> {
    let fields = Fields::open(&entry.value, entry.key.span, &keys::SERVE, problems)?;
    let stun = fields
        .get("stun")
        .and_then(|entry| Fields::open(&entry.value, entry.key.span, &keys::STUN, problems));
    let turn = fields.get("turn").and_then(|entry| {
        let fields = Fields::open(&entry.value, entry.key.span, &keys::TURN, problems)?;
        let users = fields.required("users", problems)?;
        Some(TurnService { users: users_of(&users.value, users.key.span, problems)? })
    });
    Some(Serve { stun: stun.is_some(), turn })
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
