//! Which load a TCP segment belongs to, as its sender writes it and as it arrives.

use natbed_packet::{Endpoint, Packet, Tcp, TcpFlags};
use natbed_units::{LookupMap, SimTime};
use smallvec::SmallVec;

use crate::id::HostId;
use crate::observe::tcp_watch::TcpPairs;

/// The most connections that are known; segments of others are told by their ports alone.
const FLOWS_MAX: usize = 65_536;

/// One direction of a connection as its sender knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    host: HostId,
    port: u16,
    remote: Endpoint,
}

impl Flow {
    /// That of a segment that a host sends.
    #[inline]
    fn out_of(host: HostId, packet: &Packet, tcp: &Tcp) -> Self {
        let remote = Endpoint::new(packet.destination, tcp.destination_port);
        Self { host, port: tcp.source_port, remote }
    }

    /// That of the answers to a segment that a host gets.
    #[inline]
    fn back_from(host: HostId, packet: &Packet, tcp: &Tcp) -> Self {
        let remote = Endpoint::new(packet.source, tcp.source_port);
        Self { host, port: tcp.destination_port, remote }
    }
}

/// What is known of a segment when it is sent.
pub(super) enum Sender {
    /// It is not watched.
    Nobody,
    /// It is of this load.
    Load(u32),
    /// It is one of several loads; where it arrives will tell.
    OneOf(Flow),
}

/// The connections of watched loads.
#[derive(Clone, Debug, Default)]
pub(super) struct TcpFlows {
    /// The loads of each host and listening port.
    ports: LookupMap<u64, SmallVec<[u32; 2]>>,
    pairs: TcpPairs<u32>,
    flows: LookupMap<Flow, u32>,
    /// Segments on their way whose load will be known when they arrive.
    undecided: LookupMap<u64, (Flow, SimTime)>,
}

impl TcpFlows {
    pub(super) fn watch(&mut self, peers: [HostId; 2], port: u16, load: u32) {
        self.pairs.watch(peers, port, load);
        for host in peers {
            self.ports.get_or_insert_with(port_key(host, port), SmallVec::new).push(load);
        }
    }

    /// Says which load a segment is of that a host sends.
    #[inline]
    pub(super) fn sender(&mut self, host: HostId, packet: &Packet, tcp: &Tcp) -> Sender {
        if self.ports.is_empty() {
            return Sender::Nobody;
        }
        let flow = Flow::out_of(host, packet, tcp);
        if let Some(&load) = self.flows.get(&flow) {
            return Sender::Load(load);
        }
        let by = |port| self.ports.get(&port_key(host, port));
        match by(tcp.destination_port).or_else(|| by(tcp.source_port)).map(SmallVec::as_slice) {
            None | Some([]) => Sender::Nobody,
            Some(&[load]) => {
                self.bind(flow, load);
                Sender::Load(load)
            }
            Some(_) => Sender::OneOf(flow),
        }
    }

    /// Keeps a segment of an undecided load until it arrives.
    pub(super) fn keep(&mut self, now: SimTime, id: u64, flow: Flow) {
        self.undecided.insert(id, (flow, now));
    }

    /// Forgets such a segment, which has been lost.
    #[inline]
    pub(super) fn forget(&mut self, id: u64) {
        if !self.undecided.is_empty() {
            self.undecided.remove(&id);
        }
    }

    /// Learns from a segment of a known load how its receiver will answer.
    #[inline]
    pub(super) fn learn(&mut self, host: HostId, packet: &Packet, tcp: &Tcp, load: u32) {
        if tcp.flags.contains(TcpFlags::SYN) {
            self.bind(Flow::back_from(host, packet, tcp), load);
        }
    }

    /// Decides, by where it has arrived, which load a segment is of, and when it was sent.
    pub(super) fn decide(
        &mut self,
        id: u64,
        from: HostId,
        to: HostId,
        tcp: &Tcp,
    ) -> Option<(u32, SimTime)> {
        if self.undecided.is_empty() {
            return None;
        }
        let (flow, sent) = self.undecided.remove(&id)?;
        let load = self.pairs.find(from, to, [tcp.source_port, tcp.destination_port])?;
        self.bind(flow, load);
        Some((load, sent))
    }

    /// Says which load a segment is of that a host got.
    pub(super) fn receiver(
        &self,
        from: HostId,
        to: HostId,
        packet: &Packet,
        tcp: &Tcp,
    ) -> Option<u32> {
        let known = self.flows.get(&Flow::back_from(to, packet, tcp)).copied();
        known.or_else(|| self.pairs.find(from, to, [tcp.source_port, tcp.destination_port]))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.flows.len()
    }

    fn bind(&mut self, flow: Flow, load: u32) {
        if self.flows.len() < FLOWS_MAX {
            self.flows.insert(flow, load);
        }
    }
}

fn port_key(host: HostId, port: u16) -> u64 {
    u64::from(host.0) << 16 | u64::from(port)
}
