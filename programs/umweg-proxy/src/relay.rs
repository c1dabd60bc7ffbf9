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
use umweg_io::ahead::Ahead;
use umweg_io::carrier::{Carrier, Rewound, send, tune_tcp};
use umweg_io::clock;
use umweg_io::metered::Metered;
use umweg_io::old_tls::turn_away;
use umweg_io::shutdown::Shutdown;
use umweg_io::site::{Came, Layer, Site};
use umweg_io::splice::splice;
use umweg_io::tls::Live;
use umweg_road::first_bytes::{Begins, Port, Says, says};
use umweg_road::upgrade::read_request;
use umweg_wire::limits::{HANDSHAKE_TIME_MAX, IDLE_TIME_MAX};
use umweg_wire::proto::v1::ServiceLink;

use crate::invites::book::{Admitted, Book};
use crate::others::{Ends, Led, Others};

/// What is read of a visitor for so long without a whole head is the web site's, whose own patience counts.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);
/// For a handshake: as long as nginx waits.
const VISITOR_TIME_MAX: Duration = Duration::from_secs(60);
/// As TLS names it (RFC 9113, section 3.2).
const HTTP2: &[u8] = b"h2";
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

/// Who sent a connection here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    ByClient,
    /// Another server of the volunteer's.
    ByServer,
}

/// What came in.
enum Entered {
    /// Somebody with an invite: a head for the service, and what followed the client's.
    Invited(Box<dyn Carrier>, Admitted, Vec<u8>, Vec<u8>),
    /// The bare session.
    Bare(TcpStream),
    /// Somebody of another messenger, where that leads, and what was read already.
    Other(Box<dyn Carrier>, Led, Vec<u8>),
    /// Somebody for the web site, and what was read of the first request.
    Visitor(Box<dyn Carrier>, Vec<u8>, Came),
    /// The same, who speaks HTTP/2.
    Visitor2(Box<dyn Carrier>, Came),
    Nobody,
}

/// What the first bytes of a connection turn out to be.
enum First {
    Invited(Admitted, Vec<u8>, usize),
    Other(Led),
    Visitor,
}

impl Relay {
    /// Serves a connection that came in by that port, and begins so. What it took to get in is let go of before what may last for days.
    pub(crate) async fn handle(&self, tcp: TcpStream, came: (Port, Begins, Sent), _permit: OwnedSemaphorePermit, end: &Shutdown) {
        match Box::pin(self.enter(tcp, came)).await {
            Entered::Invited(carrier, admitted, head, followed) => {
                let admitted = Arc::new(admitted);
                if let Some((client, service)) = Box::pin(self.lead_on(carrier, &admitted, head, &followed, end)).await {
                    Box::pin(tunnel_admitted(client, service, followed, admitted)).await;
                }
            }
            Entered::Bare(tcp) => Box::pin(self.tunnel_bare(tcp)).await,
            Entered::Other(carrier, led, received) => Box::pin(self.others.lead(&led, carrier, &received)).await,
            Entered::Visitor(carrier, received, came) => {
                metrics::counter!("umweg_proxy_visitors").increment(1);
                Box::pin(until(end, self.site.serve(carrier, received, came))).await;
            }
            Entered::Visitor2(carrier, came) => {
                metrics::counter!("umweg_proxy_visitors").increment(1);
                Box::pin(until(end, self.site.serve_http2(carrier, came))).await;
            }
            Entered::Nobody => {}
        }
    }

    async fn enter(&self, tcp: TcpStream, (port, begins, sent): (Port, Begins, Sent)) -> Entered {
        let by = |by| Came::now(by, &tcp);
        // Nobody's address is looked at but where the volunteer wants it told.
        let ends = if self.others.tells_addresses() && sent == Sent::ByClient { Ends::of(&tcp) } else { Ends::default() };
        match ((port, begins), &self.tls) {
            ((Port::Through, _), _) => led(Box::new(tcp), self.others.media()),
            ((_, Begins::Tls), Some(tls)) => {
                let by = by(Layer::Tls);
                match timeout(VISITOR_TIME_MAX, TlsAcceptor::from(tls.config()).accept(Ahead::new(tcp))).await {
                    Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(HTTP2) => Entered::Visitor2(Box::new(stream), by),
                    Ok(Ok(stream)) => self.meet(Box::new(stream), by, ends).await,
                    _ => Entered::Nobody,
                }
            }
            ((Port::Tls, Begins::Http), _) => {
                let by = by(Layer::Missing);
                match timeout(VISITOR_TIME_MAX, turn_away(tcp)).await {
                    Ok(Some(tcp)) => Entered::Visitor(Box::new(tcp), Vec::new(), by),
                    _ => Entered::Nobody,
                }
            }
            ((_, Begins::Http), _) => {
                let by = by(Layer::Plain);
                self.meet(Box::new(tcp), by, ends).await
            }
            ((_, Begins::Bare), _) => Entered::Bare(tcp),
            ((Port::Bare, Begins::Nothing), _) => led(Box::new(tcp), self.others.bare_chat(ends)),
            ((_, Begins::Tls | Begins::Nothing), _) => Entered::Nobody,
        }
    }

