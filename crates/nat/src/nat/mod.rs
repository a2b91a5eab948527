//! The NAT: one engine for all mapping, filtering and port allocation behaviours.

mod allocator;
mod blocks;
mod flow;
mod hairpin;
mod icmp;
mod mapping;
mod nat64;
mod pool;
mod ports;
mod subscribers;
mod translation;
mod wan_input;

use std::collections::VecDeque;
use std::net::IpAddr;

use natbed_packet::{Body, DropReason, Endpoint, Icmp, IcmpErrorKind, Packet, Protocol};
use natbed_units::{SimRng, SimTime};

use self::allocator::{Allocator, Wanted};
pub(crate) use self::blocks::subscribers_of;
use self::flow::{Flow, FlowTable, Inside};
use self::mapping::{MappingKey, MappingTable};
pub(crate) use self::pool::External;
use self::pool::Pool;
pub use self::translation::{MappingEnded, Outbound, Translation};
use crate::answer::Answers;
use crate::direction::Direction;
use crate::key::FlowKey;
use crate::lifetime::Lifetime;
use crate::{Answer, Exhausted, NatConfig, NatConfigError};

/// The most ended mappings that wait to be told; the oldest go first.
const MAX_ENDED: usize = 4096;

/// A NAT with one or several external addresses (RFC 4787), sans-IO.
///
/// Give it each packet at the instant it arrives; it answers at once and rewrites the packet in
/// place, or says why it is dropped and leaves it as it is. It keeps *flows*, each with its own
/// idle timer, and *mappings*, which live as long as they have a flow. [`Nat::poll_timeout`] and
/// [`Nat::handle_timeout`] only serve to free memory in time: what has expired never translates,
/// whether or not they were called.
///
/// Inside and outside are of one IP version, that of the external addresses, unless it is a NAT64:
/// then the inside is IPv6 and the outside IPv4, and a packet changes its version on the way.
#[derive(Clone, Debug)]
pub struct Nat {
    config: NatConfig,
    pool: Pool,
    rng: SimRng,
    flows: FlowTable,
    mappings: MappingTable,
    allocator: Allocator,
    answers: Answers,
    ended: VecDeque<MappingEnded>,
}

impl Nat {
    /// Makes a NAT with one external address; see [`Nat::with_pool`].
    ///
    /// # Errors
    ///
    /// What [`NatConfig::validate`] finds wrong.
    pub fn new(config: NatConfig, external: IpAddr, rng: SimRng) -> Result<Self, NatConfigError> {
        Self::with_pool(config, vec![external], rng)
    }

    /// Makes a NAT without state, but for its forwards.
    ///
    /// `externals` are its external addresses, at least one; forwards are on the first. `rng`
    /// decides the random ports and addresses; make it from the run's seed and the NAT's name.
    ///
    /// # Errors
    ///
    /// What [`NatConfig::validate`] finds wrong.
    pub fn with_pool(
        config: NatConfig,
        externals: Vec<IpAddr>,
        mut rng: SimRng,
    ) -> Result<Self, NatConfigError> {
        config.validate(&externals)?;
        let pool = Pool::new(externals);
        let mut nat = Self {
            flows: FlowTable::new(&config),
            mappings: MappingTable::new(),
            allocator: Allocator::new(pool.len(), &mut rng),
            answers: Answers::default(),
            ended: VecDeque::new(),
            config,
            pool,
            rng,
        };
        nat.set_up_forwards();
        Ok(nat)
    }

    /// Returns the configuration it was made with.
    #[must_use]
    pub const fn config(&self) -> &NatConfig {
        &self.config
    }

    /// Returns the first external address, the only one of most NATs.
    #[must_use]
    pub const fn external(&self) -> IpAddr {
        self.pool.first()
    }

    /// Returns all external addresses.
    #[must_use]
    pub fn externals(&self) -> &[IpAddr] {
        self.pool.addresses()
    }

    /// Translates a packet from the inside.
    ///
    /// # Errors
    ///
    /// Why it is dropped: [`DropReason::TableFull`], [`DropReason::PortsExhausted`] or
    /// [`DropReason::PortClash`] when there is no room for a new flow (what exists is kept, RFC 6888
    /// REQ-11), [`DropReason::NoHairpin`], [`DropReason::NoMapping`] or [`DropReason::Filtered`]
    /// when it goes to an external address of the NAT,
    /// [`DropReason::IcmpErrorUnknownFlow`], or [`DropReason::NotTranslatable`] for another IP
    /// version, for a destination outside the NAT64 prefix or a source in it, and for echo replies
    /// that nobody asked for.
    pub fn outbound(&mut self, now: SimTime, packet: &mut Packet) -> Result<Outbound, DropReason> {
        self.handle_timeout(now);
        match self.config.nat64 {
            None if !self.translates(packet) => return Err(DropReason::NotTranslatable),
            None => {}
            Some(prefix) => nat64::take_out(prefix, packet)?,
        }
        let outbound = self.leave(now, packet);
        if let (Some(prefix), Err(_)) = (self.config.nat64, &outbound) {
            nat64::put_back(prefix, packet);
        }
        outbound
    }

