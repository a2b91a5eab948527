//! What boxes say by themselves: answers to SYNs that nobody takes.

use natbed_nat::{Action, FirewallConfig, NatConfig, UnsolicitedTcp};
use natbed_network::{Attachment, GatewayConfig, HostConfig, HostId};
use natbed_packet::{Body, Protocol, TcpFlags};
use natbed_units::SimDuration;

use crate::world::{World, at, ep, firewall, gateway, host, keeps_ports, secs, syn};

struct Home {
    world: World,
    server: HostId,
}

fn home(nat: NatConfig, guard: Option<FirewallConfig>) -> Home {
    let mut world = World::new();
    world.internet(SimDuration::ZERO);
    let lan = world.lan("home", "192.168.1.0/24");
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    let config = GatewayConfig { translator: Some(nat.into()), firewall: guard, ..config };
    world.add_gateway(config);
    world.lan_host("alice", lan, "192.168.1.2");
    let server = world.public_host("server", "203.0.113.10");
    Home { world, server }
}

fn is_reset(packet: &natbed_packet::Packet) -> bool {
    matches!(&packet.body, Body::Tcp(tcp) if tcp.flags.contains(TcpFlags::RST))
}

fn guard(unsolicited_tcp: UnsolicitedTcp) -> FirewallConfig {
    FirewallConfig { unsolicited_tcp, ..firewall(Action::Allow, Action::Drop) }
}

/// The firewall stands behind the NAT: what it says goes out with an outside address.
#[test]
fn the_answer_of_a_firewall_behind_a_nat_is_translated() {
    let forward = natbed_nat::Forward {
        protocol: Protocol::Tcp,
        external_port: 5000,
        internal: "192.168.1.2:5000".parse().unwrap(),
    };
    let nat = NatConfig { forwards: vec![forward], ..keeps_ports() };
    let Home { mut world, server } = home(nat, Some(guard(UnsolicitedTcp::Reset)));
    world.send(server, syn("203.0.113.10:443", "198.51.100.1:5000"));
    let arrival = world.only_arrival();
    assert_eq!(arrival.source(), ep("198.51.100.1:5000"));
    assert!(is_reset(&arrival.delivery.packet));
}

#[test]
fn a_hosts_firewall_answers_from_the_hosts_address() {
    for (unsolicited, after) in [(UnsolicitedTcp::Reset, 0), (UnsolicitedTcp::Delay, 6)] {
        let mut world = World::with_internet();
        let alice = host("alice", Attachment::Internet, "203.0.113.1");
        world.add_host(HostConfig { firewall: Some(guard(unsolicited)), ..alice });
        let bob = world.public_host("bob", "203.0.113.2");
        world.send(bob, syn("203.0.113.2:443", "203.0.113.1:5000"));
        let arrivals = world.exhaust();
        assert_eq!(arrivals.len(), 1, "{unsolicited:?}");
        assert_eq!(arrivals[0].delivery.packet.source, crate::world::ip("203.0.113.1"));
        assert_eq!(arrivals[0].at, at(secs(after)), "{unsolicited:?}");
    }
}
