//! Gateways that reboot, lose power or get other addresses, and hosts that roam.

use natbed_nat::{Action, FirewallConfig, NatConfig, Pooling};
use natbed_network::{
    Attachment, GatewayConfig, HostId, InterfaceConfig, LanId, LinkConfig, Place, RouterId,
    TopologyError,
};
use natbed_packet::DropReason;

use crate::world::{World, delays, ep, firewall, gateway, host, ip, keeps_ports, linked, ms, udp};

/// Alice behind a home gateway at 198.51.100.1, a server at 203.0.113.10.
struct Home {
    world: World,
    lan: LanId,
    router: RouterId,
    alice: HostId,
    server: HostId,
}

fn home(change: impl FnOnce(GatewayConfig) -> GatewayConfig) -> Home {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    let router = world.add_gateway(change(config));
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    let server = world.public_host("server", "203.0.113.10");
    Home { world, lan, router, alice, server }
}

const SERVER: &str = "203.0.113.10:3478";

#[test]
fn all_addresses_of_a_pool_lead_to_the_gateway() {
    let nat = NatConfig { pooling: Pooling::Paired, ..keeps_ports() };
    let pool = vec![ip("198.51.100.2"), ip("198.51.100.3")];
    let Home { mut world, router, server, .. } =
        home(|config| GatewayConfig { pool, translator: Some(nat.into()), ..config });
    for address in ["198.51.100.1:9", "198.51.100.2:9", "198.51.100.3:9"] {
        world.datagram(server, 3478, address);
        assert_eq!(world.only_loss(), (DropReason::NoMapping, Place::RouterOutside(router)));
    }
    world.datagram(server, 3478, "198.51.100.4:9");
    assert_eq!(world.only_core_loss(), DropReason::NoRoute);
}

#[test]
fn a_pool_address_belongs_to_one_gateway() {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    world.public_host("server", "203.0.113.10");
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    let config = GatewayConfig { pool: vec![ip("203.0.113.10")], ..config };
    let taken = TopologyError::AddressTaken { name: "home".into(), address: ip("203.0.113.10") };
    assert_eq!(world.network.add_gateway(config), Err(taken));
}

#[test]
fn a_rebooted_gateway_has_no_mappings() {
    let Home { mut world, router, alice, server, .. } = home(|config| config);
    world.datagram(alice, 5000, SERVER);
    world.only_arrival();
    world.network.reboot_router(world.now, router);
    world.datagram(server, 3478, "198.51.100.1:5000");
    assert_eq!(world.only_loss(), (DropReason::NoMapping, Place::RouterOutside(router)));
}

#[test]
fn a_gateway_that_is_off_loses_what_comes_from_both_sides() {
    let Home { mut world, router, alice, server, .. } = home(|config| config);
    world.datagram(alice, 5000, SERVER);
    world.only_arrival();
    world.network.set_router_off(router, true);
    world.datagram(alice, 5000, SERVER);
    assert_eq!(world.only_loss(), (DropReason::RouterOff, Place::RouterInside(router)));
    world.datagram(server, 3478, "198.51.100.1:5000");
    assert_eq!(world.only_loss(), (DropReason::RouterOff, Place::RouterOutside(router)));
    world.network.set_router_off(router, false);
    world.datagram(server, 3478, "198.51.100.1:5000");
    world.only_arrival();
}

#[test]
fn a_gateway_with_a_new_address_is_reached_at_that_one_only() {
    let Home { mut world, router, alice, server, .. } = home(|config| config);
    world.datagram(alice, 5000, SERVER);
    world.only_arrival();
    let addresses = vec![ip("198.51.100.77"), ip("198.51.100.78")];
    world.network.readdress_router(world.now, router, addresses).unwrap();
    world.datagram(server, 3478, "198.51.100.1:5000");
    assert_eq!(world.only_core_loss(), DropReason::NoRoute);
    world.datagram(server, 3478, "198.51.100.77:5000");
    assert_eq!(world.only_loss(), (DropReason::NoMapping, Place::RouterOutside(router)));
    world.datagram(alice, 5000, SERVER);
    let arrival = world.only_arrival();
    assert_eq!(arrival.source(), ep("198.51.100.77:5000"));
    world.answer(&arrival);
    assert_eq!(world.arrivals(), ["alice at 0ns: 203.0.113.10:3478 > 192.168.1.2:5000, ttl 62"]);
    // The old address is free for others.
    world.public_host("heir", "198.51.100.1");
}

