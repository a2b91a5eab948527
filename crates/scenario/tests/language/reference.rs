//! The examples of the language reference.

use crate::marked::{scenario, valid};

const REFERENCE: &str = include_str!("../../LANGUAGE.md");

/// The YAML examples below the heading `section`.
fn examples(section: &str) -> Vec<&'static str> {
    let start = REFERENCE.find(&format!("\n## {section}\n")).expect("a heading of the reference");
    let text = &REFERENCE[start + 4..];
    let text = &text[..text.find("\n## ").unwrap_or(text.len())];
    text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(rest)).collect()
}

const PEERS: &str = "hosts: { a: { internet: 9.0.0.1 }, b: { internet: 9.0.0.2 } }\n";
const CALL: &str = "sessions: { call: { between: [a, b] } }\n";

#[test]
fn gateways_nats_and_profiles() {
    for section in ["Gateway", "NAT", "Profiles"] {
        let [example] = examples(section)[..] else { panic!("one example of {section}") };
        valid(&scenario(&format!("{example}{PEERS}{CALL}")));
    }
}

#[test]
fn swarms_and_discoveries() {
    let ([swarm], [sessions]) = (&examples("Swarm")[..], &examples("Discovery")[..]) else {
        panic!("one example each")
    };
    let peers = ["alice", "bob", "carol", "dave", "erin", "frank"];
    let peers: String = peers.map(|name| format!("  {name}: {{ lan: home }}\n")).concat();
    valid(&scenario(&format!(
        "lans:\n  home: {{ subnet: 192.168.1.0/24, gateway: {{ nat: linux-masquerade }} }}\n\
         {swarm}{peers}{sessions}"
    )));
}

#[test]
fn firewalls() {
    let [example] = examples("Firewall")[..] else { panic!("one example") };
    let indented = example.replace('\n', "\n    ");
    valid(&scenario(&format!(
        "hosts:\n  a: {{ internet: 198.51.100.1 }}\n  b:\n    internet: 198.51.100.2\n    {indented}\n{CALL}"
    )));
}

#[test]
fn hosts_with_interfaces_and_events() {
    let ([hosts], [events]) = (&examples("Host")[..], &examples("Events")[..]) else {
        panic!("one example each")
    };
    let lan = |name: &str, subnet: &str, rest: &str| {
        format!("  {name}: {{ subnet: {subnet}, gateway: {{ nat: linux-masquerade{rest} }} }}\n")
    };
    let lans = lan("home", "192.168.3.0/24", "")
        + &lan("wifi", "192.168.1.0/24", "")
        + &lan("cellular", "10.0.0.0/24", "")
        + &lan("cafe", "192.168.2.0/24", ", firewall: { captive_portal: true }");
    valid(&scenario(&format!(
        "lans:\n{lans}{hosts}  a: {{ internet: 198.51.100.1 }}\n  b: {{ internet: 198.51.100.2 }}\n{CALL}{events}"
    )));
}
