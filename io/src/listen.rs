//! The service's doors: whatever a road looks like from outside, what comes in is a sealed stream and what it is for.
//!
//! TLS and plain port: a web site, except for who asks for the upgrade on the service's path with a first message that opens under
//! the service's key. Bare port: the session. Relay port, for proxies: either, told apart by the first byte.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use umweg_road::first_bytes::{Begins, Port};
use umweg_road::session::{Purpose, Scheme, StaticKey};
use umweg_road::upgrade::read_request;
use umweg_wire::limits::HANDSHAKE_TIME_MAX;

use crate::ahead::Ahead;
use crate::bites::Chains;
use crate::carrier::Carrier;
pub use crate::door::{BindError, Door};
use crate::old_tls::turn_away;
use crate::session::{Opened, SealedStream, accept};
use crate::shutdown::Shutdown;
use crate::site::{Came, Layer, Site};
use crate::websocket::WebSocket;

/// Sealed streams that wait to be taken by the program; more wait in the kernel.
const ARRIVALS_WAITING_MAX: usize = 64;

/// Where each form of the road is served; `None`: it is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Doors {
    /// HTTPS.
    pub tls: Option<SocketAddr>,
    /// HTTP.
    pub plain: Option<SocketAddr>,
    /// The bare session.
    pub bare: Option<SocketAddr>,
    /// For proxies.
    pub relay: Option<SocketAddr>,
}

/// What a service needs to be reachable.
pub struct ListenConfig {
    /// Where.
    pub doors: Doors,
    /// For the TLS door (`tls::Certificate::server_config`).
    pub tls: Option<Arc<ServerConfig>>,
    /// Of the upgrade.
    pub path: String,
    /// Of the sealed session.
    pub key: StaticKey,
    /// By which sessions are shaped.
    pub scheme: Scheme,
    /// What everybody else sees.
    pub site: Site,
    /// At once, at all doors together.
    pub connections_max: usize,
}

/// Why the doors stay shut.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A TLS door needs a certificate.
    #[error("the TLS port needs a certificate")]
    NoCertificate,
}

/// All doors, bound: nobody is let in before `open`.
pub struct Entrance {
    doors: Vec<Door>,
    addresses: Doors,
    serving: Arc<Serving>,
}

/// The sealed streams that came in, by purpose. Each counts as a connection until it is dropped.
pub struct Arrivals {
    /// For `rpc::serve`.
    pub rpc: mpsc::Receiver<SealedStream>,
    /// For the SFU.
    pub media: mpsc::Receiver<SealedStream>,
}

impl Entrance {
    /// Binds every door.
    pub async fn bind(config: ListenConfig) -> Result<Self, ListenError> {
        if config.doors.tls.is_some() && config.tls.is_none() {
            return Err(ListenError::NoCertificate);
        }
        let mut addresses = config.doors;
        let mut doors = Vec::new();
        let places = [
            (Port::Tls, &mut addresses.tls),
            (Port::Plain, &mut addresses.plain),
            (Port::Bare, &mut addresses.bare),
            (Port::Relay, &mut addresses.relay),
        ];
        for (port, place) in places {
            if let Some(address) = place {
                let door = Door::bind(port, *address).await?;
                *address = door.address();
                doors.push(door);
            }
        }
        let serving = Arc::new(Serving {
            tls: config.tls.map(TlsAcceptor::from),
            path: config.path,
            key: config.key,
            scheme: config.scheme,
            site: config.site,
            permits: Arc::new(Semaphore::new(config.connections_max)),
            chains: Chains::new(config.connections_max),
        });
        Ok(Self { doors, addresses, serving })
    }

    /// Where the doors are, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> Doors {
        self.addresses
    }

    /// Lets people in until the end begins.
    #[must_use]
    pub fn open(self, shutdown: &Shutdown) -> Arrivals {
        let (to_rpc, rpc) = mpsc::channel(ARRIVALS_WAITING_MAX);
        let (to_media, media) = mpsc::channel(ARRIVALS_WAITING_MAX);
        for door in self.doors {
            let (serving, to_rpc, to_media, end) = (Arc::clone(&self.serving), to_rpc.clone(), to_media.clone(), shutdown.clone());
            let port = door.port();
            door.open(Arc::clone(&self.serving.permits), shutdown, move |tcp, what, permit| {
                let (serving, to_rpc, to_media, end) = (Arc::clone(&serving), to_rpc.clone(), to_media.clone(), end.clone());
                async move {
                    tokio::select! {
                        () = end.begun() => {}
                        () = serving.handle(tcp, (port, what), permit, &to_rpc, &to_media) => {}
                    }
                }
            });
        }
        Arrivals { rpc, media }
    }
}

