//! Where checks get their boxes, and what takes several boxes to find out.

use natbed_nat::Filtering;
use natbed_packet::Protocol;
use natbed_units::SimDuration;

use super::finding::Shortfall;
use super::middlebox::{Setting, Subject};
use super::trial::Trial;

/// Boxes of one kind, as many as a check wants.
#[derive(Clone, Copy)]
pub struct Lab<'a> {
    subject: &'a dyn Subject,
    seed: u64,
}

/// Longer than the longest timer of any RFC or profile: the 5 days of Linux.
pub(super) const LONG: SimDuration = SimDuration::from_secs(6 * 86_400);

/// Less than any timer is off by.
const MOMENT: SimDuration = SimDuration::from_millis(1);

impl<'a> Lab<'a> {
    /// Makes a lab; what boxes leave to chance follows from `seed`.
    #[must_use]
    pub fn new(subject: &'a dyn Subject, seed: u64) -> Self {
        Self { subject, seed }
    }

    /// Makes a fresh box in the plain setting.
    ///
    /// # Errors
    ///
    /// As [`Lab::trial_in`].
    pub fn trial(&self) -> Result<Trial, Shortfall> {
        self.trial_in(Setting::default())
    }

    /// Makes a fresh box.
    ///
    /// # Errors
    ///
    /// That the requirement is not applicable, if the box cannot stand in this setting.
    pub fn trial_in(&self, setting: Setting) -> Result<Trial, Shortfall> {
        self.subject.build(self.seed, setting).map(Trial::new).map_err(Shortfall::NotApplicable)
    }

    /// Finds the idle time after which state is gone, to the second, at most `limit`.
    ///
    /// Each try is a fresh box that `set_up` brings into the state; `is_alive` looks whether it
    /// is still there. State that outlives `limit` has a lifetime of `limit`.
    ///
    /// # Errors
    ///
    /// Those of `set_up`.
    pub fn lifetime<S>(
        &self,
        limit: SimDuration,
        set_up: impl Fn(&mut Trial) -> Result<S, Shortfall>,
        is_alive: impl Fn(&mut Trial, S) -> bool,
    ) -> Result<SimDuration, Shortfall> {
        let lives = |secs: u64| {
            let mut trial = self.trial()?;
            let state = set_up(&mut trial)?;
            trial.wait(SimDuration::from_secs(secs) - MOMENT);
            Ok(is_alive(&mut trial, state))
        };
        let seconds = limit.as_nanos() / SimDuration::from_secs(1).as_nanos();
        if lives(seconds)? {
            return Ok(limit);
        }
        let (mut alive, mut gone) = (0, seconds);
        while gone - alive > 1 {
            let middle = alive + (gone - alive) / 2;
            if lives(middle)? {
                alive = middle;
            } else {
                gone = middle;
            }
        }
        Ok(SimDuration::from_secs(alive))
    }

    /// Finds out who may send to a mapping of `protocol` besides whom it was made for.
    ///
    /// # Errors
    ///
    /// That nothing gets out.
    pub fn filtering(&self, protocol: Protocol) -> Result<Filtering, Shortfall> {
        let lets_in = |address, port| {
            let mut trial = self.trial()?;
            let flow = trial.open(protocol, trial.inside(0, 40_000), trial.outside(0, 3478))?;
            let stranger = trial.outside(address, port);
            Ok(trial.visit(protocol, stranger, flow.external) == Some(flow.inside))
        };
        Ok(if lets_in(2, 5000)? {
            Filtering::EndpointIndependent
        } else if lets_in(0, 5000)? {
            Filtering::AddressDependent
        } else {
            Filtering::AddressAndPortDependent
        })
    }
}
