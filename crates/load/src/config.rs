//! Loads as they are asked for.

use natbed_units::{ByteCount, Seed, SimDuration};
use thiserror::Error;

use crate::bare::TcpTransfer;
use crate::call::{Call, CallConfig};
use crate::echo::{Echo, EchoConfig};
use crate::quic::QuicConfig;
use crate::sctp::{Sctp, SctpConfig};
use crate::side::Side;

/// A load of a session, and when it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedLoad {
    /// What it is.
    pub config: LoadConfig,
    /// How long after the session is connected it begins.
    pub after: SimDuration,
}

/// A load by its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadConfig {
    /// Datagrams that each peer sends and the other sends back.
    Echo(EchoConfig),
    /// Datagrams at a constant bit rate.
    Call(CallConfig),
    /// A bulk transfer over QUIC.
    Quic(QuicConfig),
    /// A bulk transfer over SCTP.
    Sctp(SctpConfig),
    /// A bulk transfer over TCP, which only [`run_bare_session`](crate::run_bare_session) runs.
    Tcp(TcpTransfer),
}

/// Which peers send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The first peer, to the second.
    #[default]
    Forward,
    /// The second peer, to the first.
    Backward,
    /// Both, each as much as is asked for.
    Both,
}

impl Direction {
    /// Says whether the peer with this number, 0 or 1, sends.
    #[must_use]
    pub const fn sends(self, peer: usize) -> bool {
        match self {
            Self::Forward => peer == 0,
            Self::Backward => peer == 1,
            Self::Both => true,
        }
    }
}

/// How much a transfer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many bytes of the application, however long that takes.
    Bytes(ByteCount),
    /// As much as goes through in so much time.
    For(SimDuration),
}

/// Why a load cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A transport refused its configuration.
    #[error("{transport} refuses its configuration: {message}")]
    Transport {
        /// Its name.
        transport: &'static str,
        /// What it said.
        message: String,
    },
    /// It is not made of datagrams that any channel could carry.
    #[error("{transport} goes over sockets of its own, not over datagrams")]
    NoDatagrams {
        /// The transport's name.
        transport: &'static str,
    },
}

impl LoadConfig {
    /// Makes both sides of the load, the first peer's first.
    ///
    /// What is drawn at random comes from `seed`, which is of this load alone.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when a transport refuses its configuration, or is TCP.
    pub fn sides(&self, seed: Seed) -> Result<[Box<dyn Side>; 2], LoadError> {
        match self {
            // Nothing is random in echoes and calls.
            Self::Echo(config) => Ok([0, 1].map(|_| Box::new(Echo::new(*config)) as Box<dyn Side>)),
            Self::Call(config) => {
                config.validate()?;
                Ok([0, 1].map(|peer| Box::new(Call::new(*config, peer)) as Box<dyn Side>))
            }
            Self::Quic(config) => config.sides(seed),
            Self::Sctp(config) => {
                config.validate()?;
                Ok([0, 1].map(|peer| Box::new(Sctp::new(*config, peer)) as Box<dyn Side>))
            }
            Self::Tcp(_) => Err(LoadError::NoDatagrams { transport: "TCP" }),
        }
    }

    /// Returns how long it takes if all goes well, as far as that is known beforehand.
    ///
    /// For a transfer of so many bytes, which takes as long as it takes, that is nothing.
    #[must_use]
    pub fn duration(&self) -> SimDuration {
        match self {
            Self::Echo(config) => config.interval * u64::from(config.count),
            Self::Call(config) => config.duration,
            Self::Quic(config) => config.transfer.duration(),
            Self::Sctp(config) => config.transfer.duration(),
            Self::Tcp(config) => config.transfer.duration(),
        }
    }
}
