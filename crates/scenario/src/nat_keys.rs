//! `nat:` in its forms: `none`, a profile's name, properties, a profile with overrides, or a rule.

use ipnet::{IpNet, Ipv6Net};
use natbed_nat::{Behaviour, NatConfig, PortBlocks};

use crate::catalogue::Catalogue;
use crate::decode::{Fields, ipv6_network, keys, network, text};
use crate::nat_properties::properties;
use crate::problem::{Problem, Problems};
use crate::scenario::ProfileRef;
use crate::tree::{Entry, Located, Span, Value};

/// What `nat:` asks for.
#[derive(Clone, Debug)]
pub(crate) enum NatKeys<'t> {
    /// `none`: a routed subnet.
    Routed,
    Mapped(Box<Mapped<'t>>),
    ByRule(Located<RuleKeys>),
}

/// A NAT with mappings.
#[derive(Clone, Debug)]
pub(crate) struct Mapped<'t> {
    pub(crate) profile: Option<ProfileRef>,
    pub(crate) config: NatConfig,
    pub(crate) given: Given<'t>,
}

/// Where the properties of a NAT stand in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'t> {
    /// The profile's name, or else the key that the properties are the value of.
    whole: Span,
    entries: &'t [Entry],
}

impl Given<'_> {
    /// Returns the place of the first of `properties` that is given, or that of the whole.
    pub(crate) fn place(&self, properties: &[&str]) -> Span {
        let entry = properties
            .iter()
            .find_map(|property| self.entries.iter().find(|entry| &*entry.key.value == *property));
        entry.map_or(self.whole, |entry| entry.value.span)
    }
}

/// A translator by rule; its inside is the LAN's subnet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RuleKeys {
    OneToOne { external: Located<IpNet> },
    Nptv6 { external: Located<Ipv6Net> },
    Clat { nat64: Located<Ipv6Net>, prefix: Located<Ipv6Net> },
}

impl NatKeys<'_> {
    /// Says whether the outside is IPv4 when the inside `is_ipv4`.
    pub(crate) const fn outside_is_ipv4(&self, is_ipv4: bool) -> bool {
        match self {
            Self::Routed => is_ipv4,
            Self::Mapped(mapped) => is_ipv4 || mapped.config.nat64.is_some(),
            Self::ByRule(rule) => is_ipv4 && !matches!(rule.value, RuleKeys::Clat { .. }),
        }
    }

    /// Says whether it is made for the subnet of one LAN, and can serve no second one.
    pub(crate) const fn serves_one_subnet(&self) -> bool {
        match self {
            Self::Routed => false,
            Self::Mapped(mapped) => {
                matches!(mapped.config.port_blocks, Some(PortBlocks::Deterministic { .. }))
            }
            Self::ByRule(_) => true,
        }
    }

    /// Returns the network outside that leads to the LAN by rule.
    pub(crate) fn external_network(&self) -> Option<Located<IpNet>> {
        let Self::ByRule(rule) = self else { return None };
        Some(match rule.value {
            RuleKeys::OneToOne { external } => external,
            RuleKeys::Nptv6 { external } => Located::new(external.value.into(), external.span),
            RuleKeys::Clat { prefix, .. } => Located::new(prefix.value.into(), prefix.span),
        })
    }
}

/// Decodes the value of `nat`.
pub(crate) fn decode<'t>(
    entry: &'t Entry,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Option<NatKeys<'t>> {
    if !matches!(entry.value.value, Value::Mapping(_)) {
        let what = "`none`, a profile's name or properties";
        let name = text(&entry.value, what, problems)?;
        if name.value == "none" {
            return Some(NatKeys::Routed);
        }
        let (profile, config) = named(name, catalogue, problems)?;
        let given = Given { whole: name.span, entries: &[] };
        return Some(NatKeys::Mapped(Box::new(Mapped { profile: Some(profile), config, given })));
    }
    let fields = Fields::open(&entry.value, entry.key.span, &keys::NAT, problems)?;
    let mut rules = ["one_to_one", "nptv6", "clat"].into_iter().filter_map(|key| fields.get(key));
    let Some(by_rule) = rules.next() else {
        let mapped = mapped(&fields, entry.key.span, catalogue, problems)?;
        return Some(NatKeys::Mapped(Box::new(mapped)));
    };
    for other in fields.others(&[&by_rule.key.value]) {
        let message = format!("`{}` has no effect on a NAT by rule", other.key.value);
        problems.push(
            Problem::new(other.key.span, message)
                .label("without effect here")
                .related(by_rule.key.span, "translates by rule"),
        );
    }
    Some(NatKeys::ByRule(Located::new(rule(by_rule, problems)?, by_rule.value.span)))
}

fn rule(entry: &Entry, problems: &mut Problems) -> Option<RuleKeys> {
    Some(match &*entry.key.value {
        "one_to_one" => RuleKeys::OneToOne { external: network(&entry.value, problems)? },
        "nptv6" => RuleKeys::Nptv6 { external: ipv6_network(&entry.value, problems)? },
        _ => {
            let fields = Fields::open(&entry.value, entry.key.span, &keys::CLAT, problems)?;
            let mut prefix = |key| {
                let entry = fields.required(key, problems)?;
                ipv6_network(&entry.value, problems)
            };
            let (nat64, prefix) = (prefix("nat64"), prefix("prefix"));
            RuleKeys::Clat { nat64: nat64?, prefix: prefix? }
        }
    })
}

/// Decodes the properties of a NAT, which start from a profile if `profile` names one.
pub(crate) fn mapped<'t>(
    fields: &Fields<'t>,
    at: Span,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Option<Mapped<'t>> {
    let name = fields.optional("profile", problems, |node, problems| {
        text(node, "a NAT profile's name", problems)
    });
    let base = name.and_then(|name| named(name, catalogue, problems));
    let (profile, base) =
        base.map_or_else(Default::default, |(profile, config)| (Some(profile), config));
    let whole = name.map_or(at, |name| name.span);
    let config = properties(fields, base, problems);
    Some(Mapped { profile, config, given: Given { whole, entries: fields.entries() } })
}

fn named(
    name: Located<&str>,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Option<(ProfileRef, NatConfig)> {
    let (profile, behaviour) = catalogue.find(name, "NAT", problems)?;
    match behaviour {
        Behaviour::Nat(config) => Some((profile, config.clone())),
        Behaviour::Firewall(_) => {
            problems.push(Catalogue::other_kind(name, "a firewall", "firewall"));
            None
        }
    }
}