#[test]
fn an_answer_under_way_to_an_address_given_up_finds_no_route() {
    let uplink = delays(ms(5), ms(5));
    let Home { mut world, router, alice, .. } = home(|config| GatewayConfig { uplink, ..config });
    world.datagram(alice, 5000, SERVER);
    let arrival = world.only_arrival();
    world.answer(&arrival);
    world.network.readdress_router(world.now, router, vec![ip("198.51.100.77")]).unwrap();
    // The gateway no longer has the address; the server is told.
    let at_server = world.arrivals();
    assert_eq!(world.losses(), [(DropReason::NoRoute, Place::RouterOutside(router))]);
    assert_eq!(at_server.len(), 1, "{at_server:?}");
    assert!(at_server[0].contains("net unreachable"), "{at_server:?}");
}

#[test]
fn a_gateway_keeps_its_address_when_the_new_one_does_not_fit() {
    let Home { mut world, router, alice, .. } = home(|config| config);
    let mut readdress = |addresses: &[&str]| {
        let addresses = addresses.iter().map(|address| ip(address)).collect();
        world.network.readdress_router(world.now, router, addresses)
    };
    let name = || "home".to_owned();
    assert_eq!(readdress(&[]), Err(TopologyError::NoAddress { name: name() }));
    let taken = |address| Err(TopologyError::AddressTaken { name: name(), address: ip(address) });
    assert_eq!(readdress(&["198.51.100.7", "203.0.113.10"]), taken("203.0.113.10"));
    assert_eq!(readdress(&["198.51.100.7", "198.51.100.7"]), taken("198.51.100.7"));
    world.datagram(alice, 5000, SERVER);
    assert_eq!(world.only_arrival().source(), ep("198.51.100.1:5000"));
}

#[test]
fn a_gateway_may_swap_the_addresses_that_it_has() {
    let pool = vec![ip("198.51.100.2")];
    let Home { mut world, router, alice, .. } = home(|config| GatewayConfig { pool, ..config });
    let swapped = vec![ip("198.51.100.2"), ip("198.51.100.1")];
    assert_eq!(world.network.readdress_router(world.now, router, swapped), Ok(()));
    world.datagram(alice, 5000, SERVER);
    let arrival = world.only_arrival();
    world.answer(&arrival);
    world.only_arrival();
}

fn cellular(address: &str) -> InterfaceConfig {
    InterfaceConfig {
        address: ip(address),
        attachment: Attachment::Internet,
        link: LinkConfig::IDEAL,
    }
}

#[test]
fn a_host_that_roams_is_reached_at_its_new_address_only() {
    let Home { mut world, alice, server, lan, .. } = home(|config| config);
    let bob = world.lan_host("bob", lan, "192.168.1.3");
    let link = world.network.move_host(alice, 0, cellular("198.51.100.50")).unwrap();
    assert_eq!(world.network.host_links(alice).collect::<Vec<_>>(), [link]);
    world.datagram(bob, 1, "192.168.1.2:1");
    let (reason, place) = world.only_loss();
    assert!(matches!(place, Place::Lan(at, _) if at == lan), "{place:?}");
    assert_eq!(reason, DropReason::NoSuchAddress);
    world.datagram(server, 3478, "198.51.100.50:5000");
    world.only_arrival();
    world.datagram(alice, 5000, SERVER);
    assert_eq!(world.only_arrival().source(), ep("198.51.100.50:5000"));
    world.send(alice, udp(ep("192.168.1.2:5000"), ep(SERVER), b"old"));
    assert_eq!(world.only_loss(), (DropReason::ForeignSource, Place::Host(alice)));
}

#[test]
fn what_is_under_way_on_the_link_that_a_host_left_is_lost() {
    let mut world = World::with_internet();
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = host("alice", Attachment::Lan(lan), "10.0.0.1");
    let alice = world.add_host(linked(alice, delays(ms(5), ms(5))));
    let bob = world.lan_host("bob", lan, "10.0.0.2");
    let old = world.network.host_links(alice).next().unwrap();
    world.datagram(alice, 1, "10.0.0.2:2");
    world.datagram(bob, 2, "10.0.0.1:1");
    world.network.move_host(alice, 0, cellular("198.51.100.50")).unwrap();
    world.network.set_link_down(old, false);
    assert_eq!(world.arrivals(), [""; 0]);
    let losses = world.losses();
    assert_eq!(losses.len(), 2, "{losses:?}");
    assert!(losses.iter().all(|(reason, _)| *reason == DropReason::LinkDown), "{losses:?}");
    // Another host may take the address.
    world.lan_host("carol", lan, "10.0.0.1");
}

