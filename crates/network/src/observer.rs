//! What the network reports of every packet, and to whom.

use natbed_nat::Translation;
use natbed_packet::{DropReason, Packet};
use natbed_units::SimTime;

use crate::id::{HostId, PipeId, Place, RouterId};

/// Who made a packet: what the network knows, whatever the source address says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A host.
    Host(HostId),
    /// A gateway, which makes ICMP errors of its own.
    Router(RouterId),
}

/// One step of one packet.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// When it happened.
    pub at: SimTime,
    /// The packet as it is after the step.
    pub packet: &'a Packet,
    /// The packet's number in this run; it keeps it through NATs.
    pub id: u64,
    /// Who made the packet.
    pub origin: Origin,
    /// What happened.
    pub step: Step<'a>,
}

/// What happened to a packet.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// Its origin sent it.
    Sent,
    /// It went into a pipe.
    Entered(PipeId),
    /// It came out of a pipe.
    Left(PipeId),
    /// A NAT rewrote it.
    Translated(RouterId, &'a Translation),
    /// It was lost at a place, for a reason.
    Dropped(Place, DropReason),
    /// It reached a host and was handed over.
    Delivered(HostId),
    /// The host it was delivered to had no taker for it after all: no socket, or a full buffer.
    Refused(HostId, DropReason),
}

/// Sees every step of every packet.
///
/// An observer must not decide anything: the network behaves the same with any.
/// `()` observes nothing and costs nothing; pairs and options compose.
pub trait Observer {
    /// Takes note of one step; called in the order of events.
    fn observe(&mut self, hop: &Hop<'_>);
}

impl Observer for () {
    #[inline]
    fn observe(&mut self, _: &Hop<'_>) {}
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    #[inline]
    fn observe(&mut self, hop: &Hop<'_>) {
        self.0.observe(hop);
        self.1.observe(hop);
    }
}

impl<A: Observer, B: Observer, C: Observer> Observer for (A, B, C) {
    #[inline]
    fn observe(&mut self, hop: &Hop<'_>) {
        self.0.observe(hop);
        self.1.observe(hop);
        self.2.observe(hop);
    }
}

impl<T: Observer> Observer for Option<T> {
    #[inline]
    fn observe(&mut self, hop: &Hop<'_>) {
        if let Some(observer) = self {
            observer.observe(hop);
        }
    }
}

impl<T: Observer + ?Sized> Observer for Box<T> {
    fn observe(&mut self, hop: &Hop<'_>) {
        (**self).observe(hop);
    }
}
