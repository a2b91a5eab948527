use proptest::prelude::*;

use super::{Opportunity, Trace, TraceProblem};
use crate::{SimDuration, SimTime};

fn trace(text: &str) -> Trace {
    Trace::parse(text).unwrap()
}

fn problem(text: &str) -> (usize, usize, TraceProblem) {
    let error = Trace::parse(text).unwrap_err();
    (error.line, error.column, error.problem)
}

fn at(millis: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_millis(millis)
}

#[test]
fn a_trace_is_a_number_a_line() {
    for text in ["0\n3\n3\n10\n", "0\r\n3\r\n3\r\n10", " 0\n3 \n\t3\n10\n\n\n"] {
        assert_eq!(trace(text).millis(), [0, 3, 3, 10], "{text:?}");
    }
    assert_eq!(trace("1").average_rate().to_string(), "12mbit");
    assert_eq!(trace("1\n2\n4\n").average_rate().to_string(), "9mbit");
}

#[test]
fn what_is_no_trace_is_refused_with_its_place() {
    assert_eq!(problem(""), (1, 1, TraceProblem::NoTime));
    assert_eq!(problem("0\n0\n"), (2, 1, TraceProblem::NoTime));
    assert_eq!(problem("1\n\n2\n"), (2, 1, TraceProblem::NotANumber));
    assert_eq!(problem("1\n  x\n"), (2, 3, TraceProblem::NotANumber));
    assert_eq!(problem("+1"), (1, 1, TraceProblem::NotANumber));
    assert_eq!(problem("1.5"), (1, 1, TraceProblem::NotANumber));
    assert_eq!(problem("86400001"), (1, 1, TraceProblem::TooLate));
    assert_eq!(problem("99999999999999999999"), (1, 1, TraceProblem::TooLate));
    assert_eq!(problem("5\n4"), (2, 1, TraceProblem::Backwards { time: 4, before: 5 }));
    let message = Trace::parse("1\n2\n ?").unwrap_err().to_string();
    assert_eq!(message, "line 3, column 2: expected a whole number of milliseconds");
}

#[test]
fn a_trace_has_limits() {
    let long = "1\n".repeat(Trace::TIMES_MAX + 1);
    assert_eq!(problem(&long), (Trace::TIMES_MAX + 1, 1, TraceProblem::TooMany));
    assert_eq!(trace(&long[..2 * Trace::TIMES_MAX]).millis().len(), Trace::TIMES_MAX);
    let blank = " ".repeat(Trace::BYTES_MAX + 1);
    assert_eq!(problem(&blank), (1, 1, TraceProblem::TooLong));
}

#[test]
fn times_go_on_through_the_repetitions() {
    let trace = trace("2\n2\n5\n");
    let mut next = trace.first_after(SimTime::ZERO);
    let times: Vec<_> = (0..7)
        .map(|_| {
            let time = trace.at(next);
            next = trace.next(next);
            time.as_nanos() / 1_000_000
        })
        .collect();
    assert_eq!(times, [2, 2, 5, 7, 7, 10, 12]);
}

#[test]
fn a_time_to_send_is_after_the_one_asked_for() {
    let trace = trace("2\n2\n5\n");
    let after = |nanos| trace.at(trace.first_after(SimTime::from_nanos(nanos)));
    assert_eq!(after(1_999_999), at(2));
    assert_eq!(after(2_000_000), at(5));
    assert_eq!(after(4_999_999), at(5));
    assert_eq!(after(5_000_000), at(7));
    assert_eq!(after(10_000_000), at(12));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[0-9 \\n\\r+x]{0,40}") {
        let _ = Trace::parse(&text);
    }

    /// Against counting the times one by one.
    #[test]
    fn finding_a_time_is_counting_to_it(
        mut times in prop::collection::vec(0_u32..30, 1..8),
        now in 0_u64..200_000_000,
    ) {
        times.sort_unstable();
        times.push(30);
        let text: Vec<_> = times.iter().map(ToString::to_string).collect();
        let trace = trace(&text.join("\n"));
        let now = SimTime::from_nanos(now);
        let mut counted = Opportunity { cycle: 0, index: 0 };
        while trace.at(counted) <= now {
            counted = trace.next(counted);
        }
        prop_assert_eq!(trace.at(trace.first_after(now)), trace.at(counted));
    }
}
