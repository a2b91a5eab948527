//! What a firewall does beyond rules: rates, ages, logins, and rules that change.

use natbed_nat::{
    Action, Filtering, Firewall, FirewallConfig, FirewallConfigError, PacketRate, Policy, Rule,
    UnsolicitedTcp,
};
use natbed_packet::{DropReason, Endpoint, IcmpErrorKind, Packet, Protocol};
use natbed_units::{SimDuration, SimTime};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::lab::{echo_request, ep, error, ip, secs, segment, tcp, udp};

const HOST: &str = "198.51.100.7:5000";
const FAR: &str = "203.0.113.1:3478";
const START: SimTime = SimTime::ZERO;

fn there() -> Packet {
    udp(ep(HOST), ep(FAR))
}

fn back() -> Packet {
    udp(ep(FAR), ep(HOST))
}

fn stateful() -> FirewallConfig {
    FirewallConfig { inbound: Policy::all(Action::Drop), ..FirewallConfig::default() }
}

fn with_rate(packets_per_second: u32, burst: u32) -> FirewallConfig {
    let udp_rate = Some(PacketRate { packets_per_second, burst });
    FirewallConfig { udp_rate, ..FirewallConfig::default() }
}

#[test]
fn the_udp_rate_is_exact_and_counts_both_directions_together() {
    let mut firewall = Firewall::new(with_rate(3, 2));
    let limited = Err(DropReason::FirewallRateLimited);
    let nanos = |nanos| START + SimDuration::from_nanos(nanos);
    assert_eq!(firewall.outbound(START, &there()), Ok(()));
    assert_eq!(firewall.inbound(START, &back()), Ok(()));
    assert_eq!(firewall.outbound(START, &there()), limited);
    // A token takes a third of a second, which is no whole number of nanoseconds.
    assert_eq!(firewall.outbound(nanos(333_333_333), &there()), limited);
    assert_eq!(firewall.inbound(nanos(333_333_334), &back()), Ok(()));
    // What is left of a nanosecond is not lost: three seconds bring nine tokens, not eight.
    let passed = (1..=90)
        .filter(|n| firewall.outbound(nanos(333_333_334 + n * 33_333_333), &there()).is_ok());
    assert_eq!(passed.count(), 8);
    assert_eq!(firewall.outbound(nanos(3_333_333_334), &there()), Ok(()));
    assert_eq!(DropReason::FirewallRateLimited.icmp_error(), None);
}

#[test]
fn the_udp_bucket_holds_no_more_than_the_burst_and_other_protocols_need_no_token() {
    let mut firewall = Firewall::new(with_rate(1000, 2));
    let later = START + secs(1_000_000_000);
    for now in [START, later] {
        assert_eq!(firewall.outbound(now, &there()), Ok(()));
        assert_eq!(firewall.outbound(now, &there()), Ok(()));
        let limited = Err(DropReason::FirewallRateLimited);
        assert_eq!(firewall.outbound(now, &there()), limited);
        assert_eq!(firewall.outbound(now, &udp(ep(HOST), ep("203.0.113.9:9"))), limited);
        assert_eq!(firewall.outbound(now, &tcp(ep(HOST), ep(FAR))), Ok(()));
        assert_eq!(firewall.outbound(now, &tcp(ep(HOST), ep(FAR))), Ok(()));
        let ping = echo_request("198.51.100.7", "203.0.113.1", 7);
        assert_eq!(firewall.outbound(now, &ping), Ok(()));
    }
    assert_eq!(firewall.flow_count(), 3, "what was limited left no flow");
}

#[test]
fn what_a_rule_drops_takes_no_token() {
    let config = FirewallConfig { inbound: Policy::all(Action::Drop), ..with_rate(1, 1) };
    let mut firewall = Firewall::new(config);
    assert_eq!(firewall.inbound(START, &back()), Err(DropReason::FirewallInbound));
    assert_eq!(firewall.outbound(START, &there()), Ok(()));
}

