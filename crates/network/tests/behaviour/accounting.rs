//! What the bytes of a load cost, by hand: direct, in TURN frames, over TCP, lost on the way.

use natbed_network::observe::Accounting;
use natbed_network::observe::accounting::{
    Carried, DirectionAccount, LoadWatch, Quantiles, WireBytes,
};
use natbed_network::{Attachment, PipeConfig, Place};
use natbed_packet::{DropReason, Packet};
use natbed_units::{SimDuration, SimTime};

use crate::call::{
    CALL, Call, DATA, HOME, SECOND_RELAY, SEND, XOR_MAPPED_ADDRESS, channel_data, indication,
    stamped, stun, xor_address,
};
use crate::world::{World, at, ep, host, ip, ms};

pub(crate) const STAMPED: LoadWatch = LoadWatch { is_stamped: true, interval: None };

/// A call whose first load is watched.
fn call(watch: LoadWatch) -> Call<Accounting> {
    let mut call = Call::new(Accounting::default());
    let peers = call.peers();
    call.observer().watch(CALL, peers, watch);
    call
}

impl Call<Accounting> {
    pub(crate) fn directions(&self) -> [DirectionAccount; 2] {
        let account = self.world.network.observer().1.account(CALL).unwrap();
        assert_eq!(account.tag, CALL);
        for direction in &account.directions {
            assert_adds_up(direction);
        }
        account.directions
    }

    pub(crate) fn there(&self) -> DirectionAccount {
        self.directions()[0].clone()
    }

    fn back(&self) -> DirectionAccount {
        self.directions()[1].clone()
    }
}

pub(crate) fn assert_adds_up(account: &DirectionAccount) {
    let DirectionAccount { sent, delivered, made, at_relay, in_flight, .. } = account;
    assert_eq!(
        sent.datagrams + made,
        delivered.datagrams + account.lost() + at_relay + in_flight,
        "{account:?}"
    );
    for bytes in [sent, delivered] {
        let headers = bytes.ip_header + bytes.udp_header + bytes.tcp_header;
        let rest = bytes.channel_data + bytes.indication + bytes.shim + bytes.transport;
        assert_eq!(bytes.wire, headers + rest, "{bytes:?}");
    }
}

/// 100 bytes of transport, as they are end to end over IPv4.
const DIRECT: WireBytes = WireBytes {
    datagrams: 1,
    framed: 0,
    wire: 144,
    ip_header: 20,
    udp_header: 8,
    tcp_header: 0,
    channel_data: 0,
    indication: 0,
    shim: 16,
    transport: 100,
};

pub(crate) const NOTHING: WireBytes = WireBytes {
    datagrams: 0,
    wire: 0,
    ip_header: 0,
    udp_header: 0,
    shim: 0,
    transport: 0,
    ..DIRECT
};

#[test]
fn end_to_end_each_byte_has_its_place() {
    let mut call = call(STAMPED);
    call.deliver(call.alice, 5000, "203.0.113.2:6000", call.payload(100));
    let there = call.there();
    assert_eq!((there.sent, there.delivered), (DIRECT, DIRECT));
    assert_eq!(there.sending, Some((SimTime::ZERO, SimTime::ZERO)));
    assert_eq!(there.receiving, Some((at(ms(8)), at(ms(8)))));
    assert_eq!(call.back(), DirectionAccount::default());
    call.deliver(call.bob, 6000, "198.51.100.1:5000", call.payload(100));
    assert_eq!((call.back().sent, call.back().delivered), (DIRECT, DIRECT));
    assert_eq!(call.back().sending, Some((at(ms(8)), at(ms(8)))));
}

