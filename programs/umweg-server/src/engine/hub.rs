//! Who watches what, shared between the connections and the storage threads.
//!
//! The decisions are `umweg_delivery::Watches`; here are only its lock, the wakers, and the execution of its outputs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;
use umweg_delivery::keep::Reading;
use umweg_delivery::watch::{Output, SubscriptionId};
use umweg_delivery::{Operation, Refusal, WatcherId, Watches};
use umweg_wire::LogId;
use umweg_wire::proto::v1;

use super::commit::Reads;

/// All watchers. Clones are the same.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

/// Does not keep the hub alive.
pub struct WeakHub(Weak<Shared>);

struct Shared {
    state: Mutex<State>,
    reads: Reads,
}

#[derive(Default)]
struct State {
    watches: Watches,
    wakers: BTreeMap<WatcherId, Arc<Notify>>,
    next_watcher: u64,
}

/// A reading that the watchers asked for.
pub struct ReadForWatcher {
    pub(super) operation: Operation,
    watcher: WatcherId,
    subscription: SubscriptionId,
    log: LogId,
}

/// One `Watch` stream; dropped with it.
pub struct Watcher {
    id: WatcherId,
    hub: Hub,
    awake: Arc<Notify>,
}

impl Hub {
    pub(super) fn new(reads: Reads) -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), reads }))
    }

    /// A new watcher, of nothing yet.
    #[must_use]
    pub fn watcher(&self) -> Watcher {
        let mut state = self.lock();
        state.next_watcher += 1;
        let (id, awake) = (WatcherId(state.next_watcher), Arc::new(Notify::new()));
        state.wakers.insert(id, Arc::clone(&awake));
        Watcher { id, hub: self.clone(), awake }
    }

    /// For the operator: watchers, and what they are subscribed to.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.wakers.len(), state.watches.subscriptions())
    }

    pub(super) fn downgrade(&self) -> WeakHub {
        WeakHub(Arc::downgrade(&self.0))
    }

    /// Tells the machine something, and does what it then wants.
    pub(super) fn publish<R>(&self, tell: impl FnOnce(&mut Watches) -> R) -> R {
        let mut state = self.lock();
        let result = tell(&mut state.watches);
        while let Some(output) = state.watches.poll_output() {
            self.execute(&state, output);
        }
        result
    }

    pub(super) fn handle_reading(&self, read: &ReadForWatcher, outcome: Result<Option<Reading>, Refusal>) {
        let outcome = match outcome {
            Ok(Some(reading)) => Ok(reading),
            Err(refusal) => Err(refusal),
            Ok(None) => return self.publish(|watches| watches.handle_unreadable(read.watcher, read.log, read.subscription)),
        };
        self.publish(|watches| watches.handle_reading(read.watcher, read.log, read.subscription, outcome));
    }

    fn execute(&self, state: &State, output: Output) {
        match output {
            Output::Wake(watcher) => {
                if let Some(awake) = state.wakers.get(&watcher) {
                    awake.notify_one();
                }
            }
            Output::Read { watcher, subscription, read, room } => {
                let log = read.log;
                let operation = Operation::Read(read, room);
                self.0.reads.send_for_watcher(ReadForWatcher { operation, watcher, subscription, log });
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WeakHub {
    pub(super) fn upgrade(&self) -> Option<Hub> {
        self.0.upgrade().map(Hub)
    }
}

impl Watcher {
    /// Subscribes and unsubscribes.
    pub fn handle_request(&self, request: &v1::WatchRequest) -> Result<(), Refusal> {
        self.hub.publish(|watches| watches.handle_request(self.id, request))
    }

    /// What to tell next; waits for it.
    pub async fn next(&self) -> v1::WatchEvent {
        loop {
            if let Some(event) = self.hub.publish(|watches| watches.poll_event(self.id)) {
                return event;
            }
            self.awake.notified().await;
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.hub.publish(|watches| watches.handle_gone(self.id));
        self.hub.lock().wakers.remove(&self.id);
    }
}
