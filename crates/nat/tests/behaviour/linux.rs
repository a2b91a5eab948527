//! Linux masquerade, held against what was measured on Linux 6.18 with nftables: two clients behind
//! one router, both sending from port 40000, toward four server endpoints.

use natbed_nat::{NatConfig, Outbound, WanInput, profile};
use natbed_packet::{DropReason, IcmpErrorKind};

use crate::lab::{EXTERNAL, Lab, echo_request, ep, secs, udp};

const FIRST: &str = "192.168.1.10:40000";
const SECOND: &str = "192.168.1.11:40000";
const SERVERS: [&str; 4] =
    ["203.0.113.1:3478", "203.0.113.1:3479", "203.0.113.2:3478", "203.0.113.2:3479"];
const PEER: &str = "198.51.100.7:50000";

fn linux() -> Lab {
    Lab::profile("linux-masquerade")
}

#[test]
fn linux_t1_one_socket_keeps_its_port_toward_four_destinations() {
    let mut lab = linux();
    assert_eq!(SERVERS.map(|to| lab.port(FIRST, to)), [40000; 4]);
}

#[test]
fn linux_t1_random_has_another_port_for_each_destination() {
    let mut lab = Lab::profile("linux-masquerade-random");
    let mut ports = SERVERS.map(|to| lab.port(FIRST, to));
    assert!(!ports.contains(&40000));
    ports.sort_unstable();
    assert!(ports.windows(2).all(|pair| pair[0] != pair[1]), "{ports:?}");
}

#[test]
fn linux_t2_a_clash_takes_a_random_port_of_the_class() {
    let mut lab = linux();
    assert_eq!(lab.port(FIRST, SERVERS[0]), 40000);
    let port = lab.port(SECOND, SERVERS[0]);
    assert_ne!(port, 40000);
    assert!(port >= 1024);
    assert_eq!(lab.back(SERVERS[0], 40000), Ok(ep(FIRST)));
    assert_eq!(lab.back(SERVERS[0], port), Ok(ep(SECOND)));
}

#[test]
fn linux_t2b_sticky_port_after_a_clash_and_old_flows_keep_theirs() {
    let mut lab = linux();
    assert_eq!(lab.port(SECOND, SERVERS[1]), 40000, "no clash yet");
    assert_eq!(lab.port(FIRST, SERVERS[0]), 40000);
    let port = lab.port(SECOND, SERVERS[0]);
    assert_ne!(port, 40000);
    assert_eq!(lab.port(SECOND, SERVERS[2]), port, "a fresh destination");
    assert_eq!(lab.port(SECOND, SERVERS[1]), 40000, "the old flow");
    assert_eq!(lab.port(FIRST, SERVERS[3]), 40000, "the first client never notices");
}

#[test]
fn linux_t2b_the_sticky_port_is_that_of_the_newest_live_flow() {
    let mut lab = linux();
    lab.port(FIRST, SERVERS[0]);
    let port = lab.port(SECOND, SERVERS[0]);
    lab.wait(secs(20));
    lab.port(FIRST, SERVERS[0]);
    assert_eq!(lab.port(SECOND, SERVERS[1]), port);
    // The flow that clashed has ended, the later one still holds the port.
    lab.wait(secs(20));
    assert_eq!(lab.port(SECOND, SERVERS[2]), port);
    // All have ended: back to the port of its own.
    lab.wait(secs(40));
    assert_eq!(lab.port(SECOND, SERVERS[0]), 40000);
}

#[test]
fn linux_t3_two_clients_share_a_port_toward_different_destinations() {
    let mut lab = linux();
    assert_eq!(lab.port(FIRST, SERVERS[0]), 40000);
    assert_eq!(lab.port(SECOND, SERVERS[2]), 40000);
    assert_eq!(lab.back(SERVERS[0], 40000), Ok(ep(FIRST)));
    assert_eq!(lab.back(SERVERS[2], 40000), Ok(ep(SECOND)));
}

#[test]
fn linux_t2_and_t3_random_draws_another_port_for_the_second_client_each_time() {
    let mut lab = Lab::profile("linux-masquerade-random");
    let mut ports: Vec<_> =
        SERVERS.iter().flat_map(|to| [lab.port(FIRST, to), lab.port(SECOND, to)]).collect();
    assert!(ports.iter().all(|port| *port != 40000 && *port >= 1024), "{ports:?}");
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 8);
}