#[test]
fn a_host_may_change_its_link_and_keep_its_address() {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = world.lan_host("alice", lan, "10.0.0.1");
    let bob = world.lan_host("bob", lan, "10.0.0.2");
    let to = InterfaceConfig {
        address: ip("10.0.0.1"),
        attachment: Attachment::Lan(lan),
        link: delays(ms(3), ms(4)),
    };
    world.network.move_host(alice, 0, to).unwrap();
    world.datagram(bob, 2, "10.0.0.1:1");
    let arrival = world.only_arrival();
    assert_eq!(arrival.to_string(), "alice at 4ms: 10.0.0.2:2 > 10.0.0.1:1, ttl 64");
    world.answer(&arrival);
    assert_eq!(world.arrivals(), ["bob at 7ms: 10.0.0.1:1 > 10.0.0.2:2, ttl 64"]);
}

#[test]
fn a_host_stays_where_it_is_when_it_cannot_move() {
    let Home { mut world, alice, lan, .. } = home(|config| config);
    let mut move_to = |index, address, attachment| {
        let to = InterfaceConfig { address: ip(address), attachment, link: LinkConfig::IDEAL };
        world.network.move_host(alice, index, to).unwrap_err()
    };
    let name = || "alice".to_owned();
    assert_eq!(
        move_to(1, "198.51.100.50", Attachment::Internet),
        TopologyError::NoSuchInterface { name: name(), index: 1 }
    );
    assert_eq!(
        move_to(0, "203.0.113.10", Attachment::Internet),
        TopologyError::AddressTaken { name: name(), address: ip("203.0.113.10") }
    );
    assert_eq!(
        move_to(0, "10.0.0.1", Attachment::Lan(lan)),
        TopologyError::OutsideSubnet {
            name: name(),
            address: ip("10.0.0.1"),
            subnet: "192.168.1.0/24".parse().unwrap(),
        }
    );
    world.datagram(alice, 5000, SERVER);
    world.only_arrival();
}

#[test]
fn a_gateway_obeys_a_changed_firewall_at_once() {
    let Home { mut world, router, alice, .. } = home(|config| config);
    world.datagram(alice, 5000, SERVER);
    world.only_arrival();
    let closed = firewall(Action::Drop, Action::Drop);
    world.network.set_router_firewall(router, Some(closed));
    world.datagram(alice, 5000, SERVER);
    assert_eq!(world.only_loss(), (DropReason::FirewallOutbound, Place::RouterInside(router)));
    world.network.reboot_router(world.now, router);
    world.datagram(alice, 5000, SERVER);
    assert_eq!(
        world.only_loss(),
        (DropReason::FirewallOutbound, Place::RouterInside(router)),
        "the rules outlive a reboot"
    );
    world.network.set_router_firewall(router, None);
    world.datagram(alice, 5000, SERVER);
    world.only_arrival();
}

#[test]
fn a_host_obeys_a_changed_firewall_at_once() {
    let Home { mut world, alice, server, .. } = home(|config| config);
    world.network.set_host_firewall(server, Some(firewall(Action::Allow, Action::Drop)));
    world.datagram(alice, 5000, SERVER);
    assert_eq!(world.only_loss(), (DropReason::FirewallInbound, Place::Host(server)));
    world.network.set_host_firewall(server, None);
    world.datagram(alice, 5000, SERVER);
    world.only_arrival();
}

#[test]
fn a_gateway_without_icmp_errors_says_nothing() {
    let Home { mut world, router, alice, .. } =
        home(|config| GatewayConfig { icmp_errors: false, ..config });
    world.datagram(alice, 5000, "192.168.1.1:53");
    assert_eq!(world.only_loss(), (DropReason::RouterClosed, Place::RouterInside(router)));
}

#[test]
fn a_changed_firewall_keeps_what_the_new_rules_allow() {
    let guard = firewall(Action::Allow, Action::Drop);
    let Home { mut world, router, alice, .. } =
        home(|config| GatewayConfig { firewall: Some(guard.clone()), ..config });
    world.datagram(alice, 5000, SERVER);
    let arrival = world.only_arrival();
    world.network.set_router_firewall(router, Some(guard.clone()));
    world.answer(&arrival);
    world.only_arrival();
}

#[test]
fn a_login_at_the_captive_portal_lasts_until_the_reboot() {
    let portal = FirewallConfig { captive_portal: true, ..firewall(Action::Allow, Action::Allow) };
    let Home { mut world, router, alice, .. } =
        home(|config| GatewayConfig { firewall: Some(portal), ..config });
    let refused = (DropReason::CaptivePortal, Place::RouterInside(router));
    world.datagram(alice, 5000, SERVER);
    assert_eq!(world.only_loss(), refused);
    world.network.log_in(router, ip("192.168.1.2"));
    world.datagram(alice, 5000, SERVER);
    world.only_arrival();
    world.network.reboot_router(world.now, router);
    world.datagram(alice, 5000, SERVER);
    assert_eq!(world.only_loss(), refused);
}
