//! What the keys of links mean.

use std::fs;
use std::sync::Arc;

use natbed_scenario::{
    Codel, Distribution, EventAction, Fate, FqCodel, GilbertElliott, HostIndex, Jitter, LanIndex,
    Line, Link, LinkTarget, Loss, Pipe, Queue, QueueLimit, RateSchedule, Red, Scenario, Shaper,
    load, load_beside,
};
use natbed_units::trace::Trace;
use natbed_units::{ByteCount, Ppm, Rate, SimDuration};

use crate::marked::{hosts, scenario, source, valid};

/// The world with a host whose link has these keys.
fn text(keys: &str) -> String {
    hosts(&format!("  c: {{ internet: 198.51.100.3, uplink: {{ {keys} }} }}"))
}

fn link_of(scenario: &Scenario, host: &str) -> Link {
    let host = scenario.hosts.iter().find(|known| known.name == host).expect("a host of this name");
    host.interface().link.clone()
}

fn link(keys: &str) -> Link {
    link_of(&valid(&text(keys)).case(0).scenario, "c")
}

const fn mbit(mbit: u64) -> Rate {
    Rate::from_bits_per_second(mbit * 1_000_000)
}

const fn ms(millis: u64) -> SimDuration {
    SimDuration::from_millis(millis)
}

const fn bytes(bytes: u64) -> ByteCount {
    ByteCount::new(bytes)
}

fn percent(percent: u32) -> Ppm {
    Ppm::new(percent * 10_000).expect("at most 100 %")
}

#[test]
fn a_direction_is_a_rate_or_has_keys_of_its_own() {
    let plain = link("up: 5mbit, delay: 3ms");
    let up = Pipe { line: Line::Rate(mbit(5)), delay: ms(3), ..Pipe::default() };
    assert_eq!(plain, Link { up: up.clone(), down: Pipe { line: Line::Unlimited, ..up } });
    let own = link(
        "delay: 3ms, mtu: 1400B, duplicate: 0.1%, \
         up: { rate: 5mbit, delay: 9ms, corrupt: 0.01%, duplicate: 0% }, down: { mtu: 1300B }",
    );
    let up = Pipe {
        line: Line::Rate(mbit(5)),
        delay: ms(9),
        mtu: Some(1_400),
        corrupt: Ppm::new(100).unwrap(),
        ..Pipe::default()
    };
    let duplicate = Ppm::new(1_000).unwrap();
    let down = Pipe { delay: ms(3), mtu: Some(1_300), duplicate, ..Pipe::default() };
    assert_eq!(own, Link { up, down });
}

#[test]
fn a_line_is_a_shaper_a_trace_or_a_schedule() {
    let line = |keys: &str| link(&format!("up: {{ {keys} }}")).up.line;
    let shaper = |peak| Line::Shaper(Shaper { rate: mbit(20), burst: bytes(32_000), peak });
    assert_eq!(line("rate: 20mbit, burst: 32KB"), shaper(None));
    assert_eq!(line("rate: 20mbit, burst: 32KB, peak: 100mbit"), shaper(Some(mbit(100))));
    let trace = Trace::parse("1\n2\n2\n5\n").unwrap();
    assert_eq!(line("trace: { opportunities_ms: [1, 2, 2, 5] }"), Line::Trace(Arc::new(trace)));
    let schedule = |repeat| {
        let steps = vec![(SimDuration::ZERO, mbit(10)), (ms(5_000), mbit(0))];
        Line::Schedule(Arc::new(RateSchedule { steps, repeat }))
    };
    let steps = "[{ at: 0s, rate: 10mbit }, { at: 5s, rate: 0bit }]";
    assert_eq!(
        line(&format!("schedule: {{ steps: {steps}, repeat: 6s }}")),
        schedule(Some(ms(6_000)))
    );
    let once = line("schedule: [{ at: 0s, rate: 10mbit }, { at: 5s, rate: 1mbit }]");
    let steps = vec![(SimDuration::ZERO, mbit(10)), (ms(5_000), mbit(1))];
    assert_eq!(once, Line::Schedule(Arc::new(RateSchedule { steps, repeat: None })));
}

