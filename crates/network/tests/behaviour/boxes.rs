//! Boxes that are more than one gateway of one LAN: dual stack, several LANs, NAT64, CLAT, and
//! translators by rule, whose outside prefixes lead to them.

use natbed_nat::{Action, NatConfig, StatelessConfig};
use natbed_network::{
    Attachment, GatewayConfig, HostId, InterfaceConfig, LanConfig, LanId, LinkConfig, Place,
    RouterId, TopologyError,
};
use natbed_packet::{DropReason, Packet};
use natbed_units::ByteCount;

use crate::world::{
    World, echo_request, ep, firewall, gateway, host, ip, keeps_ports, sized, udp, with_ttl,
};

fn dual_lan(world: &mut World, name: &str, v4: &str, v6: &str) -> LanId {
    let (subnet, second_subnet) = (v4.parse().unwrap(), Some(v6.parse().unwrap()));
    let name = name.to_owned();
    world.network.add_lan(LanConfig { name, subnet, second_subnet, isolate: false })
}

/// A home with a NAT for IPv4 and a router for IPv6 in one box, and a dual-stack server.
struct Dual {
    world: World,
    lan: LanId,
    v4: RouterId,
    v6: RouterId,
    alice: HostId,
    server: HostId,
}

fn dual() -> Dual {
    let mut world = World::with_internet();
    let lan = dual_lan(&mut world, "home", "192.168.1.0/24", "2001:db8:1::/64");
    let up = Attachment::Internet;
    let v4 = world.add_gateway(gateway("home", lan, "192.168.1.1", up, "198.51.100.1"));
    let v6 = world.add_gateway(GatewayConfig {
        translator: None,
        beside: Some(v4),
        ..gateway("home-ipv6", lan, "2001:db8:1::1", up, "2001:db8::1")
    });
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    world.network.add_address(alice, 0, ip("2001:db8:1::2")).unwrap();
    let server = world.public_host("server", "203.0.113.10");
    world.network.add_address(server, 0, ip("2001:db8:2::10")).unwrap();
    Dual { world, lan, v4, v6, alice, server }
}

const SERVER: &str = "203.0.113.10:3478";
const SERVER6: &str = "[2001:db8:2::10]:3478";
const ALICE6: &str = "[2001:db8:1::2]:5000";

#[test]
fn a_dual_stack_home_has_a_nat_for_ipv4_and_none_for_ipv6_over_one_uplink() {
    let Dual { mut world, v4, v6, alice, server, .. } = dual();
    assert_eq!(world.network.uplink(v4), world.network.uplink(v6));
    world.send(alice, udp(ep("192.168.1.2:5000"), ep(SERVER), b"four"));
    let arrival = world.only_arrival();
    assert_eq!(arrival.source(), ep("198.51.100.1:5000"));
    world.answer(&arrival);
    assert_eq!(world.only_arrival().delivery.host, alice);

    world.send(alice, udp(ep(ALICE6), ep(SERVER6), b"six"));
    let arrival = world.only_arrival();
    assert_eq!(arrival.source(), ep(ALICE6));
    world.answer(&arrival);
    assert_eq!(world.only_arrival().delivery.host, alice);
    // Without a firewall, IPv6 is open.
    world.send(server, udp(ep(SERVER6), ep("[2001:db8:1::2]:9"), b"unasked"));
    assert_eq!(world.only_arrival().delivery.host, alice);
    world.send(server, udp(ep(SERVER), ep("198.51.100.1:9"), b"unasked"));
    assert_eq!(world.only_loss(), (DropReason::NoMapping, Place::RouterOutside(v4)));
}

#[test]
fn each_half_of_a_box_answers_for_its_ip_version() {
    let Dual { mut world, alice, server, .. } = dual();
    world.send(alice, echo_request("192.168.1.2", "192.168.1.1", 7));
    assert_eq!(world.arrivals(), ["alice at 0ns: 192.168.1.1:0 > 192.168.1.2:7, ttl 64"]);
    world.send(alice, echo_request("2001:db8:1::2", "2001:db8:1::1", 7));
    let from_inside = "alice at 0ns: [2001:db8:1::1]:0 > [2001:db8:1::2]:7, ttl 64";
    assert_eq!(world.arrivals(), [from_inside]);
    world.send(server, echo_request("2001:db8:2::10", "2001:db8::1", 7));
    let from_outside = "server at 0ns: [2001:db8::1]:0 > [2001:db8:2::10]:7, ttl 63";
    assert_eq!(world.arrivals(), [from_outside]);
    world.send(alice, with_ttl(udp(ep(ALICE6), ep(SERVER6), b"x"), 1));
    let error = "alice at 0ns: 2001:db8:1::1 > 2001:db8:1::2 ttl exceeded \
                 about [2001:db8:1::2]:5000 > [2001:db8:2::10]:3478, ttl 64";
    assert_eq!(world.arrivals(), [error]);
}

