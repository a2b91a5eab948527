//! The oracle: what it predicts for which topology, where it says nothing, and that runs agree.
#![allow(clippy::unwrap_used)] // a test

mod agreement;
mod topologies;
