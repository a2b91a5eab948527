//! Swarms, nodes that hosts serve, and sessions whose hosts find each other with nodes.

use natbed_scenario::{
    Churn, DhtCore, Discovery, ExpectedDiscovery, HostIndex, NodeDiscovery, Scenario, Session,
    SwarmStart,
};
use natbed_units::SimDuration;

use crate::marked::{scenario, valid};

/// Two homes, a swarm with these keys, and a call with this discovery and these further keys.
fn world(swarm: &str, call: &str) -> String {
    scenario(&format!(
        "lans:\n  home: {{ subnet: 192.168.1.0/24, gateway: {{ nat: linux-masquerade }} }}\n\
         hosts:\n  alice: {{ lan: home }}\n  bob: {{ lan: home }}\n{swarm}\
         sessions: {{ call: {{ between: [alice, bob], {call} }} }}\n"
    ))
}

fn only_case(text: &str) -> Scenario {
    valid(text).case(0).scenario
}

fn nodes(session: &Session) -> &NodeDiscovery {
    let Discovery::Nodes(nodes) = &session.discovery else { panic!("{session:?}") };
    nodes
}

fn bootstrap(scenario: &Scenario, host: usize) -> Vec<usize> {
    let dht = scenario.hosts[host].serve.dht.as_ref().expect("it serves a node");
    dht.bootstrap.iter().map(|host| host.0).collect()
}

#[test]
fn a_swarm_is_many_hosts_behind_those_of_the_file() {
    let scenario = only_case(&world("swarm: { nodes: 3 }\n", "discovery: { dht: {} }"));
    let swarm = scenario.swarm.as_ref().unwrap();
    assert_eq!((swarm.hosts.clone(), swarm.start, swarm.churn), (2..5, SwarmStart::Settled, None));
    assert_eq!(scenario.dht_network, 0);
    let hosts: Vec<_> = scenario.hosts[swarm.hosts.clone()]
        .iter()
        .map(|host| (host.name.as_str(), host.address().to_string(), host.addresses().count()))
        .collect();
    let expected = [("swarm-1", "198.19.0.1"), ("swarm-2", "198.19.0.2"), ("swarm-3", "198.19.0.3")]
        .map(|(name, address)| (name, address.to_owned(), 1));
    assert_eq!(hosts, expected);
    for host in swarm.hosts.clone() {
        assert_eq!(bootstrap(&scenario, host), [0; 0]);
        let dht = scenario.hosts[host].serve.dht.as_ref().unwrap();
        assert_eq!(dht.core, DhtCore::Natbed);
    }
    assert_eq!(
        scenario.sessions[0].discovery,
        Discovery::Nodes(NodeDiscovery {
            dht: Some(vec![HostIndex(2)]),
            lan: false,
            call_at: SimDuration::ZERO,
            online: [SimDuration::ZERO; 2],
            answer_within: SimDuration::from_secs(30),
        })
    );
}

#[test]
fn a_cold_swarm_has_all_keys() {
    let scenario = only_case(&world(
        "swarm:\n  nodes: 4\n  core: mixed\n  network: 4294967295\n  ip: dual\n  start: cold\n  \
         bootstrap: [swarm-2, swarm-1]\n  link: { delay: 7ms }\n  churn: { up: 10min, down: 1min }\n",
        "discovery: { dht: { bootstrap: [swarm-4], call_at: 30s, online: { alice: 1s, bob: 20s }, \
         answer_within: 9s } }, expect: { discovered: dht }",
    ));
    assert_eq!(scenario.dht_network, u32::MAX);
    let swarm = scenario.swarm.as_ref().unwrap();
    let minutes = |minutes: u64| SimDuration::from_secs(60 * minutes);
    assert_eq!(swarm.churn, Some(Churn { up: minutes(10), down: minutes(1) }));
    assert_eq!(swarm.start, SwarmStart::Cold);
    let of: Vec<_> = swarm.hosts.clone().map(|host| bootstrap(&scenario, host)).collect();
    assert_eq!(of, [vec![3], vec![2], vec![3, 2], vec![3, 2]]);
    let cores = scenario.hosts[2..].iter().map(|host| host.serve.dht.as_ref().unwrap().core);
    let (natbed, opendht) = (DhtCore::Natbed, DhtCore::Opendht);
    assert_eq!(cores.collect::<Vec<_>>(), [natbed, opendht, natbed, opendht]);
    let last: Vec<_> = scenario.hosts[5].addresses().map(|address| address.to_string()).collect();
    assert_eq!(last, ["198.19.0.4", "2001:db8:d47::4"]);
    assert_eq!(scenario.hosts[5].interface().link.up.delay, SimDuration::from_millis(7));
    let call = nodes(&scenario.sessions[0]);
    assert_eq!(call.dht, Some(vec![HostIndex(5)]));
    assert_eq!(call.call_at, SimDuration::from_secs(30));
    assert_eq!(call.online, [1, 20].map(SimDuration::from_secs));
    assert_eq!(call.answer_within, SimDuration::from_secs(9));
    let expect = scenario.sessions[0].expect.as_ref().unwrap();
    assert_eq!(expect.discovered, Some(ExpectedDiscovery::Dht));
}

#[test]
fn a_swarm_of_ipv6_alone_has_no_ipv4() {
    let text = scenario(
        "lans: { l: { subnet: 10.0.0.0/24, ipv6: \"2001:db8:1::/64\", gateway: { nat: linux-masquerade } } }\n\
         hosts: { a: { lan: l }, b: { lan: l } }\nswarm: { nodes: 300, ip: v6, core: opendht }\n\
         sessions: { call: { between: [a, b], discovery: { dht: {} } } }\n",
    );
    let scenario = only_case(&text);
    let last = scenario.hosts.last().unwrap();
    assert_eq!(last.name, "swarm-300");
    assert_eq!(last.address().to_string(), "2001:db8:d47::12c");
    assert_eq!(last.addresses().count(), 1);
    assert_eq!(last.serve.dht.as_ref().unwrap().core, DhtCore::Opendht);
}