#[test]
fn the_header_of_ipv6_is_twice_as_long() {
    let mut world = World::observed(Accounting::default());
    world.internet(ms(0));
    let alice = world.public_host("alice", "2001:db8::1");
    let bob = world.public_host("bob", "2001:db8::2");
    world.network.observer_mut().1.watch(CALL, [alice, bob], STAMPED);
    for frame in [
        stamped(SimTime::ZERO, 100),
        channel_data(&stamped(SimTime::ZERO, 100), 0),
        indication(SEND, &stamped(SimTime::ZERO, 98)),
    ] {
        let datagram = Packet::udp(ep("[2001:db8::1]:1"), ep("[2001:db8::2]:2"), frame.into());
        world.send(alice, datagram);
        world.only_arrival();
    }
    let [there, _] = world.network.observer().1.account(CALL).unwrap().directions;
    let expected = WireBytes {
        datagrams: 3,
        framed: 2,
        wire: 3 * (40 + 8 + 16 + 100) + 4 + 36,
        ip_header: 120,
        udp_header: 24,
        tcp_header: 0,
        channel_data: 4,
        indication: 36 + 2,
        shim: 48,
        transport: 298,
    };
    assert_eq!((there.sent, there.delivered), (expected, expected));
}

#[test]
fn turn_frames_are_told_apart_and_their_padding_is_theirs() {
    for (frame, channel_data, indication) in [
        (channel_data(&stamped(SimTime::ZERO, 100), 0), 4, 0),
        (channel_data(&stamped(SimTime::ZERO, 100), 3), 7, 0),
        (indication(SEND, &stamped(SimTime::ZERO, 100)), 0, 36),
        (indication(DATA, &stamped(SimTime::ZERO, 100)), 0, 36),
    ] {
        let mut call = call(STAMPED);
        call.deliver(call.alice, 5000, "203.0.113.2:3478", frame);
        let wire = DIRECT.wire + channel_data + indication;
        let expected = WireBytes { framed: 1, wire, channel_data, indication, ..DIRECT };
        assert_eq!((call.there().sent, call.there().delivered), (expected, expected));
    }
}

#[test]
fn an_echo_carries_the_tag_alone() {
    let mut call = call(LoadWatch::default());
    call.deliver(call.alice, 5000, "203.0.113.2:6000", call.payload(100));
    let there = call.there();
    assert_eq!(there.delivered, WireBytes { shim: 8, transport: 108, ..DIRECT });
    assert_eq!(there.delay, Quantiles::default());
    // A tag and nothing more.
    call.deliver(call.alice, 5000, "203.0.113.2:6000", CALL.as_bytes().to_vec());
    let last = call.there().delivered;
    assert_eq!((last.shim, last.transport, last.wire), (16, 108, 144 + 36));
}

#[test]
fn a_datagram_shorter_than_what_natbed_adds_is_all_shim() {
    let mut call = call(STAMPED);
    call.deliver(call.alice, 5000, "203.0.113.2:6000", CALL.as_bytes().to_vec());
    let there = call.there();
    assert_eq!((there.delivered.shim, there.delivered.transport, there.delay.count), (8, 0, 0));
}

#[test]
fn through_a_relay_it_is_one_datagram() {
    let mut call = call(STAMPED);
    let payload = call.payload(100);
    call.deliver(call.alice, 5000, "203.0.113.10:3478", channel_data(&payload, 0));
    let there = call.there();
    assert_eq!((there.at_relay, there.in_flight, there.delivered), (1, 0, NOTHING));
    call.deliver(call.relay, 49152, "203.0.113.2:6000", payload);
    let there = call.there();
    assert_eq!(there.sent, WireBytes { framed: 1, wire: 148, channel_data: 4, ..DIRECT });
    assert_eq!((there.delivered, there.at_relay, there.made), (DIRECT, 0, 0));
    assert_eq!(there.delay.max, ms(8), "the whole way");

    let payload = call.payload(100);
    call.deliver(call.bob, 6000, "203.0.113.10:49152", payload.clone());
    assert_eq!(call.back().at_relay, 1);
    call.deliver(call.relay, 3478, "198.51.100.1:5000", indication(DATA, &payload));
    let back = call.back();
    assert_eq!(back.sent, DIRECT);
    assert_eq!(back.delivered, WireBytes { framed: 1, wire: 180, indication: 36, ..DIRECT });
    assert_eq!((back.delay.max, back.made, back.at_relay), (ms(8), 0, 0));

    let [bill] = call.observer().relays()[..] else { panic!("one relay") };
    assert_eq!(bill.host, call.relay);
    assert_eq!(bill.received, Carried { datagrams: 2, payload: 232, wire: 148 + 144 });
    assert_eq!(bill.sent, Carried { datagrams: 2, payload: 232, wire: 144 + 180 });
    assert_eq!((bill.sessions, bill.peak_sessions), (1, 1));
}

