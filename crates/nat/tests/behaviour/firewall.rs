//! The firewall.

use natbed_nat::{Action, Firewall, FirewallConfig, Policy, Rule};
use natbed_packet::{DropReason, IcmpErrorKind, Packet, Protocol};
use natbed_units::SimTime;

use crate::lab::{echo_reply, echo_request, ep, error, ip, secs, tcp, udp};

const HOST: &str = "198.51.100.7:5000";
const FAR: &str = "203.0.113.1:3478";
const START: SimTime = SimTime::ZERO;

/// What protects a host: it may send what it likes, and get answers.
fn stateful() -> FirewallConfig {
    FirewallConfig { inbound: Policy::all(Action::Drop), ..FirewallConfig::default() }
}

fn rule(action: Action) -> Rule {
    Rule { action, protocol: None, ports: None, remote: None }
}

fn there() -> Packet {
    udp(ep(HOST), ep(FAR))
}

fn back() -> Packet {
    udp(ep(FAR), ep(HOST))
}

#[test]
fn answers_pass_and_strangers_do_not() {
    let mut firewall = Firewall::new(stateful());
    assert_eq!(firewall.inbound(START, &back()), Err(DropReason::FirewallInbound));
    assert_eq!(firewall.outbound(START, &there()), Ok(()));
    assert_eq!(firewall.inbound(START, &back()), Ok(()));
    for stranger in ["203.0.113.1:9", "203.0.113.2:3478"] {
        let packet = udp(ep(stranger), ep(HOST));
        assert_eq!(firewall.inbound(START, &packet), Err(DropReason::FirewallInbound));
    }
    let other_protocol = tcp(ep(FAR), ep(HOST));
    assert_eq!(firewall.inbound(START, &other_protocol), Err(DropReason::FirewallInbound));
}

#[test]
fn a_flow_lasts_as_long_as_its_protocol_says_since_its_last_packet() {
    let mut firewall = Firewall::new(stateful());
    firewall.outbound(START, &there()).unwrap();
    firewall.outbound(START, &tcp(ep(HOST), ep(FAR))).unwrap();
    firewall.inbound(START, &tcp(ep(FAR), ep(HOST))).unwrap();
    firewall.outbound(START, &echo_request("198.51.100.7", "203.0.113.1", 7)).unwrap();
    assert_eq!(firewall.poll_timeout(), Some(START + secs(60)));
    let reply = echo_reply("203.0.113.1", "198.51.100.7", 7);
    assert_eq!(firewall.inbound(START + secs(59), &reply), Ok(()));
    assert_eq!(firewall.inbound(START + secs(299), &back()), Ok(()), "udp, renewed from outside");
    assert_eq!(firewall.inbound(START + secs(299), &reply), Err(DropReason::FirewallInbound));
    assert_eq!(firewall.inbound(START + secs(599), &back()), Err(DropReason::FirewallInbound));
    assert_eq!(firewall.inbound(START + secs(7439), &tcp(ep(FAR), ep(HOST))), Ok(()));
    firewall.handle_timeout(START + secs(20_000));
    assert_eq!((firewall.flow_count(), firewall.poll_timeout()), (0, None));
}

#[test]
fn the_first_rule_that_matches_decides() {
    let outbound = Policy {
        rules: vec![
            Rule { remote: Some("203.0.113.0/28".parse().unwrap()), ..rule(Action::Reject) },
            Rule { protocol: Some(Protocol::Udp), ..rule(Action::Allow) },
            Rule { protocol: Some(Protocol::Tcp), ports: Some(80..=443), ..rule(Action::Allow) },
        ],
        default: Action::Drop,
    };
    let mut firewall = Firewall::new(FirewallConfig { outbound, ..stateful() });
    let dropped = Err(DropReason::FirewallOutbound);
    let rejected = Err(DropReason::FirewallRejected);
    let mut send = |packet: Packet| firewall.outbound(START, &packet);
    assert_eq!(send(udp(ep(HOST), ep("203.0.113.15:9"))), rejected);
    assert_eq!(send(tcp(ep(HOST), ep("203.0.113.1:80"))), rejected);
    assert_eq!(send(udp(ep(HOST), ep("203.0.113.16:9"))), Ok(()));
    assert_eq!(send(tcp(ep(HOST), ep("203.0.113.16:80"))), Ok(()));
    assert_eq!(send(tcp(ep(HOST), ep("203.0.113.16:443"))), Ok(()));
    assert_eq!(send(tcp(ep(HOST), ep("203.0.113.16:444"))), dropped);
    assert_eq!(send(echo_request("198.51.100.7", "203.0.113.16", 80)), dropped);
    assert_eq!(DropReason::FirewallRejected.icmp_error(), Some(IcmpErrorKind::AdminProhibited));
}

