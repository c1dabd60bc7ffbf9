//! Roads for the people of other messengers, where the volunteer switched them on.
//!
//! * Signal's: inside of TLS for the proxy's name the app begins another TLS connection, with Signal. Its first message names the
//!   host in the clear; if that is on the list, the bytes go there, unread.
//! * WhatsApp's: what is no HTTP goes to WhatsApp's chat server; ports of their own lead to its media.
//!
//! Neither has a secret, so whoever knows how can ask whether this is such a proxy.

use std::io::Cursor;

use anyhow::Result;
use rustls::server::Acceptor;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use umweg_io::carrier::{Carrier, Rewound};
use umweg_io::splice::splice;
use umweg_wire::limits::{CLIENT_HELLO_BYTES_MAX, HANDSHAKE_TIME_MAX, IDLE_TIME_MAX};

use crate::settings::Settings;
use crate::upstreams::{Connector, List, Place};

/// A messenger's connection may be silent for longer than ours: WhatsApp's proxy lets go after 200 seconds.
const SILENT_MAX: std::time::Duration = IDLE_TIME_MAX.saturating_mul(3);

/// What is switched on, and where it leads.
pub struct Others {
    signal: bool,
    whatsapp: bool,
    list: List,
    connector: Connector,
}

impl Others {
    /// As it was said.
    pub fn new(settings: &Settings) -> Result<Self> {
        let list = match (&settings.upstreams, &settings.upstreams_key) {
            (Some(file), Some(key)) => List::signed(file, key)?,
            _ => List::built_in(),
        };
        let connector = Connector::new(settings.connect_to.clone());
        Ok(Self { signal: settings.signal, whatsapp: settings.whatsapp, list, connector })
    }

    /// Where somebody is led who speaks neither HTTP nor TLS on a port of the web.
    #[must_use]
    pub fn chat(&self, inside_tls: bool) -> Option<Place> {
        let place = if inside_tls { List::whatsapp_chat } else { List::whatsapp_chat_web };
        self.whatsapp.then(|| place(&self.list))
    }

    /// Where somebody is led who speaks another protocol on the port for chats.
    #[must_use]
    pub fn bare_chat(&self) -> Option<Place> {
        self.chat(true)
    }

    /// Where WhatsApp's media ports lead.
    #[must_use]
    pub fn media(&self) -> Option<Place> {
        self.whatsapp.then(|| self.list.whatsapp_media())
    }

    /// Where the ClientHello leads that begins with what was received; more is read until it is whole.
    pub async fn named(&self, carrier: &mut Box<dyn Carrier>, received: &mut Vec<u8>) -> Option<Place> {
        if !self.signal {
            return None;
        }
        let reading = async {
            loop {
                match server_name(received) {
                    Ok(Some(name)) => return self.list.signal(&name),
                    Ok(None) if received.len() < CLIENT_HELLO_BYTES_MAX => {}
                    Ok(None) | Err(NotNamed) => return None,
                }
                if carrier.read_buf(received).await.ok()? == 0 {
                    return None;
                }
            }
        };
        timeout(HANDSHAKE_TIME_MAX, reading).await.ok()?
    }

    /// Joins them until both have ended.
    pub async fn lead(&self, place: &Place, carrier: impl Carrier, received: &[u8]) {
        let Ok(upstream) = self.connector.connect(place).await else {
            metrics::counter!("umweg_proxy_others_unreachable").increment(1);
            return;
        };
        metrics::counter!("umweg_proxy_others").increment(1);
        metrics::gauge!("umweg_proxy_others_open").increment(1.0);
        let moved = splice(Rewound::new(received, carrier), upstream, SILENT_MAX).await;
        metrics::gauge!("umweg_proxy_others_open").decrement(1.0);
        if let Ok(moved) = moved {
            metrics::counter!("umweg_proxy_others_bytes").increment(moved.there + moved.back);
        }
    }
}

/// A ClientHello that is broken, or names nobody.
struct NotNamed;

/// The name in a ClientHello. `None`: it is not whole yet.
fn server_name(bytes: &[u8]) -> Result<Option<String>, NotNamed> {
    let mut acceptor = Acceptor::default();
    let mut rest = Cursor::new(bytes);
    while rest.position() < bytes.len() as u64 {
        acceptor.read_tls(&mut rest).map_err(|_| NotNamed)?;
        if let Some(accepted) = acceptor.accept().map_err(|_| NotNamed)? {
            return accepted.client_hello().server_name().map(|name| Some(name.to_owned())).ok_or(NotNamed);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn client_hello(name: &str) -> Vec<u8> {
        let config = umweg_io::tls::client_config(None).unwrap();
        let mut client = rustls::ClientConnection::new(Arc::clone(&config), name.to_owned().try_into().unwrap()).unwrap();
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    #[test]
    fn a_client_hello_names_its_host_when_it_is_whole() {
        let hello = client_hello("chat.signal.org");
        for end in (0..hello.len()).step_by(37) {
            assert!(matches!(server_name(&hello[..end]), Ok(None)), "cut at {end}");
        }
        assert!(matches!(server_name(&hello), Ok(Some(name)) if name == "chat.signal.org"));
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for bytes in [client_hello("192.0.2.1").as_slice(), b"\x16\x03\x01\x00\x05nonse", &[0x16; 600], b"GET / HTTP/1.1\r\n\r\n"] {
            assert!(matches!(server_name(bytes), Err(NotNamed)));
        }
    }
}
