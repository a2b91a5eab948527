//! RFC 5382: TCP.

use natbed_nat::{Filtering, Hairpin, Mapping, Side, UnsolicitedTcp};
use natbed_packet::{Packet, TcpFlags};

use crate::boxes::{good_nat, met, nat, not_applicable, overloading_nat, secs, unseen, violated};
use crate::faults::{deaf_after, error, forgetting, gateway_for_applications, has, losing};

#[test]
fn req_5382_1_one_external_endpoint_for_all_destinations() {
    met(5382, "1", &good_nat());
    let apdm = Mapping::AddressAndPortDependent;
    violated(5382, "1", &nat(|nat| nat.tcp_mapping = Some(apdm)));
}

#[test]
fn req_5382_2_all_valid_sequences_pass() {
    met(5382, "2", &good_nat());
    met(5382, "2", &nat(|nat| nat.filtering = Filtering::AddressAndPortDependent));
    violated(5382, "2", &deaf_after(good_nat(), TcpFlags::FIN));
}

#[test]
fn req_5382_2a_simultaneous_open() {
    met(5382, "2a", &good_nat());
    met(5382, "2a", &nat(|nat| nat.filtering = Filtering::AddressAndPortDependent));
    let is_inbound_syn = |side, packet: &Packet| {
        side == Side::Outside && has(packet, TcpFlags::SYN) && !has(packet, TcpFlags::ACK)
    };
    violated(5382, "2a", &losing(good_nat(), is_inbound_syn));
}

#[test]
fn req_5382_3_everybody_or_an_address_may_connect() {
    met(5382, "3", &good_nat());
    let filtered = |filtering| nat(|nat| nat.tcp_filtering = Some(filtering));
    met(5382, "3", &filtered(Filtering::AddressDependent));
    violated(5382, "3", &filtered(Filtering::AddressAndPortDependent));
}

#[test]
fn req_5382_3a_the_filter_may_be_configurable() {
    unseen(5382, "3a");
}

/// Nobody can violate it: it allows what it speaks of.
#[test]
fn req_5382_3b_the_filter_may_be_another_than_that_for_udp() {
    let adf = Filtering::AddressDependent;
    met(5382, "3b", &nat(|nat| nat.tcp_filtering = Some(adf)));
    not_applicable(5382, "3b", &good_nat());
}

#[test]
fn req_5382_4_silence_for_six_seconds() {
    let strict = |unsolicited| {
        nat(|nat| {
            nat.filtering = Filtering::AddressAndPortDependent;
            nat.unsolicited_tcp = unsolicited;
        })
    };
    met(5382, "4", &good_nat());
    met(5382, "4", &strict(UnsolicitedTcp::Delay));
    met(5382, "4", &strict(UnsolicitedTcp::Drop));
    violated(5382, "4", &strict(UnsolicitedTcp::Reject));
    violated(5382, "4", &strict(UnsolicitedTcp::Reset));
}

#[test]
fn req_5382_4_error_after_six_seconds() {
    met(5382, "4 error", &good_nat());
    for wrong in [UnsolicitedTcp::Drop, UnsolicitedTcp::Reject, UnsolicitedTcp::Reset] {
        violated(5382, "4 error", &nat(|nat| nat.unsolicited_tcp = wrong));
    }
}

#[test]
fn req_5382_4a_silence_if_the_policy_asks_for_it() {
    unseen(5382, "4a");
}

#[test]
fn req_5382_5_established_connections_live_for_two_hours_and_four_minutes() {
    met(5382, "5 established", &good_nat());
    violated(5382, "5 established", &nat(|nat| nat.tcp_timeout = secs(7439)));
}

#[test]
fn req_5382_5_transitory_connections_live_for_four_minutes() {
    met(5382, "5 transitory", &good_nat());
    violated(5382, "5 transitory", &nat(|nat| nat.tcp_opening_timeout = secs(239)));
    violated(5382, "5 transitory", &nat(|nat| nat.tcp_closing_timeout = secs(239)));
}

#[test]
fn req_5382_5a_the_timeouts_may_be_configurable() {
    unseen(5382, "5a");
}

#[test]
fn req_5382_6_payloads_stay_as_they_are() {
    met(5382, "6", &good_nat());
    violated(5382, "6", &gateway_for_applications(good_nat()));
}

#[test]
fn req_5382_7_no_port_overloading() {
    met(5382, "7", &good_nat());
    violated(5382, "7", &overloading_nat());
}

#[test]
fn req_5382_8_hairpinning() {
    met(5382, "8", &good_nat());
    violated(5382, "8", &nat(|nat| nat.hairpin = Hairpin::None));
}

#[test]
fn req_5382_8a_hairpinned_segments_have_an_external_source() {
    met(5382, "8a", &good_nat());
    violated(5382, "8a", &nat(|nat| nat.hairpin = Hairpin::InternalSource));
}

#[test]
fn req_5382_9_destination_unreachable_gets_in() {
    met(5382, "9", &good_nat());
    violated(5382, "9", &losing(good_nat(), |_, packet| error(packet).is_some()));
}

#[test]
fn req_5382_10_no_icmp_message_ends_a_connection() {
    met(5382, "10", &good_nat());
    violated(5382, "10", &forgetting(good_nat()));
}
