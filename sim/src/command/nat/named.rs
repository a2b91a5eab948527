//! A box with a name, wherever it is described.

use std::fs;
use std::path::Path;

use natbed_nat::{Behaviour, Note, Profile, ProfileStatus, profiles};
use natbed_scenario::{NamedProfile, Source, load_profiles};

use crate::exit::{Abort, Exit};

/// A named box: one of the profiles that come with natbed, or one from a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    /// The name that scenario files use.
    pub(super) name: &'a str,
    /// What it is, in one sentence; may be empty.
    pub(super) summary: &'a str,
    /// Where its values come from; may be empty.
    pub(super) source: &'a str,
    /// How far it can be trusted.
    pub(super) status: ProfileStatus,
    /// The properties that the source speaks of; `None` for all, as a user's own file has it.
    pub(super) stated: Option<&'a [&'a str]>,
    /// What the source leaves open.
    pub(super) notes: &'a [Note],
    /// The properties.
    pub(super) behaviour: &'a Behaviour,
}

impl<'a> From<&'a Profile> for Named<'a> {
    fn from(profile: &'a Profile) -> Self {
        let Profile { name, summary, source, status, stated, notes, behaviour } = profile;
        Self { name, summary, source, status: *status, stated: Some(stated), notes, behaviour }
    }
}

impl<'a> From<&'a NamedProfile> for Named<'a> {
    fn from(profile: &'a NamedProfile) -> Self {
        let NamedProfile { name, summary, source, status, behaviour } = profile;
        Self { name, summary, source, status: *status, stated: None, notes: &[], behaviour }
    }
}

impl Named<'_> {
    /// Returns how far the value of `property` can be trusted; see [`Profile::basis`].
    pub(super) fn status_of(&self, property: &str) -> ProfileStatus {
        let note = self.notes.iter().find(|note| note.properties.contains(&property));
        match (note, self.stated) {
            (Some(note), _) => note.status,
            (None, Some(stated)) if !stated.contains(&property) => ProfileStatus::Unverified,
            _ => self.status,
        }
    }
}

/// All profiles that come with natbed.
pub(super) fn shipped<'a>() -> impl Iterator<Item = Named<'a>> {
    profiles().iter().map(Named::from)
}

/// Reads a file of profiles.
///
/// # Errors
///
/// Exit code 2 if the file cannot be read, 95 if anything is wrong with it.
pub(super) fn load(path: &Path) -> Result<Vec<NamedProfile>, Abort> {
    fs::metadata(path).map_err(|error| {
        Abort::new(Exit::Usage, format!("cannot read {}: {error}", path.display()))
    })?;
    let source = Source::read(path).map_err(|error| {
        Abort::new(Exit::InvalidScenario, format!("{:#}", anyhow::Error::new(error)))
    })?;
    load_profiles(source).map_err(|diagnostics| {
        let color = crate::command::stderr_takes_color();
        Abort::new(Exit::InvalidScenario, diagnostics.render(color).trim_end())
    })
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
