//! RFC 5508: ICMP.

use natbed_nat::{Exhausted, Hairpin, Mapping, Side};
use natbed_packet::{Body, Icmp, IcmpErrorKind, Packet};

use crate::boxes::{good_nat, met, nat, not_applicable, secs, unseen, violated};
use crate::faults::{
    Entry, before, behind, error, forgetting, ip, is_ping, losing, passing, renewing, requote,
};

#[test]
fn req_5508_1_queries_and_answers_pass() {
    met(5508, "1", &good_nat());
    violated(
        5508,
        "1",
        &losing(good_nat(), |side, packet| side == Side::Outside && is_ping(packet)),
    );
    violated(
        5508,
        "1",
        &losing(good_nat(), |side, packet| side == Side::Inside && is_ping(packet)),
    );
}

#[test]
fn req_5508_1a_one_external_identifier_for_all_destinations() {
    met(5508, "1a", &good_nat());
    violated(5508, "1a", &nat(|nat| nat.mapping = Mapping::AddressDependent));
}

#[test]
fn req_5508_2_queries_live_for_a_minute() {
    met(5508, "2", &good_nat());
    violated(5508, "2", &nat(|nat| nat.icmp_timeout = secs(59)));
}

#[test]
fn req_5508_2a_the_timer_is_configurable() {
    unseen(5508, "2a");
}

#[test]
fn req_5508_3_errors_with_wrong_checksums() {
    unseen(5508, "3");
}

#[test]
fn req_5508_3a_errors_about_packets_with_wrong_ip_checksums() {
    unseen(5508, "3a");
}

#[test]
fn req_5508_3b_errors_about_packets_with_ip_options() {
    unseen(5508, "3b");
}

#[test]
fn req_5508_3c_errors_about_packets_with_wrong_transport_checksums() {
    unseen(5508, "3c");
}

#[test]
fn req_5508_3d_errors_with_icmp_extensions() {
    unseen(5508, "3d");
}

#[test]
fn req_5508_4_unknown_errors_from_outside_are_dropped() {
    met(5508, "4", &good_nat());
    let is_error = |side, packet: &Packet| side == Side::Outside && error(packet).is_some();
    violated(5508, "4", &passing(good_nat(), is_error));
}

#[test]
fn req_5508_4a_errors_from_outside_quote_the_packet_of_the_host() {
    met(5508, "4a", &good_nat());
    violated(
        5508,
        "4a",
        &behind(good_nat(), |_, packet| {
            requote(packet, |quoted| quoted.source.ip = ip("198.18.0.1"))
        }),
    );
    violated(
        5508,
        "4a",
        &behind(good_nat(), |_, packet| requote(packet, |quoted| quoted.source.port ^= 1)),
    );
}

/// Changes what an error reports.
fn prohibit(_: Side, mut packet: Packet) -> Packet {
    if let Body::Icmp(Icmp::Error { kind, .. }) = &mut packet.body {
        *kind = IcmpErrorKind::AdminProhibited;
    }
    packet
}

#[test]
fn req_5508_4b_errors_from_outside_keep_type_and_code() {
    met(5508, "4b", &good_nat());
    violated(5508, "4b", &behind(good_nat(), prohibit));
}

#[test]
fn req_5508_4c_errors_from_outside_go_to_the_host() {
    met(5508, "4c", &good_nat());
    violated(
        5508,
        "4c",
        &behind(good_nat(), |side, packet| {
            let is_error = side == Side::Inside && error(&packet).is_some();
            Packet {
                destination: if is_error { ip("192.168.1.7") } else { packet.destination },
                ..packet
            }
        }),
    );
}

#[test]
fn req_5508_5_unknown_errors_from_inside_are_dropped() {
    met(5508, "5", &good_nat());
    let is_error = |side, packet: &Packet| side == Side::Inside && error(packet).is_some();
    violated(5508, "5", &passing(good_nat(), is_error));
}

#[test]
fn req_5508_5a_errors_from_inside_quote_the_packet_as_it_came() {
    met(5508, "5a", &good_nat());
    violated(
        5508,
        "5a",
        &behind(good_nat(), |_, packet| {
            requote(packet, |quoted| quoted.destination.ip = ip("192.168.1.2"))
        }),
    );
}

#[test]
fn req_5508_5b_errors_from_inside_keep_type_and_code() {
    met(5508, "5b", &good_nat());
    violated(5508, "5b", &behind(good_nat(), prohibit));
}

#[test]
fn req_5508_5c_errors_from_inside_have_an_external_source() {
    met(5508, "5c", &good_nat());
    violated(
        5508,
        "5c",
        &behind(good_nat(), |_, packet| {
            let is_error = error(&packet).is_some();
            Packet { source: if is_error { ip("192.168.1.2") } else { packet.source }, ..packet }
        }),
    );
}

