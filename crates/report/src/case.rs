//! A point of a scenario's matrix.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// One label for each axis of a scenario's matrix, in the order of the axes.
///
/// Empty for a scenario without a matrix. In JSON an object that keeps the
/// order. Axis names are unique: of two labels for one axis the later counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Case(Vec<(String, String)>);

impl Case {
    /// Returns the (axis, label) pairs in the order of the axes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(axis, label)| (axis.as_str(), label.as_str()))
    }

    /// Returns the number of axes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Says whether the scenario has no matrix.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, String)> for Case {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut case = Self::default();
        for (axis, label) in pairs {
            match case.0.iter_mut().find(|(known, _)| *known == axis) {
                Some((_, old)) => *old = label,
                None => case.0.push((axis, label)),
            }
        }
        case
    }
}

/// Prints `axis=label axis=label`.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (axis, label)) in self.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{axis}={label}")?;
        }
        Ok(())
    }
}

impl Serialize for Case {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Case {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Case;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of axis names and labels")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Case, A::Error> {
                std::iter::from_fn(|| map.next_entry().transpose()).collect()
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
