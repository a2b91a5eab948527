//! What loads and the expectations of loads mean.

use std::net::SocketAddr;

use natbed_scenario::{
    Amount, Bounds, CongestionControl, DatagramsLoad, Load, LoadExpect, NamedLoad, QuicLoad, Reach,
    SctpLoad, Sender, Session, Stack, TcpLoad, Transfer,
};
use natbed_units::{ByteCount, Ppm, Rate, SimDuration};

use crate::marked::{session, valid};

fn sessions(text: &str) -> Vec<Session> {
    valid(text).case(0).scenario.sessions
}

/// The only load of a session between `a` and `b` with these keys.
fn load(keys: &str) -> NamedLoad {
    let text = session(&format!("{{ between: [a, b], {keys} }}"));
    let mut loads = sessions(&text).remove(0).loads;
    assert_eq!(loads.len(), 1);
    loads.remove(0)
}

const fn bytes(from: Sender, bytes: u64) -> Transfer {
    Transfer { from, amount: Amount::Bytes(ByteCount::new(bytes)), sample: None }
}

const fn secs(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

const WINDOW: ByteCount = ByteCount::new(4_000_000);

#[test]
fn an_echo_is_what_a_session_has_without_a_load() {
    let echo =
        Load::Echo { count: 5, interval: SimDuration::from_millis(20), size: ByteCount::new(160) };
    let default = load("hold: 1s");
    assert_eq!((default.name, default.load, default.after), (None, echo, SimDuration::ZERO));
    let other = load("load: { echo: { count: 7, interval: 5ms, size: 1200B, after: 2s } }");
    let echo =
        Load::Echo { count: 7, interval: SimDuration::from_millis(5), size: ByteCount::new(1_200) };
    assert_eq!((other.load, other.after), (echo, secs(2)));
}

#[test]
fn a_quic_load_sends_so_much_or_so_long() {
    let plain = QuicLoad {
        transfer: bytes(Sender::First, 20_000_000),
        streams: 1,
        congestion: CongestionControl::Cubic,
        window: WINDOW,
    };
    assert_eq!(load("load: { quic: { size: 20MB } }").load, Load::Quic(plain));
    assert_eq!(load("load: { file: { size: 20MB } }").load, Load::Quic(plain));
    let all = load(
        "load: { quic: { for: 10s, from: both, streams: 4, congestion: bbr, window: 1MB, \
         sample: 100ms, after: 3s } }",
    );
    let transfer = Transfer {
        from: Sender::Both,
        amount: Amount::For(secs(10)),
        sample: Some(SimDuration::from_millis(100)),
    };
    let quic = QuicLoad {
        transfer,
        streams: 4,
        congestion: CongestionControl::Bbr,
        window: ByteCount::new(1_000_000),
    };
    assert_eq!((all.load, all.after), (Load::Quic(quic), secs(3)));
    let reno = load("load: { quic: { size: 1B, congestion: new-reno } }").load;
    let Load::Quic(reno) = reno else { panic!("{reno:?}") };
    assert_eq!(reno.congestion, CongestionControl::NewReno);
}

#[test]
fn who_sends_can_be_named() {
    let from = |from: &str| match load(&format!("load: {{ quic: {{ size: 1MB{from} }} }}")).load {
        Load::Quic(quic) => quic.transfer.from,
        other => panic!("{other:?}"),
    };
    let senders = ["", ", from: first", ", from: second", ", from: both", ", from: a", ", from: b"];
    use Sender::{Both, First, Second};
    assert_eq!(senders.map(from), [First, First, Second, Both, First, Second]);
}

#[test]
fn an_sctp_load_may_be_unordered() {
    let transfer = bytes(Sender::First, 5_000_000);
    let plain = SctpLoad { transfer, streams: 1, ordered: true, window: WINDOW };
    assert_eq!(load("load: { sctp: { size: 5MB } }").load, Load::Sctp(plain));
    assert_eq!(load("load: { file: { size: 5MB, over: sctp } }").load, Load::Sctp(plain));
    let other = load("load: { sctp: { size: 5MB, ordered: false, streams: 256, window: 8KB } }");
    let window = ByteCount::new(8_000);
    let unordered = SctpLoad { transfer, streams: 256, ordered: false, window };
    assert_eq!(other.load, Load::Sctp(unordered));
}

#[test]
fn datagrams_have_a_rate_and_a_size() {
    let call = load("load: { datagrams: { rate: 2mbit, for: 30s } }").load;
    let plain = DatagramsLoad {
        from: Sender::Both,
        rate: Rate::from_bits_per_second(2_000_000),
        size: ByteCount::new(1_200),
        duration: secs(30),
        freeze_after: SimDuration::from_millis(200),
        sample: None,
    };
    assert_eq!(call, Load::Datagrams(plain));
    let call = load(
        "load: { datagrams: { rate: 64kbit, size: 160B, for: 5s, from: b, freeze_after: 1s, \
         sample: 1s } }",
    );
    let other = DatagramsLoad {
        from: Sender::Second,
        rate: Rate::from_bits_per_second(64_000),
        size: ByteCount::new(160),
        duration: secs(5),
        freeze_after: secs(1),
        sample: Some(secs(1)),
    };
    assert_eq!(call.load, Load::Datagrams(other));
}

#[test]
fn media_have_presets_whose_figures_can_be_replaced() {
    let call = |keys: &str| {
        let load = load(&format!("load: {{ datagrams: {{ {keys}, for: 1s }} }}")).load;
        let Load::Datagrams(call) = load else { panic!("{load:?}") };
        (call.rate.bits_per_second(), call.size.bytes())
    };
    assert_eq!(call("preset: audio"), (64_000, 160));
    assert_eq!(call("preset: video-720p"), (2_500_000, 1_200));
    assert_eq!(call("preset: video-1080p"), (4_000_000, 1_200));
    assert_eq!(call("preset: video-1080p, rate: 8mbit"), (8_000_000, 1_200));
    assert_eq!(call("preset: audio, size: 80B"), (64_000, 80));
}

#[test]
fn without_a_stack_the_second_host_listens() {
    let plain = |keys: &str| {
        let text = session(&format!("{{ between: [a, b], stack: none, {keys} }}"));
        sessions(&text).remove(0)
    };
    let tcp = |congestion, window| {
        Load::Tcp(TcpLoad { transfer: bytes(Sender::First, 1_000_000), congestion, window })
    };
    let session = plain("load: { tcp: { size: 1MB } }");
    assert_eq!(session.stack, Stack::None);
    assert_eq!(session.loads[0].load, tcp(CongestionControl::Cubic, WINDOW));
    let reach = |port, to: &str| Some(Reach { port, to: to.parse::<SocketAddr>().unwrap() });
    assert_eq!(session.reach, reach(5_001, "198.51.100.2:5001"));

    let session = plain(
        "port: 80, to: 203.0.113.1, load: { tcp: { size: 1MB, congestion: none, window: 64KB } }",
    );
    let window = ByteCount::new(64_000);
    assert_eq!(session.loads[0].load, tcp(CongestionControl::None, window));
    assert_eq!(session.reach, reach(80, "203.0.113.1:80"));
    let session =
        plain("port: 80, to: \"203.0.113.1:8080\", load: { file: { size: 1MB, over: tcp } }");
    assert_eq!(session.loads[0].load, tcp(CongestionControl::Cubic, WINDOW));
    assert_eq!(session.reach, reach(80, "203.0.113.1:8080"));
    assert_eq!(plain("load: { quic: { size: 1MB } }").loads[0].load.kind(), "quic");
}

#[test]
fn without_a_stack_the_hosts_take_the_ip_version_that_both_have() {
    let text = "natbed: 1\nname: test\nhosts:\n  \
                a: { internet: 198.51.100.1, ipv6_address: \"2001:db8::1\" }\n  \
                b: { internet: \"2001:db8::2\" }\n\
                sessions:\n  one: { between: [a, b], stack: none }\n  \
                two: { between: [a, b], stack: none, to: \"[2001:db8::2]:7\" }\n  \
                three: { between: [b, a], stack: none, to: \"2001:db8::3\" }\n";
    let reach: Vec<_> =
        sessions(text).iter().map(|session| session.reach.unwrap().to.to_string()).collect();
    assert_eq!(reach, ["[2001:db8::2]:5001", "[2001:db8::2]:7", "[2001:db8::3]:5001"]);
}

#[test]
fn several_loads_run_at_once() {
    let session = &sessions(&session(
        "\n    between: [a, b]\n    loads:\n      voice: { datagrams: { rate: 64kbit, for: 20s } }\n      \
         file: { file: { size: 5MB, after: 5s } }\n      ping: { echo: {} }\n    expect:\n      \
         path: direct\n      loads:\n        voice: { loss: { at_most: 1% }, freezes: { at_most: 0 } }\n        \
         file: { complete_within: 10s }",
    ))[0];
    let names: Vec<_> = session.loads.iter().map(|load| load.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["voice", "file", "ping"]);
    let kinds: Vec<_> = session.loads.iter().map(|load| load.load.kind()).collect();
    assert_eq!(kinds, ["datagrams", "quic", "echo"]);
    assert_eq!(session.loads[1].after, secs(5));
    let voice = LoadExpect {
        loss: Some(at_most(Ppm::new(10_000).unwrap())),
        freezes: Some(at_most(0)),
        ..LoadExpect::default()
    };
    assert_eq!(session.loads[0].expect, voice);
    let file = LoadExpect { complete_within: Some(secs(10)), ..LoadExpect::default() };
    assert_eq!(session.loads[1].expect, file);
    assert!(session.loads[2].expect.is_empty());
}

#[test]
fn a_load_is_held_against_what_it_tells() {
    let transfer = load(
        "load: { quic: { size: 20MB } }, expect: { goodput: { at_least: 18mbit, at_most: 21mbit }, \
         complete_within: 10s, retransmitted: { at_most: 1% }, delay_p50: { at_most: 50ms }, \
         delay_p95: { at_least: 1ms }, delay_p99: { at_most: 200ms } }",
    );
    let mbit = |mbit: u64| Rate::from_bits_per_second(mbit * 1_000_000);
    let expected = LoadExpect {
        goodput: Some(Bounds { at_least: Some(mbit(18)), at_most: Some(mbit(21)) }),
        complete_within: Some(secs(10)),
        retransmitted: Some(at_most(Ppm::new(10_000).unwrap())),
        delay_p50: Some(at_most(SimDuration::from_millis(50))),
        delay_p95: Some(Bounds { at_least: Some(SimDuration::from_millis(1)), at_most: None }),
        delay_p99: Some(at_most(SimDuration::from_millis(200))),
        ..LoadExpect::default()
    };
    assert_eq!(transfer.expect, expected);

    let call = load(
        "load: { datagrams: { rate: 1mbit, for: 1s } }, expect: { jitter: { at_most: 20ms }, \
         freezes: { at_least: 1, at_most: 3 }, loss: { at_least: 0.1% } }",
    );
    let expected = LoadExpect {
        jitter: Some(at_most(SimDuration::from_millis(20))),
        freezes: Some(Bounds { at_least: Some(1), at_most: Some(3) }),
        loss: Some(Bounds { at_least: Ppm::new(1_000), at_most: None }),
        ..LoadExpect::default()
    };
    assert_eq!(call.expect, expected);
}

const fn at_most<T: Copy>(limit: T) -> Bounds<T> {
    Bounds { at_least: None, at_most: Some(limit) }
}
