//! A NAT and a stateful firewall as sans-IO state machines.
#![forbid(unsafe_code)]

pub mod config;
