//! Configurations: what is refused, and what the names stand for.

use natbed_nat::{
    Filtering, Forward, Hairpin, Mapping, Nat, NatClass, NatConfig, NatConfigError, PortAllocation,
    ProfileStatus, WanInput, profile, profiles,
};
use natbed_packet::Protocol;
use natbed_units::{Seed, SimDuration};

use crate::lab::{EXTERNAL, ip, secs};

fn refusal(external: &str, config: NatConfig) -> NatConfigError {
    Nat::new(config, ip(external), Seed::new(1).rng("nat")).unwrap_err()
}

fn with_forwards(forwards: &[(Protocol, u16, &str)]) -> NatConfig {
    let forwards = forwards.iter().map(|(protocol, external_port, internal)| Forward {
        protocol: *protocol,
        external_port: *external_port,
        internal: internal.parse().unwrap(),
    });
    NatConfig { forwards: forwards.collect(), ..NatConfig::default() }
}

#[test]
fn contradictions_are_refused() {
    let default = NatConfig::default;
    let zero = SimDuration::ZERO;
    assert_eq!(
        refusal(EXTERNAL, NatConfig { udp_timeout: zero, ..default() }),
        NatConfigError::ZeroTimeout { property: "udp_timeout" }
    );
    assert_eq!(
        refusal(EXTERNAL, NatConfig { icmp_timeout: zero, ..default() }),
        NatConfigError::ZeroTimeout { property: "icmp_timeout" }
    );
    assert_eq!(refusal(EXTERNAL, NatConfig { max_flows: 0, ..default() }), NatConfigError::NoFlows);
    for external in ["0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1"] {
        assert_eq!(
            refusal(external, default()),
            NatConfigError::UnusableExternal { external: ip(external) }
        );
    }
}

#[test]
fn impossible_forwards_are_refused() {
    let host = "192.168.1.20:80";
    let error = refusal(EXTERNAL, with_forwards(&[(Protocol::Icmp, 8080, host)]));
    assert!(matches!(error, NatConfigError::ForwardWithoutPorts { external_port: 8080, .. }));
    for forward in [(Protocol::Udp, 0, host), (Protocol::Udp, 8080, "192.168.1.20:0")] {
        let error = refusal(EXTERNAL, with_forwards(&[forward]));
        assert!(matches!(error, NatConfigError::ForwardPortZero { .. }), "{error}");
    }
    let error = refusal(EXTERNAL, with_forwards(&[(Protocol::Udp, 8080, "[fd00::20]:80")]));
    assert_eq!(
        error.to_string(),
        "forward of udp port 8080: [fd00::20]:80 and 198.18.0.1 are not of one IP version"
    );
    let twice = [(Protocol::Udp, 8080, host), (Protocol::Udp, 8080, "192.168.1.21:80")];
    let error = refusal(EXTERNAL, with_forwards(&twice));
    assert_eq!(error.to_string(), "udp port 8080 is forwarded twice");
    let one_each = [(Protocol::Udp, 8080, host), (Protocol::Tcp, 8080, host)];
    assert_eq!(with_forwards(&one_each).validate(&[ip(EXTERNAL)]), Ok(()));
}

#[test]
fn every_profile_can_be_built_and_found_by_its_name() {
    for listed in profiles() {
        if let Some(config) = listed.behaviour.nat() {
            assert_eq!(config.validate(&[ip(EXTERNAL)]), Ok(()), "{}", listed.name);
        }
        assert_eq!(profile(listed.name), Some(listed));
        assert!(!listed.summary.is_empty() && !listed.source.is_empty());
        assert_ne!(listed.status, ProfileStatus::Unverified, "{}", listed.name);
    }
    assert_eq!(profile("linux"), None);
}

#[test]
fn the_profiles_are_what_their_sources_say() {
    let names: Vec<_> = profiles().iter().map(|profile| profile.name).collect();
    assert_eq!(
        names,
        [
            "linux-masquerade",
            "linux-masquerade-wan-input-accept",
            "linux-masquerade-random",
            "rfc4787-recommended",
            "rfc6888-cgn",
        ]
    );
    let linux = NatConfig {
        mapping: Mapping::EndpointIndependent,
        filtering: Filtering::AddressAndPortDependent,
        ports: PortAllocation::PreserveWithOverload,
        hairpin: Hairpin::None,
        udp_timeout: secs(30),
        udp_stream_timeout: secs(120),
        udp_stream_after: secs(2),
        tcp_timeout: secs(5 * 24 * 3600),
        icmp_timeout: secs(30),
        refresh_outbound: true,
        refresh_inbound: true,
        wan_input: WanInput::Drop,
        forwards: Vec::new(),
        max_flows: 65_536,
        ..NatConfig::default()
    };
    assert_eq!(profile("linux-masquerade").unwrap().behaviour.nat().unwrap().clone(), linux);
    let cgn = profile("rfc6888-cgn").unwrap().behaviour.nat().unwrap();
    assert_eq!((cgn.udp_timeout, cgn.udp_stream_timeout), (secs(120), secs(300)));
    assert_eq!((cgn.tcp_timeout, cgn.icmp_timeout), (secs(7440), secs(60)));
    assert_eq!((cgn.ports, cgn.hairpin), (PortAllocation::Random, Hairpin::ExternalSource));
    let open = NatClass {
        mapping: Mapping::EndpointIndependent,
        filtering: Filtering::EndpointIndependent,
    };
    assert_eq!(NatClass::from(cgn), open);
    assert_eq!(
        NatClass::from(profile("rfc4787-recommended").unwrap().behaviour.nat().unwrap()),
        open
    );
}
