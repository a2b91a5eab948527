//! The table of UDP sockets: who is bound where, and what waits to be read.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::task::Waker;

use bytes::Bytes;
use natbed_network::{Delivery, HostId};
use natbed_packet::{Body, Endpoint};
use natbed_units::{LookupMap, Seed, SimRng};

use crate::report::Limits;

/// The dynamic ports (RFC 6335 section 6), from which ephemeral ones are drawn.
const DYNAMIC_PORTS: std::ops::Range<u32> = 49_152..65_536;

/// A datagram as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The endpoint of this host that it was sent to.
    pub local: Endpoint,
    /// Who sent it, as seen from here.
    pub remote: Endpoint,
    /// Its bytes.
    pub payload: Bytes,
}

/// All sockets of a run.
pub(crate) struct Sockets {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Which slot has the socket that is bound there.
    bound: LookupMap<BoundAt, u32>,
    /// Those that may have sockets, by their index.
    hosts: Vec<Option<HostSockets>>,
    datagrams_max: usize,
    bytes_max: usize,
}

/// A host that may have sockets.
struct HostSockets {
    id: HostId,
    addresses: Vec<IpAddr>,
    /// How many it has.
    sockets: usize,
    ports: SimRng,
    /// The groups that sockets of the host have joined, and how many have.
    groups: BTreeMap<IpAddr, u32>,
}

/// Names a socket; never reused for another one, unlike the slot it points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketId {
    slot: u32,
    generation: u32,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    socket: Option<Socket>,
}

struct Socket {
    host: HostId,
    local: Endpoint,
    queue: VecDeque<Datagram>,
    queued_bytes: usize,
    readers: Vec<Waker>,
    /// The multicast groups that it has joined.
    groups: Vec<IpAddr>,
}

/// The most groups that the sockets of a host can be in, as many as a host can be.
const GROUPS_MAX: usize = 64;

