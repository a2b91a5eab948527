//! Properties of a NAT that contradict each other, or the place that the NAT has in the world.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};
use natbed_nat::{
    NatConfig, NatConfigError, PortAllocation, PortBlocks, StatelessConfig, StatelessConfigError,
};

use crate::limits::BLOCK_PORTS;
use crate::nat_keys::{Given, RuleKeys};
use crate::problem::{Problem, Problems};
use crate::tree::{Located, Span};

/// Stands for the outside of a NAT that is not in the world yet (RFC 5737).
const ANY_EXTERNAL: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A NAT's place: the LAN it serves and its addresses outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    pub(crate) inside: Located<IpNet>,
    /// Empty if something about them was reported.
    pub(crate) externals: &'a [IpAddr],
    /// Where the port forwards stand, in the order of the configuration's.
    pub(crate) forwards: &'a [Span],
}

/// Reports what no NAT can be, whatever LAN it serves; true if there is nothing.
pub(crate) fn check_alone(config: &NatConfig, given: &Given<'_>, problems: &mut Problems) -> bool {
    let mut config = config.clone();
    if let Some(PortBlocks::Deterministic { subscribers, .. }) = &mut config.port_blocks {
        // One subscriber always fits; how many there are depends on the LAN.
        *subscribers = match config.nat64 {
            None => ANY_EXTERNAL.into(),
            Some(_) => IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 64)),
        };
    }
    let found =
        without_effect(&config, given).or_else(|| impossible(&config, given, &[ANY_EXTERNAL], &[]));
    let is_fine = found.is_none();
    found.into_iter().for_each(|problem| problems.push(problem));
    is_fine
}

/// Reports what is wrong with a NAT with mappings at its place.
pub(crate) fn check(
    config: &NatConfig,
    given: &Given<'_>,
    site: Site<'_>,
    problems: &mut Problems,
) {
    let found = without_effect(config, given).or_else(|| misplaced(config, given, site));
    let found = found.or_else(|| {
        // Why there is no address was reported.
        let is_known = !site.externals.is_empty();
        is_known.then(|| impossible(config, given, site.externals, site.forwards))?
    });
    found.into_iter().for_each(|problem| problems.push(problem));
}

/// Finds a property that another one leaves without effect.
fn without_effect(config: &NatConfig, given: &Given<'_>) -> Option<Problem> {
    let strict = [("port_parity", config.port_parity), ("port_contiguity", config.port_contiguity)];
    if config.ports == PortAllocation::Strict
        && let Some((property, _)) = strict.into_iter().find(|(_, is_set)| *is_set)
    {
        let message = format!("`{property}` has no effect on strict ports");
        return Some(
            Problem::new(given.place(&[property, "ports"]), message)
                .label("without effect here")
                .related(given.place(&["ports"]), "the port never changes"),
        );
    }
    if let Some(PortBlocks::Dynamic { size, max_blocks }) = config.port_blocks {
        let ports = u32::from(size) * u32::from(max_blocks);
        if ports > BLOCK_PORTS {
            let message = format!("a subscriber's blocks have up to {ports} ports");
            return Some(
                Problem::new(given.place(&["port_blocks"]), message)
                    .label(format!("an address has {BLOCK_PORTS} for blocks")),
            );
        }
    }
    let limit = config.max_flows_per_subscriber.filter(|limit| *limit > config.max_flows)?;
    let message = format!("a subscriber's limit of {limit} flows is above that of the NAT");
    Some(
        Problem::new(given.place(&["max_flows_per_subscriber", "max_flows"]), message)
            .label(format!("`max_flows` is {}", config.max_flows)),
    )
}

/// Finds what does not go with the LAN.
fn misplaced(config: &NatConfig, given: &Given<'_>, site: Site<'_>) -> Option<Problem> {
    let prefix = IpNet::V6(config.nat64?);
    let (span, inside) = (given.place(&["nat64"]), site.inside);
    if inside.value.network().is_ipv4() {
        return Some(wrong_version(span, "NAT64", "IPv6", inside));
    }
    let overlaps = inside.value.contains(&prefix) || prefix.contains(&inside.value);
    overlaps.then(|| {
        Problem::new(span, "the NAT64 prefix overlaps with the LAN's subnet")
            .label("is not for hosts")
            .related(inside.span, "the subnet inside")
    })
}

/// Finds what the NAT itself refuses.
fn impossible(
    config: &NatConfig,
    given: &Given<'_>,
    externals: &[IpAddr],
    forwards: &[Span],
) -> Option<Problem> {
    let error = config.validate(externals).err()?;
    let forward = |port: u16| {
        let at = config.forwards.iter().rposition(|forward| forward.external_port == port);
        at.and_then(|at| forwards.get(at)).copied().unwrap_or(given.place(&[]))
    };
    let span = match &error {
        NatConfigError::ZeroTimeout { property }
        | NatConfigError::AbsurdTimeout { property }
        | NatConfigError::ZeroLimit { property } => given.place(&[property]),
        NatConfigError::StrictPorts { property } => given.place(&[property, "ports"]),
        NatConfigError::NoFlows => given.place(&["max_flows"]),
        NatConfigError::HoldWithOverload => given.place(&["port_hold", "ports"]),
        NatConfigError::BlockTooLarge { .. }
        | NatConfigError::BlockTooSmall { .. }
        | NatConfigError::TooManySubscribers { .. }
        | NatConfigError::SubscribersVersion { .. } => given.place(&["port_blocks"]),
        NatConfigError::Nat64Prefix { .. } | NatConfigError::Nat64External { .. } => {
            given.place(&["nat64"])
        }
        NatConfigError::ForwardWithoutPorts { external_port, .. }
        | NatConfigError::ForwardPortZero { external_port, .. }
        | NatConfigError::ForwardVersion { external_port, .. }
        | NatConfigError::DuplicateForward { external_port, .. } => forward(*external_port),
        _ => given.place(&[]),
    };
    let problem = Problem::new(span, error.to_string()).label("cannot be");
    Some(match error {
        NatConfigError::TooManySubscribers { .. } => {
            problem.help("raise `compression`, or give `external` more addresses")
        }
        _ => problem,
    })
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
