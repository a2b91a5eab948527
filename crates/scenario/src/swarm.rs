//! `swarm:` as written: one line that stands for many hosts, each a node of the DHT.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::rc::Rc;

use natbed_units::SimDuration;

use crate::catalogue::Catalogue;
use crate::decode::{Fields, digits, keys, number, quantity, word};
use crate::dht_keys::{self, Bootstrap, DhtKeys};
use crate::host::{HostKeys, InterfaceKeys, Place};
use crate::lan::{IPV4, IPV6, link};
use crate::limits::{MAX_HORIZON, MAX_HOSTS, MAX_SWARM, MIN_SWARM};
use crate::problem::{Problem, Problems};
use crate::scenario::{Churn, DhtCore, Serve, SwarmStart};
use crate::tree::{Entry, Located, Node, Span, Value};

/// What the names of the nodes begin with; their numbers follow, from one on.
pub(crate) const PREFIX: &str = "swarm-";

/// How many values of a file a node counts as, as if it was written as a host.
const VALUES_OF_A_NODE: usize = 4;

/// The addresses before those of the first node (RFC 2544, RFC 3849).
const BEFORE_V4: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 0);
const BEFORE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xd47, 0, 0, 0, 0, 0);

pub(crate) struct SwarmKeys<'t> {
    /// The key `swarm`.
    pub(crate) at: Span,
    pub(crate) network: u32,
    pub(crate) start: SwarmStart,
    /// What a cold swarm begins from, if that is given.
    pub(crate) bootstrap: Option<Bootstrap<'t>>,
    pub(crate) churn: Option<Located<Churn>>,
    /// The places of its nodes among the hosts; none if their number was not right.
    pub(crate) hosts: Range<usize>,
}

/// The names of the nodes of a case's swarm; none if there is no swarm, or if it is not right.
pub(crate) fn names(root: &Node) -> Vec<String> {
    let nodes = node_count(root).unwrap_or(0);
    let nodes = if (MIN_SWARM..=MAX_SWARM).contains(&nodes) { nodes } else { 0 };
    (1..=nodes).map(|number| format!("{PREFIX}{number}")).collect()
}

/// How many values the nodes of a case's swarm count as.
pub(crate) fn count(root: &Node) -> usize {
    let nodes = node_count(root).unwrap_or(0).min(MAX_SWARM) as usize;
    nodes * VALUES_OF_A_NODE
}

/// Says whether the file has a swarm.
pub(crate) fn is_in(root: &Node) -> bool {
    value(root, "swarm").is_some()
}

fn node_count(root: &Node) -> Option<u32> {
    let Value::Scalar { text, .. } = &value(value(root, "swarm")?, "nodes")?.value else {
        return None;
    };
    digits(text)
}

fn value<'t>(node: &'t Node, key: &str) -> Option<&'t Node> {
    let Value::Mapping(entries) = &node.value else { return None };
    entries.iter().find(|entry| &*entry.key.value == key).map(|entry| &entry.value)
}

/// Decodes the swarm and adds its nodes, which have these `names`, to the hosts.
pub(crate) fn decode<'t>(
    entry: &'t Entry,
    names: &'t [String],
    hosts: &mut Vec<HostKeys<'t>>,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> SwarmKeys<'t> {
    let at = entry.key.span;
    let mut swarm = SwarmKeys {
        at,
        network: 0,
        start: SwarmStart::Settled,
        bootstrap: None,
        churn: None,
        hosts: hosts.len()..hosts.len(),
    };
    let Some(fields) = Fields::open(&entry.value, at, &keys::SWARM, problems) else { return swarm };
    swarm.network = fields
        .optional("network", problems, |node, problems| {
            number(node, "the number of a network", 0..=u32::MAX, problems)
        })
        .unwrap_or(0);
    swarm.start = fields
        .optional("start", problems, |node, problems| {
            word(node, "start of a swarm", SwarmStart::ALL, SwarmStart::NAMES, problems)
        })
        .unwrap_or(SwarmStart::Settled);
    swarm.bootstrap = fields.optional("bootstrap", problems, dht_keys::bootstrap);
    swarm.churn = fields
        .get("churn")
        .and_then(|entry| Some(Located::new(churn(entry, problems)?, entry.key.span)));
    check_bootstrap(&fields, &swarm, problems);
    let count = fields.required("nodes", problems).and_then(|entry| {
        let count = number(&entry.value, "a number of nodes", MIN_SWARM..=MAX_SWARM, problems);
        check_count(&entry.value, hosts.len(), count? as usize, problems)
    });
    let cores = fields.optional("core", problems, cores).unwrap_or([DhtCore::Natbed; 2]);
    let versions = fields.optional("ip", problems, versions).unwrap_or([true, false]);
    let uplink = Rc::new(link(&fields, "link", catalogue, problems));
    for (index, name) in names.iter().enumerate().take(count.unwrap_or(0)) {
        let address = |version| Located::new(address(index, version), at);
        let [is_v4, is_v6] = versions;
        let first = address(if is_v4 { IPV4 } else { IPV6 });
        hosts.push(HostKeys {
            name: Located::new(name, at),
            interfaces: vec![InterfaceKeys {
                place: Place::Internet { address: first },
                ipv6_address: (is_v4 && is_v6).then(|| address(IPV6)),
                uplink: Rc::clone(&uplink),
            }],
            firewall: None,
            serve: Serve::default(),
            dht: Some(DhtKeys { at, core: cores[index % 2], bootstrap: None }),
        });
    }
    swarm.hosts.end = hosts.len();
    swarm
}

