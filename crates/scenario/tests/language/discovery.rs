//! Swarms, nodes that hosts serve, and sessions whose hosts find each other with nodes.

use natbed_scenario::{
    Churn, DhtCore, Discovery, ExpectedDiscovery, HostIndex, NodeDiscovery, Scenario, Session,
    SwarmStart,
};
use natbed_units::SimDuration;

use crate::marked::{invalid, scenario, valid};

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
    let expected =
        [("swarm-1", "198.19.0.1"), ("swarm-2", "198.19.0.2"), ("swarm-3", "198.19.0.3")]
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

#[test]
fn hosts_may_serve_nodes_anywhere() {
    let text = scenario(
        "lans: { home: { subnet: 192.168.1.0/24, gateway: { nat: linux-masquerade } } }\n\
         hosts:\n  alice: { lan: home }\n  bob: { lan: home }\n  \
         boot: { internet: 198.51.100.5, serve: { dht: {} } }\n  \
         node: { lan: home, copies: 2, serve: { stun: {}, dht: { bootstrap: [boot], core: opendht } } }\n  \
         also: { internet: 198.51.100.6, serve: { dht: { bootstrap: [node-2, boot] } } }\n\
         sessions: { call: { between: [alice, bob], discovery: { dht: {} } } }\n",
    );
    let scenario = only_case(&text);
    assert_eq!((scenario.swarm.as_ref(), scenario.dht_network), (None, 0));
    assert_eq!(bootstrap(&scenario, 2), [0; 0]);
    assert_eq!(bootstrap(&scenario, 3), [2]);
    assert_eq!(bootstrap(&scenario, 5), [4, 2]);
    assert_eq!(scenario.hosts[4].serve.dht.as_ref().unwrap().core, DhtCore::Opendht);
    assert!(scenario.hosts[4].serve.stun && scenario.hosts[0].serve.dht.is_none());
    // Without a swarm they begin from all nodes on the Internet.
    assert_eq!(nodes(&scenario.sessions[0]).dht, Some(vec![HostIndex(2), HostIndex(5)]));
}

#[test]
fn with_a_swarm_nodes_begin_from_its_first_one() {
    let text = world("swarm: { nodes: 2, start: cold }\n", "discovery: { dht: {} }")
        .replace("  bob:", "  own: { lan: home, serve: { dht: {} } }\n  alone: { lan: home, serve: { dht: { bootstrap: [] } } }\n  bob:");
    let scenario = only_case(&text);
    let of: Vec<_> = [1, 2, 4, 5].map(|host| bootstrap(&scenario, host)).into();
    assert_eq!(of, [vec![4], vec![], vec![], vec![4]]);
    assert_eq!(nodes(&scenario.sessions[0]).dht, Some(vec![HostIndex(4)]));
}

#[test]
fn a_call_on_the_lan_or_both_ways() {
    let of = |discovery: &str| {
        let scenario = only_case(&world("", &format!("discovery: {discovery}")));
        nodes(&scenario.sessions[0]).clone()
    };
    let near = of("{ lan: { call_at: 2s, online: { alice: 2s } } }");
    assert_eq!((near.dht, near.lan), (None, true));
    assert_eq!(near.online, [2, 0].map(SimDuration::from_secs));
    let swarm = "swarm: { nodes: 2 }\n";
    for ways in [
        "[lan, dht]",
        "[dht, lan]",
        "[{ lan: {} }, dht]",
        "[lan, { dht: { bootstrap: [swarm-1] } }]",
        "[{ dht: {} }, { lan: {} }]",
    ] {
        let scenario = only_case(&world(swarm, &format!("discovery: {{ first_of: {ways} }}")));
        let nodes = nodes(&scenario.sessions[0]);
        assert_eq!((nodes.dht.as_deref(), nodes.lan), (Some(&[HostIndex(2)][..]), true));
    }
    let ways = "[{ lan: { call_at: 9s } }, { dht: { online: { bob: 1s }, answer_within: 3s } }]";
    let scenario = only_case(&world(swarm, &format!("discovery: {{ first_of: {ways} }}")));
    let nodes = nodes(&scenario.sessions[0]);
    assert_eq!(nodes.call_at, SimDuration::from_secs(9));
    assert_eq!(nodes.online[1], SimDuration::from_secs(1));
    assert_eq!(nodes.answer_within, SimDuration::from_secs(3));
}

