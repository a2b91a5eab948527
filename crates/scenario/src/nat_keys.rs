//! `nat:` in its four forms: `none`, a profile's name, properties, or a profile with overrides.

use natbed_nat::{Filtering, Hairpin, Mapping, NatConfig, PortAllocation, WanInput, profiles};

use crate::decode::{Fields, boolean, keys, number, text, timer, timer_or_zero, word};
use crate::limits::MAX_FLOWS;
use crate::problem::Problems;
use crate::scenario::{NatChoice, ProfileRef};
use crate::tree::{Entry, Located, Value};

/// What `nat:` asks for.
#[derive(Clone, Debug)]
pub(crate) enum NatKeys {
    /// `none`: a routed subnet.
    Routed,
    Translated(Box<NatChoice>),
}

impl NatKeys {
    pub(crate) fn decode(entry: &Entry, problems: &mut Problems) -> Option<Self> {
        if matches!(entry.value.value, Value::Mapping(_)) {
            return properties(entry, problems).map(|choice| Self::Translated(Box::new(choice)));
        }
        let what = "`none`, a profile's name or properties";
        let name = text(&entry.value, what, problems)?;
        if name.value == "none" {
            return Some(Self::Routed);
        }
        let (profile, config) = profile(name, problems)?;
        let choice = NatChoice { profile: Some(profile), config: config.into() };
        Some(Self::Translated(Box::new(choice)))
    }
}

fn profile(name: Located<&str>, problems: &mut Problems) -> Option<(ProfileRef, NatConfig)> {
    let profile = natbed_nat::profile(name.value);
    if profile.is_none() {
        let names = profiles().iter().map(|profile| profile.name);
        problems.unknown(name.span, "NAT profile", name.value, names);
    }
    let profile = profile?;
    let reference = ProfileRef {
        name: profile.name.to_owned(),
        status: profile.status,
        source: profile.source.to_owned(),
    };
    Some((reference, profile.behaviour.nat()?.clone()))
}

fn properties(entry: &Entry, problems: &mut Problems) -> Option<NatChoice> {
    let fields = Fields::open(&entry.value, entry.key.span, &keys::NAT, problems)?;
    let (profile, base) = match fields.get("profile") {
        None => (None, NatConfig::default()),
        Some(entry) => text(&entry.value, "a NAT profile's name", problems)
            .and_then(|name| profile(name, problems))
            .map_or((None, NatConfig::default()), |(name, config)| (Some(name), config)),
    };
    let udp_timeout = fields.optional("udp_timeout", problems, timer);
    let udp_stream_timeout = fields.optional("udp_stream_timeout", problems, timer);
    let config = NatConfig {
        mapping: property(&fields, "mapping", Mapping::ALL, Mapping::NAMES, problems)
            .unwrap_or(base.mapping),
        filtering: property(&fields, "filtering", Filtering::ALL, Filtering::NAMES, problems)
            .unwrap_or(base.filtering),
        ports: property(&fields, "ports", PortAllocation::ALL, PortAllocation::NAMES, problems)
            .unwrap_or(base.ports),
        hairpin: property(&fields, "hairpin", Hairpin::ALL, Hairpin::NAMES, problems)
            .unwrap_or(base.hairpin),
        wan_input: property(&fields, "wan_input", WanInput::ALL, WanInput::NAMES, problems)
            .unwrap_or(base.wan_input),
        udp_timeout: udp_timeout.unwrap_or(base.udp_timeout),
        // A flow seen both ways must not end before one seen one way only does.
        udp_stream_timeout: udp_stream_timeout
            .unwrap_or_else(|| base.udp_stream_timeout.max(udp_timeout.unwrap_or_default())),
        udp_stream_after: fields
            .optional("udp_stream_after", problems, timer_or_zero)
            .unwrap_or(base.udp_stream_after),
        refresh_inbound: fields
            .optional("refresh_inbound", problems, boolean)
            .unwrap_or(base.refresh_inbound),
        refresh_outbound: fields
            .optional("refresh_outbound", problems, boolean)
            .unwrap_or(base.refresh_outbound),
        max_flows: fields
            .optional("max_flows", problems, |node, problems| {
                number(node, "a number of flows", 1..=MAX_FLOWS, problems)
            })
            .unwrap_or(base.max_flows),
        ..base
    };
    Some(NatChoice { profile, config: config.into() })
}

/// The value of a property that is one of a few words.
fn property<T: Copy>(
    fields: &Fields<'_>,
    key: &'static str,
    values: &[T],
    words: &'static [&'static str],
    problems: &mut Problems,
) -> Option<T> {
    fields.optional(key, problems, |node, problems| {
        word(node, &format!("value of `{key}`:"), values, words, problems)
    })
}
