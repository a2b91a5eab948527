//! How the external endpoint of a new mapping is chosen (RFC 4787 sections 4.1 and 4.2).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use natbed_packet::{DropReason, Endpoint, Protocol};
use natbed_units::{SimRng, SimTime};

use super::External;
use super::blocks::Blocks;
use super::ports::{Candidates, DYNAMIC, PortSet, class, may_keep};
use super::subscribers::{Subscriber, Subscribers};
use crate::{Filtering, NatConfig, Pooling, PortAllocation};

/// Gives out external endpoints; all but the overloading kind one to one mapping at a time.
#[derive(Clone, Debug)]
pub(super) struct Allocator {
    /// Ports in use or on hold, by address and protocol; stays empty when ports are overloaded.
    used: Vec<[PortSet; 3]>,
    /// Ports that no mapping has any more, by the time at which they may be given again. They are
    /// in use until then, so that there are never more of them than ports.
    on_hold: VecDeque<(SimTime, Protocol, External)>,
    /// Where a sequential search outside blocks goes on.
    cursor: u16,
    blocks: Blocks,
    subscribers: Subscribers,
}

/// What a new mapping needs an external endpoint for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) protocol: Protocol,
    pub(super) internal: Endpoint,
    /// The one that the even port before an odd one has, if contiguity matters.
    pub(super) before: Option<External>,
}

impl Wanted {
    /// Returns the external endpoint that contiguity asks for.
    fn next(self) -> Option<External> {
        let before = self.before?;
        Some(External { port: before.port.checked_add(1)?, ..before })
    }
}

impl Allocator {
    pub(super) fn new(addresses: u32, rng: &mut SimRng) -> Self {
        let size = u32::from(DYNAMIC.end() - DYNAMIC.start()) + 1;
        // Fits: it is a port.
        let cursor = DYNAMIC.start() + rng.in_range(0..size) as u16;
        Self {
            used: vec![Default::default(); addresses as usize],
            on_hold: VecDeque::new(),
            cursor,
            blocks: Blocks::new(addresses),
            subscribers: Subscribers::default(),
        }
    }

    /// Forgets all mappings, and how many addresses there were; sequential ports go on.
    pub(super) fn reset(&mut self, addresses: u32) {
        self.used = vec![Default::default(); addresses as usize];
        self.on_hold.clear();
        self.blocks = Blocks::new(addresses);
        self.subscribers = Subscribers::default();
    }

    fn used(&mut self, protocol: Protocol, address: u16) -> &mut PortSet {
        &mut self.used[usize::from(address)][protocol as usize]
    }

    /// Notes that a new mapping has an external endpoint.
    pub(super) fn take(
        &mut self,
        config: &NatConfig,
        protocol: Protocol,
        internal: IpAddr,
        external: External,
    ) {
        let subscriber = Subscriber::from(internal);
        if self.subscribers.mapped(subscriber, protocol, external) {
            self.blocks.used(subscriber, protocol, external);
        }
        if config.ports != PortAllocation::PreserveWithOverload {
            self.used(protocol, external.address).insert(external.port);
        }
    }

    /// Notes that the mapping has ended at `at`.
    pub(super) fn release(
        &mut self,
        at: SimTime,
        config: &NatConfig,
        protocol: Protocol,
        internal: IpAddr,
        external: External,
    ) {
        let subscriber = Subscriber::from(internal);
        if self.subscribers.unmapped(subscriber, protocol, external) {
            self.blocks.unused(subscriber, protocol, external);
        }
        // RFC 6888 REQ-8, its exceptions B and C.
        let is_held = !config.port_hold.is_zero()
            && config.filtering_of(protocol) == Filtering::EndpointIndependent
            && !config.port_blocks.is_some_and(|blocks| blocks.is_own(internal, external));
        if is_held {
            self.on_hold.push_back((at + config.port_hold, protocol, external));
        } else {
            self.used(protocol, external.address).remove(external.port);
        }
    }

    /// Frees what has been on hold for its time; mappings end in the order of time.
    fn end_holds(&mut self, now: SimTime) {
        while let Some(&(until, protocol, external)) = self.on_hold.front()
            && until <= now
        {
            self.on_hold.pop_front();
            self.used(protocol, external.address).remove(external.port);
        }
    }

    /// Notes a new flow.
    pub(super) fn flow_opened(&mut self, internal: IpAddr) {
        self.subscribers.flow_opened(Subscriber::from(internal));
    }

    /// Notes the end of a flow, before that of its mapping.
    pub(super) fn flow_ended(&mut self, internal: IpAddr) {
        self.subscribers.flow_ended(Subscriber::from(internal));
    }

    /// Says whether the subscriber has room for one more flow.
    pub(super) fn allows_flow(&self, config: &NatConfig, internal: IpAddr) -> bool {
        let flows = self.subscribers.flows(Subscriber::from(internal));
        config.max_flows_per_subscriber.is_none_or(|most| flows < most)
    }

