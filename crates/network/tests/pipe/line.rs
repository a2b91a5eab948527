//! Lines: fixed rates, token buckets, traces, schedules.

use std::sync::Arc;

use natbed_network::{Fate, Line, Loss, PipeConfig, PipeConfigError, Queue, RateSchedule, Shaper};
use natbed_packet::DropReason;
use natbed_units::trace::Trace;
use natbed_units::{SimDuration, SimTime};
use proptest::prelude::*;

use crate::lab::{Lab, at, bytes, ms, rate, us};

fn with_line(line: Line) -> PipeConfig {
    PipeConfig { line, queue: Queue::drop_tail(bytes(100_000)), ..PipeConfig::with_delay(ms(1)) }
}

/// A pipe that is like a plain one and yet has an engine.
fn engined(plain: PipeConfig) -> PipeConfig {
    PipeConfig { loss: Loss::Pattern(Arc::new([Fate::Keep])), ..plain }
}

fn trace(text: &str) -> Line {
    Line::Trace(Arc::new(Trace::parse(text).unwrap()))
}

fn schedule(steps: &[(SimDuration, &str)], repeat: Option<SimDuration>) -> Line {
    let steps = steps.iter().map(|(from, text)| (*from, rate(text))).collect();
    Line::Schedule(Arc::new(RateSchedule { steps, repeat }))
}

/// Millis and ids, with the delay of a millisecond taken off.
fn out(lab: &Lab) -> Vec<(f64, u64)> {
    lab.arrivals().iter().map(|&(at, id)| ((at - 1_000_000) as f64 / 1e6, id)).collect()
}

#[test]
fn a_bucket_lets_a_burst_pass_and_then_the_rate() {
    // 1 byte per microsecond; the bucket holds three packets of 1000 bytes.
    let shaper = Shaper { rate: rate("8mbit"), burst: bytes(3_000), peak: None };
    let mut lab = Lab::new(with_line(Line::Shaper(shaper)));
    lab.send_evenly(5, SimDuration::ZERO, 1_000);
    lab.settle();
    assert_eq!(out(&lab), [(0.0, 1), (0.0, 2), (0.0, 3), (1.0, 4), (2.0, 5)]);

    // The last bytes went at 2 ms, and the last packet came out at 3 ms.
    let start = lab.now;
    lab.send(start + us(500), 1_000);
    lab.settle();
    let waits: Vec<_> = lab.notes().waits.iter().map(|(_, _, wait)| wait.as_nanos()).collect();
    assert_eq!(waits, [0, 0, 0, 1_000_000, 2_000_000, 0]);
}

#[test]
fn a_peak_rate_spreads_the_burst() {
    let shaper = Shaper { rate: rate("8mbit"), burst: bytes(3_000), peak: Some(rate("80mbit")) };
    let mut lab = Lab::new(with_line(Line::Shaper(shaper)));
    lab.send_evenly(5, SimDuration::ZERO, 1_000);
    lab.settle();
    // Three at the peak rate. Then the bucket has got 300 bytes back, and needs 0.7 ms for more.
    assert_eq!(out(&lab), [(0.1, 1), (0.2, 2), (0.3, 3), (1.1, 4), (2.1, 5)]);
}

#[test]
fn a_packet_that_no_bucket_holds_is_dropped() {
    let shaper = Shaper { rate: rate("8mbit"), burst: bytes(1_500), peak: None };
    let mut lab = Lab::new(with_line(Line::Shaper(shaper)));
    lab.send(SimTime::ZERO, 1_501);
    lab.send(SimTime::ZERO, 1_500);
    lab.settle();
    assert_eq!(lab.lost(DropReason::QueueFull), [1]);
    assert_eq!(out(&lab), [(0.0, 2)]);
}

