//! What a volunteer passes on: our link for each invite, and the other messengers' own links where they are served.

use std::path::{Path, PathBuf};

use umweg_wire::links::{Linked, WrongLink};
use umweg_wire::proto::v1::ProxyLink;

use crate::settings::Settings;

/// A link that Signal's app opens.
#[must_use]
pub fn signal_link(host: &str) -> String {
    format!("https://signal.tube/#{host}")
}

/// A link that WhatsApp's app opens.
#[must_use]
pub fn whatsapp_link(host: &str, chat_port: u16, media_port: Option<u16>) -> String {
    let media = media_port.map(|port| format!("&mediaPort={port}")).unwrap_or_default();
    format!("https://wa.me/proxy?host={host}&chatPort={chat_port}{media}&chatTLS=true")
}

/// The links for other messengers' people, with whose they are.
#[must_use]
pub fn other_links(settings: &Settings, link: &ProxyLink, media_port: Option<u16>) -> Vec<(&'static str, String)> {
    let Ok(tls_port @ 1..) = u16::try_from(link.tls_port) else { return Vec::new() };
    let mut links = Vec::new();
    if settings.signal {
        let host = if tls_port == 443 { link.host.clone() } else { format!("{}:{tls_port}", link.host) };
        links.push(("signal", signal_link(&host)));
    }
    if settings.whatsapp {
        links.push(("whatsapp", whatsapp_link(&link.host, tls_port, media_port)));
    }
    links
}

/// How people reach the proxy, as the running proxy wrote it down: `umweg-proxy invite` makes links of it.
pub struct Reached {
    file: PathBuf,
}

/// Why no link can be made.
#[derive(Debug, thiserror::Error)]
pub enum NotReached {
    /// It never ran here.
    #[error("{0} is not there: start the proxy once with this data folder (--data), so that it is known how people reach it")]
    Never(PathBuf),
    /// Damaged.
    #[error("{0} is damaged: start the proxy again, which writes it. {1}")]
    Damaged(PathBuf, WrongLink),
}

impl Reached {
    /// In that data folder.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self { file: folder.join("reached-at") }
    }

    /// Writes it down, without anybody's secret.
    pub fn write(&self, link: &ProxyLink) -> std::io::Result<()> {
        let without = ProxyLink { path: "/".to_owned(), ..link.clone() };
        umweg_io::config::write_secret(&self.file, without.to_link().as_bytes())
    }

    /// The link with that secret.
    pub fn link(&self, path: &str) -> Result<ProxyLink, NotReached> {
        let text = std::fs::read_to_string(&self.file).map_err(|_| NotReached::Never(self.file.clone()))?;
        let link = ProxyLink::from_link(&text).map_err(|error| NotReached::Damaged(self.file.clone(), error))?;
        Ok(ProxyLink { path: path.to_owned(), ..link })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_look_as_the_other_apps_expect() {
        assert_eq!(signal_link("road.example"), "https://signal.tube/#road.example");
        assert_eq!(
            whatsapp_link("road.example", 443, Some(587)),
            "https://wa.me/proxy?host=road.example&chatPort=443&mediaPort=587&chatTLS=true"
        );
    }

    #[test]
    fn an_invites_link_is_made_of_what_the_proxy_wrote_down() {
        let folder = tempfile::tempdir().unwrap();
        let reached = Reached::of(folder.path());
        assert!(matches!(reached.link("/s"), Err(NotReached::Never(_))));
        let link = ProxyLink { host: "road.example".into(), tls_port: 443, path: "/other".into(), ..ProxyLink::default() };
        reached.write(&link).unwrap();
        assert!(reached.link("/s").unwrap() == ProxyLink { path: "/s".into(), ..link });
        assert!(!std::fs::read_to_string(folder.path().join("reached-at")).unwrap().contains("other"));
    }
}
