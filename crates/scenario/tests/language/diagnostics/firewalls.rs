//! Firewalls and profiles.

use super::assert_each;
use crate::marked::{HOSTS, SESSIONS, assert_errors, gateway, hosts, invalid, scenario};

#[test]
fn firewalls() {
    let firewall =
        |policy: &str| hosts(&format!("  c: {{ lan: home, firewall: {{ inbound: {policy} }} }}"));
    assert_each(&[
        (hosts("  c: { lan: home, firewall: «drop» }"), "unknown firewall profile `drop`"),
        (
            hosts("  c: { lan: home, firewall: { «input»: drop } }"),
            "unknown key of a firewall: `input`",
        ),
        (firewall("«deny»"), "unknown firewall action `deny`"),
        (
            firewall("«{}»"),
            "a firewall policy has exactly one of `allow`, `drop`, `reject` and `rules`",
        ),
        (
            firewall("«{ allow: [udp], drop: [tcp] }»"),
            "a firewall policy has exactly one of `allow`, `drop`, `reject` and `rules`",
        ),
        (firewall("{ «deny»: [udp] }"), "unknown key of a firewall policy: `deny`"),
        (firewall("{ allow: [udp], «default»: drop }"), "`default` belongs to `rules`"),
        (firewall("{ allow: «udp» }"), "expected a list, found text"),
        (firewall("{ allow: [«upd»] }"), "unknown protocol `upd`"),
        (
            firewall("{ allow: [«udp/x»] }"),
            "`udp/x` is not a kind of traffic: ports are numbers from 0 to 65535",
        ),
        (
            firewall("{ allow: [«udp/9-2»] }"),
            "`udp/9-2` is not a kind of traffic: its ports are reversed",
        ),
        (
            firewall("{ allow: [«icmp/8»] }"),
            "`icmp/8` is not a kind of traffic: only UDP and TCP have ports",
        ),
        (
            firewall("{ rules: [«{ remote: 10.0.0.0/8 }»] }"),
            "a firewall rule has exactly one of `allow`, `drop` and `reject`",
        ),
        (
            firewall("{ rules: [{ drop: any, remote: «10.0.0.1/8» }] }"),
            "`10.0.0.1/8` is not the start of a subnet",
        ),
        (
            firewall("{ rules: [{ drop: «[udp]» }] }"),
            "expected a kind of traffic, like `udp` or `tcp/80`, found a list",
        ),
    ]);
}

#[test]
fn firewall_properties() {
    let firewall = |keys: &str| hosts(&format!("  c: {{ lan: home, firewall: {{ {keys} }} }}"));
    assert_each(&[
        (firewall("filtering: «any»"), "unknown value of `filtering`: `any`"),
        (firewall("udp_stream_timeout: «0s»"), "0ns is too little for a timer"),
        (firewall("max_flow_age: «2401h»"), "2401h is too much for a timer"),
        (firewall("captive_portal: «yes»"), "expected `true` or `false`, found text"),
        (firewall("unsolicited_tcp: «allow»"), "unknown value of `unsolicited_tcp`: `allow`"),
        (firewall("udp_rate: «5»"), "expected a mapping for a rate of packets, found text"),
        (
            firewall("udp_rate: «{ burst: 5 }»"),
            "a rate of packets needs the key `packets_per_second`",
        ),
        (firewall("udp_rate: { packets_per_second: «0» }"), "`0` is not a number of packets"),
        (firewall("max_flows: «0»"), "`0` is not a number of flows"),
        (
            hosts("  c: { lan: home, firewall: «{ captive_portal: true }» }"),
            "a captive portal is the firewall of a gateway",
        ),
        (firewall("«mapping»: eim"), "unknown key of a firewall: `mapping`"),
        (firewall("profile: «fortress»"), "unknown firewall profile `fortress`"),
    ]);
}

#[test]
fn profiles_of_the_other_kind() {
    let own = |rest: &str| {
        gateway(rest).replace("lans:", "profiles: { wall: { firewall: { inbound: drop } } }\nlans:")
    };
    assert_each(&[
        (own("{ nat: «wall» }"), "the profile `wall` describes a firewall"),
        (own("{ nat: { profile: «wall» } }"), "the profile `wall` describes a firewall"),
        (
            own("{ nat: none, firewall: «rfc6888-cgn» }").replace("192.168.1.0", "20.0.0.0"),
            "the profile `rfc6888-cgn` describes a NAT",
        ),
        (own("{ nat: linux-masquerade, firewall: «wal» }"), "unknown firewall profile `wal`"),
    ]);
    let shown = invalid(&own("{ nat: wall }")).to_string();
    assert!(shown.contains("help: it can be used under `firewall`"), "{shown}");
    let shown = invalid(&own("{ nat: linux-masquerade, firewall: wal }")).to_string();
    assert!(shown.contains("did you mean `wall`?"), "{shown}");
}

#[test]
fn profiles_of_a_users_own() {
    let profile =
        |profiles: &str| scenario(&format!("profiles: {{ {profiles} }}\n{HOSTS}{SESSIONS}"));
    assert_each(&[
        (profile("«rfc6888-cgn»: {}"), "the name `rfc6888-cgn` is taken"),
        (profile("«none»: {}"), "the name `none` is taken"),
        (profile("«my box»: {}"), "`my box` is not a name for a profile"),
        (profile("x: { «colour»: red }"), "unknown key of a profile: `colour`"),
        (profile("x: { status: «guessed» }"), "unknown status of a profile `guessed`"),
        (profile("x: { status: «measured» }"), "a profile that is `measured` needs a `source`"),
        (profile("x: { firewall: {}, «mapping»: eim }"), "`mapping` belongs to a NAT"),
        (profile("x: { profile: «y» }, y: {}"), "unknown NAT profile `y`"),
        (
            profile("x: { ports: strict, mapping: «adm» }"),
            "`ports: strict` keeps every internal port, and `mapping` asks for other ones",
        ),
        (profile("x: { firewall: { inbound: «no» } }"), "unknown firewall action `no`"),
        (profile("x: «5»"), "expected a mapping for a profile, found text"),
    ]);
    // A profile that was reported is not reported again where it is used.
    assert_errors(
        &gateway("{ nat: x }").replace("lans:", "profiles: { x: { mapping: «none» } }\nlans:"),
        &["unknown value of `mapping`: `none`"],
    );
}
