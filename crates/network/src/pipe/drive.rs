//! Packets through pipes that are more than plain ones, and changes of pipes while they run.

use natbed_packet::{Body, DropReason, Ecn, Packet, Protocol};
use natbed_units::SimTime;
use twox_hash::XxHash3_64;

use super::config::PipeConfig;
use super::engine::Engine;
use super::queue::Pushed;
use super::validate::PipeConfigError;
use super::{Pipe, bit_nanos};
use crate::address::key;
use crate::id::{PipeId, Place};
use crate::network::Network;
use crate::observer::{Observer, Step};
use crate::schedule::Due;
use crate::slab::Slot;

impl<O: Observer> Network<O> {
    /// Puts a packet into the engine of a pipe; says whether its way pauses or ends there.
    #[inline(never)]
    pub(crate) fn enter_engine(
        &mut self,
        now: SimTime,
        slot: Slot,
        pipe_id: PipeId,
        from: Place,
    ) -> bool {
        let packet = &self.slab.get(slot).packet;
        let length = packet.wire_len().bytes() as u32;
        let Some(engine) = &mut self.pipes[pipe_id.index()].engine else { return false };
        if engine.lets_pass() {
            self.observe(now, slot, Step::Entered(pipe_id));
            return self.leave_line(now, slot, pipe_id);
        }
        let mut waiting = engine.note(now, slot, length);
        waiting.is_ect = packet.ecn.is_capable();
        if let Some(seed) = engine.flow_seed() {
            waiting.flow = flow(packet, seed);
        }
        match engine.push(now, waiting) {
            Pushed::Full => self.lose_in_pipe(now, slot, pipe_id, from, DropReason::QueueFull),
            Pushed::Early => {
                self.lose_in_pipe(now, slot, pipe_id, from, DropReason::QueueManaged);
            }
            pushed @ (Pushed::Waits | Pushed::Marked) => {
                if pushed == Pushed::Marked {
                    self.packet_mut(slot).ecn = Ecn::Ce;
                }
                self.observe(now, slot, Step::Entered(pipe_id));
            }
        }
        self.report_dropped(now, pipe_id, DropReason::QueueFull);
        self.begin_line(now, pipe_id);
        true
    }

    /// Lets the line of a pipe begin with the next packet, if it is free.
    fn begin_line(&mut self, now: SimTime, pipe_id: PipeId) {
        let Some(engine) = &mut self.pipes[pipe_id.index()].engine else { return };
        let begun = engine.begin(now);
        self.report_dropped(now, pipe_id, DropReason::QueueManaged);
        let Some(begun) = begun else { return };
        let flight = self.slab.get_mut(begun.slot);
        if begun.is_marked {
            flight.packet.ecn = Ecn::Ce;
        }
        if let Some(wait) = begun.wait {
            self.observer.queued(pipe_id, flight.id, &flight.packet, wait);
        }
        let sequence = self.schedule.next_sequence();
        self.schedule.push(begun.ends, sequence, Due::Line(pipe_id));
    }

    /// Drops what the queue of a pipe has dropped.
    fn report_dropped(&mut self, now: SimTime, pipe_id: PipeId, reason: DropReason) {
        while let Some(engine) = &mut self.pipes[pipe_id.index()].engine
            && let Some(slot) = engine.poll_dropped()
        {
            let place = self.near_end(pipe_id);
            self.lose_in_pipe(now, slot, pipe_id, place, reason);
        }
    }

    /// The place in front of a pipe.
    fn near_end(&self, pipe_id: PipeId) -> Place {
        let link = pipe_id.link();
        let opposite = if pipe_id.is_up() { link.down() } else { link.up() };
        self.pipes[opposite.index()].to
    }

    /// The line of a pipe has sent a packet; returns it if it comes out at once, and where.
    pub(crate) fn end_line(&mut self, now: SimTime, pipe_id: PipeId) -> Option<(Slot, Place)> {
        let slot = self.pipes[pipe_id.index()].engine.as_mut()?.end()?;
        self.begin_line(now, pipe_id);
        let stays = self.leave_line(now, slot, pipe_id);
        (!stays).then(|| (slot, self.pipes[pipe_id.index()].to))
    }

