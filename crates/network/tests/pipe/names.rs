//! What pipes are called, and what their random numbers depend on.

use natbed_network::{
    Attachment, GatewayConfig, HostConfig, InterfaceConfig, InternetConfig, Limits, LinkConfig,
    Loss, Network, PipeConfig,
};
use natbed_packet::DropReason;
use natbed_units::{Seed, SimTime};

use crate::lab::{Lab, Notes, add_host, ip, lan, ms, packet, percent, us};

#[test]
fn pipes_are_called_after_their_near_end() {
    let mut network = Network::new(Seed::new(1), Limits::default(), ());
    network.set_internet(InternetConfig { delay: ms(1) });
    let home = lan(&mut network);
    let gateway = network
        .add_gateway(GatewayConfig {
            name: "alice-home".into(),
            lan: home,
            inside: ip("10.0.0.254"),
            upstream: Attachment::Internet,
            outside: ip("198.51.100.1"),
            pool: Vec::new(),
            uplink: LinkConfig::IDEAL,
            translator: None,
            firewall: None,
            icmp_errors: true,
            beside: None,
        })
        .unwrap();
    let guests = lan(&mut network);
    let second = network.add_inside(gateway, guests, ip("10.0.0.254")).unwrap();
    let interface = |address, attachment| InterfaceConfig {
        address: ip(address),
        attachment,
        link: LinkConfig::IDEAL,
    };
    let interfaces = vec![
        interface("10.0.0.1", Attachment::Lan(home)),
        interface("203.0.113.1", Attachment::Internet),
    ];
    let alice = HostConfig { name: "alice".into(), interfaces, firewall: None };
    let alice = network.add_host(alice).unwrap();
    let uplink = network.uplink(gateway);
    let [first, other] = [0, 1].map(|n| network.host_links(alice).nth(n).unwrap());
    let moved = network.move_host(alice, 0, interface("10.0.0.2", Attachment::Lan(home))).unwrap();
    for (pipe, name) in [
        (uplink.up(), "alice-home up"),
        (uplink.down(), "alice-home down"),
        (second.up(), "alice-home inside#2 up"),
        (first.up(), "alice up"),
        (other.down(), "alice#2 down"),
        (moved.up(), "alice#3 up"),
    ] {
        assert_eq!(network.pipe_name(pipe), name);
    }
    let inside = (0..network.link_count()).count();
    assert_eq!(inside, 6);
}

fn lossy() -> PipeConfig {
    PipeConfig { loss: Loss::Independent(percent("30%")), ..PipeConfig::with_delay(ms(1)) }
}

/// Which of 200 packets from Alice to Bob her pipe loses.
fn losses(seed: u64, others: &[&str], name: &str) -> Vec<SimTime> {
    let mut network = Network::new(Seed::new(seed), Limits::default(), Notes::default());
    let lan = lan(&mut network);
    for (n, other) in (10..).zip(others) {
        let link = LinkConfig::symmetric(lossy());
        add_host(&mut network, lan, other, &format!("10.0.0.{n}"), link);
    }
    let link = LinkConfig { up: lossy(), down: PipeConfig::IDEAL };
    let alice = add_host(&mut network, lan, name, "10.0.0.1", link);
    add_host(&mut network, lan, "bob", "10.0.0.2", LinkConfig::IDEAL);
    for n in 0..200 {
        network.send(SimTime::ZERO + us(10) * n, alice, packet(100));
    }
    let lost = network.observer().dropped.iter();
    lost.filter(|(_, _, why)| *why == DropReason::LostOnTheWire).map(|(at, ..)| *at).collect()
}

#[test]
fn other_hosts_change_nothing() {
    let alone = losses(1, &[], "alice");
    assert_eq!(losses(1, &[], "alice"), alone);
    assert_eq!(losses(1, &["carol", "dave"], "alice"), alone);
    assert_ne!(losses(2, &[], "alice"), alone);
    assert_ne!(losses(1, &[], "eve"), alone);
}

#[test]
fn both_directions_draw_for_themselves() {
    let lost = |sender: &str| {
        let mut network = Network::new(Seed::new(1), Limits::default(), Notes::default());
        let lan = lan(&mut network);
        let link = LinkConfig::symmetric(lossy());
        let alice = add_host(&mut network, lan, "alice", "10.0.0.1", link);
        let bob = add_host(&mut network, lan, "bob", "10.0.0.2", LinkConfig::IDEAL);
        for n in 0..200 {
            let mut packet = packet(100);
            let host = if sender == "bob" {
                std::mem::swap(&mut packet.source, &mut packet.destination);
                bob
            } else {
                alice
            };
            network.send(SimTime::ZERO + us(10) * n, host, packet);
        }
        network.observer().dropped.iter().map(|(at, ..)| *at).collect::<Vec<_>>()
    };
    assert_ne!(lost("alice"), lost("bob"));
}

/// What is lost does not depend on whether delays vary or packets come twice.
#[test]
fn one_part_of_a_pipe_leaves_the_draws_of_another_alone() {
    let lost = |pipe: PipeConfig| {
        let mut lab = Lab::new(pipe);
        lab.send_evenly(300, us(10), 100);
        lab.settle();
        lab.notes().dropped.iter().map(|(at, ..)| *at).collect::<Vec<_>>()
    };
    let twice = PipeConfig { duplicate: percent("40%"), ..lossy() };
    assert_eq!(lost(twice), lost(lossy()));
}
