//! Packets through a NAT of any properties.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use natbed_nat::{
    Exhausted, FilterScope, Filtering, Forward, Hairpin, Mapping, Nat, NatConfig, Outbound,
    Pooling, PortAllocation, PortBlocks, PortClasses, UnsolicitedTcp, WanInput,
};
use natbed_packet::{Body, Endpoint, Icmp, IcmpErrorKind, Packet, Protocol, Quoted, Tcp, TcpFlags};
use natbed_units::{Seed, SimDuration, SimTime};

/// The external addresses; a NAT has the first ones of them.
const POOL: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1)),
    IpAddr::V4(Ipv4Addr::new(198, 18, 0, 2)),
    IpAddr::V4(Ipv4Addr::new(198, 18, 0, 3)),
];

#[derive(Arbitrary, Debug)]
struct Input {
    properties: [u8; 10],
    tcp: [Option<u8>; 2],
    addresses: u8,
    blocks: Option<Blocks>,
    is_nat64: bool,
    /// Idle times in milliseconds.
    timeouts: [u16; 7],
    udp_well_known: Option<u16>,
    stream_after: u16,
    port_hold: u16,
    refresh: [bool; 2],
    parity: bool,
    contiguity: bool,
    max_flows: u8,
    max_per_subscriber: [Option<u8>; 2],
    forwards: Vec<(bool, u16, Host, u16)>,
    acts: Vec<Act>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Blocks {
    Deterministic(u16, u16),
    Dynamic(u16, u16),
}

#[derive(Arbitrary, Debug)]
enum Act {
    Out(Host, u16, Host, u16, Shape),
    /// From a host to a port of one of the external addresses.
    In(Host, u16, u8, u16, Shape),
    Wait(u16),
    Timeout,
    Flush,
    /// A new lease.
    Readdress(u8),
}

/// Few hosts, so that flows meet.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Host {
    Inside(bool),
    Outside(bool),
    Itself(u8),
    /// Behind a NAT64, the address that a host inside is really at.
    Inside6(bool),
    /// What a NAT64 makes of an address outside, or of its own.
    Embedded(bool),
    Itself6,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Shape {
    Udp,
    Tcp(u16),
    EchoRequest,
    EchoReply,
    /// An error about a packet that went the other way.
    Error {
        of: Quotes,
        is_about_the_outside: bool,
    },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Quotes {
    Udp,
    Tcp,
    Icmp,
}

impl Host {
    fn ip(self) -> IpAddr {
        match self {
            Self::Inside(n) => Ipv4Addr::new(10, 0, 0, 1 + u8::from(n)).into(),
            Self::Outside(n) => Ipv4Addr::new(203, 0, 113, 1 + u8::from(n)).into(),
            Self::Itself(n) => POOL[usize::from(n) % POOL.len()],
            Self::Inside6(n) => Ipv6Addr::new(0x2001, 0xdb8, 0, u16::from(n), 0, 0, 0, 0x10).into(),
            Self::Embedded(n) => embedded(Self::Outside(n).ip()),
            Self::Itself6 => embedded(POOL[0]),
        }
    }
}

/// An IPv4 address behind the well-known prefix (RFC 6052 section 2.1).
fn embedded(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets().map(u16::from);
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a << 8 | b, c << 8 | d).into()
        }
        IpAddr::V6(_) => ip,
    }
}