#[test]
fn each_half_of_a_box_has_state_and_power_of_its_own() {
    let Dual { mut world, v6, alice, .. } = dual();
    world.network.set_router_off(v6, true);
    world.send(alice, udp(ep(ALICE6), ep(SERVER6), b"x"));
    assert_eq!(world.only_loss(), (DropReason::RouterOff, Place::RouterInside(v6)));
    world.send(alice, udp(ep("192.168.1.2:5000"), ep(SERVER), b"x"));
    world.only_arrival();
}

#[test]
fn neighbours_on_a_dual_stack_lan_see_each_other_in_both_versions() {
    let Dual { mut world, lan, alice, .. } = dual();
    let bob = world.lan_host("bob", lan, "192.168.1.3");
    world.network.add_address(bob, 0, ip("2001:db8:1::3")).unwrap();
    for to in ["192.168.1.3:9", "[2001:db8:1::3]:9"] {
        let from = if to.starts_with('[') { ALICE6 } else { "192.168.1.2:5000" };
        world.send(alice, udp(ep(from), ep(to), b"x"));
        let arrival = world.only_arrival();
        assert_eq!((arrival.delivery.host, arrival.delivery.packet.ttl), (bob, 64));
    }
    world.network.join(bob, ip("ff02::fb")).unwrap();
    world.send(alice, udp(ep(ALICE6), ep("[ff02::fb]:5353"), b"x"));
    assert_eq!(world.only_arrival().delivery.host, bob);
}

#[test]
fn a_host_that_leaves_a_link_leaves_it_with_all_addresses() {
    let Dual { mut world, alice, server, .. } = dual();
    let to = InterfaceConfig {
        address: ip("198.51.100.50"),
        attachment: Attachment::Internet,
        link: LinkConfig::IDEAL,
    };
    world.network.move_host(alice, 1, to).unwrap();
    assert_eq!(world.network.addresses(alice).collect::<Vec<_>>(), [ip("198.51.100.50")]);
    world.send(server, udp(ep(SERVER6), ep(ALICE6), b"x"));
    let (reason, place) = world.only_loss();
    assert_eq!(reason, DropReason::NoSuchAddress);
    assert!(matches!(place, Place::Lan(..)));
}

#[test]
fn what_does_not_fit_into_a_box_is_an_error() {
    let Dual { mut world, lan, v4, .. } = dual();
    let up = Attachment::Internet;
    let other = world.lan("other", "10.0.0.0/24");
    let config = gateway("x", other, "10.0.0.1", up, "198.51.100.9");
    let beside = GatewayConfig { beside: Some(v4), ..config };
    assert_eq!(
        world.network.add_gateway(beside),
        Err(TopologyError::NotBeside { name: "x".to_owned() })
    );
    let second = gateway("y", lan, "192.168.1.7", up, "198.51.100.8");
    assert_eq!(
        world.network.add_gateway(second),
        Err(TopologyError::SecondGateway { name: "y".to_owned() })
    );
    let carol = world.lan_host("carol", lan, "192.168.1.9");
    assert_eq!(
        world.network.add_address(carol, 0, ip("2001:db8:1::2")),
        Err(TopologyError::AddressTaken { name: "carol".to_owned(), address: ip("2001:db8:1::2") })
    );
}

/// A home with a guest LAN on the same gateway.
struct TwoLans {
    world: World,
    router: RouterId,
    alice: HostId,
    guest: HostId,
    server: HostId,
}

fn two_lans(change: impl FnOnce(GatewayConfig) -> GatewayConfig) -> TwoLans {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    let router = world.add_gateway(change(config));
    let guests = world.lan("guests", "192.168.2.0/24");
    world.network.add_inside(router, guests, ip("192.168.2.1")).unwrap();
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    let guest = world.lan_host("guest", guests, "192.168.2.2");
    let server = world.public_host("server", "203.0.113.10");
    TwoLans { world, router, alice, guest, server }
}

