//! The load measures what the network does, exactly.

use natbed_load::EchoConfig;
use natbed_nat::Mapping;
use natbed_units::SimDuration;

use crate::lab::{CORE, LAN_HOP, Lab, UPLINK, ms};

const LOAD: EchoConfig =
    EchoConfig { count: 400, interval: SimDuration::from_millis(10), size: 100 };

fn homes() -> Lab {
    Lab::two_homes([Mapping::EndpointIndependent; 2])
}

/// One way from peer to peer.
fn one_way() -> SimDuration {
    LAN_HOP + UPLINK + CORE + UPLINK + LAN_HOP
}

#[test]
fn round_trips_of_a_direct_path_are_twice_its_delays() {
    let (report, watch) =
        homes().run(async |site| site.start().await.session(LOAD, SimDuration::ZERO).await);
    for echo in &report.echoes {
        assert_eq!((echo.sent.len(), echo.arrived(), echo.lost()), (400, 400, 0));
        assert_eq!(echo.round_trips, [one_way() * 2; 400]);
    }
    assert_eq!(watch.sighting().direct, 4 * 400, "probes and echoes of both sides");
}

#[test]
fn what_a_cut_link_takes_is_lost() {
    let cut = ms(3_000);
    let (report, _) = homes().run(async move |site| {
        site.set_uplink_down(cut, true);
        site.start().await.session(LOAD, SimDuration::ZERO).await
    });
    let start = report.connected().unwrap();
    // Datagrams that have crossed the first peer's uplink before it was cut, if they do so the
    // given time after they, or the probes they answer, were sent.
    let crossed = |after: SimDuration| {
        (0..u64::from(LOAD.count)).filter(|n| start + LOAD.interval * *n + after < cut).count()
    };
    let outward = LAN_HOP + UPLINK + CORE; // from the first peer's host to behind its uplink
    let inward = one_way() - LAN_HOP; // from the other peer's host to the first one's gateway
    let [a, b] = &report.echoes;
    let count = LOAD.count as usize;
    assert_eq!((a.sent.len(), b.sent.len()), (count, count));
    assert_eq!(a.arrived(), crossed(inward));
    assert_eq!(b.arrived(), crossed(outward));
    assert_eq!(a.round_trips.len(), crossed(one_way() + inward));
    assert_eq!(b.round_trips.len(), crossed(one_way() + outward));
    assert!(a.lost() > 200 && a.lost() < 300, "cut in mid-load: {}", a.lost());
    assert_eq!(a.lost(), count - a.round_trips.len());
}
