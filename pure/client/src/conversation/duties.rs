//! What one member does for all: takes out who has left, lets in again who lost its keys.
//!
//! The member with the lowest leaf does it at once, the next one some seconds later if it has not happened by then, and so on.
//! Should two do it at the same time, the log lets one win.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use umweg_seal::KeyPackageOf;
use umweg_seal::group::{ResyncKey, open_resync};
use umweg_wire::proto::v1::Entry;
use umweg_wire::{AccountId, LogId, Timestamp};

use crate::account;
use crate::chats::{self, Chat};
use crate::error::StoreError;
use crate::outbox::{self, Lane, Task};
use crate::step::Step;

/// How long each member waits for the one before it.
pub(crate) const TURN: Duration = Duration::from_secs(4);

/// Somebody said that they leave.
pub(crate) fn take_out(step: &mut Step<'_>, log: LogId, account: AccountId) -> Result<(), StoreError> {
    note(step, log, account, None)
}

/// A member asks to be let in again.
pub(crate) fn handle_request(step: &mut Step<'_>, chat: &Chat, entry: &Entry) -> Result<(), StoreError> {
    let Ok(request) = open_resync(&entry.payload, &ResyncKey::new(chat.resync_key), chat.log) else { return Ok(()) };
    let account = request.key_package.identity().account();
    let member = chats::members(step.db, chat.log)?.into_iter().find(|member| member.account == account);
    // A request from before its newest coming in was answered, and is shown again by somebody else.
    if member.is_none_or(|member| request.lost_after.0 < member.joined) || request.lost_after.0 >= entry.seq {
        return Ok(());
    }
    note(step, chat.log, account, Some([&chat.resync_key[..], &entry.payload].concat()))
}

fn note(step: &mut Step<'_>, log: LogId, account: AccountId, request: Option<Vec<u8>>) -> Result<(), StoreError> {
    let me = account::my_id(step.db)?;
    let others = chats::members(step.db, log)?.into_iter().filter(|member| member.account != account);
    let rank = others.take_while(|member| Some(member.account) != me).count();
    let due = step.now.after(TURN * u32::try_from(rank).unwrap_or(u32::MAX));
    step.db.execute(
        "INSERT OR REPLACE INTO duty (log, account, request, due, queued) VALUES (?1, ?2, ?3, ?4, 0)",
        params![log.0, account.0, request, due.0],
    )?;
    Ok(())
}

/// It is this device's turn with some.
pub(crate) fn handle_timeout(step: &mut Step<'_>) -> Result<(), StoreError> {
    let sql = "UPDATE duty SET queued = 1 WHERE queued = 0 AND due <= ?1 RETURNING log, account, request IS NULL";
    let mut query = step.db.prepare_cached(sql)?;
    let rows = query.query_map([step.now.0], |row| Ok((LogId(row.get(0)?), AccountId(row.get(1)?), row.get::<_, bool>(2)?)))?;
    for (log, account, goes) in rows.collect::<Result<Vec<_>, _>>()? {
        let task = if goes { Task::TakeOut { account } } else { Task::Readmit { account } };
        outbox::push(step, Lane::Chat(log), &task)?;
    }
    Ok(())
}

pub(crate) fn next_due(db: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let due: Option<u64> = db.prepare_cached("SELECT min(due) FROM duty WHERE queued = 0")?.query_row([], |row| row.get(0))?;
    Ok(due.map(Timestamp))
}

/// Whether nobody has done it yet.
pub(crate) fn stands(db: &Connection, log: LogId, account: AccountId) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached("SELECT 1 FROM duty WHERE log = ?1 AND account = ?2 AND request IS NULL")?
        .exists(params![log.0, account.0])?)
}

/// What to let somebody in again with, if nobody has done it yet.
pub(crate) fn key_package(db: &Connection, log: LogId, account: AccountId) -> Result<Option<KeyPackageOf>, StoreError> {
    let sql = "SELECT request FROM duty WHERE log = ?1 AND account = ?2";
    let stored: Option<Option<Vec<u8>>> =
        db.prepare_cached(sql)?.query_row(params![log.0, account.0], |row| row.get(0)).optional()?;
    let stored = stored.flatten().unwrap_or_default();
    let Some((key, request)) = stored.split_first_chunk() else { return Ok(None) };
    Ok(open_resync(request, &ResyncKey::new(*key), log).ok().map(|request| request.key_package))
}

/// After a commit: who is gone need not be taken out.
pub(crate) fn settle(step: &mut Step<'_>, log: LogId) -> Result<(), StoreError> {
    step.db.execute("DELETE FROM duty WHERE log = ?1 AND account NOT IN (SELECT account FROM member WHERE log = ?1)", [log.0])?;
    Ok(())
}

/// Somebody was let in again.
pub(crate) fn readmitted(step: &mut Step<'_>, log: LogId, account: AccountId, seq: u64) -> Result<(), StoreError> {
    step.db.execute("DELETE FROM duty WHERE log = ?1 AND account = ?2", params![log.0, account.0])?;
    step.db.execute("UPDATE member SET joined = ?3 WHERE log = ?1 AND account = ?2", params![log.0, account.0, seq])?;
    Ok(())
}

pub(crate) fn clear(step: &mut Step<'_>, log: LogId) -> Result<(), StoreError> {
    step.db.execute("DELETE FROM duty WHERE log = ?1", [log.0])?;
    Ok(())
}
