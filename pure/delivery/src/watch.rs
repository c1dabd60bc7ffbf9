//! Who is told of what: catching up and live entries of many logs for many watchers, without gap or double, and bounded.
//!
//! A subscription's cursor, `sent`, is all that order rests on:
//!
//! 1. It begins by catching up: entries are read from the store after `sent`, part by part. Live entries pass it by meanwhile.
//! 2. A reading that ends at the newest entry that the machine has heard of makes it live. If the machine has heard of a newer
//!    one, which the reading did not see, it reads again. So readings may be made beside appends, on another thread.
//! 3. A live entry goes to a live subscription only if it is the next after `sent`; one that a reading already brought is not
//!    sent again.
//! 4. A watcher whose queue is full is not waited for: the subscription is closed with `REASON_SLOW`, and whoever subscribes
//!    again goes on where it was. Ephemeral entries are left out instead.
//!
//! The program executes `Output`s; the queue is drained by `poll_event` as fast as the watcher's connection takes it.

mod queue;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use umweg_wire::proto::v1::{self, closed::Reason};
use umweg_wire::{Capability, LogId, Seq, limits};

use crate::Refusal;
use crate::append::News;
use crate::engine::Room;
use crate::keep::{Reading, Then};
use crate::request::Read;
use queue::{Event, Queue};

/// Names a watcher: one `Watch` stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WatcherId(pub u64);

/// Names a subscription, so that a reading for one that was replaced meanwhile does not count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SubscriptionId(u64);

/// What the program is to do.
#[derive(Clone)]
pub enum Output {
    /// Read, and hand the outcome to `handle_reading`.
    Read { watcher: WatcherId, subscription: SubscriptionId, read: Read, room: Room },
    /// This watcher has events now: `poll_event`.
    Wake(WatcherId),
}

/// What one reading brings at most: several go on beside each other for one watcher.
const READING: Room = Room { entries: limits::ENTRIES_PER_ANSWER_MAX, bytes: 256 << 10 };

/// All watchers of a service.
#[derive(Default)]
pub struct Watches {
    watchers: BTreeMap<WatcherId, Watcher>,
    logs: BTreeMap<LogId, WatchedLog>,
    outputs: VecDeque<Output>,
    queued_bytes: usize,
    next_subscription: u64,
}

/// A log that somebody watches.
#[derive(Default)]
struct WatchedLog {
    /// The newest entry that the machine has heard of; zero if of none.
    newest: Seq,
    watchers: BTreeSet<WatcherId>,
}

#[derive(Default)]
struct Watcher {
    subscriptions: BTreeMap<LogId, Subscription>,
    /// Logs that are to be read, once there is room for what comes.
    to_read: VecDeque<LogId>,
    reading: usize,
    queue: Queue,
}

struct Subscription {
    id: SubscriptionId,
    sent: Seq,
    stage: Stage,
}

enum Stage {
    CatchingUp(Capability),
    Live,
}

impl Watches {
    /// With no watchers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Subscribes and unsubscribes. Nothing of a request is done if a part of it is malformed or too much.
    pub fn handle_request(&mut self, watcher: WatcherId, request: &v1::WatchRequest) -> Result<(), Refusal> {
        let reads = request.subscribe.iter().map(Read::try_from).collect::<Result<Vec<_>, _>>()?;
        let ends = request.unsubscribe.iter().map(LogId::try_from).collect::<Result<Vec<_>, _>>();
        let ends = ends.map_err(|_| Refusal::Invalid("an id has the wrong length"))?;
        let count = self.watchers.get(&watcher).map_or(0, |w| w.subscriptions.len()) + reads.len();
        if count.saturating_sub(ends.len()) > limits::SUBSCRIPTIONS_MAX {
            return Err(Refusal::Full("one watcher may not subscribe to so many logs"));
        }
        for log in ends {
            self.unsubscribe(watcher, log);
        }
        for read in reads {
            self.subscribe(watcher, read);
        }
        self.schedule(watcher);
        Ok(())
    }

