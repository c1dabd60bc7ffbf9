//! One step: what happens inside one transaction. It reads and writes tables, draws random numbers, and collects outputs,
//! which leave only after the commit.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use rusqlite::Connection;
use umweg_wire::{AccountId, CallId, ClientId, LogId, Timestamp};

use crate::calls::roster::RosterSeen;
use crate::calls::session::Session;
use crate::port::{Output, Request, RequestId};
use crate::view::{ProxyStanding, RoadState, StopReason};

/// The inside of one transaction.
pub(crate) struct Step<'a> {
    pub(crate) db: &'a Connection,
    pub(crate) rng: &'a mut ChaCha20Rng,
    pub(crate) now: Timestamp,
    /// The service's name in contact cards.
    pub(crate) service: [u8; 8],
    pub(crate) live: &'a mut Live,
    pub(crate) outputs: Vec<Output>,
    pub(crate) changed: bool,
}

/// What dies with the process, and is made again from the tables and the next connection. It goes back with a rollback.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) connected: bool,
    next_request: u64,
    /// Requests under way.
    pub(crate) asked: BTreeMap<RequestId, Asked>,
    /// Jobs whose commit the service has accepted, until it comes back in order.
    pub(crate) until_echo: BTreeSet<i64>,
    /// Logs that this connection watches.
    pub(crate) watched: BTreeSet<LogId>,
    /// Who types, until when.
    pub(crate) typing: BTreeMap<(LogId, AccountId), Timestamp>,
    /// When this account last said that it types.
    pub(crate) typed: BTreeMap<LogId, Timestamp>,
    pub(crate) road: RoadState,
    pub(crate) freezes: bool,
    pub(crate) proxies_by_link: BTreeMap<String, ProxyStanding>,
    pub(crate) rosters: BTreeMap<CallId, RosterSeen>,
    /// The call that this device takes part in.
    pub(crate) session: Option<Session>,
    /// Why it last took no (more) part in one.
    pub(crate) stopped: Option<(CallId, StopReason)>,
}

/// What a request under way is for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A job; an append also says which sealing of it.
    Job { job: i64, client_id: Option<ClientId> },
    /// Nobody waits for its answer.
    Nothing,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            connected: false,
            next_request: 1,
            asked: BTreeMap::new(),
            until_echo: BTreeSet::new(),
            watched: BTreeSet::new(),
            typing: BTreeMap::new(),
            typed: BTreeMap::new(),
            road: RoadState::Connecting,
            freezes: false,
            proxies_by_link: BTreeMap::new(),
            rosters: BTreeMap::new(),
            session: None,
            stopped: None,
        }
    }
}

impl Live {
    /// A request of this job is under way, or its entry is on its way back.
    pub(crate) fn is_busy(&self, job: i64) -> bool {
        self.until_echo.contains(&job)
            || self.asked.values().any(|asked| matches!(asked, Asked::Job { job: other, .. } if *other == job))
    }

    /// Answers to this job's requests no longer matter.
    pub(crate) fn forget(&mut self, job: i64) {
        self.until_echo.remove(&job);
        self.asked.retain(|_, asked| !matches!(asked, Asked::Job { job: other, .. } if *other == job));
    }
}

impl Step<'_> {
    pub(crate) fn output(&mut self, output: Output) {
        self.outputs.push(output);
    }

    /// The pages show something else now.
    pub(crate) fn changed(&mut self) {
        self.changed = true;
    }

    pub(crate) fn ask(&mut self, request: Request, asked: Asked) {
        let id = RequestId(self.live.next_request);
        self.live.next_request += 1;
        self.live.asked.insert(id, asked);
        self.output(Output::Request { id, request });
    }
}
