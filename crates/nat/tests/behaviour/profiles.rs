//! The profiles: that they can be built, and that they are what their sources say.

use natbed_nat::{
    Action, Behaviour, Exhausted, FilterScope, Filtering, Firewall, Fragments, Mapping, Nat,
    NatClass, NatConfig, Policy, Pooling, PortAllocation, PortBlocks, PortClasses, Profile,
    ProfileStatus, UnsolicitedTcp, WanInput, profile, profiles,
};
use natbed_units::{Seed, SimDuration};

use crate::lab::{EXTERNAL, ip, secs};

/// Name, status, mapping/filtering, ports, hairpin; then the timers in seconds: UDP one way and
/// both ways; TCP established, opening, closing and reset; ICMP.
const FIGURES: &str = "
linux-masquerade                  measured   eim/apdf  overload   none     30 120  432000 120 120 10   30
linux-masquerade-wan-input-accept measured   eim/apdf  overload   none     30 120  432000 120 120 10   30
linux-masquerade-random           measured   apdm/apdf random     none     30 120  432000 120 120 10   30
linux-conntrack-pre-5.0           read       eim/apdf  overload   none     30 180  432000 120 120 10   30
openwrt-fullcone-patch            read       eim/eif   preserve   none     30 120  432000 120 120 10   30
android-hotspot                   unverified eim/apdf  overload   none     30 120  432000 120 120 10   30
fritzbox                          unverified eim/apdf  preserve   external 30 300  7440 240 240 240    60
mikrotik-routeros-masquerade      read       eim/apdf  overload   none     10 180  86400 5 10 10       10
lancom-lcos-udp                   read       eim/eif   random     none     120 120 7440 240 240 240    60
cisco-ios-pat                     read       eim/apdf  preserve   none     300 300 86400 60 60 60      60
openbsd-pf-nat-to                 derived    apdm/apdf random     none     60 60   86400 30 45 90      20
pf-static-port                    derived    eim/apdf  strict     none     60 60   86400 30 45 90      20
freebsd-pf-default                read       apdm/apdf random     none     60 60   86400 30 45 90      20
ios-hotspot                       unverified apdm/apdf random     none     60 60   86400 30 45 90      20
windows-netnat                    read       eim/adf   random     none     120 120 1800 120 120 120    30
windows-ics                       unverified eim/apdf  random     none     60 60   7440 240 240 240    60
mobile-cgn-symmetric              secondary  apdm/apdf random     none     65 65   7440 240 240 240    60
mobile-cgn-permissive             secondary  eim/eif   random     none     65 65   7440 240 240 240    60
fixed-line-cgn                    secondary  eim/apdf  random     none     35 35   7440 240 240 240    60
juniper-junos-services-nat        read       apdm/apdf random     none     60 60   1800 240 240 240    60
fortigate-cgn                     read       apdm/apdf random     none     300 300 7440 240 240 240    60
vpp-nat44-ed                      read       apdm/apdf random     none     300 300 7440 240 240 240    60
aws-nat-gateway                   read       apdm/apdf random     none     350 350 350 240 240 240     60
azure-nat-gateway                 read       apdm/apdf random     none     240 240 240 25 65 20        60
gcp-cloud-nat-default             read       apdm/apdf random     none     30 30   1200 30 120 30      30
gcp-cloud-nat-eim                 read       eim/apdf  random     none     30 30   1200 30 120 30      30
digitalocean-vpc-nat-gateway      unverified apdm/apdf random     none     30 30   30 30 30 30         30
huawei-cloud-nat-gateway          read       apdm/apdf random     none     300 300 900 240 240 240     60
cisco-asa-pat                     unverified apdm/apdf random     none     120 120 3600 240 240 240    60
aws-security-group-conntrack      read       none/apdf -          -        30 180  432000 240 240 240  60
ipv6-cpe-rfc6092-default          read       none/eif  -          -        300 300 7440 240 240 240    60
ipv6-stateful-firewall-strict     derived    none/apdf -          -        30 120  432000 120 120 10   30
docker-bridge                     unverified eim/apdf  overload   external 30 120  432000 120 120 10   30
qemu-slirp-user-net               unverified eim/eif   random     external 240 240 7440 240 240 240    60
sing-box-udp-nat                  read       eim/eif   random     none     300 300 7440 240 240 240    60
pion-vnet-default                 read       eim/eif   sequential none     30 30   7440 240 240 240    60
patchbay-home                     read       eim/apdf  preserve   none     30 300  7200 120 120 10     30
patchbay-corporate                read       apdm/apdf random     none     30 120  3600 120 120 10     30
patchbay-cloudnat                 read       apdm/apdf random     none     30 350  3600 120 120 10     30
rfc4787-minimum                   read       eim/adf   preserve   external 120 120 7440 240 240 240    60
rfc4787-recommended               read       eim/eif   preserve   external 300 300 7440 240 240 240    60
rfc6888-cgn                       read       eim/eif   random     external 120 300 7440 240 240 240    60
cgn-rfc7422-deterministic         read       eim/eif   random     external 120 300 7440 240 240 240    60
nat64-rfc6146                     read       eim/adf   preserve   external 300 300 7440 240 240 240    60
";

