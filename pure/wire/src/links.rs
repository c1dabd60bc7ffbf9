//! Links: `umweg://service/…`, `umweg://proxy/…`, `umweg://contact/…`. What people pass on, as text or as a QR code.
//!
//! Parsing is strict: what it lets through has every part that its use needs.

use std::net::{IpAddr, SocketAddr};

use data_encoding::BASE64URL_NOPAD;
use prost::Message;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::limits::{LINK_BYTES_MAX, NAME_BYTES_MAX};
use crate::proto::{sealed::ContactCard, v1};

/// What every link begins with.
const SCHEME: &str = "umweg://";
/// Where proxies usually take the bare session.
pub const BARE_PORT: u16 = 5222;

/// A text that is not the wanted link. Each says what to do next; the pages have words of their own for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize, TS)]
#[ts(export)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum WrongLink {
    /// It does not begin as a link of ours.
    #[error("this is not an Umweg link: it must begin with {SCHEME}")]
    NotALink,
    /// A link for something else.
    #[error("this is a {got} link, and a {wanted} link is needed here")]
    OtherKind {
        /// What it is.
        got: Kind,
        /// What was asked for.
        wanted: Kind,
    },
    /// Cut off, mistyped, or of a later version.
    #[error("this {wanted} link is incomplete or damaged: copy it again, whole")]
    Damaged {
        /// What was asked for.
        wanted: Kind,
    },
    /// Too long to be one.
    #[error("this link is longer than {LINK_BYTES_MAX} bytes, so it is none of ours")]
    TooLong,
}

/// What a link is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, TS)]
#[ts(export, rename = "LinkKind")]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// The service of an operator.
    Service,
    /// A volunteer's proxy.
    Proxy,
    /// A person.
    Contact,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Service => "service",
            Kind::Proxy => "proxy",
            Kind::Contact => "contact",
        })
    }
}

/// A message that a link can carry.
pub trait Linked: Message + Default {
    /// Its place in the link.
    const KIND: Kind;

    /// Whether every part that its use needs is there.
    fn is_whole(&self) -> bool;

    /// The link.
    fn to_link(&self) -> String {
        format!("{SCHEME}{}/{}", Self::KIND, BASE64URL_NOPAD.encode(&self.encode_to_vec()))
    }

    /// Reads a link; space around it is left out.
    fn from_link(text: &str) -> Result<Self, WrongLink> {
        let text = text.trim();
        if text.len() > LINK_BYTES_MAX {
            return Err(WrongLink::TooLong);
        }
        let (kind, body) = text.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/')).ok_or(WrongLink::NotALink)?;
        let got = kind_of(kind).ok_or(WrongLink::NotALink)?;
        if got != Self::KIND {
            return Err(WrongLink::OtherKind { got, wanted: Self::KIND });
        }
        let damaged = WrongLink::Damaged { wanted: Self::KIND };
        let bytes = BASE64URL_NOPAD.decode(body.as_bytes()).map_err(|_| damaged)?;
        let message = Self::decode(bytes.as_slice()).map_err(|_| damaged)?;
        if message.is_whole() { Ok(message) } else { Err(damaged) }
    }
}

impl Linked for v1::ServiceLink {
    const KIND: Kind = Kind::Service;
    fn is_whole(&self) -> bool {
        is_host(&self.host)
            && self.static_key.len() == 32
            && is_pin(&self.pin)
            && is_path(&self.path)
            && are_ports(&[self.tls_port, self.plain_port, self.bare_port])
            && u16::try_from(self.relay_port).is_ok()
    }
}

impl Linked for v1::ProxyLink {
    const KIND: Kind = Kind::Proxy;
    fn is_whole(&self) -> bool {
        is_host(&self.host)
            && is_pin(&self.pin)
            && is_path(&self.path)
            && are_ports(&[self.tls_port, self.plain_port, self.bare_port])
            && self.name.len() <= NAME_BYTES_MAX
    }
}

impl v1::ProxyLink {
    /// Reads what somebody pastes or types: a link, or just a host, with a port if it is not [`BARE_PORT`]. The bare session is the one
    /// way into a proxy that takes no secret.
    pub fn from_typed(text: &str) -> Result<Self, WrongLink> {
        Self::from_link(text).or_else(|wrong| Self::of_host(text.trim()).filter(Self::is_whole).ok_or(wrong))
    }

