//! Runs of random topologies agree with the oracle wherever it predicts, and the agents with the
//! witness everywhere.

use std::cell::Cell;

use natbed::record::{RunId, records};
use natbed::run::run;
use natbed_report::{Prediction, RunRecord, Verdict};
use natbed_runtime::run_on_fresh_thread;
use natbed_scenario::{Source, load};
use natbed_units::Seed;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestRunner};

/// Runs for each test here; `PROPTEST_CASES` asks for others, `PROPTEST_RNG_SEED` for other ones.
const CASES: u32 = 100;

/// The same topologies each time: a surprise in one of them is nothing that comes and goes.
fn config() -> ProptestConfig {
    let asked = ProptestConfig::default();
    let unasked = ProptestConfig { cases: CASES, rng_seed: RngSeed::Fixed(1), ..asked.clone() };
    ProptestConfig {
        cases: if asked.cases == 256 { unasked.cases } else { asked.cases },
        rng_seed: if asked.rng_seed == RngSeed::Random { unasked.rng_seed } else { asked.rng_seed },
        failure_persistence: None,
        ..asked
    }
}

/// Where the two peers are.
#[derive(Clone, Debug)]
enum Place {
    /// Each in a home of its own, maybe behind a carrier NAT of its own.
    Homes { alice: String, bob: String, carriers: [Option<String>; 2] },
    /// Each in a home of its own, both behind one carrier NAT.
    OneCarrier { alice: String, bob: String, carrier: String, isolate: bool },
    /// Both in one home.
    OneLan { nat: String, isolate: bool },
    /// One in a home, the other with a public address.
    Public { nat: String },
    /// On two LANs of one router.
    TwoLans { nat: String, isolate: bool },
    /// One behind a 1:1 NAT, the other in a home.
    OneToOne { bob: String },
    /// One on an IPv6-only phone behind a NAT64, the other in a home.
    Phone { nat64: String, bob: String },
    /// One behind a NAT with three addresses, the other in a home.
    Pool { alice: String, bob: String },
}

