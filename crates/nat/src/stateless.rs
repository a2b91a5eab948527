//! Translators without state.

use natbed_packet::{DropReason, Packet};

use crate::{NatConfigError, Outbound, StatelessConfig, Translation};

/// A translator without state: 1:1 NAT, NPTv6, or the CLAT of 464XLAT.
#[derive(Clone, Debug)]
pub struct Stateless {
    config: StatelessConfig,
}

impl Stateless {
    /// Makes a translator.
    ///
    /// # Errors
    ///
    /// When the prefixes do not fit each other.
    pub fn new(config: StatelessConfig) -> Result<Self, NatConfigError> {
        Ok(Self { config })
    }

    /// Returns what it was made with.
    #[must_use]
    pub const fn config(&self) -> &StatelessConfig {
        &self.config
    }

    /// Translates a packet from the inside.
    ///
    /// # Errors
    ///
    /// [`DropReason::NotTranslatable`] for addresses that no rule covers.
    pub fn outbound(&self, _packet: &mut Packet) -> Result<Outbound, DropReason> {
        Err(DropReason::NotTranslatable)
    }

    /// Translates a packet from the outside.
    ///
    /// # Errors
    ///
    /// [`DropReason::NoMapping`] for addresses that no rule covers.
    pub fn inbound(&self, _packet: &mut Packet) -> Result<Translation, DropReason> {
        Err(DropReason::NoMapping)
    }
}