    /// Translates a packet from inside whose destination is what the outside calls it.
    #[inline(always)]
    fn leave(&mut self, now: SimTime, packet: &mut Packet) -> Result<Outbound, DropReason> {
        if matches!(packet.body, Body::Icmp(Icmp::EchoReply { .. })) {
            return Err(DropReason::NotTranslatable);
        }
        let (Some(internal), Some(remote)) =
            (packet.source_endpoint(), packet.destination_endpoint())
        else {
            return self.outbound_error(packet);
        };
        if let Some(target) = self.pool.external(remote) {
            let hairpinned = self.hairpin(now, packet, internal, remote, target);
            return hairpinned.map(Outbound::Hairpinned);
        }
        let protocol = packet.protocol();
        let (external, created) = self.external_of(now, packet, protocol, internal, remote)?;
        let after = self.pool.endpoint(external);
        packet.set_source(after);
        Ok(Outbound::Forwarded(Translation {
            protocol,
            before: internal,
            after,
            created,
            hairpinned_to: None,
        }))
    }

    /// Translates a packet from the outside to an external address.
    ///
    /// # Errors
    ///
    /// Why it is dropped: [`DropReason::NoMapping`] or [`DropReason::Filtered`], or what the
    /// [`WanInput`](crate::WanInput) policy makes of them; [`DropReason::TableFull`] when the
    /// filter would let it in but there is no room for its flow;
    /// [`DropReason::IcmpErrorUnknownFlow`]; or [`DropReason::NotTranslatable`] for another IP
    /// version. [`DropReason::icmp_error`] tells what a real box answers.
    pub fn inbound(
        &mut self,
        now: SimTime,
        packet: &mut Packet,
    ) -> Result<Translation, DropReason> {
        self.handle_timeout(now);
        if !self.translates(packet) {
            return Err(DropReason::NotTranslatable);
        }
        let Some(address) = self.pool.place(packet.destination) else {
            return Err(DropReason::NoMapping);
        };
        let (Some(remote), Some(target)) =
            (packet.source_endpoint(), packet.destination_endpoint())
        else {
            return self.inbound_error(packet);
        };
        let protocol = packet.protocol();
        let external = External { address, port: target.port };
        // A query from outside is for the box itself: its identifier is not one the NAT gave out.
        let is_query = matches!(packet.body, Body::Icmp(Icmp::EchoRequest { .. }));
        let taker = if is_query {
            Err(DropReason::NoMapping)
        } else {
            self.internal_endpoint(now, packet, protocol, external, remote)
        };
        let after = match taker {
            Ok(internal) => internal,
            Err(reason) => {
                return Err(self.wan_input(now, reason, packet, protocol, external, remote));
            }
        };
        packet.set_destination(after);
        if let Some(prefix) = self.config.nat64 {
            nat64::put_source_in(prefix, packet);
        }
        Ok(Translation { protocol, before: target, after, created: false, hairpinned_to: None })
    }