impl Sockets {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            bound: LookupMap::new(),
            hosts: Vec::new(),
            datagrams_max: limits.socket_datagrams,
            bytes_max: limits.socket_bytes,
        }
    }

    /// Lets `host` have sockets, or takes note of its new addresses.
    ///
    /// Its ephemeral ports are drawn by its name, so that other hosts do not shift them.
    pub(crate) fn set_host(
        &mut self,
        host: HostId,
        name: &str,
        seed: Seed,
        addresses: impl Iterator<Item = IpAddr>,
    ) {
        if self.hosts.len() <= host.index() {
            self.hosts.resize_with(host.index() + 1, || None);
        }
        let entry = self.hosts[host.index()].get_or_insert_with(|| HostSockets {
            id: host,
            addresses: Vec::new(),
            sockets: 0,
            ports: seed.rng(&format!("ports/{name}")),
            groups: BTreeMap::new(),
        });
        entry.addresses.clear();
        entry.addresses.extend(addresses);
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = HostId> + '_ {
        self.hosts.iter().flatten().map(|host| host.id)
    }

    pub(crate) fn addresses(&self, host: HostId) -> &[IpAddr] {
        self.host(host).map_or(&[], |host| &host.addresses)
    }

    #[inline]
    fn host(&self, host: HostId) -> Option<&HostSockets> {
        self.hosts.get(host.index())?.as_ref()
    }

    fn host_mut(&mut self, host: HostId) -> Option<&mut HostSockets> {
        self.hosts.get_mut(host.index())?.as_mut()
    }

    /// Binds a socket to `local`; port 0 draws one.
    ///
    /// # Errors
    ///
    /// `EADDRNOTAVAIL` for an address that is not the host's, `EADDRINUSE` if the endpoint is
    /// taken or no port is left.
    pub(crate) fn bind(
        &mut self,
        host: HostId,
        mut local: Endpoint,
    ) -> io::Result<(SocketId, Endpoint)> {
        if !local.ip.is_unspecified() && !self.addresses(host).contains(&local.ip) {
            return Err(errno(libc::EADDRNOTAVAIL));
        }
        if local.port == 0 {
            local.port = self.draw_port(host, local.ip)?;
        } else if !self.is_free(host, local) {
            return Err(errno(libc::EADDRINUSE));
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(Slot::default());
                (self.slots.len() - 1) as u32
            }
        };
        self.bound.insert(BoundAt::new(host, local.ip, local.port), slot);
        if let Some(host) = self.host_mut(host) {
            host.sockets += 1;
        }
        let entry = &mut self.slots[slot as usize];
        entry.socket = Some(Socket {
            host,
            local,
            queue: VecDeque::new(),
            queued_bytes: 0,
            readers: Vec::new(),
            groups: Vec::new(),
        });
        Ok((SocketId { slot, generation: entry.generation }, local))
    }

    /// Says whether no socket of the host would share a port with `local`.
    fn is_free(&self, host: HostId, local: Endpoint) -> bool {
        let is_bound = |ip| self.bound.contains_key(&BoundAt::new(host, ip, local.port));
        if local.ip.is_unspecified() {
            let mut same_version =
                self.addresses(host).iter().filter(|ip| ip.is_ipv4() == local.ip.is_ipv4());
            !is_bound(local.ip) && !same_version.any(|ip| is_bound(*ip))
        } else {
            !is_bound(local.ip) && !is_bound(unspecified_like(local.ip))
        }
    }

    fn draw_port(&mut self, host: HostId, ip: IpAddr) -> io::Result<u16> {
        let in_use = || errno(libc::EADDRINUSE);
        let first = self.host_mut(host).ok_or_else(in_use)?.ports.in_range(DYNAMIC_PORTS);
        (first..DYNAMIC_PORTS.end)
            .chain(DYNAMIC_PORTS.start..first)
            .map(|port| port as u16)
            .find(|port| self.is_free(host, Endpoint::new(ip, *port)))
            .ok_or_else(in_use)
    }

    /// Closes a socket and returns what is to be dropped, and who is to be woken, without the
    /// lock.
    pub(crate) fn close(&mut self, id: SocketId) -> Option<ClosedSocket> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        let socket = slot.socket.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
        let Socket { host, local, groups, .. } = socket;
        self.bound.remove(&BoundAt::new(host, local.ip, local.port));
        if let Some(host) = self.host_mut(host) {
            host.sockets -= 1;
        }
        let left = groups.into_iter().filter(|group| self.forget_group(host, *group));
        let left = left.map(|group| (host, group)).collect();
        Some(ClosedSocket { readers: socket.readers, left, _queue: socket.queue })
    }

    /// Lets a socket be in a group; says whether its host has to join for it.
    ///
    /// # Errors
    ///
    /// `EBADF` if the socket is closed, `EINVAL` if it is no group of the socket's IP version,
    /// `EADDRINUSE` if it has joined before, `ENOBUFS` if the host is in too many.
    pub(crate) fn join(&mut self, id: SocketId, group: IpAddr) -> io::Result<bool> {
        let socket = self.get_mut(id).ok_or_else(|| errno(libc::EBADF))?;
        if !group.is_multicast() || group.is_ipv4() != socket.local.ip.is_ipv4() {
            return Err(errno(libc::EINVAL));
        }
        if socket.groups.contains(&group) {
            return Err(errno(libc::EADDRINUSE));
        }
        let host = socket.host;
        let joined = &mut self.host_mut(host).ok_or_else(|| errno(libc::EBADF))?.groups;
        if joined.len() == GROUPS_MAX && !joined.contains_key(&group) {
            return Err(errno(libc::ENOBUFS));
        }
        let members = joined.entry(group).or_default();
        *members += 1;
        let is_first = *members == 1;
        if let Some(socket) = self.get_mut(id) {
            socket.groups.push(group);
        }
        Ok(is_first)
    }

    /// Takes a socket out of a group; says whether its host has to leave as well.
    ///
    /// # Errors
    ///
    /// `EBADF` if the socket is closed, `EADDRNOTAVAIL` if it is not in the group.
    pub(crate) fn leave(&mut self, id: SocketId, group: IpAddr) -> io::Result<bool> {
        let socket = self.get_mut(id).ok_or_else(|| errno(libc::EBADF))?;
        let at = socket.groups.iter().position(|joined| *joined == group);
        let at = at.ok_or_else(|| errno(libc::EADDRNOTAVAIL))?;
        socket.groups.swap_remove(at);
        let host = socket.host;
        Ok(self.forget_group(host, group))
    }

    /// Counts a member of a group less; says whether it was the last one.
    fn forget_group(&mut self, host: HostId, group: IpAddr) -> bool {
        let Some(host) = self.host_mut(host) else { return false };
        let Some(members) = host.groups.get_mut(&group) else { return false };
        *members -= 1;
        let is_last = *members == 0;
        if is_last {
            host.groups.remove(&group);
        }
        is_last
    }

    fn get_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        slot.socket.as_mut().filter(|_| slot.generation == id.generation)
    }

    pub(crate) fn is_open(&mut self, id: SocketId) -> bool {
        self.get_mut(id).is_some()
    }

    /// Takes the oldest datagram; if there is none, notes who wants it.
    ///
    /// # Errors
    ///
    /// `EBADF` if the socket is closed.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        id: SocketId,
        reader: Option<&Waker>,
    ) -> io::Result<Option<Datagram>> {
        let socket = self.get_mut(id).ok_or_else(|| errno(libc::EBADF))?;
        if let Some(datagram) = socket.queue.pop_front() {
            socket.queued_bytes -= datagram.payload.len();
            return Ok(Some(datagram));
        }
        if let Some(reader) = reader
            && !socket.readers.iter().any(|known| known.will_wake(reader))
        {
            socket.readers.push(reader.clone());
        }
        Ok(None)
    }

    /// Puts a UDP packet into the socket it is for; its readers are added to `wakers`.
    ///
    /// The payload is taken out of the packet only if the answer is [`Receipt::Taken`].
    #[inline]
    pub(crate) fn deliver(&mut self, delivery: &mut Delivery, wakers: &mut Vec<Waker>) -> Receipt {
        let host = delivery.host;
        let packet = &mut delivery.packet;
        let Body::Udp(udp) = &mut packet.body else { return Receipt::NoSocket };
        // A foreign stack may have the host for itself.
        if self.host(host).is_none_or(|host| host.sockets == 0) {
            return Receipt::NoSocket;
        }
        let (ip, port) = (packet.destination, udp.destination_port);
        let bound = self.bound.get(&BoundAt::new(host, ip, port));
        let bound = bound.or_else(|| self.bound.get(&BoundAt::any(host, ip, port)));
        let socket = bound.and_then(|slot| self.slots[*slot as usize].socket.as_mut());
        let Some(socket) = socket else { return self.deliver_to_many(delivery, wakers) };
        let bytes = socket.queued_bytes + udp.payload.len();
        if socket.queue.len() >= self.datagrams_max || bytes > self.bytes_max {
            return Receipt::Full;
        }
        socket.queued_bytes = bytes;
        socket.queue.push_back(Datagram {
            local: Endpoint::new(ip, port),
            remote: Endpoint::new(packet.source, udp.source_port),
            payload: mem::take(&mut udp.payload),
        });
        wakers.append(&mut socket.readers);
        Receipt::Taken
    }
}

