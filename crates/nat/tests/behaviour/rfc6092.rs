//! RFC 6092: what an IPv6 home gateway's firewall does with UDP, TCP and ICMPv6.

use natbed_nat::{Action, Filtering, Firewall, FirewallConfig, Policy, Rule, Side, UnsolicitedTcp};
use natbed_packet::{Body, DropReason, Endpoint, IcmpErrorKind, Packet, Protocol, Tcp, TcpFlags};
use natbed_units::{SimDuration, SimTime};

use crate::lab::{echo_reply, echo_request, ep, error, ip, quoted, secs, segment, tcp, udp};

const HOST: &str = "[2001:db8::7]:5000";
const FAR: &str = "[2001:db8:1::1]:3478";
const START: SimTime = SimTime::ZERO;
const DROPPED: Result<(), DropReason> = Err(DropReason::FirewallInbound);

fn stateful() -> FirewallConfig {
    FirewallConfig { inbound: Policy::all(Action::Drop), ..FirewallConfig::default() }
}

/// What happens to a packet from `from` to the host `after` the start.
fn knock(firewall: &Firewall, after: SimDuration, packet: &Packet) -> Result<(), DropReason> {
    firewall.clone().inbound(START + after, packet)
}

/// A firewall after TCP segments; `true` are those that leave. One a second, from the start on.
fn after_segments(config: FirewallConfig, segments: &[(bool, TcpFlags)]) -> (Firewall, SimTime) {
    let mut firewall = Firewall::new(config);
    let mut now = START;
    for (n, &(leaves, flags)) in segments.iter().enumerate() {
        now = START + secs(n as u64);
        if leaves {
            firewall.outbound(now, &segment(ep(HOST), ep(FAR), flags)).unwrap();
        } else {
            firewall.inbound(now, &segment(ep(FAR), ep(HOST), flags)).unwrap();
        }
    }
    (firewall, now)
}

/// How long after the last of these segments the flow is still known, in seconds.
fn idle_life(config: &FirewallConfig, segments: &[(bool, TcpFlags)]) -> u64 {
    let (mut firewall, last) = after_segments(config.clone(), segments);
    let mut seconds = 0;
    while firewall.flow_count() > 0 {
        seconds += 1;
        firewall.handle_timeout(last + secs(seconds));
    }
    seconds
}

const SYN: TcpFlags = TcpFlags::SYN;
const ACK: TcpFlags = TcpFlags::ACK;
const FIN: TcpFlags = TcpFlags::FIN;
const RST: TcpFlags = TcpFlags::RST;

/// Each timer another one.
fn tcp_timers() -> FirewallConfig {
    FirewallConfig {
        tcp_opening_timeout: secs(11),
        tcp_timeout: secs(22),
        tcp_closing_timeout: secs(13),
        tcp_reset_timeout: secs(14),
        ..stateful()
    }
}

#[test]
fn req_6092_rec_10_errors_about_unknown_flows_are_dropped() {
    let mut firewall = Firewall::new(stateful());
    let about = error("2001:db8:1::ff", IcmpErrorKind::TooBig { mtu: 1280 }, ep(HOST), ep(FAR));
    assert_eq!(firewall.inbound(START, &about), DROPPED);
    firewall.outbound(START, &udp(ep(HOST), ep(FAR))).unwrap();
    assert_eq!(firewall.inbound(START, &about), Ok(()));
}