#[test]
fn queues_have_disciplines() {
    let queue = |queue: &str| {
        let link = link(&format!("queue: {queue}"));
        assert_eq!(link.up.queue, link.down.queue);
        link.up.queue
    };
    let limit =
        |bytes: Option<u64>, packets| QueueLimit { bytes: bytes.map(ByteCount::new), packets };
    assert_eq!(queue("64KB"), Queue::drop_tail(bytes(64_000)));
    assert_eq!(queue("{ drop_tail: { bytes: 64KB } }"), Queue::drop_tail(bytes(64_000)));
    assert_eq!(queue("{ drop_tail: { packets: 50 } }"), Queue::DropTail(limit(None, Some(50))));
    let codel =
        Codel { target: ms(5), interval: ms(100), ecn: false, limit: limit(None, Some(1_000)) };
    assert_eq!(queue("{ codel: {} }"), Queue::Codel(codel));
    let other =
        Codel { target: ms(10), interval: ms(50), ecn: true, limit: limit(Some(9_000), None) };
    assert_eq!(
        queue("{ codel: { target: 10ms, interval: 50ms, ecn: true, bytes: 9KB } }"),
        Queue::Codel(other)
    );
    let codel = Codel { ecn: true, limit: limit(Some(32 << 20), Some(10_240)), ..codel };
    let fair = FqCodel { codel, flows: 1_024, quantum: bytes(1_500) };
    assert_eq!(queue("{ fq_codel: {} }"), Queue::FqCodel(fair));
    let fair = FqCodel { codel: Codel { ecn: false, ..codel }, flows: 4, quantum: bytes(300) };
    assert_eq!(
        queue("{ fq_codel: { flows: 4, quantum: 300B, ecn: false } }"),
        Queue::FqCodel(fair)
    );
    let red = Red {
        min: bytes(5_000),
        max: bytes(15_000),
        max_share: percent(10),
        weight: 9,
        ecn: false,
        limit: limit(Some(64_000), None),
    };
    assert_eq!(queue("{ red: { min: 5KB, max: 15KB, bytes: 64KB } }"), Queue::Red(red));
    let red =
        Red { max_share: percent(2), weight: 3, ecn: true, limit: limit(None, Some(9)), ..red };
    assert_eq!(
        queue("{ red: { min: 5KB, max: 15KB, packets: 9, max_share: 2%, weight: 3, ecn: true } }"),
        Queue::Red(red)
    );
}

#[test]
fn losses_and_jitter_have_kinds() {
    let loss = |loss: &str| link(&format!("loss: {loss}")).down.loss;
    assert_eq!(loss("0%"), Loss::None);
    assert_eq!(loss("1%"), Loss::Independent(percent(1)));
    let wire = GilbertElliott {
        good_to_bad: percent(1),
        bad_to_good: percent(30),
        loss_good: Ppm::ZERO,
        loss_bad: Ppm::ONE,
    };
    assert_eq!(loss("{ gilbert_elliott: { bad: 1%, good: 30% } }"), Loss::GilbertElliott(wire));
    let wire = GilbertElliott { loss_good: percent(2), loss_bad: percent(50), ..wire };
    assert_eq!(
        loss("{ gilbert_elliott: { bad: 1%, good: 30%, loss_bad: 50%, loss_good: 2% } }"),
        Loss::GilbertElliott(wire)
    );
    use Fate::{Drop, Keep};
    assert_eq!(loss("{ pattern: ..x }"), Loss::Pattern([Keep, Keep, Drop].into()));
    assert_eq!(loss("{ packets: [3, 7] }"), Loss::Packets([3, 7].into()));

    let jitter = |jitter: &str| link(&format!("jitter: {jitter}")).up.jitter;
    let uniform = Jitter {
        spread: ms(5),
        distribution: Distribution::Uniform,
        correlation: Ppm::ZERO,
        reorder: false,
    };
    assert_eq!(jitter("{ uniform: 5ms }"), Some(uniform));
    let normal = Jitter {
        distribution: Distribution::Normal,
        correlation: percent(25),
        reorder: true,
        ..uniform
    };
    assert_eq!(jitter("{ normal: 5ms, correlation: 25%, reorder: true }"), Some(normal));
    let pareto = Jitter { distribution: Distribution::Pareto, ..uniform };
    assert_eq!(jitter("{ pareto: 5ms }"), Some(pareto));
    assert_eq!(jitter("none"), None);
}