#[test]
fn two_lans_share_one_nat() {
    let TwoLans { mut world, alice, guest, .. } = two_lans(|config| config);
    for (from, at) in [(alice, 5000), (guest, 5001)] {
        world.datagram(from, at, SERVER);
        let arrival = world.only_arrival();
        assert_eq!(arrival.source(), ep(&format!("198.51.100.1:{at}")));
        world.answer(&arrival);
        assert_eq!(world.only_arrival().delivery.host, from);
    }
}

#[test]
fn two_lans_reach_each_other_through_their_gateway_without_the_nat() {
    let TwoLans { mut world, alice, guest, .. } = two_lans(|config| config);
    world.datagram(alice, 5000, "192.168.2.2:9");
    let arrival = world.only_arrival();
    let expected = "guest at 0ns: 192.168.1.2:5000 > 192.168.2.2:9, ttl 63";
    assert_eq!((arrival.to_string().as_str(), arrival.delivery.host), (expected, guest));
    world.answer(&arrival);
    assert_eq!(world.only_arrival().delivery.host, alice);
    world.send(guest, with_ttl(udp(ep("192.168.2.2:1"), ep("192.168.1.2:2"), b"x"), 1));
    let error = "guest at 0ns: 192.168.2.1 > 192.168.2.2 ttl exceeded \
                 about 192.168.2.2:1 > 192.168.1.2:2, ttl 64";
    assert_eq!(world.arrivals(), [error]);
}

#[test]
fn a_firewall_can_keep_guests_out_of_the_other_lan() {
    let mut guard = firewall(Action::Allow, Action::Drop);
    guard.outbound.rules.push(natbed_nat::Rule {
        action: Action::Drop,
        protocol: None,
        ports: None,
        remote: Some("192.168.0.0/16".parse().unwrap()),
    });
    let TwoLans { mut world, router, guest, .. } =
        two_lans(|config| GatewayConfig { firewall: Some(guard), ..config });
    world.datagram(guest, 5000, "192.168.1.2:9");
    assert_eq!(world.only_loss(), (DropReason::FirewallOutbound, Place::RouterInside(router)));
    world.datagram(guest, 5000, SERVER);
    world.only_arrival();
}

#[test]
fn a_gateway_answers_pings_at_each_of_its_inside_addresses() {
    let TwoLans { mut world, alice, guest, .. } = two_lans(|config| config);
    world.send(guest, echo_request("192.168.2.2", "192.168.2.1", 7));
    assert_eq!(
        world.only_arrival().to_string(),
        "guest at 0ns: 192.168.2.1:0 > 192.168.2.2:7, ttl 64"
    );
    world.send(alice, echo_request("192.168.1.2", "192.168.2.1", 7));
    assert_eq!(
        world.only_arrival().to_string(),
        "alice at 0ns: 192.168.2.1:0 > 192.168.1.2:7, ttl 64"
    );
}

#[test]
fn a_router_announces_all_its_lans() {
    let TwoLans { mut world, alice, guest, server, .. } =
        two_lans(|config| GatewayConfig { translator: None, ..config });
    for (to, address) in [(alice, "192.168.1.2:9"), (guest, "192.168.2.2:9")] {
        world.datagram(server, 3478, address);
        assert_eq!(world.only_arrival().delivery.host, to);
    }
}

#[test]
fn a_lan_behind_two_gateways_or_above_its_own_is_an_error() {
    let TwoLans { mut world, router, .. } = two_lans(|config| config);
    let name = "home".to_owned();
    let taken = world.lan("taken", "10.0.0.0/24");
    world.add_gateway(gateway("taken", taken, "10.0.0.1", Attachment::Internet, "198.51.100.7"));
    assert_eq!(
        world.network.add_inside(router, taken, ip("10.0.0.2")),
        Err(TopologyError::SecondGateway { name })
    );
    let carrier = world.lan("carrier", "100.64.0.0/24");
    let below = world.lan("below", "10.1.0.0/24");
    let config = gateway("below", below, "10.1.0.1", Attachment::Lan(carrier), "100.64.0.2");
    let router = world.add_gateway(config);
    assert_eq!(
        world.network.add_inside(router, carrier, ip("100.64.0.1")),
        Err(TopologyError::Cycle { name: "below".to_owned() })
    );
}

