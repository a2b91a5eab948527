//! The closed-form outcome rule against its table, and against the engine.

use std::collections::BTreeSet;

use natbed_nat::{
    Composite, FilterScope, Filtering, Hairpin, Mapping, Nat, NatClass, NatConfig, Outbound,
    direct_possible,
};
use natbed_packet::{Endpoint, Packet};
use natbed_units::{Seed, SimTime};

use crate::lab::{ep, ip, udp};

const STUN: &str = "203.0.113.1:3478";

/// NATs of both sides, some perhaps shared, and the way each agent's packets take.
struct World {
    nats: Vec<Nat>,
    /// For each agent, its NATs from the inside to the outside.
    chains: [Vec<usize>; 2],
    bases: [Endpoint; 2],
}

/// Where a packet ended up.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Stun,
    Agent(usize),
}

impl World {
    /// Carries a packet from an agent to where it arrives, if it does.
    fn carry(&mut self, agent: usize, mut packet: Packet) -> Option<(Place, Packet)> {
        for nat in self.chains[agent].clone() {
            match self.nats[nat].outbound(SimTime::ZERO, &mut packet).ok()? {
                Outbound::Forwarded(_) => {}
                Outbound::Hairpinned(_) => return self.carry_inward(packet),
            }
        }
        if packet.destination_endpoint() == Some(ep(STUN)) {
            return Some((Place::Stun, packet));
        }
        // Out here only the outermost NATs can be reached; LANs isolate their clients.
        let outermost = self.chains.iter().filter_map(|chain| chain.last());
        let is_here = outermost.into_iter().any(|n| self.nats[*n].external() == packet.destination);
        if is_here { self.carry_inward(packet) } else { None }
    }

    /// Carries a packet through the NATs it is addressed to, to the agent behind them.
    fn carry_inward(&mut self, mut packet: Packet) -> Option<(Place, Packet)> {
        while let Some(nat) = self.nats.iter_mut().find(|nat| nat.external() == packet.destination)
        {
            nat.inbound(SimTime::ZERO, &mut packet).ok()?;
        }
        let agent = (0..2).find(|a| packet.destination_endpoint() == Some(self.bases[*a]))?;
        Some((Place::Agent(agent), packet))
    }

    /// Runs connectivity checks for some rounds, as ICE does; says whether one was answered from
    /// where it went.
    fn connects(&mut self) -> bool {
        let mut known = [BTreeSet::new(), BTreeSet::new()];
        for agent in 0..2 {
            let (place, seen) = self.carry(agent, udp(self.bases[agent], ep(STUN))).unwrap();
            assert_eq!(place, Place::Stun);
            known[1 - agent].insert(seen.source_endpoint().unwrap());
        }
        for _round in 0..6 {
            for agent in 0..2 {
                for target in known[agent].clone() {
                    let check = udp(self.bases[agent], target);
                    let Some((Place::Agent(peer), check)) = self.carry(agent, check) else {
                        continue;
                    };
                    assert_eq!(peer, 1 - agent);
                    let source = check.source_endpoint().unwrap();
                    known[peer].insert(source);
                    let answer = udp(self.bases[peer], source);
                    if let Some((Place::Agent(back), answer)) = self.carry(peer, answer)
                        && back == agent
                        && answer.source_endpoint() == Some(target)
                    {
                        return true;
                    }
                }
            }
        }
        false
    }
}

fn nat(class: NatClass, filter_scope: FilterScope, hairpin: Hairpin, external: &str) -> Nat {
    let config = NatConfig {
        mapping: class.mapping,
        filtering: class.filtering,
        filter_scope,
        hairpin,
        ..NatConfig::default()
    };
    Nat::new(config, ip(external), Seed::new(7).rng(external)).unwrap()
}

fn classes() -> impl Iterator<Item = NatClass> {
    Mapping::ALL.iter().flat_map(|mapping| {
        Filtering::ALL.iter().map(|filtering| NatClass { mapping: *mapping, filtering: *filtering })
    })
}

/// Two agents, each behind a chain of NATs, innermost first.
fn world(a: &[NatClass], b: &[NatClass]) -> World {
    scoped_world(a, b, FilterScope::Mapping)
}

fn scoped_world(a: &[NatClass], b: &[NatClass], scope: FilterScope) -> World {
    let mut nats = Vec::new();
    let mut chains = [vec![], vec![]];
    for (side, chain) in [a, b].into_iter().enumerate() {
        for (depth, class) in chain.iter().enumerate() {
            chains[side].push(nats.len());
            let external = format!("100.{side}.0.{}", depth + 1);
            nats.push(nat(*class, scope, Hairpin::ExternalSource, &external));
        }
    }
    World { nats, chains, bases: [ep("192.168.0.2:5000"), ep("192.168.1.2:5000")] }
}

/// The same behind one more NAT that both sides share.
fn world_behind(a: &[NatClass], b: &[NatClass], shared: NatClass, hairpin: Hairpin) -> World {
    let mut world = world(a, b);
    for chain in &mut world.chains {
        chain.push(world.nats.len());
    }
    world.nats.push(nat(shared, FilterScope::Mapping, hairpin, "198.18.0.1"));
    world
}

