//! The network as a state machine: its verbs.

use std::collections::VecDeque;
use std::net::IpAddr;

use natbed_packet::{DropReason, Packet};
use natbed_units::{Seed, SimTime};

use crate::id::{HostId, LinkId, PipeId, Place, RouterId};
use crate::node::{Core, Host, Lan, Router};
use crate::observer::{Hop, Observer, Origin, Step};
use crate::pipe::{Entry, Pipe};
use crate::schedule::{Due, Schedule};
use crate::slab::{InFlight, Slab, Slot};

/// What a network may grow to (law 11 of the design: limits on everything).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most packets on their way at once; more are dropped as `too-many-in-flight`.
    pub packets_in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { packets_in_flight: 1_000_000 }
    }
}

/// A packet that reached a host.
#[derive(Debug)]
pub struct Delivery {
    /// The host it reached.
    pub host: HostId,
    /// The packet as it arrived.
    pub packet: Packet,
    /// The packet's number in this run.
    pub id: u64,
    /// Who made it.
    pub origin: Origin,
}

/// Hosts, LANs, gateways, pipes and the Internet core.
///
/// Build it with [`Network::add_lan`], [`Network::add_gateway`] and
/// [`Network::add_host`]; then drive it: send, handle the timeout when its time
/// has come, take deliveries until there is none, ask for the next timeout.
///
/// Time never goes back from one call to the next. What is due before `now` must have been handled
/// when something is sent at `now`: [`Network::handle_timeout`] comes before [`Network::send`].
#[derive(Debug)]
pub struct Network<O = ()> {
    pub(crate) observer: O,
    pub(crate) seed: Seed,
    pub(crate) limits: Limits,
    pub(crate) core: Option<Core>,
    pub(crate) lans: Vec<Lan>,
    pub(crate) routers: Vec<Router>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) pipes: Vec<Pipe>,
    pub(crate) schedule: Schedule,
    pub(crate) slab: Slab,
    deliveries: VecDeque<(HostId, Slot)>,
    packets_made: u64,
    events: u64,
}

/// Where a packet goes from a place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    Into(PipeId),
    Lost(DropReason),
    /// Nowhere: it is longer than this, in bytes, and may not be cut.
    TooBig(u32),
    /// Nowhere yet: a fragment that waits for the others.
    Held,
    /// To all on a LAN that listen.
    ToMany,
}

impl<O: Observer> Network<O> {
    /// Makes an empty network; `seed` is the run's, from which each NAT derives its own.
    #[must_use]
    pub fn new(seed: Seed, limits: Limits, observer: O) -> Self {
        Self {
            observer,
            seed,
            limits,
            core: None,
            lans: Vec::new(),
            routers: Vec::new(),
            hosts: Vec::new(),
            pipes: Vec::new(),
            schedule: Schedule::default(),
            slab: Slab::default(),
            deliveries: VecDeque::new(),
            packets_made: 0,
            events: 0,
        }
    }

    /// Sends a packet from `host`, whose address must be its source.
    ///
    /// The packet may be delivered in this instant (loopback, links without delay), so ask
    /// [`Network::poll_delivery`] afterwards; it may change [`Network::poll_timeout`].
    /// A packet that cannot be sent is dropped with its reason, which the observer sees.
    pub fn send(&mut self, now: SimTime, host: HostId, packet: Packet) {
        let slot = self.make(packet, Origin::Host(host));
        self.observe(now, slot, Step::Sent);
        match self.leave_host(now, slot, host) {
            Ok(Some(link)) => self.depart(now, slot, host, link),
            Ok(None) => self.hand_over(now, slot, host),
            Err(reason) => self.lose(now, slot, Place::Host(host), reason),
        }
    }

    /// Returns the next packet that reached a host, in the order of arrival.
    ///
    /// Call it until `None` after [`Network::send`], [`Network::reject`] and
    /// [`Network::handle_timeout`].
    #[must_use = "a delivery that is not handled is a packet lost without a reason"]
    #[inline]
    pub fn poll_delivery(&mut self) -> Option<Delivery> {
        let (host, slot) = self.deliveries.pop_front()?;
        let InFlight { packet, id, origin, .. } = self.slab.remove(slot);
        Some(Delivery { host, packet, id, origin })
    }

