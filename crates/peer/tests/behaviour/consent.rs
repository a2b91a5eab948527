//! When `webrtc-ice` notices that its pair went silent, to the nanosecond.
//!
//! It looks every 200 ms. A pair is disconnected at the first look at which nothing has arrived
//! over it for 5 s, and failed at the first at which nothing has for 25 s more (the crate's default
//! `disconnected_timeout` and `failed_timeout`).

use natbed_load::EchoConfig;
use natbed_nat::Mapping;
use natbed_peer::IceState;
use natbed_runtime::Host;
use natbed_units::{SimDuration, SimTime};

use crate::lab::{FIVE, Lab, ms};

const CUT: SimTime = ms(20_000);

/// States of both peers of a direct session whose path is cut, and perhaps mended.
fn states(mended: Option<SimTime>) -> [Vec<(IceState, u64)>; 2] {
    let ((report, peers), watch) =
        Lab::two_homes([Mapping::EndpointIndependent; 2]).run(async move |site| {
            site.set_uplink_down(CUT, true);
            if let Some(mended) = mended {
                site.set_uplink_down(mended, false);
            }
            let peers = site.peers.each_ref().map(Host::id);
            let load = EchoConfig { count: 1, ..FIVE };
            (site.start().await.session(load, SimDuration::from_secs(60)).await, peers)
        });
    for (peer, host) in report.peers.iter().zip(peers) {
        let mut before_cut = watch.arrivals.iter().filter(|(at, to)| *to == host && *at < CUT);
        let (last_arrival, _) = before_cut.next_back().unwrap();
        let disconnected = peer.states.iter().find(|c| c.state == IceState::Disconnected).unwrap();
        let silence = disconnected.at.saturating_since(*last_arrival);
        assert!(
            SimDuration::from_secs(5) < silence && silence <= SimDuration::from_millis(5_200),
            "{silence}"
        );
    }
    report
        .peers
        .each_ref()
        .map(|peer| peer.states.iter().map(|change| (change.state, change.at.as_nanos())).collect())
}

/// Up to the cut: the candidates are swapped at 130.8 ms, and a peer-reflexive pair is accepted
/// after 1 s at the earliest.
const BEFORE: [[(IceState, u64); 2]; 2] = [
    [(IceState::Checking, 130_834_568), (IceState::Connected, 1_254_817_284)],
    [(IceState::Checking, 130_834_568), (IceState::Connected, 1_234_408_642)],
];

#[test]
fn a_cut_path_is_disconnected_and_then_failed() {
    let after = [(IceState::Disconnected, 24_614_000_000), (IceState::Failed, 49_614_000_000)];
    assert_eq!(states(None), BEFORE.map(|before| [before, after].concat()));
}

#[test]
fn a_path_that_heals_in_time_is_connected_again() {
    let after = [(IceState::Disconnected, 24_614_000_000), (IceState::Connected, 29_614_000_000)];
    assert_eq!(states(Some(ms(28_000))), BEFORE.map(|before| [before, after].concat()));
}
