//! The same transfer without any network, to hold the cost of the network against.

use std::collections::VecDeque;

use bytes::Bytes;
use natbed_units::{ByteCount, Rate, Seed, SimDuration, SimTime};

use crate::config::LoadError;
use crate::side::Side;
use crate::transfer::TransferReport;

use super::side::Quic;
use super::{MAX_DATAGRAM, QuicConfig};

/// A pipe in memory, the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarePipe {
    /// How fast it sends; `None` sends at once.
    pub rate: Option<Rate>,
    /// Time from the last bit in to the last bit out.
    pub delay: SimDuration,
    /// What waits at most, the datagram on the line included.
    pub queue: ByteCount,
    /// What each datagram is longer on the line: headers that a network would add.
    pub header: ByteCount,
}

/// What came of a bare transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BareTransfer {
    /// What each side saw, the client's first.
    pub reports: [TransferReport; 2],
    /// When both sides were done.
    pub finished: SimTime,
    /// Datagrams that came through, of both sides.
    pub datagrams: u64,
}

/// Runs a transfer between two sides that are joined by pipes in memory, from time zero on.
///
/// No network, no addresses, no tags: what this costs is the cost of QUIC.
///
/// # Errors
///
/// As for [`QuicConfig::sides`].
pub fn bare_transfer(
    config: &QuicConfig,
    pipe: BarePipe,
    seed: Seed,
) -> Result<BareTransfer, LoadError> {
    let mut sides = config.quic_sides(seed)?;
    let mut ways = [Way::new(pipe), Way::new(pipe)];
    let (mut now, mut datagrams) = (SimTime::ZERO, 0);
    for (side, way) in sides.iter_mut().zip(&mut ways) {
        side.start(now);
        flush(now, side, way);
    }
    while !sides.iter().all(Side::is_done) {
        let timeouts = sides.iter().filter_map(Side::poll_timeout);
        let arrivals = ways.iter().filter_map(Way::next);
        let Some(next) = timeouts.chain(arrivals).min() else { break };
        now = now.max(next);
        for (peer, side) in sides.iter_mut().enumerate() {
            while let Some(datagram) = ways[1 - peer].arrived(now) {
                datagrams += 1;
                side.handle_datagram(now, None, datagram);
                flush(now, side, &mut ways[peer]);
            }
            if side.poll_timeout().is_some_and(|timeout| timeout <= now) {
                side.handle_timeout(now);
                flush(now, side, &mut ways[peer]);
            }
        }
    }
    let reports = sides.map(|side| side.transfer_report());
    Ok(BareTransfer { reports, finished: now, datagrams })
}

/// One direction.
struct Way {
    pipe: BarePipe,
    /// When the line has sent all it was given.
    free: SimTime,
    on_the_way: VecDeque<(SimTime, Bytes)>,
}

impl Way {
    fn new(pipe: BarePipe) -> Self {
        Self { pipe, free: SimTime::ZERO, on_the_way: VecDeque::new() }
    }

    fn send(&mut self, now: SimTime, datagram: Bytes) {
        if let Some(rate) = self.pipe.rate {
            let length = ByteCount::new(datagram.len() as u64) + self.pipe.header;
            // What waits is as long as the time until the line is free.
            let free = self.free.max(now) + rate.serialization_time(length);
            if free.saturating_since(now) > rate.serialization_time(self.pipe.queue) {
                return;
            }
            self.free = free;
        } else {
            self.free = now;
        }
        self.on_the_way.push_back((self.free + self.pipe.delay, datagram));
    }

    fn next(&self) -> Option<SimTime> {
        self.on_the_way.front().map(|(at, _)| *at)
    }

    fn arrived(&mut self, now: SimTime) -> Option<Bytes> {
        self.next().filter(|at| *at <= now)?;
        self.on_the_way.pop_front().map(|(_, datagram)| datagram)
    }
}

fn flush(now: SimTime, side: &mut Quic, way: &mut Way) {
    loop {
        let mut datagram = Vec::with_capacity(usize::from(MAX_DATAGRAM));
        if !side.poll_transmit(now, &mut datagram) {
            return;
        }
        way.send(now, Bytes::from(datagram));
    }
}
