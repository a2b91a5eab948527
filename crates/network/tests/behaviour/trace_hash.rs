//! The trace hash tells apart whatever differs, and nothing else.

use bytes::Bytes;
use natbed_network::Attachment;
use natbed_network::observe::TraceHash;
use natbed_packet::{DropReason, Packet};
use natbed_units::SimDuration;

use crate::world::{World, delays, ep, gateway, host, linked, ms, syn, with_ttl};

/// Alice behind a NAT sends `packets` at `start`; what reaches the server is answered.
fn trace(start: SimDuration, link_delay: SimDuration, packets: &[Packet]) -> u64 {
    let mut world = World::observed(TraceHash::default());
    world.internet(ms(5));
    let lan = world.lan("home", "192.168.1.0/24");
    world.add_gateway(gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1"));
    let alice = host("alice", Attachment::Lan(lan), "192.168.1.2");
    let alice = world.add_host(linked(alice, delays(link_delay, link_delay)));
    world.public_host("server", "203.0.113.10");
    world.now += start;
    for packet in packets {
        world.send(alice, packet.clone());
    }
    for arrival in world.settle() {
        world.answer(&arrival);
    }
    world.settle();
    world.network.observer().1.value()
}

fn datagram(payload: &'static [u8]) -> Packet {
    let payload = Bytes::from_static(payload);
    Packet::udp(ep("192.168.1.2:5000"), ep("203.0.113.10:3478"), payload)
}

#[test]
fn the_same_run_has_the_same_hash() {
    let packets = [datagram(b"natbed"), syn("192.168.1.2:5000", "203.0.113.10:443")];
    let again = trace(ms(1), ms(1), &packets);
    assert_eq!(trace(ms(1), ms(1), &packets), again);
    assert_ne!(again, TraceHash::default().value());
}

#[test]
fn one_difference_in_one_packet_is_another_hash() {
    let nanosecond = SimDuration::from_nanos(1);
    let packet = datagram(b"natbed");
    let elsewhere = |port| Packet::udp(ep("192.168.1.2:5000"), ep(port), Bytes::new());
    let tcp = |to| syn("192.168.1.2:5000", to);
    let mut other_tcp = tcp("203.0.113.10:443");
    if let natbed_packet::Body::Tcp(tcp) = &mut other_tcp.body {
        tcp.sequence += 1;
    }
    let hashes = [
        ("as it is", trace(ms(1), ms(1), std::slice::from_ref(&packet))),
        ("a byte", trace(ms(1), ms(1), &[datagram(b"natbee")])),
        ("a byte more", trace(ms(1), ms(1), &[datagram(b"natbed\0")])),
        ("no bytes", trace(ms(1), ms(1), &[datagram(b"")])),
        ("a port", trace(ms(1), ms(1), &[elsewhere("203.0.113.10:3479")])),
        ("an address", trace(ms(1), ms(1), &[elsewhere("203.0.113.11:3478")])),
        ("the hop count", trace(ms(1), ms(1), &[with_ttl(packet.clone(), 63)])),
        ("the start", trace(ms(1) + nanosecond, ms(1), std::slice::from_ref(&packet))),
        ("a delay", trace(ms(1), ms(1) + nanosecond, std::slice::from_ref(&packet))),
        ("twice", trace(ms(1), ms(1), &[packet.clone(), packet.clone()])),
        ("nothing", trace(ms(1), ms(1), &[])),
        ("another protocol", trace(ms(1), ms(1), &[tcp("203.0.113.10:443")])),
        ("its sequence number", trace(ms(1), ms(1), &[other_tcp])),
    ];
    for (n, (what, hash)) in hashes.iter().enumerate() {
        let twin = hashes[..n].iter().find(|(_, other)| other == hash);
        assert_eq!(twin, None, "{what} makes no difference");
    }
}

#[test]
fn the_order_of_packets_counts() {
    let (a, b) = (datagram(b"a"), datagram(b"b"));
    let there = trace(ms(1), ms(1), &[a.clone(), b.clone()]);
    assert_ne!(trace(ms(1), ms(1), &[b, a]), there);
}

#[test]
fn the_reason_of_a_loss_counts() {
    let lost = |reason: DropReason| {
        let mut world = World::observed(TraceHash::default());
        let lan = world.lan("lan", "10.0.0.0/24");
        let alice = world.lan_host("alice", lan, "10.0.0.1");
        world.lan_host("bob", lan, "10.0.0.2");
        world.datagram(alice, 1, "10.0.0.2:2");
        let arrival = world.only_arrival();
        world.network.reject(world.now, arrival.delivery, reason);
        world.network.into_observer().1.value()
    };
    assert_ne!(lost(DropReason::NoTaker), lost(DropReason::SocketBufferFull));
}
