//! The certificate: whether an app will believe it, now and in two weeks.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use umweg_io::tls::Certificate;
use umweg_wire::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::Finding;
use crate::acme::Acme;
use crate::date::Date;
use crate::settings::{PortSetting, Settings};

const ABOUT: &str = "certificate";
/// Time to notice and to act.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// A larger RSA key costs much for nothing.
const RSA_BITS_MAX: usize = 2_048;
const RENEW: &str = "renew it, with certbot or whatever made it, and restart the proxy; or leave --cert and --key away: then the proxy gets and \
    renews one by itself";

pub(super) fn examine(settings: &Settings, now: Timestamp) -> Vec<Finding> {
    let data = &settings.data;
    let (acme_file, own_file) = (data.join("acme-certificate.pem"), data.join("certificate.pem"));
    let is_own = match (&settings.cert, &settings.key) {
        _ if settings.tls_port == PortSetting::Off => return vec![no_tls(settings)],
        (Some(cert), Some(key)) => return vouched(cert, key, settings, now),
        _ => match Acme::new(settings) {
            Ok(acme) => acme.is_none(),
            Err(error) => return vec![Finding::problem(ABOUT, error.to_string(), "correct that setting")],
        },
    };
    match is_own {
        false if acme_file.exists() => vouched(&acme_file, &acme_file, settings, now),
        false => vec![Finding::ok(ABOUT, "there is none yet: the proxy asks for one when it starts, over port 443 of its name")],
        true if settings.signal => vec![Finding::problem(
            ABOUT,
            "the proxy makes its own certificate, and Signal's apps believe only what the web's authorities vouch for",
            "give it a domain name (--domain) and no --acme-directory off, or a certificate by --cert and --key, or leave --signal away",
        )],
        true if own_file.exists() => match Certificate::load_or_make(data, &settings.host) {
            Ok(_) => vec![Finding::ok(ABOUT, "the proxy's own; your link says how to recognise it, and no date matters")],
            Err(error) => {
                vec![Finding::problem(
                    ABOUT,
                    error.to_string(),
                    "delete both files of it: a new one is made, and your links change",
                )]
            }
        },
        true => vec![Finding::ok(ABOUT, "the proxy makes its own at the first start, and your link says how to recognise it")],
    }
}

fn no_tls(settings: &Settings) -> Finding {
    if settings.signal {
        return Finding::problem(ABOUT, "--signal needs TLS, and --tls-port is off", "switch one of the two");
    }
    Finding::ok(ABOUT, "none is needed: the port for HTTPS is off")
}

/// One that apps believe because an authority vouches for it.
fn vouched(chain: &Path, key: &Path, settings: &Settings, now: Timestamp) -> Vec<Finding> {
    let looked = || -> Result<_, String> {
        let pair = if chain == key {
            std::fs::read(chain)
                .map_err(|error| error.to_string())
                .and_then(|pem| Certificate::from_pem(&pem, chain).map_err(words))?
        } else {
            Certificate::from_pem_files(chain, key).map_err(words)?
        };
        pair.server_config().map_err(words)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(chain).map_err(words)?.collect();
        Ok((pair.validity().map_err(words)?, certificates.map_err(words)?))
    };
    match looked() {
        Ok((validity, certificates)) => {
            let within = Timestamp(now.0.clamp(validity.0.0, validity.1.0));
            vec![dates(validity, now), authority(&certificates, &settings.host, within), kind(&certificates)]
        }
        Err(error) => {
            vec![Finding::problem(ABOUT, error, "give the whole chain (certbot: fullchain.pem) and its key (privkey.pem)")]
        }
    }
}

fn dates((from, to): (Timestamp, Timestamp), now: Timestamp) -> Finding {
    let [first, last] = [from, to].map(Date::of);
    if now < from {
        let found = format!("it is valid from {first} on, and this machine's clock is before that");
        return Finding::problem(ABOUT, found, "is the clock right? Else wait, or get another");
    }
    if now > to {
        return Finding::problem(ABOUT, format!("it expired on {last}, or this machine's clock is ahead"), RENEW);
    }
    let left = Duration::from_millis(to.0 - now.0);
    // Some live six days only, and are renewed in time all the same.
    let soon = SOON.min(Duration::from_millis((to.0 - from.0) / 6));
    let found = format!("it is valid until {last}");
    if left < soon { Finding::warning(ABOUT, found, RENEW) } else { Finding::ok(ABOUT, found) }
}

/// Name and chain, at a time at which the certificate itself is valid.
fn authority(certificates: &[CertificateDer<'_>], host: &str, now: Timestamp) -> Finding {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let unknown = "this system knows no certificate authorities, so nobody can be asked";
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::new(aws_lc_rs::default_provider())).build();
    let Ok(verifier) = verifier else { return Finding::warning(ABOUT, unknown, "install them (Debian: ca-certificates)") };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let (Some((first, rest)), Ok(name)) = (certificates.split_first(), ServerName::try_from(bare)) else {
        return Finding::problem(ABOUT, format!("{host} is neither a name nor an address"), "correct --host");
    };
    let now = UnixTime::since_unix_epoch(Duration::from_millis(now.0));
    match verifier.verify_server_cert(first, rest, &name, &[], now) {
        Ok(_) => Finding::ok(ABOUT, format!("it is for {host}, and an authority that this system knows vouches for it")),
        Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Finding::problem(ABOUT, format!("it is not for {host}"), "get one for that name, or correct --host"),
        Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => Finding::problem(
            ABOUT,
            "no authority that this system knows vouches for it, so apps will not believe it",
            "give the whole chain (certbot: fullchain.pem, not cert.pem). For a certificate of your own leave --cert and --key away, with \
             --acme-directory off: then your link says how to recognise the proxy's",
        ),
        Err(error) => Finding::problem(ABOUT, format!("apps will not believe it: {error}"), RENEW),
    }
}

fn kind(certificates: &[CertificateDer<'_>]) -> Finding {
    let parsed = certificates.first().and_then(|first| X509Certificate::from_der(first).ok());
    match parsed.as_ref().and_then(|(_, parsed)| parsed.public_key().parsed().ok()) {
        Some(PublicKey::RSA(key)) if key.key_size() > RSA_BITS_MAX => Finding::warning(
            ABOUT,
            format!("its key is RSA of {} bits: every new connection costs this machine many times what it could", key.key_size()),
            "get one with a P-256 key (certbot: --key-type ecdsa --elliptic-curve secp256r1)",
        ),
        Some(PublicKey::RSA(key)) => {
            Finding::ok(ABOUT, format!("its key is RSA of {} bits; P-256 would be quicker", key.key_size()))
        }
        Some(PublicKey::EC(point)) => Finding::ok(ABOUT, format!("its key is on a curve of {} bits", point.key_size())),
        _ => Finding::ok(ABOUT, "its key is of a kind that is rare, and is taken"),
    }
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
