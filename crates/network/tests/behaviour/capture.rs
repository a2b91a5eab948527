//! Captures: one interface for each link end, with comments of NATs and of losses.

use natbed_network::observe::Capture;
use natbed_network::{Attachment, HostId, InterfaceConfig, LinkConfig, LinkId, PipeConfig};
use natbed_packet::{DropReason, Packet};
use natbed_units::ByteCount;

use crate::pcapng::File;
use crate::world::{World, at, delays, ep, gateway, host, ip, linked, ms, sized, udp};

type Recorder = Option<Capture<Vec<u8>>>;

/// Starts a capture; the world is complete.
pub(crate) fn record(world: &mut World<Recorder>) {
    let capture =
        Capture::new(Vec::new(), natbed_packet::pcapng::EPOCH_UNIX_NANOS, &world.network).unwrap();
    world.network.observer_mut().1 = Some(capture);
}

/// Ends the capture and returns the file.
pub(crate) fn bytes(world: World<Recorder>) -> Vec<u8> {
    world.network.into_observer().1.unwrap().finish().unwrap()
}

fn lines(world: World<Recorder>) -> Vec<String> {
    File::read(&bytes(world)).lines()
}

/// Alice at home behind a NAT whose uplink takes 5 ms up and 7 ms down, and a server.
struct Home {
    world: World<Recorder>,
    alice: HostId,
    server: HostId,
    uplink: LinkId,
}

fn home() -> Home {
    let mut world = World::observed(None);
    world.internet(ms(0));
    let lan = world.lan("lan", "192.168.1.0/24");
    let mut config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    config.uplink = delays(ms(5), ms(7));
    let router = world.add_gateway(config);
    let uplink = world.network.uplink(router);
    let alice = host("alice", Attachment::Lan(lan), "192.168.1.2");
    let alice = world.add_host(linked(alice, delays(ms(1), ms(1))));
    let server = world.public_host("server", "203.0.113.10");
    record(&mut world);
    Home { world, alice, server, uplink }
}

#[test]
fn every_link_end_is_an_interface() {
    let Home { world, .. } = home();
    let file = File::read(&bytes(world));
    let names: Vec<&str> = file.interfaces.iter().map(|end| end.name.as_str()).collect();
    let expected = [
        "home-gateway-inside",
        "lan/home-gateway-inside",
        "home-gateway-outside",
        "internet/home-gateway-outside",
        "alice",
        "lan/alice",
        "server",
        "internet/server",
    ];
    assert_eq!(names, expected);
    assert_eq!(file.interfaces[5].description, "lan, its link to alice");
}

#[test]
fn a_packet_appears_at_every_link_end_and_the_nat_comments_where_it_leaves() {
    let Home { mut world, alice, .. } = home();
    world.datagram(alice, 5000, "203.0.113.10:3478");
    let arrival = world.only_arrival();
    world.answer(&arrival);
    world.only_arrival();
    let (inside, outside) = ("192.168.1.2:5000", "198.51.100.1:5000");
    let out = format!("{inside} to 203.0.113.10:3478");
    let translated = format!("{outside} to 203.0.113.10:3478");
    let back = format!("203.0.113.10:3478 to {outside}");
    let restored = format!("203.0.113.10:3478 to {inside}");
    let expected = [
        format!("0ns alice > {out}"),
        format!("1ms lan/alice < {out}"),
        format!("1ms lan/home-gateway-inside > {out}"),
        format!("1ms home-gateway-inside < {out}"),
        format!(
            "1ms home-gateway-outside > {translated} [nat home: {inside} -> {outside} (new mapping)]"
        ),
        format!("6ms internet/home-gateway-outside < {translated}"),
        format!("6ms internet/server > {translated}"),
        format!("6ms server < {translated}"),
        format!("6ms server > {back}"),
        format!("6ms internet/server < {back}"),
        format!("6ms internet/home-gateway-outside > {back}"),
        format!("13ms home-gateway-outside < {back}"),
        format!("13ms home-gateway-inside > {restored} [nat home: {outside} -> {inside}]"),
        format!("13ms lan/home-gateway-inside < {restored}"),
        format!("13ms lan/alice > {restored}"),
        format!("14ms alice < {restored}"),
    ];
    assert_eq!(lines(world), expected);
}

#[test]
fn a_loss_is_commented_on_where_the_packet_was_last() {
    let Home { mut world, server, .. } = home();
    world.datagram(server, 3478, "198.51.100.1:5000");
    world.only_loss();
    let lines = lines(world);
    assert_eq!(
        lines[lines.len() - 1],
        "7ms home-gateway-outside < 203.0.113.10:3478 to 198.51.100.1:5000 \
         [dropped: nat-no-mapping (RFC 4787 section 5)]"
    );
}

#[test]
fn a_packet_that_never_left_its_host_appears_there() {
    let Home { mut world, alice, .. } = home();
    world.send(alice, udp(ep("10.9.9.9:1"), ep("203.0.113.10:2"), b"natbed"));
    world.only_loss();
    let expected = "0ns alice > 10.9.9.9:1 to 203.0.113.10:2 [dropped: foreign-source (RFC 2827)]";
    assert_eq!(lines(world), [expected]);
}

