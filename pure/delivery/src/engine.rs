//! The storage beneath the rules. One suite, `conformance`, holds for every engine.
//!
//! An engine is synchronous and works in transactions that hold many operations: one fsync for all that was waiting. Every key
//! begins with the log's id (or is a blob's id), so that an engine may spread logs over shards. It decides nothing.

use std::sync::Arc;

use umweg_wire::proto::v1;
use umweg_wire::{BlobId, ClientId, LogId, Seq, Timestamp};

use crate::LogHead;
use crate::blobs::BlobHead;

/// Where logs are kept.
pub trait Engine {
    /// Does `work` wholly and durably, or, if either fails, not at all. `touches` names the logs that it will read, so that an
    /// engine across a network can fetch them at once.
    fn transaction<R>(
        &mut self,
        touches: &[LogId],
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<R, StoreError>,
    ) -> Result<R, StoreError>;
}

/// What can be done within one transaction. What was written is seen by what is read after it.
pub trait Transaction {
    /// A log's head.
    fn head(&mut self, log: LogId) -> Result<Option<LogHead>, StoreError>;
    /// Makes the log, or replaces its head.
    fn put_head(&mut self, log: LogId, head: &LogHead) -> Result<(), StoreError>;
    /// Forgets a log with all that belongs to it.
    fn drop_log(&mut self, log: LogId) -> Result<(), StoreError>;

    /// Stores an entry and, under its client id, the answer to whoever appends it again.
    fn push(&mut self, log: LogId, entry: &v1::Entry, receipt: &v1::Accepted) -> Result<(), StoreError>;
    /// The answer that an append of that client id got.
    fn receipt(&mut self, log: LogId, client_id: ClientId) -> Result<Option<v1::Accepted>, StoreError>;
    /// Entries after one and up to another, oldest first: as many as fit, but one at least if there is one.
    fn entries(&mut self, log: LogId, after: Seq, up_to: Seq, room: Room) -> Result<Vec<Arc<v1::Entry>>, StoreError>;
    /// When the first entry after this one was accepted.
    fn time_after(&mut self, log: LogId, seq: Seq) -> Result<Option<Timestamp>, StoreError>;
    /// The newest of the entries still there that was accepted before that moment.
    fn newest_before(&mut self, log: LogId, time: Timestamp) -> Result<Option<Seq>, StoreError>;
    /// Forgets entries up to and including one, but not their receipts. Answers with what they cost, by `log::entry_cost`.
    fn forget_entries(&mut self, log: LogId, up_to: Seq) -> Result<u64, StoreError>;
    /// Forgets receipts up to and including one; their entries are gone already.
    fn forget_receipts(&mut self, log: LogId, up_to: Seq) -> Result<(), StoreError>;

    /// The newest public group state.
    fn snapshot(&mut self, log: LogId) -> Result<Option<v1::Snapshot>, StoreError>;
    /// Replaces it.
    fn put_snapshot(&mut self, log: LogId, snapshot: &v1::Snapshot) -> Result<(), StoreError>;

    /// How many key packages are left, the last-resort one not counted.
    fn key_packages(&mut self, log: LogId) -> Result<usize, StoreError>;
    /// Adds one behind the others; `false` if the very same is there already.
    fn put_key_package(&mut self, log: LogId, sealed: &[u8]) -> Result<bool, StoreError>;
    /// Takes the oldest away.
    fn take_key_package(&mut self, log: LogId) -> Result<Option<Vec<u8>>, StoreError>;
    /// Forgets all, the last-resort one included.
    fn forget_key_packages(&mut self, log: LogId) -> Result<(), StoreError>;
    /// The last-resort one.
    fn last_resort(&mut self, log: LogId) -> Result<Option<Vec<u8>>, StoreError>;
    /// Replaces it.
    fn put_last_resort(&mut self, log: LogId, sealed: &[u8]) -> Result<(), StoreError>;

    /// A blob's head.
    fn blob(&mut self, blob: BlobId) -> Result<Option<BlobHead>, StoreError>;
    /// Makes it or replaces it.
    fn put_blob(&mut self, blob: BlobId, head: &BlobHead) -> Result<(), StoreError>;
    /// Forgets it.
    fn drop_blob(&mut self, blob: BlobId) -> Result<(), StoreError>;
    /// What all blobs take.
    fn blobs_bytes(&mut self) -> Result<u64, StoreError>;

    /// Some logs whose oldest entry is from before `entry`, or that nobody has used since `used`.
    fn logs_to_sweep(&mut self, entry: Timestamp, used: Timestamp, count_max: usize) -> Result<Vec<LogId>, StoreError>;
    /// Some blobs from before `whole`, or, of those that never became whole, from before `coming`.
    fn blobs_to_sweep(&mut self, whole: Timestamp, coming: Timestamp, count_max: usize) -> Result<Vec<BlobId>, StoreError>;
}

/// How much one answer may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Entries.
    pub entries: usize,
    /// Bytes of their payloads.
    pub bytes: usize,
}

impl Room {
    /// What one answer of the contract holds.
    pub const ANSWER: Self =
        Self { entries: umweg_wire::limits::ENTRIES_PER_ANSWER_MAX, bytes: umweg_wire::limits::ANSWER_BYTES_MAX };

    /// Takes an entry's place; `false`: it does not fit any more.
    pub fn admit(&mut self, payload: usize, first: bool) -> bool {
        let fits = self.entries > 0 && (first || payload <= self.bytes);
        if fits {
            self.entries -= 1;
            self.bytes = self.bytes.saturating_sub(payload);
        }
        fits
    }
}

/// The store's own trouble: nothing of the transaction was stored.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or what was set aside of it.
    #[error("the store is full")]
    Full,
    /// Anything else; the text is for the operator.
    #[error("the store failed: {0}")]
    Broken(String),
}
