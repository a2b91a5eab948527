//! Boxes to check, and what checks say about them.

use natbed::conformance::{Finding, Lab, Outcome, Requirement, Subject, requirements};
use natbed_nat::{
    Action, Behaviour, Exhausted, Filtering, FirewallConfig, Hairpin, Mapping, NatConfig, Policy,
    PortAllocation, Protocol, Rule, UnsolicitedTcp,
};
use natbed_units::SimDuration;

/// A NAT that does all that the RFCs ask, changed.
pub(crate) fn nat(change: impl FnOnce(&mut NatConfig)) -> Behaviour {
    let mut config = NatConfig {
        mapping: Mapping::EndpointIndependent,
        filtering: Filtering::EndpointIndependent,
        ports: PortAllocation::Preserve,
        port_parity: true,
        port_hold: secs(120),
        hairpin: Hairpin::ExternalSource,
        udp_timeout: secs(300),
        udp_stream_timeout: secs(300),
        udp_stream_after: SimDuration::ZERO,
        unsolicited_tcp: UnsolicitedTcp::Delay,
        exhausted: Exhausted::Prohibited,
        ..NatConfig::default()
    };
    change(&mut config);
    Behaviour::Nat(config)
}

/// A NAT that does all that the RFCs ask.
pub(crate) fn good_nat() -> Behaviour {
    nat(|_| {})
}

/// A NAT that gives one port to several hosts.
pub(crate) fn overloading_nat() -> Behaviour {
    nat(|config| {
        config.ports = PortAllocation::PreserveWithOverload;
        config.port_hold = SimDuration::ZERO;
    })
}

/// A carrier NAT that does all that RFC 6888 asks and its configuration can say, changed.
pub(crate) fn carrier_nat(change: impl FnOnce(&mut NatConfig)) -> Behaviour {
    nat(|config| {
        config.ports = PortAllocation::Random;
        config.exhausted = Exhausted::HostUnreachable;
        config.max_flows_per_subscriber = Some(2000);
        config.max_ports_per_subscriber = Some(1500);
        change(config);
    })
}

/// An IPv6 firewall that does all that RFC 6092 asks, changed.
pub(crate) fn firewall(change: impl FnOnce(&mut FirewallConfig)) -> Behaviour {
    let ike = Rule {
        action: Action::Allow,
        protocol: Some(Protocol::Udp),
        ports: Some(500..=500),
        remote: None,
    };
    let mut config = FirewallConfig {
        inbound: Policy { rules: vec![ike], default: Action::Drop },
        filtering: Filtering::EndpointIndependent,
        unsolicited_tcp: UnsolicitedTcp::Delay,
        ..FirewallConfig::default()
    };
    change(&mut config);
    Behaviour::Firewall(config)
}

/// An IPv6 firewall that does all that RFC 6092 asks.
pub(crate) fn good_firewall() -> Behaviour {
    firewall(|_| {})
}

pub(crate) const fn secs(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

/// The requirement of that number.
pub(crate) fn requirement(rfc: u16, number: &str) -> &'static Requirement {
    let is_it = |it: &&Requirement| it.rfc == rfc && it.number == number;
    requirements().find(is_it).expect("the table has it")
}

fn check(rfc: u16, number: &str, subject: &dyn Subject) -> Finding {
    requirement(rfc, number).check(&Lab::new(subject, 1))
}

#[track_caller]
fn assert_outcome(rfc: u16, number: &str, subject: &dyn Subject, expected: Outcome) {
    let finding = check(rfc, number, subject);
    assert_eq!(Outcome::from(&finding), expected, "RFC {rfc} {number}: {finding:?}");
}

/// Asserts that a box meets a requirement.
#[track_caller]
pub(crate) fn met(rfc: u16, number: &str, subject: &dyn Subject) {
    assert_outcome(rfc, number, subject, Outcome::Met);
}

/// Asserts that a box is caught.
#[track_caller]
pub(crate) fn violated(rfc: u16, number: &str, subject: &dyn Subject) {
    assert_outcome(rfc, number, subject, Outcome::Violated);
}

/// Asserts that a requirement does not concern a box.
#[track_caller]
pub(crate) fn not_applicable(rfc: u16, number: &str, subject: &dyn Subject) {
    assert_outcome(rfc, number, subject, Outcome::NotApplicable);
}

/// Asserts that a requirement shows in no packet: nobody meets or violates it, and it says why.
#[track_caller]
pub(crate) fn unseen(rfc: u16, number: &str) {
    let check = requirement(rfc, number).check;
    assert!(
        matches!(check, natbed::conformance::Check::Invisible(why) if !why.is_empty()),
        "RFC {rfc} {number} is checked, so there is a box to catch"
    );
    not_applicable(rfc, number, &good_nat());
}
