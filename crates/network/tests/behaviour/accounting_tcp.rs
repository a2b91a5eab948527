//! Accounts of loads over TCP, which are known by hosts and port.

use natbed_nat::NatConfig;
use natbed_network::HostId;
use natbed_network::observe::accounting::{LoadWatch, WireBytes};
use natbed_network::observe::{Accounting, Ledger, Witness};
use natbed_packet::{DropReason, Packet, Protocol, TcpFlags};

use crate::accounting::NOTHING;
use crate::call::{BOB, CALL, Call, RELAY, segment};
use crate::world::{keeps_ports, ms};

fn tcp_call() -> Call<Accounting> {
    let mut call = Call::new(Accounting::default());
    let peers = call.peers();
    call.observer().watch_tcp(CALL, peers, 80, LoadWatch::default());
    call
}

impl Call<Accounting> {
    fn segment(&mut self, from: HostId, packet: Packet) {
        self.world.send(from, packet);
        assert_eq!(self.world.settle().len(), 1);
    }
}

const TO_BOB: [&str; 2] = ["192.168.1.2:5000", "203.0.113.2:80"];
const TO_ALICE: [&str; 2] = ["203.0.113.2:80", "198.51.100.1:5000"];

#[test]
fn tcp_is_known_by_hosts_and_port() {
    let mut call = tcp_call();
    let (alice, bob) = (call.alice, call.bob);
    let both = TcpFlags::SYN.with(TcpFlags::ACK);
    call.segment(alice, segment(TO_BOB[0], TO_BOB[1], TcpFlags::SYN, 12, 0));
    call.segment(bob, segment(TO_ALICE[0], TO_ALICE[1], both, 12, 0));
    call.segment(alice, segment(TO_BOB[0], TO_BOB[1], TcpFlags::ACK, 0, 1000));
    call.segment(bob, segment(TO_ALICE[0], TO_ALICE[1], TcpFlags::ACK, 0, 0));
    let [there, back] = call.directions();
    let expected = WireBytes {
        datagrams: 2,
        wire: 40 + 12 + 40 + 1000,
        ip_header: 40,
        tcp_header: 20 + 12 + 20,
        transport: 1000,
        ..NOTHING
    };
    assert_eq!((there.sent, there.delivered), (expected, expected));
    assert_eq!((there.delay.count, there.delay.max), (1, ms(8)), "of what has payload");
    assert_eq!((back.sent.wire, back.sent.transport), (40 + 12 + 40, 0));
    assert_eq!(back.delay.count, 0);
}

#[test]
fn one_listener_may_have_many_clients() {
    let mut call = tcp_call();
    let (alice, bob, carol) = (call.alice, call.bob, call.relay);
    let other = CALL.with_load(1);
    call.observer().watch_tcp(other, [carol, bob], 80, LoadWatch::default());
    for (client, from, back_to) in
        [(alice, TO_BOB[0], TO_ALICE[1]), (carol, "203.0.113.10:5000", "203.0.113.10:5000")]
    {
        call.segment(client, segment(from, TO_BOB[1], TcpFlags::SYN, 0, 0));
        let both = TcpFlags::SYN.with(TcpFlags::ACK);
        call.segment(bob, segment(TO_BOB[1], back_to, both, 0, 0));
        call.segment(bob, segment(TO_BOB[1], back_to, TcpFlags::ACK, 0, 500));
    }
    for tag in [CALL, other] {
        let [there, back] = call.observer().account(tag).unwrap().directions;
        assert_eq!((there.delivered.datagrams, back.delivered.datagrams), (1, 2));
        assert_eq!((back.sent.transport, back.lost(), back.in_flight), (500, 0, 0));
    }
}

#[test]
fn one_client_may_have_many_servers_at_one_port() {
    let mut call = tcp_call();
    let (alice, bob, server) = (call.alice, call.bob, call.relay);
    let other = CALL.with_load(1);
    call.observer().watch_tcp(other, [alice, server], 80, LoadWatch::default());
    for (to, host) in [(BOB, bob), (RELAY, server)] {
        let to = format!("{to}:80");
        call.segment(alice, segment(TO_BOB[0], &to, TcpFlags::SYN, 0, 0));
        call.segment(alice, segment(TO_BOB[0], &to, TcpFlags::ACK, 0, 500));
        call.segment(host, segment(&to, TO_ALICE[1], TcpFlags::ACK, 0, 0));
    }
    for tag in [CALL, other] {
        let [there, back] = call.observer().account(tag).unwrap().directions;
        assert_eq!((there.delivered.datagrams, there.delivered.transport), (2, 500));
        assert_eq!(
            (back.delivered.datagrams, there.sending.unwrap().0 < there.receiving.unwrap().0),
            (1, true)
        );
    }
}

#[test]
fn a_listener_that_is_reached_at_another_port() {
    let forward = natbed_nat::Forward {
        protocol: Protocol::Tcp,
        external_port: 8080,
        internal: "192.168.1.2:80".parse().unwrap(),
    };
    let nat = NatConfig { forwards: vec![forward], ..keeps_ports() };
    let observers = (Accounting::default(), Ledger::default(), Witness::default());
    let mut call = Call::behind(nat, observers);
    let peers = [call.bob, call.alice];
    let (accounting, ledger, witness) = call.observer();
    ledger.watch(CALL, peers, &[]);
    for port in [80, 8080] {
        accounting.watch_tcp(CALL, peers, port, LoadWatch::default());
        ledger.watch_tcp(CALL, peers, port);
        witness.watch_tcp(CALL, peers, port);
    }
    let [bob, alice] = peers;
    let [to, from] = ["198.51.100.1:8080", "203.0.113.2:5000"];
    for (host, packet) in [
        (bob, segment(from, to, TcpFlags::SYN, 0, 0)),
        (bob, segment(from, to, TcpFlags::ACK, 0, 100)),
        (alice, segment("192.168.1.2:80", from, TcpFlags::ACK, 0, 300)),
    ] {
        call.world.send(host, packet);
        assert_eq!(call.world.settle().len(), 1);
    }
    let (accounting, ledger, witness) = call.observer();
    let [there, back] = accounting.account(CALL).unwrap().directions;
    assert_eq!((there.delivered.datagrams, there.delivered.transport), (2, 100));
    assert_eq!((back.sent.transport, back.delivered.transport, back.in_flight), (300, 300, 0));
    assert_eq!(witness.sighting(CALL).unwrap().direct, 2);
    let rows = ledger.rows(CALL);
    assert_eq!(
        rows.iter().map(|row| row.payload_bytes).collect::<Vec<_>>(),
        [100, 300],
        "Alice, then Bob"
    );
}

#[test]
fn segments_to_somebody_else_at_the_port_are_not_the_loads() {
    let mut call = tcp_call();
    let alice = call.alice;
    call.segment(alice, segment(TO_BOB[0], "203.0.113.10:80", TcpFlags::SYN, 0, 0));
    assert_eq!((call.there().sent, call.there().in_flight), (NOTHING, 0));
    assert_eq!(call.there().delivered, NOTHING);
}

#[test]
fn a_segment_that_is_refused_is_lost_at_the_host() {
    let mut call = tcp_call();
    call.world.send(call.alice, segment(TO_BOB[0], TO_BOB[1], TcpFlags::SYN, 0, 0));
    let arrival = call.world.settle().remove(0);
    call.world.network.reject(arrival.at, arrival.delivery, DropReason::PortClosed);
    let there = call.there();
    assert_eq!((there.delivered.datagrams, there.lost(), there.in_flight), (0, 1, 0));
}
