//! What the bytes of each load cost on the wire.

mod account;
mod capacity;
mod control;
mod follow;
mod histogram;
mod pipes;
mod relays;
mod series;
mod tcp;

use natbed_units::{LookupMap, SimDuration, SimTime};

pub use account::{DirectionAccount, LoadAccount, WireBytes};
pub use control::ControlBill;
pub use histogram::{Histogram, Quantiles};
pub use pipes::PipeAccount;
pub use relays::{Carried, RelayBill};
pub use series::{SERIES_MAX, Series};

use account::Direction;
use control::Control;
use pipes::Ways;
use relays::{Inside, Relays};
use tcp::TcpFlows;

use super::PayloadTag;
use crate::id::{HostId, PipeId};
use crate::pipe::PipeConfig;

/// How a load's datagrams look, and what is wanted of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadWatch {
    /// Whether the virtual time of sending stands behind the tag of each datagram: nanoseconds in
    /// eight bytes, big-endian. Without meaning for TCP, whose segments have neither.
    pub is_stamped: bool,
    /// The length of the intervals that arrivals are counted by; `None` keeps no series.
    pub interval: Option<SimDuration>,
}

/// Accounts for the payload of loads: what was sent, what arrived, what was lost where, how long it
/// took, which pipes it went through, and what relays had to carry.
///
/// A load's datagrams are known by their [`PayloadTag`], bare or in TURN frames, and each is
/// followed from host to host by its number in the run. Whatever a run's length, it keeps: for each
/// load the histograms and series of two directions, for each pipe on its way a histogram, and an
/// entry for each of its packets that is in flight.
#[derive(Clone, Debug, Default)]
pub struct Accounting {
    loads: Vec<Load>,
    by_tag: LookupMap<u64, u32>,
    /// By host: whether it is a peer of a load.
    peers: Vec<bool>,
    tcp: TcpFlows,
    /// The packets on their way, by number.
    flights: LookupMap<u64, Flight>,
    inside: Inside,
    ways: Ways,
    relays: Relays,
    control: Control,
}

#[derive(Clone, Debug)]
struct Load {
    tag: PayloadTag,
    peers: [HostId; 2],
    /// Bytes in front of the transport's own.
    shim: u64,
    is_stamped: bool,
    is_tcp: bool,
    directions: [Direction; 2],
}

/// A packet of a load on its way.
#[derive(Clone, Copy, Debug)]
struct Flight {
    load: u32,
    direction: u8,
    /// A fragment that is not the first: its datagram is counted by that.
    is_rest: bool,
    /// When it went into the pipe that it is in, and what that is to [`Ways`].
    entered: (SimTime, u32),
    sent: SimTime,
}

impl Flight {
    /// The place of what is in no pipe yet.
    const NOWHERE: (SimTime, u32) = (SimTime::ZERO, u32::MAX);
}

impl Accounting {
    /// Watches the datagrams that begin with a tag, between two hosts.
    ///
    /// A tag that is watched already starts anew; packets on their way are not counted then.
    pub fn watch(&mut self, tag: PayloadTag, peers: [HostId; 2], watch: LoadWatch) {
        let shim = if watch.is_stamped { 16 } else { 8 };
        let load = self.add(tag, peers, shim, watch);
        self.by_tag.insert(tag.key(), load);
    }

    /// Watches the TCP segments between two hosts, one of which listens at a port; without tag.
    ///
    /// The tag only names the load. Call it again, with the same hosts, for another port: that at
    /// which a NAT before the listener forwards to it. Loads between the same two hosts need ports
    /// of their own. A host may listen at one port for many loads, and send to the same port of many
    /// hosts; the segments of a connection are then counted from the first that arrives.
    pub fn watch_tcp(&mut self, tag: PayloadTag, peers: [HostId; 2], port: u16, watch: LoadWatch) {
        let known = self.by_tag.get(&tag.key()).copied();
        let is_known = |load: &u32| {
            let load = &self.loads[*load as usize];
            load.is_tcp && load.peers == peers
        };
        let load = known.filter(is_known).unwrap_or_else(|| {
            let load = self.add(tag, peers, 0, LoadWatch { is_stamped: false, ..watch });
            self.loads[load as usize].is_tcp = true;
            self.by_tag.insert(tag.key(), load);
            load
        });
        self.tcp.watch(peers, port, load);
    }

    fn add(&mut self, tag: PayloadTag, peers: [HostId; 2], shim: u64, watch: LoadWatch) -> u32 {
        let interval = watch.interval.unwrap_or_default();
        let directions = [Direction::new(interval), Direction::new(interval)];
        let is_stamped = watch.is_stamped;
        self.loads.push(Load { tag, peers, shim, is_stamped, is_tcp: false, directions });
        for peer in peers {
            if peer.index() >= self.peers.len() {
                self.peers.resize(peer.index() + 1, false);
            }
            self.peers[peer.index()] = true;
        }
        (self.loads.len() - 1) as u32
    }

    /// Returns what a load has cost so far; `None` if it is not watched.
    #[must_use]
    pub fn account(&self, tag: PayloadTag) -> Option<LoadAccount> {
        let load = &self.loads[*self.by_tag.get(&tag.key())? as usize];
        let [there, back] = &load.directions;
        let directions = [there.account(), back.account()];
        Some(LoadAccount { tag, peers: load.peers, directions })
    }

    /// Returns the pipes that packets of a load went through, in the order of their numbers; empty
    /// if it is not watched.
    ///
    /// `config_of` says what a pipe is like, throughout the run; that decides what its line could
    /// have sent.
    #[must_use]
    pub fn pipes(
        &self,
        tag: PayloadTag,
        config_of: impl FnMut(PipeId) -> PipeConfig,
    ) -> Vec<PipeAccount> {
        let load = self.by_tag.get(&tag.key());
        load.map(|load| self.ways.accounts(*load, config_of)).unwrap_or_default()
    }

    /// Returns what each relay carried, in the order of hosts.
    #[must_use]
    pub fn relays(&self) -> Vec<RelayBill> {
        self.relays.bills()
    }

    /// Returns the STUN messages from and to the peers of loads, in the order of senders and then
    /// of receivers.
    #[must_use]
    pub fn control(&self) -> Vec<ControlBill> {
        self.control.bills()
    }
}

#[cfg(test)]
mod tests;
