//! What happens when, in virtual time. Two things at the same moment happen in the order in which they were scheduled.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use umweg_wire::Timestamp;

/// No honest story has so many events at one moment: somebody wakes again and again for nothing.
const EVENTS_AT_ONCE_MAX: u32 = 20_000;

/// Events by time.
pub(crate) struct Schedule<E> {
    now: Timestamp,
    serial: u64,
    at_once: u32,
    due: BinaryHeap<Reverse<(Timestamp, u64)>>,
    events_by_serial: BTreeMap<u64, E>,
}

impl<E> Schedule<E> {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { now, serial: 0, at_once: 0, due: BinaryHeap::new(), events_by_serial: BTreeMap::new() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether events go on without time.
    pub(crate) fn stands_still(&self) -> bool {
        self.at_once > EVENTS_AT_ONCE_MAX
    }

    pub(crate) fn after(&mut self, wait: Duration, event: E) {
        self.at(self.now.after(wait), event);
    }

    pub(crate) fn at(&mut self, time: Timestamp, event: E) {
        self.serial += 1;
        self.due.push(Reverse((time.max(self.now), self.serial)));
        self.events_by_serial.insert(self.serial, event);
    }

    /// The next event up to that moment; time moves on to it, or to the moment if there is none.
    pub(crate) fn next_until(&mut self, end: Timestamp) -> Option<E> {
        match self.due.peek() {
            Some(Reverse((time, _))) if *time <= end => {}
            _ => {
                self.now = self.now.max(end);
                return None;
            }
        }
        let Reverse((time, serial)) = self.due.pop()?;
        self.at_once = if time > self.now { 0 } else { self.at_once + 1 };
        self.now = time;
        self.events_by_serial.remove(&serial)
    }
}