impl Shape {
    fn packet(self, source: Endpoint, destination: Endpoint) -> Packet {
        let payload = Bytes::from_static(b"fuzz");
        let body = match self {
            Self::Udp => return Packet::udp(source, destination, payload),
            Self::Tcp(flags) => Body::Tcp(Box::new(Tcp {
                source_port: source.port,
                destination_port: destination.port,
                sequence: 0,
                acknowledgment: 0,
                flags: TcpFlags::from_bits(flags),
                window: 0,
                urgent: 0,
                options: Bytes::new(),
                payload,
            })),
            Self::EchoRequest => {
                Body::Icmp(Icmp::EchoRequest { identifier: source.port, sequence: 0, payload })
            }
            Self::EchoReply => {
                Body::Icmp(Icmp::EchoReply { identifier: destination.port, sequence: 0, payload })
            }
            Self::Error { of, is_about_the_outside } => {
                let protocol = match of {
                    Quotes::Udp => Protocol::Udp,
                    Quotes::Tcp => Protocol::Tcp,
                    Quotes::Icmp => Protocol::Icmp,
                };
                let mut quoted = Quoted { protocol, source: destination, destination: source };
                if is_about_the_outside {
                    quoted.destination.ip = Host::Outside(false).ip();
                }
                let (kind, quoted) = (IcmpErrorKind::PortUnreachable, Box::new(quoted));
                Body::Icmp(Icmp::Error { kind, quoted })
            }
        };
        Packet::new(source.ip, destination.ip, body)
    }
}

fn config(input: &Input) -> NatConfig {
    fn pick<T: Copy>(all: &[T], n: u8) -> T {
        all[usize::from(n) % all.len()]
    }
    let [mapping, filtering, scope, ports, classes, hairpin, wan_input, pooling, syn, exhausted] =
        input.properties;
    let millis = |millis: u16| SimDuration::from_millis(millis.into());
    let [udp, udp_stream, tcp, tcp_opening, tcp_closing, tcp_reset, icmp] =
        input.timeouts.map(millis);
    let forwards = input.forwards.iter().map(|&(is_tcp, external_port, host, port)| Forward {
        protocol: if is_tcp { Protocol::Tcp } else { Protocol::Udp },
        external_port,
        internal: Endpoint::new(host.ip(), port).into(),
    });
    let subscribers = if input.is_nat64 { "2001:db8::/63" } else { "10.0.0.0/29" };
    NatConfig {
        mapping: pick(Mapping::ALL, mapping),
        filtering: pick(Filtering::ALL, filtering),
        tcp_mapping: input.tcp[0].map(|n| pick(Mapping::ALL, n)),
        tcp_filtering: input.tcp[1].map(|n| pick(Filtering::ALL, n)),
        filter_scope: pick(FilterScope::ALL, scope),
        ports: pick(PortAllocation::ALL, ports),
        port_classes: pick(PortClasses::ALL, classes),
        port_parity: input.parity,
        port_contiguity: input.contiguity,
        port_blocks: input.blocks.map(|blocks| match blocks {
            Blocks::Deterministic(compression, overflow) => PortBlocks::Deterministic {
                subscribers: subscribers.parse().expect("a network"),
                compression,
                overflow,
            },
            Blocks::Dynamic(size, max_blocks) => PortBlocks::Dynamic { size, max_blocks },
        }),
        port_hold: millis(input.port_hold),
        pooling: pick(Pooling::ALL, pooling),
        hairpin: pick(Hairpin::ALL, hairpin),
        wan_input: pick(WanInput::ALL, wan_input),
        unsolicited_tcp: pick(UnsolicitedTcp::ALL, syn),
        exhausted: pick(Exhausted::ALL, exhausted),
        udp_timeout: udp,
        udp_stream_timeout: udp_stream,
        udp_stream_after: millis(input.stream_after),
        udp_well_known_timeout: input.udp_well_known.map(millis),
        tcp_timeout: tcp,
        tcp_opening_timeout: tcp_opening,
        tcp_closing_timeout: tcp_closing,
        tcp_reset_timeout: tcp_reset,
        icmp_timeout: icmp,
        refresh_outbound: input.refresh[0],
        refresh_inbound: input.refresh[1],
        forwards: forwards.collect(),
        max_flows: input.max_flows.into(),
        max_flows_per_subscriber: input.max_per_subscriber[0].map(u32::from),
        max_ports_per_subscriber: input.max_per_subscriber[1].map(u32::from),
        nat64: input.is_nat64.then(|| "64:ff9b::/96".parse().expect("a prefix")),
        ..NatConfig::default()
    }
}

