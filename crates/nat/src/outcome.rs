//! Which pairs of NATs can be crossed directly: the closed-form rule.
//!
//! Two ICE agents behind NATs try to connect over UDP. Write `mA(d)` for A's external endpoint
//! toward a destination `d`, and `mB(d)` for B's. A direct pair `(x, y)` is valid only if
//! `x = mA(y)` and `y = mB(x)`, since a response must come from where the request went (RFC 8445
//! section 7.2.5.2.1), and each agent must come to know the other's endpoint. At first it knows
//! what the STUN server saw of the peer; it learns more only from requests that its own NAT's filter
//! lets in. From this follows, for each pair of mapping behaviours:
//!
//! - *Both EIM:* what the STUN server saw is right for everybody, and each side's own checks open
//!   its filter. Direct, whatever the filters.
//! - *One EIM (A), one not (B):* A's checks to what is known of B go to a mapping that B does not
//!   use toward A. B's checks come from one that A has never sent to: they pass unless A filters by
//!   port. If they pass, A learns the mapping from them. Direct unless A is APDF; B's filter does
//!   not matter, because by then B has sent to A from just there.
//! - *ADM and ADM, ADM and APDM:* neither knows the mapping the other uses toward it. The first
//!   check must therefore pass on a mapping made for the STUN server, which takes a side with EIF
//!   (or with permissions kept for the internal endpoint, see [`FilterScope`]); the answers come
//!   from an unknown port, so no side may be APDF. ADM then has one mapping for the peer's
//!   address, and the two converge.
//! - *APDM and APDM:* every answer to a newly learnt port leaves from another new port. Never.
//!
//! It takes for granted: one external address for each NAT, UDP allowed, two full ICE agents that
//! send checks for longer than their start differs, ports that cannot be guessed, timers longer
//! than the checks take, and no early packet that a WAN input accepts. An APDM or ADM NAT that
//! keeps the port, and meets no clash, is EIM here; so is no NAT at all.

use crate::{Filtering, Mapping, NatConfig};

/// The two properties of a NAT that decide whether it can be crossed.
///
/// No NAT at all is EIM and EIF; a stateful firewall alone is EIM with the firewall's filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NatClass {
    /// Mapping behaviour.
    pub mapping: Mapping,
    /// Filtering behaviour.
    pub filtering: Filtering,
}

/// What a filter's permissions belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FilterScope {
    /// The mapping, as in most software.
    Mapping,
    /// The internal endpoint, whatever mapping it sent through: the words of RFC 4787 section 5.
    InternalEndpoint,
}

/// Says whether two ICE agents behind `a` and `b` can connect directly.
///
/// Symmetric in `a` and `b`. The two scopes differ in 3 of the 81 pairs of classes. For an agent
/// behind several NATs, or two agents behind a common one that hairpins, see [`Composite`].
#[must_use]
pub fn direct_possible(a: NatClass, b: NatClass, scope: FilterScope) -> bool {
    Composite { class: a, scope }.direct_with(Composite { class: b, scope })
}

impl From<&NatConfig> for NatClass {
    fn from(config: &NatConfig) -> Self {
        Self { mapping: config.mapping, filtering: config.filtering }
    }
}

impl NatClass {
    /// Describes this NAT behind another one, as seen from outside both.
    #[must_use]
    pub fn behind(self, outer: Self) -> Composite {
        Composite::from(self).behind(outer)
    }
}

/// What one NAT, or a chain of NATs one behind the other, is like when seen from outside.
///
/// A chain maps as its most dependent member and filters as its most restrictive one. One thing
/// more matters: a member that filters by address, but is itself reached through one mapping only,
/// keeps its permissions for the endpoint, even if a member further out splits the mapping later.
/// The scope keeps account of that, and makes the rule exact for chains: it agrees with the engine
/// for every pair of chains of two NATs, for every chain of three against every NAT, and for every
/// pair of NATs behind a common one that hairpins with the external source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Composite {
    /// The most dependent mapping and the most restrictive filter.
    pub class: NatClass,
    /// What the permissions of an ADF filter belong to; of no consequence with EIM, EIF or APDF.
    pub scope: FilterScope,
}

impl From<NatClass> for Composite {
    fn from(class: NatClass) -> Self {
        Self { class, scope: scope_of(class.mapping) }
    }
}

/// With one mapping for each endpoint, to keep permissions for either is the same.
const fn scope_of(mapping: Mapping) -> FilterScope {
    match mapping {
        Mapping::EndpointIndependent => FilterScope::InternalEndpoint,
        _ => FilterScope::Mapping,
    }
}

impl Composite {
    /// Describes this NAT or chain behind another NAT.
    #[must_use]
    pub fn behind(self, outer: NatClass) -> Self {
        let class = NatClass {
            mapping: self.class.mapping.max(outer.mapping),
            filtering: self.class.filtering.max(outer.filtering),
        };
        let filters = |class: NatClass| class.filtering != Filtering::EndpointIndependent;
        let scope = if filters(outer) && scope_of(class.mapping) == FilterScope::Mapping
            || filters(self.class) && self.scope == FilterScope::Mapping
        {
            FilterScope::Mapping
        } else {
            FilterScope::InternalEndpoint
        };
        Self { class, scope }
    }

    /// Says whether ICE agents behind this and `other` can connect directly.
    ///
    /// If both are behind one NAT that hairpins with the external source, both composites include
    /// it. If it does not hairpin so, they cannot.
    #[must_use]
    pub fn direct_with(self, other: Self) -> bool {
        use Filtering::{AddressAndPortDependent as Apdf, EndpointIndependent as Eif};
        use Mapping::{AddressAndPortDependent as Apdm, EndpointIndependent as Eim};
        let (a, b) = (self.class, other.class);
        match (a.mapping, b.mapping) {
            (Eim, Eim) => true,
            (Eim, _) => a.filtering != Apdf,
            (_, Eim) => b.filtering != Apdf,
            (Apdm, Apdm) => false,
            _ => {
                let lets_first_check_in = |side: Self| {
                    side.class.filtering == Eif || side.scope == FilterScope::InternalEndpoint
                };
                a.filtering != Apdf
                    && b.filtering != Apdf
                    && (lets_first_check_in(self) || lets_first_check_in(other))
            }
        }
    }
}