#[test]
fn linux_t2_the_classes_of_a_clash_are_1_to_511_and_600_to_1023_and_the_rest() {
    for (internal, class) in [
        (1, 1..=511),
        (511, 1..=511),
        (512, 600..=1023),
        (599, 600..=1023),
        (1023, 600..=1023),
        (1024, 1024..=65535),
        (65535, 1024..=65535),
    ] {
        let mut lab = linux();
        let given: Vec<_> = (0..200)
            .map(|host| lab.port(&format!("10.0.0.{host}:{internal}"), SERVERS[0]))
            .collect();
        assert_eq!(given[0], internal, "without a clash it is kept, whatever its class");
        assert!(given[1..].iter().all(|port| class.contains(port)), "{internal}: {given:?}");
        // Random, and all over the class.
        let (least, most) = (given[1..].iter().min().unwrap(), given[1..].iter().max().unwrap());
        let spread = usize::from(most - least);
        assert!(spread > class.len() * 9 / 10, "{internal}: {spread} of {}", class.len());
    }
}

#[test]
fn linux_t2b_the_port_of_another_flow_is_tried_before_the_own() {
    // find_appropriate_src, then the own port, then a random one.
    let mut lab = linux();
    lab.port(FIRST, SERVERS[0]);
    let sticky = lab.port(SECOND, SERVERS[0]);
    // A third client takes the sticky port toward a server: then the own port is kept.
    assert_eq!(lab.port(&format!("192.168.1.12:{sticky}"), SERVERS[1]), sticky);
    assert_eq!(lab.port(SECOND, SERVERS[1]), 40000);
    // Both taken: a random one, which is the sticky one from then on.
    assert_eq!(lab.port(&format!("192.168.1.12:{sticky}"), SERVERS[2]), sticky);
    assert_eq!(lab.port(FIRST, SERVERS[2]), 40000);
    let third = lab.port(SECOND, SERVERS[2]);
    assert!(third != 40000 && third != sticky);
    assert_eq!(lab.port(SECOND, SERVERS[3]), third);
}

#[test]
fn linux_t6_random_lets_in_the_exact_endpoint_only() {
    let mut lab = Lab::profile("linux-masquerade-random");
    let port = lab.port(FIRST, SERVERS[0]);
    assert_eq!(lab.back(SERVERS[1], port), Err(DropReason::Filtered));
    assert_eq!(lab.back(SERVERS[2], port), Err(DropReason::Filtered));
    assert_eq!(lab.back(SERVERS[0], port), Ok(ep(FIRST)));
}

#[test]
fn linux_queries_have_identifiers_of_one_class() {
    let mut lab = linux();
    let mut identifier = |host| {
        let mut ping = echo_request(&format!("10.0.0.{host}"), "203.0.113.1", 7);
        lab.send(&mut ping).unwrap();
        ping.source_endpoint().unwrap().port
    };
    assert_eq!(identifier(0), 7);
    let given: Vec<_> = (1..100).map(identifier).collect();
    assert!(given.iter().any(|identifier| *identifier > 1023), "{given:?}");
}

/// A peer's packet comes before ours goes out; returns what it met, and our port toward the peer.
fn early_peer(wan_input: WanInput) -> (DropReason, u16, Lab) {
    let config = profile("linux-masquerade").unwrap().behaviour.nat().unwrap().clone();
    let mut lab = Lab::new(NatConfig { wan_input, ..config });
    assert_eq!(lab.port(FIRST, SERVERS[0]), 40000);
    let early = lab.back(PEER, 40000).unwrap_err();
    let port = lab.port(FIRST, PEER);
    (early, port, lab)
}

#[test]
fn linux_t4_drop_the_port_is_kept_and_the_answer_delivered() {
    let (early, port, mut lab) = early_peer(WanInput::Drop);
    assert_eq!((early, early.icmp_error()), (DropReason::Filtered, None));
    assert_eq!(port, 40000);
    assert_eq!(lab.back(PEER, 40000), Ok(ep(FIRST)));
}

#[test]
fn linux_t4_reject_the_port_is_kept_and_the_peer_gets_an_error() {
    let (early, port, mut lab) = early_peer(WanInput::Reject);
    assert_eq!(early, DropReason::WanInputRejected);
    assert_eq!(early.icmp_error(), Some(IcmpErrorKind::PortUnreachable));
    assert_eq!(port, 40000);
    assert_eq!(lab.back(PEER, 40000), Ok(ep(FIRST)));
}