    /// Puts a packet that has left the line on the wire; says whether it stays there or is lost.
    fn leave_line(&mut self, now: SimTime, slot: Slot, pipe_id: PipeId) -> bool {
        let pipe = &mut self.pipes[pipe_id.index()];
        let place = pipe.to;
        let Some(engine) = &mut pipe.engine else { return false };
        if engine.wire.loses() {
            self.lose_in_pipe(now, slot, pipe_id, place, DropReason::LostOnTheWire);
            return true;
        }
        let copy = engine.wire.duplicates().then(|| self.copy(now, slot));
        let stays = self.put_on_wire(now, slot, pipe_id, true);
        if let Some(copy) = copy {
            if self.packets_in_flight() > self.limits.packets_in_flight {
                self.lose(now, copy, place, DropReason::TooManyInFlight);
            } else {
                self.put_on_wire(now, copy, pipe_id, false);
            }
        }
        stays
    }

    /// Lets a packet come out when its time has come, or says that it is out now, if it `may_pass`.
    fn put_on_wire(&mut self, now: SimTime, slot: Slot, pipe_id: PipeId, may_pass: bool) -> bool {
        let pipe = &mut self.pipes[pipe_id.index()];
        let Some(engine) = &mut pipe.engine else { return false };
        if engine.wire.corrupts() {
            self.slab.get_mut(slot).packet.is_corrupt = true;
        }
        let (due, may_overtake) = engine.wire.due(now);
        if may_pass && due <= now && !pipe.is_down {
            let is_first = pipe.head.is_none() && engine.wire.is_orderly();
            if is_first || may_overtake {
                self.observe(now, slot, Step::Left(pipe_id));
                return false;
            }
        }
        if may_overtake {
            let sequence = self.schedule.next_sequence();
            if engine.wire.keep_loose(slot, due, sequence) {
                self.schedule.push(due, sequence, Due::Wire(pipe_id));
            }
        } else {
            self.append(slot, pipe_id, due);
        }
        true
    }

    /// The next of the packets comes out that may overtake each other, unless the pipe is down.
    pub(crate) fn pop_wire(&mut self, now: SimTime, pipe_id: PipeId) -> Option<(Slot, Place)> {
        let pipe = &mut self.pipes[pipe_id.index()];
        let (place, is_down) = (pipe.to, pipe.is_down);
        let (slot, next) = pipe.engine.as_mut()?.wire.pop_loose()?;
        if let Some((due, sequence)) = next {
            self.schedule.push(due, sequence, Due::Wire(pipe_id));
        }
        if is_down {
            self.lose_in_pipe(now, slot, pipe_id, place, DropReason::LinkDown);
            return None;
        }
        self.observe(now, slot, Step::Left(pipe_id));
        Some((slot, place))
    }

    /// Returns what a pipe is like, as it was asked for.
    #[must_use]
    pub fn pipe_config(&self, pipe: PipeId) -> PipeConfig {
        let core = self.core_delay(pipe);
        let pipe = &self.pipes[pipe.index()];
        match &pipe.engine {
            Some(engine) => engine.config().clone(),
            None => pipe.plain_config(core),
        }
    }

