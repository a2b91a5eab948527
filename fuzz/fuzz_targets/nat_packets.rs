//! Packets through a NAT of any properties.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use natbed_nat::{
    Filtering, Forward, Hairpin, Mapping, Nat, NatConfig, Outbound, PortAllocation, WanInput,
};
use natbed_packet::{Body, Endpoint, Icmp, IcmpErrorKind, Packet, Protocol, Quoted, Tcp, TcpFlags};
use natbed_units::{Seed, SimDuration, SimTime};

const EXTERNAL: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1));

#[derive(Arbitrary, Debug)]
struct Input {
    properties: [u8; 5],
    /// Idle times in milliseconds.
    timeouts: [u16; 4],
    stream_after: u16,
    refresh: [bool; 2],
    max_flows: u8,
    forwards: Vec<(bool, u16, Host, u16)>,
    acts: Vec<Act>,
}

#[derive(Arbitrary, Debug)]
enum Act {
    Out(Host, u16, Host, u16, Shape),
    In(Host, u16, u16, Shape),
    Wait(u16),
    Timeout,
    Flush,
}

/// Few hosts, so that flows meet.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Host {
    Inside(bool),
    Outside(bool),
    Itself,
    OtherVersion,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Shape {
    Udp,
    Tcp,
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
            Self::Itself => EXTERNAL,
            Self::OtherVersion => {
                IpAddr::from([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
            }
        }
    }
}

impl Shape {
    fn packet(self, source: Endpoint, destination: Endpoint) -> Packet {
        let payload = Bytes::from_static(b"fuzz");
        let body = match self {
            Self::Udp => return Packet::udp(source, destination, payload),
            Self::Tcp => Body::Tcp(Box::new(Tcp {
                source_port: source.port,
                destination_port: destination.port,
                sequence: 0,
                acknowledgment: 0,
                flags: TcpFlags::SYN,
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
        Packet { source: source.ip, destination: destination.ip, ttl: 64, dont_fragment: true, body }
    }
}

fn config(input: &Input) -> NatConfig {
    fn pick<T: Copy>(all: &[T], n: u8) -> T {
        all[usize::from(n) % all.len()]
    }
    let [mapping, filtering, ports, hairpin, wan_input] = input.properties;
    let [udp, udp_stream, tcp, icmp] =
        input.timeouts.map(|millis| SimDuration::from_millis(millis.into()));
    let forwards = input.forwards.iter().map(|&(is_tcp, external_port, host, port)| Forward {
        protocol: if is_tcp { Protocol::Tcp } else { Protocol::Udp },
        external_port,
        internal: Endpoint::new(host.ip(), port).into(),
    });
    NatConfig {
        mapping: pick(Mapping::ALL, mapping),
        filtering: pick(Filtering::ALL, filtering),
        ports: pick(PortAllocation::ALL, ports),
        hairpin: pick(Hairpin::ALL, hairpin),
        wan_input: pick(WanInput::ALL, wan_input),
        udp_timeout: udp,
        udp_stream_timeout: udp_stream,
        udp_stream_after: SimDuration::from_millis(input.stream_after.into()),
        tcp_timeout: tcp,
        icmp_timeout: icmp,
        refresh_outbound: input.refresh[0],
        refresh_inbound: input.refresh[1],
        forwards: forwards.collect(),
        max_flows: input.max_flows.into(),
        ..NatConfig::default()
    }
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
        Body::Tcp(_) => Shape::Tcp,
        Body::Icmp(_) => Shape::EchoReply,
        Body::Fragment(_) => return, // no shape is one
    };
    let mut answer = shape.packet(destination, source);
    let taken = nat.clone().inbound(now, &mut answer);
    assert!(taken.is_ok(), "{sent:?} went out as {outside:?}, its answer is lost: {taken:?}");
    assert_eq!(answer.destination_endpoint(), sent.source_endpoint());
}

fuzz_target!(|input: Input| {
    let config = config(&input);
    let (max_flows, forwards) = (config.max_flows as usize, config.forwards.len());
    let Ok(mut nat) = Nat::new(config, EXTERNAL, Seed::new(1).rng("nat")) else { return };
    let mut now = SimTime::ZERO;
    for act in &input.acts {
        match *act {
            Act::Out(from, from_port, to, to_port, shape) => {
                let (from, to) = (from.ip(), to.ip());
                let sent = shape.packet(Endpoint::new(from, from_port), Endpoint::new(to, to_port));
                let mut packet = sent.clone();
                match nat.outbound(now, &mut packet) {
                    Ok(Outbound::Forwarded(_)) => {
                        assert_eq!((packet.source, packet.destination), (EXTERNAL, to));
                        check_answer(&nat, now, &sent, &packet);
                    }
                    Ok(Outbound::Hairpinned(_)) => assert_eq!(to, EXTERNAL),
                    Err(_) => assert_eq!(packet, sent, "a lost packet is left as it was"),
                }
            }
            Act::In(from, from_port, to_port, shape) => {
                let (from, to) =
                    (Endpoint::new(from.ip(), from_port), Endpoint::new(EXTERNAL, to_port));
                let sent = shape.packet(from, to);
                let mut packet = sent.clone();
                match nat.inbound(now, &mut packet) {
                    Ok(_) => assert_eq!(packet.source, from.ip),
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
        }
        assert!(nat.flow_count() <= max_flows);
        assert!(nat.mapping_count() <= nat.flow_count() + forwards);
    }
});