/// There is a relay in all of them: without one, two symmetric NATs that filter loosely keep
/// webrtc-ice making peer-reflexive candidates until it fails, which is a long run for one case.
#[derive(Clone, Debug)]
struct Topology {
    place: Place,
    firewalls: [Option<&'static str>; 2],
    alice_controls: bool,
    start: (&'static str, u16),
}

/// Any mix of properties; only the time after which it forgets is always long enough.
fn mixed() -> impl Strategy<Value = String> {
    let words = |words: &'static [&'static str]| select(words);
    let properties = (
        words(&["eim", "adm", "apdm"]),
        words(&["eif", "adf", "apdf"]),
        words(&["mapping", "mapping", "endpoint"]),
        words(&[
            "preserve",
            "preserve",
            "sequential",
            "sequential",
            "random",
            "random",
            "strict",
            "overload",
        ]),
        words(&["none", "internal", "external"]),
        prop_oneof![10 => Just("drop"), 4 => Just("reject"), 1 => Just("accept")],
        words(ROOMS),
    );
    properties.prop_map(|(mapping, filtering, scope, ports, hairpin, wan_input, room)| {
        // Strict ports go with one mapping for an endpoint alone, and without blocks.
        let (mapping, room) = if ports == "strict" { ("eim", "") } else { (mapping, room) };
        format!(
            "{{ mapping: {mapping}, filtering: {filtering}, filter_scope: {scope}, \
             ports: {ports}, hairpin: {hairpin}, wan_input: {wan_input}{room} }}"
        )
    })
}

/// A profile, or any mix of properties.
fn nat() -> impl Strategy<Value = String> {
    // Those for the IPv4 that agents use.
    let is_ipv4 = |profile: &&natbed_nat::Profile| {
        profile.behaviour.nat().is_some_and(|nat| nat.nat64.is_none())
    };
    let profiles = natbed_nat::profiles().iter().filter(is_ipv4);
    let profiles: Vec<_> = profiles.map(|profile| profile.name.to_owned()).collect();
    prop_oneof![3 => mixed(), 1 => select(profiles)]
}

/// Limits that are no limit here, and some that may be.
const ROOMS: &[&str] = &[
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    ", port_blocks: { dynamic: { size: 1024, max_blocks: 4 } }",
    ", port_blocks: { dynamic: { size: 64, max_blocks: 1 } }",
    ", max_ports_per_subscriber: 4096, max_flows_per_subscriber: 4096, pooling: arbitrary",
    ", max_flows_per_subscriber: 8",
    ", port_parity: true, port_contiguity: true",
];

fn topology() -> impl Strategy<Value = Topology> {
    let homes = (nat(), nat(), option::weighted(0.2, nat()), option::weighted(0.2, nat()))
        .prop_map(|(alice, bob, outer_a, outer_b)| Place::Homes {
            alice,
            bob,
            carriers: [outer_a, outer_b],
        });
    let one_carrier =
        (nat(), nat(), nat(), any::<bool>()).prop_map(|(alice, bob, carrier, isolate)| {
            Place::OneCarrier { alice, bob, carrier, isolate }
        });
    let one_lan = (nat(), any::<bool>()).prop_map(|(nat, isolate)| Place::OneLan { nat, isolate });
    let place = prop_oneof![
        4 => homes,
        3 => one_carrier,
        1 => one_lan,
        1 => nat().prop_map(|nat| Place::Public { nat }),
        1 => (nat(), any::<bool>()).prop_map(|(nat, isolate)| Place::TwoLans { nat, isolate }),
        1 => nat().prop_map(|bob| Place::OneToOne { bob }),
        2 => (mixed(), nat()).prop_map(|(nat64, bob)| Place::Phone { nat64, bob }),
        1 => (mixed(), nat()).prop_map(|(alice, bob)| Place::Pool { alice, bob }),
    ];
    let firewall = || {
        let policies: &[&str] = &[
            "{ inbound: drop }",
            "{ inbound: reject }",
            "{ inbound: drop, filtering: eif }",
            "{ inbound: drop, filtering: adf }",
            "{ outbound: drop }",
            "{ inbound: drop, max_flow_age: 5min }",
            "{ udp_rate: { packets_per_second: 50 } }",
        ];
        option::weighted(0.1, select(policies))
    };
    let start = (select(&["alice", "bob"][..]), select(&[0_u16, 0, 150, 600, 1_000][..]));
    (place, firewall(), firewall(), any::<bool>(), start).prop_map(
        |(place, alice, bob, alice_controls, start)| Topology {
            place,
            firewalls: [alice, bob],
            alice_controls,
            start,
        },
    )
}

impl Topology {
    fn yaml(&self) -> String {
        let lan = |name: &str, subnet: &str, isolate: bool, nat: &str, via: &str| {
            format!(
                "  {name}: {{ subnet: {subnet}, isolate: {isolate}, gateway: {{ nat: {nat}{via} }} }}\n"
            )
        };
        let home = |name: &str, nat: &str, via: &str| lan(name, "192.168.1.0/24", false, nat, via);
        let mut lans = String::new();
        let mut at = ["lan: alice-home", "lan: bob-home"];
        match &self.place {
            Place::Homes { alice, bob, carriers } => {
                for (name, nat, carrier) in
                    [("alice", alice, &carriers[0]), ("bob", bob, &carriers[1])]
                {
                    let mut via = String::new();
                    if let Some(carrier) = carrier {
                        let outer = format!("{name}-carrier");
                        lans += &lan(&outer, "100.64.0.0/24", false, carrier, "");
                        via = format!(", via: {outer}");
                    }
                    lans += &home(&format!("{name}-home"), nat, &via);
                }
            }
            Place::OneCarrier { alice, bob, carrier, isolate } => {
                lans += &lan("carrier", "100.64.0.0/24", *isolate, carrier, "");
                lans += &home("alice-home", alice, ", via: carrier");
                lans += &home("bob-home", bob, ", via: carrier");
            }
            Place::OneLan { nat, isolate } => {
                lans += &lan("alice-home", "192.168.1.0/24", *isolate, nat, "");
                at[1] = "lan: alice-home";
            }
            Place::Public { nat } => {
                lans += &home("alice-home", nat, "");
                at[1] = "internet: 198.51.100.7";
            }
            Place::TwoLans { nat, isolate } => {
                lans += &home("alice-home", nat, "");
                lans += &format!(
                    "  bob-home: {{ subnet: 192.168.2.0/24, isolate: {isolate}, \
                     gateway: {{ of: alice-home }} }}\n"
                );
            }
            Place::OneToOne { bob } => {
                let rule = "{ one_to_one: 198.51.100.16/28 }";
                lans += &lan("alice-home", "10.0.0.0/28", false, rule, "");
                lans += &home("bob-home", bob, "");
            }
            Place::Phone { nat64, bob } => {
                let nat64 = nat64.replacen("{ ", "{ nat64: 64:ff9b::/96, ", 1);
                let rule = "{ clat: { nat64: 64:ff9b::/96, prefix: 2001:db8:c::/96 } }";
                lans += &lan("carrier", "2001:db8:a::/64", true, &nat64, "");
                lans += &lan("alice-home", "192.0.0.0/29", false, rule, ", via: carrier");
                lans += &home("bob-home", bob, "");
            }
            Place::Pool { alice, bob } => {
                let external = ", external: [198.51.100.1, 198.51.100.2, 198.51.100.3]";
                lans += &home("alice-home", alice, external);
                lans += &home("bob-home", bob, "");
            }
        }
        let [alice, bob] = [0, 1].map(|peer| match self.firewalls[peer] {
            Some(firewall) => format!("{{ {}, firewall: {firewall} }}", at[peer]),
            None => format!("{{ {} }}", at[peer]),
        });
        let between = if self.alice_controls { "alice, bob" } else { "bob, alice" };
        let (late, millis) = self.start;
        format!(
            "natbed: 1\nname: random\nlans:\n{lans}hosts:\n  alice: {alice}\n  bob: {bob}\n  \
             turn: {{ internet: 203.0.113.10, serve: {{ stun: {{}}, turn: {{ users: {{ u: p }} }} }} }}\n\
             sessions:\n  call: {{ between: [{between}], stun: [turn], turn: [turn], \
             start: {{ {late}: {millis}ms }} }}\n"
        )
    }
}

/// Runs the only session of a scenario.
fn outcome(text: &str, seed: u64) -> RunRecord {
    let source = Source { name: "random.yaml".to_owned(), text: text.to_owned() };
    let document = load(source).unwrap_or_else(|error| panic!("{error}"));
    let case = document.case(0);
    let output =
        run_on_fresh_thread(Seed::new(seed), || run(&case.scenario, Seed::new(seed), None));
    let id = RunId { scenario: "random", case: &case, seed, repeat: "" };
    let mut records = records(id, &output.unwrap().unwrap());
    assert_eq!(records.len(), 1);
    records.remove(0)
}

#[test]
fn random_topologies_come_out_as_predicted() {
    let predicted = Cell::new(0);
    let mut runner = TestRunner::new(config());
    let cases = runner.config().cases;
    let result = runner.run(&(topology(), 1..=u64::from(u32::MAX)), |(topology, seed)| {
        let text = topology.yaml();
        let record = outcome(&text, seed);
        predicted.set(predicted.get() + u32::from(record.oracle != Prediction::Open));
        prop_assert_eq!(
            record.verdict,
            Verdict::Pass,
            "seed {}: {:?}; the pair is {:?} - {:?}\n{}",
            seed,
            record.reasons,
            record.local,
            record.remote,
            text
        );
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    let predicted = predicted.get();
    assert!(predicted * 2 > cases, "the oracle predicts {predicted} of {cases}: too few");
}
