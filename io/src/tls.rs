//! TLS: the client that trusts a pin or the web's authorities, and the certificate of a server.
//!
//! X25519MLKEM768 comes first in both (rustls with aws-lc-rs, `prefer-post-quantum`).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use umweg_wire::Timestamp;
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

#[cfg(feature = "boring")]
pub(crate) mod chromium;
mod live;
mod server;
mod stack;

pub use live::{Answering, Live};
pub use stack::{NotBuilt, Stack};

const ALPN: &[u8] = b"http/1.1";

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateProblem {
    /// A file that cannot be read.
    #[error("cannot read {path}: {error}. Does it exist, and may this user read it?")]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file without what it should hold.
    #[error("{path} holds no {wanted} in PEM form")]
    NotPem {
        /// Which one.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
    },
    /// Certificate and key are not a pair, or of a kind that is not known.
    #[error("certificate and key do not fit together: {0}")]
    Unusable(#[from] rustls::Error),
    /// Making one failed.
    #[error("cannot make a self-signed certificate for this name: {0}")]
    Making(#[from] rcgen::Error),
    /// Not a certificate.
    #[error("the certificate cannot be read: {0}")]
    Malformed(String),
}

/// A server's certificate chain and key.
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Certificate {
    /// From PEM files, as certbot and others leave them.
    pub fn from_pem_files(chain: &Path, key: &Path) -> Result<Self, CertificateProblem> {
        let not_pem = |path: &Path, wanted| CertificateProblem::NotPem { path: path.to_owned(), wanted };
        let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(chain)?).collect();
        let chain = parsed.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| not_pem(chain, "certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| not_pem(key, "private key"))?;
        Ok(Self { chain, key })
    }

    /// The same as bytes: the chain and the key in one.
    pub fn from_pem(pem: &[u8], path: &Path) -> Result<Self, CertificateProblem> {
        let not_pem = |wanted| CertificateProblem::NotPem { path: path.to_owned(), wanted };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| not_pem("certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| not_pem("private key"))?;
        Ok(Self { chain, key })
    }

    /// A self-signed one, for a name or a bare address: who connects knows it by its pin.
    pub fn self_signed(host: &str) -> Result<Self, CertificateProblem> {
        let made = rcgen::generate_simple_self_signed([host.to_owned()])?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
            .map_err(|error| CertificateProblem::Malformed(error.to_owned()))?;
        Ok(Self { chain: vec![made.cert.der().clone()], key })
    }

    /// The self-signed one of that folder, made when it is not there yet. Its key is readable by this user only.
    pub fn load_or_make(folder: &Path, host: &str) -> Result<Self, CertificateProblem> {
        let (chain, key) = (folder.join("certificate.pem"), folder.join("certificate-key.pem"));
        if !(chain.exists() && key.exists()) {
            let made = rcgen::generate_simple_self_signed([host.to_owned()])?;
            let unreadable = |path: &Path| {
                let path = path.to_owned();
                move |error| CertificateProblem::Unreadable { path, error }
            };
            crate::config::write_secret(&key, made.signing_key.serialize_pem().as_bytes()).map_err(unreadable(&key))?;
            std::fs::write(&chain, made.cert.pem()).map_err(unreadable(&chain))?;
        }
        Self::from_pem_files(&chain, &key)
    }

    /// SHA-256 of the SubjectPublicKeyInfo, for a link.
    pub fn pin(&self) -> Result<[u8; 32], CertificateProblem> {
        let first = self.chain.first().ok_or_else(|| CertificateProblem::Malformed("it is empty".to_owned()))?;
        pin_of(first).map_err(CertificateProblem::Malformed)
    }

    /// When it begins and ceases to be valid.
    pub fn validity(&self) -> Result<(Timestamp, Timestamp), CertificateProblem> {
        let malformed = |error: String| CertificateProblem::Malformed(error);
        let first = self.chain.first().ok_or_else(|| malformed("it is empty".to_owned()))?;
        let (_, parsed) = X509Certificate::from_der(first).map_err(|error| malformed(error.to_string()))?;
        let time = |time: ASN1Time| Timestamp(u64::try_from(time.timestamp()).unwrap_or_default() * 1_000);
        Ok((time(parsed.validity().not_before), time(parsed.validity().not_after)))
    }

    /// The answer to a certificate authority's question whether this server has the name (RFC 8737): a certificate that holds the
    /// digest of what only the asking account can know.
    pub fn for_challenge(name: &str, digest: &[u8]) -> Result<Self, CertificateProblem> {
        let mut parameters = rcgen::CertificateParams::new([name.to_owned()])?;
        parameters.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(digest)];
        let key = rcgen::KeyPair::generate()?;
        let chain = vec![parameters.self_signed(&key)?.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| CertificateProblem::Malformed(error.to_owned()))?;
        Ok(Self { chain, key })
    }

    /// What a server needs to show it.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, CertificateProblem> {
        self.config_for(vec![ALPN.to_vec()])
    }

    fn config_for(&self, protocols: Vec<Vec<u8>>) -> Result<Arc<ServerConfig>, CertificateProblem> {
        let config = server::builder()?.with_single_cert(self.chain.clone(), self.key.clone_key())?;
        Ok(server::finish(config, protocols)?)
    }
}

/// For dialing: with a pin only the key with that hash is trusted, whatever name or date is in its certificate; without one the
/// system's authorities decide.
pub fn client_config(pin: Option<[u8; 32]>) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier(pin)?).with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

fn verifier(pin: Option<[u8; 32]>) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    match pin {
        Some(pin) => Ok(Arc::new(Pinned { pin })),
        None => {
            let built = WebPkiServerVerifier::builder_with_provider(authorities(), provider()).build();
            Ok(built.map_err(|error| rustls::Error::General(error.to_string()))?)
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}

fn authorities() -> Arc<RootCertStore> {
    static AUTHORITIES: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    Arc::clone(AUTHORITIES.get_or_init(|| {
        let mut store = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (_, unusable) = store.add_parsable_certificates(found.certs);
        tracing::debug!(known = store.len(), unusable, problems = found.errors.len(), "read the system's certificate authorities");
        Arc::new(store)
    }))
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateProblem> {
    std::fs::read(path).map_err(|error| CertificateProblem::Unreadable { path: path.to_owned(), error })
}

fn pin_of(certificate: &CertificateDer<'_>) -> Result<[u8; 32], String> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    Ok(Sha256::digest(parsed.public_key().raw).into())
}

/// Trusts one public key (RFC 7469's pin). The server still proves that it has the key: the signatures are checked.
#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = pin_of(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        if self.pin.ct_eq(&shown).into() { Ok(ServerCertVerified::assertion()) } else { Err(PIN_MISMATCH.into()) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

/// How a certificate with another key than the pinned one is reported.
pub(crate) const PIN_MISMATCH: CertificateError = CertificateError::ApplicationVerificationFailure;
