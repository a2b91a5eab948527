//! The keys of the language, mapping by mapping.

/// The keys that one kind of mapping may have.
#[derive(Debug)]
pub(crate) struct Keys {
    /// What the mapping describes, with its article.
    pub(crate) of: &'static str,
    pub(crate) names: &'static [&'static str],
}

const fn keys(of: &'static str, names: &'static [&'static str]) -> Keys {
    Keys { of, names }
}

/// The keys of a NAT's properties behind some more.
macro_rules! nat_keys {
    ($($more:literal),*) => {
        &[
            $($more,)*
            "mapping",
            "filtering",
            "tcp_mapping",
            "tcp_filtering",
            "filter_scope",
            "ports",
            "port_classes",
            "port_parity",
            "port_contiguity",
            "port_blocks",
            "port_hold",
            "pooling",
            "hairpin",
            "udp_timeout",
            "udp_stream_timeout",
            "udp_stream_after",
            "udp_well_known_timeout",
            "tcp_timeout",
            "tcp_opening_timeout",
            "tcp_closing_timeout",
            "tcp_reset_timeout",
            "icmp_timeout",
            "refresh_outbound",
            "refresh_inbound",
            "wan_input",
            "unsolicited_tcp",
            "fragments",
            "exhausted",
            "max_flows",
            "max_flows_per_subscriber",
            "max_ports_per_subscriber",
            "nat64",
        ]
    };
}

pub(crate) static DOCUMENT: Keys = keys(
    "a scenario",
    &[
        "natbed",
        "name",
        "description",
        "profiles",
        "internet",
        "lans",
        "hosts",
        "swarm",
        "sessions",
        "events",
        "horizon",
        "seeds",
        "matrix",
    ],
);
pub(crate) static PROFILE_FILE: Keys = keys("a file of profiles", &["natbed", "profiles"]);
pub(crate) static PROFILE: Keys =
    keys("a profile", nat_keys!("summary", "source", "status", "profile", "firewall"));
pub(crate) static INTERNET: Keys = keys("the Internet", &["delay"]);
pub(crate) static LAN: Keys =
    keys("a LAN", &["subnet", "ipv6", "isolate", "link", "gateway", "copies"]);
pub(crate) static LINK: Keys = keys(
    "a link",
    &["delay", "down", "up", "queue", "mtu", "loss", "jitter", "duplicate", "corrupt", "preset"],
);
pub(crate) static PIPE: Keys = keys(
    "one direction of a link",
    &[
        "rate",
        "burst",
        "peak",
        "trace",
        "schedule",
        "delay",
        "queue",
        "mtu",
        "loss",
        "jitter",
        "duplicate",
        "corrupt",
    ],
);
pub(crate) static TRACE: Keys = keys("a trace", &["file", "opportunities_ms"]);
pub(crate) static SCHEDULE: Keys = keys("a schedule", &["steps", "repeat"]);
pub(crate) static STEP: Keys = keys("a step of a schedule", &["at", "rate"]);
pub(crate) static QUEUE: Keys = keys("a queue", &["drop_tail", "codel", "fq_codel", "red"]);
pub(crate) static DROP_TAIL: Keys = keys("a drop-tail queue", &["bytes", "packets"]);
pub(crate) static CODEL: Keys =
    keys("a CoDel queue", &["target", "interval", "ecn", "bytes", "packets"]);
pub(crate) static FQ_CODEL: Keys = keys(
    "an FQ-CoDel queue",
    &["target", "interval", "ecn", "bytes", "packets", "flows", "quantum"],
);
pub(crate) static RED: Keys =
    keys("a RED queue", &["min", "max", "max_share", "weight", "ecn", "bytes", "packets"]);
pub(crate) static LOSS: Keys = keys("a loss", &["gilbert_elliott", "pattern", "packets"]);
pub(crate) static GILBERT_ELLIOTT: Keys =
    keys("a Gilbert-Elliott wire", &["bad", "good", "loss_bad", "loss_good"]);
pub(crate) static JITTER: Keys =
    keys("jitter", &["uniform", "normal", "pareto", "correlation", "reorder"]);
pub(crate) static GATEWAY: Keys = keys(
    "a gateway",
    &["nat", "firewall", "via", "external", "uplink", "forwards", "icmp_errors", "ipv6", "of"],
);
pub(crate) static IPV6_GATEWAY: Keys =
    keys("a gateway's IPv6 half", &["nat", "firewall", "external"]);
pub(crate) static FORWARD: Keys = keys("a port forward", &["protocol", "port", "to"]);
pub(crate) static NAT: Keys = keys("a NAT", nat_keys!("profile", "one_to_one", "nptv6", "clat"));
pub(crate) static CLAT: Keys = keys("a CLAT", &["nat64", "prefix"]);
pub(crate) static PORT_BLOCKS: Keys = keys("a kind of port blocks", &["deterministic", "dynamic"]);
pub(crate) static DETERMINISTIC: Keys =
    keys("deterministic port blocks", &["compression", "overflow"]);
pub(crate) static DYNAMIC: Keys = keys("dynamic port blocks", &["size", "max_blocks"]);
pub(crate) static FIREWALL: Keys = keys(
    "a firewall",
    &[
        "profile",
        "outbound",
        "inbound",
        "filtering",
        "udp_timeout",
        "udp_stream_timeout",
        "udp_stream_after",
        "udp_well_known_timeout",
        "tcp_timeout",
        "tcp_opening_timeout",
        "tcp_closing_timeout",
        "tcp_reset_timeout",
        "icmp_timeout",
        "refresh_inbound",
        "unsolicited_tcp",
        "udp_rate",
        "max_flow_age",
        "captive_portal",
        "max_flows",
    ],
);
pub(crate) static UDP_RATE: Keys = keys("a rate of packets", &["packets_per_second", "burst"]);
pub(crate) static POLICY: Keys =
    keys("a firewall policy", &["allow", "drop", "reject", "rules", "default"]);
pub(crate) static RULE: Keys = keys("a firewall rule", &["allow", "drop", "reject", "remote"]);
pub(crate) static HOST: Keys = keys(
    "a host",
    &[
        "lan",
        "address",
        "ipv6_address",
        "internet",
        "interfaces",
        "firewall",
        "uplink",
        "serve",
        "copies",
    ],
);
pub(crate) static INTERFACE: Keys =
    keys("an interface", &["lan", "address", "ipv6_address", "internet", "uplink"]);
pub(crate) static SERVE: Keys = keys("a host's services", &["stun", "turn", "dht"]);
pub(crate) static STUN: Keys = keys("a STUN service", &[]);
pub(crate) static TURN: Keys = keys("a TURN service", &["users"]);
pub(crate) static DHT: Keys = keys("a DHT service", &["bootstrap", "core"]);
pub(crate) static SWARM: Keys =
    keys("a swarm", &["nodes", "core", "network", "ip", "start", "bootstrap", "link", "churn"]);
pub(crate) static CHURN: Keys = keys("a churn", &["up", "down"]);
pub(crate) static SESSION: Keys = keys(
    "a session",
    &[
        "between",
        "stack",
        "discovery",
        "stun",
        "turn",
        "start",
        "port",
        "to",
        "load",
        "loads",
        "hold",
        "restart",
        "expect",
        "copies",
    ],
);
pub(crate) static DISCOVERY: Keys = keys("a discovery", &["rendezvous", "dht", "lan", "first_of"]);
pub(crate) static RENDEZVOUS: Keys = keys("a rendezvous", &["delay"]);
pub(crate) static DHT_DISCOVERY: Keys =
    keys("a discovery by DHT", &["bootstrap", "call_at", "online", "answer_within"]);
pub(crate) static LAN_DISCOVERY: Keys =
    keys("a discovery on the LAN", &["call_at", "online", "answer_within"]);
pub(crate) static WAY: Keys = keys("a way of discovery", &["lan", "dht"]);
pub(crate) static LOAD: Keys =
    keys("a load", &["echo", "quic", "sctp", "datagrams", "file", "tcp"]);
pub(crate) static ECHO: Keys = keys("an echo load", &["count", "interval", "size", "after"]);
pub(crate) static QUIC: Keys = keys(
    "a QUIC load",
    &["size", "for", "from", "streams", "congestion", "window", "sample", "after"],
);
pub(crate) static SCTP: Keys = keys(
    "an SCTP load",
    &["size", "for", "from", "streams", "ordered", "window", "sample", "after"],
);
pub(crate) static DATAGRAMS: Keys = keys(
    "a load of datagrams",
    &["preset", "rate", "size", "for", "from", "freeze_after", "sample", "after"],
);
pub(crate) static FILE: Keys = keys("a file load", &["size", "over", "from", "sample", "after"]);
pub(crate) static TCP: Keys =
    keys("a TCP load", &["size", "for", "from", "congestion", "window", "sample", "after"]);

/// The keys of what a load is held against behind some more.
macro_rules! metric_keys {
    ($($more:literal),*) => {
        &[
            $($more,)*
            "goodput",
            "complete_within",
            "loss",
            "rtt_p50",
            "rtt_p95",
            "delay_p50",
            "delay_p95",
            "delay_p99",
            "jitter",
            "freezes",
            "retransmitted",
        ]
    };
}

pub(crate) static EXPECT: Keys = keys(
    "an expectation",
    metric_keys!(
        "path",
        "discovered",
        "connect_within",
        "states",
        "final_state",
        "noticed_within",
        "recover_within",
        "loads"
    ),
);
pub(crate) static LOAD_EXPECT: Keys = keys("an expectation of a load", metric_keys!());
pub(crate) static BOUNDS: Keys = keys("a bound", &["at_least", "at_most"]);
pub(crate) static EVENT: Keys = keys(
    "an event",
    &[
        "at",
        "link_down",
        "link_up",
        "server_stop",
        "server_start",
        "nat_flush",
        "reboot",
        "readdress",
        "roam",
        "set_firewall",
        "log_in",
        "interface",
        "off_for",
        "external",
        "to",
        "address",
        "ipv6_address",
        "firewall",
        "set_link",
        "up",
        "down",
        "delay",
        "queue",
        "mtu",
        "loss",
        "jitter",
        "duplicate",
        "corrupt",
        "preset",
    ],
);

/// Every key table, for the test that holds them against the reference.
#[cfg(test)]
pub(crate) static ALL: &[&Keys] = &[
    &DOCUMENT,
    &PROFILE_FILE,
    &PROFILE,
    &INTERNET,
    &LAN,
    &LINK,
    &PIPE,
    &TRACE,
    &SCHEDULE,
    &STEP,
    &QUEUE,
    &DROP_TAIL,
    &CODEL,
    &FQ_CODEL,
    &RED,
    &LOSS,
    &GILBERT_ELLIOTT,
    &JITTER,
    &GATEWAY,
    &IPV6_GATEWAY,
    &FORWARD,
    &NAT,
    &CLAT,
    &PORT_BLOCKS,
    &DETERMINISTIC,
    &DYNAMIC,
    &FIREWALL,
    &UDP_RATE,
    &POLICY,
    &RULE,
    &HOST,
    &INTERFACE,
    &SERVE,
    &STUN,
    &TURN,
    &DHT,
    &SWARM,
    &CHURN,
    &SESSION,
    &DISCOVERY,
    &RENDEZVOUS,
    &DHT_DISCOVERY,
    &LAN_DISCOVERY,
    &WAY,
    &LOAD,
    &ECHO,
    &QUIC,
    &SCTP,
    &DATAGRAMS,
    &FILE,
    &TCP,
    &EXPECT,
    &LOAD_EXPECT,
    &BOUNDS,
    &EVENT,
];

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn every_key_stands_in_the_reference() {
        let reference = include_str!("../../LANGUAGE.md");
        for keys in ALL {
            for key in keys.names {
                // In code, be it alone or with what it takes, like `turn` or `rendezvous: { delay }`.
                let is_listed = reference.split('`').skip(1).step_by(2).any(|code| {
                    code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|w| w == *key)
                });
                assert!(is_listed, "LANGUAGE.md does not list `{key}` of {}", keys.of);
            }
        }
    }

    #[test]
    fn the_examples_of_the_reference_are_right() {
        let reference = include_str!("../../LANGUAGE.md");
        let example = reference.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
        let source = crate::Source { name: "LANGUAGE.md".to_owned(), text: example.to_owned() };
        crate::load(source).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    }
}
