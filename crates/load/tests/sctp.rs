//! Bulk transfers over SCTP on simulated paths.
#![allow(clippy::unwrap_used)] // a test

mod lab;

use lab::{Lab, SEED, at, ms};
use natbed_load::{
    Amount, Direction, LoadConfig, SctpConfig, SideReport, TransferConfig, TransferReport,
};
use natbed_network::PipeConfig;
use natbed_runtime::run_on_fresh_thread;
use natbed_units::{ByteCount, Rate, SimDuration};

const MEGABYTE: u64 = 1_000_000;

fn config(direction: Direction, amount: Amount) -> SctpConfig {
    SctpConfig {
        transfer: TransferConfig { direction, amount, sample: None },
        streams: 1,
        ordered: true,
        window: ByteCount::new(4 * MEGABYTE),
    }
}

fn bytes(bytes: u64) -> Amount {
    Amount::Bytes(ByteCount::new(bytes))
}

fn link(megabits: u64, delay: SimDuration, queue: u64) -> PipeConfig {
    let rate = Rate::from_bits_per_second(megabits * MEGABYTE);
    PipeConfig::with_rate(rate, delay, ByteCount::new(queue))
}

fn run(lab: &mut Lab, config: SctpConfig) -> [TransferReport; 2] {
    lab.load(&LoadConfig::Sctp(config), SEED);
    let _ = lab.run();
    lab.reports().map(|report| match report {
        SideReport::Transfer(report) => *report,
        other => panic!("{other:?}"),
    })
}

#[test]
fn an_idle_link_is_filled() {
    let mut lab = Lab::new(link(20, ms(20), 200_000));
    let [sender, receiver] = run(&mut lab, config(Direction::Forward, bytes(20 * MEGABYTE)));
    println!("{sender:?}\n{receiver:?}\n{:?}", receiver.goodput());
}
