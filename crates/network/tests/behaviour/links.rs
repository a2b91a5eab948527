//! Links: serialisation, delay, drop-tail queues, and outages.

use natbed_network::{
    Attachment, HostId, LinkConfig, LinkId, PipeConfig, PipeConfigError, Place, TopologyError,
};
use natbed_packet::DropReason;
use natbed_units::{SimDuration, SimTime};

use crate::world::{World, at, delays, host, linked, ms, pipe, secs, sized};

/// Alice and Bob on one LAN; her link is the given one, his is ideal.
fn pair(link: LinkConfig) -> (World, HostId, HostId, LinkId) {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = world.add_host(linked(host("alice", Attachment::Lan(lan), "10.0.0.1"), link));
    let bob = world.lan_host("bob", lan, "10.0.0.2");
    let link = world.network.host_links(alice).next().unwrap();
    (world, alice, bob, link)
}

fn up(pipe: PipeConfig) -> LinkConfig {
    LinkConfig { up: pipe, down: PipeConfig::IDEAL }
}

fn to_bob(length: usize) -> natbed_packet::Packet {
    sized("10.0.0.1:1", "10.0.0.2:2", length)
}

fn to_alice(length: usize) -> natbed_packet::Packet {
    sized("10.0.0.2:2", "10.0.0.1:1", length)
}

fn times(world: &mut World) -> Vec<SimTime> {
    world.settle().iter().map(|arrival| arrival.at).collect()
}

const fn ns(nanos: u64) -> SimTime {
    SimTime::from_nanos(nanos)
}

#[test]
fn a_packet_takes_its_serialisation_time_and_the_delay() {
    let (mut world, alice, _, _) = pair(up(pipe("100mbit", ms(10), 100_000)));
    world.send(alice, to_bob(1028));
    assert_eq!(times(&mut world), [ns(82_240 + 10_000_000)]);
}

#[test]
fn a_serialisation_time_that_is_no_whole_nanosecond_is_rounded_up() {
    let (mut world, alice, _, _) = pair(up(pipe("7mbit", SimDuration::ZERO, 100_000)));
    world.send(alice, to_bob(1000));
    assert_eq!(times(&mut world), [ns(1_142_858)], "8000 bits at 7 Mbit/s are 1142857.14 ns");
}

#[test]
fn packets_of_one_instant_leave_one_after_the_other() {
    let (mut world, alice, _, _) = pair(up(pipe("8mbit", ms(1), 100_000)));
    for length in [1000, 500, 1000] {
        world.send(alice, to_bob(length));
    }
    let expected = [ns(2_000_000), ns(2_500_000), ns(3_500_000)];
    assert_eq!(times(&mut world), expected, "1 us for each byte, and 1 ms");
}

#[test]
fn the_line_is_free_again_when_it_has_been_idle() {
    let (mut world, alice, _, _) = pair(up(pipe("8mbit", SimDuration::ZERO, 100_000)));
    world.send(alice, to_bob(1000));
    assert_eq!(times(&mut world), [ns(1_000_000)]);
    world.run_until(at(ms(50)));
    world.send(alice, to_bob(1000));
    assert_eq!(times(&mut world), [ns(51_000_000)]);
}

#[test]
fn what_was_rounded_up_is_not_owed_by_an_idle_line() {
    let (mut world, alice, _, _) = pair(up(pipe("3mbit", SimDuration::ZERO, 100_000)));
    for second in 0..4 {
        world.run_until(at(secs(second)));
        world.send(alice, to_bob(1000));
        let expected = at(secs(second)) + SimDuration::from_nanos(2_666_667);
        assert_eq!(times(&mut world), [expected]);
    }
    // Back to back they are exact: four times 2666666.67 ns.
    let start = world.now;
    for _ in 0..4 {
        world.send(alice, to_bob(1000));
    }
    let last = times(&mut world)[3];
    assert_eq!(last, start + SimDuration::from_nanos(10_666_667));
}

#[test]
fn packets_of_one_instant_arrive_in_the_order_they_were_sent_in() {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    world.lan_host("receiver", lan, "10.0.0.200");
    let delayed = LinkConfig::symmetric(PipeConfig::with_delay(ms(1)));
    let senders: Vec<HostId> = (1..=40)
        .map(|n| {
            let config = host("sender", Attachment::Lan(lan), &format!("10.0.0.{n}"));
            world.add_host(linked(config, delayed.clone()))
        })
        .collect();
    // A stride that is prime to their number; each sender comes three times.
    let order: Vec<usize> = (0..120).map(|n| n * 17 % 40).collect();
    for (port, n) in (1..).zip(&order) {
        world.datagram(senders[*n], port, "10.0.0.200:9");
    }
    let ports: Vec<u16> = world.settle().iter().map(|arrival| arrival.source().port).collect();
    assert_eq!(ports, (1..=120).collect::<Vec<u16>>());
    assert_eq!(world.now, at(ms(1)));
}

