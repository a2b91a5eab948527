//! Packets that a box makes itself.

use std::collections::VecDeque;

use bytes::Bytes;
use natbed_packet::{Body, DropReason, Endpoint, Icmp, IcmpErrorKind, Packet};
use natbed_packet::{Tcp, TcpFlags};
use natbed_units::{SimDuration, SimTime};

use crate::UnsolicitedTcp;

/// Which side of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The protected or internal side.
    Inside,
    /// The side of the Internet.
    Outside,
}

/// A packet that a box sends of its own accord, some time after what it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The side it leaves on.
    pub side: Side,
    /// The packet, complete with its source address.
    pub packet: Packet,
}

/// How long a SYN that nobody takes stays unanswered (RFC 5382 REQ-4, RFC 6092 REC-34).
const HOLD: SimDuration = SimDuration::from_secs(6);

/// The most SYNs that are held at once; further ones are dropped and never answered, which REQ-4a
/// allows.
const MAX_HELD: usize = 256;

/// The most answers that wait to be fetched; the oldest go first.
const MAX_READY: usize = 1024;

/// What a box answers to TCP connection requests that nobody inside takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// The errors that answer the held SYNs, in the order they fall due.
    held: VecDeque<(SimTime, Packet)>,
    ready: VecDeque<Answer>,
}

impl Answers {
    /// Decides what becomes of a connection request that nobody takes; `None` if it is treated
    /// like any other packet.
    ///
    /// `silent` is the reason if nothing comes back, `rejected` if an ICMP error does at once; a
    /// delayed error is of the kind `error`.
    pub(crate) fn refuse(
        &mut self,
        policy: UnsolicitedTcp,
        now: SimTime,
        syn: &Packet,
        (silent, rejected): (DropReason, DropReason),
        error: IcmpErrorKind,
    ) -> Option<DropReason> {
        match policy {
            UnsolicitedTcp::WanInput => None,
            UnsolicitedTcp::Drop => Some(silent),
            UnsolicitedTcp::Reject => Some(rejected),
            UnsolicitedTcp::Reset => {
                if let Some(packet) = reset_for(syn) {
                    self.make_ready(packet);
                }
                Some(DropReason::TcpReset)
            }
            UnsolicitedTcp::Delay => {
                let error = Packet::icmp_error(syn.destination, error, syn);
                let is_held = error.is_some_and(|error| self.hold(now + HOLD, error));
                Some(if is_held { DropReason::SynHeld } else { silent })
            }
        }
    }

    /// Keeps the error that answers a SYN until `due`; says whether there was room.
    ///
    /// A SYN that is sent again does not delay the answer to the first.
    fn hold(&mut self, due: SimTime, error: Packet) -> bool {
        if self.held.iter().any(|(_, held)| *held == error) {
            return true;
        }
        let has_room = self.held.len() < MAX_HELD;
        if has_room {
            self.held.push_back((due, error));
        }
        has_room
    }

    /// Forgets the SYN from `remote` to `local`, because a flow between them has opened.
    pub(crate) fn release(&mut self, remote: Endpoint, local: Endpoint) {
        self.held.retain(|(_, error)| {
            !matches!(&error.body, Body::Icmp(Icmp::Error { quoted, .. })
                if (quoted.source, quoted.destination) == (remote, local))
        });
    }

    /// Returns when the next held SYN is to be answered.
    #[inline]
    pub(crate) fn next_wakeup(&self) -> Option<SimTime> {
        self.held.front().map(|(due, _)| *due)
    }

    /// Answers the held SYNs whose time has come.
    #[inline]
    pub(crate) fn handle_timeout(&mut self, now: SimTime) {
        while self.next_wakeup().is_some_and(|due| due <= now)
            && let Some((_, error)) = self.held.pop_front()
        {
            self.make_ready(error);
        }
    }

    fn make_ready(&mut self, packet: Packet) {
        if self.ready.len() == MAX_READY {
            self.ready.pop_front();
        }
        self.ready.push_back(Answer { side: Side::Outside, packet });
    }

    pub(crate) fn poll(&mut self) -> Option<Answer> {
        self.ready.pop_front()
    }
}

/// The reset that answers a SYN to a closed port (RFC 9293 section 3.10.7.1): it acknowledges the
/// SYN and all that came with it.
fn reset_for(syn: &Packet) -> Option<Packet> {
    let Body::Tcp(tcp) = &syn.body else { return None };
    // The SYN counts one, a FIN too; a payload is at most 65 535 bytes.
    let fin = u32::from(tcp.flags.contains(TcpFlags::FIN));
    let length = 1 + fin + tcp.payload.len() as u32;
    let reset = Tcp {
        source_port: tcp.destination_port,
        destination_port: tcp.source_port,
        sequence: 0,
        acknowledgment: tcp.sequence.wrapping_add(length),
        flags: TcpFlags::RST.with(TcpFlags::ACK),
        window: 0,
        urgent: 0,
        options: Bytes::new(),
        payload: Bytes::new(),
    };
    Some(Packet::new(syn.destination, syn.source, Body::Tcp(Box::new(reset))))
}
