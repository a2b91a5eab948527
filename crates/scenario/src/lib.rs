//! The scenario language of natbed: a YAML file to checked, ready-to-run cases.
//!
//! ```
//! use natbed_scenario::{Source, load};
//!
//! let text = "
//! natbed: 1
//! name: neighbours
//! hosts:
//!   alice: { internet: 198.51.100.1 }
//!   bob: { internet: 198.51.100.2 }
//! sessions:
//!   call: { between: [alice, bob], expect: { path: direct } }
//! ";
//! let document = load(Source { name: "neighbours.yaml".into(), text: text.into() })?;
//! assert_eq!(document.case_count(), 1);
//! let case = document.case(0);
//! assert_eq!(case.scenario.hosts[1].name, "bob");
//! # Ok::<(), natbed_scenario::Diagnostics>(())
//! ```
//!
//! The way of the data, with errors collected at every step and shown at the end:
//!
//! 1. text to a tree in which every key and value knows its place,
//! 2. for each case of the matrix, the tree with `${axis}` replaced,
//! 3. that tree to the keys of LANs, hosts and sessions as written,
//! 4. these to a [`Scenario`], names resolved and addresses given out.
//!
//! A user's own profiles stand in the scenario itself, or in a file of their own, which
//! [`load_profiles`] reads and [`load_with`] gives to scenarios.
//!
//! `LANGUAGE.md` beside this crate lists every key with its type, default and limit.
#![forbid(unsafe_code)]

mod address;
mod bottleneck;
mod catalogue;
mod copies;
mod decode;
mod dht_keys;
mod diagnostic;
mod discovery;
mod discovery_keys;
mod document;
mod event;
mod expect;
mod firewall_keys;
mod host;
mod internet;
mod lan;
pub mod limits;
mod link;
mod load_expect;
mod load_keys;
mod loads;
mod matrix;
#[cfg(test)]
mod mutation_tests;
mod nat_check;
mod nat_keys;
mod nat_properties;
mod nodes;
mod pipe_keys;
mod policy;
mod pool;
mod preset;
mod problem;
mod profile;
mod profile_keys;
mod queue_keys;
mod reference;
mod resolve;
mod scenario;
mod seeds;
mod session;
mod source;
mod swarm;
mod timeline;
mod topology;
mod traces;
mod tree;
mod validate;
mod wire_keys;
mod yaml;

pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use document::{Axis, Document, LANGUAGE_VERSION, load, load_beside, load_with};
pub use profile::{NamedProfile, load_profiles};
pub use scenario::{
    Amount, Attachment, Bounds, Case, Churn, Codel, CongestionControl, DatagramsLoad, DhtCore,
    DhtService, Discovery, Distribution, Event, EventAction, Expect, ExpectedDiscovery,
    ExpectedPath, Fate, FirewallChoice, FirewallTarget, FqCodel, Gateway, GilbertElliott, Host,
    HostIndex, IceState, Interface, Internet, Ipv6Gateway, Jitter, Lan, LanIndex, Line, Link,
    LinkTarget, Load, LoadExpect, Loss, NamedLoad, NatChoice, NodeDiscovery, Path, Pipe,
    ProfileRef, Queue, QueueLimit, QuicLoad, RateSchedule, Reach, Red, Restart, Scenario, SctpLoad,
    SecondLan, Sender, Serve, Session, Shaper, Stack, Swarm, SwarmStart, TcpLoad, Transfer,
    TurnService, UnknownWordError,
};
pub use seeds::{ParseSeedsError, SeedRange};
pub use source::{LoadError, Source};
