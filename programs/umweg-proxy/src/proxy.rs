//! The connections of a proxy.
//!
//! 1. A connection's first byte says what it is (`umweg_road::first_bytes`); TLS is terminated for the proxy's own name.
//! 2. A request for an upgrade on the invite's secret path becomes a connection to the service's relay port, with a new head that
//!    has nothing of the client but the session's first message. From then on bytes go both ways, unread.
//! 3. On the bare port the session itself begins; it can only be with the service, because nothing else opens it.
//! 4. Every other request meets the web site, with the same answer however close it was.
//!
//! There is one destination. It stands in the service's link; nothing that a client sends can change it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use umweg_io::carrier::{Carrier, Rewound, send, tune_tcp};
use umweg_io::door::Door;
use umweg_io::session::Purpose;
use umweg_io::shutdown::Shutdown;
use umweg_io::site::Site;
use umweg_io::splice::splice;
use umweg_road::first_bytes::{Begins, Port};
use umweg_road::upgrade::{Request, Upgrade, read_request};
use umweg_wire::limits::{HANDSHAKE_TIME_MAX, IDLE_TIME_MAX};
use umweg_wire::proto::v1::{ProxyLink, ServiceLink};

use crate::plan::{Plan, Ports};

/// For reaching the service.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How often an unreachable service is asked for again.
const RETRY: Duration = Duration::from_secs(15);

/// A proxy whose ports are bound and not open yet.
pub struct Proxy {
    doors: Vec<Door>,
    link: ProxyLink,
    relay: Arc<Relay>,
    connections_max: usize,
}

struct Relay {
    service: ServiceLink,
    path: String,
    tls: Option<TlsAcceptor>,
    site: Site,
}

impl Proxy {
    /// Binds every port of the plan.
    pub async fn bind(plan: Plan) -> Result<Self> {
        let tls = plan.certificate.as_ref().map(|certificate| certificate.server_config()).transpose()?;
        let mut ports = Ports::default();
        let settings = &plan.settings;
        let places = [
            (Port::Tls, settings.tls_port, &mut ports.tls),
            (Port::Plain, settings.plain_port, &mut ports.plain),
            (Port::Bare, settings.bare_port, &mut ports.bare),
        ];
        let mut doors = Vec::new();
        for (port, setting, bound) in places {
            if let Some(address) = setting.at(settings.listen) {
                let door = Door::bind(port, address).await?;
                *bound = door.address().port();
                doors.push(door);
            }
        }
        let link = plan.link(ports)?;
        let connections_max = settings.connections_max;
        let relay = Relay { service: plan.service, path: plan.path, tls: tls.map(TlsAcceptor::from), site: plan.site };
        Ok(Self { doors, link, relay: Arc::new(relay), connections_max })
    }

    /// What the volunteer passes on.
    #[must_use]
    pub fn link(&self) -> &ProxyLink {
        &self.link
    }

    /// Lets people in until the end begins.
    pub fn open(self, shutdown: &Shutdown) {
        let permits = Arc::new(Semaphore::new(self.connections_max));
        for door in self.doors {
            let (relay, end) = (Arc::clone(&self.relay), shutdown.clone());
            door.open(Arc::clone(&permits), shutdown, move |tcp, what, permit| {
                let (relay, end) = (Arc::clone(&relay), end.clone());
                async move { relay.handle(tcp, what, permit, &end).await }
            });
        }
        let relay = Arc::clone(&self.relay);
        shutdown.spawn_until_begun(async move { relay.watch_service().await });
    }
}

/// What came in.
enum Entered {
    /// Somebody with the invite: a head for the service, and what followed the client's.
    Invited(Box<dyn Carrier>, Upgrade, Vec<u8>),
    /// The bare session.
    Bare(TcpStream),
    /// Somebody for the web site, and what was read of the first request.
    Visitor(Box<dyn Carrier>, Vec<u8>),
    Nobody,
}

impl Relay {
    async fn handle(&self, tcp: TcpStream, what: Begins, _permit: OwnedSemaphorePermit, end: &Shutdown) {
        let entered = timeout(HANDSHAKE_TIME_MAX, self.enter(tcp, what)).await.unwrap_or(Entered::Nobody);
        match entered {
            Entered::Invited(carrier, upgrade, followed) => self.tunnel_upgraded(carrier, &upgrade, &followed, end).await,
            Entered::Bare(tcp) => self.tunnel_bare(tcp).await,
            Entered::Visitor(carrier, received) => self.show_site(carrier, received, end).await,
            Entered::Nobody => {}
        }
    }

