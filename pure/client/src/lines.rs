//! What stands in a conversation, line by line. A line of this account has no place in the log until the service accepted it.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use umweg_wire::{AccountId, CallId, LogId, MessageId, Timestamp};

use crate::error::StoreError;
use crate::step::Step;

/// What a line says, as stored.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum What {
    Text { text: String, reply_to: Option<MessageId> },
    Created,
    Added { accounts: Vec<AccountId> },
    Removed { accounts: Vec<AccountId> },
    Left,
    Renamed { name: String },
    Call { call: CallId },
    Gap,
    Forked,
}

/// A line.
pub(crate) struct Written {
    pub(crate) row: i64,
    pub(crate) seq: Option<u64>,
    pub(crate) id: Option<MessageId>,
    pub(crate) author: Option<AccountId>,
    pub(crate) time: Timestamp,
    pub(crate) what: What,
}

/// A line to write.
pub(crate) struct NewLine {
    pub(crate) log: LogId,
    pub(crate) seq: Option<u64>,
    pub(crate) id: Option<MessageId>,
    /// `None`: this account.
    pub(crate) author: Option<AccountId>,
    pub(crate) time: Timestamp,
    pub(crate) what: What,
}

/// Writes a line; one with a name that is there already is not written again.
pub(crate) fn write(step: &mut Step<'_>, line: &NewLine) -> Result<i64, StoreError> {
    let counts = line.author.is_some() && matches!(line.what, What::Text { .. } | What::Call { .. });
    step.db
        .prepare_cached(
            "INSERT OR IGNORE INTO line (log, seq, id, author, time, what, counts) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            line.log.0,
            line.seq,
            line.id.map(|id| id.0),
            line.author.map(|author| author.0),
            line.time.0,
            serde_json::to_string(&line.what)?,
            counts
        ])?;
    let row = step.db.last_insert_rowid();
    step.db
        .prepare_cached("UPDATE chat SET touched = max(touched, ?2) WHERE log = ?1")?
        .execute(params![line.log.0, line.time.0])?;
    step.changed();
    Ok(row)
}

/// An own line got its place.
pub(crate) fn place(step: &mut Step<'_>, row: i64, seq: u64, time: Timestamp) -> Result<(), StoreError> {
    step.db
        .prepare_cached("UPDATE line SET seq = ?2, time = ?3 WHERE row = ?1 AND seq IS NULL")?
        .execute(params![row, seq, time.0])?;
    step.changed();
    Ok(())
}

const COLUMNS: &str = "seq, id, author, time, what, row";

fn read(row: &Row<'_>) -> rusqlite::Result<(Written, String)> {
    let what: String = row.get(4)?;
    let line = Written {
        row: row.get(5)?,
        seq: row.get(0)?,
        id: row.get::<_, Option<[u8; 16]>>(1)?.map(MessageId),
        author: row.get::<_, Option<[u8; 32]>>(2)?.map(AccountId),
        time: Timestamp(row.get(3)?),
        what: What::Gap,
    };
    Ok((line, what))
}

fn finish((line, what): (Written, String)) -> Result<Written, StoreError> {
    Ok(Written { what: serde_json::from_str(&what)?, ..line })
}

/// The newest lines before the entry `before`, oldest first. Those without a place stand last.
pub(crate) fn page(db: &Connection, log: LogId, before: Option<u64>, max: usize) -> Result<Vec<Written>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM line WHERE log = ?1 AND (?2 IS NULL OR seq < ?2) ORDER BY seq IS NULL DESC, seq DESC, row DESC LIMIT ?3"
    );
    let mut query = db.prepare_cached(&sql)?;
    let rows = query.query_map(params![log.0, before, i64::try_from(max).unwrap_or(i64::MAX)], read)?;
    let mut lines = rows.map(|row| finish(row?)).collect::<Result<Vec<_>, _>>()?;
    lines.reverse();
    Ok(lines)
}

pub(crate) fn newest(db: &Connection, log: LogId) -> Result<Option<Written>, StoreError> {
    Ok(page(db, log, None, 1)?.pop())
}

pub(crate) fn by_id(db: &Connection, log: LogId, id: MessageId) -> Result<Option<Written>, StoreError> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM line WHERE log = ?1 AND id = ?2"))?;
    let mut rows = query.query_map(params![log.0, id.0], read)?;
    rows.next().map(|row| finish(row?)).transpose()
}

/// Lines of others after the entry that was read last.
pub(crate) fn unread(db: &Connection, log: LogId, read: u64) -> Result<u32, StoreError> {
    Ok(db
        .prepare_cached("SELECT count(*) FROM line WHERE log = ?1 AND seq > ?2 AND counts")?
        .query_row(params![log.0, read], |row| row.get(0))?)
}

/// The place of a call's line: `None` without such a line, `Some(None)` while it waits to be sent.
pub(crate) fn of_call(db: &Connection, log: LogId, call: CallId) -> Result<Option<Option<u64>>, StoreError> {
    let sql = "SELECT seq FROM line WHERE what = ?2 AND what GLOB '{\"Call\"*' AND log = ?1";
    let what = serde_json::to_string(&What::Call { call })?;
    Ok(db.prepare_cached(sql)?.query_row(params![log.0, what], |row| row.get(0)).optional()?)
}

/// The conversations that tell of a call, and whether this account told them.
pub(crate) fn telling_of(db: &Connection, call: CallId) -> Result<Vec<(LogId, bool)>, StoreError> {
    let sql = "SELECT log, max(author IS NULL) FROM line WHERE what = ?1 AND what GLOB '{\"Call\"*' GROUP BY log ORDER BY log";
    let what = serde_json::to_string(&What::Call { call })?;
    let mut query = db.prepare_cached(sql)?;
    Ok(query.query_map([what], |row| Ok((LogId(row.get(0)?), row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// Takes an own line of a call away, with what was to be said by it: another call stands in its place.
pub(crate) fn take_back(step: &mut Step<'_>, log: LogId, call: CallId) -> Result<(), StoreError> {
    let what = serde_json::to_string(&What::Call { call })?;
    let sql = "DELETE FROM line WHERE log = ?1 AND what = ?2 AND author IS NULL RETURNING row";
    let row: Option<i64> = step.db.prepare_cached(sql)?.query_row(params![log.0, what], |row| row.get(0)).optional()?;
    step.changed();
    row.map_or(Ok(()), |row| crate::outbox::forget_line(step, log, row))
}

/// An own message that has no place yet.
pub(crate) fn waiting(db: &Connection, log: LogId, id: MessageId) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT row FROM line WHERE log = ?1 AND id = ?2 AND author IS NULL AND seq IS NULL";
    Ok(db.prepare_cached(sql)?.query_row(params![log.0, id.0], |row| row.get(0)).optional()?)
}

/// A line that is no more.
pub(crate) fn forget(step: &mut Step<'_>, row: i64) -> Result<(), StoreError> {
    step.db.execute("DELETE FROM line WHERE row = ?1", [row])?;
    step.changed();
    Ok(())
}

/// Whether anybody wrote a text there.
pub(crate) fn has_text(db: &Connection, log: LogId) -> Result<bool, StoreError> {
    Ok(db.prepare_cached("SELECT 1 FROM line WHERE log = ?1 AND id IS NOT NULL LIMIT 1")?.exists([log.0])?)
}
