//! Which LAN hangs on what, and which addresses therefore share one routing domain.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::lan::LanKeys;
use crate::nat_keys::NatKeys;
use crate::problem::{Problem, Problems};
use crate::tree::{Located, Span};

/// What the outside of a LAN's gateway is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    /// Nothing: the LAN has no gateway.
    Closed,
    Internet,
    Lan(usize),
    /// Something that was reported.
    Unknown,
}

/// A set of subnets between which packets are routed without translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Domain {
    Internet,
    /// Behind the NAT of this LAN's gateway, or in a LAN without a gateway.
    Lan(usize),
    /// Not known because something was reported; each LAN of this kind stands alone.
    Unknown(usize),
}

/// Finds what each LAN's gateway is attached to; unknown names and circles are reported.
pub(crate) fn upstreams(
    lans: &[LanKeys<'_>],
    names: &BTreeMap<&str, usize>,
    problems: &mut Problems,
) -> Vec<Upstream> {
    let mut upstreams: Vec<Upstream> = lans
        .iter()
        .map(|lan| match lan.gateway.as_ref().map(|gateway| gateway.via) {
            None => Upstream::Closed,
            Some(None) => Upstream::Internet,
            Some(Some(via)) => match names.get(via.value) {
                Some(index) => Upstream::Lan(*index),
                None => {
                    problems.unknown(via.span, "LAN", via.value, names.keys().copied());
                    Upstream::Unknown
                }
            },
        })
        .collect();
    break_circles(lans, &mut upstreams, problems);
    upstreams
}

fn break_circles(lans: &[LanKeys<'_>], upstreams: &mut [Upstream], problems: &mut Problems) {
    // The walk that first came by each LAN; coming by again in the same walk is a circle.
    let mut walk_of = vec![usize::MAX; lans.len()];
    for start in 0..lans.len() {
        let mut at = start;
        while walk_of[at] == usize::MAX {
            walk_of[at] = start;
            let Upstream::Lan(next) = upstreams[at] else { break };
            if walk_of[next] == start {
                if let Some(via) = lans[at].gateway.as_ref().and_then(|gateway| gateway.via) {
                    let name = lans[at].name.value;
                    problems.push(
                        Problem::new(
                            via.span,
                            format!("the LAN `{name}` is reached through itself"),
                        )
                        .label("this closes a circle"),
                    );
                }
                upstreams[at] = Upstream::Unknown;
                break;
            }
            at = next;
        }
    }
}

/// Finds the routing domain each LAN belongs to.
pub(crate) fn domains(lans: &[LanKeys<'_>], upstreams: &[Upstream]) -> Vec<Domain> {
    let mut domains: Vec<Option<Domain>> = vec![None; lans.len()];
    for start in 0..lans.len() {
        // Up through routed gateways to a LAN whose domain is settled, then back down.
        let mut chain = Vec::new();
        let mut at = start;
        let domain = loop {
            if let Some(domain) = domains[at] {
                break domain;
            }
            chain.push(at);
            let nat = lans[at].gateway.as_ref().and_then(|gateway| gateway.nat.as_ref());
            match (nat.map(|nat| &nat.value), upstreams[at]) {
                (_, Upstream::Closed) | (Some(NatKeys::Translated(_)), _) => break Domain::Lan(at),
                (Some(NatKeys::Routed), Upstream::Internet) => break Domain::Internet,
                (Some(NatKeys::Routed), Upstream::Lan(next)) => at = next,
                (None, _) | (_, Upstream::Unknown) => break Domain::Unknown(at),
            }
        };
        chain.into_iter().for_each(|lan| domains[lan] = Some(domain));
    }
    domains
        .into_iter()
        .enumerate()
        .map(|(at, domain)| domain.unwrap_or(Domain::Unknown(at)))
        .collect()
}

/// Reports subnets that overlap where packets for both are routed.
pub(crate) fn check_overlaps(
    lans: &[LanKeys<'_>],
    upstreams: &[Upstream],
    domains: &[Domain],
    problems: &mut Problems,
) {
    let mut routed: Vec<(Domain, IpNet, usize)> = lans
        .iter()
        .enumerate()
        .filter_map(|(at, lan)| Some((domains[at], lan.subnet?.value, at)))
        .collect();
    // Subnets nest or are apart, so in order of their start the last wide one tells.
    routed.sort_unstable();
    let mut widest: Option<(Domain, IpNet, usize)> = None;
    for (domain, subnet, at) in routed {
        match widest {
            Some((same, wide, other)) if same == domain && wide.contains(&subnet) => {
                report_overlap(
                    lans,
                    at.max(other),
                    at.min(other),
                    "are routed to each other",
                    problems,
                );
            }
            _ => widest = Some((domain, subnet, at)),
        }
    }
    for (at, upstream) in upstreams.iter().enumerate() {
        let Upstream::Lan(outside) = *upstream else { continue };
        let (Some(inner), Some(outer)) = (lans[at].subnet, lans[outside].subnet) else { continue };
        let overlap = inner.value.contains(&outer.value) || outer.value.contains(&inner.value);
        if overlap && domains[at] != domains[outside] {
            report_overlap(lans, at, outside, "are the two sides of one gateway", problems);
        }
    }
}

fn report_overlap(
    lans: &[LanKeys<'_>],
    at: usize,
    other: usize,
    relation: &str,
    problems: &mut Problems,
) {
    let (Some(Located { span, .. }), Some(first)) = (lans[at].subnet, lans[other].subnet) else {
        return;
    };
    let (name, first_name) = (lans[at].name.value, lans[other].name.value);
    let message = format!("the subnets of `{name}` and `{first_name}` overlap, but {relation}");
    problems.push(
        Problem::new(span, message)
            .label("overlaps")
            .related(first.span, format!("the subnet of `{first_name}`")),
    );
}

/// Returns where the subnet of a LAN stands, or its name if there is no usable one.
pub(crate) fn subnet_span(lan: &LanKeys<'_>) -> Span {
    lan.subnet.map_or(lan.name.span, |subnet| subnet.span)
}
