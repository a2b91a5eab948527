//! Scenarios as networks: what a file asks for is there.

use bytes::Bytes;
use natbed_packet::{DropReason, Endpoint, Packet};
use natbed_scenario::{Source, load};
use natbed_units::{Seed, SimTime};

use super::build;

#[test]
fn the_ipv6_half_of_a_gateway_has_its_whole_pool() {
    let text = "natbed: 1\nname: t\nlans:\n  home:\n    subnet: 192.168.1.0/24\n    ipv6: \"fd00:1::/64\"\n    \
                gateway:\n      nat: linux-masquerade\n      ipv6:\n        \
                nat: { mapping: eim, filtering: eif, pooling: arbitrary }\n        \
                external: [\"2001:db8:1::1\", \"2001:db8:1::2\"]\n\
                hosts:\n  alice: { lan: home }\n  bob: { internet: \"2001:db8:2::2\" }\n  \
                carol: { internet: 198.51.100.9 }\n\
                sessions:\n  call: { between: [alice, carol] }\n";
    let source = Source { name: "t.yaml".to_owned(), text: text.to_owned() };
    let scenario = load(source).unwrap_or_else(|error| panic!("{error}")).case(0).scenario;
    let built = build(&scenario, Seed::new(1)).unwrap();
    let (mut network, bob) = (built.network, built.parts.hosts[1]);
    let endpoint = |ip: &str| Endpoint::new(ip.parse().unwrap(), 9_999);
    for pool in ["2001:db8:1::1", "2001:db8:1::2"] {
        let packet = Packet::udp(endpoint("2001:db8:2::2"), endpoint(pool), Bytes::new());
        network.send(SimTime::ZERO, bob, packet);
    }
    network.handle_timeout(SimTime::MAX);
    let dropped = network.observer().counters.dropped();
    assert_eq!(dropped.get(&DropReason::NoMapping), Some(&2), "both reach the NAT: {dropped:?}");
}