/// An IPv6-only mobile network whose NAT64 leads to IPv4, and which routes IPv6.
fn mobile(world: &mut World) -> (LanId, RouterId) {
    let lan = world.lan("mobile", "2001:db8:64::/64");
    let up = Attachment::Internet;
    let v6 = world.add_gateway(GatewayConfig {
        translator: None,
        ..gateway("mobile", lan, "2001:db8:64::1", up, "2001:db8::64")
    });
    let nat64 = NatConfig { nat64: Some("64:ff9b::/96".parse().unwrap()), ..keeps_ports() };
    world.add_gateway(GatewayConfig {
        translator: Some(nat64.into()),
        beside: Some(v6),
        ..gateway("mobile-nat64", lan, "2001:db8:64::2", up, "198.51.100.64")
    });
    (lan, v6)
}

#[test]
fn an_ipv6_host_reaches_ipv4_through_the_prefix_and_ipv6_beside_it() {
    let mut world = World::with_internet();
    let (lan, _) = mobile(&mut world);
    let phone = world.lan_host("phone", lan, "2001:db8:64::9");
    let server = world.public_host("server", "203.0.113.10");
    let server6 = world.public_host("server6", "2001:db8:2::10");
    let from = ep("[2001:db8:64::9]:5000");
    world.send(phone, udp(from, ep("[64:ff9b::cb00:710a]:3478"), b"x"));
    let arrival = world.only_arrival();
    assert_eq!((arrival.delivery.host, arrival.source()), (server, ep("198.51.100.64:5000")));
    world.answer(&arrival);
    let back = "phone at 0ns: [64:ff9b::cb00:710a]:3478 > [2001:db8:64::9]:5000, ttl 62";
    assert_eq!(world.arrivals(), [back]);
    world.send(phone, udp(from, ep(SERVER6), b"x"));
    let arrival = world.only_arrival();
    assert_eq!((arrival.delivery.host, arrival.source()), (server6, from));
}

#[test]
fn a_packet_lost_behind_a_nat64_is_reported_as_it_came() {
    let mut world = World::with_internet();
    let (lan, _) = mobile(&mut world);
    let phone = world.lan_host("phone", lan, "2001:db8:64::9");
    let server = world.public_host("server", "203.0.113.10");
    world.send(phone, udp(ep("[2001:db8:64::9]:5000"), ep("[64:ff9b::cb00:710a]:3478"), b"x"));
    world.only_arrival();
    // The core counts as a hop, so that the box sees the last one.
    world.send(server, with_ttl(udp(ep(SERVER), ep("198.51.100.64:5000"), b"x"), 2));
    let expected = "server at 0ns: 198.51.100.64 > 203.0.113.10 ttl exceeded \
                    about 203.0.113.10:3478 > 198.51.100.64:5000, ttl 63";
    assert_eq!(world.arrivals(), [expected]);
}

/// RFC 7915 section 4: IPv6 has 20 bytes more header than IPv4.
#[test]
fn a_nat64_reports_the_path_mtu_as_ipv6_sees_it() {
    let mut world = World::with_internet();
    let lan = world.lan("mobile", "2001:db8:64::/64");
    let nat64 = NatConfig { nat64: Some("64:ff9b::/96".parse().unwrap()), ..keeps_ports() };
    let narrow = natbed_network::PipeConfig {
        mtu: Some(ByteCount::new(1400)),
        ..natbed_network::PipeConfig::IDEAL
    };
    world.add_gateway(GatewayConfig {
        translator: Some(nat64.into()),
        uplink: LinkConfig::symmetric(narrow),
        ..gateway("nat64", lan, "2001:db8:64::1", Attachment::Internet, "198.51.100.64")
    });
    let phone = world.lan_host("phone", lan, "2001:db8:64::9");
    world.public_host("server", "203.0.113.10");
    let (from, to) = (ep("[2001:db8:64::9]:5000"), ep("[64:ff9b::cb00:710a]:3478"));
    let of_length = |length: usize| Packet::udp(from, to, vec![0; length - 48].into());
    world.send(phone, of_length(1421));
    let error = "phone at 0ns: 2001:db8:64::1 > 2001:db8:64::9 too big, mtu 1420 \
                 about [2001:db8:64::9]:5000 > [64:ff9b::cb00:710a]:3478, ttl 64";
    assert_eq!(world.arrivals(), [error]);
    world.send(phone, of_length(1420));
    assert_eq!(world.only_arrival().delivery.packet.wire_len(), ByteCount::new(1400));
}

