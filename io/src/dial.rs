//! Dialing: from a chosen road to a sealed session, or to the reason why not, in words that tell what to do.
//!
//! DNS → TCP → TLS (form `Tls`) → upgrade with the session's first message (forms `Tls`, `Plain`) → second message. All of it
//! within `limits::DIAL_TIME_MAX`. Which road, and when, is `umweg_road::ranking`'s to say.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustls::CertificateError;
use rustls_pki_types::ServerName;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use umweg_road::choice::Endpoint;
use umweg_road::session::{Offer, Purpose, Refused};
use umweg_road::upgrade::{self, Answer, Upgrade};
use umweg_road::websocket::Side;
pub use umweg_road::{Form, RoadChoice, Way};
use umweg_wire::limits::DIAL_TIME_MAX;
use umweg_wire::proto::v1::ServiceLink;

use crate::bites::{self, Pace};
use crate::carrier::{Carrier, send, tune_tcp};
use crate::counted::Counted;
use crate::session::{self, SealedStream, SessionError};
use crate::tls::{self, PIN_MISMATCH};
use crate::websocket::WebSocket;

/// Who was dialed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// The service itself.
    Service,
    /// A proxy.
    Proxy,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Who::Service => "service",
            Who::Proxy => "proxy",
        })
    }
}

/// How far a dialing came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Asking for the name's address.
    Name,
    /// Connecting.
    Connect,
    /// TLS.
    Tls,
    /// The upgrade.
    Upgrade,
    /// The sealed session.
    Session,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Name => "asking for its address",
            Stage::Connect => "connecting",
            Stage::Tls => "setting up TLS",
            Stage::Upgrade => "asking for the upgrade",
            Stage::Session => "opening the sealed session",
        })
    }
}

/// Why a road leads nowhere. The words are for the person who wants through.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DialError {
    /// The link has no port for that form.
    #[error("the {0}'s link does not offer this form of the road")]
    NotOffered(Who),
    /// No address for the name.
    #[error("the {0}'s name has no address: is the name right, and is this device online? A censor may also block the name")]
    NoAddress(Who),
    /// The port is closed.
    #[error("the {0}'s port is closed: it may be switched off, or its link may be old")]
    Closed(Who),
    /// No way there.
    #[error("the {0} cannot be reached from this network: is this device online?")]
    Unreachable(Who),
    /// Nothing came in time.
    #[error("the {0} did not answer in time while {1}: it may be blocked here, or switched off")]
    TimedOut(Who, Stage),
    /// Cut off.
    #[error("the connection to the {0} was cut while {1}: somebody in between may do that")]
    Cut(Who, Stage),
    /// Another key than the link's.
    #[error("the certificate is not the one in the {0}'s link: somebody is in between, or the {0} has a new key and a new link")]
    WrongPin(Who),
    /// No authority of this system vouches for it.
    #[error("no authority that this system trusts vouches for the {0}'s certificate: somebody may be in between")]
    UnknownAuthority(Who),
    /// A certificate for another name.
    #[error("the {0}'s certificate is for another name: somebody is in between, or the link is wrong")]
    WrongName(Who),
    /// Expired, or not valid yet.
    #[error(
        "the {0}'s certificate is not valid at this time: is the clock of this device right? If it is, the certificate has expired"
    )]
    Clock(Who),
    /// Any other failure of TLS.
    #[error("the {0} and this app cannot agree on TLS: somebody may be in between ({1})")]
    Tls(Who, String),
    /// A web server, and nothing else.
    #[error("the {0} answered, but not as a {0} of ours (status {1}): is the link current?")]
    NotOurs(Who, u16),
    /// Not even a web server.
    #[error("what answers in the {0}'s place does not speak as it should: is the link current?")]
    Strange(Who),
    /// A proxy without its service.
    #[error("the proxy works, but cannot reach the service at the moment")]
    ServiceBehind,
    /// Who answered lacks the service's key.
    #[error("who answered does not have the service's key: is the service's link current?")]
    WrongKey,
    /// Another version.
    #[error("app and service do not speak the same version: update the app")]
    Version,
}

impl DialError {
    /// Whether not even a TCP connection came about: `umweg_road::ranking::Failure::NoConnection`.
    #[must_use]
    pub fn made_no_connection(&self) -> bool {
        matches!(
            self,
            Self::NotOffered(_) | Self::NoAddress(_) | Self::Closed(_) | Self::Unreachable(_) | Self::TimedOut(_, Stage::Name)
        )
    }
}

