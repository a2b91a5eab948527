//! Packets to many: who hears them, and where they end.

use natbed_network::observe::Counters;
use natbed_network::{
    Attachment, HostConfig, HostId, InterfaceConfig, JoinError, LanId, LinkConfig, Place,
};
use natbed_packet::{DropReason, Packet};
use natbed_units::SimDuration;

use crate::world::{
    World, delays, echo_request, ep, gateway, host, ip, linked, ms, sized, udp, with_ttl,
};

/// Alice, Bob and Carol on one LAN with a gateway, a server behind it.
struct Home {
    world: World<Counters>,
    lan: LanId,
    alice: HostId,
    bob: HostId,
    carol: HostId,
}

fn home() -> Home {
    let mut world = World::observed(Counters::default());
    world.internet(SimDuration::ZERO);
    let lan = world.lan("home", "192.168.1.0/24");
    world.add_gateway(gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1"));
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    let bob = world.lan_host("bob", lan, "192.168.1.3");
    let carol = host("carol", Attachment::Lan(lan), "192.168.1.4");
    let carol = world.add_host(linked(carol, delays(ms(1), ms(2))));
    Home { world, lan, alice, bob, carol }
}

const MDNS: &str = "224.0.0.251";
/// Where OpenDHT nodes look for each other.
const OPENDHT: &str = "239.192.0.1";

fn on_lan(loss: (DropReason, Place), lan: LanId) -> DropReason {
    assert!(matches!(loss.1, Place::Lan(at, _) if at == lan), "{loss:?}");
    loss.0
}

#[test]
fn those_who_joined_a_group_hear_it_each_a_copy() {
    let Home { mut world, alice, bob, carol, .. } = home();
    for member in [alice, bob, carol] {
        world.network.join(member, ip(OPENDHT)).unwrap();
    }
    let packet = udp(ep("192.168.1.3:8888"), ep("239.192.0.1:8888"), b"who is there?");
    world.send(bob, with_ttl(packet, 1));
    let heard = |name, at| format!("{name} at {at}: 192.168.1.3:8888 > 239.192.0.1:8888, ttl 1");
    let expected = [heard("bob", "0ns"), heard("alice", "0ns"), heard("carol", "2ms")];
    assert_eq!(world.arrivals(), expected, "the sender first, then in the order of attachment");
    let counters = &world.network.observer().1;
    assert_eq!((counters.sent(), counters.made(), counters.delivered()), (1, 2, 3));
    assert_eq!(world.losses(), []);
}

#[test]
fn those_who_did_not_join_or_left_hear_nothing() {
    let Home { mut world, lan, alice, bob, carol } = home();
    world.network.join(carol, ip(MDNS)).unwrap();
    world.datagram(alice, 5353, "224.0.0.251:5353");
    assert_eq!(world.only_arrival().delivery.host, carol);
    world.network.leave(carol, ip(MDNS));
    world.network.join(bob, ip(OPENDHT)).unwrap();
    world.datagram(alice, 5353, "224.0.0.251:5353");
    let loss = world.only_loss();
    assert_eq!(on_lan(loss, lan), DropReason::NoListener);
}

#[test]
fn nobody_needs_to_join_the_group_of_all_hosts() {
    let Home { mut world, alice, .. } = home();
    world.datagram(alice, 1, "224.0.0.1:9");
    assert_eq!(world.settle().len(), 3);
}

#[test]
fn both_broadcast_addresses_reach_all_hosts_of_the_lan() {
    let Home { mut world, alice, .. } = home();
    for to in ["255.255.255.255:9", "192.168.1.255:9"] {
        world.datagram(alice, 68, to);
        let names: Vec<_> = world
            .arrivals()
            .iter()
            .map(|line| line.split(' ').next().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["alice", "bob", "carol"], "{to}");
    }
}

#[test]
fn req_1112_a_group_that_would_have_to_leave_the_lan_does_not() {
    let Home { mut world, lan, alice, .. } = home();
    world.datagram(alice, 1, "239.192.0.1:8888");
    let loss = world.only_loss();
    assert_eq!(on_lan(loss, lan), DropReason::MulticastScope);
    // Link-local groups and what has no hop left were never meant to.
    world.datagram(alice, 1, "224.0.0.252:5355");
    let loss = world.only_loss();
    assert_eq!(on_lan(loss, lan), DropReason::NoListener);
    let packet = udp(ep("192.168.1.2:1"), ep("239.192.0.1:8888"), b"hello");
    world.send(alice, with_ttl(packet, 1));
    let loss = world.only_loss();
    assert_eq!(on_lan(loss, lan), DropReason::NoListener);
}

#[test]
fn neither_crosses_a_gateway_even_if_somebody_listens_beyond() {
    let Home { mut world, lan, alice, bob, .. } = home();
    let inner = world.lan("inner", "10.0.0.0/24");
    world.add_gateway(gateway("inner", inner, "10.0.0.1", Attachment::Lan(lan), "192.168.1.9"));
    let dave = world.lan_host("dave", inner, "10.0.0.2");
    for member in [bob, dave] {
        world.network.join(member, ip(OPENDHT)).unwrap();
    }
    for from in [alice, dave] {
        world.datagram(from, 1, "239.192.0.1:8888");
        assert_eq!(world.only_arrival().delivery.host, if from == alice { bob } else { dave });
        world.losses();
    }
}

#[test]
fn req_2644_a_gateway_passes_nothing_from_elsewhere_on_to_the_broadcast_address() {
    let mut world = World::with_internet();
    let lan = world.lan("campus", "203.0.113.0/25");
    let config = gateway("campus", lan, "203.0.113.1", Attachment::Internet, "198.51.100.1");
    world.add_gateway(natbed_network::GatewayConfig { translator: None, ..config });
    world.lan_host("alice", lan, "203.0.113.2");
    let bob = world.public_host("bob", "203.0.113.200");
    world.datagram(bob, 1, "203.0.113.127:9");
    let loss = world.only_loss();
    assert_eq!(on_lan(loss, lan), DropReason::MulticastScope);
}

#[test]
fn client_isolation_holds_for_packets_to_many() {
    let mut world = World::new();
    let lan = world.isolated_lan("hotel", "10.0.0.0/24");
    let alice = world.lan_host("alice", lan, "10.0.0.2");
    let bob = world.lan_host("bob", lan, "10.0.0.3");
    world.network.join(bob, ip(MDNS)).unwrap();
    for to in ["224.0.0.251:5353", "255.255.255.255:9", "10.0.0.255:9"] {
        world.datagram(alice, 5353, to);
        let heard = world.arrivals();
        assert!(heard.iter().all(|line| line.starts_with("alice")), "{heard:?}");
        let losses = world.losses();
        assert_eq!(losses.len(), 1, "{to}");
        assert_eq!(on_lan(losses[0], lan), DropReason::ClientIsolation, "{to}");
    }
}

#[test]
fn ipv6_groups_are_heard_by_ipv6_hosts() {
    let mut world = World::new();
    let lan = world.lan("lan", "fd00::/64");
    let alice = world.lan_host("alice", lan, "fd00::2");
    let bob = world.lan_host("bob", lan, "fd00::3");
    for group in ["ff02::fb", "ff08::101"] {
        world.network.join(bob, ip(group)).unwrap();
        world.datagram(alice, 8888, &format!("[{group}]:8888"));
        assert_eq!(world.only_arrival().delivery.host, bob);
    }
    world.datagram(alice, 1, "[ff02::1]:9");
    assert_eq!(world.settle().len(), 2);
}

#[test]
fn a_host_hears_on_each_of_its_interfaces_on_the_lan_and_no_fragment_twice() {
    let mut world = World::observed(Counters::default());
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = world.lan_host("alice", lan, "10.0.0.1");
    let interface = |address| InterfaceConfig {
        address: ip(address),
        attachment: Attachment::Lan(lan),
        link: LinkConfig::IDEAL,
    };
    let interfaces = vec![interface("10.0.0.2"), interface("10.0.0.3")];
    let bob = HostConfig { name: "bob".to_owned(), interfaces, firewall: None };
    let bob = world.add_host(bob);
    world.network.join(bob, ip(MDNS)).unwrap();
    world.datagram(alice, 1, "224.0.0.251:5353");
    assert_eq!(world.settle().len(), 2);

    let whole = Packet { dont_fragment: false, ..sized("10.0.0.1:1", "224.0.0.251:5353", 2500) };
    for piece in whole.fragments(natbed_units::ByteCount::new(1000), 1).unwrap() {
        world.send(alice, piece);
    }
    let arrived = world.only_arrival().delivery.packet;
    assert_eq!(arrived.wire_len(), whole.wire_len());
    let dropped = world.network.observer().1.dropped();
    assert_eq!(dropped[&DropReason::DuplicateFragment], 2);
}

#[test]
fn a_host_that_roams_takes_its_groups_along() {
    let Home { mut world, alice, carol, .. } = home();
    let other = world.lan("other", "192.168.7.0/24");
    let dave = world.lan_host("dave", other, "192.168.7.2");
    world.network.join(carol, ip(MDNS)).unwrap();
    let to = InterfaceConfig {
        address: ip("192.168.7.3"),
        attachment: Attachment::Lan(other),
        link: LinkConfig::IDEAL,
    };
    world.network.move_host(carol, 0, to).unwrap();
    world.datagram(dave, 5353, "224.0.0.251:5353");
    assert_eq!(world.only_arrival().delivery.host, carol);
    world.datagram(alice, 5353, "224.0.0.251:5353");
    assert_eq!(world.only_loss().0, DropReason::NoListener);
}

#[test]
fn req_1122_3_2_2_6_a_ping_to_many_is_not_answered() {
    let Home { mut world, alice, .. } = home();
    for to in ["224.0.0.1", "192.168.1.255"] {
        world.send(alice, echo_request("192.168.1.2", to, 7));
        for arrival in world.settle() {
            world.network.reject(world.now, arrival.delivery, DropReason::NoTaker);
        }
        assert_eq!(world.arrivals(), [""; 0], "{to}");
    }
}

#[test]
fn a_group_is_a_multicast_address_and_a_host_is_in_few() {
    let Home { mut world, alice, .. } = home();
    let unicast = ip("192.168.1.3");
    assert_eq!(world.network.join(alice, unicast), Err(JoinError::NotAGroup(unicast)));
    for n in 0..64 {
        assert_eq!(world.network.join(alice, [239, 0, 0, n].into()), Ok(()));
    }
    assert_eq!(world.network.join(alice, ip("239.0.0.63")), Ok(()), "again");
    assert_eq!(world.network.join(alice, ip("239.0.0.64")), Err(JoinError::TooMany));
}
