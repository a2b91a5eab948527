//! A box with a name, wherever it is described.

use natbed_nat::{Behaviour, Profile, ProfileStatus, profiles};

/// A named box: one of the profiles that come with natbed, or one from a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    /// The name that scenario files use.
    pub(super) name: &'a str,
    /// What it is, in one sentence.
    pub(super) summary: &'a str,
    /// Where its values come from.
    pub(super) source: &'a str,
    /// How far it can be trusted.
    pub(super) status: ProfileStatus,
    /// The properties.
    pub(super) behaviour: &'a Behaviour,
}

impl Named<'static> {
    /// All profiles that come with natbed.
    pub(super) fn shipped() -> Vec<Self> {
        profiles().iter().map(Self::from).collect()
    }
}

impl<'a> From<&'a Profile> for Named<'a> {
    fn from(profile: &'a Profile) -> Self {
        let Profile { name, summary, source, status, behaviour, .. } = profile;
        Self { name, summary, source, status: *status, behaviour }
    }
}
