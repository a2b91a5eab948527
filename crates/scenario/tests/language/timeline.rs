//! What events come out as: new addresses, hosts that roam, other firewalls.

use std::net::IpAddr;

use natbed_nat::Action;
use natbed_scenario::{
    Attachment, EventAction, FirewallTarget, HostIndex, Interface, LanIndex, Line, Link,
    LinkTarget, Pipe, Restart, Scenario,
};
use natbed_units::SimDuration;

use crate::marked::{SESSIONS, scenario, session, valid};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("the addresses of this test are valid")
}

/// The events of a world with two homes, a café and a phone.
fn events(events: &str) -> (Scenario, Vec<EventAction>) {
    let text = scenario(&format!(
        "lans:\n  home: {{ subnet: 192.168.1.0/24, gateway: {{ nat: linux-masquerade, external: [203.0.113.1, 203.0.113.2] }} }}\n  \
         cafe: {{ subnet: 192.168.2.0/24, ipv6: \"2001:db8:1::/64\", link: {{ delay: 7ms }}, \
         gateway: {{ nat: linux-masquerade, via: isp, firewall: {{ captive_portal: true }} }} }}\n  \
         isp: {{ subnet: 100.64.0.0/24, ipv6: \"2001:db8:2::/64\", gateway: {{ nat: rfc6888-cgn }} }}\n\
         hosts:\n  a: {{ lan: home, uplink: {{ up: 1mbit }} }}\n  b: {{ internet: 198.51.100.2 }}\n  \
         phone: {{ interfaces: [{{ lan: home }}, {{ lan: isp }}] }}\n{SESSIONS}events: [{events}]\n"
    ));
    let scenario = valid(&text).case(0).scenario;
    let actions = scenario.events.iter().map(|event| event.action.clone()).collect();
    (scenario, actions)
}

#[test]
fn a_reboot_takes_half_a_minute_and_keeps_the_address_unless_told_otherwise() {
    let (_, actions) = events(
        "{ at: 1s, reboot: home }, { at: 2s, reboot: home, off_for: 0s, external: new }, \
         { at: 3s, reboot: cafe, off_for: 5s, external: 100.64.0.7 }, { at: 4s, reboot: isp, external: keep }",
    );
    let reboot = |lan, secs, external: Option<&[&str]>| EventAction::Reboot {
        lan: LanIndex(lan),
        off_for: SimDuration::from_secs(secs),
        external: external.map(|all| all.iter().map(|one| ip(one)).collect()),
    };
    // 198.18.0.1 is that of `isp`; as many new ones are chosen as there were.
    assert_eq!(
        actions,
        [
            reboot(0, 30, None),
            reboot(0, 0, Some(&["198.18.0.2", "198.18.0.3"])),
            reboot(1, 5, Some(&["100.64.0.7"])),
            reboot(2, 30, None),
        ]
    );
}

#[test]
fn new_addresses_are_never_those_of_others_but_may_be_the_old_ones() {
    let (scenario, actions) = events(
        "{ at: 1s, readdress: home, external: [198.18.0.2, 203.0.113.1] }, \
         { at: 3s, readdress: home, external: 203.0.113.1 }, { at: 2s, readdress: cafe, external: new }, \
         { at: 2s, readdress: isp, external: new }",
    );
    let external: Vec<Vec<IpAddr>> = actions
        .into_iter()
        .map(|action| match action {
            EventAction::Readdress { external, .. } => external,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(external[0], [ip("198.18.0.2"), ip("203.0.113.1")]);
    assert_eq!(external[1], [ip("100.64.0.101")], "after the 100.64.0.100 that it has");
    assert_eq!(external[2], [ip("198.18.0.3")], "an event fixes .2");
    assert_eq!(external[3], [ip("203.0.113.1")]);
    assert_eq!(scenario.lans[2].gateway.as_ref().unwrap().external, ip("198.18.0.1"));
}

#[test]
fn a_host_that_comes_back_has_its_address_again() {
    let (scenario, actions) = events(
        "{ at: 1s, roam: a, to: cafe }, { at: 2s, roam: a, to: home }, { at: 3s, roam: a, to: cafe }, \
         { at: 4s, roam: phone, interface: home, to: cafe, address: 192.168.2.9 }",
    );
    let up = &scenario.hosts[0].interface().link.up.line;
    let cafe = Interface {
        attachment: Attachment::Lan(LanIndex(1)),
        address: ip("192.168.2.10"),
        ipv6_address: Some(ip("2001:db8:1::10")),
        link: Link {
            up: Pipe { line: up.clone(), delay: SimDuration::from_millis(7), ..Pipe::default() },
            down: Pipe { delay: SimDuration::from_millis(7), ..Pipe::default() },
        },
    };
    let roam = |host, interface, to| {
        let to = Box::new(to);
        EventAction::Roam { host: HostIndex(host), interface, to }
    };
    assert_ne!(cafe.link.up.line, Line::Unlimited);
    assert_eq!(
        actions[..3],
        [
            roam(0, 0, cafe.clone()),
            roam(0, 0, scenario.hosts[0].interface().clone()),
            roam(0, 0, cafe),
        ]
    );
    let EventAction::Roam { interface: 0, to, .. } = &actions[3] else { panic!("{actions:?}") };
    assert_eq!((to.address, to.ipv6_address), (ip("192.168.2.9"), Some(ip("2001:db8:1::11"))));
}

#[test]
fn links_and_firewalls_are_those_of_a_gateway_a_host_or_an_interface() {
    let (_, actions) = events(
        "{ at: 1s, link_down: phone }, { at: 2s, link_up: phone, interface: isp }, { at: 3s, link_up: home }, \
         { at: 4s, roam: a, to: cafe }, { at: 5s, log_in: a }, \
         { at: 6s, set_firewall: a, firewall: { inbound: drop } }, { at: 7s, set_firewall: cafe, firewall: {} }",
    );
    assert_eq!(actions[0], EventAction::LinkDown(LinkTarget::Host(HostIndex(2))));
    assert_eq!(actions[1], EventAction::LinkUp(LinkTarget::Interface(HostIndex(2), 1)));
    assert_eq!(actions[2], EventAction::LinkUp(LinkTarget::Gateway(LanIndex(0))));
    assert_eq!(actions[4], EventAction::LogIn { host: HostIndex(0), lan: LanIndex(1) });
    let EventAction::SetFirewall { target, firewall } = &actions[5] else { panic!("{actions:?}") };
    assert_eq!(*target, FirewallTarget::Host(HostIndex(0)));
    assert_eq!(firewall.config.inbound.default, Action::Drop);
    let EventAction::SetFirewall { target, .. } = &actions[6] else { panic!("{actions:?}") };
    assert_eq!(*target, FirewallTarget::Gateway(LanIndex(1)));
}

#[test]
fn a_session_may_begin_anew_and_be_held_to_its_times() {
    let text = session(
        "{ between: [a, b], restart: disconnected, expect: { noticed_within: 8s, recover_within: 12s } }",
    ) + "events: [{ at: 1s, nat_flush: home }]\n";
    let scenario = valid(&text).case(0).scenario;
    let call = &scenario.sessions[0];
    let expect = call.expect.as_ref().unwrap();
    assert_eq!(call.restart, Restart::Disconnected);
    assert_eq!(expect.noticed_within, Some(SimDuration::from_secs(8)));
    assert_eq!(expect.recover_within, Some(SimDuration::from_secs(12)));
    let plain = valid(&session("{ between: [a, b] }")).case(0).scenario;
    assert_eq!(plain.sessions[0].restart, Restart::Never);
}
