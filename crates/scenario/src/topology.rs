//! Which LAN hangs on what, and which addresses therefore share one routing domain.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::lan::{IPV4, IPV6, LanKeys, version, version_name};
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
    /// It is the gateway of another LAN, which this one shares.
    Shared(usize),
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
    let mut upstreams = Vec::with_capacity(lans.len());
    for lan in lans {
        let Some(gateway) = &lan.gateway else {
            upstreams.push(Upstream::Closed);
            continue;
        };
        let Some(name) = gateway.of.or(gateway.via) else {
            upstreams.push(Upstream::Internet);
            continue;
        };
        upstreams.push(match names.get(name.value) {
            Some(at) if gateway.of.is_none() => Upstream::Lan(*at),
            Some(at) if can_be_shared(lan, &lans[*at], name.span, problems) => {
                Upstream::Shared(*at)
            }
            Some(_) => Upstream::Unknown,
            None => {
                problems.unknown(name.span, "LAN", name.value, names.keys().copied());
                Upstream::Unknown
            }
        });
    }
    break_circles(lans, &mut upstreams, problems);
    upstreams
}

/// Reports, at the name of `owner`, why its gateway cannot serve `lan` as well.
fn can_be_shared(
    lan: &LanKeys<'_>,
    owner: &LanKeys<'_>,
    at: Span,
    problems: &mut Problems,
) -> bool {
    let name = owner.name.value;
    let missing = [IPV4, IPV6].into_iter().find(|version| {
        lan.subnet_of(*version).is_some()
            && owner.subnet.is_some()
            && owner.subnet_of(*version).is_none()
    });
    let own_only = [IPV4, IPV6].into_iter().find_map(|version| {
        let nat = owner.half(version)?.nat.as_ref()?;
        lan.subnet_of(version)?;
        nat.value.serves_one_subnet().then_some(nat.span)
    });
    let problem = match &owner.gateway {
        None => Problem::new(at, format!("the LAN `{name}` has no gateway"))
            .label("there is nothing to share"),
        Some(gateway) if gateway.of.is_some() => {
            Problem::new(at, format!("the LAN `{name}` shares a gateway itself"))
                .label("expected the LAN that has the gateway")
        }
        Some(_) => match (missing, own_only) {
            (Some(version), _) => {
                let version = version_name(version);
                Problem::new(at, format!("the gateway of `{name}` has no {version}"))
                    .label(format!("cannot serve a LAN with {version}"))
                    .related(subnet_span(owner), format!("the subnet of `{name}`"))
            }
            (None, Some(nat)) => {
                Problem::new(at, format!("the NAT of `{name}` is for its own subnet alone"))
                    .label("cannot serve a second LAN")
                    .related(nat, "counts on the subnet")
            }
            (None, None) => return true,
        },
    };
    problems.push(problem);
    false
}

