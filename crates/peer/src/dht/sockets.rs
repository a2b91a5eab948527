//! The sockets of a node on a host: one for each IP version, and what went through them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use bytes::Bytes;
use natbed_dht::Tally;
use natbed_runtime::{Datagram, Host, UdpSocket};

/// Sockets at one port of a host, one for each IP version that it has.
#[derive(Debug)]
pub(super) struct Sockets {
    sockets: Vec<UdpSocket>,
    pub(super) sent: Tally,
    pub(super) received: Tally,
}

impl Sockets {
    pub(super) fn bind(host: &Host, port: u16) -> io::Result<Self> {
        let addresses = host.addresses();
        let has_ipv4 = addresses.iter().any(IpAddr::is_ipv4);
        let has_ipv6 = addresses.iter().any(IpAddr::is_ipv6);
        let v4 = has_ipv4.then_some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let v6 = has_ipv6.then_some(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        let bind = |ip| host.bind_udp_at(SocketAddr::new(ip, port));
        let sockets = [v4, v6].into_iter().flatten().map(bind).collect::<io::Result<_>>()?;
        Ok(Self { sockets, sent: Tally::default(), received: Tally::default() })
    }

    /// Lets the sockets hear those of the groups that are of their IP version.
    pub(super) fn join(&self, groups: &[IpAddr]) -> io::Result<()> {
        for socket in &self.sockets {
            let is_ipv4 = socket.local_addr().is_ipv4();
            for group in groups.iter().filter(|group| group.is_ipv4() == is_ipv4) {
                socket.join_multicast(*group)?;
            }
        }
        Ok(())
    }

    /// Sends a datagram, if the host has the IP version for it.
    ///
    /// Whatever else the host refuses, a node of OpenDHT takes for a lost datagram.
    pub(super) fn send(&mut self, to: SocketAddr, payload: Bytes) {
        let is_fit = |socket: &&UdpSocket| socket.local_addr().is_ipv4() == to.is_ipv4();
        let Some(socket) = self.sockets.iter().find(is_fit) else { return };
        count(&mut self.sent, &payload);
        let _ = socket.send_bytes_to(payload, to);
    }

    /// Polls for a datagram.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Datagram> {
        for socket in &self.sockets {
            // A socket that is closed has nothing to give, ever.
            if let Poll::Ready(Ok(arrived)) = socket.poll_recv(cx) {
                count(&mut self.received, &arrived.payload);
                return Poll::Ready(arrived);
            }
        }
        Poll::Pending
    }
}

fn count(tally: &mut Tally, payload: &Bytes) {
    tally.datagrams += 1;
    tally.bytes += payload.len() as u64;
}
