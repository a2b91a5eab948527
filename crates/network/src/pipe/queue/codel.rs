//! CoDel, controlled delay (RFC 8289).

use std::collections::VecDeque;

use natbed_units::{SimDuration, SimTime};

use super::{Fifo, Pushed, Surroundings, Taken, Waiting};
use crate::pipe::config::Codel;
use crate::slab::Slot;

/// For so many intervals after it stopped, dropping goes on where it was (RFC 8289 section 5.5:
/// Linux and the appendix of the RFC take 16).
const RESUME_INTERVALS: u64 = 16;

/// A queue under CoDel.
#[derive(Clone, Debug)]
pub(in crate::pipe) struct CodelQueue {
    config: Codel,
    fifo: Fifo,
    state: CodelState,
}

/// What CoDel knows of a queue (RFC 8289 section 5.2).
#[derive(Clone, Debug, Default)]
pub(super) struct CodelState {
    /// When packets will have waited too long for an interval; `None` while they do not.
    first_above: Option<SimTime>,
    /// When the next one is dropped,
    drop_next: SimTime,
    /// how many have been since dropping began,
    count: u64,
    /// and what the count was when it began.
    last_count: u64,
    is_dropping: bool,
}

impl CodelState {
    /// Gives out the packet whose turn it is (RFC 8289 section 5.5).
    pub(super) fn pop(
        &mut self,
        config: &Codel,
        fifo: &mut Fifo,
        around: Surroundings,
        dropped: &mut VecDeque<Slot>,
    ) -> Option<Taken> {
        let now = around.now;
        let (packet, is_late) = self.take(config, fifo, around);
        let Some(packet) = packet else {
            self.is_dropping = false;
            return None;
        };
        let mut taken = Taken { packet, is_marked: false };
        if self.is_dropping {
            let mut is_late = is_late;
            if !is_late {
                self.is_dropping = false;
            }
            while self.is_dropping && now >= self.drop_next {
                self.count += 1;
                let drop_next = control_law(config, self.drop_next, self.count);
                if config.ecn && taken.packet.is_ect {
                    taken.is_marked = true;
                    self.drop_next = drop_next;
                    break;
                }
                dropped.push_back(taken.packet.slot);
                let next;
                (next, is_late) = self.take(config, fifo, around);
                if is_late {
                    self.drop_next = drop_next;
                } else {
                    self.is_dropping = false;
                }
                taken.packet = next?;
            }
        } else if is_late {
            if config.ecn && taken.packet.is_ect {
                taken.is_marked = true;
            } else {
                dropped.push_back(taken.packet.slot);
                let (next, _) = self.take(config, fifo, around);
                // If it was the last one there is nothing to go on with, as `next` says below.
                taken.packet = match next {
                    Some(next) => next,
                    None => {
                        self.begin(config, now);
                        return None;
                    }
                };
            }
            self.begin(config, now);
        }
        Some(taken)
    }

    /// Begins to drop, at the pace of the last time if that was not long ago.
    fn begin(&mut self, config: &Codel, now: SimTime) {
        self.is_dropping = true;
        let delta = self.count.saturating_sub(self.last_count);
        let is_recent = now.saturating_since(self.drop_next) < config.interval * RESUME_INTERVALS;
        self.count = if delta > 1 && is_recent { delta } else { 1 };
        self.drop_next = control_law(config, now, self.count);
        self.last_count = self.count;
    }

    /// Takes the next packet, and says whether packets have waited too long for an interval.
    fn take(
        &mut self,
        config: &Codel,
        fifo: &mut Fifo,
        around: Surroundings,
    ) -> (Option<Waiting>, bool) {
        let Some(packet) = fifo.pop() else {
            self.first_above = None;
            return (None, false);
        };
        let waited = around.now.saturating_since(packet.arrived);
        // With less than one packet behind it the line would run dry.
        if waited < config.target || fifo.bytes <= around.full_packet {
            self.first_above = None;
            return (Some(packet), false);
        }
        match self.first_above {
            None => {
                self.first_above = Some(around.now + config.interval);
                (Some(packet), false)
            }
            Some(first_above) => (Some(packet), around.now >= first_above),
        }
    }
}

/// The time of the next drop: `interval / sqrt(count)` later (RFC 8289 section 5.3), to the
/// nanosecond below.
fn control_law(config: &Codel, from: SimTime, count: u64) -> SimTime {
    let interval = u128::from(config.interval.as_nanos());
    let span = (interval * interval / u128::from(count.max(1))).isqrt();
    from + SimDuration::from_nanos(span as u64)
}

impl CodelQueue {
    pub(super) fn new(config: Codel) -> Self {
        Self { config, fifo: Fifo::default(), state: CodelState::default() }
    }

    pub(super) fn set_config(&mut self, config: Codel) {
        self.config = config;
    }

    pub(super) fn push(&mut self, packet: Waiting, around: Surroundings) -> Pushed {
        let Self { config, fifo, .. } = self;
        if !config.limit.has_room(fifo.bytes, fifo.len(), packet.length, around.on_line) {
            return Pushed::Full;
        }
        fifo.push(packet);
        Pushed::Waits
    }

    pub(super) fn pop(
        &mut self,
        around: Surroundings,
        dropped: &mut VecDeque<Slot>,
    ) -> Option<Taken> {
        self.state.pop(&self.config, &mut self.fifo, around, dropped)
    }

    pub(super) fn drain(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.fifo).packets.into()
    }

    pub(super) fn put(&mut self, packet: Waiting) {
        self.fifo.push(packet);
    }
}
