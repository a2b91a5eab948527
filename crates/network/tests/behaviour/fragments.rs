//! Packets longer than a link takes: cut, refused with an error, swallowed, put together again.

use bytes::Bytes;
use natbed_nat::{Action, Fragments, NatConfig};
use natbed_network::observe::Counters;
use natbed_network::{
    Attachment, GatewayConfig, Hop, HostConfig, HostId, LinkConfig, Observer, PipeConfig, Place,
    RouterId, Step,
};
use natbed_packet::{Body, DropReason, Packet};
use natbed_units::{ByteCount, SimDuration};

use crate::world::{
    World, at, delays, ep, firewall, gateway, host, keeps_ports, linked, ms, secs, sized,
};

const ALICE: &str = "192.168.1.2:5000";
const SERVER: &str = "203.0.113.10:3478";

/// A datagram of `length` bytes that may be cut.
fn cuttable(from: &str, to: &str, length: usize) -> Packet {
    Packet { dont_fragment: false, ..sized(from, to, length) }
}

fn narrow(mtu: u64) -> PipeConfig {
    PipeConfig { mtu: Some(ByteCount::new(mtu)), ..PipeConfig::IDEAL }
}

fn narrow_link(mtu: u64) -> LinkConfig {
    LinkConfig::symmetric(narrow(mtu))
}

/// Notes the length of every packet that comes out of an uplink or a host's link.
#[derive(Debug, Default)]
struct Lengths(Vec<u64>);

impl Observer for Lengths {
    fn observe(&mut self, hop: &Hop<'_>) {
        if let Step::Entered(pipe) = hop.step
            && pipe.is_up()
        {
            self.0.push(hop.packet.wire_len().bytes());
        }
    }
}

/// Alice behind a gateway with an uplink of 1000 bytes, and a server.
struct Narrow<O = ()> {
    world: World<O>,
    router: RouterId,
    alice: HostId,
    server: HostId,
}

fn narrow_home<O: Observer>(
    observer: O,
    change: impl FnOnce(GatewayConfig) -> GatewayConfig,
) -> Narrow<O> {
    let mut world = World::observed(observer);
    world.internet(SimDuration::ZERO);
    let lan = world.lan("home", "192.168.1.0/24");
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    let router = world.add_gateway(change(GatewayConfig { uplink: narrow_link(1000), ..config }));
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    let server = world.public_host("server", "203.0.113.10");
    Narrow { world, router, alice, server }
}

#[test]
fn a_host_cuts_what_its_own_link_does_not_take() {
    let mut world = World::observed((Counters::default(), Lengths::default()));
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = host("alice", Attachment::Lan(lan), "10.0.0.1");
    let alice = world.add_host(linked(alice, narrow_link(600)));
    world.lan_host("bob", lan, "10.0.0.2");
    let sent = cuttable("10.0.0.1:1", "10.0.0.2:2", 1500);
    world.send(alice, sent.clone());
    assert_eq!(world.only_arrival().delivery.packet, sent, "bob gets it whole");
    let (counters, lengths) = &world.network.observer().1;
    assert_eq!(lengths.0, [596, 596, 348]);
    assert_eq!((counters.sent(), counters.made(), counters.joined()), (1, 2, 2));
    assert_eq!(counters.delivered(), 1);
}

#[test]
fn a_host_is_told_at_once_what_it_may_not_cut() {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = host("alice", Attachment::Lan(lan), "10.0.0.1");
    let alice = world.add_host(linked(alice, narrow_link(600)));
    world.send(alice, sized("10.0.0.1:1", "10.0.0.2:2", 601));
    assert_eq!(world.only_loss(), (DropReason::TooBig, Place::Host(alice)));
    world.send(alice, sized("10.0.0.1:1", "10.0.0.1:2", 5000));
    world.only_arrival();
}

