//! Loss on the wire, against what the models say of themselves.

use std::sync::Arc;

use natbed_network::{Fate, GilbertElliott, Loss, PipeConfig, PipeConfigError};
use natbed_packet::DropReason;
use natbed_units::SimTime;

use crate::lab::{Lab, bytes, ms, percent, rate, us};

fn losing(loss: Loss) -> PipeConfig {
    PipeConfig { loss, ..PipeConfig::with_delay(ms(1)) }
}

/// Which of so many packets are lost.
fn fates(loss: Loss, count: u64) -> Vec<bool> {
    let mut lab = Lab::new(losing(loss));
    lab.send_evenly(count, us(1), 100);
    lab.settle();
    let mut lost = vec![false; count as usize];
    for id in lab.lost(DropReason::LostOnTheWire) {
        lost[id as usize - 1] = true;
    }
    assert_eq!(lab.counters().delivered() + lab.counters().dropped().values().sum::<u64>(), count);
    lost
}

fn count(lost: &[bool]) -> f64 {
    lost.iter().filter(|lost| **lost).count() as f64
}

/// The lengths of runs of lost packets.
fn bursts(lost: &[bool]) -> Vec<f64> {
    lost.chunk_by(|a, b| a == b).filter(|run| run[0]).map(|run| run.len() as f64).collect()
}

#[track_caller]
fn within_3_sigma(found: f64, expected: f64, sigma: f64) {
    assert!((found - expected).abs() < 3.0 * sigma, "{found}, not {expected} +- 3 * {sigma}");
}

#[test]
fn independent_losses_are_binomial() {
    let n = 200_000_f64;
    for (text, p) in [("0.1%", 0.001), ("5%", 0.05), ("50%", 0.5)] {
        let lost = fates(Loss::Independent(percent(text)), n as u64);
        within_3_sigma(count(&lost), n * p, (n * p * (1.0 - p)).sqrt());
        // Pairs of neighbours are lost as often as chance has it.
        let pairs = lost.windows(2).filter(|pair| pair[0] && pair[1]).count() as f64;
        let variance = n * p * p * (1.0 - p * p) + 2.0 * n * p.powi(3) * (1.0 - p);
        within_3_sigma(pairs, n * p * p, variance.sqrt());
    }
    assert_eq!(count(&fates(Loss::Independent(percent("0%")), 1_000)), 0.0);
    assert_eq!(count(&fates(Loss::Independent(percent("100%")), 1_000)), 1_000.0);
}

/// Gilbert's chain: the share of bad packets is p / (p + r), and of a mean over n packets of a chain
/// with correlation c = 1 - p - r the variance is share * (1 - share) * (1 + c) / (1 - c) / n.
#[test]
fn gilbert_losses_have_the_share_and_the_bursts_of_the_closed_form() {
    let n = 400_000_f64;
    let wire = GilbertElliott {
        good_to_bad: percent("1%"),
        bad_to_good: percent("25%"),
        loss_good: percent("0%"),
        loss_bad: percent("100%"),
    };
    let (p, r) = (0.01, 0.25);
    let lost = fates(Loss::GilbertElliott(wire), n as u64);
    let (share, c) = (p / (p + r), 1.0 - p - r);
    let sigma = (share * (1.0 - share) * (1.0 + c) / (1.0 - c) / n).sqrt();
    within_3_sigma(count(&lost) / n, share, sigma);
    // Bursts are geometric: mean 1 / r, variance (1 - r) / r^2.
    let bursts = bursts(&lost);
    let mean = bursts.iter().sum::<f64>() / bursts.len() as f64;
    within_3_sigma(mean, 1.0 / r, ((1.0 - r) / (r * r) / bursts.len() as f64).sqrt());
    // They begin with the rate p of the good packets.
    let good = n - count(&lost);
    within_3_sigma(bursts.len() as f64, good * p, (good * p).sqrt());
}

#[test]
fn elliott_losses_happen_in_both_states() {
    let n = 400_000_f64;
    let wire = GilbertElliott {
        good_to_bad: percent("2%"),
        bad_to_good: percent("10%"),
        loss_good: percent("1%"),
        loss_bad: percent("40%"),
    };
    let (p, r, good, bad) = (0.02, 0.1, 0.01, 0.4);
    let lost = fates(Loss::GilbertElliott(wire), n as u64);
    let (share, c) = (p / (p + r), 1.0 - p - r);
    let loss = (1.0 - share) * good + share * bad;
    let chain = share * (1.0 - share) * (1.0 + c) / (1.0 - c) * (bad - good) * (bad - good);
    let coin = (1.0 - share) * good * (1.0 - good) + share * bad * (1.0 - bad);
    within_3_sigma(count(&lost) / n, loss, ((chain + coin) / n).sqrt());
}

#[test]
fn a_pattern_is_followed_packet_by_packet() {
    let pattern = [Fate::Keep, Fate::Keep, Fate::Drop, Fate::Keep, Fate::Drop];
    let lost = fates(Loss::Pattern(Arc::new(pattern)), 23);
    let expected: Vec<_> = (0..23).map(|n| pattern[n % 5] == Fate::Drop).collect();
    assert_eq!(lost, expected);
}

#[test]
fn a_list_is_followed_to_the_number() {
    let lost = fates(Loss::List(Arc::new([1, 2, 7, 20])), 20);
    let numbers: Vec<_> = (1..=20).filter(|n| lost[n - 1]).collect();
    assert_eq!(numbers, [1, 2, 7, 20]);
}

/// A packet that is lost has used the line: it is missed where its last bit leaves that, and those
/// behind it are no earlier for it. What the queue drops has no number.
#[test]
fn what_is_lost_has_used_queue_and_line() {
    let config = PipeConfig {
        loss: Loss::List(Arc::new([2, 3])),
        ..PipeConfig::with_rate(rate("8mbit"), ms(10), bytes(3_000))
    };
    let mut lab = Lab::new(config);
    for _ in 0..4 {
        lab.send(SimTime::ZERO, 1_000);
    }
    lab.send(SimTime::ZERO + ms(2), 1_000);
    lab.settle();
    let millis = |nanos: u64| nanos as f64 / 1e6;
    let lost: Vec<_> = lab.notes().dropped.iter().map(|d| (millis(d.0.as_nanos()), d.1)).collect();
    assert_eq!(lost, [(0.0, 4), (2.0, 2), (3.0, 3)]);
    let out: Vec<_> = lab.arrivals().iter().map(|(at, id)| (millis(*at), *id)).collect();
    assert_eq!(out, [(11.0, 1), (14.0, 5)]);
}

#[test]
fn losses_that_cannot_be_are_refused() {
    let refused = |loss| losing(loss).validate().unwrap_err();
    assert_eq!(refused(Loss::Pattern(Arc::new([]))), PipeConfigError::EmptyPattern);
    assert_eq!(refused(Loss::List(Arc::new([0]))), PipeConfigError::LossOrder { entry: 1 });
    assert_eq!(refused(Loss::List(Arc::new([3, 3]))), PipeConfigError::LossOrder { entry: 2 });
    let stuck = GilbertElliott {
        good_to_bad: percent("1%"),
        bad_to_good: percent("0%"),
        loss_good: percent("0%"),
        loss_bad: percent("100%"),
    };
    assert_eq!(refused(Loss::GilbertElliott(stuck)), PipeConfigError::GilbertElliott);
}
