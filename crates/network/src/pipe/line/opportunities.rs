//! A line that may send only at the times of a trace.

use std::sync::Arc;

use natbed_units::SimTime;
use natbed_units::trace::{Opportunity, Trace};

use super::Turn;

/// A trace, and how far it is used.
#[derive(Clone, Debug)]
pub(in crate::pipe) struct Opportunities {
    trace: Arc<Trace>,
    /// The last time of which something was used, and what was not, in bytes.
    last: Option<(Opportunity, u64)>,
}

impl Opportunities {
    pub(super) fn new(trace: &Arc<Trace>) -> Self {
        Self { trace: Arc::clone(trace), last: None }
    }

    pub(super) fn begin(&mut self, arrived: SimTime, length: u32) -> Turn {
        let (mut at, mut room) = match self.last {
            // What is left of it is lost to a packet that came no earlier.
            Some((last, room)) if self.trace.at(last) > arrived => (last, room),
            _ => (self.trace.first_after(arrived), Trace::OPPORTUNITY.bytes()),
        };
        let mut missing = u64::from(length);
        let mut begins = None;
        loop {
            if room == 0 {
                (at, room) = (self.trace.next(at), Trace::OPPORTUNITY.bytes());
            }
            let goes = missing.min(room);
            (missing, room) = (missing - goes, room - goes);
            let begins = *begins.get_or_insert(self.trace.at(at));
            if missing == 0 {
                self.last = Some((at, room));
                return Turn { begins, ends: self.trace.at(at) };
            }
        }
    }

    pub(super) fn rate(&self) -> u64 {
        self.trace.average_rate().bits_per_second().max(1)
    }
}
