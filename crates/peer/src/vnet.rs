//! The bridge between `webrtc-util`'s virtual network, which agents are given, and natbed's.
//!
//! Each host has one `Net` and one private `Router`. The router forwards nothing: a chunk filter
//! takes what the sockets send and hands it to natbed. What arrives is put into the sockets
//! through the NIC. Two traps shape this file:
//!
//! - The router's task compares wall-clock times to decide whether a chunk is due. It runs with
//!   its wall clock ahead, so that every chunk is due at once.
//! - Putting a datagram into a full socket waits while holding the host's lock, for ever. The
//!   future is polled once; if it is not done by then the datagram is dropped, as a full socket
//!   buffer does it.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use bytes::Bytes;
use ipnet::IpNet;
use natbed_network::HostId;
use natbed_packet::{Body, DropReason, Endpoint, Icmp, Packet};
use natbed_runtime::{Handle, Host, Inlet, ahead_of_time};
use natbed_units::SimTime;
use thiserror::Error;
use tokio::sync::Mutex;
use webrtc_util::vnet::chunk::Chunk;
use webrtc_util::vnet::net::{Net, NetConfig};
use webrtc_util::vnet::router::{Nic, Router, RouterConfig};

/// Why a host could not be given a virtual network.
#[derive(Debug, Error)]
#[error("the virtual network of a host could not be set up")]
pub struct VnetError(#[from] webrtc_util::Error);

/// A host of the network as `webrtc-util` code sees it: one virtual network after the other, a new
/// one whenever the host has got other addresses.
pub struct VnetHost {
    handle: Handle,
    host: Host,
    /// All of them, the one in use last; the others have sockets that nothing reaches any more.
    vnets: Mutex<Vec<Arc<Vnet>>>,
}

impl VnetHost {
    /// Gives `host` a virtual network with the host's addresses; its sockets then send and receive
    /// through the run's network.
    ///
    /// A host with addresses of both versions gets its IPv4 ones only: an agent on a virtual
    /// network asks servers from the first address it has, whatever the server's version.
    ///
    /// # Errors
    ///
    /// What `webrtc-util` reports when it is set up.
    pub async fn new(handle: &Handle, host: Host) -> Result<Self, VnetError> {
        let (handle, vnets) = (handle.clone(), Mutex::default());
        let vnet_host = Self { handle, host, vnets };
        vnet_host.vnet().await?;
        Ok(vnet_host)
    }

    /// Returns the network to give to an agent, with the addresses that the host has now.
    ///
    /// # Errors
    ///
    /// What `webrtc-util` reports when a new one is set up.
    pub async fn net(&self) -> Result<Arc<Net>, VnetError> {
        Ok(self.vnet().await?.net())
    }

    /// Returns the virtual network with the addresses that the host has now.
    ///
    /// # Errors
    ///
    /// What `webrtc-util` reports when a new one is set up.
    pub(crate) async fn vnet(&self) -> Result<Arc<Vnet>, VnetError> {
        let mut addresses = self.host.addresses();
        if addresses.iter().any(IpAddr::is_ipv4) {
            addresses.retain(IpAddr::is_ipv4);
        }
        let mut vnets = self.vnets.lock().await;
        if let Some(current) = vnets.last().filter(|vnet| vnet.addresses == addresses) {
            return Ok(Arc::clone(current));
        }
        let vnet = Arc::new(Vnet::new(&self.handle, self.host.id(), addresses).await?);
        vnets.push(Arc::clone(&vnet));
        Ok(vnet)
    }

    /// Stops the routers' tasks; sockets on the host send nothing from then on.
    pub async fn close(&self) {
        for vnet in self.vnets.lock().await.iter() {
            // The error is that it was stopped before; the future only stops child routers.
            drop(vnet.router.lock().await.stop());
        }
    }
}

impl fmt::Debug for VnetHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VnetHost").field("host", &self.host).finish_non_exhaustive()
    }
}

/// A virtual network of one host with the addresses of one time.
pub(crate) struct Vnet {
    net: Arc<Net>,
    router: Arc<Mutex<Router>>,
    addresses: Vec<IpAddr>,
}

