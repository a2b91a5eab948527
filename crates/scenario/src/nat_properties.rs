//! The properties of a NAT, one by one, over those it starts from.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};
use natbed_nat::{
    Exhausted, FilterScope, Filtering, Fragments, Hairpin, Mapping, NatConfig, Pooling,
    PortAllocation, PortBlocks, PortClasses, UnsolicitedTcp, WanInput,
};
use natbed_units::SimDuration;

use crate::decode::{
    Fields, boolean, choice, ipv6_network, keys, none_or, number, property, timer, timer_or_zero,
    word,
};
use crate::limits::{BLOCK_PORTS, MAX_FLOWS};
use crate::problem::Problems;
use crate::tree::Node;

/// Stands for the subscribers until the LAN is known (RFC 6598).
const SUBSCRIBERS: IpNet = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 24));

/// Makes the NAT that has the properties of `fields` and is like `base` otherwise.
pub(crate) fn properties(
    fields: &Fields<'_>,
    base: NatConfig,
    problems: &mut Problems,
) -> NatConfig {
    let base = choices(fields, base, problems);
    let base = ports(fields, base, problems);
    let base = timers(fields, base, problems);
    let mut flag = |key, base| fields.optional(key, problems, boolean).unwrap_or(base);
    let (refresh_outbound, refresh_inbound) = (
        flag("refresh_outbound", base.refresh_outbound),
        flag("refresh_inbound", base.refresh_inbound),
    );
    NatConfig {
        refresh_outbound,
        refresh_inbound,
        nat64: fields
            .optional(
                "nat64",
                problems,
                none_or(|node: &Node, problems: &mut Problems| {
                    ipv6_network(node, problems).map(|prefix| prefix.value)
                }),
            )
            .unwrap_or(base.nat64),
        max_flows: fields.optional("max_flows", problems, flows).unwrap_or(base.max_flows),
        max_flows_per_subscriber: fields
            .optional("max_flows_per_subscriber", problems, none_or(flows))
            .unwrap_or(base.max_flows_per_subscriber),
        max_ports_per_subscriber: fields
            .optional(
                "max_ports_per_subscriber",
                problems,
                none_or(|node: &Node, problems: &mut Problems| {
                    number(node, "a number of ports", 1..=BLOCK_PORTS, problems)
                }),
            )
            .unwrap_or(base.max_ports_per_subscriber),
        ..base
    }
}

/// The properties that are one of a few words.
fn choices(fields: &Fields<'_>, base: NatConfig, problems: &mut Problems) -> NatConfig {
    macro_rules! word_of {
        ($key:ident: $type:ident) => {
            property(fields, stringify!($key), $type::ALL, $type::NAMES, problems)
                .unwrap_or(base.$key)
        };
    }
    macro_rules! word_or_none_of {
        ($key:ident: $type:ident) => {
            fields
                .optional(
                    stringify!($key),
                    problems,
                    none_or(|node: &Node, problems: &mut Problems| {
                        let what = concat!("value of `", stringify!($key), "`:");
                        word(node, what, $type::ALL, $type::NAMES, problems)
                    }),
                )
                .unwrap_or(base.$key)
        };
    }
    NatConfig {
        mapping: word_of!(mapping: Mapping),
        filtering: word_of!(filtering: Filtering),
        tcp_mapping: word_or_none_of!(tcp_mapping: Mapping),
        tcp_filtering: word_or_none_of!(tcp_filtering: Filtering),
        filter_scope: word_of!(filter_scope: FilterScope),
        ports: word_of!(ports: PortAllocation),
        port_classes: word_of!(port_classes: PortClasses),
        pooling: word_of!(pooling: Pooling),
        hairpin: word_of!(hairpin: Hairpin),
        wan_input: word_of!(wan_input: WanInput),
        unsolicited_tcp: word_of!(unsolicited_tcp: UnsolicitedTcp),
        fragments: word_of!(fragments: Fragments),
        exhausted: word_of!(exhausted: Exhausted),
        ..base
    }
}

fn ports(fields: &Fields<'_>, base: NatConfig, problems: &mut Problems) -> NatConfig {
    let mut flag = |key, base| fields.optional(key, problems, boolean).unwrap_or(base);
    let port_parity = flag("port_parity", base.port_parity);
    let port_contiguity = flag("port_contiguity", base.port_contiguity);
    NatConfig {
        port_parity,
        port_contiguity,
        port_blocks: fields
            .optional("port_blocks", problems, none_or(port_blocks))
            .unwrap_or(base.port_blocks),
        port_hold: fields.optional("port_hold", problems, timer_or_zero).unwrap_or(base.port_hold),
        ..base
    }
}

fn timers(fields: &Fields<'_>, base: NatConfig, problems: &mut Problems) -> NatConfig {
    let udp_timeout = fields.optional("udp_timeout", problems, timer);
    let mut lasting =
        |key, base: SimDuration| fields.optional(key, problems, timer).unwrap_or(base);
    // A flow seen both ways must not end before one seen one way only does.
    let stream = base.udp_stream_timeout.max(udp_timeout.unwrap_or_default());
    NatConfig {
        udp_timeout: udp_timeout.unwrap_or(base.udp_timeout),
        udp_stream_timeout: lasting("udp_stream_timeout", stream),
        tcp_timeout: lasting("tcp_timeout", base.tcp_timeout),
        tcp_opening_timeout: lasting("tcp_opening_timeout", base.tcp_opening_timeout),
        tcp_closing_timeout: lasting("tcp_closing_timeout", base.tcp_closing_timeout),
        tcp_reset_timeout: lasting("tcp_reset_timeout", base.tcp_reset_timeout),
        icmp_timeout: lasting("icmp_timeout", base.icmp_timeout),
        udp_stream_after: fields
            .optional("udp_stream_after", problems, timer_or_zero)
            .unwrap_or(base.udp_stream_after),
        udp_well_known_timeout: fields
            .optional("udp_well_known_timeout", problems, none_or(timer))
            .unwrap_or(base.udp_well_known_timeout),
        ..base
    }
}

fn flows(node: &Node, problems: &mut Problems) -> Option<u32> {
    number(node, "a number of flows", 1..=MAX_FLOWS, problems)
}

fn port_blocks(node: &Node, problems: &mut Problems) -> Option<PortBlocks> {
    let entry = choice(node, &keys::PORT_BLOCKS, problems)?;
    let is_dynamic = &*entry.key.value == "dynamic";
    let keys = if is_dynamic { &keys::DYNAMIC } else { &keys::DETERMINISTIC };
    let fields = Fields::open(&entry.value, entry.key.span, keys, problems)?;
    let count = |node: &Node, what: &str, least, problems: &mut Problems| {
        u16::try_from(number(node, what, least..=BLOCK_PORTS, problems)?).ok()
    };
    if is_dynamic {
        let size = fields
            .required("size", problems)
            .and_then(|entry| count(&entry.value, "a number of ports", 1, problems));
        let max_blocks = fields
            .required("max_blocks", problems)
            .and_then(|entry| count(&entry.value, "a number of blocks", 1, problems));
        return Some(PortBlocks::Dynamic { size: size?, max_blocks: max_blocks? });
    }
    let compression = fields
        .required("compression", problems)
        .and_then(|entry| count(&entry.value, "a number of subscribers", 1, problems));
    let overflow = fields.optional("overflow", problems, |node, problems| {
        count(node, "a number of blocks", 0, problems)
    });
    Some(PortBlocks::Deterministic {
        subscribers: SUBSCRIBERS,
        compression: compression?,
        overflow: overflow.unwrap_or(0),
    })
}
