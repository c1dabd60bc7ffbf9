//! The connections of a proxy.
//!
//! 1. A connection's first byte says what it is (`umweg_road::first_bytes`); TLS is terminated for the proxy's own name.
//! 2. A request for an upgrade on an invite's secret path becomes a connection to the service's relay port, with a new head that
//!    has nothing of the client but the session's first message. From then on bytes go both ways, unread.
//! 3. On the bare port the session itself begins; it can only be with the service, because nothing else opens it.
//! 4. Other messengers' people are led to theirs, where the volunteer switched that on ([`others`](crate::others)).
//! 5. Everybody else meets the web site, with the same answer however close it was.
//!
//! Where people are led stands in the service's link and in the list of upstreams; nothing that a client sends can add to it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use umweg_io::carrier::{Carrier, Rewound, send, tune_tcp};
use umweg_io::clock;
use umweg_io::metered::Metered;
use umweg_io::session::Purpose;
use umweg_io::shutdown::Shutdown;
use umweg_io::site::Site;
use umweg_io::splice::splice;
use umweg_io::tls::Live;
use umweg_road::first_bytes::{Begins, Port, Says, says};
use umweg_road::upgrade::{Upgrade, read_request};
use umweg_wire::limits::{HANDSHAKE_TIME_MAX, IDLE_TIME_MAX};
use umweg_wire::proto::v1::ServiceLink;

use crate::invites::book::{Admitted, Book};
use crate::others::Others;
use crate::upstreams::Place;

/// For reaching the service.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How often an unreachable service is asked for again.
const RETRY: Duration = Duration::from_secs(15);

/// What every connection needs.
pub(crate) struct Relay {
    pub(crate) service: ServiceLink,
    pub(crate) book: Arc<Book>,
    pub(crate) others: Others,
    pub(crate) tls: Option<Live>,
    pub(crate) site: Site,
}

/// What came in.
enum Entered {
    /// Somebody with an invite: a head for the service, and what followed the client's.
    Invited(Box<dyn Carrier>, Arc<Admitted>, Upgrade, Vec<u8>),
    /// The bare session.
    Bare(TcpStream),
    /// Somebody of another messenger, where that leads, and what was read already.
    Other(Box<dyn Carrier>, Place, Vec<u8>),
    /// Somebody for the web site, and what was read of the first request.
    Visitor(Box<dyn Carrier>, Vec<u8>),
    /// Somebody who speaks HTTP where TLS is spoken.
    Unencrypted(Box<dyn Carrier>, Vec<u8>),
    Nobody,
}

/// What the first bytes of a connection turn out to be.
enum First {
    Invited(Admitted, Upgrade, usize),
    Other(Place),
    Visitor,
}

impl Relay {
    /// Serves a connection that came in by that port, and begins so.
    pub(crate) async fn handle(&self, tcp: TcpStream, came: (Port, Begins), _permit: OwnedSemaphorePermit, end: &Shutdown) {
        match self.enter(tcp, came).await {
            Entered::Invited(carrier, admitted, upgrade, followed) => tokio::select! {
                () = admitted.cut() => {}
                () = self.tunnel_upgraded(carrier, &admitted, &upgrade, &followed, end) => {}
            },
            Entered::Bare(tcp) => self.tunnel_bare(tcp).await,
            Entered::Other(carrier, place, received) => self.others.lead(&place, carrier, &received).await,
            Entered::Visitor(carrier, received) => until(end, self.show_site(carrier, received)).await,
            Entered::Unencrypted(carrier, received) => until(end, self.site.refuse_unencrypted(carrier, received)).await,
            Entered::Nobody => {}
        }
    }

    async fn enter(&self, tcp: TcpStream, came: (Port, Begins)) -> Entered {
        match (came, &self.tls) {
            ((Port::Through, _), _) => led(Box::new(tcp), self.others.media()),
            ((_, Begins::Tls), Some(tls)) => match timeout(HANDSHAKE_TIME_MAX, TlsAcceptor::from(tls.config()).accept(tcp)).await {
                Ok(Ok(stream)) => self.meet(Box::new(stream), true).await,
                _ => Entered::Nobody,
            },
            ((Port::Tls, Begins::Http), _) => Entered::Unencrypted(Box::new(tcp), Vec::new()),
            ((_, Begins::Http), _) => self.meet(Box::new(tcp), false).await,
            ((_, Begins::Bare), _) => Entered::Bare(tcp),
            ((Port::Bare, Begins::Nothing), _) => led(Box::new(tcp), self.others.bare_chat()),
            ((_, Begins::Tls | Begins::Nothing), _) => Entered::Nobody,
        }
    }

