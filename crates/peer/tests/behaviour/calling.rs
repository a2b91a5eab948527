//! Devices that call each other through nodes of OpenDHT, in Jami's order.

use std::sync::Arc;

use natbed_nat::Mapping;
use natbed_network::observe::Route;
use natbed_peer::{
    AgentError, CallDiscovery, CallFailure, CallReport, Device, DeviceConfig, DeviceReport,
    Restart, SessionReport, Way,
};
use natbed_units::{SimDuration, SimTime};

use super::lab::{FIVE, Lab, SEED, Stacks, Watch, ms};

const ANSWER_WITHIN: SimDuration = SimDuration::from_secs(30);

/// What became of a call.
struct Called {
    report: SessionReport,
    devices: [DeviceReport; 2],
    watch: Watch,
}

impl Called {
    fn call(&self) -> &CallReport {
        self.report.call.as_ref().expect("it was a call")
    }
}

#[derive(Clone, Copy)]
struct Setup {
    dht: bool,
    lan: bool,
    call_at: SimTime,
    /// When the second device goes online.
    online: SimTime,
}

const BY_DHT: Setup = Setup { dht: true, lan: false, call_at: ms(5_000), online: SimTime::ZERO };
const BY_LAN: Setup = Setup { dht: false, lan: true, ..BY_DHT };

fn devices(stacks: &Stacks, setup: Setup) -> [Arc<Device>; 2] {
    [0, 1].map(|peer| {
        let site = &stacks.site;
        let config = DeviceConfig {
            identity: peer,
            network: 0,
            dht: setup.dht.then(|| site.bootstrap.clone()),
            lan: setup.lan,
            online: if peer == 0 { SimTime::ZERO } else { setup.online },
            network_changes: Vec::new(),
        };
        let seed = SEED.derive(["alice", "bob"][peer]);
        let device = Device::new(&site.handle, &site.peers[peer], &config, seed).unwrap();
        device.start();
        Arc::new(device)
    })
}

fn call(lab: Lab, setup: Setup) -> Called {
    cut_off_call(lab, setup, SimTime::MAX)
}

/// A call of whom the network is cut off at some time.
fn cut_off_call(lab: Lab, setup: Setup, cut: SimTime) -> Called {
    let ((report, devices), watch) = lab.run(async move |site| {
        site.set_uplink_down(cut, true);
        let stacks = site.start().await;
        let devices = devices(&stacks, setup);
        let discovery = CallDiscovery {
            devices: devices.clone(),
            matter: "call".to_owned(),
            call_at: setup.call_at,
            answer_within: ANSWER_WITHIN,
        };
        let outcome = stacks.called_session(discovery, Restart::Never).await;
        devices.iter().for_each(|device| device.close());
        let reports = devices.map(|device| device.report());
        stacks.close().await;
        ((*outcome).clone(), reports)
    });
    Called { report, devices, watch }
}

fn homes() -> Lab {
    Lab::two_homes([Mapping::EndpointIndependent; 2])
}

#[test]
fn a_call_through_a_swarm_ends_in_a_direct_link() {
    let called = call(homes().with_swarm(24), BY_DHT);
    let phases = called.call();
    assert_eq!((phases.called, phases.way), (Some(ms(5_000)), Some(Way::Dht)));
    let order = [
        phases.called,
        phases.offer_seen,
        phases.answer_seen,
        called.report.connected(),
        called.watch.sighting().first,
    ];
    assert!(order.is_sorted() && order.iter().all(Option::is_some), "{order:?}");
    assert!(phases.offer_stored > phases.called && phases.answer_stored > phases.offer_seen);
    // At the eight closest nodes, and at those that were among the first to answer, as OpenDHT 4 puts.
    assert!((8..=14).contains(&phases.stored_at.len()), "{:?}", phases.stored_at);
    assert_eq!(called.watch.sighting().last, Some(Route::Direct));
    assert_eq!(called.report.started, ms(5_000));
    for device in &called.devices {
        let [node] = &device.nodes[..] else { panic!("one node: {device:?}") };
        assert!(node.bootstrapped.is_some() && node.listening.is_some(), "{node:?}");
        assert!(node.by_kind["listen"] >= 4, "{:?}", node.by_kind);
        assert!(node.sent.bytes > 0 && node.received.bytes > 0);
    }
}

#[test]
fn who_is_called_begins_its_checks_before_the_caller_has_the_answer() {
    let called = call(homes().with_swarm(24), BY_DHT);
    let checking = called.report.peers.each_ref().map(|peer| peer.states[0].at);
    assert!(checking[1] < checking[0], "{checking:?}");
    assert!(Some(checking[1]) >= called.call().offer_seen);
    assert!(Some(checking[0]) >= called.call().answer_seen);
}

