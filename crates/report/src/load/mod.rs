//! What a session's traffic met on its way.

mod call;
mod echo;
mod transfer;

use serde::{Deserialize, Serialize};

pub use call::{CallDirection, CallRecord, OutageRecord};
pub use echo::{EchoDirection, EchoRecord, EchoSamples, EchoStats};
pub use transfer::{TransferDirection, TransferRecord};

/// The measurements of one load, by its kind: `{"echo":{..}}` in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadRecord {
    /// Datagrams sent both ways and echoed by the other end.
    Echo(EchoRecord),
    /// A bulk transfer over QUIC.
    Quic(TransferRecord),
    /// A bulk transfer over SCTP.
    Sctp(TransferRecord),
    /// A bulk transfer over TCP.
    Tcp(TransferRecord),
    /// Datagrams at a constant bit rate, as a call sends them.
    Datagrams(CallRecord),
}

impl LoadRecord {
    /// Returns the word that scenario files and JSON use for its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Echo(_) => "echo",
            Self::Quic(_) => "quic",
            Self::Sctp(_) => "sctp",
            Self::Tcp(_) => "tcp",
            Self::Datagrams(_) => "datagrams",
        }
    }

    /// Returns the record of an echo load.
    #[must_use]
    pub const fn echo(&self) -> Option<&EchoRecord> {
        match self {
            Self::Echo(record) => Some(record),
            _ => None,
        }
    }

    /// Returns the record of a bulk transfer, whatever its transport.
    #[must_use]
    pub const fn transfer(&self) -> Option<&TransferRecord> {
        match self {
            Self::Quic(record) | Self::Sctp(record) | Self::Tcp(record) => Some(record),
            Self::Echo(_) | Self::Datagrams(_) => None,
        }
    }

    /// Returns the record of a call.
    #[must_use]
    pub const fn call(&self) -> Option<&CallRecord> {
        match self {
            Self::Datagrams(record) => Some(record),
            _ => None,
        }
    }

    /// Returns the bottleneck that its payload met; echoes are too few to meet one.
    #[must_use]
    pub const fn bottleneck(&self) -> Option<&BottleneckRecord> {
        match self {
            Self::Echo(_) => None,
            Self::Quic(record) | Self::Sctp(record) | Self::Tcp(record) => {
                record.bottleneck.as_ref()
            }
            Self::Datagrams(record) => record.bottleneck.as_ref(),
        }
    }
}

/// The pipe on the way of a load that was the fullest while it ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BottleneckRecord {
    /// Its name: that of the host or of the gateway's LAN, and `up` or `down` as seen from there.
    pub pipe: String,
    /// How much of the time the line was busy, with whatever traffic, in parts per million.
    pub utilisation_ppm: u32,
}

/// What arrived in intervals of one length, from the load's start on and without gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesRecord {
    /// When the first interval begins; virtual nanoseconds since the start of the run.
    pub start_at_ns: u64,
    /// The length of each in virtual nanoseconds.
    pub interval_ns: u64,
    /// Bytes of the application that arrived in each, up to the last in which any did.
    pub bytes: Vec<u64>,
}