    /// What a reading found.
    pub fn handle_reading(
        &mut self,
        watcher: WatcherId,
        log: LogId,
        subscription: SubscriptionId,
        outcome: Result<Reading, Refusal>,
    ) {
        let Some(state) = self.watchers.get_mut(&watcher) else { return };
        state.reading = state.reading.saturating_sub(1);
        let current = state.subscriptions.get(&log).is_some_and(|current| current.id == subscription);
        if current {
            match outcome {
                Ok(Reading::Entries { entries, then }) => self.caught(watcher, log, entries, then),
                Ok(Reading::Gone) => self.close(watcher, log, Reason::Trimmed),
                Err(_) => self.close(watcher, log, Reason::Refused),
            }
        }
        self.schedule(watcher);
    }

    /// A reading failed, by no fault of the watcher's: it is to come again.
    pub fn handle_unreadable(&mut self, watcher: WatcherId, log: LogId, subscription: SubscriptionId) {
        let Some(state) = self.watchers.get_mut(&watcher) else { return };
        state.reading = state.reading.saturating_sub(1);
        if state.subscriptions.get(&log).is_some_and(|current| current.id == subscription) {
            self.close(watcher, log, Reason::Slow);
        }
        self.schedule(watcher);
    }

    /// What was stored or is ephemeral, in the order of the transactions.
    pub fn handle_news(&mut self, news: &News) {
        match news {
            News::Entry { log, entry } => self.handle_entry(*log, entry),
            News::Ephemeral { log, epoch, payload } => {
                let event = Event::Ephemeral { log: *log, epoch: *epoch, payload: Arc::clone(payload) };
                for watcher in self.watchers_of(*log) {
                    self.offer(watcher, &event);
                }
            }
        }
    }

    /// A log is no more.
    pub fn handle_dropped(&mut self, log: LogId) {
        for watcher in self.watchers_of(log) {
            self.close(watcher, log, Reason::Refused);
        }
    }

