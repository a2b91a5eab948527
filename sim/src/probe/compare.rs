//! What a probe saw, held against what the box claims to be.

use std::fmt::Display;

use natbed_nat::{
    Action, Behaviour, FilterScope, Filtering, FirewallConfig, Hairpin, Mapping, NatConfig,
    Pooling, PortAllocation, WanInput,
};
use natbed_units::SimDuration;

use super::findings::{Findings, Seen};

/// How what was seen of a property stands to its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is what the box claims.
    Agrees,
    /// It is something else.
    Differs,
    /// It cannot be seen from outside.
    NotVisible,
}

/// A property with what was seen and what is claimed, in the words of scenario files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The property's key.
    pub property: &'static str,
    /// What was seen; `None` if it is not visible.
    pub seen: Option<String>,
    /// What the box claims; `None` if such a box has no such property.
    pub claim: Option<String>,
    /// How the two stand to each other.
    pub verdict: Verdict,
    /// Why it is not visible or differs, or what else there is to know.
    pub note: Option<&'static str>,
}

const OVERLOADED: &str = "one host alone sees eim, and so does every test of RFC 5780: while a port \
                          is shared by hosts, only a clash of two of them shows the mapping";
const BLOCKS: &str = "a host's ports are those of its block, so that another port cannot be kept";
const UNEXPLAINED: &str = "nothing about the box explains it";

/// What a box claims, in the terms of [`Findings`].
struct Claims {
    mapping: Option<Mapping>,
    filtering: Filtering,
    filter_scope: Option<FilterScope>,
    ports: Option<PortAllocation>,
    port_parity: Option<bool>,
    port_contiguity: Option<bool>,
    pooling: Option<Pooling>,
    hairpin: Option<Hairpin>,
    udp_timeout: SimDuration,
    udp_stream_timeout: SimDuration,
    udp_stream_after: SimDuration,
    udp_well_known_timeout: Option<SimDuration>,
    refresh_outbound: bool,
    refresh_inbound: bool,
    wan_input: WanInput,
    has_blocks: bool,
}

impl From<&NatConfig> for Claims {
    fn from(config: &NatConfig) -> Self {
        Self {
            mapping: Some(config.mapping),
            filtering: config.filtering,
            filter_scope: Some(config.filter_scope),
            ports: Some(config.ports),
            port_parity: Some(config.port_parity),
            port_contiguity: Some(config.port_contiguity),
            pooling: Some(config.pooling),
            hairpin: Some(config.hairpin),
            udp_timeout: config.udp_timeout,
            udp_stream_timeout: config.udp_stream_timeout,
            udp_stream_after: config.udp_stream_after,
            udp_well_known_timeout: config.udp_well_known_timeout,
            refresh_outbound: config.refresh_outbound,
            refresh_inbound: config.refresh_inbound,
            wan_input: config.wan_input,
            has_blocks: config.port_blocks.is_some(),
        }
    }
}

impl From<&FirewallConfig> for Claims {
    fn from(config: &FirewallConfig) -> Self {
        let wan_input = match config.inbound.default {
            Action::Allow => WanInput::Accept,
            Action::Drop => WanInput::Drop,
            Action::Reject => WanInput::Reject,
        };
        // Whom the policy lets in, the filter does not keep out.
        let filtering = if wan_input == WanInput::Accept {
            Filtering::EndpointIndependent
        } else {
            config.filtering
        };
        Self {
            mapping: None,
            filtering,
            filter_scope: None,
            ports: None,
            port_parity: None,
            port_contiguity: None,
            pooling: None,
            hairpin: None,
            udp_timeout: config.udp_timeout,
            udp_stream_timeout: config.udp_stream_timeout,
            udp_stream_after: config.udp_stream_after,
            udp_well_known_timeout: config.udp_well_known_timeout,
            refresh_outbound: true,
            refresh_inbound: config.refresh_inbound,
            wan_input,
            has_blocks: false,
        }
    }
}

/// Holds what was seen of a box against what it claims; properties that it does not have are left
/// out.
#[must_use]
pub fn compare(findings: &Findings, behaviour: &Behaviour) -> Vec<Comparison> {
    let claims = match behaviour {
        Behaviour::Nat(config) => Claims::from(config),
        Behaviour::Firewall(config) => Claims::from(config),
    };
    let none_or = |word: Option<String>| word.unwrap_or_else(|| "none".to_owned());
    let mapping = |mapping: Option<Mapping>| none_or(mapping.map(|word| word.to_string()));
    let well_known = |time: Option<SimDuration>| none_or(time.map(|time| time.to_string()));
    let claimed_well_known =
        claims.udp_well_known_timeout.filter(|time| *time != claims.udp_timeout);
    let blocks = if claims.has_blocks { BLOCKS } else { UNEXPLAINED };

    let mut mapping =
        row("mapping", findings.mapping.map(mapping), Some(mapping(claims.mapping)), UNEXPLAINED);
    if mapping.note.is_none() && findings.mapping_for_one_host != findings.mapping {
        mapping.note = Some(OVERLOADED);
    }
    let rows = [
        mapping,
        row("filtering", findings.filtering, Some(claims.filtering), UNEXPLAINED),
        row("filter_scope", findings.filter_scope, claims.filter_scope, UNEXPLAINED),
        row("ports", findings.ports, claims.ports, blocks),
        row("port_parity", findings.port_parity, claims.port_parity, blocks),
        row("port_contiguity", findings.port_contiguity, claims.port_contiguity, blocks),
        row("pooling", findings.pooling, claims.pooling, blocks),
        row("hairpin", findings.hairpin, claims.hairpin, UNEXPLAINED),
        row("udp_timeout", findings.udp_timeout, Some(claims.udp_timeout), UNEXPLAINED),
        row(
            "udp_stream_timeout",
            findings.udp_stream_timeout,
            Some(claims.udp_stream_timeout),
            UNEXPLAINED,
        ),
        row(
            "udp_stream_after",
            findings.udp_stream_after,
            Some(claims.udp_stream_after),
            "only ages up to a minute are tried",
        ),
        row(
            "udp_well_known_timeout",
            findings.udp_well_known_timeout.map(well_known),
            Some(well_known(claimed_well_known)),
            "only port 53 is tried",
        ),
        row(
            "refresh_outbound",
            findings.refresh_outbound,
            Some(claims.refresh_outbound),
            UNEXPLAINED,
        ),
        row("refresh_inbound", findings.refresh_inbound, Some(claims.refresh_inbound), UNEXPLAINED),
        row("wan_input", findings.wan_input, Some(claims.wan_input), UNEXPLAINED),
    ];
    rows.into_iter().filter(|row| row.claim.is_some() || row.seen.is_some()).collect()
}

fn row<T: Display>(
    property: &'static str,
    seen: Seen<T>,
    claim: Option<T>,
    why_it_may_differ: &'static str,
) -> Comparison {
    let claim = claim.map(|claim| claim.to_string());
    match seen {
        Seen::NotVisible(reason) => Comparison {
            property,
            seen: None,
            claim,
            verdict: Verdict::NotVisible,
            note: Some(reason),
        },
        Seen::Value(seen) => {
            let seen = Some(seen.to_string());
            let agrees = seen == claim;
            let (verdict, note) = if agrees {
                (Verdict::Agrees, None)
            } else {
                (Verdict::Differs, Some(why_it_may_differ))
            };
            Comparison { property, seen, claim, verdict, note }
        }
    }
}
