//! Who is inside, and how much of the NAT each has.

use std::net::IpAddr;

use natbed_packet::Protocol;
use natbed_units::LookupMap;

use super::External;

/// A subscriber: an internal IPv4 address or an internal IPv6 /64, as bits.
///
/// Inside is of one IP version, so that the two never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subscriber(u64);

impl From<IpAddr> for Subscriber {
    fn from(internal: IpAddr) -> Self {
        match internal {
            IpAddr::V4(ip) => Self(ip.to_bits().into()),
            IpAddr::V6(ip) => Self((ip.to_bits() >> 64) as u64),
        }
    }
}

impl Subscriber {
    /// Returns its number, counted from `first`.
    pub(super) const fn number_from(self, first: Self) -> u64 {
        self.0.wrapping_sub(first.0)
    }
}

/// What each subscriber with a mapping has.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscribers {
    accounts: LookupMap<Subscriber, Account>,
    /// How many mappings of a subscriber have an external endpoint: one, unless it is overloaded.
    sharers: LookupMap<(Subscriber, Protocol, External), u32>,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    /// The external address of its oldest mapping.
    address: u16,
    ports: u32,
    flows: u32,
}

impl Subscribers {
    /// Returns the external address that the subscriber's mappings have, if it has a mapping.
    pub(super) fn address(&self, subscriber: Subscriber) -> Option<u16> {
        self.accounts.get(&subscriber).map(|account| account.address)
    }

    pub(super) fn ports(&self, subscriber: Subscriber) -> u32 {
        self.accounts.get(&subscriber).map_or(0, |account| account.ports)
    }

    pub(super) fn flows(&self, subscriber: Subscriber) -> u32 {
        self.accounts.get(&subscriber).map_or(0, |account| account.flows)
    }

    /// Says whether a mapping of the subscriber has this external endpoint.
    pub(super) fn has(
        &self,
        subscriber: Subscriber,
        protocol: Protocol,
        external: External,
    ) -> bool {
        self.sharers.contains_key(&(subscriber, protocol, external))
    }

    /// Notes a new mapping; says whether its external endpoint is new to the subscriber.
    pub(super) fn mapped(
        &mut self,
        subscriber: Subscriber,
        protocol: Protocol,
        external: External,
    ) -> bool {
        let sharers = self.sharers.get_or_insert_with((subscriber, protocol, external), || 0);
        *sharers += 1;
        if *sharers > 1 {
            return false;
        }
        let account = || Account { address: external.address, ports: 0, flows: 0 };
        self.accounts.get_or_insert_with(subscriber, account).ports += 1;
        true
    }

    /// Notes the end of a mapping; says whether it was the last one at its external endpoint.
    pub(super) fn unmapped(
        &mut self,
        subscriber: Subscriber,
        protocol: Protocol,
        external: External,
    ) -> bool {
        let key = (subscriber, protocol, external);
        if let Some(sharers) = self.sharers.get_mut(&key).filter(|sharers| **sharers > 1) {
            *sharers -= 1;
            return false;
        }
        self.sharers.remove(&key);
        if let Some(account) = self.accounts.get_mut(&subscriber) {
            account.ports -= 1;
            if account.ports == 0 {
                self.accounts.remove(&subscriber);
            }
        }
        true
    }

    /// Notes a new flow of a mapping.
    pub(super) fn flow_opened(&mut self, subscriber: Subscriber) {
        if let Some(account) = self.accounts.get_mut(&subscriber) {
            account.flows += 1;
        }
    }

    /// Notes the end of a flow, before that of its mapping.
    pub(super) fn flow_ended(&mut self, subscriber: Subscriber) {
        if let Some(account) = self.accounts.get_mut(&subscriber) {
            account.flows -= 1;
        }
    }
}
