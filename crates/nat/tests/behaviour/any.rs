//! Anything at all: configurations that make sense, packets between few endpoints.

use natbed_nat::{
    FilterScope, Filtering, Forward, Hairpin, Mapping, NatConfig, Pooling, PortAllocation,
    PortBlocks, PortClasses, UnsolicitedTcp, WanInput,
};
use natbed_packet::{Endpoint, Packet, Protocol};
use natbed_units::SimDuration;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::lab::{echo_reply, echo_request, secs, tcp, udp};

/// A configuration, and how many external addresses there are.
pub(crate) fn any_config() -> impl Strategy<Value = (NatConfig, u8)> {
    (any_behaviour(), any_timers(), any_ports(), any_limits()).prop_map(
        |(behaviour, timers, ports, (pool, limits))| {
            // What would contradict each other gives way to the port allocation.
            let strict = ports.ports == PortAllocation::Strict;
            let overload = ports.ports == PortAllocation::PreserveWithOverload;
            let eim = Mapping::EndpointIndependent;
            let port_classes = match ports.port_classes {
                PortClasses::Unprivileged if strict => PortClasses::Two,
                classes => classes,
            };
            let config = NatConfig {
                mapping: if strict { eim } else { behaviour.mapping },
                tcp_mapping: behaviour.tcp_mapping.filter(|_| !strict),
                port_blocks: ports.port_blocks.filter(|_| !strict),
                port_hold: if overload { SimDuration::ZERO } else { ports.port_hold },
                port_classes,
                ports: ports.ports,
                port_parity: ports.port_parity,
                port_contiguity: ports.port_contiguity,
                pooling: ports.pooling,
                udp_timeout: timers.udp_timeout,
                udp_stream_timeout: timers.udp_stream_timeout,
                udp_stream_after: timers.udp_stream_after,
                udp_well_known_timeout: timers.udp_well_known_timeout,
                tcp_timeout: timers.tcp_timeout,
                tcp_opening_timeout: timers.tcp_opening_timeout,
                tcp_closing_timeout: timers.tcp_closing_timeout,
                tcp_reset_timeout: timers.tcp_reset_timeout,
                icmp_timeout: timers.icmp_timeout,
                refresh_outbound: timers.refresh_outbound,
                refresh_inbound: timers.refresh_inbound,
                max_flows: limits.max_flows,
                max_flows_per_subscriber: limits.max_flows_per_subscriber,
                max_ports_per_subscriber: limits.max_ports_per_subscriber,
                forwards: limits.forwards,
                ..behaviour
            };
            (config, pool)
        },
    )
}

fn any_behaviour() -> impl Strategy<Value = NatConfig> {
    let classes = (select(Mapping::ALL), select(Filtering::ALL), select(FilterScope::ALL));
    let tcp = (option::of(select(Mapping::ALL)), option::of(select(Filtering::ALL)));
    let box_itself = (select(Hairpin::ALL), select(WanInput::ALL), select(UnsolicitedTcp::ALL));
    (classes, tcp, box_itself).prop_map(|(classes, tcp, box_itself)| {
        let (mapping, filtering, filter_scope) = classes;
        let (tcp_mapping, tcp_filtering) = tcp;
        let (hairpin, wan_input, unsolicited_tcp) = box_itself;
        NatConfig {
            mapping,
            filtering,
            filter_scope,
            tcp_mapping,
            tcp_filtering,
            hairpin,
            wan_input,
            unsolicited_tcp,
            ..NatConfig::default()
        }
    })
}

fn any_timers() -> impl Strategy<Value = NatConfig> {
    (vec(1u64..20, 9), any::<bool>(), any::<bool>()).prop_map(
        |(timers, refresh_outbound, refresh_inbound)| NatConfig {
            udp_timeout: secs(timers[0]),
            udp_stream_timeout: secs(timers[1]),
            udp_stream_after: secs(timers[2] / 5),
            tcp_timeout: secs(timers[3]),
            icmp_timeout: secs(timers[4]),
            udp_well_known_timeout: (timers[5] > 10).then_some(secs(timers[5])),
            tcp_opening_timeout: secs(timers[6]),
            tcp_closing_timeout: secs(timers[7]),
            tcp_reset_timeout: secs(timers[8]),
            refresh_outbound,
            refresh_inbound,
            ..NatConfig::default()
        },
    )
}

