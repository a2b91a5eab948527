//! Flows: who talks to whom through which external port, each with its own idle timer.

use natbed_packet::{Endpoint, Packet, Protocol};
use natbed_units::{LookupMap, SimTime};

use super::External;
use super::mapping::MappingId;
use crate::NatConfig;
use crate::direction::Direction;
use crate::expiry::{EntryId, ExpiringSlab};
use crate::key::FlowKey;
use crate::lifetime::{Lifetime, Timers};

/// One conversation: (protocol, internal endpoint, external endpoint, remote endpoint).
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) protocol: Protocol,
    pub(super) external: External,
    pub(super) remote: Endpoint,
    /// Who is on this side; `None` if it is the box itself.
    pub(super) inside: Option<Inside>,
    pub(super) lifetime: Lifetime,
}

/// The internal end of a flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inside {
    pub(super) endpoint: Endpoint,
    pub(super) mapping: MappingId,
    /// Grows with each flow, to tell which is the newest.
    pub(super) serial: u64,
}

/// All flows, found by one lookup from either side.
///
/// No two flows share (protocol, external endpoint, remote): a packet from outside has one taker.
#[derive(Clone, Debug)]
pub(super) struct FlowTable {
    timers: Timers,
    refresh_outbound: bool,
    refresh_inbound: bool,
    flows: ExpiringSlab<Flow>,
    /// By internal endpoint and remote.
    outbound: LookupMap<FlowKey, EntryId>,
    /// By external endpoint and remote.
    inbound: LookupMap<FlowKey, EntryId>,
}

impl FlowTable {
    pub(super) fn new(config: &NatConfig) -> Self {
        Self {
            timers: Timers::from(config),
            refresh_outbound: config.refresh_outbound,
            refresh_inbound: config.refresh_inbound,
            flows: ExpiringSlab::new(config.max_flows),
            outbound: LookupMap::new(),
            inbound: LookupMap::new(),
        }
    }

    /// The life of a flow that `packet` opens now.
    pub(super) fn lifetime(&self, now: SimTime, packet: &Packet, opener: Direction) -> Lifetime {
        Lifetime::opened_by(packet, opener, now, &self.timers)
    }

    pub(super) fn len(&self) -> usize {
        self.flows.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.flows.is_full()
    }

    /// Says whether a flow has this external endpoint toward `remote`.
    pub(super) fn owns(&self, protocol: Protocol, external: External, remote: Endpoint) -> bool {
        self.inbound.contains_key(&FlowKey::at_external(protocol, external, remote))
    }

    #[inline]
    pub(super) fn outbound(
        &self,
        protocol: Protocol,
        internal: Endpoint,
        remote: Endpoint,
    ) -> Option<&Flow> {
        self.flows.get(*self.outbound.get(&FlowKey::new(protocol, internal, remote))?)
    }

    #[inline]
    pub(super) fn inbound(
        &self,
        protocol: Protocol,
        external: External,
        remote: Endpoint,
    ) -> Option<&Flow> {
        self.flows.get(*self.inbound.get(&FlowKey::at_external(protocol, external, remote))?)
    }

    /// Finds the flow of a packet from inside and renews it.
    #[inline(always)]
    pub(super) fn renew_outbound(
        &mut self,
        now: SimTime,
        packet: &Packet,
        key: FlowKey,
    ) -> Option<&Flow> {
        let id = *self.outbound.get(&key)?;
        self.renew(now, packet, Direction::Outbound, id)
    }

    /// Finds the flow of a packet from outside and renews it.
    #[inline(always)]
    pub(super) fn renew_inbound(
        &mut self,
        now: SimTime,
        packet: &Packet,
        key: FlowKey,
    ) -> Option<&Flow> {
        let id = *self.inbound.get(&key)?;
        self.renew(now, packet, Direction::Inbound, id)
    }

    #[inline(always)]
    fn renew(
        &mut self,
        now: SimTime,
        packet: &Packet,
        direction: Direction,
        id: EntryId,
    ) -> Option<&Flow> {
        self.flows.renew(id, |flow, expires| {
            let refreshes = match direction {
                Direction::Outbound => self.refresh_outbound,
                Direction::Inbound => self.refresh_inbound || flow.inside.is_none(),
            };
            flow.lifetime.pass(packet, direction, now, &self.timers, (refreshes, expires))
        })
    }

    /// Adds a flow, which the caller has made sure neither clashes nor overfills the table.
    ///
    /// `answers` says whether what the internal endpoint sends to the remote belongs to it.
    pub(super) fn insert(&mut self, flow: Flow, answers: bool) {
        let inbound = FlowKey::at_external(flow.protocol, flow.external, flow.remote);
        let outbound =
            flow.inside.map(|inside| FlowKey::new(flow.protocol, inside.endpoint, flow.remote));
        let id = self.flows.insert(flow, flow.lifetime.first_expiry(&self.timers));
        self.inbound.insert(inbound, id);
        if let Some(outbound) = outbound
            && answers
        {
            self.outbound.get_or_insert_with(outbound, || id);
        }
    }

    /// Returns an instant no later than the first expiry.
    #[inline]
    pub(super) fn next_wakeup(&self) -> Option<SimTime> {
        self.flows.next_wakeup()
    }

    /// Removes and returns one flow that has expired by `now`, and when it did, the earliest first;
    /// call until `None`.
    #[inline]
    pub(super) fn pop_expired(&mut self, now: SimTime) -> Option<(SimTime, Flow)> {
        let (at, id, flow) = self.flows.pop_expired(now)?;
        self.inbound.remove(&FlowKey::at_external(flow.protocol, flow.external, flow.remote));
        if let Some(inside) = flow.inside {
            let key = FlowKey::new(flow.protocol, inside.endpoint, flow.remote);
            if self.outbound.get(&key) == Some(&id) {
                self.outbound.remove(&key);
            }
        }
        Some((at, flow))
    }

    pub(super) fn clear(&mut self) {
        self.flows.clear();
        self.outbound.clear();
        self.inbound.clear();
    }
}
