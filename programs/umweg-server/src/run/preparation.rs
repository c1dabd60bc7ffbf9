//! From settings to what they mean: certificate, doors, link; and what can be wrong with them, said before anything runs.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, bail};
use umweg_io::listen::{Doors, ListenConfig};
use umweg_io::session::{Scheme, StaticKey};
use umweg_io::site::Site;
use umweg_io::tls::Certificate;
use umweg_wire::Timestamp;
use umweg_wire::links::Linked;
use umweg_wire::proto::v1::ServiceLink;

use crate::data_folder::DataFolder;
use crate::settings::{Port, Settings};
use crate::sfu::Sfu;

/// 2026-01-01: before it there was no service of ours.
const FIRST_YEAR: Timestamp = Timestamp(1_767_225_600_000);

/// A certificate, and whether the link must carry its fingerprint.
pub(super) struct Shown {
    certificate: Certificate,
    pinned: bool,
}

/// Looks at everything that can be looked at without binding a port.
pub fn check(settings: &Settings) -> anyhow::Result<()> {
    check_clock(umweg_io::clock::now())?;
    let data = DataFolder::open(settings.data())?;
    let (key, shown) = (data.static_key()?, certificate(settings, data.path())?);
    listen_config(settings, &shown, &key)?;
    link_at(settings, &key, &shown, settings.doors())?;
    Ok(())
}

/// The link of a service with these settings.
pub fn link(settings: &Settings) -> anyhow::Result<String> {
    let chosen = [settings.tls_port, settings.plain_port, settings.bare_port, settings.relay_port].contains(&Port::On(0));
    let Some(folder) = settings.data().filter(|_| !chosen) else {
        bail!("the link of a service whose folder or ports are chosen when it starts is what `run` prints then");
    };
    // Not by `DataFolder::open`: the service may be running.
    let (key, shown) = (DataFolder::key_in(folder)?, certificate(settings, folder)?);
    link_at(settings, &key, &shown, settings.doors())
}

/// A clock that was never set would date entries before every device's own, and expire certificates.
pub(super) fn check_clock(now: Timestamp) -> anyhow::Result<()> {
    if now < FIRST_YEAR {
        bail!("this machine's clock stands before the year 2026: set it (timedatectl set-ntp true), then start again");
    }
    Ok(())
}

pub(super) fn certificate(settings: &Settings, folder: &Path) -> anyhow::Result<Shown> {
    Ok(match (&settings.cert, &settings.key) {
        (Some(chain), Some(key)) => Shown { certificate: Certificate::from_pem_files(chain, key)?, pinned: settings.pin_cert },
        _ => Shown { certificate: Certificate::load_or_make(folder, settings.host()?)?, pinned: true },
    })
}

pub(super) fn listen_config(settings: &Settings, shown: &Shown, key: &StaticKey) -> anyhow::Result<ListenConfig> {
    let site = settings.site.as_deref().map(Site::folder).transpose()?.unwrap_or_default();
    Ok(ListenConfig {
        doors: settings.doors(),
        tls: Some(shown.certificate.server_config()?),
        path: settings.path.clone(),
        key: key.clone(),
        scheme: Scheme::default(),
        site,
        connections_max: settings.connections_max,
    })
}

pub(super) fn start_sfu(settings: &Settings) -> anyhow::Result<Sfu> {
    let address = settings.udp();
    Sfu::start_with(address, settings.capacity()).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "UDP port {} is taken by another program: stop that one, or choose another with --udp-port (or `off`)",
            address.map_or(0, |address| address.port())
        ),
        io::ErrorKind::PermissionDenied => anyhow::anyhow!(
            "this user may not listen on UDP port {}: choose one from 1024 up with --udp-port, or permit it \
             (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE)",
            address.map_or(0, |address| address.port())
        ),
        _ => anyhow::Error::new(error).context("start the calls' router"),
    })
}

pub(super) fn link_at(settings: &Settings, key: &StaticKey, shown: &Shown, doors: Doors) -> anyhow::Result<String> {
    let port = |address: Option<SocketAddr>| address.map_or(0, |address| u32::from(address.port()));
    let pin = if shown.pinned && doors.tls.is_some() { shown.certificate.pin()?.to_vec() } else { Vec::new() };
    let link = ServiceLink {
        host: settings.host()?.to_owned(),
        static_key: key.public().to_vec(),
        tls_port: port(doors.tls),
        pin,
        path: settings.path.clone(),
        plain_port: port(doors.plain),
        bare_port: port(doors.bare),
        relay_port: port(doors.relay),
    };
    let text = link.to_link();
    ServiceLink::from_link(&text).context(
        "the settings make no usable link: --host must be a name or a bare address, --path must begin with a slash, and one port \
         besides the relay port must be open",
    )?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_told() {
        assert!(check_clock(Timestamp(0)).unwrap_err().to_string().contains("clock"));
        assert!(check_clock(FIRST_YEAR).is_ok());
    }
}
