//! What the network reports of every packet, and to whom.

use std::net::IpAddr;

use natbed_nat::{MappingEnded, Translation};
use natbed_packet::{DropReason, Packet};
use natbed_units::{SimDuration, SimTime};

use crate::id::{HostId, LinkId, PipeId, Place, RouterId};

/// Who made a packet: what the network knows, whatever the source address says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A host.
    Host(HostId),
    /// A gateway, which makes ICMP errors and answers of its own.
    Router(RouterId),
    /// The Internet core, which only says that a packet is too big for a link out of it.
    Core,
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
    /// The network made it of the packet with that number: a further fragment, or a copy for a
    /// further receiver. The first fragment or copy keeps the number.
    Made(u64),
    /// A fragment has become part of the packet with that number, which goes on whole.
    Joined(u64),
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
    /// It reached the gateway that it was for: an echo request, which the gateway answers.
    Taken(RouterId),
    /// The host it was delivered to had no taker for it after all: no socket, or a full buffer.
    Refused(HostId, DropReason),
}

/// A host's interface that has got another address and link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roaming<'a> {
    /// The host.
    pub host: HostId,
    /// Which of its interfaces, from zero.
    pub interface_index: usize,
    /// The new address.
    pub address: IpAddr,
    /// The new link, which is the newest of the network.
    pub link: LinkId,
    /// What the link connects, by name: the host and what it moved to.
    pub ends: (&'a str, &'a str),
}

/// Sees every step of every packet.
///
/// An observer must not decide anything: the network behaves the same with any.
/// `()` observes nothing and costs nothing; pairs and options compose.
pub trait Observer {
    /// Takes note of one step; called in the order of events.
    fn observe(&mut self, hop: &Hop<'_>);

    /// Takes note of a mapping that ended in a gateway's NAT because its last flow expired.
    ///
    /// `at` is when the network learnt of it: at once, or with the next packet.
    fn note(&mut self, at: SimTime, router: RouterId, ended: &MappingEnded) {
        let _ = (at, router, ended);
    }

    /// Takes note of how long a packet waits for its turn on the line of a pipe.
    ///
    /// Called once for every packet that a line takes, as soon as that is known: `wait` is from
    /// when the packet came until the line begins with it, zero if the line was idle; `id` is that
    /// of [`Hop::id`]. A pipe of unlimited rate has no line. What is dropped in the queue has no
    /// turn.
    fn queued(&mut self, pipe: PipeId, id: u64, packet: &Packet, wait: SimDuration) {
        let _ = (pipe, id, packet, wait);
    }

    /// Takes note of which pipe loses a packet: it is down, its queue does not take or keep the
    /// packet, or its wire loses it.
    ///
    /// Called right before the [`Step::Dropped`] of the packet with that number, whose place is the
    /// end of the pipe where it happens: of many pipes, if that is a LAN or the core.
    fn lost_in_pipe(&mut self, pipe: PipeId, id: u64, reason: DropReason) {
        let _ = (pipe, id, reason);
    }

    /// Takes note of a host that roams.
    fn moved(&mut self, roaming: &Roaming<'_>) {
        let _ = roaming;
    }
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

    fn note(&mut self, at: SimTime, router: RouterId, ended: &MappingEnded) {
        self.0.note(at, router, ended);
        self.1.note(at, router, ended);
    }

    #[inline]
    fn queued(&mut self, pipe: PipeId, id: u64, packet: &Packet, wait: SimDuration) {
        self.0.queued(pipe, id, packet, wait);
        self.1.queued(pipe, id, packet, wait);
    }

    fn lost_in_pipe(&mut self, pipe: PipeId, id: u64, reason: DropReason) {
        self.0.lost_in_pipe(pipe, id, reason);
        self.1.lost_in_pipe(pipe, id, reason);
    }

    fn moved(&mut self, roaming: &Roaming<'_>) {
        self.0.moved(roaming);
        self.1.moved(roaming);
    }
}

impl<A: Observer, B: Observer, C: Observer> Observer for (A, B, C) {
    #[inline]
    fn observe(&mut self, hop: &Hop<'_>) {
        self.0.observe(hop);
        self.1.observe(hop);
        self.2.observe(hop);
    }

    fn note(&mut self, at: SimTime, router: RouterId, ended: &MappingEnded) {
        self.0.note(at, router, ended);
        self.1.note(at, router, ended);
        self.2.note(at, router, ended);
    }

    #[inline]
    fn queued(&mut self, pipe: PipeId, id: u64, packet: &Packet, wait: SimDuration) {
        self.0.queued(pipe, id, packet, wait);
        self.1.queued(pipe, id, packet, wait);
        self.2.queued(pipe, id, packet, wait);
    }

    fn lost_in_pipe(&mut self, pipe: PipeId, id: u64, reason: DropReason) {
        self.0.lost_in_pipe(pipe, id, reason);
        self.1.lost_in_pipe(pipe, id, reason);
        self.2.lost_in_pipe(pipe, id, reason);
    }

    fn moved(&mut self, roaming: &Roaming<'_>) {
        self.0.moved(roaming);
        self.1.moved(roaming);
        self.2.moved(roaming);
    }
}

impl<T: Observer> Observer for Option<T> {
    #[inline]
    fn observe(&mut self, hop: &Hop<'_>) {
        if let Some(observer) = self {
            observer.observe(hop);
        }
    }

    fn note(&mut self, at: SimTime, router: RouterId, ended: &MappingEnded) {
        if let Some(observer) = self {
            observer.note(at, router, ended);
        }
    }

    #[inline]
    fn queued(&mut self, pipe: PipeId, id: u64, packet: &Packet, wait: SimDuration) {
        if let Some(observer) = self {
            observer.queued(pipe, id, packet, wait);
        }
    }

    fn lost_in_pipe(&mut self, pipe: PipeId, id: u64, reason: DropReason) {
        if let Some(observer) = self {
            observer.lost_in_pipe(pipe, id, reason);
        }
    }

    fn moved(&mut self, roaming: &Roaming<'_>) {
        if let Some(observer) = self {
            observer.moved(roaming);
        }
    }
}

impl<T: Observer + ?Sized> Observer for Box<T> {
    fn observe(&mut self, hop: &Hop<'_>) {
        (**self).observe(hop);
    }

    fn note(&mut self, at: SimTime, router: RouterId, ended: &MappingEnded) {
        (**self).note(at, router, ended);
    }

    #[inline]
    fn queued(&mut self, pipe: PipeId, id: u64, packet: &Packet, wait: SimDuration) {
        (**self).queued(pipe, id, packet, wait);
    }

    fn lost_in_pipe(&mut self, pipe: PipeId, id: u64, reason: DropReason) {
        (**self).lost_in_pipe(pipe, id, reason);
    }

    fn moved(&mut self, roaming: &Roaming<'_>) {
        (**self).moved(roaming);
    }
}
