//! Hosts that stop and gateways that forget.

use natbed_nat::Action;
use natbed_network::{Attachment, GatewayConfig, LinkConfig, Place};
use natbed_packet::DropReason;

use crate::world::{World, delays, firewall, gateway, host, linked, ms};

#[test]
fn a_stopped_host_neither_sends_nor_takes_packets() {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = world.lan_host("alice", lan, "10.0.0.1");
    let bob = world.lan_host("bob", lan, "10.0.0.2");
    world.network.set_host_stopped(bob, true);
    world.datagram(alice, 1, "10.0.0.2:2");
    assert_eq!(world.only_loss(), (DropReason::ServerStopped, Place::Host(bob)));
    world.datagram(bob, 2, "10.0.0.1:1");
    assert_eq!(world.only_loss(), (DropReason::ServerStopped, Place::Host(bob)));
    world.datagram(bob, 2, "10.0.0.2:1");
    assert_eq!(world.only_loss(), (DropReason::ServerStopped, Place::Host(bob)), "to itself");

    world.network.set_host_stopped(bob, false);
    world.datagram(alice, 1, "10.0.0.2:2");
    let arrival = world.only_arrival();
    world.answer(&arrival);
    assert_eq!(world.arrivals(), ["alice at 0ns: 10.0.0.2:2 > 10.0.0.1:1, ttl 64"]);
}

#[test]
fn what_a_host_sent_before_it_stopped_arrives() {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = host("alice", Attachment::Lan(lan), "10.0.0.1");
    let alice = world.add_host(linked(alice, delays(ms(5), ms(5))));
    world.lan_host("bob", lan, "10.0.0.2");
    world.datagram(alice, 1, "10.0.0.2:2");
    world.network.set_host_stopped(alice, true);
    let arrival = world.only_arrival();
    assert_eq!(arrival.to_string(), "bob at 5ms: 10.0.0.1:1 > 10.0.0.2:2, ttl 64");
    world.answer(&arrival);
    assert_eq!(world.only_loss(), (DropReason::ServerStopped, Place::Host(alice)));
}

#[test]
fn a_flushed_gateway_has_forgotten_its_mappings_and_its_permissions() {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    let router = world.add_gateway(GatewayConfig { uplink: LinkConfig::IDEAL, ..config });
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    let server = world.public_host("server", "203.0.113.10");
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.only_arrival();
    world.network.flush_router(router);
    world.datagram(server, 3478, "198.51.100.1:5000");
    assert_eq!(world.only_loss(), (DropReason::NoMapping, Place::RouterOutside(router)));
    world.datagram(alice, 5000, "203.0.113.10:3478");
    let arrival = world.only_arrival();
    world.answer(&arrival);
    world.only_arrival();
    assert!(world.exhaust().is_empty(), "a timer of forgotten state does no harm");

    let mut world = World::with_internet();
    let lan = world.lan("campus", "203.0.113.0/25");
    let config = gateway("campus", lan, "203.0.113.1", Attachment::Internet, "198.51.100.1");
    let guard = Some(firewall(Action::Allow, Action::Drop));
    let router = world.add_gateway(GatewayConfig { translator: None, firewall: guard, ..config });
    let alice = world.lan_host("alice", lan, "203.0.113.2");
    world.public_host("server", "203.0.113.200");
    world.datagram(alice, 5000, "203.0.113.200:3478");
    let arrival = world.only_arrival();
    world.network.flush_router(router);
    world.answer(&arrival);
    assert_eq!(world.only_loss(), (DropReason::FirewallInbound, Place::RouterOutside(router)));
}
