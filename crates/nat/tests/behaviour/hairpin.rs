//! Hairpinning, beyond RFC 4787 REQ-9.

use natbed_nat::{Filtering, Hairpin, Mapping, NatConfig, Outbound};
use natbed_packet::{DropReason, Endpoint};

use crate::lab::{EXTERNAL, Lab, echo_request, ep, ip, udp};

const A: &str = "192.168.1.10:5000";
const B: &str = "192.168.1.11:6000";
const SERVER: &str = "203.0.113.1:3478";

fn lab(hairpin: Hairpin, filtering: Filtering) -> Lab {
    Lab::new(NatConfig { hairpin, filtering, ..NatConfig::default() })
}

/// Sends from inside to an external endpoint of the NAT; returns who gets it, and from whom.
fn send(lab: &mut Lab, from: &str, to: Endpoint) -> Result<(Endpoint, Endpoint), DropReason> {
    let mut packet = udp(ep(from), to);
    match lab.send(&mut packet)? {
        Outbound::Hairpinned(translation) => {
            let destination = packet.destination_endpoint().unwrap();
            assert_eq!(translation.hairpinned_to, Some(destination));
            Ok((destination, packet.source_endpoint().unwrap()))
        }
        Outbound::Forwarded(translation) => panic!("left the NAT: {translation}"),
    }
}

#[test]
fn external_source_goes_both_ways_once_both_have_sent() {
    for filtering in Filtering::ALL {
        let mut lab = lab(Hairpin::ExternalSource, *filtering);
        let a = lab.out(A, SERVER).unwrap();
        let b = lab.out(B, SERVER).unwrap();
        let first = send(&mut lab, A, b);
        if *filtering == Filtering::EndpointIndependent {
            assert_eq!(first, Ok((ep(B), a)));
        } else {
            assert_eq!(first, Err(DropReason::Filtered), "{filtering}: b has not sent yet");
        }
        assert_eq!(send(&mut lab, B, a), Ok((ep(A), b)), "{filtering}: a has sent to b");
        assert_eq!(send(&mut lab, A, b), Ok((ep(B), a)), "{filtering}");
    }
}

#[test]
fn internal_source_filters_alike_and_shows_the_internal_endpoint() {
    let mut lab = lab(Hairpin::InternalSource, Filtering::AddressAndPortDependent);
    let a = lab.out(A, SERVER).unwrap();
    let b = lab.out(B, SERVER).unwrap();
    assert_eq!(send(&mut lab, A, b), Err(DropReason::Filtered));
    assert_eq!(send(&mut lab, B, a), Ok((ep(A), ep(B))));
    assert_eq!(send(&mut lab, A, b), Ok((ep(B), ep(A))));
}

#[test]
fn no_hairpin_drops_and_leaves_no_state() {
    let mut lab = lab(Hairpin::None, Filtering::EndpointIndependent);
    let b = lab.out(B, SERVER).unwrap();
    let mut packet = udp(ep(A), b);
    assert_eq!(lab.send(&mut packet), Err(DropReason::NoHairpin));
    assert_eq!(packet, udp(ep(A), b), "a dropped packet is left as it was");
    assert_eq!(lab.nat.flow_count(), 1);
}

#[test]
fn what_nobody_took_is_dropped_as_it_would_be_from_outside() {
    let mut lab = lab(Hairpin::ExternalSource, Filtering::EndpointIndependent);
    let nowhere = Endpoint::new(ip(EXTERNAL), 9);
    assert_eq!(send(&mut lab, A, nowhere), Err(DropReason::NoMapping));
    // Pings name no port to map back.
    let mut ping = echo_request("192.168.1.10", EXTERNAL, 7);
    let flows = lab.nat.flow_count();
    assert_eq!(lab.send(&mut ping), Err(DropReason::NoMapping));
    assert_eq!(lab.nat.flow_count(), flows);
}

#[test]
fn a_host_may_reach_itself() {
    let mut lab = lab(Hairpin::ExternalSource, Filtering::AddressAndPortDependent);
    let a = lab.out(A, SERVER).unwrap();
    assert_eq!(send(&mut lab, A, a), Ok((ep(A), a)));
}

#[test]
fn a_symmetric_nat_hairpins_from_another_port() {
    let mapping = Mapping::AddressAndPortDependent;
    let filtering = Filtering::EndpointIndependent;
    let hairpin = Hairpin::ExternalSource;
    let mut lab = Lab::new(NatConfig { mapping, filtering, hairpin, ..NatConfig::default() });
    let a = lab.out(A, SERVER).unwrap();
    let b = lab.out(B, SERVER).unwrap();
    let (to, from) = send(&mut lab, A, b).unwrap();
    assert_eq!(to, ep(B));
    assert_ne!(from, a);
    let (back, other) = send(&mut lab, B, from).unwrap();
    assert_eq!(back, ep(A));
    assert_ne!(other, b);
}

#[test]
fn a_forwarded_port_is_reached_from_inside_too() {
    let forward = natbed_nat::Forward {
        protocol: natbed_packet::Protocol::Udp,
        external_port: 80,
        internal: B.parse().unwrap(),
    };
    let config = NatConfig {
        hairpin: Hairpin::ExternalSource,
        forwards: vec![forward],
        ..NatConfig::default()
    };
    let mut lab = Lab::new(config);
    let (to, from) = send(&mut lab, A, Endpoint::new(ip(EXTERNAL), 80)).unwrap();
    assert_eq!(to, ep(B));
    assert_eq!(send(&mut lab, B, from), Ok((ep(A), Endpoint::new(ip(EXTERNAL), 80))));
}
