//! What a gateway does with packets from outside that its NAT takes for nobody's.

use natbed_nat::{Forward, NatConfig, WanInput};
use natbed_network::{Attachment, GatewayConfig, HostId, Place, RouterId};
use natbed_packet::{DropReason, Protocol};

use crate::world::{World, ep, gateway, keeps_ports, secs};

fn home(wan_input: WanInput) -> (World, RouterId, HostId, HostId) {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let nat = NatConfig { wan_input, udp_timeout: secs(30), ..keeps_ports() };
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    let router = world.add_gateway(GatewayConfig { translator: Some(nat.into()), ..config });
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    let bob = world.public_host("bob", "203.0.113.2");
    (world, router, alice, bob)
}

#[test]
fn dropping_is_silent_and_tells_no_mapping_from_filtered() {
    let (mut world, router, alice, bob) = home(WanInput::Drop);
    world.datagram(bob, 6000, "198.51.100.1:5000");
    assert_eq!(world.only_loss(), (DropReason::NoMapping, Place::RouterOutside(router)));
    world.public_host("server", "203.0.113.10");
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.only_arrival();
    world.datagram(bob, 6000, "198.51.100.1:5000");
    assert_eq!(world.only_loss(), (DropReason::Filtered, Place::RouterOutside(router)));
}

#[test]
fn rejecting_and_accepting_both_answer_that_the_port_is_closed() {
    for (wan_input, reason) in [
        (WanInput::Reject, DropReason::WanInputRejected),
        (WanInput::Accept, DropReason::WanInputClosed),
    ] {
        let (mut world, router, _, bob) = home(wan_input);
        world.datagram(bob, 6000, "198.51.100.1:5000");
        let refused = "bob at 0ns: 198.51.100.1 > 203.0.113.2 port unreachable \
                       about 203.0.113.2:6000 > 198.51.100.1:5000, ttl 63";
        assert_eq!(world.arrivals(), [refused], "{wan_input}");
        assert_eq!(world.losses(), [(reason, Place::RouterOutside(router))]);
    }
}

#[test]
fn accepting_takes_the_port_away_from_the_inside_for_a_while() {
    let (mut world, _, alice, bob) = home(WanInput::Accept);
    world.datagram(bob, 6000, "198.51.100.1:5000");
    world.settle();
    world.datagram(alice, 5000, "203.0.113.2:6000");
    let taken = world.only_arrival();
    assert_ne!(taken.source(), ep("198.51.100.1:5000"));

    let (mut world, _, alice, bob) = home(WanInput::Accept);
    world.datagram(bob, 6000, "198.51.100.1:5000");
    world.settle();
    world.run_until(world.now + secs(30));
    world.datagram(alice, 5000, "203.0.113.2:6000");
    assert_eq!(world.only_arrival().source(), ep("198.51.100.1:5000"), "free again after 30 s");
}

#[test]
fn a_packet_forwarded_to_nowhere_is_lost_on_the_lan() {
    let forward = Forward {
        protocol: Protocol::Udp,
        external_port: 5000,
        internal: "10.9.9.9:5000".parse().unwrap(),
    };
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let nat = NatConfig { forwards: vec![forward], ..keeps_ports() };
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    world.add_gateway(GatewayConfig { translator: Some(nat.into()), ..config });
    let bob = world.public_host("bob", "203.0.113.2");
    world.datagram(bob, 6000, "198.51.100.1:5000");
    let (reason, place) = world.only_loss();
    assert_eq!(reason, DropReason::NoRoute, "it does not come back to the gateway");
    assert!(matches!(place, Place::Lan(at, _) if at == lan));
}
