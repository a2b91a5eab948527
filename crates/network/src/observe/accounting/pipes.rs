//! What a load did to each pipe on its way.

use std::collections::BTreeMap;

use natbed_packet::DropReason;
use natbed_units::{LookupMap, Ppm, SimDuration, SimTime};

use super::capacity::{BYTE, capacity};
use super::histogram::{Histogram, Quantiles};
use crate::id::PipeId;
use crate::pipe::PipeConfig;

/// One pipe that carried packets of a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipeAccount {
    /// The pipe.
    pub pipe: PipeId,
    /// Packets of the load that went into it, by direction of the load; fragments count each, and
    /// so do packets that its queue took but dropped later.
    pub packets: [u64; 2],
    /// Their bytes, from the IP header on.
    pub bytes: [u64; 2],
    /// Packets of the load that it did not take or did not let out, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// How long those that its line took waited for their turn; empty without a rate.
    pub queued: Quantiles,
    /// The time in which its line was watched: from when it began with the load's first packet to
    /// when it began with the last one; zero without a rate.
    pub span: SimDuration,
    /// Bytes of all traffic that the line sent in that time.
    pub line_bytes: u64,
    /// Bytes that the line could have sent in that time ([`PipeConfig::line`]); `None` without a
    /// rate.
    pub capacity: Option<u64>,
    /// How much of it the line sent; `None` without a rate, or if it could not have sent anything,
    /// as when it took only one packet.
    pub utilisation: Option<Ppm>,
    /// How much of the span the line needed for that, at its mean rate in it.
    pub busy: SimDuration,
}

impl PipeAccount {
    /// Returns the bottleneck of a load: the pipe with the highest utilisation while it ran.
    ///
    /// That is the pipe that was full, or if none was, the one that would be first if there were
    /// more of the same. Utilisation is what the line sent, of what it could have sent between the
    /// load's first and last packet on it. Traffic of others counts: a line can be full of it. Among
    /// equals it is the pipe whose packets waited longer (at the 95th percentile), then the one with
    /// the lower number. `None` if no pipe has a rate.
    #[must_use]
    pub fn bottleneck(pipes: &[Self]) -> Option<&Self> {
        let rated = pipes.iter().filter(|account| account.utilisation.is_some());
        let rank = |account: &Self| (account.utilisation, account.queued.p95);
        rated.max_by(|a, b| rank(a).cmp(&rank(b)).then(b.pipe.cmp(&a.pipe)))
    }
}

/// A pipe and a load.
#[derive(Clone, Debug)]
struct OnPipe {
    load: u32,
    pipe: PipeId,
    packets: [u64; 2],
    bytes: [u64; 2],
    dropped: BTreeMap<DropReason, u64>,
    waits: Histogram,
    /// When the line began with the first and the last packet, and what all traffic before them
    /// had come to.
    turns: Option<[(SimTime, u64); 2]>,
}

/// The pipes that loads went through.
#[derive(Clone, Debug, Default)]
pub(super) struct Ways {
    places: LookupMap<u64, u32>,
    /// By load in the order of first use.
    on_pipes: Vec<OnPipe>,
    /// By pipe: bytes of all traffic that its line took; `None` if no load has gone through it.
    lines: Vec<Option<u64>>,
}

impl Ways {
    #[inline]
    fn place(&mut self, load: u32, pipe: PipeId) -> u32 {
        let Self { places, on_pipes, lines } = self;
        let key = u64::from(load) << 32 | u64::from(pipe.0);
        *places.get_or_insert_with(key, || {
            if pipe.index() >= lines.len() {
                lines.resize(pipe.index() + 1, None);
            }
            lines[pipe.index()].get_or_insert(0);
            on_pipes.push(OnPipe {
                load,
                pipe,
                packets: [0; 2],
                bytes: [0; 2],
                dropped: BTreeMap::new(),
                waits: Histogram::default(),
                turns: None,
            });
            (on_pipes.len() - 1) as u32
        })
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.on_pipes.len()
    }

    /// A packet of a load goes into a pipe; returns the place of the two.
    #[inline]
    pub(super) fn enter(&mut self, load: u32, direction: usize, pipe: PipeId, bytes: u64) -> u32 {
        let place = self.place(load, pipe);
        let on_pipe = &mut self.on_pipes[place as usize];
        on_pipe.packets[direction] += 1;
        on_pipe.bytes[direction] += bytes;
        place
    }

    pub(super) fn lose(&mut self, load: u32, pipe: PipeId, reason: DropReason) {
        let place = self.place(load, pipe);
        *self.on_pipes[place as usize].dropped.entry(reason).or_default() += 1;
    }

    /// The line of a pipe takes a packet of whatever traffic; returns what all before it have come
    /// to.
    #[inline]
    pub(super) fn take(&mut self, pipe: PipeId, bytes: impl FnOnce() -> u64) -> u64 {
        let Some(Some(line)) = self.lines.get_mut(pipe.index()) else { return 0 };
        let before = *line;
        *line += bytes();
        before
    }

    /// That packet is one of a load, went into the pipe at a time and at the place given, and waits.
    #[inline]
    pub(super) fn wait(
        &mut self,
        (at, place): (SimTime, u32),
        pipe: PipeId,
        wait: SimDuration,
        before: u64,
    ) {
        let on_pipe = self.on_pipes.get_mut(place as usize);
        if let Some(on_pipe) = on_pipe.filter(|on_pipe| on_pipe.pipe == pipe) {
            on_pipe.waits.record(wait);
            let turn = (at + wait, before);
            let [_, last] = on_pipe.turns.get_or_insert([turn; 2]);
            *last = turn;
        }
    }

    /// The pipes of a load, in the order of their numbers.
    pub(super) fn accounts(
        &self,
        load: u32,
        mut config_of: impl FnMut(PipeId) -> PipeConfig,
    ) -> Vec<PipeAccount> {
        let own = self.on_pipes.iter().filter(|on_pipe| on_pipe.load == load);
        let mut accounts: Vec<_> =
            own.map(|on_pipe| on_pipe.account(&config_of(on_pipe.pipe))).collect();
        accounts.sort_by_key(|account| account.pipe);
        accounts
    }
}

impl OnPipe {
    fn account(&self, config: &PipeConfig) -> PipeAccount {
        let [(first, before), (last, all)] = self.turns.unwrap_or_default();
        let (span, line_bytes) = (last.saturating_since(first), all - before);
        let capacity = capacity(&config.line, first, last);
        let capacity = capacity.map(|all| u64::try_from(all / BYTE).unwrap_or(u64::MAX));
        let utilisation =
            capacity.filter(|all| *all > 0).map(|all| Ppm::ratio(line_bytes.min(all), all));
        let busy = utilisation.map_or(0, |share| {
            u128::from(span.as_nanos()) * u128::from(share.as_ppm()) / 1_000_000
        });
        PipeAccount {
            pipe: self.pipe,
            packets: self.packets,
            bytes: self.bytes,
            dropped: self.dropped.clone(),
            queued: self.waits.quantiles(),
            span,
            line_bytes,
            capacity,
            utilisation,
            busy: SimDuration::from_nanos(u64::try_from(busy).unwrap_or(u64::MAX)),
        }
    }
}