    fn of_host(text: &str) -> Option<Self> {
        let with_port = || text.parse().ok().map(|address: SocketAddr| (address.ip().to_string(), address.port()));
        let address = || text.trim_matches(['[', ']']).parse().ok().map(|address: IpAddr| (address.to_string(), BARE_PORT));
        let name = || {
            let (name, port) = match text.split_once(':') {
                Some((name, port)) => (name, port.parse().ok()?),
                None => (text, BARE_PORT),
            };
            // A single word is more likely a slip than a host.
            let is_name = name.split('.').count() > 1 && name.split('.').all(|label| !label.is_empty());
            is_name.then(|| (name.to_lowercase(), port))
        };
        let (host, port) = with_port().or_else(address).or_else(name)?;
        Some(Self { host, path: "/".to_owned(), bare_port: port.into(), ..Self::default() })
    }
}

impl Linked for ContactCard {
    const KIND: Kind = Kind::Contact;
    fn is_whole(&self) -> bool {
        [&self.account_key, &self.inbox, &self.link_secret, &self.inbox_key].iter().all(|field| field.len() == 32)
            && self.service.len() == 8
            && self.name.len() <= NAME_BYTES_MAX
    }
}

fn kind_of(name: &str) -> Option<Kind> {
    [Kind::Service, Kind::Proxy, Kind::Contact].into_iter().find(|kind| kind.to_string() == name)
}

fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 253
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'))
}

fn is_pin(pin: &[u8]) -> bool {
    matches!(pin.len(), 0 | 32)
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.len() <= 256 && path.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#'))
}

fn are_ports(ports: &[u32]) -> bool {
    ports.iter().any(|&port| port != 0) && ports.iter().all(|&port| u16::try_from(port).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn service() -> v1::ServiceLink {
        v1::ServiceLink {
            host: "umweg.example".into(),
            static_key: vec![1; 32],
            tls_port: 443,
            path: "/live".into(),
            relay_port: 4433,
            ..Default::default()
        }
    }

    #[test]
    fn a_link_comes_back_as_it_went() {
        let link = service().to_link();
        assert!(link.starts_with("umweg://service/"));
        assert!(v1::ServiceLink::from_link(&format!("  {link}\n")) == Ok(service()));
    }

    #[test]
    fn a_link_of_another_kind_says_so() {
        let refused = v1::ProxyLink::from_link(&service().to_link()).err();
        assert_eq!(refused.map(|e| e.to_string()).as_deref(), Some("this is a service link, and a proxy link is needed here"));
    }

    #[test]
    fn a_link_cut_off_anywhere_is_refused() {
        let link = service().to_link();
        for end in 0..link.len() {
            assert!(v1::ServiceLink::from_link(&link[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_link_without_any_port_is_damaged() {
        let link = v1::ServiceLink { tls_port: 0, ..service() }.to_link();
        assert!(v1::ServiceLink::from_link(&link) == Err(WrongLink::Damaged { wanted: Kind::Service }));
    }

    #[test]
    fn a_host_alone_is_a_proxy_at_its_bare_port() {
        let read =
            |text: &str| v1::ProxyLink::from_typed(text).map(|link| (link.host, link.bare_port, link.tls_port, link.plain_port));
        for (text, host, port) in [
            ("road.example.org", "road.example.org", 5_222),
            (" Road.Example.org:8443 ", "road.example.org", 8_443),
            ("192.0.2.7", "192.0.2.7", 5_222),
            ("192.0.2.7:80", "192.0.2.7", 80),
            ("2001:db8::7", "2001:db8::7", 5_222),
            ("[2001:db8::7]", "2001:db8::7", 5_222),
            ("[2001:db8::7]:80", "2001:db8::7", 80),
        ] {
            assert!(read(text) == Ok((host.to_owned(), port, 0, 0)), "{text}");
        }
        for text in [
            "",
            "road",
            "road:80",
            "road..example",
            ".",
            "road.example:",
            "road.example:port",
            "road.example:0",
            "road.example:65536",
        ] {
            assert!(read(text) == Err(WrongLink::NotALink), "{text}");
        }
        for text in ["https://road.example.org", "road.example.org/path", "road example.org", "umweg://proxy/", "münchen.example"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        let link = v1::ProxyLink { name: "Ana's".into(), ..v1::ProxyLink::from_typed("road.example.org").unwrap_or_default() };
        assert!(v1::ProxyLink::from_typed(&link.to_link()) == Ok(link));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = v1::ServiceLink::from_link(&text);
            let _ = v1::ProxyLink::from_link(&format!("umweg://proxy/{text}"));
            let _ = v1::ProxyLink::from_typed(&text);
            let _ = ContactCard::from_link(&format!("umweg://contact/{text}"));
        }
    }
}
