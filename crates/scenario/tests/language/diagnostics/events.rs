//! Events.

use super::assert_each;
use crate::marked::{SESSIONS, hosts, invalid, scenario, valid};

#[test]
fn events() {
    let event = |event: &str| {
        hosts(&format!(
            "  s: {{ internet: 198.51.100.9, serve: {{ stun: {{}} }} }}\nevents: [{event}]"
        ))
    };
    assert_each(&[
        (event("{ at: 1s, «link_dwn»: a }"), "unknown key of an event: `link_dwn`"),
        (event("«{ at: 1s }»"), "an event does exactly one thing"),
        (event("«{ at: 1s, link_up: a, link_down: a }»"), "an event does exactly one thing"),
        (event("«{ link_up: a }»"), "an event needs the key `at`"),
        (event("{ at: «5min», link_up: a }"), "the event comes after the run"),
        (event("{ at: 1s, link_up: «x» }"), "unknown LAN or host `x`"),
        (event("{ at: 1s, link_up: «closed» }"), "the LAN `closed` has no gateway"),
        (event("{ at: 1s, server_stop: «a» }"), "`a` serves nothing"),
        (event("{ at: 1s, server_stop: «home» }"), "unknown host `home`"),
        (event("{ at: 1s, nat_flush: «closed» }"), "the LAN `closed` has no NAT"),
        (event("{ at: 1s, nat_flush: «s» }"), "unknown LAN `s`"),
    ]);
    let diagnostics = invalid(&event("{ at: 1s }"));
    assert_eq!(
        diagnostics.as_slice()[0].label,
        "expected one of link_down, link_up, server_stop, server_start, nat_flush, reboot, \
         readdress, roam, set_firewall, set_link, log_in"
    );
}

/// A world in which everything can happen, with these events.
fn eventful(events: &str) -> String {
    scenario(&format!(
        "lans:\n  home: {{ subnet: 192.168.1.0/24, gateway: {{ nat: linux-masquerade, external: 203.0.113.1 }} }}\n  \
         guest: {{ subnet: 192.168.2.0/24, gateway: {{ of: home }} }}\n  \
         hotel: {{ subnet: 192.168.3.0/24, gateway: {{ nat: linux-masquerade, firewall: {{ captive_portal: true }} }} }}\n  \
         site: {{ subnet: 20.0.0.0/24, gateway: {{ nat: none }} }}\n  \
         rule: {{ subnet: 10.0.0.0/28, gateway: {{ nat: {{ one_to_one: 198.51.200.0/28 }} }} }}\n  \
         closed: {{ subnet: 10.1.0.0/24 }}\n  v6: {{ subnet: \"fd00::/64\" }}\n\
         hosts:\n  a: {{ lan: home }}\n  b: {{ internet: 198.51.100.2 }}\n  phone: {{ interfaces: [{{ lan: home }}, {{ lan: closed }}] }}\n  \
         s: {{ lan: home, serve: {{ stun: {{}} }} }}\n{SESSIONS}events: [{events}]\n"
    ))
}

#[test]
fn events_that_change_gateways() {
    assert_each(&[
        (eventful("{ at: 1s, reboot: «hoem» }"), "unknown LAN `hoem`"),
        (eventful("{ at: 1s, reboot: «closed» }"), "the LAN `closed` has no gateway"),
        (eventful("{ at: 1s, reboot: «guest» }"), "the LAN `guest` shares its gateway"),
        (
            eventful("{ at: 1s, reboot: home, off_for: «25h» }"),
            "25h is too much for a time within a run",
        ),
        (eventful("{ at: 1s, reboot: home, external: «fresh» }"), "`fresh` is not an IP address"),
        (eventful("{ at: 1s, reboot: «site», external: new }"), "the gateway of `site` has no NAT"),
        (eventful("{ at: 1s, reboot: home, «to»: hotel }"), "`to` says nothing about `reboot`"),
        (eventful("«{ at: 1s, readdress: home }»"), "`readdress` needs the key `external`"),
        (
            eventful("{ at: 1s, readdress: «site», external: new }"),
            "the gateway of `site` has no NAT",
        ),
        (
            eventful("{ at: 1s, readdress: «rule», external: new }"),
            "the gateway of `rule` translates by rule",
        ),
        (
            eventful("{ at: 1s, readdress: «closed», external: new }"),
            "the LAN `closed` has no gateway",
        ),
        (eventful("{ at: 1s, readdress: home, external: «keep» }"), "`keep` is not an IP address"),
        (
            eventful("{ at: 1s, readdress: home, external: «198.51.100.2» }"),
            "198.51.100.2 is used twice on the Internet",
        ),
        (
            eventful("{ at: 1s, readdress: home, external: «10.9.9.9» }"),
            "10.9.9.9 is private, so it cannot be on the Internet",
        ),
        (
            eventful("{ at: 1s, readdress: home, external: [203.0.113.7, «203.0.113.7»] }"),
            "203.0.113.7 is given twice",
        ),
        (
            eventful("{ at: 1s, readdress: home, external: «\"2001:db8::7\"» }"),
            "the gateway's outside is IPv4",
        ),
        (
            eventful(
                "{ at: 1s, readdress: home, external: 203.0.113.7 }, { at: 2s, readdress: hotel, external: «203.0.113.7» }",
            ),
            "203.0.113.7 is used twice on the Internet",
        ),
        (eventful("{ at: 1s, nat_flush: «guest» }"), "the LAN `guest` shares its gateway"),
        (eventful("{ at: 1s, link_down: «guest» }"), "the LAN `guest` shares its gateway"),
        (eventful("{ at: «5min», reboot: home }"), "the event comes after the run"),
    ]);
}