/// Dials that road. The stream that comes of it has been proven to end at the service.
pub async fn dial(choice: &RoadChoice, service: &ServiceLink, purpose: Purpose) -> Result<SealedStream, DialError> {
    Dialing::new(choice, service)?.run_in_time(purpose).await
}

/// Dials that road for gRPC, in small bites: no connection carries more than `limits::BITE_BYTES_MAX`, and at that pace the next
/// one takes over (`umweg_road::bites`).
pub async fn dial_in_bites(choice: &RoadChoice, service: &ServiceLink, pace: Pace) -> Result<SealedStream, DialError> {
    bites::begin(Dialing::new(choice, service)?, pace).await
}

/// Tries a road and hangs up: how long it took from dialing to the sealed session.
pub async fn test(choice: &RoadChoice, service: &ServiceLink) -> Result<Duration, DialError> {
    let start = Instant::now();
    dial(choice, service, Purpose::Rpc).await?;
    Ok(start.elapsed())
}

/// How to dial one road, again and again.
pub(crate) struct Dialing {
    who: Who,
    endpoint: Endpoint,
    service_key: [u8; 32],
    /// Connections of one chain may resume TLS, which spares them the certificate; others are not to be told to be the same
    /// device's.
    tls: OnceLock<Arc<rustls::ClientConfig>>,
    stage: AtomicU8,
}

impl Dialing {
    fn new(choice: &RoadChoice, service: &ServiceLink) -> Result<Self, DialError> {
        let who = match choice.way {
            Way::Direct => Who::Service,
            Way::Via(_) => Who::Proxy,
        };
        let endpoint = choice.endpoint(service).ok_or(DialError::NotOffered(who))?;
        let service_key: [u8; 32] = service.static_key.as_slice().try_into().map_err(|_| DialError::NotOffered(Who::Service))?;
        Ok(Self { who, endpoint, service_key, tls: OnceLock::new(), stage: AtomicU8::new(0) })
    }

    pub(crate) fn who(&self) -> Who {
        self.who
    }

    pub(crate) async fn run_in_time(&self, purpose: Purpose) -> Result<SealedStream, DialError> {
        match timeout(DIAL_TIME_MAX, self.run(purpose)).await {
            Ok(result) => result,
            Err(_) => Err(DialError::TimedOut(self.who, self.stage())),
        }
    }

    async fn run(&self, purpose: Purpose) -> Result<SealedStream, DialError> {
        let (tcp, traffic) = Counted::new(self.connect().await?);
        let stream = match self.endpoint.form {
            Form::Bare => {
                self.enter(Stage::Session);
                session::offer(Box::new(tcp), &self.service_key, purpose).await.map_err(|error| self.session_error(error))
            }
            Form::Plain => self.upgrade(tcp, purpose).await,
            Form::Tls => self.upgrade(self.secure(tcp).await?, purpose).await,
        };
        Ok(stream?.counted(traffic))
    }

    async fn connect(&self) -> Result<TcpStream, DialError> {
        self.enter(Stage::Name);
        let addresses = resolve(&self.endpoint.host, self.endpoint.port).await.map_err(|_| DialError::NoAddress(self.who))?;
        self.enter(Stage::Connect);
        let mut failure = DialError::NoAddress(self.who);
        for (number, address) in addresses.iter().enumerate() {
            // An address that does not answer must leave time for the next one.
            let last = number + 1 == addresses.len();
            let patience = if last { DIAL_TIME_MAX } else { DIAL_TIME_MAX / 4 };
            match timeout(patience, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => {
                    tune_tcp(&tcp);
                    return Ok(tcp);
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => failure = DialError::Closed(self.who),
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                    failure = DialError::Cut(self.who, Stage::Connect);
                }
                Ok(Err(_)) => failure = DialError::Unreachable(self.who),
                Err(_) => failure = DialError::TimedOut(self.who, Stage::Connect),
            }
        }
        Err(failure)
    }

    async fn secure(&self, tcp: Counted) -> Result<Box<dyn Carrier>, DialError> {
        self.enter(Stage::Tls);
        let name = server_name(&self.endpoint.host).ok_or(DialError::NoAddress(self.who))?;
        #[cfg(feature = "boring")]
        if tls::Stack::chosen() == tls::Stack::Boring {
            let stream = tls::chromium::connect(name, self.endpoint.pin, tcp).await;
            return Ok(Box::new(stream.map_err(|error| self.tls_error(&error))?));
        }
        let config = match self.tls.get() {
            Some(config) => Arc::clone(config),
            None => {
                let made = tls::client_config(self.endpoint.pin).map_err(|error| DialError::Tls(self.who, error.to_string()))?;
                Arc::clone(self.tls.get_or_init(|| made))
            }
        };
        let stream = TlsConnector::from(config).connect(name, tcp).await.map_err(|error| self.tls_error(&error))?;
        Ok(Box::new(stream))
    }

