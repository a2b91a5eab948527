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

pub(crate) static DOCUMENT: Keys = keys(
    "a scenario",
    &[
        "natbed",
        "name",
        "description",
        "internet",
        "lans",
        "hosts",
        "sessions",
        "events",
        "horizon",
        "seeds",
        "matrix",
    ],
);
pub(crate) static INTERNET: Keys = keys("the Internet", &["delay"]);
pub(crate) static LAN: Keys = keys("a LAN", &["subnet", "isolate", "link", "gateway"]);
pub(crate) static LINK: Keys = keys("a link", &["delay", "down", "up", "queue"]);
pub(crate) static GATEWAY: Keys =
    keys("a gateway", &["nat", "firewall", "via", "external", "uplink", "forwards"]);
pub(crate) static FORWARD: Keys = keys("a port forward", &["protocol", "port", "to"]);
pub(crate) static NAT: Keys = keys(
    "a NAT",
    &[
        "profile",
        "mapping",
        "filtering",
        "ports",
        "hairpin",
        "udp_timeout",
        "udp_stream_timeout",
        "udp_stream_after",
        "refresh_inbound",
        "refresh_outbound",
        "wan_input",
        "max_flows",
    ],
);
pub(crate) static FIREWALL: Keys = keys("a firewall", &["outbound", "inbound", "udp_timeout"]);
pub(crate) static POLICY: Keys =
    keys("a firewall policy", &["allow", "drop", "reject", "rules", "default"]);
pub(crate) static RULE: Keys = keys("a firewall rule", &["allow", "drop", "reject", "remote"]);
pub(crate) static HOST: Keys =
    keys("a host", &["lan", "address", "internet", "firewall", "uplink", "serve"]);
pub(crate) static SERVE: Keys = keys("a host's services", &["stun", "turn"]);
pub(crate) static STUN: Keys = keys("a STUN service", &[]);
pub(crate) static TURN: Keys = keys("a TURN service", &["users"]);
pub(crate) static SESSION: Keys = keys(
    "a session",
    &["between", "stack", "discovery", "stun", "turn", "start", "load", "hold", "expect"],
);
pub(crate) static DISCOVERY: Keys = keys("a discovery", &["rendezvous"]);
pub(crate) static RENDEZVOUS: Keys = keys("a rendezvous", &["delay"]);
pub(crate) static LOAD: Keys = keys("a load", &["echo"]);
pub(crate) static ECHO: Keys = keys("an echo load", &["count", "interval", "size"]);
pub(crate) static EXPECT: Keys = keys(
    "an expectation",
    &["path", "connect_within", "states", "final_state", "loss", "rtt_p50", "rtt_p95"],
);
pub(crate) static AT_MOST: Keys = keys("a bound", &["at_most"]);
pub(crate) static EVENT: Keys =
    keys("an event", &["at", "link_down", "link_up", "server_stop", "server_start", "nat_flush"]);

/// Every key table, for the test that holds them against the reference.
#[cfg(test)]
pub(crate) static ALL: &[&Keys] = &[
    &DOCUMENT,
    &INTERNET,
    &LAN,
    &LINK,
    &GATEWAY,
    &FORWARD,
    &NAT,
    &FIREWALL,
    &POLICY,
    &RULE,
    &HOST,
    &SERVE,
    &STUN,
    &TURN,
    &SESSION,
    &DISCOVERY,
    &RENDEZVOUS,
    &LOAD,
    &ECHO,
    &EXPECT,
    &AT_MOST,
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
