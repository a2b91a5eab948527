//! A second NAT, as plain as can be, against which the engine is held.
//!
//! The model keeps lists of flows and mappings and searches them from end to end. It learns from
//! the engine only which external endpoint a new mapping got, and checks that it could; who is let
//! in, what ends when and what is refused it knows by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use natbed_nat::{
    FilterScope, Filtering, Hairpin, Mapping, MappingEnded, Nat, NatConfig, Outbound, Pooling,
    PortAllocation, PortBlocks, PortClasses, UnsolicitedTcp, WanInput,
};
use natbed_packet::{DropReason, Endpoint, Protocol};
use natbed_units::{Seed, SimDuration, SimTime};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::any::{any_config, any_host, any_protocol, any_remote, from_inside, from_outside};
use crate::lab::{EXTERNAL, externals, ip, secs};

#[derive(Clone, Copy, Debug, PartialEq)]
struct Flow {
    protocol: Protocol,
    internal: Endpoint,
    external: Endpoint,
    remote: Endpoint,
    mapping: usize,
    expires: SimTime,
}

/// What the flows of a mapping have in common; a forward has no `toward`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mapped {
    protocol: Protocol,
    internal: Endpoint,
    toward: Option<(Option<IpAddr>, Option<u16>)>,
    external: Endpoint,
}

struct Model {
    config: NatConfig,
    idle: SimDuration,
    flows: Vec<Flow>,
    /// By age; forwards first. What has ended is `None`.
    mappings: Vec<Option<Mapped>>,
    ended: Vec<MappingEnded>,
    /// When a freed port may be given again.
    on_hold: BTreeMap<(Protocol, Endpoint), SimTime>,
}

impl Model {
    fn new(config: NatConfig, idle: SimDuration) -> Self {
        let forwards = config.forwards.iter().map(|forward| {
            Some(Mapped {
                protocol: forward.protocol,
                internal: forward.internal.into(),
                toward: None,
                external: Endpoint::new(ip(EXTERNAL), forward.external_port),
            })
        });
        let mappings = forwards.collect();
        let (flows, ended, on_hold) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { config, idle, flows, mappings, ended, on_hold }
    }

    fn live(&self) -> impl Iterator<Item = (usize, Mapped)> {
        self.mappings.iter().enumerate().filter_map(|(id, mapped)| Some((id, (*mapped)?)))
    }

    fn toward(&self, protocol: Protocol, remote: Endpoint) -> (Option<IpAddr>, Option<u16>) {
        match self.config.mapping_of(protocol) {
            Mapping::EndpointIndependent => (None, None),
            Mapping::AddressDependent => (Some(remote.ip), None),
            Mapping::AddressAndPortDependent => (Some(remote.ip), Some(remote.port)),
        }
    }

    fn expire(&mut self, now: SimTime) {
        let (expired, alive): (Vec<_>, _) = self.flows.iter().partition(|flow| flow.expires <= now);
        self.flows = alive;
        for (id, mapped) in self.live().collect::<Vec<_>>() {
            let Mapped { protocol, internal, external, .. } = mapped;
            let of_it = expired.iter().filter(|flow: &&Flow| flow.mapping == id);
            let last = of_it.map(|flow| flow.expires).max();
            let ends = mapped.toward.is_some() && self.flows.iter().all(|flow| flow.mapping != id);
            if let Some(at) = last
                && ends
            {
                self.mappings[id] = None;
                self.ended.push(MappingEnded { at, protocol, internal, external });
                let eif = self.config.filtering_of(protocol) == Filtering::EndpointIndependent;
                if eif && !self.is_own(internal, external) {
                    self.on_hold.insert((protocol, external), at + self.config.port_hold);
                }
            }
        }
    }

    fn flows_of(&self, host: IpAddr) -> usize {
        self.flows.iter().filter(|flow| flow.internal.ip == host).count()
    }

    fn ports_of(&self, host: IpAddr) -> BTreeSet<(Protocol, Endpoint)> {
        let of_it = self.live().filter(|(_, mapped)| mapped.internal.ip == host);
        of_it.map(|(_, mapped)| (mapped.protocol, mapped.external)).collect()
    }

    /// Why a new flow of the host is refused, if it is, whatever its port.
    fn refusal(&self, host: IpAddr) -> Option<DropReason> {
        if self.flows.len() >= self.config.max_flows as usize {
            return Some(DropReason::TableFull);
        }
        let most = self.config.max_flows_per_subscriber?;
        (self.flows_of(host) >= most as usize).then_some(DropReason::SubscriberLimit)
    }

