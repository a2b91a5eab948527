//! RFC 4787: UDP.

use natbed::conformance::{Middlebox, Setting, Surroundings, Testbed};
use natbed_nat::{
    Filtering, Fragments, Hairpin, Mapping, Pooling, PortAllocation, PortClasses, Side,
};
use natbed_packet::Body;
use natbed_units::ByteCount;

use crate::boxes::{good_nat, met, nat, not_applicable, overloading_nat, secs, unseen, violated};
use crate::faults::{
    Entry, before, error, forgetting, gateway_for_applications, ip, is_of_stranger, losing,
    renewing,
};

#[test]
fn req_4787_1_one_external_endpoint_for_all_destinations() {
    met(4787, "1", &good_nat());
    for mapping in [Mapping::AddressDependent, Mapping::AddressAndPortDependent] {
        violated(4787, "1", &nat(|nat| nat.mapping = mapping));
    }
}

#[test]
fn req_4787_2_one_external_address_for_a_host() {
    met(4787, "2", &good_nat());
    violated(4787, "2", &nat(|nat| nat.pooling = Pooling::Arbitrary));
}

#[test]
fn req_4787_3_no_port_overloading() {
    met(4787, "3", &good_nat());
    violated(4787, "3", &overloading_nat());
    // Whose clash drops the packet overloads nothing.
    met(4787, "3", &nat(|nat| nat.ports = PortAllocation::Strict));
}

#[test]
fn req_4787_3a_ports_stay_in_their_class() {
    met(4787, "3a", &good_nat());
    met(4787, "3a", &nat(|nat| nat.ports = PortAllocation::Random));
    violated(4787, "3a", &nat(|nat| nat.port_classes = PortClasses::Unprivileged));
}

#[test]
fn req_4787_4_ports_keep_their_parity() {
    met(4787, "4", &good_nat());
    violated(4787, "4", &nat(|nat| nat.port_parity = false));
}

#[test]
fn req_4787_5_mappings_live_for_two_minutes() {
    met(4787, "5", &good_nat());
    met(4787, "5", &nat(|nat| nat.udp_timeout = secs(120)));
    violated(4787, "5", &nat(|nat| nat.udp_timeout = secs(119)));
    violated(4787, "5", &nat(|nat| nat.udp_stream_timeout = secs(100)));
}

#[test]
fn req_4787_5a_only_well_known_ports_may_be_shorter() {
    met(4787, "5a", &nat(|nat| nat.udp_well_known_timeout = Some(secs(60))));
    violated(4787, "5a", &nat(|nat| nat.udp_well_known_timeout = Some(secs(600))));
    not_applicable(4787, "5a", &good_nat());
}

#[test]
fn req_4787_5b_the_timer_may_be_configurable() {
    unseen(4787, "5b");
}

#[test]
fn req_4787_5c_mappings_live_for_five_minutes_by_default() {
    met(4787, "5c", &good_nat());
    violated(4787, "5c", &nat(|nat| nat.udp_timeout = secs(299)));
    violated(4787, "5c", &nat(|nat| nat.udp_stream_timeout = secs(299)));
}

#[test]
fn req_4787_6_packets_from_inside_renew() {
    met(4787, "6", &good_nat());
    violated(4787, "6", &nat(|nat| nat.refresh_outbound = false));
}

#[test]
fn req_4787_6a_packets_from_outside_may_renew_if_they_are_let_in() {
    met(4787, "6a", &good_nat());
    let strict = || nat(|nat| nat.filtering = Filtering::AddressAndPortDependent);
    met(4787, "6a", &strict());
    not_applicable(4787, "6a", &nat(|nat| nat.refresh_inbound = false));
    violated(4787, "6a", &renewing(strict(), is_of_stranger));
}

#[test]
fn req_4787_7_conflicting_numbers_are_no_obstacle() {
    let numbered = |inside: &'static str| {
        move |seed, _: Setting| {
            let around = Surroundings {
                inside: inside.parse().unwrap(),
                outside: ["192.168.1.129", "192.168.1.130", "192.168.1.193", "192.168.1.194"]
                    .map(ip),
                external: vec![ip("192.168.1.100")],
                mtu: None,
                icmp_errors: true,
            };
            let testbed = Testbed::new(&good_nat(), seed, &around).unwrap();
            Ok(Box::new(testbed) as Box<dyn Middlebox>)
        }
    };
    met(4787, "7", &numbered("10.0.0.0/24"));
    violated(4787, "7", &numbered("192.168.1.0/24"));
    not_applicable(4787, "7", &good_nat());
}