/// The error quotes the packet as its sender knows it, and says what the uplink takes.
#[test]
fn req_4787_13_a_packet_that_may_not_be_cut_is_reported_to_its_sender() {
    let Narrow { mut world, router, alice, .. } = narrow_home((), |config| config);
    world.send(alice, sized(ALICE, SERVER, 1001));
    let expected = "alice at 0ns: 192.168.1.1 > 192.168.1.2 too big, mtu 1000 \
                    about 192.168.1.2:5000 > 203.0.113.10:3478, ttl 64";
    assert_eq!(world.arrivals(), [expected]);
    assert_eq!(world.losses(), [(DropReason::TooBig, Place::RouterInside(router))]);
    world.send(alice, sized(ALICE, SERVER, 1000));
    assert_eq!(world.only_arrival().source(), ep("198.51.100.1:5000"));
}

#[test]
fn req_4787_13a_a_packet_that_may_be_cut_is_and_in_order() {
    let Narrow { mut world, alice, .. } = narrow_home(Lengths::default(), |config| config);
    world.send(alice, cuttable(ALICE, SERVER, 2500));
    let arrived = world.only_arrival().delivery.packet;
    assert_eq!(arrived.source_endpoint(), Some(ep("198.51.100.1:5000")));
    assert_eq!(arrived.wire_len(), ByteCount::new(2500));
    let at_host_then_uplink = [2500, 996, 996, 548];
    assert_eq!(world.network.observer().1.0, at_host_then_uplink);
}

#[test]
fn a_box_that_sends_no_errors_is_a_black_hole() {
    let Narrow { mut world, router, alice, .. } =
        narrow_home((), |config| GatewayConfig { icmp_errors: false, ..config });
    world.send(alice, sized(ALICE, SERVER, 1001));
    assert_eq!(world.only_loss(), (DropReason::MtuBlackHole, Place::RouterInside(router)));
    world.send(alice, cuttable(ALICE, SERVER, 1001));
    world.only_arrival();
}

#[test]
fn a_host_cuts_to_the_path_mtu_that_it_was_told_for_ten_minutes() {
    let Narrow { mut world, alice, .. } = narrow_home(Lengths::default(), |config| config);
    let lengths = |world: &mut World<Lengths>, packet| {
        world.network.observer_mut().1.0.clear();
        world.send(alice, packet);
        world.settle();
        std::mem::take(&mut world.network.observer_mut().1.0)
    };
    let first_hop = |lengths: Vec<u64>| lengths[0];
    assert_eq!(first_hop(lengths(&mut world, cuttable(ALICE, SERVER, 1500))), 1500);
    lengths(&mut world, sized(ALICE, SERVER, 1500));
    assert_eq!(first_hop(lengths(&mut world, cuttable(ALICE, SERVER, 1500))), 996);
    let elsewhere = cuttable(ALICE, "203.0.113.11:3478", 1500);
    assert_eq!(first_hop(lengths(&mut world, elsewhere)), 1500, "other destinations");
    assert_eq!(first_hop(lengths(&mut world, sized(ALICE, SERVER, 1500))), 1500, "may not be cut");
    world.run_until(at(secs(601)));
    assert_eq!(first_hop(lengths(&mut world, cuttable(ALICE, SERVER, 1500))), 1500);
}

#[test]
fn a_host_does_not_believe_an_error_about_a_packet_of_another() {
    let Narrow { mut world, alice, server, .. } =
        narrow_home(Lengths::default(), |config| GatewayConfig { translator: None, ..config });
    let other = sized("192.168.1.3:5000", SERVER, 1500);
    let kind = natbed_packet::IcmpErrorKind::TooBig { mtu: 500 };
    let error = Packet::icmp_error(crate::world::ip("203.0.113.10"), kind, &other).unwrap();
    let error = Packet { destination: crate::world::ip("192.168.1.2"), ..error };
    world.send(server, error);
    world.only_arrival();
    world.network.observer_mut().1.0.clear();
    world.send(alice, cuttable(ALICE, SERVER, 900));
    world.settle();
    assert_eq!(world.network.observer().1.0[0], 900);
}