#[test]
fn who_comes_online_after_the_call_still_finds_it() {
    let setup = Setup { online: ms(12_000), ..BY_DHT };
    let called = call(homes().with_swarm(24), setup);
    assert!(called.call().offer_seen > Some(ms(12_000)), "{:?}", called.call());
    assert!(called.report.connected().is_some());
}

#[test]
fn a_call_to_nobody_is_given_up_after_thirty_seconds() {
    let setup = Setup { online: ms(90_000), ..BY_DHT };
    let called = call(homes().with_swarm(24), setup);
    assert_eq!(called.call().failure, Some(CallFailure::OfferNotSeen));
    assert!(called.call().offer_stored.is_some());
    let failures = called.report.peers.each_ref().map(|peer| peer.failure.clone());
    let no_answer = AgentError::NoAnswer { within: ANSWER_WITHIN };
    assert_eq!(failures, [Some(no_answer), Some(AgentError::NotCalled)]);
    assert_eq!(called.watch.sighting().first, None);
}

#[test]
fn who_has_seen_the_offer_checks_even_if_the_answer_is_lost() {
    let seen = call(homes().with_swarm(24), BY_DHT).call().offer_seen.unwrap();
    let cut = seen + SimDuration::from_millis(1);
    let called = cut_off_call(homes().with_swarm(24), BY_DHT, cut);
    assert_eq!(called.call().failure, Some(CallFailure::AnswerNotSeen), "{:?}", called.call());
    assert!(called.call().at_failure.is_some());
    let [caller, answerer] = &called.report.peers;
    assert_eq!(caller.failure, Some(AgentError::NoAnswer { within: ANSWER_WITHIN }));
    assert_eq!(answerer.failure, Some(AgentError::Failed), "its agent gave up by itself");
    assert!(answerer.gathered.is_some() && !answerer.candidates.is_empty());
}

#[test]
fn without_anybody_to_begin_from_nothing_is_stored() {
    let called = call(homes(), BY_DHT);
    assert_eq!(called.call().failure, Some(CallFailure::OfferNotStored));
    assert_eq!(called.call().stored_at, []);
}

#[test]
fn on_one_lan_a_call_needs_nobody_else_and_never_leaves_it() {
    let called = call(Lab::one_lan(), BY_LAN);
    assert_eq!(called.call().way, Some(Way::Lan));
    assert_eq!(called.watch.sighting().last, Some(Route::Lan));
    for device in &called.devices {
        assert!(device.nodes[0].by_kind["lan"] > 0, "{device:?}");
    }
}

#[test]
fn lans_do_not_hear_each_other() {
    let called = call(homes(), BY_LAN);
    assert_eq!(called.call().failure, Some(CallFailure::OfferNotStored));
    assert_eq!(called.call().offer_seen, None);
}

#[test]
fn on_both_ways_at_once_one_call_is_one_call() {
    let setup = Setup { lan: true, ..BY_DHT };
    let called = call(Lab::one_lan().with_swarm(24), setup);
    assert!(called.call().way.is_some());
    assert_eq!(called.devices[1].nodes.len(), 2);
    assert_eq!(called.watch.sighting().last, Some(Route::Lan));
    assert_eq!(called.report.peers[0].states.iter().filter(|s| s.at > SimTime::ZERO).count(), 2);
}

#[test]
fn a_restart_calls_again() {
    let (report, _) = homes().with_swarm(24).run(async move |site| {
        site.set_uplink_down(ms(8_000), true);
        site.set_uplink_down(ms(40_000), false);
        let stacks = site.start().await;
        let devices = devices(&stacks, BY_DHT);
        let discovery = CallDiscovery {
            devices: devices.clone(),
            matter: "call".to_owned(),
            call_at: ms(5_000),
            answer_within: ANSWER_WITHIN,
        };
        let long =
            natbed_load::EchoConfig { count: 600, interval: SimDuration::from_millis(100), ..FIVE };
        let outcome = stacks.called_session_with(discovery, long, Restart::Disconnected).await;
        devices.iter().for_each(|device| device.close());
        stacks.close().await;
        (*outcome).clone()
    });
    assert!(!report.restarts.is_empty(), "{report:?}");
    assert!(report.restarts.last().is_some_and(|restart| restart.connected > Some(ms(40_000))));
    assert!(
        report.call.is_some_and(|call| call.answer_seen < Some(ms(8_000))),
        "of the first call"
    );
}

#[test]
fn one_seed_is_one_run() {
    let run = || {
        let called = call(homes().with_swarm(24), BY_DHT);
        (called.call().clone(), called.devices, called.watch.counters, called.report.connected())
    };
    assert_eq!(run(), run());
}
