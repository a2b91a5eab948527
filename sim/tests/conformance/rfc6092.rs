//! RFC 6092: IPv6 firewalls.

use natbed_nat::{Filtering, Policy, Side, UnsolicitedTcp};
use natbed_packet::{Body, Packet, TcpFlags};

use crate::boxes::{firewall, good_firewall, met, not_applicable, secs, unseen, violated};
use crate::faults::{
    Entry, before, error, forgetting, has, is_of_stranger, losing, passing, renewing,
};

#[test]
fn req_6092_10_unknown_errors_are_dropped() {
    met(6092, "10", &good_firewall());
    let is_error = |side, packet: &Packet| side == Side::Outside && error(packet).is_some();
    violated(6092, "10", &passing(good_firewall(), is_error));
}

#[test]
fn req_6092_14_records_live_for_two_minutes() {
    met(6092, "14", &good_firewall());
    violated(6092, "14", &firewall(|config| config.udp_timeout = secs(119)));
    violated(6092, "14", &firewall(|config| config.udp_stream_timeout = secs(119)));
}

#[test]
fn req_6092_14_default_is_five_minutes() {
    met(6092, "14 default", &good_firewall());
    violated(6092, "14 default", &firewall(|config| config.udp_timeout = secs(299)));
}

#[test]
fn req_6092_15_only_well_known_ports_may_be_shorter() {
    met(6092, "15", &firewall(|config| config.udp_well_known_timeout = Some(secs(30))));
    violated(6092, "15", &firewall(|config| config.udp_well_known_timeout = Some(secs(400))));
    not_applicable(6092, "15", &good_firewall());
}

#[test]
fn req_6092_16_packets_from_inside_renew() {
    met(6092, "16", &good_firewall());
    // It lets the first packet of each flow in, and takes the others past its table.
    let fixed = before(good_firewall(), || {
        let mut seen = Vec::new();
        move |side, packet: Packet| {
            let flow = (packet.source_endpoint(), packet.destination_endpoint());
            if side == Side::Inside && seen.contains(&flow) {
                return Entry::Bypass(Side::Outside, packet);
            }
            seen.push(flow);
            Entry::Pass(packet)
        }
    });
    violated(6092, "16", &fixed);
}

#[test]
fn req_6092_16_inbound_packets_may_renew_if_they_are_let_in() {
    met(6092, "16 inbound", &good_firewall());
    not_applicable(6092, "16 inbound", &firewall(|config| config.refresh_inbound = false));
    let strict = firewall(|config| config.filtering = Filtering::AddressAndPortDependent);
    violated(6092, "16 inbound", &renewing(strict, is_of_stranger));
}

#[test]
fn req_6092_17_everybody_or_an_address_may_send() {
    met(6092, "17", &good_firewall());
    met(6092, "17", &firewall(|config| config.filtering = Filtering::AddressDependent));
    let apdf = Filtering::AddressAndPortDependent;
    violated(6092, "17", &firewall(|config| config.filtering = apdf));
}

#[test]
fn req_6092_17_default_is_everybody() {
    met(6092, "17 default", &good_firewall());
    let adf = Filtering::AddressDependent;
    violated(6092, "17 default", &firewall(|config| config.filtering = adf));
}

#[test]
fn req_6092_18_errors_about_udp_get_in() {
    met(6092, "18", &good_firewall());
    violated(6092, "18", &losing(good_firewall(), |_, packet| error(packet).is_some()));
}

#[test]
fn req_6092_19_no_icmp_message_ends_a_udp_record() {
    met(6092, "19", &good_firewall());
    violated(6092, "19", &forgetting(good_firewall()));
}

#[test]
fn req_6092_24_ike_passes() {
    met(6092, "24", &good_firewall());
    violated(
        6092,
        "24",
        &firewall(|config| config.inbound = Policy::all(natbed_nat::Action::Drop)),
    );
}

#[test]
fn req_6092_31_all_valid_sequences_pass() {
    met(6092, "31", &good_firewall());
    let apdf = Filtering::AddressAndPortDependent;
    met(6092, "31", &firewall(|config| config.filtering = apdf));
    let is_inbound_syn = |side, packet: &Packet| {
        side == Side::Outside && has(packet, TcpFlags::SYN) && !has(packet, TcpFlags::ACK)
    };
    violated(6092, "31", &losing(good_firewall(), is_inbound_syn));
    violated(6092, "31", &losing(good_firewall(), |_, packet| has(packet, TcpFlags::FIN)));
}