/// RFC 6877: an IPv4 application on an IPv6-only network.
#[test]
fn a_clat_in_front_of_a_nat64_gives_ipv4_to_an_ipv6_only_phone() {
    let mut world = World::with_internet();
    let (mobile, _) = mobile(&mut world);
    let inner = world.lan("phone", "192.0.0.0/29");
    let clat = StatelessConfig::Clat {
        internal: "192.0.0.0/29".parse().unwrap(),
        clat: "2001:db8:c1a7::/96".parse().unwrap(),
        nat64: "64:ff9b::/96".parse().unwrap(),
    };
    world.add_gateway(GatewayConfig {
        translator: Some(natbed_nat::TranslatorConfig::Stateless(clat)),
        ..gateway("phone", inner, "192.0.0.1", Attachment::Lan(mobile), "2001:db8:64::77")
    });
    let app = world.lan_host("app", inner, "192.0.0.2");
    let server = world.public_host("server", "203.0.113.10");
    world.datagram(app, 5000, SERVER);
    let arrival = world.only_arrival();
    assert_eq!((arrival.delivery.host, arrival.source()), (server, ep("198.51.100.64:5000")));
    world.answer(&arrival);
    let back = world.only_arrival();
    assert_eq!((back.delivery.host, back.source()), (app, ep(SERVER)));
}

#[test]
fn the_outside_prefixes_of_1_to_1_nat_and_nptv6_lead_to_their_gateways() {
    let one_to_one = StatelessConfig::OneToOne {
        internal: "10.0.0.0/29".parse().unwrap(),
        external: "198.51.100.8/29".parse().unwrap(),
    };
    let nptv6 = StatelessConfig::Nptv6 {
        internal: "fd00:1::/48".parse().unwrap(),
        external: "2001:db8:9::/48".parse().unwrap(),
    };
    for (rule, subnet, inside, outside, address, server) in [
        (one_to_one, "10.0.0.0/29", "10.0.0.1", "198.51.100.1", "10.0.0.2", "203.0.113.10"),
        (
            nptv6,
            "fd00:1:0:1::/64",
            "fd00:1:0:1::1",
            "2001:db8::1",
            "fd00:1:0:1::2",
            "2001:db8:2::1",
        ),
    ] {
        let mut world = World::with_internet();
        let lan = world.lan("office", subnet);
        let router = world.add_gateway(GatewayConfig {
            translator: Some(natbed_nat::TranslatorConfig::Stateless(rule)),
            ..gateway("office", lan, inside, Attachment::Internet, outside)
        });
        let alice = world.lan_host("alice", lan, address);
        let server = world.add_host(host("server", Attachment::Internet, server));
        let to = natbed_packet::Endpoint::new(world.network.addresses(server).next().unwrap(), 9);
        world.datagram(alice, 5000, &to.to_string());
        let arrival = world.only_arrival();
        assert_ne!(arrival.source().ip, ip(address), "translated");
        assert_ne!(arrival.source().ip, ip(outside), "to an address of the prefix");
        world.answer(&arrival);
        assert_eq!(world.only_arrival().delivery.host, alice);
        // The gateway's own address is its own.
        let itself = natbed_packet::Endpoint::new(ip(outside), 9);
        world.datagram(server, 1, &itself.to_string());
        world.only_arrival();
        let closed = (DropReason::RouterClosed, Place::RouterOutside(router));
        assert_eq!(world.losses(), [closed]);
    }
}

#[test]
fn a_packet_for_no_part_of_a_box_is_lost_there() {
    let Dual { mut world, v6, server, .. } = dual();
    world.send(server, sized(SERVER, "198.51.100.1:1", 40));
    world.only_loss();
    world.send(server, udp(ep(SERVER6), ep("[2001:db8:1::99]:1"), b"x"));
    let (reason, place) = world.only_loss();
    assert_eq!(reason, DropReason::NoSuchAddress);
    assert!(matches!(place, Place::Lan(..)), "routed by {v6}");
}
