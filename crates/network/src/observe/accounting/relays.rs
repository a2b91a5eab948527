//! What relays carried.

use natbed_units::{LookupMap, SimTime};
use twox_hash::XxHash3_64;

use crate::id::HostId;

/// What one relay carried of the payload of all watched loads.
///
/// A relay is a host that payload came to or from and that is no peer of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayBill {
    /// The relay.
    pub host: HostId,
    /// What reached it, whether or not it had a taker for it.
    pub received: Carried,
    /// What it sent; through two relays both send it.
    pub sent: Carried,
    /// Sessions that it sent payload of.
    pub sessions: u64,
    /// The most of them at once: of these, each counts from the first to the last payload datagram
    /// that reached the relay or left it, both included.
    pub peak_sessions: u64,
}

/// Payload datagrams on one side of a relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// How many.
    pub datagrams: u64,
    /// What they carry for the peers: the tag, the time of sending and the transport's bytes.
    pub payload: u64,
    /// Their bytes on the wire, from the IP header on.
    pub wire: u64,
}

impl Carried {
    fn add(&mut self, payload: u64, wire: u64) {
        self.datagrams += 1;
        self.payload += payload;
        self.wire += wire;
    }
}

/// A session at a relay.
#[derive(Clone, Copy, Debug)]
struct Use {
    first: SimTime,
    last: SimTime,
    has_sent: bool,
}

#[derive(Clone, Debug)]
struct Relay {
    host: HostId,
    received: Carried,
    sent: Carried,
    uses: Vec<Use>,
}

/// All relays.
#[derive(Clone, Debug, Default)]
pub(super) struct Relays {
    places: LookupMap<u32, u32>,
    relays: Vec<Relay>,
    /// By relay and session.
    uses: LookupMap<u64, u32>,
}

/// A payload datagram at a relay.
#[derive(Clone, Copy, Debug)]
pub(super) struct AtRelay {
    pub(super) host: HostId,
    /// The session, by whatever number.
    pub(super) session: u32,
    pub(super) payload: u64,
    pub(super) wire: u64,
}

impl Relays {
    pub(super) fn receive(&mut self, now: SimTime, datagram: AtRelay) {
        self.carry(now, datagram, false).received.add(datagram.payload, datagram.wire);
    }

    pub(super) fn send(&mut self, now: SimTime, datagram: AtRelay) {
        self.carry(now, datagram, true).sent.add(datagram.payload, datagram.wire);
    }

    fn carry(&mut self, now: SimTime, datagram: AtRelay, sends: bool) -> &mut Relay {
        let AtRelay { host, session, .. } = datagram;
        let relays = &mut self.relays;
        let place = *self.places.get_or_insert_with(host.0, || {
            let (received, sent) = Default::default();
            relays.push(Relay { host, received, sent, uses: Vec::new() });
            (relays.len() - 1) as u32
        });
        let relay = &mut relays[place as usize];
        let key = u64::from(host.0) << 32 | u64::from(session);
        let place = *self.uses.get_or_insert_with(key, || {
            relay.uses.push(Use { first: now, last: now, has_sent: false });
            (relay.uses.len() - 1) as u32
        });
        let of_session = &mut relay.uses[place as usize];
        of_session.last = now;
        of_session.has_sent |= sends;
        relay
    }

    /// The bills of all relays, in the order of hosts.
    pub(super) fn bills(&self) -> Vec<RelayBill> {
        let mut bills: Vec<_> = self.relays.iter().map(Relay::bill).collect();
        bills.sort_by_key(|bill| bill.host);
        bills
    }
}

impl Relay {
    fn bill(&self) -> RelayBill {
        let served = self.uses.iter().filter(|of_session| of_session.has_sent);
        // In one instant, who comes counts before who goes.
        let mut changes: Vec<_> =
            served.clone().flat_map(|u| [(u.first, false), (u.last, true)]).collect();
        changes.sort_unstable();
        let (mut now, mut peak) = (0_u64, 0);
        for (_, goes) in changes {
            if goes {
                now -= 1;
            } else {
                now += 1;
                peak = peak.max(now);
            }
        }
        RelayBill {
            host: self.host,
            received: self.received,
            sent: self.sent,
            sessions: served.count() as u64,
            peak_sessions: peak,
        }
    }
}

/// The most datagrams that are remembered between coming to a relay and leaving it.
const INSIDE_MAX: usize = 65_536;

/// How much of a datagram tells it from others: tag, time of sending, and what comes first then.
const MARK_LEN: usize = 32;

/// Payload datagrams inside relays, so that one that is sent on is known again.
#[derive(Clone, Debug, Default)]
pub(super) struct Inside {
    /// By relay, load and content: how many, by direction.
    marks: LookupMap<u64, [u32; 2]>,
}

impl Inside {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    pub(super) fn put(&mut self, host: HostId, load: u32, payload: &[u8], direction: usize) {
        // They are those that relays did not send on; who comes late is then not known again.
        if self.marks.len() >= INSIDE_MAX {
            self.marks.clear();
        }
        self.marks.get_or_insert_with(mark(host, load, payload), || [0; 2])[direction] += 1;
    }

    /// Takes one out and says its direction; `None` if there is none like it.
    pub(super) fn take(&mut self, host: HostId, load: u32, payload: &[u8]) -> Option<usize> {
        let mark = mark(host, load, payload);
        let inside = self.marks.get_mut(&mark)?;
        let direction = usize::from(inside[0] == 0);
        inside[direction] -= 1;
        if *inside == [0; 2] {
            self.marks.remove(&mark);
        }
        Some(direction)
    }
}

#[inline]
fn mark(host: HostId, load: u32, payload: &[u8]) -> u64 {
    let start = payload.get(..MARK_LEN).unwrap_or(payload);
    let seed = u64::from(host.0) << 32 | u64::from(load);
    XxHash3_64::oneshot_with_seed(seed ^ (payload.len() as u64).rotate_left(48), start)
}
