//! The configuration of `quinn-proto`, all its randomness out of the seed.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use natbed_units::{Seed, SimRng};
use quinn_proto::congestion::{BbrConfig, ControllerFactory, CubicConfig, NewRenoConfig};
use quinn_proto::crypto::{CryptoError, HmacKey};
use quinn_proto::{
    ClientConfig, ConnectionId, ConnectionIdGenerator, Endpoint, EndpointConfig, IdleTimeout,
    MtuDiscoveryConfig, NoneTokenStore, ServerConfig, TransportConfig, VarInt,
};
use rand_core::Rng;

use crate::config::LoadError;

use super::{Congestion, IDLE_TIMEOUT, MAX_DATAGRAM, QuicConfig, refused, tls};

/// Bytes of a connection ID, as quinn has it by default.
const CONNECTION_ID_BYTES: usize = 8;
/// Bytes of the key from which stateless reset tokens come (RFC 9000 section 10.3).
const RESET_SIGNATURE_BYTES: usize = 32;

/// Makes the client's endpoint, and what it connects with.
pub(super) fn client(
    config: &QuicConfig,
    seed: Seed,
) -> Result<(Endpoint, ClientConfig), LoadError> {
    let mut client = ClientConfig::new(tls::client()?);
    client.transport_config(transport(config)?);
    client.token_store(Arc::new(NoneTokenStore));
    // Called once, for the only connection.
    client.initial_dst_cid_provider(Arc::new(move || {
        Ids(seed.rng("first destination")).generate_cid()
    }));
    Ok((endpoint(seed, None)?, client))
}

/// Makes the server's endpoint.
pub(super) fn server(config: &QuicConfig, seed: Seed) -> Result<Endpoint, LoadError> {
    let mut server = ServerConfig::with_crypto(tls::server()?);
    server.transport_config(transport(config)?);
    endpoint(seed, Some(Arc::new(server)))
}

fn endpoint(seed: Seed, server: Option<Arc<ServerConfig>>) -> Result<Endpoint, LoadError> {
    let mut config = EndpointConfig::new(Arc::new(ResetKey(seed.derive("reset key"))));
    config.cid_generator(move || Box::new(Ids(seed.rng("connection ids"))));
    config.max_udp_payload_size(MAX_DATAGRAM).map_err(refused)?;
    let mut rng_seed = [0; 32];
    seed.rng("endpoint").fill_bytes(&mut rng_seed);
    config.rng_seed(Some(rng_seed));
    Ok(Endpoint::new(Arc::new(config), server, true, None))
}

fn transport(config: &QuicConfig) -> Result<Arc<TransportConfig>, LoadError> {
    let window = VarInt::from_u64(config.window.bytes()).map_err(refused)?;
    let timeout = Duration::from_nanos(IDLE_TIMEOUT.as_nanos());
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(MAX_DATAGRAM);
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_uni_streams(u32::from(config.streams).into())
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .stream_receive_window(window)
        .receive_window(window)
        .max_idle_timeout(Some(IdleTimeout::try_from(timeout).map_err(refused)?))
        .mtu_discovery_config(Some(mtu))
        .datagram_receive_buffer_size(None)
        .enable_segmentation_offload(false)
        .congestion_controller_factory(controller(config.congestion));
    Ok(Arc::new(transport))
}

fn controller(congestion: Congestion) -> Arc<dyn ControllerFactory + Send + Sync> {
    match congestion {
        Congestion::Cubic => Arc::new(CubicConfig::default()),
        Congestion::NewReno => Arc::new(NewRenoConfig::default()),
        Congestion::Bbr => Arc::new(BbrConfig::default()),
    }
}

/// Connection IDs out of the seed.
struct Ids(SimRng);

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut bytes = [0; CONNECTION_ID_BYTES];
        self.0.fill_bytes(&mut bytes);
        ConnectionId::new(&bytes)
    }

    fn cid_len(&self) -> usize {
        CONNECTION_ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Stateless reset tokens out of the seed; nobody guesses them here, so a hash does.
struct ResetKey(Seed);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature: &mut [u8]) {
        let mut name = String::with_capacity(2 * data.len());
        for byte in data {
            let _ = write!(name, "{byte:02x}"); // a string takes everything
        }
        self.0.rng(&name).fill_bytes(signature);
    }

    fn signature_len(&self) -> usize {
        RESET_SIGNATURE_BYTES
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let mut expected = [0; RESET_SIGNATURE_BYTES];
        self.sign(data, &mut expected);
        if expected == signature { Ok(()) } else { Err(CryptoError) }
    }
}
