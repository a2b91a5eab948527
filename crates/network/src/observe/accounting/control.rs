//! What finding and keeping a way costs: STUN and TURN messages.

use natbed_units::LookupMap;

use crate::id::HostId;

/// STUN messages between two hosts, one of them a watched peer: ICE checks, consent, TURN.
///
/// ICE checks in TURN frames count between peer and relay, and again between relay and peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlBill {
    /// Who sent them.
    pub from: HostId,
    /// Where they arrived; `None` for all that a peer sent, wherever they went, lost ones included.
    pub to: Option<HostId>,
    /// How many.
    pub datagrams: u64,
    /// Their bytes on the wire, from the IP header on.
    pub wire: u64,
}

/// The most pairs of hosts that are counted; messages between others are not.
const PAIRS_MAX: usize = 65_536;

#[derive(Clone, Debug, Default)]
pub(super) struct Control {
    places: LookupMap<(u32, u32), u32>,
    bills: Vec<ControlBill>,
}

impl Control {
    #[inline]
    pub(super) fn count(&mut self, from: HostId, to: Option<HostId>, wire: u64) {
        let bills = &mut self.bills;
        let key = (from.0, to.map_or(u32::MAX, |host| host.0));
        if bills.len() >= PAIRS_MAX && !self.places.contains_key(&key) {
            return;
        }
        let place = *self.places.get_or_insert_with(key, || {
            bills.push(ControlBill { from, to, datagrams: 0, wire: 0 });
            (bills.len() - 1) as u32
        });
        let bill = &mut bills[place as usize];
        bill.datagrams += 1;
        bill.wire += wire;
    }

    pub(super) fn bills(&self) -> Vec<ControlBill> {
        let mut bills = self.bills.clone();
        bills.sort_by_key(|bill| (bill.from, bill.to));
        bills
    }
}
