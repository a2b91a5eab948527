//! The example of the language reference, loaded as it stands.

use std::net::IpAddr;

use natbed_nat::{Action, Filtering, Hairpin, Mapping, PortAllocation, profile};
use natbed_scenario::{
    Attachment, Discovery, Document, ExpectedPath, HostIndex, LanIndex, Line, Link, Load, Path,
    Pipe, SeedRange, Source, Stack, load,
};
use natbed_units::{ByteCount, Rate, SimDuration};

fn document() -> Document {
    let text = include_str!("two-homes.yaml");
    let source = Source { name: "two-homes.yaml".to_owned(), text: text.to_owned() };
    load(source).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("the addresses of this test are valid")
}

#[test]
fn the_document_tells_what_it_is() {
    let document = document();
    assert_eq!(document.name(), "two-homes");
    assert!(document.description().starts_with("Two homes behind ordinary routers"));
    assert_eq!(document.source_name(), "two-homes.yaml");
    assert_eq!(document.seeds(), SeedRange { first: 1, last: 1 });
    assert!(document.axes().is_empty());
    assert_eq!(document.case_count(), 1);
    assert!(document.case(0).labels.is_empty());
    assert_eq!(document.cases().count(), 1);
}

#[test]
fn gateways_get_their_addresses_nats_and_links() {
    let scenario = document().case(0).scenario;
    assert_eq!(scenario.internet.unwrap().delay, SimDuration::from_millis(20));
    let [carrier, alice_home, bob_home] = &scenario.lans[..] else { panic!("three LANs") };
    assert_eq!((&*carrier.name, carrier.isolate), ("carrier", true));
    assert_eq!(carrier.subnet.to_string(), "100.64.0.0/24");

    let gateway = carrier.gateway.as_ref().unwrap();
    assert_eq!(gateway.inside, ip("100.64.0.1"));
    assert_eq!(gateway.external, ip("198.18.0.1"));
    assert_eq!((gateway.via, &gateway.firewall), (None, &None));
    assert_eq!(gateway.uplink, Link::default());
    let nat = gateway.nat.as_ref().unwrap();
    assert_eq!(nat.profile.as_ref().unwrap().name, "rfc6888-cgn");
    assert_eq!(nat.nat(), profile("rfc6888-cgn").unwrap().behaviour.nat());

    let gateway = alice_home.gateway.as_ref().unwrap();
    assert_eq!(gateway.inside, ip("192.168.1.1"));
    assert_eq!(gateway.external, ip("100.64.0.100"));
    assert_eq!(gateway.via, Some(LanIndex(0)));
    assert_eq!(gateway.uplink.down.line, Line::Rate(Rate::from_bits_per_second(100_000_000)));
    assert_eq!(gateway.uplink.up.line, Line::Rate(Rate::from_bits_per_second(20_000_000)));
    assert_eq!(gateway.uplink.up.delay, SimDuration::from_millis(8));
    assert_eq!(gateway.uplink.down.delay, SimDuration::from_millis(8));
    assert_eq!(gateway.uplink.down.queue, Pipe::default().queue);

    let gateway = bob_home.gateway.as_ref().unwrap();
    assert_eq!(gateway.inside, ip("192.168.1.1"));
    assert_eq!(gateway.external, ip("198.18.0.2"));
    let nat = gateway.nat.as_ref().unwrap();
    assert_eq!(nat.profile, None);
    let config = nat.nat().unwrap();
    assert_eq!(config.mapping, Mapping::AddressAndPortDependent);
    assert_eq!(config.filtering, Filtering::AddressAndPortDependent);
    assert_eq!(config.ports, PortAllocation::Random);
    assert_eq!(config.hairpin, Hairpin::None);
    assert_eq!(config.udp_timeout, SimDuration::from_secs(30));
    assert_eq!(config.udp_stream_timeout, SimDuration::from_secs(300));
    let firewall = &gateway.firewall.as_ref().unwrap().config;
    let outbound: Vec<_> = firewall
        .outbound
        .rules
        .iter()
        .map(|rule| (rule.action, rule.protocol.unwrap().to_string(), rule.ports.clone()))
        .collect();
    assert_eq!(
        outbound,
        [
            (Action::Allow, "udp".to_owned(), None),
            (Action::Allow, "tcp".to_owned(), Some(80..=80)),
            (Action::Allow, "tcp".to_owned(), Some(443..=443)),
        ]
    );
    assert_eq!(firewall.outbound.default, Action::Drop);
    assert_eq!((firewall.inbound.rules.len(), firewall.inbound.default), (0, Action::Allow));
}

#[test]
fn hosts_get_their_addresses_and_services() {
    let scenario = document().case(0).scenario;
    let attachments: Vec<_> = scenario
        .hosts
        .iter()
        .map(|host| (&*host.name, host.interface().attachment, host.address()))
        .collect();
    assert_eq!(
        attachments,
        [
            ("alice", Attachment::Lan(LanIndex(1)), ip("192.168.1.10")),
            ("bob", Attachment::Lan(LanIndex(2)), ip("192.168.1.77")),
            ("carol", Attachment::Internet, ip("198.51.100.7")),
            ("turn", Attachment::Internet, ip("203.0.113.10")),
        ]
    );
    let carol = &scenario.hosts[2].firewall.as_ref().unwrap().config;
    assert_eq!((carol.inbound.default, carol.outbound.default), (Action::Drop, Action::Allow));
    let serve = &scenario.hosts[3].serve;
    assert!(serve.stun);
    let users = &serve.turn.as_ref().unwrap().users;
    assert_eq!(users[..], [("natbed".to_owned(), "secret".to_owned())]);
    assert!(scenario.hosts[..3].iter().all(|host| !host.serve.stun && host.serve.turn.is_none()));
}

#[test]
fn the_session_says_who_connects_how_and_what_for() {
    let scenario = document().case(0).scenario;
    let [session] = &scenario.sessions[..] else { panic!("one session") };
    assert_eq!(session.name, "call");
    assert_eq!(session.between, [HostIndex(0), HostIndex(1)]);
    assert_eq!(session.stack, Stack::WebrtcIce);
    assert_eq!(session.discovery, Discovery::Rendezvous { delay: SimDuration::from_millis(50) });
    assert_eq!((&session.stun[..], &session.turn[..]), (&[HostIndex(3)][..], &[HostIndex(3)][..]));
    assert_eq!(session.start, [SimDuration::ZERO, SimDuration::from_millis(500)]);
    assert_eq!(
        session.loads[0].load,
        Load::Echo { count: 20, interval: SimDuration::from_millis(20), size: ByteCount::new(160) }
    );
    assert_eq!(session.hold, SimDuration::ZERO);
    let expect = session.expect.as_ref().unwrap();
    assert_eq!(expect.path, Some(ExpectedPath::Is(Path::Relay)));
    assert_eq!(expect.connect_within, Some(SimDuration::from_secs(5)));
    assert_eq!(expect.line, 32);
    assert!(
        expect.states.is_empty()
            && expect.final_state.is_none()
            && session.loads[0].expect.is_empty()
    );
    assert_eq!(scenario.horizon, SimDuration::from_secs(300));
    assert!(scenario.events.is_empty());
}
