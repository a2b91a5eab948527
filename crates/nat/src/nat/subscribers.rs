//! Who is inside, and what of the NAT each has.

use std::net::IpAddr;

use natbed_units::LookupMap;

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

/// What each subscriber with a mapping has.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscribers(LookupMap<Subscriber, Account>);

#[derive(Clone, Copy, Debug)]
struct Account {
    mappings: u32,
    /// The external address of its first mapping.
    address: u16,
}

impl Subscribers {
    /// Returns the external address that the subscriber's mappings have, if it has a mapping.
    pub(super) fn address(&self, subscriber: Subscriber) -> Option<u16> {
        self.0.get(&subscriber).map(|account| account.address)
    }

    /// Notes a new mapping.
    pub(super) fn opened(&mut self, subscriber: Subscriber, address: u16) {
        self.0.get_or_insert_with(subscriber, || Account { mappings: 0, address }).mappings += 1;
    }

    /// Notes the end of a mapping.
    pub(super) fn closed(&mut self, subscriber: Subscriber) {
        if let Some(account) = self.0.get_mut(&subscriber) {
            account.mappings -= 1;
            if account.mappings == 0 {
                self.0.remove(&subscriber);
            }
        }
    }
}