    /// Whether a mapping's filter lets in a packet that belongs to no flow.
    fn lets_in(&self, (id, mapped): (usize, Mapped), remote: Endpoint) -> bool {
        let of_holder = self.flows.iter().filter(|flow| match self.config.filter_scope {
            FilterScope::Mapping => flow.mapping == id,
            FilterScope::InternalEndpoint => {
                (flow.protocol, flow.internal) == (mapped.protocol, mapped.internal)
            }
        });
        let mut remotes = of_holder.map(|flow| flow.remote);
        match self.config.filtering_of(mapped.protocol) {
            _ if mapped.toward.is_none() => true,
            Filtering::EndpointIndependent => true,
            Filtering::AddressDependent => remotes.any(|known| known.ip == remote.ip),
            Filtering::AddressAndPortDependent => remotes.any(|known| known == remote),
        }
    }

    /// Who gets a packet from outside; notes it.
    fn receive(
        &mut self,
        now: SimTime,
        protocol: Protocol,
        external: Endpoint,
        remote: Endpoint,
    ) -> Result<Endpoint, DropReason> {
        let (expires, refreshes) = (now + self.idle, self.config.refresh_inbound);
        let same = |flow: &&mut Flow| {
            (flow.protocol, flow.external, flow.remote) == (protocol, external, remote)
        };
        if let Some(flow) = self.flows.iter_mut().find(same) {
            flow.expires = if refreshes { expires } else { flow.expires };
            return Ok(flow.internal);
        }
        let at_it = |mapped: &Mapped| (mapped.protocol, mapped.external) == (protocol, external);
        let at_it: Vec<_> = self.live().filter(|(_, mapped)| at_it(mapped)).collect();
        if at_it.is_empty() {
            return Err(DropReason::NoMapping);
        }
        let taker = at_it.into_iter().find(|mapped| self.lets_in(*mapped, remote));
        let (mapping, mapped) = taker.ok_or(DropReason::Filtered)?;
        let internal = mapped.internal;
        if refreshes {
            if let Some(reason) = self.refusal(internal.ip) {
                return Err(reason);
            }
            self.flows.push(Flow { protocol, internal, external, remote, mapping, expires });
        }
        Ok(internal)
    }

    /// Notes a packet from inside that was given an external endpoint.
    fn sent(
        &mut self,
        now: SimTime,
        protocol: Protocol,
        internal: Endpoint,
        external: Endpoint,
        remote: Endpoint,
        created: bool,
    ) {
        let expires = now + self.idle;
        let same = |flow: &&mut Flow| {
            (flow.protocol, flow.external, flow.remote) == (protocol, external, remote)
        };
        if let Some(flow) = self.flows.iter_mut().find(same) {
            assert_eq!((flow.internal, created), (internal, false), "two hosts toward {remote}");
            flow.expires = if self.config.refresh_outbound { expires } else { flow.expires };
            return;
        }
        assert_eq!(self.refusal(internal.ip), None);
        let toward = Some(self.toward(protocol, remote));
        let mapped = Mapped { protocol, internal, toward, external };
        let forward = Mapped { toward: None, ..mapped };
        let known = self.live().find(|(_, known)| *known == mapped || *known == forward);
        assert_eq!(created, known.is_none());
        let mapping = known.map_or(self.mappings.len(), |(id, _)| id);
        if created {
            self.check_new(now, mapped);
            self.mappings.push(Some(mapped));
        }
        self.flows.push(Flow { protocol, internal, external, remote, mapping, expires });
    }

    /// Whether a packet from inside is bound to find an external endpoint, as far as ports go.
    fn has_mapping(&self, protocol: Protocol, internal: Endpoint, remote: Endpoint) -> bool {
        let toward = Some(self.toward(protocol, remote));
        self.config.ports != PortAllocation::PreserveWithOverload
            && self.live().any(|(_, mapped)| {
                (mapped.protocol, mapped.internal) == (protocol, internal)
                    && (mapped.toward == toward || mapped.toward.is_none())
            })
    }

    fn is_own(&self, internal: Endpoint, external: Endpoint) -> bool {
        let Some(PortBlocks::Deterministic { compression, overflow, .. }) = self.config.port_blocks
        else {
            return false;
        };
        let IpAddr::V4(host) = internal.ip else { return false };
        let size = 64_512 / (u32::from(compression) + u32::from(overflow));
        let first = 1024 + size * u32::from(host.octets()[3] - 1);
        external.ip == ip(EXTERNAL) && (first..first + size).contains(&external.port.into())
    }

