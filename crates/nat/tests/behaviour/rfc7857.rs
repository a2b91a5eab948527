//! RFC 7857: updates to the requirements, as far as ports and addresses are concerned.

use natbed_nat::{NatConfig, PortAllocation, PortClasses};
use natbed_packet::DropReason;

use crate::lab::{Lab, ep, secs, tcp, udp};

const SERVER: &str = "203.0.113.1:3478";
const OTHER: &str = "203.0.113.2:3478";

#[test]
fn req_7857_3_a_port_may_serve_two_hosts_toward_different_destinations() {
    let ports = PortAllocation::PreserveWithOverload;
    let mut lab = Lab::new(NatConfig { ports, ..NatConfig::default() });
    assert_eq!(lab.port("192.168.1.10:5000", SERVER), 5000);
    assert_eq!(lab.port("192.168.1.11:5000", OTHER), 5000);
    assert_eq!(lab.back(SERVER, 5000), Ok(ep("192.168.1.10:5000")));
    assert_eq!(lab.back(OTHER, 5000), Ok(ep("192.168.1.11:5000")));
    assert_ne!(lab.port("192.168.1.12:5000", SERVER), 5000, "not toward the same one");
}

#[test]
fn req_7857_4_a_paired_host_whose_address_is_exhausted_gets_no_other() {
    let port_classes = PortClasses::Three;
    let mut lab = Lab::pooled(NatConfig { port_classes, ..NatConfig::default() }, 2);
    let home = lab.out("10.0.0.1:5000", SERVER).unwrap().ip;
    // 511 ports below 512 at each address; others fill those of the first host's.
    let mut filled = 0;
    for n in 0..3000_u16 {
        let host = format!("10.1.{}.{}", n / 256, n % 256);
        if lab.out(&format!("{host}:5000"), SERVER).unwrap().ip == home {
            let sent = lab.out(&format!("{host}:100"), SERVER);
            assert_eq!(sent.is_ok(), filled < 511);
            filled += u16::from(sent.is_ok());
        }
    }
    assert_eq!(filled, 511);
    // REQ-2 for all protocols (the update): TCP ports below 512 are free, but at one address.
    assert_eq!(lab.out("10.0.0.1:100", SERVER), Err(DropReason::PortsExhausted));
    let mut segment = tcp(ep("10.0.0.1:100"), ep(SERVER));
    lab.send(&mut segment).unwrap();
    assert_eq!(segment.source, home);
    // Who has no address yet gets the one with room.
    for n in 0..20 {
        let external = lab.out(&format!("10.2.0.{n}:100"), SERVER).unwrap();
        assert_ne!(external.ip, home);
    }
}

#[test]
fn req_7857_8_parity_is_off_unless_asked_for() {
    assert!(!NatConfig::default().port_parity);
    for port_parity in [false, true] {
        let mut lab = Lab::new(NatConfig { port_parity, ..NatConfig::default() });
        let mut ports = (1..=40).map(|host| lab.port(&format!("192.168.1.{host}:5000"), SERVER));
        assert_eq!(ports.all(|port| port % 2 == 0), port_parity);
    }
}

#[test]
fn req_7857_9_a_port_that_must_change_changes_to_a_random_one() {
    for (ports, kept) in [(PortAllocation::Preserve, 1), (PortAllocation::Random, 0)] {
        for port_parity in [false, true] {
            let mut lab = Lab::new(NatConfig { ports, port_parity, ..NatConfig::default() });
            let given: Vec<_> =
                (1..=100).map(|host| lab.port(&format!("192.168.1.{host}:5000"), SERVER)).collect();
            assert_eq!(given.iter().filter(|port| **port == 5000).count(), kept, "{ports}");
            let near = given.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 1000).count();
            assert!(near < 20, "{ports}: {near} of 99 are near the one before");
            if port_parity {
                assert!(given.iter().all(|port| port % 2 == 0), "{ports}");
            }
        }
    }
    // Preserved when it need not change.
    let mut lab = Lab::new(NatConfig { ports: PortAllocation::Preserve, ..NatConfig::default() });
    for port in [1024, 5000, 65535] {
        lab.send(&mut udp(ep(&format!("192.168.1.10:{port}")), ep(SERVER))).unwrap();
        assert_eq!(lab.back(SERVER, port), Ok(ep(&format!("192.168.1.10:{port}"))));
    }
    lab.wait(secs(300));
    assert_eq!(lab.port("192.168.1.11:5000", SERVER), 5000);
}
