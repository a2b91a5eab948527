//! Firewalls on hosts and on gateways: silence, refusals, and the answers they let through.

use natbed_nat::{Action, FirewallConfig, Policy, Rule};
use natbed_network::{Attachment, GatewayConfig, HostConfig, HostId, Place, RouterId};
use natbed_packet::{DropReason, Protocol};
use natbed_units::SimDuration;

use crate::world::{World, echo_reply, echo_request, firewall, gateway, host, secs, syn};

const ANSWER: &str = "alice at 0ns: 203.0.113.2:6000 > 203.0.113.1:5000, ttl 63";

/// Alice with a firewall and Bob without one, both on the Internet.
fn guarded(config: FirewallConfig) -> (World, HostId, HostId) {
    let mut world = World::with_internet();
    let alice = host("alice", Attachment::Internet, "203.0.113.1");
    let alice = world.add_host(HostConfig { firewall: Some(config), ..alice });
    let bob = world.public_host("bob", "203.0.113.2");
    (world, alice, bob)
}

#[test]
fn a_host_firewall_lets_answers_in_and_nothing_else() {
    let (mut world, alice, bob) = guarded(firewall(Action::Allow, Action::Drop));
    world.datagram(bob, 6000, "203.0.113.1:5000");
    assert_eq!(world.only_loss(), (DropReason::FirewallInbound, Place::Host(alice)));
    world.datagram(alice, 5000, "203.0.113.2:6000");
    let arrival = world.only_arrival();
    world.answer(&arrival);
    assert_eq!(world.arrivals(), [ANSWER]);
    world.datagram(bob, 6001, "203.0.113.1:5000");
    assert_eq!(world.only_loss().0, DropReason::FirewallInbound, "another port of the same host");
}

#[test]
fn a_host_firewall_that_rejects_answers_with_an_icmp_error() {
    let (mut world, _, bob) = guarded(firewall(Action::Allow, Action::Reject));
    world.datagram(bob, 6000, "203.0.113.1:5000");
    let refused = "bob at 0ns: 203.0.113.1 > 203.0.113.2 administratively prohibited \
                   about 203.0.113.2:6000 > 203.0.113.1:5000, ttl 63";
    assert_eq!(world.arrivals(), [refused]);
    assert_eq!(world.losses().len(), 1);
}

#[test]
fn a_host_is_not_told_by_packet_what_its_own_firewall_forbids() {
    for action in [Action::Drop, Action::Reject] {
        let (mut world, alice, _) = guarded(firewall(action, Action::Allow));
        world.datagram(alice, 5000, "203.0.113.2:6000");
        let (reason, place) = world.only_loss();
        assert_eq!(place, Place::Host(alice));
        let expected = match action {
            Action::Reject => DropReason::FirewallRejected,
            _ => DropReason::FirewallOutbound,
        };
        assert_eq!(reason, expected);
    }
}

#[test]
fn a_host_firewall_does_not_stand_between_the_host_and_itself() {
    let (mut world, alice, _) = guarded(firewall(Action::Drop, Action::Drop));
    world.datagram(alice, 5000, "203.0.113.1:6000");
    let expected = "alice at 0ns: 203.0.113.1:5000 > 203.0.113.1:6000, ttl 64";
    assert_eq!(world.arrivals(), [expected]);
}

#[test]
fn the_permission_for_answers_ends() {
    let config = FirewallConfig {
        udp_timeout: secs(10),
        udp_stream_timeout: secs(10),
        ..firewall(Action::Allow, Action::Drop)
    };
    let (mut world, alice, bob) = guarded(config);
    world.datagram(alice, 5000, "203.0.113.2:6000");
    world.only_arrival();
    world.run_until(world.now + (secs(10) - SimDuration::from_nanos(1)));
    world.datagram(bob, 6000, "203.0.113.1:5000");
    world.only_arrival();
    world.run_until(world.now + secs(10));
    world.datagram(bob, 6000, "203.0.113.1:5000");
    assert_eq!(world.only_loss().0, DropReason::FirewallInbound);
}

/// Alice behind a gateway without a NAT but with a firewall, and Bob on the Internet.
fn behind(config: FirewallConfig) -> (World, HostId, HostId, RouterId) {
    let mut world = World::with_internet();
    let lan = world.lan("campus", "203.0.113.0/25");
    let router = gateway("campus", lan, "203.0.113.1", Attachment::Internet, "198.51.100.1");
    let router =
        world.add_gateway(GatewayConfig { translator: None, firewall: Some(config), ..router });
    let alice = world.lan_host("alice", lan, "203.0.113.2");
    let bob = world.public_host("bob", "203.0.113.200");
    (world, alice, bob, router)
}

