//! The `turn` server on a simulated host.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use natbed_nat::Mapping;
use natbed_network::observe::Route;
use natbed_peer::{IceServers, STUN_PORT};
use natbed_units::SimDuration;

use crate::lab::{FIVE, Lab, candidates};

fn homes() -> Lab {
    Lab::two_homes([Mapping::AddressAndPortDependent; 2])
}

#[test]
fn req_8489_binding_requests_are_answered_without_credentials() {
    // RFC 8489 section 5: type, length, magic cookie, transaction id.
    const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
    let request = [&[0, 1, 0, 0], &COOKIE[..], b"transaction!"].concat();
    let (response, _) = homes().run(async move |site| {
        let (server, asker) = (site.server_address(), site.peers[0].bind_udp(4_000).unwrap());
        let _stacks = site.start().await;
        asker.send_to(&request, server).unwrap();
        asker.recv().await.unwrap().payload
    });
    assert_eq!(response[..2], [0x01, 0x01], "a success response to Binding");
    assert_eq!((&response[4..8], &response[8..20]), (&COOKIE[..], &b"transaction!"[..]));
    // XOR-MAPPED-ADDRESS (section 14.2) of an IPv4 address.
    let at = response.windows(6).position(|w| w == [0x00, 0x20, 0x00, 0x08, 0x00, 0x01]).unwrap();
    let value = &response[at + 8..at + 12];
    let mapped: [u8; 4] = std::array::from_fn(|n| value[n] ^ COOKIE[n]);
    assert_eq!(IpAddr::from(mapped), IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)));
}

#[test]
fn only_the_right_password_gets_a_relayed_candidate() {
    let ((right, wrong), _) = homes().run(async |site| {
        let servers: [IceServers; 2] = [site.turn("secret"), site.turn("wrong")];
        let stacks = site.start().await;
        let agents = [stacks.agent(0, &servers[0]).await, stacks.agent(1, &servers[1]).await];
        (agents[0].gather().await.unwrap(), agents[1].gather().await.unwrap())
    });
    let [relayed] = candidates(&right, "relay")[..] else { panic!("one, in {right:?}") };
    assert_eq!(relayed.ip(), IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)));
    assert_eq!(candidates(&wrong, "relay"), []);
    // The host candidate needs no password.
    assert_eq!(candidates(&wrong, "host").len(), 1);
}

#[test]
fn a_relay_socket_is_closed_with_its_allocation_and_the_servers_own_is_not() {
    homes().run(async |site| {
        let servers = site.turn("secret");
        let stacks = site.start().await;
        let agent = stacks.agent(0, &servers).await;
        let relayed = candidates(&agent.gather().await.unwrap(), "relay")[0];
        let is_taken = |address| {
            let error = stacks.site.server.bind_udp_at(address).err();
            error.is_some_and(|error| error.kind() == io::ErrorKind::AddrInUse)
        };
        assert!(is_taken(relayed));
        agent.close().await;
        stacks.site.handle.sleep(SimDuration::from_secs(1)).await;
        assert!(!is_taken(relayed));
        assert!(is_taken(SocketAddr::new(relayed.ip(), STUN_PORT)));
    });
}

#[test]
fn one_server_relays_a_session_after_another() {
    let (reports, watch) = homes().run(async |site| {
        let stacks = site.start().await;
        let first = stacks.session(FIVE, SimDuration::ZERO).await;
        stacks.site.handle.sleep(SimDuration::from_secs(1)).await;
        [first, stacks.session(FIVE, SimDuration::ZERO).await]
    });
    for report in reports {
        assert!(report.peers.iter().all(|peer| peer.failure.is_none()));
        assert!(report.echoes.iter().all(|echo| echo.lost() == 0));
    }
    // Two sessions, two sides, five probes and their echoes, all through the server.
    let sighting = watch.sighting();
    assert_eq!((sighting.last, sighting.relay), (Some(Route::Relay), 2 * 2 * 5 * 2));
    assert_eq!((sighting.direct, sighting.lan), (0, 0));
}
