//! A checked scenario: one case with every name resolved, every address given and every default
//! filled in.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use natbed_nat::{FirewallConfig, NatConfig};
use natbed_units::{ByteCount, Ppm, Rate, SimDuration};
use thiserror::Error;

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
    /// The hosts in the order of the file.
    pub hosts: Vec<Host>,
    /// The sessions in the order of the file; at least one.
    pub sessions: Vec<Session>,
    /// The events by time, those of one instant in the order of the file.
    pub events: Vec<Event>,
    /// The virtual time after which the run ends, whatever is still going on.
    pub horizon: SimDuration,
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

/// A LAN: a subnet, what is attached to it and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lan {
    /// Its name, shared with no other LAN and no host.
    pub name: String,
    /// Its addresses.
    pub subnet: IpNet,
    /// Whether its attachments cannot see each other, only the gateway.
    pub isolate: bool,
    /// What its attachments' links are unless they say otherwise.
    pub link: Link,
    /// The way out; `None` for a LAN that nothing leaves.
    pub gateway: Option<Gateway>,
}

/// A link, both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Rate toward the attached box; `None` is unlimited.
    pub down: Option<Rate>,
    /// Rate away from the attached box; `None` is unlimited.
    pub up: Option<Rate>,
    /// One-way delay, the same in both directions.
    pub delay: SimDuration,
    /// Bytes that wait before a rate; more are dropped.
    pub queue: ByteCount,
}

impl Default for Link {
    /// 100 us, unlimited, with a queue of 256 KiB for when a rate is set.
    fn default() -> Self {
        Self {
            down: None,
            up: None,
            delay: SimDuration::from_micros(100),
            queue: ByteCount::new(256 << 10),
        }
    }
}

/// The box between a LAN and what is outside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Its address in the LAN: the first of the subnet.
    pub inside: IpAddr,
    /// Its address outside, as the file gives it or as it was chosen.
    pub external: IpAddr,
    /// The LAN that its outside is attached to; `None` is the Internet.
    pub via: Option<LanIndex>,
    /// How it translates; `None` for a router that does not.
    pub nat: Option<NatChoice>,
    /// Its firewall.
    pub firewall: Option<FirewallConfig>,
    /// The link of its outside.
    pub uplink: Link,
}

/// How a gateway translates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatChoice {
    /// The profile that the file names, if it names one.
    pub profile: Option<String>,
    /// The properties, those of the profile with the file's overrides.
    pub config: NatConfig,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name, shared with no other host and no LAN.
    pub name: String,
    /// Where it is attached, and its address there.
    pub attachment: Attachment,
    /// Its own firewall.
    pub firewall: Option<FirewallConfig>,
    /// Its link.
    pub link: Link,
    /// The services it offers.
    pub serve: Serve,
}

/// Where a host is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// To a LAN.
    Lan {
        /// Which one.
        lan: LanIndex,
        /// Its address in the LAN's subnet.
        address: IpAddr,
    },
    /// Straight to the Internet.
    Internet {
        /// Its public address.
        address: IpAddr,
    },
}

impl Attachment {
    /// Returns the host's address.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        match self {
            Self::Lan { address, .. } | Self::Internet { address } => address,
        }
    }
}

/// The services a host offers to sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serve {
    /// Whether it answers STUN binding requests (RFC 8489).
    pub stun: bool,
    /// Its TURN relay (RFC 8656), if it has one.
    pub turn: Option<TurnService>,
}

/// A TURN relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnService {
    /// Who may use it, as (user name, password); at least one. Sessions use the first.
    pub users: Vec<(String, String)>,
}

/// Two hosts that try to connect, and what they do once they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub name: String,
    /// The two hosts; the first one controls (RFC 8445 section 2.3).
    pub between: [HostIndex; 2],
    /// The connectivity stack both run.
    pub stack: Stack,
    /// How they learn of each other's candidates.
    pub discovery: Discovery,
    /// The STUN servers both ask.
    pub stun: Vec<HostIndex>,
    /// The TURN servers both take relay candidates from; none means no relay candidates.
    pub turn: Vec<HostIndex>,
    /// How long after the candidates were swapped each one begins its checks.
    pub start: [SimDuration; 2],
    /// What they send once they are connected.
    pub load: Load,
    /// How long the connection is kept after the load.
    pub hold: SimDuration,
    /// What the outcome is held against.
    pub expect: Option<Expect>,
}

