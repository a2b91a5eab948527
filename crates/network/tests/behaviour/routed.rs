//! Gateways without a NAT: their subnets are known further up.

use natbed_network::{Attachment, GatewayConfig, LanId, Place};
use natbed_packet::DropReason;

use crate::world::{World, ep, gateway, udp, with_ttl};

fn routed(
    name: &str,
    lan: LanId,
    inside: &str,
    upstream: Attachment,
    outside: &str,
) -> GatewayConfig {
    GatewayConfig { translator: None, ..gateway(name, lan, inside, upstream, outside) }
}

#[test]
fn a_routed_subnet_is_reached_from_the_internet_untranslated() {
    let mut world = World::with_internet();
    let lan = world.lan("campus", "203.0.113.0/25");
    world.add_gateway(routed("campus", lan, "203.0.113.1", Attachment::Internet, "198.51.100.1"));
    let alice = world.lan_host("alice", lan, "203.0.113.2");
    let bob = world.public_host("bob", "203.0.113.200");
    world.datagram(bob, 6000, "203.0.113.2:5000");
    let expected = "alice at 0ns: 203.0.113.200:6000 > 203.0.113.2:5000, ttl 62";
    assert_eq!(world.arrivals(), [expected]);
    world.datagram(alice, 5000, "203.0.113.200:6000");
    let expected = "bob at 0ns: 203.0.113.2:5000 > 203.0.113.200:6000, ttl 62";
    assert_eq!(world.arrivals(), [expected]);
}

#[test]
fn the_gateway_answers_for_itself_alone() {
    let mut world = World::with_internet();
    let lan = world.lan("campus", "203.0.113.0/25");
    world.add_gateway(routed("campus", lan, "203.0.113.1", Attachment::Internet, "198.51.100.1"));
    let alice = world.lan_host("alice", lan, "203.0.113.2");
    let bob = world.public_host("bob", "203.0.113.200");
    for (host, to, expected) in [
        (
            alice,
            "203.0.113.1:9",
            "alice at 0ns: 203.0.113.1 > 203.0.113.2 port unreachable \
             about 203.0.113.2:5000 > 203.0.113.1:9, ttl 64",
        ),
        (
            alice,
            "198.51.100.1:9",
            "alice at 0ns: 203.0.113.1 > 203.0.113.2 port unreachable \
             about 203.0.113.2:5000 > 198.51.100.1:9, ttl 64",
        ),
        (
            bob,
            "198.51.100.1:9",
            "bob at 0ns: 198.51.100.1 > 203.0.113.200 port unreachable \
             about 203.0.113.200:5000 > 198.51.100.1:9, ttl 63",
        ),
    ] {
        world.datagram(host, 5000, to);
        assert_eq!(world.arrivals(), [expected]);
    }
    world.losses();
    // An address of the subnet that nobody has: the LAN is silent.
    world.datagram(bob, 5000, "203.0.113.99:9");
    let (reason, place) = world.only_loss();
    assert_eq!(reason, DropReason::NoSuchAddress);
    assert!(matches!(place, Place::Lan(..)));
}

/// Floor behind building behind campus behind the Internet, gateways added in the given order.
fn campus(order: [usize; 3]) -> World {
    let mut world = World::with_internet();
    let campus = world.lan("campus", "203.0.113.0/26");
    let building = world.lan("building", "203.0.113.64/26");
    let floor = world.lan("floor", "203.0.113.128/26");
    let gateways = [
        routed("campus", campus, "203.0.113.1", Attachment::Internet, "198.51.100.1"),
        routed("building", building, "203.0.113.65", Attachment::Lan(campus), "203.0.113.2"),
        routed("floor", floor, "203.0.113.129", Attachment::Lan(building), "203.0.113.66"),
    ];
    for n in order {
        world.add_gateway(gateways[n].clone());
    }
    let alice = world.lan_host("alice", floor, "203.0.113.130");
    let printer = world.lan_host("printer", building, "203.0.113.67");
    let door = world.lan_host("door", campus, "203.0.113.3");
    let bob = world.public_host("bob", "203.0.113.200");
    for (host, address) in [
        (alice, "203.0.113.130:1"),
        (printer, "203.0.113.67:1"),
        (door, "203.0.113.3:1"),
        (bob, "203.0.113.200:1"),
    ] {
        for to in [alice, printer, door, bob] {
            let to = world.network.addresses(to).next().unwrap();
            world.send(host, udp(ep(address), natbed_packet::Endpoint::new(to, 2), b"all to all"));
        }
    }
    world
}

#[test]
fn prefixes_travel_upward_whatever_the_order_of_the_gateways() {
    // From the floor to itself, the building, the campus, the Internet; then from each of these.
    let ttl = [64, 63, 62, 60, 63, 64, 63, 61, 62, 63, 64, 62, 60, 61, 62, 64];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut world = campus(order);
        let arrivals = world.settle();
        let ttls: Vec<u8> = arrivals.iter().map(|arrival| arrival.delivery.packet.ttl).collect();
        assert_eq!(ttls, ttl, "gateways in the order {order:?}: {:?}", world.losses());
    }
}

#[test]
fn a_nat_above_hides_the_routed_subnets_below_it() {
    for inner_first in [true, false] {
        let mut world = World::with_internet();
        let home = world.lan("home", "192.168.0.0/24");
        let guests = world.lan("guests", "192.168.1.0/24");
        let outer = gateway("home", home, "192.168.0.1", Attachment::Internet, "198.51.100.1");
        let inner = routed("guests", guests, "192.168.1.1", Attachment::Lan(home), "192.168.0.2");
        let configs = if inner_first { [inner, outer] } else { [outer, inner] };
        for config in configs {
            world.add_gateway(config);
        }
        let guest = world.lan_host("guest", guests, "192.168.1.9");
        let alice = world.lan_host("alice", home, "192.168.0.9");
        let server = world.public_host("server", "203.0.113.10");

        world.datagram(guest, 5000, "203.0.113.10:3478");
        let arrival = world.only_arrival();
        assert_eq!(arrival.source(), ep("198.51.100.1:5000"));
        world.answer(&arrival);
        let expected = "guest at 0ns: 203.0.113.10:3478 > 192.168.1.9:5000, ttl 61";
        assert_eq!(world.arrivals(), [expected]);

        world.datagram(alice, 6000, "192.168.1.9:5000");
        let expected = "guest at 0ns: 192.168.0.9:6000 > 192.168.1.9:5000, ttl 63";
        assert_eq!(world.arrivals(), [expected], "the LAN above knows the subnet");

        world.datagram(server, 3478, "192.168.1.9:5000");
        assert_eq!(world.only_core_loss(), DropReason::NoRoute);
    }
}

#[test]
fn hops_of_a_routed_gateway_are_counted() {
    let mut world = World::with_internet();
    let lan = world.lan("campus", "203.0.113.0/25");
    world.add_gateway(routed("campus", lan, "203.0.113.1", Attachment::Internet, "198.51.100.1"));
    world.lan_host("alice", lan, "203.0.113.2");
    let bob = world.public_host("bob", "203.0.113.200");
    let packet = udp(ep("203.0.113.200:1"), ep("203.0.113.2:2"), b"natbed");
    world.send(bob, with_ttl(packet, 2));
    let expected = "bob at 0ns: 198.51.100.1 > 203.0.113.200 ttl exceeded \
                    about 203.0.113.200:1 > 203.0.113.2:2, ttl 63";
    assert_eq!(world.arrivals(), [expected]);
}