/// The provider's end of the uplink has no address of its own (RFC 7600 section 4.8).
#[test]
fn the_core_cuts_or_says_that_a_packet_is_too_big() {
    let Narrow { mut world, alice, server, .. } = narrow_home(Counters::default(), |config| config);
    world.datagram(alice, 5000, SERVER);
    world.only_arrival();
    world.send(server, cuttable(SERVER, "198.51.100.1:5000", 1500));
    let arrived = world.only_arrival().delivery.packet;
    assert_eq!(arrived.destination_endpoint(), Some(ep(ALICE)));
    assert_eq!(arrived.wire_len(), ByteCount::new(1500));
    let counters = &world.network.observer().1;
    assert_eq!((counters.made(), counters.joined()), (1, 1), "whole again at the NAT");
    world.send(server, sized(SERVER, "198.51.100.1:5000", 1500));
    let expected = "server at 0ns: 192.0.0.8 > 203.0.113.10 too big, mtu 1000 \
                    about 203.0.113.10:3478 > 198.51.100.1:5000, ttl 63";
    assert_eq!(world.arrivals(), [expected]);
}

/// A home on a line of 1000 bytes behind a carrier NAT, whose inside has no such limit.
fn behind_carrier(carrier: impl FnOnce(GatewayConfig) -> GatewayConfig) -> Narrow {
    let mut world = World::with_internet();
    let lan = world.lan("carrier", "100.64.0.0/24");
    let config = gateway("carrier", lan, "100.64.0.1", Attachment::Internet, "198.51.100.1");
    let router = world.add_gateway(carrier(config));
    let home = world.lan("home", "192.168.1.0/24");
    let config = gateway("home", home, "192.168.1.1", Attachment::Lan(lan), "100.64.0.2");
    world.add_gateway(GatewayConfig { uplink: narrow_link(1000), ..config });
    let alice = world.lan_host("alice", home, "192.168.1.2");
    let server = world.public_host("server", "203.0.113.10");
    world.datagram(alice, 5000, SERVER);
    world.only_arrival();
    Narrow { world, router, alice, server }
}

#[test]
fn a_carrier_cuts_or_reports_what_a_subscribers_line_does_not_take() {
    let Narrow { mut world, server, .. } = behind_carrier(|config| config);
    world.send(server, cuttable(SERVER, "198.51.100.1:5000", 1500));
    let arrived = world.only_arrival().delivery.packet;
    assert_eq!(arrived.destination_endpoint(), Some(ep(ALICE)));
    world.send(server, sized(SERVER, "198.51.100.1:5000", 1500));
    let expected = "server at 0ns: 198.51.100.1 > 203.0.113.10 too big, mtu 1000 \
                    about 203.0.113.10:3478 > 198.51.100.1:5000, ttl 62";
    assert_eq!(world.arrivals(), [expected]);
}

#[test]
fn a_carrier_that_sends_no_errors_swallows_what_a_line_does_not_take() {
    let Narrow { mut world, server, .. } =
        behind_carrier(|config| GatewayConfig { icmp_errors: false, ..config });
    world.send(server, sized(SERVER, "198.51.100.1:5000", 1500));
    assert_eq!(world.only_loss().0, DropReason::MtuBlackHole);
}

#[test]
fn a_lan_swallows_what_a_neighbours_link_does_not_take() {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = world.lan_host("alice", lan, "10.0.0.1");
    let bob = host("bob", Attachment::Lan(lan), "10.0.0.2");
    world.add_host(linked(bob, narrow_link(600)));
    world.send(alice, cuttable("10.0.0.1:1", "10.0.0.2:2", 601));
    let (reason, place) = world.only_loss();
    assert_eq!(reason, DropReason::MtuBlackHole);
    assert!(matches!(place, Place::Lan(at, _) if at == lan));
}