#[test]
fn what_waits_for_a_bucket_fills_the_queue() {
    let shaper = Shaper { rate: rate("8mbit"), burst: bytes(1_500), peak: None };
    let queue = Queue::drop_tail(bytes(2_000));
    let mut lab = Lab::new(PipeConfig { queue, ..with_line(Line::Shaper(shaper)) });
    lab.send_evenly(5, SimDuration::ZERO, 1_000);
    lab.settle();
    assert_eq!(lab.lost(DropReason::QueueFull), [4, 5]);
    assert_eq!(out(&lab), [(0.0, 1), (0.5, 2), (1.5, 3)]);
}

#[test]
fn a_trace_sends_at_its_times_and_repeats() {
    let mut lab = Lab::new(with_line(trace("2\n2\n5\n")));
    lab.send_evenly(7, SimDuration::ZERO, 1_500);
    lab.settle();
    let millis: Vec<_> = out(&lab).iter().map(|(at, _)| *at).collect();
    assert_eq!(millis, [2.0, 2.0, 5.0, 7.0, 7.0, 10.0, 12.0]);
    let waits: Vec<_> = lab.notes().waits.iter().map(|(_, _, wait)| wait.as_nanos()).collect();
    assert_eq!(waits, [2, 2, 5, 7, 7, 10, 12].map(|millis| millis * 1_000_000));
}

#[test]
fn packets_share_a_time_or_take_several() {
    let mut lab = Lab::new(with_line(trace("1\n2\n3\n4\n5\n6\n")));
    for length in [500, 1_000, 1_500, 1_000, 3_100, 400, 1_500] {
        lab.send(SimTime::ZERO, length);
    }
    lab.settle();
    // 500 + 1000; 1500; 1000 and 500 of 3100; 1500 of it; 1100 of it and 400; 1500.
    let expected = [(1.0, 1), (1.0, 2), (2.0, 3), (3.0, 4), (5.0, 5), (5.0, 6), (6.0, 7)];
    assert_eq!(out(&lab), expected);
}

#[test]
fn a_time_that_finds_nobody_waiting_is_lost() {
    let mut lab = Lab::new(with_line(trace("1\n2\n2\n10\n")));
    lab.send(at(us(500)), 200);
    // What is left of the first time is lost to a packet that comes at it, and so are both times of
    // 2 ms to one that comes then.
    lab.send(at(ms(1)), 200);
    lab.send(at(ms(2)), 200);
    lab.settle();
    assert_eq!(out(&lab), [(1.0, 1), (2.0, 2), (10.0, 3)]);
}

#[test]
fn a_packet_on_the_line_goes_on_at_the_new_rate() {
    // 1 byte per microsecond, from 1.5 ms on half of that, and nothing between 3 and 5 ms.
    let steps = [(ms(0), "8mbit"), (us(1_500), "4mbit"), (ms(3), "0bit"), (ms(5), "8mbit")];
    let mut lab = Lab::new(with_line(schedule(&steps, None)));
    lab.send_evenly(4, SimDuration::ZERO, 1_000);
    lab.settle();
    // The third has 250 bytes sent by 3 ms, the rest of it takes 0.75 ms.
    assert_eq!(out(&lab), [(1.0, 1), (2.5, 2), (5.75, 3), (6.75, 4)]);
}

#[test]
fn a_schedule_repeats() {
    let steps = [(ms(0), "8mbit"), (ms(1), "0bit")];
    let mut lab = Lab::new(with_line(schedule(&steps, Some(ms(4)))));
    lab.send_evenly(3, SimDuration::ZERO, 1_000);
    lab.send(at(ms(11)), 500);
    lab.settle();
    assert_eq!(out(&lab), [(1.0, 1), (5.0, 2), (9.0, 3), (12.5, 4)]);
}

/// Ten billion repetitions for one packet.
#[test]
fn a_schedule_of_tiny_steps_costs_no_time() {
    let steps = [(SimDuration::ZERO, "1kbit"), (SimDuration::from_nanos(1), "0bit")];
    let mut lab = Lab::new(with_line(schedule(&steps, Some(SimDuration::from_nanos(1_000)))));
    lab.send_evenly(2, SimDuration::ZERO, 1_250);
    lab.settle();
    let nanos: Vec<_> = lab.arrivals().iter().map(|(at, _)| at - 1_000_000).collect();
    // 10,000 bits, of which a microsecond sends one in a million.
    assert_eq!(nanos, [10_000_000_000_000 - 999, 20_000_000_000_000 - 999]);
}

