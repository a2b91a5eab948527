//! Counters of packets sent, delivered and dropped.

use std::collections::BTreeMap;

use natbed_network::Place;
use natbed_network::observe::Counters;
use natbed_packet::DropReason;

use crate::world::{World, ms};

#[test]
fn packets_are_counted_where_they_end() {
    let mut world = World::observed(Counters::default());
    world.internet(ms(10));
    let alice = world.public_host("alice", "203.0.113.1");
    let bob = world.public_host("bob", "203.0.113.2");
    let counters = |world: &World<Counters>| {
        let counters = &world.network.observer().1;
        (counters.sent(), counters.delivered(), counters.dropped())
    };
    for to in ["203.0.113.2:1", "203.0.113.2:1", "203.0.113.99:1", "224.0.0.1:1"] {
        world.datagram(alice, 1, to);
    }
    let malformed = BTreeMap::from([(DropReason::Malformed, 1)]);
    assert_eq!(counters(&world), (4, 0, malformed.clone()), "three are on their way");

    let mut arrivals = world.settle();
    let mut dropped = malformed;
    dropped.insert(DropReason::NoRoute, 1);
    assert_eq!(counters(&world), (4, 2, dropped.clone()));

    // One turns out to have no taker, and the error about it is a packet as well.
    world.network.reject(world.now, arrivals.remove(0).delivery, DropReason::PortClosed);
    assert_eq!(world.settle().len(), 1);
    dropped.insert(DropReason::PortClosed, 1);
    assert_eq!(counters(&world), (5, 2, dropped));

    let places: Vec<_> = world.network.observer().1.dropped_at().collect();
    let uplink = world.network.host_links(alice).next().unwrap();
    let expected = [
        (DropReason::NoRoute, Place::Core(uplink), 1),
        (DropReason::Malformed, Place::Host(alice), 1),
        (DropReason::PortClosed, Place::Host(bob), 1),
    ];
    assert_eq!(places, expected);
}
