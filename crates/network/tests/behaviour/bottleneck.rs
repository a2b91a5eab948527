//! Pipes on the way of a load: what each carried, and which one was full.

use std::collections::BTreeMap;
use std::sync::Arc;

use natbed_network::observe::Accounting;
use natbed_network::observe::accounting::{LoadWatch, PipeAccount, Quantiles};
use natbed_network::{
    Attachment, Codel, GatewayConfig, HostId, LinkConfig, Loss, PipeConfig, PipeId, Place, Queue,
};
use natbed_packet::{DropReason, Packet};
use natbed_units::{Ppm, SimDuration};

use crate::call::{ALICE, BOB, CALL, HOME, stamped};
use crate::world::{World, at, delays, ep, gateway, host, linked, ms, pipe, sized};

/// Alice behind a gateway with an uplink of 8 Mbit/s (1000 bytes in a millisecond), Bob with
/// 80 Mbit/s down; a third host that sends to Bob as well.
struct Scene {
    world: World<Accounting>,
    alice: HostId,
    carol: HostId,
    uplink: PipeId,
    bobs: PipeId,
}

fn uplink() -> PipeConfig {
    pipe("8mbit", ms(4), 10_000)
}

fn downlink() -> PipeConfig {
    pipe("80mbit", ms(2), 50_000)
}

fn scene() -> Scene {
    scene_with(uplink())
}

fn scene_with(up: PipeConfig) -> Scene {
    let mut world = World::observed(Accounting::default());
    world.internet(ms(0));
    let lan = world.lan("home", "192.168.1.0/24");
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, HOME);
    let link = LinkConfig { up, down: PipeConfig::IDEAL };
    let home = world.add_gateway(GatewayConfig { uplink: link, ..config });
    let alice = host("alice", Attachment::Lan(lan), ALICE);
    let alice = world.add_host(linked(alice, delays(ms(1), ms(1))));
    let link = LinkConfig { up: PipeConfig::IDEAL, down: downlink() };
    let bob = world.add_host(linked(host("bob", Attachment::Internet, BOB), link));
    let carol = world.public_host("carol", "203.0.113.3");
    world.network.observer_mut().1.watch(CALL, [alice, bob], LoadWatch::default());
    let uplink = world.network.uplink(home).up();
    let bobs = world.network.host_links(bob).next().unwrap().down();
    Scene { world, alice, carol, uplink, bobs }
}

impl Scene {
    /// Sends payload of so many bytes on the wire every so often.
    fn call(&mut self, count: u64, every: SimDuration, wire: usize) {
        for n in 0..count {
            self.world.run_until(at(every * n));
            let payload = stamped(self.world.now, wire - 28 - 16).into();
            let to = ep("203.0.113.2:6000");
            self.world.send(self.alice, Packet::udp(ep("192.168.1.2:5000"), to, payload));
        }
    }

    fn pipes(&self) -> Vec<PipeAccount> {
        let network = &self.world.network;
        network.observer().1.pipes(CALL, |pipe| network.pipe_config(pipe))
    }

    fn pipe(&self, pipe: PipeId) -> PipeAccount {
        self.pipes().into_iter().find(|account| account.pipe == pipe).unwrap()
    }

    fn bottleneck(&self) -> Option<PipeId> {
        PipeAccount::bottleneck(&self.pipes()).map(|account| account.pipe)
    }
}

#[test]
fn the_narrow_pipe_is_the_bottleneck() {
    let mut scene = scene();
    scene.call(51, ms(2), 1_000);
    scene.world.settle();
    let (up, down) = (scene.pipe(scene.uplink), scene.pipe(scene.bobs));
    assert_eq!((up.packets, up.bytes), ([51, 0], [51_000, 0]));
    // Half the time: 50 packets in the 100 ms after the first one.
    assert_eq!((up.span, up.line_bytes, up.capacity), (ms(100), 50_000, Some(100_000)));
    assert_eq!((up.utilisation, up.busy), (Ppm::new(500_000), ms(50)));
    assert_eq!((down.utilisation, down.busy), (Ppm::new(50_000), ms(5)));
    assert_eq!(scene.bottleneck(), Some(scene.uplink));
    let link_of_alice = scene.world.network.host_links(scene.alice).next().unwrap();
    let free = scene.pipe(link_of_alice.up());
    assert_eq!((free.capacity, free.utilisation, free.busy), (None, None, ms(0)));
    assert_eq!(free.packets, [51, 0]);
}