#[test]
fn req_6092_rec_11_17_33_the_filter_is_a_choice_for_all_protocols() {
    for (filtering, other_port, other_address) in [
        (Filtering::EndpointIndependent, true, true),
        (Filtering::AddressDependent, true, false),
        (Filtering::AddressAndPortDependent, false, false),
    ] {
        let mut firewall = Firewall::new(FirewallConfig { filtering, ..stateful() });
        let verdict = |passes| if passes { Ok(()) } else { DROPPED };
        for packet in [udp, tcp] {
            let stranger = packet(ep("[2001:db8:1::1]:9"), ep(HOST));
            assert_eq!(firewall.inbound(START, &stranger), DROPPED, "nothing was let out yet");
            firewall.outbound(START, &packet(ep(HOST), ep(FAR))).unwrap();
            assert_eq!(firewall.inbound(START, &packet(ep(FAR), ep(HOST))), Ok(()));
            assert_eq!(firewall.inbound(START, &stranger), verdict(other_port), "{filtering}");
            let stranger = packet(ep("[2001:db8:2::2]:3478"), ep(HOST));
            assert_eq!(firewall.inbound(START, &stranger), verdict(other_address), "{filtering}");
            let elsewhere = packet(ep(FAR), ep("[2001:db8::7]:5001"));
            assert_eq!(firewall.inbound(START, &elsewhere), DROPPED, "another port of the host");
        }
        firewall.outbound(START, &echo_request("2001:db8::7", "2001:db8:1::1", 0)).unwrap();
        let reply = echo_reply("2001:db8:2::2", "2001:db8::7", 0);
        assert_eq!(firewall.inbound(START, &reply), verdict(other_address), "{filtering}");
        let query = echo_request("2001:db8:2::2", "2001:db8::7", 9);
        assert_eq!(firewall.inbound(START, &query), DROPPED, "a query is no answer");
    }
}

#[test]
fn a_permission_ends_with_the_last_flow_that_gave_it_and_nobody_outside_can_hold_it() {
    for filtering in [Filtering::EndpointIndependent, Filtering::AddressDependent] {
        let mut firewall = Firewall::new(FirewallConfig { filtering, ..stateful() });
        let from = |port: u16| udp(Endpoint::new(ip("2001:db8:1::1"), port), ep(HOST));
        firewall.outbound(START, &udp(ep(HOST), ep(FAR))).unwrap();
        firewall.outbound(START + secs(100), &udp(ep(HOST), ep("[2001:db8:1::1]:1"))).unwrap();
        // Each from another port: flows that came in give no permission.
        assert_eq!(firewall.inbound(START + secs(299), &from(10)), Ok(()));
        assert_eq!(firewall.inbound(START + secs(399), &from(11)), Ok(()), "{filtering}");
        assert_eq!(firewall.inbound(START + secs(400), &from(12)), DROPPED, "{filtering}");
        assert_eq!(firewall.inbound(START + secs(400), &from(11)), Ok(()), "its own flow");
    }
}

#[test]
fn req_6092_rec_14_udp_lives_five_minutes_by_default() {
    let mut firewall = Firewall::new(stateful());
    firewall.outbound(START, &udp(ep(HOST), ep(FAR))).unwrap();
    let answer = udp(ep(FAR), ep(HOST));
    assert_eq!(knock(&firewall, secs(299), &answer), Ok(()));
    assert_eq!(knock(&firewall, secs(300), &answer), DROPPED);
}

#[test]
fn a_two_way_udp_flow_has_the_stream_timer_once_it_is_old_enough() {
    let config = FirewallConfig {
        udp_timeout: secs(30),
        udp_stream_timeout: secs(180),
        udp_stream_after: secs(2),
        ..stateful()
    };
    let (there, back) = (udp(ep(HOST), ep(FAR)), udp(ep(FAR), ep(HOST)));
    for (last, lives) in [(2, 30), (3, 180)] {
        let mut firewall = Firewall::new(config.clone());
        firewall.outbound(START, &there).unwrap();
        firewall.inbound(START + secs(1), &back).unwrap();
        firewall.outbound(START + secs(last), &there).unwrap();
        assert_eq!(knock(&firewall, secs(last + lives - 1), &back), Ok(()));
        assert_eq!(knock(&firewall, secs(last + lives), &back), DROPPED);
    }
    let at_once = FirewallConfig { udp_stream_after: SimDuration::ZERO, ..config };
    let mut firewall = Firewall::new(at_once);
    firewall.outbound(START, &there).unwrap();
    firewall.inbound(START, &back).unwrap();
    assert_eq!(knock(&firewall, secs(179), &back), Ok(()));
}

