//! Links: `umweg://service/…`, `umweg://proxy/…`, `umweg://contact/…`. What people pass on, as text or as a QR code.
//!
//! Parsing is strict: what it lets through has every part that its use needs.

use data_encoding::BASE64URL_NOPAD;
use prost::Message;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::limits::{LINK_BYTES_MAX, NAME_BYTES_MAX};
use crate::proto::{sealed::ContactCard, v1};

/// What every link begins with.
const SCHEME: &str = "umweg://";

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

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _ = v1::ServiceLink::from_link(&text);
            let _ = v1::ProxyLink::from_link(&format!("umweg://proxy/{text}"));
            let _ = ContactCard::from_link(&format!("umweg://contact/{text}"));
        }
    }
}
