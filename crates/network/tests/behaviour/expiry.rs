//! State that ends is an event of the network.

use natbed_nat::{Action, FirewallConfig, NatConfig};
use natbed_network::{Attachment, GatewayConfig, HostConfig, HostId};
use natbed_packet::DropReason;
use natbed_units::SimDuration;

use crate::world::{World, at, echo_request, firewall, gateway, host, keeps_ports, secs};

const NANOSECOND: SimDuration = SimDuration::from_nanos(1);

fn home(guard: Option<FirewallConfig>) -> (World, HostId, HostId) {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let nat = NatConfig {
        udp_timeout: secs(30),
        udp_stream_timeout: secs(30),
        icmp_timeout: secs(10),
        ..keeps_ports()
    };
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    world.add_gateway(GatewayConfig { translator: Some(nat.into()), firewall: guard, ..config });
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    let server = world.public_host("server", "203.0.113.10");
    (world, alice, server)
}

#[test]
fn a_mapping_ends_at_its_time_and_not_before() {
    let (mut world, alice, server) = home(None);
    assert_eq!(world.network.poll_timeout(), None, "an idle network has nothing to do");
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.only_arrival();
    assert_eq!(world.network.poll_timeout(), Some(at(secs(30))));

    world.run_until(at(secs(30)));
    assert_eq!(world.network.poll_timeout(), None);
    world.datagram(server, 3478, "198.51.100.1:5000");
    assert_eq!(world.only_loss().0, DropReason::NoMapping);

    let (mut world, alice, server) = home(None);
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.only_arrival();
    world.run_until(at(secs(30) - NANOSECOND));
    world.datagram(server, 3478, "198.51.100.1:5000");
    world.only_arrival();
}

#[test]
fn traffic_moves_the_end_and_leaves_no_event_behind() {
    let (mut world, alice, _) = home(None);
    for _ in 0..100 {
        world.datagram(alice, 5000, "203.0.113.10:3478");
        world.only_arrival();
        world.run_until(world.now + secs(1));
    }
    let last_packet = at(secs(99));
    assert!(world.exhaust().is_empty());
    assert_eq!(world.now, last_packet + secs(30));
    // One event for each idle time that passed, not one for each packet.
    assert!(world.network.events() <= 8, "{}", world.network.events());
}

#[test]
fn the_earliest_end_comes_first() {
    let (mut world, alice, _) = home(None);
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.send(alice, echo_request("192.168.1.2", "203.0.113.10", 7));
    assert_eq!(world.settle().len(), 2);
    assert_eq!(world.network.poll_timeout(), Some(at(secs(10))), "the query, made later");
    world.run_until(at(secs(10)));
    assert_eq!(world.network.poll_timeout(), Some(at(secs(30))));
    world.run_until(at(secs(30)));
    assert_eq!(world.network.poll_timeout(), None);
}

#[test]
fn the_firewall_of_a_gateway_and_its_nat_end_their_state_each_at_its_time() {
    let guard = FirewallConfig { udp_timeout: secs(20), ..firewall(Action::Allow, Action::Drop) };
    let (mut world, alice, server) = home(Some(guard));
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.only_arrival();
    assert_eq!(world.network.poll_timeout(), Some(at(secs(20))));
    world.run_until(at(secs(20)));
    assert_eq!(world.network.poll_timeout(), Some(at(secs(30))));
    world.datagram(server, 3478, "198.51.100.1:5000");
    assert_eq!(world.only_loss().0, DropReason::FirewallInbound, "mapped, but not allowed");
}

#[test]
fn the_firewall_of_a_host_ends_its_state() {
    let guard = FirewallConfig { udp_timeout: secs(20), ..firewall(Action::Allow, Action::Drop) };
    let mut world = World::with_internet();
    let alice = host("alice", Attachment::Internet, "203.0.113.1");
    let alice = world.add_host(HostConfig { firewall: Some(guard), ..alice });
    world.public_host("bob", "203.0.113.2");
    world.datagram(alice, 5000, "203.0.113.2:6000");
    world.only_arrival();
    assert_eq!(world.network.poll_timeout(), Some(at(secs(20))));
    assert!(world.exhaust().is_empty());
    assert_eq!(world.now, at(secs(20)));
}
