//! What the NATs of a scenario were expanded to, in words.

use std::collections::BTreeMap;

use natbed_nat::{Behaviour, NatConfig, StatelessConfig, TranslatorConfig};
use natbed_scenario::{NatChoice, Scenario};

use crate::properties::properties;

/// Properties that are said of every NAT; of the others, those that are not as they would be
/// without a profile.
const ALWAYS: [&str; 10] = [
    "mapping",
    "filtering",
    "ports",
    "hairpin",
    "wan_input",
    "udp_timeout",
    "udp_stream_timeout",
    "udp_stream_after",
    "refresh_outbound",
    "refresh_inbound",
];

/// What each gateway's NAT was expanded to, by the name of its LAN; that for the IPv6 of a
/// dual-stack LAN has `-ipv6` behind it.
pub(super) fn nats(scenario: &Scenario) -> BTreeMap<String, String> {
    let mut nats = BTreeMap::new();
    let text = |nat: &Option<NatChoice>| nat.as_ref().map_or("none".to_owned(), describe);
    for lan in &scenario.lans {
        let Some(gateway) = &lan.gateway else { continue };
        nats.insert(lan.name.clone(), text(&gateway.nat));
        if let Some(ipv6) = &gateway.ipv6 {
            nats.insert(format!("{}-ipv6", lan.name), text(&ipv6.nat));
        }
    }
    nats
}

fn describe(nat: &NatChoice) -> String {
    let profile = nat.profile.as_ref();
    let name = profile.map(|profile| format!("{}: ", profile.name)).unwrap_or_default();
    let properties = match &nat.config {
        TranslatorConfig::Nat(config) => mapped(config),
        TranslatorConfig::Stateless(rule) => by_rule(rule),
    };
    format!("{name}{properties}")
}

fn mapped(config: &NatConfig) -> String {
    let values = |config: &NatConfig| properties(&Behaviour::Nat(config.clone()));
    let all = values(config);
    let mut said = Vec::new();
    for key in ALWAYS {
        said.extend(all.iter().filter(|(name, _)| *name == key));
    }
    let others = all.iter().zip(values(&NatConfig::default()));
    let others =
        others.filter(|((name, value), (_, default))| !ALWAYS.contains(name) && value != default);
    said.extend(others.map(|(property, _)| property));
    let said: Vec<_> = said.iter().map(|(name, value)| format!("{name} {value}")).collect();
    said.join(", ")
}

fn by_rule(rule: &StatelessConfig) -> String {
    match rule {
        StatelessConfig::OneToOne { internal, external } => {
            format!("one_to_one, {internal} as {external}")
        }
        StatelessConfig::Nptv6 { internal, external } => {
            format!("nptv6, {internal} as {external}")
        }
        StatelessConfig::Clat { internal, clat, nat64 } => {
            format!("clat, {internal} in {clat}, IPv4 addresses in {nat64}")
        }
    }
}
