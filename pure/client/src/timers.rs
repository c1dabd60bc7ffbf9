//! Everything that happens because time has passed, and when the next of it does.

use umweg_wire::{LogId, Timestamp};

use crate::calls;
use crate::conversation::duties;
use crate::error::StoreError;
use crate::outbox;
use crate::renewals;
use crate::step::Step;
use crate::sync;

/// Does what is due.
pub(crate) fn handle(step: &mut Step<'_>) -> Result<(), StoreError> {
    receipts(step)?;
    duties::handle_timeout(step)?;
    sync::handle_timeout(step);
    renewals::handle_timeout(step)?;
    calls::handle_timeout(step)
}

fn receipts(step: &mut Step<'_>) -> Result<(), StoreError> {
    let mut query =
        step.db.prepare_cached("UPDATE chat SET receipt_at = NULL WHERE receipt_at <= ?1 AND standing = 0 RETURNING log")?;
    let logs = query.query_map([step.now.0], |row| Ok(LogId(row.get(0)?)))?.collect::<Result<Vec<_>, _>>()?;
    logs.into_iter().try_for_each(|log| outbox::push_receipt(step, log))
}

/// When something is due next.
pub(crate) fn next(step: &Step<'_>) -> Result<Option<Timestamp>, StoreError> {
    let receipt: Option<u64> =
        step.db.prepare_cached("SELECT min(receipt_at) FROM chat WHERE standing = 0")?.query_row([], |row| row.get(0))?;
    let jobs = if step.live.connected { outbox::next_due(step)? } else { None };
    let due = [
        receipt.map(Timestamp),
        duties::next_due(step.db)?,
        sync::next_due(step),
        calls::next_due(step)?,
        renewals::next_due(step.db)?,
        jobs,
    ];
    Ok(due.into_iter().flatten().min())
}