#[test]
fn req_6092_rec_15_well_known_ports_may_have_a_shorter_timer() {
    let udp_well_known_timeout = Some(secs(17));
    let config = FirewallConfig { udp_well_known_timeout, ..stateful() };
    for (port, lives) in [(53, 17), (1023, 17), (1024, 300)] {
        let server = Endpoint::new(ip("2001:db8:1::1"), port);
        let mut firewall = Firewall::new(config.clone());
        firewall.outbound(START, &udp(ep(HOST), server)).unwrap();
        firewall.inbound(START, &udp(server, ep(HOST))).unwrap();
        assert_eq!(knock(&firewall, secs(lives - 1), &udp(server, ep(HOST))), Ok(()));
        assert_eq!(knock(&firewall, secs(lives), &udp(server, ep(HOST))), DROPPED);
    }
    // Only where the flow goes to, and only UDP.
    let mut firewall = Firewall::new(config);
    let from_low = ep("[2001:db8::7]:53");
    firewall.outbound(START, &udp(from_low, ep(FAR))).unwrap();
    firewall.outbound(START, &tcp(ep(HOST), ep("[2001:db8:1::1]:53"))).unwrap();
    assert_eq!(knock(&firewall, secs(18), &udp(ep(FAR), from_low)), Ok(()));
    assert_eq!(knock(&firewall, secs(18), &tcp(ep("[2001:db8:1::1]:53"), ep(HOST))), Ok(()));
    // Without a timer of their own they are like all.
    let mut firewall = Firewall::new(stateful());
    let server = ep("[2001:db8:1::1]:53");
    firewall.outbound(START, &udp(ep(HOST), server)).unwrap();
    assert_eq!(knock(&firewall, secs(299), &udp(server, ep(HOST))), Ok(()));
}

#[test]
fn req_6092_rec_16_outbound_always_renews_and_inbound_if_it_is_told_to() {
    for refresh_inbound in [true, false] {
        let mut firewall = Firewall::new(FirewallConfig { refresh_inbound, ..stateful() });
        let (there, back) = (udp(ep(HOST), ep(FAR)), udp(ep(FAR), ep(HOST)));
        firewall.outbound(START, &there).unwrap();
        firewall.outbound(START + secs(200), &there).unwrap();
        assert_eq!(firewall.inbound(START + secs(400), &back), Ok(()));
        let late = firewall.inbound(START + secs(500), &back);
        assert_eq!(late, if refresh_inbound { Ok(()) } else { DROPPED });
    }
}

#[test]
fn req_6092_rec_18_19_36_37_errors_pass_with_their_flow_and_neither_renew_nor_end_it() {
    for (packet, lives) in [(udp(ep(HOST), ep(FAR)), 300), (tcp(ep(HOST), ep(FAR)), 240)] {
        let mut firewall = Firewall::new(stateful());
        firewall.outbound(START, &packet).unwrap();
        for kind in [IcmpErrorKind::PortUnreachable, IcmpErrorKind::TooBig { mtu: 1280 }] {
            let about = Packet::icmp_error(ip("2001:db8:1::ff"), kind, &packet).unwrap();
            assert_eq!(firewall.inbound(START + secs(lives - 1), &about), Ok(()));
        }
        assert_eq!(firewall.flow_count(), 1);
        firewall.handle_timeout(START + secs(lives));
        assert_eq!(firewall.flow_count(), 0);
    }
}

#[test]
fn req_6092_rec_31_both_kinds_of_handshake_pass() {
    let three_way = [(true, SYN), (false, SYN.with(ACK)), (true, ACK), (false, ACK)];
    let simultaneous = [(true, SYN), (false, SYN), (true, SYN.with(ACK)), (false, SYN.with(ACK))];
    for segments in [three_way, simultaneous] {
        let (firewall, last) = after_segments(stateful(), &segments);
        let data = segment(ep(FAR), ep(HOST), ACK);
        assert_eq!(firewall.clone().inbound(last + secs(7439), &data), Ok(()));
    }
}

#[test]
fn req_6092_rec_31_an_inbound_flow_that_is_permitted_passes_too() {
    let config = FirewallConfig { inbound: Policy::all(Action::Allow), ..tcp_timers() };
    let config = FirewallConfig { outbound: Policy::all(Action::Drop), ..config };
    let segments = [(false, SYN), (true, SYN.with(ACK)), (false, ACK)];
    assert_eq!(idle_life(&config, &segments), 22);
}