#[test]
fn a_full_pipe_is_busy_all_the_time_and_drops() {
    let mut scene = scene();
    scene.call(100, SimDuration::from_micros(500), 1_000);
    scene.world.settle();
    let up = scene.pipe(scene.uplink);
    assert_eq!((up.utilisation, up.busy), (Some(Ppm::ONE), up.span));
    let dropped = up.dropped[&DropReason::QueueFull];
    assert_eq!((up.dropped.len(), up.packets[0] + dropped), (1, 100));
    let [there, _] = scene.world.network.observer().1.account(CALL).unwrap().directions;
    assert_eq!((there.lost(), there.delivered.datagrams), (dropped, up.packets[0]));
    assert_eq!(scene.bottleneck(), Some(scene.uplink));
}

#[test]
fn a_pipe_can_be_full_of_what_others_send() {
    let mut scene = scene();
    let crowd = |scene: &mut Scene| {
        for _ in 0..18 {
            scene.world.send(scene.carol, sized("203.0.113.3:1", "203.0.113.2:1", 1_000));
        }
    };
    // The others go on while the last payload is on its way to them.
    for n in 0..25 {
        scene.world.run_until(at(ms(2) * n));
        crowd(&mut scene);
        if n > 20 {
            continue;
        }
        let payload = stamped(scene.world.now, 956).into();
        let to = ep("203.0.113.2:6000");
        scene.world.send(scene.alice, Packet::udp(ep("192.168.1.2:5000"), to, payload));
    }
    scene.world.settle();
    let (up, down) = (scene.pipe(scene.uplink), scene.pipe(scene.bobs));
    assert_eq!(up.utilisation, Ppm::new(500_000));
    // 18,000 bytes and the load's 1000 in 2 ms, which could be 20,000.
    assert_eq!((down.line_bytes, down.utilisation), (380_000, Ppm::new(950_000)));
    assert_eq!(down.packets, [21, 0], "those of the load");
    assert_eq!(scene.bottleneck(), Some(scene.bobs));
}

#[test]
fn without_a_rate_there_is_no_bottleneck() {
    let mut scene = scene();
    scene.call(10, ms(1), 1_000);
    scene.world.settle();
    let pipes = scene.world.network.observer().1.pipes(CALL, |_| PipeConfig::IDEAL);
    assert_eq!(pipes.len(), 4);
    assert_eq!(PipeAccount::bottleneck(&pipes), None);
    assert_eq!(PipeAccount::bottleneck(&[]), None);
}

#[test]
fn packets_wait_for_those_before_them() {
    let mut scene = scene();
    scene.call(4, ms(0), 1_000);
    scene.world.settle();
    let up = scene.pipe(scene.uplink);
    // 0, 1, 2 and 3 ms.
    let micros = SimDuration::from_micros;
    assert_eq!((up.queued.count, up.queued.mean, up.queued.max), (4, micros(1_500), ms(3)));
    assert!(up.queued.p50 >= ms(1) && up.queued.p50 < micros(1_008), "{:?}", up.queued);
    assert_eq!((up.span, up.line_bytes, up.utilisation), (ms(3), 3_000, Some(Ppm::ONE)));
    let free = scene.world.network.host_links(scene.alice).next().unwrap().up();
    assert_eq!(scene.pipe(free).queued.count, 0, "it has no line");
}

