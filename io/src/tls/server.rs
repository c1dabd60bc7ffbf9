//! How a server of ours answers a ClientHello: with the choices that OpenSSL 3.0 makes under Debian's nginx, as far as rustls lets
//! it choose. `docs/threat-model.md` says where it does not.

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, Ticketer, cipher_suite};
use rustls::server::{NoServerSessionStorage, ProducesTickets, WantsServerCert};
use rustls::{ConfigBuilder, ServerConfig, SupportedCipherSuite};

/// OpenSSL's order.
const SUITES: [SupportedCipherSuite; 9] = [
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];
/// nginx's `ssl_session_timeout`.
const TICKET_SECONDS: u32 = 300;

/// For a certificate to be put in.
pub(super) fn builder() -> Result<ConfigBuilder<ServerConfig, WantsServerCert>, rustls::Error> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let provider = || Arc::new(CryptoProvider { cipher_suites: SUITES.to_vec(), ..aws_lc_rs::default_provider() });
    let builder = ServerConfig::builder_with_provider(Arc::clone(PROVIDER.get_or_init(provider)));
    Ok(builder.with_safe_default_protocol_versions()?.with_no_client_auth())
}

/// The choices that stand in the configuration: our order of ciphers, and sessions that are resumed by tickets only.
pub(super) fn finish(mut config: ServerConfig, protocols: Vec<Vec<u8>>) -> Result<Arc<ServerConfig>, rustls::Error> {
    config.ignore_client_order = true;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Arc::new(Tickets(Ticketer::new()?));
    config.alpn_protocols = protocols;
    Ok(Arc::new(config))
}

/// Tickets that are said to be good for as long as nginx's.
#[derive(Debug)]
struct Tickets(Arc<dyn ProducesTickets>);

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        self.0.enabled()
    }
    fn lifetime(&self) -> u32 {
        TICKET_SECONDS
    }
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.0.encrypt(plain)
    }
    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.0.decrypt(ticket)
    }
}
