//! The witness: over the LAN, end to end, or through a relay.

use bytes::Bytes;
use natbed_nat::{Filtering, Hairpin, NatConfig};
use natbed_network::observe::{PayloadTag, Route, Sighting, Witness};
use natbed_network::{Attachment, GatewayConfig, HostId};
use natbed_packet::{Endpoint, Packet, TcpFlags};
use natbed_units::SimTime;

use crate::call::segment;
use crate::world::{World, at, delays, ep, gateway, host, keeps_ports, linked, ms};

const CALL: PayloadTag = PayloadTag::new(7);

/// Alice and Anna in one home behind a NAT that hairpins, Bob and a relay on the Internet.
struct Scene {
    world: World<Witness>,
    alice: HostId,
    anna: HostId,
    bob: HostId,
    relay: HostId,
}

/// Watches a call between Alice and Bob, or Alice and Anna.
fn scene(watch: impl FnOnce(&Scene) -> [HostId; 2]) -> Scene {
    let mut world = World::observed(Witness::default());
    world.internet(ms(0));
    let lan = world.lan("home", "192.168.1.0/24");
    let nat = NatConfig {
        filtering: Filtering::EndpointIndependent,
        hairpin: Hairpin::ExternalSource,
        ..keeps_ports()
    };
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    world.add_gateway(GatewayConfig { translator: Some(nat.into()), ..config });
    let alice = host("alice", Attachment::Lan(lan), "192.168.1.2");
    let alice = world.add_host(linked(alice, delays(ms(3), ms(3))));
    let anna = world.lan_host("anna", lan, "192.168.1.3");
    let bob = world.public_host("bob", "203.0.113.2");
    let relay = world.public_host("relay", "203.0.113.10");
    let mut scene = Scene { world, alice, anna, bob, relay };
    let peers = watch(&scene);
    scene.world.network.observer_mut().1.watch(CALL, peers);
    scene
}

impl Scene {
    fn send(&mut self, from: HostId, port: u16, to: &str, payload: Vec<u8>) {
        let source = Endpoint::new(self.world.network.addresses(from).next().unwrap(), port);
        self.world.send(from, Packet::udp(source, ep(to), Bytes::from(payload)));
        assert_eq!(self.world.settle().len(), 1);
    }

    fn sighting(&self) -> Sighting {
        self.world.network.observer().1.sighting(CALL).unwrap()
    }
}

fn payload() -> Vec<u8> {
    let mut payload = CALL.as_bytes().to_vec();
    payload.extend(b"and more");
    payload
}

/// ChannelData (RFC 8656 section 12.4).
fn channel_data() -> Vec<u8> {
    let mut frame = vec![0x40, 0x01, 0, payload().len() as u8];
    frame.extend(payload());
    frame
}

/// A Send or a Data indication (RFC 8656 section 11) with a peer address before the data.
fn indication(method: u8) -> Vec<u8> {
    let mut frame = vec![0, method, 0, 12 + 4 + 16, 0x21, 0x12, 0xa4, 0x42];
    frame.extend([0; 12]);
    frame.extend([0x00, 0x12, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0]);
    frame.extend([0x00, 0x13, 0, payload().len() as u8]);
    frame.extend(payload());
    frame
}

const DATA: u8 = 0x17;
const SEND: u8 = 0x16;

#[test]
fn neighbours_are_seen_on_the_lan() {
    let mut scene = scene(|scene| [scene.alice, scene.anna]);
    assert_eq!(scene.sighting(), Sighting::default());
    scene.send(scene.alice, 5000, "192.168.1.3:6000", payload());
    let first = Some(at(ms(3)));
    assert_eq!(
        scene.sighting(),
        Sighting { lan: 1, first, last: Some(Route::Lan), ..Sighting::default() }
    );
    scene.send(scene.anna, 6000, "192.168.1.2:5000", payload());
    assert_eq!(scene.sighting().lan, 2, "both directions count");
    assert_eq!(scene.sighting().first, first);
}

#[test]
fn what_crosses_a_router_is_direct_even_between_neighbours() {
    let mut scene = scene(|scene| [scene.alice, scene.anna]);
    scene.send(scene.anna, 6000, "203.0.113.10:3478", b"mapping".to_vec());
    scene.send(scene.alice, 5000, "198.51.100.1:6000", payload());
    let seen = Sighting {
        direct: 1,
        first: Some(at(ms(3))),
        last: Some(Route::Direct),
        ..Sighting::default()
    };
    assert_eq!(scene.sighting(), seen);
}

#[test]
fn peers_on_the_internet_are_direct() {
    let mut scene = scene(|scene| [scene.alice, scene.bob]);
    scene.send(scene.alice, 5000, "203.0.113.2:6000", payload());
    scene.send(scene.bob, 6000, "198.51.100.1:5000", payload());
    assert_eq!((scene.sighting().direct, scene.sighting().last), (2, Some(Route::Direct)));
}

