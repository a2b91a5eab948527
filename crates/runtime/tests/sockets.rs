//! UDP sockets behave as the operating system's do.
#![allow(clippy::unwrap_used)] // a test

mod common;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use common::{A, B, at, ip, ms, public_host, two, two_hosts};
use natbed_network::observe::Counters;
use natbed_network::{InternetConfig, Limits as NetworkLimits, Network};
use natbed_packet::{Body, DropReason, Endpoint, Icmp, IcmpErrorKind, Packet};
use natbed_runtime::{Inlet, Limits, World, run_on_fresh_thread};
use natbed_units::{Seed, SimDuration, SimTime};

fn errno(result: io::Result<impl Sized>) -> i32 {
    result.err().and_then(|error| error.raw_os_error()).unwrap_or(0)
}

/// The host `m` with two IPv4 addresses and one IPv6 address, and a public peer [`B`].
fn multihomed() -> (World<Counters>, natbed_network::HostId, natbed_network::HostId) {
    let mut network = Network::new(Seed::new(1), NetworkLimits::default(), Counters::default());
    network.set_internet(InternetConfig { delay: SimDuration::from_millis(1) });
    let m = public_host(&mut network, "m", &[A, "198.51.100.3", "2001:db8::1"], SimDuration::ZERO);
    let b = public_host(&mut network, "b", &[B, "2001:db8::2"], SimDuration::ZERO);
    (World::new(network, Seed::new(1), Limits::default()), m, b)
}

#[test]
fn datagrams_beyond_the_receive_buffer_are_dropped_and_counted() {
    let dropped = run_on_fresh_thread(Seed::new(1), || {
        let mut two = two_hosts(Seed::new(1), Counters::default(), SimDuration::from_millis(10));
        let (a, b, handle) = (two.world.host(two.a), two.world.host(two.b), two.world.handle());
        let main = async move {
            let receiver = b.bind_udp(9).unwrap();
            let sender = a.bind_udp(0).unwrap();
            for number in 0..2_000_u16 {
                sender.send_to(&number.to_le_bytes(), at(B, 9)).unwrap();
            }
            handle.sleep_until(ms(11)).await;
            let mut kept = Vec::new();
            while let Some(datagram) = receiver.try_recv().unwrap() {
                kept.push(u16::from_le_bytes(datagram.payload[..].try_into().unwrap()));
            }
            kept
        };
        let kept = two.world.run_async(main).unwrap().output.unwrap();
        assert_eq!(kept, (0..1_024).collect::<Vec<_>>(), "the oldest stay");
        two.world.network().observer().dropped()
    });
    assert_eq!(dropped, Ok(BTreeMap::from([(DropReason::SocketBufferFull, 976)])));
}

#[test]
fn the_receive_buffer_is_limited_in_bytes_as_well() {
    let kept = run_on_fresh_thread(Seed::new(1), || {
        let (b, a, mut world) = {
            let two = two();
            let limits = Limits { socket_bytes: 10_000, ..Limits::default() };
            (two.b, two.a, World::new(two.world.into_network(), Seed::new(1), limits))
        };
        let (a, b, handle) = (world.host(a), world.host(b), world.handle());
        let main = async move {
            let receiver = b.bind_udp(9).unwrap();
            let sender = a.bind_udp(0).unwrap();
            for _ in 0..20 {
                sender.send_to(&[0; 1_200], at(B, 9)).unwrap();
            }
            handle.sleep_until(ms(11)).await;
            std::iter::from_fn(|| receiver.try_recv().unwrap()).count()
        };
        world.run_async(main).unwrap().output
    });
    assert_eq!(kept, Ok(Some(8)));
}

/// Keeps what arrives at its host.
struct Keep(Arc<Mutex<Vec<(SimTime, Packet)>>>);

