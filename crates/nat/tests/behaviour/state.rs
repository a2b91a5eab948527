//! What the NAT keeps, for how long, and how much of it.

use natbed_nat::{
    Filtering, Forward, Mapping, NatConfig, Outbound, PortAllocation, PortClasses, WanInput,
};
use natbed_packet::{DropReason, Endpoint, Protocol};
use natbed_units::SimTime;

use crate::lab::{EXTERNAL, Lab, echo_request, ep, ip, secs, tcp, udp};

const HOST: &str = "192.168.1.10:5000";
const SERVER: &str = "203.0.113.1:3478";
const OTHER: &str = "203.0.113.2:3478";

fn eif() -> NatConfig {
    NatConfig { filtering: Filtering::EndpointIndependent, ..NatConfig::default() }
}

fn forward(external_port: u16, internal: &str) -> Forward {
    Forward { protocol: Protocol::Udp, external_port, internal: internal.parse().unwrap() }
}

#[test]
fn what_has_expired_never_translates_and_frees_its_port() {
    // Never told the time but by packets.
    let ports = PortAllocation::Preserve;
    let mut lab = Lab::new(NatConfig { ports, ..eif() });
    assert_eq!(lab.port(HOST, SERVER), 5000);
    lab.wait(secs(300));
    assert_eq!(lab.back(SERVER, 5000), Err(DropReason::NoMapping));
    assert_eq!(lab.port("192.168.1.11:5000", SERVER), 5000);
}

#[test]
fn timeouts_are_announced_and_may_be_handled_early_late_or_twice() {
    let mut lab = Lab::new(NatConfig::default());
    assert_eq!(lab.nat.poll_timeout(), None);
    lab.port(HOST, SERVER);
    assert_eq!(lab.nat.poll_timeout(), Some(SimTime::ZERO + secs(300)));
    lab.wait(secs(200));
    lab.port(HOST, SERVER);
    let mut wakeups = 0;
    while let Some(at) = lab.nat.poll_timeout() {
        assert!(at <= SimTime::ZERO + secs(500), "nothing lives longer");
        wakeups += 1;
        lab.nat.handle_timeout(SimTime::ZERO);
        lab.nat.handle_timeout(at);
        lab.nat.handle_timeout(at);
    }
    assert_eq!(wakeups, 2, "armed again once");
    assert_eq!((lab.nat.flow_count(), lab.nat.mapping_count()), (0, 0));
}

#[test]
fn a_mapping_lives_as_long_as_its_last_flow() {
    let mut lab = Lab::new(NatConfig::default());
    let port = lab.port(HOST, SERVER);
    lab.wait(secs(200));
    assert_eq!(lab.port(HOST, OTHER), port);
    lab.wait(secs(200));
    // The permission of the first server went with its flow, the mapping did not.
    assert_eq!(lab.back(SERVER, port), Err(DropReason::Filtered));
    assert_eq!(lab.back(OTHER, port), Ok(ep(HOST)));
    assert_eq!(lab.port(HOST, SERVER), port);
}

#[test]
fn an_address_is_let_in_as_long_as_there_is_a_flow_with_it() {
    let filtering = Filtering::AddressDependent;
    let mut lab = Lab::new(NatConfig { filtering, ..NatConfig::default() });
    let port = lab.port(HOST, SERVER);
    lab.wait(secs(100));
    lab.port(HOST, "203.0.113.1:3479");
    lab.port(HOST, OTHER);
    lab.wait(secs(250));
    assert_eq!(lab.back("203.0.113.1:9", port), Ok(ep(HOST)), "one flow with it is left");
    lab.port(HOST, OTHER);
    lab.wait(secs(299));
    lab.port(HOST, OTHER);
    lab.wait(secs(1));
    assert_eq!(lab.back("203.0.113.1:10", port), Err(DropReason::Filtered));
}

