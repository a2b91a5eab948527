use bytes::Bytes;
use natbed_units::{ByteCount, Seed, SimTime};
use rand_core::Rng;

use super::side::Quic;
use super::{MAX_DATAGRAM, QuicConfig};
use crate::config::{Amount, Direction};
use crate::side::Side;
use crate::transfer::TransferConfig;

const CONFIG: QuicConfig = QuicConfig::new(TransferConfig {
    direction: Direction::Both,
    amount: Amount::Bytes(ByteCount::new(500_000)),
    sample: None,
});

fn sides() -> [Quic; 2] {
    CONFIG.quic_sides(Seed::new(1)).unwrap()
}

/// All datagrams of a side, behind five bytes that are not its own.
fn sent(now: SimTime, side: &mut Quic) -> Vec<Bytes> {
    let mut all = Vec::new();
    loop {
        let mut datagram = b"stays".to_vec();
        if !side.poll_transmit(now, &mut datagram) {
            assert_eq!(datagram, b"stays");
            return all;
        }
        assert!(datagram.starts_with(b"stays"));
        all.push(Bytes::from(datagram).slice(5..));
    }
}

/// Runs both sides over a path without any delay; `meddle` may change what is on it.
fn run(sides: &mut [Quic; 2], mut meddle: impl FnMut(&mut Vec<Bytes>)) {
    let mut now = SimTime::from_nanos(7);
    sides.iter_mut().for_each(|side| side.start(now));
    while !sides.iter().all(Side::is_done) {
        let mut is_quiet = true;
        for peer in [0, 1] {
            let mut datagrams = sent(now, &mut sides[peer]);
            meddle(&mut datagrams);
            is_quiet &= datagrams.is_empty();
            for datagram in datagrams {
                sides[1 - peer].handle_datagram(now, None, datagram);
            }
        }
        if is_quiet {
            let timeout = sides.iter().filter_map(Side::poll_timeout).min().unwrap();
            assert!(timeout > now, "a timer that goes off for ever");
            now = timeout;
            sides.iter_mut().for_each(|side| side.handle_timeout(now));
        }
    }
}

#[test]
fn datagrams_are_as_long_as_they_may_be_and_no_longer() {
    let mut sizes = Vec::new();
    let mut sides = sides();
    run(&mut sides, |datagrams| sizes.extend(datagrams.iter().map(Bytes::len)));
    assert_eq!(sizes.iter().max(), Some(&usize::from(MAX_DATAGRAM)));
    assert_eq!(sizes[0], 1_200, "RFC 9000 section 14.1");
    assert_eq!(sides.map(|side| side.transfer_report().received_bytes), [500_000; 2]);
}

#[test]
fn a_path_of_1200_bytes_is_enough() {
    let mut sides = sides();
    run(&mut sides, |datagrams| datagrams.retain(|datagram| datagram.len() <= 1_200));
    assert_eq!(sides.map(|side| side.transfer_report().received_bytes), [500_000; 2]);
}

#[test]
fn what_others_send_and_what_arrives_twice_or_late_does_no_harm() {
    let mut rng = Seed::new(3).rng("noise");
    let mut late = Vec::new();
    let mut sides = sides();
    run(&mut sides, |datagrams| {
        let mut all = std::mem::take(&mut late);
        for datagram in datagrams.drain(..) {
            match rng.in_range(0..20) {
                0 => {}
                1 => late.push(datagram),
                2 => all.extend([datagram.clone(), datagram]),
                3 => {
                    let mut noise = datagram.to_vec();
                    let place = rng.in_range(0..noise.len() as u32) as usize;
                    noise[place] ^= 1 << rng.in_range(0..8);
                    noise.truncate(rng.in_range(0..noise.len() as u32) as usize);
                    all.extend([noise.into(), datagram]);
                }
                4 => {
                    let mut noise = vec![0; rng.in_range(0..1_500) as usize];
                    rng.fill_bytes(&mut noise);
                    all.extend([noise.into(), datagram]);
                }
                _ => all.push(datagram),
            }
        }
        *datagrams = all;
    });
    for side in sides {
        let report = side.transfer_report();
        assert_eq!((report.received_bytes, report.failure), (500_000, None));
    }
}
