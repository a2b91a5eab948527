//! Links: lines, queues, losses, jitter, and events that change them.

use super::assert_each;
use crate::marked::{assert_errors, hosts, lans, valid};

fn link(keys: &str) -> String {
    hosts(&format!("  c: {{ internet: 198.51.100.3, uplink: {{ {keys} }} }}"))
}

#[test]
fn lines() {
    assert_each(&[
        (link("up: «0bit»"), "0bit is too little for a link rate"),
        (
            link("up: «-1mbit»"),
            "`-1mbit` is not a rate: expected a number with a unit, like `100mbit`",
        ),
        (link("down: { rate: «2000gbit» }"), "2000gbit is too much for a link rate"),
        (link("up: { «speed»: 1mbit }"), "unknown key of one direction of a link: `speed`"),
        (link("«rate»: 1mbit"), "unknown key of a link: `rate`"),
        (link("up: «[1mbit]»"), "expected a link rate, found a list"),
        (link("up: { «burst»: 10KB }"), "`burst` needs a `rate`"),
        (link("up: { rate: 1mbit, burst: «1KB» }"), "a burst of 1000B does not hold a packet"),
        (
            link("mtu: 9000B, up: { rate: 1mbit, burst: «8KB» }"),
            "a burst of 8000B does not hold a packet",
        ),
        (link("up: { rate: 1mbit, «peak»: 2mbit }"), "`peak` needs a `burst`"),
        (
            link("up: { rate: 2mbit, burst: 3KB, peak: «1mbit» }"),
            "the peak rate 1mbit is below the rate",
        ),
        (
            link("up: { rate: 1mbit, «trace»: { opportunities_ms: [1] } }"),
            "a line has a `rate`, a `trace` or a `schedule`",
        ),
        (link("up: { trace: «{}» }"), "a trace is exactly one of its kinds"),
        (
            link("up: { trace: { opportunities_ms: [1, «x»] } }"),
            "`x` is not a time in milliseconds",
        ),
        (link("up: { trace: { opportunities_ms: [5, «4»] } }"), "4 ms comes after 5 ms"),
        (link("up: { trace: { opportunities_ms: [«0»] } }"), "a trace ends later than it begins"),
        (link("up: { trace: { opportunities_ms: «[]» } }"), "a trace ends later than it begins"),
        (link("up: { schedule: «[]» }"), "a schedule needs a step"),
        (link("up: { schedule: [«{ at: 0s }»] }"), "a step of a schedule needs the key `rate`"),
        (
            link("up: { schedule: [{ at: «1s», rate: 1mbit }] }"),
            "the steps of a schedule begin at 0s and follow each other",
        ),
        (
            link("up: { schedule: [{ at: 0s, rate: 1mbit }, { at: «0s», rate: 2mbit }] }"),
            "the steps of a schedule begin at 0s and follow each other",
        ),
        (
            link("up: { schedule: «[{ at: 0s, rate: 1mbit }, { at: 1s, rate: 0bit }]» }"),
            "what waits at the end of this schedule waits for ever",
        ),
        (
            link("up: { schedule: { steps: [{ at: 0s, rate: 1mbit }], repeat: «0s» } }"),
            "the schedule begins anew before its last step",
        ),
        (link("preset: «dls»"), "unknown preset of a link `dls`"),
    ]);
}

