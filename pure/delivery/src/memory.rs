//! The reference model: what every engine does, in the plainest words. The simulated world runs on it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use umweg_wire::proto::v1;
use umweg_wire::{BlobId, ClientId, LogId, Seq, Timestamp};

use crate::blobs::{BlobHead, BlobState};
use crate::engine::Room;
use crate::log::entry_cost;
use crate::{Engine, LogHead, StoreError, Transaction};

/// Logs in memory.
#[derive(Clone, Default)]
pub struct MemoryEngine {
    store: Store,
    /// Answers `StoreError::Full` to every transaction that writes; for tests and for the simulated world.
    full: bool,
}

#[derive(Clone, Default)]
struct Store {
    logs: BTreeMap<LogId, Arc<Log>>,
    blobs: BTreeMap<BlobId, BlobHead>,
}

#[derive(Clone)]
struct Log {
    head: LogHead,
    entries: BTreeMap<u64, Arc<v1::Entry>>,
    receipts: BTreeMap<ClientId, v1::Accepted>,
    snapshot: Option<v1::Snapshot>,
    key_packages: VecDeque<Vec<u8>>,
    last_resort: Option<Vec<u8>>,
}

impl MemoryEngine {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on the disk is full, or no longer.
    pub fn set_full(&mut self, full: bool) {
        self.full = full;
    }
}

impl Engine for MemoryEngine {
    fn transaction<R>(
        &mut self,
        _touches: &[LogId],
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mut tx = MemoryTransaction { store: self.store.clone(), full: self.full };
        let result = work(&mut tx)?;
        self.store = tx.store;
        Ok(result)
    }
}

struct MemoryTransaction {
    store: Store,
    full: bool,
}

impl MemoryTransaction {
    fn log(&self, log: LogId) -> Option<&Log> {
        self.store.logs.get(&log).map(AsRef::as_ref)
    }

    /// To be changed; what comes before the commit stays as it is.
    fn log_mut(&mut self, log: LogId) -> Result<&mut Log, StoreError> {
        self.writing()?;
        let log = self.store.logs.get_mut(&log).ok_or_else(|| StoreError::Broken("there is no such log".to_owned()))?;
        Ok(Arc::make_mut(log))
    }

    fn writing(&self) -> Result<(), StoreError> {
        if self.full { Err(StoreError::Full) } else { Ok(()) }
    }
}

impl Transaction for MemoryTransaction {
    fn head(&mut self, log: LogId) -> Result<Option<LogHead>, StoreError> {
        Ok(self.log(log).map(|log| log.head.clone()))
    }

    fn put_head(&mut self, log: LogId, head: &LogHead) -> Result<(), StoreError> {
        self.writing()?;
        let log = self.store.logs.entry(log).or_insert_with(|| Arc::new(Log::new(head.clone())));
        Arc::make_mut(log).head = head.clone();
        Ok(())
    }

    fn drop_log(&mut self, log: LogId) -> Result<(), StoreError> {
        self.writing()?;
        self.store.logs.remove(&log);
        Ok(())
    }

    fn push(&mut self, log: LogId, entry: &v1::Entry, receipt: &v1::Accepted) -> Result<(), StoreError> {
        let client_id = ClientId::try_from(&entry.client_id).map_err(|error| StoreError::Broken(error.to_string()))?;
        let log = self.log_mut(log)?;
        log.entries.insert(entry.seq, Arc::new(entry.clone()));
        log.receipts.insert(client_id, receipt.clone());
        Ok(())
    }

    fn receipt(&mut self, log: LogId, client_id: ClientId) -> Result<Option<v1::Accepted>, StoreError> {
        Ok(self.log(log).and_then(|log| log.receipts.get(&client_id).cloned()))
    }

    fn entries(&mut self, log: LogId, after: Seq, up_to: Seq, mut room: Room) -> Result<Vec<Arc<v1::Entry>>, StoreError> {
        let Some(log) = self.log(log) else { return Ok(Vec::new()) };
        let wanted =
            log.entries.range(after.0.saturating_add(1)..).map(|(_, entry)| entry).take_while(|entry| entry.seq <= up_to.0);
        let mut entries = Vec::new();
        for entry in wanted {
            if !room.admit(entry.payload.len(), entries.is_empty()) {
                break;
            }
            entries.push(Arc::clone(entry));
        }
        Ok(entries)
    }

    fn time_after(&mut self, log: LogId, seq: Seq) -> Result<Option<Timestamp>, StoreError> {
        let first = self.log(log).and_then(|log| log.entries.range(seq.0.saturating_add(1)..).next());
        Ok(first.map(|(_, entry)| Timestamp(entry.time)))
    }

