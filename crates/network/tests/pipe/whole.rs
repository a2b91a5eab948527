//! Whole paths: exact times, and what holds for pipes of every kind.

use std::sync::Arc;

use natbed_network::observe::{Counters, TraceHash};
use natbed_network::{
    Attachment, Codel, Distribution, Fate, FqCodel, GatewayConfig, GilbertElliott, HostConfig,
    HostId, InterfaceConfig, InternetConfig, Jitter, Limits, Line, LinkConfig, Loss, Network,
    PipeConfig, Queue, QueueLimit, RateSchedule, Red, Shaper,
};
use natbed_packet::{Ecn, Endpoint, Packet};
use natbed_units::trace::Trace;
use natbed_units::{ByteCount, Ppm, Rate, Seed, SimDuration, SimTime};
use proptest::prelude::*;

use crate::lab::{at, bytes, ip, ms, rate};

type Seen = (Counters, TraceHash);

/// Two routed homes on the Internet with a host each, and the links between: host, LAN, gateway,
/// core, and the same back.
fn homes(seed: u64, links: [LinkConfig; 4], limits: Limits) -> (Network<Seen>, [HostId; 2]) {
    let mut network = Network::new(Seed::new(seed), limits, Seen::default());
    network.set_internet(InternetConfig { delay: ms(20) });
    let [mine, up, other_up, other] = links;
    let hosts = [(1, mine, up), (2, other, other_up)].map(|(n, link, uplink)| {
        let lan = network.add_lan(natbed_network::LanConfig {
            name: format!("home-{n}"),
            subnet: format!("10.0.{n}.0/24").parse().unwrap(),
            second_subnet: None,
            isolate: false,
        });
        network
            .add_gateway(GatewayConfig {
                name: format!("home-{n}"),
                lan,
                inside: ip(&format!("10.0.{n}.254")),
                upstream: Attachment::Internet,
                outside: ip(&format!("198.51.100.{n}")),
                pool: Vec::new(),
                uplink,
                translator: None,
                firewall: None,
                icmp_errors: true,
                beside: None,
            })
            .unwrap();
        let (address, attachment) = (ip(&format!("10.0.{n}.1")), Attachment::Lan(lan));
        let interfaces = vec![InterfaceConfig { address, attachment, link }];
        let config = HostConfig { name: format!("host-{n}"), interfaces, firewall: None };
        network.add_host(config).unwrap()
    });
    (network, hosts)
}

fn datagram(port: u16, length: usize, ecn: Ecn) -> Packet {
    let [from, to] = [("10.0.1.1", port), ("10.0.2.1", 9)]
        .map(|(address, port)| Endpoint::new(ip(address), port));
    Packet { ecn, ..Packet::udp(from, to, vec![0; length - 28].into()) }
}

/// A packet on an empty path takes the sum of all delays and of the time it needs on each line.
#[test]
fn an_empty_path_takes_propagation_and_serialisation_and_nothing_else() {
    let keep = Loss::Pattern(Arc::new([Fate::Keep]));
    let shaper = |text| Shaper { rate: rate(text), burst: bytes(5_000), peak: Some(rate(text)) };
    let schedule = RateSchedule { steps: vec![(SimDuration::ZERO, rate("10mbit"))], repeat: None };
    let drop_tail = Queue::drop_tail(bytes(9_000));
    let codel = Queue::Codel(Codel::DEFAULT);
    for (loss, queue) in [(Loss::None, drop_tail), (keep, drop_tail), (Loss::None, codel)] {
        let pipe = |text, millis| PipeConfig {
            loss: loss.clone(),
            queue,
            ..PipeConfig::with_rate(rate(text), ms(millis), bytes(9_000))
        };
        let link = |text, millis| LinkConfig::symmetric(pipe(text, millis));
        let mut links = [link("100mbit", 1), link("3mbit", 7), link("16mbit", 9), link("1gbit", 2)];
        for third in [
            None,
            Some(Line::Shaper(shaper("16mbit"))),
            Some(Line::Schedule(Arc::new(schedule.clone()))),
        ] {
            let mut third_rate = 16_000_000;
            if let Some(line) = third {
                if matches!(line, Line::Schedule(_)) {
                    third_rate = 10_000_000;
                }
                links[2].down.line = line;
            }
            for length in [28, 100, 777, 1_500] {
                let (mut network, [alice, _]) = homes(1, links.clone(), Limits::default());
                network.send(SimTime::ZERO, alice, datagram(1, length, Ecn::NotEct));
                let bits = length as u64 * 8;
                // Each line is done at a whole nanosecond, which the next one counts from.
                let sending: u64 = [100_000_000, 3_000_000, third_rate, 1_000_000_000]
                    .map(|rate: u64| (bits * 1_000_000_000).div_ceil(rate))
                    .iter()
                    .sum();
                let expected = at(ms(1 + 7 + 20 + 9 + 2)) + SimDuration::from_nanos(sending);
                let mut last = SimTime::ZERO;
                while let Some(due) = network.poll_timeout() {
                    last = due;
                    network.handle_timeout(due);
                }
                assert!(network.poll_delivery().is_some());
                assert_eq!(last, expected, "{length} bytes");
            }
        }
    }
}

