//! TCP on natbed hosts behaves as an operating system's does, through NATs and firewalls too.
#![allow(clippy::unwrap_used, reason = "tests")]

mod bad_wires;
mod behind_nats;
mod errors;
mod throughput;
mod transfer;
mod world;