#[test]
fn a_flow_is_cut_at_its_age_until_nobody_tries_any_more() {
    let max_flow_age = Some(secs(1000));
    let config = FirewallConfig { max_flow_age, ..FirewallConfig::default() };
    let mut firewall = Firewall::new(config);
    let cut = Err(DropReason::FirewallFlowCut);
    for n in 0..10 {
        assert_eq!(firewall.outbound(START + secs(100 * n), &there()), Ok(()));
    }
    let almost = START + SimDuration::from_nanos(999_999_999_999);
    assert_eq!(firewall.inbound(almost, &back()), Ok(()));
    assert_eq!(firewall.inbound(START + secs(1000), &back()), cut);
    assert_eq!(firewall.outbound(START + secs(1299), &there()), cut);
    assert_eq!(firewall.outbound(START + secs(1598), &there()), cut, "each try renews the ban");
    assert_eq!(firewall.outbound(START + secs(1898), &there()), Ok(()), "idle for its time");
    assert_eq!(firewall.outbound(START + secs(1900), &tcp(ep(HOST), ep(FAR))), Ok(()));
    assert_eq!(DropReason::FirewallFlowCut.icmp_error(), None);
}

#[test]
fn nobody_gets_out_of_a_captive_portal_before_the_login() {
    let captive_portal = true;
    let mut firewall = Firewall::new(FirewallConfig { captive_portal, ..stateful() });
    let captive = Err(DropReason::CaptivePortal);
    let kind = IcmpErrorKind::PortUnreachable;
    let about = error("198.51.100.7", kind, ep(FAR), ep(HOST));
    for packet in [there(), tcp(ep(HOST), ep(FAR)), about] {
        assert_eq!(firewall.outbound(START, &packet), captive);
    }
    assert_eq!(firewall.inbound(START, &back()), Err(DropReason::FirewallInbound));
    firewall.log_in(ip("198.51.100.7"));
    assert_eq!(firewall.outbound(START, &there()), Ok(()));
    assert_eq!(firewall.inbound(START, &back()), Ok(()));
    let neighbour = udp(ep("198.51.100.8:5000"), ep(FAR));
    assert_eq!(firewall.outbound(START, &neighbour), captive);
    firewall.flush();
    assert_eq!(firewall.outbound(START, &there()), captive);
    // Without a portal a login means nothing.
    firewall.set_config(stateful());
    assert_eq!(firewall.outbound(START, &neighbour), Ok(()));
}

#[test]
fn a_login_outlives_a_change_of_rules() {
    let captive_portal = true;
    let mut firewall = Firewall::new(FirewallConfig { captive_portal, ..stateful() });
    firewall.log_in(ip("198.51.100.7"));
    firewall.set_config(FirewallConfig { captive_portal, ..FirewallConfig::default() });
    assert_eq!(firewall.outbound(START, &there()), Ok(()));
    assert!(firewall.config().inbound.default == Action::Allow);
}

#[test]
fn new_rules_end_the_flows_that_they_would_not_let_through() {
    let block = Rule {
        action: Action::Reject,
        protocol: Some(Protocol::Udp),
        ports: Some(3478..=3478),
        remote: None,
    };
    let mut firewall = Firewall::new(FirewallConfig::default());
    firewall.set_config(FirewallConfig { udp_timeout: secs(50), ..stateful() });
    firewall.outbound(START, &there()).unwrap();
    firewall.outbound(START, &tcp(ep(HOST), ep(FAR))).unwrap();
    firewall.outbound(START, &udp(ep(HOST), ep("203.0.113.1:9"))).unwrap();
    let rules = vec![block];
    let outbound = Policy { rules, default: Action::Allow };
    firewall.set_config(FirewallConfig { outbound, ..stateful() });
    assert_eq!(firewall.flow_count(), 2);
    assert_eq!(firewall.inbound(START, &back()), Err(DropReason::FirewallInbound));
    assert_eq!(firewall.outbound(START, &there()), Err(DropReason::FirewallRejected));
    assert_eq!(firewall.inbound(START, &tcp(ep(FAR), ep(HOST))), Ok(()));
    // The old idle time until the next packet, the new one after it.
    assert_eq!(firewall.poll_timeout(), Some(START + secs(50)));
    assert_eq!(firewall.inbound(START + secs(49), &udp(ep("203.0.113.1:9"), ep(HOST))), Ok(()));
    assert_eq!(firewall.inbound(START + secs(348), &udp(ep("203.0.113.1:9"), ep(HOST))), Ok(()));
}

#[test]
fn new_rules_for_the_other_direction_end_what_came_in() {
    let mut firewall = Firewall::new(FirewallConfig {
        outbound: Policy::all(Action::Drop),
        ..FirewallConfig::default()
    });
    firewall.inbound(START, &back()).unwrap();
    firewall.set_config(stateful());
    assert_eq!(firewall.flow_count(), 0);
}

