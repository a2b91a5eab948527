//! One instant of a world: what is due, in order, and who gets what arrives.

use std::cmp::Reverse;
use std::mem;
use std::sync::{Arc, PoisonError};
use std::task::Waker;

use natbed_network::{Delivery, HostId, Network, Observer};
use natbed_packet::{Body, DropReason, Endpoint, Icmp, Packet, Protocol};
use natbed_units::{Seed, SimTime};

use super::{Taker, World};
use crate::clock::AsyncClock;
use crate::report::RunEnd;
use crate::shared::{Membership, Shared, State};
use crate::simulated;
use crate::sockets::Receipt;

/// The steps that [`World::run`] and the driver of async code share.
impl<O: Observer> World<O> {
    pub(crate) fn seed(&self) -> Seed {
        self.seed
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    pub(crate) fn count_events(&mut self, events: u64) {
        self.events += events;
    }

    pub(crate) fn clock_mut(&mut self) -> &mut AsyncClock {
        &mut self.clock
    }

    /// Begins a run with async code on the clock of its runtime.
    pub(crate) fn begin_async(&mut self) {
        self.clock = AsyncClock::start();
        self.is_shared = true;
        self.begin();
    }

    /// Begins a run, or goes on with one.
    pub(super) fn begin(&mut self) {
        self.is_stopped = false;
        self.may_have_requests = true;
        self.note_all_addresses();
        self.deliver_all();
    }

    /// Ends a run with async code; its runtime is gone.
    pub(crate) fn end_async(&mut self) {
        self.clock = AsyncClock::default();
    }

    /// Moves virtual time, never back.
    #[inline]
    pub(crate) fn move_to(&mut self, now: SimTime) {
        self.now = self.now.max(now);
        simulated::set_now(self.now);
    }

    /// Says whether the run is over already, and why.
    pub(crate) fn ended(&self) -> Option<RunEnd> {
        if self.is_stopped {
            Some(RunEnd::Stopped)
        } else if self.is_exhausted() {
            Some(RunEnd::EventLimit)
        } else {
            None
        }
    }

    #[inline]
    fn is_exhausted(&self) -> bool {
        self.events >= self.limits.events
    }

    /// Returns when something is to be done next, [`SimTime::MAX`] for never.
    #[inline]
    pub(crate) fn next_time(&self) -> SimTime {
        let network = self.network.poll_timeout().unwrap_or(SimTime::MAX);
        network.min(self.next_time_of_software())
    }

    /// Returns when software or an action is due next; only they, and deliveries, can change it.
    #[inline]
    fn next_time_of_software(&self) -> SimTime {
        let mut next = self.requests.next_alarm.unwrap_or(SimTime::MAX);
        if let Some(Reverse((at, _))) = self.timers.peek() {
            next = next.min(*at);
        }
        if let Some(((at, _), _)) = self.actions.first_key_value() {
            next = next.min(*at);
        }
        next
    }

    /// Does the next thing if it is due by `limit`; returns `false` if nothing is.
    ///
    /// What this brings about in the same instant is left for the next call.
    pub(crate) fn step(&mut self, limit: SimTime) -> bool {
        let software = self.next_time_of_software();
        // Most of what happens is packets that pass from link to link, of concern to no host.
        let mut network = self.network.poll_timeout();
        while let Some(next) = network
            && next < software
            && next <= limit
            && !self.is_exhausted()
        {
            self.events += 1;
            self.move_to(next);
            self.network.handle_timeout(next);
            // Every delivery is handed over before time moves on: none waits from before.
            if self.network.has_deliveries() && self.deliver_all() {
                return true;
            }
            network = self.network.poll_timeout();
        }
        let next = network.map_or(software, |next| next.min(software));
        if next <= limit {
            self.handle_due(next);
        }
        next <= limit
    }

    /// Does everything that is due at `time`, or now if that has passed, once.
    fn handle_due(&mut self, time: SimTime) {
        self.move_to(time);
        self.events += 1;
        if !self.actions.is_empty() {
            self.run_actions();
        }
        self.network.handle_timeout(self.now);
        self.deliver_all();
        if self.timers.peek().is_some_and(|Reverse((at, _))| *at <= self.now) {
            self.run_timers();
            // What they sent to their own host has arrived already.
            self.deliver_all();
        }
        if self.requests.next_alarm.is_some_and(|at| at <= self.now) {
            let mut state = self.shared.lock();
            state.take_due_alarms(self.now, &mut self.wakers);
            state.run_tcp_timers(self.now, &mut self.wakers);
            self.may_have_requests = true;
            self.requests.next_alarm = state.next_alarm();
            drop(state);
            self.wake_readers();
        }
    }

    /// Notes that tasks have run, which may have left requests.
    pub(crate) fn note_tasks_ran(&mut self) {
        self.may_have_requests = true;
    }

    /// Takes over what software has left since the last time.
    #[inline]
    pub(crate) fn take_requests(&mut self) {
        if self.is_shared && mem::take(&mut self.may_have_requests) {
            self.shared.lock().take_requests(&mut self.requests);
            self.is_stopped |= self.requests.is_stopped;
            if !self.requests.inlets.is_empty() {
                for (host, inlet) in mem::take(&mut self.requests.inlets) {
                    self.set_inlet(host, inlet);
                }
            }
            if !self.requests.memberships.is_empty() {
                self.take_memberships();
            }
            if self.requests.has_actions {
                self.take_remote_actions();
            }
            if !self.requests.packets.is_empty() {
                self.send_requested();
            }
        }
    }

    fn take_memberships(&mut self) {
        for membership in mem::take(&mut self.requests.memberships) {
            let Membership { host, group, is_member } = membership;
            if is_member {
                // Sockets have made sure that it is a group and one of not too many.
                let _ = self.network.join(host, group);
            } else {
                self.network.leave(host, group);
            }
        }
    }

    fn take_remote_actions(&mut self) {
        let remote = Arc::clone(&self.remote_actions);
        let actions = mem::take(&mut *remote.lock().unwrap_or_else(PoisonError::into_inner));
        for (time, action) in actions {
            self.schedule(time, action);
        }
    }

    fn send_requested(&mut self) {
        let mut packets = mem::take(&mut self.requests.packets);
        self.events += packets.len() as u64;
        for (host, mut packet) in packets.drain(..) {
            fill_in_source(&self.network, host, &mut packet);
            self.network.send(self.now, host, packet);
        }
        self.requests.packets = packets;
        self.deliver_all();
    }

    fn run_actions(&mut self) {
        while !self.is_exhausted()
            && let Some(entry) = self.actions.first_entry()
            && entry.key().0 <= self.now
        {
            let action = entry.remove();
            self.events += 1;
            action(self);
            self.may_have_requests = true;
        }
        self.note_all_addresses();
    }

    /// Tells sockets of new addresses if the network has been changed since the last time.
    pub(super) fn note_all_addresses(&mut self) {
        if mem::take(&mut self.was_network_changed) {
            let hosts: Vec<_> = self.shared.lock().sockets.hosts().collect();
            for host in hosts {
                self.note_addresses(host);
            }
        }
    }

    fn run_timers(&mut self) {
        while let Some(&Reverse((at, host))) = self.timers.peek()
            && at <= self.now
            && !self.is_exhausted()
        {
            self.timers.pop();
            let now = self.now;
            let taker = self.hosts.get_mut(host.index()).and_then(|slot| slot.taker.as_mut());
            let Some(Taker::Process(slot)) = taker else { continue };
            if slot.armed != at {
                continue;
            }
            slot.armed = SimTime::MAX;
            slot.start(now);
            if slot.process.poll_timeout().is_some_and(|due| due <= now) {
                slot.process.handle_timeout(now);
            }
            self.events += 1;
            self.pump(host);
        }
    }

    /// Sends what the process of `host` has to send and arms its timer.
    pub(super) fn pump(&mut self, host: HostId) {
        let now = self.now;
        self.may_have_requests = true;
        while !self.is_exhausted() {
            let Some(Taker::Process(slot)) = &mut self.hosts[host.index()].taker else { return };
            let Some(transmit) = slot.process.poll_transmit(now) else {
                let due = slot.process.poll_timeout().unwrap_or(SimTime::MAX).max(now);
                // A later time leaves the entry that stands: it is cheaper to look once in vain.
                if due < slot.armed {
                    slot.armed = due;
                    self.timers.push(Reverse((due, host)));
                }
                return;
            };
            self.events += 1;
            let dont_fragment = slot.process.dont_fragment();
            let mut packet = Packet {
                dont_fragment,
                ..Packet::udp(transmit.local, transmit.remote, transmit.payload)
            };
            fill_in_source(&self.network, host, &mut packet);
            self.network.send(now, host, packet);
        }
    }

    /// Hands everything that has arrived to the software of its host; `false` if nothing has.
    pub(super) fn deliver_all(&mut self) -> bool {
        let before = self.events;
        while self.network.has_deliveries()
            && !self.is_exhausted()
            && let Some(delivery) = self.network.poll_delivery()
        {
            self.events += 1;
            self.deliver(delivery);
        }
        if !self.wakers.is_empty() {
            self.wake_readers();
        }
        self.events > before
    }

    fn wake_readers(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }

    #[inline]
    fn deliver(&mut self, mut delivery: Delivery) {
        let (now, host) = (self.now, delivery.host);
        let slot = self.hosts.get_mut(host.index());
        if slot.as_ref().is_some_and(|slot| slot.has_sockets) {
            let mut state = self.shared.lock();
            match state.sockets.deliver(&mut delivery, &mut self.wakers) {
                Receipt::Taken => return,
                Receipt::Full => {
                    drop(state);
                    return self.network.reject(now, delivery, DropReason::SocketBufferFull);
                }
                Receipt::NoSocket => {}
            }
            if let Some(taken) = offer_to_tcp(&mut state, now, &delivery, &mut self.wakers) {
                drop(state);
                self.may_have_requests = true;
                if let Err(reason) = taken {
                    self.network.reject(now, delivery, reason);
                }
                return;
            }
        }
        match slot.and_then(|slot| slot.taker.as_mut()) {
            Some(Taker::Inlet(inlet)) => {
                self.clock.move_to(now);
                self.may_have_requests = true;
                let Delivery { packet, id, origin, .. } = delivery;
                if let Err((packet, reason)) = inlet.deliver(now, packet) {
                    let delivery = Delivery { host, packet, id, origin };
                    self.network.reject(now, delivery, reason);
                }
            }
            Some(Taker::Process(slot)) => match &mut delivery.packet.body {
                Body::Udp(udp) if slot.process.accepts(udp.destination_port) => {
                    let local = Endpoint::new(delivery.packet.destination, udp.destination_port);
                    let remote = Endpoint::new(delivery.packet.source, udp.source_port);
                    let payload = mem::take(&mut udp.payload);
                    slot.start(now);
                    slot.process.handle_datagram(now, local, remote, payload);
                    self.pump(host);
                }
                _ => self.refuse(delivery),
            },
            None => self.refuse(delivery),
        }
    }

    /// Answers for a host on which nothing takes the packet.
    fn refuse(&mut self, delivery: Delivery) {
        let reason = match &delivery.packet.body {
            Body::Udp(_) => DropReason::PortClosed,
            // The host's own IP stack takes it; sockets do not see errors about what they sent.
            Body::Icmp(Icmp::Error { .. }) => return,
            Body::Tcp(_) | Body::Icmp(_) | Body::Fragment(_) => DropReason::NoTaker,
        };
        self.network.reject(self.now, delivery, reason);
    }
}

/// Offers a packet to the TCP of its host; `None` if it is not for it.
#[inline]
fn offer_to_tcp(
    state: &mut State,
    now: SimTime,
    delivery: &Delivery,
    wakers: &mut Vec<Waker>,
) -> Option<Result<(), DropReason>> {
    let (host, packet) = (delivery.host, &delivery.packet);
    let is_for_tcp = match &packet.body {
        Body::Tcp(_) => true,
        Body::Icmp(Icmp::Error { quoted, .. }) => quoted.protocol == Protocol::Tcp,
        _ => false,
    };
    if !is_for_tcp || !state.tcp.has_stack(host) {
        return None;
    }
    state.update_tcp(host, |stack| {
        let taken = stack.take(now, packet);
        stack.take_wakers(wakers);
        taken
    })
}

/// Fills in the source of a packet whose sender left the choice to its host.
#[inline]
fn fill_in_source<O: Observer>(network: &Network<O>, host: HostId, packet: &mut Packet) {
    if packet.source.is_unspecified() {
        let is_v4 = packet.destination.is_ipv4();
        if let Some(first) = network.addresses(host).find(|ip| ip.is_ipv4() == is_v4) {
            packet.source = first;
        }
    }
}
