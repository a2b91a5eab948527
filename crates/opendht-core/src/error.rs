//! What can go wrong with the core.

use thiserror::Error;

/// Why there is no node, or not any more.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CoreError {
    /// The executable is linked in a way in which the core would not be deterministic.
    #[error("`{symbol}` of the C++ library was not replaced when this program was linked")]
    NotInterposed {
        /// The mangled name of the first such function.
        symbol: String,
    },
    /// A node could not be made.
    #[error("no OpenDHT node could be made: {reason}")]
    NotMade {
        /// What the core says.
        reason: String,
    },
    /// The core has thrown an exception, after which it is not in a state to go on.
    ///
    /// In a program of its own it would have ended that program.
    #[error("the OpenDHT core has failed: {reason}")]
    Thrown {
        /// What the core says.
        reason: String,
    },
    /// What was to be put is no value.
    #[error("not an OpenDHT value in MessagePack")]
    NotAValue,
}
