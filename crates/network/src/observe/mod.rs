//! Observers that come with the network.
//!
//! - [`Counters`]: packets sent, delivered and dropped, with reasons
//! - [`TraceHash`]: one number over everything that happened
//! - [`Witness`]: which way the payload of a session went
//! - [`Capture`]: pcapng files, one interface per link end

mod capture;
mod counters;
mod trace_hash;
mod witness;

pub use capture::Capture;
pub use counters::Counters;
pub use trace_hash::TraceHash;
pub use witness::{PayloadTag, Route, RouteChange, Sighting, Witness};