#[test]
fn a_new_filter_decides_who_else_may_stay() {
    let eif = FirewallConfig { filtering: Filtering::EndpointIndependent, ..stateful() };
    let stranger = udp(ep("203.0.113.99:9"), ep(HOST));
    for (filtering, stays) in [
        (Filtering::EndpointIndependent, true),
        (Filtering::AddressDependent, false),
        (Filtering::AddressAndPortDependent, false),
    ] {
        let mut firewall = Firewall::new(eif.clone());
        // The flow that gives the permission comes second in the table.
        firewall.outbound(START, &udp(ep(HOST), ep("203.0.113.5:5"))).unwrap();
        firewall.inbound(START, &stranger).unwrap();
        firewall.set_config(FirewallConfig { filtering, ..stateful() });
        assert_eq!(firewall.flow_count(), 1 + usize::from(stays));
        let verdict = firewall.inbound(START, &stranger);
        assert_eq!(verdict.is_ok(), stays, "{filtering}");
        // The permission is counted anew, and ends with its flow.
        firewall.handle_timeout(START + secs(300));
        assert_eq!(
            firewall.inbound(START + secs(300), &stranger),
            Err(DropReason::FirewallInbound)
        );
    }
}

#[test]
fn a_smaller_table_keeps_what_fits_and_one_that_lets_all_pass_nothing() {
    let mut firewall = Firewall::new(stateful());
    for port in 1..=5 {
        firewall.outbound(START, &udp(ep(HOST), Endpoint::new(ip("203.0.113.1"), port))).unwrap();
    }
    firewall.set_config(FirewallConfig { max_flows: 3, ..stateful() });
    assert_eq!(firewall.flow_count(), 3);
    firewall.set_config(FirewallConfig::default());
    assert_eq!((firewall.flow_count(), firewall.poll_timeout()), (0, None));
}

#[test]
fn a_bucket_is_filled_anew_only_if_its_rate_changes() {
    let limited = Err(DropReason::FirewallRateLimited);
    let mut firewall = Firewall::new(with_rate(1, 1));
    firewall.outbound(START, &there()).unwrap();
    firewall.set_config(FirewallConfig { refresh_inbound: false, ..with_rate(1, 1) });
    assert_eq!(firewall.outbound(START, &there()), limited);
    firewall.set_config(with_rate(1, 2));
    assert_eq!(firewall.outbound(START, &there()), Ok(()));
    assert_eq!(firewall.outbound(START, &there()), Ok(()));
    assert_eq!(firewall.outbound(START, &there()), limited);
}

#[test]
fn a_held_syn_is_answered_after_a_change_of_rules_but_not_after_a_flush() {
    let config = FirewallConfig { unsolicited_tcp: UnsolicitedTcp::Delay, ..stateful() };
    let syn = tcp(ep(FAR), ep(HOST));
    let mut firewall = Firewall::new(config);
    assert_eq!(firewall.inbound(START, &syn), Err(DropReason::SynHeld));
    firewall.set_config(stateful());
    firewall.handle_timeout(START + secs(6));
    assert!(firewall.clone().poll_answer().is_some());
    firewall.flush();
    assert_eq!(firewall.poll_answer(), None);
}

#[test]
fn impossible_configurations_are_told() {
    use FirewallConfigError::{AbsurdTime, NoFlows, NoPorts, ZeroRate, ZeroTime};
    assert_eq!(FirewallConfig::default().validate(), Ok(()));
    let zero = SimDuration::ZERO;
    let base = FirewallConfig::default;
    for (config, property) in [
        (FirewallConfig { udp_timeout: zero, ..base() }, "udp_timeout"),
        (FirewallConfig { udp_stream_timeout: zero, ..base() }, "udp_stream_timeout"),
        (FirewallConfig { udp_well_known_timeout: Some(zero), ..base() }, "udp_well_known_timeout"),
        (FirewallConfig { tcp_timeout: zero, ..base() }, "tcp_timeout"),
        (FirewallConfig { tcp_opening_timeout: zero, ..base() }, "tcp_opening_timeout"),
        (FirewallConfig { tcp_closing_timeout: zero, ..base() }, "tcp_closing_timeout"),
        (FirewallConfig { tcp_reset_timeout: zero, ..base() }, "tcp_reset_timeout"),
        (FirewallConfig { icmp_timeout: zero, ..base() }, "icmp_timeout"),
        (FirewallConfig { max_flow_age: Some(zero), ..base() }, "max_flow_age"),
    ] {
        assert_eq!(config.validate(), Err(ZeroTime { property }));
    }
    let year = secs(366 * 86_400);
    assert_eq!(FirewallConfig { tcp_timeout: year, ..base() }.validate(), Ok(()));
    let time = year + SimDuration::from_nanos(1);
    for (config, property) in [
        (FirewallConfig { tcp_timeout: time, ..base() }, "tcp_timeout"),
        (FirewallConfig { max_flow_age: Some(time), ..base() }, "max_flow_age"),
    ] {
        assert_eq!(config.validate(), Err(AbsurdTime { property, time }));
    }
    assert_eq!(with_rate(1, 1).validate(), Ok(()));
    assert_eq!(with_rate(0, 1).validate(), Err(ZeroRate));
    assert_eq!(with_rate(1, 0).validate(), Err(ZeroRate));
    assert_eq!(FirewallConfig { max_flows: 0, ..base() }.validate(), Err(NoFlows));
    #[allow(clippy::reversed_empty_ranges, reason = "that is the mistake")]
    let rule = Rule { action: Action::Drop, protocol: None, ports: Some(9..=7), remote: None };
    let policy = Policy { rules: vec![rule], default: Action::Allow };
    for config in [
        FirewallConfig { outbound: policy.clone(), ..base() },
        FirewallConfig { inbound: policy, ..base() },
    ] {
        assert_eq!(config.validate(), Err(NoPorts { first: 9, last: 7 }));
    }
    assert_eq!(ZeroTime { property: "udp_timeout" }.to_string(), "`udp_timeout` is zero");
}

