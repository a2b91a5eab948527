//! Properties of a NAT that contradict each other, or the place that the NAT has in the world.

use std::net::IpAddr;

use ipnet::IpNet;
use natbed_nat::{
    Mapping, NatConfig, NatConfigError, PortAllocation, PortBlocks, StatelessConfig,
    StatelessConfigError,
};

use crate::limits::BLOCK_PORTS;
use crate::nat_keys::{Given, Mapped, RuleKeys};
use crate::problem::{Problem, Problems};
use crate::tree::{Located, Span};

/// The length of a prefix that IPv4 addresses are put into (RFC 6052).
const EMBEDDING: u8 = 96;

/// Reports properties that no NAT can have together, whatever LAN it serves; true if there are none.
pub(crate) fn properties_agree(
    config: &NatConfig,
    given: &Given<'_>,
    problems: &mut Problems,
) -> bool {
    let found = contradiction(config, given);
    let agree = found.is_none();
    if let Some(problem) = found {
        problems.push(problem);
    }
    agree
}

fn contradiction(config: &NatConfig, given: &Given<'_>) -> Option<Problem> {
    let problem = |property: &str, message: String| Problem::new(given.place(property), message);
    if config.ports == PortAllocation::Strict {
        let depends = |mapping| mapping != Mapping::EndpointIndependent;
        let mapping = [
            ("mapping", depends(config.mapping)),
            ("tcp_mapping", config.tcp_mapping.is_some_and(depends)),
        ];
        let others = [
            ("port_parity", config.port_parity),
            ("port_contiguity", config.port_contiguity),
            ("port_blocks", config.port_blocks.is_some()),
        ];
        if let Some((property, _)) = mapping.into_iter().find(|(_, depends)| *depends) {
            let message = "strict ports leave no second port for another destination";
            return Some(
                problem(property, message.to_owned())
                    .label(format!("`{property}` depends on the destination"))
                    .related(given.place("ports"), "the port never changes"),
            );
        }
        if let Some((property, _)) = others.into_iter().find(|(_, is_set)| *is_set) {
            return Some(
                problem(property, format!("`{property}` has no effect on strict ports"))
                    .label("without effect here")
                    .related(given.place("ports"), "the port never changes"),
            );
        }
    }
    match config.port_blocks {
        Some(PortBlocks::Dynamic { size, max_blocks }) => {
            let ports = u32::from(size) * u32::from(max_blocks);
            if ports > BLOCK_PORTS {
                let message = format!("a subscriber's blocks have up to {ports} ports");
                return Some(
                    problem("port_blocks", message)
                        .label(format!("an address has {BLOCK_PORTS} for blocks")),
                );
            }
        }
        Some(PortBlocks::Deterministic { compression, overflow, .. }) => {
            let blocks = u32::from(compression) + u32::from(overflow);
            if blocks > BLOCK_PORTS {
                let message = format!("{blocks} blocks on an address leave no port for each");
                return Some(
                    problem("port_blocks", message)
                        .label(format!("an address has {BLOCK_PORTS} for blocks")),
                );
            }
        }
        None => {}
    }
    if let Some(limit) = config.max_flows_per_subscriber.filter(|limit| *limit > config.max_flows) {
        let message = format!("a subscriber's limit of {limit} flows is above that of the NAT");
        return Some(
            problem("max_flows_per_subscriber", message)
                .label(format!("`max_flows` is {}", config.max_flows)),
        );
    }
    if let Some(prefix) = config.nat64.filter(|prefix| prefix.prefix_len() != EMBEDDING) {
        return Some(
            problem("nat64", format!("{prefix} cannot hold IPv4 addresses"))
                .label(format!("expected a prefix of length {EMBEDDING}")),
        );
    }
    None
}

/// A NAT's place: the LAN it serves and its addresses outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    pub(crate) inside: Located<IpNet>,
    /// Empty if something about them was reported.
    pub(crate) externals: &'a [IpAddr],
    /// Where the port forwards stand, in the order of the configuration's.
    pub(crate) forwards: &'a [Span],
}

