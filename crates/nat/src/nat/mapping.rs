//! Mappings: flows that share an external endpoint because the mapping behaviour says so.

use std::collections::BTreeMap;
use std::net::IpAddr;

use natbed_packet::{DropReason, Endpoint, Protocol};
use natbed_units::LookupMap;

use super::External;
use crate::{Filtering, Mapping};

/// What flows must have in common to share an external endpoint (RFC 4787 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct MappingKey {
    pub(super) protocol: Protocol,
    pub(super) internal: Endpoint,
    toward: Toward,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Toward {
    Anywhere,
    Address(IpAddr),
    Endpoint(Endpoint),
}

impl MappingKey {
    pub(super) fn new(
        behaviour: Mapping,
        protocol: Protocol,
        internal: Endpoint,
        remote: Endpoint,
    ) -> Self {
        let toward = match behaviour {
            Mapping::EndpointIndependent => Toward::Anywhere,
            Mapping::AddressDependent => Toward::Address(remote.ip),
            Mapping::AddressAndPortDependent => Toward::Endpoint(remote),
        };
        Self { protocol, internal, toward }
    }

    pub(super) const fn anywhere(protocol: Protocol, internal: Endpoint) -> Self {
        Self { protocol, internal, toward: Toward::Anywhere }
    }
}

/// Names a mapping for its lifetime; older mappings have smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MappingId(u64);

/// An external endpoint of a protocol, as mappings hold it.
type Held = (Protocol, External);

#[derive(Clone, Copy, Debug)]
pub(super) struct MappingEntry {
    pub(super) key: MappingKey,
    /// A forward set up by hand: lasts without flows, and lets everybody in.
    pub(super) forward: bool,
    flows: u32,
}

/// All mappings, with what is needed to reuse and to filter them.
///
/// With an exclusive port allocation each external endpoint has one mapping. With overloading, it
/// may have several, and a key as well (before and after a clash).
#[derive(Clone, Debug)]
pub(super) struct MappingTable {
    filtering: Filtering,
    next_serial: u64,
    /// Ordered by age within an external endpoint.
    by_external: BTreeMap<(Held, MappingId), MappingEntry>,
    by_key_and_external: LookupMap<(MappingKey, External), MappingId>,
    /// The external endpoint of each flow, ordered by the flow's age within a key.
    flow_externals: BTreeMap<(MappingKey, u64), External>,
    /// How many flows a mapping has with an address; kept for ADF only.
    admitted: BTreeMap<(Held, IpAddr, MappingId), u32>,
}

/// What [`MappingTable::attach`] gives a flow.
pub(super) struct Attached {
    pub(super) mapping: MappingId,
    pub(super) serial: u64,
    /// Whether the mapping is new.
    pub(super) created: bool,
}

impl MappingTable {
    pub(super) fn new(filtering: Filtering) -> Self {
        Self {
            filtering,
            next_serial: 0,
            by_external: BTreeMap::new(),
            by_key_and_external: LookupMap::new(),
            flow_externals: BTreeMap::new(),
            admitted: BTreeMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_external.len()
    }

    fn serial(&mut self) -> u64 {
        self.next_serial += 1;
        self.next_serial
    }

    pub(super) fn add_forward(
        &mut self,
        protocol: Protocol,
        external: External,
        internal: Endpoint,
    ) {
        self.open(MappingKey::anywhere(protocol, internal), external, true);
    }

    fn open(&mut self, key: MappingKey, external: External, forward: bool) -> MappingId {
        let id = MappingId(self.serial());
        self.by_key_and_external.insert((key, external), id);
        let entry = MappingEntry { key, forward, flows: 0 };
        self.by_external.insert(((key.protocol, external), id), entry);
        id
    }

    /// Returns the external endpoint that the key's newest flow has.
    pub(super) fn reusable(&self, key: &MappingKey) -> Option<External> {
        let of_key = self.flow_externals.range((*key, 0)..=(*key, u64::MAX));
        of_key.last().map(|(_, external)| *external)
    }

    /// Finds the mapping that takes a packet from `remote` which belongs to no flow: the oldest at
    /// the external endpoint whose filter lets it in.
    pub(super) fn admitting(
        &self,
        protocol: Protocol,
        external: External,
        remote: IpAddr,
    ) -> Result<MappingEntry, DropReason> {
        let held = (protocol, external);
        let mut mappings =
            self.by_external.range((held, MappingId(0))..=(held, MappingId(u64::MAX)));
        let (_, oldest) = mappings.next().ok_or(DropReason::NoMapping)?;
        // Forwards are set up before anything else, so one can only be the oldest.
        if oldest.forward || self.filtering == Filtering::EndpointIndependent {
            return Ok(*oldest);
        }
        let (first, last) = ((held, remote, MappingId(0)), (held, remote, MappingId(u64::MAX)));
        let admitted = self.admitted.range(first..=last).next();
        admitted
            .and_then(|(&(_, _, id), _)| self.by_external.get(&(held, id)))
            .copied()
            .ok_or(DropReason::Filtered)
    }

    /// Adds a flow toward `remote` to the mapping of `key` at `external`, which is made if need be.
    pub(super) fn attach(
        &mut self,
        key: MappingKey,
        external: External,
        remote: IpAddr,
    ) -> Attached {
        let known = self.by_key_and_external.get(&(key, external)).copied();
        let mapping = known.unwrap_or_else(|| self.open(key, external, false));
        let held = (key.protocol, external);
        if let Some(entry) = self.by_external.get_mut(&(held, mapping)) {
            entry.flows += 1;
        }
        if self.filtering == Filtering::AddressDependent {
            *self.admitted.entry((held, remote, mapping)).or_insert(0) += 1;
        }
        let serial = self.serial();
        self.flow_externals.insert((key, serial), external);
        Attached { mapping, serial, created: known.is_none() }
    }

    /// Takes a flow away from its mapping and says whether that ended the mapping.
    pub(super) fn detach(
        &mut self,
        held: Held,
        remote: IpAddr,
        id: MappingId,
        serial: u64,
    ) -> bool {
        if let Some(count) = self.admitted.get_mut(&(held, remote, id)) {
            *count -= 1;
            if *count == 0 {
                self.admitted.remove(&(held, remote, id));
            }
        }
        let Some(entry) = self.by_external.get_mut(&(held, id)) else {
            return false;
        };
        let key = entry.key;
        entry.flows -= 1;
        let ended = entry.flows == 0 && !entry.forward;
        self.flow_externals.remove(&(key, serial));
        if ended {
            self.by_external.remove(&(held, id));
            self.by_key_and_external.remove(&(key, held.1));
        }
        ended
    }
}