#[test]
fn events_that_move_hosts() {
    assert_each(&[
        (eventful("«{ at: 1s, roam: a }»"), "`roam` needs the key `to`"),
        (eventful("{ at: 1s, roam: «x», to: hotel }"), "unknown host `x`"),
        (eventful("{ at: 1s, roam: a, to: «hotle» }"), "unknown LAN `hotle`"),
        (eventful("{ at: 1s, roam: a, to: «home» }"), "`a` is in `home` already"),
        (eventful("{ at: 1s, roam: a, to: «v6» }"), "`a` would have no IPv4 address"),
        (eventful("{ at: 1s, roam: «s», to: hotel }"), "`s` serves, so it stays where it is"),
        (eventful("{ at: 1s, roam: «phone», to: hotel }"), "`phone` has 2 interfaces"),
        (
            eventful("{ at: 1s, roam: phone, interface: «site», to: hotel }"),
            "`phone` has no interface in `site` by then",
        ),
        (
            eventful(
                "{ at: 2s, roam: phone, interface: «home», to: site }, { at: 1s, roam: phone, interface: home, to: hotel }",
            ),
            "`phone` has no interface in `home` by then",
        ),
        (
            eventful("{ at: 1s, roam: a, to: hotel, address: «192.168.1.9» }"),
            "192.168.1.9 is not in the subnet of `hotel`",
        ),
        (
            eventful("{ at: 1s, roam: a, to: hotel, address: «192.168.3.1» }"),
            "192.168.3.1 is the address of the gateway of `hotel`",
        ),
        (eventful("{ at: 1s, link_down: home, interface: «site» }"), "`home` is a LAN"),
        (
            eventful("{ at: 1s, link_down: phone, interface: «hotel» }"),
            "`phone` has no interface in `hotel` by then",
        ),
    ]);
    valid(&eventful(
        "{ at: 1s, roam: a, to: hotel }, { at: 2s, log_in: a }, { at: 3s, roam: a, to: home }, \
         { at: 1s, link_down: phone, interface: closed }",
    ));
}

#[test]
fn events_that_concern_firewalls() {
    assert_each(&[
        (eventful("«{ at: 1s, set_firewall: home }»"), "`set_firewall` needs the key `firewall`"),
        (eventful("{ at: 1s, set_firewall: «hoem», firewall: {} }"), "unknown LAN or host `hoem`"),
        (
            eventful("{ at: 1s, set_firewall: «closed», firewall: {} }"),
            "the LAN `closed` has no gateway",
        ),
        (
            eventful("{ at: 1s, set_firewall: home, firewall: { inbound: «no» } }"),
            "unknown firewall action `no`",
        ),
        (
            eventful("{ at: 1s, set_firewall: «a», firewall: { captive_portal: true } }"),
            "a captive portal is the firewall of a gateway",
        ),
        (eventful("{ at: 1s, log_in: «a» }"), "`a` has no captive portal before it by then"),
        (eventful("{ at: 1s, log_in: «b» }"), "`b` has no captive portal before it by then"),
        (
            eventful(
                "{ at: 1s, roam: a, to: hotel }, { at: 2s, set_firewall: hotel, firewall: {} }, { at: 3s, log_in: «a» }",
            ),
            "`a` has no captive portal before it by then",
        ),
    ]);
    valid(&eventful(
        "{ at: 1s, set_firewall: home, firewall: { captive_portal: true } }, { at: 2s, log_in: a }",
    ));
}
