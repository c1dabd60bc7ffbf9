//! A `Watch` stream: requests go in as they come, events come out as fast as the connection takes them.
//!
//! The two directions are independent, so that a watcher whose events are stuck can still unsubscribe. Both end together: with the
//! stream, with a request that is refused, or with the service.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, Streaming};
use umweg_delivery::Operation;
use umweg_delivery::request::Show;
use umweg_wire::proto::v1;

use super::connections::Connection;
use super::{Context, status};
use crate::engine::hub::Watcher;

pub(super) type Events = Pin<Box<dyn Stream<Item = Result<v1::WatchEvent, Status>> + Send>>;

/// What the outgoing half holds on to.
struct Outgoing {
    watcher: Arc<Watcher>,
    refused: watch::Receiver<Option<Status>>,
    context: Context,
    _incoming: AbortOnDropHandle<()>,
    _permit: OwnedSemaphorePermit,
}

pub(super) fn stream(
    context: &Context,
    connection: Arc<Connection>,
    requests: Streaming<v1::WatchRequest>,
    permit: OwnedSemaphorePermit,
) -> Events {
    let watcher = Arc::new(context.hub.watcher());
    let (refuse, refused) = watch::channel(None);
    let incoming = receive(context.clone(), connection, requests, Arc::clone(&watcher), refuse);
    let incoming = AbortOnDropHandle::new(tokio::spawn(incoming));
    let outgoing = Outgoing { watcher, refused, context: context.clone(), _incoming: incoming, _permit: permit };
    Box::pin(stream::unfold(Some(outgoing), |outgoing| async {
        let mut outgoing = outgoing?;
        match outgoing.next().await {
            Ok(event) => Some((Ok(event), Some(outgoing))),
            Err(status) => Some((Err(status), None)),
        }
    }))
}

impl Outgoing {
    async fn next(&mut self) -> Result<v1::WatchEvent, Status> {
        tokio::select! {
            biased;
            () = self.context.shutdown.begun() => Err(status::ending()),
            status = refusal(&mut self.refused) => Err(status),
            event = self.watcher.next() => Ok(event),
        }
    }
}

/// Waits for one, for ever if need be: who has asked for everything may close its half.
async fn refusal(refused: &mut watch::Receiver<Option<Status>>) -> Status {
    match refused.wait_for(Option::is_some).await.map(|status| status.clone()) {
        Ok(Some(status)) => status,
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

async fn receive(
    context: Context,
    connection: Arc<Connection>,
    mut requests: Streaming<v1::WatchRequest>,
    watcher: Arc<Watcher>,
    refuse: watch::Sender<Option<Status>>,
) {
    while let Ok(Some(request)) = requests.message().await {
        let count = u64::try_from(request.subscribe.len()).unwrap_or(u64::MAX);
        let handled = connection
            .take(|quotas| &mut quotas.subscriptions, count)
            .and_then(|()| watcher.handle_request(&request).map_err(status::refused));
        if let Err(status) = handled {
            // The outgoing half may be gone.
            let _ = refuse.send(Some(status));
            return;
        }
        touch(&context, &request).await;
    }
}

/// A log that is watched is in use. A wrong capability is told by the reading; a full disk is no reason not to read.
async fn touch(context: &Context, request: &v1::WatchRequest) {
    for subscription in &request.subscribe {
        if let Ok(show) = Show::new(&subscription.log_id, &subscription.capability) {
            let _ = context.store.run(Operation::Touch(show)).await;
        }
    }
}
