//! Configurations: what is refused.

use natbed_nat::{
    Forward, Mapping, Nat, NatConfig, NatConfigError, PortAllocation, PortBlocks, PortClasses,
};
use natbed_packet::Protocol;
use natbed_units::{Seed, SimDuration};

use crate::lab::{EXTERNAL, externals, ip, secs};

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

/// The message of the refusal at `n` external addresses.
fn message(config: &NatConfig, n: u8) -> Option<String> {
    config.validate(&externals(n)).err().map(|error| error.to_string())
}

#[test]
fn timers_are_neither_zero_nor_absurd() {
    type Timer = fn(&mut NatConfig) -> &mut SimDuration;
    let of_new_flows: [(&str, Timer); 5] = [
        ("udp_timeout", |config| &mut config.udp_timeout),
        ("udp_stream_timeout", |config| &mut config.udp_stream_timeout),
        ("tcp_timeout", |config| &mut config.tcp_timeout),
        ("tcp_opening_timeout", |config| &mut config.tcp_opening_timeout),
        ("icmp_timeout", |config| &mut config.icmp_timeout),
    ];
    let others: [(&str, Timer); 4] = [
        ("udp_stream_after", |config| &mut config.udp_stream_after),
        ("tcp_closing_timeout", |config| &mut config.tcp_closing_timeout),
        ("tcp_reset_timeout", |config| &mut config.tcp_reset_timeout),
        ("port_hold", |config| &mut config.port_hold),
    ];
    let hundred_days = 100 * 24 * 3600;
    let with = |timer: Timer, time| {
        let mut config = NatConfig::default();
        *timer(&mut config) = time;
        message(&config, 1)
    };
    for (name, timer) in of_new_flows.into_iter().chain(others) {
        assert_eq!(with(timer, secs(hundred_days)), None, "{name}");
        let refused = with(timer, secs(hundred_days + 1));
        assert_eq!(refused, Some(format!("`{name}` is longer than 100 days")));
    }
    for (name, timer) in of_new_flows {
        assert_eq!(with(timer, SimDuration::ZERO), Some(format!("`{name}` is zero")));
    }
    for (name, timer) in others {
        assert_eq!(with(timer, SimDuration::ZERO), None, "{name}");
    }
    let well_known =
        |time| NatConfig { udp_well_known_timeout: Some(time), ..NatConfig::default() };
    let refused = message(&well_known(SimDuration::ZERO), 1);
    assert_eq!(refused.as_deref(), Some("`udp_well_known_timeout` is zero"));
    assert_eq!(message(&well_known(secs(1)), 1), None);
    let refused = message(&well_known(secs(hundred_days + 1)), 1);
    assert_eq!(refused.as_deref(), Some("`udp_well_known_timeout` is longer than 100 days"));
}

#[test]
fn limits_for_subscribers_let_something_through() {
    for (flows, ports, refused) in [
        (Some(0), None, Some("`max_flows_per_subscriber` is zero")),
        (None, Some(0), Some("`max_ports_per_subscriber` is zero")),
        (Some(1), Some(1), None),
    ] {
        let config = NatConfig {
            max_flows_per_subscriber: flows,
            max_ports_per_subscriber: ports,
            ..NatConfig::default()
        };
        assert_eq!(message(&config, 1).as_deref(), refused);
    }
}

#[test]
fn strict_ports_leave_no_choice() {
    let strict = || NatConfig { ports: PortAllocation::Strict, ..NatConfig::default() };
    let dependent = Mapping::AddressDependent;
    let blocks = Some(PortBlocks::Dynamic { size: 64, max_blocks: 1 });
    for (config, property) in [
        (NatConfig { mapping: dependent, ..strict() }, "mapping"),
        (NatConfig { tcp_mapping: Some(dependent), ..strict() }, "tcp_mapping"),
        (NatConfig { port_classes: PortClasses::Unprivileged, ..strict() }, "port_classes"),
        (NatConfig { port_blocks: blocks, ..strict() }, "port_blocks"),
    ] {
        assert_eq!(
            message(&config, 1),
            Some(format!(
                "`ports: strict` keeps every internal port, and `{property}` asks for other ones"
            ))
        );
        let ports = PortAllocation::Preserve;
        assert_eq!(message(&NatConfig { ports, ..config }, 1), None, "{property}");
    }
    assert_eq!(message(&strict(), 1), None);
    let hold = NatConfig {
        ports: PortAllocation::PreserveWithOverload,
        port_hold: secs(1),
        ..NatConfig::default()
    };
    assert_eq!(
        message(&hold, 1).as_deref(),
        Some("`port_hold` cannot be kept with `ports: overload`, where mappings share a port")
    );
    assert_eq!(message(&NatConfig { ports: PortAllocation::Random, ..hold }, 1), None);
}

