//! The NAT: one engine for all mapping, filtering and port allocation behaviours.

mod flow;
mod hairpin;
mod icmp;
mod mapping;
mod ports;
mod translation;
mod wan_input;

use std::net::IpAddr;

use natbed_packet::{Body, DropReason, Endpoint, Icmp, IcmpErrorKind, Packet, Protocol};
use natbed_units::{SimRng, SimTime};

use self::flow::{Flow, FlowTable, Inside};
use self::mapping::{MappingKey, MappingTable};
use self::ports::PortAllocator;
pub use self::translation::{MappingEnded, Outbound, Translation};
use crate::direction::Direction;
use crate::key::FlowKey;
use crate::{Answer, Exhausted, NatConfig, NatConfigError};

/// A NAT with one external address (RFC 4787), sans-IO.
///
/// Give it each packet at the instant it arrives; it answers at once and rewrites the packet in
/// place, or says why it is dropped and leaves it as it is. It keeps *flows*, each with its own
/// idle timer, and *mappings*, which live as long as they have a flow. [`Nat::poll_timeout`] and
/// [`Nat::handle_timeout`] only serve to free memory in time: what has expired never translates,
/// whether or not they were called.
///
/// Inside and outside are of one IP version, that of the external address.
#[derive(Clone, Debug)]
pub struct Nat {
    config: NatConfig,
    external: IpAddr,
    rng: SimRng,
    flows: FlowTable,
    mappings: MappingTable,
    ports: PortAllocator,
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
    /// `externals` are its external addresses, at least one; forwards are on the first. `rng` decides the random ports; make it from the run's seed and the NAT's name.
    ///
    /// # Errors
    ///
    /// What [`NatConfig::validate`] finds wrong.
    pub fn with_pool(
        config: NatConfig,
        externals: Vec<IpAddr>,
        mut rng: SimRng,
    ) -> Result<Self, NatConfigError> {
        let external = externals[0];
        config.validate(external)?;
        let mut nat = Self {
            flows: FlowTable::new(config.max_flows),
            mappings: MappingTable::new(config.filtering),
            ports: PortAllocator::new(config.ports, &mut rng),
            config,
            external,
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

    /// Returns the external address.
    #[must_use]
    pub const fn external(&self) -> IpAddr {
        self.external
    }

    /// Translates a packet from the inside.
    ///
    /// # Errors
    ///
    /// Why it is dropped: [`DropReason::TableFull`] or [`DropReason::PortsExhausted`] when there is
    /// no room for a new flow (what exists is kept, RFC 6888 REQ-11), [`DropReason::NoHairpin`],
    /// [`DropReason::NoMapping`] or [`DropReason::Filtered`] when it goes to the external address,
    /// [`DropReason::IcmpErrorUnknownFlow`], or [`DropReason::NotTranslatable`] for another IP
    /// version and for echo replies that nobody asked for.
    pub fn outbound(&mut self, now: SimTime, packet: &mut Packet) -> Result<Outbound, DropReason> {
        self.handle_timeout(now);
        if !self.translates(packet) || matches!(packet.body, Body::Icmp(Icmp::EchoReply { .. })) {
            return Err(DropReason::NotTranslatable);
        }
        let (Some(internal), Some(remote)) =
            (packet.source_endpoint(), packet.destination_endpoint())
        else {
            return self.outbound_error(packet);
        };
        if remote.ip == self.external {
            return self.hairpin(now, packet, internal, remote).map(Outbound::Hairpinned);
        }
        let protocol = packet.protocol();
        let (port, created) = self.external_port(now, protocol, internal, remote)?;
        let after = Endpoint::new(self.external, port);
        packet.set_source(after);
        Ok(Outbound::Forwarded(Translation {
            protocol,
            before: internal,
            after,
            created,
            hairpinned_to: None,
        }))
    }

    /// Translates a packet from the outside to the external address.
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
        if packet.destination != self.external {
            return Err(DropReason::NoMapping);
        }
        let (Some(remote), Some(target)) =
            (packet.source_endpoint(), packet.destination_endpoint())
        else {
            return self.inbound_error(packet);
        };
        let protocol = packet.protocol();
        // A query from outside is for the box itself: its identifier is not one the NAT gave out.
        let is_query = matches!(packet.body, Body::Icmp(Icmp::EchoRequest { .. }));
        let taker = if is_query {
            Err(DropReason::NoMapping)
        } else {
            self.internal_endpoint(now, protocol, target.port, remote)
        };
        let after = match taker {
            Ok(internal) => internal,
            Err(reason) => {
                return Err(self.wan_input(now, reason, protocol, target.port, remote));
            }
        };
        packet.set_destination(after);
        Ok(Translation { protocol, before: target, after, created: false, hairpinned_to: None })
    }

    /// Returns when to call [`Nat::handle_timeout`] next; `None` if nothing will expire.
    ///
    /// It may be earlier than the next expiry: timers that were renewed are armed again only when
    /// they come due. Any call that takes the time can change it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        self.flows.next_wakeup()
    }

    /// Ends what has expired; to call it early, late or twice does no harm.
    #[inline]
    pub fn handle_timeout(&mut self, now: SimTime) {
        if self.flows.next_wakeup().is_some_and(|at| at <= now) {
            self.expire(now);
        }
    }

    #[inline(never)]
    fn expire(&mut self, now: SimTime) {
        while let Some(flow) = self.flows.pop_expired(now) {
            let Some(Inside { mapping, serial, .. }) = flow.inside else {
                continue;
            };
            let port = (flow.protocol, flow.external_port);
            if self.mappings.detach(port, flow.remote.ip, mapping, serial) {
                self.ports.release(flow.protocol, flow.external_port);
            }
        }
    }

