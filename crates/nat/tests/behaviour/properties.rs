//! What holds for every configuration and every sequence of packets.

use std::collections::BTreeMap;

use natbed_nat::{
    Action, Answer, Filtering, Firewall, FirewallConfig, Forward, Hairpin, Mapping, MappingEnded,
    Nat, NatConfig, Outbound, Policy, PortAllocation, UnsolicitedTcp, WanInput,
};
use natbed_packet::{Endpoint, IcmpErrorKind, Packet, Protocol};
use natbed_units::{Seed, SimDuration, SimTime};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::lab::{EXTERNAL, echo_reply, echo_request, ip, secs, tcp, udp};

fn any_config() -> impl Strategy<Value = NatConfig> {
    let behaviour = (
        select(Mapping::ALL),
        select(Filtering::ALL),
        select(PortAllocation::ALL),
        select(Hairpin::ALL),
        (select(WanInput::ALL), select(UnsolicitedTcp::ALL)),
    );
    let timers = vec(1u64..20, 9);
    let limits = (any::<bool>(), any::<bool>(), 1u32..40, vec((any_protocol(), any_host()), 0..3));
    (behaviour, timers, limits).prop_map(|(behaviour, timers, limits)| {
        let (mapping, filtering, ports, hairpin, (wan_input, unsolicited_tcp)) = behaviour;
        let (refresh_outbound, refresh_inbound, max_flows, forwards) = limits;
        let forwards =
            forwards.into_iter().zip(1..).filter(|((protocol, _), _)| *protocol != Protocol::Icmp);
        let mapping = match ports {
            PortAllocation::Strict => Mapping::EndpointIndependent,
            _ => mapping,
        };
        NatConfig {
            mapping,
            filtering,
            ports,
            hairpin,
            wan_input,
            unsolicited_tcp,
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
            max_flows,
            forwards: forwards
                .map(|((protocol, host), port)| Forward {
                    protocol,
                    external_port: port,
                    internal: host.into(),
                })
                .collect(),
            ..NatConfig::default()
        }
    })
}

fn any_protocol() -> impl Strategy<Value = Protocol> {
    select(&[Protocol::Udp, Protocol::Tcp, Protocol::Icmp])
}

/// Few hosts with few ports, so that they clash; ports of all classes.
fn any_host() -> impl Strategy<Value = Endpoint> {
    (1u8..4, select(&[1u16, 511, 600, 5000]))
        .prop_map(|(host, port)| Endpoint::new([192, 168, 1, host].into(), port))
}

fn any_remote() -> impl Strategy<Value = Endpoint> {
    (1u8..4, 1u16..4).prop_map(|(host, port)| Endpoint::new([203, 0, 113, host].into(), port))
}

#[derive(Clone, Debug)]
enum Step {
    Wait(SimDuration),
    Out(Protocol, Endpoint, Endpoint),
    /// From the remote to the external port of the nth mapping seen, or to that port.
    In(Protocol, Endpoint, Result<usize, u16>),
    Hairpin(Endpoint, usize),
    /// About the nth packet that came out of the NAT, from the side it went to.
    Error(usize, IcmpErrorKind),
    Flush,
}

fn any_step() -> impl Strategy<Value = Step> {
    let target = prop_oneof![4 => (0usize..64).prop_map(Ok), 1 => any::<u16>().prop_map(Err)];
    prop_oneof![
        4 => (0u64..8000).prop_map(|ms| Step::Wait(SimDuration::from_millis(ms))),
        8 => (any_protocol(), any_host(), any_remote()).prop_map(|(p, h, r)| Step::Out(p, h, r)),
        6 => (any_protocol(), any_remote(), target).prop_map(|(p, r, t)| Step::In(p, r, t)),
        2 => (any_host(), 0usize..64).prop_map(|(h, n)| Step::Hairpin(h, n)),
        2 => (0usize..64, select(&[IcmpErrorKind::PortUnreachable, IcmpErrorKind::TtlExceeded]))
            .prop_map(|(n, kind)| Step::Error(n, kind)),
        1 => Just(Step::Flush),
    ]
}

/// A packet of any protocol; a query's identifier is the host's port.
fn from_inside(protocol: Protocol, host: Endpoint, remote: Endpoint) -> Packet {
    match protocol {
        Protocol::Udp => udp(host, remote),
        Protocol::Tcp => tcp(host, remote),
        Protocol::Icmp => echo_request(&host.ip.to_string(), &remote.ip.to_string(), host.port),
    }
}