#[test]
fn impossible_port_blocks_are_refused() {
    let with = |blocks| NatConfig { port_blocks: Some(blocks), ..NatConfig::default() };
    let dynamic = |size, max_blocks| with(PortBlocks::Dynamic { size, max_blocks });
    let deterministic = |subscribers: &str, compression, overflow| {
        let subscribers = subscribers.parse().unwrap();
        with(PortBlocks::Deterministic { subscribers, compression, overflow })
    };
    for (config, refused) in [
        (dynamic(1, 1), None),
        (dynamic(64_512, 1), None),
        (dynamic(0, 1), Some("`size` is zero")),
        (dynamic(1, 0), Some("`max_blocks` is zero")),
        (
            dynamic(64_513, 1),
            Some("a block of 64513 ports is larger than the 64512 ports from 1024 on"),
        ),
        (deterministic("10.0.0.1/32", 0, 1), Some("`compression` is zero")),
        (deterministic("10.0.0.0/28", 64_000, 512), None),
        (
            deterministic("10.0.0.0/28", 64_000, 513),
            Some(
                "64512 ports cannot be cut into 64513 blocks (64000 subscribers and 513 overflow \
                 blocks for each external address)",
            ),
        ),
        // Two addresses with 7 each.
        (deterministic("10.0.0.0/28", 7, 9), None),
        (
            deterministic("10.0.0.0/28", 6, 10),
            Some(
                "10.0.0.0/28 has 14 subscribers, and 2 external addresses with 6 each have room \
                 for 12",
            ),
        ),
        (deterministic("10.0.0.0/31", 1, 0), None),
        (deterministic("10.0.0.0/30", 1, 0), None),
        (
            deterministic("0.0.0.0/0", 64_000, 0),
            Some(
                "0.0.0.0/0 has 4294967294 subscribers, and 2 external addresses with 64000 each \
                 have room for 128000",
            ),
        ),
        (
            deterministic("fd00::/48", 1, 0),
            Some("the subscribers fd00::/48 are not of the IP version of the inside"),
        ),
    ] {
        assert_eq!(message(&config, 2).as_deref(), refused);
    }
    // Behind a NAT64 subscribers are IPv6.
    let nat64 = "64:ff9b::/96".parse().ok();
    let config = NatConfig { nat64, ..deterministic("fd00::/63", 1, 0) };
    assert_eq!(message(&config, 2), None);
    let config = NatConfig { nat64, ..deterministic("fd00::/62", 1, 0) };
    assert_eq!(
        message(&config, 2).as_deref(),
        Some("fd00::/62 has 4 subscribers, and 2 external addresses with 1 each have room for 2")
    );
    for one in ["fd00::/64", "fd00::/96"] {
        assert_eq!(message(&NatConfig { nat64, ..deterministic(one, 1, 0) }, 1), None, "{one}");
    }
    let all = NatConfig { nat64, ..deterministic("::/0", 1, 0) };
    assert!(message(&all, 1).unwrap().contains("18446744073709551616 subscribers"));
}

#[test]
fn a_nat64_has_a_96_and_ipv4_outside_and_ipv6_inside() {
    let with = |prefix: &str| NatConfig { nat64: prefix.parse().ok(), ..NatConfig::default() };
    assert_eq!(message(&with("64:ff9b::/96"), 1), None);
    assert_eq!(
        message(&with("64:ff9b::/64"), 1).as_deref(),
        Some("the NAT64 prefix 64:ff9b::/64 is no /96 with zeros in bits 64 to 71")
    );
    let ipv6 = with("64:ff9b::/96").validate(&[ip("2001:db8::1")]);
    assert_eq!(
        ipv6.unwrap_err().to_string(),
        "a NAT64 has IPv4 external addresses, and 2001:db8::1 is none"
    );
    for (internal, valid) in [("[fd00::20]:80", true), ("192.168.1.20:80", false)] {
        let forwards = with_forwards(&[(Protocol::Udp, 8080, internal)]);
        let config = NatConfig { nat64: "64:ff9b::/96".parse().ok(), ..forwards };
        assert_eq!(message(&config, 1).is_none(), valid, "{internal}");
    }
}