    async fn upgrade(&self, mut carrier: impl Carrier + 'static, purpose: Purpose) -> Result<SealedStream, DialError> {
        self.enter(Stage::Upgrade);
        let (offer, first_message) = Offer::new(&self.service_key, purpose, &mut rand::rng());
        let upgrade = Upgrade::new(first_message, &mut rand::rng());
        let cut = |_| DialError::Cut(self.who, Stage::Upgrade);
        send(&mut carrier, &upgrade.to_request(&host_header(&self.endpoint), &self.endpoint.path)).await.map_err(cut)?;
        let mut received = Vec::new();
        let length = loop {
            if carrier.read_buf(&mut received).await.map_err(cut)? == 0 {
                return Err(DialError::Cut(self.who, Stage::Upgrade));
            }
            match upgrade::read_answer(&received, &upgrade) {
                Ok(None) => {}
                Ok(Some((Answer::Open, length))) => break length,
                Ok(Some((Answer::Status(502..=504), _))) if self.who == Who::Proxy => return Err(DialError::ServiceBehind),
                Ok(Some((Answer::Status(status), _))) => return Err(DialError::NotOurs(self.who, status)),
                Ok(Some((Answer::WrongAccept, _))) | Err(_) => return Err(DialError::Strange(self.who)),
            }
        };
        self.enter(Stage::Session);
        let carrier = WebSocket::new(carrier, Side::Client, &received[length..]);
        session::finish(Box::new(carrier), offer, purpose).await.map_err(|error| self.session_error(error))
    }

    fn session_error(&self, error: SessionError) -> DialError {
        match error {
            SessionError::Carrier(_) if self.who == Who::Proxy && self.endpoint.form == Form::Bare => DialError::ServiceBehind,
            SessionError::Carrier(error) if error.kind() == io::ErrorKind::InvalidData => DialError::Strange(self.who),
            SessionError::Carrier(_) => DialError::Cut(self.who, Stage::Session),
            SessionError::Refused(Refused::WrongKey | Refused::Long(_)) => DialError::WrongKey,
            SessionError::Refused(_) => DialError::Version,
        }
    }

    fn tls_error(&self, error: &io::Error) -> DialError {
        let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
            return DialError::Cut(self.who, Stage::Tls);
        };
        match error {
            rustls::Error::InvalidCertificate(problem) => match problem {
                pin if *pin == PIN_MISMATCH => DialError::WrongPin(self.who),
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => DialError::Clock(self.who),
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    DialError::WrongName(self.who)
                }
                _ => DialError::UnknownAuthority(self.who),
            },
            rustls::Error::InvalidMessage(_) => DialError::Strange(self.who),
            // Rustls's texts for alerts and incompatibilities hold no addresses or names.
            rustls::Error::AlertReceived(_) | rustls::Error::PeerIncompatible(_) => DialError::Tls(self.who, error.to_string()),
            _ => DialError::Tls(self.who, "unexpected answer".to_owned()),
        }
    }

    fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    fn stage(&self) -> Stage {
        const STAGES: [Stage; 5] = [Stage::Name, Stage::Connect, Stage::Tls, Stage::Upgrade, Stage::Session];
        STAGES[usize::from(self.stage.load(Ordering::Relaxed))]
    }
}

async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Some(address) = bare_address(host) {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    Ok(tokio::net::lookup_host((host, port)).await?.collect())
}

/// `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`.
fn bare_address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn server_name(host: &str) -> Option<ServerName<'static>> {
    match bare_address(host) {
        Some(address) => Some(ServerName::IpAddress(address.into())),
        None => ServerName::try_from(host.to_owned()).ok(),
    }
}

/// As a browser writes it: without the port where it is the form's own.
fn host_header(endpoint: &Endpoint) -> String {
    let host = match bare_address(&endpoint.host) {
        Some(IpAddr::V6(address)) => format!("[{address}]"),
        _ => endpoint.host.clone(),
    };
    match (endpoint.form, endpoint.port) {
        (Form::Tls, 443) | (Form::Plain, 80) => host,
        (_, port) => format!("{host}:{port}"),
    }
}
