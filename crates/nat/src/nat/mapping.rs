//! Mappings: flows that share an external port because the mapping behaviour says so.

use std::collections::BTreeMap;
use std::net::IpAddr;

use natbed_packet::{DropReason, Endpoint, Protocol};
use natbed_units::LookupMap;

use crate::{Filtering, Mapping};

/// What flows must have in common to share an external port (RFC 4787 section 4.1).
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

/// An external port, as mappings hold it.
type PortKey = (Protocol, u16);

#[derive(Clone, Copy, Debug)]
pub(super) struct MappingEntry {
    pub(super) key: MappingKey,
    /// A forward set up by hand: lasts without flows, and lets everybody in.
    pub(super) forward: bool,
    flows: u32,
}

/// All mappings, with what is needed to reuse and to filter them.
///
/// With an exclusive port allocation each key has one mapping and each port one mapping. With
/// overloading, a key may have several (before and after a clash), and so may a port.
#[derive(Clone, Debug)]
pub(super) struct MappingTable {
    filtering: Filtering,
    next_serial: u64,
    /// Ordered by age within a port.
    by_port: BTreeMap<(PortKey, MappingId), MappingEntry>,
    by_key_and_port: LookupMap<(MappingKey, u16), MappingId>,
    /// The port of each flow, ordered by the flow's age within a key.
    flow_ports: BTreeMap<(MappingKey, u64), u16>,
    /// How many flows a mapping has with an address; kept for ADF only.
    admitted: BTreeMap<(PortKey, IpAddr, MappingId), u32>,
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
            by_port: BTreeMap::new(),
            by_key_and_port: LookupMap::new(),
            flow_ports: BTreeMap::new(),
            admitted: BTreeMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_port.len()
    }

    fn serial(&mut self) -> u64 {
        self.next_serial += 1;
        self.next_serial
    }

    pub(super) fn add_forward(&mut self, protocol: Protocol, port: u16, internal: Endpoint) {
        let key = MappingKey::anywhere(protocol, internal);
        self.open(key, port, true);
    }

    fn open(&mut self, key: MappingKey, port: u16, forward: bool) -> MappingId {
        let id = MappingId(self.serial());
        self.by_key_and_port.insert((key, port), id);
        self.by_port.insert(((key.protocol, port), id), MappingEntry { key, forward, flows: 0 });
        id
    }

    /// Returns the port that the key's newest flow has.
    pub(super) fn reusable_port(&self, key: &MappingKey) -> Option<u16> {
        self.flow_ports.range((*key, 0)..=(*key, u64::MAX)).next_back().map(|(_, port)| *port)
    }

    /// Finds the mapping that takes a packet from `remote` which belongs to no flow: the oldest at
    /// the port whose filter lets it in.
    pub(super) fn admitting(
        &self,
        protocol: Protocol,
        port: u16,
        remote: IpAddr,
    ) -> Result<MappingEntry, DropReason> {
        let port = (protocol, port);
        let mut mappings = self.by_port.range((port, MappingId(0))..=(port, MappingId(u64::MAX)));
        let (_, oldest) = mappings.next().ok_or(DropReason::NoMapping)?;
        // Forwards are set up before anything else, so one can only be the oldest.
        if oldest.forward || self.filtering == Filtering::EndpointIndependent {
            return Ok(*oldest);
        }
        let (first, last) = ((port, remote, MappingId(0)), (port, remote, MappingId(u64::MAX)));
        let admitted = self.admitted.range(first..=last).next();
        admitted
            .and_then(|(&(_, _, id), _)| self.by_port.get(&(port, id)))
            .copied()
            .ok_or(DropReason::Filtered)
    }

    /// Adds a flow toward `remote` to the mapping of `key` at `port`, which is made if need be.
    pub(super) fn attach(&mut self, key: MappingKey, port: u16, remote: IpAddr) -> Attached {
        let known = self.by_key_and_port.get(&(key, port)).copied();
        let mapping = known.unwrap_or_else(|| self.open(key, port, false));
        let port_key = (key.protocol, port);
        if let Some(entry) = self.by_port.get_mut(&(port_key, mapping)) {
            entry.flows += 1;
        }
        if self.filtering == Filtering::AddressDependent {
            *self.admitted.entry((port_key, remote, mapping)).or_insert(0) += 1;
        }
        let serial = self.serial();
        self.flow_ports.insert((key, serial), port);
        Attached { mapping, serial, created: known.is_none() }
    }

    /// Takes a flow away from its mapping and says whether that ended the mapping.
    pub(super) fn detach(
        &mut self,
        port: PortKey,
        remote: IpAddr,
        id: MappingId,
        serial: u64,
    ) -> bool {
        if let Some(count) = self.admitted.get_mut(&(port, remote, id)) {
            *count -= 1;
            if *count == 0 {
                self.admitted.remove(&(port, remote, id));
            }
        }
        let Some(entry) = self.by_port.get_mut(&(port, id)) else {
            return false;
        };
        let key = entry.key;
        entry.flows -= 1;
        let ended = entry.flows == 0 && !entry.forward;
        self.flow_ports.remove(&(key, serial));
        if ended {
            self.by_port.remove(&(port, id));
            self.by_key_and_port.remove(&(key, port.1));
        }
        ended
    }
}
