//! Configurations by name: what real devices do, and what the RFCs recommend.

mod bsd;
mod carrier;
mod cloud;
mod firewalls;
mod linux;
mod rfc;
mod routers;
mod software;
mod windows;

use std::fmt;
use std::sync::LazyLock;

use natbed_units::SimDuration;

use crate::{FirewallConfig, NatConfig};

/// How far a profile, or one of its properties, can be trusted as a picture of the real thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProfileStatus {
    /// Stated in a source that was read.
    Read,
    /// Measured on the real thing.
    Measured,
    /// Follows from source code that was read.
    Derived,
    /// Read in a text that quotes the original.
    Secondary,
    /// From memory or from a third party's preset; not to be used as ground truth.
    Unverified,
}

impl fmt::Display for ProfileStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Read => "read",
            Self::Measured => "measured",
            Self::Derived => "derived",
            Self::Secondary => "secondary",
            Self::Unverified => "unverified",
        })
    }
}

/// A box with a name and a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name that scenario files use.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub summary: &'static str,
    /// Where its values come from.
    pub source: &'static str,
    /// How far it can be trusted.
    pub status: ProfileStatus,
    /// The properties that `source` speaks of; see [`Profile::basis`] for the others.
    pub stated: &'static [&'static str],
    /// What the source leaves open, and what the properties cannot express.
    pub notes: Vec<Note>,
    /// The properties.
    pub behaviour: Behaviour,
}

/// A remark on properties of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The properties it is about, by the names of the fields of [`NatConfig`] or
    /// [`FirewallConfig`], which scenario files use too; none if it is about the whole box.
    pub properties: &'static [&'static str],
    /// How far the values of these properties can be trusted.
    pub status: ProfileStatus,
    /// The remark, in whole sentences.
    pub text: &'static str,
}

impl Profile {
    /// Returns how far the value of `property` can be trusted, and the note or source that says so.
    ///
    /// A property has at most one note. One that has neither a note nor is among
    /// [`Profile::stated`] is [`ProfileStatus::Unverified`]: the source is silent, and the value is
    /// that of [`NatConfig::default`], [`FirewallConfig::default`] or of the family of boxes that
    /// this one belongs to.
    #[must_use]
    pub fn basis(&self, property: &str) -> (ProfileStatus, &'static str) {
        let note = self.notes.iter().find(|note| note.properties.contains(&property));
        match note {
            Some(note) => (note.status, note.text),
            None if self.stated.contains(&property) => (self.status, self.source),
            None => (ProfileStatus::Unverified, "The source does not say."),
        }
    }
}

/// What a profile describes.
#[allow(clippy::large_enum_variant, reason = "a few dozen in all, and never moved")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// A box that translates.
    Nat(NatConfig),
    /// A box that only filters.
    Firewall(FirewallConfig),
}

impl Behaviour {
    /// Returns the properties of a box that translates.
    #[must_use]
    pub const fn nat(&self) -> Option<&NatConfig> {
        match self {
            Self::Nat(config) => Some(config),
            Self::Firewall(_) => None,
        }
    }
}

/// Returns the profile called `name`.
#[must_use]
pub fn profile(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// Returns all profiles, family by family: Linux, routers, BSD, Windows, carriers, clouds,
/// firewalls, software, and last what the RFCs ask for.
#[must_use]
pub fn profiles() -> &'static [Profile] {
    &PROFILES
}

static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    [
        linux::profiles(),
        routers::profiles(),
        bsd::profiles(),
        windows::profiles(),
        carrier::profiles(),
        cloud::profiles(),
        firewalls::profiles(),
        software::profiles(),
        rfc::profiles(),
    ]
    .concat()
});

/// Seconds as a timer.
const fn secs(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

/// A [`NatConfig::udp_stream_after`] for boxes of which only the order of packets matters: the
/// first packet after an answer starts the stream timer, however young the flow is.
const AFTER_THE_ANSWER: SimDuration = SimDuration::from_nanos(1);

/// A note on properties as trustworthy as `status` says.
const fn note(
    status: ProfileStatus,
    properties: &'static [&'static str],
    text: &'static str,
) -> Note {
    Note { properties, status, text }
}

/// A note on properties that no source which was read confirms.
const fn unverified(properties: &'static [&'static str], text: &'static str) -> Note {
    note(ProfileStatus::Unverified, properties, text)
}

/// A note on the whole box.
const fn remark(text: &'static str) -> Note {
    note(ProfileStatus::Read, &[], text)
}
