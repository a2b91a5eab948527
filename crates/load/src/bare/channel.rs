//! Channels over plain UDP sockets.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Mutex;
use std::task::{Context, Poll};

use async_trait::async_trait;
use natbed_peer::{AgentError, Channel};
use natbed_runtime::{Host, UdpSocket};

use super::{failure, lock};

/// One end of what two hosts send to each other over UDP.
///
/// It sends nothing that may be cut into fragments.
#[derive(Debug)]
pub struct UdpChannel {
    /// One, or one for each address of a host that listens: an answer has to come from the address
    /// that was asked.
    sockets: Vec<UdpSocket>,
    remote: Mutex<Remote>,
}

/// Where datagrams go.
#[derive(Clone, Copy, Debug)]
enum Remote {
    /// Always there, and only what comes from there is taken, as by a connected socket.
    Fixed(SocketAddr),
    /// By this socket to where the latest datagram came from.
    Latest(usize, SocketAddr),
    /// Nowhere: none has come yet.
    Unknown,
}

impl UdpChannel {
    /// Makes the end that sends to `to`, from a free port of whatever address the host then has.
    ///
    /// # Errors
    ///
    /// [`AgentError::Stack`] if the host has no address of the IP version, or no port left.
    pub fn connect(host: &Host, to: SocketAddr) -> Result<Self, AgentError> {
        let any = match to {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        if !host.addresses().iter().any(|address| address.is_ipv4() == to.is_ipv4()) {
            let message = format!("it has no address of the IP version of {to}");
            return Err(failure("udp", "bind a socket", &message));
        }
        let socket = bind(host, SocketAddr::new(any, 0))?;
        Ok(Self { sockets: vec![socket], remote: Mutex::new(Remote::Fixed(to)) })
    }

    /// Makes the end that listens at a port of each address that the host has, and answers to where
    /// the latest datagram came from.
    ///
    /// # Errors
    ///
    /// [`AgentError::Stack`] if the port is taken, or the host has no address.
    pub fn listen(host: &Host, port: u16) -> Result<Self, AgentError> {
        let addresses = host.addresses();
        if addresses.is_empty() {
            return Err(failure("udp", "bind a socket", &"the host has no address"));
        }
        let sockets = addresses.into_iter().map(|ip| bind(host, SocketAddr::new(ip, port)));
        Ok(Self {
            sockets: sockets.collect::<Result<_, _>>()?,
            remote: Mutex::new(Remote::Unknown),
        })
    }

    /// Returns where it sends to, if it knows.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        match *lock(&self.remote) {
            Remote::Fixed(remote) | Remote::Latest(_, remote) => Some(remote),
            Remote::Unknown => None,
        }
    }

    fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        for (number, socket) in self.sockets.iter().enumerate() {
            while let Poll::Ready(received) = socket.poll_recv_from(cx, buffer) {
                let (length, from) = received?;
                let mut remote = lock(&self.remote);
                match *remote {
                    Remote::Fixed(to) if to != from => continue,
                    Remote::Fixed(_) => {}
                    Remote::Latest(..) | Remote::Unknown => *remote = Remote::Latest(number, from),
                }
                return Poll::Ready(Ok(length));
            }
        }
        Poll::Pending
    }
}

fn bind(host: &Host, address: SocketAddr) -> Result<UdpSocket, AgentError> {
    let refused = |error| failure("udp", "bind a socket", &error);
    let socket = host.bind_udp_at(address).map_err(refused)?;
    socket.set_dont_fragment(true);
    Ok(socket)
}

#[async_trait]
impl Channel for UdpChannel {
    async fn send(&self, datagram: &[u8]) -> Result<(), AgentError> {
        let (socket, to) = match *lock(&self.remote) {
            Remote::Fixed(to) => (0, to),
            Remote::Latest(socket, to) => (socket, to),
            Remote::Unknown => return Err(failure("udp", "send", &"nobody is known to send to")),
        };
        let sent = self.sockets[socket].send_to(datagram, to);
        sent.map(drop).map_err(|error| failure("udp", "send", &error))
    }

    async fn receive(&self, buffer: &mut [u8]) -> Result<usize, AgentError> {
        let received = poll_fn(|cx| self.poll_receive(cx, buffer)).await;
        received.map_err(|error| failure("udp", "receive", &error))
    }
}
