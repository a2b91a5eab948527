//! A NAT and a stateful firewall as sans-IO state machines.
//!
//! A [`Nat`] is told by a [`NatConfig`] how to behave, in the words of RFC 4787, and then
//! translates packets in place, at the instant they arrive. [`profile`] names the configurations
//! of real devices and of the RFCs. A [`Firewall`] filters without translating. Both share one
//! idea of state: *flows*, each with its own idle timer, found by one hash lookup per packet.
//!
//! - [`Nat`], [`Outbound`], [`Translation`]: the NAT and what it says it did
//! - [`NatConfig`] and its properties [`Mapping`], [`Filtering`], [`PortAllocation`], [`Hairpin`],
//!   [`WanInput`], [`Forward`]; each property reads and prints the word scenario files use
//! - [`Stateless`], [`StatelessConfig`]: 1:1 NAT, NPTv6 and CLAT, which keep no state
//! - [`Translator`], [`TranslatorConfig`]: one or the other
//! - [`Firewall`], [`FirewallConfig`], [`Policy`], [`Rule`], [`Action`]
//! - [`Answer`], [`MappingEnded`]: what a box sends and tells some time after a packet
//! - [`profile`], [`profiles`]: configurations by name, each with its source
//! - [`direct_possible`], [`NatClass`]: which pairs of NATs can be crossed directly, in closed form
//!
//! Not in scope: fragments (a packet has to be put together before it comes here), TCP windows (a
//! connection is followed by its flags alone), and application level gateways.
#![forbid(unsafe_code)]

mod answer;
mod config;
mod direction;
mod expiry;
mod firewall;
mod key;
mod lifetime;
mod nat;
mod outcome;
mod profile;
mod siit;
mod stateless;
mod tcp;
mod translator;
mod validate;
mod words;

pub use answer::{Answer, Side};
pub use config::{
    Action, Exhausted, Filtering, FirewallConfig, Forward, Fragments, Hairpin, Mapping, NatConfig,
    PacketRate, Policy, Pooling, PortAllocation, PortBlocks, PortClasses, Rule, StatelessConfig,
    TranslatorConfig, UnsolicitedTcp, WanInput,
};
pub use firewall::{Firewall, FirewallConfigError};
pub use nat::{MappingEnded, Nat, Outbound, Translation};
/// The protocols that rules and forwards name, so that configurations need only this crate.
pub use natbed_packet::Protocol;
pub use outcome::{Composite, FilterScope, NatClass, direct_possible};
pub use profile::{Behaviour, Note, Profile, ProfileStatus, profile, profiles};
pub use stateless::{Stateless, StatelessConfigError};
pub use translator::Translator;
pub use validate::NatConfigError;
pub use words::UnknownWord;