fn ppm() -> impl Strategy<Value = Ppm> {
    prop_oneof![2 => Just(Ppm::ZERO), 1 => (0_u32..300_000).prop_map(|n| Ppm::new(n).unwrap())]
}

fn positive() -> impl Strategy<Value = Ppm> {
    (1_u32..=1_000_000).prop_map(|n| Ppm::new(n).unwrap())
}

fn rates() -> impl Strategy<Value = Rate> {
    (50_000_u64..50_000_000).prop_map(Rate::from_bits_per_second)
}

fn span() -> impl Strategy<Value = SimDuration> {
    (0_u64..20_000_000).prop_map(SimDuration::from_nanos)
}

fn line() -> impl Strategy<Value = Line> {
    let shaper = (rates(), 1_500_u64..9_000, any::<bool>()).prop_map(|(rate, burst, peak)| {
        let peak = peak.then(|| Rate::from_bits_per_second(rate.bits_per_second() * 3));
        Line::Shaper(Shaper { rate, burst: ByteCount::new(burst), peak })
    });
    let trace = prop::collection::vec(0_u32..40, 0..9).prop_map(|mut times| {
        times.sort_unstable();
        times.push(41);
        let text: Vec<_> = times.iter().map(ToString::to_string).collect();
        Line::Trace(Arc::new(Trace::parse(&text.join("\n")).unwrap()))
    });
    let schedule = (rates(), 1_u64..9_000_000, any::<bool>()).prop_map(|(rate, step, repeats)| {
        let step = SimDuration::from_nanos(step);
        let zero = Rate::from_bits_per_second(0);
        let steps = vec![(SimDuration::ZERO, zero), (step, rate)];
        Line::Schedule(Arc::new(RateSchedule { steps, repeat: repeats.then(|| step * 3) }))
    });
    prop_oneof![2 => Just(Line::Unlimited), 2 => rates().prop_map(Line::Rate), 1 => shaper, 1 => trace, 1 => schedule]
}

fn queue() -> impl Strategy<Value = Queue> {
    let limit = (1_500_u64..20_000, prop::option::of(1_u32..20))
        .prop_map(|(count, packets)| QueueLimit { bytes: Some(bytes(count)), packets });
    let codel = (limit.clone(), 1_u64..10, any::<bool>()).prop_map(|(limit, millis, ecn)| {
        let (target, interval) = (ms(millis), ms(millis * 4));
        Codel { target, interval, ecn, limit }
    });
    let fq = (codel.clone(), 1_u32..9, 64_u64..3_000).prop_map(|(codel, flows, quantum)| {
        Queue::FqCodel(FqCodel { codel, flows, quantum: bytes(quantum) })
    });
    let red = (limit.clone(), 0_u64..9_000, 1_u64..9_000, positive(), 1_u8..=24, any::<bool>())
        .prop_map(|(limit, min, more, max_share, weight, ecn)| {
            let (min, max) = (bytes(min), bytes(min + more));
            Queue::Red(Red { min, max, max_share, weight, ecn, limit })
        });
    let plain = limit.prop_map(Queue::DropTail);
    prop_oneof![plain, codel.prop_map(Queue::Codel), fq, red]
}

fn loss() -> impl Strategy<Value = Loss> {
    let wire = (positive(), positive(), ppm(), ppm()).prop_map(|(p, r, good, bad)| {
        let (loss_good, loss_bad) = (good, bad);
        Loss::GilbertElliott(GilbertElliott { good_to_bad: p, bad_to_good: r, loss_good, loss_bad })
    });
    let pattern = prop::collection::vec(any::<bool>(), 1..9).prop_map(|keep| {
        let fate = |keep| if keep { Fate::Keep } else { Fate::Drop };
        Loss::Pattern(keep.into_iter().map(fate).collect())
    });
    let list = prop::collection::btree_set(1_u64..60, 0..9)
        .prop_map(|numbers| Loss::List(numbers.into_iter().collect()));
    prop_oneof![4 => Just(Loss::None), 1 => ppm().prop_map(Loss::Independent), 1 => wire, 1 => pattern, 1 => list]
}

