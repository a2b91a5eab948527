//! `firewall:`: a profile's name, properties, or a profile with properties that override its own.

use natbed_nat::{Behaviour, Filtering, FirewallConfig, PacketRate, UnsolicitedTcp};

use crate::catalogue::Catalogue;
use crate::decode::{Fields, boolean, keys, none_or, number, property, text, timer, timer_or_zero};
use crate::limits::{MAX_FLOWS, MAX_PACKET_RATE};
use crate::policy::policy;
use crate::problem::Problems;
use crate::scenario::FirewallChoice;
use crate::tree::{Entry, Located, Node, Value};

pub(crate) fn decode(
    entry: &Entry,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Option<FirewallChoice> {
    if !matches!(entry.value.value, Value::Mapping(_)) {
        let name = text(&entry.value, "a profile's name or a mapping for a firewall", problems)?;
        return named(name, catalogue, problems);
    }
    let fields = Fields::open(&entry.value, entry.key.span, &keys::FIREWALL, problems)?;
    let named = fields.optional("profile", problems, |node, problems| {
        named(text(node, "a firewall profile's name", problems)?, catalogue, problems)
    });
    let base = named.unwrap_or(FirewallChoice { profile: None, config: FirewallConfig::default() });
    Some(FirewallChoice {
        profile: base.profile,
        config: properties(&fields, base.config, problems),
    })
}

fn named(
    name: Located<&str>,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Option<FirewallChoice> {
    let (profile, behaviour) = catalogue.find(name, "firewall", problems)?;
    match behaviour {
        Behaviour::Firewall(config) => {
            Some(FirewallChoice { profile: Some(profile), config: config.clone() })
        }
        Behaviour::Nat(_) => {
            problems.push(Catalogue::other_kind(name, "a NAT", "nat"));
            None
        }
    }
}

fn properties(
    fields: &Fields<'_>,
    base: FirewallConfig,
    problems: &mut Problems,
) -> FirewallConfig {
    let udp_timeout = fields.optional("udp_timeout", problems, timer);
    FirewallConfig {
        outbound: fields.optional("outbound", problems, policy).unwrap_or(base.outbound),
        inbound: fields.optional("inbound", problems, policy).unwrap_or(base.inbound),
        filtering: property(fields, "filtering", Filtering::ALL, Filtering::NAMES, problems)
            .unwrap_or(base.filtering),
        udp_timeout: udp_timeout.unwrap_or(base.udp_timeout),
        // One timer for all UDP flows, if only one is given.
        udp_stream_timeout: fields
            .optional("udp_stream_timeout", problems, timer)
            .or(udp_timeout)
            .unwrap_or(base.udp_stream_timeout),
        udp_stream_after: fields
            .optional("udp_stream_after", problems, timer_or_zero)
            .unwrap_or(base.udp_stream_after),
        udp_well_known_timeout: fields
            .optional("udp_well_known_timeout", problems, none_or(timer))
            .unwrap_or(base.udp_well_known_timeout),
        tcp_timeout: fields.optional("tcp_timeout", problems, timer).unwrap_or(base.tcp_timeout),
        tcp_opening_timeout: fields
            .optional("tcp_opening_timeout", problems, timer)
            .unwrap_or(base.tcp_opening_timeout),
        tcp_closing_timeout: fields
            .optional("tcp_closing_timeout", problems, timer)
            .unwrap_or(base.tcp_closing_timeout),
        tcp_reset_timeout: fields
            .optional("tcp_reset_timeout", problems, timer)
            .unwrap_or(base.tcp_reset_timeout),
        icmp_timeout: fields.optional("icmp_timeout", problems, timer).unwrap_or(base.icmp_timeout),
        refresh_inbound: fields
            .optional("refresh_inbound", problems, boolean)
            .unwrap_or(base.refresh_inbound),
        unsolicited_tcp: property(
            fields,
            "unsolicited_tcp",
            UnsolicitedTcp::ALL,
            UnsolicitedTcp::NAMES,
            problems,
        )
        .unwrap_or(base.unsolicited_tcp),
        udp_rate: fields
            .optional("udp_rate", problems, none_or(packet_rate))
            .unwrap_or(base.udp_rate),
        max_flow_age: fields
            .optional("max_flow_age", problems, none_or(timer))
            .unwrap_or(base.max_flow_age),
        captive_portal: fields
            .optional("captive_portal", problems, boolean)
            .unwrap_or(base.captive_portal),
        max_flows: fields
            .optional("max_flows", problems, |node, problems| {
                number(node, "a number of flows", 1..=MAX_FLOWS, problems)
            })
            .unwrap_or(base.max_flows),
    }
}

fn packet_rate(node: &Node, problems: &mut Problems) -> Option<PacketRate> {
    let fields = Fields::open(node, node.span, &keys::UDP_RATE, problems)?;
    let packets = |node: &Node, problems: &mut Problems| {
        number(node, "a number of packets", 1..=MAX_PACKET_RATE, problems)
    };
    let packets_per_second = fields
        .required("packets_per_second", problems)
        .and_then(|entry| packets(&entry.value, problems))?;
    let burst = fields.optional("burst", problems, packets).unwrap_or(packets_per_second);
    Some(PacketRate { packets_per_second, burst })
}