fn figures(profile: &Profile) -> String {
    let (class, ports, hairpin, timers) = match &profile.behaviour {
        Behaviour::Nat(nat) => (
            format!("{}/{}", nat.mapping, nat.filtering),
            nat.ports.to_string(),
            nat.hairpin.to_string(),
            [
                nat.udp_timeout,
                nat.udp_stream_timeout,
                nat.tcp_timeout,
                nat.tcp_opening_timeout,
                nat.tcp_closing_timeout,
                nat.tcp_reset_timeout,
                nat.icmp_timeout,
            ],
        ),
        Behaviour::Firewall(firewall) => (
            format!("none/{}", firewall.filtering),
            "-".to_owned(),
            "-".to_owned(),
            [
                firewall.udp_timeout,
                firewall.udp_stream_timeout,
                firewall.tcp_timeout,
                firewall.tcp_opening_timeout,
                firewall.tcp_closing_timeout,
                firewall.tcp_reset_timeout,
                firewall.icmp_timeout,
            ],
        ),
    };
    let timers = timers.map(|timer| (timer.as_nanos() / 1_000_000_000).to_string()).join(" ");
    format!("{} {} {class} {ports} {hairpin} {timers}", profile.name, profile.status)
}

fn nat(name: &str) -> &'static NatConfig {
    profile(name).unwrap().behaviour.nat().unwrap()
}

/// The names of the profiles whose NAT is as `wanted`.
fn nats_with(wanted: impl Fn(&NatConfig) -> bool) -> Vec<&'static str> {
    let nats = profiles().iter().filter(|profile| profile.behaviour.nat().is_some_and(&wanted));
    nats.map(|profile| profile.name).collect()
}

#[test]
fn the_profiles_are_what_their_sources_say() {
    let expected: Vec<_> =
        FIGURES.trim().lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(expected.len(), 44);
    let listed: Vec<_> = profiles().iter().map(figures).collect();
    let listed: Vec<_> = listed.iter().map(|row| row.split(' ').collect::<Vec<_>>()).collect();
    assert_eq!(listed, expected);
}

#[test]
fn every_profile_can_be_built_and_found_by_its_name() {
    for listed in profiles() {
        let rng = Seed::new(1).rng("box");
        match &listed.behaviour {
            Behaviour::Nat(config) => {
                let made = Nat::new(config.clone(), ip(EXTERNAL), rng);
                assert!(made.is_ok(), "{}: {:?}", listed.name, made.err());
            }
            Behaviour::Firewall(config) => {
                assert_eq!(Firewall::new(config.clone()).flow_count(), 0, "{}", listed.name);
            }
        }
        assert_eq!(profile(listed.name), Some(listed), "the name is unique");
        assert!(listed.summary.ends_with('.') && !listed.summary.contains(". "), "one sentence");
        assert!(!listed.source.is_empty());
    }
    assert_eq!(profile("linux"), None);
}