    /// A watcher's stream has ended.
    pub fn handle_gone(&mut self, watcher: WatcherId) {
        let Some(state) = self.watchers.remove(&watcher) else { return };
        self.queued_bytes -= state.queue.bytes();
        for log in state.subscriptions.keys() {
            self.forget_watcher(watcher, *log);
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What that watcher is to hear next.
    pub fn poll_event(&mut self, watcher: WatcherId) -> Option<v1::WatchEvent> {
        let queue = &mut self.watchers.get_mut(&watcher)?.queue;
        let before = queue.bytes();
        let event = queue.pop();
        self.queued_bytes -= before - queue.bytes();
        self.schedule(watcher);
        event.map(Into::into)
    }

    /// How many subscriptions there are: for the operator.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.watchers.values().map(|watcher| watcher.subscriptions.len()).sum()
    }

    fn subscribe(&mut self, watcher: WatcherId, read: Read) {
        self.next_subscription += 1;
        let subscription = Subscription {
            id: SubscriptionId(self.next_subscription),
            sent: read.after,
            stage: Stage::CatchingUp(read.capability),
        };
        self.logs.entry(read.log).or_default().watchers.insert(watcher);
        let state = self.watchers.entry(watcher).or_default();
        state.subscriptions.insert(read.log, subscription);
        if !state.to_read.contains(&read.log) {
            state.to_read.push_back(read.log);
        }
    }

    fn unsubscribe(&mut self, watcher: WatcherId, log: LogId) {
        let Some(state) = self.watchers.get_mut(&watcher) else { return };
        state.subscriptions.remove(&log);
        state.to_read.retain(|waiting| *waiting != log);
        self.forget_watcher(watcher, log);
    }

    fn forget_watcher(&mut self, watcher: WatcherId, log: LogId) {
        let Some(watched) = self.logs.get_mut(&log) else { return };
        watched.watchers.remove(&watcher);
        if watched.watchers.is_empty() {
            self.logs.remove(&log);
        }
    }

    fn watchers_of(&self, log: LogId) -> Vec<WatcherId> {
        self.logs.get(&log).map(|watched| watched.watchers.iter().copied().collect()).unwrap_or_default()
    }

    /// Orders readings, as far as there is room for what they bring.
    fn schedule(&mut self, watcher: WatcherId) {
        let Some(state) = self.watchers.get_mut(&watcher) else { return };
        while state.reading < limits::WATCHER_READS_MAX && state.queue.is_half_empty() {
            let Some(log) = state.to_read.pop_front() else { return };
            let Some(subscription) = state.subscriptions.get(&log) else { continue };
            let Stage::CatchingUp(capability) = &subscription.stage else { continue };
            let read = Read { log, capability: capability.clone(), after: subscription.sent };
            state.reading += 1;
            self.outputs.push_back(Output::Read { watcher, subscription: subscription.id, read, room: READING });
        }
    }

    fn caught(&mut self, watcher: WatcherId, log: LogId, entries: Vec<Arc<v1::Entry>>, then: Then) {
        let newest = self.logs.get(&log).map_or(Seq(0), |watched| watched.newest);
        let Some(state) = self.watchers.get_mut(&watcher) else { return };
        let Some(subscription) = state.subscriptions.get_mut(&log) else { return };
        if let Some(last) = entries.last() {
            subscription.sent = Seq(last.seq);
        }
        let sent = subscription.sent;
        match then {
            Then::Live(end) if newest <= end => {
                subscription.stage = Stage::Live;
                // A watcher that knows of entries that are not there must see those that come in their stead.
                subscription.sent = end;
            }
            Then::Live(_) | Then::More => state.to_read.push_back(log),
            Then::Rotated => {}
        }
        let live = matches!(subscription.stage, Stage::Live);
        if !entries.is_empty() {
            self.push(watcher, Event::Entries { log, entries });
        }
        if live {
            self.push(watcher, Event::CaughtUp { log, seq: sent.min(newest_of(then, sent)) });
        } else if then == Then::Rotated {
            self.close(watcher, log, Reason::Rotated);
        }
    }

    fn handle_entry(&mut self, log: LogId, entry: &Arc<v1::Entry>) {
        let Some(watched) = self.logs.get_mut(&log) else { return };
        watched.newest = watched.newest.max(Seq(entry.seq));
        for watcher in self.watchers_of(log) {
            self.deliver(watcher, log, entry);
        }
    }

    fn deliver(&mut self, watcher: WatcherId, log: LogId, entry: &Arc<v1::Entry>) {
        let Some(state) = self.watchers.get_mut(&watcher) else { return };
        let Some(subscription) = state.subscriptions.get_mut(&log) else { return };
        let next = matches!(subscription.stage, Stage::Live) && subscription.sent.next() == Seq(entry.seq);
        if !next {
            return;
        }
        if !self.offer(watcher, &Event::Entries { log, entries: vec![Arc::clone(entry)] }) {
            return self.close(watcher, log, Reason::Slow);
        }
        if let Some(subscription) = self.watchers.get_mut(&watcher).and_then(|state| state.subscriptions.get_mut(&log)) {
            subscription.sent = Seq(entry.seq);
        }
        if entry.rotates {
            self.close(watcher, log, Reason::Rotated);
        }
    }

    fn close(&mut self, watcher: WatcherId, log: LogId, reason: Reason) {
        self.unsubscribe(watcher, log);
        self.push(watcher, Event::Closed { log, reason });
    }

    /// Queues what the watcher can do without, or get later; `false` if there is no room.
    fn offer(&mut self, watcher: WatcherId, event: &Event) -> bool {
        let Some(state) = self.watchers.get(&watcher) else { return true };
        let room = state.queue.has_room() && self.queued_bytes < limits::WATCHERS_BYTES_MAX;
        if room {
            self.push(watcher, event.clone());
        }
        room
    }

    /// Queues what must be said. Of these there is no more than one for each subscription and reading, so they are bounded too.
    fn push(&mut self, watcher: WatcherId, event: Event) {
        let Some(state) = self.watchers.get_mut(&watcher) else { return };
        let (before, was_empty) = (state.queue.bytes(), state.queue.is_empty());
        state.queue.push(event);
        self.queued_bytes += state.queue.bytes() - before;
        if was_empty {
            self.outputs.push_back(Output::Wake(watcher));
        }
    }
}

fn newest_of(then: Then, sent: Seq) -> Seq {
    if let Then::Live(end) = then { end } else { sent }
}
