//! Configurations by name that are not built in: a user's own.

use natbed_nat::{Behaviour, Profile, ProfileStatus};

use crate::catalogue::Catalogue;
use crate::decode::{Fields, keys};
use crate::diagnostic::Diagnostics;
use crate::document::is_supported;
use crate::problem::Problems;
use crate::profile_keys;
use crate::scenario::ProfileRef;
use crate::source::Source;
use crate::yaml::{self, Budget};

/// A configuration with a name, built in or a user's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedProfile {
    /// The name that scenario files use.
    pub name: String,
    /// What it is, in one sentence; may be empty.
    pub summary: String,
    /// Where its values come from; may be empty if it is unverified.
    pub source: String,
    /// How far it can be trusted.
    pub status: ProfileStatus,
    /// The properties.
    pub behaviour: Behaviour,
}

impl From<&Profile> for NamedProfile {
    fn from(profile: &Profile) -> Self {
        Self {
            name: profile.name.to_owned(),
            summary: profile.summary.to_owned(),
            source: profile.source.to_owned(),
            status: profile.status,
            behaviour: profile.behaviour.clone(),
        }
    }
}

impl From<&NamedProfile> for ProfileRef {
    fn from(profile: &NamedProfile) -> Self {
        Self { name: profile.name.clone(), status: profile.status, source: profile.source.clone() }
    }
}

/// Reads a file that has only `natbed: 1` and `profiles:`, in the order of the file.
///
/// ```
/// use natbed_scenario::{Source, load_profiles};
///
/// let text = "
/// natbed: 1
/// profiles:
///   my-box: { profile: linux-masquerade, udp_timeout: 20s }
/// ";
/// let profiles = load_profiles(Source { name: "mine.yaml".into(), text: text.into() })?;
/// assert_eq!(profiles[0].name, "my-box");
/// # Ok::<(), natbed_scenario::Diagnostics>(())
/// ```
///
/// # Errors
///
/// All that is wrong with the file, not only the first.
pub fn load_profiles(source: Source) -> Result<Vec<NamedProfile>, Diagnostics> {
    let mut problems = Problems::default();
    let profiles = decode(&source.text, &mut problems);
    match profiles {
        Some(profiles) if problems.is_empty() => Ok(profiles),
        _ => Err(Diagnostics::new(source, problems.take())),
    }
}

fn decode(text: &str, problems: &mut Problems) -> Option<Vec<NamedProfile>> {
    let root = yaml::parse(text, Budget::SCENARIO, problems)?;
    if !is_supported(&root, problems) {
        return None;
    }
    let fields = Fields::open(&root, root.span, &keys::PROFILE_FILE, problems)?;
    fields.required("natbed", problems);
    let profiles = fields.required("profiles", problems)?;
    let mut catalogue = Catalogue::new(&[]);
    profile_keys::decode(profiles, &mut catalogue, problems);
    Some(catalogue.into_own())
}