    /// Forgets all state but the forwards, as a reboot or a flush of the tracking table does.
    pub fn flush(&mut self) {
        self.flows.clear();
        self.mappings = MappingTable::new(self.config.filtering);
        self.ports.release_all();
        self.set_up_forwards();
    }

    /// Forgets all state and goes on with other external addresses, as after a new lease.
    ///
    /// # Errors
    ///
    /// What [`NatConfig::validate`] finds wrong with the addresses; nothing has changed then.
    pub fn set_externals(&mut self, externals: Vec<IpAddr>) -> Result<(), NatConfigError> {
        self.config.validate(externals[0])?;
        self.external = externals[0];
        self.flush();
        Ok(())
    }

    /// Returns the next packet that the box sends of its own accord; ask after every call that
    /// takes the time.
    #[must_use]
    pub fn poll_answer(&mut self) -> Option<Answer> {
        None
    }

    /// Returns the next mapping that has ended; ask after every call that takes the time.
    #[must_use]
    pub fn poll_ended(&mut self) -> Option<MappingEnded> {
        None
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
            let (protocol, port) = (forward.protocol, forward.external_port);
            self.ports.take(protocol, port);
            self.mappings.add_forward(protocol, port, forward.internal.into());
        }
    }

    fn forwarded_port(&self, protocol: Protocol, internal: Endpoint) -> Option<u16> {
        let to_it =
            self.config.forwards.iter().find(|forward| {
                forward.protocol == protocol && internal == forward.internal.into()
            });
        to_it.map(|forward| forward.external_port)
    }

    #[inline]
    fn translates(&self, packet: &Packet) -> bool {
        let v4 = self.external.is_ipv4();
        packet.source.is_ipv4() == v4 && packet.destination.is_ipv4() == v4
    }

    /// Finds or makes the flow of a packet from inside; returns its external port, and whether that
    /// took a new mapping.
    // Always inlined, like the other finders: the key is then made in registers, from the packet's
    // fields, and not read back from an endpoint that was just copied.
    #[inline(always)]
    fn external_port(
        &mut self,
        now: SimTime,
        protocol: Protocol,
        internal: Endpoint,
        remote: Endpoint,
    ) -> Result<(u16, bool), DropReason> {
        let key = FlowKey::new(protocol, internal, remote);
        if let Some(flow) = self.flows.renew_outbound(now, &self.config, key) {
            return Ok((flow.external_port, false));
        }
        self.open_outbound(now, protocol, internal, remote)
    }

    #[inline(never)]
    fn open_outbound(
        &mut self,
        now: SimTime,
        protocol: Protocol,
        internal: Endpoint,
        remote: Endpoint,
    ) -> Result<(u16, bool), DropReason> {
        if self.flows.is_full() {
            return Err(DropReason::TableFull);
        }
        let flows = &self.flows;
        let taken = |port: u16| flows.owns(protocol, port, remote);
        let forwarded = self.forwarded_port(protocol, internal).filter(|port| !taken(*port));
        let (key, port) = if let Some(port) = forwarded {
            (MappingKey::anywhere(protocol, internal), port)
        } else {
            let key = MappingKey::new(self.config.mapping, protocol, internal, remote);
            let port = self
                .mappings
                .reusable_port(&key)
                .filter(|port| !taken(*port))
                .or_else(|| self.ports.choose(&mut self.rng, protocol, internal.port, taken))
                .ok_or(DropReason::PortsExhausted)?;
            (key, port)
        };
        let created = self.open(now, Direction::Outbound, key, port, remote, true);
        Ok((port, created))
    }

    /// Finds who inside takes a packet from outside, and makes its flow if it is a new one that the
    /// filter lets in.
    #[inline(always)]
    fn internal_endpoint(
        &mut self,
        now: SimTime,
        protocol: Protocol,
        external_port: u16,
        remote: Endpoint,
    ) -> Result<Endpoint, DropReason> {
        let key = FlowKey::at_port(protocol, external_port, remote);
        if let Some(flow) = self.flows.renew_inbound(now, &self.config, key) {
            return flow.inside.map(|inside| inside.endpoint).ok_or(DropReason::WanInputClosed);
        }
        self.open_inbound(now, protocol, external_port, remote)
    }

    #[inline(never)]
    fn open_inbound(
        &mut self,
        now: SimTime,
        protocol: Protocol,
        external_port: u16,
        remote: Endpoint,
    ) -> Result<Endpoint, DropReason> {
        let mapping = self.mappings.admitting(protocol, external_port, remote.ip)?;
        let internal = mapping.key.internal;
        if self.config.refresh_inbound {
            if self.flows.is_full() {
                return Err(DropReason::TableFull);
            }
            // Answers leave through the mapping that the mapping behaviour gives them, which with
            // ADM and APDM need not be the one that the packet came in by.
            let of_answers = MappingKey::new(self.config.mapping, protocol, internal, remote);
            let answers = mapping.forward || mapping.key == of_answers;
            self.open(now, Direction::Inbound, mapping.key, external_port, remote, answers);
        }
        Ok(internal)
    }

    /// Makes a flow; says whether its mapping is new.
    fn open(
        &mut self,
        now: SimTime,
        opener: Direction,
        key: MappingKey,
        external_port: u16,
        remote: Endpoint,
        answers: bool,
    ) -> bool {
        let attached = self.mappings.attach(key, external_port, remote.ip);
        if attached.created {
            self.ports.take(key.protocol, external_port);
        }
        let inside =
            Inside { endpoint: key.internal, mapping: attached.mapping, serial: attached.serial };
        let flow = Flow {
            protocol: key.protocol,
            external_port,
            remote,
            inside: Some(inside),
            opener,
            replied: false,
            created: now,
        };
        self.flows.insert(now, &self.config, flow, answers);
        attached.created
    }
}
