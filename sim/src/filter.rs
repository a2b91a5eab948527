//! `--filter`: which cases and sessions to run.

use crate::select::Selected;

use crate::exit::{Abort, Exit};

/// A filter: words that must all match.
///
/// A word `axis=label` matches cases with that label (`*` in it stands for any text); any other word matches when it is part of the case's name, which is
/// `scenario/axis=label,axis=label`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    words: Vec<Word>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Axis { axis: String, label: String },
    Part(String),
}

impl Filter {
    /// Reads the text of a `--filter` option; words are separated by spaces.
    ///
    /// # Errors
    ///
    /// Exit code 94 for an empty filter or one without an axis or label around its `=`.
    pub fn parse(text: &str) -> Result<Self, Abort> {
        let words = text.split_whitespace().map(Word::parse).collect::<Result<Vec<_>, _>>()?;
        if words.is_empty() {
            return Err(Abort::new(Exit::BadFilter, "the filter is empty"));
        }
        Ok(Self { words })
    }

    /// Says whether a case is wanted.
    #[must_use]
    pub fn matches(&self, scenario: &str, labels: &[(String, String)]) -> bool {
        let name = case_name(scenario, labels);
        self.words.iter().all(|word| match word {
            Word::Part(part) => name.contains(part.as_str()),
            Word::Axis { axis, label } => {
                labels.iter().any(|(a, l)| a == axis && label_matches(label, l))
            }
        })
    }

    /// Checks that every axis named is an axis of at least one scenario.
    ///
    /// # Errors
    ///
    /// Exit code 94, with the axes there are.
    pub fn check_axes(&self, selected: &[Selected]) -> Result<(), Abort> {
        let mut known: Vec<&str> = selected
            .iter()
            .flat_map(|selected| selected.document.axes())
            .map(|axis| axis.name.as_str())
            .collect();
        known.sort_unstable();
        known.dedup();
        for word in &self.words {
            if let Word::Axis { axis, .. } = word
                && !known.contains(&axis.as_str())
            {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let message =
                    format!("the filter names the axis `{axis}`; the scenarios have: {known}");
                return Err(Abort::new(Exit::BadFilter, message));
            }
        }
        Ok(())
    }
}

impl Word {
    fn parse(text: &str) -> Result<Self, Abort> {
        match text.split_once('=') {
            None => Ok(Self::Part(text.to_owned())),
            // A whole case name, as `natbed list` prints it, contains `/` before its first `=`.
            Some((axis, _)) if axis.contains('/') => Ok(Self::Part(text.to_owned())),
            Some((axis, label)) if !axis.is_empty() && !label.is_empty() => {
                Ok(Self::Axis { axis: axis.to_owned(), label: label.to_owned() })
            }
            Some(_) => Err(Abort::new(
                Exit::BadFilter,
                format!("`{text}` is not a filter: expected TEXT or AXIS=LABEL"),
            )),
        }
    }
}

/// Matches a label against a pattern in which `*` stands for any text.
fn label_matches(pattern: &str, label: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return label == pattern };
    let Some(mut label) = label.strip_prefix(start) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return label.ends_with(part);
        }
        match label.find(part) {
            Some(at) => label = &label[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// The name of a case: `scenario/axis=label,axis=label`.
#[must_use]
pub fn case_name(scenario: &str, labels: &[(String, String)]) -> String {
    let mut name = scenario.to_owned();
    for (index, (axis, label)) in labels.iter().enumerate() {
        name.push(if index == 0 { '/' } else { ',' });
        name.push_str(axis);
        name.push('=');
        name.push_str(label);
    }
    name
}

/// The filter that selects a case by all its labels.
///
/// Words of a filter are separated by spaces, so that spaces in a label become `*`.
#[must_use]
pub fn exact_filter(labels: &[(String, String)]) -> String {
    let glob = |label: &str| label.split_whitespace().collect::<Vec<_>>().join("*");
    labels.iter().map(|(a, l)| format!("{a}={}", glob(l))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Filter, case_name, exact_filter};
    use crate::exit::Exit;

    fn labels() -> Vec<(String, String)> {
        [("alice", "EIM/APDF"), ("bob", "ADM/EIF")]
            .map(|(a, l)| (a.to_owned(), l.to_owned()))
            .to_vec()
    }

    #[test]
    fn words_must_all_match() {
        let matches = |text: &str| Filter::parse(text).unwrap().matches("nat-matrix", &labels());
        assert!(matches("matrix"));
        assert!(matches("alice=EIM/APDF"));
        assert!(matches("alice=EIM* bob=*EIF"));
        assert!(!matches("alice=EIM"));
        assert!(!matches("alice=EIM* bob=*APDF"));
        assert!(!matches("hairpin"));
    }

    #[test]
    fn a_repeated_case_is_found_by_its_labels() {
        let labels = [("order".to_owned(), "[alice, bob]".to_owned())];
        let filter = exact_filter(&labels);
        assert_eq!(filter, "order=[alice,*bob]");
        assert!(Filter::parse(&filter).unwrap().matches("late-start", &labels));
        let other = [("order".to_owned(), "[bob, alice]".to_owned())];
        assert!(!Filter::parse(&filter).unwrap().matches("late-start", &other));
    }

    #[test]
    fn a_listed_case_name_selects_that_case() {
        let name = case_name("nat-matrix", &labels());
        assert_eq!(name, "nat-matrix/alice=EIM/APDF,bob=ADM/EIF");
        assert!(Filter::parse(&name).unwrap().matches("nat-matrix", &labels()));
    }

    #[test]
    fn bad_filters_have_their_own_exit_code() {
        for text in ["", "  ", "=EIM", "alice="] {
            assert_eq!(Filter::parse(text).unwrap_err().exit, Exit::BadFilter, "{text:?}");
        }
    }
}