#[test]
fn without_inbound_refresh_outsiders_cannot_hold_anything() {
    for filtering in [Filtering::EndpointIndependent, Filtering::AddressDependent] {
        let config = NatConfig { filtering, refresh_inbound: false, ..NatConfig::default() };
        let mut lab = Lab::new(config);
        let port = lab.port(HOST, SERVER);
        // Always from a new port, so that each packet would be a flow of its own.
        for n in 0..29 {
            lab.wait(secs(10));
            let from = Endpoint::new(ip("203.0.113.1"), 10_000 + n);
            assert_eq!(lab.back_from(from, port), Ok(ep(HOST)));
        }
        assert_eq!(lab.nat.flow_count(), 1);
        lab.wait(secs(10));
        assert_eq!(lab.back(SERVER, port), Err(DropReason::NoMapping), "{filtering}");
    }
}

#[test]
fn with_inbound_refresh_outsiders_hold_the_mapping() {
    let mut lab = Lab::new(eif());
    let port = lab.port(HOST, SERVER);
    for _ in 0..10 {
        lab.wait(secs(299));
        assert_eq!(lab.back("203.0.113.9:9", port), Ok(ep(HOST)));
    }
    assert_eq!(lab.port(HOST, OTHER), port);
}

#[test]
fn without_outbound_refresh_a_flow_ends_on_time() {
    let refresh = NatConfig { refresh_outbound: false, ..NatConfig::default() };
    let mut lab = Lab::new(refresh);
    let port = lab.port(HOST, SERVER);
    lab.wait(secs(299));
    assert_eq!(lab.port(HOST, SERVER), port);
    lab.wait(secs(1));
    assert_eq!(lab.back(SERVER, port), Err(DropReason::NoMapping));
}

#[test]
fn the_first_answer_starts_the_stream_timer_when_there_is_no_age_to_reach() {
    let mut lab = Lab::profile("rfc6888-cgn");
    let port = lab.port(HOST, SERVER);
    assert_eq!(lab.back(SERVER, port), Ok(ep(HOST)));
    lab.wait(secs(299));
    assert_eq!(lab.back(SERVER, port), Ok(ep(HOST)));
    let port = lab.port("192.168.1.11:5000", SERVER);
    lab.wait(secs(120));
    assert_eq!(lab.back(SERVER, port), Err(DropReason::NoMapping));
}

#[test]
fn a_shorter_stream_timer_ends_a_flow_earlier() {
    let mut lab = Lab::new(NatConfig { udp_stream_timeout: secs(60), ..NatConfig::default() });
    let port = lab.port(HOST, SERVER);
    lab.back(SERVER, port).unwrap();
    lab.nat.handle_timeout(lab.now + secs(59));
    assert_eq!(lab.nat.flow_count(), 1);
    lab.nat.handle_timeout(lab.now + secs(60));
    assert_eq!(lab.nat.flow_count(), 0);
}

#[test]
fn each_protocol_has_its_own_timer_and_ports() {
    let config = NatConfig { ports: PortAllocation::Preserve, ..NatConfig::default() };
    let mut lab = Lab::new(config);
    let mut segment = tcp(ep(HOST), ep(SERVER));
    lab.send(&mut segment).unwrap();
    assert_eq!(segment.source_endpoint(), Some(Endpoint::new(ip(EXTERNAL), 5000)));
    lab.receive(&mut tcp(ep(SERVER), Endpoint::new(ip(EXTERNAL), 5000))).unwrap();
    assert_eq!(lab.port(HOST, SERVER), 5000, "the same port of another protocol");
    lab.send(&mut echo_request("192.168.1.10", "203.0.113.1", 5000)).unwrap();
    let mut left = |at| {
        lab.nat.handle_timeout(SimTime::ZERO + secs(at));
        lab.nat.flow_count()
    };
    assert_eq!([left(59), left(60)], [3, 2], "icmp");
    assert_eq!([left(299), left(300)], [2, 1], "udp");
    assert_eq!([left(7439), left(7440)], [1, 0], "tcp");
}

