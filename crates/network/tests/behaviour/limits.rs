//! The limit of packets on their way.

use natbed_network::{Attachment, HostId, Limits, LinkConfig, Place};
use natbed_packet::DropReason;

use crate::world::{World, delays, ep, host, linked, ms, pipe, sized, udp, with_ttl};

fn pair(packets_in_flight: usize) -> (World, HostId) {
    let mut world = World::limited(Limits { packets_in_flight }, ());
    world.internet(ms(0));
    let alice = host("alice", Attachment::Internet, "203.0.113.1");
    let alice = world.add_host(linked(alice, delays(ms(5), ms(5))));
    let bob = host("bob", Attachment::Internet, "203.0.113.2");
    world.add_host(linked(bob, delays(ms(7), ms(7))));
    (world, alice)
}

#[test]
fn packets_beyond_the_limit_are_dropped_and_counted() {
    let (mut world, alice) = pair(2);
    for _ in 0..5 {
        world.datagram(alice, 1, "203.0.113.2:2");
    }
    assert_eq!(world.network.packets_in_flight(), 2);
    let lost = (DropReason::TooManyInFlight, Place::Host(alice));
    assert_eq!(world.losses(), [lost; 3]);
    let expected = "bob at 12ms: 203.0.113.1:1 > 203.0.113.2:2, ttl 63";
    assert_eq!(world.arrivals(), [expected; 2], "those on their way go on over further links");
    assert_eq!(world.losses(), []);
    world.datagram(alice, 1, "203.0.113.2:2");
    assert_eq!(world.settle().len(), 1, "there is room again");
}

#[test]
fn a_packet_that_waits_nowhere_needs_no_room() {
    let (mut world, alice) = pair(1);
    world.datagram(alice, 1, "203.0.113.2:2");
    world.send(alice, udp(ep("203.0.113.1:1"), ep("203.0.113.1:2"), b"to itself"));
    let expected = [
        "alice at 0ns: 203.0.113.1:1 > 203.0.113.1:2, ttl 64",
        "bob at 12ms: 203.0.113.1:1 > 203.0.113.2:2, ttl 63",
    ];
    assert_eq!(world.arrivals(), expected);
}

#[test]
fn a_packet_that_has_arrived_takes_no_room_before_it_is_polled() {
    let (mut world, alice) = pair(1);
    for _ in 0..3 {
        world.send(alice, udp(ep("203.0.113.1:1"), ep("203.0.113.1:2"), b"to itself"));
    }
    assert_eq!(world.network.packets_in_flight(), 0);
    world.datagram(alice, 1, "203.0.113.2:2");
    assert_eq!(world.losses(), []);
    assert_eq!(world.settle().len(), 4);
}

#[test]
fn a_packet_refused_for_the_limit_takes_no_time_of_the_line() {
    let mut world = World::limited(Limits { packets_in_flight: 1 }, ());
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = host("alice", Attachment::Lan(lan), "10.0.0.1");
    let slow = LinkConfig::symmetric(pipe("8mbit", ms(0), 10_000));
    let alice = world.add_host(linked(alice, slow));
    world.lan_host("bob", lan, "10.0.0.2");
    let packet = sized("10.0.0.1:1", "10.0.0.2:2", 1000);
    for _ in 0..2 {
        world.send(alice, with_ttl(packet.clone(), 9));
    }
    assert_eq!(world.losses(), [(DropReason::TooManyInFlight, Place::Host(alice))]);
    assert_eq!(world.arrivals(), ["bob at 1ms: 10.0.0.1:1 > 10.0.0.2:2, ttl 9"]);
    world.send(alice, packet);
    assert_eq!(world.arrivals(), ["bob at 2ms: 10.0.0.1:1 > 10.0.0.2:2, ttl 64"]);
}
