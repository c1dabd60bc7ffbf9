//! Calls, as stored.

use rusqlite::{Connection, OptionalExtension, Row, params};
use umweg_seal::call::CallSecrets;
use umweg_wire::{AccountId, CallId, LogId, Timestamp};

use super::invited;
use crate::error::StoreError;
use crate::step::Step;

/// A call.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) join_secret: [u8; 32],
    pub(crate) chat: LogId,
    pub(crate) video: bool,
    pub(crate) started: Timestamp,
    pub(crate) caller: AccountId,
    pub(crate) rings_until: Option<Timestamp>,
    pub(crate) opened: bool,
    pub(crate) was_in: bool,
    pub(crate) ended: Option<Timestamp>,
}

impl Call {
    pub(crate) fn secrets(&self) -> CallSecrets {
        CallSecrets::from_join_secret(&self.join_secret)
    }
}

const COLUMNS: &str = "call, join_secret, chat, video, started, caller, rings_until, opened, was_in, ended";

fn read(row: &Row<'_>) -> rusqlite::Result<Call> {
    Ok(Call {
        id: CallId(row.get(0)?),
        join_secret: row.get(1)?,
        chat: LogId(row.get(2)?),
        video: row.get(3)?,
        started: Timestamp(row.get(4)?),
        caller: AccountId(row.get(5)?),
        rings_until: row.get::<_, Option<u64>>(6)?.map(Timestamp),
        opened: row.get(7)?,
        was_in: row.get(8)?,
        ended: row.get::<_, Option<u64>>(9)?.map(Timestamp),
    })
}

pub(crate) fn call(db: &Connection, id: CallId) -> Result<Option<Call>, StoreError> {
    Ok(db.prepare_cached(&format!("SELECT {COLUMNS} FROM call WHERE call = ?1"))?.query_row([id.0], read).optional()?)
}

fn list(db: &Connection, rest: &str) -> Result<Vec<Call>, StoreError> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM call {rest}"))?;
    Ok(query.query_map([], read)?.collect::<Result<_, _>>()?)
}

pub(crate) fn running(db: &Connection) -> Result<Vec<Call>, StoreError> {
    list(db, "WHERE ended IS NULL ORDER BY started DESC, call")
}

/// Running ones first, then by time; as many as a list shows.
pub(crate) fn recent(db: &Connection) -> Result<Vec<Call>, StoreError> {
    list(db, "ORDER BY ended IS NOT NULL, started DESC, call LIMIT 200")
}

/// Those of a conversation, the oldest first.
pub(crate) fn running_in(db: &Connection, chat: LogId) -> Result<Vec<Call>, StoreError> {
    let mut calls = running(db)?;
    calls.retain(|call| call.chat == chat);
    calls.reverse();
    Ok(calls)
}

pub(crate) fn insert(step: &mut Step<'_>, call: &Call, accounts: &[AccountId]) -> Result<(), StoreError> {
    step.db.execute(
        &format!("INSERT OR IGNORE INTO call ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"),
        params![
            call.id.0,
            call.join_secret,
            call.chat.0,
            call.video,
            call.started.0,
            call.caller.0,
            call.rings_until.map(|until| until.0),
            call.opened,
            call.was_in,
            call.ended.map(|ended| ended.0)
        ],
    )?;
    invited::add(step, call.id, accounts)
}

/// It rings here (again).
pub(crate) fn ring(step: &mut Step<'_>, call: CallId, until: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE call SET rings_until = ?2, rings = rings + 1, rang_at = ?3 WHERE call = ?1 AND ended IS NULL";
    step.db.execute(sql, params![call.0, until.0, step.now.0])?;
    step.changed();
    Ok(())
}

/// How often it has rung here, and when it last began to.
pub(crate) fn rings(db: &Connection, call: CallId) -> Result<(u32, Timestamp), StoreError> {
    let sql = "SELECT rings, rang_at FROM call WHERE call = ?1";
    Ok(db.prepare_cached(sql)?.query_row([call.0], |row| Ok((row.get(0)?, Timestamp(row.get(1)?))))?)
}

pub(crate) fn stop_ringing(step: &mut Step<'_>, call: CallId) -> Result<(), StoreError> {
    step.db.execute("UPDATE call SET rings_until = NULL WHERE call = ?1", [call.0])?;
    step.changed();
    Ok(())
}

pub(crate) fn set_opened(step: &mut Step<'_>, call: CallId) -> Result<(), StoreError> {
    step.db.execute("UPDATE call SET opened = 1 WHERE call = ?1", [call.0])?;
    Ok(())
}

pub(crate) fn set_was_in(step: &mut Step<'_>, call: CallId) -> Result<(), StoreError> {
    step.db.execute("UPDATE call SET was_in = 1 WHERE call = ?1", [call.0])?;
    Ok(())
}

/// It is over.
pub(crate) fn end(step: &mut Step<'_>, call: &Call, at: Timestamp) -> Result<(), StoreError> {
    step.db
        .execute("UPDATE call SET ended = ?2, rings_until = NULL WHERE call = ?1 AND ended IS NULL", params![call.id.0, at.0])?;
    step.db.execute("UPDATE invited SET rings_until = NULL WHERE call = ?1", [call.id.0])?;
    super::roster::watch(step, call, false);
    step.live.rosters.remove(&call.id);
    step.changed();
    Ok(())
}

/// It is not over after all. False: nobody here thought so.
pub(crate) fn take_up(step: &mut Step<'_>, call: &Call) -> Result<bool, StoreError> {
    let taken_up = step.db.execute("UPDATE call SET ended = NULL WHERE call = ?1 AND ended IS NOT NULL", [call.id.0])? > 0;
    if taken_up {
        super::roster::watch(step, call, true);
        step.changed();
    }
    Ok(taken_up)
}

/// It never was.
pub(crate) fn forget(step: &mut Step<'_>, id: CallId) -> Result<(), StoreError> {
    if let Some(call) = call(step.db, id)? {
        super::roster::watch(step, &call, false);
    }
    // An empty roster would be waited for, to end a call that is no more.
    step.live.rosters.remove(&id);
    step.db.execute("DELETE FROM invited WHERE call = ?1", [id.0])?;
    step.db.execute("DELETE FROM call WHERE call = ?1", [id.0])?;
    step.changed();
    Ok(())
}
