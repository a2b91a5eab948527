//! What stands in a gateway: a NAT with mappings or a translator by rule.

use std::net::IpAddr;

use natbed_packet::{DropReason, IcmpErrorKind, Packet};
use natbed_units::{SimRng, SimTime};

use crate::{
    Answer, MappingEnded, Nat, NatConfigError, Outbound, Stateless, Translation, TranslatorConfig,
};

/// A translator of either kind, driven like a [`Nat`].
// One for each gateway and never moved: the large variant costs nothing.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
pub enum Translator {
    /// With mappings.
    Nat(Nat),
    /// By rule.
    Stateless(Stateless),
}

impl Translator {
    /// Makes a translator; `externals` are the addresses of the gateway's outside, the first its
    /// own, which only a NAT translates to.
    ///
    /// # Errors
    ///
    /// What is wrong with the configuration.
    pub fn new(
        config: TranslatorConfig,
        externals: Vec<IpAddr>,
        rng: SimRng,
    ) -> Result<Self, NatConfigError> {
        Ok(match config {
            TranslatorConfig::Nat(config) => Self::Nat(Nat::with_pool(config, externals, rng)?),
            TranslatorConfig::Stateless(config) => Self::Stateless(Stateless::new(config)?),
        })
    }

    /// Translates a packet from the inside.
    ///
    /// # Errors
    ///
    /// As [`Nat::outbound`] and [`Stateless::outbound`].
    #[inline]
    pub fn outbound(&mut self, now: SimTime, packet: &mut Packet) -> Result<Outbound, DropReason> {
        match self {
            Self::Nat(nat) => nat.outbound(now, packet),
            Self::Stateless(stateless) => stateless.outbound(packet),
        }
    }

    /// Translates a packet from the outside.
    ///
    /// # Errors
    ///
    /// As [`Nat::inbound`] and [`Stateless::inbound`].
    #[inline]
    pub fn inbound(
        &mut self,
        now: SimTime,
        packet: &mut Packet,
    ) -> Result<Translation, DropReason> {
        match self {
            Self::Nat(nat) => nat.inbound(now, packet),
            Self::Stateless(stateless) => stateless.inbound(packet),
        }
    }

    /// Returns the ICMP error that the box answers a drop for `reason` with, if it answers.
    #[must_use]
    pub fn icmp_error(&self, reason: DropReason) -> Option<IcmpErrorKind> {
        match self {
            Self::Nat(nat) => nat.icmp_error(reason),
            Self::Stateless(_) => reason.icmp_error(),
        }
    }

    /// Returns when to call [`Translator::handle_timeout`] next.
    #[must_use]
    #[inline]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        match self {
            Self::Nat(nat) => nat.poll_timeout(),
            Self::Stateless(_) => None,
        }
    }

    /// Ends what has expired; to call it early, late or twice does no harm.
    pub fn handle_timeout(&mut self, now: SimTime) {
        if let Self::Nat(nat) = self {
            nat.handle_timeout(now);
        }
    }

    /// Returns the next packet that the box sends of its own accord; see [`Nat::poll_answer`].
    #[must_use]
    pub fn poll_answer(&mut self) -> Option<Answer> {
        match self {
            Self::Nat(nat) => nat.poll_answer(),
            Self::Stateless(_) => None,
        }
    }

    /// Returns the next mapping that has ended; see [`Nat::poll_ended`].
    #[must_use]
    pub fn poll_ended(&mut self) -> Option<MappingEnded> {
        match self {
            Self::Nat(nat) => nat.poll_ended(),
            Self::Stateless(_) => None,
        }
    }

    /// Forgets all state but what was set up by hand.
    pub fn flush(&mut self) {
        if let Self::Nat(nat) = self {
            nat.flush();
        }
    }

    /// Forgets all state and goes on with other external addresses; a translator by rule has none
    /// of its own.
    ///
    /// # Errors
    ///
    /// As [`Nat::set_externals`].
    pub fn set_externals(&mut self, externals: Vec<IpAddr>) -> Result<(), NatConfigError> {
        match self {
            Self::Nat(nat) => nat.set_externals(externals),
            Self::Stateless(_) => Ok(()),
        }
    }
}
