//! RFC 5382: what a NAT does with TCP.

use natbed_nat::{
    Filtering, Hairpin, Mapping, Nat, NatConfig, Outbound, PortAllocation, Side, UnsolicitedTcp,
    WanInput,
};
use natbed_packet::{DropReason, Endpoint, IcmpErrorKind, Packet, Protocol, TcpFlags};
use natbed_units::SimDuration;

use crate::lab::{EXTERNAL, Lab, ep, ip, quoted, secs, segment, tcp, udp};

const HOST: &str = "192.168.1.10:5000";
const SERVER: &str = "203.0.113.1:80";
const PEER: &str = "198.51.100.7:9";
const SYN: TcpFlags = TcpFlags::SYN;
const ACK: TcpFlags = TcpFlags::ACK;

fn recommended() -> NatConfig {
    natbed_nat::profile("rfc4787-recommended").unwrap().behaviour.nat().unwrap().clone()
}

/// Sends a SYN from inside; returns the source it leaves with.
fn connect(lab: &mut Lab, from: &str, to: &str) -> Endpoint {
    let mut syn = tcp(ep(from), ep(to));
    lab.send(&mut syn).unwrap();
    syn.source_endpoint().unwrap()
}

/// Sends a SYN from outside; returns who inside gets it.
fn knock(lab: &mut Lab, from: &str, to: Endpoint) -> Result<Endpoint, DropReason> {
    let mut syn = tcp(ep(from), to);
    lab.receive(&mut syn)?;
    Ok(syn.destination_endpoint().unwrap())
}

#[test]
fn req_5382_1_the_mapping_is_endpoint_independent() {
    let mut lab = Lab::new(recommended());
    let source = connect(&mut lab, HOST, SERVER);
    assert_eq!(connect(&mut lab, HOST, PEER), source);
    assert_ne!(connect(&mut lab, "192.168.1.11:5000", SERVER), source);
}

#[test]
fn req_5382_2_all_valid_sequences_pass_from_inside_and_from_outside() {
    let mut lab = Lab::new(recommended());
    let external = connect(&mut lab, HOST, SERVER);
    let flags = [
        SYN.with(ACK),
        ACK,
        ACK.with(TcpFlags::PSH),
        ACK.with(TcpFlags::FIN),
        ACK,
        TcpFlags::RST,
        ACK,
    ];
    for flags in flags {
        lab.receive(&mut segment(ep(SERVER), external, flags)).unwrap();
        lab.send(&mut segment(ep(HOST), ep(SERVER), flags)).unwrap();
    }
    // Opened from outside, as the filter permits.
    assert_eq!(knock(&mut lab, PEER, external), Ok(ep(HOST)));
    for flags in flags {
        let mut back = segment(ep(HOST), ep(PEER), flags);
        lab.send(&mut back).unwrap();
        assert_eq!(back.source_endpoint(), Some(external));
        lab.receive(&mut segment(ep(PEER), external, flags)).unwrap();
    }
    assert_eq!(lab.nat.flow_count(), 2);
}

#[test]
fn req_5382_2a_simultaneous_open_works_with_any_filter() {
    for filtering in Filtering::ALL {
        let config = NatConfig { filtering: *filtering, ..recommended() };
        let mut lab = Lab::new(config);
        let external = connect(&mut lab, HOST, PEER);
        assert_eq!(knock(&mut lab, PEER, external), Ok(ep(HOST)));
        lab.send(&mut segment(ep(HOST), ep(PEER), SYN.with(ACK))).unwrap();
        lab.receive(&mut segment(ep(PEER), external, SYN.with(ACK))).unwrap();
        lab.wait(secs(7439));
        lab.receive(&mut segment(ep(PEER), external, ACK)).unwrap();
    }
}

#[test]
fn req_5382_3_the_filter_is_a_choice() {
    for (filtering, other_port, other_address) in [
        (Filtering::EndpointIndependent, true, true),
        (Filtering::AddressDependent, true, false),
        (Filtering::AddressAndPortDependent, false, false),
    ] {
        let mut lab = Lab::new(NatConfig { filtering, ..recommended() });
        let external = connect(&mut lab, HOST, SERVER);
        assert_eq!(knock(&mut lab, "203.0.113.1:81", external).is_ok(), other_port);
        assert_eq!(knock(&mut lab, PEER, external).is_ok(), other_address);
    }
}

fn delaying(filtering: Filtering) -> Lab {
    Lab::new(NatConfig { filtering, unsolicited_tcp: UnsolicitedTcp::Delay, ..recommended() })
}