#[test]
fn a_full_table_refuses_new_flows_and_keeps_the_old() {
    let mut lab = Lab::new(NatConfig { max_flows: 2, ..eif() });
    let port = lab.port(HOST, SERVER);
    lab.port(HOST, OTHER);
    assert_eq!(lab.out(HOST, "203.0.113.3:9"), Err(DropReason::TableFull));
    assert_eq!(lab.back("203.0.113.3:9", port), Err(DropReason::TableFull));
    assert_eq!(lab.port(HOST, SERVER), port);
    assert_eq!(lab.back(OTHER, port), Ok(ep(HOST)));
    lab.wait(secs(300));
    lab.out(HOST, "203.0.113.3:9").unwrap();
}

#[test]
fn exhausted_ports_refuse_new_mappings_and_keep_the_old() {
    // The class below 512 is small: 511 ports.
    let port_classes = PortClasses::Three;
    for ports in [PortAllocation::Preserve, PortAllocation::Random] {
        let mut lab = Lab::new(NatConfig { ports, port_classes, ..NatConfig::default() });
        let hosts: Vec<_> = (0..511).map(|n| format!("10.0.{}.{}:100", n / 256, n % 256)).collect();
        let given: Vec<_> = hosts.iter().map(|host| lab.port(host, SERVER)).collect();
        let refused = lab.out("10.0.9.9:100", SERVER);
        assert_eq!(refused, Err(DropReason::PortsExhausted), "{ports}");
        for (host, port) in hosts.iter().zip(&given) {
            assert_eq!(lab.back(SERVER, *port), Ok(ep(host)), "{ports}");
        }
        assert_eq!(lab.nat.mapping_count(), 511);
        lab.port("10.0.9.9:5000", SERVER);
    }
}

#[test]
fn sequential_ports_go_around_and_are_given_again_only_then() {
    let ports = PortAllocation::Sequential;
    let mut lab = Lab::new(NatConfig { ports, ..NatConfig::default() });
    let first = lab.port(HOST, SERVER);
    lab.wait(secs(300));
    assert_eq!(lab.port(HOST, SERVER), first + 1, "the first is free again");
    let host = |n: u16| Endpoint::new(ip("10.0.0.1"), n);
    let mut given: Vec<u16> = Vec::new();
    for n in 1024..65535 {
        let mut packet = udp(host(n), ep(SERVER));
        lab.send(&mut packet).unwrap();
        given.push(packet.source_endpoint().unwrap().port);
    }
    let next = |port: u16| port.checked_add(1).unwrap_or(1024);
    assert!(given.windows(2).all(|pair| pair[1] == next(pair[0])));
    assert_eq!((given.first(), given.last()), (Some(&(first + 2)), Some(&first)));
    let refused = lab.send(&mut udp(host(65535), ep(SERVER)));
    assert_eq!(refused, Err(DropReason::PortsExhausted));
}

#[test]
fn overloading_runs_out_of_ports_toward_one_destination_only() {
    let mut lab = Lab::profile("linux-masquerade");
    let hosts = (0..600).map(|n| format!("10.0.{}.{}:100", n / 256, n % 256));
    let sent: Vec<_> = hosts.map(|host| lab.out(&host, SERVER)).collect();
    assert_eq!(sent.iter().filter(|sent| sent.is_ok()).count(), 511);
    assert!(sent.contains(&Err(DropReason::PortsExhausted)));
    assert_eq!(lab.port("10.0.9.9:100", OTHER), 100);
}

#[test]
fn overloading_gives_up_as_early_as_linux_does() {
    // 400 ports in a row are taken, 111 are free. Of all random starts, 128 tries miss the free
    // ones with probability 272/511; 64, 32, 16 and 8 more tries bring that down to 14 %.
    let config = natbed_nat::profile("linux-masquerade").unwrap().behaviour.nat().unwrap().clone();
    let refused = (0..100).filter(|seed| {
        let mut lab = Lab::seeded(config.clone(), *seed);
        for port in 1..=400 {
            assert_eq!(lab.port(&format!("10.0.0.1:{port}"), SERVER), port);
        }
        lab.out("10.0.0.2:100", SERVER).is_err()
    });
    let refused = refused.count();
    assert!((5..25).contains(&refused), "{refused} of 100");
}

