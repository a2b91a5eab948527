//! What is closed is gone: no task is left, and nothing is sent any more.

use natbed_nat::Mapping;
use natbed_network::observe::Route;
use natbed_units::{SimDuration, SimTime};

use crate::lab::{FIVE, Lab};

/// Longer than TURN permissions (300 s) and allocations (600 s) live: what forgot to end would
/// refresh them.
const SILENCE: SimDuration = SimDuration::from_secs(700);

/// Tasks besides the script's own.
fn others() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks() - 1
}

/// Runs a session that goes by `route`, and closes everything.
///
/// Returns how long after that the last task ended.
fn teardown(lab: Lab, route: Route) -> SimDuration {
    let ((closed, alone, left), watch) = lab.run(async |site| {
        let stacks = site.start().await;
        let report = stacks.session(FIVE, SimDuration::from_secs(20)).await;
        assert!(report.peers.iter().all(|peer| peer.failure.is_none()), "{report:?}");
        assert!(others() > 0, "the server runs");
        // The agents' last requests get their answers.
        stacks.site.handle.sleep(SimDuration::from_secs(1)).await;
        let handle = stacks.close().await;
        let closed = handle.now();
        while others() > 0 && handle.now() < closed + SILENCE {
            handle.sleep(SimDuration::from_millis(1)).await;
        }
        let alone = handle.now();
        handle.sleep(SILENCE).await;
        (closed, alone, others())
    });
    assert_eq!(watch.sighting().last, Some(route));
    assert_eq!(left, 0);
    assert!(watch.last_sent > SimTime::ZERO && watch.last_sent <= closed, "{}", watch.last_sent);
    alone.saturating_since(closed)
}

#[test]
fn nothing_is_left_of_a_session_on_one_lan() {
    assert_eq!(teardown(Lab::one_lan(), Route::Lan), SimDuration::from_millis(1));
}

#[test]
fn nothing_is_left_of_a_direct_session() {
    let lab = Lab::two_homes([Mapping::EndpointIndependent; 2]);
    assert_eq!(teardown(lab, Route::Direct), SimDuration::from_millis(1));
}

#[test]
fn nothing_is_left_of_a_relayed_session() {
    let lab = Lab::two_homes([Mapping::AddressAndPortDependent; 2]);
    assert_eq!(teardown(lab, Route::Relay), SimDuration::from_millis(1));
}