fn ipv6(from: &str, to: &str, payload: usize, dont_fragment: bool) -> Packet {
    let packet = Packet::udp(ep(from), ep(to), Bytes::from(vec![0; payload]));
    Packet { dont_fragment, ..packet }
}

#[test]
fn req_8200_5_of_ipv6_only_the_sending_host_cuts() {
    let mut world = World::observed(Lengths::default());
    world.internet(SimDuration::ZERO);
    let lan = world.lan("home", "2001:db8:1::/64");
    let config = gateway("home", lan, "2001:db8:1::1", Attachment::Internet, "2001:db8::1");
    let uplink = narrow_link(1300);
    let router = world.add_gateway(GatewayConfig { translator: None, uplink, ..config });
    let alice = world.lan_host("alice", lan, "2001:db8:1::2");
    world.public_host("server", "2001:db8:2::10");
    let (from, to) = ("[2001:db8:1::2]:5000", "[2001:db8:2::10]:3478");
    world.send(alice, ipv6(from, to, 1400, false));
    let expected = "alice at 0ns: 2001:db8:1::1 > 2001:db8:1::2 too big, mtu 1300 \
                    about [2001:db8:1::2]:5000 > [2001:db8:2::10]:3478, ttl 64";
    assert_eq!(world.arrivals(), [expected]);
    assert_eq!(world.losses(), [(DropReason::TooBig, Place::RouterInside(router))]);
    world.network.observer_mut().1.0.clear();
    world.send(alice, ipv6(from, to, 1400, false));
    let arrived = world.only_arrival().delivery.packet;
    assert_eq!(arrived.wire_len(), ByteCount::new(1448));
    let at_host_and_uplink = [1296, 1296, 208, 208];
    assert_eq!(world.network.observer().1.0, at_host_and_uplink);
}

/// Alice sends fragments as she likes; all are of one packet of 2500 bytes.
fn pieces() -> Vec<Packet> {
    cuttable(ALICE, SERVER, 2500).fragments(ByteCount::new(1000), 7).unwrap()
}

fn with_policy(fragments: Fragments) -> Narrow {
    let nat = NatConfig { fragments, ..keeps_ports() };
    narrow_home((), |config| GatewayConfig {
        translator: Some(nat.into()),
        uplink: LinkConfig::IDEAL,
        ..config
    })
}

#[test]
fn req_4787_14_fragments_become_whole_in_any_order() {
    let Narrow { mut world, alice, .. } = with_policy(Fragments::AnyOrder);
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        for n in order {
            world.send(alice, pieces()[n].clone());
        }
        // Each call cuts the packet anew: only fragments of one cutting belong together.
        assert_eq!(world.take_arrivals(), [""; 0], "{order:?}");
        let pieces = pieces();
        for n in order {
            world.send(alice, pieces[n].clone());
        }
        let arrived = world.take_arrivals();
        let expected = "server at 0ns: 198.51.100.1:5000 > 203.0.113.10:3478, ttl 62";
        assert_eq!(arrived, [expected], "{order:?}");
    }
}

#[test]
fn a_box_may_want_fragments_in_order() {
    let Narrow { mut world, router, alice, .. } = with_policy(Fragments::InOrder);
    for piece in pieces() {
        world.send(alice, piece);
    }
    world.only_arrival();
    let mut pieces = pieces();
    pieces.reverse();
    for piece in pieces {
        world.send(alice, piece);
    }
    assert_eq!(world.arrivals(), [""; 0]);
    let refused = (DropReason::FragmentRefused, Place::RouterInside(router));
    let timeout = (DropReason::FragmentTimeout, Place::RouterInside(router));
    assert_eq!(world.losses(), [refused, refused, timeout]);
}

#[test]
fn a_box_may_drop_all_fragments() {
    let Narrow { mut world, router, alice, .. } = with_policy(Fragments::Drop);
    for piece in pieces() {
        world.send(alice, piece);
    }
    assert_eq!(world.arrivals(), [""; 0]);
    let refused = (DropReason::FragmentRefused, Place::RouterInside(router));
    assert_eq!(world.losses(), [refused; 3]);
}

