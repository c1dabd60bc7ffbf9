//! Calls and whom they were for, as stored.

use rusqlite::{Connection, OptionalExtension, Row, params};
use umweg_seal::call::CallSecrets;
use umweg_wire::{AccountId, CallId, LogId, Timestamp};

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

/// What somebody who was invited has said or done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Nothing = 0,
    Declined = 1,
    /// Was there, and is not any more.
    Left = 2,
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

pub(crate) fn running_in(db: &Connection, chat: LogId) -> Result<Option<Call>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM call WHERE chat = ?1 AND ended IS NULL ORDER BY started, call LIMIT 1");
    Ok(db.prepare_cached(&sql)?.query_row([chat.0], read).optional()?)
}

pub(crate) fn insert(step: &mut Step<'_>, call: &Call, invited: &[AccountId]) -> Result<(), StoreError> {
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
    invite(step, call.id, invited)
}

pub(crate) fn invite(step: &mut Step<'_>, call: CallId, accounts: &[AccountId]) -> Result<(), StoreError> {
    for account in accounts {
        step.db
            .prepare_cached("INSERT OR IGNORE INTO invited (call, account) VALUES (?1, ?2)")?
            .execute(params![call.0, account.0])?;
        crate::people::meet(step, *account)?;
    }
    step.changed();
    Ok(())
}

pub(crate) fn invited(db: &Connection, call: CallId) -> Result<Vec<(AccountId, Reply)>, StoreError> {
    let mut query = db.prepare_cached("SELECT account, answer FROM invited WHERE call = ?1 ORDER BY account")?;
    let rows = query.query_map([call.0], |row| {
        let reply = match row.get::<_, i64>(1)? {
            1 => Reply::Declined,
            2 => Reply::Left,
            _ => Reply::Nothing,
        };
        Ok((AccountId(row.get(0)?), reply))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn set_reply(step: &mut Step<'_>, call: CallId, account: AccountId, reply: Reply) -> Result<(), StoreError> {
    let sql = "UPDATE invited SET answer = ?3 WHERE call = ?1 AND account = ?2 AND answer <> ?3";
    if step.db.prepare_cached(sql)?.execute(params![call.0, account.0, reply as i64])? > 0 {
        step.changed();
    }
    Ok(())
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
    super::roster::watch(step, call, false);
    step.live.rosters.remove(&call.id);
    step.changed();
    Ok(())
}

/// It never was.
pub(crate) fn forget(step: &mut Step<'_>, call: CallId) -> Result<(), StoreError> {
    step.db.execute("DELETE FROM invited WHERE call = ?1", [call.0])?;
    step.db.execute("DELETE FROM call WHERE call = ?1", [call.0])?;
    step.changed();
    Ok(())
}
