//! The words of the language that scenarios hold as values.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

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

            /// Returns the word, as scenario files write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
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
        /// None: the second host listens, the first one sends to its address.
        None = "none",
    }
}

words! {
    /// When the agents of a session begin anew.
    Restart, "reason to restart", {
        /// Never: what they have found has to last.
        Never = "never",
        /// When one of them is disconnected.
        Disconnected = "disconnected",
        /// When one of them has failed.
        Failed = "failed",
    }
}

words! {
    /// Which of the two hosts of a session send.
    Sender, "sender", {
        /// The first one.
        First = "first",
        /// The second one.
        Second = "second",
        /// Both of them.
        Both = "both",
    }
}

words! {
    /// How a transport keeps from flooding the path.
    CongestionControl, "congestion control", {
        /// CUBIC (RFC 9438).
        Cubic = "cubic",
        /// New Reno (RFC 6582, RFC 9002).
        NewReno = "new-reno",
        /// BBR.
        Bbr = "bbr",
        /// Not at all: as much as the window lets it.
        None = "none",
    }
}

words! {
    /// What a node of the DHT is made of.
    DhtCore, "core of a node", {
        /// The `natbed-dht` crate.
        Natbed = "natbed",
        /// OpenDHT itself, in C++.
        Opendht = "opendht",
    }
}

words! {
    /// What the nodes of a swarm know when the run starts.
    SwarmStart, "start of a swarm", {
        /// Each other, as if they had been there for long.
        Settled = "settled",
        /// The hosts that they begin from.
        Cold = "cold",
    }
}

words! {
    /// The way a call is expected to be found: what the callee's answer came over.
    ExpectedDiscovery, "way of discovery", {
        /// Multicast on the LAN.
        Lan = "lan",
        /// The DHT.
        Dht = "dht",
        /// None: the hosts do not find each other.
        None = "none",
    }
}
