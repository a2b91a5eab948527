//! Telling the TCP segments of watched sessions, which carry no tag.

use natbed_units::LookupMap;
use smallvec::SmallVec;

use crate::id::HostId;

/// What is watched over TCP, by the two hosts and the port of the one that listens.
#[derive(Clone, Debug)]
pub(crate) struct TcpPairs<T> {
    pairs: LookupMap<u64, SmallVec<[(u16, T); 1]>>,
}

impl<T> Default for TcpPairs<T> {
    fn default() -> Self {
        Self { pairs: LookupMap::new() }
    }
}

impl<T: Copy> TcpPairs<T> {
    pub(crate) fn watch(&mut self, [a, b]: [HostId; 2], port: u16, what: T) {
        self.pairs.get_or_insert_with(key(a, b), SmallVec::new).push((port, what));
    }

    /// Finds what a segment from one host to the other belongs to, by its ports as they arrive.
    #[inline]
    pub(crate) fn find(&self, from: HostId, to: HostId, ports: [u16; 2]) -> Option<T> {
        let watched = self.pairs.get(&key(from, to))?;
        let [source, destination] = ports;
        let by = |own: u16| watched.iter().find(|(port, _)| *port == own).map(|(_, what)| *what);
        by(destination).or_else(|| by(source))
    }
}

/// Two hosts, in whatever order.
#[inline]
pub(crate) fn key(a: HostId, b: HostId) -> u64 {
    u64::from(a.0.min(b.0)) << 32 | u64::from(a.0.max(b.0))
}
