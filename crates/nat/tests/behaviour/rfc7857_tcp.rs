//! RFC 7857 section 2: the states of a TCP connection, told by how long the NAT keeps it.

use natbed_nat::{Nat, NatConfig};
use natbed_packet::{Endpoint, TcpFlags};
use natbed_units::{Seed, SimTime};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::lab::{EXTERNAL, Lab, ep, ip, secs, segment};

const HOST: &str = "192.168.1.10:5000";
const SERVER: &str = "203.0.113.1:80";
const EXTERNAL_PORT: u16 = 5000;
const SYN: TcpFlags = TcpFlags::SYN;
const ACK: TcpFlags = TcpFlags::ACK;
const FIN: TcpFlags = TcpFlags::FIN;
const RST: TcpFlags = TcpFlags::RST;

const OPENING: u64 = 101;
const ESTABLISHED: u64 = 502;
const CLOSING: u64 = 53;
const RESET: u64 = 34;

/// Each timer another one, and EIF, so that connections from outside come through.
fn config() -> NatConfig {
    let recommended = natbed_nat::profile("rfc4787-recommended").unwrap();
    NatConfig {
        tcp_opening_timeout: secs(OPENING),
        tcp_timeout: secs(ESTABLISHED),
        tcp_closing_timeout: secs(CLOSING),
        tcp_reset_timeout: secs(RESET),
        ..recommended.behaviour.nat().unwrap().clone()
    }
}

/// Who sends a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Inside,
    Outside,
}

use Sender::{Inside, Outside};

/// Sends segments, one a second; returns for how many seconds after the last the flow is kept.
fn life_of(config: NatConfig, segments: &[(Sender, TcpFlags)]) -> u64 {
    let mut lab = Lab::new(config);
    for &(from, flags) in segments {
        lab.wait(secs(1));
        let external = Endpoint::new(ip(EXTERNAL), EXTERNAL_PORT);
        match from {
            Inside => drop(lab.send(&mut segment(ep(HOST), ep(SERVER), flags)).unwrap()),
            Outside => drop(lab.receive(&mut segment(ep(SERVER), external, flags)).unwrap()),
        }
    }
    (1..1000)
        .find(|seconds| {
            let mut nat = lab.nat.clone();
            nat.handle_timeout(lab.now + secs(*seconds));
            nat.flow_count() == 0
        })
        .expect("it ends")
}

fn life(segments: &[(Sender, TcpFlags)]) -> u64 {
    life_of(config(), segments)
}

/// The same connection seen from the other side.
fn mirrored(segments: &[(Sender, TcpFlags)]) -> Vec<(Sender, TcpFlags)> {
    let other = |from| if from == Inside { Outside } else { Inside };
    segments.iter().map(|(from, flags)| (other(*from), *flags)).collect()
}

const HANDSHAKE: [(Sender, TcpFlags); 3] = [(Inside, SYN), (Outside, SYN.with(ACK)), (Inside, ACK)];

/// After the handshake.
fn then(segments: &[(Sender, TcpFlags)]) -> u64 {
    life(&[&HANDSHAKE, segments].concat())
}

#[test]
fn req_7857_2_init_is_a_syn_from_one_side() {
    assert_eq!(life(&[(Inside, SYN)]), OPENING);
    assert_eq!(life(&[(Inside, SYN), (Inside, SYN)]), OPENING, "sent again");
    assert_eq!(life(&[(Inside, SYN), (Inside, ACK)]), OPENING, "RFC 6146: the state stays");
    assert_eq!(life(&[(Inside, SYN), (Outside, ACK)]), OPENING, "RFC 6146: the state stays");
    assert_eq!(life(&[(Inside, SYN), (Outside, FIN)]), OPENING);
}

#[test]
fn req_7857_2_established_is_a_syn_from_both() {
    assert_eq!(life(&[(Inside, SYN), (Outside, SYN.with(ACK))]), ESTABLISHED);
    assert_eq!(then(&[]), ESTABLISHED);
    assert_eq!(then(&[(Outside, ACK), (Inside, ACK)]), ESTABLISHED);
    assert_eq!(then(&[(Inside, SYN)]), ESTABLISHED, "a SYN in mid-connection changes nothing");
}

#[test]
fn req_7857_2_a_simultaneous_open_is_established_too() {
    assert_eq!(life(&[(Inside, SYN), (Outside, SYN)]), ESTABLISHED);
}

