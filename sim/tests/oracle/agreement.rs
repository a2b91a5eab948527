//! Runs of random topologies agree with the oracle wherever it predicts, and the agents with the
//! witness everywhere.

use std::cell::Cell;

use natbed::record::{RunId, records};
use natbed::run::run;
use natbed_report::{Prediction, RunRecord, Verdict};
use natbed_runtime::run_on_fresh_thread;
use natbed_scenario::{Source, load};
use natbed_units::{Seed, SimDuration};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestRunner};

/// Runs for each test here; `PROPTEST_CASES` asks for others, `PROPTEST_RNG_SEED` for other ones.
const CASES: u32 = 60;

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

/// A profile, or any mix of properties; only the time after which it forgets is always long enough.
fn nat() -> impl Strategy<Value = String> {
    let words = |words: &'static [&'static str]| select(words);
    let properties = (
        words(&["eim", "adm", "apdm"]),
        words(&["eif", "adf", "apdf"]),
        words(&["preserve", "preserve", "sequential", "random", "random", "overload"]),
        words(&["none", "internal", "external"]),
        words(&["drop", "drop", "drop", "drop", "drop", "reject", "reject", "accept"]),
    );
    let mixed = properties.prop_map(|(mapping, filtering, ports, hairpin, wan_input)| {
        format!(
            "{{ mapping: {mapping}, filtering: {filtering}, ports: {ports}, hairpin: {hairpin}, \
             wan_input: {wan_input} }}"
        )
    });
    // For homes on IPv4, and for the time that checks take.
    let long_enough = SimDuration::from_secs(30);
    let profiles: Vec<_> = natbed_nat::profiles()
        .iter()
        .filter(|profile| {
            profile
                .behaviour
                .nat()
                .is_some_and(|nat| nat.nat64.is_none() && nat.udp_timeout >= long_enough)
        })
        .map(|profile| profile.name.to_owned())
        .collect();
    prop_oneof![3 => mixed, 1 => select(profiles)]
}

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
    ];
    let firewall = || {
        let policies: &[&str] = &["{ inbound: drop }", "{ inbound: reject }", "{ outbound: drop }"];
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