    /// Whoever does not get to the point in time is the web site's.
    async fn meet(&self, mut carrier: Box<dyn Carrier>, inside_tls: bool) -> Entered {
        let mut received = Vec::new();
        let first = timeout(HANDSHAKE_TIME_MAX, self.read_first(&mut carrier, &mut received, inside_tls)).await;
        match first.unwrap_or(First::Visitor) {
            First::Invited(admitted, upgrade, length) => {
                Entered::Invited(carrier, Arc::new(admitted), upgrade, received[length..].to_vec())
            }
            First::Other(place) => Entered::Other(carrier, place, received),
            First::Visitor => Entered::Visitor(carrier, received),
        }
    }

    async fn read_first(&self, carrier: &mut Box<dyn Carrier>, received: &mut Vec<u8>, inside_tls: bool) -> First {
        loop {
            match carrier.read_buf(received).await {
                Ok(0) | Err(_) => return First::Visitor,
                Ok(_) => {}
            }
            let place = match says(received) {
                None => continue,
                Some(Says::Http) => match read_request(received) {
                    Ok(None) => continue,
                    Ok(Some((request, length))) => match self.book.admit(&request, clock::now()) {
                        Some((admitted, upgrade)) => return First::Invited(admitted, upgrade.clone(), length),
                        None => return First::Visitor,
                    },
                    Err(_) => return First::Visitor,
                },
                Some(Says::ClientHello) if inside_tls => self.others.named(carrier, received).await,
                Some(Says::ClientHello) => None,
                Some(Says::Other) => self.others.chat(inside_tls),
            };
            return place.map_or(First::Visitor, First::Other);
        }
    }

    async fn tunnel_upgraded(
        &self,
        mut client: Box<dyn Carrier>,
        admitted: &Arc<Admitted>,
        upgrade: &Upgrade,
        followed: &[u8],
        end: &Shutdown,
    ) {
        let Ok(mut service) = self.connect().await else {
            metrics::counter!("umweg_proxy_service_unreachable").increment(1);
            let sorry = timeout(HANDSHAKE_TIME_MAX, self.site.unavailable(&mut client));
            return until(end, async { drop(sorry.await) }).await;
        };
        let head = upgrade.to_request(&self.service.host, &self.service.path);
        if send(&mut service, &head).await.is_err() {
            return;
        }
        admitted.count(followed.len() as u64);
        // Bytes that the kernel could move by itself are counted one by one only if there is a bound on them.
        if admitted.is_metered() || client.tcp().is_none() {
            tunnel(Rewound::new(followed, Metered::new(client, admitted.meter())), service).await;
        } else if let Some(moved) = tunnel(Rewound::new(followed, client), service).await {
            admitted.count(moved.saturating_sub(followed.len() as u64));
        }
    }

    async fn tunnel_bare(&self, client: TcpStream) {
        match self.connect().await {
            Ok(service) => {
                tunnel(client, service).await;
            }
            Err(_) => metrics::counter!("umweg_proxy_service_unreachable").increment(1),
        }
    }

    async fn show_site(&self, carrier: Box<dyn Carrier>, received: Vec<u8>) {
        metrics::counter!("umweg_proxy_visitors").increment(1);
        self.site.serve(carrier, received).await;
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let port = u16::try_from(self.service.relay_port).map_err(|_| io::ErrorKind::InvalidInput)?;
        let host = self.service.host.trim_start_matches('[').trim_end_matches(']');
        let tcp = timeout(CONNECT_TIME_MAX, TcpStream::connect((host, port))).await??;
        tune_tcp(&tcp);
        Ok(tcp)
    }

    /// Says when the service cannot be reached, and when it can be again.
    pub(crate) async fn watch_service(&self) {
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

fn led(carrier: Box<dyn Carrier>, place: Option<Place>) -> Entered {
    place.map_or(Entered::Nobody, |place| Entered::Other(carrier, place, Vec::new()))
}

async fn until(end: &Shutdown, visit: impl Future<Output = ()>) {
    tokio::select! {
        () = end.begun() => {}
        () = visit => {}
    }
}

/// Joins the two until either side has ended, and tells how many bytes moved if both ended well. A proxy cannot tell a call's
/// datagrams from messages, so both get the sockets of a call: little waits unsent, and so nothing of a call grows old here.
async fn tunnel(mut client: impl Carrier, mut service: TcpStream) -> Option<u64> {
    client.tune(Purpose::Media);
    service.tune(Purpose::Media);
    metrics::counter!("umweg_proxy_tunnels").increment(1);
    metrics::gauge!("umweg_proxy_tunnels_open").increment(1.0);
    let moved = splice(client, service, IDLE_TIME_MAX).await;
    metrics::gauge!("umweg_proxy_tunnels_open").decrement(1.0);
    let bytes = moved.ok().map(|moved| moved.there + moved.back)?;
    metrics::counter!("umweg_proxy_bytes").increment(bytes);
    Some(bytes)
}