/// A packet of any protocol to an external port.
fn from_outside(protocol: Protocol, remote: Endpoint, port: u16) -> Packet {
    let external = Endpoint::new(ip(EXTERNAL), port);
    match protocol {
        Protocol::Udp => udp(remote, external),
        Protocol::Tcp => tcp(remote, external),
        Protocol::Icmp => echo_reply(&remote.ip.to_string(), EXTERNAL, port),
    }
}

/// A NAT under a sequence of steps, with what it gave away.
struct Run {
    nat: Nat,
    now: SimTime,
    /// Whether it is told each timeout, or none.
    punctual: bool,
    /// Whose each external port toward each remote was when last used from inside.
    given: Vec<(Protocol, u16, Endpoint, Endpoint)>,
    /// All packets that passed, as they left the NAT.
    passed: Vec<(Packet, bool)>,
    log: Vec<String>,
}

impl Run {
    fn new(config: &NatConfig, punctual: bool) -> Self {
        let nat = Nat::new(config.clone(), ip(EXTERNAL), Seed::new(3).rng("nat")).unwrap();
        let (given, passed, log) = (Vec::new(), Vec::new(), Vec::new());
        Self { nat, now: SimTime::ZERO, punctual, given, passed, log }
    }

    fn external_port(&self, n: usize) -> u16 {
        self.given.get(n % self.given.len().max(1)).map_or(1, |(_, port, ..)| *port)
    }

    fn outbound(&mut self, mut packet: Packet) -> Option<Outbound> {
        let before = packet.clone();
        let result = self.nat.outbound(self.now, &mut packet);
        self.log.push(format!("{} out {before:?}: {result:?} {packet:?}", self.now));
        assert!(self.nat.flow_count() <= self.nat.config().max_flows as usize);
        if result.is_err() {
            assert_eq!(packet, before, "a dropped packet is left as it was");
        } else {
            assert_eq!((packet.ttl, packet.wire_len()), (before.ttl, before.wire_len()));
            self.passed.push((packet, matches!(result, Ok(Outbound::Forwarded(_)))));
        }
        result.ok()
    }

    fn inbound(&mut self, mut packet: Packet) {
        let before = packet.clone();
        let result = self.nat.inbound(self.now, &mut packet);
        self.log.push(format!("{} in {before:?}: {result:?} {packet:?}", self.now));
        assert!(self.nat.flow_count() <= self.nat.config().max_flows as usize);
        if result.is_err() {
            assert_eq!(packet, before, "a dropped packet is left as it was");
        } else {
            self.passed.push((packet, false));
        }
    }

    /// All that the NAT tells of its own accord if time goes on to `end`.
    fn told_until(&mut self, end: SimTime) -> (Vec<Answer>, Vec<MappingEnded>) {
        self.nat.handle_timeout(end);
        let nat = &mut self.nat;
        let answers = std::iter::from_fn(|| nat.poll_answer()).collect();
        let ended = std::iter::from_fn(|| nat.poll_ended()).collect::<Vec<_>>();
        assert!(ended.is_sorted_by_key(|ended| ended.at));
        (answers, ended)
    }

    /// Takes a step; returns the flow that a packet from inside used.
    fn step(&mut self, step: &Step) -> Option<(Protocol, u16, Endpoint, Endpoint)> {
        if self.punctual {
            while let Some(at) = self.nat.poll_timeout().filter(|at| *at <= self.now) {
                self.nat.handle_timeout(at);
            }
        }
        match step {
            Step::Wait(span) => self.now += *span,
            Step::Out(protocol, host, remote) => {
                let packet = from_inside(*protocol, *host, *remote);
                if let Some(Outbound::Forwarded(translation)) = self.outbound(packet) {
                    let used = (*protocol, translation.after.port, *remote, *host);
                    self.given.push(used);
                    return Some(used);
                }
            }
            Step::In(protocol, remote, target) => {
                let port = target.map_or_else(|port| port, |n| self.external_port(n));
                self.inbound(from_outside(*protocol, *remote, port));
            }
            Step::Hairpin(host, n) => {
                let target = Endpoint::new(ip(EXTERNAL), self.external_port(*n));
                self.outbound(udp(*host, target));
            }
            Step::Error(n, kind) => {
                let (about, went_out) = self.passed.get(n % self.passed.len().max(1))?;
                if let Some(error) = Packet::icmp_error(about.destination, *kind, about) {
                    if *went_out {
                        self.inbound(error);
                    } else {
                        self.outbound(error);
                    }
                }
            }
            Step::Flush => {
                // A flush does not know the time, and what it forgets is not told.
                self.nat.handle_timeout(self.now);
                self.nat.flush();
            }
        }
        None
    }
}

