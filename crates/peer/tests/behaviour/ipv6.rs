//! IPv6 has no NAT, but firewalls that let nothing in unasked (RFC 6092).

use std::net::IpAddr;

use natbed_nat::{Action, FirewallConfig, Policy};
use natbed_network::observe::Route;
use natbed_peer::IceServers;
use natbed_units::SimDuration;

use crate::lab::{CORE, FIVE, Lab, UPLINK, candidates};

const ADDRESSES: [&str; 3] = ["2001:db8::1", "2001:db8:a::2", "2001:db8:b::3"];

#[test]
fn hosts_behind_stateful_firewalls_connect_directly() {
    let firewall =
        FirewallConfig { inbound: Policy::all(Action::Drop), ..FirewallConfig::default() };
    let (report, watch) = Lab::public(ADDRESSES, Some(&firewall)).run(async |site| {
        // Its address becomes a name, since the virtual resolver understands no IPv6 literals.
        let servers = IceServers { stun: vec![site.server_address()], turn: Vec::new() };
        let stacks = site.start().await;
        stacks.session_with(&servers, FIVE, SimDuration::ZERO).await
    });
    let [_, a, b] = ADDRESSES.map(|address| address.parse::<IpAddr>().unwrap());
    let pairs = report.peers.each_ref().map(|peer| {
        let pair = peer.pair.unwrap();
        (pair.local.address.ip(), pair.remote.address.ip())
    });
    assert_eq!(pairs, [(a, b), (b, a)]);
    let sighting = watch.sighting();
    assert_eq!((sighting.last, sighting.direct), (Some(Route::Direct), 2 * 5 * 2));
    assert_eq!((sighting.relay, sighting.lan), (0, 0));
}

#[test]
fn a_stun_server_is_reached_by_its_name() {
    let ((description, gathered), _) = Lab::public(ADDRESSES, None).run(async |site| {
        let servers = IceServers { stun: vec![site.server_address()], turn: Vec::new() };
        let stacks = site.start().await;
        let agent = stacks.agent(0, &servers).await;
        let description = agent.gather().await.unwrap();
        (description, stacks.site.handle.now())
    });
    let [reflexive] = candidates(&description, "srflx")[..] else { panic!("{description:?}") };
    assert_eq!(reflexive.ip(), ADDRESSES[1].parse::<IpAddr>().unwrap());
    // Asking for the name takes no time, asking the server one round trip.
    assert_eq!(gathered.since_start(), (UPLINK + CORE + UPLINK) * 2);
}
