//! Every property of a box by its key, with its value in the words of scenario files.

use natbed_nat::{
    Behaviour, FirewallConfig, Forward, NatConfig, PacketRate, Policy, PortBlocks, Rule,
};

/// Returns all properties in the order in which the configuration has them.
pub(super) fn properties(behaviour: &Behaviour) -> Vec<(&'static str, String)> {
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
        tcp_mapping = or(config.tcp_mapping, "as mapping"),
        tcp_filtering = or(config.tcp_filtering, "as filtering"),
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
        forwards = list(config.forwards.iter().map(forward)),
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

fn or<T: ToString>(value: Option<T>, otherwise: &str) -> String {
    value.map_or_else(|| otherwise.to_owned(), |value| value.to_string())
}

fn or_none<T: ToString>(value: Option<T>) -> String {
    or(value, "none")
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

fn blocks(blocks: &PortBlocks) -> String {
    match blocks {
        PortBlocks::Deterministic { subscribers, compression, overflow } => format!(
            "deterministic: subscribers {subscribers}, compression {compression}, overflow \
             {overflow}"
        ),
        PortBlocks::Dynamic { size, max_blocks } => {
            format!("dynamic: size {size}, max_blocks {max_blocks}")
        }
    }
}

fn forward(forward: &Forward) -> String {
    format!("{} {} to {}", forward.protocol, forward.external_port, forward.internal)
}

fn rate(rate: PacketRate) -> String {
    format!("{} packets/s, burst {}", rate.packets_per_second, rate.burst)
}

fn policy(policy: &Policy) -> String {
    let rules = policy.rules.iter().map(rule);
    rules.chain([policy.default.to_string()]).collect::<Vec<_>>().join("; ")
}

fn rule(rule: &Rule) -> String {
    let mut text = rule.action.to_string();
    if let Some(protocol) = rule.protocol {
        text.push_str(&format!(" {protocol}"));
    }
    match &rule.ports {
        Some(ports) if ports.start() == ports.end() => {
            text.push_str(&format!(" port {}", ports.start()));
        }
        Some(ports) => text.push_str(&format!(" ports {}-{}", ports.start(), ports.end())),
        None => {}
    }
    if let Some(remote) = rule.remote {
        text.push_str(&format!(" with {remote}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of a struct's fields in order, as its debug form prints them.
    fn field_names(debug: &str) -> Vec<String> {
        let is_field = |line: &&str| line.starts_with("    ") && !line.starts_with("     ");
        let names = debug.lines().filter(is_field).filter_map(|line| line.split_once(": "));
        names.map(|(name, _)| name.trim().to_owned()).collect()
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