#[test]
fn through_two_relays_it_is_one_datagram_too() {
    let mut call = call(STAMPED);
    let payload = call.payload(100);
    call.deliver(call.alice, 5000, "203.0.113.10:3478", channel_data(&payload, 0));
    call.deliver(call.relay, 49152, "203.0.113.11:49152", payload.clone());
    assert_eq!(call.there().at_relay, 1);
    call.deliver(call.second_relay, 3478, "203.0.113.2:6000", channel_data(&payload, 0));
    let there = call.there();
    assert_eq!((there.sent.datagrams, there.delivered.datagrams, there.made), (1, 1, 0));
    let bills = call.observer().relays();
    let sides: Vec<_> = bills.iter().map(|bill| (bill.received.wire, bill.sent.wire)).collect();
    assert_eq!(sides, [(148, 144), (144, 148)]);
    assert_eq!(ip(SECOND_RELAY), call.world.network.addresses(bills[1].host).next().unwrap());
}

#[test]
fn both_allocations_on_one_relay() {
    let mut call = call(STAMPED);
    let payload = call.payload(100);
    call.deliver(call.alice, 5000, "203.0.113.10:3478", channel_data(&payload, 0));
    call.deliver(call.relay, 49152, "203.0.113.10:49153", payload.clone());
    assert_eq!((call.there().at_relay, call.there().in_flight), (1, 0));
    call.deliver(call.relay, 3478, "203.0.113.2:6000", channel_data(&payload, 0));
    let there = call.there();
    assert_eq!((there.sent.datagrams, there.delivered.datagrams, there.made), (1, 1, 0));
    let [bill] = call.observer().relays()[..] else { panic!("one relay") };
    assert_eq!((bill.received.datagrams, bill.sent.datagrams, bill.sessions), (2, 2, 1));
}

#[test]
fn what_a_relay_sends_twice_was_made_and_what_it_keeps_stays_there() {
    let mut call = call(STAMPED);
    let payload = call.payload(100);
    call.deliver(call.alice, 5000, "203.0.113.10:3478", channel_data(&payload, 0));
    call.deliver(call.alice, 5000, "203.0.113.10:3478", channel_data(&stamped(at(ms(1)), 9), 0));
    for _ in 0..2 {
        call.deliver(call.relay, 49152, "203.0.113.2:6000", payload.clone());
    }
    let there = call.there();
    assert_eq!((there.sent.datagrams, there.delivered.datagrams), (2, 2));
    assert_eq!((there.made, there.at_relay), (1, 1));
}

#[test]
fn the_relay_is_used_by_so_many_sessions_at_once() {
    let mut call = call(STAMPED);
    let (peers, relay) = (call.peers(), call.relay);
    let tag = |session| natbed_network::observe::PayloadTag::new(session);
    for session in 1..=4 {
        call.observer().watch(tag(session), peers, STAMPED);
    }
    // First and last of session 1 at 0 and 20 ms, of 2 at 10 and 30 ms, of 3 at 40 ms; 4 is not
    // sent on.
    for (millis, session) in [(0, 1), (10, 2), (20, 1), (30, 2), (40, 3)] {
        call.world.run_until(at(ms(millis)));
        let payload = [&tag(session).as_bytes()[..], &[0; 8]].concat();
        call.send(relay, 49152, "203.0.113.2:6000", payload);
    }
    let unsent = channel_data(&[&tag(4).as_bytes()[..], &[0; 8]].concat(), 0);
    call.send(call.alice, 5000, "203.0.113.10:3478", unsent);
    call.world.settle();
    let [bill] = call.observer().relays()[..] else { panic!("one relay") };
    assert_eq!((bill.sessions, bill.peak_sessions, bill.received.datagrams), (3, 2, 1));
}

