//! The real core on a natbed network: that it repeats bit for bit, finds what natbed's own node
//! finds, and takes whatever comes from the network.
#![cfg(feature = "core")]
#![allow(clippy::unwrap_used)] // a test

mod determinism;
mod differential;
mod hostile;
mod ours;
mod scale;
mod single;
mod swarm;
