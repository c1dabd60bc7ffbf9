//! The connected pages and what each was shown. A view is made and sent only when something changed, not more often than a
//! person can see, and only if it differs from the one before.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use umweg_client::Client;
use umweg_client::command::Look;
use umweg_client::port::MediaEvent;
use umweg_client::view::View;
use umweg_wire::Timestamp;

use crate::pages::{Answered, PageId, PageSink, ToPage};

/// Between two views.
const VIEW_GAP: Duration = Duration::from_millis(30);

#[derive(Default)]
pub(super) struct Viewers {
    pages: BTreeMap<PageId, Viewer>,
    /// The page that the calls' media events are for: the first that said so, or the one that started or joined a call. When it goes
    /// no other is chosen: who closes a call's page does not expect it to go on in another.
    media_page: Option<PageId>,
    freshness: Freshness,
}

struct Viewer {
    sink: PageSink,
    look: Look,
    shown: Option<View>,
    takes_media: bool,
}

#[derive(Clone, Copy)]
enum Freshness {
    /// Every page shows what is; the last view was made then.
    Fresh { made: Option<Instant> },
    /// Views are to be made then.
    Stale { due: Instant },
}

impl Default for Freshness {
    fn default() -> Self {
        Self::Fresh { made: None }
    }
}

impl Viewers {
    pub(super) fn handle_came(&mut self, page: PageId, sink: PageSink) {
        self.pages.insert(page, Viewer { sink, look: Look::default(), shown: None, takes_media: false });
        self.handle_changed();
    }

    pub(super) fn handle_went(&mut self, page: PageId) {
        self.pages.remove(&page);
        if self.media_page == Some(page) {
            self.media_page = None;
        }
    }

    pub(super) fn handle_look(&mut self, page: PageId, look: Look) {
        if let Some(viewer) = self.pages.get_mut(&page) {
            viewer.look = look;
            self.handle_changed();
        }
    }

    /// It can take part in calls, or no longer. It does so if no other page does: then the answer is true.
    pub(super) fn handle_media(&mut self, page: PageId, on: bool) -> bool {
        let Some(viewer) = self.pages.get_mut(&page) else { return false };
        viewer.takes_media = on;
        match (on, self.media_page) {
            (true, None) => {
                self.media_page = Some(page);
                true
            }
            (false, Some(current)) if current == page => {
                self.media_page = None;
                false
            }
            _ => false,
        }
    }

    /// It started or joined a call: the media is for it, if it takes part at all.
    pub(super) fn prefer_for_media(&mut self, page: PageId) {
        if self.pages.get(&page).is_some_and(|viewer| viewer.takes_media) {
            self.media_page = Some(page);
        }
    }

    pub(super) fn handle_changed(&mut self) {
        if let Freshness::Fresh { made } = self.freshness {
            let now = Instant::now();
            self.freshness = Freshness::Stale { due: made.map_or(now, |made| now.max(made + VIEW_GAP)) };
        }
    }

    pub(super) fn are_there(&self) -> bool {
        !self.pages.is_empty()
    }

    pub(super) fn has_media_page(&self) -> bool {
        self.media_page.is_some()
    }

    /// Resolves when views are to be made.
    pub(super) async fn due(&self) {
        match self.freshness {
            Freshness::Fresh { .. } => std::future::pending().await,
            Freshness::Stale { due } => sleep_until(due).await,
        }
    }

    /// Makes the views and sends those that differ.
    pub(super) fn show(&mut self, client: &Client, now: Timestamp) {
        self.freshness = Freshness::Fresh { made: Some(Instant::now()) };
        for viewer in self.pages.values_mut() {
            match client.view(&viewer.look, now) {
                Ok(view) if viewer.shown.as_ref() == Some(&view) => {}
                Ok(view) => {
                    viewer.sink.show(&ToPage::View(&view));
                    viewer.shown = Some(view);
                }
                Err(error) => tracing::error!(%error, "a view could not be read"),
            }
        }
    }

    pub(super) fn answer(&mut self, page: PageId, answer: Answered) {
        self.send(page, &ToPage::Answer(answer));
    }

    pub(super) fn tell_media_page(&mut self, event: &MediaEvent) {
        if let Some(page) = self.media_page {
            self.send(page, &ToPage::Media(event));
        }
    }

    fn send(&mut self, page: PageId, frame: &ToPage<'_>) {
        let stuck = self.pages.get(&page).is_some_and(|viewer| viewer.sink.send(frame).is_err());
        if stuck {
            tracing::warn!("a page reads nothing and is cut off");
            self.handle_went(page);
        }
    }
}
