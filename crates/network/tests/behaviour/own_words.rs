//! What boxes say by themselves: answers to SYNs that nobody takes, mappings that ended.

use natbed_nat::{Action, FirewallConfig, MappingEnded, NatConfig, UnsolicitedTcp};
use natbed_network::{
    Attachment, GatewayConfig, Hop, HostConfig, HostId, Observer, Place, RouterId,
};
use natbed_packet::{Body, DropReason, Protocol, TcpFlags};
use natbed_units::{SimDuration, SimTime};

use crate::world::{World, at, ep, firewall, gateway, host, keeps_ports, secs, syn};

#[derive(Debug, Default)]
struct Ended(Vec<(SimTime, RouterId, MappingEnded)>);

impl Observer for Ended {
    fn observe(&mut self, _: &Hop<'_>) {}

    fn note(&mut self, at: SimTime, router: RouterId, ended: &MappingEnded) {
        self.0.push((at, router, *ended));
    }
}

struct Home {
    world: World<Ended>,
    router: RouterId,
    alice: HostId,
    server: HostId,
}

fn home(nat: NatConfig, guard: Option<FirewallConfig>) -> Home {
    let mut world = World::observed(Ended::default());
    world.internet(SimDuration::ZERO);
    let lan = world.lan("home", "192.168.1.0/24");
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    let config = GatewayConfig { translator: Some(nat.into()), firewall: guard, ..config };
    let router = world.add_gateway(config);
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    let server = world.public_host("server", "203.0.113.10");
    Home { world, router, alice, server }
}

#[test]
fn the_end_of_a_mapping_is_noted_when_its_time_comes() {
    let nat = NatConfig { udp_timeout: secs(30), udp_stream_timeout: secs(30), ..keeps_ports() };
    let Home { mut world, router, alice, .. } = home(nat, None);
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.only_arrival();
    world.run_until(at(secs(29)));
    assert_eq!(world.network.observer().1.0, []);
    world.exhaust();
    let ended = MappingEnded {
        at: at(secs(30)),
        protocol: Protocol::Udp,
        internal: ep("192.168.1.2:5000"),
        external: ep("198.51.100.1:5000"),
    };
    assert_eq!(world.network.observer().1.0, [(at(secs(30)), router, ended)]);
}

fn is_reset(packet: &natbed_packet::Packet) -> bool {
    matches!(&packet.body, Body::Tcp(tcp) if tcp.flags.contains(TcpFlags::RST))
}

#[test]
fn a_nat_that_resets_answers_at_once() {
    let nat = NatConfig { unsolicited_tcp: UnsolicitedTcp::Reset, ..keeps_ports() };
    let Home { mut world, router, server, .. } = home(nat, None);
    world.send(server, syn("203.0.113.10:443", "198.51.100.1:5000"));
    let arrival = world.only_arrival();
    assert_eq!((arrival.at, arrival.source()), (SimTime::ZERO, ep("198.51.100.1:5000")));
    assert!(is_reset(&arrival.delivery.packet));
    assert_eq!(world.losses(), [(DropReason::TcpReset, Place::RouterOutside(router))]);
}

#[test]
fn req_5382_4_a_nat_answers_a_syn_that_nobody_takes_after_6_seconds() {
    let nat = NatConfig { unsolicited_tcp: UnsolicitedTcp::Delay, ..keeps_ports() };
    let Home { mut world, router, server, .. } = home(nat, None);
    world.send(server, syn("203.0.113.10:443", "198.51.100.1:5000"));
    assert_eq!(world.only_loss(), (DropReason::SynHeld, Place::RouterOutside(router)));
    let arrivals = world.exhaust();
    let expected = "server at 6s: 198.51.100.1 > 203.0.113.10 port unreachable \
                    about 203.0.113.10:443 > 198.51.100.1:5000, ttl 63";
    assert_eq!(arrivals.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
}

#[test]
fn a_box_that_is_off_says_nothing() {
    let nat = NatConfig { unsolicited_tcp: UnsolicitedTcp::Delay, ..keeps_ports() };
    let Home { mut world, router, server, .. } = home(nat, None);
    world.send(server, syn("203.0.113.10:443", "198.51.100.1:5000"));
    world.only_loss();
    world.network.set_router_off(router, true);
    assert!(world.exhaust().is_empty());
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
    let Home { mut world, server, .. } = home(nat, Some(guard(UnsolicitedTcp::Reset)));
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