    /// Changes what a pipe is like from now on.
    ///
    /// What is in it stays in it: what waits goes on waiting, even if it is more than a new queue
    /// takes, and keeps its place; of the packet on the line the rest goes at the new rate; what
    /// has left the line comes out when it would have. A packet that leaves the line later does not
    /// overtake one before it because the delay is shorter now, unless the jitter lets packets do
    /// so. What a queue knows (CoDel's state, RED's average) is kept if its kind stays, and rules
    /// of loss go on if they stay the same.
    ///
    /// The delay is without that of the core, which [`Network::set_internet`] gives to all pipes
    /// into it.
    ///
    /// # Errors
    ///
    /// If a pipe cannot be like that; then nothing has changed.
    pub fn set_pipe(
        &mut self,
        now: SimTime,
        pipe_id: PipeId,
        config: PipeConfig,
    ) -> Result<(), PipeConfigError> {
        config.validate()?;
        let delay = config.delay + self.core_delay(pipe_id);
        let pipe = &mut self.pipes[pipe_id.index()];
        if pipe.is_idle() && config.is_plain() {
            let Pipe { to, is_down, is_left, nth, .. } = *pipe;
            *pipe = Pipe { is_down, is_left, ..Pipe::plain(&config, delay, to, nth) };
        } else {
            self.give_engine(now, pipe_id);
            let (slab, pipe) = (&self.slab, &mut self.pipes[pipe_id.index()]);
            pipe.mtu = super::mtu(&config);
            let hash = |slot, seed| flow(&slab.get(slot).packet, seed);
            let Some(engine) = &mut pipe.engine else { return Ok(()) };
            if let Some(ends) = engine.set_config(now, config, delay, hash) {
                self.schedule.cancel(Due::Line(pipe_id));
                let sequence = self.schedule.next_sequence();
                self.schedule.push(ends.max(now), sequence, Due::Line(pipe_id));
            }
        }
        self.refresh_outward_mtus(pipe_id);
        Ok(())
    }

    /// Makes the engine of a pipe that has been a plain one, and gives it what waits.
    fn give_engine(&mut self, now: SimTime, pipe_id: PipeId) {
        if self.pipes[pipe_id.index()].engine.is_some() {
            return;
        }
        let core = self.core_delay(pipe_id);
        let name = self.seed_name(pipe_id);
        let pipe = &mut self.pipes[pipe_id.index()];
        let config = pipe.plain_config(core);
        let mut engine = Engine::new(config, pipe.delay, self.seed, &name);
        let mut left = pipe.backlog(now);
        // What has left the line stays where it is; behind it is what has not.
        let (mut at, mut last, mut behind) = (pipe.head, Slot::NONE, Vec::new());
        while !at.is_none() {
            let flight = self.slab.get(at);
            if flight.due <= now + pipe.delay {
                engine.wire.keep_behind(flight.due);
                last = at;
            } else {
                behind.push((at, flight.packet.wire_len()));
            }
            at = flight.next;
        }
        pipe.tail = last;
        if last.is_none() {
            pipe.head = Slot::NONE;
            if !behind.is_empty() {
                self.schedule.cancel(Due::Pipe(pipe_id));
            }
        } else {
            self.slab.get_mut(last).next = Slot::NONE;
        }
        for (n, (slot, length)) in behind.iter().enumerate() {
            let mut waiting = engine.note(now, *slot, length.bytes() as u32);
            waiting.is_ect = self.slab.get(*slot).packet.ecn.is_capable();
            waiting.is_known = true;
            if n > 0 {
                engine.put(waiting);
                continue;
            }
            let others = behind[1..].iter().map(|(_, length)| bit_nanos(length.bytes()));
            left = others.fold(left, u64::saturating_sub);
            let ends = engine.put_on_line(now, waiting, left);
            let sequence = self.schedule.next_sequence();
            self.schedule.push(ends.max(now), sequence, Due::Line(pipe_id));
        }
        self.pipes[pipe_id.index()].engine = Some(Box::new(engine));
    }
}

/// A number that packets of one flow have in common: of one protocol, one pair of addresses and one
/// pair of ports, with a seed.
fn flow(packet: &Packet, seed: u64) -> u64 {
    let port = |endpoint: Option<natbed_packet::Endpoint>| endpoint.map_or(0, |e| e.port);
    let mut record = [0; 37];
    record[..16].copy_from_slice(&key(packet.source).to_le_bytes());
    record[16..32].copy_from_slice(&key(packet.destination).to_le_bytes());
    record[32..34].copy_from_slice(&port(packet.source_endpoint()).to_le_bytes());
    record[34..36].copy_from_slice(&port(packet.destination_endpoint()).to_le_bytes());
    record[36] = match (&packet.body, packet.protocol()) {
        (Body::Icmp(_), _) | (_, Protocol::Icmp) => 1,
        (_, Protocol::Tcp) => 6,
        (_, Protocol::Udp) => 17,
    };
    XxHash3_64::oneshot_with_seed(seed, &record)
}
