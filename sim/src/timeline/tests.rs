//! Timelines of sessions made by hand: a datagram each way every 100 ms, 40 ms on their way.

use natbed_load::EchoReport;
use natbed_network::HostId;
use natbed_network::observe::{Route, RouteChange};
use natbed_peer::{IceState, SessionReport, StateChange};
use natbed_report::Path;
use natbed_scenario::{Scenario, Source, load};
use natbed_units::{Seed, SimDuration, SimTime};

use super::{Consequence, Traffic, timeline};
use crate::world::build;

/// Two public hosts, and events after the given numbers of seconds.
fn scenario(events: &[u64]) -> Scenario {
    let events: Vec<_> = events.iter().map(|at| format!("{{ at: {at}s, link_down: a }}")).collect();
    let text = format!(
        "natbed: 1\nname: t\nhosts: {{ a: {{ internet: 198.51.100.1 }}, b: {{ internet: 198.51.100.2 }} }}\n\
         sessions: {{ call: {{ between: [a, b] }} }}\nevents: [{}]\n",
        events.join(", ")
    );
    let document = load(Source { name: "t.yaml".to_owned(), text });
    document.unwrap_or_else(|error| panic!("{error}")).case(0).scenario
}

const fn ms(millis: u64) -> SimTime {
    SimTime::from_nanos(millis * 1_000_000)
}

/// What `from` sends from 1 s to 60 s; what `is_lost` says of the time of sending is lost.
fn load_of(report: &mut Outcome, from: usize, is_lost: impl Fn(u64) -> bool) {
    let sent: Vec<u64> = (10..600).map(|n| n * 100).collect();
    let arrival = |at: &u64| (!is_lost(*at)).then(|| ms(at + 40));
    report.echoes[from].sent = sent.iter().map(|at| ms(*at)).collect();
    report.echoes[1 - from].arrivals = sent.iter().map(arrival).collect();
}

/// A session, and what each peer saw of its echo load.
#[derive(Default)]
struct Outcome {
    report: SessionReport,
    echoes: [EchoReport; 2],
}

fn states(report: &mut Outcome, peer: usize, states: &[(u64, IceState)]) {
    let change = |(at, state): &(u64, IceState)| StateChange { at: ms(*at), state: *state };
    report.report.peers[peer].states = states.iter().map(change).collect();
}

fn hosts(scenario: &Scenario) -> [HostId; 2] {
    let hosts = build(scenario, Seed::new(1)).unwrap().parts.hosts;
    [hosts[0], hosts[1]]
}

fn consequences(events: &[u64], report: &Outcome) -> Vec<Consequence> {
    let scenario = scenario(events);
    let hosts = hosts(&scenario);
    let change = |at, to, route| RouteChange { at, to, route };
    let routes = [
        change(ms(1_040), hosts[0], Route::Direct),
        change(ms(1_040), hosts[1], Route::Direct),
        change(ms(15_000), hosts[0], Route::Relay),
    ];
    timeline(&scenario, &report.report, Traffic::Echoes(report.echoes.each_ref()), hosts, &routes)
}

#[test]
fn one_direction_alone_is_lost_and_recovered_by_the_way_it_then_takes() {
    let mut report = Outcome::default();
    load_of(&mut report, 0, |_| false);
    load_of(&mut report, 1, |at| (9_970..16_000).contains(&at));
    states(&mut report, 0, &[(900, IceState::Connected), (15_000, IceState::Disconnected)]);
    let [event] = &consequences(&[10], &report)[..] else { panic!("one event") };
    // Sent at 10 s, the first that is lost was due 40 ms later.
    assert_eq!(event.lost, Some((ms(10_040), 1)));
    assert_eq!(event.noticed, Some((ms(15_000), 0, IceState::Disconnected)));
    assert_eq!(event.recovered, Some((ms(16_040), 1, Some(Path::Relay))));
    assert!(event.was_observed);
}

#[test]
fn what_was_on_its_way_when_the_event_came_is_lost_by_it() {
    let mut report = Outcome::default();
    load_of(&mut report, 0, |at| at >= 9_900);
    load_of(&mut report, 1, |_| false);
    // Due at 9.94 s it is from before; an event in the meantime gets it.
    assert_eq!(consequences(&[10], &report)[0].lost, None, "it was down by then");
    let mut report = Outcome::default();
    load_of(&mut report, 0, |at| at >= 10_000);
    load_of(&mut report, 1, |_| false);
    let [event] = &consequences(&[10], &report)[..] else { panic!("one event") };
    assert_eq!((event.lost, event.recovered), (Some((ms(10_040), 0)), None));
}

#[test]
fn a_recovery_waits_for_both_directions_and_names_the_later_one() {
    let mut report = Outcome::default();
    load_of(&mut report, 0, |at| (10_000..12_000).contains(&at));
    load_of(&mut report, 1, |at| (10_200..13_000).contains(&at));
    let [event] = &consequences(&[10], &report)[..] else { panic!("one event") };
    assert_eq!(event.lost, Some((ms(10_040), 0)));
    assert_eq!(event.recovered, Some((ms(13_040), 1, Some(Path::Direct))));
}

#[test]
fn each_event_answers_for_what_happens_before_the_next() {
    let mut report = Outcome::default();
    let is_lost = |at: u64| (20_000..35_000).contains(&at);
    load_of(&mut report, 0, is_lost);
    load_of(&mut report, 1, is_lost);
    for peer in [0, 1] {
        let changes = [(900, IceState::Connected), (25_100, IceState::Disconnected)];
        states(&mut report, peer, &changes);
    }
    let [harmless, cut, meanwhile, mended] = &consequences(&[10, 20, 26, 34], &report)[..] else {
        panic!("four events")
    };
    let said = |event: &Consequence| (event.lost, event.noticed, event.recovered);
    assert_eq!(said(harmless), (None, None, None));
    assert_eq!(cut.lost, Some((ms(20_040), 0)));
    assert_eq!(cut.noticed.unwrap().0, ms(25_100));
    assert_eq!(cut.recovered.unwrap().0, ms(35_040), "whatever else happened until then");
    assert_eq!(said(meanwhile), (None, None, None));
    assert_eq!((mended.lost, mended.noticed), (None, None));
    assert_eq!(mended.recovered.unwrap().0, ms(35_040));
}

#[test]
fn without_payload_only_the_agents_tell() {
    let mut report = Outcome::default();
    states(&mut report, 1, &[(900, IceState::Connected), (15_000, IceState::Disconnected)]);
    let [event] = &consequences(&[10], &report)[..] else { panic!("one event") };
    assert_eq!((event.lost, event.recovered, event.was_observed), (None, None, false));
    assert_eq!(event.noticed, Some((ms(15_000), 1, IceState::Disconnected)));
    assert_eq!(SimDuration::from_secs(5), ms(15_000).saturating_since(event.at));
}
