//! TCP connections as a box on the way sees them (RFC 7857 section 2).

use natbed_packet::{Body, Packet, TcpFlags};

use crate::direction::Direction;

/// What was seen of a TCP connection: the state machine of RFC 7857 section 2, which adapts that of
/// RFC 6146 section 3.5.2.2.
///
/// Its states are what the fields say: INIT is a SYN from one side, ESTABLISHED one from both, C FIN
/// RCV and S FIN RCV a FIN from one side, C FIN + S FIN RCV from both, and TRANS a reset after which
/// nothing came. A connection in TRANS that goes on is back where it was. Two cases that the RFCs
/// leave open are decided as Linux does: a connection that was under way when it was first seen is
/// established, and a SYN after a reset or after both FINs begins a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TcpState {
    /// Who sent a SYN, by [`Direction`].
    syn: [bool; 2],
    /// Who sent a FIN, by [`Direction`].
    fin: [bool; 2],
    /// Whether the last segment was a reset.
    reset: bool,
}

/// Which of the timers holds for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TcpPhase {
    /// The SYN is not answered yet.
    Opening,
    Established,
    /// Both sides have sent a FIN.
    Closing,
    /// The last segment was a reset.
    Reset,
}

impl TcpState {
    /// The state after the first segment that was seen.
    pub(crate) fn opened_by(flags: TcpFlags, from: Direction) -> Self {
        let is_new = flags.contains(TcpFlags::SYN);
        let mut state = Self { syn: [!is_new; 2], ..Self::default() };
        state.pass(flags, from);
        state
    }

    /// Takes notice of a segment that passes.
    pub(crate) fn pass(&mut self, flags: TcpFlags, from: Direction) {
        if flags.contains(TcpFlags::RST) {
            self.reset = true;
            return;
        }
        if flags.contains(TcpFlags::SYN) {
            if self.reset || self.fin == [true; 2] {
                *self = Self::default();
            }
            self.syn[from as usize] = true;
        }
        self.fin[from as usize] |= flags.contains(TcpFlags::FIN);
        self.reset = false;
    }

    pub(crate) fn phase(self) -> TcpPhase {
        if self.reset {
            TcpPhase::Reset
        } else if self.fin == [true; 2] {
            TcpPhase::Closing
        } else if self.syn == [true; 2] {
            TcpPhase::Established
        } else {
            TcpPhase::Opening
        }
    }
}

/// The flags of a TCP segment; of any other packet, none.
#[inline]
pub(crate) fn flags(packet: &Packet) -> TcpFlags {
    match &packet.body {
        Body::Tcp(tcp) => tcp.flags,
        _ => TcpFlags::default(),
    }
}

/// Says whether a packet asks for a new connection.
pub(crate) fn is_connection_request(packet: &Packet) -> bool {
    let flags = flags(packet);
    let others = TcpFlags::ACK.with(TcpFlags::RST);
    flags.contains(TcpFlags::SYN) && flags.bits() & others.bits() == 0
}
