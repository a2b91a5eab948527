//! Who else may answer a flow that was let out (RFC 6092 REC-11, REC-17, REC-33).

use std::collections::BTreeMap;
use std::net::IpAddr;

use natbed_packet::{Endpoint, Protocol};

use crate::Filtering;

/// What a permission is for: a protocol, an endpoint inside, and a remote address unless all.
type Key = (Protocol, Endpoint, Option<IpAddr>);

/// The filter: how many flows that were let out give each permission.
#[derive(Clone, Debug)]
pub(super) struct Permissions {
    filtering: Filtering,
    flows: BTreeMap<Key, u32>,
}

impl Permissions {
    pub(super) const fn new(filtering: Filtering) -> Self {
        Self { filtering, flows: BTreeMap::new() }
    }

    /// The permission that a flow gives, `None` if only its own remote endpoint may answer.
    fn key(&self, protocol: Protocol, inside: Endpoint, remote: IpAddr) -> Option<Key> {
        match self.filtering {
            Filtering::EndpointIndependent => Some((protocol, inside, None)),
            Filtering::AddressDependent => Some((protocol, inside, Some(remote))),
            Filtering::AddressAndPortDependent => None,
        }
    }

    pub(super) fn grant(&mut self, protocol: Protocol, inside: Endpoint, remote: IpAddr) {
        if let Some(key) = self.key(protocol, inside, remote) {
            *self.flows.entry(key).or_insert(0) += 1;
        }
    }

    pub(super) fn revoke(&mut self, protocol: Protocol, inside: Endpoint, remote: IpAddr) {
        if let Some(key) = self.key(protocol, inside, remote)
            && let Some(flows) = self.flows.get_mut(&key)
        {
            *flows -= 1;
            if *flows == 0 {
                self.flows.remove(&key);
            }
        }
    }

    pub(super) fn allows(&self, protocol: Protocol, inside: Endpoint, remote: IpAddr) -> bool {
        self.key(protocol, inside, remote).is_some_and(|key| self.flows.contains_key(&key))
    }
}