impl Inlet for Keep {
    fn deliver(&mut self, now: SimTime, packet: Packet) -> Result<(), (Packet, DropReason)> {
        let is_wanted = !matches!(&packet.body, Body::Udp(udp) if udp.destination_port == 13);
        if !is_wanted {
            return Err((packet, DropReason::PortClosed));
        }
        self.0.lock().unwrap().push((now, packet));
        Ok(())
    }
}

#[test]
fn a_datagram_to_a_closed_port_comes_back_as_an_icmp_error() {
    let (seen, dropped) = run_on_fresh_thread(Seed::new(1), || {
        let mut two = two_hosts(Seed::new(1), Counters::default(), SimDuration::from_millis(10));
        let (b, handle) = (two.world.host(two.b), two.world.handle());
        let seen = Arc::default();
        two.world.set_inlet(two.a, Box::new(Keep(Arc::clone(&seen))));
        let id = two.a;
        let main = async move {
            let _open = b.bind_udp(9).unwrap();
            let (from, to) = (Endpoint::new(ip(A), 7), Endpoint::new(ip(B), 8));
            assert!(handle.send(id, Packet::udp(from, to, Bytes::from_static(b"x"))));
            handle.sleep_until(ms(30)).await;
        };
        two.world.run_async(main).unwrap();
        let seen = seen.lock().unwrap().clone();
        (seen, two.world.network().observer().dropped())
    })
    .unwrap();
    let [(arrived, Packet { source, body: Body::Icmp(Icmp::Error { kind, quoted }), .. })] =
        &seen[..]
    else {
        panic!("one ICMP error, not {seen:?}");
    };
    assert_eq!((*arrived, *source, *kind), (ms(20), ip(B), IcmpErrorKind::PortUnreachable));
    assert_eq!((quoted.source.port, quoted.destination.port), (7, 8));
    assert_eq!(dropped, BTreeMap::from([(DropReason::PortClosed, 1)]));
}

#[test]
fn sockets_come_before_the_inlet_of_their_host_and_the_inlet_may_refuse() {
    let (seen, got, dropped) = run_on_fresh_thread(Seed::new(1), || {
        let mut two = two_hosts(Seed::new(1), Counters::default(), SimDuration::from_millis(10));
        let (a, b, handle) = (two.world.host(two.a), two.world.host(two.b), two.world.handle());
        let seen = Arc::default();
        let inlet = Box::new(Keep(Arc::clone(&seen)));
        let id = two.b;
        let main = async move {
            let receiver = b.bind_udp(9).unwrap();
            let sender = a.bind_udp(5).unwrap();
            // Set in the instant of sending: in place before anything arrives.
            for port in [9, 11, 13] {
                sender.send_to(b"x", at(B, port)).unwrap();
            }
            handle.set_inlet(id, inlet);
            handle.sleep_until(ms(30)).await;
            receiver.try_recv().unwrap().map(|datagram| datagram.local.port)
        };
        let got = two.world.run_async(main).unwrap().output.unwrap();
        let seen: Vec<_> =
            seen.lock().unwrap().iter().map(|(_, p)| p.destination_endpoint()).collect();
        (seen, got, two.world.network().observer().dropped())
    })
    .unwrap();
    assert_eq!(got, Some(9));
    assert_eq!(seen, [Some(Endpoint::new(ip(B), 11))]);
    assert_eq!(dropped, BTreeMap::from([(DropReason::PortClosed, 1)]));
}

