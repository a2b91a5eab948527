//! Configurations: what is refused.

use natbed_nat::{Forward, Nat, NatConfig, NatConfigError};
use natbed_packet::Protocol;
use natbed_units::{Seed, SimDuration};

use crate::lab::{EXTERNAL, ip};

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
        "forward of udp port 8080: [fd00::20]:80 is not of the IP version of the inside"
    );
    let twice = [(Protocol::Udp, 8080, host), (Protocol::Udp, 8080, "192.168.1.21:80")];
    let error = refusal(EXTERNAL, with_forwards(&twice));
    assert_eq!(error.to_string(), "udp port 8080 is forwarded twice");
    let one_each = [(Protocol::Udp, 8080, host), (Protocol::Tcp, 8080, host)];
    assert_eq!(with_forwards(&one_each).validate(&[ip(EXTERNAL)]), Ok(()));
}