#[test]
fn a_refused_packet_appears_as_received() {
    let Home { mut world, alice, server, .. } = home();
    world.datagram(server, 1, "203.0.113.10:9");
    let to_itself = world.only_arrival();
    world.datagram(alice, 5000, "203.0.113.10:9");
    let arrival = world.only_arrival();
    world.network.reject(world.now, arrival.delivery, DropReason::SocketBufferFull);
    world.network.reject(world.now, to_itself.delivery, DropReason::NoTaker);
    let lines = lines(world);
    let expected = [
        "6ms server < 198.51.100.1:5000 to 203.0.113.10:9 [refused: socket-buffer-full]",
        "6ms server < 203.0.113.10:1 to 203.0.113.10:9 [refused: no-taker]",
    ];
    assert_eq!(lines[lines.len() - 2..], expected);
}

#[test]
fn a_packet_lost_in_a_link_that_went_down_appears_where_it_would_have_come_out() {
    let Home { mut world, alice, server, uplink } = home();
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.run_until(at(ms(2)));
    world.network.set_link_down(uplink, true);
    world.datagram(server, 3478, "198.51.100.1:5000");
    world.settle();
    let lines = lines(world);
    let lost: Vec<&String> = lines.iter().filter(|line| line.contains("dropped")).collect();
    let expected = [
        "2ms internet/server < 203.0.113.10:3478 to 198.51.100.1:5000 [dropped: link-down]",
        "6ms internet/home-gateway-outside < 198.51.100.1:5000 to 203.0.113.10:3478 \
         [dropped: link-down]",
    ];
    assert_eq!(lost, expected);
}

#[test]
fn a_translation_is_not_forgotten_when_the_next_link_takes_no_more() {
    let Home { mut world, alice, uplink, .. } = home();
    world.network.set_link_down(uplink, true);
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.only_loss();
    let lines = lines(world);
    let expected = "1ms home-gateway-inside < 192.168.1.2:5000 to 203.0.113.10:3478 [nat home: \
                    192.168.1.2:5000 -> 198.51.100.1:5000 (new mapping); dropped: link-down]";
    assert_eq!(lines[lines.len() - 1], expected);
}

#[test]
fn a_packet_without_a_wire_form_is_left_out_and_the_capture_goes_on() {
    let Home { mut world, alice, .. } = home();
    world.send(alice, udp(ep("192.168.1.2:1"), ep("[2001:db8::1]:2"), b"natbed"));
    world.only_loss();
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.only_arrival();
    assert_eq!(lines(world).len(), 8);
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let run = || {
        let Home { mut world, alice, .. } = home();
        world.datagram(alice, 5000, "203.0.113.10:3478");
        let arrival = world.only_arrival();
        world.answer(&arrival);
        world.settle();
        bytes(world)
    };
    assert_eq!(run(), run());
}

#[test]
fn a_host_that_roams_goes_on_in_the_capture_on_its_new_link() {
    let Home { mut world, alice, .. } = home();
    let to = InterfaceConfig {
        address: ip("198.51.100.50"),
        attachment: Attachment::Internet,
        link: LinkConfig::IDEAL,
    };
    world.network.move_host(alice, 0, to).unwrap();
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.only_arrival();
    let file = File::read(&bytes(world));
    let names: Vec<&str> = file.interfaces[8..].iter().map(|end| end.name.as_str()).collect();
    assert_eq!(names, ["alice", "internet/alice"]);
    let datagram = "198.51.100.50:5000 to 203.0.113.10:3478";
    assert_eq!(file.lines()[0], format!("0ns alice > {datagram}"));
}

#[test]
fn the_end_of_a_mapping_stands_beside_the_next_translation() {
    let Home { mut world, alice, .. } = home();
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.exhaust();
    world.datagram(alice, 5001, "203.0.113.10:3478");
    world.settle();
    let comments = "[nat home: 192.168.1.2:5001 -> 198.51.100.1:5001 (new mapping); \
                    mapping 192.168.1.2:5000 -> 198.51.100.1:5000 ended at ";
    let lines = lines(world);
    assert!(lines.iter().any(|line| line.contains(comments)), "{lines:#?}");
}

#[test]
fn fragments_are_captured_as_fragments() {
    let mut world = World::observed(None);
    let lan = world.lan("lan", "10.0.0.0/24");
    let mtu = Some(ByteCount::new(600));
    let narrow = LinkConfig::symmetric(PipeConfig { mtu, ..PipeConfig::IDEAL });
    let alice = world.add_host(linked(host("alice", Attachment::Lan(lan), "10.0.0.1"), narrow));
    world.lan_host("bob", lan, "10.0.0.2");
    record(&mut world);
    let whole = Packet { dont_fragment: false, ..sized("10.0.0.1:1", "10.0.0.2:2", 1000) };
    world.send(alice, whole);
    world.only_arrival();
    let lines = lines(world);
    assert_eq!(lines.len(), 8, "two fragments at four link ends");
    assert!(lines.iter().all(|line| line.ends_with("10.0.0.1 to 10.0.0.2 fragment")), "{lines:#?}");
}
