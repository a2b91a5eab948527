//! Restarts: fresh agents take over from those that lost their connection, and the load goes on.

use natbed_load::{EchoConfig, EchoReport};
use natbed_nat::Mapping;
use natbed_network::observe::Route;
use natbed_peer::{IceState, Restart};
use natbed_units::{SimDuration, SimTime};

use crate::lab::{Lab, Outcome, ms};

const CUT: SimTime = ms(10_000);

/// A datagram every 100 ms for a minute.
const MINUTE: EchoConfig =
    EchoConfig { count: 600, interval: SimDuration::from_millis(100), size: 100 };

/// What happens to a direct session.
#[derive(Clone, Copy)]
enum Accident {
    /// Its path is cut, and perhaps mended.
    Cut { mended: Option<SimTime> },
    /// The first peer's NAT forgets its mappings.
    Flush,
}

fn session(restart: Restart, accident: Accident) -> (Outcome, Option<Route>) {
    let (report, watch) =
        Lab::two_homes([Mapping::EndpointIndependent; 2]).run(async move |site| {
            match accident {
                Accident::Flush => site.flush_nat(CUT),
                Accident::Cut { mended } => {
                    site.set_uplink_down(CUT, true);
                    mended.into_iter().for_each(|mended| site.set_uplink_down(mended, false));
                }
            }
            let servers = site.turn("secret");
            let stacks = site.start().await;
            stacks.restarting_session(&servers, MINUTE, SimDuration::ZERO, restart).await
        });
    (report, watch.sighting().last)
}

/// The states that a peer's agents entered, without their times.
fn states(report: &Outcome, peer: usize) -> Vec<IceState> {
    report.peers[peer].states.iter().map(|change| change.state).collect()
}

/// When the numbered datagrams that a peer sent arrived at the other.
fn arrivals(report: &Outcome, from: usize) -> Vec<Option<SimTime>> {
    report.echoes[1 - from].arrivals.clone()
}

#[test]
fn a_disconnected_session_is_taken_over_by_fresh_agents() {
    let (report, route) = session(Restart::Disconnected, Accident::Flush);
    let [restart] = report.restarts[..] else { panic!("{:?}", report.restarts) };
    let disconnected = report.peers[restart.peer].states[2];
    assert_eq!((restart.state, restart.at), (IceState::Disconnected, disconnected.at));
    let silence = restart.at.saturating_since(CUT);
    assert!(SimDuration::from_secs(3) < silence && silence < SimDuration::from_millis(5_200));
    // Gathering, the swap and checks take as long as they took the first time.
    let first = report.connected().unwrap().saturating_since(report.started);
    let again = restart.connected.unwrap().saturating_since(restart.at);
    assert!(again < first + SimDuration::from_millis(10), "{first} and then {again}");
    let [before, after] = [restart.before, restart.after].map(|pairs| pairs.map(Option::unwrap));
    assert_ne!(before[0].local.address, after[0].local.address, "another socket");
    assert_eq!(report.peers[0].pair.unwrap(), after[0]);
    assert_eq!(route, Some(Route::Direct));
    for peer in [0, 1] {
        let end = [IceState::Checking, IceState::Connected];
        assert!(states(&report, peer).ends_with(&end), "{:?}", states(&report, peer));
        let arrivals = arrivals(&report, peer);
        assert_eq!(arrivals.len(), 600, "the last one arrived");
        let sent = &report.echoes[peer].sent;
        assert_eq!(sent.len(), 600, "the load goes on while there is no connection");
        let lost = sent.iter().zip(&arrivals).filter(|(_, arrival)| arrival.is_none());
        let lost: Vec<_> = lost.map(|(sent, _)| *sent).collect();
        let (first, last) = (lost[0], lost[lost.len() - 1]);
        assert!(CUT.saturating_since(first) < SimDuration::from_millis(30) && last > restart.at);
        assert!(last < restart.connected.unwrap(), "what was sent from then on arrived");
    }
}

#[test]
fn a_session_restarts_on_failure_only_if_it_is_told_so() {
    let (report, _) = session(Restart::Failed, Accident::Cut { mended: Some(ms(18_000)) });
    assert_eq!(report.restarts, [], "the pair came back before it had failed");
    use IceState::{Checking, Connected, Disconnected};
    assert_eq!(states(&report, 0), [Checking, Connected, Disconnected, Connected]);

    let (report, _) = session(Restart::Failed, Accident::Cut { mended: Some(ms(41_000)) });
    let restart = report.restarts[0];
    assert_eq!(restart.state, IceState::Failed);
    let silence = restart.at.saturating_since(CUT);
    assert!(SimDuration::from_secs(28) < silence && silence < SimDuration::from_millis(30_200));
    assert!(restart.before[0].is_some(), "noted before the agent forgot it");
    assert!(restart.connected.is_some() && report.restarts.len() == 1, "{:?}", report.restarts);
}

#[test]
fn a_session_that_cannot_connect_tries_again_as_long_as_its_load_goes_on() {
    let (report, _) = session(Restart::Disconnected, Accident::Cut { mended: None });
    // Alice is cut off: gathering waits for servers in vain, and checks for the peer.
    assert!((1..=2).contains(&report.restarts.len()), "{:?}", report.restarts);
    assert!(report.restarts.iter().all(|restart| restart.connected.is_none()));
    assert!(report.peers.iter().all(|peer| peer.pair.is_none()));
    let arrived = report.echoes.each_ref().map(EchoReport::arrived);
    assert!(arrived.iter().all(|arrived| (80..100).contains(arrived)), "{arrived:?}");
}
