//! Several external addresses (RFC 4787 REQ-2, RFC 7857 section 4).

use std::collections::BTreeSet;
use std::net::IpAddr;

use natbed_nat::{Filtering, Forward, Hairpin, NatConfig, NatConfigError, Outbound};
use natbed_nat::{Nat, Pooling, PortAllocation};
use natbed_packet::{DropReason, Endpoint, IcmpErrorKind, Protocol};
use natbed_units::Seed;

use crate::lab::{Lab, ep, error, externals, ip, quoted, secs, tcp, udp};

const HOST: &str = "192.168.1.10:5000";
const SERVER: &str = "203.0.113.1:3478";

fn pooled(pooling: Pooling) -> Lab {
    Lab::pooled(NatConfig { pooling, ..NatConfig::default() }, 3)
}

/// The external addresses of `n` sockets of one host.
fn addresses(lab: &mut Lab, host: &str, n: u16) -> BTreeSet<IpAddr> {
    let sockets = (5000..5000 + n).map(|port| format!("{host}:{port}"));
    sockets.map(|socket| lab.out(&socket, SERVER).unwrap().ip).collect()
}

#[test]
fn req_4787_2_a_paired_host_has_one_external_address() {
    let mut lab = pooled(Pooling::Paired);
    let hosts = (1..=60).map(|host| format!("192.168.1.{host}"));
    let given: Vec<_> = hosts.map(|host| addresses(&mut lab, &host, 5)).collect();
    assert!(given.iter().all(|addresses| addresses.len() == 1), "{given:?}");
    let all: BTreeSet<_> = given.into_iter().flatten().collect();
    assert_eq!(all, externals(3).into_iter().collect(), "all are in use");
}

#[test]
fn req_4787_2_pairing_holds_for_all_protocols_and_as_long_as_there_is_a_mapping() {
    let mut lab = pooled(Pooling::Paired);
    let first = lab.out(HOST, SERVER).unwrap().ip;
    let mut segment = tcp(ep(HOST), ep(SERVER));
    lab.send(&mut segment).unwrap();
    assert_eq!(segment.source, first);
    lab.receive(&mut tcp(ep(SERVER), segment.source_endpoint().unwrap())).unwrap();
    // The UDP mapping ends, the TCP one does not.
    for _ in 0..20 {
        lab.wait(secs(310));
        assert_eq!(lab.out(HOST, SERVER).unwrap().ip, first);
    }
    let mut later = BTreeSet::new();
    for _ in 0..20 {
        lab.wait(secs(7440));
        later.insert(lab.out(HOST, SERVER).unwrap().ip);
    }
    assert_eq!(later.len(), 3, "drawn anew once all mappings are gone");
}

#[test]
fn an_arbitrary_pool_draws_an_address_for_each_mapping() {
    let mut lab = pooled(Pooling::Arbitrary);
    assert_eq!(addresses(&mut lab, "192.168.1.10", 30).len(), 3);
    let known = lab.out(HOST, SERVER).unwrap();
    for n in 1..30 {
        assert_eq!(lab.out(HOST, &format!("203.0.113.2:{n}")), Ok(known), "EIM reuses its mapping");
    }
}

#[test]
fn section_4_of_rfc_7857_who_finds_its_address_exhausted_is_not_moved() {
    let config =
        |pooling| NatConfig { pooling, ports: PortAllocation::Strict, ..NatConfig::default() };
    // A strict port is exhausted as soon as one other has it.
    let mut lab = Lab::pooled(config(Pooling::Paired), 2);
    let given: Vec<_> =
        ["192.168.1.10:1", "192.168.1.11:1"].map(|host| lab.out(host, SERVER).unwrap().ip).into();
    assert_ne!(given[0], given[1], "a host without an address may have any that has room");
    assert_eq!(lab.out("192.168.1.12:1", SERVER), Err(DropReason::PortClash), "none has");
    let third = lab.out("192.168.1.12:2", SERVER).unwrap().ip;
    let other = if third == given[0] { "192.168.1.11:2" } else { "192.168.1.10:2" };
    assert_ne!(lab.out(other, SERVER).unwrap().ip, third);
    assert_eq!(lab.out("192.168.1.12:1", SERVER), Err(DropReason::PortClash));
    for host in ["192.168.1.10:1", "192.168.1.11:1"] {
        assert!(lab.out(host, "203.0.113.2:9").is_ok(), "what exists is kept");
    }

    let mut lab = Lab::pooled(config(Pooling::Arbitrary), 2);
    lab.out("192.168.1.12:2", SERVER).unwrap();
    let given = ["192.168.1.10:1", "192.168.1.12:1"].map(|host| lab.out(host, SERVER).unwrap().ip);
    assert_ne!(given[0], given[1], "an arbitrary pool moves on");
    assert_eq!(lab.out("192.168.1.11:1", SERVER), Err(DropReason::PortClash));
}

