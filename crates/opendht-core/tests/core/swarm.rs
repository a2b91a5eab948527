//! Many nodes of either kind on the Internet, asked alike.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

use bytes::Bytes;
use natbed_dht::{Body, Data, Event, Generation, Id, NodeConfig, Value};
use natbed_network::observe::{Counters, TraceHash};
use natbed_network::{
    Attachment, HostConfig, HostId, InterfaceConfig, InternetConfig, Limits as NetworkLimits,
    LinkConfig, Network, PipeConfig,
};
use natbed_opendht_core::{CoreConfig, CoreEvent, CoreProcess};
use natbed_runtime::{Limits, World};
use natbed_units::{Seed, SimDuration, SimTime};
use rand_core::Rng;

use crate::ours::OurProcess;

pub(crate) type Observers = (TraceHash, Counters);

/// Which hosts run the real core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Real,
    /// Every other one.
    Mixed,
}

impl Kind {
    fn is_real(self, number: usize) -> bool {
        match self {
            Self::Ours => false,
            Self::Real => true,
            Self::Mixed => number % 2 == 1,
        }
    }
}

/// What a node has told its user, whatever its kind; operations are named by their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    Value { id: u64, data: Bytes },
    Finished { is_success: bool },
}

/// An operation of one node, with what came of it.
#[derive(Debug)]
pub(crate) struct Asked {
    at: SimTime,
    what: What,
    told: Vec<(SimTime, Told)>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Ours(natbed_dht::OperationId),
    Real(natbed_opendht_core::CoreOperation),
}

impl Asked {
    /// The values that were found, in order.
    pub(crate) fn values(&self) -> Vec<&Told> {
        let mut values: Vec<&Told> =
            self.told.iter().map(|(_, told)| told).filter(|told| is_value(told)).collect();
        values.sort();
        values
    }

    /// Milliseconds from `since` until the first value.
    pub(crate) fn first_value(&self, since: SimTime) -> Option<f64> {
        let (at, _) = self.told.iter().find(|(_, told)| is_value(told))?;
        Some(at.saturating_since(since).as_millis_f64())
    }

    /// Milliseconds from the beginning until it has ended well.
    pub(crate) fn finished(&self) -> Option<f64> {
        let end = Told::Finished { is_success: true };
        let (at, _) = self.told.iter().find(|(_, told)| *told == end)?;
        Some(at.saturating_since(self.at).as_millis_f64())
    }
}

fn is_value(told: &Told) -> bool {
    matches!(told, Told::Value { .. })
}

pub(crate) struct Swarm {
    pub(crate) world: World<Observers>,
    pub(crate) hosts: Vec<HostId>,
    kind: Kind,
}

pub(crate) fn secs(seconds: u64) -> SimTime {
    SimTime::from_nanos(seconds * 1_000_000_000)
}

/// An identifier that is a function of its name.
pub(crate) fn id(name: &str) -> Id {
    let mut bytes = [0; Id::LENGTH];
    Seed::new(1).rng(name).fill_bytes(&mut bytes);
    Id::new(bytes)
}

pub(crate) fn address(number: usize) -> SocketAddr {
    let [.., high, low] = (number as u32 + 1).to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(5, 9, high, low)), CoreConfig::PORT)
}

/// A plain value.
pub(crate) fn value(id: u64, text: &str) -> Value {
    let body = Body { data: Bytes::copy_from_slice(text.as_bytes()), ..Body::default() };
    let data = Data::Open { body, signature: Bytes::new() };
    Value { id, data, priority: 0, push_type: Bytes::new() }
}

fn found(value: &Value) -> Told {
    let data = match &value.data {
        Data::Open { body, .. } => body.data.clone(),
        Data::Encrypted(bytes) => bytes.clone(),
    };
    Told::Value { id: value.id, data }
}

impl Swarm {
    /// Hosts 10 to 34 ms from the core of the Internet, which start 50 ms after each other and know
    /// the first one.
    pub(crate) fn new(seed: Seed, kind: Kind, count: usize) -> Self {
        Self::with_bootstraps(seed, kind, count, 1)
    }

