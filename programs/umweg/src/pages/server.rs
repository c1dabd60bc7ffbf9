//! The listening door, and one task a page, which begins with the proofs of both: `proof`, and goes on in `page`.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use umweg_io::shutdown::Shutdown;
use umweg_wire::limits::{PAGE_MESSAGE_BYTES_MAX, PAGE_PROOF_TIME_MAX, PAGES_MAX, PAGES_UNPROVEN_MAX};

use super::files;
use super::guard::{Guard, PROTOCOL, Refusal, Secret};
use super::page::{self, PageEvent, PageId, WRITE_TIME_MAX};
use super::proof::{Challenge, Secrets};

/// Why a connection is closed whose page knows no secret: the page says so, and what to do.
const REFUSED: u16 = 4_403;

/// Why the door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    #[error("port {0} is taken by another program: leave --port out, or choose another")]
    Taken(u16),
    #[error("port {0} may not be used by you: choose one above 1023")]
    Forbidden(u16),
    #[error("the app cannot listen on this computer's own address 127.0.0.1")]
    Other(#[source] io::Error),
}

/// The door, open and not yet served.
pub(crate) struct Door {
    listener: TcpListener,
    port: u16,
    start: Secret,
}

impl Door {
    /// Binds 127.0.0.1; port 0: the system chooses one.
    pub(crate) async fn open(port: u16) -> Result<Self, BindError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => BindError::Taken(port),
            io::ErrorKind::PermissionDenied => BindError::Forbidden(port),
            _ => BindError::Other(error),
        })?;
        let port = listener.local_addr().map_err(BindError::Other)?.port();
        Ok(Self { listener, port, start: Secret::random() })
    }

    /// Where it is.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The secret of the start link.
    pub(crate) fn secret(&self) -> &Secret {
        &self.start
    }

    /// The link that opens it in a browser.
    pub(crate) fn start_link(&self) -> String {
        format!("http://127.0.0.1:{}/#{}", self.port, self.start.expose())
    }

    /// Serves until `stop`; then every page is cut off. `lasting`: the secret of pages that stayed open.
    pub(crate) async fn serve(self, lasting: Secret, events: mpsc::Sender<PageEvent>, stop: Shutdown) -> io::Result<()> {
        let shared = Arc::new(Shared {
            guard: Guard::new(self.port),
            secrets: Secrets { start: self.start, lasting },
            unproven: Arc::new(Semaphore::new(PAGES_UNPROVEN_MAX)),
            events,
            stop: stop.clone(),
            places: Arc::new(Semaphore::new(PAGES_MAX)),
            next: AtomicU64::new(1),
        });
        let router = Router::new()
            .route("/ws", get(connect))
            .fallback(get(files::serve))
            .layer(middleware::from_fn_with_state(shared.clone(), protect))
            .with_state(shared);
        axum::serve(self.listener, router).with_graceful_shutdown(async move { stop.begun().await }).await
    }
}

struct Shared {
    guard: Guard,
    secrets: Secrets,
    unproven: Arc<Semaphore>,
    events: mpsc::Sender<PageEvent>,
    stop: Shutdown,
    places: Arc<Semaphore>,
    next: AtomicU64,
}

/// Around every request: whose it is, and what the browser may do with the answer.
async fn protect(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut response = match shared.guard.check_host(request.headers()) {
        Ok(_) => next.run(request).await,
        Err(refusal) => (StatusCode::MISDIRECTED_REQUEST, refusal.to_string()).into_response(),
    };
    let policy = HeaderValue::try_from(shared.guard.content_security_policy()).expect("it is made of ASCII");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in PROTECTING_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

const PROTECTING_HEADERS: [(HeaderName, &str); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(self), microphone=(self), display-capture=(self), geolocation=()"),
];

async fn connect(State(shared): State<Arc<Shared>>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let host = match shared.guard.check_socket(&headers) {
        Ok(host) => host.to_owned(),
        Err(refusal) => return (StatusCode::FORBIDDEN, refusal.to_string()).into_response(),
    };
    let Ok(attempt) = shared.unproven.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many connections at once: try again").into_response();
    };
    upgrade.max_message_size(PAGE_MESSAGE_BYTES_MAX).max_frame_size(PAGE_MESSAGE_BYTES_MAX).protocols([PROTOCOL]).on_upgrade(
        async move |mut socket| {
            let admitted = admit(&shared, host, &mut socket, attempt).await;
            match admitted {
                Ok(place) => {
                    let id = PageId(shared.next.fetch_add(1, Ordering::Relaxed));
                    page::serve(id, &shared.events, &shared.stop, socket).await;
                    drop(place);
                }
                Err(close) => {
                    let _ = timeout(Duration::from_secs(1), socket.send(Message::Close(Some(close)))).await;
                }
            }
        },
    )
}

