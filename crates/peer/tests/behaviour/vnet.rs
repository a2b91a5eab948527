//! The edges of the bridge: sockets that nobody reads, ports that nobody has.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use natbed_packet::{Body, DropReason, Icmp, IcmpErrorKind};
use natbed_units::SimDuration;

use crate::lab::{CORE, Lab, UPLINK};

const ADDRESSES: [&str; 3] = ["198.51.100.1", "198.51.100.2", "198.51.100.3"];
const PORT: u16 = 4_000;

fn lab() -> Lab {
    Lab::public(ADDRESSES, None)
}

/// One way between two public hosts.
fn one_way() -> SimDuration {
    UPLINK + CORE + UPLINK
}

fn b(port: u16) -> SocketAddr {
    SocketAddr::new(ADDRESSES[2].parse().unwrap(), port)
}

#[test]
fn a_burst_into_an_unread_socket_fills_its_buffer_and_no_more() {
    let ((kept, answer), watch) = lab().run(async |site| {
        let sender = site.peers[0].bind_udp(0).unwrap();
        let vnet = site.vnet(1).await;
        let socket = vnet.net().await.unwrap().bind(b(PORT)).await.unwrap();
        for number in 0..2_000_u16 {
            sender.send_to(&number.to_be_bytes(), b(PORT)).unwrap();
        }
        site.handle.sleep(one_way() * 2).await;

        // The full socket holds up neither its host nor itself.
        socket.send_to(b"still here", sender.local_addr()).await.unwrap();
        let answer = sender.recv().await.unwrap();
        let mut kept = Vec::new();
        let mut buffer = [0; 2];
        while kept.len() < 1_024 {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            assert_eq!((length, from), (2, sender.local_addr()));
            kept.push(u16::from_be_bytes(buffer));
        }
        (kept, answer.payload)
    });
    assert_eq!(kept, (0..1_024).collect::<Vec<_>>(), "the oldest stay");
    assert_eq!(&answer[..], b"still here");
    let dropped = BTreeMap::from([(DropReason::SocketBufferFull, 976)]);
    assert_eq!((watch.counters.dropped(), watch.counters.delivered()), (dropped, 1_025));
}

#[test]
fn a_closed_port_is_refused_with_port_unreachable() {
    let ((asker, from), watch) = lab().run(async |site| {
        let sender = site.peers[0].bind_udp(0).unwrap();
        let vnet = site.vnet(1).await;
        let open = vnet.net().await.unwrap().bind(b(PORT)).await.unwrap();
        sender.send_to(b"to the open port", b(PORT)).unwrap();
        sender.send_to(b"to a closed port", b(PORT + 1)).unwrap();
        site.handle.sleep(one_way() * 2).await;
        // A port closes with its socket.
        open.close().await.unwrap();
        sender.send_to(b"to the port closed since", b(PORT)).unwrap();
        site.handle.sleep(one_way() * 2).await;
        (site.peers[0].id(), sender.local_addr())
    });
    assert_eq!(watch.counters.dropped(), BTreeMap::from([(DropReason::PortClosed, 2)]));
    let errors: Vec<_> = watch
        .icmp
        .iter()
        .map(|(at, host, packet)| {
            let Body::Icmp(Icmp::Error { kind, quoted }) = &packet.body else {
                panic!("an error, not {packet:?}");
            };
            assert_eq!((*host, *kind), (asker, IcmpErrorKind::PortUnreachable));
            assert_eq!((packet.source, quoted.source), (b(0).ip(), from.into()));
            (at.since_start(), quoted.destination.port)
        })
        .collect();
    assert_eq!(errors, [(one_way() * 2, PORT + 1), (one_way() * 4, PORT)]);
}
