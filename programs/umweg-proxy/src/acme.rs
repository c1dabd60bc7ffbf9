//! The certificate for the proxy's domain name, got from a certificate authority and renewed (ACME, RFC 8555).
//!
//! 1. An account is made the first time; its key is kept.
//! 2. An order for the name is placed. The authority connects to port 443 of the name, asks for the protocol `acme-tls/1`, and is
//!    shown a certificate with the digest of its token and the account's key (TLS-ALPN-01, RFC 8737). No other port is needed.
//! 3. A fresh P-256 key is certified, stored and shown to new connections; those that stand are not touched.
//! 4. The same again when two thirds of the certificate's life are over, at a moment that differs from proxy to proxy.
//!
//! Until the first certificate is there, and whenever the authority refuses, the proxy serves with the one that it has.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::http::Uri;
use umweg_io::clock;
use umweg_io::config::write_secret;
use umweg_io::tls::{Certificate, Live};
use umweg_wire::Timestamp;

use crate::settings::{PortSetting, Settings};

mod authority;
mod schedule;

use authority::{Authority, Refusal};
use schedule::{patience, renewal};

/// A machine that slept, or whose clock was set, notices so late at most.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(60 * 60);

/// Gets the certificate of one name.
pub struct Acme {
    authority: Authority,
    port: u16,
    certificate_file: PathBuf,
}

impl Acme {
    /// For the settings of a volunteer who has a domain name, and no certificate for it.
    pub fn new(settings: &Settings) -> Result<Option<Self>> {
        let Settings { host, cert, tls_port, acme_directory, acme_ca, data, .. } = settings;
        if cert.is_some() || *tls_port == PortSetting::Off || acme_directory == "off" || !is_domain_name(host) {
            return Ok(None);
        }
        let port = port_of(acme_directory).context("--acme-directory must begin with https:// and a name, or be `off`")?;
        let authority = Authority {
            domain: host.clone(),
            directory: acme_directory.clone(),
            root: acme_ca.clone(),
            account_file: data.join("acme-account.json"),
        };
        Ok(Some(Self { authority, port, certificate_file: data.join("acme-certificate.pem") }))
    }

    /// At which the authority is asked.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What was got before, with its key.
    #[must_use]
    pub fn stored(&self) -> Option<Certificate> {
        let pem = std::fs::read(&self.certificate_file).ok()?;
        let certificate = Certificate::from_pem(&pem, &self.certificate_file);
        certificate.inspect_err(|error| tracing::warn!(%error, "the stored certificate is damaged: asking for a new one")).ok()
    }

    /// Gets it, shows it and renews it.
    pub async fn keep(self, live: Live) {
        let mut due = self.stored().map_or(Timestamp(0), |stored| due(&stored));
        let mut failures = 0;
        loop {
            wait_until(due).await;
            match self.renew(&live).await {
                Ok(certificate) => {
                    due = self::due(&certificate);
                    failures = 0;
                    tracing::info!("the certificate authority has certified this proxy's name");
                }
                Err(refusal) => {
                    let wait = patience(failures, rand::random());
                    failures += 1;
                    metrics::counter!("umweg_proxy_certificate_refused").increment(1);
                    tracing::warn!("no certificate: {refusal} Trying again in {} minutes", wait.as_secs().div_ceil(60));
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    async fn renew(&self, live: &Live) -> Result<Certificate, Refusal> {
        let pem = self.authority.order(live).await?;
        let certificate = Certificate::from_pem(pem.as_bytes(), &self.certificate_file)?;
        write_secret(&self.certificate_file, pem.as_bytes()).map_err(Refusal::NotStored)?;
        live.show(&certificate)?;
        Ok(certificate)
    }
}

fn port_of(directory: &str) -> Option<u16> {
    let url: Uri = directory.parse().ok()?;
    (url.scheme_str() == Some("https")).then(|| url.port_u16().unwrap_or(443))
}

/// A certificate whose dates cannot be read is due at once.
fn due(certificate: &Certificate) -> Timestamp {
    certificate.validity().map_or(Timestamp(0), |(from, to)| renewal(from, to, rand::random()))
}

async fn wait_until(due: Timestamp) {
    loop {
        let left = Duration::from_millis(due.0.saturating_sub(clock::now().0));
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK_AT_CLOCK)).await;
    }
}

/// One that an authority could certify: no bare address, no name of this machine or of a home network.
fn is_domain_name(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_err() && host.contains('.') && !host.ends_with(".local") && !host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_asked_by_https_at_its_port() {
        assert_eq!(port_of("https://ca.example/directory"), Some(443));
        assert_eq!(port_of("https://ca.example:14000/dir"), Some(14_000));
        for other in ["http://ca.example/dir", "https://", "https:///dir", "ca.example", ""] {
            assert_eq!(port_of(other), None, "{other}");
        }
    }

    #[test]
    fn only_domain_names_are_certified() {
        for name in ["road.example.org", "xn--mgbh0fb.xn--kgbechtv"] {
            assert!(is_domain_name(name), "{name}");
        }
        for other in ["192.0.2.7", "[2001:db8::7]", "2001:db8::7", "localhost", "printer.local"] {
            assert!(!is_domain_name(other), "{other}");
        }
    }
}
