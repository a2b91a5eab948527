//! natbed: a deterministic simulator of NATs, firewalls and LANs in virtual time.
//!
//! The way of the data, with no way back: a YAML file becomes a checked
//! [`Document`](natbed_scenario::Document) ([`select`]), which consists of cases; a case with a
//! seed becomes a network with hosts ([`world`]), with nodes of OpenDHT if it asks for them ([`dht`]),
//! to which things happen ([`events`]), and is run once ([`run`]); what was observed is
//! put in the order of events ([`timeline`]), held against the rule ([`oracle`]) and the expectation
//! ([`verdict`]) and becomes a record ([`record`]), which the reports print ([`command`]).
//!
//! Beside that way stand the [`probe`], which finds out from outside what a box is like, and
//! [`conformance`], which holds that against the RFCs.
#![forbid(unsafe_code)]

pub mod batch;
pub mod bench;
pub mod cli;
pub mod command;
pub mod conformance;
pub mod dht;
pub mod events;
pub mod exit;
pub mod filter;
mod link;
pub mod observers;
pub mod oracle;
pub mod pipes;
pub mod probe;
mod properties;
pub mod record;
pub mod run;
pub mod select;
pub mod timeline;
pub mod verdict;
pub mod world;