    /// Says whether [`Network::poll_delivery`] has any: cheaper to ask where most often it has none.
    #[must_use]
    #[inline]
    pub fn has_deliveries(&self) -> bool {
        !self.deliveries.is_empty()
    }

    /// Gives back a delivery that its host could not take: no socket, or a full buffer.
    ///
    /// Answers with the ICMP error that a real host sends for `reason`, if it sends one. An echo
    /// request without a taker is not lost: the host itself answers it.
    pub fn reject(&mut self, now: SimTime, delivery: Delivery, reason: DropReason) {
        let Delivery { host, packet, id, origin } = delivery;
        let itself = &self.hosts[host.index()];
        // Nobody answers for an address of many, nor for one given up in the meantime.
        let is_own = itself.interfaces.iter().any(|i| i.address == packet.destination);
        if reason == DropReason::NoTaker
            && is_own
            && !itself.is_stopped
            && let Some(reply) = Packet::echo_reply(&packet)
        {
            self.send(now, host, reply);
            return;
        }
        self.observer.observe(&Hop {
            at: now,
            packet: &packet,
            id,
            origin,
            step: Step::Refused(host, reason),
        });
        let error = reason
            .icmp_error()
            .filter(|_| is_own)
            .and_then(|kind| Packet::icmp_error(packet.destination, kind, &packet));
        if let Some(error) = error {
            self.send(now, host, error);
        }
    }