#[test]
fn a_firewall_judges_whole_packets_only() {
    let guard = Some(firewall(Action::Allow, Action::Drop));
    let Narrow { mut world, router, alice, server, .. } =
        narrow_home((), |config| GatewayConfig { translator: None, firewall: guard, ..config });
    world.send(alice, cuttable(ALICE, SERVER, 1500));
    let arrival = world.only_arrival();
    world.send(server, cuttable(SERVER, ALICE, 1500));
    assert_eq!(world.only_arrival().delivery.host, alice);
    world.send(server, cuttable("203.0.113.10:9", ALICE, 1500));
    assert_eq!(world.only_loss(), (DropReason::FirewallInbound, Place::RouterOutside(router)));
    drop(arrival);
}

#[test]
fn a_router_without_state_passes_fragments_on_and_cuts_them_further() {
    let Narrow { mut world, alice, .. } = narrow_home(Lengths::default(), |config| GatewayConfig {
        translator: None,
        uplink: narrow_link(700),
        ..config
    });
    for piece in pieces() {
        world.send(alice, piece);
    }
    let arrived = world.only_arrival().delivery.packet;
    assert_eq!(arrived.wire_len(), ByteCount::new(2500));
    let lengths = &world.network.observer().1.0;
    assert_eq!(lengths.iter().filter(|length| **length > 700).count(), 2, "on the LAN only");
}

#[test]
fn fragments_without_the_others_are_given_up_after_30_seconds() {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = host("alice", Attachment::Lan(lan), "10.0.0.1");
    let alice = world.add_host(linked(alice, delays(ms(5), ms(5))));
    let bob = world.lan_host("bob", lan, "10.0.0.2");
    let whole = cuttable("10.0.0.1:1", "10.0.0.2:2", 2500);
    let pieces = whole.fragments(ByteCount::new(1000), 7).unwrap();
    for piece in &pieces[..2] {
        world.send(alice, piece.clone());
    }
    world.run_until(at(ms(30_004)));
    assert_eq!(world.losses(), []);
    assert_eq!(world.network.packets_in_flight(), 2);
    world.run_until(at(ms(30_005)));
    let lost = (DropReason::FragmentTimeout, Place::Host(bob));
    assert_eq!(world.losses(), [lost, lost]);
    world.send(alice, pieces[2].clone());
    assert_eq!(world.only_loss(), lost, "it starts to wait anew");
}

#[test]
fn a_node_keeps_fragments_of_a_limited_number_of_packets() {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = world.lan_host("alice", lan, "10.0.0.1");
    let bob = world.lan_host("bob", lan, "10.0.0.2");
    let whole = cuttable("10.0.0.1:1", "10.0.0.2:2", 2500);
    for n in 0..257 {
        let first = whole.fragments(ByteCount::new(1000), n).unwrap().swap_remove(0);
        world.send(alice, first);
    }
    assert_eq!(world.losses(), [(DropReason::TooManyFragments, Place::Host(bob))]);
    assert_eq!(world.arrivals(), [""; 0]);
    assert_eq!(world.losses(), [(DropReason::FragmentTimeout, Place::Host(bob)); 256]);
}

#[test]
fn req_4787_14a_a_flood_of_fragments_does_not_stop_packets_that_come_in_one_go() {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = world.lan_host("alice", lan, "10.0.0.1");
    let bob = world.lan_host("bob", lan, "10.0.0.2");
    let whole = cuttable("10.0.0.1:1", "10.0.0.2:2", 2500);
    let pieces = |n| whole.fragments(ByteCount::new(1000), n).unwrap();
    for n in 0..256 {
        world.send(alice, pieces(n).swap_remove(1));
    }
    for piece in pieces(256) {
        world.send(alice, piece);
    }
    assert_eq!(world.losses(), [(DropReason::TooManyFragments, Place::Host(bob))]);
    assert_eq!(world.only_arrival().delivery.packet, whole);
}

