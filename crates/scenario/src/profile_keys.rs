//! `profiles:`: a user's own, with the same keys as a NAT or a firewall has.

use natbed_nat::{Behaviour, ProfileStatus};

use crate::catalogue::Catalogue;
use crate::decode::{Fields, check_name, entries, keys, text, word};
use crate::limits::MAX_PROFILES;
use crate::nat_check;
use crate::nat_keys::Mapped;
use crate::problem::{Problem, Problems};
use crate::profile::NamedProfile;
use crate::tree::Entry;
use crate::{firewall_keys, nat_keys};

const STATUSES: &[ProfileStatus] = &[
    ProfileStatus::Read,
    ProfileStatus::Measured,
    ProfileStatus::Derived,
    ProfileStatus::Secondary,
    ProfileStatus::Unverified,
];
/// The words of [`STATUSES`], as `ProfileStatus` prints them.
const STATUS_NAMES: &[&str] = &["read", "measured", "derived", "secondary", "unverified"];

/// Adds the profiles to `catalogue` in the order of the file; each can build on those before it.
pub(crate) fn decode(entry: &Entry, catalogue: &mut Catalogue<'_>, problems: &mut Problems) {
    let profiles = entries(&entry.value, "profiles", MAX_PROFILES, problems).unwrap_or_default();
    for entry in profiles {
        check_name(entry.name(), "a profile", problems);
        let name = entry.name();
        let taken = catalogue.is_taken(name.value);
        let taken = taken.or((name.value == "none").then_some("what `nat: none` means"));
        if let Some(taken) = taken {
            let message = format!("the name `{}` is taken", name.value);
            problems.push(Problem::new(name.span, message).label(format!("is {taken}")));
        }
        let profile = profile(entry, catalogue, problems);
        catalogue.add(name.value, profile);
    }
}

fn profile(
    entry: &Entry,
    catalogue: &Catalogue<'_>,
    problems: &mut Problems,
) -> Option<NamedProfile> {
    let fields = Fields::open(&entry.value, entry.key.span, &keys::PROFILE, problems)?;
    let mut words = |key, what| {
        let words = fields.optional(key, problems, |node, problems| text(node, what, problems));
        words.map_or(String::new(), |words| words.value.trim().to_owned())
    };
    let summary = words("summary", "a summary");
    let source = words("source", "a source");
    let status = fields.optional("status", problems, |node, problems| {
        word(node, "status of a profile", STATUSES, STATUS_NAMES, problems)
    });
    let status = status.unwrap_or(ProfileStatus::Unverified);
    if let Some(given) = fields.get("status").filter(|_| status != ProfileStatus::Unverified)
        && source.is_empty()
    {
        problems.push(
            Problem::new(
                given.value.span,
                format!("a profile that is `{status}` needs a `source`"),
            )
            .label("nothing says where its values come from"),
        );
    }
    let behaviour = match fields.get("firewall") {
        Some(firewall) => {
            let about = ["summary", "source", "status", "firewall"];
            for other in fields.others(&about) {
                let message = format!("`{}` belongs to a NAT", other.key.value);
                problems.push(
                    Problem::new(other.key.span, message)
                        .label("without effect here")
                        .related(firewall.key.span, "the profile describes a firewall"),
                );
            }
            Behaviour::Firewall(firewall_keys::decode(firewall, catalogue, problems)?.config)
        }
        None => {
            let Mapped { config, given, .. } =
                nat_keys::mapped(&fields, entry.key.span, catalogue, problems)?;
            nat_check::check_alone(&config, &given, problems).then_some(Behaviour::Nat(config))?
        }
    };
    Some(NamedProfile { name: entry.name().value.to_owned(), summary, source, status, behaviour })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_written_as_it_is_printed() {
        let printed: Vec<String> = STATUSES.iter().map(ToString::to_string).collect();
        assert_eq!(printed, STATUS_NAMES);
    }
}
