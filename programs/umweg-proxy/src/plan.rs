//! The settings, read and checked: everything that can be wrong is found before a port is opened.

use std::path::Path;

use anyhow::{Context, Result, bail};
use data_encoding::BASE64URL_NOPAD;
use umweg_io::config::load_or_make_secret;
use umweg_io::site::Site;
use umweg_io::tls::Certificate;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

use crate::settings::{PortSetting, Settings};

/// Random bytes in the secret path.
const SECRET_BYTES: usize = 18;

/// What a proxy needs to run.
pub struct Plan {
    /// Where the roads lead.
    pub service: ServiceLink,
    /// The secret path of the invite.
    pub path: String,
    /// For the TLS port.
    pub certificate: Option<Certificate>,
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
    /// Reads and checks everything. The invite's secret and the certificate are made the first time.
    pub fn new(settings: Settings) -> Result<Self> {
        let service = ServiceLink::from_link(&settings.service).context("the service's link (--service) cannot be used")?;
        if service.relay_port == 0 {
            bail!("the service's link has no relay port: this service takes no proxies, or its operator has a newer link");
        }
        if [settings.tls_port, settings.plain_port, settings.bare_port].iter().all(|port| *port == PortSetting::Off) {
            bail!("all ports are off: leave at least one on, best --tls-port 443");
        }
        make_folder(&settings.data)?;
        let site = settings.site.as_deref().map_or_else(|| Ok(Site::default()), Site::folder)?;
        let certificate = certificate(&settings)?;
        let path = secret_path(&settings.data)?;
        let plan = Self { service, path, certificate, site, settings };
        let link = plan.link(Ports { tls: 443, ..Ports::default() })?;
        if !link.is_whole() {
            bail!("--host must be a domain name or an address, without https:// or a path, and --name at most 256 bytes");
        }
        Ok(plan)
    }

    /// What the volunteer passes on.
    pub fn link(&self, ports: Ports) -> Result<ProxyLink> {
        let own = self.settings.cert.is_none();
        let pin = match &self.certificate {
            Some(certificate) if own => certificate.pin()?.to_vec(),
            _ => Vec::new(),
        };
        Ok(ProxyLink {
            host: self.settings.host.clone(),
            tls_port: ports.tls.into(),
            pin,
            path: self.path.clone(),
            plain_port: ports.plain.into(),
            bare_port: ports.bare.into(),
            name: self.settings.name.clone(),
        })
    }

    /// The ports as they were set.
    #[must_use]
    pub fn ports(&self) -> Ports {
        let number = |port| match port {
            PortSetting::Off => 0,
            PortSetting::On(number) => number,
        };
        let Settings { tls_port, plain_port, bare_port, .. } = self.settings;
        Ports { tls: number(tls_port), plain: number(plain_port), bare: number(bare_port) }
    }
}

fn make_folder(data: &Path) -> Result<()> {
    std::fs::create_dir_all(data)
        .with_context(|| format!("cannot make the data folder {} (--data): choose one that this user may write to", data.display()))
}

fn certificate(settings: &Settings) -> Result<Option<Certificate>> {
    match (&settings.cert, &settings.key, settings.tls_port) {
        (_, _, PortSetting::Off) => Ok(None),
        (Some(chain), Some(key), _) => Ok(Some(Certificate::from_pem_files(chain, key)?)),
        _ => Ok(Some(Certificate::load_or_make(&settings.data, &settings.host)?)),
    }
}

/// Made at the first start, and kept: the link stays the same.
fn secret_path(data: &Path) -> Result<String> {
    let file = data.join("invite");
    let make = || format!("/{}", BASE64URL_NOPAD.encode(&rand::random::<[u8; SECRET_BYTES]>())).into_bytes();
    let read = load_or_make_secret(&file, make).with_context(|| format!("cannot read or write {}", file.display()))?;
    let path = String::from_utf8(read).ok().map(|path| path.trim().to_owned());
    path.filter(|path| path.starts_with('/') && path.len() > SECRET_BYTES)
        .with_context(|| format!("{} is damaged: restore it, or delete it to get a new link", file.display()))
}
