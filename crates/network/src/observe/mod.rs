//! Observers that come with the network.
//!
//! - [`Counters`]: packets sent, delivered and dropped, with reasons
//! - [`TraceHash`]: one number over everything that happened
//! - [`Witness`]: which way the payload of a session went
//! - [`Accounting`]: what each load cost on the wire, on which pipes, through which relays
//! - [`Ledger`]: who saw whose address, and whose payload
//! - [`Capture`]: pcapng files, one interface per link end

pub mod accounting;
mod capture;
mod counters;
pub mod ledger;
mod tcp_watch;
mod trace_hash;
mod turn_frame;
mod witness;

pub use accounting::Accounting;
pub use capture::Capture;
pub use counters::Counters;
pub use ledger::Ledger;
pub use trace_hash::TraceHash;
pub use witness::{PayloadTag, Route, RouteChange, Sighting, Witness};