#[test]
fn each_address_has_ports_of_its_own() {
    let config = NatConfig {
        pooling: Pooling::Arbitrary,
        filtering: Filtering::EndpointIndependent,
        ports: PortAllocation::Strict,
        ..NatConfig::default()
    };
    let mut lab = Lab::pooled(config, 3);
    let hosts = ["192.168.1.10:5000", "192.168.1.11:5000", "192.168.1.12:5000"];
    let given = hosts.map(|host| lab.out(host, SERVER).unwrap());
    assert_eq!(given.map(|external| external.port), [5000; 3]);
    assert_eq!(BTreeSet::from(given.map(|external| external.ip)).len(), 3);
    for (host, external) in hosts.iter().zip(given) {
        assert_eq!(lab.back_to(ep(SERVER), external), Ok(ep(host)));
        assert_eq!(lab.back_to(ep("203.0.113.9:9"), external), Ok(ep(host)));
    }
    let astray = Endpoint::new(ip("198.18.0.4"), 5000);
    assert_eq!(lab.back_to(ep(SERVER), astray), Err(DropReason::NoMapping));
}

#[test]
fn a_packet_to_any_external_address_is_hairpinned() {
    let config = NatConfig {
        hairpin: Hairpin::ExternalSource,
        filtering: Filtering::EndpointIndependent,
        ports: PortAllocation::Preserve,
        ..NatConfig::default()
    };
    let mut lab = Lab::pooled(config, 3);
    let mut met = BTreeSet::new();
    for n in 1..=20 {
        let host = format!("192.168.1.{n}:7000");
        let external = lab.out(&host, SERVER).unwrap();
        let sender = lab.out(HOST, SERVER).unwrap();
        let mut packet = udp(ep(HOST), external);
        assert!(matches!(lab.send(&mut packet), Ok(Outbound::Hairpinned(_))));
        assert_eq!(packet, udp(sender, ep(&host)));
        // An error about it comes from the address that the packet was sent to.
        let mut error =
            error(&format!("192.168.1.{n}"), IcmpErrorKind::PortUnreachable, sender, ep(&host));
        assert!(matches!(lab.send(&mut error), Ok(Outbound::Hairpinned(_))));
        assert_eq!((error.source, error.destination), (external.ip, ep(HOST).ip));
        assert_eq!((quoted(&error).1.source, quoted(&error).1.destination), (ep(HOST), external));
        met.insert(external.ip);
    }
    assert_eq!(met.len(), 3);
    let mut stray = udp(ep(HOST), ep("198.18.0.3:9"));
    assert_eq!(lab.send(&mut stray), Err(DropReason::NoMapping));
}

