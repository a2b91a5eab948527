//! A box with a name, wherever it is described.

use natbed_nat::{Behaviour, Note, Profile, ProfileStatus, profiles};

use crate::exit::{Abort, Exit};

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
    /// The properties that the source speaks of.
    pub(super) stated: &'a [&'a str],
    /// What the source leaves open.
    pub(super) notes: &'a [Note],
    /// The properties.
    pub(super) behaviour: &'a Behaviour,
}

impl<'a> From<&'a Profile> for Named<'a> {
    fn from(profile: &'a Profile) -> Self {
        let Profile { name, summary, source, status, stated, notes, behaviour } = profile;
        Self { name, summary, source, status: *status, stated, notes, behaviour }
    }
}

impl<'a> Named<'a> {
    /// Returns how far the value of `property` can be trusted; see [`Profile::basis`].
    pub(super) fn basis(&self, property: &str) -> (ProfileStatus, Option<&'a str>) {
        match self.notes.iter().find(|note| note.properties.contains(&property)) {
            Some(note) => (note.status, Some(note.text)),
            None if self.stated.contains(&property) => (self.status, None),
            None => (ProfileStatus::Unverified, None),
        }
    }
}

/// All profiles that come with natbed.
pub(super) fn shipped() -> Vec<Named<'static>> {
    profiles().iter().map(Named::from).collect()
}

/// Finds boxes by name, in the order of `names`.
///
/// # Errors
///
/// Exit code 2 if there is none of a name, with the names that may have been meant.
pub(super) fn find<'a>(boxes: &[Named<'a>], names: &[String]) -> Result<Vec<Named<'a>>, Abort> {
    names
        .iter()
        .map(|name| {
            let known = boxes.iter().find(|one| one.name == name).copied();
            known.ok_or_else(|| Abort::new(Exit::Usage, unknown(boxes, name)))
        })
        .collect()
}

fn unknown(boxes: &[Named<'_>], name: &str) -> String {
    let name = name.escape_debug();
    match nearest(boxes, &name.to_string()) {
        Some(nearest) => format!("there is no profile `{name}`; did you mean `{nearest}`?"),
        None => format!("there is no profile `{name}`; `natbed nat list` names them all"),
    }
}

/// The name that `text` most likely stands for: a few letters off, or the only one it is a part of.
fn nearest<'a>(boxes: &[Named<'a>], text: &str) -> Option<&'a str> {
    let lower = text.to_lowercase();
    let close = boxes
        .iter()
        .map(|one| (strsim::osa_distance(&lower, one.name), one.name))
        .filter(|(distance, _)| *distance <= (text.chars().count() / 3).clamp(1, 8))
        .min();
    let mut containing = boxes.iter().filter(|one| one.name.contains(&lower));
    close.map(|(_, name)| name).or_else(|| match (containing.next(), containing.next()) {
        (Some(one), None) => Some(one.name),
        _ => None,
    })
}
