//! A LAN carries packets between its hosts without a router.

use natbed_network::{Attachment, Place};
use natbed_packet::DropReason;
use natbed_units::SimDuration;

use crate::world::{World, delays, gateway, host, linked, ms};

#[test]
fn neighbours_reach_each_other_in_the_sum_of_their_pipes() {
    let mut world = World::new();
    let lan = world.lan("home", "192.168.1.0/24");
    let alice = host("alice", Attachment::Lan(lan), "192.168.1.2");
    let bob = host("bob", Attachment::Lan(lan), "192.168.1.3");
    let slow_down = delays(ms(100), SimDuration::from_nanos(7));
    let alice = world.add_host(linked(alice, delays(ms(1), ms(100))));
    world.add_host(linked(bob, slow_down));
    world.datagram(alice, 5000, "192.168.1.3:6000");
    let expected = "bob at 1000.007us: 192.168.1.2:5000 > 192.168.1.3:6000, ttl 64";
    assert_eq!(world.arrivals(), [expected]);
}

#[test]
fn a_packet_between_neighbours_does_not_touch_their_gateway() {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    let router = world.add_gateway(config);
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    world.lan_host("bob", lan, "192.168.1.3");
    let uplink = world.network.uplink(router);
    world.network.set_link_down(uplink, true);
    world.datagram(alice, 5000, "192.168.1.3:6000");
    let expected = "bob at 0ns: 192.168.1.2:5000 > 192.168.1.3:6000, ttl 64";
    assert_eq!(world.arrivals(), [expected]);
}

#[test]
fn hosts_without_links_in_common_share_nothing() {
    let mut world = World::new();
    let home = world.lan("home", "192.168.1.0/24");
    let office = world.lan("office", "192.168.2.0/24");
    let alice = world.lan_host("alice", home, "192.168.1.2");
    world.lan_host("bob", office, "192.168.2.2");
    world.datagram(alice, 5000, "192.168.2.2:6000");
    let (reason, place) = world.only_loss();
    assert_eq!(reason, DropReason::NoRoute, "a LAN without a gateway");
    assert!(matches!(place, Place::Lan(lan, _) if lan == home));
}

#[test]
fn an_address_of_the_subnet_that_nobody_has_is_not_answered() {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    world.add_gateway(config);
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    world.datagram(alice, 5000, "192.168.1.99:6000");
    let (reason, place) = world.only_loss();
    assert_eq!(reason, DropReason::NoSuchAddress);
    assert!(matches!(place, Place::Lan(..)));
}

#[test]
fn two_lans_may_have_the_same_addresses() {
    let mut world = World::with_internet();
    let home = world.lan("home", "192.168.1.0/24");
    let office = world.lan("office", "192.168.1.0/24");
    for (name, lan, outside) in [("home", home, "198.51.100.1"), ("office", office, "198.51.100.2")]
    {
        world.add_gateway(gateway(name, lan, "192.168.1.1", Attachment::Internet, outside));
    }
    let alice = world.lan_host("alice", home, "192.168.1.2");
    let bob = world.lan_host("bob", office, "192.168.1.2");
    world.lan_host("alice's printer", home, "192.168.1.3");
    world.lan_host("bob's printer", office, "192.168.1.3");

    world.datagram(alice, 5000, "192.168.1.3:9100");
    world.datagram(bob, 5000, "192.168.1.3:9100");
    let printed = [
        "alice's printer at 0ns: 192.168.1.2:5000 > 192.168.1.3:9100, ttl 64",
        "bob's printer at 0ns: 192.168.1.2:5000 > 192.168.1.3:9100, ttl 64",
    ];
    assert_eq!(world.arrivals(), printed);

    // Each opens its filter toward the other; then the two of equal address talk to each other.
    world.datagram(alice, 5000, "198.51.100.2:5000");
    assert_eq!(world.only_loss().0, DropReason::NoMapping);
    world.datagram(bob, 5000, "198.51.100.1:5000");
    let through = "alice at 0ns: 198.51.100.2:5000 > 192.168.1.2:5000, ttl 61";
    assert_eq!(world.arrivals(), [through]);
    world.datagram(alice, 5000, "198.51.100.2:5000");
    let through = "bob at 0ns: 198.51.100.1:5000 > 192.168.1.2:5000, ttl 61";
    assert_eq!(world.arrivals(), [through]);
}