    /// Whoever does not get to the point in time is the web site's.
    async fn meet(&self, mut carrier: Box<dyn Carrier>, came: Came, ends: Ends) -> Entered {
        let mut received = Vec::new();
        let first = timeout(HEAD_TIME_MAX, self.read_first(&mut carrier, &mut received, came.by == Layer::Tls, ends)).await;
        match first.unwrap_or(First::Visitor) {
            First::Invited(admitted, head, length) => Entered::Invited(carrier, admitted, head, received[length..].to_vec()),
            First::Other(led) => Entered::Other(carrier, led, received),
            First::Visitor => Entered::Visitor(carrier, received, came),
        }
    }

    async fn read_first(&self, carrier: &mut Box<dyn Carrier>, received: &mut Vec<u8>, inside_tls: bool, ends: Ends) -> First {
        loop {
            match carrier.read_buf(received).await {
                Ok(0) | Err(_) => return First::Visitor,
                Ok(_) => {}
            }
            let led = match says(received) {
                None => continue,
                Some(Says::Http) if Site::would_refuse(received) => return First::Visitor,
                Some(Says::Http) => match read_request(received) {
                    Ok(None) => continue,
                    Ok(Some((request, length))) => match self.book.admit(&request, clock::now()) {
                        Some((admitted, upgrade)) => {
                            return First::Invited(admitted, upgrade.to_request(&self.service.host, &self.service.path), length);
                        }
                        None => return First::Visitor,
                    },
                    Err(_) => return First::Visitor,
                },
                Some(Says::ClientHello) if inside_tls => self.others.named(carrier, received).await,
                Some(Says::ClientHello) => None,
                Some(Says::Other) => self.others.chat(inside_tls, ends),
            };
            return led.map_or(First::Visitor, First::Other);
        }
    }

    /// Connects somebody with an invite to the service.
    async fn lead_on(
        &self,
        mut client: Box<dyn Carrier>,
        admitted: &Admitted,
        head: Vec<u8>,
        followed: &[u8],
        end: &Shutdown,
    ) -> Option<(Box<dyn Carrier>, TcpStream)> {
        let Ok(mut service) = self.connect().await else {
            metrics::counter!("umweg_proxy_service_unreachable").increment(1);
            let sorry = timeout(HANDSHAKE_TIME_MAX, self.site.unavailable(&mut client));
            until(end, async { drop(sorry.await) }).await;
            return None;
        };
        send(&mut service, &head).await.ok()?;
        admitted.count(followed.len() as u64);
        Some((client, service))
    }

    async fn tunnel_bare(&self, client: TcpStream) {
        match self.connect().await {
            Ok(service) => {
                tunnel(client, service).await;
            }
            Err(_) => metrics::counter!("umweg_proxy_service_unreachable").increment(1),
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

/// Until both sides have ended, or the invite is revoked.
async fn tunnel_admitted(mut client: Box<dyn Carrier>, service: TcpStream, followed: Vec<u8>, admitted: Arc<Admitted>) {
    let tunnel = async {
        // Bytes that the kernel could move by itself are counted one by one only if there is a bound on them.
        if admitted.is_metered() || client.tcp().is_none() {
            tunnel(Rewound::new(&followed, Metered::new(client, admitted.meter())), service).await;
        } else if let Some(moved) = tunnel(Rewound::new(&followed, client), service).await {
            admitted.count(moved.saturating_sub(followed.len() as u64));
        }
    };
    tokio::select! {
        () = admitted.cut() => {}
        () = tunnel => {}
    }
}

fn led(carrier: Box<dyn Carrier>, led: Option<Led>) -> Entered {
    led.map_or(Entered::Nobody, |led| Entered::Other(carrier, led, Vec::new()))
}

async fn until(end: &Shutdown, visit: impl Future<Output = ()>) {
    tokio::select! {
        () = end.begun() => {}
        () = visit => {}
    }
}

/// Joins the two until either side has ended, and tells how many bytes moved if both ended well.
async fn tunnel(client: impl Carrier, service: TcpStream) -> Option<u64> {
    metrics::counter!("umweg_proxy_tunnels").increment(1);
    metrics::gauge!("umweg_proxy_tunnels_open").increment(1.0);
    let moved = splice(client, service, IDLE_TIME_MAX).await;
    metrics::gauge!("umweg_proxy_tunnels_open").decrement(1.0);
    let bytes = moved.ok().map(|moved| moved.there + moved.back)?;
    metrics::counter!("umweg_proxy_bytes").increment(bytes);
    Some(bytes)
}
