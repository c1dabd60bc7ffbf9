//! The media side of calls: the forwarder of each, and whether there is a page that takes part.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use umweg_client::port::{Media, MediaEvent};
use umweg_wire::CallId;

use crate::media::{Answer, Forwarder, Network};

/// A page that is loaded again comes back within this time; a call whose page stays away is left.
const PAGE_ABSENCE_MAX: Duration = Duration::from_secs(15);

pub(super) struct Calls {
    network: Network,
    calls: BTreeMap<CallId, Call>,
    page: Page,
}

/// The page that takes part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Page {
    There,
    Away { since: Instant },
}

#[derive(Default)]
struct Call {
    forwarder: Option<Forwarder>,
    /// As the page was told when it was to make its offer.
    camera: bool,
}

impl Calls {
    pub(super) fn new(network: Network) -> Self {
        Self { network, calls: BTreeMap::new(), page: Page::Away { since: Instant::now() } }
    }

    pub(super) async fn handle_media(&mut self, call: CallId, media: Media) {
        match media {
            Media::Open { ticket, udp_port } => {
                if let Some(forwarder) = self.forwarder(call).await {
                    forwarder.handle_open(ticket, udp_port).await;
                }
            }
            Media::Close => self.close(call),
        }
    }

    /// What the page is told: an answer has become ours on the way.
    pub(super) async fn handle_event(&mut self, event: MediaEvent) -> Option<MediaEvent> {
        match event {
            MediaEvent::Answer { call, sdp } => self.own_answer(call, &sdp).await.map(|sdp| MediaEvent::Answer { call, sdp }),
            MediaEvent::MakeOffer { call, camera, .. } => {
                self.calls.entry(call).or_default().camera = camera;
                Some(event)
            }
            MediaEvent::Keys { .. } | MediaEvent::Slots { .. } => Some(event),
            MediaEvent::Stop { call, .. } => {
                self.close(call);
                Some(event)
            }
        }
    }

    pub(super) fn close(&mut self, call: CallId) {
        self.calls.remove(&call);
    }

    /// Whether there is a page that takes part.
    pub(super) fn handle_media_page(&mut self, there: bool) {
        self.page = match (self.page, there) {
            (_, true) => Page::There,
            (Page::There, false) => Page::Away { since: Instant::now() },
            (away @ Page::Away { .. }, false) => away,
        };
    }

    /// The call that this device takes part in, and whether with its camera.
    pub(super) fn running(&self) -> Option<(CallId, bool)> {
        self.calls.iter().next().map(|(&call, state)| (call, state.camera))
    }

    /// Resolves with a call whose page has been away for too long.
    pub(super) async fn abandoned(&self) -> CallId {
        match (self.page, self.calls.keys().next()) {
            (Page::Away { since }, Some(&call)) => {
                sleep_until(since + PAGE_ABSENCE_MAX).await;
                call
            }
            _ => std::future::pending().await,
        }
    }

    async fn own_answer(&mut self, call: CallId, sdp: &str) -> Option<String> {
        let answer = match Answer::read(sdp) {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(%error, "the service's answer cannot be used: the call stays silent");
                return None;
            }
        };
        Some(self.forwarder(call).await?.handle_answer(answer).await)
    }

    async fn forwarder(&mut self, call: CallId) -> Option<&Forwarder> {
        let call = self.calls.entry(call).or_default();
        if call.forwarder.is_none() {
            match Forwarder::start(self.network.clone()).await {
                Ok(forwarder) => call.forwarder = Some(forwarder),
                Err(error) => {
                    tracing::error!(kind = ?error.kind(), "no socket for the browser could be opened: the call stays silent");
                }
            }
        }
        call.forwarder.as_ref()
    }
}
