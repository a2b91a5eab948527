//! ICMP errors: who sends them, and what is left of them after the NATs on their way.

use natbed_nat::{Filtering, NatConfig};
use natbed_network::{Attachment, GatewayConfig, HostId, Place, RouterId};
use natbed_packet::{Body, DropReason, Endpoint, Icmp, Packet, Protocol};

use crate::world::{
    World, echo_request, ep, gateway, ip, keeps_ports, syn, udp, unreachable, with_ttl,
};

/// Alice at home behind a carrier, a server, and Bob behind a gateway of his own.
struct Stacked {
    world: World,
    alice: HostId,
    server: HostId,
    bob: HostId,
    home: RouterId,
}

fn stacked() -> Stacked {
    let mut world = World::with_internet();
    let carrier = world.lan("carrier", "100.64.0.0/24");
    let home = world.lan("home", "192.168.1.0/24");
    let office = world.lan("office", "192.168.7.0/24");
    let up = Attachment::Internet;
    world.add_gateway(gateway("carrier", carrier, "100.64.0.1", up, "198.51.100.1"));
    let via = Attachment::Lan(carrier);
    let router = world.add_gateway(gateway("home", home, "192.168.1.1", via, "100.64.0.2"));
    world.add_gateway(gateway("office", office, "192.168.7.1", up, "198.51.100.2"));
    let alice = world.lan_host("alice", home, "192.168.1.2");
    let bob = world.lan_host("bob", office, "192.168.7.2");
    let server = world.public_host("server", "203.0.113.10");
    Stacked { world, alice, server, bob, home: router }
}

#[test]
fn the_router_where_the_hops_run_out_answers_and_its_error_finds_the_way_back() {
    let Stacked { mut world, alice, bob, .. } = stacked();
    let probe = udp(ep("192.168.1.2:33434"), ep("198.51.100.2:7000"), b"natbed");
    // Bob's gateway only has a hop count to look at if it takes the packet for one of Bob's.
    world.datagram(bob, 7000, "198.51.100.1:33434");
    assert_eq!(world.only_loss().0, DropReason::NoMapping);

    let about = "ttl exceeded about 192.168.1.2:33434 > 198.51.100.2:7000";
    for (ttl, expected) in [
        (1, format!("alice at 0ns: 192.168.1.1 > 192.168.1.2 {about}, ttl 64")),
        (2, format!("alice at 0ns: 100.64.0.1 > 192.168.1.2 {about}, ttl 63")),
        (4, format!("alice at 0ns: 198.51.100.2 > 192.168.1.2 {about}, ttl 61")),
        (5, "bob at 0ns: 198.51.100.1:33434 > 192.168.7.2:7000, ttl 1".to_owned()),
    ] {
        world.send(alice, with_ttl(probe.clone(), ttl));
        assert_eq!(world.arrivals(), [expected], "ttl {ttl}");
    }
    world.losses();
    world.send(alice, with_ttl(probe, 3));
    assert_eq!(world.only_core_loss(), DropReason::TtlExceeded, "the core is silent");
}

#[test]
fn a_closed_port_is_reported_to_the_inside_address_through_every_nat() {
    let Stacked { mut world, alice, .. } = stacked();
    for (packet, about) in [
        (
            udp(ep("192.168.1.2:5000"), ep("203.0.113.10:9"), b"natbed"),
            "192.168.1.2:5000 > 203.0.113.10:9",
        ),
        (syn("192.168.1.2:5000", "203.0.113.10:9"), "192.168.1.2:5000 > 203.0.113.10:9"),
        (echo_request("192.168.1.2", "203.0.113.10", 7), "192.168.1.2:7 > 203.0.113.10:0"),
    ] {
        world.send(alice, packet);
        let arrival = world.only_arrival();
        assert_eq!(arrival.delivery.packet.source, ip("198.51.100.1"));
        world.network.reject(world.now, arrival.delivery, DropReason::PortClosed);
        let expected = format!(
            "alice at 0ns: 203.0.113.10 > 192.168.1.2 port unreachable about {about}, ttl 61"
        );
        assert_eq!(world.arrivals(), [expected]);
    }
}