/// Both prove themselves; then there must be a place.
async fn admit(
    shared: &Shared,
    host: String,
    socket: &mut WebSocket,
    _attempt: OwnedSemaphorePermit,
) -> Result<OwnedSemaphorePermit, CloseFrame> {
    let refused = || CloseFrame { code: REFUSED, reason: Refusal::Secret.to_string().into() };
    let challenge = Challenge::new(host);
    let proof = async {
        socket.send(Message::text(challenge.to_json())).await.ok()?;
        match socket.recv().await? {
            Ok(Message::Text(proof)) => Some(proof),
            _ => None,
        }
    };
    let proof = timeout(PAGE_PROOF_TIME_MAX, proof).await.ok().flatten().ok_or_else(refused)?;
    let welcome = challenge.check(&proof, &shared.secrets).map_err(|_| refused())?;
    let full = || CloseFrame { code: close_code::AGAIN, reason: "too many pages are open: close some".into() };
    let place = shared.places.clone().try_acquire_owned().map_err(|_| full())?;
    timeout(WRITE_TIME_MAX, socket.send(Message::text(welcome))).await.ok().and_then(Result::ok).ok_or_else(refused)?;
    Ok(place)
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    use tokio_tungstenite::tungstenite::{self, Message as ClientMessage};
    use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
    use umweg_client::port::MediaEvent;
    use umweg_wire::CallId;

    use super::super::page::PageSink;
    use super::super::proof::Answer;
    use super::super::protocol::{FromPage, ToPage};
    use super::*;

    type Page = WebSocketStream<MaybeTlsStream<TcpStream>>;

    struct Served {
        port: u16,
        secret: Secret,
        lasting: Secret,
        events: mpsc::Receiver<PageEvent>,
        stop: Shutdown,
    }

    impl Drop for Served {
        fn drop(&mut self) {
            self.stop.begin();
        }
    }

    async fn serve() -> Served {
        serve_with(Secret::random()).await
    }

    async fn serve_with(lasting: Secret) -> Served {
        let (door, stop) = (Door::open(0).await.unwrap(), Shutdown::new());
        let (port, secret) = (door.port(), door.secret().clone());
        let (to_app, events) = mpsc::channel(64);
        tokio::spawn(door.serve(lasting.clone(), to_app, stop.clone()));
        Served { port, secret, lasting, events, stop }
    }

    impl Served {
        async fn ask(&self, headers: [(&'static str, String); 3]) -> Result<Page, u16> {
            let mut request = format!("ws://127.0.0.1:{}/ws", self.port).into_client_request().unwrap();
            for (name, value) in headers {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
            match connect_async(request).await {
                Ok((page, answer)) => {
                    assert_eq!(answer.headers()["sec-websocket-protocol"], PROTOCOL);
                    Ok(page)
                }
                Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
                Err(error) => panic!("{error}"),
            }
        }

        /// A page that knows this secret; or the code by which it was closed.
        async fn come_with(&self, secret: &Secret) -> Result<Page, u16> {
            let mut page = self.ask(self.right()).await.unwrap();
            let host = format!("127.0.0.1:{}", self.port);
            let challenge = page.next().await.unwrap().unwrap().into_text().unwrap();
            let answer = Answer::to_challenge(&challenge, &host, secret).unwrap();
            page.send(ClientMessage::text(answer.to_json())).await.unwrap();
            match page.next().await.unwrap().unwrap() {
                ClientMessage::Text(welcome) => {
                    assert!(answer.is_welcome(&welcome));
                    Ok(page)
                }
                ClientMessage::Close(Some(close)) => Err(close.code.into()),
                _ => panic!("neither a welcome nor a word why not"),
            }
        }

        async fn page(&mut self) -> (Page, PageId, PageSink) {
            let page = self.come_with(&self.secret).await.unwrap();
            match self.events.recv().await {
                Some(PageEvent::Came { page: id, sink }) => (page, id, sink),
                _ => panic!("no page came"),
            }
        }

        fn right(&self) -> [(&'static str, String); 3] {
            let host = format!("127.0.0.1:{}", self.port);
            [("origin", format!("http://{host}")), ("host", host), ("sec-websocket-protocol", PROTOCOL.to_owned())]
        }

        /// A request as no browser would send it.
        async fn raw(&self, request: String) -> String {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        }
    }

    async fn heard(page: &mut Page) -> Value {
        loop {
            if let ClientMessage::Text(text) = page.next().await.unwrap().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    #[tokio::test]
    async fn who_comes_from_elsewhere_or_without_the_secret_is_refused() {
        let served = serve().await;
        let change = |place: usize, value: &str| {
            let mut headers = served.right();
            headers[place].1 = value.to_owned();
            headers
        };
        assert_eq!(served.ask(change(0, "http://evil.example")).await.err(), Some(403));
        assert_eq!(served.ask(change(1, "evil.example")).await.err(), Some(421));
        assert_eq!(served.ask(change(2, "umweg.v0")).await.err(), Some(403));
        assert_eq!(served.come_with(&Secret::random()).await.err(), Some(REFUSED));
        assert!(served.come_with(&served.secret).await.is_ok());
    }

    #[tokio::test]
    async fn a_page_that_stayed_open_is_let_in_by_the_next_run_and_one_with_the_old_link_is_not() {
        let first = serve().await;
        let (lasting, old) = (first.lasting.clone(), first.secret.clone());
        drop(first);
        let next = serve_with(lasting.clone()).await;
        assert!(next.come_with(&lasting).await.is_ok());
        assert_eq!(next.come_with(&old).await.err(), Some(REFUSED));
    }

    #[tokio::test]
    async fn before_the_proof_nothing_is_heard_and_nothing_said() {
        let mut served = serve().await;
        let mut page = served.ask(served.right()).await.unwrap();
        assert!(heard(&mut page).await["challenge"].is_string());
        page.send(ClientMessage::text(r#"{"media":true}"#)).await.unwrap();
        assert!(matches!(page.next().await, Some(Ok(ClientMessage::Close(Some(close)))) if u16::from(close.code) == REFUSED));
        assert!(served.events.try_recv().is_err());
    }

    #[tokio::test]
    async fn who_proves_nothing_keeps_no_page_out() {
        let served = serve().await;
        let mut silent = Vec::new();
        for _ in 0..PAGES_UNPROVEN_MAX {
            silent.push(served.ask(served.right()).await.unwrap());
        }
        assert_eq!(served.ask(served.right()).await.err(), Some(503));
        silent.pop().unwrap().close(None).await.unwrap();
        let let_in = async { while served.ask(served.right()).await.is_err() {} };
        timeout(Duration::from_secs(10), let_in).await.expect("the place is free again");
    }

    #[tokio::test]
    async fn every_answer_protects_the_page_and_none_lets_another_site_in() {
        let served = serve().await;
        for host in [format!("127.0.0.1:{}", served.port), "evil.example".to_owned()] {
            let answer = served
                .raw(format!("GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n"))
                .await;
            let head = answer.split("\r\n\r\n").next().unwrap().to_lowercase();
            for needed in
                ["content-security-policy: default-src 'none'", "nosniff", "no-referrer", "cross-origin-opener-policy: same-origin"]
            {
                assert!(head.contains(needed), "{needed} is missing for {host}");
            }
            assert!(!head.contains("access-control-allow"));
            assert_eq!(head.starts_with("http/1.1 421"), host == "evil.example");
        }
    }

    #[tokio::test]
    async fn garbage_is_answered_and_the_page_stays() {
        let mut served = serve().await;
        let (mut page, id, _sink) = served.page().await;
        page.send(ClientMessage::text(r#"{"id":7,"command":{"kind":"launchMissiles"}}"#)).await.unwrap();
        let answer = heard(&mut page).await;
        assert_eq!((&answer["answer"]["id"], &answer["answer"]["error"]["kind"]), (&json!(7), &json!("ours")));
        page.send(ClientMessage::text("}{")).await.unwrap();
        assert_eq!(heard(&mut page).await["answer"]["id"], Value::Null);
        page.send(ClientMessage::text(r#"{"media":true}"#)).await.unwrap();
        assert!(matches!(served.events.recv().await, Some(PageEvent::Said { page, frame: FromPage::Media(true) }) if page == id));
    }

    #[tokio::test]
    async fn a_message_longer_than_allowed_ends_the_page() {
        let mut served = serve().await;
        let (mut page, id, _sink) = served.page().await;
        let _ = page.send(ClientMessage::text("x".repeat(PAGE_MESSAGE_BYTES_MAX + 1))).await;
        assert!(matches!(served.events.recv().await, Some(PageEvent::Went { page }) if page == id));
    }

    #[tokio::test]
    async fn events_reach_the_page_in_order_and_a_dropped_sink_ends_it() {
        let mut served = serve().await;
        let (mut page, _, sink) = served.page().await;
        let call = CallId([1; 16]);
        sink.send(&ToPage::Media(&MediaEvent::Answer { call, sdp: "v=0".into() })).unwrap();
        sink.send(&ToPage::Media(&MediaEvent::Stop { call, reason: umweg_client::view::StopReason::Left })).unwrap();
        assert_eq!(heard(&mut page).await["media"]["kind"], "answer");
        assert_eq!(heard(&mut page).await["media"]["kind"], "stop");
        drop(sink);
        assert!(matches!(page.next().await, Some(Ok(ClientMessage::Close(_))) | None));
        assert!(matches!(served.events.recv().await, Some(PageEvent::Went { .. })));
    }

    #[tokio::test]
    async fn more_pages_than_allowed_are_turned_away() {
        let mut served = serve().await;
        let mut pages = Vec::new();
        for _ in 0..PAGES_MAX {
            pages.push(served.page().await);
        }
        assert_eq!(served.come_with(&served.secret).await.err(), Some(close_code::AGAIN));
    }

    #[tokio::test]
    async fn a_page_is_told_when_the_app_stops() {
        let mut served = serve().await;
        let (mut page, _, _sink) = served.page().await;
        served.stop.begin();
        assert!(matches!(page.next().await, Some(Ok(ClientMessage::Close(_))) | None));
    }
}