#[test]
fn losses_have_a_reason_and_a_place() {
    let mut call = call(STAMPED);
    // Bob's datagram finds no mapping; Alice's meets a cut.
    call.send(call.bob, 6000, "198.51.100.1:5000", call.payload(10));
    call.world.settle();
    let bobs = call.world.network.host_links(call.bob).next().unwrap();
    call.world.network.set_link_down(bobs, true);
    for _ in 0..2 {
        call.send(call.alice, 5000, "203.0.113.2:6000", call.payload(10));
    }
    call.world.settle();
    let lost = |account: DirectionAccount| account.lost.into_iter().collect::<Vec<_>>();
    let home = Place::RouterOutside(call.home);
    assert_eq!(lost(call.back()), [((DropReason::NoMapping, home), 1)]);
    let [((DropReason::LinkDown, Place::Core(_)), 2)] = lost(call.there())[..] else {
        panic!("{:?}", call.there());
    };
    assert_eq!(call.there().delivered, NOTHING);
}

#[test]
fn what_is_lost_between_relay_and_peer_is_lost() {
    let mut call = call(STAMPED);
    let payload = call.payload(10);
    call.deliver(call.alice, 5000, "203.0.113.10:3478", channel_data(&payload, 0));
    let bobs = call.world.network.host_links(call.bob).next().unwrap();
    call.world.network.set_link_down(bobs, true);
    call.send(call.relay, 49152, "203.0.113.2:6000", payload);
    call.world.settle();
    assert_eq!((call.there().lost(), call.there().at_relay), (1, 0));
}

#[test]
fn a_datagram_without_taker_was_not_delivered() {
    let mut call = call(LoadWatch { interval: Some(ms(1)), ..STAMPED });
    call.send(call.alice, 5000, "203.0.113.2:6000", call.payload(100));
    let arrival = call.world.settle().remove(0);
    assert_eq!(call.there().delivered, DIRECT);
    let bob = call.bob;
    call.world.network.reject(arrival.at, arrival.delivery, DropReason::SocketBufferFull);
    let there = call.there();
    let full = (DropReason::SocketBufferFull, Place::Host(bob));
    assert_eq!((there.delivered, &there.lost), (NOTHING, &[(full, 1)].into()));
    assert_eq!(there.series.bytes.iter().sum::<u64>(), 0);
    // The same at a relay.
    call.send(call.bob, 6000, "203.0.113.10:49152", call.payload(100));
    let arrival = call.world.settle().remove(0);
    call.world.network.reject(arrival.at, arrival.delivery, DropReason::SocketBufferFull);
    let (back, relay) = (call.back(), call.relay);
    let full = (DropReason::SocketBufferFull, Place::Host(relay));
    assert_eq!((back.at_relay, &back.lost), (0, &[(full, 1)].into()));
}

#[test]
fn a_datagram_on_its_way_is_in_flight() {
    let mut call = call(STAMPED);
    call.send(call.alice, 5000, "203.0.113.2:6000", call.payload(1));
    assert_eq!((call.there().in_flight, call.there().sent.datagrams), (1, 1));
    call.world.run_until(at(ms(8)));
    assert_eq!((call.there().in_flight, call.there().delivered.datagrams), (0, 1));
}

#[test]
fn delays_are_from_the_stamp_and_jitter_is_that_of_rfc_3550() {
    let mut call = call(STAMPED);
    // They were put off before they were sent: by 0, 4 and 1 ms.
    for (millis, put_off) in [(100, 0), (110, 4), (120, 1)] {
        call.world.run_until(at(ms(millis)));
        let payload = stamped(at(ms(millis - put_off)), 100);
        call.deliver(call.alice, 5000, "203.0.113.2:6000", payload);
    }
    let Quantiles { count, mean, max, p50, .. } = call.there().delay;
    assert_eq!((count, max), (3, ms(12)));
    assert_eq!(mean.as_nanos(), (8 + 12 + 9) * 1_000_000 / 3);
    assert!(p50 >= ms(9) && p50 < SimDuration::from_micros(9_100), "{p50}");
    // J = 0 + (4 - 0) / 16 = 0.25 ms, then 0.25 + (3 - 0.25) / 16 ms = 0.421875 ms.
    assert_eq!(call.there().jitter, SimDuration::from_nanos(421_875));
    // A stamp of times to come tells nothing.
    call.deliver(call.alice, 5000, "203.0.113.2:6000", stamped(SimTime::MAX, 1));
    assert_eq!(call.there().delay.count, 3);
}

