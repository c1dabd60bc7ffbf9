//! Making a log, reading it, trimming it: everything about kept entries but how they come.

use std::sync::Arc;

use umweg_wire::proto::v1;
use umweg_wire::{LogId, Seq, Timestamp, limits};

use crate::engine::Room;
use crate::log::{Access, LogHead, LogKind};
use crate::request::{Create, Read, Show, Trim};
use crate::{Failure, Refusal, Transaction};

/// What a reader gets.
#[derive(Clone, PartialEq)]
pub enum Reading {
    /// The next entries, oldest first and without gaps, and what comes after them.
    Entries { entries: Vec<Arc<v1::Entry>>, then: Then },
    /// Entries that the reader lacks are gone.
    Gone,
}

/// What comes after the entries of one reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// More entries: read again.
    More,
    /// Nothing yet; the newest entry is this one.
    Live(Seq),
    /// Nothing under this capability.
    Rotated,
}

/// Makes a log. The same again is no error, so that a lost answer does no harm.
pub fn create(tx: &mut dyn Transaction, request: &Create, now: Timestamp) -> Result<(), Failure> {
    if let Some(head) = tx.head(request.log)? {
        return if is_its_beginning(&head, request) { Ok(()) } else { Err(Refusal::Exists.into()) };
    }
    let head = LogHead::new(request.log, request.kind, request.read_hash, request.append_hash, now);
    Ok(tx.put_head(request.log, &head)?)
}

/// The next entries for a reader.
pub fn read(tx: &mut dyn Transaction, request: &Read, room: Room) -> Result<Reading, Failure> {
    let head = tx.head(request.log)?.ok_or(Refusal::Denied)?;
    let access = head.reading(&request.capability).ok_or(Refusal::Denied)?;
    if request.after.0 > 0 && request.after < head.gone.min(head.end(access)) {
        return Ok(Reading::Gone);
    }
    let end = head.end(access);
    let entries = tx.entries(request.log, request.after.max(head.gone), end, room)?;
    let reached = entries.last().map_or(request.after.max(head.gone).min(end), |entry| Seq(entry.seq));
    let then = match access {
        _ if reached < end => Then::More,
        Access::Whole => Then::Live(end),
        Access::Past(_) => Then::Rotated,
    };
    Ok(Reading::Entries { entries, then })
}

/// Notes that a log is in use, though nobody appends to it.
pub fn touch(tx: &mut dyn Transaction, request: &Show, now: Timestamp) -> Result<(), Failure> {
    let head = tx.head(request.log)?.ok_or(Refusal::Denied)?;
    head.reading(&request.capability).filter(|access| *access == Access::Whole).ok_or(Refusal::Denied)?;
    let used = head.used_at(now);
    if used != head.used {
        tx.put_head(request.log, &LogHead { used, ..head })?;
    }
    Ok(())
}

/// Forgets an inbox's entries, at its owner's wish.
pub fn trim(tx: &mut dyn Transaction, request: &Trim, now: Timestamp) -> Result<(), Failure> {
    let head = tx.head(request.log)?.ok_or(Refusal::Denied)?;
    let owner = head.kind == LogKind::Inbox && head.reading(&request.capability) == Some(Access::Whole);
    if !owner {
        return Err(Refusal::Denied.into());
    }
    let head = LogHead { used: head.used_at(now), ..head };
    forget(tx, request.log, head, request.up_to)
}

/// The newest public group state.
pub fn snapshot(tx: &mut dyn Transaction, request: &Show) -> Result<v1::Snapshot, Failure> {
    let head = tx.head(request.log)?.ok_or(Refusal::Denied)?;
    let access = head.reading(&request.capability).ok_or(Refusal::Denied)?;
    let snapshot = tx.snapshot(request.log)?.filter(|snapshot| snapshot.seq <= head.end(access).0);
    Ok(snapshot.ok_or(Refusal::NotFound)?)
}

/// Whether this opens a group's log now: admission to its call.
pub fn admit(tx: &mut dyn Transaction, request: &Show) -> Result<(), Failure> {
    let head = tx.head(request.log)?.ok_or(Refusal::Denied)?;
    let admitted = head.kind == LogKind::Group && head.reading(&request.capability) == Some(Access::Whole);
    if admitted { Ok(()) } else { Err(Refusal::Denied.into()) }
}

/// Forgets entries up to and including one, and receipts that are too many.
pub(crate) fn forget(tx: &mut dyn Transaction, log: LogId, head: LogHead, up_to: Seq) -> Result<(), Failure> {
    let gone = up_to.min(head.last).max(head.gone);
    let bytes = tx.forget_entries(log, gone)?;
    let oldest = tx.time_after(log, gone)?;
    let receipts = gone.min(Seq(head.last.0.saturating_sub(limits::RECEIPTS_MAX)));
    tx.forget_receipts(log, receipts)?;
    Ok(tx.put_head(log, &LogHead { gone, oldest, bytes: head.bytes.saturating_sub(bytes), ..head })?)
}

fn is_its_beginning(head: &LogHead, request: &Create) -> bool {
    let first = head.old.first().map_or(head.read_hash, |old| old.hash);
    head.kind == request.kind
        && first == request.read_hash
        && (head.kind == LogKind::Group || head.append_hash == request.append_hash)
}
