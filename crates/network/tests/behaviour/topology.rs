//! What cannot be built, and what the parts say of themselves.

use natbed_nat::{NatConfig, NatConfigError};
use natbed_network::{Attachment, GatewayConfig, HostConfig, TopologyError};
use natbed_units::SimDuration;

use crate::world::{World, gateway, host, ip, keeps_ports};

const UP: Attachment = Attachment::Internet;

#[test]
fn an_address_has_one_owner_in_its_lan_and_one_on_the_internet() {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    world.add_gateway(gateway("home", lan, "192.168.1.1", UP, "198.51.100.1"));
    let taken = |name: &str, address: &str| TopologyError::AddressTaken {
        name: name.to_owned(),
        address: ip(address),
    };
    let on_lan = host("alice", Attachment::Lan(lan), "192.168.1.1");
    assert_eq!(world.network.add_host(on_lan), Err(taken("alice", "192.168.1.1")));
    let public = host("bob", UP, "198.51.100.1");
    assert_eq!(world.network.add_host(public), Err(taken("bob", "198.51.100.1")));
    let office = world.lan("office", "192.168.2.0/24");
    let config = gateway("office", office, "192.168.2.1", UP, "198.51.100.1");
    assert_eq!(world.network.add_gateway(config), Err(taken("office", "198.51.100.1")));
}

#[test]
fn an_address_must_be_one_of_its_lan() {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let outside = |name: &str, address: &str| TopologyError::OutsideSubnet {
        name: name.to_owned(),
        address: ip(address),
        subnet: "192.168.1.0/24".parse().unwrap(),
    };
    for address in ["192.168.2.1", "2001:db8::1"] {
        let config = host("alice", Attachment::Lan(lan), address);
        assert_eq!(world.network.add_host(config), Err(outside("alice", address)));
        let config = gateway("home", lan, address, UP, "198.51.100.1");
        assert_eq!(world.network.add_gateway(config), Err(outside("home", address)));
    }
}

#[test]
fn a_lan_has_one_gateway() {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    world.add_gateway(gateway("first", lan, "192.168.1.1", UP, "198.51.100.1"));
    let second = gateway("second", lan, "192.168.1.2", UP, "198.51.100.2");
    let error = world.network.add_gateway(second).unwrap_err();
    assert_eq!(error, TopologyError::SecondGateway { name: "second".to_owned() });
}

#[test]
fn uplinks_do_not_lead_in_a_circle() {
    let mut world = World::with_internet();
    let a = world.lan("a", "10.1.0.0/24");
    let b = world.lan("b", "10.2.0.0/24");
    let c = world.lan("c", "10.3.0.0/24");
    let cycle = Err(TopologyError::Cycle { name: "it".to_owned() });
    let to_itself = gateway("it", a, "10.1.0.1", Attachment::Lan(a), "10.1.0.2");
    assert_eq!(world.network.add_gateway(to_itself), cycle);
    world.add_gateway(gateway("a", a, "10.1.0.1", Attachment::Lan(b), "10.2.0.2"));
    world.add_gateway(gateway("b", b, "10.2.0.1", Attachment::Lan(c), "10.3.0.2"));
    let back = gateway("it", c, "10.3.0.1", Attachment::Lan(a), "10.1.0.3");
    assert_eq!(world.network.add_gateway(back), cycle);
}

#[test]
fn a_world_without_internet_has_no_public_addresses() {
    let mut world = World::new();
    let lan = world.lan("home", "192.168.1.0/24");
    let error = world.network.add_host(host("alice", UP, "198.51.100.1")).unwrap_err();
    assert_eq!(error, TopologyError::NoInternet { name: "alice".to_owned() });
    let config = gateway("home", lan, "192.168.1.1", UP, "198.51.100.1");
    let error = world.network.add_gateway(config).unwrap_err();
    assert_eq!(error, TopologyError::NoInternet { name: "home".to_owned() });
}

#[test]
fn a_host_without_an_interface_and_a_nat_that_cannot_be_are_refused() {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let bare = HostConfig { name: "bare".to_owned(), interfaces: Vec::new(), firewall: None };
    let error = TopologyError::NoInterface { name: "bare".to_owned() };
    assert_eq!(world.network.add_host(bare), Err(error));
    let nat = NatConfig { udp_timeout: SimDuration::ZERO, ..keeps_ports() };
    let config = gateway("home", lan, "192.168.1.1", UP, "198.51.100.1");
    let config = GatewayConfig { translator: Some(nat.into()), ..config };
    let error = world.network.add_gateway(config).unwrap_err();
    let source = NatConfigError::ZeroTimeout { property: "udp_timeout" };
    assert_eq!(error.to_string(), "home: `udp_timeout` is zero");
    assert_eq!(error, TopologyError::Nat { name: "home".to_owned(), source });
}

#[test]
fn the_parts_know_their_names_addresses_and_links() {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let router = world.add_gateway(gateway("home", lan, "192.168.1.1", UP, "198.51.100.1"));
    let mut config = host("alice", Attachment::Lan(lan), "192.168.1.2");
    config.interfaces.extend(host("alice", UP, "203.0.113.1").interfaces);
    let alice = world.add_host(config);
    let network = &world.network;
    assert_eq!(network.host_name(alice), "alice");
    let addresses: Vec<_> = network.addresses(alice).collect();
    assert_eq!(addresses, [ip("192.168.1.2"), ip("203.0.113.1")]);
    assert_eq!(network.link_count(), 4);
    let ends: Vec<_> = network.host_links(alice).map(|link| network.link_ends(link)).collect();
    let ends: Vec<_> = ends.iter().map(|(near, far)| (near.as_str(), far.as_str())).collect();
    assert_eq!(ends, [("alice", "home"), ("alice", "internet")]);
    let (near, far) = network.link_ends(network.uplink(router));
    assert_eq!((near.as_str(), far.as_str()), ("home-gateway-outside", "internet"));
}
