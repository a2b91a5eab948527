//! Packets that a host cannot send, and those that never leave it.

use bytes::Bytes;
use natbed_network::{Attachment, Place};
use natbed_packet::{DropReason, Packet};

use crate::world::{World, delays, ep, host, ip, linked, secs, udp};

#[test]
fn a_packet_to_an_own_address_is_back_at_once() {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    let other = world.lan("other", "10.0.1.0/24");
    let slow = delays(secs(1), secs(1));
    let mut alice = linked(host("alice", Attachment::Lan(lan), "10.0.0.1"), slow);
    alice.interfaces.extend(host("alice", Attachment::Lan(other), "10.0.1.1").interfaces);
    let alice = world.add_host(alice);
    for to in ["10.0.0.1:2", "10.0.1.1:2"] {
        world.send(alice, udp(ep("10.0.0.1:1"), ep(to), b"natbed"));
        assert_eq!(world.arrivals(), [format!("alice at 0ns: 10.0.0.1:1 > {to}, ttl 64")]);
    }
}

#[test]
fn a_closed_port_of_the_host_itself_is_reported_to_it() {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = world.lan_host("alice", lan, "10.0.0.1");
    world.datagram(alice, 1, "10.0.0.1:2");
    let arrival = world.only_arrival();
    world.network.reject(world.now, arrival.delivery, DropReason::PortClosed);
    let expected = "alice at 0ns: 10.0.0.1 > 10.0.0.1 port unreachable \
                    about 10.0.0.1:1 > 10.0.0.1:2, ttl 64";
    assert_eq!(world.arrivals(), [expected]);
}

#[test]
fn a_host_sends_from_its_own_addresses_alone() {
    let mut world = World::with_internet();
    let alice = world.public_host("alice", "203.0.113.1");
    world.public_host("bob", "203.0.113.2");
    for source in ["203.0.113.2:1", "10.0.0.1:1", "0.0.0.0:1"] {
        world.send(alice, udp(ep(source), ep("203.0.113.2:2"), b"natbed"));
        assert_eq!(world.only_loss(), (DropReason::ForeignSource, Place::Host(alice)), "{source}");
    }
}

#[test]
fn a_packet_that_is_not_unicast_or_of_two_versions_or_too_long_is_malformed() {
    let mut world = World::with_internet();
    let alice = world.public_host("alice", "203.0.113.1");
    let refused = (DropReason::Malformed, Place::Host(alice));
    for to in [
        "0.0.0.0:1",
        "224.0.0.251:5353",
        "255.255.255.255:67",
        "[2001:db8::1]:1",
        "[ff02::fb]:5353",
    ] {
        world.send(alice, udp(ep("203.0.113.1:1"), ep(to), b"natbed"));
        assert_eq!(world.only_loss(), refused, "{to}");
    }
    let long = Packet::udp(ep("203.0.113.1:1"), ep("203.0.113.1:2"), Bytes::from(vec![0; 65_508]));
    world.send(alice, long);
    assert_eq!(world.only_loss(), refused, "65536 bytes with its headers");
}

#[test]
fn the_longest_packet_passes() {
    let mut world = World::with_internet();
    let alice = world.public_host("alice", "203.0.113.1");
    world.public_host("bob", "203.0.113.2");
    let long = Packet::udp(ep("203.0.113.1:1"), ep("203.0.113.2:2"), Bytes::from(vec![0; 65_507]));
    world.send(alice, long);
    assert_eq!(world.only_arrival().delivery.packet.destination, ip("203.0.113.2"));
}
