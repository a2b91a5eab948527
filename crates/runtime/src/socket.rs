//! UDP sockets for async code, and the hosts they are bound on.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use natbed_network::HostId;
use natbed_packet::{Endpoint, Packet};

use crate::shared::{Shared, State};
use crate::sockets::{Datagram, SocketId, errno};

/// The largest payload of a UDP datagram: IPv4's total length less both headers.
const PAYLOAD_MAX: usize = 65_507;

/// A host as async code sees it: where sockets are bound.
///
/// Made by [`World::host`](crate::World::host); cloning gives another handle to the same host.
#[derive(Clone)]
pub struct Host {
    shared: Shared,
    id: HostId,
}

impl Host {
    pub(crate) fn new(shared: Shared, id: HostId) -> Self {
        Self { shared, id }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Returns the host's place in the network.
    #[must_use]
    pub fn id(&self) -> HostId {
        self.id
    }

    /// Returns the host's addresses, in the order of its interfaces.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.shared.lock().sockets.addresses(self.id).to_vec()
    }

    /// Binds a UDP socket to `port` of the host's first address; port 0 draws a free one.
    ///
    /// Ports are drawn from 49152 to 65535 (RFC 6335 section 6) by the run's seed.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE` if the port is taken or none is left, `EADDRNOTAVAIL` if the host has no
    /// address.
    pub fn bind_udp(&self, port: u16) -> io::Result<UdpSocket> {
        let first = self.shared.lock().sockets.addresses(self.id).first().copied();
        let ip = first.ok_or_else(|| errno(libc::EADDRNOTAVAIL))?;
        self.bind_udp_at(SocketAddr::new(ip, port))
    }

    /// Binds a UDP socket to `address`; port 0 draws a free one.
    ///
    /// The unspecified address stands for all addresses of that IP version; what is sent from
    /// such a socket comes from the first of them.
    ///
    /// # Errors
    ///
    /// `EADDRNOTAVAIL` for an address that is not the host's, `EADDRINUSE` if the port is taken
    /// or none is left.
    pub fn bind_udp_at(&self, address: SocketAddr) -> io::Result<UdpSocket> {
        let (id, local) = self.shared.lock().sockets.bind(self.id, address.into())?;
        Ok(UdpSocket {
            shared: self.shared.clone(),
            host: self.id,
            id,
            local,
            dont_fragment: AtomicBool::new(false),
            multicast_ttl: AtomicU8::new(1),
        })
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Host").field(&self.id).finish()
    }
}

/// A UDP socket on a host of the network, for async code.
///
/// It behaves as the operating system's: sending never waits, datagrams that do not fit into the
/// receive buffer are dropped, and it is closed when dropped. Several tasks may read from it at
/// once; each datagram goes to one of them.
pub struct UdpSocket {
    shared: Shared,
    host: HostId,
    id: SocketId,
    local: Endpoint,
    dont_fragment: AtomicBool,
    multicast_ttl: AtomicU8,
}

