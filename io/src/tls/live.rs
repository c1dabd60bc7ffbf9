//! A server's TLS whose certificate changes while it runs. Connections that stand are not touched.

use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{ALPN, Certificate, CertificateProblem, provider, server};

/// What a certificate authority names when it asks whether a server has its name (RFC 8737).
const CHALLENGE_ALPN: &[u8] = b"acme-tls/1";

/// Clones are the same.
#[derive(Clone)]
pub struct Live {
    shown: Arc<RwLock<Shown>>,
    http2: bool,
}

struct Shown {
    /// What everyone sees.
    certificate: Arc<CertifiedKey>,
    usual: Arc<ServerConfig>,
    /// While an authority asks.
    answering: Option<Arc<ServerConfig>>,
}

/// As long as it lives, the authority's question is answered.
pub struct Answering(Live);

impl Live {
    /// Shows that certificate first, and offers HTTP/2 or not.
    pub fn new(certificate: &Certificate, http2: bool) -> Result<Self, CertificateProblem> {
        let usual = certificate.config_for(protocols(http2))?;
        let shown = Shown { certificate: certificate.certified()?, usual, answering: None };
        Ok(Self { shown: Arc::new(RwLock::new(shown)), http2 })
    }

    /// For the next connection.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(shown.answering.as_ref().unwrap_or(&shown.usual))
    }

    /// Shows that certificate from now on.
    pub fn show(&self, certificate: &Certificate) -> Result<(), CertificateProblem> {
        let (certified, usual) = (certificate.certified()?, certificate.config_for(protocols(self.http2))?);
        let mut shown = self.write();
        (shown.certificate, shown.usual) = (certified, usual);
        Ok(())
    }

    /// Shows the authority that one. Outside of these seconds nobody can tell this server from one that has never heard of such
    /// questions.
    pub fn answer(&self, answer: &Certificate) -> Result<Answering, CertificateProblem> {
        let mut shown = self.write();
        let both = Both { everyone: Arc::clone(&shown.certificate), authority: answer.certified()? };
        let mut offered = protocols(self.http2);
        offered.push(CHALLENGE_ALPN.to_vec());
        shown.answering = Some(server::finish(server::builder()?.with_cert_resolver(Arc::new(both)), offered)?);
        drop(shown);
        Ok(Answering(self.clone()))
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shown> {
        self.shown.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As nginx offers them.
fn protocols(http2: bool) -> Vec<Vec<u8>> {
    let offered: &[&[u8]] = if http2 { &[b"h2", ALPN, b"http/1.0", b"http/0.9"] } else { &[ALPN, b"http/1.0", b"http/0.9"] };
    offered.iter().map(|protocol| protocol.to_vec()).collect()
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.write().answering = None;
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