#[test]
fn what_a_lan_says_its_attachments_inherit() {
    let scenario = valid(&scenario(
        "lans:\n  wifi:\n    subnet: 10.0.0.0/24\n    link:\n      loss: 1%\n      \
         jitter: { uniform: 2ms }\n      up: { rate: 20mbit, burst: 10KB }\n\
         hosts:\n  a: { lan: wifi }\n  b: { lan: wifi, uplink: { loss: 0%, jitter: none, up: 5mbit } }\n\
         sessions: { call: { between: [a, b] } }\n",
    ))
    .case(0)
    .scenario;
    let [a, b] = ["a", "b"].map(|host| link_of(&scenario, host));
    assert_eq!(a, scenario.lans[0].link);
    assert_eq!(a.down.loss, Loss::Independent(percent(1)));
    assert!(matches!(a.up.line, Line::Shaper(_)) && a.up.jitter.is_some());
    let up = Pipe { line: Line::Rate(mbit(5)), ..Pipe::default() };
    assert_eq!(b, Link { up, down: Pipe::default() });
}

#[test]
fn a_preset_fills_everything_and_other_keys_replace_its_figures() {
    for preset in ["dsl", "cable", "fibre", "lte", "5g", "wifi", "satellite"] {
        let plain = link(&format!("preset: {preset}"));
        for pipe in [&plain.up, &plain.down] {
            assert!(matches!(pipe.line, Line::Rate(_)), "{preset}");
            assert!(pipe.delay > ms(0) && pipe.jitter.is_some(), "{preset}");
        }
        let other = link(&format!("preset: {preset}, up: 1mbit, delay: 1ms, jitter: none"));
        assert_eq!(other.up.line, Line::Rate(mbit(1)));
        assert_eq!((other.up.delay, other.up.jitter), (ms(1), None));
        assert_eq!(other.down, Pipe { delay: ms(1), jitter: None, ..plain.down });
    }
    let dsl = link("preset: dsl");
    assert_eq!((dsl.up.line, dsl.down.line), (Line::Rate(mbit(10)), Line::Rate(mbit(50))));
}

#[test]
fn a_preset_takes_the_place_of_what_is_inherited() {
    let scenario = valid(&scenario(
        "lans: { home: { subnet: 10.0.0.0/24, link: { mtu: 1400B, loss: 5% } } }\n\
         hosts: { a: { lan: home }, b: { lan: home, uplink: { preset: wifi } } }\n\
         sessions: { call: { between: [a, b] } }\n",
    ))
    .case(0)
    .scenario;
    assert_eq!(link_of(&scenario, "b"), link("preset: wifi"));
}

#[test]
fn traces_stand_beside_the_scenario() {
    let directory = std::env::temp_dir().join(format!("natbed-traces-{}", std::process::id()));
    fs::create_dir_all(directory.join("radio")).unwrap();
    fs::write(directory.join("radio/lte.trace"), "3\n7\n").unwrap();
    fs::write(directory.join("slow.trace"), "100\n").unwrap();
    let text = format!(
        "{}matrix: {{ radio: [radio/lte, slow] }}\n",
        text("down: { trace: { file: \"${radio}.trace\" } }")
    );
    let document = load_beside(source(&text), Vec::new(), &directory).unwrap();
    fs::remove_dir_all(&directory).unwrap(); // a case needs no file any more
    let lines = document.cases().map(|case| link_of(&case.scenario, "c").down.line);
    let trace = |text| Line::Trace(Arc::new(Trace::parse(text).unwrap()));
    assert_eq!(lines.collect::<Vec<_>>(), [trace("3\n7\n"), trace("100\n")]);
}

/// The one error of a text that is loaded beside these files: what is marked, and the message.
fn refusal(files: &[(&str, &[u8])], name: &str) -> (String, String) {
    let number = name.len() + files.len() * 1_000;
    let id = std::process::id();
    let directory = std::env::temp_dir().join(format!("natbed-refusal-{id}-{number}"));
    fs::create_dir_all(&directory).expect("a directory to write to");
    for (name, bytes) in files {
        fs::write(directory.join(name), bytes).expect("a directory to write to");
    }
    let text = text(&format!("down: {{ trace: {{ file: \"{name}\" }} }}"));
    let diagnostics =
        load_beside(source(&text), Vec::new(), &directory).expect_err("the trace is wrong");
    fs::remove_dir_all(&directory).expect("a directory to write to");
    let [found] = diagnostics.as_slice() else { panic!("{diagnostics}") };
    (text[found.span.clone()].to_owned(), found.message.clone())
}

