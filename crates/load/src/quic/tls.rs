//! The TLS 1.3 handshake: one cipher suite, one pinned certificate, one fixed time.

use std::sync::Arc;

use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite, default_provider, kx_group};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::TimeProvider;

use crate::config::LoadError;

use super::refused;

/// The server's certificate: Ed25519, signed by itself, valid from 2000 to 9999.
const CERTIFICATE: &[u8] = include_bytes!("certificate.der");
/// Its private key (PKCS #8), which protects nothing: it is as public as this source.
const KEY: &[u8] = include_bytes!("key.der");
/// The name the certificate is for.
pub(super) const SERVER_NAME: &str = "load.natbed.invalid";
/// The application protocol, which QUIC requires to be agreed (RFC 9001 section 8.1).
const ALPN: &[u8] = b"natbed";

/// The time at which certificates are checked: 2025-01-01, when virtual time starts.
///
/// Fixed, so that a handshake depends on no clock wherever it runs.
#[derive(Debug)]
struct FixedTime;

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        let since_1970 = std::time::Duration::from_secs(1_735_689_600);
        Some(UnixTime::since_unix_epoch(since_1970))
    }
}

/// AES-128-GCM and X25519: what QUIC begins with in any case, so that there is one cipher only.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![kx_group::X25519],
        ..default_provider()
    })
}

/// Makes the client's half, which trusts the one certificate.
pub(super) fn client() -> Result<Arc<QuicClientConfig>, LoadError> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(CERTIFICATE)).map_err(refused)?;
    let mut config = rustls::ClientConfig::builder_with_details(provider(), Arc::new(FixedTime))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(refused)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(QuicClientConfig::try_from(config).map_err(refused)?))
}

/// Makes the server's half, which hands out no session tickets.
pub(super) fn server() -> Result<Arc<QuicServerConfig>, LoadError> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(KEY));
    let mut config = rustls::ServerConfig::builder_with_details(provider(), Arc::new(FixedTime))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(refused)?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
        .map_err(refused)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(QuicServerConfig::try_from(config).map_err(refused)?))
}