#[test]
fn req_6092_rec_32_segments_out_of_the_window_pass() {
    let (mut firewall, now) = after_segments(stateful(), &[(true, SYN), (false, SYN.with(ACK))]);
    for sequence in [0, 1 << 31, u32::MAX] {
        let mut far_off = segment(ep(FAR), ep(HOST), ACK);
        if let Body::Tcp(tcp) = &mut far_off.body {
            tcp.sequence = sequence;
        }
        assert_eq!(firewall.inbound(now, &far_off), Ok(()));
    }
}

#[test]
fn req_6092_rec_34_an_unsolicited_syn_is_refused_after_six_seconds() {
    let unsolicited_tcp = UnsolicitedTcp::Delay;
    let mut firewall = Firewall::new(FirewallConfig { unsolicited_tcp, ..stateful() });
    let syn = tcp(ep(FAR), ep(HOST));
    assert_eq!(firewall.inbound(START, &syn), Err(DropReason::SynHeld));
    assert_eq!(DropReason::SynHeld.icmp_error(), None);
    assert_eq!(firewall.poll_timeout(), Some(START + secs(6)));
    // Sent again; the first one counts.
    assert_eq!(firewall.inbound(START + secs(3), &syn), Err(DropReason::SynHeld));
    firewall.handle_timeout(START + SimDuration::from_nanos(5_999_999_999));
    assert_eq!(firewall.poll_answer(), None);
    firewall.handle_timeout(START + secs(6));
    let answer = firewall.poll_answer().unwrap();
    assert_eq!(answer.side, Side::Outside);
    let (kind, about) = quoted(&answer.packet);
    assert_eq!(kind, IcmpErrorKind::AdminProhibited);
    assert_eq!(
        (about.protocol, about.source, about.destination),
        (Protocol::Tcp, ep(FAR), ep(HOST))
    );
    assert_eq!((answer.packet.source, answer.packet.destination), (ep(HOST).ip, ep(FAR).ip));
    assert_eq!((firewall.poll_answer(), firewall.poll_timeout()), (None, None));
}

#[test]
fn req_6092_rec_34_not_if_the_inside_asks_meanwhile() {
    let unsolicited_tcp = UnsolicitedTcp::Delay;
    let mut firewall = Firewall::new(FirewallConfig { unsolicited_tcp, ..stateful() });
    let others = [tcp(ep(FAR), ep("[2001:db8::8]:5000")), tcp(ep("[2001:db8:2::2]:1"), ep(HOST))];
    for syn in others.iter().chain([&tcp(ep(FAR), ep(HOST))]) {
        assert_eq!(firewall.inbound(START, syn), Err(DropReason::SynHeld));
    }
    // Another protocol between the two is not what it waits for.
    firewall.outbound(START + secs(1), &udp(ep(HOST), ep("[2001:db8:2::2]:1"))).unwrap();
    firewall.outbound(START + secs(5), &tcp(ep(HOST), ep(FAR))).unwrap();
    assert_eq!(firewall.inbound(START + secs(5), &tcp(ep(FAR), ep(HOST))), Ok(()));
    firewall.handle_timeout(START + secs(100));
    for syn in others {
        let (_, about) = quoted(&firewall.poll_answer().unwrap().packet);
        let ends = (Some(about.source), Some(about.destination));
        assert_eq!(ends, (syn.source_endpoint(), syn.destination_endpoint()));
    }
    assert_eq!(firewall.poll_answer(), None);
}

#[test]
fn an_ipv4_firewall_says_port_unreachable() {
    let unsolicited_tcp = UnsolicitedTcp::Delay;
    let mut firewall = Firewall::new(FirewallConfig { unsolicited_tcp, ..stateful() });
    let syn = tcp(ep("203.0.113.1:1"), ep("198.51.100.7:80"));
    assert_eq!(firewall.inbound(START, &syn), Err(DropReason::SynHeld));
    firewall.handle_timeout(START + secs(6));
    let answer = firewall.poll_answer().unwrap();
    assert_eq!(quoted(&answer.packet).0, IcmpErrorKind::PortUnreachable);
}