/// The first `n` external addresses, at least one.
fn pool(n: u8) -> Vec<IpAddr> {
    POOL[..=usize::from(n) % POOL.len()].to_vec()
}

/// Checks that the answer to a packet that went out finds its sender.
fn check_answer(nat: &Nat, now: SimTime, sent: &Packet, outside: &Packet) {
    let (Some(source), Some(destination)) =
        (outside.source_endpoint(), outside.destination_endpoint())
    else {
        return; // an ICMP error has no answer
    };
    let shape = match &outside.body {
        Body::Udp(_) => Shape::Udp,
        Body::Tcp(_) => Shape::Tcp(TcpFlags::SYN.with(TcpFlags::ACK).bits()),
        Body::Icmp(_) => Shape::EchoReply,
        Body::Fragment(_) => return, // no shape is one
    };
    let mut answer = shape.packet(destination, source);
    let taken = nat.clone().inbound(now, &mut answer);
    assert!(taken.is_ok(), "{sent:?} went out as {outside:?}, its answer is lost: {taken:?}");
    assert_eq!(answer.destination_endpoint(), sent.source_endpoint());
}

/// Takes what the NAT says by itself, which must come to an end.
fn take_what_it_says(nat: &mut Nat) {
    while let Some(answer) = nat.poll_answer() {
        assert!(answer.packet.is_consistent(), "{answer:?}");
    }
    while nat.poll_ended().is_some() {}
}

fuzz_target!(|input: Input| {
    let config = config(&input);
    let (max_flows, forwards) = (config.max_flows as usize, config.forwards.len());
    let externals = pool(input.addresses);
    let Ok(mut nat) = Nat::with_pool(config, externals, Seed::new(1).rng("nat")) else { return };
    let mut now = SimTime::ZERO;
    for act in &input.acts {
        match *act {
            Act::Out(from, from_port, to, to_port, shape) => {
                let sent = shape
                    .packet(Endpoint::new(from.ip(), from_port), Endpoint::new(to.ip(), to_port));
                let mut packet = sent.clone();
                match nat.outbound(now, &mut packet) {
                    Ok(Outbound::Forwarded(_)) => {
                        assert!(nat.externals().contains(&packet.source));
                        assert!(
                            [packet.destination, embedded(packet.destination)]
                                .contains(&sent.destination)
                        );
                        check_answer(&nat, now, &sent, &packet);
                    }
                    Ok(Outbound::Hairpinned(_)) => {
                        let to_itself = |ip: &IpAddr| [*ip, embedded(*ip)].contains(&to.ip());
                        assert!(nat.externals().iter().any(to_itself));
                    }
                    Err(_) => assert_eq!(packet, sent, "a lost packet is left as it was"),
                }
            }
            Act::In(from, from_port, to, to_port, shape) => {
                let to = Endpoint::new(POOL[usize::from(to) % POOL.len()], to_port);
                let sent = shape.packet(Endpoint::new(from.ip(), from_port), to);
                let mut packet = sent.clone();
                match nat.inbound(now, &mut packet) {
                    Ok(_) => assert!([from.ip(), embedded(from.ip())].contains(&packet.source)),
                    Err(_) => assert_eq!(packet, sent, "a lost packet is left as it was"),
                }
            }
            Act::Wait(millis) => now += SimDuration::from_millis(millis.into()),
            Act::Timeout => {
                nat.handle_timeout(now);
                assert!(nat.poll_timeout().is_none_or(|next| next > now));
            }
            Act::Flush => {
                nat.flush();
                assert_eq!((nat.flow_count(), nat.mapping_count()), (0, forwards));
            }
            Act::Readdress(n) => {
                if nat.set_externals(pool(n)).is_ok() {
                    assert_eq!((nat.flow_count(), nat.mapping_count()), (0, forwards));
                }
            }
        }
        take_what_it_says(&mut nat);
        assert!(nat.flow_count() <= max_flows);
        assert!(nat.mapping_count() <= nat.flow_count() + forwards);
    }
});
