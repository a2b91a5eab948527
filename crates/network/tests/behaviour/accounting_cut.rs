//! Accounts of datagrams that the network cuts into fragments, or copies.

use natbed_network::observe::Accounting;
use natbed_network::{Attachment, HostId, LinkConfig, PipeConfig, Place};
use natbed_packet::{DropReason, Packet};
use natbed_units::{ByteCount, SimDuration, SimTime};

use crate::accounting::{STAMPED, assert_adds_up};
use crate::call::{BOB, CALL, HOME, stamped};
use crate::world::{World, ep, host, linked, ms, pipe, sized};

/// A watched load between two hosts on the Internet; Alice's link carries 1500 bytes at a time, and
/// her line takes 1 ms for 1000 bytes and holds so many.
fn with_fragments(queue: u64) -> (World<Accounting>, HostId) {
    let mut world = World::observed(Accounting::default());
    world.internet(ms(0));
    let up = PipeConfig { mtu: Some(ByteCount::new(1500)), ..pipe("8mbit", ms(0), queue) };
    let link = LinkConfig { up, down: PipeConfig::IDEAL };
    let alice = world.add_host(linked(host("alice", Attachment::Internet, HOME), link));
    let bob = world.public_host("bob", BOB);
    world.network.observer_mut().1.watch(CALL, [alice, bob], STAMPED);
    (world, alice)
}

fn to_be_cut(transport: usize) -> Packet {
    let [from, to] = [HOME, BOB].map(|ip| ep(&format!("{ip}:5000")));
    let datagram = Packet::udp(from, to, stamped(SimTime::ZERO, transport).into());
    Packet { dont_fragment: false, ..datagram }
}

#[test]
fn a_datagram_that_was_cut_is_one_datagram() {
    let (mut world, alice) = with_fragments(10_000);
    world.send(alice, to_be_cut(4000));
    let [there, _] = world.network.observer().1.account(CALL).unwrap().directions;
    assert_eq!((there.in_flight, there.fragments), (1, 2));
    world.only_arrival();
    let [there, _] = world.network.observer().1.account(CALL).unwrap().directions;
    assert_adds_up(&there);
    assert_eq!((there.in_flight, there.fragments, there.made), (0, 2, 0));
    assert_eq!((there.delivered.wire, there.delivered.transport), (4044, 4000));
    assert_eq!(there.delay.max, SimDuration::from_micros(4_084), "with two headers more");
    let link = world.network.host_links(alice).next().unwrap();
    let pipes = world.network.observer().1.pipes(CALL, |_| PipeConfig::IDEAL);
    let up = pipes.iter().find(|account| account.pipe == link.up()).unwrap();
    assert_eq!((up.packets, up.bytes), ([3, 0], [4044 + 2 * 20, 0]));
}

#[test]
fn a_datagram_of_which_a_fragment_is_lost_is_lost_with_its_first() {
    // The first fits, the second does not, the third does: the others wait in vain.
    let (mut world, alice) = with_fragments(2_700);
    world.send(alice, to_be_cut(4000));
    world.exhaust();
    let [there, _] = world.network.observer().1.account(CALL).unwrap().directions;
    assert_adds_up(&there);
    let bob = Place::Host(world.network.observer().1.account(CALL).unwrap().peers[1]);
    assert_eq!(there.lost, [((DropReason::FragmentTimeout, bob), 1)].into());
    let link = world.network.host_links(alice).next().unwrap();
    let pipes = world.network.observer().1.pipes(CALL, |_| PipeConfig::IDEAL);
    let up = pipes.iter().find(|account| account.pipe == link.up()).unwrap();
    assert_eq!((up.packets, &up.dropped), ([2, 0], &[(DropReason::QueueFull, 1)].into()));

    // The first is lost, the last one waits in vain: that is not another loss.
    let (mut world, alice) = with_fragments(2_000);
    world.send(alice, sized("198.51.100.1:1", "203.0.113.2:2", 1_000));
    world.send(alice, to_be_cut(2_000));
    world.exhaust();
    let [there, _] = world.network.observer().1.account(CALL).unwrap().directions;
    assert_adds_up(&there);
    assert_eq!(there.lost, [((DropReason::QueueFull, Place::Host(alice)), 1)].into());
    assert_eq!(there.in_flight, 0);
}

#[test]
fn a_copy_on_the_way_was_made() {
    let mut world = World::observed(Accounting::default());
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = world.lan_host("alice", lan, "10.0.0.1");
    let bob = world.lan_host("bob", lan, "10.0.0.2");
    world.lan_host("carol", lan, "10.0.0.3");
    world.network.observer_mut().1.watch(CALL, [alice, bob], STAMPED);
    let datagram = stamped(SimTime::ZERO, 100).into();
    world.send(alice, Packet::udp(ep("10.0.0.1:1"), ep("224.0.0.1:2"), datagram));
    world.settle();
    let [there, _] = world.network.observer().1.account(CALL).unwrap().directions;
    assert_adds_up(&there);
    // To Alice herself, to Bob and to Carol.
    assert_eq!((there.sent.datagrams, there.made), (1, 2));
    assert_eq!((there.delivered.datagrams, there.at_relay), (1, 2));
}