#[test]
fn lines_that_cannot_be_are_refused() {
    let refused = |line| with_line(line).validate().unwrap_err();
    let zero = rate("0bit");
    let shaper = Shaper { rate: rate("8mbit"), burst: bytes(1_500), peak: None };
    assert_eq!(refused(Line::Rate(zero)), PipeConfigError::ZeroRate);
    assert_eq!(refused(Line::Shaper(Shaper { rate: zero, ..shaper })), PipeConfigError::ZeroRate);
    assert_eq!(
        refused(Line::Shaper(Shaper { burst: bytes(1_499), ..shaper })),
        PipeConfigError::BurstBelowPacket { burst: bytes(1_499), packet: bytes(1_500) }
    );
    assert_eq!(
        refused(Line::Shaper(Shaper { peak: Some(rate("7mbit")), ..shaper })),
        PipeConfigError::PeakBelowRate { rate: rate("8mbit"), peak: rate("7mbit") }
    );
    let late = schedule(&[(ms(1), "8mbit")], None);
    assert_eq!(refused(late), PipeConfigError::ScheduleOrder { step: 1 });
    let empty = schedule(&[], None);
    assert_eq!(refused(empty), PipeConfigError::ScheduleOrder { step: 1 });
    let twice = schedule(&[(ms(0), "8mbit"), (ms(0), "8mbit")], None);
    assert_eq!(refused(twice), PipeConfigError::ScheduleOrder { step: 2 });
    let short = schedule(&[(ms(0), "8mbit"), (ms(2), "9mbit")], Some(ms(2)));
    assert_eq!(refused(short), PipeConfigError::ScheduleRepeat { repeat: ms(2), last: ms(2) });
    let dead = schedule(&[(ms(0), "8mbit"), (ms(2), "0bit")], None);
    assert_eq!(refused(dead), PipeConfigError::ZeroRate);
    let dead = schedule(&[(ms(0), "0bit"), (ms(2), "0bit")], Some(ms(4)));
    assert_eq!(refused(dead), PipeConfigError::ZeroRate);
    let outage = schedule(&[(ms(0), "8mbit"), (ms(2), "0bit")], Some(ms(4)));
    assert_eq!(with_line(outage).validate(), Ok(()));
}

fn arrivals() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0_u64..3_000_000, 40_u64..1_500), 1..80)
}