struct Serving {
    tls: Option<TlsAcceptor>,
    path: String,
    key: StaticKey,
    scheme: Scheme,
    site: Site,
    permits: Arc<Semaphore>,
    chains: Chains,
}

impl Serving {
    async fn handle(
        &self,
        tcp: TcpStream,
        came: (Port, Begins),
        permit: OwnedSemaphorePermit,
        to_rpc: &mpsc::Sender<SealedStream>,
        to_media: &mpsc::Sender<SealedStream>,
    ) {
        let Ok(entered) = timeout(HANDSHAKE_TIME_MAX, self.enter(tcp, came)).await else {
            metrics::counter!("umweg_handshakes_timed_out").increment(1);
            return;
        };
        match entered {
            Entered::Session(mut stream, purpose) => {
                stream.hold(permit);
                let (to, stream) = match purpose {
                    Purpose::Rpc => (to_rpc, *stream),
                    Purpose::Media => (to_media, *stream),
                    Purpose::Bite => match self.chains.handle_bite(*stream).await {
                        Some(chain) => (to_rpc, chain),
                        None => return,
                    },
                };
                // It fails only when the program has stopped taking streams: this one is dropped, and so ends.
                let _ = to.send(stream).await;
            }
            Entered::Visitor(carrier, received, came) => self.site.serve(carrier, received, came).await,
            Entered::Nobody => {}
        }
    }

    async fn enter(&self, tcp: TcpStream, (port, begins): (Port, Begins)) -> Entered {
        let layer = match (port, begins) {
            (_, Begins::Tls) => Layer::Tls,
            (Port::Tls, Begins::Http) => Layer::Missing,
            _ => Layer::Plain,
        };
        let came = Came::now(layer, &tcp);
        match begins {
            Begins::Tls => match &self.tls {
                Some(tls) => match tls.accept(Ahead::new(tcp)).await {
                    Ok(stream) => self.http(Box::new(stream), came).await,
                    Err(_) => Entered::Nobody,
                },
                None => Entered::Nobody,
            },
            Begins::Http if layer == Layer::Missing => match turn_away(tcp).await {
                Some(tcp) => Entered::Visitor(Box::new(tcp), Vec::new(), came),
                None => Entered::Nobody,
            },
            Begins::Http => self.http(Box::new(tcp), came).await,
            Begins::Bare => match accept(Box::new(tcp), &self.key, &self.scheme).await {
                Ok((stream, purpose)) => Entered::Session(Box::new(stream), purpose),
                Err(_) => Entered::Nobody,
            },
            Begins::Nothing => Entered::Nobody,
        }
    }

    async fn http(&self, mut carrier: Box<dyn Carrier>, came: Came) -> Entered {
        let mut received = Vec::new();
        let (request, length) = loop {
            match carrier.read_buf(&mut received).await {
                Ok(0) | Err(_) => return Entered::Nobody,
                Ok(_) => match read_request(&received) {
                    Ok(None) => {}
                    Ok(Some(head)) => break head,
                    Err(_) => return Entered::Visitor(carrier, received, came),
                },
            }
        };
        let Some(upgrade) = request.upgrade_for(&self.path) else { return Entered::Visitor(carrier, received, came) };
        let Ok(opened) = Opened::new(&upgrade.first_message, &self.key, &self.scheme) else {
            return Entered::Visitor(carrier, received, came);
        };
        let purpose = opened.purpose;
        let carrier = WebSocket::answering(carrier, upgrade.to_answer(), &received[length..]);
        match opened.answer(Box::new(carrier)).await {
            Ok(stream) => Entered::Session(Box::new(stream), purpose),
            Err(_) => Entered::Nobody,
        }
    }
}

enum Entered {
    Session(Box<SealedStream>, Purpose),
    /// Somebody for the web site, and what was read of the first request.
    Visitor(Box<dyn Carrier>, Vec<u8>, Came),
    Nobody,
}
