//! Where other messengers' people may be led: a list that is data, and the connections to what is on it.
//!
//! The list is in the program; a newer one can be given as a file, signed by somebody whom the volunteer named. Names are resolved
//! here, and an address that is not of the public Internet is refused: no name on the list opens a door into the host's own network.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use data_encoding::BASE64;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Deserialize;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use umweg_io::carrier::tune_tcp;
use umweg_road::addresses::is_public;

/// The list that the program brings.
const LIST: &str = include_str!("../data/upstreams.toml");
/// Until an upstream takes a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Of all of Signal's hosts.
pub(crate) const SIGNAL_PORT: u16 = 443;
/// A list, signed or not, is short.
const LIST_BYTES_MAX: u64 = 64 << 10;

/// The list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Grows with every change.
    pub serial: u64,
    /// Signal's.
    pub signal: SignalHosts,
    /// WhatsApp's.
    pub whatsapp: WhatsAppHosts,
}

/// Where a ClientHello may lead.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalHosts {
    hosts: Vec<String>,
}

/// Where WhatsApp's ports lead.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WhatsAppHosts {
    chat: String,
    chat_port: u16,
    chat_web_port: u16,
    media: String,
    media_port: u16,
}

/// One place on the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// A name.
    pub host: String,
    /// A port.
    pub port: u16,
}

/// Why a list is not used.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// A file.
    #[error("cannot read {0}: {1}. A list of upstreams is two files: the list, and its signature beside it with `.sig` at the end")]
    File(PathBuf, io::Error),
    /// Not by that key.
    #[error("the signature of {0} is not by the key of --upstreams-key: get the list again from whom you trust with it")]
    Signature(PathBuf),
    /// Not a list.
    #[error("{0} is no list of upstreams: {1}")]
    Malformed(PathBuf, String),
    /// It leads where the running program cannot go ([`sandbox`](crate::sandbox)).
    #[error("{0} leads to port {1}, which no list named when this program began: restart the proxy to use it")]
    NewPort(PathBuf, u16),
    /// Not the newest.
    #[error("{0} has the serial {1}, which is older than that of the list in use ({2}): somebody may have put an old list there")]
    Older(PathBuf, u64, u64),
    /// An old one.
    #[error("{0} has the serial {1}, which is older than what this program brings ({2}): it does not need that list")]
    Old(PathBuf, u64, u64),
}

/// What changes when a list's files do.
#[derive(PartialEq, Eq)]
pub struct Stamp([Option<(SystemTime, u64, u64)>; 2]);

impl Stamp {
    /// Of the list in that file, and of its signature.
    #[must_use]
    pub fn of(file: &Path) -> Self {
        let known = |file: &Path| {
            let known = std::fs::metadata(file).ok()?;
            Some((known.modified().ok()?, known.ino(), known.len()))
        };
        Self([known(file), known(&signature_file(file))])
    }
}

impl List {
    /// The one that the program brings.
    #[must_use]
    pub fn built_in() -> Self {
        toml::from_str(LIST).expect("the list in the program is tested")
    }

    /// A newer one. Its signature is Ed25519 (RFC 8032) of the file's bytes, 64 bytes in `FILE.sig`.
    pub fn signed(file: &Path, key: &ListKey) -> Result<Self, ListError> {
        let text = read(file)?;
        let signature = Signature::from_slice(&read(&signature_file(file))?).map_err(|_| ListError::Signature(file.to_owned()))?;
        key.0.verify_strict(&text, &signature).map_err(|_| ListError::Signature(file.to_owned()))?;
        let malformed = |words: String| ListError::Malformed(file.to_owned(), words);
        let text = String::from_utf8(text).map_err(|error| malformed(error.to_string()))?;
        let list: Self = toml::from_str(&text).map_err(|error| malformed(error.message().to_owned()))?;
        if let Some(wrong) = list.signal.hosts.iter().find(|host| !is_entry(host)) {
            return Err(malformed(format!("{wrong:?} is neither a name nor `*.` and a domain of two parts or more")));
        }
        let own = Self::built_in().serial;
        if list.serial < own { Err(ListError::Old(file.to_owned(), list.serial, own)) } else { Ok(list) }
    }

    /// Whether Signal's people may be led to that host, and where that is.
    #[must_use]
    pub fn signal(&self, host: &str) -> Option<Place> {
        let host = host.to_ascii_lowercase();
        let is_on_list = self.signal.hosts.iter().any(|entry| match entry.strip_prefix('*') {
            Some(domain) => host.len() > domain.len() && host.ends_with(domain),
            None => host == *entry,
        });
        is_on_list.then_some(Place { host, port: SIGNAL_PORT })
    }

    /// Where WhatsApp's chats go.
    #[must_use]
    pub fn whatsapp_chat(&self) -> Place {
        Place { host: self.whatsapp.chat.clone(), port: self.whatsapp.chat_port }
    }

    /// Where those go that come by the port of the web.
    #[must_use]
    pub fn whatsapp_chat_web(&self) -> Place {
        Place { host: self.whatsapp.chat.clone(), port: self.whatsapp.chat_web_port }
    }

    /// Where WhatsApp's pictures and files go.
    #[must_use]
    pub fn whatsapp_media(&self) -> Place {
        Place { host: self.whatsapp.media.clone(), port: self.whatsapp.media_port }
    }
}

/// Who may sign a list: an Ed25519 public key, in base64.
#[derive(Clone)]
pub struct ListKey(VerifyingKey);

impl FromStr for ListKey {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = BASE64.decode(text.as_bytes()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let key = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        key.map(Self).ok_or_else(|| "a key is 32 bytes in base64, an Ed25519 public key".to_owned())
    }
}