#[test]
fn a_forward_lets_everybody_in_for_ever() {
    for mapping in Mapping::ALL {
        let forwards = vec![forward(8080, "192.168.1.20:80")];
        let mut lab = Lab::new(NatConfig { mapping: *mapping, forwards, ..NatConfig::default() });
        lab.wait(secs(1_000_000));
        assert_eq!(lab.back(SERVER, 8080), Ok(ep("192.168.1.20:80")));
        assert_eq!(lab.port("192.168.1.20:80", SERVER), 8080, "{mapping}: the answer");
        assert_eq!(lab.port("192.168.1.20:80", OTHER), 8080, "{mapping}: on its own account");
        assert_eq!(lab.nat.mapping_count(), 1);
        let mut segment = tcp(ep(SERVER), Endpoint::new(ip(EXTERNAL), 8080));
        assert_eq!(lab.receive(&mut segment), Err(DropReason::NoMapping), "udp only");
    }
}

#[test]
fn a_forwarded_port_is_never_given_away() {
    for ports in [PortAllocation::Preserve, PortAllocation::Sequential, PortAllocation::Random] {
        // All of the class below 512 but one port is forwarded.
        let forwards = (1..511).map(|port| forward(port, "192.168.1.20:80")).collect();
        let port_classes = PortClasses::Three;
        let mut lab = Lab::new(NatConfig { ports, port_classes, forwards, ..NatConfig::default() });
        let port = lab.port("192.168.1.10:100", SERVER);
        if ports == PortAllocation::Sequential {
            assert!(port >= 1024);
        } else {
            assert_eq!(port, 511, "{ports}");
            let refused = lab.out("192.168.1.11:100", SERVER);
            assert_eq!(refused, Err(DropReason::PortsExhausted), "{ports}");
        }
    }
}

#[test]
fn a_flush_forgets_all_but_the_forwards() {
    let forwards = vec![forward(8080, "192.168.1.20:80")];
    let mut lab = Lab::new(NatConfig { forwards, ..eif() });
    let port = lab.port(HOST, SERVER);
    lab.port("192.168.1.20:80", SERVER);
    lab.nat.flush();
    assert_eq!((lab.nat.flow_count(), lab.nat.mapping_count()), (0, 1));
    assert_eq!(lab.nat.poll_timeout(), None);
    assert_eq!(lab.back(SERVER, port), Err(DropReason::NoMapping));
    assert_eq!(lab.back(SERVER, 8080), Ok(ep("192.168.1.20:80")));
    assert_ne!(lab.port(HOST, SERVER), port, "a new mapping, drawn anew");
}

#[test]
fn an_accepting_wan_input_breaks_punching_behind_any_allocation() {
    for ports in PortAllocation::ALL {
        let config =
            NatConfig { ports: *ports, wan_input: WanInput::Accept, ..NatConfig::default() };
        let mut lab = Lab::new(config);
        let port = lab.port(HOST, SERVER);
        assert_eq!(lab.back("198.51.100.7:9", port), Err(DropReason::WanInputClosed));
        match lab.out(HOST, "198.51.100.7:9") {
            Ok(other) => assert_ne!(other.port, port, "{ports}"),
            Err(reason) => {
                assert_eq!((*ports, reason), (PortAllocation::Strict, DropReason::PortClash));
            }
        }
        assert_eq!(lab.port(HOST, SERVER), port, "{ports}");
    }
}