#[test]
fn other_answers_to_an_unsolicited_syn() {
    for (unsolicited_tcp, default, reason) in [
        (UnsolicitedTcp::WanInput, Action::Drop, DropReason::FirewallInbound),
        (UnsolicitedTcp::WanInput, Action::Reject, DropReason::FirewallRejected),
        (UnsolicitedTcp::Drop, Action::Reject, DropReason::FirewallInbound),
        (UnsolicitedTcp::Reject, Action::Drop, DropReason::FirewallRejected),
        (UnsolicitedTcp::Reset, Action::Drop, DropReason::TcpReset),
    ] {
        let inbound = Policy::all(default);
        let config = FirewallConfig { unsolicited_tcp, inbound, ..stateful() };
        let mut firewall = Firewall::new(config.clone());
        assert_eq!(firewall.inbound(START, &tcp(ep(FAR), ep(HOST))), Err(reason));
        assert_eq!(firewall.poll_answer().is_some(), unsolicited_tcp == UnsolicitedTcp::Reset);
        assert_eq!(firewall.poll_timeout(), None);
        // What is no connection request is the policy's business, and so is what leaves.
        let by_policy = match default {
            Action::Reject => DropReason::FirewallRejected,
            _ => DropReason::FirewallInbound,
        };
        for flags in [ACK, SYN.with(ACK), SYN.with(RST), RST] {
            let packet = segment(ep(FAR), ep(HOST), flags);
            assert_eq!(firewall.inbound(START, &packet), Err(by_policy), "{flags:?}");
        }
        assert_eq!(firewall.inbound(START, &udp(ep(FAR), ep(HOST))), Err(by_policy));
        let outbound = Policy::all(Action::Drop);
        let mut closed = Firewall::new(FirewallConfig { outbound, ..config });
        let leaves = closed.outbound(START, &tcp(ep(HOST), ep(FAR)));
        assert_eq!(leaves, Err(DropReason::FirewallOutbound));
        assert_eq!(firewall.poll_answer(), None);
    }
}

#[test]
fn a_reset_acknowledges_the_syn_and_what_came_with_it() {
    let unsolicited_tcp = UnsolicitedTcp::Reset;
    let mut firewall = Firewall::new(FirewallConfig { unsolicited_tcp, ..stateful() });
    for (sequence, flags, payload, acknowledgment) in
        [(1000, SYN, "", 1001), (1000, SYN.with(FIN), "abc", 1005), (u32::MAX, SYN, "", 0)]
    {
        let mut syn = segment(ep(FAR), ep(HOST), flags);
        if let Body::Tcp(tcp) = &mut syn.body {
            (tcp.sequence, tcp.payload) = (sequence, payload.into());
        }
        assert_eq!(firewall.inbound(START, &syn), Err(DropReason::TcpReset));
        let answer = firewall.poll_answer().unwrap();
        assert_eq!(answer.side, Side::Outside);
        let reset = Tcp {
            source_port: 5000,
            destination_port: 3478,
            sequence: 0,
            acknowledgment,
            flags: RST.with(ACK),
            window: 0,
            urgent: 0,
            options: bytes::Bytes::new(),
            payload: bytes::Bytes::new(),
        };
        assert_eq!(answer.packet, Packet::new(ep(HOST).ip, ep(FAR).ip, Body::Tcp(Box::new(reset))));
    }
}

#[test]
fn held_syns_and_answers_are_bounded() {
    let knock = |firewall: &mut Firewall, n: u16| {
        firewall.inbound(START, &tcp(Endpoint::new(ip("2001:db8:9::9"), n), ep(HOST)))
    };
    let with = |unsolicited_tcp| Firewall::new(FirewallConfig { unsolicited_tcp, ..stateful() });
    let mut firewall = with(UnsolicitedTcp::Delay);
    for n in 0..256 {
        assert_eq!(knock(&mut firewall, n), Err(DropReason::SynHeld));
    }
    assert_eq!(knock(&mut firewall, 256), Err(DropReason::FirewallInbound));
    firewall.handle_timeout(START + secs(6));
    assert_eq!(std::iter::from_fn(|| firewall.poll_answer()).count(), 256);
    let mut firewall = with(UnsolicitedTcp::Reset);
    for n in 0..1030 {
        assert_eq!(knock(&mut firewall, n), Err(DropReason::TcpReset));
    }
    let ports: Vec<_> = std::iter::from_fn(|| firewall.poll_answer())
        .map(|answer| answer.packet.destination_endpoint().unwrap().port)
        .collect();
    assert_eq!(ports, (6..1030).collect::<Vec<u16>>(), "the oldest went first");
}