#[test]
fn req_7857_2_one_fin_closes_half() {
    for from in [Inside, Outside] {
        assert_eq!(then(&[(from, FIN.with(ACK))]), ESTABLISHED);
        assert_eq!(then(&[(from, FIN), (from, FIN), (from, ACK)]), ESTABLISHED, "sent again");
    }
}

#[test]
fn req_7857_2_both_fins_close_it_and_nothing_but_a_new_syn_opens_it_again() {
    for closing in [[Inside, Outside], [Outside, Inside]] {
        let [first, second] = closing;
        assert_eq!(then(&[(first, FIN), (second, FIN)]), CLOSING);
        assert_eq!(then(&[(first, FIN), (second, FIN), (first, ACK)]), CLOSING);
        assert_eq!(then(&[(first, FIN), (first, ACK), (second, ACK), (second, FIN)]), CLOSING);
        let reopened = [(first, FIN), (second, FIN), (first, SYN)];
        assert_eq!(then(&reopened), OPENING, "the same ports again");
        assert_eq!(then(&[&reopened[..], &[(second, SYN.with(ACK))]].concat()), ESTABLISHED);
        let fin_again = [&reopened[..], &[(second, SYN.with(ACK)), (first, FIN)]].concat();
        assert_eq!(then(&fin_again), ESTABLISHED, "the old FIN is forgotten");
    }
}

#[test]
fn req_7857_2_1_open_and_closing_times_are_separate() {
    for (opening, closing) in [(7, 300), (300, 7)] {
        let config = NatConfig {
            tcp_opening_timeout: secs(opening),
            tcp_closing_timeout: secs(closing),
            ..config()
        };
        assert_eq!(life_of(config.clone(), &[(Inside, SYN)]), opening);
        let closed = [&HANDSHAKE[..], &[(Inside, FIN), (Outside, FIN)]].concat();
        assert_eq!(life_of(config, &closed), closing);
    }
    let config = NatConfig::default();
    assert_eq!((config.tcp_opening_timeout, config.tcp_closing_timeout), (secs(240), secs(240)));
}

#[test]
fn req_7857_2_2_after_a_reset_the_state_stays_for_its_time_and_is_translated() {
    for from in [Inside, Outside] {
        assert_eq!(then(&[(from, RST)]), RESET);
        assert_eq!(then(&[(from, RST.with(ACK)), (from, RST)]), RESET, "a second one renews it");
        assert_eq!(then(&[(from, RST.with(SYN))]), RESET);
        assert_eq!(life(&[(Inside, SYN), (from, RST)]), RESET);
    }
    assert_eq!(NatConfig::default().tcp_reset_timeout, secs(240));
}

#[test]
fn req_7857_2_2_if_packets_go_on_it_is_where_it_was() {
    for from in [Inside, Outside] {
        assert_eq!(then(&[(from, RST), (Inside, ACK)]), ESTABLISHED);
        assert_eq!(then(&[(from, RST), (Outside, ACK)]), ESTABLISHED);
        assert_eq!(then(&[(from, FIN), (from, RST), (Inside, ACK)]), ESTABLISHED);
        let half_closed = [(Inside, FIN), (from, RST), (Outside, ACK), (Outside, FIN)];
        assert_eq!(then(&half_closed), CLOSING, "the FIN is not forgotten");
        assert_eq!(then(&[(Inside, FIN), (Outside, FIN), (from, RST), (from, ACK)]), CLOSING);
        assert_eq!(life(&[(Inside, SYN), (from, RST), (Inside, ACK)]), OPENING);
        // A SYN is a new connection from the same ports.
        assert_eq!(then(&[(from, RST), (Inside, SYN)]), OPENING);
        assert_eq!(then(&[(from, RST), (Inside, SYN), (Outside, SYN.with(ACK))]), ESTABLISHED);
    }
}

#[test]
fn a_connection_that_was_under_way_is_established() {
    assert_eq!(life(&[(Inside, ACK)]), ESTABLISHED);
    assert_eq!(life(&[(Inside, FIN.with(ACK))]), ESTABLISHED);
    assert_eq!(life(&[(Inside, FIN), (Outside, FIN)]), CLOSING);
    assert_eq!(life(&[(Inside, RST)]), RESET);
    assert_eq!(life(&[(Inside, SYN.with(ACK))]), OPENING, "a SYN has to be answered");
}