#[test]
fn a_gateway_drops_silently_or_refuses_both_ways() {
    let drop = firewall(Action::Drop, Action::Drop);
    let (mut world, alice, bob, router) = behind(drop);
    world.datagram(alice, 5000, "203.0.113.200:6000");
    let outward = (DropReason::FirewallOutbound, Place::RouterInside(router));
    assert_eq!(world.only_loss(), outward);
    world.datagram(bob, 6000, "203.0.113.2:5000");
    let inward = (DropReason::FirewallInbound, Place::RouterOutside(router));
    assert_eq!(world.only_loss(), inward);

    let reject = firewall(Action::Reject, Action::Reject);
    let (mut world, alice, bob, _) = behind(reject);
    world.datagram(alice, 5000, "203.0.113.200:6000");
    let refused = "alice at 0ns: 203.0.113.1 > 203.0.113.2 administratively prohibited \
                   about 203.0.113.2:5000 > 203.0.113.200:6000, ttl 64";
    assert_eq!(world.arrivals(), [refused]);
    world.datagram(bob, 6000, "203.0.113.2:5000");
    let refused = "bob at 0ns: 198.51.100.1 > 203.0.113.200 administratively prohibited \
                   about 203.0.113.200:6000 > 203.0.113.2:5000, ttl 63";
    assert_eq!(world.arrivals(), [refused]);
}

#[test]
fn a_gateway_lets_answers_in_for_every_protocol() {
    let (mut world, alice, bob, _) = behind(firewall(Action::Allow, Action::Drop));
    world.datagram(alice, 5000, "203.0.113.200:6000");
    let arrival = world.only_arrival();
    world.answer(&arrival);
    world.send(alice, syn("203.0.113.2:5000", "203.0.113.200:443"));
    world.send(bob, syn("203.0.113.200:443", "203.0.113.2:5000"));
    world.send(alice, echo_request("203.0.113.2", "203.0.113.200", 7));
    let arrivals = world.settle();
    let request = &arrivals[arrivals.len() - 1].delivery.packet;
    world.send(bob, echo_reply(request));
    let texts: Vec<String> = arrivals.iter().map(ToString::to_string).collect();
    let expected = [
        "alice at 0ns: 203.0.113.200:6000 > 203.0.113.2:5000, ttl 62",
        "bob at 0ns: 203.0.113.2:5000 > 203.0.113.200:443, ttl 62",
        "alice at 0ns: 203.0.113.200:443 > 203.0.113.2:5000, ttl 62",
        "bob at 0ns: 203.0.113.2:7 > 203.0.113.200:0, ttl 62",
    ];
    assert_eq!(texts, expected);
    let expected = "alice at 0ns: 203.0.113.200:0 > 203.0.113.2:7, ttl 62";
    assert_eq!(world.arrivals(), [expected]);
    world.send(bob, echo_request("203.0.113.200", "203.0.113.2", 8));
    assert_eq!(world.only_loss().0, DropReason::FirewallInbound);
}

#[test]
fn the_firewall_of_a_nat_gateway_sees_internal_addresses() {
    let only_web = FirewallConfig {
        outbound: Policy {
            rules: vec![Rule {
                action: Action::Allow,
                protocol: Some(Protocol::Tcp),
                ports: Some(443..=443),
                remote: None,
            }],
            default: Action::Reject,
        },
        ..firewall(Action::Allow, Action::Drop)
    };
    let mut world = World::with_internet();
    let lan = world.lan("office", "192.168.1.0/24");
    let config = gateway("office", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    world.add_gateway(GatewayConfig { firewall: Some(only_web), ..config });
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    let server = world.public_host("server", "203.0.113.10");

    world.datagram(alice, 5000, "203.0.113.10:3478");
    let refused = "alice at 0ns: 192.168.1.1 > 192.168.1.2 administratively prohibited \
                   about 192.168.1.2:5000 > 203.0.113.10:3478, ttl 64";
    assert_eq!(world.arrivals(), [refused]);

    world.send(alice, syn("192.168.1.2:5000", "203.0.113.10:443"));
    let expected = "server at 0ns: 198.51.100.1:5000 > 203.0.113.10:443, ttl 62";
    assert_eq!(world.arrivals(), [expected]);
    world.send(server, syn("203.0.113.10:443", "198.51.100.1:5000"));
    let expected = "alice at 0ns: 203.0.113.10:443 > 192.168.1.2:5000, ttl 62";
    assert_eq!(world.arrivals(), [expected]);
}

#[test]
fn what_a_gateway_refuses_behind_its_nat_is_quoted_as_it_came() {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let nat = natbed_nat::NatConfig {
        filtering: natbed_nat::Filtering::EndpointIndependent,
        ..crate::world::keeps_ports()
    };
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    let guard = firewall(Action::Allow, Action::Reject);
    world.add_gateway(GatewayConfig {
        translator: Some(nat.into()),
        firewall: Some(guard),
        ..config
    });
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    world.public_host("server", "203.0.113.10");
    let stranger = world.public_host("stranger", "203.0.113.66");
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.only_arrival();
    world.datagram(stranger, 6000, "198.51.100.1:5000");
    let refused = "stranger at 0ns: 198.51.100.1 > 203.0.113.66 administratively prohibited \
                   about 203.0.113.66:6000 > 198.51.100.1:5000, ttl 63";
    assert_eq!(world.arrivals(), [refused], "no internal address leaves the NAT");
}
