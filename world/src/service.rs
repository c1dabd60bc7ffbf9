//! The service in the world: the real rules over the model engine. It can crash, and it can be made to lie.

use std::collections::BTreeMap;

use umweg_client::port::{Answer, Failure, Request};
use umweg_delivery::{Failure as Trouble, MemoryEngine, Refusal, Service as Delivery, WatcherId};
use umweg_wire::proto::v1::{self, watch_event::Event};
use umweg_wire::{ChainHash, LogId, Timestamp, chain};

/// How a service lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malice {
    /// Keeps the next entry of the log from this device, and tells it a history without.
    Withholds { device: usize, log: LogId },
}

/// One service.
pub(crate) struct Service {
    delivery: Delivery<MemoryEngine>,
    watcher_serial: u64,
    /// The end of the history that each device was told.
    told: BTreeMap<(usize, LogId), ChainHash>,
    /// The entry left out of it, or none yet.
    lies: BTreeMap<(usize, LogId), Option<u64>>,
}

impl Service {
    pub(crate) fn new() -> Self {
        Self { delivery: Delivery::new(MemoryEngine::default()), watcher_serial: 0, told: BTreeMap::new(), lies: BTreeMap::new() }
    }

    pub(crate) fn restart(&mut self) {
        self.delivery.restart();
    }

    pub(crate) fn turn(&mut self, malice: Malice) {
        let Malice::Withholds { device, log } = malice;
        self.lies.insert((device, log), None);
    }

    pub(crate) fn answer(&mut self, request: Request, now: Timestamp) -> Result<Answer, Failure> {
        match request {
            Request::CreateLog(request) => self.delivery.create(&request, now).map(|_| Answer::Created),
            Request::Append(request) => self.delivery.append(request, now).map(Answer::Appended),
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

    /// Leaves an entry out for a device that is lied to, and renumbers and chains what follows so that it cannot tell by itself.
    fn distort(&mut self, device: usize, entries: &mut v1::Entries) {
        let Ok(log) = LogId::try_from(&entries.log_id) else { return };
        let key = (device, log);
        if let (Some(left_out), Some(first)) = (self.lies.get_mut(&key), entries.entries.first()) {
            let left_out = *left_out.get_or_insert(first.seq);
            entries.entries.retain(|entry| entry.seq != left_out);
            let mut chain = self.told.get(&key).copied().unwrap_or_else(|| chain::genesis(log));
            for entry in &mut entries.entries {
                entry.seq -= 1;
                chain = chain::next(chain, entry);
                entry.chain = chain.to_vec();
            }
        }
        if let Some(chain) = entries.entries.last().and_then(|last| ChainHash::try_from(&last.chain).ok()) {
            self.told.insert(key, chain);
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
