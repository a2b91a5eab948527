//! TCP streams for async code.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use natbed_network::HostId;
use natbed_packet::Packet;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::config::TcpConfig;
use super::connection::{Connection, Flow};
use super::stack::{ConnectionId, TcpStack};
use super::statistics::TcpStatistics;
use crate::shared::Shared;
use crate::simulated;
use crate::socket::Host;
use crate::sockets::errno;

impl Host {
    /// Connects to `remote` over TCP, from the host's first address of the same IP version and a
    /// port that is drawn from 49152 to 65535 (RFC 6335 section 6) by the run's seed.
    ///
    /// # Errors
    ///
    /// `ECONNREFUSED` if the other side answers with a reset, `ETIMEDOUT` if it does not answer,
    /// `ENETUNREACH`, `EHOSTUNREACH`, `ECONNREFUSED` or `EACCES` as an ICMP error says, and at once
    /// `ENETUNREACH` if the host has no address of the version, `EADDRNOTAVAIL` if no port is left,
    /// `ENOBUFS` if it has too many connections, `EINVAL` for port 0.
    pub async fn connect_tcp(&self, remote: SocketAddr) -> io::Result<TcpStream> {
        self.connect_tcp_with(None, remote, &TcpConfig::default()).await
    }

    /// Connects to `remote` from `local`, whose address may be unspecified and whose port 0, with
    /// the settings of `config`.
    ///
    /// Nothing but this very connection keeps `local` from being used again, as with
    /// `SO_REUSEADDR`: a listener may have it, or a connection to somebody else.
    ///
    /// # Errors
    ///
    /// As [`connect_tcp`](Self::connect_tcp); `EINVAL` for a setting out of its range,
    /// `EAFNOSUPPORT` if the addresses are not of one IP version, `EADDRNOTAVAIL` for an address
    /// that is not the host's, `EADDRINUSE` if there is a connection between the two already.
    pub async fn connect_tcp_with(
        &self,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        config: &TcpConfig,
    ) -> io::Result<TcpStream> {
        let (shared, host) = (self.shared().clone(), self.id());
        let connecting = shared.lock().update_tcp(host, |stack| {
            stack.connect(simulated::now(), local.map(Into::into), remote.into(), config)
        });
        let (id, flow) = connecting.unwrap_or_else(|| Err(errno(libc::ENETUNREACH)))?;
        let stream = TcpStream::new(shared, host, id, flow);
        poll_fn(|cx| stream.poll_connected(cx)).await?;
        Ok(stream)
    }
}

/// A TCP connection, for async code; it implements [`AsyncRead`] and [`AsyncWrite`].
///
/// It behaves as the operating system's: what is written goes to a buffer that is sent as the
/// windows allow, shutting it down sends a FIN behind that, and dropping it closes it. If something
/// that has arrived was not read by then, the other side gets a reset. After a connection has
/// failed, reading and writing return the error once, then the end of the stream and `EPIPE`.
///
/// What is different from Linux (smoltcp's ways, where not noted otherwise):
///
/// - No selective retransmission. Three duplicate acknowledgments bring the first missing segment
///   again; several that are lost in one flight cost a retransmission timeout, after which all is
///   sent again from there.
/// - The retransmission timeout is at least one second (RFC 6298), not 200 ms, and stays as long as
///   it has become until something that was sent once only is acknowledged. On a path that loses a
///   tenth of its packets that makes transfers slow, and connections may end with their timeout.
/// - The first flight is 2 KiB (RFC 2581), not ten segments.
/// - The buffers have the sizes that [`TcpConfig`] says and do not grow.
/// - A path MTU that ICMP tells of is used at once and for later connections to the same address;
///   what was too long for it is sent again by the retransmission timer. If the ICMP error does not
///   come (RFC 2923), the connection waits until its timeout.
/// - TIME-WAIT lasts 10 s and can be cut short by a new connection between the same ends.
/// - Timers are exact to the microsecond.
/// - Urgent data is ignored, as are congestion marks (ECN).
pub struct TcpStream {
    shared: Shared,
    host: HostId,
    id: ConnectionId,
    flow: Flow,
}

impl TcpStream {
    pub(super) fn new(shared: Shared, host: HostId, id: ConnectionId, flow: Flow) -> Self {
        Self { shared, host, id, flow }
    }

