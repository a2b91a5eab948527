//! Five nodes of `dhtnode` and twenty of ours in one network on loopback.
//!
//! All are at 127.0.0.1, each at a port of its own: nodes that are told of as loopback are looked for
//! at the address of whoever told of them, so that no other loopback address would do.

use std::time::{Duration, Instant};

use natbed_dht::{Event, Id, OperationId, Status};

use super::live::{Dhtnode, Live, dhtnode_is_there};
use super::{PATIENCE, content, text};

const THEIRS: usize = 5;
const OURS: usize = 20;

fn key(n: usize) -> Id {
    Id::hash(format!("mixed {n}").as_bytes())
}

fn said(n: usize) -> String {
    format!("value-of-{n}.")
}

/// Lets all of ours run, until something is so.
fn run(ours: &mut [Live], patience: Duration, is_so: impl Fn(&mut [Live]) -> bool) -> bool {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        ours.iter_mut().for_each(Live::turn_at_once);
        if is_so(ours) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

#[test]
fn what_each_node_puts_each_other_finds() {
    if !dhtnode_is_there() {
        return;
    }
    let mut theirs = vec![Dhtnode::start(&[])];
    let bootstrap = format!("127.0.0.1:{}", theirs[0].address().port());
    for _ in 1..THEIRS {
        theirs.push(Dhtnode::start(&["-b", &bootstrap]));
    }
    let first = theirs[0].address();
    let mut ours: Vec<Live> = (0..OURS).map(|_| Live::start(vec![first])).collect();
    let is_connected =
        |ours: &mut [Live]| ours.iter().all(|live| live.node.status() == Status::Connected);
    assert!(run(&mut ours, PATIENCE, is_connected), "all of ours are connected");
    run(&mut ours, Duration::from_secs(8), |_| false); // their tables fill

    for (n, node) in theirs.iter_mut().enumerate() {
        node.command(&format!("p {} {}", key(n), said(n)));
    }
    for (n, live) in ours.iter_mut().enumerate() {
        let (n, now) = (THEIRS + n, live.now());
        live.node.put(now, key(n), text(1 + n as u64, &said(n)), false);
    }
    run(&mut ours, Duration::from_secs(3), |_| false);

    let mut missing: Vec<(usize, usize)> = Vec::new();
    let all = || 0..THEIRS + OURS;
    for node in &mut theirs {
        all().for_each(|n| node.command(&format!("g {}", key(n))));
    }
    let gets: Vec<Vec<OperationId>> = ours
        .iter_mut()
        .map(|live| all().map(|n| live.node.get(live.now(), key(n))).collect())
        .collect();
    run(&mut ours, Duration::from_secs(6), |_| false);
    for (at, (live, gets)) in ours.iter().zip(&gets).enumerate() {
        for (n, get) in gets.iter().enumerate() {
            let is_it = |event: &Event| matches!(event, Event::Value(of, it, _) if of == get && content(it) == said(n));
            if !live.events().iter().any(is_it) {
                missing.push((THEIRS + at, n));
            }
        }
    }
    for (at, node) in theirs.iter_mut().enumerate() {
        node.read_for(Duration::from_millis(200));
        missing.extend(all().filter(|n| !node.has_said(&said(*n))).map(|n| (at, n)));
    }
    assert_eq!(missing, [], "(who asked, whose value)");
}