#[test]
fn what_a_third_host_forwards_is_relayed_whatever_its_form() {
    let mut scene = scene(|scene| [scene.bob, scene.alice]);
    scene.send(scene.alice, 5000, "203.0.113.10:3478", channel_data());
    assert_eq!(scene.sighting(), Sighting::default(), "it has not arrived yet");
    scene.send(scene.relay, 49152, "203.0.113.2:6000", payload());
    let raw = scene.sighting();
    assert_eq!((raw.relay, raw.last), (1, Some(Route::Relay)), "to Bob's own candidate");
    for frame in [channel_data(), indication(DATA)] {
        scene.send(scene.relay, 3478, "198.51.100.1:5000", frame);
    }
    let seen = scene.sighting();
    assert_eq!((seen.relay, seen.direct, seen.lan), (3, 0, 0));
}

#[test]
fn a_turn_frame_is_relayed_even_if_the_relay_is_one_of_the_peers() {
    for frame in [channel_data(), indication(DATA), indication(SEND)] {
        let mut scene = scene(|scene| [scene.alice, scene.anna]);
        scene.send(scene.alice, 5000, "192.168.1.3:3478", frame);
        assert_eq!((scene.sighting().relay, scene.sighting().lan), (1, 0));
    }
}

#[test]
fn the_last_route_follows_the_payload() {
    let mut scene = scene(|scene| [scene.alice, scene.bob]);
    scene.send(scene.bob, 1, "203.0.113.10:3478", channel_data());
    scene.send(scene.alice, 5000, "203.0.113.2:6000", payload());
    scene.send(scene.relay, 49152, "203.0.113.2:6000", payload());
    scene.send(scene.alice, 5000, "203.0.113.2:6000", payload());
    let seen = scene.sighting();
    assert_eq!((seen.direct, seen.relay, seen.last), (2, 1, Some(Route::Direct)));
    assert_eq!(seen.first, Some(SimTime::ZERO + ms(3)));
}

#[test]
fn other_sessions_other_bytes_and_lost_packets_are_not_seen() {
    let mut scene = scene(|scene| [scene.alice, scene.bob]);
    let other = PayloadTag::new(8);
    scene.send(scene.alice, 5000, "203.0.113.2:6000", other.as_bytes().to_vec());
    scene.send(scene.alice, 5000, "203.0.113.2:6000", b"natbed".to_vec());
    scene.send(scene.alice, 5000, "203.0.113.2:6000", CALL.as_bytes()[..7].to_vec());
    assert_eq!(scene.world.network.observer().1.sighting(other), None, "not watched");
    let bobs = scene.world.network.host_links(scene.bob).next().unwrap();
    scene.world.network.set_link_down(bobs, true);
    let source = ep("192.168.1.2:5000");
    let lost = Packet::udp(source, ep("203.0.113.2:6000"), Bytes::from(payload()));
    scene.world.send(scene.alice, lost);
    scene.world.only_loss();
    assert_eq!(scene.sighting(), Sighting::default());
}

#[test]
fn tcp_is_seen_by_hosts_and_port() {
    let mut scene = scene(|scene| [scene.alice, scene.bob]);
    let peers = [scene.alice, scene.bob];
    scene.world.network.observer_mut().1.watch_tcp(CALL, peers, 80);
    let mut segment = |from: HostId, source: &str, destination: &str, length| {
        let packet = segment(source, destination, TcpFlags::SYN, 0, length);
        scene.world.send(from, packet);
        assert_eq!(scene.world.settle().len(), 1);
        scene.world.network.observer().1.sighting(CALL).unwrap().direct
    };
    let [alice, bob] = peers;
    assert_eq!(segment(alice, "192.168.1.2:5000", "203.0.113.2:80", 0), 0, "no payload yet");
    assert_eq!(segment(alice, "192.168.1.2:5000", "203.0.113.2:80", 10), 1);
    assert_eq!(segment(bob, "203.0.113.2:80", "198.51.100.1:5000", 10), 2);
    assert_eq!(segment(alice, "192.168.1.2:5000", "203.0.113.2:81", 10), 2, "another port");
    assert_eq!(segment(alice, "192.168.1.2:5000", "203.0.113.10:80", 10), 2, "another host");
    let routes = scene.world.network.observer().1.route_changes(CALL);
    assert_eq!(routes.iter().map(|change| change.to).collect::<Vec<_>>(), [bob, alice]);
}

#[test]
fn tcp_between_neighbours_is_seen_on_the_lan() {
    let mut scene = scene(|scene| [scene.bob, scene.relay]);
    let tag = PayloadTag::new(8);
    let (alice, anna) = (scene.alice, scene.anna);
    scene.world.network.observer_mut().1.watch_tcp(tag, [anna, alice], 80);
    scene.world.send(alice, segment("192.168.1.2:1", "192.168.1.3:80", TcpFlags::ACK, 0, 10));
    assert_eq!(scene.world.settle().len(), 1);
    let seen = scene.world.network.observer().1.sighting(tag).unwrap();
    assert_eq!((seen.lan, seen.last), (1, Some(Route::Lan)));
    assert_eq!(scene.sighting(), Sighting::default());
}
