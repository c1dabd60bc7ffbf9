//! The service in the world: the real rules over the model engine. It can crash, and it can be made to lie.

use std::collections::BTreeMap;

use umweg_client::port::{Answer, Failure, Request};
use umweg_delivery::{Failure as Trouble, MemoryEngine, Refusal, Service as Delivery, WatcherId};
use umweg_wire::proto::v1::{self, watch_event::Event};
use umweg_wire::{ChainHash, LogId, Timestamp, chain};

/// What a service does, once, with what comes next in a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malice {
    /// Keeps the next entry from this device.
    Withholds { device: usize },
    /// Shows this device the next two entries in the other order.
    Swaps { device: usize },
    /// Shows this device the next entry twice.
    Repeats { device: usize },
    /// Shows this device another payload with the next entry.
    Mangles { device: usize },
    /// Says that it has taken the next entry, and throws it away.
    Drops,
    /// Puts the next entry into the log twice, for all to see.
    Doubles,
}

/// One service.
pub(crate) struct Service {
    delivery: Delivery<MemoryEngine>,
    watcher_serial: u64,
    /// The history that each device was told.
    told: BTreeMap<(usize, LogId), Told>,
    /// What becomes of the next entry that somebody appends.
    fates: BTreeMap<LogId, Malice>,
    backup: Option<MemoryEngine>,
}

#[derive(Default)]
struct Told {
    /// Where it ends; `None`: nothing was told yet.
    end: Option<ChainHash>,
    seq: u64,
    /// From the first lie on the history is another one.
    lied: bool,
    /// The lie that is still to come.
    next: Option<Malice>,
    held: Option<v1::Entry>,
}

impl Service {
    pub(crate) fn new() -> Self {
        Self {
            delivery: Delivery::new(MemoryEngine::default()),
            watcher_serial: 0,
            told: BTreeMap::new(),
            fates: BTreeMap::new(),
            backup: None,
        }
    }

    pub(crate) fn restart(&mut self) {
        self.delivery.restart();
    }

    /// Keeps all it has, for `restore`.
    pub(crate) fn back_up(&mut self) {
        self.backup = Some(self.delivery.engine_mut().clone());
    }

    /// Has again what it had, and nothing that came since.
    pub(crate) fn restore(&mut self) {
        if let Some(backup) = self.backup.clone() {
            *self.delivery.engine_mut() = backup;
        }
    }

    pub(crate) fn turn(&mut self, malice: Malice, log: LogId) {
        match malice {
            Malice::Withholds { device } | Malice::Swaps { device } | Malice::Repeats { device } | Malice::Mangles { device } => {
                let told = self.told.entry((device, log)).or_default();
                (told.lied, told.next) = (true, Some(malice));
            }
            Malice::Drops | Malice::Doubles => {
                self.fates.insert(log, malice);
            }
        }
    }

    pub(crate) fn answer(&mut self, request: Request, now: Timestamp) -> Result<Answer, Failure> {
        match request {
            Request::CreateLog(request) => self.delivery.create(&request, now).map(|_| Answer::Created),
            Request::Append(request) => self.append(request, now).map(Answer::Appended),
            Request::Trim(request) => self.delivery.trim(&request, now).map(|_| Answer::Trimmed),
            Request::GetSnapshot(request) => self.delivery.snapshot(&request, now).map(Answer::Snapshot),
            Request::PublishKeyPackages(request) => self.delivery.publish(request, now).map(Answer::Published),
            Request::TakeKeyPackage(request) => self.delivery.take(&request, now).map(Answer::KeyPackage),
        }
        .map_err(failure)
    }

    pub(crate) fn admits(&mut self, log: &[u8], capability: &[u8], now: Timestamp) -> bool {
        self.delivery.admit(log, capability, now).is_ok()
    }

    pub(crate) fn new_watcher(&mut self) -> WatcherId {
        self.watcher_serial += 1;
        WatcherId(self.watcher_serial)
    }

    pub(crate) fn watch(&mut self, watcher: WatcherId, request: &v1::WatchRequest, now: Timestamp) {
        // A device that asks for nonsense has its stream ended; ours never does, and the stories would show it as silence.
        let _ = self.delivery.handle_watch(watcher, request, now);
    }

    pub(crate) fn unwatch(&mut self, watcher: WatcherId) {
        self.delivery.handle_gone(watcher);
    }

    /// What that device hears next on its stream.
    pub(crate) fn hear(&mut self, device: usize, watcher: WatcherId, now: Timestamp) -> Option<v1::WatchEvent> {
        let mut event = self.delivery.poll_event(watcher, now).ok().flatten()?;
        if let Some(Event::Entries(entries)) = &mut event.event {
            self.distort(device, entries);
        }
        Some(event)
    }

    fn append(&mut self, request: v1::AppendRequest, now: Timestamp) -> Result<v1::AppendResponse, Trouble> {
        let log = LogId::try_from(&request.log_id).ok().filter(|_| !request.ephemeral);
        match log.and_then(|log| self.fates.remove(&log)) {
            Some(Malice::Drops) => Delivery::new(self.delivery.engine_mut().clone()).append(request, now),
            Some(Malice::Doubles) => {
                let again = v1::AppendRequest { client_id: vec![7; 16], ..request.clone() };
                let answer = self.delivery.append(request, now)?;
                self.delivery.append(again, now)?;
                Ok(answer)
            }
            _ => self.delivery.append(request, now),
        }
    }

    /// Lies to a device that is lied to, and numbers and chains what follows so that it cannot tell by itself.
    fn distort(&mut self, device: usize, entries: &mut v1::Entries) {
        let Ok(log) = LogId::try_from(&entries.log_id) else { return };
        let told = self.told.entry((device, log)).or_default();
        if told.lied {
            entries.entries = std::mem::take(&mut entries.entries).into_iter().flat_map(|entry| told.twist(entry)).collect();
            let mut end = told.end.unwrap_or_else(|| chain::genesis(log));
            for (entry, seq) in entries.entries.iter_mut().zip(told.seq + 1..) {
                entry.seq = seq;
                end = chain::next(end, entry);
                entry.chain = end.to_vec();
            }
        }
        if let Some(last) = entries.entries.last() {
            (told.end, told.seq) = (ChainHash::try_from(&last.chain).ok(), last.seq);
        }
    }
}

impl Told {
    /// What is shown in the place of an entry.
    fn twist(&mut self, mut entry: v1::Entry) -> Vec<v1::Entry> {
        match self.next.take() {
            Some(Malice::Withholds { .. }) => vec![],
            Some(Malice::Repeats { .. }) => vec![entry.clone(), entry],
            Some(Malice::Mangles { .. }) => {
                if let Some(last) = entry.payload.last_mut() {
                    *last ^= 1;
                }
                vec![entry]
            }
            swaps @ Some(Malice::Swaps { .. }) => match self.held.take() {
                Some(first) => vec![entry, first],
                None => {
                    (self.held, self.next) = (Some(entry), swaps);
                    vec![]
                }
            },
            Some(Malice::Drops | Malice::Doubles) | None => vec![entry],
        }
    }
}

fn failure(trouble: Trouble) -> Failure {
    match trouble {
        Trouble::Refused(Refusal::Denied) => Failure::Refused,
        Trouble::Refused(Refusal::NotFound) => Failure::NotFound,
        Trouble::Refused(Refusal::Exists) => Failure::Exists,
        Trouble::Refused(Refusal::Full(_)) => Failure::Full,
        Trouble::Refused(Refusal::Invalid(_)) => Failure::Invalid,
        Trouble::Store(_) => Failure::Broken,
    }
}
