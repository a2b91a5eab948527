//! Worlds of more than homes behind NATs: dual stack, several interfaces, a second LAN on a router,
//! translators by rule; and what a record says of the profiles in them.

use natbed_report::{Path, Prediction, RunRecord};

use crate::support::{Folder, natbed};

fn text(lans: &str, hosts: &str) -> String {
    format!(
        "natbed: 1\nname: world\nlans:\n{lans}hosts:\n{hosts}  \
         turn: {{ internet: 203.0.113.10, serve: {{ stun: {{}}, turn: {{ users: {{ u: p }} }} }} }}\n\
         sessions:\n  call: {{ between: [alice, bob], stun: [turn], turn: [turn] }}\n"
    )
}

/// Runs a world and returns the record of its only session, and what people read.
#[track_caller]
fn run(name: &str, text: &str) -> (RunRecord, String) {
    let folder = Folder::new(&format!("worlds_{name}"));
    let path = folder.write("world.yaml", text);
    let report = natbed("run --format json", &[&path]).with_code(0).report();
    let [record] = &report.runs[..] else { panic!("{report:#?}") };
    (record.clone(), natbed("run", &[&path]).with_code(0).stdout)
}

const BOB: &str = "  bob-home: { subnet: 192.168.2.0/24, gateway: { nat: linux-masquerade } }\n";

#[test]
fn a_dual_stack_home_talks_ipv4_and_says_what_its_ipv6_half_is() {
    let lans = format!(
        "  home:\n    subnet: 192.168.1.0/24\n    ipv6: \"2001:db8:1::/64\"\n    gateway:\n      \
         nat: linux-masquerade\n      ipv6: {{ nat: none, firewall: {{ inbound: drop }} }}\n{BOB}"
    );
    let (record, _) =
        run("dual", &text(&lans, "  alice: { lan: home }\n  bob: { lan: bob-home }\n"));
    assert_eq!((record.path, record.oracle), (Path::Direct, Prediction::Direct));
    assert!(record.local.unwrap().address.starts_with("192.168.1."));
    assert_eq!(record.nat["home-ipv6"], "none");
    assert!(record.nat["home"].starts_with("linux-masquerade: mapping eim, filtering apdf, "));
}

#[test]
fn a_host_with_several_interfaces_offers_the_addresses_of_all() {
    // Only the second one is on Bob's LAN.
    let lans = format!(
        "  wifi: {{ subnet: 192.168.1.0/24, gateway: {{ nat: linux-masquerade }} }}\n{BOB}"
    );
    let hosts =
        "  alice: { interfaces: [{ lan: wifi }, { lan: bob-home }] }\n  bob: { lan: bob-home }\n";
    let (record, _) = run("interfaces", &text(&lans, hosts));
    assert_eq!(
        (record.path, record.agent, record.oracle),
        (Path::Lan, Path::Lan, Prediction::Open)
    );
    assert!(record.local.unwrap().address.starts_with("192.168.2."));
    assert!(record.oracle_reason.contains("several interfaces"), "{}", record.oracle_reason);
}

#[test]
fn two_lans_of_one_router_see_each_other_through_it() {
    let lans = "  home: { subnet: 192.168.1.0/24, gateway: { nat: { mapping: apdm, filtering: apdf } } }\n  \
         guests: { subnet: 192.168.2.0/24, isolate: true, gateway: { of: home } }\n";
    let (record, _) =
        run("guests", &text(lans, "  alice: { lan: home }\n  bob: { lan: guests }\n"));
    assert_eq!((record.path, record.oracle), (Path::Direct, Prediction::Direct));
    assert!(record.local.unwrap().address.starts_with("192.168.1."));
    assert!(record.remote.unwrap().address.starts_with("192.168.2."), "its own address, no NAT");
}

#[test]
fn a_phone_on_ipv6_reaches_a_home_through_its_carriers_nat64() {
    let lans = format!(
        "  carrier: {{ subnet: \"2001:db8:a::/64\", gateway: {{ nat: {{ mapping: eim, filtering: eif, \
         nat64: \"64:ff9b::/96\" }} }} }}\n  phone: {{ subnet: 192.0.0.0/29, gateway: {{ nat: {{ clat: \
         {{ nat64: \"64:ff9b::/96\", prefix: \"2001:db8:c::/96\" }} }}, via: carrier }} }}\n{BOB}"
    );
    let (record, _) =
        run("phone", &text(&lans, "  alice: { lan: phone }\n  bob: { lan: bob-home }\n"));
    assert_eq!((record.path, record.oracle), (Path::Direct, Prediction::Direct));
    assert_eq!(
        record.nat["phone"],
        "clat, 192.0.0.0/29 in 2001:db8:c::/96, IPv4 addresses in 64:ff9b::/96"
    );
    assert!(record.nat["carrier"].ends_with(", nat64 64:ff9b::/96"), "{}", record.nat["carrier"]);
}

#[test]
fn a_report_made_with_an_unverified_profile_says_so() {
    let lans = |nat: &str| {
        format!("  home: {{ subnet: 192.168.1.0/24, gateway: {{ nat: {nat} }} }}\n{BOB}")
    };
    let hosts = "  alice: { lan: home }\n  bob: { lan: bob-home }\n";
    let (record, said) = run("unverified", &text(&lans("fritzbox"), hosts));
    let profiles: Vec<_> =
        record.profiles.iter().map(|profile| (&*profile.name, &*profile.status)).collect();
    assert_eq!(profiles, [("fritzbox", "unverified"), ("linux-masquerade", "measured")]);
    assert!(said.contains("\nmade with unverified profiles: fritzbox (unverified)\n"), "{said}");
    let (record, said) = run("verified", &text(&lans("linux-masquerade"), hosts));
    assert_eq!(record.profiles.len(), 1, "each once");
    assert!(!said.contains("unverified"), "{said}");
}

#[test]
fn what_a_profile_was_expanded_to_is_in_the_record_with_its_overrides() {
    let nat =
        "{ profile: linux-masquerade, filter_scope: endpoint, max_flows_per_subscriber: 2000 }";
    let lans = format!("  home: {{ subnet: 192.168.1.0/24, gateway: {{ nat: {nat} }} }}\n{BOB}");
    let (record, _) =
        run("expanded", &text(&lans, "  alice: { lan: home }\n  bob: { lan: bob-home }\n"));
    let said = &record.nat["home"];
    for part in [
        "ports overload",
        "udp_timeout 30s",
        "filter_scope endpoint",
        "max_flows_per_subscriber 2000",
    ] {
        assert!(said.split(", ").any(|property| property == part), "no {part:?} in {said}");
    }
}
