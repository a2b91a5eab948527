//! TCP listeners for async code.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use natbed_network::HostId;
use natbed_packet::Endpoint;

use super::config::TcpConfig;
use super::stream::TcpStream;
use crate::shared::Shared;
use crate::simulated;
use crate::socket::Host;
use crate::sockets::errno;

impl Host {
    /// Listens for TCP connections at `port` of the host's first address; port 0 draws a free one.
    ///
    /// Ports are drawn from 49152 to 65535 (RFC 6335 section 6) by the run's seed.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE` if another listener has the port or none is left, `EADDRNOTAVAIL` if the host
    /// has no address.
    pub fn listen_tcp(&self, port: u16) -> io::Result<TcpListener> {
        let first = self.addresses().first().copied();
        let ip = first.ok_or_else(|| errno(libc::EADDRNOTAVAIL))?;
        self.listen_tcp_at(SocketAddr::new(ip, port))
    }

    /// Listens for TCP connections at `address`; port 0 draws a free one.
    ///
    /// The unspecified address stands for all addresses of that IP version.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE` if another listener has the port or none is left, `EADDRNOTAVAIL` for an
    /// address that is not the host's.
    pub fn listen_tcp_at(&self, address: SocketAddr) -> io::Result<TcpListener> {
        self.listen_tcp_with(address, &TcpConfig::default())
    }

    /// Listens for TCP connections that are to have the settings of `config`.
    ///
    /// # Errors
    ///
    /// As [`listen_tcp_at`](Self::listen_tcp_at), and `EINVAL` for a setting out of its range.
    pub fn listen_tcp_with(
        &self,
        address: SocketAddr,
        config: &TcpConfig,
    ) -> io::Result<TcpListener> {
        let (shared, host) = (self.shared().clone(), self.id());
        let listened = shared.lock().update_tcp(host, |stack| stack.listen(address.into(), config));
        let local = listened.unwrap_or_else(|| Err(errno(libc::EADDRNOTAVAIL)))?;
        Ok(TcpListener { shared, host, local })
    }
}

/// A TCP socket that takes connections, for async code.
///
/// Like the operating system it finishes handshakes by itself: up to
/// [`TcpConfig::backlog`] connections wait to be accepted. Dropping it resets them.
pub struct TcpListener {
    shared: Shared,
    host: HostId,
    local: Endpoint,
}

impl TcpListener {
    /// Returns the address it listens at.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local.into()
    }

    /// Waits for a connection; returns it and who has made it. Cancel safe.
    ///
    /// # Errors
    ///
    /// None at present.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Polls for a connection, as [`accept`](Self::accept) waits for one.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let accepted = self
            .shared
            .lock()
            .update_tcp(self.host, |stack| stack.accept(self.local, cx.waker()))
            .unwrap_or_else(|| Err(errno(libc::EBADF)));
        match accepted {
            Ok(Some((id, flow))) => {
                let stream = TcpStream::new(self.shared.clone(), self.host, id, flow);
                Poll::Ready(Ok((stream, flow.remote.into())))
            }
            Ok(None) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        let mut wakers = Vec::new();
        self.shared.lock().update_tcp(self.host, |stack| {
            stack.unlisten(simulated::now(), self.local);
            stack.take_wakers(&mut wakers);
        });
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, local, .. } = self;
        f.debug_struct("TcpListener").field("host", host).field("local", local).finish()
    }
}
