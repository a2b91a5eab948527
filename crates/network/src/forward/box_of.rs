//! Boxes of several gateways and gateways of several LANs: which one a packet is for.

use std::net::IpAddr;

use crate::id::{Place, RouterId};
use crate::network::Network;
use crate::node::{Inside, Router, version};
use crate::observer::Observer;
use crate::slab::Slot;

impl<O: Observer> Network<O> {
    /// The place in a box that a packet is for which has come to the box.
    #[cold]
    pub(crate) fn place_in_box(&self, slot: Slot, place: Place) -> Place {
        let to = self.packet(slot).destination;
        let pick = |head, tests: [&dyn Fn(&Router) -> bool; 4]| {
            let mut found = tests.into_iter().filter_map(|test| {
                self.boxed(head).find(|id: &RouterId| test(&self.routers[id.index()]))
            });
            found.next().unwrap_or(head)
        };
        match place {
            Place::RouterInside(head) => Place::RouterInside(pick(
                head,
                [
                    &|router| router.has_inside(to),
                    &|router| router.nat64().is_some_and(|prefix| prefix.contains(&to)),
                    &|router| version(router.inside) == version(to) && router.nat64().is_none(),
                    &|router| version(router.inside) == version(to),
                ],
            )),
            Place::RouterOutside(head) => Place::RouterOutside(pick(
                head,
                [
                    &|router| router.has_outside(to),
                    &|router| router.external.is_some_and(|prefix| prefix.contains(&to)),
                    &|router| version(router.outside) == version(to) && router.nat.is_none(),
                    &|router| version(router.outside) == version(to),
                ],
            )),
            Place::Host(_) | Place::Lan(..) | Place::Core(_) => place,
        }
    }

    /// The LAN behind a gateway that leads to an address; the first one if none does.
    #[inline]
    pub(crate) fn inside_toward(&self, id: RouterId, address: IpAddr) -> Inside {
        let router = &self.routers[id.index()];
        let first = Inside { lan: router.lan, address: router.inside, link: router.inside_link };
        if router.more_insides.is_empty() {
            return first;
        }
        self.inside_with(id, address).unwrap_or(first)
    }

    /// The LAN behind a gateway that leads to an address.
    pub(crate) fn inside_with(&self, id: RouterId, address: IpAddr) -> Option<Inside> {
        let mut insides = self.routers[id.index()].insides();
        insides.find(|inside| self.lans[inside.lan.index()].leads_to(address))
    }
}
