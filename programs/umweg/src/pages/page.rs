//! One connected page, from when it is let in to when it goes.
//!
//! It gets events (answers, media) in order and none is left out: a page that does not read them is cut off. Of views it gets the
//! newest: one that it had no time for is replaced.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use umweg_io::shutdown::Shutdown;

use super::protocol::{FromPage, ToPage};

/// Events that may wait for a page.
const EVENTS_MAX: usize = 256;
/// A page that takes longer to read one frame is cut off. Browsers let pages in the background read, too.
pub(super) const WRITE_TIME_MAX: Duration = Duration::from_secs(20);

/// One connected page; the door counts them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct PageId(pub(super) u64);

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

/// A page's whole life.
pub(super) async fn serve(page: PageId, app: &mpsc::Sender<PageEvent>, stop: &Shutdown, socket: WebSocket) {
    let (events, mut events_here) = mpsc::channel(EVENTS_MAX);
    let (view, mut view_here) = watch::channel(String::new());
    let (mut to_page, mut from_page) = socket.split();
    let answers = events.clone().downgrade();
    if app.send(PageEvent::Came { page, sink: PageSink { events, view } }).await.is_err() {
        return;
    }
    tokio::select! {
        () = listen(app, page, &mut from_page, &answers) => {}
        () = speak(&mut to_page, &mut events_here, &mut view_here) => {}
        () = stop.begun() => {}
    }
    let _ = timeout(Duration::from_secs(1), to_page.send(Message::Close(None))).await;
    let _ = app.send(PageEvent::Went { page }).await;
}

async fn listen(
    app: &mpsc::Sender<PageEvent>,
    page: PageId,
    from_page: &mut SplitStream<WebSocket>,
    answers: &mpsc::WeakSender<String>,
) {
    while let Some(Ok(message)) = from_page.next().await {
        let Message::Text(text) = message else { continue };
        match FromPage::read(&text) {
            Ok(frame) => {
                if app.send(PageEvent::Said { page, frame }).await.is_err() {
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
