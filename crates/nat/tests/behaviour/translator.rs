//! Translators of both kinds, driven alike.

use natbed_nat::{
    Exhausted, Filtering, NatConfig, NatConfigError, Outbound, PortAllocation, StatelessConfig,
    Translator, TranslatorConfig, UnsolicitedTcp,
};
use natbed_packet::{DropReason, IcmpErrorKind};
use natbed_units::{Seed, SimTime};

use crate::lab::{EXTERNAL, ep, ip, secs, tcp, udp};

fn translator(config: impl Into<TranslatorConfig>) -> Translator {
    Translator::new(config.into(), vec![ip(EXTERNAL)], Seed::new(1).rng("nat")).unwrap()
}

fn keeps_ports() -> NatConfig {
    NatConfig { ports: PortAllocation::Preserve, ..NatConfig::default() }
}

fn one_to_one() -> TranslatorConfig {
    TranslatorConfig::Stateless(StatelessConfig::OneToOne {
        internal: "10.0.0.0/28".parse().unwrap(),
        external: "198.18.5.0/28".parse().unwrap(),
    })
}

/// Sends from 10.0.0.2:5000 to a server; returns where the packet seems to come from.
fn send(translator: &mut Translator, now: SimTime) -> String {
    let mut packet = udp(ep("10.0.0.2:5000"), ep("203.0.113.1:80"));
    assert!(matches!(translator.outbound(now, &mut packet), Ok(Outbound::Forwarded(_))));
    packet.source_endpoint().unwrap().to_string()
}

/// Answers what [`send`] sent; returns who inside gets the answer.
fn answer(translator: &mut Translator, now: SimTime, to: &str) -> Result<String, DropReason> {
    let mut packet = udp(ep("203.0.113.1:80"), ep(to));
    translator.inbound(now, &mut packet)?;
    Ok(packet.destination_endpoint().unwrap().to_string())
}

#[test]
fn both_kinds_translate_there_and_back() {
    for (config, outside) in
        [(keeps_ports().into(), "198.18.0.1:5000"), (one_to_one(), "198.18.5.2:5000")]
    {
        let mut translator = translator(config);
        assert_eq!(send(&mut translator, SimTime::ZERO), outside);
        let inside = answer(&mut translator, SimTime::ZERO, outside);
        assert_eq!(inside.as_deref(), Ok("10.0.0.2:5000"));
    }
}

#[test]
fn a_nat_ends_its_mappings_at_its_timeout_and_tells_of_them() {
    let mut translator = translator(keeps_ports());
    assert_eq!(translator.poll_timeout(), None);
    send(&mut translator, SimTime::ZERO);
    let end = SimTime::ZERO + secs(300);
    assert_eq!(translator.poll_timeout(), Some(end));
    translator.handle_timeout(end);
    assert_eq!(translator.poll_timeout(), None);
    let ended = translator.poll_ended().unwrap();
    assert_eq!((ended.at, ended.internal), (end, ep("10.0.0.2:5000")));
    assert_eq!(translator.poll_ended(), None);
}

#[test]
fn a_nat_sends_what_it_has_to_say_of_its_own_accord() {
    let mut translator =
        translator(NatConfig { unsolicited_tcp: UnsolicitedTcp::Delay, ..NatConfig::default() });
    let mut syn = tcp(ep("203.0.113.1:80"), ep("198.18.0.1:5000"));
    assert_eq!(translator.inbound(SimTime::ZERO, &mut syn), Err(DropReason::SynHeld));
    assert_eq!(translator.poll_answer(), None);
    translator.handle_timeout(SimTime::ZERO + secs(6));
    assert!(translator.poll_answer().is_some());
    assert_eq!(translator.poll_answer(), None);
}

#[test]
fn a_nat_says_why_it_is_full_as_it_was_told_and_others_as_all_do() {
    let full = DropReason::PortsExhausted;
    for (exhausted, error) in [
        (Exhausted::Silent, None),
        (Exhausted::HostUnreachable, Some(IcmpErrorKind::HostUnreachable)),
    ] {
        let translator = translator(NatConfig { exhausted, ..NatConfig::default() });
        assert_eq!(translator.icmp_error(full), error);
    }
    let by_rule = translator(one_to_one());
    assert_eq!(by_rule.icmp_error(DropReason::NoRoute), Some(IcmpErrorKind::NetUnreachable));
}

#[test]
fn a_flush_and_a_new_address_end_all_mappings() {
    let mut nat =
        translator(NatConfig { filtering: Filtering::EndpointIndependent, ..keeps_ports() });
    send(&mut nat, SimTime::ZERO);
    nat.flush();
    let lost = answer(&mut nat, SimTime::ZERO, "198.18.0.1:5000");
    assert_eq!(lost, Err(DropReason::NoMapping));

    send(&mut nat, SimTime::ZERO);
    assert_eq!(nat.set_externals(vec![ip("198.18.0.9")]), Ok(()));
    assert_eq!(send(&mut nat, SimTime::ZERO), "198.18.0.9:5000");
    assert_eq!(nat.set_externals(Vec::new()), Err(NatConfigError::NoExternal));

    let mut by_rule = translator(one_to_one());
    assert_eq!(by_rule.set_externals(vec![ip("198.18.0.9")]), Ok(()));
    by_rule.flush();
    assert_eq!(send(&mut by_rule, SimTime::ZERO), "198.18.5.2:5000");
    assert_eq!((by_rule.poll_timeout(), by_rule.poll_ended()), (None, None));
}
