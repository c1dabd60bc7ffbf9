//! TLS as Chromium speaks it, by the library that it uses (BoringSSL): to who looks at the ClientHello, a browser that opens a
//! WebSocket.
//!
//! What it sends was captured from Debian's Chromium 156.0.8078.79 opening `wss://localhost`: only HTTP/1.1 is offered, because
//! that is what a WebSocket begins with, and so we speak nothing that we don't say. Extensions are in another order each time, and
//! GREASE stands among them. Whom to trust is judged as with rustls, by the same verifier.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use boring::error::ErrorStack;
use boring::ssl::{
    CertificateCompressionAlgorithm, CertificateCompressor, ConnectConfiguration, ErrorCode, SslAlert, SslConnector, SslMethod,
    SslRef, SslVerifyError, SslVerifyMode, SslVersion,
};
use rustls::InvalidMessage;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_boring::SslStream;

use super::verifier;
use crate::carrier::Carrier;

/// Of TLS 1.2; those of TLS 1.3 are the library's, in their usual order.
const CIPHERS: &str = "ALL:!aPSK:!ECDSA+SHA1:!3DES";
const GROUPS: &str = "X25519MLKEM768:X25519:P-256:P-384";
/// As it stands in the extension: each name after its length.
const PROTOCOLS: &[u8] = b"\x08http/1.1";
/// ML-DSA first, which the library's safe interface has no names for.
const SIGNATURES: [u16; 11] = [0x904, 0x905, 0x906, 0x403, 0x804, 0x401, 0x503, 0x805, 0x501, 0x806, 0x601];
/// The certificate authorities that Chromium says it trusts (draft-ietf-tls-trust-anchor-ids): how their names begin, each after its
/// length, and how they end.
const ANCHORS: [(&[u8], &[u8]); 3] = [
    (&[5, 0x82, 0xdf, 0x13, 2], &[1, 6, 13, 14, 15, 18, 19, 20]),
    (&[8, 0x83, 0x9a, 0x64, 0x8c, 0x9b, 0x2d, 1], &[7, 8, 9, 10, 11, 12, 13, 18, 19]),
    (&[4, 0xd6, 0x79, 9], &[1, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15]),
];

/// What the library says of an answer that is not TLS.
const NO_TLS: &str = "WRONG_VERSION_NUMBER";

/// Sets TLS up on that connection. What is wrong with a certificate is told as with rustls: as its error inside of this one.
pub(crate) async fn connect<C: Carrier>(name: ServerName<'static>, pin: Option<[u8; 32]>, carrier: C) -> io::Result<SslStream<C>> {
    let problem = Arc::new(Mutex::new(None));
    let host = name.to_str().into_owned();
    let configuration = configure(name, pin, Arc::clone(&problem)).map_err(io::Error::other)?;
    tokio_boring::connect(configuration, &host, carrier).await.map_err(|failed| {
        if let Some(error) = problem.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return invalid(error);
        }
        let text = failed.to_string();
        match failed.as_io_error() {
            Some(error) => error.kind().into(),
            None if failed.code() == Some(ErrorCode::SYSCALL) => io::ErrorKind::UnexpectedEof.into(),
            None if text.contains(NO_TLS) => invalid(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)),
            None => invalid(rustls::Error::General(text)),
        }
    })
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn configure(
    name: ServerName<'static>,
    pin: Option<[u8; 32]>,
    problem: Arc<Mutex<Option<rustls::Error>>>,
) -> Result<ConnectConfiguration, ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    builder.set_cipher_list(CIPHERS)?;
    builder.set_curves_list(GROUPS)?;
    builder.set_alpn_protos(PROTOCOLS)?;
    builder.set_grease_enabled(true);
    builder.set_permute_extensions(true);
    builder.enable_signed_cert_timestamps();
    builder.enable_ocsp_stapling();
    builder.add_certificate_compression_algorithm(Brotli)?;
    set_what_has_no_name(&mut builder);
    let is_named = matches!(name, ServerName::DnsName(_));
    builder.set_custom_verify_callback(SslVerifyMode::PEER, move |ssl| {
        judge(ssl, &name, pin).map_err(|error| {
            *problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            SslVerifyError::Invalid(SslAlert::BAD_CERTIFICATE)
        })
    });
    let configuration = builder.build().configure()?.use_server_name_indication(is_named);
    configuration.set_enable_ech_grease(true);
    Ok(configuration)
}

fn judge(ssl: &SslRef, name: &ServerName<'_>, pin: Option<[u8; 32]>) -> Result<(), rustls::Error> {
    let malformed = || rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding);
    let mut chain = Vec::new();
    for certificate in ssl.peer_cert_chain().ok_or_else(malformed)? {
        chain.push(CertificateDer::from(certificate.to_der().map_err(|_| malformed())?));
    }
    let (first, others) = chain.split_first().ok_or_else(malformed)?;
    verifier(pin)?.verify_server_cert(first, others, name, &[], UnixTime::now()).map(drop)
}

#[expect(unsafe_code, reason = "the safe interface has no functions for these two lists")]
fn set_what_has_no_name(builder: &mut boring::ssl::SslContextBuilder) {
    let mut anchors = Vec::new();
    for (begin, ends) in ANCHORS {
        ends.iter().for_each(|end| anchors.extend([begin, &[*end]].concat()));
    }
    // SAFETY: both copy their list, and the context lives as long as its builder.
    unsafe {
        boring_sys::SSL_CTX_set_verify_algorithm_prefs(builder.as_ptr(), SIGNATURES.as_ptr(), SIGNATURES.len());
        boring_sys::SSL_CTX_set1_requested_trust_anchors(builder.as_ptr(), anchors.as_ptr(), anchors.len());
    }
}

/// Certificates may come compressed (RFC 8879).
struct Brotli;

impl CertificateCompressor for Brotli {
    const ALGORITHM: CertificateCompressionAlgorithm = CertificateCompressionAlgorithm::BROTLI;
    const CAN_COMPRESS: bool = false;
    const CAN_DECOMPRESS: bool = true;

    fn decompress<W: Write>(&self, mut input: &[u8], output: &mut W) -> io::Result<()> {
        brotli_decompressor::BrotliDecompress(&mut input, output)
    }
}