/// The fields of `NatConfig`.
const NAT_PROPERTIES: &[&str] = &[
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
    "max_flows_per_subscriber",
    "max_ports_per_subscriber",
    "nat64",
];

/// The fields of `FirewallConfig`.
const FIREWALL_PROPERTIES: &[&str] = &[
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
];

#[test]
fn notes_and_statements_are_about_properties_and_no_property_has_two_notes() {
    for profile in profiles() {
        let known = match profile.behaviour {
            Behaviour::Nat(_) => NAT_PROPERTIES,
            Behaviour::Firewall(_) => FIREWALL_PROPERTIES,
        };
        for property in profile.stated {
            assert!(known.contains(property), "{}: {property}", profile.name);
        }
        let mut noted: Vec<_> =
            profile.notes.iter().flat_map(|note| note.properties).copied().collect();
        for property in &noted {
            assert!(known.contains(property), "{}: {property}", profile.name);
        }
        noted.sort_unstable();
        assert!(noted.is_sorted_by(|a, b| a < b), "{}: {noted:?}", profile.name);
        for note in &profile.notes {
            assert!(note.text.ends_with('.'), "whole sentences: {}", note.text);
        }
    }
}

#[test]
fn a_property_is_as_trustworthy_as_its_note_or_else_its_source() {
    let cisco = profile("cisco-ios-pat").unwrap();
    assert_eq!(cisco.basis("udp_timeout"), (ProfileStatus::Read, cisco.source));
    assert_eq!(cisco.basis("mapping").0, ProfileStatus::Unverified);
    assert!(cisco.basis("mapping").1.contains("From memory"));
    assert_eq!(cisco.basis("fragments"), (ProfileStatus::Unverified, "The source does not say."));
    let aws = profile("aws-nat-gateway").unwrap();
    assert_eq!(aws.basis("mapping").0, ProfileStatus::Read);
    assert_eq!(aws.basis("udp_timeout").0, ProfileStatus::Unverified);
    assert_eq!(profile("linux-masquerade").unwrap().basis("filtering").0, ProfileStatus::Measured);
}

#[test]
fn what_the_sources_leave_open_is_marked_as_unverified() {
    // Each is "unknown", absent or "unverified" in what was read.
    let open: &[(&str, &[&str])] = &[
        ("openwrt-fullcone-patch", &["hairpin"]),
        ("openbsd-pf-nat-to", &["hairpin"]),
        ("windows-netnat", &["mapping", "ports", "hairpin"]),
        ("windows-ics", &["ports", "hairpin"]),
        ("cisco-ios-pat", &["mapping", "filtering", "port_classes"]),
        ("cisco-asa-pat", &["mapping", "ports", "udp_timeout"]),
        ("juniper-junos-services-nat", &["ports", "udp_timeout", "udp_stream_timeout", "hairpin"]),
        ("lancom-lcos-udp", &["ports", "udp_timeout", "udp_stream_timeout", "hairpin"]),
        ("fritzbox", &["mapping", "filtering", "udp_timeout"]),
        ("fortigate-cgn", &["mapping", "filtering", "hairpin"]),
        ("aws-nat-gateway", &["udp_timeout", "udp_stream_timeout", "tcp_timeout"]),
        ("gcp-cloud-nat-default", &["port_blocks"]),
        ("gcp-cloud-nat-eim", &["filtering"]),
        ("vpp-nat44-ed", &["hairpin", "udp_timeout", "tcp_timeout"]),
        ("mobile-cgn-permissive", &["ports", "hairpin"]),
        ("fixed-line-cgn", &["filtering", "hairpin"]),
        ("docker-bridge", &["hairpin"]),
        ("qemu-slirp-user-net", &["hairpin"]),
        ("sing-box-udp-nat", &["hairpin"]),
    ];
    for (name, properties) in open {
        for property in *properties {
            let (status, _) = profile(name).unwrap().basis(property);
            assert_eq!(status, ProfileStatus::Unverified, "{name}: {property}");
        }
    }
}

