//! Gateways behind gateways: every NAT on the way translates, there and back.

use natbed_network::{Attachment, HostId, LanId};
use natbed_packet::DropReason;
use natbed_units::SimDuration;

use crate::world::{Arrival, World, delays, echo_reply, echo_request, ep, gateway, ms, syn, udp};

/// Host `alice` behind `depth` NATs, the outermost with the address 198.51.100.1, and the LANs
/// from hers outward.
///
/// The uplinks from hers outward take 1, 2, 3 ms, and no time downward.
fn behind(depth: u8) -> (World, HostId, Vec<LanId>) {
    let mut world = World::with_internet();
    let (mut upstream, mut outside) = (Attachment::Internet, "198.51.100.1".to_owned());
    let mut lans = Vec::new();
    for level in (1..=depth).rev() {
        let lan = world.lan(&format!("level-{level}"), &format!("10.{level}.0.0/24"));
        let inside = format!("10.{level}.0.1");
        let mut config = gateway(&format!("nat-{level}"), lan, &inside, upstream, &outside);
        config.uplink = delays(ms(level.into()), SimDuration::ZERO);
        world.add_gateway(config);
        (upstream, outside) = (Attachment::Lan(lan), format!("10.{level}.0.2"));
        lans.insert(0, lan);
    }
    let alice = world.lan_host("alice", lans[0], "10.1.0.9");
    (world, alice, lans)
}

#[test]
fn a_datagram_is_translated_by_every_nat_there_and_back() {
    for (depth, there, back) in [
        (1, "server at 1ms: 198.51.100.1:5000 > 203.0.113.10:3478, ttl 62", 62),
        (2, "server at 3ms: 198.51.100.1:5000 > 203.0.113.10:3478, ttl 61", 61),
        (3, "server at 6ms: 198.51.100.1:5000 > 203.0.113.10:3478, ttl 60", 60),
    ] {
        let (mut world, alice, _) = behind(depth);
        world.public_host("server", "203.0.113.10");
        world.datagram(alice, 5000, "203.0.113.10:3478");
        let arrival = world.only_arrival();
        assert_eq!(arrival.to_string(), there);
        world.answer(&arrival);
        let text = world.only_arrival().to_string();
        let expected =
            format!("alice at {}: 203.0.113.10:3478 > 10.1.0.9:5000, ttl {back}", arrival.at);
        assert_eq!(text, expected, "{depth} deep");
    }
}

#[test]
fn pings_and_tcp_are_translated_as_well() {
    let (mut world, alice, _) = behind(2);
    let server = world.public_host("server", "203.0.113.10");

    world.send(alice, echo_request("10.1.0.9", "203.0.113.10", 77));
    let request = world.only_arrival();
    assert_eq!(request.delivery.packet.source, ep("198.51.100.1:0").ip);
    world.send(server, echo_reply(&request.delivery.packet));
    let expected = "alice at 3ms: 203.0.113.10:0 > 10.1.0.9:77, ttl 61";
    assert_eq!(world.arrivals(), [expected]);

    world.send(alice, syn("10.1.0.9:5000", "203.0.113.10:443"));
    assert_eq!(world.only_arrival().source(), ep("198.51.100.1:5000"));
    world.send(server, syn("203.0.113.10:443", "198.51.100.1:5000"));
    let expected = "alice at 6ms: 203.0.113.10:443 > 10.1.0.9:5000, ttl 61";
    assert_eq!(world.arrivals(), [expected]);
}

#[test]
fn two_hosts_of_one_port_get_two_ports_outside() {
    let (mut world, alice, lans) = behind(1);
    let server = world.public_host("server", "203.0.113.10");
    let other = world.lan_host("other", lans[0], "10.1.0.10");
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.datagram(other, 5000, "203.0.113.10:3478");
    let sources: Vec<_> = world.settle().iter().map(Arrival::source).collect();
    assert_eq!(sources[0], ep("198.51.100.1:5000"));
    assert_ne!(sources[1], sources[0]);
    for source in sources {
        world.send(server, udp(ep("203.0.113.10:3478"), source, b"answer"));
    }
    let expected = [
        "alice at 1ms: 203.0.113.10:3478 > 10.1.0.9:5000, ttl 62",
        "other at 1ms: 203.0.113.10:3478 > 10.1.0.10:5000, ttl 62",
    ];
    assert_eq!(world.arrivals(), expected);
}

#[test]
fn each_lan_on_the_way_up_is_reached_directly_and_none_on_the_way_down() {
    let (mut world, alice, lans) = behind(2);
    world.datagram(alice, 5000, "10.2.0.9:6000");
    assert_eq!(world.only_loss().0, DropReason::NoSuchAddress);
    let neighbour = world.lan_host("neighbour", lans[1], "10.2.0.9");
    world.datagram(alice, 5000, "10.2.0.9:6000");
    let expected = "neighbour at 2ms: 10.2.0.2:5000 > 10.2.0.9:6000, ttl 63";
    assert_eq!(world.arrivals(), [expected]);
    // The carrier's LAN has no route to what is behind the home's NAT.
    world.datagram(neighbour, 6000, "10.1.0.9:5000");
    assert_eq!(world.only_loss().0, DropReason::NoRoute);
}
