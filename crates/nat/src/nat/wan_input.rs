//! What the box itself does with packets from outside that nobody inside takes.

use natbed_packet::{DropReason, Endpoint, Protocol};
use natbed_units::SimTime;

use super::flow::Flow;
use super::{External, Nat};
use crate::WanInput;
use crate::direction::Direction;

impl Nat {
    /// Applies the WAN input policy to a packet that the NAT lost for `reason`.
    ///
    /// If the box accepts it, a UDP packet leaves a flow of the box itself, which owns the external
    /// endpoint toward `remote`. TCP leaves none: the reset that answers a closed port ends it at once.
    pub(super) fn wan_input(
        &mut self,
        now: SimTime,
        reason: DropReason,
        protocol: Protocol,
        external: External,
        remote: Endpoint,
    ) -> DropReason {
        if !matches!(reason, DropReason::NoMapping | DropReason::Filtered) {
            return reason;
        }
        match self.config.wan_input {
            WanInput::Drop => reason,
            WanInput::Reject => DropReason::WanInputRejected,
            WanInput::Accept if protocol != Protocol::Udp => DropReason::WanInputClosed,
            WanInput::Accept if self.flows.is_full() => DropReason::TableFull,
            WanInput::Accept => {
                let flow = Flow {
                    protocol,
                    external,
                    remote,
                    inside: None,
                    opener: Direction::Inbound,
                    replied: false,
                    created: now,
                };
                self.flows.insert(now, &self.config, flow, false);
                DropReason::WanInputClosed
            }
        }
    }
}