/// Sends packets with these gaps in nanoseconds and lengths in bytes.
fn run(config: PipeConfig, packets: &[(u64, u64)]) -> Lab {
    let mut lab = Lab::new(config);
    let mut now = SimTime::ZERO;
    for &(gap, length) in packets {
        now += SimDuration::from_nanos(gap);
        lab.send(now, length);
    }
    lab.settle();
    lab
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What is known at entry and what an engine works out packet by packet is the same.
    #[test]
    fn an_engine_does_what_a_plain_pipe_does(
        bits in 1_000_000_u64..40_000_000,
        queue in 1_500_u64..8_000,
        delay in 0_u64..2_000_000,
        packets in arrivals(),
    ) {
        let line_rate = natbed_units::Rate::from_bits_per_second(bits);
        let delay = SimDuration::from_nanos(delay);
        let plain = PipeConfig::with_rate(line_rate, delay, bytes(queue));
        let [expected, found] = [plain.clone(), engined(plain)].map(|config| run(config, &packets));
        prop_assert_eq!(expected.arrivals(), found.arrivals());
        let reason = DropReason::QueueFull;
        prop_assert_eq!(expected.lost(reason), found.lost(reason));
        prop_assert_eq!(&expected.notes().waits, &found.notes().waits);
    }

    /// A schedule of one step, or of many equal ones, is a fixed rate.
    #[test]
    fn a_schedule_of_one_rate_is_that_rate(
        bits in 1_000_000_u64..40_000_000,
        step in 1_u64..5_000_000,
        count in 1_u64..6,
        repeats in any::<bool>(),
        packets in arrivals(),
    ) {
        let line_rate = natbed_units::Rate::from_bits_per_second(bits);
        let steps: Vec<_> =
            (0..count).map(|n| (SimDuration::from_nanos(step * n), line_rate)).collect();
        let repeat = repeats.then(|| SimDuration::from_nanos(step * count));
        let plain = PipeConfig::with_rate(line_rate, ms(1), bytes(8_000));
        let line = Line::Schedule(Arc::new(RateSchedule { steps, repeat }));
        let scheduled = PipeConfig { line, ..plain.clone() };
        let [expected, found] = [plain, scheduled].map(|config| run(config, &packets));
        prop_assert_eq!(expected.arrivals(), found.arrivals());
        prop_assert_eq!(&expected.notes().waits, &found.notes().waits);
        prop_assert_eq!(&expected.notes().dropped, &found.notes().dropped);
    }

    /// Over any interval no more than rate x time + burst leaves, and the line never idles while a
    /// packet waits that the bucket could pay for.
    #[test]
    fn a_bucket_keeps_its_promise(
        bits in 1_000_000_u64..40_000_000,
        burst in 1_500_u64..10_000,
        packets in arrivals(),
    ) {
        let line_rate = natbed_units::Rate::from_bits_per_second(bits);
        let shaper = Shaper { rate: line_rate, burst: bytes(burst), peak: None };
        let lab = run(with_line(Line::Shaper(shaper)), &packets);
        let sent: Vec<_> = lab
            .notes()
            .delivered
            .iter()
            .map(|arrival| (arrival.at.as_nanos(), arrival.packet.wire_len().bytes()))
            .collect();
        prop_assert_eq!(sent.len(), packets.len());
        for (n, (start, _)) in sent.iter().enumerate() {
            let mut total = 0_u64;
            for (end, length) in &sent[n..] {
                total += length;
                // In bit-nanoseconds, exactly.
                let allowed = (end - start) * bits + burst * 8_000_000_000;
                prop_assert!(total * 8_000_000_000 <= allowed, "from {} to {}", start, end);
            }
        }
        // Against a model of its own: the time at which the bucket is as full as this packet needs.
        let (mut level, mut since, mut came, mut free) = (burst * 8_000_000_000, 0, 0, 0);
        for ((gap, length), (out, _)) in packets.iter().zip(&sent) {
            came += gap;
            let begins = free.max(came);
            let full = burst * 8_000_000_000;
            let need = length * 8_000_000_000;
            let mut held = (level + (begins - since) * bits).min(full);
            let wait = need.saturating_sub(held).div_ceil(bits);
            held = (held + wait * bits).min(full);
            (level, since, free) = (held - need, begins + wait, begins + wait);
            prop_assert_eq!(free, out - 1_000_000);
        }
    }

    /// Every packet of 1500 bytes goes at a time of the trace, each time carries one, and no time
    /// after its arrival is left out while it waits.
    #[test]
    fn a_trace_is_used_time_by_time(
        mut times in prop::collection::vec(0_u32..20, 1..10),
        gaps in prop::collection::vec(0_u64..9_000_000, 1..40),
    ) {
        times.sort_unstable();
        times.push(21);
        let text: Vec<_> = times.iter().map(ToString::to_string).collect();
        let packets: Vec<_> = gaps.iter().map(|gap| (*gap, 1_500)).collect();
        let lab = run(with_line(trace(&text.join("\n"))), &packets);
        let mut all = (0_u64..).flat_map(|cycle| {
            times.iter().map(move |time| (cycle * 21 + u64::from(*time)) * 1_000_000)
        });
        let mut came = 0;
        for (gap, (out, _)) in gaps.iter().zip(lab.arrivals()) {
            came += gap;
            let expected = all.find(|time| *time > came).unwrap();
            prop_assert_eq!(out - 1_000_000, expected);
        }
    }
}
