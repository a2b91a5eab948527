//! RFC 7857: updates.

use std::collections::BTreeSet;

use natbed::conformance::{Addresses, Middlebox, Setting, Subject};
use natbed_nat::{Behaviour, Filtering, Hairpin, Pooling, PortAllocation, Side};
use natbed_packet::{Endpoint, Packet, Protocol, TcpFlags};
use natbed_units::SimDuration;

use crate::boxes::{good_nat, met, nat, not_applicable, overloading_nat, secs, unseen, violated};
use crate::faults::{
    Entry, Fault, before, behind, deaf_after, error, faulty, has, ip, is_of_stranger, is_udp,
    renewing,
};

fn strict_nat() -> Behaviour {
    nat(|nat| nat.filtering = Filtering::AddressAndPortDependent)
}

#[test]
fn req_7857_2_connections_are_followed() {
    met(7857, "2", &good_nat());
    violated(7857, "2", &nat(|nat| nat.tcp_closing_timeout = nat.tcp_timeout));
    for last in [TcpFlags::FIN, TcpFlags::RST] {
        violated(7857, "2", &deaf_after(good_nat(), last));
    }
}

#[test]
fn req_7857_2_1_connections_that_open_or_close_have_four_minutes() {
    met(7857, "2.1", &good_nat());
    violated(7857, "2.1", &nat(|nat| nat.tcp_opening_timeout = secs(120)));
    violated(7857, "2.1", &nat(|nat| nat.tcp_closing_timeout = secs(120)));
}

#[test]
fn req_7857_2_2_resets_are_translated() {
    met(7857, "2.2", &good_nat());
    for side in [Side::Inside, Side::Outside] {
        let dropping = before(good_nat(), move || {
            move |from, packet: Packet| {
                let is_lost = from == side && has(&packet, TcpFlags::RST);
                if is_lost { Entry::Drop } else { Entry::Pass(packet) }
            }
        });
        violated(7857, "2.2", &dropping);
    }
}

#[test]
fn req_7857_2_2_wait_after_a_reset() {
    met(7857, "2.2 wait", &good_nat());
    violated(7857, "2.2 wait", &nat(|nat| nat.tcp_reset_timeout = secs(10)));
}

#[test]
fn req_7857_3_ports_may_overlap_without_confusion() {
    met(7857, "3", &overloading_nat());
    not_applicable(7857, "3", &good_nat());
    violated(
        7857,
        "3",
        &behind(overloading_nat(), |side, packet| {
            let destination =
                if side == Side::Inside { ip("192.168.1.2") } else { packet.destination };
            Packet { destination, ..packet }
        }),
    );
}

/// Two boxes with an external address each; what the first one refuses leaves by the second.
struct SoftlyPaired {
    first: Box<dyn Middlebox>,
    second: Box<dyn Middlebox>,
    received: Vec<(Side, Packet)>,
}

impl Middlebox for SoftlyPaired {
    fn send(&mut self, side: Side, packet: Packet) {
        self.first.send(side, packet.clone());
        self.received = std::iter::from_fn(|| self.first.receive()).collect();
        if side == Side::Inside && !self.received.iter().any(|(to, _)| *to == Side::Outside) {
            self.second.send(side, packet);
            self.received = std::iter::from_fn(|| self.second.receive()).collect();
            for (_, packet) in &mut self.received {
                packet.source = ip("198.18.0.77");
            }
        }
    }

    fn receive(&mut self) -> Option<(Side, Packet)> {
        self.received.pop()
    }

    fn wait(&mut self, span: SimDuration) {
        self.first.wait(span);
        self.second.wait(span);
    }

    fn addresses(&self) -> Addresses {
        self.first.addresses()
    }
}