#[test]
fn req_5382_4_an_unsolicited_syn_is_refused_after_six_seconds_and_no_earlier() {
    let mut lab = delaying(Filtering::AddressAndPortDependent);
    let external = connect(&mut lab, HOST, SERVER);
    // To a mapping that filters it, and to a port that nobody has.
    for to in [external, Endpoint::new(ip(EXTERNAL), 9)] {
        let start = lab.now;
        let held = DropReason::SynHeld;
        assert_eq!(knock(&mut lab, PEER, to), Err(held));
        assert_eq!((lab.nat.icmp_error(held), lab.nat.poll_answer()), (None, None));
        assert_eq!(lab.nat.poll_timeout(), Some(start + secs(6)));
        lab.nat.handle_timeout(start + SimDuration::from_nanos(5_999_999_999));
        assert_eq!(lab.nat.poll_answer(), None);
        lab.wait(secs(6));
        lab.nat.handle_timeout(lab.now);
        let answer = lab.nat.poll_answer().unwrap();
        assert_eq!(answer.side, Side::Outside);
        assert_eq!((answer.packet.source, answer.packet.destination), (ip(EXTERNAL), ep(PEER).ip));
        let (kind, about) = quoted(&answer.packet);
        assert_eq!(kind, IcmpErrorKind::PortUnreachable);
        assert_eq!((about.source, about.destination), (ep(PEER), to));
        assert_eq!(about.protocol, Protocol::Tcp);
        assert_eq!(lab.nat.poll_answer(), None);
    }
}

#[test]
fn req_5382_4_any_packet_tells_it_the_time() {
    let mut lab = delaying(Filtering::AddressAndPortDependent);
    assert_eq!(knock(&mut lab, PEER, Endpoint::new(ip(EXTERNAL), 9)), Err(DropReason::SynHeld));
    lab.wait(secs(6));
    lab.out(HOST, SERVER).unwrap();
    assert!(lab.nat.poll_answer().is_some());
}

#[test]
fn req_5382_4_an_outbound_syn_meanwhile_saves_the_simultaneous_open() {
    let mut lab = delaying(Filtering::AddressAndPortDependent);
    let external = connect(&mut lab, HOST, SERVER);
    assert_eq!(knock(&mut lab, PEER, external), Err(DropReason::SynHeld));
    lab.wait(secs(3));
    // To another port of the peer, over another protocol, from another host: not what it waits for.
    connect(&mut lab, HOST, "198.51.100.7:10");
    lab.send(&mut udp(ep(HOST), ep(PEER))).unwrap();
    connect(&mut lab, "192.168.1.11:1", PEER);
    let mut waiting = lab.nat.clone();
    waiting.handle_timeout(lab.now + secs(3));
    assert!(waiting.poll_answer().is_some());
    assert_eq!(connect(&mut lab, HOST, PEER), external);
    assert_eq!(knock(&mut lab, PEER, external), Ok(ep(HOST)), "the SYN that is sent again");
    lab.wait(secs(10));
    lab.nat.handle_timeout(lab.now);
    assert_eq!(lab.nat.poll_answer(), None);
}

#[test]
fn req_5382_4_a_syn_that_comes_through_when_sent_again_is_not_refused_later() {
    let mut lab = delaying(Filtering::AddressDependent);
    let external = connect(&mut lab, HOST, SERVER);
    assert_eq!(knock(&mut lab, PEER, external), Err(DropReason::SynHeld));
    connect(&mut lab, HOST, "198.51.100.7:10");
    assert_eq!(knock(&mut lab, PEER, external), Ok(ep(HOST)));
    lab.nat.handle_timeout(lab.now + secs(6));
    assert_eq!(lab.nat.poll_answer(), None);
}

#[test]
fn req_5382_4a_what_is_answered_follows_the_policy() {
    for (unsolicited_tcp, wan_input, reason) in [
        (UnsolicitedTcp::WanInput, WanInput::Drop, DropReason::Filtered),
        (UnsolicitedTcp::WanInput, WanInput::Reject, DropReason::WanInputRejected),
        (UnsolicitedTcp::WanInput, WanInput::Accept, DropReason::WanInputClosed),
        (UnsolicitedTcp::Drop, WanInput::Reject, DropReason::Filtered),
        (UnsolicitedTcp::Reject, WanInput::Drop, DropReason::WanInputRejected),
        (UnsolicitedTcp::Reset, WanInput::Drop, DropReason::TcpReset),
    ] {
        let filtering = Filtering::AddressAndPortDependent;
        let mut lab =
            Lab::new(NatConfig { filtering, unsolicited_tcp, wan_input, ..recommended() });
        let external = connect(&mut lab, HOST, SERVER);
        assert_eq!(knock(&mut lab, PEER, external), Err(reason));
        let reset = lab.nat.poll_answer();
        assert_eq!(reset.is_some(), reason == DropReason::TcpReset);
        if let Some(reset) = reset {
            assert_eq!(reset.side, Side::Outside);
            assert_eq!(reset.packet.source_endpoint(), Some(external));
            assert_eq!(reset.packet.destination_endpoint(), Some(ep(PEER)));
        }
        // The WAN input judges all else.
        let other = lab.receive(&mut segment(ep(PEER), external, ACK)).unwrap_err();
        assert_eq!(
            other,
            match wan_input {
                WanInput::Drop => DropReason::Filtered,
                WanInput::Reject => DropReason::WanInputRejected,
                WanInput::Accept => DropReason::WanInputClosed,
            }
        );
        assert_eq!(lab.nat.poll_answer(), None);
    }
}