    /// Checks that a new mapping may have its external endpoint.
    fn check_new(&self, now: SimTime, new: Mapped) {
        let Mapped { protocol, internal, external, .. } = new;
        let config = &self.config;
        let others: Vec<_> = self.live().map(|(_, mapped)| mapped).collect();
        let exclusive = config.ports != PortAllocation::PreserveWithOverload;
        let shares = |other: &Mapped| (other.protocol, other.external) == (protocol, external);
        assert!(!exclusive || !others.iter().any(shares), "{new:?} has another's");
        if exclusive {
            let key = (protocol, internal, new.toward);
            let same_key = |other: &Mapped| (other.protocol, other.internal, other.toward) == key;
            assert!(!others.iter().any(same_key), "{new:?} has an older one");
        }
        if let Some(until) = self.on_hold.get(&(protocol, external)) {
            assert!(*until <= now, "{new:?} is on hold");
        }
        let has_ports = protocol != Protocol::Icmp;
        if config.port_parity && has_ports {
            assert_eq!(external.port % 2, internal.port % 2, "{new:?}");
        }
        let kept = external.port == internal.port;
        assert!(config.ports != PortAllocation::Strict || kept, "{new:?}");
        let mut ports = self.ports_of(internal.ip);
        ports.insert((protocol, external));
        let most = config.max_ports_per_subscriber.unwrap_or(u32::MAX) as usize;
        assert!(ports.len() <= most.max(self.ports_of(internal.ip).len()), "{new:?}");
        let mut homes = others.iter().filter(|other| other.internal.ip == internal.ip);
        assert!(
            config.pooling == Pooling::Arbitrary
                || homes.all(|other| other.external.ip == external.ip),
            "{new:?} is not at the address of its host"
        );
        self.check_range(new, &others);
    }