    async fn enter(&self, tcp: TcpStream, what: Begins) -> Entered {
        match (what, &self.tls) {
            (Begins::Tls, Some(tls)) => match tls.accept(tcp).await {
                Ok(stream) => self.read_head(Box::new(stream)).await,
                Err(_) => Entered::Nobody,
            },
            (Begins::Http, _) => self.read_head(Box::new(tcp)).await,
            (Begins::Bare, _) => Entered::Bare(tcp),
            (Begins::Tls, None) | (Begins::Nothing, _) => Entered::Nobody,
        }
    }

    async fn read_head(&self, mut carrier: Box<dyn Carrier>) -> Entered {
        let mut received = Vec::new();
        loop {
            match carrier.read_buf(&mut received).await {
                Ok(0) | Err(_) => return Entered::Nobody,
                Ok(_) => match read_request(&received) {
                    Ok(None) => {}
                    Ok(Some((request, length))) => return self.admit(carrier, &request, received, length),
                    Err(_) => return Entered::Visitor(carrier, received),
                },
            }
        }
    }

    fn admit(&self, carrier: Box<dyn Carrier>, request: &Request, received: Vec<u8>, length: usize) -> Entered {
        match request.upgrade_for(&self.path) {
            Some(upgrade) => Entered::Invited(carrier, upgrade.clone(), received[length..].to_vec()),
            None => Entered::Visitor(carrier, received),
        }
    }

    async fn tunnel_upgraded(&self, mut client: Box<dyn Carrier>, upgrade: &Upgrade, followed: &[u8], end: &Shutdown) {
        let Ok(mut service) = self.connect().await else {
            metrics::counter!("umweg_proxy_service_unreachable").increment(1);
            let sorry = timeout(HANDSHAKE_TIME_MAX, self.site.unavailable(&mut client));
            tokio::select! {
                () = end.begun() => {}
                _ = sorry => {}
            }
            return;
        };
        let head = upgrade.to_request(&self.service.host, &self.service.path);
        if send(&mut service, &head).await.is_ok() {
            tunnel(Rewound::new(followed, client), service).await;
        }
    }

    async fn tunnel_bare(&self, client: TcpStream) {
        match self.connect().await {
            Ok(service) => tunnel(client, service).await,
            Err(_) => metrics::counter!("umweg_proxy_service_unreachable").increment(1),
        }
    }

    async fn show_site(&self, carrier: Box<dyn Carrier>, received: Vec<u8>, end: &Shutdown) {
        metrics::counter!("umweg_proxy_visitors").increment(1);
        tokio::select! {
            () = end.begun() => {}
            () = self.site.serve(carrier, received) => {}
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let port = u16::try_from(self.service.relay_port).map_err(|_| io::ErrorKind::InvalidInput)?;
        let host = self.service.host.trim_start_matches('[').trim_end_matches(']');
        let tcp = timeout(CONNECT_TIME_MAX, TcpStream::connect((host, port))).await??;
        tune_tcp(&tcp);
        Ok(tcp)
    }

    /// Says when the service cannot be reached, and when it can be again.
    async fn watch_service(&self) {
        let mut reached = None;
        loop {
            let reaches = self.connect().await.is_ok();
            metrics::gauge!("umweg_proxy_service_reachable").set(if reaches { 1.0 } else { 0.0 });
            match (reached, reaches) {
                (Some(true) | None, false) => tracing::warn!(
                    "cannot reach the service's relay port. Is the service running, is its link current, and may this host connect out? \
                     Trying again every {} seconds",
                    RETRY.as_secs()
                ),
                (Some(false) | None, true) => tracing::info!("the service can be reached"),
                (Some(true), true) | (Some(false), false) => {}
            }
            reached = Some(reaches);
            tokio::time::sleep(if reaches { RETRY * 4 } else { RETRY }).await;
        }
    }
}

/// Joins the two until either side has ended. A proxy cannot tell a call's datagrams from messages, so both get the sockets of a
/// call: little waits unsent, and so nothing of a call grows old here.
async fn tunnel(mut client: impl Carrier, mut service: TcpStream) {
    client.tune(Purpose::Media);
    service.tune(Purpose::Media);
    metrics::counter!("umweg_proxy_tunnels").increment(1);
    metrics::gauge!("umweg_proxy_tunnels_open").increment(1.0);
    let moved = splice(client, service, IDLE_TIME_MAX).await;
    metrics::gauge!("umweg_proxy_tunnels_open").decrement(1.0);
    if let Ok(moved) = moved {
        metrics::counter!("umweg_proxy_bytes").increment(moved.there + moved.back);
    }
}
