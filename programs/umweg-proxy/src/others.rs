//! Roads for the people of other messengers, where the volunteer switched them on.
//!
//! * Signal's: inside of TLS for the proxy's name the app begins another TLS connection, with Signal. Its first message names the
//!   host in the clear; if that is on the list, the bytes go there, unread.
//! * WhatsApp's: what is no HTTP goes to WhatsApp's chat server; ports of their own lead to its media.
//!
//! Neither has a secret, so whoever knows how can ask whether this is such a proxy.
//!
//! The list of hosts may be replaced while the proxy runs: by a newer one with a good signature, and by nothing else.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use anyhow::Result;
use ppp::v1::Addresses;
use rustls::server::Acceptor;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use umweg_io::carrier::{Carrier, Rewound, send};
use umweg_io::splice::splice;
use umweg_wire::limits::{CLIENT_HELLO_BYTES_MAX, HANDSHAKE_TIME_MAX, IDLE_TIME_MAX};

use crate::settings::Settings;
use crate::upstreams::{Connector, List, ListError, ListKey, Place, SIGNAL_PORT, Stamp};

/// A messenger's connection may be silent for longer than ours: WhatsApp's proxy lets go after 200 seconds.
const SILENT_MAX: Duration = IDLE_TIME_MAX.saturating_mul(3);
/// How often the list's files are looked at. A change counts when it has stood so long: two files are not written at once.
const LOOK: Duration = Duration::from_millis(500);

/// What is switched on, and where it leads.
pub struct Others {
    signal: bool,
    whatsapp: bool,
    tells_addresses: bool,
    /// Those to which people may be led as long as this program runs.
    ports: BTreeSet<u16>,
    list: RwLock<List>,
    /// Where a newer list would be, and whose signature counts.
    signed: Option<(PathBuf, ListKey)>,
    connector: Connector,
}

/// Where somebody is led.
pub struct Led {
    place: Place,
    /// What that place is told first.
    told: Vec<u8>,
}

/// Between which addresses somebody's connection is, where that is known.
#[derive(Clone, Copy, Default)]
pub struct Ends(Option<(SocketAddr, SocketAddr)>);

impl Ends {
    /// Of that connection.
    #[must_use]
    pub fn of(tcp: &tokio::net::TcpStream) -> Self {
        let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        Self(tcp.peer_addr().ok().zip(tcp.local_addr().ok()).map(|(from, to)| (plain(from), plain(to))))
    }
}

impl Others {
    /// As it was said.
    pub fn new(settings: &Settings) -> Result<Self> {
        let signed = settings.upstreams.clone().zip(settings.upstreams_key.clone());
        let list = match &signed {
            Some((file, key)) => List::signed(file, key)?,
            None => List::built_in(),
        };
        let connector = Connector::new(settings.connect_to.clone());
        let ports =
            [&list, &List::built_in()].into_iter().flat_map(|list| ports_of(list, (settings.signal, settings.whatsapp))).collect();
        Ok(Self {
            signal: settings.signal,
            whatsapp: settings.whatsapp,
            tells_addresses: settings.whatsapp_tell_addresses,
            ports,
            list: RwLock::new(list),
            signed,
            connector,
        })
    }

