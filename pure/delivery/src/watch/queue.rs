//! What waits for one watcher. Entries are shared by all who wait for them; neighbours of one log travel together.

use std::collections::VecDeque;
use std::sync::Arc;

use umweg_wire::proto::v1::{self, watch_event};
use umweg_wire::{Epoch, LogId, Seq, limits};

/// Something to be told.
#[derive(Clone)]
pub(super) enum Event {
    Entries { log: LogId, entries: Vec<Arc<v1::Entry>> },
    Ephemeral { log: LogId, epoch: Epoch, payload: Arc<[u8]> },
    CaughtUp { log: LogId, seq: Seq },
    Closed { log: LogId, reason: v1::closed::Reason },
}

#[derive(Default)]
pub(super) struct Queue {
    events: VecDeque<Event>,
    bytes: usize,
}

impl Queue {
    pub(super) fn push(&mut self, event: Event) {
        self.bytes += event.bytes();
        match (self.events.back_mut(), event) {
            (Some(Event::Entries { log: last, entries: waiting }), Event::Entries { log, mut entries })
                if *last == log && fit_together(waiting, &entries) =>
            {
                waiting.append(&mut entries);
            }
            (_, event) => self.events.push_back(event),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.bytes -= event.bytes();
        Some(event)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// For what is live.
    pub(super) fn has_room(&self) -> bool {
        self.events.len() < limits::WATCHER_QUEUE_MAX && self.bytes < limits::WATCHER_QUEUE_BYTES_MAX
    }

    /// For what is read.
    pub(super) fn is_half_empty(&self) -> bool {
        self.events.len() < limits::WATCHER_QUEUE_MAX / 2 && self.bytes < limits::WATCHER_QUEUE_BYTES_MAX / 2
    }
}

impl Event {
    fn bytes(&self) -> usize {
        match self {
            Event::Entries { entries, .. } => payloads(entries),
            Event::Ephemeral { payload, .. } => payload.len(),
            Event::CaughtUp { .. } | Event::Closed { .. } => 0,
        }
    }
}

impl From<Event> for v1::WatchEvent {
    fn from(event: Event) -> Self {
        let event = match event {
            Event::Entries { log, entries } => {
                let entries = entries.into_iter().map(Arc::unwrap_or_clone).collect();
                watch_event::Event::Entries(v1::Entries { log_id: log.to_vec(), entries })
            }
            Event::Ephemeral { log, epoch, payload } => {
                watch_event::Event::Ephemeral(v1::Ephemeral { log_id: log.to_vec(), epoch: epoch.0, payload: payload.to_vec() })
            }
            Event::CaughtUp { log, seq } => watch_event::Event::CaughtUp(v1::CaughtUp { log_id: log.to_vec(), seq: seq.0 }),
            Event::Closed { log, reason } => watch_event::Event::Closed(v1::Closed { log_id: log.to_vec(), reason: reason.into() }),
        };
        Self { event: Some(event) }
    }
}

/// Whether both still are one answer.
fn fit_together(waiting: &[Arc<v1::Entry>], more: &[Arc<v1::Entry>]) -> bool {
    waiting.len() + more.len() <= limits::ENTRIES_PER_ANSWER_MAX && payloads(waiting) + payloads(more) <= limits::ANSWER_BYTES_MAX
}

fn payloads(entries: &[Arc<v1::Entry>]) -> usize {
    entries.iter().map(|entry| entry.payload.len()).sum()
}
