//! What a pipe needs that is more than a rate, a delay and a drop-tail queue.

use std::collections::VecDeque;

use natbed_units::{Seed, SimDuration, SimRng, SimTime};
use rand_core::Rng;

use super::config::PipeConfig;
use super::line::{LineState, Turn};
use super::queue::{Pushed, QueueState, Surroundings, Taken, Waiting};
use super::wire::Wire;
use super::{bit_nanos, full_packet};
use crate::slab::Slot;

/// Queue, line and wire of a pipe, packet by packet.
///
/// Where a plain pipe knows as a packet enters when it comes out, here the line takes a packet when
/// it is free, and the queue decides then which one. The network gives it an event when that packet
/// has been sent.
#[derive(Debug)]
pub(crate) struct Engine {
    config: PipeConfig,
    queue: QueueState,
    line: LineState,
    on_line: Option<Waiting>,
    pub(super) wire: Wire,
    /// Draws what the queue leaves to chance,
    chance: SimRng,
    /// and tells flows apart in a way that nobody can guess.
    flow_seed: u64,
    /// Packets that came, to number them.
    arrivals: u64,
    /// Packets that the queue has dropped and that are to be reported.
    dropped: VecDeque<Slot>,
}

/// The packet that the line has begun with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    pub(super) slot: Slot,
    pub(super) is_marked: bool,
    /// How long it waits for its turn, if that is news.
    pub(super) wait: Option<SimDuration>,
    pub(super) ends: SimTime,
}

impl Engine {
    /// Makes the engine of a pipe whose delay, the core's included, is `delay`; its generators are
    /// called `name` and more.
    pub(super) fn new(config: PipeConfig, delay: SimDuration, seed: Seed, name: &str) -> Self {
        Self {
            queue: QueueState::new(&config.queue),
            line: LineState::new(&config.line),
            on_line: None,
            wire: Wire::new(&config, delay, seed, name),
            chance: seed.rng(&format!("{name}/queue")),
            flow_seed: seed.rng(&format!("{name}/flows")).next_u64(),
            arrivals: 0,
            dropped: VecDeque::new(),
            config,
        }
    }

    pub(super) const fn config(&self) -> &PipeConfig {
        &self.config
    }

    /// Says whether a packet reaches the wire without waiting.
    pub(super) const fn lets_pass(&self) -> bool {
        self.line.is_unlimited() && self.on_line.is_none()
    }

    /// The seed of the hashes of flows, if the queue wants them.
    pub(super) fn flow_seed(&self) -> Option<u64> {
        self.queue.tells_flows_apart().then_some(self.flow_seed)
    }

    /// Makes the note of a packet that comes now.
    pub(super) fn note(&mut self, now: SimTime, slot: Slot, length: u32) -> Waiting {
        self.arrivals += 1;
        Waiting {
            slot,
            length,
            arrived: now,
            order: self.arrivals,
            flow: 0,
            is_ect: false,
            is_known: false,
        }
    }

    fn surroundings(&self, now: SimTime) -> Surroundings {
        let on_line = self.on_line.map_or((0, 0), |packet| {
            (self.line.left(now, packet.length).div_ceil(bit_nanos(1)), 1)
        });
        let (full_packet, rate) = (full_packet(&self.config), self.line.rate(now));
        Surroundings { now, on_line, full_packet, rate }
    }

    /// Puts a packet into the queue.
    pub(super) fn push(&mut self, now: SimTime, packet: Waiting) -> Pushed {
        if !self.line.takes(packet.length) {
            return Pushed::Full;
        }
        let around = self.surroundings(now);
        let chance = &mut self.chance;
        self.queue.push(packet, around, || chance.next_u32(), &mut self.dropped)
    }

    /// Puts a packet into the queue that has been let in already.
    pub(super) fn put(&mut self, packet: Waiting) {
        self.queue.put(packet);
    }

    /// Puts a packet on the line of which so much is not sent yet, in bit-nanoseconds; returns when
    /// it is out.
    pub(super) fn put_on_line(&mut self, now: SimTime, packet: Waiting, left: u64) -> SimTime {
        self.on_line = Some(packet);
        self.line.resume(now, left)
    }

    /// Lets the line begin with the next packet, if it is free and there is one.
    pub(super) fn begin(&mut self, now: SimTime) -> Option<Begun> {
        if self.on_line.is_some() {
            return None;
        }
        let around = self.surroundings(now);
        let Taken { packet, is_marked } = self.queue.pop(around, &mut self.dropped)?;
        let Turn { begins, ends } = self.line.begin(now, packet.arrived, packet.length);
        self.on_line = Some(packet);
        let wait = begins.saturating_since(packet.arrived);
        let wait = (!packet.is_known).then_some(wait);
        Some(Begun { slot: packet.slot, is_marked, wait, ends })
    }

    /// Takes the packet that has been sent off the line.
    pub(super) fn end(&mut self) -> Option<Slot> {
        self.on_line.take().map(|packet| packet.slot)
    }

    /// Gives out a packet that the queue has dropped.
    pub(super) fn poll_dropped(&mut self) -> Option<Slot> {
        self.dropped.pop_front()
    }

    /// Changes what the pipe is like; what is in it stays in it. Returns when the packet on the
    /// line is out, if there is one and that has changed.
    pub(super) fn set_config(
        &mut self,
        now: SimTime,
        config: PipeConfig,
        delay: SimDuration,
        flow: impl Fn(Slot, u64) -> u64,
    ) -> Option<SimTime> {
        let seed = self.flow_seed;
        self.queue.set_config(&config.queue, |slot| flow(slot, seed));
        self.wire.set_config(&config, delay);
        let is_other_line = self.config.line != config.line;
        self.config = config;
        if !is_other_line {
            return None;
        }
        let old = std::mem::replace(&mut self.line, LineState::new(&self.config.line));
        match self.on_line {
            Some(packet) => Some(self.line.take_over(now, &old, packet.length)),
            None => {
                self.line.inherit(now, &old);
                None
            }
        }
    }
}
