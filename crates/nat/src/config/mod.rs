//! What the boxes are told to be.

mod firewall;
mod nat;
mod properties;
mod stateless;

pub use firewall::{Action, FirewallConfig, PacketRate, Policy, Rule};
pub use nat::{Forward, NatConfig, PortBlocks};
pub use properties::{
    Exhausted, Filtering, Fragments, Hairpin, Mapping, Pooling, PortAllocation, PortClasses,
    UnsolicitedTcp, WanInput,
};
pub use stateless::{StatelessConfig, TranslatorConfig};
