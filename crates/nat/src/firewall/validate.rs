//! What makes a firewall configuration impossible.

use natbed_units::SimDuration;
use thiserror::Error;

use crate::FirewallConfig;
use crate::lifetime::{self, Timers};

/// The longest time that a firewall can be told to wait for anything.
const LONGEST: SimDuration = SimDuration::from_secs(366 * 24 * 3600);

/// Why a firewall cannot do what its configuration says.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FirewallConfigError {
    /// A flow with this time would be gone before its answer.
    #[error("`{property}` is zero")]
    ZeroTime {
        /// The name of the field.
        property: &'static str,
    },
    /// No run lasts long enough for this time to matter.
    #[error("`{property}` is {time}, more than a year")]
    AbsurdTime {
        /// The name of the field.
        property: &'static str,
        /// Its value.
        time: SimDuration,
    },
    /// A limit that no packet can keep.
    #[error("`udp_rate` lets no packet pass: rate and burst are at least 1")]
    ZeroRate,
    /// A firewall without room for a single flow.
    #[error("`max_flows` is zero")]
    NoFlows,
    /// A rule for a range of ports that holds none.
    #[error("a rule is for ports {first}-{last}, which is none")]
    NoPorts {
        /// The start of the range.
        first: u16,
        /// The end of the range.
        last: u16,
    },
}

impl FirewallConfig {
    /// Says whether a firewall can do what this configuration says.
    ///
    /// # Errors
    ///
    /// The first contradiction found: times, then the rate, the room for flows, and the rules.
    pub fn validate(&self) -> Result<(), FirewallConfigError> {
        let age = self.max_flow_age.map(|age| ("max_flow_age", age));
        for (property, time) in lifetime::idle_times(&Timers::from(self)).into_iter().chain(age) {
            if time.is_zero() {
                return Err(FirewallConfigError::ZeroTime { property });
            }
            if time > LONGEST {
                return Err(FirewallConfigError::AbsurdTime { property, time });
            }
        }
        if self.udp_rate.is_some_and(|rate| rate.packets_per_second == 0 || rate.burst == 0) {
            return Err(FirewallConfigError::ZeroRate);
        }
        if self.max_flows == 0 {
            return Err(FirewallConfigError::NoFlows);
        }
        let rules = self.outbound.rules.iter().chain(&self.inbound.rules);
        for ports in rules.filter_map(|rule| rule.ports.as_ref()) {
            if ports.is_empty() {
                let (first, last) = (*ports.start(), *ports.end());
                return Err(FirewallConfigError::NoPorts { first, last });
            }
        }
        Ok(())
    }
}