#[test]
fn inbound_connections_have_the_same_states() {
    // The mapping is there because of another connection; EIF lets this one in.
    let mut lab = Lab::new(config());
    lab.send(&mut segment(ep(HOST), ep("203.0.113.99:1"), SYN)).unwrap();
    for (n, (segments, lives)) in [
        (vec![(Inside, SYN)], OPENING),
        (HANDSHAKE.to_vec(), ESTABLISHED),
        ([&HANDSHAKE[..], &[(Inside, FIN), (Outside, FIN)]].concat(), CLOSING),
        ([&HANDSHAKE[..], &[(Inside, RST)]].concat(), RESET),
    ]
    .into_iter()
    .enumerate()
    {
        let mut nat = lab.nat.clone();
        let remote = Endpoint::new(ip("203.0.113.1"), 1000 + n as u16);
        for (from, flags) in mirrored(&segments) {
            let external = Endpoint::new(ip(EXTERNAL), EXTERNAL_PORT);
            let passes = match from {
                Inside => nat.outbound(lab.now, &mut segment(ep(HOST), remote, flags)).is_ok(),
                Outside => nat.inbound(lab.now, &mut segment(remote, external, flags)).is_ok(),
            };
            assert!(passes);
        }
        let taker = |nat: &Nat, seconds| {
            let mut nat = nat.clone();
            nat.handle_timeout(lab.now + secs(seconds));
            nat.flow_count()
        };
        let other = |seconds| usize::from(seconds < OPENING);
        assert_eq!(taker(&nat, lives - 1), 1 + other(lives - 1));
        assert_eq!(taker(&nat, lives), other(lives));
    }
}

#[test]
fn without_refresh_a_segment_may_shorten_a_life_but_prolongs_none() {
    let config = NatConfig { refresh_inbound: false, ..config() };
    let life = |segments: &[(Sender, TcpFlags)]| life_of(config.clone(), segments);
    assert_eq!(life(&[(Inside, SYN), (Outside, SYN.with(ACK))]), OPENING - 1);
    assert_eq!(life(&HANDSHAKE), ESTABLISHED);
    assert_eq!(life(&[&HANDSHAKE[..], &[(Outside, ACK)]].concat()), ESTABLISHED - 1);
    assert_eq!(life(&[&HANDSHAKE[..], &[(Outside, RST)]].concat()), RESET);
    let closed = [&HANDSHAKE[..], &[(Inside, FIN), (Outside, FIN)]].concat();
    assert_eq!(life(&closed), CLOSING);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_sequence_of_segments_cuts_a_timer_short(
        segments in vec((any::<bool>(), 0u16..512, 0u64..600), 1..40),
        refresh in select(&[true, false]),
    ) {
        let config = NatConfig { refresh_inbound: refresh, ..config() };
        let mut nat = Nat::new(config, ip(EXTERNAL), Seed::new(1).rng("nat")).unwrap();
        let mut now = SimTime::ZERO;
        let external = Endpoint::new(ip(EXTERNAL), EXTERNAL_PORT);
        let mut syn = [false; 2];
        let mut fin_or_rst = false;
        for (outbound, bits, wait) in segments {
            now += secs(wait);
            nat.handle_timeout(now);
            if nat.flow_count() == 0 {
                (syn, fin_or_rst) = ([false; 2], false);
            }
            let flags = TcpFlags::from_bits(bits);
            let passed = if outbound {
                nat.outbound(now, &mut segment(ep(HOST), ep(SERVER), flags)).is_ok()
            } else {
                nat.inbound(now, &mut segment(ep(SERVER), external, flags)).is_ok()
            };
            if !passed {
                continue;
            }
            syn[usize::from(outbound)] |= flags.contains(SYN);
            fin_or_rst |= flags.contains(FIN) || flags.contains(RST);
            // An established connection that nobody closes lives its full time.
            let least = if !refresh && !outbound {
                0
            } else if syn == [true; 2] && !fin_or_rst {
                ESTABLISHED
            } else {
                OPENING.min(CLOSING).min(RESET)
            };
            let mut later = nat.clone();
            later.handle_timeout(now + secs(least.saturating_sub(1)));
            prop_assert!(later.flow_count() == 1 || least == 0);
            later.handle_timeout(now + secs(ESTABLISHED));
            prop_assert_eq!(later.flow_count(), 0);
        }
    }
}
