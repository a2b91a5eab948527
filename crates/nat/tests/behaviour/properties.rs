//! What holds for every configuration and every sequence of packets.

use natbed_nat::{
    Action, Answer, FilterScope, Filtering, Firewall, FirewallConfig, MappingEnded, Nat, NatConfig,
    Outbound, Policy, PortAllocation, Translation,
};
use natbed_packet::{DropReason, Endpoint, IcmpErrorKind, Packet, Protocol};
use natbed_units::{Seed, SimDuration, SimTime};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::any::{any_config, any_host, any_protocol, any_remote, from_inside, from_outside};
use crate::lab::{EXTERNAL, echo_reply, externals, ip, secs, tcp, udp};

#[derive(Clone, Debug)]
enum Step {
    Wait(SimDuration),
    Out(Protocol, Endpoint, Endpoint),
    /// From the remote to the nth external endpoint seen, or to that port.
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

/// What a packet from inside was given.
#[derive(Clone, Copy, Debug)]
struct Given {
    protocol: Protocol,
    external: Endpoint,
    remote: Endpoint,
    host: Endpoint,
}

/// What became of a packet.
#[derive(Clone, Debug, PartialEq)]
enum Passage {
    Out(SimTime, Result<Outbound, DropReason>, Packet),
    In(SimTime, Result<Translation, DropReason>, Packet),
}

/// A NAT under a sequence of steps, with what it gave away.
struct Run {
    nat: Nat,
    now: SimTime,
    /// Whether it is told each timeout, or none.
    punctual: bool,
    /// What packets from inside were given, oldest first.
    given: Vec<Given>,
    /// All packets that passed, as they left the NAT.
    passed: Vec<(Packet, bool)>,
    log: Vec<Passage>,
}

impl Run {
    fn new((config, pool): &(NatConfig, u8), punctual: bool) -> Self {
        let rng = Seed::new(3).rng("nat");
        let nat = Nat::with_pool(config.clone(), externals(*pool), rng).unwrap();
        let (given, passed, log) = (Vec::new(), Vec::new(), Vec::new());
        Self { nat, now: SimTime::ZERO, punctual, given, passed, log }
    }

    fn external(&self, n: usize) -> Endpoint {
        let first = Endpoint::new(ip(EXTERNAL), 1);
        self.given.get(n % self.given.len().max(1)).map_or(first, |given| given.external)
    }

    fn outbound(&mut self, mut packet: Packet) -> Option<Outbound> {
        let before = packet.clone();
        let result = self.nat.outbound(self.now, &mut packet);
        self.log.push(Passage::Out(self.now, result, packet.clone()));
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
        self.log.push(Passage::In(self.now, result, packet.clone()));
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
    fn step(&mut self, step: &Step) -> Option<Given> {
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
                    let (external, remote, host) = (translation.after, *remote, *host);
                    self.given.push(Given { protocol: *protocol, external, remote, host });
                    return self.given.last().copied();
                }
            }
            Step::In(protocol, remote, target) => {
                let at = |port| Endpoint::new(ip(EXTERNAL), port);
                let external = target.map_or_else(at, |n| self.external(n));
                self.inbound(from_outside(*protocol, *remote, external));
            }
            Step::Hairpin(host, n) => {
                let target = self.external(*n);
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

/// Whom the answer to a packet from inside would reach.
fn taker(nat: &Nat, now: SimTime, given: &Given) -> Option<Endpoint> {
    let mut probe = from_outside(given.protocol, given.remote, given.external);
    nat.clone().inbound(now, &mut probe).ok()?;
    probe.destination_endpoint()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn translating_there_and_back_is_the_identity(
        config in any_config(),
        steps in vec(any_step(), 1..30),
    ) {
        let mut run = Run::new(&config, false);
        for step in &steps {
            if let Some(Given { protocol, external, remote, host }) = run.step(step) {
                let mut answer = from_outside(protocol, remote, external);
                run.nat.clone().inbound(run.now, &mut answer).unwrap();
                prop_assert_eq!(answer, from_outside(protocol, remote, host));
                // And what went out differs from what came by its source only.
                let mut sent = run.passed.last().unwrap().0.clone();
                sent.set_source(host);
                prop_assert_eq!(sent, from_inside(protocol, host, remote));
            }
        }
    }

    #[test]
    fn overloaded_ports_are_never_shared_toward_one_remote(
        (config, pool) in any_config(),
        steps in vec(any_step(), 1..30),
    ) {
        // With the strictest filter and no forwards, only a flow lets anybody in.
        let config = NatConfig {
            ports: PortAllocation::PreserveWithOverload,
            port_hold: SimDuration::ZERO,
            filtering: Filtering::AddressAndPortDependent,
            tcp_filtering: None,
            filter_scope: FilterScope::Mapping,
            forwards: Vec::new(),
            ..config
        };
        let mut run = Run::new(&(config, pool), false);
        for step in &steps {
            let before = matches!(step, Step::Out(..)).then(|| run.nat.clone());
            if let Some(given) = run.step(step) {
                let owner = taker(&before.unwrap(), run.now, &given);
                prop_assert!(owner.is_none_or(|owner| owner == given.host), "{:?}", given);
            }
        }
    }

    #[test]
    fn to_be_told_the_time_or_not_makes_no_difference(
        config in any_config(),
        steps in vec(any_step(), 1..30),
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
    fn the_same_seed_gives_the_same_trace(
        config in any_config(),
        steps in vec(any_step(), 1..30),
    ) {
        let [first, second] = [(); 2].map(|()| {
            let mut run = Run::new(&config, false);
            for step in &steps {
                run.step(step);
            }
            let told = run.told_until(run.now + secs(20));
            (run.log, told)
        });
        prop_assert_eq!(first, second);
    }

    #[test]
    fn in_the_end_only_forwards_are_left(
        config in any_config(),
        steps in vec(any_step(), 1..30),
    ) {
        let mut run = Run::new(&config, false);
        for step in &steps {
            run.step(step);
        }
        run.nat.handle_timeout(run.now + secs(20));
        prop_assert_eq!(run.nat.flow_count(), 0);
        prop_assert_eq!(run.nat.mapping_count(), config.0.forwards.len());
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