#[test]
fn req_6092_rec_35_tcp_has_a_timer_for_each_state() {
    let config = tcp_timers();
    let life = |segments: &[(bool, TcpFlags)]| idle_life(&config, segments);
    let open = [(true, SYN), (false, SYN.with(ACK))];
    let and = |more: &[(bool, TcpFlags)]| [&open, more].concat();
    assert_eq!(life(&[(true, SYN)]), 11);
    assert_eq!(life(&[(true, SYN), (true, SYN)]), 11);
    assert_eq!(life(&open), 22);
    assert_eq!(life(&and(&[(true, FIN.with(ACK)), (true, FIN.with(ACK))])), 22);
    assert_eq!(life(&and(&[(true, FIN.with(ACK)), (false, FIN.with(ACK))])), 13);
    assert_eq!(life(&and(&[(false, FIN), (true, ACK), (true, FIN), (false, ACK)])), 13);
    assert_eq!(life(&and(&[(false, RST)])), 14);
    assert_eq!(life(&and(&[(false, RST), (true, ACK)])), 22);
}

#[test]
fn req_6092_rec_35_the_defaults_are_two_hours_four_minutes_and_four_minutes() {
    let life = |segments: &[(bool, TcpFlags)]| idle_life(&stateful(), segments);
    let open = [(true, SYN), (false, SYN.with(ACK))];
    assert_eq!(life(&[(true, SYN)]), 240);
    assert_eq!(life(&open), 7440);
    assert_eq!(life(&[&open[..], &[(true, FIN), (false, FIN)]].concat()), 240);
    assert_eq!(life(&[&open[..], &[(true, RST)]].concat()), 240);
}

#[test]
fn without_inbound_refresh_a_segment_from_outside_shortens_a_life_but_prolongs_none() {
    let config = FirewallConfig { refresh_inbound: false, ..tcp_timers() };
    let life = |segments: &[(bool, TcpFlags)]| idle_life(&config, segments);
    // The answer came a second after the SYN, which gave 11 seconds.
    assert_eq!(life(&[(true, SYN), (false, SYN.with(ACK))]), 10);
    assert_eq!(life(&[(true, SYN), (false, SYN.with(ACK)), (true, ACK)]), 22);
    assert_eq!(life(&[(true, SYN), (false, SYN.with(ACK)), (true, ACK), (false, RST)]), 14);
}

#[test]
fn req_6092_rec_49_the_transparent_mode_forwards_everything() {
    let mut firewall = Firewall::new(FirewallConfig::default());
    for packet in [udp, tcp] {
        assert_eq!(firewall.inbound(START, &packet(ep(FAR), ep(HOST))), Ok(()));
        assert_eq!(firewall.outbound(START, &packet(ep(HOST), ep(FAR))), Ok(()));
    }
    assert_eq!(firewall.flow_count(), 0);
}

#[test]
fn a_rule_that_lets_some_in_lets_the_filter_be() {
    let rule = Rule {
        action: Action::Allow,
        protocol: Some(Protocol::Udp),
        ports: Some(7..=7),
        remote: None,
    };
    let inbound = Policy { rules: vec![rule], default: Action::Drop };
    let filtering = Filtering::EndpointIndependent;
    let mut firewall = Firewall::new(FirewallConfig { inbound, filtering, ..stateful() });
    // It came in and was answered; the filter is only for what was let out.
    let server = ep("[2001:db8::7]:7");
    firewall.inbound(START, &udp(ep(FAR), server)).unwrap();
    firewall.outbound(START, &udp(server, ep(FAR))).unwrap();
    let tcp_to_it = tcp(ep(FAR), server);
    assert_eq!(firewall.inbound(START, &tcp_to_it), DROPPED);
    assert_eq!(firewall.inbound(START, &udp(ep("[2001:db8:5::5]:5"), server)), Ok(()), "the rule");
}
