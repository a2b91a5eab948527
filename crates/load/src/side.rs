//! One side of a load: a sans-IO state machine.

use bytes::Bytes;
use natbed_units::SimTime;

use crate::call::CallReport;
use crate::echo::EchoReport;
use crate::transfer::TransferReport;

/// One side of a load, which speaks to the other one in datagrams that may be lost.
///
/// Whoever runs it calls [`start`](Self::start) once, then takes everything that
/// [`poll_transmit`](Self::poll_transmit) has after each call that may change its state, and comes
/// back when [`poll_timeout`](Self::poll_timeout) says so.
pub trait Side: Send {
    /// Says whether its datagrams carry the time of sending.
    ///
    /// All do that have no stamp of their own.
    fn is_stamped(&self) -> bool {
        true
    }

    /// Begins; called once, before anything else.
    fn start(&mut self, now: SimTime);

    /// Takes a datagram of the other side, which sent it at `sent_at` if it was stamped.
    fn handle_datagram(&mut self, now: SimTime, sent_at: Option<SimTime>, payload: Bytes);

    /// Does what has become due; being called early or twice is harmless.
    fn handle_timeout(&mut self, now: SimTime);

    /// Appends the next datagram to send to `datagram`; `false` when there is none.
    ///
    /// What already stands in `datagram` is not its own and must stay.
    #[must_use = "a datagram that is not sent is lost without a reason"]
    fn poll_transmit(&mut self, now: SimTime, datagram: &mut Vec<u8>) -> bool;

    /// Returns when [`handle_timeout`](Self::handle_timeout) wants to be called next; a time that has
    /// passed counts as now.
    #[must_use]
    fn poll_timeout(&self) -> Option<SimTime>;

    /// Says whether it has nothing more to send or to wait for; it may still answer.
    fn is_done(&self) -> bool;

    /// Returns what has been seen so far.
    fn report(&self) -> SideReport;
}

/// A side of a load that is not made of datagrams, in the place of one that is.
pub(crate) struct Elsewhere;

impl Side for Elsewhere {
    fn start(&mut self, _: SimTime) {}

    fn handle_datagram(&mut self, _: SimTime, _: Option<SimTime>, _: Bytes) {}

    fn handle_timeout(&mut self, _: SimTime) {}

    fn poll_transmit(&mut self, _: SimTime, _: &mut Vec<u8>) -> bool {
        false
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        None
    }

    fn is_done(&self) -> bool {
        true
    }

    fn report(&self) -> SideReport {
        SideReport::Transfer(Box::default())
    }
}

/// What one side of a load did and saw, by its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SideReport {
    /// Of an echo load.
    Echo(EchoReport),
    /// Of a bulk transfer, over any transport.
    Transfer(Box<TransferReport>),
    /// Of a call.
    Call(Box<CallReport>),
}

impl SideReport {
    /// Returns the report of an echo load.
    #[must_use]
    pub fn echo(&self) -> Option<&EchoReport> {
        match self {
            Self::Echo(report) => Some(report),
            Self::Transfer(_) | Self::Call(_) => None,
        }
    }

    /// Returns when the last datagram that carries anything new was sent; of a transfer, when it
    /// arrived.
    #[must_use]
    pub fn last_sent(&self) -> Option<SimTime> {
        match self {
            Self::Echo(report) => report.sent.last().copied(),
            Self::Transfer(report) => report.last_received,
            Self::Call(report) => report.last_sent,
        }
    }
}
