//! The TCP of one host: its connections, its listeners and its ports. It knows no clock and no
//! network: time is an argument, packets go in and come out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::mem;
use std::net::IpAddr;
use std::ops::Bound;
use std::task::Waker;

use natbed_packet::{
    Body, DropReason, Endpoint, Icmp, IcmpErrorKind, Packet, Protocol, Quoted, Tcp, TcpFlags,
};
use natbed_units::{SimRng, SimTime};
use rand_core::Rng;

use super::config::TcpConfig;
use super::connection::{Connection, Flow, Owner, least_mtu};
use super::frame;
use super::statistics::TcpStatistics;
use crate::sockets::{errno, unspecified_like};

/// The dynamic ports (RFC 6335 section 6), from which those of connections are drawn.
const DYNAMIC_PORTS: std::ops::Range<u32> = 49_152..65_536;

/// The most destinations whose path MTU a host remembers.
const PATH_MTUS_MAX: usize = 256;

/// Names a connection of a stack; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(u64);

/// An address of the host and the longest packet that its link takes, in bytes.
pub(crate) type AddressMtu = (IpAddr, usize);

pub(crate) struct TcpStack {
    addresses: Vec<AddressMtu>,
    rng: SimRng,
    connections: BTreeMap<ConnectionId, Box<Connection>>,
    /// Which connection is on the network between these ends.
    flows: BTreeMap<Flow, ConnectionId>,
    listeners: BTreeMap<Endpoint, Listener>,
    timers: BTreeSet<(SimTime, ConnectionId)>,
    /// Path MTUs that ICMP has told of.
    path_mtus: BTreeMap<IpAddr, usize>,
    connections_made: u64,
    connections_max: usize,
    /// The bytes of the segment at hand.
    frame: Vec<u8>,
    out: Vec<Packet>,
    wakers: Vec<Waker>,
}

#[derive(Default)]
struct Listener {
    config: TcpConfig,
    half_open: BTreeSet<ConnectionId>,
    ready: VecDeque<ConnectionId>,
    accepters: Vec<Waker>,
}

impl TcpStack {
    pub(super) fn new(rng: SimRng, connections_max: usize) -> Self {
        Self {
            addresses: Vec::new(),
            rng,
            connections: BTreeMap::new(),
            flows: BTreeMap::new(),
            listeners: BTreeMap::new(),
            timers: BTreeSet::new(),
            path_mtus: BTreeMap::new(),
            connections_made: 0,
            connections_max,
            frame: Vec::new(),
            out: Vec::new(),
            wakers: Vec::new(),
        }
    }

    pub(super) fn set_addresses(&mut self, addresses: &[AddressMtu]) {
        self.addresses.clear();
        self.addresses.extend_from_slice(addresses);
    }