#[test]
fn linux_is_masquerade_with_the_timers_of_connection_tracking() {
    let linux = NatConfig {
        mapping: Mapping::EndpointIndependent,
        filtering: Filtering::AddressAndPortDependent,
        ports: PortAllocation::PreserveWithOverload,
        port_classes: PortClasses::Linux,
        udp_timeout: secs(30),
        udp_stream_timeout: secs(120),
        udp_stream_after: secs(2),
        tcp_timeout: secs(5 * 24 * 3600),
        tcp_opening_timeout: secs(120),
        tcp_closing_timeout: secs(120),
        tcp_reset_timeout: secs(10),
        icmp_timeout: secs(30),
        exhausted: Exhausted::Silent,
        ..NatConfig::default()
    };
    assert_eq!(nat("linux-masquerade"), &linux);
    assert_eq!(nat("android-hotspot"), &linux);
    let accepting = NatConfig { wan_input: WanInput::Accept, ..linux.clone() };
    assert_eq!(nat("linux-masquerade-wan-input-accept"), &accepting);
    let random = NatConfig {
        mapping: Mapping::AddressAndPortDependent,
        ports: PortAllocation::Random,
        ..linux
    };
    assert_eq!(nat("linux-masquerade-random"), &random);
    // Before 5.0 the packet after an answer made a stream, whatever the age.
    let after = nat("linux-conntrack-pre-5.0").udp_stream_after;
    assert!(SimDuration::ZERO < after && after < secs(1));
}

#[test]
fn what_few_boxes_do_is_done_by_these_alone() {
    assert_eq!(
        nats_with(|nat| nat.wan_input == WanInput::Accept),
        ["linux-masquerade-wan-input-accept"]
    );
    assert_eq!(nats_with(|nat| nat.wan_input == WanInput::Reject), ["openwrt-fullcone-patch"]);
    assert_eq!(nats_with(|nat| !nat.refresh_inbound), ["windows-netnat", "rfc4787-minimum"]);
    assert!(nats_with(|nat| !nat.refresh_outbound).is_empty());
    assert_eq!(nats_with(|nat| nat.port_classes == PortClasses::Three), ["cisco-ios-pat"]);
    assert_eq!(nats_with(|nat| nat.udp_well_known_timeout.is_some()), ["cisco-ios-pat"]);
    assert_eq!(nat("cisco-ios-pat").udp_well_known_timeout, Some(secs(60)));
    assert_eq!(
        nats_with(|nat| nat.tcp_mapping.is_some()),
        ["lancom-lcos-udp", "qemu-slirp-user-net", "sing-box-udp-nat"]
    );
    assert_eq!(
        nats_with(|nat| nat.tcp_filtering.is_some()),
        ["openwrt-fullcone-patch", "lancom-lcos-udp", "qemu-slirp-user-net", "sing-box-udp-nat"]
    );
    assert_eq!(
        nats_with(|nat| nat.port_classes == PortClasses::Unprivileged),
        [
            "openbsd-pf-nat-to",
            "freebsd-pf-default",
            "ios-hotspot",
            "aws-nat-gateway",
            "azure-nat-gateway",
            "gcp-cloud-nat-default",
            "gcp-cloud-nat-eim",
            "digitalocean-vpc-nat-gateway",
            "huawei-cloud-nat-gateway",
            "qemu-slirp-user-net",
            "sing-box-udp-nat",
        ]
    );
    assert_eq!(nat("pion-vnet-default").filter_scope, FilterScope::Mapping);
}