#[test]
fn an_accepted_packet_takes_a_port_that_nobody_had_yet() {
    for ports in [PortAllocation::Preserve, PortAllocation::PreserveWithOverload] {
        let refresh_inbound = false;
        let wan_input = WanInput::Accept;
        let config = NatConfig { ports, wan_input, refresh_inbound, ..NatConfig::default() };
        let mut lab = Lab::new(config);
        // Each packet renews it, whatever holds for mappings.
        for _ in 0..2 {
            assert_eq!(lab.back("198.51.100.7:9", 5000), Err(DropReason::WanInputClosed));
            lab.wait(secs(200));
        }
        assert_ne!(lab.port(HOST, "198.51.100.7:9"), 5000, "{ports}");
        lab.wait(secs(300));
        assert_eq!(lab.port(HOST, "198.51.100.7:9"), 5000, "{ports}");
    }
}

#[test]
fn an_accepting_wan_input_remembers_udp_only_and_no_more_than_fits() {
    let wan_input = WanInput::Accept;
    let mut lab = Lab::new(NatConfig { wan_input, max_flows: 1, ..NatConfig::default() });
    let closed = Err(DropReason::WanInputClosed);
    assert_eq!(lab.receive(&mut tcp(ep(SERVER), ep("198.18.0.1:80"))), closed);
    assert_eq!(lab.nat.flow_count(), 0);
    assert_eq!(lab.back(SERVER, 80), Err(DropReason::WanInputClosed));
    assert_eq!((lab.nat.flow_count(), lab.nat.mapping_count()), (1, 0));
    assert_eq!(lab.back(OTHER, 80), Err(DropReason::TableFull));
}

#[test]
fn ipv6_is_translated_alike_and_the_versions_never_mix() {
    use natbed_units::Seed;
    let external = ip("2001:db8::1");
    let mut nat = natbed_nat::Nat::new(eif(), external, Seed::new(1).rng("nat")).unwrap();
    let (host, server) = (ep("[fd00::10]:5000"), ep("[2001:db8:1::1]:3478"));
    let mut there = udp(host, server);
    let Ok(Outbound::Forwarded(translation)) = nat.outbound(SimTime::ZERO, &mut there) else {
        panic!("it is forwarded")
    };
    assert_eq!(translation.after.ip, external);
    let mut back = udp(server, translation.after);
    nat.inbound(SimTime::ZERO, &mut back).unwrap();
    assert_eq!(back, udp(server, host));
    let not_translatable = Err(DropReason::NotTranslatable);
    assert_eq!(
        nat.outbound(SimTime::ZERO, &mut udp(ep(HOST), ep(SERVER))).map(|_| ()),
        not_translatable
    );
    assert_eq!(
        nat.inbound(SimTime::ZERO, &mut udp(ep(SERVER), host)).map(|_| ()),
        not_translatable
    );
}

#[test]
fn a_packet_for_another_address_has_no_mapping() {
    let mut lab = Lab::new(eif());
    let port = lab.port(HOST, SERVER);
    let mut astray = udp(ep(SERVER), Endpoint::new(ip("198.18.0.2"), port));
    assert_eq!(lab.receive(&mut astray), Err(DropReason::NoMapping));
}

#[test]
fn translations_print_for_captures() {
    let mut lab = Lab::profile("rfc4787-recommended");
    let print = |outbound| match outbound {
        Outbound::Forwarded(translation) | Outbound::Hairpinned(translation) => {
            translation.to_string()
        }
    };
    let new = print(lab.send(&mut udp(ep(HOST), ep(SERVER))).unwrap());
    assert_eq!(new, "192.168.1.10:5000 -> 198.18.0.1:5000 (new mapping)");
    let known = print(lab.send(&mut udp(ep(HOST), ep(OTHER))).unwrap());
    assert_eq!(known, "192.168.1.10:5000 -> 198.18.0.1:5000");
    let back = lab.receive(&mut udp(ep(SERVER), ep("198.18.0.1:5000"))).unwrap();
    assert_eq!(back.to_string(), "198.18.0.1:5000 -> 192.168.1.10:5000");
    let hairpinned =
        print(lab.send(&mut udp(ep("192.168.1.11:7"), ep("198.18.0.1:5000"))).unwrap());
    assert_eq!(
        hairpinned,
        "192.168.1.11:7 -> 198.18.0.1:7 (new mapping), hairpinned to 192.168.1.10:5000"
    );
}