#[test]
fn arrivals_are_counted_by_interval_from_the_first_datagram_on() {
    let mut call = call(LoadWatch { interval: Some(ms(10)), ..STAMPED });
    call.world.run_until(at(ms(100)));
    for (millis, bytes) in [(100, 1), (101, 2), (102, 4), (125, 8)] {
        call.world.run_until(at(ms(millis)));
        call.send(call.alice, 5000, "203.0.113.2:6000", call.payload(bytes));
    }
    call.world.settle();
    call.deliver(call.bob, 6000, "198.51.100.1:5000", call.payload(16));
    let [there, back] = call.directions();
    // They arrive 8 ms later: at 108, 109, 110 and 133 ms; the answer at 141 ms.
    assert_eq!((there.series.start, there.series.interval), (at(ms(100)), ms(10)));
    assert_eq!(there.series.bytes, [3, 4, 0, 8]);
    assert_eq!((back.series.start, back.series.bytes), (at(ms(100)), vec![0, 0, 0, 0, 16]));
    assert!(!there.series.is_cut && !back.series.is_cut);
}

#[test]
fn a_load_that_nobody_watches_is_nobodys() {
    let mut call = call(STAMPED);
    let payload = [CALL.with_load(1).as_bytes(), &[0; 92][..]].concat();
    call.deliver(call.alice, 5000, "203.0.113.2:6000", payload.clone());
    call.deliver(call.relay, 5000, "203.0.113.2:6000", payload);
    assert_eq!(call.directions(), [DirectionAccount::default(), DirectionAccount::default()]);
    assert_eq!(call.observer().account(CALL.with_load(1)), None);
    assert_eq!(call.observer().relays(), []);
    assert_eq!(call.observer().pipes(CALL.with_load(1), |_| PipeConfig::IDEAL), []);
}

#[test]
fn stun_is_counted_apart_by_sender_and_receiver() {
    let mut call = call(STAMPED);
    let response = stun(0x0101, &[(XOR_MAPPED_ADDRESS, xor_address(HOME))]);
    call.deliver(call.alice, 5000, "203.0.113.10:3478", stun(0x0001, &[]));
    call.deliver(call.relay, 3478, "198.51.100.1:5000", response);
    let check = channel_data(&stun(0x0001, &[]), 0);
    call.deliver(call.alice, 5000, "203.0.113.10:3478", check);
    call.send(call.bob, 6000, "198.51.100.1:1", stun(0x0001, &[]));
    call.deliver(call.alice, 5000, "203.0.113.2:6000", b"no STUN".to_vec());
    call.deliver(call.alice, 5000, "203.0.113.2:6000", call.payload(100));
    let (alice, bob, relay) = (call.alice, call.bob, call.relay);
    let bills = call.observer().control();
    let bills: Vec<_> =
        bills.iter().map(|bill| (bill.from, bill.to, bill.datagrams, bill.wire)).collect();
    assert_eq!(
        bills,
        [
            (alice, None, 2, 48 + 52),
            (alice, Some(relay), 2, 48 + 52),
            (bob, None, 1, 48), // and it is lost at the NAT
            (relay, Some(alice), 1, 60),
        ]
    );
}

#[test]
fn hosts_on_one_lan() {
    let mut world = World::observed(Accounting::default());
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = world.add_host(host("alice", Attachment::Lan(lan), "10.0.0.1"));
    let bob = world.lan_host("bob", lan, "10.0.0.2");
    world.network.observer_mut().1.watch(CALL, [bob, alice], STAMPED);
    let datagram = stamped(SimTime::ZERO, 100).into();
    world.send(alice, Packet::udp(ep("10.0.0.1:1"), ep("10.0.0.2:2"), datagram));
    world.only_arrival();
    let [_, back] = world.network.observer().1.account(CALL).unwrap().directions;
    assert_eq!((back.sent, back.delivered), (DIRECT, DIRECT));
}
