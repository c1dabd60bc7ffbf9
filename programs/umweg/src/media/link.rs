//! A media connection: dialed on one road, for datagrams of one call. One task; dropping the link ends it.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use umweg_io::dial::{DialError, dial};
use umweg_io::media::{MediaError, MediaLink, MediaSender};
use umweg_io::session::Purpose;
use umweg_road::RoadChoice;
use umweg_road::media::LinkId;
use umweg_road::media_queue::Class;
use umweg_road::ranking::Failure;
use umweg_wire::Ticket;
use umweg_wire::datagram::Flow;
use umweg_wire::proto::v1::ServiceLink;

use crate::road::failure;

/// What happens on it.
pub(super) enum LinkEvent {
    /// It stands; this sends.
    Up(MediaSender),
    Datagram(Flow, Vec<u8>),
    /// It broke, or never stood.
    Down(Failure),
}

pub(super) struct Link {
    sender: Option<MediaSender>,
    _task: AbortOnDropHandle<()>,
}

impl Link {
    /// Dials, and tells what happens.
    pub(super) fn dial(
        id: LinkId,
        road: RoadChoice,
        service: Arc<ServiceLink>,
        ticket: Ticket,
        to: mpsc::Sender<(LinkId, LinkEvent)>,
    ) -> Self {
        let task = tokio::spawn(async move {
            let owner = Owner { id, to };
            let failure = match run(&road, &service, ticket, &owner).await {
                Err(Ended::NobodyListens) => return,
                Err(Ended::NotDialed(error)) => {
                    tracing::debug!(%error, "no connection for media");
                    failure(&error)
                }
                Err(Ended::Broke(error)) => {
                    tracing::debug!(%error, "the media's connection is gone");
                    Failure::Broken
                }
                Ok(never) => match never {},
            };
            let _ = owner.tell(LinkEvent::Down(failure)).await;
        });
        Self { sender: None, _task: AbortOnDropHandle::new(task) }
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
