//! A media connection: dialed on one road, for datagrams of one call. One task; dropping the link ends it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use umweg_io::dial::{DialError, dial};
use umweg_io::media::{MediaError, MediaLink, MediaSender};
use umweg_io::session::Purpose;
use umweg_road::RoadChoice;
use umweg_road::media_queue::Class;
use umweg_wire::Ticket;
use umweg_wire::datagram::Flow;
use umweg_wire::proto::v1::ServiceLink;

/// Tells links apart: what belongs to an earlier one comes too late.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LinkId(u64);

impl LinkId {
    /// A new one.
    fn next() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        Self(NUMBER.fetch_add(1, Ordering::Relaxed))
    }
}

/// What happens on it.
pub(super) enum LinkEvent {
    /// It stands; this sends.
    Up(MediaSender),
    Datagram(Flow, Vec<u8>),
    /// It broke, or never stood.
    Down,
}

pub(super) struct Link {
    id: LinkId,
    road: RoadChoice,
    sender: Option<MediaSender>,
    _task: AbortOnDropHandle<()>,
}

impl Link {
    /// Dials, and tells what happens.
    pub(super) fn dial(road: RoadChoice, service: Arc<ServiceLink>, ticket: Ticket, to: mpsc::Sender<(LinkId, LinkEvent)>) -> Self {
        let (id, by) = (LinkId::next(), road.clone());
        let task = tokio::spawn(async move {
            let owner = Owner { id, to };
            match run(&by, &service, ticket, &owner).await {
                Err(Ended::NobodyListens) => return,
                Err(Ended::NotDialed(error)) => tracing::debug!(%error, "no connection for media"),
                Err(Ended::Broke(error)) => tracing::debug!(%error, "the media's connection is gone"),
                Ok(never) => match never {},
            }
            let _ = owner.tell(LinkEvent::Down).await;
        });
        Self { id, road, sender: None, _task: AbortOnDropHandle::new(task) }
    }

    pub(super) fn id(&self) -> LinkId {
        self.id
    }

    pub(super) fn road(&self) -> &RoadChoice {
        &self.road
    }

    /// It stands.
    pub(super) fn handle_up(&mut self, sender: MediaSender) {
        self.sender = Some(sender);
    }

    /// Sends a datagram, or drops it where the road is too narrow.
    pub(super) fn send(&self, flow: Flow, datagram: &[u8], class: Class) {
        if let Some(sender) = &self.sender {
            sender.send(flow, datagram, class);
        }
    }
}

/// Why a link's task ends.
enum Ended {
    NotDialed(DialError),
    Broke(MediaError),
    NobodyListens,
}

/// Whom the task tells.
struct Owner {
    id: LinkId,
    to: mpsc::Sender<(LinkId, LinkEvent)>,
}

impl Owner {
    async fn tell(&self, event: LinkEvent) -> Result<(), Ended> {
        self.to.send((self.id, event)).await.map_err(|_| Ended::NobodyListens)
    }
}

async fn run(road: &RoadChoice, service: &ServiceLink, ticket: Ticket, owner: &Owner) -> Result<Infallible, Ended> {
    let stream = dial(road, service, Purpose::Media).await.map_err(Ended::NotDialed)?;
    let mut link = MediaLink::open(stream, ticket).await.map_err(Ended::Broke)?;
    owner.tell(LinkEvent::Up(link.sender())).await?;
    loop {
        let (flow, datagram) = link.recv().await.map_err(Ended::Broke)?;
        owner.tell(LinkEvent::Datagram(flow, datagram)).await?;
    }
}
