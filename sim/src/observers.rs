//! Everything that watches a run.

use std::fs::File;
use std::io::BufWriter;

use natbed_nat::MappingEnded;
use natbed_network::observe::{Accounting, Capture, Counters, Ledger, TraceHash, Witness};
use natbed_network::{Hop, Observer, PipeId, Roaming, RouterId};
use natbed_packet::{DropReason, Packet};
use natbed_units::{SimDuration, SimTime};

/// Everything that watches a run.
#[derive(Debug, Default)]
pub struct Observers {
    /// One number over all packets.
    pub trace: TraceHash,
    /// Packets sent, delivered, dropped.
    pub counters: Counters,
    /// The way of each session's payload.
    pub witness: Witness,
    /// What each load cost; of loads in a run with echoes alone, nothing.
    pub accounting: Accounting,
    /// Who came to know whose addresses.
    pub ledger: Ledger,
    /// The packet capture, if one is wanted.
    pub capture: Option<Capture<BufWriter<File>>>,
}

impl Observer for Observers {
    #[inline]
    fn observe(&mut self, hop: &Hop<'_>) {
        self.trace.observe(hop);
        self.counters.observe(hop);
        self.witness.observe(hop);
        self.accounting.observe(hop);
        self.ledger.observe(hop);
        self.capture.observe(hop);
    }

    fn note(&mut self, at: SimTime, router: RouterId, ended: &MappingEnded) {
        self.capture.note(at, router, ended);
    }

    #[inline]
    fn queued(&mut self, pipe: PipeId, id: u64, packet: &Packet, wait: SimDuration) {
        self.accounting.queued(pipe, id, packet, wait);
    }

    fn lost_in_pipe(&mut self, pipe: PipeId, id: u64, reason: DropReason) {
        self.accounting.lost_in_pipe(pipe, id, reason);
    }

    fn moved(&mut self, roaming: &Roaming<'_>) {
        self.ledger.moved(roaming);
        self.capture.moved(roaming);
    }
}