    fn check_range(&self, new: Mapped, others: &[Mapped]) {
        let Mapped { protocol, internal, external, .. } = new;
        let Some(blocks) = self.config.port_blocks else {
            let class = match (protocol, self.config.port_classes, internal.port) {
                (Protocol::Icmp, ..) => 0..=65535,
                _ if self.config.ports == PortAllocation::Sequential => 1024..=65535,
                (_, PortClasses::Unprivileged, _) | (.., 1024..) => 1024..=65535,
                (_, PortClasses::Two, _) => 1..=1023,
                (.., ..512) => 1..=511,
                (_, PortClasses::Three, _) => 512..=1023,
                (_, PortClasses::Linux, _) => 600..=1023,
            };
            let class =
                if self.config.ports == PortAllocation::Sequential { 1024..=65535 } else { class };
            assert!(class.contains(&external.port), "{new:?}");
            return;
        };
        let (size, reserve) = match blocks {
            PortBlocks::Dynamic { size, .. } => (u32::from(size), 1024),
            PortBlocks::Deterministic { compression, overflow, .. } => {
                let size = 64_512 / (u32::from(compression) + u32::from(overflow));
                (size, 1024 + u32::from(compression) * size)
            }
        };
        assert!(external.port >= 1024);
        if self.is_own(internal, external) {
            return;
        }
        assert!(u32::from(external.port) >= reserve, "{new:?} is in another's block");
        // A block has one host; forwards are in none.
        let block = |external: Endpoint| {
            (external.ip, u32::from(external.port).saturating_sub(1024) / size)
        };
        let in_blocks = others.iter().filter(|other| other.toward.is_some());
        let (mine, theirs): (Vec<&Mapped>, Vec<_>) =
            in_blocks.partition(|other| other.internal.ip == internal.ip);
        assert!(theirs.iter().all(|other| block(other.external) != block(external)), "{new:?}");
        if let PortBlocks::Dynamic { max_blocks, .. } = blocks {
            let mut mine: BTreeSet<_> = mine.iter().map(|mine| block(mine.external)).collect();
            mine.insert(block(external));
            assert!(mine.len() <= max_blocks.into(), "{new:?} is in one block too many");
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(SimDuration),
    /// Until the next flow ends, or just not.
    WaitForEnd(bool),
    Out(Protocol, Endpoint, Endpoint),
    /// To the external endpoint of the nth flow, or at that port.
    In(Protocol, Endpoint, Result<usize, u16>),
    Flush,
}

fn any_step() -> impl Strategy<Value = Step> {
    let target = prop_oneof![8 => (0usize..64).prop_map(Ok), 1 => any::<u16>().prop_map(Err)];
    prop_oneof![
        4 => (0u64..8000).prop_map(|ms| Step::Wait(SimDuration::from_millis(ms))),
        2 => any::<bool>().prop_map(Step::WaitForEnd),
        12 => (any_protocol(), any_host(), any_remote()).prop_map(|(p, h, r)| Step::Out(p, h, r)),
        8 => (any_protocol(), any_remote(), target).prop_map(|(p, r, t)| Step::In(p, r, t)),
        1 => Just(Step::Flush),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_engine_does_what_the_model_does(
        (config, pool) in any_config(),
        idle in 1u64..20,
        steps in vec(any_step(), 1..60),
    ) {
        let idle = secs(idle);
        let config = NatConfig {
            hairpin: Hairpin::None,
            wan_input: WanInput::Drop,
            unsolicited_tcp: UnsolicitedTcp::WanInput,
            udp_timeout: idle,
            udp_stream_timeout: idle,
            udp_well_known_timeout: None,
            tcp_timeout: idle,
            tcp_opening_timeout: idle,
            tcp_closing_timeout: idle,
            tcp_reset_timeout: idle,
            icmp_timeout: idle,
            ..config
        };
        let rng = Seed::new(5).rng("nat");
        let mut nat = Nat::with_pool(config.clone(), externals(pool), rng).unwrap();
        let mut model = Model::new(config, idle);
        let mut now = SimTime::ZERO;
        for step in &steps {
            match step {
                Step::Wait(span) => now += *span,
                Step::WaitForEnd(at_it) => {
                    if let Some(end) = model.flows.iter().map(|flow| flow.expires).min() {
                        now = SimTime::from_nanos(end.as_nanos() - u64::from(!at_it)).max(now);
                    }
                }
                Step::Out(protocol, host, remote) => {
                    model.expire(now);
                    let mut packet = from_inside(*protocol, *host, *remote);
                    let remote = packet.destination_endpoint().unwrap();
                    match nat.outbound(now, &mut packet) {
                        Ok(Outbound::Forwarded(translation)) => {
                            let (external, created) = (translation.after, translation.created);
                            prop_assert_eq!(packet.source_endpoint(), Some(external));
                            model.sent(now, *protocol, *host, external, remote, created);
                        }
                        Ok(hairpinned) => panic!("{hairpinned:?}"),
                        Err(reason) => {
                            let refusal = model.refusal(host.ip);
                            let has_mapping = model.has_mapping(*protocol, *host, remote);
                            match refusal {
                                Some(refusal) => prop_assert_eq!(reason, refusal),
                                None => prop_assert!(!has_mapping, "{} toward {}: {}", host, remote, reason),
                            }
                        }
                    }
                }
                Step::In(protocol, remote, target) => {
                    model.expire(now);
                    let external = match *target {
                        Ok(n) => model.flows.get(n % model.flows.len().max(1)).map(|flow| flow.external),
                        Err(port) => Some(Endpoint::new(ip(EXTERNAL), port)),
                    };
                    let external = external.unwrap_or(Endpoint::new(ip(EXTERNAL), 1));
                    let mut packet = from_outside(*protocol, *remote, external);
                    let remote = packet.source_endpoint().unwrap();
                    let taker = nat.inbound(now, &mut packet).map(|translation| translation.after);
                    prop_assert_eq!(taker, model.receive(now, *protocol, external, remote));
                }
                Step::Flush => {
                    nat.handle_timeout(now);
                    model.expire(now);
                    nat.flush();
                    let ended = std::mem::take(&mut model.ended);
                    model = Model { ended, ..Model::new(model.config, idle) };
                }
            }
            nat.handle_timeout(now);
            model.expire(now);
            prop_assert_eq!(nat.flow_count(), model.flows.len());
            prop_assert_eq!(nat.mapping_count(), model.live().count());
        }
        now += idle;
        nat.handle_timeout(now);
        model.expire(now);
        let mut told: Vec<_> = std::iter::from_fn(|| nat.poll_ended()).collect();
        prop_assert!(told.is_sorted_by_key(|ended| ended.at));
        let order = |ended: &MappingEnded| (ended.at, ended.protocol, ended.internal, ended.external);
        told.sort_by_key(order);
        model.ended.sort_by_key(order);
        prop_assert_eq!(told, model.ended);
    }
}
