//! The words that scenario files use for the properties.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::{
    Action, Exhausted, FilterScope, Filtering, Fragments, Hairpin, Mapping, Pooling,
    PortAllocation, PortClasses, UnsolicitedTcp, WanInput,
};

/// A word that names no value of a property.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{word}` is no {property}: expected {}", .expected.join(", "))]
pub struct UnknownWord {
    /// The word as given.
    pub word: String,
    /// The property it was given for.
    pub property: &'static str,
    /// The words that the property knows.
    pub expected: &'static [&'static str],
}

macro_rules! words {
    ($($type:ident, $property:literal: { $($variant:ident = $word:literal),+ })+) => {$(
        impl $type {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for each value of `ALL`, as scenario files write it.
            pub const NAMES: &'static [&'static str] = &[$($word),+];
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $word),+ })
            }
        }

        impl FromStr for $type {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord {
                        word: word.to_owned(),
                        property: $property,
                        expected: Self::NAMES,
                    }),
                }
            }
        }
    )+};
}

words! {
    Mapping, "mapping behaviour": {
        EndpointIndependent = "eim",
        AddressDependent = "adm",
        AddressAndPortDependent = "apdm"
    }
    Filtering, "filtering behaviour": {
        EndpointIndependent = "eif",
        AddressDependent = "adf",
        AddressAndPortDependent = "apdf"
    }
    PortAllocation, "port allocation": {
        Preserve = "preserve",
        PreserveWithOverload = "overload",
        Strict = "strict",
        Sequential = "sequential",
        Random = "random"
    }
    PortClasses, "set of port classes": {
        Two = "two",
        Three = "three",
        Linux = "linux",
        Unprivileged = "unprivileged"
    }
    Pooling, "pooling behaviour": {
        Paired = "paired",
        Arbitrary = "arbitrary"
    }
    FilterScope, "filter scope": {
        Mapping = "mapping",
        InternalEndpoint = "endpoint"
    }
    UnsolicitedTcp, "answer to unsolicited TCP": {
        WanInput = "wan_input",
        Drop = "drop",
        Reject = "reject",
        Reset = "reset",
        Delay = "delay"
    }
    Fragments, "treatment of fragments": {
        AnyOrder = "any_order",
        InOrder = "in_order",
        Drop = "drop"
    }
    Exhausted, "answer of a full box": {
        Silent = "silent",
        Prohibited = "prohibited",
        HostUnreachable = "host_unreachable"
    }
    Hairpin, "hairpin behaviour": {
        None = "none",
        InternalSource = "internal",
        ExternalSource = "external"
    }
    WanInput, "WAN input policy": {
        Drop = "drop",
        Reject = "reject",
        Accept = "accept"
    }
    Action, "firewall action": {
        Allow = "allow",
        Drop = "drop",
        Reject = "reject"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T>(all: &[T], names: &[&str])
    where
        T: Copy + fmt::Debug + fmt::Display + PartialEq + FromStr<Err = UnknownWord>,
    {
        assert_eq!(all.len(), names.len());
        for (value, name) in all.iter().zip(names) {
            assert_eq!(value.to_string(), *name);
            assert_eq!(name.parse::<T>(), Ok(*value));
        }
    }

    #[test]
    fn every_value_reads_and_prints_its_word() {
        check(Mapping::ALL, &["eim", "adm", "apdm"]);
        check(Filtering::ALL, &["eif", "adf", "apdf"]);
        check(PortAllocation::ALL, &["preserve", "overload", "strict", "sequential", "random"]);
        check(PortClasses::ALL, &["two", "three", "linux", "unprivileged"]);
        check(Pooling::ALL, &["paired", "arbitrary"]);
        check(FilterScope::ALL, &["mapping", "endpoint"]);
        check(UnsolicitedTcp::ALL, &["wan_input", "drop", "reject", "reset", "delay"]);
        check(Fragments::ALL, &["any_order", "in_order", "drop"]);
        check(Exhausted::ALL, &["silent", "prohibited", "host_unreachable"]);
        check(Hairpin::ALL, &["none", "internal", "external"]);
        check(WanInput::ALL, &["drop", "reject", "accept"]);
        check(Action::ALL, &["allow", "drop", "reject"]);
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_known_ones() {
        let error = "EIM".parse::<Mapping>().unwrap_err();
        assert_eq!(error.expected, Mapping::NAMES);
        assert_eq!(error.to_string(), "`EIM` is no mapping behaviour: expected eim, adm, apdm");
    }
}
