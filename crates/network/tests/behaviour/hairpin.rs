//! Packets from a LAN to the external address of its own gateway.

use natbed_nat::{Filtering, Hairpin, NatConfig};
use natbed_network::{Attachment, GatewayConfig, HostId, Place, RouterId};
use natbed_packet::DropReason;

use crate::world::{World, gateway, keeps_ports, syn};

/// Alice and Bob in one LAN; both have a mapping, with their own ports.
fn home(hairpin: Hairpin) -> (World, RouterId, HostId, HostId) {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let nat = NatConfig { hairpin, filtering: Filtering::EndpointIndependent, ..keeps_ports() };
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    let router = world.add_gateway(GatewayConfig { translator: Some(nat.into()), ..config });
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    let bob = world.lan_host("bob", lan, "192.168.1.3");
    world.public_host("server", "203.0.113.10");
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.datagram(bob, 6000, "203.0.113.10:3478");
    assert_eq!(world.settle().len(), 2);
    (world, router, alice, bob)
}

#[test]
fn without_hairpinning_the_packet_is_lost_at_the_gateway() {
    let (mut world, router, alice, _) = home(Hairpin::None);
    world.datagram(alice, 5000, "198.51.100.1:6000");
    assert_eq!(world.only_loss(), (DropReason::NoHairpin, Place::RouterInside(router)));
}

#[test]
fn req_4787_9a_the_source_is_the_external_endpoint() {
    let (mut world, _, alice, _) = home(Hairpin::ExternalSource);
    world.datagram(alice, 5000, "198.51.100.1:6000");
    let arrival = world.only_arrival();
    let expected = "bob at 0ns: 198.51.100.1:5000 > 192.168.1.3:6000, ttl 63";
    assert_eq!(arrival.to_string(), expected);
    world.answer(&arrival);
    let expected = "alice at 0ns: 198.51.100.1:6000 > 192.168.1.2:5000, ttl 63";
    assert_eq!(world.arrivals(), [expected], "the answer takes the same way");
}

#[test]
fn with_an_internal_source_the_answer_goes_over_the_lan() {
    let (mut world, _, alice, _) = home(Hairpin::InternalSource);
    world.datagram(alice, 5000, "198.51.100.1:6000");
    let arrival = world.only_arrival();
    let expected = "bob at 0ns: 192.168.1.2:5000 > 192.168.1.3:6000, ttl 63";
    assert_eq!(arrival.to_string(), expected);
    world.answer(&arrival);
    let expected = "alice at 0ns: 192.168.1.3:6000 > 192.168.1.2:5000, ttl 64";
    assert_eq!(world.arrivals(), [expected]);
}

#[test]
fn a_host_can_send_to_its_own_mapping() {
    let (mut world, _, alice, _) = home(Hairpin::ExternalSource);
    world.datagram(alice, 5000, "198.51.100.1:5000");
    let expected = "alice at 0ns: 198.51.100.1:5000 > 192.168.1.2:5000, ttl 63";
    assert_eq!(world.arrivals(), [expected]);
}

#[test]
fn an_error_about_a_hairpinned_packet_is_hairpinned_as_well() {
    let (mut world, _, alice, _) = home(Hairpin::ExternalSource);
    world.datagram(alice, 5000, "198.51.100.1:6000");
    let arrival = world.only_arrival();
    world.network.reject(world.now, arrival.delivery, DropReason::PortClosed);
    let expected = "alice at 0ns: 198.51.100.1 > 192.168.1.2 port unreachable \
                    about 192.168.1.2:5000 > 198.51.100.1:6000, ttl 63";
    assert_eq!(world.arrivals(), [expected]);
}

#[test]
fn tcp_is_hairpinned_only_where_tcp_has_a_mapping() {
    let (mut world, router, alice, bob) = home(Hairpin::ExternalSource);
    world.send(alice, syn("192.168.1.2:5000", "198.51.100.1:6000"));
    assert_eq!(world.only_loss(), (DropReason::NoMapping, Place::RouterInside(router)));
    world.send(bob, syn("192.168.1.3:6000", "203.0.113.10:443"));
    world.only_arrival();
    world.send(alice, syn("192.168.1.2:5000", "198.51.100.1:6000"));
    let expected = "bob at 0ns: 198.51.100.1:5000 > 192.168.1.3:6000, ttl 63";
    assert_eq!(world.arrivals(), [expected]);
}