    /// Returns the address of this end.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.flow.local.into()
    }

    /// Returns the address of the other end, as seen from here.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.flow.remote.into()
    }

    /// Returns what the connection has done so far.
    #[must_use]
    pub fn statistics(&self) -> TcpStatistics {
        let mut state = self.shared.lock();
        let statistics = state.update_tcp(self.host, |stack| stack.statistics(self.id));
        statistics.flatten().unwrap_or_default()
    }

    /// Ends the connection with a reset; what was written and has not been sent is lost.
    pub fn abort(self) {
        self.update(|connection, out| {
            connection.abort();
            connection.drive(simulated::now(), out);
        });
    }

    /// Polls for bytes, as [`AsyncRead`] does; zero of them, into a buffer with room, are the end.
    ///
    /// Only the task that has polled last is woken.
    ///
    /// # Errors
    ///
    /// `ECONNRESET` or `ETIMEDOUT`, once, if that ended the connection.
    pub fn poll_read_into(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll(|connection, out| {
            let read = connection.read(buffer);
            match read {
                // The window has become larger.
                Ok(Some(1..)) => connection.drive(simulated::now(), out),
                Ok(None) => return Err(connection.reader.replace(cx.waker().clone())),
                _ => {}
            }
            Ok(read.map(Option::unwrap_or_default))
        })
    }

    /// Polls for room for some of `data`, and takes that much, as [`AsyncWrite`] does.
    ///
    /// Only the task that has polled last is woken.
    ///
    /// # Errors
    ///
    /// `ECONNRESET` or `ETIMEDOUT`, once, if that ended the connection, `EPIPE` after that and
    /// after [`shut_down`](Self::shut_down).
    pub fn poll_write_from(&self, cx: &Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(|connection, out| {
            let written = connection.write(data);
            match written {
                Ok(Some(1..)) => connection.drive(simulated::now(), out),
                Ok(None) => return Err(connection.writer.replace(cx.waker().clone())),
                _ => {}
            }
            Ok(written.map(Option::unwrap_or_default))
        })
    }

    /// Says that nothing more will be written: a FIN follows what was. Reading goes on.
    pub fn shut_down(&self) {
        self.update(|connection, out| {
            connection.shut_down();
            connection.drive(simulated::now(), out);
        });
    }

    /// Waits for the end of the handshake.
    fn poll_connected(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|connection, _| match connection.take_error() {
            Some(error) => Ok(Err(error)),
            None if connection.is_synchronized() => Ok(Ok(())),
            None => Err(connection.writer.replace(cx.waker().clone())),
        })
    }

    /// Calls `f` with the connection; if it is not ready, it gives back the waker that was there.
    fn poll<R>(
        &self,
        f: impl FnOnce(&mut Connection, &mut Vec<Packet>) -> Result<Result<R, i32>, Option<Waker>>,
    ) -> Poll<io::Result<R>> {
        match self.update(f) {
            Some(Ok(Ok(ready))) => Poll::Ready(Ok(ready)),
            Some(Ok(Err(error))) => Poll::Ready(Err(errno(error))),
            // Dropped here, without the lock.
            Some(Err(_replaced)) => Poll::Pending,
            None => Poll::Ready(Err(errno(libc::EBADF))),
        }
    }

    fn update<R>(&self, f: impl FnOnce(&mut Connection, &mut Vec<Packet>) -> R) -> Option<R> {
        self.update_stack(|stack| stack.update(self.id, f))?
    }

    fn update_stack<R>(&self, f: impl FnOnce(&mut TcpStack) -> R) -> Option<R> {
        let mut wakers = Vec::new();
        let result = self.shared.lock().update_tcp(self.host, |stack| {
            let result = f(stack);
            stack.take_wakers(&mut wakers);
            result
        });
        wakers.into_iter().for_each(Waker::wake);
        result
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_into(cx, buffer.initialize_unfilled()).map_ok(|read| buffer.advance(read))
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_from(cx, data)
    }

    /// Nothing to do: what was written is sent as soon as the windows allow.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down();
        Poll::Ready(Ok(()))
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.update_stack(|stack| stack.close(simulated::now(), self.id));
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, flow, .. } = self;
        let mut stream = f.debug_struct("TcpStream");
        stream.field("host", host).field("local", &flow.local).field("remote", &flow.remote);
        stream.finish()
    }
}