impl Vnet {
    async fn new(handle: &Handle, host: HostId, addresses: Vec<IpAddr>) -> Result<Self, VnetError> {
        let net = Arc::new(Net::new(Some(NetConfig::default())));
        let nic = net.get_nic()?;
        // The prefix length is never looked at: nothing here routes.
        let networks: Vec<IpNet> = addresses.iter().map(|ip| IpNet::from(*ip)).collect();
        nic.lock().await.add_addrs_to_interface("eth0", &networks).await?;
        let mut router = Router::new(RouterConfig {
            name: "natbed".to_owned(), // a name of its own would come from a global counter
            cidr: "0.0.0.0/0".to_owned(),
            ..RouterConfig::default()
        })?;
        let egress = handle.clone();
        router
            .add_chunk_filter(Box::new(move |chunk| {
                let packet = Packet::udp(
                    chunk.source_addr().into(),
                    chunk.destination_addr().into(),
                    Bytes::from(chunk.user_data()),
                );
                // Ordinary sockets let their host cut what is too long.
                egress.send(host, Packet { dont_fragment: false, ..packet });
                false
            }))
            .await;
        // `start` has spawned the router's task by the time it returns; its future only starts
        // child routers, of which there are none.
        ahead_of_time(|| drop(router.start()));
        let router = Arc::new(Mutex::new(router));
        nic.lock().await.set_router(Arc::clone(&router)).await?;
        let inlet = VnetInlet { nic, addresses: addresses.clone(), queued: Arc::default() };
        handle.set_inlet(host, Box::new(inlet));
        Ok(Self { net, router, addresses })
    }

    /// Returns the network to give to an agent.
    pub(crate) fn net(&self) -> Arc<Net> {
        Arc::clone(&self.net)
    }

    /// Returns the addresses it was made with.
    pub(crate) fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Returns what to write as a server's host in a URL.
    ///
    /// The virtual resolver splits at the first colon, so that an IPv6 literal would not be
    /// understood; such a server gets a name.
    pub(crate) async fn server_name(&self, server: SocketAddr) -> String {
        match server.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => {
                let name = format!("server-{:032x}.natbed", ip.to_bits());
                let mut router = self.router.lock().await;
                // The only error is a malformed address, and this one was just printed.
                let _ = router.add_host(name.clone(), ip.to_string()).await;
                name
            }
        }
    }
}

struct VnetInlet {
    nic: Arc<Mutex<dyn Nic + Send + Sync>>,
    addresses: Vec<IpAddr>,
    /// Besides this one, each datagram that waits in a socket has a reference.
    queued: Arc<()>,
}

impl Inlet for VnetInlet {
    fn deliver(&mut self, _now: SimTime, packet: Packet) -> Result<(), (Packet, DropReason)> {
        let udp = match &packet.body {
            Body::Udp(udp) => udp,
            // The operating system takes ICMP errors; unconnected UDP sockets never hear of them.
            Body::Icmp(Icmp::Error { .. }) => return Ok(()),
            Body::Icmp(_) | Body::Tcp(_) | Body::Fragment(_) => {
                return Err((packet, DropReason::NoTaker));
            }
        };
        let source = Endpoint::new(packet.source, udp.source_port).into();
        let destination = Endpoint::new(packet.destination, udp.destination_port).into();
        let queued_before = Arc::strong_count(&self.queued);
        let payload = udp.payload.clone();
        let chunk =
            InboundChunk { source, destination, payload, _queued: Arc::clone(&self.queued) };
        let delivery = poll_once(async {
            self.nic.lock().await.on_inbound_chunk(Box::new(chunk)).await;
        });
        // The virtual network tells nobody that it has no socket for a datagram: it drops it.
        let is_queued = Arc::strong_count(&self.queued) > queued_before;
        match delivery {
            None => Err((packet, DropReason::SocketBufferFull)),
            Some(()) if is_queued || !self.addresses.contains(&packet.destination) => Ok(()),
            Some(()) => Err((packet, DropReason::PortClosed)),
        }
    }
}

/// Polls a future once, outside of tokio's cooperative budget.
///
/// The world delivers only when every task is idle, when no lock of the virtual network is held.
fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let future = pin!(tokio::task::coop::unconstrained(future));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// A datagram on its way into a socket of the virtual network.
#[derive(Clone, Debug)]
struct InboundChunk {
    source: SocketAddr,
    destination: SocketAddr,
    payload: Bytes,
    _queued: Arc<()>,
}

impl fmt::Display for InboundChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "udp {} => {}", self.source, self.destination)
    }
}

impl Chunk for InboundChunk {
    // Only routers look at timestamps, and inbound chunks pass none.
    fn set_timestamp(&mut self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
    fn get_timestamp(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
    fn get_source_ip(&self) -> IpAddr {
        self.source.ip()
    }
    fn get_destination_ip(&self) -> IpAddr {
        self.destination.ip()
    }
    fn set_source_addr(&mut self, address: &str) -> webrtc_util::Result<()> {
        self.source = address.parse()?;
        Ok(())
    }
    fn set_destination_addr(&mut self, address: &str) -> webrtc_util::Result<()> {
        self.destination = address.parse()?;
        Ok(())
    }
    fn source_addr(&self) -> SocketAddr {
        self.source
    }
    fn destination_addr(&self) -> SocketAddr {
        self.destination
    }
    fn user_data(&self) -> Vec<u8> {
        self.payload.to_vec()
    }
    fn tag(&self) -> String {
        String::new()
    }
    fn network(&self) -> String {
        "udp".to_owned()
    }
    fn clone_to(&self) -> Box<dyn Chunk + Send + Sync> {
        Box::new(self.clone())
    }
}