impl UdpSocket {
    /// Returns the address it is bound to.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local.into()
    }

    /// Says whether what is sent may not be cut into fragments, by nobody on its way, as software
    /// does that looks for the path MTU itself (`IP_MTU_DISCOVER`, `IPV6_DONTFRAG`).
    ///
    /// If not, as it is at first, the host and IPv4 routers cut what is too long for a link.
    pub fn set_dont_fragment(&self, dont_fragment: bool) {
        self.dont_fragment.store(dont_fragment, Ordering::Relaxed);
    }

    /// Lets the host hear a multicast group on all its LANs, and so this socket if it is bound to
    /// the port that is sent to. What the host itself sends to the group comes back to it.
    ///
    /// A socket that is closed leaves its groups.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is no group of the socket's IP version, `EADDRINUSE` if the socket has joined
    /// before, `ENOBUFS` if the host is in 64 groups, `EBADF` if the socket is closed.
    pub fn join_multicast(&self, group: IpAddr) -> io::Result<()> {
        let mut state = self.shared.lock();
        if state.sockets.join(self.id, group)? {
            state.set_member(self.host, group, true);
        }
        Ok(())
    }

    /// Ends what [`join_multicast`](Self::join_multicast) began.
    ///
    /// # Errors
    ///
    /// `EADDRNOTAVAIL` if the socket is not in the group, `EBADF` if it is closed.
    pub fn leave_multicast(&self, group: IpAddr) -> io::Result<()> {
        let mut state = self.shared.lock();
        if state.sockets.leave(self.id, group)? {
            state.set_member(self.host, group, false);
        }
        Ok(())
    }

    /// Sets the hop count of packets to multicast groups, 1 at first (RFC 1112 section 6.1).
    ///
    /// No gateway routes multicast, whatever it is.
    pub fn set_multicast_ttl(&self, ttl: u8) {
        self.multicast_ttl.store(ttl, Ordering::Relaxed);
    }

    /// Sends a copy of `payload` to `target`, in this instant, and returns its length.
    ///
    /// That it was sent says nothing about its arrival. A broadcast address needs no permission.
    ///
    /// # Errors
    ///
    /// `EMSGSIZE` for more than 65507 bytes, `EAFNOSUPPORT` if `target` is of the other IP
    /// version, `EINVAL` for port 0, `EBADF` if the socket is closed, `ENOBUFS` if a million
    /// packets have been sent in this instant.
    pub fn send_to(&self, payload: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.check(payload.len(), target)?;
        let mut state = self.shared.lock();
        let copy = state.copy(payload);
        self.send(&mut state, copy, target)?;
        Ok(payload.len())
    }

    /// Sends `payload` to `target` without copying it.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    pub fn send_bytes_to(&self, payload: Bytes, target: SocketAddr) -> io::Result<()> {
        self.check(payload.len(), target)?;
        self.send(&mut self.shared.lock(), payload, target)
    }

    fn check(&self, length: usize, target: SocketAddr) -> io::Result<()> {
        if length > PAYLOAD_MAX {
            return Err(errno(libc::EMSGSIZE));
        }
        if target.is_ipv4() != self.local.ip.is_ipv4() {
            return Err(errno(libc::EAFNOSUPPORT));
        }
        if target.port() == 0 {
            return Err(errno(libc::EINVAL));
        }
        Ok(())
    }

    fn send(&self, state: &mut State, payload: Bytes, target: SocketAddr) -> io::Result<()> {
        if !state.sockets.is_open(self.id) {
            return Err(errno(libc::EBADF));
        }
        let mut packet = Packet {
            dont_fragment: self.dont_fragment.load(Ordering::Relaxed),
            ..Packet::udp(self.local, target.into(), payload)
        };
        if packet.destination.is_multicast() {
            packet.ttl = self.multicast_ttl.load(Ordering::Relaxed);
        }
        if state.send(self.host, packet) { Ok(()) } else { Err(errno(libc::ENOBUFS)) }
    }

    /// Waits for a datagram and copies it into `buffer`; returns its length and sender.
    ///
    /// What does not fit into `buffer` is discarded. Cancel safe.
    ///
    /// # Errors
    ///
    /// `EBADF` if the socket is closed, also while waiting.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|cx| self.poll_recv_from(cx, buffer)).await
    }

    /// Polls for a datagram, as [`recv_from`](Self::recv_from) waits for one.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.poll_recv(cx).map_ok(|datagram| {
            let length = datagram.payload.len().min(buffer.len());
            buffer[..length].copy_from_slice(&datagram.payload[..length]);
            (length, datagram.remote.into())
        })
    }

    /// Waits for a datagram and returns it without copying. Cancel safe.
    ///
    /// # Errors
    ///
    /// `EBADF` if the socket is closed, also while waiting.
    pub async fn recv(&self) -> io::Result<Datagram> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Polls for a datagram, as [`recv`](Self::recv) waits for one.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<io::Result<Datagram>> {
        match self.receive(Some(cx.waker())) {
            Ok(Some(datagram)) => Poll::Ready(Ok(datagram)),
            Ok(None) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Returns the datagram that has been waiting the longest, if there is one.
    ///
    /// # Errors
    ///
    /// `EBADF` if the socket is closed.
    pub fn try_recv(&self) -> io::Result<Option<Datagram>> {
        self.receive(None)
    }

    fn receive(&self, reader: Option<&Waker>) -> io::Result<Option<Datagram>> {
        self.shared.lock().sockets.receive(self.id, reader)
    }

    /// Closes the socket for everybody who shares it; those who wait on it get `EBADF`.
    ///
    /// Closing it twice is harmless, dropping it closes it too.
    pub fn close(&self) {
        let closed = {
            let mut state = self.shared.lock();
            let closed = state.sockets.close(self.id);
            for (host, group) in closed.iter().flat_map(|closed| closed.left.clone()) {
                state.set_member(host, group, false);
            }
            closed
        };
        if let Some(closed) = closed {
            closed.readers.into_iter().for_each(Waker::wake);
        }
    }
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, local, .. } = self;
        f.debug_struct("UdpSocket").field("host", host).field("local", local).finish()
    }
}