#[test]
fn req_5508_6_errors_leave_queries_alone() {
    met(5508, "6", &good_nat());
    violated(5508, "6", &forgetting(good_nat()));
    let is_error = |side, packet: &Packet| side == Side::Outside && error(packet).is_some();
    violated(5508, "6", &renewing(good_nat(), is_error));
}

/// Basic NATs are translators by rule, which have no profile: a NAPT has hosts share an address.
#[test]
fn req_5508_7_queries_of_basic_nats() {
    not_applicable(5508, "7 queries", &good_nat());
    let basic = |hairpins: bool| {
        before(good_nat(), move || {
            move |side, packet: Packet| match (side, packet.destination, packet.source) {
                (Side::Inside, to, _) if to == ip("198.51.0.3") && hairpins => {
                    Entry::Bypass(Side::Inside, Packet { destination: ip("192.168.1.3"), ..packet })
                }
                (Side::Inside, to, _) if to == ip("198.51.0.3") => Entry::Drop,
                (Side::Inside, _, from) if from == ip("192.168.1.3") => {
                    Entry::Bypass(Side::Outside, Packet { source: ip("198.51.0.3"), ..packet })
                }
                _ => Entry::Pass(packet),
            }
        })
    };
    met(5508, "7 queries", &basic(true));
    violated(5508, "7 queries", &basic(false));
}

#[test]
fn req_5508_7_errors_about_hairpinned_packets_come_back() {
    met(5508, "7", &good_nat());
    violated(5508, "7", &losing(good_nat(), |_, packet| error(packet).is_some()));
    violated(5508, "7", &nat(|nat| nat.hairpin = Hairpin::None));
}

#[test]
fn req_5508_7a_hairpinned_errors_go_to_the_sender() {
    met(5508, "7a", &good_nat());
    violated(
        5508,
        "7a",
        &behind(good_nat(), |side, packet| {
            let is_error = side == Side::Inside && error(&packet).is_some();
            Packet {
                destination: if is_error { ip("198.18.0.1") } else { packet.destination },
                ..packet
            }
        }),
    );
    not_applicable(5508, "7a", &nat(|nat| nat.hairpin = Hairpin::None));
}

#[test]
fn req_5508_8_no_room_is_code_13() {
    met(5508, "8", &good_nat());
    violated(5508, "8", &nat(|nat| nat.exhausted = Exhausted::Silent));
    not_applicable(5508, "8", &nat(|nat| nat.exhausted = Exhausted::HostUnreachable));
}

#[test]
fn req_5508_9_a_policy_may_keep_messages_back() {
    unseen(5508, "9");
}

#[test]
fn req_5508_10a_unreachable_exceeded_and_echo_are_supported() {
    met(5508, "10a", &good_nat());
    let is_exceeded = |_, packet: &Packet| {
        matches!(packet.body, Body::Icmp(Icmp::Error { kind: IcmpErrorKind::TtlExceeded, .. }))
    };
    violated(5508, "10a", &losing(good_nat(), is_exceeded));
    violated(5508, "10a", &losing(good_nat(), |_, packet| is_ping(packet)));
    violated(5508, "10a", &losing(good_nat(), |_, packet| packet.ttl == 1));
}

#[test]
fn req_5508_10b_other_messages_may_be_supported() {
    unseen(5508, "10b");
}

#[test]
fn req_5508_10c_obsolete_messages_are_not_supported() {
    unseen(5508, "10c");
}

#[test]
fn req_5508_10d_ds_field() {
    unseen(5508, "10d");
}

#[test]
fn req_5508_10e_no_error_about_an_error() {
    met(5508, "10e", &good_nat());
    let talkative = before(good_nat(), || {
        |_, packet: Packet| match error(&packet) {
            Some(quoted) if packet.ttl == 1 => {
                let kind = IcmpErrorKind::TtlExceeded;
                let error = Icmp::Error { kind, quoted: Box::new(quoted) };
                let (source, destination) = (ip("192.168.1.1"), packet.source);
                let body = Body::Icmp(error);
                Entry::Bypass(Side::Inside, Packet { source, destination, body, ..packet })
            }
            _ => Entry::Pass(packet),
        }
    });
    violated(5508, "10e", &talkative);
}

#[test]
fn req_5508_10f_rate_of_errors() {
    unseen(5508, "10f");
}

#[test]
fn req_5508_11_messages_that_are_neither_queries_nor_errors() {
    unseen(5508, "11");
}