    /// Returns when it wants to be looked at next.
    pub(super) fn poll_timeout(&self) -> Option<SimTime> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Takes out what it has to send.
    pub(super) fn take_packets(&mut self) -> impl Iterator<Item = Packet> + '_ {
        self.out.drain(..)
    }

    /// Takes out those who wait for what has happened.
    pub(crate) fn take_wakers(&mut self, wakers: &mut Vec<Waker>) {
        wakers.append(&mut self.wakers);
    }

    /// Does what has become due.
    pub(crate) fn handle_timeout(&mut self, now: SimTime) {
        while let Some((at, id)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.armed = None;
                connection.handle_timeout(now, &mut self.out);
            }
            self.settle(id);
        }
    }

    /// Takes a packet that was sent to the host: one with TCP, or an ICMP error about one.
    ///
    /// # Errors
    ///
    /// Why it is lost; it is the same to its sender as any other loss.
    pub(crate) fn take(&mut self, now: SimTime, packet: &Packet) -> Result<(), DropReason> {
        match &packet.body {
            Body::Tcp(tcp) => self.handle_packet(now, packet, tcp),
            Body::Icmp(Icmp::Error { kind, quoted }) => {
                self.handle_icmp_error(now, *kind, quoted);
                Ok(())
            }
            _ => Err(DropReason::NoTaker),
        }
    }

    fn handle_packet(
        &mut self,
        now: SimTime,
        packet: &Packet,
        tcp: &Tcp,
    ) -> Result<(), DropReason> {
        let flow = Flow {
            local: Endpoint::new(packet.destination, tcp.destination_port),
            remote: Endpoint::new(packet.source, tcp.source_port),
        };
        let is_own = self.addresses.iter().any(|(ip, _)| *ip == packet.destination);
        if !is_own || !frame::write(packet, &mut self.frame) {
            return Err(DropReason::Malformed);
        }
        let is_first = tcp.flags.contains(TcpFlags::SYN)
            && !tcp.flags.contains(TcpFlags::ACK)
            && !tcp.flags.contains(TcpFlags::RST);
        if let Some(id) = self.flows.get(&flow).copied() {
            let known = self.connections.get(&id);
            // The ports may be used again (RFC 9293 section 3.10.7.4, RFC 6191).
            if is_first && known.is_some_and(|connection| connection.is_in_time_wait()) {
                self.flows.remove(&flow);
            } else {
                return self.handle_segment(now, id, tcp);
            }
        }
        if is_first && let Some(id) = self.open_passively(now, flow)? {
            return self.handle_segment(now, id, tcp);
        }
        self.out.extend(reset(packet, tcp));
        Ok(())
    }

    fn handle_segment(
        &mut self,
        now: SimTime,
        id: ConnectionId,
        tcp: &Tcp,
    ) -> Result<(), DropReason> {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.handle_segment(now, tcp, &self.frame, &mut self.out);
        }
        self.settle(id);
        Ok(())
    }

    /// Takes an ICMP error that quotes a packet of this host.
    fn handle_icmp_error(&mut self, now: SimTime, kind: IcmpErrorKind, quoted: &Quoted) {
        if quoted.protocol != Protocol::Tcp {
            return;
        }
        let flow = Flow { local: quoted.source, remote: quoted.destination };
        let Some(id) = self.flows.get(&flow).copied() else { return };
        if let IcmpErrorKind::TooBig { mtu } = kind {
            let mtu = usize::from(mtu).max(least_mtu(flow.local));
            if self.path_mtus.len() < PATH_MTUS_MAX {
                self.path_mtus.insert(flow.remote.ip, mtu);
            }
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.handle_icmp_error(now, kind);
        }
        self.settle(id);
    }

    /// Makes the connection that a first segment asks a listener for; `None` if nobody listens.
    fn open_passively(
        &mut self,
        now: SimTime,
        flow: Flow,
    ) -> Result<Option<ConnectionId>, DropReason> {
        let any = Endpoint::new(unspecified_like(flow.local.ip), flow.local.port);
        let Some(at) = [flow.local, any].into_iter().find(|at| self.listeners.contains_key(at))
        else {
            return Ok(None);
        };
        let mtu = self.mtu(flow);
        let (seed, id) = (self.rng.next_u64(), self.next_id());
        let Some(listener) = self.listeners.get_mut(&at) else { return Ok(None) };
        let waiting = listener.half_open.len() + listener.ready.len();
        if waiting >= listener.config.backlog || self.connections.len() >= self.connections_max {
            return Err(DropReason::ListenBacklogFull);
        }
        let connection = Connection::listening(now, flow, at, &listener.config, mtu, seed);
        let Some(connection) = connection else { return Ok(None) };
        listener.half_open.insert(id);
        self.connections.insert(id, connection);
        self.flows.insert(flow, id);
        Ok(Some(id))
    }

    fn next_id(&mut self) -> ConnectionId {
        self.connections_made += 1;
        ConnectionId(self.connections_made)
    }

    /// The longest packet that a connection may send as far as is known.
    fn mtu(&self, flow: Flow) -> usize {
        let own = self.addresses.iter().find(|(ip, _)| *ip == flow.local.ip);
        let own = own.map_or(1_500, |(_, mtu)| (*mtu).max(least_mtu(flow.local)));
        self.path_mtus.get(&flow.remote.ip).map_or(own, |path| own.min(*path))
    }

    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// `EADDRNOTAVAIL` for an address that is not the host's, `EADDRINUSE` if somebody listens at
    /// the port or none is left, `EINVAL` for a configuration out of range.
    pub(super) fn listen(
        &mut self,
        mut local: Endpoint,
        config: &TcpConfig,
    ) -> io::Result<Endpoint> {
        config.check()?;
        self.check_local(local.ip)?;
        if local.port == 0 {
            local.port = self.draw_port(local.ip)?;
        } else if self.is_listening(local) {
            return Err(errno(libc::EADDRINUSE));
        }
        self.listeners.insert(local, Listener { config: *config, ..Listener::default() });
        Ok(local)
    }

    /// Ends a listener and the connections that nobody has accepted.
    pub(super) fn unlisten(&mut self, now: SimTime, local: Endpoint) {
        let Some(listener) = self.listeners.remove(&local) else { return };
        self.wakers.extend(listener.accepters);
        for id in listener.half_open.into_iter().chain(listener.ready) {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.owner = Owner::Nobody;
                connection.abort();
                connection.drive(now, &mut self.out);
            }
            self.settle(id);
        }
    }

    /// Takes the connection that has waited the longest to be accepted; if there is none, notes
    /// who wants it.
    ///
    /// # Errors
    ///
    /// `EBADF` if nobody listens there.
    pub(super) fn accept(
        &mut self,
        local: Endpoint,
        accepter: &Waker,
    ) -> io::Result<Option<(ConnectionId, Flow)>> {
        let listener = self.listeners.get_mut(&local).ok_or_else(|| errno(libc::EBADF))?;
        while let Some(id) = listener.ready.pop_front() {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.owner = Owner::Stream;
                return Ok(Some((id, connection.flow)));
            }
        }
        if !listener.accepters.iter().any(|known| known.will_wake(accepter)) {
            listener.accepters.push(accepter.clone());
        }
        Ok(None)
    }

    /// Sends the first segment of a connection; a local port of 0 draws one, an unspecified
    /// address is the host's first of the version.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a configuration out of range or port 0, `ENETUNREACH` if the host has no
    /// address of the version or nobody can be there, `EADDRNOTAVAIL` if the address is not the
    /// host's or no port is left, `EADDRINUSE` if it has this very connection, `ENOBUFS` if it has
    /// too many.
    pub(super) fn connect(
        &mut self,
        now: SimTime,
        local: Option<Endpoint>,
        remote: Endpoint,
        config: &TcpConfig,
    ) -> io::Result<(ConnectionId, Flow)> {
        config.check()?;
        if remote.port == 0 {
            return Err(errno(libc::EINVAL));
        }
        if remote.ip.is_unspecified() || remote.ip.is_multicast() {
            return Err(errno(libc::ENETUNREACH));
        }
        let any = Endpoint::new(unspecified_like(remote.ip), 0);
        let mut local = local.unwrap_or(any);
        if local.ip.is_ipv4() != remote.ip.is_ipv4() {
            return Err(errno(libc::EAFNOSUPPORT));
        }
        if local.ip.is_unspecified() {
            let mut same_version =
                self.addresses.iter().filter(|(ip, _)| ip.is_ipv4() == remote.ip.is_ipv4());
            local.ip = same_version.next().ok_or_else(|| errno(libc::ENETUNREACH))?.0;
        }
        self.check_local(local.ip)?;
        if local.port == 0 {
            local.port = self.draw_port(local.ip).map_err(|_| errno(libc::EADDRNOTAVAIL))?;
        }
        let flow = Flow { local, remote };
        if self.flows.contains_key(&flow) {
            return Err(errno(libc::EADDRINUSE));
        }
        if self.connections.len() >= self.connections_max {
            return Err(errno(libc::ENOBUFS));
        }
        let (mtu, seed) = (self.mtu(flow), self.rng.next_u64());
        let connection = Connection::connecting(now, flow, config, mtu, seed);
        let connection = connection.ok_or_else(|| errno(libc::EINVAL))?;
        let id = self.next_id();
        self.connections.insert(id, connection);
        self.flows.insert(flow, id);
        self.update(id, |connection, out| connection.drive(now, out));
        Ok((id, flow))
    }

    fn check_local(&self, ip: IpAddr) -> io::Result<()> {
        let is_own = ip.is_unspecified() || self.addresses.iter().any(|(own, _)| *own == ip);
        if is_own { Ok(()) } else { Err(errno(libc::EADDRNOTAVAIL)) }
    }

    /// Says whether a listener shares a port with `local`.
    fn is_listening(&self, local: Endpoint) -> bool {
        self.listeners.keys().any(|at| {
            let is_same = at.ip == local.ip || at.ip.is_unspecified() || local.ip.is_unspecified();
            at.port == local.port && at.ip.is_ipv4() == local.ip.is_ipv4() && is_same
        })
    }

    fn draw_port(&mut self, ip: IpAddr) -> io::Result<u16> {
        let first = self.rng.in_range(DYNAMIC_PORTS);
        (first..DYNAMIC_PORTS.end)
            .chain(DYNAMIC_PORTS.start..first)
            .map(|port| port as u16)
            .find(|port| {
                let local = Endpoint::new(ip, *port);
                !self.is_listening(local) && !self.has_flow_from(local)
            })
            .ok_or_else(|| errno(libc::EADDRINUSE))
    }

    fn has_flow_from(&self, local: Endpoint) -> bool {
        let least = Endpoint::new(IpAddr::from([0, 0, 0, 0]), 0);
        let from = Bound::Included(Flow { local, remote: least });
        let mut after = self.flows.range((from, Bound::Unbounded));
        after.next().is_some_and(|(flow, _)| flow.local == local)
    }

    /// Calls `f` with a connection, then does what that brings about; `None` if there is none.
    pub(super) fn update<R>(
        &mut self,
        id: ConnectionId,
        f: impl FnOnce(&mut Connection, &mut Vec<Packet>) -> R,
    ) -> Option<R> {
        let result = f(self.connections.get_mut(&id)?, &mut self.out);
        self.settle(id);
        Some(result)
    }

    pub(super) fn statistics(&self, id: ConnectionId) -> Option<TcpStatistics> {
        self.connections.get(&id).map(|connection| connection.statistics())
    }

    /// Lets go of a connection.
    pub(super) fn close(&mut self, now: SimTime, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            self.wakers.extend(connection.take_wakers());
            connection.let_go();
            connection.drive(now, &mut self.out);
        }
        self.settle(id);
    }

    /// Draws the consequences of what has happened to a connection.
    fn settle(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.wake(&mut self.wakers);
        let (is_gone, flow) = (connection.is_gone(), connection.flow);
        if let Owner::Listener(at) = connection.owner
            && let Some(listener) = self.listeners.get_mut(&at)
            && (is_gone || connection.is_synchronized())
            && listener.half_open.remove(&id)
        {
            // One that was reset before it was established is nobody's business.
            if connection.is_synchronized() && !is_gone {
                listener.ready.push_back(id);
                self.wakers.append(&mut listener.accepters);
            } else {
                connection.owner = Owner::Nobody;
            }
        }
        let due = connection.due.filter(|_| !is_gone);
        if due != connection.armed {
            if let Some(armed) = mem::replace(&mut connection.armed, due) {
                self.timers.remove(&(armed, id));
            }
            self.timers.extend(due.map(|due| (due, id)));
        }
        if is_gone {
            let is_over = connection.owner == Owner::Nobody;
            if self.flows.get(&flow) == Some(&id) {
                self.flows.remove(&flow);
            }
            if is_over {
                let connection = self.connections.remove(&id);
                self.wakers.extend(connection.into_iter().flat_map(|mut c| c.take_wakers()));
            }
        }
    }
}

/// The answer to a segment that belongs to no connection (RFC 9293 section 3.10.7.1).
fn reset(packet: &Packet, tcp: &Tcp) -> Option<Packet> {
    if tcp.flags.contains(TcpFlags::RST) {
        return None;
    }
    let has_ack = tcp.flags.contains(TcpFlags::ACK);
    let controls = [TcpFlags::SYN, TcpFlags::FIN];
    let controls = controls.into_iter().filter(|flag| tcp.flags.contains(*flag)).count() as u32;
    let length = tcp.payload.len() as u32 + controls;
    let (sequence, acknowledgment, flags) = if has_ack {
        (tcp.acknowledgment, 0, TcpFlags::RST)
    } else {
        (0, tcp.sequence.wrapping_add(length), TcpFlags::RST.with(TcpFlags::ACK))
    };
    let tcp = Tcp {
        source_port: tcp.destination_port,
        destination_port: tcp.source_port,
        sequence,
        acknowledgment,
        flags,
        window: 0,
        urgent: 0,
        options: bytes::Bytes::new(),
        payload: bytes::Bytes::new(),
    };
    Some(Packet::new(packet.destination, packet.source, Body::Tcp(Box::new(tcp))))
}