#[test]
fn queues() {
    assert_each(&[
        (link("queue: «1KB»"), "1KB is too little for a queue"),
        (link("queue: «3KB», mtu: 9000B"), "a queue of 3000B does not hold a packet"),
        (link("queue: { «fq-codel»: {} }"), "unknown key of a queue: `fq-codel`"),
        (link("queue: { «drop_tail»: {} }"), "the queue needs the key `bytes` or `packets`"),
        (link("queue: { drop_tail: { packets: «0» } }"), "`0` is not a number of packets"),
        (link("queue: { codel: { target: «0s» } }"), "0ns is too little for a time in a queue"),
        (link("queue: { codel: { interval: «1ms» } }"), "the interval 1ms is below the target 5ms"),
        (link("queue: { codel: { «limit»: 5 } }"), "unknown key of a CoDel queue: `limit`"),
        (link("queue: { fq_codel: { flows: «65537» } }"), "`65537` is not a number of flows"),
        (link("queue: { fq_codel: { quantum: «63B» } }"), "63B is too little for a quantum"),
        (link("queue: { «red»: { max: 3KB, bytes: 9KB } }"), "a RED queue needs the key `min`"),
        (
            link("queue: { «red»: { min: 1KB, max: 3KB } }"),
            "the queue needs the key `bytes` or `packets`",
        ),
        (
            link("queue: { red: { min: 3KB, max: «3KB», bytes: 9KB } }"),
            "the threshold 3KB is not above 3KB",
        ),
        (
            link("queue: { red: { min: 1KB, max: 3KB, bytes: 9KB, max_share: «0%» } }"),
            "0% is too little for a share to drop",
        ),
        (
            link("queue: { red: { min: 1KB, max: 3KB, bytes: 9KB, weight: «25» } }"),
            "`25` is not a power of two",
        ),
    ]);
    // What the LAN says does not hold what a host may send.
    let inherited = "  home: { subnet: 10.0.0.0/24, link: { queue: 2KB }, gateway: { nat: linux-masquerade } }\n  \
                     inner: { subnet: 10.1.0.0/24, gateway: { nat: none, via: home, uplink: { mtu: «9000B» } } }";
    assert_errors(&lans(inherited), &["a queue of 2000B does not hold a packet"]);
    valid(&link("queue: 9KB, mtu: 9000B"));
}

#[test]
fn losses_and_jitter() {
    assert_each(&[
        (link("loss: «101%»"), "`101%` is too large for a percentage"),
        (link("duplicate: «100.1%»"), "`100.1%` is too large for a percentage"),
        (link("up: { corrupt: «1000%» }"), "`1000%` is too large for a percentage"),
        (link("loss: { «burst»: 1% }"), "unknown key of a loss: `burst`"),
        (
            link("loss: { «gilbert_elliott»: { bad: 1% } }"),
            "a Gilbert-Elliott wire needs the key `good`",
        ),
        (
            link("loss: { gilbert_elliott: { bad: «0%», good: 1% } }"),
            "0% is too little for the chance of a turn",
        ),
        (link("loss: { pattern: «..y» }"), "a pattern of losses is made of `.` and `x`"),
        (link("loss: { packets: [«0»] }"), "the numbers of lost packets begin at 1 and grow"),
        (link("loss: { packets: [3, «3»] }"), "the numbers of lost packets begin at 1 and grow"),
        (link("jitter: «{ correlation: 25% }»"), "jitter has exactly one distribution"),
        (link("jitter: «{ uniform: 1ms, normal: 1ms }»"), "jitter has exactly one distribution"),
        (link("jitter: { uniform: «0s» }"), "0ns is too little for the spread of a delay"),
        (link("jitter: { uniform: «2min» }"), "2min is too much for the spread of a delay"),
        (
            link("jitter: { uniform: 1ms, correlation: «101%» }"),
            "`101%` is too large for a percentage",
        ),
    ]);
}

#[test]
fn links_that_events_change() {
    let event = |event: &str| hosts(&format!("events: [{event}]"));
    assert_each(&[
        (event("«{ at: 1s, set_link: home }»"), "`set_link` needs a key of a link"),
        (event("{ at: 1s, set_link: «closed», up: 1mbit }"), "the LAN `closed` has no gateway"),
        (event("{ at: 1s, set_link: «hoem», up: 1mbit }"), "unknown LAN or host `hoem`"),
        (event("{ at: 1s, link_down: home, «up»: 1mbit }"), "`up` says nothing about `link_down`"),
        (event("{ at: 1s, set_link: home, loss: «200%» }"), "`200%` is too large for a percentage"),
        (event("{ at: 1s, set_link: home, «speed»: 1mbit }"), "unknown key of an event: `speed`"),
    ]);
}