#[test]
fn binding_refuses_what_an_operating_system_refuses() {
    let (mut world, m, _) = multihomed();
    let host = world.host(m);
    assert_eq!(host.addresses(), [ip(A), ip("198.51.100.3"), ip("2001:db8::1")]);
    let any = host.bind_udp_at(at("0.0.0.0", 9)).unwrap();
    assert_eq!(errno(host.bind_udp(9)), libc::EADDRINUSE, "the wildcard has it");
    assert!(host.bind_udp_at(at("2001:db8::1", 9)).is_ok(), "the other IP version has not");
    drop(any);
    let first = host.bind_udp(9).unwrap();
    assert_eq!(first.local_addr(), at(A, 9));
    assert_eq!(errno(host.bind_udp(9)), libc::EADDRINUSE);
    assert_eq!(errno(host.bind_udp_at(at("0.0.0.0", 9))), libc::EADDRINUSE);
    assert!(host.bind_udp_at(at("198.51.100.3", 9)).is_ok(), "another address");
    assert_eq!(errno(host.bind_udp_at(at(B, 9))), libc::EADDRNOTAVAIL);
}

#[test]
fn ephemeral_ports_are_dynamic_distinct_and_drawn_by_seed_and_name() {
    let draw = |seed| {
        let two = two_hosts(Seed::new(seed), (), SimDuration::ZERO);
        let mut world = two.world;
        let sockets = [two.a, two.b].map(|id| {
            let host = world.host(id);
            (0..500).map(|_| host.bind_udp(0).unwrap()).collect::<Vec<_>>()
        });
        sockets.map(|s| s.iter().map(|s| s.local_addr().port()).collect::<Vec<_>>())
    };
    let [a, b] = draw(1);
    assert!(a.iter().chain(&b).all(|port| *port >= 49_152));
    let mut distinct = a.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 500);
    assert_ne!(a, b);
    assert_eq!([a.clone(), b], draw(1));
    assert_ne!(a, draw(2)[0]);
}

#[test]
fn the_last_ephemeral_port_is_found_and_then_there_is_none() {
    let mut two = two();
    let host = two.world.host(two.a);
    let sockets: Vec<_> = (0..16_384).map(|_| host.bind_udp(0).unwrap()).collect();
    assert_eq!(errno(host.bind_udp(0)), libc::EADDRINUSE);
    let port = sockets[7].local_addr().port();
    drop(sockets.into_iter().nth(7));
    // All of them are closed now; any can be had again.
    assert_eq!(host.bind_udp(port).unwrap().local_addr().port(), port);
}

#[test]
fn sending_refuses_what_an_operating_system_refuses() {
    let mut two = two();
    let socket = two.world.host(two.a).bind_udp(0).unwrap();
    assert_eq!(errno(socket.send_to(&[0; 65_508], at(B, 9))), libc::EMSGSIZE);
    assert_eq!(socket.send_to(&[0; 65_507], at(B, 9)).unwrap(), 65_507);
    assert_eq!(errno(socket.send_to(b"x", at("2001:db8::2", 9))), libc::EAFNOSUPPORT);
    assert_eq!(errno(socket.send_to(b"x", at(B, 0))), libc::EINVAL);
    socket.close();
    assert_eq!(errno(socket.send_to(b"x", at(B, 9))), libc::EBADF);
    assert_eq!(errno(socket.try_recv()), libc::EBADF);
}

#[test]
fn a_wildcard_socket_hears_all_addresses_of_its_version_and_sends_from_the_first() {
    let got = run_on_fresh_thread(Seed::new(1), || {
        let (mut world, m, b) = multihomed();
        let (m, b, handle) = (world.host(m), world.host(b), world.handle());
        let main = async move {
            let any = m.bind_udp_at(at("0.0.0.0", 9)).unwrap();
            let (v4, v6) = (b.bind_udp(5).unwrap(), b.bind_udp_at(at("2001:db8::2", 5)).unwrap());
            for address in [A, "198.51.100.3"] {
                v4.send_to(b"x", at(address, 9)).unwrap();
            }
            v6.send_to(b"x", at("2001:db8::1", 9)).unwrap();
            any.send_to(b"y", at(B, 5)).unwrap();
            handle.sleep_until(ms(10)).await;
            let heard = std::iter::from_fn(|| any.try_recv().unwrap()).map(|d| d.local.ip);
            (heard.collect::<Vec<_>>(), v4.try_recv().unwrap().map(|d| d.remote.ip))
        };
        world.run_async(main).unwrap().output.unwrap()
    });
    assert_eq!(got, Ok((vec![ip(A), ip("198.51.100.3")], Some(ip(A)))));
}