#[test]
fn the_profiles_of_rfcs_follow_their_requirements() {
    let rfcs =
        ["rfc4787-minimum", "rfc4787-recommended", "rfc6888-cgn", "cgn-rfc7422-deterministic"];
    for name in rfcs.into_iter().chain(["nat64-rfc6146"]) {
        let nat = nat(name);
        assert_eq!(nat.unsolicited_tcp, UnsolicitedTcp::Delay, "{name}: RFC 5382 REQ-4");
        assert_eq!(nat.pooling, Pooling::Paired, "{name}: RFC 4787 REQ-2");
        assert_eq!(nat.port_classes, PortClasses::Two, "{name}: RFC 4787 REQ-3a");
        assert_eq!(nat.fragments, Fragments::AnyOrder, "{name}: RFC 4787 REQ-14");
        assert!(nat.refresh_outbound, "{name}: RFC 4787 REQ-6");
    }
    let parity = nats_with(|nat| nat.port_parity);
    assert_eq!(parity, ["rfc4787-minimum", "rfc4787-recommended", "nat64-rfc6146"]);
    let open = NatClass {
        mapping: Mapping::EndpointIndependent,
        filtering: Filtering::EndpointIndependent,
    };
    assert_eq!(NatClass::from(nat("rfc4787-recommended")), open);
    let cgn = nat("rfc6888-cgn");
    assert_eq!(NatClass::from(cgn), open);
    assert_eq!(cgn.port_hold, secs(120), "RFC 6888 REQ-8");
    assert_eq!(cgn.max_ports_per_subscriber, Some(4032), "RFC 6888 REQ-4");
    assert_eq!(cgn.max_flows_per_subscriber, Some(8064), "RFC 6888 REQ-5");
    assert_eq!(
        nats_with(|nat| nat.exhausted == Exhausted::HostUnreachable),
        ["rfc6888-cgn", "cgn-rfc7422-deterministic"],
        "RFC 6888 REQ-11"
    );
    assert_eq!(
        nat("cgn-rfc7422-deterministic").port_blocks,
        Some(PortBlocks::Deterministic {
            subscribers: "100.64.0.0/24".parse().unwrap(),
            compression: 256,
            overflow: 0
        })
    );
    assert_eq!(
        nats_with(|nat| nat.port_blocks.is_some()),
        ["gcp-cloud-nat-eim", "cgn-rfc7422-deterministic"]
    );
    assert_eq!(nat("nat64-rfc6146").nat64, Some("64:ff9b::/96".parse().unwrap()));
    assert_eq!(nats_with(|nat| nat.nat64.is_some()), ["nat64-rfc6146"]);
}

#[test]
fn firewalls_let_everything_out_and_nothing_in_but_key_exchange() {
    let mut names = Vec::new();
    for profile in profiles() {
        if let Behaviour::Firewall(firewall) = &profile.behaviour {
            assert_eq!(firewall.outbound, Policy::all(Action::Allow), "{}", profile.name);
            assert_eq!(firewall.inbound.default, Action::Drop, "{}", profile.name);
            assert!(firewall.refresh_inbound, "{}", profile.name);
            let is_cpe = profile.name == "ipv6-cpe-rfc6092-default";
            let delays = firewall.unsolicited_tcp == UnsolicitedTcp::Delay;
            assert_eq!(delays, is_cpe, "RFC 6092 REC-34");
            let ports: Vec<_> =
                firewall.inbound.rules.iter().map(|rule| rule.ports.clone()).collect();
            let ike: &[_] = if is_cpe { &[Some(500..=500)] } else { &[] };
            assert_eq!(ports, ike, "RFC 6092 REC-24");
            names.push(profile.name);
        }
    }
    assert_eq!(
        names,
        [
            "aws-security-group-conntrack",
            "ipv6-cpe-rfc6092-default",
            "ipv6-stateful-firewall-strict"
        ]
    );
}
