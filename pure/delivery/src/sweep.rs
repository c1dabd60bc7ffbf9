//! What has been kept long enough is forgotten, a bounded number of logs and blobs at a time.

use umweg_wire::{BlobId, LogId, Timestamp, limits};

use crate::blobs::{BlobPlace, BlobState};
use crate::{Failure, Transaction, keep};

/// Logs, and blobs, in one sweep: a sweep holds up appends.
pub const SWEEP_MAX: usize = 64;

/// What a sweep did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Logs that are no more.
    pub dropped: Vec<LogId>,
    /// Blobs whose places in the object store are to be emptied.
    pub blobs: Vec<(BlobId, BlobPlace)>,
    /// There may be more: sweep again.
    pub more: bool,
}

/// Forgets what is older than its limit.
pub fn sweep(tx: &mut dyn Transaction, now: Timestamp) -> Result<Swept, Failure> {
    let mut swept = Swept::default();
    let (entry, used) = (before(now, limits::ENTRY_KEPT), before(now, limits::LOG_KEPT));
    let logs = tx.logs_to_sweep(entry, used, SWEEP_MAX)?;
    swept.more = logs.len() == SWEEP_MAX;
    for log in logs {
        sweep_log(tx, log, entry, used, &mut swept)?;
    }
    let blobs = tx.blobs_to_sweep(before(now, limits::BLOB_KEPT), before(now, limits::BLOB_COMING), SWEEP_MAX)?;
    swept.more |= blobs.len() == SWEEP_MAX;
    for blob in blobs {
        if let Some(BlobState::Whole(place)) = tx.blob(blob)?.map(|head| head.state) {
            swept.blobs.push((blob, place));
        }
        tx.drop_blob(blob)?;
    }
    Ok(swept)
}

fn sweep_log(tx: &mut dyn Transaction, log: LogId, entry: Timestamp, used: Timestamp, swept: &mut Swept) -> Result<(), Failure> {
    let Some(head) = tx.head(log)? else { return Ok(()) };
    if head.used < used {
        tx.drop_log(log)?;
        swept.dropped.push(log);
    } else if let Some(seq) = tx.newest_before(log, entry)? {
        keep::forget(tx, log, head, seq)?;
    }
    Ok(())
}

fn before(now: Timestamp, kept: std::time::Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(u64::try_from(kept.as_millis()).unwrap_or(u64::MAX)))
}
