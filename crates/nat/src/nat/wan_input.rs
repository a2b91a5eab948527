//! What the box itself does with packets from outside that nobody inside takes.

use natbed_packet::{DropReason, Endpoint, IcmpErrorKind, Packet, Protocol};
use natbed_units::SimTime;

use super::flow::Flow;
use super::{External, Nat};
use crate::direction::Direction;
use crate::{WanInput, tcp};

impl Nat {
    /// Applies the WAN input policy to a packet that the NAT lost for `reason`; a connection request
    /// has one of its own (RFC 5382 REQ-4).
    ///
    /// If the box accepts it, a UDP packet leaves a flow of the box itself, which owns the external
    /// endpoint toward `remote`. TCP leaves none: the reset that answers a closed port ends it at once.
    pub(super) fn wan_input(
        &mut self,
        now: SimTime,
        reason: DropReason,
        packet: &Packet,
        protocol: Protocol,
        external: External,
        remote: Endpoint,
    ) -> DropReason {
        if !matches!(reason, DropReason::NoMapping | DropReason::Filtered) {
            return reason;
        }
        if tcp::is_connection_request(packet) {
            let reasons = (reason, DropReason::WanInputRejected);
            let error = IcmpErrorKind::PortUnreachable;
            let policy = self.config.unsolicited_tcp;
            if let Some(reason) = self.answers.refuse(policy, now, packet, reasons, error) {
                return reason;
            }
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
                    lifetime: self.flows.lifetime(now, packet, Direction::Inbound),
                };
                self.flows.insert(flow, false);
                DropReason::WanInputClosed
            }
        }
    }
}