    /// Chooses an external endpoint that is not `taken` toward the flow's destination.
    ///
    /// Every search is bounded by the number of addresses and of ports.
    ///
    /// # Errors
    ///
    /// [`DropReason::PortClash`], [`DropReason::PortsExhausted`] or [`DropReason::SubscriberLimit`]
    /// when it finds none.
    pub(super) fn choose(
        &mut self,
        now: SimTime,
        rng: &mut SimRng,
        config: &NatConfig,
        wanted: Wanted,
        taken: impl Fn(External) -> bool,
    ) -> Result<External, DropReason> {
        self.end_holds(now);
        let Wanted { protocol, internal, .. } = wanted;
        let subscriber = Subscriber::from(internal.ip);
        let at_limit = config
            .max_ports_per_subscriber
            .is_some_and(|most| self.subscribers.ports(subscriber) >= most);
        let overloads = config.ports == PortAllocation::PreserveWithOverload;
        if at_limit && !overloads {
            return Err(DropReason::SubscriberLimit);
        }
        let (used, subscribers) = (&self.used, &self.subscribers);
        let free = |external: External| {
            !used[usize::from(external.address)][protocol as usize].contains(external.port)
                && !taken(external)
                && (!at_limit || subscribers.has(subscriber, protocol, external))
        };
        let search = Search { config, wanted, free };
        // RFC 7857 section 4: who finds its address exhausted is not moved to another.
        let paired = match config.pooling {
            Pooling::Arbitrary => None,
            Pooling::Paired => subscribers
                .address(subscriber)
                .or_else(|| config.port_blocks?.own(internal.ip).map(|own| own.address)),
        };
        if let Some(next) = wanted.next()
            && (!config.port_parity || next.port % 2 == internal.port % 2)
            && match config.port_blocks {
                None => class(config, protocol, internal.port).contains(&next.port),
                Some(_) => self.blocks.held(subscriber).iter().any(|block| block.contains(next)),
            }
            && (search.free)(next)
        {
            return Ok(next);
        }
        let addresses = self.used.len() as u32;
        let chosen = if let Some(blocks) = config.port_blocks {
            self.blocks.choose(rng, blocks, internal.ip, paired, |rng, block| {
                if !overloads && block.is_full(protocol) {
                    return None;
                }
                let keeps = block.ports.contains(&internal.port);
                search.port(rng, block.address, block.ports.clone(), keeps, &mut block.cursor)
            })
        } else {
            let ports = class(config, protocol, internal.port);
            let keeps = may_keep(config, protocol, internal.port);
            let chosen = places(rng, paired, addresses).find_map(|address| {
                search.port(rng, address, ports.clone(), keeps, &mut self.cursor)
            });
            chosen.ok_or(DropReason::PortsExhausted)
        };
        chosen.map_err(|reason| match config.ports {
            _ if at_limit => DropReason::SubscriberLimit,
            PortAllocation::Strict => DropReason::PortClash,
            _ => reason,
        })
    }
}

/// Returns the places of the addresses to try: the paired one, or all from a random one on.
pub(super) fn places(
    rng: &mut SimRng,
    paired: Option<u16>,
    addresses: u32,
) -> impl Iterator<Item = u16> + use<> {
    let (first, tries) = match paired {
        Some(address) => (address.into(), 1),
        None if addresses == 1 => (0, 1),
        None => (rng.in_range(0..addresses), addresses),
    };
    // Fits: there are at most 65536 addresses.
    (first..first + tries).map(move |n| (n % addresses) as u16)
}

/// A search for one port.
struct Search<'a, F> {
    config: &'a NatConfig,
    wanted: Wanted,
    free: F,
}

impl<F: Fn(External) -> bool> Search<'_, F> {
    /// Chooses a free port of one address among `ports`; `keeps` says whether the internal one may
    /// be kept.
    fn port(
        &self,
        rng: &mut SimRng,
        address: u16,
        ports: RangeInclusive<u16>,
        keeps: bool,
        cursor: &mut u16,
    ) -> Option<External> {
        use PortAllocation::{Preserve, PreserveWithOverload, Random, Sequential, Strict};
        let Wanted { protocol, internal, .. } = self.wanted;
        let free = |port| (self.free)(External { address, port });
        let has_parity = self.config.port_parity && protocol != Protocol::Icmp;
        let candidates = Candidates::new(ports, has_parity.then_some(internal.port));
        let port = match self.config.ports {
            Strict => free(internal.port).then_some(internal.port),
            Preserve | PreserveWithOverload if keeps && free(internal.port) => Some(internal.port),
            Preserve | Random => candidates.random(rng, free),
            PreserveWithOverload => candidates.as_linux(rng, free),
            Sequential => {
                let port = candidates.upward(*cursor, free);
                *cursor = port.map_or(*cursor, |port| port.wrapping_add(1));
                port
            }
        };
        port.map(|port| External { address, port })
    }
}