fn any_ports() -> impl Strategy<Value = NatConfig> {
    let choice = (select(PortAllocation::ALL), select(PortClasses::ALL), select(Pooling::ALL));
    let dynamic =
        (1u16..5, 1u16..4).prop_map(|(size, max_blocks)| PortBlocks::Dynamic { size, max_blocks });
    // The hosts are 192.168.1.1 to 3; blocks of 10752, 32 and 1 port and less.
    let deterministic =
        (select(&[6u16, 2000, 60_000]), 0u16..3).prop_map(|(compression, overflow)| {
            let subscribers = "192.168.1.0/29".parse().unwrap();
            PortBlocks::Deterministic { subscribers, compression, overflow }
        });
    let blocks = prop_oneof![3 => Just(None), 1 => dynamic.prop_map(Some), 1 => deterministic.prop_map(Some)];
    let others = (any::<bool>(), any::<bool>(), select(&[0u64, 0, 7]));
    (choice, blocks, others).prop_map(|(choice, port_blocks, others)| {
        let (ports, port_classes, pooling) = choice;
        let (port_parity, port_contiguity, hold) = others;
        NatConfig {
            ports,
            port_classes,
            pooling,
            port_blocks,
            port_parity,
            port_contiguity,
            port_hold: secs(hold),
            ..NatConfig::default()
        }
    })
}

fn any_limits() -> impl Strategy<Value = (u8, NatConfig)> {
    let limits = (1u32..40, option::of(1u32..8), option::of(1u32..6));
    (1u8..4, limits, vec((any_protocol(), any_host()), 0..3)).prop_map(
        |(pool, limits, forwards)| {
            let (max_flows, max_flows_per_subscriber, max_ports_per_subscriber) = limits;
            let forwards = forwards
                .into_iter()
                .zip(1..)
                .filter(|((protocol, _), _)| *protocol != Protocol::Icmp)
                .map(|((protocol, host), external_port)| Forward {
                    protocol,
                    external_port,
                    internal: host.into(),
                })
                .collect();
            let config = NatConfig {
                max_flows,
                max_flows_per_subscriber,
                max_ports_per_subscriber,
                forwards,
                ..NatConfig::default()
            };
            (pool, config)
        },
    )
}

pub(crate) fn any_protocol() -> impl Strategy<Value = Protocol> {
    select(&[Protocol::Udp, Protocol::Tcp, Protocol::Icmp])
}

/// Few hosts with few ports, so that they clash; ports of all classes.
pub(crate) fn any_host() -> impl Strategy<Value = Endpoint> {
    (1u8..4, select(&[1u16, 511, 600, 5000, 5001]))
        .prop_map(|(host, port)| Endpoint::new([192, 168, 1, host].into(), port))
}

pub(crate) fn any_remote() -> impl Strategy<Value = Endpoint> {
    (1u8..4, 1u16..4).prop_map(|(host, port)| Endpoint::new([203, 0, 113, host].into(), port))
}

/// A packet of any protocol; a query's identifier is the host's port.
pub(crate) fn from_inside(protocol: Protocol, host: Endpoint, remote: Endpoint) -> Packet {
    match protocol {
        Protocol::Udp => udp(host, remote),
        Protocol::Tcp => tcp(host, remote),
        Protocol::Icmp => echo_request(&host.ip.to_string(), &remote.ip.to_string(), host.port),
    }
}

/// A packet of any protocol to an external endpoint.
pub(crate) fn from_outside(protocol: Protocol, remote: Endpoint, external: Endpoint) -> Packet {
    match protocol {
        Protocol::Udp => udp(remote, external),
        Protocol::Tcp => tcp(remote, external),
        Protocol::Icmp => {
            echo_reply(&remote.ip.to_string(), &external.ip.to_string(), external.port)
        }
    }
}
