//! RFC 6888: carrier-grade NATs.

use natbed_nat::{Exhausted, Filtering, Pooling, PortAllocation, Side};
use natbed_packet::{Packet, Protocol};

use crate::boxes::{carrier_nat, met, not_applicable, secs, unseen, violated};
use crate::faults::{Entry, before, behind, ip, is_udp};

#[test]
fn req_6888_1a_rfc_4787_is_met() {
    met(6888, "1a", &carrier_nat(|_| {}));
    violated(6888, "1a", &carrier_nat(|nat| nat.udp_timeout = secs(30)));
}

#[test]
fn req_6888_1b_rfc_5382_is_met() {
    met(6888, "1b", &carrier_nat(|_| {}));
    violated(6888, "1b", &carrier_nat(|nat| nat.tcp_timeout = secs(3600)));
}

#[test]
fn req_6888_1c_rfc_5508_is_met() {
    met(6888, "1c", &carrier_nat(|_| {}));
    violated(6888, "1c", &carrier_nat(|nat| nat.icmp_timeout = secs(30)));
}

#[test]
fn req_6888_1d_rfc_5597_is_met() {
    unseen(6888, "1d");
}

#[test]
fn req_6888_2_one_external_address_for_all_protocols() {
    met(6888, "2", &carrier_nat(|_| {}));
    violated(6888, "2", &carrier_nat(|nat| nat.pooling = Pooling::Arbitrary));
    // Paired for each protocol by itself.
    violated(
        6888,
        "2",
        &behind(carrier_nat(|_| {}), |side, packet| {
            let is_tcp = side == Side::Outside && packet.protocol() == Protocol::Tcp;
            Packet { source: if is_tcp { ip("198.18.0.77") } else { packet.source }, ..packet }
        }),
    );
}

#[test]
fn req_6888_3_any_pool_will_do() {
    unseen(6888, "3");
}

#[test]
fn req_6888_4_ports_of_a_subscriber_are_limited() {
    met(6888, "4", &carrier_nat(|_| {}));
    let unlimited = carrier_nat(|nat| {
        nat.max_ports_per_subscriber = None;
        nat.max_flows_per_subscriber = None;
    });
    violated(6888, "4", &unlimited);
    // A limit for all together leaves nothing to the others.
    let common = carrier_nat(|nat| {
        nat.max_ports_per_subscriber = None;
        nat.max_flows_per_subscriber = None;
        nat.max_flows = 1000;
    });
    violated(6888, "4", &common);
}

#[test]
fn req_6888_4a_the_limit_is_configurable() {
    unseen(6888, "4a");
}

#[test]
fn req_6888_4b_the_limit_may_be_for_each_protocol() {
    unseen(6888, "4b");
}

#[test]
fn req_6888_4c_processor_time_is_limited() {
    unseen(6888, "4c");
}

#[test]
fn req_6888_5_sessions_of_a_subscriber_are_limited() {
    met(6888, "5", &carrier_nat(|_| {}));
    violated(6888, "5", &carrier_nat(|nat| nat.max_flows_per_subscriber = None));
}

#[test]
fn req_6888_5a_these_limits_are_configurable() {
    unseen(6888, "5a");
}

#[test]
fn req_6888_5b_the_rate_is_limited() {
    unseen(6888, "5b");
}

#[test]
fn req_6888_6_translation_can_be_turned_off() {
    unseen(6888, "6");
}

#[test]
fn req_6888_7_everybody_may_send() {
    met(6888, "7", &carrier_nat(|_| {}));
    violated(6888, "7", &carrier_nat(|nat| nat.filtering = Filtering::AddressDependent));
}

#[test]
fn req_6888_8_ports_rest_for_two_minutes() {
    met(6888, "8", &carrier_nat(|_| {}));
    let preserving = |hold| {
        carrier_nat(|nat| {
            nat.ports = PortAllocation::Preserve;
            nat.port_hold = secs(hold);
        })
    };
    met(6888, "8", &preserving(120));
    violated(6888, "8", &preserving(60));
    violated(6888, "8", &carrier_nat(|nat| nat.port_hold = secs(0)));
    not_applicable(6888, "8", &carrier_nat(|nat| nat.filtering = Filtering::AddressDependent));
}

/// No box has the service yet: a wrapper answers for it.
#[test]
fn req_6888_9_subscribers_control_their_mappings() {
    let is_request = |packet: &Packet| {
        is_udp(packet) && packet.destination_endpoint().is_some_and(|to| to.port == 5351)
    };
    let serving = before(carrier_nat(|_| {}), move || {
        move |_, packet: Packet| match (packet.destination_endpoint(), packet.source_endpoint()) {
            (Some(to), Some(from)) if is_request(&packet) => {
                Entry::Bypass(Side::Inside, Packet::udp(to, from, vec![0, 128].into()))
            }
            _ => Entry::Pass(packet),
        }
    });
    met(6888, "9", &serving);
    violated(6888, "9", &carrier_nat(|_| {}));
}

#[test]
fn req_6888_10_the_box_is_manageable() {
    unseen(6888, "10");
}

/// Counts the flows from inside; the 17th is the one that there is no room for.
fn on_17th(fate: fn(Packet) -> Entry) -> impl natbed::conformance::Subject {
    before(carrier_nat(|_| {}), move || {
        let mut flows = 0;
        move |side, packet: Packet| {
            flows += u32::from(side == Side::Inside);
            if flows == 17 { fate(packet) } else { Entry::Pass(packet) }
        }
    })
}

#[test]
fn req_6888_11a_what_there_is_no_room_for_is_dropped() {
    met(6888, "11a", &carrier_nat(|_| {}));
    let untranslated = on_17th(|packet| Entry::Bypass(Side::Outside, packet));
    violated(6888, "11a", &untranslated);
}

#[test]
fn req_6888_11b_what_there_is_no_room_for_is_host_unreachable() {
    met(6888, "11b", &carrier_nat(|_| {}));
    violated(6888, "11b", &carrier_nat(|nat| nat.exhausted = Exhausted::Prohibited));
    violated(6888, "11b", &carrier_nat(|nat| nat.exhausted = Exhausted::Silent));
}

#[test]
fn req_6888_11c_management_is_told() {
    unseen(6888, "11c");
}

#[test]
fn req_6888_11d_no_mapping_makes_room_for_another() {
    met(6888, "11d", &carrier_nat(|_| {}));
    violated(6888, "11d", &on_17th(Entry::Forget));
}

#[test]
fn req_6888_12_destinations_are_not_logged() {
    unseen(6888, "12");
}

#[test]
fn req_6888_13_ports_are_used_well() {
    unseen(6888, "13");
}

#[test]
fn req_6888_14_there_is_little_to_log() {
    unseen(6888, "14");
}

#[test]
fn req_6888_15_ports_are_hard_to_guess() {
    met(6888, "15", &carrier_nat(|_| {}));
    violated(6888, "15", &carrier_nat(|nat| nat.ports = PortAllocation::Sequential));
}