#[test]
fn inbound_rules_look_at_the_local_port_and_the_source() {
    let allowed = Rule {
        protocol: Some(Protocol::Udp),
        ports: Some(5000..=5000),
        remote: Some("203.0.113.1/32".parse().unwrap()),
        action: Action::Allow,
    };
    let inbound = Policy { rules: vec![allowed], default: Action::Drop };
    let outbound = Policy::all(Action::Drop);
    let mut firewall = Firewall::new(FirewallConfig { inbound, outbound, ..stateful() });
    assert_eq!(firewall.outbound(START, &there()), Err(DropReason::FirewallOutbound));
    assert_eq!(firewall.inbound(START, &back()), Ok(()));
    assert_eq!(firewall.outbound(START, &there()), Ok(()), "an answer");
    let other_port = udp(ep(FAR), ep("198.51.100.7:5001"));
    assert_eq!(firewall.inbound(START, &other_port), Err(DropReason::FirewallInbound));
    let other_source = udp(ep("203.0.113.2:3478"), ep(HOST));
    assert_eq!(firewall.inbound(START, &other_source), Err(DropReason::FirewallInbound));
}

#[test]
fn a_rule_for_ports_is_not_about_icmp() {
    let any_port = Rule { ports: Some(0..=65535), ..rule(Action::Allow) };
    let outbound = Policy { rules: vec![any_port], default: Action::Drop };
    let mut firewall = Firewall::new(FirewallConfig { outbound, ..stateful() });
    let ping = echo_request("198.51.100.7", "203.0.113.1", 7);
    assert_eq!(firewall.outbound(START, &ping), Err(DropReason::FirewallOutbound));
    assert_eq!(firewall.outbound(START, &there()), Ok(()));
}

#[test]
fn errors_pass_with_the_flow_they_are_about_and_do_not_renew_it() {
    let kind = IcmpErrorKind::PortUnreachable;
    let inbound = Policy { rules: vec![], default: Action::Drop };
    let mut firewall = Firewall::new(FirewallConfig { inbound, ..stateful() });
    let about_ours = error("203.0.113.254", kind, ep(HOST), ep(FAR));
    let about_theirs = error("198.51.100.7", kind, ep(FAR), ep(HOST));
    assert_eq!(firewall.inbound(START, &about_ours), Err(DropReason::FirewallInbound));
    assert_eq!(firewall.outbound(START, &about_theirs), Err(DropReason::FirewallOutbound));
    firewall.outbound(START, &there()).unwrap();
    assert_eq!(firewall.inbound(START + secs(299), &about_ours), Ok(()));
    assert_eq!(firewall.outbound(START + secs(299), &about_theirs), Ok(()));
    let late = firewall.inbound(START + secs(300), &about_ours);
    assert_eq!(late, Err(DropReason::FirewallInbound));
}

#[test]
fn a_full_table_refuses_new_flows_and_keeps_the_old() {
    let mut firewall = Firewall::new(FirewallConfig { max_flows: 1, ..stateful() });
    firewall.outbound(START, &there()).unwrap();
    let second = udp(ep(HOST), ep("203.0.113.2:9"));
    assert_eq!(firewall.outbound(START, &second), Err(DropReason::FirewallTableFull));
    assert_eq!(firewall.inbound(START, &back()), Ok(()));
    firewall.flush();
    assert_eq!(firewall.inbound(START, &back()), Err(DropReason::FirewallInbound));
    assert_eq!(firewall.outbound(START, &second), Ok(()));
}

#[test]
fn a_firewall_that_allows_everything_keeps_no_state() {
    let mut firewall = Firewall::new(FirewallConfig { max_flows: 0, ..FirewallConfig::default() });
    assert_eq!(firewall.inbound(START, &back()), Ok(()));
    assert_eq!(firewall.outbound(START, &there()), Ok(()));
    let unknown = error("203.0.113.1", IcmpErrorKind::PortUnreachable, ep(HOST), ep(FAR));
    assert_eq!(firewall.inbound(START, &unknown), Ok(()));
    assert_eq!((firewall.flow_count(), firewall.poll_timeout()), (0, None));
    assert_eq!(unknown.destination, ip("198.51.100.7"));
}

#[test]
fn both_versions_of_ip_are_filtered() {
    let mut firewall = Firewall::new(stateful());
    let (host, far) = (ep("[2001:db8::7]:5000"), ep("[2001:db8:1::1]:3478"));
    assert_eq!(firewall.inbound(START, &udp(far, host)), Err(DropReason::FirewallInbound));
    firewall.outbound(START, &udp(host, far)).unwrap();
    assert_eq!(firewall.inbound(START, &udp(far, host)), Ok(()));
    let other = ep("[2001:db8:2::1]:3478");
    assert_eq!(firewall.inbound(START, &udp(other, host)), Err(DropReason::FirewallInbound));
}