/// Reports what is wrong with a NAT with mappings at its place.
pub(crate) fn check(
    mapped: &Mapped<'_>,
    config: &NatConfig,
    site: Site<'_>,
    problems: &mut Problems,
) {
    let given = &mapped.given;
    if !properties_agree(config, given, problems) {
        return;
    }
    if let Some(prefix) = config.nat64 {
        let span = given.place("nat64");
        if site.inside.value.network().is_ipv4() {
            problems.push(wrong_version(span, "NAT64", "IPv6", site.inside));
            return;
        }
        if overlap(site.inside.value, prefix.into()) {
            problems.push(
                Problem::new(span, "the NAT64 prefix overlaps with the LAN's subnet")
                    .label("is not for hosts")
                    .related(site.inside.span, "the subnet inside"),
            );
            return;
        }
    }
    if let Some(PortBlocks::Deterministic { subscribers, compression, .. }) = config.port_blocks {
        let count = subscriber_count(subscribers);
        let room = u128::from(compression) * site.externals.len() as u128;
        if !site.externals.is_empty() && count > room {
            let message = format!("the LAN's {count} subscribers do not fit into {room} blocks");
            problems.push(
                Problem::new(given.place("port_blocks"), message)
                    .label(format!(
                        "{compression} for each of {} outside addresses",
                        site.externals.len()
                    ))
                    .help("raise `compression`, or give `external` more addresses"),
            );
            return;
        }
    }
    if site.externals.is_empty() {
        return; // why was reported
    }
    if let Err(error) = config.validate(site.externals) {
        let span = place_of(&error, config, given, site);
        problems.push(Problem::new(span, error.to_string()).label("cannot be"));
    }
}

/// The number of addresses, or of /64s, that blocks are counted out to.
fn subscriber_count(subscribers: IpNet) -> u128 {
    let bits = match subscribers {
        IpNet::V4(v4) => 32 - v4.prefix_len(),
        IpNet::V6(v6) => 64u8.saturating_sub(v6.prefix_len()),
    };
    1 << bits
}

/// Where the property stands that makes a configuration impossible.
fn place_of(error: &NatConfigError, config: &NatConfig, given: &Given<'_>, site: Site<'_>) -> Span {
    let forward = |port: u16| {
        let at = config.forwards.iter().rposition(|forward| forward.external_port == port);
        at.and_then(|at| site.forwards.get(at)).copied().unwrap_or(given.place("forwards"))
    };
    match error {
        NatConfigError::ZeroTimeout { property } => given.place(property),
        NatConfigError::NoFlows => given.place("max_flows"),
        NatConfigError::ForwardWithoutPorts { external_port, .. }
        | NatConfigError::ForwardPortZero { external_port, .. }
        | NatConfigError::ForwardVersion { external_port, .. }
        | NatConfigError::DuplicateForward { external_port, .. } => forward(*external_port),
        _ => given.place(""),
    }
}

fn overlap(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// Makes the translator of a rule, or reports why it does not fit the LAN with the subnet `inside`.
pub(crate) fn by_rule(
    rule: Located<RuleKeys>,
    inside: Located<IpNet>,
    problems: &mut Problems,
) -> Option<StatelessConfig> {
    let config = match (rule.value, inside.value) {
        (RuleKeys::OneToOne { external }, internal) => {
            StatelessConfig::OneToOne { internal, external: external.value }
        }
        (RuleKeys::Nptv6 { external }, IpNet::V6(internal)) => {
            StatelessConfig::Nptv6 { internal, external: external.value }
        }
        (RuleKeys::Clat { nat64, prefix }, IpNet::V4(internal)) => {
            StatelessConfig::Clat { internal, clat: prefix.value, nat64: nat64.value }
        }
        (RuleKeys::Nptv6 { external }, IpNet::V4(_)) => {
            problems.push(wrong_version(external.span, "NPTv6", "IPv6", inside));
            return None;
        }
        (RuleKeys::Clat { .. }, IpNet::V6(_)) => {
            problems.push(wrong_version(rule.span, "a CLAT", "IPv4", inside));
            return None;
        }
    };
    let Err(error) = config.validate() else { return Some(config) };
    let span = match (rule.value, error) {
        (RuleKeys::OneToOne { external }, _) => external.span,
        (RuleKeys::Nptv6 { external }, _) => external.span,
        (RuleKeys::Clat { nat64, .. }, StatelessConfigError::NoAddressPrefix { prefix })
            if prefix == nat64.value =>
        {
            nat64.span
        }
        (RuleKeys::Clat { prefix, .. }, _) => prefix.span,
    };
    problems.push(
        Problem::new(span, error.to_string())
            .label("does not fit")
            .related(inside.span, "the subnet inside"),
    );
    None
}

fn wrong_version(span: Span, what: &str, version: &str, inside: Located<IpNet>) -> Problem {
    Problem::new(span, format!("{what} is for a LAN with {version}"))
        .label("cannot be")
        .related(inside.span, format!("the hosts inside have addresses of {}", inside.value))
}