#[test]
fn req_7857_4_an_exhausted_host_gets_no_other_address() {
    let limited = || nat(|nat| nat.max_ports_per_subscriber = Some(200));
    met(7857, "4", &limited());
    not_applicable(7857, "4", &nat(|nat| nat.pooling = Pooling::Arbitrary));
    let soft = move |seed, setting: Setting| {
        let (first, second) = (limited().build(seed, setting)?, limited().build(seed, setting)?);
        let received = Vec::new();
        Ok(Box::new(SoftlyPaired { first, second, received }) as Box<dyn Middlebox>)
    };
    violated(7857, "4", &soft);
}

/// TCP leaves by the port of UDP if the host has it, and else by a port of its own.
#[derive(Default)]
struct OneTable {
    owners: BTreeSet<Endpoint>,
}

impl Fault for OneTable {
    fn enters(&mut self, side: Side, mut packet: Packet) -> Entry {
        if let (Side::Inside, Some(source)) = (side, packet.source_endpoint()) {
            if is_udp(&packet) {
                self.owners.insert(source);
            } else if self.owners.iter().any(|it| it.port == source.port && it.ip != source.ip) {
                packet.set_source(Endpoint::new(source.ip, source.port + 1));
            }
        }
        Entry::Pass(packet)
    }
}

#[test]
fn req_7857_5_mappings_by_protocol() {
    met(7857, "5", &good_nat());
    met(7857, "5", &nat(|nat| nat.ports = PortAllocation::Random));
    violated(7857, "5", &faulty(good_nat(), OneTable::default));
}

/// What comes in as TCP is let in if UDP would be.
struct OneFilter;

impl Fault for OneFilter {
    fn enters(&mut self, side: Side, packet: Packet) -> Entry {
        match (packet.source_endpoint(), packet.destination_endpoint()) {
            (Some(from), Some(to)) if side == Side::Outside && !is_udp(&packet) => {
                Entry::Pass(Packet::udp(from, to, vec![].into()))
            }
            _ => Entry::Pass(packet),
        }
    }
}

#[test]
fn req_7857_6_filters_by_protocol() {
    met(7857, "6", &good_nat());
    met(7857, "6", &strict_nat());
    violated(7857, "6", &faulty(good_nat(), || OneFilter));
}

#[test]
fn req_7857_7_dropped_packets_renew_nothing() {
    met(7857, "7", &strict_nat());
    not_applicable(7857, "7", &good_nat());
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let is_dropped: fn(Side, &Packet) -> bool = match protocol {
            Protocol::Udp => |side, packet| is_of_stranger(side, packet) && is_udp(packet),
            _ => |side, packet| is_of_stranger(side, packet) && !is_udp(packet),
        };
        violated(7857, "7", &renewing(strict_nat(), is_dropped));
    }
}

#[test]
fn req_7857_7_1_refusals_renew_nothing() {
    met(7857, "7.1", &good_nat());
    let is_error = |side, packet: &Packet| side == Side::Inside && error(packet).is_some();
    violated(7857, "7.1", &renewing(good_nat(), is_error));
    // A reset that changes no state renews like any segment.
    violated(7857, "7.1", &nat(|nat| nat.tcp_reset_timeout = nat.tcp_timeout));
}

#[test]
fn req_7857_8_parity_may_be_lost() {
    unseen(7857, "8");
}

#[test]
fn req_7857_9_changed_ports_are_not_guessable() {
    met(7857, "9", &good_nat());
    met(7857, "9", &nat(|nat| nat.ports = PortAllocation::Random));
    violated(7857, "9", &nat(|nat| nat.ports = PortAllocation::Sequential));
    not_applicable(7857, "9", &nat(|nat| nat.ports = PortAllocation::Strict));
}

#[test]
fn req_7857_10_identification() {
    unseen(7857, "10");
}

/// Nobody can violate it: it allows what it speaks of.
#[test]
fn req_7857_11_query_mappings_may_end_with_their_last_session() {
    met(7857, "11", &good_nat());
    not_applicable(7857, "11", &nat(|nat| nat.icmp_timeout = secs(7 * 86_400)));
}

#[test]
fn req_7857_12_hairpinned_errors() {
    met(7857, "12", &good_nat());
    violated(7857, "12", &nat(|nat| nat.hairpin = Hairpin::None));
}