fn break_circles(lans: &[LanKeys<'_>], upstreams: &mut [Upstream], problems: &mut Problems) {
    // The walk that first came by each LAN; coming by again in the same walk is a circle.
    let mut walk_of = vec![usize::MAX; lans.len()];
    for start in 0..lans.len() {
        let mut at = start;
        while walk_of[at] == usize::MAX {
            walk_of[at] = start;
            let (Upstream::Lan(next) | Upstream::Shared(next)) = upstreams[at] else { break };
            if walk_of[next] == start {
                let gateway = lans[at].gateway.as_ref();
                if let Some(via) = gateway.and_then(|gateway| gateway.via.or(gateway.of)) {
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

/// Finds the routing domain that each LAN belongs to with each IP version.
pub(crate) fn domains(lans: &[LanKeys<'_>], upstreams: &[Upstream]) -> Vec<[Domain; 2]> {
    let ipv4 = domains_of(IPV4, lans, upstreams);
    let ipv6 = domains_of(IPV6, lans, upstreams);
    ipv4.into_iter().zip(ipv6).map(|(ipv4, ipv6)| [ipv4, ipv6]).collect()
}

fn domains_of(version: usize, lans: &[LanKeys<'_>], upstreams: &[Upstream]) -> Vec<Domain> {
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
            let nat = lans[at].half(version).and_then(|half| half.nat.as_ref());
            match (nat.map(|nat| &nat.value), upstreams[at]) {
                (_, Upstream::Closed) => break Domain::Lan(at),
                (_, Upstream::Shared(owner)) => at = owner,
                (Some(NatKeys::Mapped(_) | NatKeys::ByRule(_)), _) => break Domain::Lan(at),
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

/// A network that packets are routed to within a domain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route<'t> {
    pub(crate) domain: Domain,
    pub(crate) network: Located<IpNet>,
    /// The LAN that it leads to.
    pub(crate) lan: &'t str,
    /// Whether it is the outside of a NAT by rule rather than the LAN's subnet.
    pub(crate) is_outside: bool,
}

impl Route<'_> {
    fn describe(&self) -> String {
        let what = if self.is_outside { "outside network" } else { "subnet" };
        format!("the {what} of `{}`", self.lan)
    }
}

/// Returns the routes of all domains, in the order of the file.
pub(crate) fn routes<'t>(
    lans: &[LanKeys<'t>],
    upstreams: &[Upstream],
    domains: &[[Domain; 2]],
) -> Vec<Route<'t>> {
    let mut routes = Vec::with_capacity(lans.len());
    for (at, lan) in lans.iter().enumerate() {
        let name = lan.name.value;
        for network in [lan.subnet, lan.ipv6].into_iter().flatten() {
            let domain = domains[at][version(&network.value)];
            routes.push(Route { domain, network, lan: name, is_outside: false });
        }
        let halves = [IPV4, IPV6].into_iter().filter_map(|version| lan.half(version));
        for nat in halves.filter_map(|half| half.nat.as_ref()) {
            let Some(network) = nat.value.external_network() else { continue };
            let domain = match upstreams[at] {
                Upstream::Internet => Domain::Internet,
                Upstream::Lan(outside) => domains[outside][version(&network.value)],
                Upstream::Closed | Upstream::Shared(_) | Upstream::Unknown => continue,
            };
            routes.push(Route { domain, network, lan: name, is_outside: true });
        }
    }
    routes
}

/// Reports networks that overlap where packets for both are routed.
pub(crate) fn check_overlaps(
    lans: &[LanKeys<'_>],
    upstreams: &[Upstream],
    domains: &[[Domain; 2]],
    routes: &[Route<'_>],
    problems: &mut Problems,
) {
    let mut routed: Vec<(Domain, IpNet, usize)> = routes
        .iter()
        .enumerate()
        .map(|(at, route)| (route.domain, route.network.value, at))
        .collect();
    // Subnets nest or are apart, so in order of their start the last wide one tells.
    routed.sort_unstable();
    let mut widest: Option<(Domain, IpNet, usize)> = None;
    for (domain, subnet, at) in routed {
        match widest {
            Some((same, wide, other)) if same == domain && wide.contains(&subnet) => {
                let (later, first) = (&routes[at.max(other)], &routes[at.min(other)]);
                report_overlap(later, first, "are routed to each other", problems);
            }
            _ => widest = Some((domain, subnet, at)),
        }
    }
    for at in 0..lans.len() {
        let owner = match upstreams[at] {
            Upstream::Shared(owner) => owner,
            _ => at,
        };
        let Upstream::Lan(outside) = upstreams[owner] else { continue };
        for version in [IPV4, IPV6] {
            let side = |lan: usize| {
                let network = lans[lan].subnet_of(version)?;
                let (domain, lan) = (domains[lan][version], lans[lan].name.value);
                Some(Route { domain, network, lan, is_outside: false })
            };
            let (Some(inner), Some(outer)) = (side(at), side(outside)) else { continue };
            let (inside, beyond) = (inner.network.value, outer.network.value);
            let overlap = inside.contains(&beyond) || beyond.contains(&inside);
            if overlap && inner.domain != outer.domain {
                report_overlap(&inner, &outer, "are the two sides of one gateway", problems);
            }
        }
    }
}

fn report_overlap(route: &Route<'_>, first: &Route<'_>, relation: &str, problems: &mut Problems) {
    let message = if route.is_outside || first.is_outside {
        format!("{} overlaps with {}, but both {relation}", route.describe(), first.describe())
    } else {
        format!("the subnets of `{}` and `{}` overlap, but {relation}", route.lan, first.lan)
    };
    problems.push(
        Problem::new(route.network.span, message)
            .label("overlaps")
            .related(first.network.span, first.describe()),
    );
}

/// Returns where the subnet of a LAN stands, or its name if there is no usable one.
pub(crate) fn subnet_span(lan: &LanKeys<'_>) -> Span {
    lan.subnet.map_or(lan.name.span, |subnet| subnet.span)
}
