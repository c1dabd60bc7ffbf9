//! What one connection may do, however many requests and streams it opens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Request, Status};
use umweg_delivery::quota::{Bucket, Quotas, Wait};
use umweg_io::clock;
use umweg_io::session::{ConnectionId, SealedStream};
use umweg_wire::limits;

use super::status;

/// All connections with their quotas. Clones are the same.
#[derive(Clone, Default)]
pub struct Connections(Arc<Shared>);

#[derive(Default)]
struct Shared {
    by_id: Mutex<HashMap<ConnectionId, Arc<Connection>>>,
    /// For requests that come on no connection of ours: they share one allowance.
    unknown: Arc<Connection>,
}

/// One connection's allowance.
pub struct Connection {
    quotas: Mutex<Quotas>,
    watchers: Arc<Semaphore>,
}

impl Default for Connection {
    fn default() -> Self {
        Self { quotas: Mutex::default(), watchers: Arc::new(Semaphore::new(limits::WATCHERS_PER_CONNECTION_MAX)) }
    }
}

impl Connections {
    /// Gives a connection its allowance, until it is gone.
    pub fn register(&self, stream: &mut SealedStream) {
        let id = stream.id();
        self.lock().insert(id, Arc::default());
        metrics::gauge!("umweg_connections").increment(1);
        stream.hold(Registered { connections: self.clone(), id });
    }

    pub(super) fn of<T>(&self, request: &Request<T>) -> Arc<Connection> {
        let id = request.extensions().get::<ConnectionId>();
        id.and_then(|id| self.lock().get(id).cloned()).unwrap_or_else(|| Arc::clone(&self.0.unknown))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Arc<Connection>>> {
        self.0.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Takes from one of its buckets.
    pub(super) fn take(&self, bucket: fn(&mut Quotas) -> &mut Bucket, count: u64) -> Result<(), Status> {
        self.try_take(bucket, count).map_err(status::too_often)
    }

    /// The same, for who will wait.
    pub(super) fn try_take(&self, bucket: fn(&mut Quotas) -> &mut Bucket, count: u64) -> Result<(), Wait> {
        bucket(&mut self.quotas.lock().unwrap_or_else(PoisonError::into_inner)).take(count, clock::now())
    }

    /// One of its few `Watch` streams.
    pub(super) fn watch(&self) -> Result<OwnedSemaphorePermit, Status> {
        let permit = Arc::clone(&self.watchers).try_acquire_owned();
        permit.map_err(|_| Status::resource_exhausted("this connection has too many Watch streams: subscribe on one of them"))
    }
}

struct Registered {
    connections: Connections,
    id: ConnectionId,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.id);
        metrics::gauge!("umweg_connections").decrement(1);
    }
}