#[test]
fn linux_t4_accept_the_port_is_lost_and_punching_with_it() {
    let (early, port, mut lab) = early_peer(WanInput::Accept);
    assert_eq!(early, DropReason::WanInputClosed);
    assert_eq!(early.icmp_error(), Some(IcmpErrorKind::PortUnreachable));
    assert_ne!(port, 40000, "measured: 47185");
    assert_eq!(lab.back(PEER, 40000), Err(DropReason::WanInputClosed));
    // Only toward that peer; and only until the peer has been silent for 30 s.
    assert_eq!(lab.port(FIRST, SERVERS[0]), 40000);
    lab.wait(secs(29));
    assert_eq!(lab.back(PEER, 40000), Err(DropReason::WanInputClosed));
    lab.wait(secs(29));
    assert_ne!(lab.port(SECOND, PEER), 40000);
    lab.wait(secs(1));
    assert_eq!(lab.port("192.168.1.12:40000", PEER), 40000);
}

#[test]
fn linux_t4_accept_is_what_the_profile_of_that_name_does() {
    let accepting = profile("linux-masquerade-wan-input-accept").unwrap().behaviour.nat().unwrap();
    let plain = profile("linux-masquerade").unwrap().behaviour.nat().unwrap().clone();
    assert_eq!(*accepting, NatConfig { wan_input: WanInput::Accept, ..plain });
}

#[test]
fn linux_t6_only_the_exact_endpoint_gets_in() {
    let mut lab = linux();
    let port = lab.port(FIRST, "203.0.113.1:3478");
    assert_eq!(lab.back("203.0.113.1:3479", port), Err(DropReason::Filtered));
    assert_eq!(lab.back("203.0.113.2:3478", port), Err(DropReason::Filtered));
    assert_eq!(lab.back("203.0.113.1:3478", port), Ok(ep(FIRST)));
}

#[test]
fn linux_t7_no_hairpin() {
    let mut lab = linux();
    let port = lab.port(FIRST, SERVERS[0]);
    let mut to_itself = udp(ep(SECOND), ep(&format!("{EXTERNAL}:{port}")));
    assert_eq!(lab.send(&mut to_itself), Err(DropReason::NoHairpin));
    assert!(matches!(lab.send(&mut udp(ep(SECOND), ep(PEER))), Ok(Outbound::Forwarded(_))));
}

#[test]
fn linux_a_one_way_flow_ends_after_30_s() {
    let mut lab = linux();
    lab.port(FIRST, SERVERS[0]);
    lab.wait(secs(29));
    lab.port(FIRST, SERVERS[0]);
    lab.wait(secs(30));
    assert_eq!(lab.back(SERVERS[0], 40000), Err(DropReason::NoMapping));
}

#[test]
fn linux_stream_only_after_two_way_traffic_past_2_s() {
    // When the answer and one more packet from inside pass, and whether the flow is a stream then.
    let cases = [
        (Some(1), 1, false, "two-way, but young"),
        (Some(1), 2, false, "not older than 2 s"),
        (Some(1), 3, true, "two-way and past 2 s"),
        (Some(3), 3, true, "the answer itself was past 2 s"),
        (None, 3, false, "one way only"),
    ];
    for (answer, last, is_stream, why) in cases {
        let mut lab = linux();
        let start = lab.now;
        lab.port(FIRST, SERVERS[0]);
        if let Some(answer) = answer {
            lab.now = start + secs(answer);
            assert_eq!(lab.back(SERVERS[0], 40000), Ok(ep(FIRST)));
        }
        lab.now = start + secs(last);
        lab.port(FIRST, SERVERS[0]);
        lab.wait(secs(31));
        assert_eq!(lab.back(SERVERS[0], 40000).is_ok(), is_stream, "{why}");
        if is_stream {
            lab.wait(secs(119));
            assert!(lab.back(SERVERS[0], 40000).is_ok());
            lab.wait(secs(120));
            assert_eq!(lab.back(SERVERS[0], 40000), Err(DropReason::NoMapping));
        }
    }
}

#[test]
fn linux_the_answer_alone_does_not_start_the_stream() {
    // nf_conntrack_in notes the answer after nf_conntrack_udp_packet has set the timer.
    let mut lab = linux();
    lab.port(FIRST, SERVERS[0]);
    lab.wait(secs(3));
    assert_eq!(lab.back(SERVERS[0], 40000), Ok(ep(FIRST)));
    lab.wait(secs(30));
    assert_eq!(lab.back(SERVERS[0], 40000), Err(DropReason::NoMapping));
}
