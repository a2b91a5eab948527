//! The program `natbed`, run as its user runs it: one file for each behaviour.
#![allow(clippy::unwrap_used)] // a test

mod bad_input;
mod captures;
mod claims;
mod default_matrix;
mod design_example;
mod determinism;
mod discovery;
mod events;
mod exit_codes;
mod expectations;
mod interrupt;
mod large_matrix;
mod machine_forms;
mod nat;
mod shipped;
mod support;
mod throughput;
mod trace_hashes;
mod worlds;