#[test]
fn every_key_may_come_from_the_matrix() {
    let text = world(
        "swarm: { nodes: \"${n}\", core: \"${core}\", network: \"${n}\", ip: \"${ip}\", start: cold, \
         bootstrap: [\"swarm-${n}\"], link: { delay: \"${n}ms\" }, churn: { up: \"${n}s\", down: 1s } }\n",
        "discovery: \"${how}\", expect: { discovered: \"${found}\" }",
    ) + "matrix:\n  n: [3, 5]\n  core: [natbed, mixed]\n  ip: [v4, dual]\n  \
         how: { dht: { dht: { bootstrap: [swarm-2], online: { bob: 4s } } }, both: { first_of: [dht, lan] } }\n  \
         found: [dht, none]\n";
    let document = valid(&text);
    assert_eq!(document.case_count(), 32);
    for (case, sizes) in document.cases().zip((0..32).map(|case| if case < 16 { 3 } else { 5 })) {
        let scenario = case.scenario;
        let swarm = scenario.swarm.as_ref().unwrap();
        assert_eq!(swarm.hosts, 2..2 + sizes);
        assert_eq!(scenario.dht_network as usize, sizes);
        assert_eq!(bootstrap(&scenario, 2), [1 + sizes]);
        assert_eq!(swarm.churn.unwrap().up, SimDuration::from_secs(sizes as u64));
    }
    let whole = world("swarm: \"${swarm}\"\n", "discovery: { dht: {} }")
        + "matrix: { swarm: { small: { nodes: 2 }, large: { nodes: 40, ip: dual } } }\n";
    let sizes = valid(&whole).cases().map(|case| case.scenario.hosts.len()).collect::<Vec<_>>();
    assert_eq!(sizes, [4, 42]);
}

#[test]
fn sessions_with_copies_may_call() {
    let text = scenario(
        "lans:\n  home: { copies: 3, subnet: \"192.168.${copy}.0/24\", gateway: { nat: linux-masquerade } }\n\
         hosts:\n  a: { copies: 3, lan: \"home-${copy}\" }\n  b: { copies: 3, lan: \"home-${copy}\" }\n\
         swarm: { nodes: 9 }\n\
         sessions:\n  c:\n    copies: 3\n    between: [\"a-${copy}\", \"b-${copy}\"]\n    \
         discovery: { dht: { bootstrap: [\"swarm-${copy}\"], call_at: \"${copy}s\", online: { \"a-${copy}\": 1s } } }\n",
    );
    let scenario = only_case(&text);
    for (at, session) in scenario.sessions.iter().enumerate() {
        let call = nodes(session);
        assert_eq!(call.dht, Some(vec![HostIndex(6 + at)]));
        assert_eq!(call.call_at, SimDuration::from_secs(1 + at as u64));
        assert_eq!(call.online, [1, 0].map(SimDuration::from_secs));
    }
}

#[test]
fn large_swarms_load_and_too_many_of_them_do_not() {
    let scenario = only_case(&world(
        "swarm: { nodes: 5000, ip: dual, start: cold }\n",
        "discovery: { dht: {} }",
    ));
    let last = scenario.hosts.last().unwrap();
    assert_eq!((last.name.as_str(), scenario.hosts.len()), ("swarm-5000", 5_002));
    let addresses: Vec<_> = last.addresses().map(|address| address.to_string()).collect();
    assert_eq!(addresses, ["198.19.19.136", "2001:db8:d47::1388"]);
    let cases = |cases: usize| {
        let values: Vec<_> = (0..cases).map(|at| format!("{at}ms")).collect();
        world("swarm: { nodes: 5000 }\n", "discovery: { dht: {} }, hold: \"${hold}\"")
            + &format!("matrix: {{ hold: [{}] }}\n", values.join(", "))
    };
    assert_eq!(valid(&cases(3)).case_count(), 3);
    let message = invalid(&cases(1_000)).as_slice()[0].message.clone();
    assert_eq!(message, "the 1000 cases of the matrix have too many values");
}