    /// The ports to which people are led, now or by a later list.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.ports.iter().copied().chain(self.connector.ports_instead())
    }

    /// Whether WhatsApp is to learn whose connections these are.
    #[must_use]
    pub fn tells_addresses(&self) -> bool {
        self.tells_addresses
    }

    /// Where somebody is led who speaks neither HTTP nor TLS on a port of the web.
    #[must_use]
    pub fn chat(&self, inside_tls: bool, ends: Ends) -> Option<Led> {
        let place = if inside_tls { List::whatsapp_chat } else { List::whatsapp_chat_web };
        let told = || if self.tells_addresses { header(ends).into_bytes() } else { Vec::new() };
        self.whatsapp.then(|| Led { place: place(&self.list()), told: told() })
    }

    /// Where somebody is led who speaks another protocol on the port for chats.
    #[must_use]
    pub fn bare_chat(&self, ends: Ends) -> Option<Led> {
        self.chat(true, ends)
    }

    /// Where WhatsApp's media ports lead. They are never told an address: WhatsApp's own proxy does not tell them any.
    #[must_use]
    pub fn media(&self) -> Option<Led> {
        self.whatsapp.then(|| Led { place: self.list().whatsapp_media(), told: Vec::new() })
    }

    /// Where the ClientHello leads that begins with what was received; more is read until it is whole.
    pub async fn named(&self, carrier: &mut Box<dyn Carrier>, received: &mut Vec<u8>) -> Option<Led> {
        if !self.signal {
            return None;
        }
        let reading = async {
            loop {
                match server_name(received) {
                    Ok(Some(name)) => return self.list().signal(&name).map(|place| Led { place, told: Vec::new() }),
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
    pub async fn lead(&self, led: &Led, carrier: impl Carrier, received: &[u8]) {
        let reach = async {
            let mut upstream = self.connector.connect(&led.place).await?;
            send(&mut upstream, &led.told).await.map(|()| upstream)
        };
        let Ok(upstream) = reach.await else {
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

    /// Takes newer lists as they come. It ends only with its task.
    pub async fn keep_list(&self) {
        let Some((file, _)) = &self.signed else { return };
        // What the list was read from may have changed since.
        let (mut seen, mut is_new) = (None, true);
        loop {
            tokio::time::sleep(LOOK).await;
            let stamp = Some(Stamp::of(file));
            if stamp != seen {
                (seen, is_new) = (stamp, true);
            } else if std::mem::take(&mut is_new) {
                match self.look_again() {
                    Ok(true) => tracing::info!(serial = self.list().serial, "a newer list of upstreams is used from now on"),
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, "the list of upstreams stays as it was"),
                }
            }
        }
    }

    /// Reads the list again: whether it is newer, and used from now on.
    fn look_again(&self) -> Result<bool, ListError> {
        let Some((file, key)) = &self.signed else { return Ok(false) };
        let list = List::signed(file, key)?;
        let mut current = self.list.write().unwrap_or_else(PoisonError::into_inner);
        if list.serial < current.serial {
            return Err(ListError::Older(file.clone(), list.serial, current.serial));
        }
        if let Some(port) = ports_of(&list, (self.signal, self.whatsapp)).find(|port| !self.ports.contains(port)) {
            return Err(ListError::NewPort(file.clone(), port));
        }
        let is_newer = list.serial > current.serial;
        if is_newer {
            *current = list;
        }
        Ok(is_newer)
    }

    fn list(&self) -> RwLockReadGuard<'_, List> {
        self.list.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where that list leads whom the volunteer helps.
fn ports_of(list: &List, (signal, whatsapp): (bool, bool)) -> impl Iterator<Item = u16> {
    let places = [list.whatsapp_chat(), list.whatsapp_chat_web(), list.whatsapp_media()];
    signal.then_some(SIGNAL_PORT).into_iter().chain(places.map(|place| place.port).into_iter().filter(move |_| whatsapp))
}

/// The PROXY protocol's header in version 1, as WhatsApp's own proxy sends it.
fn header(ends: Ends) -> String {
    ends.0.map_or(Addresses::Unknown, Addresses::from).to_string()
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
#[path = "../tests/house/hello.rs"]
mod hello;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use data_encoding::BASE64;
    use ed25519_dalek::{Signer, SigningKey};

    use super::hello::client_hello;
    use super::*;
    use crate::settings::{Action, Program};

    #[test]
    fn a_client_hello_names_its_host_when_it_is_whole() {
        let hello = client_hello("chat.signal.org");
        for end in (0..hello.len()).step_by(37) {
            assert!(matches!(server_name(&hello[..end]), Ok(None)), "cut at {end}");
        }
        assert!(matches!(server_name(&hello), Ok(Some(name)) if name == "chat.signal.org"));
    }

    fn settings(list: &Path, key: &SigningKey) -> Settings {
        let key = format!("--upstreams-key={}", BASE64.encode(key.verifying_key().as_bytes()));
        let list = format!("--upstreams={}", list.display());
        let arguments = ["umweg-proxy", "run", "--service=x", "--host=x", "--signal", "--whatsapp", &list, &key];
        let program: Program = umweg_io::config::try_parse(arguments).unwrap();
        let Action::Run(settings) = program.action else { panic!("not the action asked for") };
        settings
    }

    #[test]
    fn a_newer_list_is_taken_while_it_runs_and_any_other_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (file, key) = (folder.path().join("list.toml"), SigningKey::from_bytes(&[7; 32]));
        let write_with = |media_port: u16, serial: u64, host: &str, key: &SigningKey| {
            let text = format!(
                "serial = {serial}\n[signal]\nhosts = [\"{host}\"]\n[whatsapp]\nchat = \"{host}\"\nchat-port = 5222\n\
                 chat-web-port = 80\nmedia = \"{host}\"\nmedia-port = {media_port}\n"
            );
            std::fs::write(&file, &text).unwrap();
            std::fs::write(folder.path().join("list.toml.sig"), key.sign(text.as_bytes()).to_bytes()).unwrap();
        };
        let write = |serial, host: &str, key: &SigningKey| write_with(443, serial, host, key);
        write(3_000_000_000, "first.example", &key);
        let others = Others::new(&settings(&file, &key)).unwrap();
        let leads = |host: &str| others.list().signal(host).is_some() && others.media().unwrap().place.host == host;
        assert!(leads("first.example") && !others.look_again().unwrap());

        write(3_000_000_002, "second.example", &key);
        assert!(others.look_again().unwrap() && leads("second.example") && !leads("first.example"));

        write(3_000_000_001, "old.example", &key);
        assert!(matches!(others.look_again(), Err(ListError::Older(_, 3_000_000_001, 3_000_000_002))));
        write(3_000_000_003, "forged.example", &SigningKey::from_bytes(&[8; 32]));
        assert!(matches!(others.look_again(), Err(ListError::Signature(_))));
        write(3_000_000_004, "192.0.2.1", &key);
        assert!(matches!(others.look_again(), Err(ListError::Malformed(..))));
        write_with(25, 3_000_000_005, "post.example", &key);
        assert!(matches!(others.look_again(), Err(ListError::NewPort(_, 25))));
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(others.look_again(), Err(ListError::File(..))));
        assert!(leads("second.example"), "none of them changed anything");
        assert!(others.ports().eq([80, 443, 5_222]));
    }

    #[test]
    fn whatsapp_is_told_addresses_as_its_own_proxy_tells_them() {
        let ends = |from: &str, to: &str| Ends(Some((from.parse().unwrap(), to.parse().unwrap())));
        assert_eq!(header(ends("192.0.2.7:50000", "198.51.100.1:443")), "PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\r\n");
        assert_eq!(header(ends("[2001:db8::7]:50000", "[2001:db8::1]:443")), "PROXY TCP6 2001:db8::7 2001:db8::1 50000 443\r\n");
        assert_eq!(header(Ends::default()), "PROXY UNKNOWN\r\n");
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for bytes in [client_hello("192.0.2.1").as_slice(), b"\x16\x03\x01\x00\x05nonse", &[0x16; 600], b"GET / HTTP/1.1\r\n\r\n"] {
            assert!(matches!(server_name(bytes), Err(NotNamed)));
        }
    }
}