impl Sockets {
    /// Puts a packet to a group or to all into every socket that is bound to its port at one of
    /// the host's addresses.
    #[cold]
    fn deliver_to_many(&mut self, delivery: &Delivery, wakers: &mut Vec<Waker>) -> Receipt {
        let (host, packet) = (delivery.host, &delivery.packet);
        let Body::Udp(udp) = &packet.body else { return Receipt::NoSocket };
        let (to, port) = (packet.destination, udp.destination_port);
        let known = self.hosts.get(host.index()).and_then(Option::as_ref);
        let addresses = known.map_or(&[][..], |host| &host.addresses);
        if addresses.contains(&to) {
            return Receipt::NoSocket;
        }
        let mut receipt = Receipt::NoSocket;
        for ip in addresses.iter().filter(|ip| ip.is_ipv4() == to.is_ipv4()) {
            let bound = self.bound.get(&BoundAt::new(host, *ip, port));
            let socket = bound.and_then(|slot| self.slots[*slot as usize].socket.as_mut());
            let Some(socket) = socket else { continue };
            let bytes = socket.queued_bytes + udp.payload.len();
            if socket.queue.len() >= self.datagrams_max || bytes > self.bytes_max {
                if receipt == Receipt::NoSocket {
                    receipt = Receipt::Full;
                }
                continue;
            }
            socket.queued_bytes = bytes;
            socket.queue.push_back(Datagram {
                local: Endpoint::new(to, port),
                remote: Endpoint::new(packet.source, udp.source_port),
                payload: udp.payload.clone(),
            });
            wakers.append(&mut socket.readers);
            receipt = Receipt::Taken;
        }
        receipt
    }
}

/// What became of a packet that was offered to the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receipt {
    /// A socket has it.
    Taken,
    /// The buffer of its socket is full.
    Full,
    /// No socket is bound there.
    NoSocket,
}

/// Where a socket is bound, in the few integers that are quick to hash and compare.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct BoundAt {
    host_and_port: u64,
    ip: u128,
}

impl BoundAt {
    #[inline]
    fn new(host: HostId, ip: IpAddr, port: u16) -> Self {
        let ip = match ip {
            IpAddr::V4(v4) => u128::from(v4.to_bits()) | 0xffff_0000_0000,
            IpAddr::V6(v6) => v6.to_bits(),
        };
        Self { host_and_port: (host.index() as u64) << 16 | u64::from(port), ip }
    }

    /// The place of a socket that hears all addresses of the version of `ip`.
    #[inline]
    fn any(host: HostId, ip: IpAddr, port: u16) -> Self {
        Self::new(host, unspecified_like(ip), port)
    }
}

/// What is left of a closed socket.
pub(crate) struct ClosedSocket {
    pub(crate) readers: Vec<Waker>,
    /// Groups in which the host has no other socket.
    pub(crate) left: Vec<(HostId, IpAddr)>,
    _queue: VecDeque<Datagram>,
}

/// The unspecified address of the same IP version.
pub(crate) fn unspecified_like(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

pub(crate) fn errno(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}
