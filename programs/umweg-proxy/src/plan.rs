//! The settings, read and checked: everything that can be wrong is found before a port is opened.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use umweg_io::site::Site;
use umweg_io::tls::Certificate;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

use crate::acme::Acme;
use crate::invites::Invites;
use crate::invites::book::Book;
use crate::others::Others;
use crate::settings::{PortSetting, Settings};

/// What a proxy needs to run.
pub struct Plan {
    /// Where the roads lead.
    pub service: ServiceLink,
    /// Who may come in.
    pub book: Arc<Book>,
    /// Other messengers' people.
    pub others: Others,
    /// For the TLS port, as it begins.
    pub certificate: Option<Certificate>,
    /// Who gets a certificate that the web's authorities know.
    pub acme: Option<Acme>,
    /// What everybody else sees.
    pub site: Site,
    /// As it was said.
    pub settings: Settings,
}

/// The ports that people reach, for the link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ports {
    /// HTTPS.
    pub tls: u16,
    /// HTTP.
    pub plain: u16,
    /// The bare session.
    pub bare: u16,
}

impl Plan {
    /// Reads and checks everything. The first invite and the certificate are made the first time.
    pub fn new(settings: Settings) -> Result<Self> {
        let service = ServiceLink::from_link(&settings.service).context("the service's link (--service) cannot be used")?;
        if service.relay_port == 0 {
            bail!("the service's link has no relay port: this service takes no proxies, or its operator has a newer link");
        }
        if [settings.tls_port, settings.plain_port, settings.bare_port].iter().all(|port| *port == PortSetting::Off) {
            bail!("all ports are off: leave at least one on, best --tls-port 443");
        }
        make_folder(&settings.data)?;
        let site = match (&settings.site, &settings.site_upstream) {
            (Some(folder), _) => Site::folder(folder)?,
            (None, Some(url)) => Site::upstream(url)?,
            (None, None) => Site::default(),
        };
        let site = match &settings.site_upstream_http2 {
            Some(url) => site.with_http2(url)?,
            None => site,
        };
        let acme = Acme::new(&settings)?;
        let certificate = certificate(&settings, acme.as_ref())?;
        let others = Others::new(&settings)?;
        Invites::of(&settings.data).begin(&mut rand::rng())?;
        let book = Book::open(&settings.data)?;
        let plan = Self { service, book, others, certificate, acme, site, settings };
        let link = plan.link(Ports { tls: 443, ..Ports::default() })?;
        if !link.is_whole() {
            bail!("--host must be a domain name or an address, without https:// or a path, and --name at most 256 bytes");
        }
        Ok(plan)
    }

    /// What the volunteer passes on: the oldest invite's link. Without an invite its path leads nowhere.
    pub fn link(&self, ports: Ports) -> Result<ProxyLink> {
        let own = self.settings.cert.is_none() && self.acme.is_none();
        let pin = match &self.certificate {
            Some(certificate) if own => certificate.pin()?.to_vec(),
            _ => Vec::new(),
        };
        let settings = &self.settings;
        Ok(ProxyLink {
            host: settings.host.clone(),
            tls_port: settings.public_tls_port.map_or(ports.tls, PortSetting::in_link).into(),
            pin,
            path: self.book.oldest_path().unwrap_or_else(|| "/".to_owned()),
            plain_port: settings.public_plain_port.map_or(ports.plain, PortSetting::in_link).into(),
            bare_port: ports.bare.into(),
            name: settings.name.clone(),
        })
    }

    /// The ports as they were set.
    #[must_use]
    pub fn ports(&self) -> Ports {
        let Settings { tls_port, plain_port, bare_port, .. } = self.settings;
        Ports { tls: tls_port.in_link(), plain: plain_port.in_link(), bare: bare_port.in_link() }
    }
}

fn make_folder(data: &Path) -> Result<()> {
    std::fs::create_dir_all(data)
        .with_context(|| format!("cannot make the data folder {} (--data): choose one that this user may write to", data.display()))
}

fn certificate(settings: &Settings, acme: Option<&Acme>) -> Result<Option<Certificate>> {
    if let Some(stored) = acme.and_then(Acme::stored) {
        return Ok(Some(stored));
    }
    match (&settings.cert, &settings.key, settings.tls_port) {
        (_, _, PortSetting::Off) => Ok(None),
        (Some(chain), Some(key), _) => Ok(Some(Certificate::from_pem_files(chain, key)?)),
        _ => Ok(Some(Certificate::load_or_make(&settings.data, &settings.host)?)),
    }
}
