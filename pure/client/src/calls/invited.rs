//! Who was called, and what is known of them: whether it rings at their device, what they answered, whether they were in.

use rusqlite::{Connection, OptionalExtension, Row, params};
use umweg_wire::limits::RINGING_INVITED_MAX;
use umweg_wire::{AccountId, CallId, LogId, Timestamp};

use super::rows::Call;
use crate::chats;
use crate::error::StoreError;
use crate::lines;
use crate::people;
use crate::step::Step;

/// What somebody who was invited has said or done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Nothing = 0,
    Declined = 1,
    /// Was there, and is not any more.
    Left = 2,
}

/// Somebody who was called.
#[derive(Clone, Copy)]
pub(crate) struct Invited {
    pub(crate) account: AccountId,
    pub(crate) reply: Reply,
    pub(crate) was_in: bool,
    /// It rings at their device until then, if it is reached.
    pub(crate) rings_until: Option<Timestamp>,
    /// Rung again by this account.
    pub(crate) rung: Rung,
}

/// How somebody was rung again.
#[derive(Clone, Copy)]
pub(crate) struct Rung {
    pub(crate) times: u32,
    pub(crate) at: Timestamp,
    /// Where; the entry is not known before the service has it.
    place: Option<(LogId, Option<u64>)>,
}

const COLUMNS: &str = "account, answer, was_in, rings_until, rung, rung_at, rung_log, rung_seq";

fn read(row: &Row<'_>) -> rusqlite::Result<Invited> {
    let log: Option<[u8; 32]> = row.get(6)?;
    let seq: Option<u64> = row.get(7)?;
    Ok(Invited {
        account: AccountId(row.get(0)?),
        reply: match row.get::<_, i64>(1)? {
            1 => Reply::Declined,
            2 => Reply::Left,
            _ => Reply::Nothing,
        },
        was_in: row.get(2)?,
        rings_until: row.get::<_, Option<u64>>(3)?.map(Timestamp),
        rung: Rung { times: row.get(4)?, at: Timestamp(row.get(5)?), place: log.map(|log| (LogId(log), seq)) },
    })
}

/// All, by account.
pub(crate) fn all(db: &Connection, call: CallId) -> Result<Vec<Invited>, StoreError> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM invited WHERE call = ?1 ORDER BY account"))?;
    Ok(query.query_map([call.0], read)?.collect::<Result<_, _>>()?)
}

pub(crate) fn one(db: &Connection, call: CallId, account: AccountId) -> Result<Option<Invited>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM invited WHERE call = ?1 AND account = ?2");
    Ok(db.prepare_cached(&sql)?.query_row(params![call.0, account.0], read).optional()?)
}

pub(crate) fn accounts(db: &Connection, call: CallId) -> Result<Vec<AccountId>, StoreError> {
    Ok(all(db, call)?.into_iter().map(|one| one.account).collect())
}

/// More people are let in.
pub(crate) fn add(step: &mut Step<'_>, call: CallId, accounts: &[AccountId]) -> Result<(), StoreError> {
    for account in accounts {
        step.db
            .prepare_cached("INSERT OR IGNORE INTO invited (call, account) VALUES (?1, ?2)")?
            .execute(params![call.0, account.0])?;
        people::meet(step, *account)?;
    }
    step.changed();
    Ok(())
}

pub(crate) fn set_reply(step: &mut Step<'_>, call: CallId, account: AccountId, reply: Reply) -> Result<(), StoreError> {
    let sql = "UPDATE invited SET answer = ?3, rings_until = NULL WHERE call = ?1 AND account = ?2 AND answer <> ?3";
    changes(step, sql, params![call.0, account.0, reply as i64])
}

/// They are in.
pub(crate) fn set_was_in(step: &mut Step<'_>, call: CallId, account: AccountId) -> Result<(), StoreError> {
    let sql = "UPDATE invited SET was_in = 1, rings_until = NULL
               WHERE call = ?1 AND account = ?2 AND (was_in = 0 OR rings_until IS NOT NULL)";
    changes(step, sql, params![call.0, account.0])
}

/// An invite stands in a conversation: it rings at those who read it there and were called.
pub(crate) fn set_ringing(
    step: &mut Step<'_>,
    call: CallId,
    log: LogId,
    by: AccountId,
    until: Timestamp,
) -> Result<(), StoreError> {
    if all(step.db, call)?.len() > RINGING_INVITED_MAX || until <= step.now {
        return Ok(());
    }
    let sql = "UPDATE invited SET rings_until = ?4 WHERE call = ?1 AND account <> ?3 AND answer = 0 AND was_in = 0
               AND account IN (SELECT account FROM member WHERE log = ?2)";
    changes(step, sql, params![call.0, log.0, by.0, until.0])
}

/// Somebody is rung again, by anybody.
pub(crate) fn set_ringing_again(step: &mut Step<'_>, call: CallId, account: AccountId, until: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE invited SET rings_until = ?3, answer = 0 WHERE call = ?1 AND account = ?2";
    changes(step, sql, params![call.0, account.0, until.0])
}

/// This account rings somebody again, in that conversation.
pub(crate) fn note_ring(step: &mut Step<'_>, call: CallId, account: AccountId, log: LogId) -> Result<(), StoreError> {
    let sql = "UPDATE invited SET rung = rung + 1, rung_at = ?3, rung_log = ?4, rung_seq = NULL WHERE call = ?1 AND account = ?2";
    let now = step.now;
    changes(step, sql, params![call.0, account.0, now.0, log.0])
}

/// The service has it.
pub(crate) fn place_ring(step: &mut Step<'_>, call: CallId, account: AccountId, seq: u64) -> Result<(), StoreError> {
    changes(step, "UPDATE invited SET rung_seq = ?3 WHERE call = ?1 AND account = ?2", params![call.0, account.0, seq])
}

fn changes(step: &mut Step<'_>, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
    if step.db.prepare_cached(sql)?.execute(values)? > 0 {
        step.changed();
    }
    Ok(())
}

/// Whether their device has said that it holds the newest that calls them. Only conversations with them can tell.
pub(crate) fn is_reached(db: &Connection, call: &Call, who: &Invited) -> Result<bool, StoreError> {
    let place = match who.rung.place {
        Some((log, seq)) => seq.map(|seq| (log, seq)),
        None => {
            let private = people::chat_with(db, who.account)?;
            let mut found = None;
            for log in [Some(call.chat), private].into_iter().flatten() {
                if found.is_none() && chats::is_member(db, log, who.account)? {
                    found = lines::of_call(db, log, call.id)?.flatten().map(|seq| (log, seq));
                }
            }
            found
        }
    };
    let Some((log, seq)) = place else { return Ok(false) };
    Ok(chats::members(db, log)?.iter().any(|member| member.account == who.account && member.delivered >= seq))
}

/// It has rung long enough at some.
pub(crate) fn handle_timeout(step: &mut Step<'_>) -> Result<(), StoreError> {
    let now = step.now;
    changes(step, "UPDATE invited SET rings_until = NULL WHERE rings_until <= ?1", [now.0])
}

pub(crate) fn next_due(step: &Step<'_>) -> Result<Option<Timestamp>, StoreError> {
    let due: Option<u64> = step.db.prepare_cached("SELECT min(rings_until) FROM invited")?.query_row([], |row| row.get(0))?;
    Ok(due.map(Timestamp))
}
