//! What happens to the network during a run.

use std::net::IpAddr;

use natbed_units::SimDuration;

use super::{FirewallChoice, HostIndex, Interface, LanIndex, Link};

/// Something that happens to the network during the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, from the start of the run.
    pub at: SimDuration,
    /// What.
    pub action: EventAction,
}

/// What an [`Event`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventAction {
    /// A link loses everything from now on.
    LinkDown(LinkTarget),
    /// A link works again.
    LinkUp(LinkTarget),
    /// A host's services stop.
    ServerStop(HostIndex),
    /// A host's services are reachable again, with what they knew.
    ServerStart(HostIndex),
    /// The NAT of a LAN's gateway forgets all its mappings.
    NatFlush(LanIndex),
    /// A LAN's gateway is switched off and on again: all its state is gone.
    Reboot {
        /// The LAN.
        lan: LanIndex,
        /// How long nothing passes; may be zero.
        off_for: SimDuration,
        /// The outside addresses it comes back with, its own first; `None` keeps those it has.
        external: Option<Vec<IpAddr>>,
    },
    /// The NAT of a LAN's gateway goes on with other outside addresses and forgets its mappings.
    Readdress {
        /// The LAN.
        lan: LanIndex,
        /// The new outside addresses, its own first.
        external: Vec<IpAddr>,
    },
    /// An interface of a host moves to another LAN.
    Roam {
        /// The host.
        host: HostIndex,
        /// The interface's place in [`Host::interfaces`](super::Host::interfaces).
        interface: usize,
        /// What the interface is from now on.
        to: Box<Interface>,
    },
    /// A LAN's gateway or a host has another firewall, which knows no flows yet.
    ///
    /// On the gateway of a dual-stack LAN it is that for both IP versions, each with its own state.
    SetFirewall {
        /// Whose.
        target: FirewallTarget,
        /// The new firewall.
        firewall: Box<FirewallChoice>,
    },
    /// Links are like this from now on.
    SetLink {
        /// Whose.
        target: LinkTarget,
        /// What they are: that of the gateway or of the interface, or those of all interfaces of
        /// the host, in their order.
        links: Vec<Link>,
    },
    /// A host logs in to the captive portal of its LAN's gateway.
    LogIn {
        /// The host.
        host: HostIndex,
        /// The LAN whose gateway has the portal.
        lan: LanIndex,
    },
}

/// Whose link an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkTarget {
    /// The uplink of this LAN's gateway.
    Gateway(LanIndex),
    /// All links of this host.
    Host(HostIndex),
    /// The link of one of several interfaces of this host, by its place in
    /// [`Host::interfaces`](super::Host::interfaces).
    Interface(HostIndex, usize),
}

/// Whose firewall an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirewallTarget {
    /// That of this LAN's gateway.
    Gateway(LanIndex),
    /// That of this host.
    Host(HostIndex),
}
