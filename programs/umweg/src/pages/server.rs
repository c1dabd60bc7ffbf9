//! The listening door, and one task a page.
//!
//! A page gets events (answers, media) in order and none is left out: a page that does not read them is cut off. Of views it gets
//! the newest: one that it had no time for is replaced.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;
use umweg_io::shutdown::Shutdown;
use umweg_wire::limits::{PAGE_MESSAGE_BYTES_MAX, PAGES_MAX};

use super::files;
use super::guard::{Guard, PROTOCOL, Secret};
use super::protocol::{FromPage, ToPage};

/// Events that may wait for a page.
const EVENTS_MAX: usize = 256;
/// A page that takes longer to read one frame is cut off. Browsers let pages in the background read, too.
const WRITE_TIME_MAX: Duration = Duration::from_secs(20);

/// One connected page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct PageId(u64);

/// What happens at the door.
pub(crate) enum PageEvent {
    Came { page: PageId, sink: PageSink },
    Said { page: PageId, frame: FromPage },
    Went { page: PageId },
}

/// The way to one page. Dropping it cuts the page off.
pub(crate) struct PageSink {
    events: mpsc::Sender<String>,
    view: watch::Sender<String>,
}

/// A page that does not read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stuck;

impl PageSink {
    /// An answer or a media event.
    pub(crate) fn send(&self, frame: &ToPage<'_>) -> Result<(), Stuck> {
        self.events.try_send(frame.to_json()).map_err(|_| Stuck)
    }

    /// A view.
    pub(crate) fn show(&self, frame: &ToPage<'_>) {
        self.view.send_replace(frame.to_json());
    }
}

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
    secret: Secret,
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
        Ok(Self { listener, port, secret: Secret::random() })
    }

    /// Where it is.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What opens it.
    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The link that opens it in a browser.
    pub(crate) fn start_link(&self) -> String {
        format!("http://127.0.0.1:{}/#{}", self.port, self.secret.expose())
    }

    /// Serves until `stop`; then every page is cut off.
    pub(crate) async fn serve(self, events: mpsc::Sender<PageEvent>, stop: Shutdown) -> io::Result<()> {
        let shared = Arc::new(Shared {
            guard: Guard::new(self.port, self.secret),
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
    events: mpsc::Sender<PageEvent>,
    stop: Shutdown,
    places: Arc<Semaphore>,
    next: AtomicU64,
}

/// Around every request: whose it is, and what the browser may do with the answer.
async fn protect(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut response = match shared.guard.check_host(request.headers()) {
        Ok(()) => next.run(request).await,
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
    if let Err(refusal) = shared.guard.check_socket(&headers) {
        return (StatusCode::FORBIDDEN, refusal.to_string()).into_response();
    }
    let Ok(place) = shared.places.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many pages are open: close some").into_response();
    };
    upgrade.max_message_size(PAGE_MESSAGE_BYTES_MAX).max_frame_size(PAGE_MESSAGE_BYTES_MAX).protocols([PROTOCOL]).on_upgrade(
        async move |socket| {
            serve_page(&shared, socket).await;
            drop(place);
        },
    )
}

/// A page's whole life.
async fn serve_page(shared: &Shared, socket: WebSocket) {
    let page = PageId(shared.next.fetch_add(1, Ordering::Relaxed));
    let (events, mut events_here) = mpsc::channel(EVENTS_MAX);
    let (view, mut view_here) = watch::channel(String::new());
    let (mut to_page, mut from_page) = socket.split();
    let answers = events.clone().downgrade();
    if shared.events.send(PageEvent::Came { page, sink: PageSink { events, view } }).await.is_err() {
        return;
    }
    tokio::select! {
        () = listen(shared, page, &mut from_page, &answers) => {}
        () = speak(&mut to_page, &mut events_here, &mut view_here) => {}
        () = shared.stop.begun() => {}
    }
    let _ = timeout(Duration::from_secs(1), to_page.send(Message::Close(None))).await;
    let _ = shared.events.send(PageEvent::Went { page }).await;
}

async fn listen(shared: &Shared, page: PageId, from_page: &mut SplitStream<WebSocket>, answers: &mpsc::WeakSender<String>) {
    while let Some(Ok(message)) = from_page.next().await {
        let Message::Text(text) = message else { continue };
        match FromPage::read(&text) {
            Ok(frame) => {
                if shared.events.send(PageEvent::Said { page, frame }).await.is_err() {
                    return;
                }
            }
            Err(answer) => {
                let Some(answers) = answers.upgrade() else { return };
                if answers.try_send(ToPage::Answer(answer).to_json()).is_err() {
                    return;
                }
            }
        }
    }
}

async fn speak(
    to_page: &mut SplitSink<WebSocket, Message>,
    events: &mut mpsc::Receiver<String>,
    view: &mut watch::Receiver<String>,
) {
    loop {
        let frame = tokio::select! {
            biased;
            event = events.recv() => match event {
                Some(event) => event,
                None => return,
            },
            changed = view.changed() => match changed {
                Ok(()) => view.borrow_and_update().clone(),
                Err(_) => return,
            },
        };
        let sent = timeout(WRITE_TIME_MAX, to_page.send(Message::Text(frame.into()))).await;
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    use tokio_tungstenite::tungstenite::{self, Message as ClientMessage};
    use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
    use umweg_client::port::MediaEvent;
    use umweg_wire::CallId;

    use super::*;

    type Page = WebSocketStream<MaybeTlsStream<TcpStream>>;

    struct Served {
        port: u16,
        secret: Secret,
        events: mpsc::Receiver<PageEvent>,
        stop: Shutdown,
    }

    impl Drop for Served {
        fn drop(&mut self) {
            self.stop.begin();
        }
    }

    async fn serve() -> Served {
        let (door, stop) = (Door::open(0).await.unwrap(), Shutdown::new());
        let (port, secret) = (door.port(), door.secret().clone());
        let (to_app, events) = mpsc::channel(64);
        tokio::spawn(door.serve(to_app, stop.clone()));
        Served { port, secret, events, stop }
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

        async fn page(&mut self) -> (Page, PageId, PageSink) {
            let page = self.ask(self.right()).await.unwrap();
            match self.events.recv().await {
                Some(PageEvent::Came { page: id, sink }) => (page, id, sink),
                _ => panic!("no page came"),
            }
        }

        fn right(&self) -> [(&'static str, String); 3] {
            let host = format!("127.0.0.1:{}", self.port);
            let protocols = format!("{PROTOCOL}, {}", self.secret.expose());
            [("origin", format!("http://{host}")), ("host", host), ("sec-websocket-protocol", protocols)]
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
        assert_eq!(served.ask(change(2, "umweg.v1, guess")).await.err(), Some(403));
        assert!(served.ask(served.right()).await.is_ok());
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
        assert_eq!(served.ask(served.right()).await.err(), Some(503));
    }

    #[tokio::test]
    async fn a_page_is_told_when_the_app_stops() {
        let mut served = serve().await;
        let (mut page, _, _sink) = served.page().await;
        served.stop.begin();
        assert!(matches!(page.next().await, Some(Ok(ClientMessage::Close(_))) | None));
    }
}