fn any_endpoint(net: [u8; 3]) -> impl Strategy<Value = Endpoint> {
    (1u8..4, 1u16..4)
        .prop_map(move |(host, port)| Endpoint::new([net[0], net[1], net[2], host].into(), port))
}

fn any_packet() -> impl Strategy<Value = (bool, Packet)> {
    let ends = (any_endpoint([10, 0, 0]), any_endpoint([203, 0, 113]));
    (any::<bool>(), ends, 0u16..512, any::<bool>()).prop_map(
        |(leaves, (host, far), flags, is_tcp)| {
            let (from, to) = if leaves { (host, far) } else { (far, host) };
            let flags = natbed_packet::TcpFlags::from_bits(flags);
            (leaves, if is_tcp { segment(from, to, flags) } else { udp(from, to) })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_gets_in_without_state_that_allows_it(
        filtering in select(Filtering::ALL),
        unsolicited_tcp in select(UnsolicitedTcp::ALL),
        refresh_inbound: bool,
        packets in vec((any_packet(), 0u64..200), 1..80),
    ) {
        let config = FirewallConfig { filtering, unsolicited_tcp, refresh_inbound, ..stateful() };
        let longest = config.tcp_timeout;
        let mut firewall = Firewall::new(config);
        let mut now = START;
        let mut let_out: Vec<(SimTime, Protocol, Endpoint, Endpoint)> = Vec::new();
        for ((leaves, packet), wait) in packets {
            now += secs(wait);
            let ends = (packet.source_endpoint().unwrap(), packet.destination_endpoint().unwrap());
            let protocol = packet.protocol();
            if leaves {
                prop_assert_eq!(firewall.outbound(now, &packet), Ok(()));
                let_out.push((now, protocol, ends.0, ends.1));
            } else if firewall.inbound(now, &packet).is_ok() {
                let allows = let_out.iter().any(|(at, of, inside, remote)| {
                    let who = match filtering {
                        Filtering::EndpointIndependent => true,
                        Filtering::AddressDependent => remote.ip == ends.0.ip,
                        Filtering::AddressAndPortDependent => *remote == ends.0,
                    };
                    who && (*of, *inside) == (protocol, ends.1)
                        && (refresh_inbound || now < *at + longest)
                });
                prop_assert!(allows, "{:?} at {}", packet, now);
            }
        }
        firewall.handle_timeout(now + longest);
        prop_assert_eq!((firewall.flow_count(), firewall.poll_timeout()), (0, None));
    }

    #[test]
    fn a_bucket_passes_what_its_rate_says(
        packets_per_second in 1u32..2000,
        burst in 1u32..10,
        waits in vec(0u64..3_000_000, 1..100),
    ) {
        let mut firewall = Firewall::new(with_rate(packets_per_second, burst));
        let mut now = START;
        let mut passed = 0;
        for wait in waits {
            now += SimDuration::from_nanos(wait);
            passed += u128::from(firewall.outbound(now, &there()).is_ok());
            let most = u128::from(now.as_nanos()) * u128::from(packets_per_second) / 1_000_000_000;
            prop_assert!(passed <= most + u128::from(burst));
        }
    }
}