#[test]
fn req_6092_32_no_unknown_window_is_enforced() {
    met(6092, "32", &good_firewall());
    let is_far =
        |_, packet: &Packet| matches!(&packet.body, Body::Tcp(tcp) if tcp.sequence > 1_000_000);
    violated(6092, "32", &losing(good_firewall(), is_far));
}

#[test]
fn req_6092_33_everybody_or_an_address_may_connect() {
    met(6092, "33", &good_firewall());
    met(6092, "33", &firewall(|config| config.filtering = Filtering::AddressDependent));
    let apdf = Filtering::AddressAndPortDependent;
    violated(6092, "33", &firewall(|config| config.filtering = apdf));
}

#[test]
fn req_6092_33_default_is_everybody() {
    met(6092, "33 default", &good_firewall());
    let adf = Filtering::AddressDependent;
    violated(6092, "33 default", &firewall(|config| config.filtering = adf));
}

#[test]
fn req_6092_34_prohibited_after_six_seconds() {
    met(6092, "34", &good_firewall());
    for wrong in [UnsolicitedTcp::Drop, UnsolicitedTcp::Reject, UnsolicitedTcp::Reset] {
        violated(6092, "34", &firewall(|config| config.unsolicited_tcp = wrong));
    }
}

#[test]
fn req_6092_35_established_flows_live_for_two_hours_and_four_minutes() {
    met(6092, "35 established", &good_firewall());
    violated(6092, "35 established", &firewall(|config| config.tcp_timeout = secs(7439)));
}

#[test]
fn req_6092_35_transitory_flows_live_for_four_minutes() {
    met(6092, "35 transitory", &good_firewall());
    violated(6092, "35 transitory", &firewall(|config| config.tcp_opening_timeout = secs(239)));
    violated(6092, "35 transitory", &firewall(|config| config.tcp_closing_timeout = secs(239)));
}

#[test]
fn req_6092_36_errors_about_tcp_get_in() {
    met(6092, "36", &good_firewall());
    violated(6092, "36", &losing(good_firewall(), |_, packet| error(packet).is_some()));
}

#[test]
fn req_6092_37_no_icmp_message_ends_a_tcp_record() {
    met(6092, "37", &good_firewall());
    violated(6092, "37", &forgetting(good_firewall()));
}

/// No box has the service yet: a wrapper answers for it.
#[test]
fn req_6092_48_applications_can_ask_for_traffic() {
    let serving = before(good_firewall(), || {
        |_, packet: Packet| match (packet.destination_endpoint(), packet.source_endpoint()) {
            (Some(to), Some(from)) if to.port == 5351 => {
                Entry::Bypass(Side::Inside, Packet::udp(to, from, vec![2, 128].into()))
            }
            _ => Entry::Pass(packet),
        }
    });
    met(6092, "48", &serving);
    violated(6092, "48", &good_firewall());
}

/// Names the tests of recommendations that show in no packet.
macro_rules! unseen {
    ($($name:ident = $number:literal),+ $(,)?) => {$(
        #[test]
        fn $name() {
            unseen(6092, $number);
        }
    )+};
}

unseen! {
    req_6092_9_dhcp = "9",
    req_6092_11_filters_of_other_transports = "11",
    req_6092_12_records_of_other_transports = "12",
    req_6092_13_firmware = "13",
    req_6092_20_udp_lite = "20",
    req_6092_21_authentication_header = "21",
    req_6092_22_esp = "22",
    req_6092_23_errors_about_esp = "23",
    req_6092_25_records_of_esp = "25",
    req_6092_26_host_identity_protocol = "26",
    req_6092_27_type_2_routing_headers = "27",
    req_6092_28_mobility_headers = "28",
    req_6092_29_tunnels_of_mobility = "29",
    req_6092_30_errors_about_mobility = "30",
    req_6092_38_sctp = "38",
    req_6092_39_unsolicited_sctp = "39",
    req_6092_40_sctp_timers = "40",
    req_6092_41_errors_about_sctp = "41",
    req_6092_42_errors_end_no_sctp = "42",
    req_6092_43_dccp = "43",
    req_6092_44_dccp_timers = "44",
    req_6092_45_errors_about_dccp = "45",
    req_6092_46_errors_end_no_dccp = "46",
    req_6092_47_shim6 = "47",
    req_6092_49_transparent_mode = "49",
}