#[test]
fn a_host_reaches_its_own_sockets_in_the_same_instant() {
    let got = run_on_fresh_thread(Seed::new(1), || {
        let mut two = two();
        let (a, handle) = (two.world.host(two.a), two.world.handle());
        two.world.run_async(async move {
            let (x, y) = (a.bind_udp(1).unwrap(), a.bind_udp(2).unwrap());
            x.send_to(b"to myself", at(A, 2)).unwrap();
            let datagram = y.recv().await.unwrap();
            (datagram.payload, datagram.remote.port, handle.now())
        })
    });
    let expected = (Bytes::from_static(b"to myself"), 1, SimTime::ZERO);
    assert_eq!(got.unwrap().unwrap().output, Some(expected));
}

#[test]
fn every_waiting_reader_is_served_and_closing_ends_the_wait() {
    let got = run_on_fresh_thread(Seed::new(1), || {
        let mut two = two();
        let (a, b, handle) = (two.world.host(two.a), two.world.host(two.b), two.world.handle());
        two.world.run_async(async move {
            let receiver = Arc::new(b.bind_udp(9).unwrap());
            let readers: Vec<_> = (0..3)
                .map(|_| {
                    let receiver = Arc::clone(&receiver);
                    handle.spawn(async move {
                        let mut buffer = [0; 3];
                        receiver.recv_from(&mut buffer).await.map(|(length, _)| (length, buffer))
                    })
                })
                .collect();
            let sender = a.bind_udp(1).unwrap();
            sender.send_to(b"longer than the buffer", at(B, 9)).unwrap();
            sender.send_to(b"sh", at(B, 9)).unwrap();
            handle.sleep_until(ms(20)).await;
            receiver.close();
            let mut results = Vec::new();
            for reader in readers {
                results.push(reader.await.unwrap().map_err(|error| error.raw_os_error()));
            }
            results
        })
    });
    let expected = vec![Ok((3, *b"lon")), Ok((2, *b"sh\0")), Err(Some(libc::EBADF))];
    assert_eq!(got.unwrap().unwrap().output, Some(expected));
}

#[test]
fn a_closed_socket_is_not_mistaken_for_the_one_that_took_its_place() {
    let mut two = two();
    let host = two.world.host(two.a);
    let old = host.bind_udp(9).unwrap();
    old.close();
    let new = host.bind_udp(9).unwrap();
    assert_eq!(errno(old.try_recv()), libc::EBADF);
    drop(old);
    assert!(new.try_recv().unwrap().is_none(), "dropping the old one left the new one open");
}

#[test]
fn payload_memory_is_used_again() {
    // A datagram that stays keeps its bytes although thousands more were cut from the buffer.
    let kept = run_on_fresh_thread(Seed::new(1), || {
        let mut two = two();
        let (a, b) = (two.world.host(two.a), two.world.host(two.b));
        two.world.run_async(async move {
            let receiver = b.bind_udp(9).unwrap();
            let sender = a.bind_udp(1).unwrap();
            let mut kept = Vec::new();
            for round in 0..2_000_u32 {
                let payload = [round.to_le_bytes(); 300];
                sender.send_to(payload.as_flattened(), at(B, 9)).unwrap();
                let datagram = receiver.recv().await.unwrap();
                if round.is_multiple_of(100) {
                    kept.push((round, datagram.payload));
                }
            }
            kept
        })
    });
    let kept = kept.unwrap().unwrap().output.unwrap();
    assert_eq!(kept.len(), 20);
    assert!(
        kept.iter()
            .all(|(round, payload)| payload[..] == *[round.to_le_bytes(); 300].as_flattened())
    );
}
