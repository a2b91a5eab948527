//! The Internet core: one hop between all public addresses.

use natbed_network::Attachment;
use natbed_packet::DropReason;

use crate::world::{World, delays, ep, gateway, host, linked, ms, udp, with_ttl};

#[test]
fn public_hosts_reach_each_other_over_one_hop() {
    let mut world = World::new();
    world.internet(ms(20));
    let alice = host("alice", Attachment::Internet, "203.0.113.1");
    let alice = world.add_host(linked(alice, delays(ms(3), ms(500))));
    let bob = host("bob", Attachment::Internet, "203.0.113.2");
    world.add_host(linked(bob, delays(ms(500), ms(4))));
    world.datagram(alice, 5000, "203.0.113.2:6000");
    let expected = "bob at 27ms: 203.0.113.1:5000 > 203.0.113.2:6000, ttl 63";
    assert_eq!(world.arrivals(), [expected], "up, core and down");
}

#[test]
fn both_ip_versions_are_carried() {
    let mut world = World::with_internet();
    let alice = world.public_host("alice", "2001:db8::1");
    world.public_host("bob", "2001:db8::2");
    world.datagram(alice, 5000, "[2001:db8::2]:6000");
    let expected = "bob at 0ns: [2001:db8::1]:5000 > [2001:db8::2]:6000, ttl 63";
    assert_eq!(world.arrivals(), [expected]);
}

#[test]
fn packets_to_unknown_addresses_vanish_in_the_core() {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    world.add_gateway(config);
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    let bob = world.public_host("bob", "203.0.113.2");
    world.public_host("carol", "2001:db8::1");
    // A public address of nobody, a private one of nobody, and one that is private to a LAN.
    for unknown in ["203.0.113.99:9", "10.9.9.9:9", "192.168.1.2:9"] {
        world.datagram(bob, 5000, unknown);
        assert_eq!(world.only_core_loss(), DropReason::NoRoute, "{unknown}");
    }
    for unknown in ["203.0.113.99:9", "10.9.9.9:9"] {
        world.datagram(alice, 5000, unknown);
        assert_eq!(world.only_core_loss(), DropReason::NoRoute, "{unknown}");
    }
}

#[test]
fn the_core_counts_as_a_hop_but_answers_nothing() {
    let mut world = World::with_internet();
    let alice = world.public_host("alice", "203.0.113.1");
    world.public_host("bob", "203.0.113.2");
    let packet = udp(ep("203.0.113.1:5000"), ep("203.0.113.2:6000"), b"natbed");
    world.send(alice, with_ttl(packet.clone(), 1));
    assert_eq!(world.only_core_loss(), DropReason::TtlExceeded);
    world.send(alice, with_ttl(packet, 2));
    let expected = "bob at 0ns: 203.0.113.1:5000 > 203.0.113.2:6000, ttl 1";
    assert_eq!(world.arrivals(), [expected]);
}

#[test]
fn a_host_with_two_interfaces_sends_by_the_one_that_has_the_source_address() {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let mut config = host("alice", Attachment::Lan(lan), "192.168.1.2");
    config.interfaces.extend(host("alice", Attachment::Internet, "203.0.113.1").interfaces);
    let alice = world.add_host(config);
    world.lan_host("bob", lan, "192.168.1.3");
    world.public_host("carol", "203.0.113.2");
    world.send(alice, udp(ep("192.168.1.2:1"), ep("192.168.1.3:2"), b"by the LAN"));
    world.send(alice, udp(ep("203.0.113.1:1"), ep("203.0.113.2:2"), b"by the Internet"));
    world.send(alice, udp(ep("203.0.113.1:1"), ep("192.168.1.3:2"), b"wrong way"));
    let expected = [
        "bob at 0ns: 192.168.1.2:1 > 192.168.1.3:2, ttl 64",
        "carol at 0ns: 203.0.113.1:1 > 203.0.113.2:2, ttl 63",
    ];
    assert_eq!(world.arrivals(), expected);
    assert_eq!(world.only_core_loss(), DropReason::NoRoute);
}
