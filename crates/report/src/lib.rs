//! Outcomes of natbed runs as terminal text, JSON, Markdown and SVG.
//!
//! The simulator fills one [`RunRecord`] per session of each run and collects
//! them in a [`Report`]. Everything else here is a pure function from those
//! records to text, so that the same report always gives the same bytes:
//!
//! - [`json`]: the whole report, or one record a line while runs end
//! - [`human`]: tables for a terminal, every failure with the command that repeats it
//! - [`grid`]: a matrix of two axes, one letter a cell
//! - [`markdown`]: the matrices of NATs and of devices, the claims about throughput, and how peers
//!   found each other, as they are published
//! - [`svg`]: a chart of goodput
//!
//! Whether text carries colour is the caller's decision ([`Color`]). Names and
//! reasons come from scenario files and from the software under test, so every
//! renderer escapes what a terminal or a Markdown reader would interpret.
#![forbid(unsafe_code)]

mod case;
mod cost;
mod discovery;
pub mod grid;
pub mod human;
pub mod json;
mod ledger;
mod load;
pub mod markdown;
mod profiles;
mod record;
mod report;
mod stats;
pub mod svg;
mod table;
mod text;
mod timeline;
mod word;

pub use case::Case;
pub use cost::{CarriedRecord, PipeRecord, RelayRecord, WireRecord};
pub use discovery::{
    CallsSummary, DiscoveryFailure, DiscoveryRecord, DiscoveryWay, NodeRecord, PercentilesRecord,
    PhasesRecord, TrafficRecord,
};
pub use ledger::{LedgerRecord, LedgerRole};
pub use load::{
    BottleneckRecord, CallDirection, CallRecord, EchoDirection, EchoRecord, EchoSamples, EchoStats,
    LoadRecord, OutageRecord, SeriesRecord, TransferDirection, TransferRecord,
};
pub use record::{
    CandidateRecord, PacketCounts, PayloadCounts, ProfileRecord, RunRecord, StateRecord,
};
pub use report::{Agreement, Report, SCHEMA, Summary};
pub use stats::{Times, nearest_rank};
pub use text::{Color, compact_bytes, compact_duration, compact_rate};
pub use timeline::{
    LostRecord, NoticedRecord, PairRecord, RecoveredRecord, RestartRecord, TimelineRecord,
};
pub use word::{Path, Prediction, Verdict};
