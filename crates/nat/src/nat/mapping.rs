//! Mappings: flows that share an external endpoint because the mapping behaviour says so.

use std::collections::BTreeMap;
use std::net::IpAddr;

use natbed_packet::{DropReason, Endpoint, Protocol};
use natbed_units::LookupMap;

use super::External;
use crate::{FilterScope, Filtering, Mapping, NatConfig};

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

    fn is_of(&self, protocol: Protocol, internal: Endpoint) -> bool {
        (self.protocol, self.internal) == (protocol, internal)
    }
}

/// Names a mapping for its lifetime; older mappings have smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    next_serial: u64,
    /// Ordered by age within an external endpoint.
    by_external: BTreeMap<(Held, MappingId), MappingEntry>,
    by_key_and_external: LookupMap<(MappingKey, External), MappingId>,
    /// The external endpoint of each flow, ordered by the flow's age within a key.
    flow_externals: BTreeMap<(MappingKey, u64), External>,
    /// How many flows give a permission.
    permissions: LookupMap<Permission, u32>,
}

/// That a remote may send, to a mapping or to an internal endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Permission {
    holder: Holder,
    remote: IpAddr,
    /// `None` if it does not matter.
    remote_port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Mapping(MappingId),
    Internal(Protocol, Endpoint),
}

/// The permission that a flow with `remote` gives, and that a packet from there needs, if flows are
/// not all there is to it.
fn permission(
    config: &NatConfig,
    id: MappingId,
    key: &MappingKey,
    remote: Endpoint,
) -> Option<Permission> {
    use FilterScope::{InternalEndpoint, Mapping};
    use Filtering::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
    let remote_port = match (config.filtering_of(key.protocol), config.filter_scope) {
        (EndpointIndependent, _) | (AddressAndPortDependent, Mapping) => return None,
        (AddressDependent, _) => None,
        (AddressAndPortDependent, InternalEndpoint) => Some(remote.port),
    };
    let holder = match config.filter_scope {
        Mapping => Holder::Mapping(id),
        InternalEndpoint => Holder::Internal(key.protocol, key.internal),
    };
    Some(Permission { holder, remote: remote.ip, remote_port })
}

/// What [`MappingTable::attach`] gives a flow.
pub(super) struct Attached {
    pub(super) mapping: MappingId,
    pub(super) serial: u64,
    /// Whether the mapping is new.
    pub(super) created: bool,
}

impl MappingTable {
    pub(super) fn new() -> Self {
        Self {
            next_serial: 0,
            by_external: BTreeMap::new(),
            by_key_and_external: LookupMap::new(),
            flow_externals: BTreeMap::new(),
            permissions: LookupMap::new(),
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

    /// Returns the external endpoint that the newest flow of an internal endpoint has.
    pub(super) fn newest(&self, protocol: Protocol, internal: Endpoint) -> Option<External> {
        let first = MappingKey::anywhere(protocol, internal);
        let flows = self.flow_externals.range((first, 0)..);
        let of_it = flows.take_while(|((key, _), _)| key.is_of(protocol, internal));
        of_it.max_by_key(|((_, serial), _)| *serial).map(|(_, external)| *external)
    }

    /// Finds the mapping that takes a packet from `remote` which belongs to no flow: the oldest at
    /// the external endpoint whose filter lets it in.
    pub(super) fn admitting(
        &self,
        config: &NatConfig,
        protocol: Protocol,
        external: External,
        remote: Endpoint,
    ) -> Result<MappingEntry, DropReason> {
        let held = (protocol, external);
        let mut mappings =
            self.by_external.range((held, MappingId(0))..=(held, MappingId(u64::MAX))).peekable();
        let (_, oldest) = mappings.peek().ok_or(DropReason::NoMapping)?;
        // Forwards are set up before anything else, so one can only be the oldest.
        if oldest.forward || config.filtering_of(protocol) == Filtering::EndpointIndependent {
            return Ok(**oldest);
        }
        let mut admitting = mappings.filter(|((_, id), entry)| {
            permission(config, *id, &entry.key, remote)
                .is_some_and(|permission| self.permissions.contains_key(&permission))
        });
        admitting.next().map(|(_, entry)| *entry).ok_or(DropReason::Filtered)
    }

    /// Adds a flow toward `remote` to the mapping of `key` at `external`, which is made if need be.
    pub(super) fn attach(
        &mut self,
        config: &NatConfig,
        key: MappingKey,
        external: External,
        remote: Endpoint,
    ) -> Attached {
        let known = self.by_key_and_external.get(&(key, external)).copied();
        let mapping = known.unwrap_or_else(|| self.open(key, external, false));
        let held = (key.protocol, external);
        if let Some(entry) = self.by_external.get_mut(&(held, mapping)) {
            entry.flows += 1;
        }
        if let Some(permission) = permission(config, mapping, &key, remote) {
            *self.permissions.get_or_insert_with(permission, || 0) += 1;
        }
        let serial = self.serial();
        self.flow_externals.insert((key, serial), external);
        Attached { mapping, serial, created: known.is_none() }
    }

    /// Takes a flow away from its mapping and says whether that ended the mapping.
    pub(super) fn detach(
        &mut self,
        config: &NatConfig,
        held: Held,
        remote: Endpoint,
        id: MappingId,
        serial: u64,
    ) -> bool {
        let Some(entry) = self.by_external.get_mut(&(held, id)) else {
            return false;
        };
        let key = entry.key;
        if let Some(permission) = permission(config, id, &key, remote)
            && let Some(count) = self.permissions.get_mut(&permission)
        {
            *count -= 1;
            if *count == 0 {
                self.permissions.remove(&permission);
            }
        }
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