    fn newest_before(&mut self, log: LogId, time: Timestamp) -> Result<Option<Seq>, StoreError> {
        let newest = self.log(log).and_then(|log| log.entries.values().rev().find(|entry| entry.time < time.0));
        Ok(newest.map(|entry| Seq(entry.seq)))
    }

    fn forget_entries(&mut self, log: LogId, up_to: Seq) -> Result<u64, StoreError> {
        let log = self.log_mut(log)?;
        let kept = log.entries.split_off(&up_to.0.saturating_add(1));
        let gone = std::mem::replace(&mut log.entries, kept);
        Ok(gone.values().map(|entry| entry_cost(entry.payload.len())).sum())
    }

    fn forget_receipts(&mut self, log: LogId, up_to: Seq) -> Result<(), StoreError> {
        self.log_mut(log)?.receipts.retain(|_, receipt| receipt.seq > up_to.0);
        Ok(())
    }

    fn snapshot(&mut self, log: LogId) -> Result<Option<v1::Snapshot>, StoreError> {
        Ok(self.log(log).and_then(|log| log.snapshot.clone()))
    }

    fn put_snapshot(&mut self, log: LogId, snapshot: &v1::Snapshot) -> Result<(), StoreError> {
        self.log_mut(log)?.snapshot = Some(snapshot.clone());
        Ok(())
    }

    fn key_packages(&mut self, log: LogId) -> Result<usize, StoreError> {
        Ok(self.log(log).map_or(0, |log| log.key_packages.len()))
    }

    fn put_key_package(&mut self, log: LogId, sealed: &[u8]) -> Result<bool, StoreError> {
        let key_packages = &mut self.log_mut(log)?.key_packages;
        let new = !key_packages.iter().any(|kept| kept == sealed);
        if new {
            key_packages.push_back(sealed.to_vec());
        }
        Ok(new)
    }

    fn take_key_package(&mut self, log: LogId) -> Result<Option<Vec<u8>>, StoreError> {
        if self.key_packages(log)? == 0 {
            return Ok(None);
        }
        Ok(self.log_mut(log)?.key_packages.pop_front())
    }

    fn forget_key_packages(&mut self, log: LogId) -> Result<(), StoreError> {
        let log = self.log_mut(log)?;
        log.key_packages.clear();
        log.last_resort = None;
        Ok(())
    }

    fn last_resort(&mut self, log: LogId) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.log(log).and_then(|log| log.last_resort.clone()))
    }

    fn put_last_resort(&mut self, log: LogId, sealed: &[u8]) -> Result<(), StoreError> {
        self.log_mut(log)?.last_resort = Some(sealed.to_vec());
        Ok(())
    }

    fn blob(&mut self, blob: BlobId) -> Result<Option<BlobHead>, StoreError> {
        Ok(self.store.blobs.get(&blob).cloned())
    }

    fn put_blob(&mut self, blob: BlobId, head: &BlobHead) -> Result<(), StoreError> {
        self.writing()?;
        self.store.blobs.insert(blob, head.clone());
        Ok(())
    }

    fn drop_blob(&mut self, blob: BlobId) -> Result<(), StoreError> {
        self.writing()?;
        self.store.blobs.remove(&blob);
        Ok(())
    }

    fn blobs_bytes(&mut self) -> Result<u64, StoreError> {
        Ok(self.store.blobs.values().map(|head| head.bytes).sum())
    }

    fn logs_to_sweep(&mut self, entry: Timestamp, used: Timestamp, count_max: usize) -> Result<Vec<LogId>, StoreError> {
        let due = |head: &LogHead| head.used < used || head.oldest.is_some_and(|oldest| oldest < entry);
        Ok(self.store.logs.iter().filter(|(_, log)| due(&log.head)).map(|(id, _)| *id).take(count_max).collect())
    }

    fn blobs_to_sweep(&mut self, whole: Timestamp, coming: Timestamp, count_max: usize) -> Result<Vec<BlobId>, StoreError> {
        let due = |head: &BlobHead| match head.state {
            BlobState::Whole(_) => head.since < whole,
            BlobState::Coming => head.since < coming,
        };
        Ok(self.store.blobs.iter().filter(|(_, head)| due(head)).map(|(id, _)| *id).take(count_max).collect())
    }
}

impl Log {
    fn new(head: LogHead) -> Self {
        Self {
            head,
            entries: BTreeMap::new(),
            receipts: BTreeMap::new(),
            snapshot: None,
            key_packages: VecDeque::new(),
            last_resort: None,
        }
    }
}