/// How the hosts of a session learn of each other's candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// They are handed over outside the simulated network.
    Rendezvous {
        /// How long that takes, one way.
        delay: SimDuration,
    },
}

/// What the hosts of a session send to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// The first host sends, the second sends the same back.
    Echo {
        /// How many.
        count: u32,
        /// The time from one to the next.
        interval: SimDuration,
        /// The payload's size.
        size: ByteCount,
    },
}

/// What a session's outcome is held against; what is `None` or empty is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The path that the payload takes.
    pub path: Option<ExpectedPath>,
    /// The longest time from the session's start to both agents being connected.
    pub connect_within: Option<SimDuration>,
    /// States that must come in this order among each agent's state changes.
    pub states: Vec<IceState>,
    /// The state each agent must end in.
    pub final_state: Option<IceState>,
    /// The share of echoes that may be lost.
    pub loss: Option<AtMost<Ppm>>,
    /// The median round trip of the echoes.
    pub rtt_p50: Option<AtMost<SimDuration>>,
    /// The 95th percentile of the echoes' round trips.
    pub rtt_p95: Option<AtMost<SimDuration>>,
    /// The line of the file that the expectation starts on, from 1.
    pub line: usize,
}

/// An upper bound that an observation must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtMost<T> {
    /// The largest value that passes.
    pub at_most: T,
}

/// The path that a session is expected to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedPath {
    /// This one.
    Is(Path),
    /// Whatever the outcome rule predicts for the case; written `${oracle}`.
    Oracle,
}

/// Something that happens to the network during the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, from the start of the run.
    pub at: SimDuration,
    /// What.
    pub action: EventAction,
}

/// What an [`Event`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventAction {
    /// A link loses everything from now on.
    LinkDown(LinkTarget),
    /// A link works again.
    LinkUp(LinkTarget),
    /// A host's services stop.
    ServerStop(HostIndex),
    /// A host's services start again, without what they knew.
    ServerStart(HostIndex),
    /// The NAT of a LAN's gateway forgets all its mappings.
    NatFlush(LanIndex),
}

/// Whose link an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkTarget {
    /// The uplink of this LAN's gateway.
    Gateway(LanIndex),
    /// The link of this host.
    Host(HostIndex),
}

/// Declares an enum whose variants are words of the language.
macro_rules! words {
    ($(#[$about:meta])* $name:ident, $what:literal, {
        $($(#[$doc:meta])* $variant:ident = $word:literal,)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word for each value of `ALL`, as scenario files write it.
            pub const NAMES: &'static [&'static str] = &[$($word,)*];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$variant => $word,)*
                })
            }
        }

        impl FromStr for $name {
            type Err = UnknownWordError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(UnknownWordError { text: text.to_owned(), what: $what }),
                }
            }
        }
    };
}

/// A text that is none of the words it should be one of.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown {what} `{text}`")]
pub struct UnknownWordError {
    /// The text as given.
    pub text: String,
    /// The kind of thing that the words stand for.
    pub what: &'static str,
}

words! {
    /// The way a session's payload takes through the network.
    Path, "path", {
        /// It never leaves the LAN.
        Lan = "lan",
        /// It goes from host to host without a relay.
        Direct = "direct",
        /// It goes through a TURN server.
        Relay = "relay",
        /// There is no connection.
        None = "none",
    }
}

words! {
    /// The state of an ICE agent.
    IceState, "ICE state", {
        /// It was made and has not begun.
        New = "new",
        /// It checks candidate pairs.
        Checking = "checking",
        /// It has a pair that works.
        Connected = "connected",
        /// It has the pair that it stays with.
        Completed = "completed",
        /// Its pair has stopped answering.
        Disconnected = "disconnected",
        /// It has given up.
        Failed = "failed",
        /// It was closed.
        Closed = "closed",
    }
}

words! {
    /// A connectivity stack under test.
    Stack, "stack", {
        /// The ICE agent of the `webrtc-ice` crate.
        WebrtcIce = "webrtc-ice",
    }
}
