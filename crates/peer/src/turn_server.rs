//! The `turn` crate's server, unmodified, on a host of the network; also serves STUN.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use natbed_runtime::{Host, UdpSocket};
use thiserror::Error;
use turn::auth::{AuthHandler, generate_auth_key};
use turn::relay::RelayAddressGenerator;
use turn::server::Server;
use turn::server::config::{ConnConfig, ServerConfig};
use webrtc_util::Conn;

/// The port of STUN and TURN (RFC 8489 section 8.1, RFC 8656 section 4).
pub const STUN_PORT: u16 = 3478;

/// The realm that the server authenticates in.
const REALM: &str = "natbed";

/// Why a server could not be started.
#[derive(Debug, Error)]
pub enum TurnServerError {
    /// Its port could not be bound.
    #[error("the server's socket could not be bound")]
    Bind(#[from] std::io::Error),
    /// The `turn` crate refused its configuration.
    #[error("the turn server could not be started")]
    Start(#[from] turn::Error),
}

/// A STUN and TURN server on a host.
pub struct TurnServer(Server);

impl TurnServer {
    /// Starts the server on port 3478 of the host's first address.
    ///
    /// It answers STUN binding requests from anybody, and allocates for `users` (name and
    /// password) only: without users it is a STUN server.
    ///
    /// # Errors
    ///
    /// When the port is taken, or when the `turn` crate refuses its configuration.
    pub async fn start(host: &Host, users: &[(String, String)]) -> Result<Self, TurnServerError> {
        let socket = host.bind_udp(STUN_PORT)?;
        let relay_ip = socket.local_addr().ip();
        let keys = users
            .iter()
            .map(|(name, password)| (name.clone(), generate_auth_key(name, REALM, password)))
            .collect();
        let config = ServerConfig {
            conn_configs: vec![ConnConfig {
                conn: Arc::new(SocketConn { socket, stays_open: true }),
                relay_addr_generator: Box::new(RelaySockets { host: host.clone(), ip: relay_ip }),
            }],
            realm: REALM.to_owned(),
            auth_handler: Arc::new(Users(keys)),
            channel_bind_timeout: Duration::ZERO, // the crate's default: RFC 8656's 10 minutes
            alloc_close_notify: None,
        };
        Ok(Self(Server::new(config).await?))
    }

    /// Ends all allocations and the server's tasks.
    pub async fn close(self) {
        // The only error is that it was closed before, which cannot be.
        let _ = self.0.close().await;
    }
}

struct Users(BTreeMap<String, Vec<u8>>);

impl AuthHandler for Users {
    fn auth_handle(
        &self,
        username: &str,
        _realm: &str,
        _source: SocketAddr,
    ) -> Result<Vec<u8>, turn::Error> {
        self.0.get(username).cloned().ok_or(turn::Error::ErrNoSuchUser)
    }
}

struct RelaySockets {
    host: Host,
    ip: IpAddr,
}

#[async_trait]
impl RelayAddressGenerator for RelaySockets {
    fn validate(&self) -> Result<(), turn::Error> {
        Ok(())
    }

    async fn allocate_conn(
        &self,
        _use_ipv4: bool,
        requested_port: u16,
    ) -> Result<(Arc<dyn Conn + Send + Sync>, SocketAddr), turn::Error> {
        let socket = self
            .host
            .bind_udp_at(SocketAddr::new(self.ip, requested_port))
            .map_err(|error| turn::Error::Other(error.to_string()))?;
        let address = socket.local_addr();
        Ok((Arc::new(SocketConn { socket, stays_open: false }), address))
    }
}

/// A natbed socket as the `turn` crate wants it.
struct SocketConn {
    socket: UdpSocket,
    /// The crate closes the listening socket with every allocation that ends; it must not.
    stays_open: bool,
}

#[async_trait]
impl Conn for SocketConn {
    async fn connect(&self, _: SocketAddr) -> webrtc_util::Result<()> {
        Err(unsupported("connect"))
    }

    async fn recv(&self, buffer: &mut [u8]) -> webrtc_util::Result<usize> {
        Ok(self.recv_from(buffer).await?.0)
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> webrtc_util::Result<(usize, SocketAddr)> {
        Ok(self.socket.recv_from(buffer).await?)
    }

    async fn send(&self, _: &[u8]) -> webrtc_util::Result<usize> {
        Err(webrtc_util::Error::ErrNoRemAddr)
    }

    async fn send_to(&self, payload: &[u8], target: SocketAddr) -> webrtc_util::Result<usize> {
        Ok(self.socket.send_to(payload, target)?)
    }

    fn local_addr(&self) -> webrtc_util::Result<SocketAddr> {
        Ok(self.socket.local_addr())
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn close(&self) -> webrtc_util::Result<()> {
        if !self.stays_open {
            self.socket.close();
        }
        Ok(())
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}

fn unsupported(what: &str) -> webrtc_util::Error {
    webrtc_util::Error::Other(format!("{what} is not something a server socket does"))
}