#[test]
fn a_trace_that_cannot_be_used_says_why_and_where() {
    for (bytes, message) in [
        (&b"1\n2\nx\n"[..], "bad.trace:3:1: expected a whole number of milliseconds"),
        (b"1\n  2\n  1\n", "bad.trace:3:3: 1 ms comes after 2 ms"),
        (b"0\n", "bad.trace:1:1: a trace ends later than it begins"),
        (b"", "bad.trace:1:1: a trace ends later than it begins"),
        (b"\xff", "`bad.trace` is not UTF-8 text"),
    ] {
        let (marked, found) = refusal(&[("bad.trace", bytes)], "bad.trace");
        assert_eq!((marked.as_str(), found.as_str()), ("\"bad.trace\"", message));
    }
    let (_, missing) = refusal(&[], "lte.trace");
    assert!(missing.starts_with("cannot read `lte.trace`: "), "{missing}");
    for outside in ["../lte.trace", "/etc/hostname", "a/../../b"] {
        let message = format!("`{outside}` leads out of the directory of the scenario");
        assert_eq!(refusal(&[], outside).1, message);
    }
    let text = text("down: { trace: { file: lte.trace } }");
    let diagnostics = load(source(&text)).unwrap_err();
    let message = "`lte.trace` stands beside no file: the scenario was not read from one";
    assert_eq!(diagnostics.as_slice()[0].message, message);
}

#[test]
fn an_event_changes_links_as_they_are_by_then() {
    let scenario = valid(&hosts(
        "  s: { interfaces: [{ lan: home, uplink: { up: 9mbit } }, { internet: 198.51.100.9 }] }\nevents:\n  \
         - { at: 1s, set_link: home, up: 5mbit, delay: 9ms }\n  \
         - { at: 2s, set_link: home, loss: 2% }\n  - { at: 3s, set_link: a, down: { rate: 1mbit } }\n  \
         - { at: 4s, set_link: s, mtu: 1400B }\n  \
         - { at: 5s, set_link: s, interface: home, preset: lte }\n  \
         - { at: 6s, roam: a, to: closed }\n  - { at: 7s, set_link: a, delay: 2ms }",
    ))
    .case(0)
    .scenario;
    let changes: Vec<_> = scenario
        .events
        .iter()
        .filter_map(|event| match &event.action {
            EventAction::SetLink { target, links } => Some((*target, links.clone())),
            _ => None,
        })
        .collect();
    let rate = |rate| Pipe { line: Line::Rate(mbit(rate)), ..Pipe::default() };
    let (gateway, a) = (LinkTarget::Gateway(LanIndex(0)), LinkTarget::Host(HostIndex(0)));
    let down = Pipe { delay: ms(9), ..Pipe::default() };
    let first = Link { up: Pipe { delay: ms(9), ..rate(5) }, down };
    assert_eq!(changes[0], (gateway, vec![first.clone()]));
    let loss = Loss::Independent(percent(2));
    let second =
        Link { up: Pipe { loss: loss.clone(), ..first.up }, down: Pipe { loss, ..first.down } };
    assert_eq!(changes[1], (gateway, vec![second]));
    assert_eq!(changes[2], (a, vec![Link { up: Pipe::default(), down: rate(1) }]));
    let mtu = |pipe: Pipe| Pipe { mtu: Some(1_400), ..pipe };
    let both = vec![
        Link { up: mtu(rate(9)), down: mtu(Pipe::default()) },
        Link { up: mtu(Pipe::default()), down: mtu(Pipe::default()) },
    ];
    assert_eq!(changes[3], (LinkTarget::Host(HostIndex(2)), both));
    let one = LinkTarget::Interface(HostIndex(2), 0);
    assert_eq!(changes[4], (one, vec![link("preset: lte")]));
    let roamed = Pipe { delay: ms(2), ..Pipe::default() };
    assert_eq!(changes[5], (a, vec![Link { up: roamed.clone(), down: roamed }]));
}
