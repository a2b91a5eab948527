//! The loads of a session between plain UDP ports: no ICE, no async code.

use std::mem;

use bytes::Bytes;
use natbed_network::observe::PayloadTag;
use natbed_packet::Endpoint;
use natbed_runtime::{Process, Transmit};
use natbed_units::{SimDuration, SimTime};

use crate::lanes::Lanes;
use crate::side::{Side, SideReport};

/// One peer's sides of some loads, on a UDP port of its host.
///
/// For measuring a load without the connectivity stack. One of the two must know the other's
/// address; the other one answers to where the latest datagram came from.
pub struct LoadProcess {
    local: Endpoint,
    remote: Option<Endpoint>,
    lanes: Lanes,
    /// Where the next datagram is written.
    datagram: Vec<u8>,
    /// Bytes of the longest so far.
    longest: usize,
}

impl LoadProcess {
    /// Puts sides on the port `local`, each with the time after which it begins.
    #[must_use]
    pub fn new(
        local: Endpoint,
        remote: Option<Endpoint>,
        tag: PayloadTag,
        sides: impl IntoIterator<Item = (SimDuration, Box<dyn Side>)>,
    ) -> Self {
        Self { local, remote, lanes: Lanes::new(tag, sides), datagram: Vec::new(), longest: 0 }
    }

    /// Returns what each side has seen so far.
    #[must_use]
    pub fn reports(&self) -> Vec<SideReport> {
        self.lanes.reports()
    }

    /// Says whether no side has anything more to send or to wait for.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.lanes.is_done()
    }
}

impl Process for LoadProcess {
    fn start(&mut self, now: SimTime) {
        self.lanes.start(now);
    }

    fn handle_datagram(&mut self, now: SimTime, _: Endpoint, remote: Endpoint, payload: Bytes) {
        self.remote = Some(remote);
        self.lanes.handle_datagram(now, payload);
    }

    fn handle_timeout(&mut self, now: SimTime) {
        self.lanes.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: SimTime) -> Option<Transmit> {
        let remote = self.remote?;
        // It goes into the network as it is written, without a copy. Of a full-size one the buffer
        // is exactly as long: `Bytes` then needs no second allocation to share it. What an attempt
        // in vain has left there must not count, or the buffer would grow to twice that.
        self.datagram.clear();
        self.datagram.reserve_exact(self.longest);
        if !self.lanes.poll_transmit(now, &mut self.datagram) {
            return None;
        }
        self.longest = self.longest.max(self.datagram.len());
        let payload = Bytes::from(mem::take(&mut self.datagram));
        Some(Transmit { local: self.local, remote, payload })
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        self.lanes.poll_timeout()
    }

    fn dont_fragment(&self) -> bool {
        true
    }

    fn accepts(&self, port: u16) -> bool {
        port == self.local.port
    }
}
