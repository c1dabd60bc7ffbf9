//! How far apart connections are: all of them, and those to one name.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use umweg_wire::Timestamp;
use umweg_wire::limits::{DIAL_GAP, DIALS_PER_MINUTE_MAX};

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(crate) struct Spacing {
    last: Option<Timestamp>,
    by_name: BTreeMap<String, VecDeque<Timestamp>>,
}

impl Spacing {
    /// From when on any connection may be made.
    pub(crate) fn earliest(&self) -> Timestamp {
        self.last.map_or(Timestamp(0), |last| last.after(DIAL_GAP))
    }

    /// From when on, not before `from`, one may be made to that name.
    pub(crate) fn earliest_to(&self, name: &str, from: Timestamp) -> Timestamp {
        let dialed = self.by_name.get(name).filter(|dialed| dialed.len() >= DIALS_PER_MINUTE_MAX);
        let oldest = dialed.and_then(|dialed| dialed.iter().rev().nth(DIALS_PER_MINUTE_MAX - 1));
        oldest.map_or(from, |oldest| from.max(oldest.after(MINUTE)))
    }

    /// One is made now.
    pub(crate) fn note(&mut self, name: &str, now: Timestamp) {
        self.last = Some(now);
        if is_loopback(name) {
            return;
        }
        self.by_name.retain(|_, dialed| dialed.back().is_some_and(|last| now.since(*last) < MINUTE));
        let dialed = self.by_name.entry(name.to_owned()).or_default();
        dialed.push_back(now);
        if dialed.len() > DIALS_PER_MINUTE_MAX {
            dialed.pop_front();
        }
    }

    /// The one made at that time did not come about.
    pub(crate) fn forget(&mut self, name: &str, at: Timestamp) {
        if let Some(dialed) = self.by_name.get_mut(name) {
            dialed.retain(|time| *time != at);
        }
    }
}

fn is_loopback(name: &str) -> bool {
    name == "localhost"
        || name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