    /// Returns when [`Network::handle_timeout`] wants to be called; `None` when nothing is pending.
    ///
    /// Any call with `&mut self` may change the answer.
    #[must_use]
    #[inline]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        self.schedule.next_time()
    }

    /// Handles every event at or before `now`, each at its own time, in (time, sequence) order.
    ///
    /// Calling it early or twice is harmless. To stop at the first delivery, pass no more than
    /// what [`Network::poll_timeout`] returned, and poll deliveries before going on.
    pub fn handle_timeout(&mut self, now: SimTime) {
        while let Some((at, due)) = self.schedule.peek(now) {
            self.events += 1;
            let out = if let Due::Pipe(pipe) = due {
                self.pop_pipe(at, pipe)
            } else {
                self.schedule.finish(None);
                self.expire(at, due)
            };
            if let Some((slot, place)) = out {
                self.travel_from(at, slot, place);
            }
        }
    }

    /// Ends what has had its time at a node or in the engine of a pipe, from which a packet may come
    /// out at a place.
    #[inline(never)]
    fn expire(&mut self, now: SimTime, due: Due) -> Option<(Slot, Place)> {
        match due {
            Due::Pipe(_) => {} // nothing expires in a pipe
            Due::Line(pipe) => return self.end_line(now, pipe),
            Due::Wire(pipe) => return self.pop_wire(now, pipe),
            Due::Router(router) => self.expire_router(now, router),
            Due::HostFirewall(host) => self.expire_host(now, host),
            Due::HostFragments(host) => self.give_up_host_fragments(now, host),
            Due::RouterFragments(router) => {
                self.give_up_router_fragments(now, router, now, DropReason::FragmentTimeout);
            }
        }
        None
    }

    /// Returns the number of events handled so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Returns the number of packets on their way.
    #[must_use]
    pub fn packets_in_flight(&self) -> usize {
        self.slab.len() - self.deliveries.len()
    }

    /// Returns the observer.
    #[must_use]
    pub fn observer(&self) -> &O {
        &self.observer
    }

    /// Returns the observer for setting it up between packets.
    #[must_use]
    pub fn observer_mut(&mut self) -> &mut O {
        &mut self.observer
    }

    /// Ends the network and returns its observer with what it saw.
    #[must_use]
    pub fn into_observer(self) -> O {
        self.observer
    }

    /// Returns the addresses of a host, in the order of its interfaces.
    pub fn addresses(&self, host: HostId) -> impl Iterator<Item = IpAddr> + '_ {
        self.hosts[host.index()].interfaces.iter().map(|interface| interface.address)
    }

    /// Takes a new packet in, within the limit.
    pub(crate) fn make(&mut self, packet: Packet, origin: Origin) -> Slot {
        self.packets_made += 1;
        self.slab.insert(InFlight {
            packet,
            id: self.packets_made,
            origin,
            due: SimTime::ZERO,
            sequence: 0,
            next: Slot::NONE,
        })
    }

    /// Sends a packet out of one of the links of the node that made it, past its firewall.
    pub(crate) fn send_answer(
        &mut self,
        now: SimTime,
        origin: Origin,
        place: Place,
        link: LinkId,
        packet: Packet,
    ) {
        let slot = self.make(packet, origin);
        self.observe(now, slot, Step::Sent);
        self.travel_into(now, slot, link.up(), place);
    }

    #[inline]
    pub(crate) fn observe(&mut self, at: SimTime, slot: Slot, step: Step<'_>) {
        let flight = self.slab.get(slot);
        self.observer.observe(&Hop {
            at,
            packet: &flight.packet,
            id: flight.id,
            origin: flight.origin,
            step,
        });
    }

    #[inline]
    pub(crate) fn packet(&self, slot: Slot) -> &Packet {
        &self.slab.get(slot).packet
    }

    #[inline]
    pub(crate) fn packet_mut(&mut self, slot: Slot) -> &mut Packet {
        &mut self.slab.get_mut(slot).packet
    }

    /// The parts that translating a packet needs, borrowed side by side.
    #[inline]
    pub(crate) fn router_and_packet(
        &mut self,
        router: RouterId,
        slot: Slot,
    ) -> (&mut Router, &mut Packet) {
        (&mut self.routers[router.index()], &mut self.slab.get_mut(slot).packet)
    }

    /// The parts that a host firewall needs, borrowed side by side.
    #[inline]
    pub(crate) fn host_and_packet(&mut self, host: HostId, slot: Slot) -> (&mut Host, &Packet) {
        (&mut self.hosts[host.index()], &self.slab.get(slot).packet)
    }

    /// Moves a packet on from the pipe it enters until it has to wait or its way ends.
    pub(crate) fn travel_into(&mut self, now: SimTime, slot: Slot, pipe: PipeId, from: Place) {
        if !self.enter_pipe(now, slot, pipe, from) {
            self.travel_from(now, slot, self.pipes[pipe.index()].to);
        }
    }

    /// Moves a packet on from the place it is at until it has to wait or its way ends.
    ///
    /// Almost all packets pass here: so all that nodes and pipes do is part of it.
    pub(crate) fn travel_from(&mut self, now: SimTime, slot: Slot, place: Place) {
        let mut place = place;
        while let Some(pipe) = self.next_from(now, slot, place)
            && !self.enter_pipe(now, slot, pipe, place)
        {
            place = self.pipes[pipe.index()].to;
        }
    }

    /// Decides at a place; `None` when the packet's way has ended there.
    #[inline(always)]
    fn next_from(&mut self, now: SimTime, slot: Slot, place: Place) -> Option<PipeId> {
        let place = match place {
            // A box of several gateways: one of them decides.
            Place::RouterInside(router) | Place::RouterOutside(router)
                if !self.routers[router.index()].beside.is_empty() =>
            {
                self.place_in_box(slot, place)
            }
            place => place,
        };
        // Each is called from here only, and so becomes part of this function.
        let next = match place {
            Place::Host(host) => {
                self.arrive_at_host(now, slot, host);
                return None;
            }
            Place::Lan(lan, from) => self.cross_lan(slot, lan, from),
            Place::RouterInside(router) => self.cross_router_outward(now, slot, router),
            Place::RouterOutside(router) => self.cross_router_inward(now, slot, router),
            Place::Core(_) => self.cross_core(slot),
        };
        match next {
            Next::Into(pipe) => return Some(pipe),
            Next::Lost(reason) => self.lose(now, slot, place, reason),
            Next::TooBig(mtu) => self.refuse_too_big(now, slot, place, mtu),
            Next::Held => {}
            Next::ToMany => self.flood(now, slot, place),
        }
        None
    }

    /// Puts a packet into a pipe; says whether it stays there or was lost, so that its way pauses.
    #[inline(always)]
    fn enter_pipe(&mut self, now: SimTime, slot: Slot, pipe_id: PipeId, from: Place) -> bool {
        let in_flight = self.packets_in_flight();
        let pipe = &mut self.pipes[pipe_id.index()];
        if in_flight > self.limits.packets_in_flight && !pipe.takes_no_time() {
            self.lose(now, slot, from, DropReason::TooManyInFlight);
            return true;
        }
        let flight = self.slab.get(slot);
        if pipe.mtu != Pipe::NO_MTU && flight.packet.wire_len().bytes() > pipe.mtu.into() {
            let mtu = pipe.mtu;
            self.cut_or_refuse(now, slot, pipe_id, from, mtu);
            return true;
        }
        match pipe.enter(now, || flight.packet.wire_len()) {
            Err(reason) => {
                self.lose_in_pipe(now, slot, pipe_id, from, reason);
                true
            }
            Ok(Entry::Passed) => {
                self.observe(now, slot, Step::Entered(pipe_id));
                self.observe(now, slot, Step::Left(pipe_id));
                false
            }
            Ok(Entry::Delayed(due)) => {
                self.observe(now, slot, Step::Entered(pipe_id));
                self.append(slot, pipe_id, due);
                true
            }
            Ok(Entry::Sent { due, wait }) => {
                self.observe(now, slot, Step::Entered(pipe_id));
                let flight = self.slab.get(slot);
                self.observer.queued(pipe_id, flight.id, &flight.packet, wait);
                self.append(slot, pipe_id, due);
                true
            }
            Ok(Entry::ForEngine) => self.enter_engine(now, slot, pipe_id, from),
        }
    }

    /// Appends a packet to the FIFO of its pipe; the first one in stands in the schedule.
    #[inline]
    pub(crate) fn append(&mut self, slot: Slot, pipe_id: PipeId, due: SimTime) {
        let sequence = self.schedule.next_sequence();
        let flight = self.slab.get_mut(slot);
        flight.due = due;
        flight.sequence = sequence;
        flight.next = Slot::NONE;
        let pipe = &mut self.pipes[pipe_id.index()];
        let tail = std::mem::replace(&mut pipe.tail, slot);
        if tail.is_none() {
            pipe.head = slot;
            self.schedule.push(due, sequence, Due::Pipe(pipe_id));
        } else {
            self.slab.get_mut(tail).next = slot;
        }
    }

    /// Lets the packet at the head of a pipe out, unless the pipe is down.
    #[inline]
    fn pop_pipe(&mut self, now: SimTime, pipe_id: PipeId) -> Option<(Slot, Place)> {
        let pipe = &mut self.pipes[pipe_id.index()];
        let slot = pipe.head;
        pipe.head = self.slab.get(slot).next;
        if pipe.head.is_none() {
            pipe.tail = Slot::NONE;
            self.schedule.finish(None);
        } else {
            let successor = self.slab.get(pipe.head);
            self.schedule.finish(Some((successor.due, successor.sequence)));
        }
        let (place, is_down) = (pipe.to, pipe.is_down);
        if is_down {
            self.lose_in_pipe(now, slot, pipe_id, place, DropReason::LinkDown);
            return None;
        }
        self.observe(now, slot, Step::Left(pipe_id));
        Some((slot, place))
    }

    /// Hands a packet to its host.
    pub(crate) fn hand_over(&mut self, now: SimTime, slot: Slot, host: HostId) {
        self.observe(now, slot, Step::Delivered(host));
        self.deliveries.push_back((host, slot));
    }

    /// Drops a packet because of a pipe, at one of its ends.
    pub(crate) fn lose_in_pipe(
        &mut self,
        now: SimTime,
        slot: Slot,
        pipe: PipeId,
        end: Place,
        reason: DropReason,
    ) {
        self.observer.lost_in_pipe(pipe, self.slab.get(slot).id, reason);
        self.lose(now, slot, end, reason);
    }

    /// Drops a packet, and sends what the place answers with for the reason.
    pub(crate) fn lose(&mut self, now: SimTime, slot: Slot, place: Place, reason: DropReason) {
        let mut reason = reason;
        if matches!(reason, DropReason::RouterClosed | DropReason::WanInputClosed) {
            // It was for the gateway itself, which looks at the checksum as any host does.
            if self.packet(slot).is_corrupt {
                reason = DropReason::ChecksumFailed;
            } else if self.answer_ping(now, slot, place) {
                return;
            }
        }
        self.observe(now, slot, Step::Dropped(place, reason));
        let flight = self.slab.remove(slot);
        self.answer_drop(now, &flight.packet, place, reason);
    }
}
