//! Pipes on the way of a load: what each carried, and which one was full.

use natbed_network::observe::Accounting;
use natbed_network::observe::accounting::{LoadWatch, PipeAccount};
use natbed_network::{Attachment, GatewayConfig, HostId, LinkConfig, PipeConfig, PipeId};
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
    let mut world = World::observed(Accounting::default());
    world.internet(ms(0));
    let lan = world.lan("home", "192.168.1.0/24");
    let config = gateway("home", lan, "192.168.1.1", Attachment::Internet, HOME);
    let link = LinkConfig { up: uplink(), down: PipeConfig::IDEAL };
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
        let config = |pipe| match pipe {
            pipe if pipe == self.uplink => uplink(),
            pipe if pipe == self.bobs => downlink(),
            _ => PipeConfig::with_delay(ms(1)),
        };
        self.world.network.observer().1.pipes(CALL, config)
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
fn one_packet_fills_nothing() {
    let mut scene = scene();
    scene.call(1, ms(1), 1_000);
    scene.world.settle();
    let up = scene.pipe(scene.uplink);
    assert_eq!((up.span, up.capacity, up.utilisation), (ms(0), Some(0), None));
    assert_eq!(scene.bottleneck(), None);
}
