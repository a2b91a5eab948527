//! A checked scenario: one case with every name resolved, every address given and every default
//! filled in.

mod dht;
mod event;
mod gateway;
mod host;
mod link;
mod load;
mod session;
mod words;

use ipnet::{IpNet, Ipv6Net};
use natbed_units::SimDuration;

pub use dht::{Churn, DhtService, Swarm};
pub use event::{Event, EventAction, FirewallTarget, LinkTarget};
pub use gateway::{FirewallChoice, Gateway, Ipv6Gateway, NatChoice, ProfileRef, SecondLan};
pub use host::{Attachment, Host, Interface, Serve, TurnService};
pub use link::{
    Codel, Distribution, Fate, FqCodel, GilbertElliott, Jitter, Line, Link, Loss, Pipe, Queue,
    QueueLimit, RateSchedule, Red, Shaper,
};
pub use load::{
    Amount, Bounds, DatagramsLoad, Load, LoadExpect, NamedLoad, QuicLoad, SctpLoad, TcpLoad,
    Transfer,
};
pub use session::{Discovery, Expect, ExpectedPath, NodeDiscovery, Reach, Session};
pub use words::{
    CongestionControl, DhtCore, ExpectedDiscovery, IceState, Path, Restart, Sender, Stack,
    SwarmStart, UnknownWordError,
};

/// One point of a document's matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The label chosen on each axis, as (axis, label), in the order of the axes.
    pub labels: Vec<(String, String)>,
    /// What is to be run.
    pub scenario: Scenario,
}

/// A world of LANs and hosts and what happens in it.
///
/// Everything in it was checked: indices point into its own lists, addresses
/// are unique where they must be and lie in their subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The Internet; `None` for a world without one.
    pub internet: Option<Internet>,
    /// The LANs in the order of the file.
    pub lans: Vec<Lan>,
    /// The hosts in the order of the file, and behind them the nodes of the swarm.
    pub hosts: Vec<Host>,
    /// The swarm of DHT nodes on the Internet, if there is one.
    pub swarm: Option<Swarm>,
    /// The network of the DHT that all its nodes are of; 0 without a swarm.
    pub dht_network: u32,
    /// The sessions in the order of the file; at least one.
    pub sessions: Vec<Session>,
    /// The events by time, those of one instant in the order of the file.
    pub events: Vec<Event>,
    /// The virtual time after which the run ends, whatever is still going on.
    pub horizon: SimDuration,
}

impl Scenario {
    /// Returns the LAN whose gateway serves `lan`: itself, or the one it is a second LAN of.
    ///
    /// # Panics
    ///
    /// If `lan` is not one of the scenario's.
    #[must_use]
    pub fn served_by(&self, lan: LanIndex) -> LanIndex {
        self.lans[lan.0].second_of.map_or(lan, |second| second.of)
    }

    /// Returns the gateway that serves `lan`, its own or a shared one.
    ///
    /// # Panics
    ///
    /// If `lan` is not one of the scenario's.
    #[must_use]
    pub fn gateway(&self, lan: LanIndex) -> Option<&Gateway> {
        self.lans[self.served_by(lan).0].gateway.as_ref()
    }

    /// Returns the profiles that its NATs and firewalls come from, those of events included, in
    /// the order of the file and each once.
    #[must_use]
    pub fn profiles(&self) -> Vec<&ProfileRef> {
        let of_gateways = self.lans.iter().filter_map(|lan| lan.gateway.as_ref());
        let of_gateways = of_gateways.flat_map(Gateway::profiles);
        let firewalls = self.hosts.iter().filter_map(|host| host.firewall.as_ref());
        let of_hosts = firewalls.filter_map(|firewall| firewall.profile.as_ref());
        let of_events = self.events.iter().filter_map(|event| match &event.action {
            EventAction::SetFirewall { firewall, .. } => firewall.profile.as_ref(),
            _ => None,
        });
        let mut profiles: Vec<&ProfileRef> = Vec::new();
        for profile in of_gateways.chain(of_hosts).chain(of_events) {
            if !profiles.contains(&profile) {
                profiles.push(profile);
            }
        }
        profiles
    }
}

/// The place of a LAN in [`Scenario::lans`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LanIndex(pub usize);

/// The place of a host in [`Scenario::hosts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostIndex(pub usize);

/// The core that gateways without `via` and public hosts are attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Internet {
    /// One-way delay from any attachment to any other, on top of their links'.
    pub delay: SimDuration,
}

/// A LAN: its subnets, what is attached to it and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lan {
    /// Its name, shared with no other LAN and no host.
    pub name: String,
    /// Its addresses.
    pub subnet: IpNet,
    /// Its second subnet, if it is a dual-stack LAN; the first is then an IPv4 one.
    pub ipv6: Option<Ipv6Net>,
    /// Whether its attachments cannot see each other, only the gateway.
    pub isolate: bool,
    /// What its attachments' links are unless they say otherwise.
    pub link: Link,
    /// Its own way out; `None` for a LAN that nothing leaves, or that shares a gateway.
    pub gateway: Option<Gateway>,
    /// Which LAN's gateway it shares, if it does; it then has none of its own.
    pub second_of: Option<SecondLan>,
}

impl Lan {
    /// Returns its subnets, the first one first.
    pub fn subnets(&self) -> impl Iterator<Item = IpNet> {
        [Some(self.subnet), self.ipv6.map(IpNet::V6)].into_iter().flatten()
    }
}
