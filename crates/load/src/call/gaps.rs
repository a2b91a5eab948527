//! Gaps between arrivals.

use natbed_units::{SimDuration, SimTime};

use super::CallReport;

/// The gaps that are long enough to be seen as a freeze.
#[derive(Clone, Debug)]
pub(super) struct Gaps {
    freeze_after: SimDuration,
    pub(super) freezes: u64,
    pub(super) frozen: SimDuration,
    pub(super) outages: Vec<(SimTime, SimTime)>,
}

impl Gaps {
    pub(super) fn new(freeze_after: SimDuration) -> Self {
        Self { freeze_after, freezes: 0, frozen: SimDuration::ZERO, outages: Vec::new() }
    }

    /// Takes a gap that ends after all others.
    pub(super) fn push(&mut self, from: SimTime, to: SimTime) {
        if self.count(from, to) && self.outages.len() < CallReport::OUTAGES_MAX {
            self.outages.push((from, to));
        }
    }

    /// Takes a gap that ends before all others.
    pub(super) fn push_front(&mut self, from: SimTime, to: SimTime) {
        if self.count(from, to) {
            self.outages.insert(0, (from, to));
            self.outages.truncate(CallReport::OUTAGES_MAX);
        }
    }

    fn count(&mut self, from: SimTime, to: SimTime) -> bool {
        let gap = to.saturating_since(from);
        let is_freeze = gap >= self.freeze_after && !gap.is_zero();
        if is_freeze {
            self.freezes += 1;
            self.frozen = self.frozen + gap;
        }
        is_freeze
    }
}

#[cfg(test)]
mod tests {
    use natbed_units::{SimDuration, SimTime};

    use super::Gaps;
    use crate::call::CallReport;

    #[test]
    fn a_gap_is_a_freeze_from_its_limit_on() {
        let at = |millis: u64| SimTime::from_nanos(millis * 1_000_000);
        let mut gaps = Gaps::new(SimDuration::from_millis(200));
        for (from, to) in [(0, 20), (20, 219), (300, 500), (600, 1_000)] {
            gaps.push(at(from), at(to));
        }
        gaps.push_front(SimTime::ZERO, at(250));
        assert_eq!((gaps.freezes, gaps.frozen), (3, SimDuration::from_millis(850)));
        let listed = [(at(0), at(250)), (at(300), at(500)), (at(600), at(1_000))];
        assert_eq!(gaps.outages, listed);
    }

    #[test]
    fn the_list_is_bounded_and_the_count_is_not() {
        let mut gaps = Gaps::new(SimDuration::ZERO);
        for n in 0..5_000 {
            gaps.push(SimTime::from_nanos(n), SimTime::from_nanos(n + 1));
            gaps.push(SimTime::from_nanos(n), SimTime::from_nanos(n));
        }
        gaps.push_front(SimTime::ZERO, SimTime::from_nanos(1));
        assert_eq!((gaps.freezes, gaps.outages.len()), (5_001, CallReport::OUTAGES_MAX));
    }
}
