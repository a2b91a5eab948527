//! Every property of a box by its key, with its value in the words of scenario files.

use natbed_nat::{
    Behaviour, FirewallConfig, Forward, NatConfig, PacketRate, Policy, PortBlocks, Rule,
};

/// Returns all properties in the order in which the configuration has them.
pub(crate) fn properties(behaviour: &Behaviour) -> Vec<(&'static str, String)> {
    match behaviour {
        Behaviour::Nat(config) => of_nat(config),
        Behaviour::Firewall(config) => of_firewall(config),
    }
}

/// Pairs of the fields' names and values; some values have to be put into words.
macro_rules! fields {
    (@value $config:ident $field:ident) => { $config.$field.to_string() };
    (@value $config:ident $field:ident $value:expr) => { $value };
    ($config:ident: $($field:ident $(= $value:expr)?),+ $(,)?) => {
        vec![$((stringify!($field), fields!(@value $config $field $($value)?))),+]
    };
}

fn of_nat(config: &NatConfig) -> Vec<(&'static str, String)> {
    fields! { config:
        mapping,
        filtering,
        tcp_mapping = or_none(config.tcp_mapping),
        tcp_filtering = or_none(config.tcp_filtering),
        filter_scope,
        ports,
        port_classes,
        port_parity,
        port_contiguity,
        port_blocks = or_none(config.port_blocks.as_ref().map(blocks)),
        port_hold,
        pooling,
        hairpin,
        udp_timeout,
        udp_stream_timeout,
        udp_stream_after,
        udp_well_known_timeout = or_none(config.udp_well_known_timeout),
        tcp_timeout,
        tcp_opening_timeout,
        tcp_closing_timeout,
        tcp_reset_timeout,
        icmp_timeout,
        refresh_outbound,
        refresh_inbound,
        wan_input,
        unsolicited_tcp,
        fragments,
        exhausted,
        forwards = forwards(&config.forwards),
        max_flows,
        max_flows_per_subscriber = or_none(config.max_flows_per_subscriber),
        max_ports_per_subscriber = or_none(config.max_ports_per_subscriber),
        nat64 = or_none(config.nat64),
    }
}

fn of_firewall(config: &FirewallConfig) -> Vec<(&'static str, String)> {
    fields! { config:
        outbound = policy(&config.outbound),
        inbound = policy(&config.inbound),
        filtering,
        udp_timeout,
        udp_stream_timeout,
        udp_stream_after,
        udp_well_known_timeout = or_none(config.udp_well_known_timeout),
        tcp_timeout,
        tcp_opening_timeout,
        tcp_closing_timeout,
        tcp_reset_timeout,
        icmp_timeout,
        refresh_inbound,
        unsolicited_tcp,
        udp_rate = or_none(config.udp_rate.map(rate)),
        max_flow_age = or_none(config.max_flow_age),
        captive_portal,
        max_flows,
    }
}

fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// The subscribers of deterministic blocks are those of the LAN.
fn blocks(blocks: &PortBlocks) -> String {
    match blocks {
        PortBlocks::Deterministic { compression, overflow, .. } => {
            format!("{{ deterministic: {{ compression: {compression}, overflow: {overflow} }} }}")
        }
        PortBlocks::Dynamic { size, max_blocks } => {
            format!("{{ dynamic: {{ size: {size}, max_blocks: {max_blocks} }} }}")
        }
    }
}

fn forwards(forwards: &[Forward]) -> String {
    let forwards: Vec<_> = forwards
        .iter()
        .map(|Forward { protocol, external_port, internal }| {
            format!("{{ protocol: {protocol}, port: {external_port}, to: {internal} }}")
        })
        .collect();
    format!("[{}]", forwards.join(", "))
}

fn rate(PacketRate { packets_per_second, burst }: PacketRate) -> String {
    format!("{{ packets_per_second: {packets_per_second}, burst: {burst} }}")
}

fn policy(policy: &Policy) -> String {
    let default = policy.default;
    if policy.rules.is_empty() {
        return default.to_string();
    }
    let rules: Vec<_> = policy.rules.iter().map(rule).collect();
    format!("{{ rules: [{}], default: {default} }}", rules.join(", "))
}

fn rule(Rule { action, protocol, ports, remote }: &Rule) -> String {
    let mut text = format!("{{ {action}: ");
    text.push_str(&protocol.map_or_else(|| "any".to_owned(), |protocol| protocol.to_string()));
    if let Some(ports) = ports {
        text.push_str(&format!("/{}", ports.start()));
        if ports.end() > ports.start() {
            text.push_str(&format!("-{}", ports.end()));
        }
    }
    if let Some(remote) = remote {
        text.push_str(&format!(", remote: {remote}"));
    }
    text.push_str(" }");
    text
}

#[cfg(test)]
mod tests {
    use natbed_nat::{Action, Protocol, profiles};
    use natbed_scenario::{Source, load_profiles};
    use natbed_units::SimDuration;

    use super::*;

    /// The names of a struct's fields in order, as its debug form prints them.
    fn field_names(debug: &str) -> Vec<String> {
        let is_field = |line: &&str| line.starts_with("    ") && !line.starts_with("     ");
        let names = debug.lines().filter(is_field).filter_map(|line| line.split_once(": "));
        names.map(|(name, _)| name.trim().to_owned()).collect()
    }

    /// A user's profile with all the properties of another.
    fn written_again(behaviour: &Behaviour) -> String {
        // Ports are forwarded by a gateway, whatever its profile.
        let properties = properties(behaviour);
        let own = properties.iter().filter(|(key, _)| *key != "forwards");
        let own: Vec<_> = own.map(|(key, value)| format!("{key}: {value}")).collect();
        let own = match behaviour {
            Behaviour::Nat(_) => own.join(", "),
            Behaviour::Firewall(_) => format!("firewall: {{ {} }}", own.join(", ")),
        };
        format!("natbed: 1\nprofiles:\n  again: {{ {own} }}\n")
    }

    #[test]
    fn the_language_takes_every_value_as_it_is_printed() {
        let wall = Behaviour::Firewall(FirewallConfig {
            outbound: Policy {
                rules: vec![
                    Rule {
                        action: Action::Reject,
                        protocol: Some(Protocol::Tcp),
                        ports: Some(25..=25),
                        remote: Some("10.0.0.0/8".parse().unwrap()),
                    },
                    Rule { action: Action::Allow, protocol: None, ports: None, remote: None },
                ],
                default: Action::Drop,
            },
            udp_rate: Some(PacketRate { packets_per_second: 100, burst: 7 }),
            max_flow_age: Some(SimDuration::from_secs(3600)),
            ..FirewallConfig::default()
        });
        let shipped = profiles().iter().map(|profile| &profile.behaviour);
        for behaviour in shipped.chain([&wall]) {
            let text = written_again(behaviour);
            let source = Source { name: "again.yaml".to_owned(), text };
            let again = load_profiles(source).map_err(|wrong| wrong.render(false)).unwrap();
            assert_eq!(again[0].behaviour, *behaviour);
        }
    }

    #[test]
    fn no_property_is_left_out_or_moved() {
        let (nat, firewall) = (NatConfig::default(), FirewallConfig::default());
        let (of_nat, of_firewall) = (format!("{nat:#?}"), format!("{firewall:#?}"));
        for (behaviour, debug) in
            [(Behaviour::Nat(nat), of_nat), (Behaviour::Firewall(firewall), of_firewall)]
        {
            let shown: Vec<_> = properties(&behaviour).iter().map(|(name, _)| *name).collect();
            assert_eq!(shown, field_names(&debug));
        }
    }
}