/// What a chain is like from outside; no NAT at all is EIM and EIF.
fn composite(chain: &[NatClass]) -> Composite {
    let none = NatClass {
        mapping: Mapping::EndpointIndependent,
        filtering: Filtering::EndpointIndependent,
    };
    chain.iter().fold(none.into(), |inner: Composite, outer| inner.behind(*outer))
}

struct Row {
    a: NatClass,
    b: NatClass,
    direct: bool,
    depends_on_scope: bool,
}

fn table() -> Vec<Row> {
    let rows = include_str!("../data/outcome-matrix.csv").lines().skip(1).map(|line| {
        let cells: Vec<_> = line.splitn(7, ',').collect();
        let class = |mapping: &str, filtering: &str| NatClass {
            mapping: mapping.to_lowercase().parse().unwrap(),
            filtering: filtering.to_lowercase().parse().unwrap(),
        };
        assert!(matches!(cells[4], "direct" | "relay"), "{line}");
        Row {
            a: class(cells[0], cells[1]),
            b: class(cells[2], cells[3]),
            direct: cells[4] == "direct",
            depends_on_scope: cells[6].contains("SCOPE-SENSITIVE"),
        }
    });
    rows.collect()
}

#[test]
fn the_table_has_every_pair_of_classes_once() {
    let table = table();
    let pairs: Vec<_> = table.iter().map(|row| (row.a, row.b)).collect();
    let expected: Vec<_> = classes().flat_map(|a| classes().map(move |b| (a, b))).collect();
    assert_eq!(pairs, expected);
    assert_eq!(table.len(), 81);
    assert_eq!(table.iter().filter(|row| row.direct).count(), 42);
    assert_eq!(table.iter().filter(|row| row.depends_on_scope).count(), 3);
}

#[test]
fn the_rule_agrees_with_the_table_in_every_row() {
    for row in table() {
        let Row { a, b, direct, depends_on_scope } = row;
        assert_eq!(direct_possible(a, b, FilterScope::Mapping), direct, "{a:?} {b:?}");
        assert_eq!(
            direct_possible(a, b, FilterScope::InternalEndpoint),
            direct || depends_on_scope,
            "{a:?} {b:?}, permissions for the internal endpoint"
        );
    }
}

#[test]
fn the_engine_agrees_with_the_rule_for_every_pair() {
    for row in table() {
        let Row { a, b, direct, depends_on_scope } = row;
        for (scope, predicted) in [
            (FilterScope::Mapping, direct),
            (FilterScope::InternalEndpoint, direct || depends_on_scope),
        ] {
            let connects = scoped_world(&[a], &[b], scope).connects();
            assert_eq!(connects, predicted, "{a:?} {b:?} {scope}");
        }
    }
}

#[test]
fn the_engine_agrees_with_the_rule_for_every_pair_of_nats_behind_nats() {
    let chains: Vec<_> = classes().flat_map(|a| classes().map(move |b| [a, b])).collect();
    for a in &chains {
        for b in &chains {
            let predicted = composite(a).direct_with(composite(b));
            assert_eq!(world(a, b).connects(), predicted, "{a:?} {b:?}");
        }
    }
}

#[test]
fn the_engine_agrees_with_the_rule_for_every_chain_of_three_nats() {
    for inner in classes() {
        for middle in classes() {
            for outer in classes() {
                for b in classes() {
                    let a = [inner, middle, outer];
                    let predicted = composite(&a).direct_with(b.into());
                    assert_eq!(world(&a, &[b]).connects(), predicted, "{a:?} {b:?}");
                }
            }
        }
    }
}

#[test]
fn a_composite_is_not_always_its_class() {
    // The inner NAT's permissions hold for the endpoint, and the outer one lets everybody in: the
    // peer's first check reaches the mapping that was made for the STUN server.
    let class = |mapping, filtering| NatClass { mapping, filtering };
    let home = class(Mapping::EndpointIndependent, Filtering::AddressDependent);
    let carrier = class(Mapping::AddressDependent, Filtering::EndpointIndependent);
    let peer = class(Mapping::AddressDependent, Filtering::AddressDependent);
    let composite = home.behind(carrier);
    assert_eq!(composite.class, peer);
    assert!(!direct_possible(composite.class, peer, FilterScope::Mapping));
    assert!(composite.direct_with(peer.into()));
    assert!(world(&[home, carrier], &[peer]).connects());
}

#[test]
fn under_one_carrier_hairpin_with_the_external_source_follows_the_rule() {
    for shared in classes() {
        let both = composite(&[shared]);
        let connects = world_behind(&[], &[], shared, Hairpin::ExternalSource).connects();
        assert_eq!(connects, both.direct_with(both), "no home NATs, {shared:?}");
        for a in classes() {
            for b in classes() {
                let connects = world_behind(&[a], &[b], shared, Hairpin::ExternalSource).connects();
                let predicted = a.behind(shared).direct_with(b.behind(shared));
                assert_eq!(connects, predicted, "{a:?} {b:?} behind {shared:?}");
            }
        }
    }
}

#[test]
fn under_one_carrier_nothing_connects_without_that_hairpin() {
    for shared in classes() {
        for home in classes() {
            for hairpin in [Hairpin::None, Hairpin::InternalSource] {
                let mut world = world_behind(&[home], &[home], shared, hairpin);
                assert!(!world.connects(), "{home:?} behind {shared:?}, hairpin {hairpin}");
            }
        }
    }
}
