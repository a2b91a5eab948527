//! What a probe finds out.

use natbed_nat::{FilterScope, Filtering, Hairpin, Mapping, Pooling, PortAllocation, WanInput};
use natbed_units::SimDuration;

/// A property as it looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// It is this.
    Value(T),
    /// Nobody outside can tell, for this reason.
    NotVisible(&'static str),
}

impl<T> Seen<T> {
    /// Returns the value, if it is visible.
    #[must_use]
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::NotVisible(_) => None,
        }
    }

    /// Makes another value of a visible one.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Seen<U> {
        match self {
            Self::Value(value) => Seen::Value(change(value)),
            Self::NotVisible(reason) => Seen::NotVisible(reason),
        }
    }
}

/// What a box is like, as seen from outside, for UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Findings {
    /// Mapping behaviour; `None` if the box does not translate.
    pub mapping: Seen<Option<Mapping>>,
    /// Mapping behaviour as one host alone sees it, by the three tests of RFC 5780 section 4.3.
    pub mapping_for_one_host: Seen<Option<Mapping>>,
    /// Filtering behaviour; that of a box which lets everything in is EIF.
    pub filtering: Seen<Filtering>,
    /// What the permissions of the filter belong to.
    pub filter_scope: Seen<FilterScope>,
    /// Port allocation.
    pub ports: Seen<PortAllocation>,
    /// Whether even ports become even ones and odd ports odd ones.
    pub port_parity: Seen<bool>,
    /// Whether the port after an even one becomes the external port after that of the even one.
    pub port_contiguity: Seen<bool>,
    /// How the external address is chosen from several.
    pub pooling: Seen<Pooling>,
    /// Hairpinning.
    pub hairpin: Seen<Hairpin>,
    /// Idle time after which a flow that was seen one way only has ended.
    pub udp_timeout: Seen<SimDuration>,
    /// Idle time after which a flow that was seen both ways has ended.
    pub udp_stream_timeout: Seen<SimDuration>,
    /// Age that a flow needs before that time holds.
    pub udp_stream_after: Seen<SimDuration>,
    /// Idle time after which a one-way flow to port 53 has ended, if it is another one.
    pub udp_well_known_timeout: Seen<Option<SimDuration>>,
    /// Whether packets from inside renew the timer.
    pub refresh_outbound: Seen<bool>,
    /// Whether packets from outside renew the timer.
    pub refresh_inbound: Seen<bool>,
    /// What happens to a packet from outside that nobody asked for.
    pub wan_input: Seen<WanInput>,
}

impl Findings {
    /// What is known of a box through which nothing came.
    pub(super) const fn none(reason: &'static str) -> Self {
        Self {
            mapping: Seen::NotVisible(reason),
            mapping_for_one_host: Seen::NotVisible(reason),
            filtering: Seen::NotVisible(reason),
            filter_scope: Seen::NotVisible(reason),
            ports: Seen::NotVisible(reason),
            port_parity: Seen::NotVisible(reason),
            port_contiguity: Seen::NotVisible(reason),
            pooling: Seen::NotVisible(reason),
            hairpin: Seen::NotVisible(reason),
            udp_timeout: Seen::NotVisible(reason),
            udp_stream_timeout: Seen::NotVisible(reason),
            udp_stream_after: Seen::NotVisible(reason),
            udp_well_known_timeout: Seen::NotVisible(reason),
            refresh_outbound: Seen::NotVisible(reason),
            refresh_inbound: Seen::NotVisible(reason),
            wan_input: Seen::NotVisible(reason),
        }
    }
}