    /// The same, but they know as many of the first ones as is said.
    pub(crate) fn with_bootstraps(seed: Seed, kind: Kind, count: usize, bootstraps: usize) -> Self {
        let mut network = Network::new(
            seed,
            NetworkLimits::default(),
            (TraceHash::default(), Counters::default()),
        );
        network.set_internet(InternetConfig { delay: SimDuration::ZERO });
        let hosts: Vec<HostId> = (0..count)
            .map(|number| {
                let delay = SimDuration::from_millis(10 + number as u64 * 7 % 25);
                let interface = InterfaceConfig {
                    address: address(number).ip(),
                    attachment: Attachment::Internet,
                    link: LinkConfig::symmetric(PipeConfig::with_delay(delay)),
                };
                let name = format!("host-{number}");
                let config = HostConfig { name, interfaces: vec![interface], firewall: None };
                network.add_host(config).unwrap()
            })
            .collect();
        let mut world = World::new(network, seed, Limits::default());
        for (number, &host) in hosts.iter().enumerate() {
            let at = SimTime::from_nanos(number as u64 * 50_000_000);
            world.at(at, move |world| {
                let now = world.now();
                let seed = seed.derive(&format!("host-{number}"));
                let id = id(&format!("node-{number}"));
                let known = (0..bootstraps).filter(|known| *known != number);
                let bootstrap = known.map(address).collect();
                if kind.is_real(number) {
                    let config = CoreConfig {
                        id: Some(*id.as_bytes()),
                        network: 7,
                        bootstrap,
                        has_ipv6: false,
                        ..CoreConfig::default()
                    };
                    world.set_process(host, CoreProcess::new(now, config, seed).unwrap());
                } else {
                    let config = NodeConfig {
                        id: Some(id),
                        network: 7,
                        bootstrap,
                        has_ipv6: false,
                        epoch_unix_seconds: natbed_runtime::EPOCH_UNIX_SECONDS,
                        // That of the core beside it.
                        generation: Generation::Two,
                        ..NodeConfig::default()
                    };
                    world.set_process(host, OurProcess::new(now, config, seed));
                }
            });
        }
        Self { world, hosts, kind }
    }

    /// Runs until `time`, then lets a node do something.
    fn ask(
        &mut self,
        number: usize,
        ours: impl FnOnce(&mut natbed_dht::Node, SimTime) -> natbed_dht::OperationId,
        real: impl FnOnce(
            &mut natbed_opendht_core::CoreNode,
            SimTime,
        ) -> natbed_opendht_core::CoreOperation,
    ) -> Asked {
        let host = self.hosts[number];
        let at = self.world.now();
        let what = if self.kind.is_real(number) {
            let ask = |process: &mut CoreProcess, now| real(process.node_mut(), now);
            What::Real(self.world.update_process(host, ask).unwrap())
        } else {
            let ask = |process: &mut OurProcess, now| ours(&mut process.node, now);
            What::Ours(self.world.update_process(host, ask).unwrap())
        };
        Asked { at, what, told: Vec::new() }
    }

    pub(crate) fn put(&mut self, number: usize, key: Id, value: &Value) -> Asked {
        let packed = value.encode();
        self.ask(
            number,
            |node, now| node.put(now, key, value.clone(), false),
            |node, now| node.put(now, *key.as_bytes(), &packed, false).unwrap(),
        )
    }

    pub(crate) fn get(&mut self, number: usize, key: Id) -> Asked {
        self.ask(number, |node, now| node.get(now, key), |node, now| node.get(now, *key.as_bytes()))
    }

    pub(crate) fn listen(&mut self, number: usize, key: Id) -> Asked {
        self.ask(
            number,
            |node, now| node.listen(now, key),
            |node, now| node.listen(now, *key.as_bytes()),
        )
    }

    /// Adds to what nodes were asked what they have told since; takes all operations of a node at
    /// once.
    pub(crate) fn collect(&mut self, number: usize, asked: &mut [&mut Asked]) {
        let host = self.hosts[number];
        let told: Rc<RefCell<Vec<(SimTime, What, Told)>>> = Rc::default();
        if self.kind.is_real(number) {
            self.world.update_process(host, |process: &mut CoreProcess, _| {
                assert_eq!(process.node().failure(), None);
                let mut told = told.borrow_mut();
                told.extend(process.take_events().filter_map(|(at, event)| match event {
                    CoreEvent::Value(of, packed) => {
                        Some((at, What::Real(of), found(&Value::decode(&packed).unwrap())))
                    }
                    CoreEvent::Finished(of, is_success) => {
                        Some((at, What::Real(of), Told::Finished { is_success }))
                    }
                    _ => None,
                }));
            });
        } else {
            self.world.update_process(host, |process: &mut OurProcess, _| {
                let mut told = told.borrow_mut();
                told.extend(process.events.drain(..).filter_map(|(at, event)| match event {
                    Event::Value(of, value, ..) => Some((at, What::Ours(of), found(&value))),
                    Event::Finished(of, ..) => {
                        Some((at, What::Ours(of), Told::Finished { is_success: true }))
                    }
                    _ => None,
                }));
            });
        }
        for (at, of, told) in told.take() {
            let is_of = |asked: &&mut &mut Asked| match (asked.what, of) {
                (What::Ours(a), What::Ours(b)) => a == b,
                (What::Real(a), What::Real(b)) => a == b,
                _ => false,
            };
            if let Some(asked) = asked.iter_mut().find(is_of) {
                asked.told.push((at, told));
            }
        }
    }

    pub(crate) fn trace_hash(&self) -> u64 {
        self.world.network().observer().0.value()
    }

    pub(crate) fn packets(&self) -> u64 {
        self.world.network().observer().1.sent()
    }
}