#[test]
fn a_syn_that_the_table_has_no_room_for_is_not_unsolicited() {
    let unsolicited_tcp = UnsolicitedTcp::Reset;
    let mut lab = Lab::new(NatConfig { max_flows: 1, unsolicited_tcp, ..recommended() });
    let external = connect(&mut lab, HOST, SERVER);
    assert_eq!(knock(&mut lab, PEER, external), Err(DropReason::TableFull));
    assert_eq!(lab.nat.poll_answer(), None);
}

#[test]
fn a_flush_forgets_held_syns() {
    let mut lab = delaying(Filtering::EndpointIndependent);
    assert_eq!(knock(&mut lab, PEER, Endpoint::new(ip(EXTERNAL), 9)), Err(DropReason::SynHeld));
    lab.nat.flush();
    assert_eq!(lab.nat.poll_timeout(), None);
    lab.nat.handle_timeout(lab.now + secs(6));
    assert_eq!(lab.nat.poll_answer(), None);
}

#[test]
fn req_5382_5_established_two_hours_four_minutes_transitory_four_minutes() {
    let mut lab = Lab::new(recommended());
    let external = connect(&mut lab, HOST, SERVER);
    let late = |lab: &Lab, seconds| {
        let mut nat: Nat = lab.nat.clone();
        let mut answer = segment(ep(SERVER), external, SYN.with(ACK));
        nat.inbound(lab.now + secs(seconds), &mut answer).map(|_| ())
    };
    assert_eq!(late(&lab, 239), Ok(()));
    assert_eq!(late(&lab, 240), Err(DropReason::NoMapping));
    lab.receive(&mut segment(ep(SERVER), external, SYN.with(ACK))).unwrap();
    assert_eq!(late(&lab, 7439), Ok(()));
    assert_eq!(late(&lab, 7440), Err(DropReason::NoMapping));
}

#[test]
fn req_5382_7_a_port_is_never_overloaded() {
    let mut lab = Lab::new(NatConfig { ports: PortAllocation::Preserve, ..recommended() });
    let first = connect(&mut lab, "192.168.1.10:5000", SERVER);
    assert_ne!(connect(&mut lab, "192.168.1.11:5000", PEER).port, first.port);
}

#[test]
fn req_5382_8_and_8a_hairpinning_with_the_external_source() {
    let mut lab = Lab::new(recommended());
    let callee = connect(&mut lab, HOST, SERVER);
    let caller = "192.168.1.11:6000";
    let mut syn = tcp(ep(caller), callee);
    let Ok(Outbound::Hairpinned(translation)) = lab.send(&mut syn) else { panic!("hairpinned") };
    assert_eq!(syn.destination_endpoint(), Some(ep(HOST)));
    assert_eq!(syn.source_endpoint(), Some(translation.after));
    assert_eq!(translation.after, Endpoint::new(ip(EXTERNAL), 6000));
    // Both flows of the connection follow its state: the whole handshake, then a long silence.
    let mut answer = segment(ep(HOST), translation.after, SYN.with(ACK));
    assert!(matches!(lab.send(&mut answer), Ok(Outbound::Hairpinned(_))));
    assert_eq!(answer.source_endpoint(), Some(callee));
    assert_eq!(answer.destination_endpoint(), Some(ep(caller)));
    lab.wait(secs(7439));
    assert!(lab.send(&mut segment(ep(caller), callee, ACK)).is_ok());
    assert_eq!(lab.nat.flow_count(), 2, "that to the server has ended");
    let mut closed = Lab::new(NatConfig { hairpin: Hairpin::None, ..recommended() });
    let callee = connect(&mut closed, HOST, SERVER);
    assert_eq!(closed.send(&mut tcp(ep(caller), callee)), Err(DropReason::NoHairpin));
}

#[test]
fn req_5382_9_and_10_errors_are_translated_and_end_nothing() {
    let mut lab = Lab::new(recommended());
    let mut syn = tcp(ep(HOST), ep(SERVER));
    lab.send(&mut syn).unwrap();
    lab.wait(secs(200));
    for kind in [
        IcmpErrorKind::HostUnreachable,
        IcmpErrorKind::PortUnreachable,
        IcmpErrorKind::TooBig { mtu: 1400 },
        IcmpErrorKind::TtlExceeded,
    ] {
        let mut about = Packet::icmp_error(ip("203.0.113.254"), kind, &syn).unwrap();
        lab.receive(&mut about).unwrap();
        assert_eq!(quoted(&about).0, kind);
        assert_eq!(quoted(&about).1.source, ep(HOST));
    }
    assert_eq!(lab.nat.poll_timeout(), Some(lab.now + secs(40)), "neither ended nor renewed");
    assert_eq!(knock(&mut lab, SERVER, syn.source_endpoint().unwrap()), Ok(ep(HOST)));
}

#[test]
fn tcp_may_be_mapped_and_filtered_as_udp_is_not() {
    let config = NatConfig { mapping: Mapping::AddressAndPortDependent, ..recommended() };
    let mut lab = Lab::new(NatConfig { ports: PortAllocation::Random, ..config });
    let source = connect(&mut lab, HOST, SERVER);
    assert_ne!(connect(&mut lab, HOST, PEER), source);
}
