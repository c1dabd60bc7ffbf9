//! A server's TLS whose certificate changes while it runs. Connections that stand are not touched.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{ALPN, Certificate, CertificateProblem, provider};

/// What a certificate authority names when it asks whether a server has its name (RFC 8737).
const CHALLENGE_ALPN: &[u8] = b"acme-tls/1";

/// Clones are the same.
#[derive(Clone)]
pub struct Live(Arc<RwLock<Arc<ServerConfig>>>);

impl Live {
    /// Shows that certificate first.
    pub fn new(certificate: &Certificate) -> Result<Self, CertificateProblem> {
        Ok(Self(Arc::new(RwLock::new(certificate.server_config()?))))
    }

    /// For the next connection.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows that certificate from now on.
    pub fn show(&self, certificate: &Certificate) -> Result<(), CertificateProblem> {
        self.set(certificate.server_config()?);
        Ok(())
    }

    /// The same, and answers the authority's question with the other one. `show` ends that: outside of these seconds nobody can
    /// tell this server from one that has never heard of such questions.
    pub fn show_and_answer(&self, certificate: &Certificate, answer: &Certificate) -> Result<(), CertificateProblem> {
        let both = Both { everyone: certificate.certified()?, authority: answer.certified()? };
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(both));
        config.alpn_protocols = vec![ALPN.to_vec(), CHALLENGE_ALPN.to_vec()];
        self.set(Arc::new(config));
        Ok(())
    }

    fn set(&self, config: Arc<ServerConfig>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }
}

impl Certificate {
    fn certified(&self) -> Result<Arc<CertifiedKey>, CertificateProblem> {
        let key = provider().key_provider.load_private_key(self.key.clone_key())?;
        Ok(Arc::new(CertifiedKey::new(self.chain.clone(), key)))
    }
}

#[derive(Debug)]
struct Both {
    everyone: Arc<CertifiedKey>,
    authority: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Both {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asks = hello.alpn().is_some_and(|mut protocols| protocols.any(|protocol| protocol == CHALLENGE_ALPN));
        Some(Arc::clone(if asks { &self.authority } else { &self.everyone }))
    }
}