#[test]
fn what_waited_longer_is_the_bottleneck_among_equals() {
    let account = |pipe: PipeId, p95| PipeAccount {
        queued: Quantiles { p95, ..Quantiles::default() },
        utilisation: Some(Ppm::ONE),
        ..scene_account(pipe)
    };
    let scene = scene();
    let (a, b) = (scene.uplink, scene.bobs);
    assert!(a < b);
    let pick = |pipes: &[PipeAccount]| PipeAccount::bottleneck(pipes).unwrap().pipe;
    assert_eq!(pick(&[account(a, ms(1)), account(b, ms(2))]), b);
    assert_eq!(pick(&[account(a, ms(2)), account(b, ms(1))]), a);
    assert_eq!(pick(&[account(a, ms(1)), account(b, ms(1))]), a);
    assert_eq!(pick(&[account(b, ms(1)), account(a, ms(1))]), a);
}

fn scene_account(pipe: PipeId) -> PipeAccount {
    PipeAccount {
        pipe,
        packets: [0; 2],
        bytes: [0; 2],
        dropped: BTreeMap::new(),
        queued: Quantiles::default(),
        span: ms(0),
        line_bytes: 0,
        capacity: None,
        utilisation: None,
        busy: ms(0),
    }
}

#[test]
fn what_the_wire_loses_has_used_the_line() {
    let lossy = PipeConfig { loss: Loss::List(Arc::new([2, 3])), ..uplink() };
    let mut scene = scene_with(lossy);
    scene.call(4, ms(1), 1_000);
    scene.world.settle();
    let up = scene.pipe(scene.uplink);
    assert_eq!((up.packets[0], up.utilisation), (4, Some(Ppm::ONE)));
    assert_eq!(up.dropped, [(DropReason::LostOnTheWire, 2)].into());
    assert_eq!(scene.pipe(scene.bobs).packets[0], 2);
    let [there, _] = scene.world.network.observer().1.account(CALL).unwrap().directions;
    assert_eq!((there.lost(), there.delivered.datagrams), (2, 2));
}

#[test]
fn a_managed_queue_drops_what_it_took() {
    let codel = Codel { target: ms(2), interval: ms(20), ..Codel::DEFAULT };
    let mut scene = scene_with(PipeConfig { queue: Queue::Codel(codel), ..uplink() });
    scene.call(400, SimDuration::from_micros(500), 1_000);
    scene.world.settle();
    let up = scene.pipe(scene.uplink);
    let dropped = up.dropped[&DropReason::QueueManaged];
    assert_eq!((up.packets[0], up.queued.count), (400, 400 - dropped));
    assert_eq!((up.dropped.len(), up.utilisation), (1, Some(Ppm::ONE)));
    let [there, _] = scene.world.network.observer().1.account(CALL).unwrap().directions;
    assert_eq!((there.lost(), there.delivered.datagrams), (dropped, 400 - dropped));
    assert!(dropped > 10);
}

#[test]
fn copies_of_the_wire_were_made_and_come_out() {
    let mut scene = scene_with(PipeConfig { duplicate: Ppm::ONE, ..uplink() });
    scene.call(3, ms(2), 1_000);
    scene.world.settle();
    let [there, _] = scene.world.network.observer().1.account(CALL).unwrap().directions;
    assert_eq!((there.sent.datagrams, there.made), (3, 3));
    assert_eq!((there.delivered.datagrams, there.in_flight, there.lost()), (6, 0, 0));
    assert_eq!((scene.pipe(scene.uplink).packets[0], scene.pipe(scene.bobs).packets[0]), (3, 6));
}

#[test]
fn what_arrives_with_wrong_bits_is_lost_at_the_host() {
    let mut scene = scene_with(PipeConfig { corrupt: Ppm::ONE, ..uplink() });
    scene.call(3, ms(2), 1_000);
    scene.world.settle();
    let account = scene.world.network.observer().1.account(CALL).unwrap();
    let [there, _] = account.directions;
    let bob = Place::Host(account.peers[1]);
    assert_eq!(there.lost, [((DropReason::ChecksumFailed, bob), 3)].into());
    assert_eq!(there.delivered.datagrams, 0);
}

#[test]
fn one_packet_fills_nothing() {
    let mut scene = scene();
    scene.call(1, ms(1), 1_000);
    scene.world.settle();
    let up = scene.pipe(scene.uplink);
    assert_eq!((up.span, up.capacity, up.utilisation), (ms(0), Some(0), None));
    assert_eq!(scene.bottleneck(), None);
}
