//! Packets that no sane host sends, through boxes that need not make sense.

use std::net::IpAddr;

use bytes::Bytes;
use natbed_nat::{Forward, Nat, NatConfig, Outbound, PortAllocation, PortBlocks};
use natbed_packet::{Body, Endpoint, Icmp, IcmpErrorKind, Packet, Quoted};
use natbed_units::{Seed, SimDuration, SimTime};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::any::{any_config, any_protocol};
use crate::lab::{ip, packet, tcp, udp};

/// Hosts inside and outside, the box's own addresses, groups, and what is of another version.
const ADDRESSES: [&str; 14] = [
    "192.168.1.1",
    "192.168.1.2",
    "192.168.1.7",
    "10.9.8.7",
    "203.0.113.1",
    "198.18.0.1",
    "198.18.0.2",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.251",
    "fd00::1",
    "2001:db8::1",
    "64:ff9b::203.0.113.1",
    "64:ff9b::198.18.0.1",
];

fn any_address() -> impl Strategy<Value = IpAddr> {
    select(&ADDRESSES).prop_map(ip)
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    let port = prop_oneof![select(&[0u16, 1, 5000, 65535]), any::<u16>()];
    (any_address(), port).prop_map(|(ip, port)| Endpoint::new(ip, port))
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let error = (any_protocol(), any_endpoint(), any_endpoint());
    (0u8..5, any_endpoint(), any_endpoint(), error).prop_map(
        |(body, source, destination, error)| {
            let (identifier, sequence, payload) = (source.port, 1, Bytes::new());
            let body = match body {
                0 => return udp(source, destination),
                1 => return tcp(source, destination),
                2 => Icmp::EchoRequest { identifier, sequence, payload },
                3 => Icmp::EchoReply { identifier, sequence, payload },
                _ => {
                    let (protocol, source, destination) = error;
                    let quoted = Box::new(Quoted { protocol, source, destination });
                    Icmp::Error { kind: IcmpErrorKind::PortUnreachable, quoted }
                }
            };
            packet(source.ip, destination.ip, Body::Icmp(body))
        },
    )
}

/// Sensible but for a few properties.
fn any_nonsense() -> impl Strategy<Value = (NatConfig, Vec<IpAddr>)> {
    let blocks = prop_oneof![
        (0u16..9, 0u16..3).prop_map(|(size, max_blocks)| PortBlocks::Dynamic { size, max_blocks }),
        (any::<u16>(), any::<u16>())
            .prop_map(|(size, max_blocks)| PortBlocks::Dynamic { size, max_blocks }),
        (
            select(&["192.168.1.0/29", "0.0.0.0/0", "fd00::/62", "10.9.8.7/32"]),
            0u16..9,
            any::<u16>()
        )
            .prop_map(|(subscribers, compression, overflow)| PortBlocks::Deterministic {
                subscribers: subscribers.parse().unwrap(),
                compression,
                overflow,
            }),
    ];
    let forward = (any_protocol(), any::<u16>(), any_endpoint()).prop_map(
        |(protocol, external_port, internal)| Forward {
            protocol,
            external_port,
            internal: internal.into(),
        },
    );
    let overrides = (
        option::of(select(PortAllocation::ALL)),
        option::of(option::of(blocks)),
        option::weighted(0.1, any::<u64>()),
        option::weighted(0.3, select(&["64:ff9b::/96", "64:ff9b::/64", "::/96"])),
        vec(forward, 0..2),
    );
    let pool = prop_oneof![
        4 => Just(vec![ip("198.18.0.1")]),
        2 => Just(vec![ip("198.18.0.1"), ip("198.18.0.2")]),
        1 => Just(vec![ip("2001:db8::1")]),
        1 => vec(any_address(), 0..3),
    ];
    (any_config(), overrides, pool).prop_map(|((config, _), overrides, externals)| {
        let (ports, blocks, timer, nat64, forwards) = overrides;
        let timer = timer.map(SimDuration::from_nanos);
        let config = NatConfig {
            ports: ports.unwrap_or(config.ports),
            port_blocks: blocks.unwrap_or(config.port_blocks),
            port_hold: timer.unwrap_or(config.port_hold),
            udp_timeout: timer.unwrap_or(config.udp_timeout),
            nat64: nat64.map(|prefix| prefix.parse().unwrap()),
            forwards: [forwards, config.forwards].concat(),
            ..config
        };
        (config, externals)
    })
}

#[derive(Clone, Debug)]
enum Act {
    Out(Packet),
    In(Packet),
    Wait(u64),
    Flush,
    Move(Vec<IpAddr>),
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => any_packet().prop_map(Act::Out),
        8 => any_packet().prop_map(Act::In),
        2 => (0u64..20_000_000_000).prop_map(Act::Wait),
        1 => Just(Act::Flush),
        1 => vec(any_address(), 0..3).prop_map(Act::Move),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_makes_it_panic_or_lose_count(
        (config, externals) in any_nonsense(),
        acts in vec(any_act(), 1..40),
    ) {
        let valid = config.validate(&externals);
        let nat = Nat::with_pool(config.clone(), externals, Seed::new(1).rng("nat"));
        prop_assert_eq!(nat.as_ref().err(), valid.as_ref().err());
        let Ok(mut nat) = nat else { return Ok(()) };
        let forwards = config.forwards.len();
        let mut now = SimTime::ZERO;
        for act in acts {
            match act {
                Act::Out(sent) => {
                    let mut packet = sent.clone();
                    match nat.outbound(now, &mut packet) {
                        Ok(Outbound::Forwarded(translation)) => {
                            prop_assert!(nat.externals().contains(&packet.source));
                            prop_assert!(nat.externals().contains(&translation.after.ip));
                        }
                        Ok(Outbound::Hairpinned(translation)) => {
                            prop_assert!(translation.hairpinned_to.is_some());
                        }
                        Err(_) => prop_assert_eq!(packet, sent),
                    }
                }
                Act::In(sent) => {
                    let mut packet = sent.clone();
                    match nat.inbound(now, &mut packet) {
                        Ok(_) => prop_assert!(nat.externals().contains(&sent.destination)),
                        Err(_) => prop_assert_eq!(packet, sent),
                    }
                }
                Act::Wait(nanos) => {
                    now += SimDuration::from_nanos(nanos);
                    nat.handle_timeout(now);
                    prop_assert!(nat.poll_timeout().is_none_or(|next| next > now));
                }
                Act::Flush => {
                    nat.flush();
                    prop_assert_eq!((nat.flow_count(), nat.mapping_count()), (0, forwards));
                }
                Act::Move(externals) => {
                    let before = nat.externals().to_vec();
                    match nat.set_externals(externals.clone()) {
                        Ok(()) => prop_assert_eq!(nat.externals(), externals),
                        Err(_) => prop_assert_eq!(nat.externals(), before),
                    }
                }
            }
            prop_assert!(nat.flow_count() <= config.max_flows as usize);
            prop_assert!(nat.mapping_count() <= nat.flow_count() + forwards);
        }
    }
}