#[test]
fn the_slower_of_two_lines_sets_the_pace() {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    let alice = host("alice", Attachment::Lan(lan), "10.0.0.1");
    let fast = LinkConfig::symmetric(pipe("80mbit", ms(1), 100_000));
    let alice = world.add_host(linked(alice, fast));
    let bob = host("bob", Attachment::Lan(lan), "10.0.0.2");
    let slow = LinkConfig::symmetric(pipe("8mbit", ms(2), 100_000));
    world.add_host(linked(bob, slow));
    for _ in 0..3 {
        world.send(alice, to_bob(1000));
    }
    let first = 100_000 + 1_000_000 + 1_000_000 + 2_000_000;
    let expected = [ns(first), ns(first + 1_000_000), ns(first + 2_000_000)];
    assert_eq!(times(&mut world), expected);
}

#[test]
fn the_directions_of_a_link_do_not_disturb_each_other() {
    let link =
        LinkConfig { up: pipe("8mbit", ms(1), 100_000), down: pipe("80mbit", ms(2), 100_000) };
    let (mut world, alice, bob, _) = pair(link);
    world.send(alice, to_bob(1000));
    world.send(bob, to_alice(1000));
    assert_eq!(times(&mut world), [ns(2_000_000), ns(2_100_000)]);
}

#[test]
fn a_full_queue_drops_the_newcomer_until_it_has_drained() {
    let (mut world, alice, _, _) = pair(up(pipe("8mbit", ms(1), 2500)));
    for _ in 0..3 {
        world.send(alice, to_bob(1000));
    }
    assert_eq!(world.losses(), [(DropReason::QueueFull, Place::Host(alice))]);
    world.send(alice, to_bob(500));
    assert_eq!(world.losses(), [], "500 bytes still fit");
    // After half a millisecond 500 bytes have left, so that 500 fit and 501 do not.
    assert_eq!(world.run_until(ns(500_000)).len(), 0);
    world.send(alice, to_bob(501));
    assert_eq!(world.losses(), [(DropReason::QueueFull, Place::Host(alice))]);
    world.send(alice, to_bob(500));
    assert_eq!(world.losses(), []);
    let expected = [ns(2_000_000), ns(3_000_000), ns(3_500_000), ns(4_000_000)];
    assert_eq!(times(&mut world), expected);
}

#[test]
fn a_queue_holds_as_many_whole_packets_as_fit_at_any_rate() {
    for rate in ["7mbit", "3mbit", "999999999bit", "11bit"] {
        let (mut world, alice, _, _) = pair(up(pipe(rate, ms(1), 10_000)));
        for _ in 0..11 {
            world.send(alice, to_bob(1000));
        }
        assert_eq!(world.losses().len(), 1, "ten packets of 1000 bytes fit at {rate}");
        assert_eq!(world.settle().len(), 10);
    }
}

#[test]
fn a_line_without_any_rate_is_refused() {
    let mut world = World::new();
    let lan = world.lan("lan", "10.0.0.0/24");
    let link = up(pipe("0bit", ms(1), 10_000));
    let alice = linked(host("alice", Attachment::Lan(lan), "10.0.0.1"), link);
    let (name, source) = ("alice".to_owned(), PipeConfigError::ZeroRate);
    assert_eq!(world.network.add_host(alice), Err(TopologyError::Pipe { name, source }));
}

#[test]
fn a_link_that_is_down_takes_no_packets_in_either_direction() {
    let (mut world, alice, bob, link) = pair(LinkConfig::IDEAL);
    world.network.set_link_down(link, true);
    world.send(alice, to_bob(100));
    assert_eq!(world.only_loss(), (DropReason::LinkDown, Place::Host(alice)));
    world.send(bob, to_alice(100));
    let (reason, place) = world.only_loss();
    assert_eq!(reason, DropReason::LinkDown);
    assert!(matches!(place, Place::Lan(..)), "as far as the LAN it came");
    world.network.set_link_down(link, false);
    world.send(alice, to_bob(100));
    world.send(bob, to_alice(100));
    assert_eq!(world.settle().len(), 2);
}

#[test]
fn packets_on_their_way_are_lost_if_the_link_is_down_when_they_would_arrive() {
    let (mut world, alice, bob, link) = pair(delays(ms(10), ms(20)));
    world.send(alice, to_bob(100));
    world.send(bob, to_alice(100));
    world.run_until(at(ms(5)));
    world.network.set_link_down(link, true);
    assert_eq!(world.run_until(at(ms(15))).len(), 0);
    let losses = world.losses();
    assert_eq!(losses.len(), 1);
    assert_eq!(losses[0].0, DropReason::LinkDown);
    assert!(matches!(losses[0].1, Place::Lan(..)));
    // It is mended before the other packet would arrive.
    world.network.set_link_down(link, false);
    assert_eq!(times(&mut world), [at(ms(20))]);
    assert_eq!(world.losses(), []);
}

#[test]
fn an_outage_of_one_link_leaves_the_others_alone() {
    let (mut world, alice, bob, _) = pair(LinkConfig::IDEAL);
    let bobs = world.network.host_links(bob).next().unwrap();
    world.network.set_link_down(bobs, true);
    world.send(alice, to_bob(100));
    let (reason, place) = world.only_loss();
    assert_eq!(reason, DropReason::LinkDown);
    assert!(matches!(place, Place::Lan(..)));
}
