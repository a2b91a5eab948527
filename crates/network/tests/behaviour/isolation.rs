//! Client isolation: the clients of a LAN see its gateway and what is beyond, not each other.

use natbed_nat::{Filtering, Hairpin, NatConfig};
use natbed_network::{Attachment, GatewayConfig, HostId, LanId, Place};
use natbed_packet::DropReason;

use crate::world::{World, ep, gateway, keeps_ports};

/// A carrier that isolates its subscribers.
struct Carrier {
    world: World,
    lan: LanId,
    /// A subscriber with one host.
    phone: HostId,
    /// A host behind a subscriber's gateway.
    alice: HostId,
}

fn carrier(nat: NatConfig) -> Carrier {
    let mut world = World::with_internet();
    let carrier = world.isolated_lan("carrier", "100.64.0.0/24");
    let config = gateway("carrier", carrier, "100.64.0.1", Attachment::Internet, "198.51.100.1");
    world.add_gateway(GatewayConfig { translator: Some(nat.into()), ..config });
    let home = world.lan("home", "192.168.1.0/24");
    let via = Attachment::Lan(carrier);
    world.add_gateway(gateway("home", home, "192.168.1.1", via, "100.64.0.2"));
    let phone = world.lan_host("phone", carrier, "100.64.0.3");
    let alice = world.lan_host("alice", home, "192.168.1.2");
    Carrier { world, lan: carrier, phone, alice }
}

fn assert_isolated(world: &mut World) {
    let (reason, place) = world.only_loss();
    assert_eq!(reason, DropReason::ClientIsolation);
    assert!(matches!(place, Place::Lan(..)));
}

#[test]
fn hosts_cannot_see_each_other() {
    let Carrier { mut world, lan, phone, .. } = carrier(keeps_ports());
    world.lan_host("tablet", lan, "100.64.0.4");
    world.datagram(phone, 5000, "100.64.0.4:6000");
    assert_isolated(&mut world);
}

#[test]
fn nested_gateways_are_clients_like_any_other() {
    let Carrier { mut world, phone, alice, .. } = carrier(keeps_ports());
    world.datagram(phone, 5000, "100.64.0.2:6000");
    assert_isolated(&mut world);
    world.datagram(alice, 5000, "100.64.0.3:6000");
    assert_isolated(&mut world);
}

#[test]
fn the_internet_is_reached_and_answers() {
    let Carrier { mut world, phone, alice, .. } = carrier(keeps_ports());
    world.public_host("server", "203.0.113.10");
    for (host, port, answered) in [
        (phone, 5000, "phone at 0ns: 203.0.113.10:3478 > 100.64.0.3:5000, ttl 62"),
        (alice, 6000, "alice at 0ns: 203.0.113.10:3478 > 192.168.1.2:6000, ttl 61"),
    ] {
        world.datagram(host, port, "203.0.113.10:3478");
        let arrival = world.only_arrival();
        assert_eq!(arrival.source().port, port);
        world.answer(&arrival);
        assert_eq!(world.arrivals(), [answered]);
    }
}

#[test]
fn the_gateway_itself_answers_its_clients() {
    let Carrier { mut world, phone, .. } = carrier(keeps_ports());
    world.datagram(phone, 5000, "100.64.0.1:53");
    let refused = "phone at 0ns: 100.64.0.1 > 100.64.0.3 port unreachable \
                   about 100.64.0.3:5000 > 100.64.0.1:53, ttl 64";
    assert_eq!(world.arrivals(), [refused]);
}

#[test]
fn clients_meet_through_a_gateway_that_hairpins() {
    let nat = NatConfig {
        hairpin: Hairpin::ExternalSource,
        filtering: Filtering::EndpointIndependent,
        ..keeps_ports()
    };
    let Carrier { mut world, phone, alice, .. } = carrier(nat);
    world.public_host("server", "203.0.113.10");
    world.datagram(alice, 6000, "203.0.113.10:3478");
    assert_eq!(world.only_arrival().source(), ep("198.51.100.1:6000"));
    world.datagram(phone, 5000, "198.51.100.1:6000");
    // The home's filter has not been opened: the packet came as far as there.
    let (reason, place) = world.only_loss();
    assert_eq!(reason, DropReason::Filtered);
    assert!(matches!(place, Place::RouterOutside(_)));
    world.datagram(alice, 6000, "198.51.100.1:5000");
    let hairpinned = "phone at 0ns: 198.51.100.1:6000 > 100.64.0.3:5000, ttl 62";
    assert_eq!(world.arrivals(), [hairpinned]);
}
