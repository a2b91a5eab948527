//! Who answers an echo request.

use natbed_nat::{NatConfig, WanInput};
use natbed_network::observe::Counters;
use natbed_network::{Attachment, GatewayConfig, HostId, Place, RouterId};
use natbed_packet::{DropReason, Packet};

use crate::world::{World, echo_request, gateway, keeps_ports, ms, sized};

struct Home {
    world: World<Counters>,
    router: RouterId,
    alice: HostId,
    server: HostId,
}

fn home(change: impl FnOnce(GatewayConfig) -> GatewayConfig) -> Home {
    let mut world = World::observed(Counters::default());
    world.internet(ms(0));
    let lan = world.lan("home", "192.168.1.0/24");
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    let router = world.add_gateway(change(config));
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    let server = world.public_host("server", "203.0.113.10");
    Home { world, router, alice, server }
}

fn nat(wan_input: WanInput) -> impl FnOnce(GatewayConfig) -> GatewayConfig {
    let nat = NatConfig { wan_input, ..keeps_ports() };
    |config| GatewayConfig { translator: Some(nat.into()), ..config }
}

#[test]
fn a_gateway_answers_at_its_inside_address() {
    let Home { mut world, alice, .. } = home(|config| config);
    world.send(alice, echo_request("192.168.1.2", "192.168.1.1", 7));
    assert_eq!(world.arrivals(), ["alice at 0ns: 192.168.1.1:0 > 192.168.1.2:7, ttl 64"]);
    let counters = &world.network.observer().1;
    assert_eq!((counters.sent(), counters.delivered()), (2, 2), "the gateway took the request");
    assert_eq!(world.losses(), []);
}

#[test]
fn a_gateway_still_refuses_other_packets_to_itself() {
    let Home { mut world, router, alice, .. } = home(|config| config);
    world.datagram(alice, 5000, "192.168.1.1:53");
    world.only_arrival();
    assert_eq!(world.losses(), [(DropReason::RouterClosed, Place::RouterInside(router))]);
}

#[test]
fn a_nat_answers_at_its_outside_address_if_its_wan_input_accepts() {
    let Home { mut world, server, .. } = home(nat(WanInput::Accept));
    world.send(server, echo_request("203.0.113.10", "198.51.100.1", 7));
    let expected = "server at 0ns: 198.51.100.1:0 > 203.0.113.10:7, ttl 63";
    assert_eq!(world.arrivals(), [expected]);
    let Home { mut world, router, server, .. } = home(nat(WanInput::Drop));
    world.send(server, echo_request("203.0.113.10", "198.51.100.1", 7));
    assert_eq!(world.only_loss(), (DropReason::NoMapping, Place::RouterOutside(router)));
    let Home { mut world, router, server, .. } = home(nat(WanInput::Reject));
    world.send(server, echo_request("203.0.113.10", "198.51.100.1", 7));
    assert!(world.only_arrival().to_string().contains("port unreachable"));
    assert_eq!(world.losses(), [(DropReason::WanInputRejected, Place::RouterOutside(router))]);
}

#[test]
fn a_router_without_nat_answers_at_both_addresses_from_both_sides() {
    let Home { mut world, alice, server, .. } =
        home(|config| GatewayConfig { translator: None, ..config });
    world.send(server, echo_request("203.0.113.10", "198.51.100.1", 7));
    let at_server = world.only_arrival().to_string();
    assert_eq!(at_server, "server at 0ns: 198.51.100.1:0 > 203.0.113.10:7, ttl 63");
    world.send(alice, echo_request("192.168.1.2", "198.51.100.1", 8));
    let at_alice = world.only_arrival().to_string();
    assert_eq!(at_alice, "alice at 0ns: 198.51.100.1:0 > 192.168.1.2:8, ttl 64");
}

#[test]
fn a_gateway_that_is_off_does_not_answer() {
    let Home { mut world, router, alice, .. } = home(|config| config);
    world.network.set_router_off(router, true);
    world.send(alice, echo_request("192.168.1.2", "192.168.1.1", 7));
    assert_eq!(world.only_loss(), (DropReason::RouterOff, Place::RouterInside(router)));
}

#[test]
fn a_host_answers_what_no_software_of_its_own_takes() {
    let Home { mut world, alice, server, .. } = home(|config| config);
    world.send(alice, echo_request("192.168.1.2", "203.0.113.10", 7));
    let request = world.only_arrival().delivery;
    assert_eq!(request.host, server);
    world.network.reject(world.now, request, DropReason::NoTaker);
    assert_eq!(world.arrivals(), ["alice at 0ns: 203.0.113.10:0 > 192.168.1.2:7, ttl 62"]);
    let counters = &world.network.observer().1;
    assert_eq!((counters.sent(), counters.delivered()), (2, 2));
}

#[test]
fn a_stopped_host_answers_nothing() {
    let Home { mut world, alice, server, .. } = home(|config| config);
    world.send(alice, echo_request("192.168.1.2", "203.0.113.10", 7));
    let request = world.only_arrival().delivery;
    world.network.set_host_stopped(server, true);
    world.network.reject(world.now, request, DropReason::NoTaker);
    assert_eq!(world.arrivals(), [""; 0]);
    world.send(alice, echo_request("192.168.1.2", "203.0.113.10", 7));
    assert_eq!(world.only_loss(), (DropReason::ServerStopped, Place::Host(server)));
}

#[test]
fn other_packets_without_a_taker_are_refused() {
    let Home { mut world, alice, .. } = home(|config| config);
    world.send(alice, sized("192.168.1.2:1", "203.0.113.10:2", 100));
    let delivery = world.only_arrival().delivery;
    assert_eq!(Packet::echo_reply(&delivery.packet), None);
    world.network.reject(world.now, delivery, DropReason::NoTaker);
    assert_eq!(world.network.observer().1.dropped()[&DropReason::NoTaker], 1);
}