#[test]
fn an_error_from_inside_hides_the_inside_address() {
    let Stacked { mut world, alice, server, .. } = stacked();
    world.datagram(alice, 5000, "203.0.113.10:3478");
    let arrival = world.only_arrival();
    world.answer(&arrival);
    let answer = world.only_arrival();
    world.network.reject(world.now, answer.delivery, DropReason::PortClosed);
    let arrival = world.only_arrival();
    let expected = "server at 0ns: 198.51.100.1 > 203.0.113.10 port unreachable \
                    about 203.0.113.10:3478 > 198.51.100.1:5000, ttl 61";
    assert_eq!(arrival.to_string(), expected);
    assert_eq!(arrival.delivery.host, server);
}

#[test]
fn an_error_about_another_protocol_than_the_mapping_is_lost_at_the_nat() {
    let Stacked { mut world, alice, server, .. } = stacked();
    world.datagram(alice, 5000, "203.0.113.10:9");
    let seen = world.only_arrival().delivery.packet;
    let mut error = unreachable(&seen);
    if let Body::Icmp(Icmp::Error { quoted, .. }) = &mut error.body {
        assert_eq!(quoted.source, Endpoint::new(ip("198.51.100.1"), 5000));
        quoted.protocol = Protocol::Tcp;
    }
    world.send(server, error);
    assert_eq!(world.only_loss().0, DropReason::IcmpErrorUnknownFlow);
}

/// RFC 1122 section 3.2.2: no error about an error.
#[test]
fn errors_are_not_answered_with_errors() {
    let Stacked { mut world, alice, server, home, .. } = stacked();
    world.datagram(alice, 5000, "203.0.113.10:3478");
    let arrival = world.only_arrival();
    world.answer(&arrival);
    let error = unreachable(&world.only_arrival().delivery.packet);
    // Hops that run out at the first gateway.
    world.send(alice, with_ttl(error.clone(), 1));
    assert_eq!(world.only_loss(), (DropReason::TtlExceeded, Place::RouterInside(home)));
    // A receiver that has no use for it.
    world.send(alice, error);
    let received = world.only_arrival();
    assert_eq!(received.delivery.host, server);
    world.network.reject(world.now, received.delivery, DropReason::PortClosed);
    assert_eq!(world.arrivals(), [""; 0]);
    // A destination that is the gateway's own.
    let packet = udp(ep("192.168.1.1:9"), ep("192.168.1.2:9"), b"natbed");
    let to_gateway = Packet { source: ip("192.168.1.2"), ..unreachable(&packet) };
    assert_eq!(to_gateway.destination, ip("192.168.1.1"));
    world.send(alice, to_gateway);
    assert_eq!(world.only_loss(), (DropReason::RouterClosed, Place::RouterInside(home)));
}

#[test]
fn a_host_is_silent_about_reasons_that_have_no_error() {
    let Stacked { mut world, alice, .. } = stacked();
    for reason in [DropReason::SocketBufferFull, DropReason::NoTaker] {
        world.datagram(alice, 5000, "203.0.113.10:9");
        let arrival = world.only_arrival();
        world.network.reject(world.now, arrival.delivery, reason);
        assert_eq!(world.arrivals(), [""; 0], "{reason}");
    }
}

/// RFC 5508 REQ-8: a NAT without room for a flow says so.
#[test]
fn req_5508_8_a_full_table_is_reported_to_the_sender() {
    let mut world = World::with_internet();
    let lan = world.lan("home", "192.168.1.0/24");
    let nat =
        NatConfig { max_flows: 1, filtering: Filtering::EndpointIndependent, ..keeps_ports() };
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, "198.51.100.1");
    world.add_gateway(GatewayConfig { translator: Some(nat.into()), ..config });
    let alice = world.lan_host("alice", lan, "192.168.1.2");
    world.public_host("server", "203.0.113.10");
    world.datagram(alice, 5000, "203.0.113.10:3478");
    world.only_arrival();
    world.send(alice, with_ttl(udp(ep("192.168.1.2:5001"), ep("203.0.113.10:3478"), b""), 9));
    let expected = "alice at 0ns: 192.168.1.1 > 192.168.1.2 administratively prohibited \
                    about 192.168.1.2:5001 > 203.0.113.10:3478, ttl 64";
    assert_eq!(world.arrivals(), [expected]);
}
