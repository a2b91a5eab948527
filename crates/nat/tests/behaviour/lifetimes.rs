//! Timers of the NAT beyond those of TCP, and what it tells when a mapping ends.

use natbed_nat::{Forward, MappingEnded, NatConfig, PortAllocation, Protocol, WanInput};
use natbed_packet::{DropReason, Endpoint};
use natbed_units::SimTime;

use crate::lab::{EXTERNAL, Lab, echo_request, ep, ip, secs, tcp, udp};

const HOST: &str = "192.168.1.10:5000";
const SERVER: &str = "203.0.113.1:3478";

fn preserving() -> NatConfig {
    NatConfig { ports: PortAllocation::Preserve, ..NatConfig::default() }
}

fn ended(lab: &mut Lab) -> Vec<MappingEnded> {
    std::iter::from_fn(|| lab.nat.poll_ended()).collect()
}

fn external(port: u16) -> Endpoint {
    Endpoint::new(ip(EXTERNAL), port)
}

#[test]
fn req_4787_5a_udp_to_a_well_known_port_may_have_another_timer() {
    let config = NatConfig { udp_well_known_timeout: Some(secs(17)), ..preserving() };
    for (to, lives) in [("203.0.113.1:53", 17), ("203.0.113.1:1023", 17), ("203.0.113.1:1024", 300)]
    {
        let mut lab = Lab::new(config.clone());
        let port = lab.port(HOST, to);
        assert_eq!(lab.back(to, port), Ok(ep(HOST)), "no stream either");
        lab.wait(secs(lives - 1));
        assert_eq!(lab.nat.clone().inbound(lab.now, &mut udp(ep(to), external(port))).err(), None);
        lab.wait(secs(1));
        assert_eq!(lab.back(to, port), Err(DropReason::NoMapping), "{to}");
    }
    // It is the port that the flow goes to which counts, and UDP only.
    let mut lab = Lab::new(config);
    lab.port("192.168.1.10:53", SERVER);
    lab.send(&mut tcp(ep(HOST), ep("203.0.113.1:53"))).unwrap();
    lab.nat.handle_timeout(lab.now + secs(200));
    assert_eq!(lab.nat.flow_count(), 2);
}

#[test]
fn every_timer_is_the_one_of_its_name() {
    let config = NatConfig {
        udp_timeout: secs(31),
        udp_stream_timeout: secs(32),
        icmp_timeout: secs(33),
        ..preserving()
    };
    let life = |lab: &Lab| {
        (1..99).find(|seconds| {
            let mut nat = lab.nat.clone();
            nat.handle_timeout(lab.now + secs(*seconds));
            nat.flow_count() == 0
        })
    };
    let mut lab = Lab::new(config.clone());
    lab.port(HOST, SERVER);
    assert_eq!(life(&lab), Some(31));
    lab.back(SERVER, 5000).unwrap();
    assert_eq!(life(&lab), Some(32));
    let mut lab = Lab::new(config);
    lab.send(&mut echo_request("192.168.1.10", "203.0.113.1", 7)).unwrap();
    assert_eq!(life(&lab), Some(33));
}

#[test]
fn ended_mappings_are_told_once_in_order_with_what_they_were() {
    let mut lab = Lab::new(preserving());
    lab.port(HOST, SERVER);
    lab.send(&mut tcp(ep("192.168.1.11:6000"), ep(SERVER))).unwrap();
    lab.wait(secs(100));
    lab.port(HOST, SERVER);
    lab.port(HOST, "203.0.113.2:9");
    assert_eq!(ended(&mut lab), []);
    // Told late, and yet at its time: first TCP, whose timer was set earlier and ends first.
    lab.nat.handle_timeout(lab.now + secs(1000));
    let start = SimTime::ZERO;
    assert_eq!(
        ended(&mut lab),
        [
            MappingEnded {
                at: start + secs(240),
                protocol: Protocol::Tcp,
                internal: ep("192.168.1.11:6000"),
                external: external(6000),
            },
            MappingEnded {
                at: start + secs(400),
                protocol: Protocol::Udp,
                internal: ep(HOST),
                external: external(5000),
            },
        ]
    );
    assert_eq!(ended(&mut lab), []);
}

#[test]
fn a_packet_tells_it_too_and_neither_forwards_nor_flushes_nor_the_box_itself_end_mappings() {
    let internal = "192.168.1.20:80".parse().unwrap();
    let forward = Forward { protocol: Protocol::Udp, external_port: 8080, internal };
    let wan_input = WanInput::Accept;
    let mut lab = Lab::new(NatConfig { forwards: vec![forward], wan_input, ..preserving() });
    lab.back(SERVER, 8080).unwrap();
    assert_eq!(lab.back(SERVER, 9), Err(DropReason::WanInputClosed));
    lab.port(HOST, SERVER);
    lab.wait(secs(300));
    lab.port(HOST, SERVER);
    let told = ended(&mut lab);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].at, told[0].external), (lab.now, external(5000)));
    lab.nat.flush();
    lab.nat.handle_timeout(lab.now + secs(1000));
    assert_eq!(ended(&mut lab), []);
}

#[test]
fn if_nobody_asks_the_oldest_are_forgotten() {
    let mut lab = Lab::new(preserving());
    for port in 1024..1024 + 4100 {
        lab.send(&mut udp(Endpoint::new(ip("192.168.1.10"), port), ep(SERVER))).unwrap();
    }
    lab.nat.handle_timeout(lab.now + secs(300));
    let told = ended(&mut lab);
    assert_eq!(told.len(), 4096);
    assert_eq!(told[0].internal.port, 1024 + 4);
}