/// For tests: connections to the place go elsewhere, as with curl's option of that name.
#[derive(Clone)]
pub struct ConnectTo {
    from: Place,
    to: SocketAddr,
}

impl FromStr for ConnectTo {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (host, rest) = text.split_once(':')?;
            let (port, to) = rest.split_once(':')?;
            Some(Self { from: Place { host: host.to_owned(), port: port.parse().ok()? }, to: to.parse().ok()? })
        };
        parse().ok_or_else(|| "it must look like HOST:PORT:ADDRESS:PORT".to_owned())
    }
}

/// Connects to places on the list, which alone are handed to it.
pub struct Connector {
    instead: Vec<ConnectTo>,
}

impl Connector {
    /// With those places elsewhere.
    #[must_use]
    pub fn new(instead: Vec<ConnectTo>) -> Self {
        Self { instead }
    }

    /// The ports of where those go.
    pub fn ports_instead(&self) -> impl Iterator<Item = u16> {
        self.instead.iter().map(|instead| instead.to.port())
    }

    /// A connection to that place.
    pub async fn connect(&self, place: &Place) -> io::Result<TcpStream> {
        let tcp = match self.instead.iter().find(|instead| instead.from == *place) {
            Some(instead) => timeout(CONNECT_TIME_MAX, TcpStream::connect(instead.to)).await??,
            None => timeout(CONNECT_TIME_MAX, connect_in_public(place)).await??,
        };
        tune_tcp(&tcp);
        Ok(tcp)
    }
}

async fn connect_in_public(place: &Place) -> io::Result<TcpStream> {
    let mut failed = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address in the public Internet");
    for address in lookup_host((place.host.as_str(), place.port)).await?.filter(|address| is_public(address.ip())) {
        match TcpStream::connect(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn signature_file(list: &Path) -> PathBuf {
    let mut name = list.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

fn is_entry(entry: &str) -> bool {
    let name = entry.strip_prefix("*.").unwrap_or(entry);
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    // Not an address either: those end in a number.
    name.contains('.') && name.split('.').all(is_label) && !name.ends_with(|last: char| last.is_ascii_digit())
}

fn read(file: &Path) -> Result<Vec<u8>, ListError> {
    use io::Read;
    let failed = |error| ListError::File(file.to_owned(), error);
    let mut bytes = Vec::new();
    std::fs::File::open(file).and_then(|opened| opened.take(LIST_BYTES_MAX).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};

    use super::*;

    #[test]
    fn the_list_in_the_program_has_signals_hosts_and_no_others() {
        let list = List::built_in();
        assert!(list.signal.hosts.iter().all(|host| is_entry(host)));
        for host in
            ["chat", "storage", "cdn", "cdn2", "cdn3", "cdsi", "contentproxy", "grpc.chat", "sfu.voip", "svr2", "svrb", "updates2"]
        {
            let host = format!("{host}.signal.org");
            assert_eq!(list.signal(&host), Some(Place { host: host.clone(), port: 443 }));
        }
        assert!(list.signal("CHAT.signal.org").is_some());
        for other in ["signal.org", "evilsignal.org", "chat.signal.org.evil.example", "", ".signal.org", "127.0.0.1", "localhost"] {
            assert!(list.signal(other).is_none(), "{other}");
        }
        assert_eq!(list.whatsapp_chat(), Place { host: "g.whatsapp.net".into(), port: 5222 });
    }

    #[test]
    fn a_newer_list_counts_if_its_signature_does() {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::from_bytes(&[7; 32]);
        let trusted: ListKey = BASE64.encode(key.verifying_key().as_bytes()).parse().unwrap();
        let file = folder.path().join("list.toml");
        let sign = |text: &str, key: &SigningKey| {
            std::fs::write(&file, text).unwrap();
            std::fs::write(folder.path().join("list.toml.sig"), key.sign(text.as_bytes()).to_bytes()).unwrap();
            List::signed(&file, &trusted)
        };
        let newer =
            LIST.replace("2026112200", "2027010100").replace("\"*.signal.org\"", "\"*.signal.org\", \"chat.signal.example\"");
        assert!(sign(&newer, &key).unwrap().signal("chat.signal.example").is_some());
        assert!(matches!(sign(&newer, &SigningKey::from_bytes(&[8; 32])), Err(ListError::Signature(_))));
        sign(&newer, &key).unwrap();
        std::fs::write(&file, newer.replace("chat.signal.example", "chat.evil.example")).unwrap();
        assert!(matches!(List::signed(&file, &trusted), Err(ListError::Signature(_))));
        assert!(matches!(sign(&LIST.replace("2026112200", "2025010100"), &key), Err(ListError::Old(..))));
        assert!(matches!(sign("serial = 2027010100", &key), Err(ListError::Malformed(..))));
        for wide in ["*", "*.", "*.org", "*.127.0.0.1", "10.0.0.1", "a b.example"] {
            assert!(matches!(sign(&newer.replace("chat.signal.example", wide), &key), Err(ListError::Malformed(..))), "{wide}");
        }
        std::fs::remove_file(folder.path().join("list.toml.sig")).unwrap();
        assert!(matches!(List::signed(&file, &trusted), Err(ListError::File(..))));
    }

    #[tokio::test]
    async fn a_name_that_leads_into_the_hosts_own_network_is_refused() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connector = Connector::new(Vec::new());
        for host in ["localhost", "127.0.0.1"] {
            let refused = connector.connect(&Place { host: host.into(), port }).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AddrNotAvailable);
        }
    }
}