/// The address that the node with this index has.
fn address(index: usize, version: usize) -> IpAddr {
    let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
    if version == IPV4 {
        Ipv4Addr::from_bits(BEFORE_V4.to_bits().saturating_add(number)).into()
    } else {
        Ipv6Addr::from_bits(BEFORE_V6.to_bits() + u128::from(number)).into()
    }
}

/// The number of nodes, if they and the hosts of the file are not too many together.
fn check_count(node: &Node, others: usize, count: usize, problems: &mut Problems) -> Option<usize> {
    let fits = others + count <= MAX_HOSTS;
    if !fits {
        problems.push(
            Problem::new(node.span, format!("there may be at most {MAX_HOSTS} hosts")).label(
                format!("there are {others} and these, which are {} in all", others + count),
            ),
        );
    }
    fits.then_some(count)
}

/// Reports what a swarm begins from where that has no effect, or is nothing.
fn check_bootstrap(fields: &Fields<'_>, swarm: &SwarmKeys<'_>, problems: &mut Problems) {
    let Some(entry) = fields.get("bootstrap") else { return };
    if swarm.start == SwarmStart::Settled {
        let problem = Problem::new(entry.key.span, "a settled swarm begins from nobody")
            .label("without effect here")
            .help("write `start: cold` as well");
        problems.push(match fields.get("start") {
            Some(start) => problem.related(start.value.span, "the swarm is settled"),
            None => problem,
        });
    } else if swarm.bootstrap.as_ref().is_some_and(|given| given.is_empty) {
        problems.push(
            Problem::new(entry.value.span, "a cold swarm needs a node to begin with")
                .label("is empty")
                .help("without `bootstrap` it begins from `swarm-1`"),
        );
    }
}

/// The cores of the nodes with odd numbers and of those with even ones.
fn cores(node: &Node, problems: &mut Problems) -> Option<[DhtCore; 2]> {
    let (natbed, opendht) = (DhtCore::Natbed, DhtCore::Opendht);
    let values = &[[natbed; 2], [opendht; 2], [natbed, opendht]];
    word(node, "core of a swarm", values, &["natbed", "opendht", "mixed"], problems)
}

/// Whether the nodes have IPv4, and whether they have IPv6.
fn versions(node: &Node, problems: &mut Problems) -> Option<[bool; 2]> {
    let values = &[[true, false], [false, true], [true, true]];
    word(node, "IP version of a swarm", values, &["v4", "v6", "dual"], problems)
}

fn churn(entry: &Entry, problems: &mut Problems) -> Option<Churn> {
    let fields = Fields::open(&entry.value, entry.key.span, &keys::CHURN, problems)?;
    let mut mean = |key: &'static str| {
        let entry = fields.required(key, problems)?;
        let range = SimDuration::from_nanos(1)..=MAX_HORIZON;
        Some(quantity::within(&entry.value, "a mean time", range, problems)?.value)
    };
    let (up, down) = (mean("up"), mean("down"));
    Some(Churn { up: up?, down: down? })
}