#[test]
fn a_reboot_loses_the_fragments_that_wait() {
    let Narrow { mut world, router, alice, .. } = with_policy(Fragments::AnyOrder);
    world.send(alice, pieces().swap_remove(0));
    world.network.reboot_router(world.now, router);
    assert_eq!(world.only_loss(), (DropReason::RouterOff, Place::RouterInside(router)));
}

/// RFC 792: an error quotes the first fragment, which has the ports, and no other.
#[test]
fn req_792_an_error_is_sent_about_the_first_fragment_only() {
    let Narrow { mut world, alice, .. } =
        narrow_home((), |config| GatewayConfig { translator: None, ..config });
    for piece in pieces() {
        world.send(alice, Packet { ttl: 1, ..piece });
    }
    let expected = "alice at 0ns: 192.168.1.1 > 192.168.1.2 ttl exceeded \
                    about 192.168.1.2:5000 > 203.0.113.10:3478, ttl 64";
    assert_eq!(world.arrivals(), [expected]);
    assert_eq!(world.losses().len(), 3);
}

#[test]
fn a_packet_that_cannot_be_cut_small_enough_is_refused() {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    let HostConfig { name, interfaces, firewall } = host("alice", Attachment::Lan(lan), "10.0.0.1");
    let alice = HostConfig { name, interfaces, firewall };
    let alice = world.add_host(linked(alice, narrow_link(27)));
    world.send(alice, cuttable("10.0.0.1:1", "10.0.0.2:2", 28));
    assert_eq!(world.only_loss(), (DropReason::TooBig, Place::Host(alice)));
}

#[test]
fn a_whole_packet_is_what_was_sent() {
    let Narrow { mut world, alice, .. } = narrow_home((), |config| config);
    let payload: Vec<u8> = (0..3000_u32).map(|n| n as u8).collect();
    let packet = Packet::udp(ep(ALICE), ep(SERVER), payload.clone().into());
    world.send(alice, Packet { dont_fragment: false, ..packet });
    let arrived = world.only_arrival().delivery.packet;
    let Body::Udp(udp) = arrived.body else { panic!("not UDP: {arrived:?}") };
    assert_eq!(udp.payload, payload);
}

/// RFC 6146 section 4: FRAGMENT_MIN, at least 2 s.
#[test]
fn req_6146_4_a_nat64_waits_two_seconds_for_the_other_fragments() {
    let mut world = World::with_internet();
    let lan = world.lan("mobile", "2001:db8:64::/64");
    let nat64 = NatConfig { nat64: Some("64:ff9b::/96".parse().unwrap()), ..keeps_ports() };
    let router = world.add_gateway(GatewayConfig {
        translator: Some(nat64.into()),
        ..gateway("nat64", lan, "2001:db8:64::1", Attachment::Internet, "198.51.100.64")
    });
    let phone = world.lan_host("phone", lan, "2001:db8:64::9");
    world.public_host("server", "203.0.113.10");
    let whole = ipv6("[2001:db8:64::9]:5000", "[64:ff9b::cb00:710a]:3478", 2000, false);
    let pieces = whole.fragments(ByteCount::new(1280), 7).unwrap();
    world.send(phone, pieces[0].clone());
    world.run_until(at(ms(1_999)));
    assert_eq!(world.losses(), []);
    world.run_until(at(secs(2)));
    let lost = (DropReason::FragmentTimeout, Place::RouterInside(router));
    assert_eq!(world.losses(), [lost]);
    // A whole one is translated, and its 2028 bytes fit the way.
    for piece in pieces {
        world.send(phone, piece);
    }
    let arrived = world.only_arrival().delivery.packet;
    assert_eq!(arrived.wire_len(), ByteCount::new(2028));
}