#[test]
fn errors_are_translated_at_every_address() {
    let mut lab = pooled(Pooling::Paired);
    for n in 1..=20 {
        let host = format!("192.168.1.{n}:5000");
        let external = lab.out(&host, SERVER).unwrap();
        let mut inward = error("203.0.113.1", IcmpErrorKind::PortUnreachable, external, ep(SERVER));
        lab.receive(&mut inward).unwrap();
        assert_eq!((inward.destination, quoted(&inward).1.source), (ep(&host).ip, ep(&host)));
        let from = ep(&host).ip.to_string();
        let mut outward = error(&from, IcmpErrorKind::PortUnreachable, ep(SERVER), ep(&host));
        lab.send(&mut outward).unwrap();
        assert_eq!((outward.source, quoted(&outward).1.destination), (external.ip, external));
        let other = externals(3).into_iter().find(|address| *address != external.ip).unwrap();
        let elsewhere = Endpoint::new(other, external.port);
        let mut unknown =
            error("203.0.113.1", IcmpErrorKind::PortUnreachable, elsewhere, ep(SERVER));
        assert_eq!(lab.receive(&mut unknown), Err(DropReason::IcmpErrorUnknownFlow));
    }
}

#[test]
fn forwards_are_on_the_first_address_and_pair_their_host_with_it() {
    let forward = Forward {
        protocol: Protocol::Udp,
        external_port: 80,
        internal: "192.168.1.20:80".parse().unwrap(),
    };
    let config = NatConfig { forwards: vec![forward], ..NatConfig::default() };
    let mut lab = Lab::pooled(config, 3);
    let at = |address: &str| Endpoint::new(ip(address), 80);
    assert_eq!(lab.back_to(ep(SERVER), at("198.18.0.1")), Ok(ep("192.168.1.20:80")));
    assert_eq!(lab.back_to(ep(SERVER), at("198.18.0.2")), Err(DropReason::NoMapping));
    assert_eq!(addresses(&mut lab, "192.168.1.20", 20), [ip("198.18.0.1")].into());
    lab.wait(secs(300));
    assert_eq!(addresses(&mut lab, "192.168.1.20", 20), [ip("198.18.0.1")].into());
}

#[test]
fn other_addresses_come_without_the_old_state() {
    let mut lab = pooled(Pooling::Paired);
    let before = lab.out(HOST, SERVER).unwrap();
    let pool: Vec<IpAddr> = vec![ip("198.51.100.1"), ip("198.51.100.2")];
    lab.nat.set_externals(pool.clone()).unwrap();
    assert_eq!((lab.nat.externals(), lab.nat.external()), (&pool[..], pool[0]));
    assert_eq!((lab.nat.flow_count(), lab.nat.mapping_count()), (0, 0));
    assert_eq!(lab.back_to(ep(SERVER), before), Err(DropReason::NoMapping));
    for n in 1..=20 {
        let host = format!("192.168.1.{n}:5000");
        let after = lab.out(&host, SERVER).unwrap();
        assert!(pool.contains(&after.ip));
        assert_eq!(lab.back_to(ep(SERVER), after), Ok(ep(&host)));
    }
    assert_eq!(lab.nat.set_externals(Vec::new()), Err(NatConfigError::NoExternal));
    assert_eq!((lab.nat.externals(), lab.nat.flow_count()), (&pool[..], 20), "nothing changed");
}

#[test]
fn impossible_pools_are_refused() {
    let refusal = |externals: &[&str]| {
        let externals = externals.iter().map(|external| ip(external)).collect();
        let rng = Seed::new(1).rng("nat");
        Nat::with_pool(NatConfig::default(), externals, rng).unwrap_err().to_string()
    };
    assert_eq!(refusal(&[]), "there is no external address");
    assert_eq!(
        refusal(&["198.18.0.1", "198.18.0.2", "198.18.0.1"]),
        "the external address 198.18.0.1 is given twice"
    );
    assert_eq!(
        refusal(&["198.18.0.1", "2001:db8::1"]),
        "the external addresses 198.18.0.1 and 2001:db8::1 are not of one IP version"
    );
    assert_eq!(refusal(&["198.18.0.1", "224.0.0.1"]), "224.0.0.1 cannot be an external address");
    let many = |n: u32| (1..=n).map(|n| IpAddr::V4(n.into())).collect::<Vec<_>>();
    assert_eq!(NatConfig::default().validate(&many(65_536)), Ok(()));
    assert_eq!(
        NatConfig::default().validate(&many(65_537)),
        Err(NatConfigError::TooManyExternals { count: 65_537 })
    );
}
