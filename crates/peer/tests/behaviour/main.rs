//! What `webrtc-ice` and `turn` do on simulated hosts: the behaviour that natbed relies on, so
//! that an update of either cannot change it unseen.
#![allow(clippy::unwrap_used)] // a test

mod calling;
mod consent;
mod discovery;
mod echo;
mod ipv6;
mod lab;
mod restart;
mod teardown;
mod turn;
mod vnet;