    /// Returns when to call [`Nat::handle_timeout`] next; `None` if nothing will expire.
    ///
    /// It may be earlier than the next expiry: timers that were renewed are armed again only when
    /// they come due. Any call that takes the time can change it.
    #[must_use]
    #[inline]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        match (self.flows.next_wakeup(), self.answers.next_wakeup()) {
            (Some(flow), Some(answer)) => Some(flow.min(answer)),
            (flow, answer) => flow.or(answer),
        }
    }

    /// Ends what has expired; to call it early, late or twice does no harm.
    #[inline]
    pub fn handle_timeout(&mut self, now: SimTime) {
        let is_due = |wakeup: Option<SimTime>| wakeup.is_some_and(|at| at <= now);
        if is_due(self.flows.next_wakeup()) || is_due(self.answers.next_wakeup()) {
            self.expire(now);
        }
    }

    #[inline(never)]
    fn expire(&mut self, now: SimTime) {
        self.answers.handle_timeout(now);
        while let Some((at, flow)) = self.flows.pop_expired(now) {
            let Some(Inside { endpoint, mapping, serial }) = flow.inside else {
                continue;
            };
            let Flow { protocol, external, remote, .. } = flow;
            self.allocator.flow_ended(endpoint.ip);
            if self.mappings.detach(&self.config, (protocol, external), remote, mapping, serial) {
                self.allocator.release(at, &self.config, protocol, endpoint.ip, external);
                if self.ended.len() == MAX_ENDED {
                    self.ended.pop_front();
                }
                let external = self.pool.endpoint(external);
                self.ended.push_back(MappingEnded { at, protocol, internal: endpoint, external });
            }
        }
    }

    /// Forgets all state but the forwards, as a reboot or a flush of the tracking table does.
    ///
    /// The mappings that it forgets are not told by [`Nat::poll_ended`].
    pub fn flush(&mut self) {
        self.answers = Answers::default();
        self.flows.clear();
        self.mappings = MappingTable::new();
        self.allocator.reset(self.pool.len());
        self.set_up_forwards();
    }

    /// Forgets all state and goes on with other external addresses, as after a new lease.
    ///
    /// # Errors
    ///
    /// What [`NatConfig::validate`] finds wrong with the addresses; nothing has changed then.
    pub fn set_externals(&mut self, externals: Vec<IpAddr>) -> Result<(), NatConfigError> {
        self.config.validate(&externals)?;
        self.pool = Pool::new(externals);
        self.flush();
        Ok(())
    }

    /// Returns the next packet that the box sends of its own accord; ask after every call that
    /// takes the time.
    ///
    /// If nobody asks, the oldest of more than 1024 are forgotten.
    #[must_use]
    pub fn poll_answer(&mut self) -> Option<Answer> {
        self.answers.poll()
    }

    /// Returns the next mapping whose last flow has expired, in the order in which they did; ask
    /// after every call that takes the time.
    ///
    /// If nobody asks, the oldest of more than 4096 are forgotten.
    #[must_use]
    pub fn poll_ended(&mut self) -> Option<MappingEnded> {
        self.ended.pop_front()
    }

    /// Returns the ICMP error that the box answers a drop for `reason` with, if it answers.
    #[must_use]
    pub fn icmp_error(&self, reason: DropReason) -> Option<IcmpErrorKind> {
        let is_want_of_room = matches!(
            reason,
            DropReason::PortsExhausted | DropReason::TableFull | DropReason::SubscriberLimit
        );
        if !is_want_of_room {
            return reason.icmp_error();
        }
        match self.config.exhausted {
            Exhausted::Silent => None,
            Exhausted::Prohibited => Some(IcmpErrorKind::AdminProhibited),
            Exhausted::HostUnreachable => Some(IcmpErrorKind::HostUnreachable),
        }
    }

    /// Returns how many flows there are, those of the box itself included.
    #[must_use]
    pub fn flow_count(&self) -> usize {
        self.flows.len()
    }

    /// Returns how many mappings there are, forwards included.
    #[must_use]
    pub fn mapping_count(&self) -> usize {
        self.mappings.len()
    }

    fn set_up_forwards(&mut self) {
        for forward in &self.config.forwards {
            let (protocol, internal) = (forward.protocol, forward.internal.into());
            let external = External { address: 0, port: forward.external_port };
            self.allocator.take(&self.config, protocol, forward.internal.ip(), external);
            self.mappings.add_forward(protocol, external, internal);
        }
    }

    fn forwarded(&self, protocol: Protocol, internal: Endpoint) -> Option<External> {
        let to_it =
            self.config.forwards.iter().find(|forward| {
                forward.protocol == protocol && internal == forward.internal.into()
            });
        to_it.map(|forward| External { address: 0, port: forward.external_port })
    }

    /// Says whether a packet is of the IP version of the outside.
    #[inline]
    fn translates(&self, packet: &Packet) -> bool {
        let v4 = self.pool.first().is_ipv4();
        packet.source.is_ipv4() == v4 && packet.destination.is_ipv4() == v4
    }

    /// Finds or makes the flow of a packet from inside; returns its external endpoint, and whether
    /// that took a new mapping.
    // Always inlined, like the other finders: the key is then made in registers, from the packet's
    // fields, and not read back from an endpoint that was just copied.
    #[inline(always)]
    fn external_of(
        &mut self,
        now: SimTime,
        packet: &Packet,
        protocol: Protocol,
        internal: Endpoint,
        remote: Endpoint,
    ) -> Result<(External, bool), DropReason> {
        let key = FlowKey::new(protocol, internal, remote);
        if let Some(flow) = self.flows.renew_outbound(now, packet, key) {
            return Ok((flow.external, false));
        }
        self.open_outbound(now, packet, protocol, internal, remote)
    }

    #[inline(never)]
    fn open_outbound(
        &mut self,
        now: SimTime,
        packet: &Packet,
        protocol: Protocol,
        internal: Endpoint,
        remote: Endpoint,
    ) -> Result<(External, bool), DropReason> {
        self.check_room(internal.ip)?;
        let flows = &self.flows;
        let taken = |external| flows.owns(protocol, external, remote);
        let forwarded = self.forwarded(protocol, internal).filter(|external| !taken(*external));
        let (key, external) = if let Some(external) = forwarded {
            (MappingKey::anywhere(protocol, internal), external)
        } else {
            let key = MappingKey::new(self.config.mapping_of(protocol), protocol, internal, remote);
            let external = match self.mappings.reusable(&key).filter(|known| !taken(*known)) {
                Some(known) => known,
                None => {
                    let before = self.external_of_port_before(protocol, internal);
                    let wanted = Wanted { protocol, internal, before };
                    self.allocator.choose(now, &mut self.rng, &self.config, wanted, taken)?
                }
            };
            (key, external)
        };
        let lifetime = self.flows.lifetime(now, packet, Direction::Outbound);
        let created = self.open(lifetime, key, external, remote, true);
        Ok((external, created))
    }

    /// Says whether there is room for one more flow of an internal address.
    fn check_room(&self, internal: IpAddr) -> Result<(), DropReason> {
        if self.flows.is_full() {
            Err(DropReason::TableFull)
        } else if !self.allocator.allows_flow(&self.config, internal) {
            Err(DropReason::SubscriberLimit)
        } else {
            Ok(())
        }
    }

    /// Returns the external endpoint that the even port before an odd one has, if contiguity
    /// matters.
    fn external_of_port_before(&self, protocol: Protocol, internal: Endpoint) -> Option<External> {
        if !self.config.port_contiguity
            || protocol == Protocol::Icmp
            || internal.port.is_multiple_of(2)
        {
            return None;
        }
        self.mappings.newest(protocol, Endpoint::new(internal.ip, internal.port - 1))
    }

    /// Finds who inside takes a packet from outside, and makes its flow if it is a new one that the
    /// filter lets in.
    #[inline(always)]
    fn internal_endpoint(
        &mut self,
        now: SimTime,
        packet: &Packet,
        protocol: Protocol,
        external: External,
        remote: Endpoint,
    ) -> Result<Endpoint, DropReason> {
        let key = FlowKey::at_external(protocol, external, remote);
        if let Some(flow) = self.flows.renew_inbound(now, packet, key) {
            return flow.inside.map(|inside| inside.endpoint).ok_or(DropReason::WanInputClosed);
        }
        self.open_inbound(now, packet, protocol, external, remote)
    }

    #[inline(never)]
    fn open_inbound(
        &mut self,
        now: SimTime,
        packet: &Packet,
        protocol: Protocol,
        external: External,
        remote: Endpoint,
    ) -> Result<Endpoint, DropReason> {
        let mapping = self.mappings.admitting(&self.config, protocol, external, remote)?;
        let internal = mapping.key.internal;
        if self.config.refresh_inbound {
            self.check_room(internal.ip)?;
            // Answers leave through the mapping that the mapping behaviour gives them, which with
            // ADM and APDM need not be the one that the packet came in by.
            let of_answers =
                MappingKey::new(self.config.mapping_of(protocol), protocol, internal, remote);
            let answers = mapping.forward || mapping.key == of_answers;
            let lifetime = self.flows.lifetime(now, packet, Direction::Inbound);
            self.open(lifetime, mapping.key, external, remote, answers);
        }
        Ok(internal)
    }

    /// Makes a flow; says whether its mapping is new.
    fn open(
        &mut self,
        lifetime: Lifetime,
        key: MappingKey,
        external: External,
        remote: Endpoint,
        answers: bool,
    ) -> bool {
        let attached = self.mappings.attach(&self.config, key, external, remote);
        if attached.created {
            self.allocator.take(&self.config, key.protocol, key.internal.ip, external);
        }
        self.allocator.flow_opened(key.internal.ip);
        let inside =
            Inside { endpoint: key.internal, mapping: attached.mapping, serial: attached.serial };
        let flow =
            Flow { protocol: key.protocol, external, remote, inside: Some(inside), lifetime };
        self.flows.insert(flow, answers);
        if key.protocol == Protocol::Tcp {
            self.answers.release(remote, self.pool.endpoint(external));
        }
        attached.created
    }
}