fn jitter() -> impl Strategy<Value = Option<Jitter>> {
    let distribution = prop_oneof![
        Just(Distribution::Uniform),
        Just(Distribution::Normal),
        Just(Distribution::Pareto)
    ];
    let jitter = (span(), distribution, ppm(), any::<bool>()).prop_map(
        |(spread, distribution, correlation, reorder)| Jitter {
            spread,
            distribution,
            correlation,
            reorder,
        },
    );
    prop::option::of(jitter)
}

fn pipe() -> impl Strategy<Value = PipeConfig> {
    (line(), span(), queue(), loss(), jitter(), ppm(), ppm()).prop_map(
        |(line, delay, queue, loss, jitter, duplicate, corrupt)| PipeConfig {
            line,
            delay,
            queue,
            mtu: None,
            loss,
            jitter,
            duplicate,
            corrupt,
        },
    )
}

fn link() -> impl Strategy<Value = LinkConfig> {
    (pipe(), pipe()).prop_map(|(up, down)| LinkConfig { up, down })
}

#[derive(Clone, Debug)]
enum Act {
    Send { gap: SimDuration, port: u16, length: usize, ecn: u8, cut: bool },
    Change(u8, bool, Box<PipeConfig>),
    Down(u8, bool),
}

fn act() -> impl Strategy<Value = Act> {
    let gap = prop_oneof![2 => Just(SimDuration::ZERO), 3 => span()];
    let send = (gap, 0_u16..4, 28_usize..1_500, 0_u8..4, any::<bool>())
        .prop_map(|(gap, port, length, ecn, cut)| Act::Send { gap, port, length, ecn, cut });
    let change = (0_u8..4, any::<bool>(), pipe(), prop::option::weighted(0.2, 200_u64..1_400))
        .prop_map(|(link, up, pipe, mtu)| {
            let mtu = mtu.map(bytes);
            Act::Change(link, up, Box::new(PipeConfig { mtu, ..pipe }))
        });
    prop_oneof![12 => send, 1 => change, 1 => (0_u8..4, any::<bool>()).prop_map(|(n, is)| Act::Down(n, is))]
}

/// Plays the acts and lets all come to an end.
fn play(seed: u64, links: &[LinkConfig; 4], limits: Limits, acts: &[Act]) -> Network<Seen> {
    let (mut network, [alice, bob]) = homes(seed, links.clone(), limits);
    let count = network.link_count();
    let ids = [alice, bob].map(|host| network.host_links(host).next().unwrap());
    let check = |network: &Network<Seen>| {
        let counters = &network.observer().0;
        let dropped: u64 = counters.dropped().values().sum();
        assert_eq!(
            counters.sent() + counters.made(),
            counters.delivered() + dropped + counters.joined() + network.packets_in_flight() as u64
        );
    };
    let mut now = SimTime::ZERO;
    let settle = |network: &mut Network<Seen>, until: SimTime| {
        while let Some(due) = network.poll_timeout().filter(|due| *due <= until) {
            network.handle_timeout(due);
            while network.poll_delivery().is_some() {}
            check(network);
        }
    };
    for act in acts {
        match act {
            Act::Send { gap, port, length, ecn, cut } => {
                now += *gap;
                settle(&mut network, now);
                let packet = datagram(*port, *length, Ecn::from_bits(*ecn));
                network.send(now, alice, Packet { dont_fragment: !cut, ..packet });
            }
            Act::Change(link, is_up, pipe) => {
                let link = ids[usize::from(*link) % 2];
                let id = if *is_up { link.up() } else { link.down() };
                network.set_pipe(now, id, (**pipe).clone()).unwrap();
            }
            Act::Down(link, is_down) => {
                network.set_link_down(ids[usize::from(*link) % 2], *is_down);
            }
        }
        while network.poll_delivery().is_some() {}
        check(&network);
    }
    settle(&mut network, SimTime::MAX);
    assert_eq!(network.link_count(), count);
    assert_eq!(network.packets_in_flight(), 0, "what is sent comes to an end");
    network
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// At every moment: sent + made = delivered + dropped + joined + in flight. And what happens is
    /// a matter of the seed alone.
    #[test]
    fn pipes_of_every_kind_account_for_every_packet(
        seed in any::<u64>(),
        links in [link(), link(), link(), link()],
        acts in prop::collection::vec(act(), 1..120),
        few in any::<bool>(),
    ) {
        let packets_in_flight = if few { 10 } else { 1_000 };
        let limits = Limits { packets_in_flight };
        let first = play(seed, &links, limits, &acts);
        let again = play(seed, &links, limits, &acts);
        prop_assert_eq!(&first.observer().0, &again.observer().0);
        prop_assert_eq!(&first.observer().1, &again.observer().1);
        prop_assert_eq!(first.events(), again.events());
    }
}