#[test]
fn req_4787_8_everybody_or_an_address_may_send() {
    met(4787, "8", &good_nat());
    met(4787, "8", &nat(|nat| nat.filtering = Filtering::AddressDependent));
    violated(4787, "8", &nat(|nat| nat.filtering = Filtering::AddressAndPortDependent));
}

#[test]
fn req_4787_8a_the_filter_may_be_configurable() {
    unseen(4787, "8a");
}

#[test]
fn req_4787_9_hairpinning() {
    met(4787, "9", &good_nat());
    met(4787, "9", &nat(|nat| nat.filtering = Filtering::AddressAndPortDependent));
    met(4787, "9", &nat(|nat| nat.hairpin = Hairpin::InternalSource));
    violated(4787, "9", &nat(|nat| nat.hairpin = Hairpin::None));
}

#[test]
fn req_4787_9a_hairpinned_packets_have_an_external_source() {
    met(4787, "9a", &good_nat());
    violated(4787, "9a", &nat(|nat| nat.hairpin = Hairpin::InternalSource));
    not_applicable(4787, "9a", &nat(|nat| nat.hairpin = Hairpin::None));
}

#[test]
fn req_4787_10_payloads_stay_as_they_are() {
    met(4787, "10", &good_nat());
    violated(4787, "10", &gateway_for_applications(good_nat()));
}

#[test]
fn req_4787_10a_gateways_are_switched_one_by_one() {
    unseen(4787, "10a");
}

#[test]
fn req_4787_11_the_same_under_any_conditions() {
    met(4787, "11", &good_nat());
    let apdm = nat(|nat| nat.mapping = Mapping::AddressAndPortDependent);
    met(4787, "11", &apdm);
    violated(4787, "11", &overloading_nat());
    let early = nat(|nat| {
        nat.filtering = Filtering::AddressAndPortDependent;
        nat.wan_input = natbed_nat::WanInput::Accept;
    });
    violated(4787, "11", &early);
}

#[test]
fn req_4787_12_no_icmp_message_ends_a_mapping() {
    met(4787, "12", &good_nat());
    violated(4787, "12", &forgetting(good_nat()));
}

#[test]
fn req_4787_12a_errors_may_come_from_anybody() {
    met(4787, "12a", &good_nat());
    let is_of_router = |side, packet: &natbed_packet::Packet| {
        side == Side::Outside
            && error(packet).is_some_and(|quoted| quoted.destination.ip != packet.source)
    };
    violated(4787, "12a", &losing(good_nat(), is_of_router));
    not_applicable(4787, "12a", &losing(good_nat(), |_, packet| error(packet).is_some()));
}

#[test]
fn req_4787_12b_destination_unreachable_gets_in() {
    met(4787, "12b", &good_nat());
    violated(4787, "12b", &losing(good_nat(), |_, packet| error(packet).is_some()));
}

#[test]
fn req_4787_13_what_may_not_be_cut_is_reported() {
    met(4787, "13", &good_nat());
    let silent = |seed, _: Setting| {
        let around = Surroundings {
            inside: "10.0.0.0/24".parse().unwrap(),
            outside: ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"].map(ip),
            external: vec![ip("198.18.0.1")],
            mtu: Some(ByteCount::new(1280)),
            icmp_errors: false,
        };
        let testbed = Testbed::new(&good_nat(), seed, &around).unwrap();
        Ok(Box::new(testbed) as Box<dyn Middlebox>)
    };
    violated(4787, "13", &silent);
}

#[test]
fn req_4787_13a_what_may_be_cut_is() {
    met(4787, "13a", &good_nat());
    // It takes every packet for one with DF=1.
    let stubborn = before(good_nat(), || {
        |_, packet| Entry::Pass(natbed_packet::Packet { dont_fragment: true, ..packet })
    });
    violated(4787, "13a", &stubborn);
}

#[test]
fn req_4787_13a_order_of_the_fragments() {
    unseen(4787, "13a order");
}

#[test]
fn req_4787_14_fragments_in_any_order() {
    met(4787, "14", &good_nat());
    violated(4787, "14", &nat(|nat| nat.fragments = Fragments::InOrder));
    violated(4787, "14", &nat(|nat| nat.fragments = Fragments::Drop));
}

#[test]
fn req_4787_14a_floods_of_fragments() {
    met(4787, "14a", &good_nat());
    // It keeps as many fragments as come, and then no more.
    let small = before(good_nat(), || {
        let mut kept = 0;
        move |_, packet: natbed_packet::Packet| {
            kept += u32::from(matches!(packet.body, Body::Fragment(_)));
            if kept > 1000 { Entry::Drop } else { Entry::Pass(packet) }
        }
    });
    violated(4787, "14a", &small);
}