/// Whom a packet from outside would reach.
fn taker(
    mut nat: Nat,
    now: SimTime,
    protocol: Protocol,
    port: u16,
    remote: Endpoint,
) -> Option<Endpoint> {
    let mut probe = from_outside(protocol, remote, port);
    nat.inbound(now, &mut probe).ok()?;
    probe.destination_endpoint()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn an_answer_always_comes_back_to_the_sender(
        config in any_config(),
        steps in vec(any_step(), 1..60),
    ) {
        let mut run = Run::new(&config, false);
        for step in &steps {
            if let Some((protocol, port, remote, host)) = run.step(step) {
                let taker = taker(run.nat.clone(), run.now, protocol, port, remote);
                prop_assert_eq!(taker, Some(host));
            }
        }
    }

    #[test]
    fn exclusive_allocations_give_a_port_to_one_endpoint_at_a_time(
        config in any_config(),
        steps in vec(any_step(), 1..60),
    ) {
        prop_assume!(config.ports != PortAllocation::PreserveWithOverload);
        let mut run = Run::new(&config, false);
        for step in &steps {
            run.step(step);
            let mut holders = BTreeMap::new();
            for &(protocol, port, remote, _) in &run.given {
                if let Some(taker) = taker(run.nat.clone(), run.now, protocol, port, remote) {
                    let holder = holders.entry((protocol, port)).or_insert(taker);
                    prop_assert_eq!(*holder, taker, "{} {}", protocol, port);
                }
            }
        }
    }

    #[test]
    fn overloaded_ports_are_never_shared_toward_one_remote(
        config in any_config(),
        steps in vec(any_step(), 1..60),
    ) {
        // With the strictest filter and no forwards, only a flow lets anybody in.
        let config = NatConfig {
            ports: PortAllocation::PreserveWithOverload,
            filtering: Filtering::AddressAndPortDependent,
            forwards: Vec::new(),
            ..config
        };
        let mut run = Run::new(&config, false);
        for step in &steps {
            let before = run.nat.clone();
            if let Some((protocol, port, remote, host)) = run.step(step) {
                let owner = taker(before, run.now, protocol, port, remote);
                prop_assert!(owner.is_none_or(|owner| owner == host), "{} took it", host);
            }
        }
    }

    #[test]
    fn to_be_told_the_time_or_not_makes_no_difference(
        config in any_config(),
        steps in vec(any_step(), 1..60),
    ) {
        let mut punctual = Run::new(&config, true);
        let mut late = Run::new(&config, false);
        for step in &steps {
            punctual.step(step);
            late.step(step);
        }
        prop_assert_eq!(&punctual.log, &late.log);
        let end = punctual.now + secs(20);
        prop_assert_eq!(punctual.told_until(end), late.told_until(end));
    }

    #[test]
    fn in_the_end_only_forwards_are_left(
        config in any_config(),
        steps in vec(any_step(), 1..60),
    ) {
        let mut run = Run::new(&config, false);
        for step in &steps {
            run.step(step);
        }
        run.nat.handle_timeout(run.now + secs(20));
        prop_assert_eq!(run.nat.flow_count(), 0);
        prop_assert_eq!(run.nat.mapping_count(), config.forwards.len());
        prop_assert_eq!(run.nat.poll_timeout(), None);
    }

    #[test]
    fn what_a_firewall_let_out_is_answered(
        outbound in select(Action::ALL),
        inbound in select(Action::ALL),
        steps in vec((any_protocol(), any_host(), any_remote(), any::<bool>(), 0u64..100), 1..60),
    ) {
        let mut firewall = Firewall::new(FirewallConfig {
            outbound: Policy::all(outbound),
            inbound: Policy::all(inbound),
            max_flows: 10,
            ..FirewallConfig::default()
        });
        let mut now = SimTime::ZERO;
        for (protocol, host, remote, leaves, wait) in steps {
            now += secs(wait);
            let there = from_inside(protocol, host, remote);
            let back = match protocol {
                Protocol::Udp => udp(remote, host),
                Protocol::Tcp => tcp(remote, host),
                Protocol::Icmp => {
                    echo_reply(&remote.ip.to_string(), &host.ip.to_string(), host.port)
                }
            };
            if leaves && firewall.outbound(now, &there).is_ok() {
                prop_assert_eq!(firewall.inbound(now, &back), Ok(()));
            } else if !leaves && firewall.inbound(now, &back).is_ok() {
                prop_assert_eq!(firewall.outbound(now, &there), Ok(()));
            }
            prop_assert!(firewall.flow_count() <= 10);
        }
    }
}
