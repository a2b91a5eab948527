//! The profiles that a file can name: built in, given beside the file, and its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use natbed_nat::{Behaviour, profiles};
use natbed_units::trace::Trace;

use crate::problem::{Problem, Problems};
use crate::profile::NamedProfile;
use crate::scenario::ProfileRef;
use crate::traces::Traces;
use crate::tree::Located;

#[derive(Debug)]
pub(crate) struct Catalogue<'p> {
    /// Those given beside the file.
    given: &'p [NamedProfile],
    /// The traces that were read; none where there are no links.
    traces: Option<&'p Traces>,
    /// Those of the file itself that were read so far; without one where something was reported.
    own: BTreeMap<String, (usize, Option<NamedProfile>)>,
}

impl<'p> Catalogue<'p> {
    pub(crate) const fn new(given: &'p [NamedProfile]) -> Self {
        Self { given, traces: None, own: BTreeMap::new() }
    }

    /// Adds the traces that links may name.
    pub(crate) const fn with_traces(mut self, traces: &'p Traces) -> Self {
        self.traces = Some(traces);
        self
    }

    /// Finds the trace in the file that is named so, or why there is none.
    pub(crate) fn trace(&self, name: &str) -> Option<&'p Result<Arc<Trace>, String>> {
        self.traces.and_then(|traces| traces.get(name))
    }

    /// Adds one of the file's own; `None` if something about it was reported.
    pub(crate) fn add(&mut self, name: &str, profile: Option<NamedProfile>) {
        self.own.insert(name.to_owned(), (self.own.len(), profile));
    }

    /// Returns the file's own, in its order.
    pub(crate) fn into_own(self) -> Vec<NamedProfile> {
        let mut own: Vec<_> = self.own.into_values().collect();
        own.sort_unstable_by_key(|(place, _)| *place);
        own.into_iter().filter_map(|(_, profile)| profile).collect()
    }

    /// Says where `name` is taken, if it is.
    pub(crate) fn is_taken(&self, name: &str) -> Option<&'static str> {
        if natbed_nat::profile(name).is_some() {
            return Some("built in");
        }
        self.given.iter().any(|profile| profile.name == name).then_some("given beside this file")
    }

    /// Finds the profile called `name`, or reports that there is none; `what` is for the message.
    pub(crate) fn find(
        &self,
        name: Located<&str>,
        what: &str,
        problems: &mut Problems,
    ) -> Option<(ProfileRef, &Behaviour)> {
        if let Some((_, own)) = self.own.get(name.value) {
            let own = own.as_ref()?;
            return Some((own.into(), &own.behaviour));
        }
        if let Some(given) = self.given.iter().find(|profile| profile.name == name.value) {
            return Some((given.into(), &given.behaviour));
        }
        if let Some(profile) = natbed_nat::profile(name.value) {
            let reference = ProfileRef {
                name: profile.name.to_owned(),
                status: profile.status,
                source: profile.source.to_owned(),
            };
            return Some((reference, &profile.behaviour));
        }
        let is_nat = what == "NAT";
        let fits = move |behaviour: &Behaviour| behaviour.nat().is_some() == is_nat;
        let own = self.own.values().filter_map(|(_, profile)| profile.as_ref());
        let users = self.given.iter().chain(own).filter(move |profile| fits(&profile.behaviour));
        let built_in = profiles().iter().filter(move |profile| fits(&profile.behaviour));
        let names =
            built_in.map(|profile| profile.name).chain(users.map(|profile| profile.name.as_str()));
        problems.unknown(name.span, &format!("{what} profile"), name.value, names);
        None
    }

    /// The problem of a profile that is `kind` and belongs under `key`.
    pub(crate) fn other_kind(name: Located<&str>, kind: &str, key: &str) -> Problem {
        Problem::new(name.span, format!("the profile `{}` describes {kind}", name.value))
            .label("cannot be used here")
            .help(format!("it can be used under `{key}`"))
    }
}
