//! What the service does not take in a conversation. It is tried on; a refusal that lasts is shown with what waits there, and the person
//! may try at once or take a message back.
//!
//! Not every refusal lasts: keys that changed a moment ago come by themselves, and an operator makes room. So it is shown only after a
//! while, and no longer once the service was not reached: then nobody knows whether it took the last try.

use rusqlite::{OptionalExtension, params};
use umweg_wire::limits::REFUSAL_SHOWN_AFTER;
use umweg_wire::{LogId, MessageId, Timestamp};

use super::{Job, Lane, finish, job, postpone};
use crate::command::CommandError;
use crate::error::StoreError;
use crate::lines;
use crate::port::Failure;
use crate::step::Step;

/// Why what waits in a conversation is not taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The service, or the conversation, has no room.
    NoRoom,
    /// The service does not take it from here, or has the conversation no more.
    Refused,
    /// One of the two has a defect.
    Defect,
}

const WHYS: [(Why, &str); 3] = [(Why::NoRoom, "no room"), (Why::Refused, "refused"), (Why::Defect, "defect")];

impl Why {
    fn of(failure: Failure) -> Option<Self> {
        match failure {
            Failure::Unreachable => None,
            Failure::Full => Some(Self::NoRoom),
            Failure::Refused | Failure::NotFound => Some(Self::Refused),
            Failure::Invalid | Failure::Exists | Failure::Broken => Some(Self::Defect),
        }
    }

    fn name(self) -> &'static str {
        WHYS.iter().find(|(why, _)| *why == self).map_or("", |(_, name)| name)
    }
}

/// What holds a conversation up.
pub(crate) struct Stuck {
    why: Why,
    /// The line that is to be sent, if it is one.
    line: Option<i64>,
}

impl Stuck {
    /// Why a line that waits is not sent. A defect may be the first message's own.
    pub(crate) fn why(&self, line: i64) -> Option<Why> {
        (self.why != Why::Defect || self.line.is_none_or(|first| first == line)).then_some(self.why)
    }
}

/// The first job of a conversation was not done.
pub(super) fn handle_failure(step: &mut Step<'_>, job: &Job, failure: Failure) -> Result<(), StoreError> {
    let shown = match Why::of(failure) {
        None => None,
        Some(why) => {
            tracing::warn!(%failure, tries = job.tries, "the service did not take something of a conversation");
            let sql = "UPDATE job SET refused_since = coalesce(refused_since, ?2) WHERE id = ?1 RETURNING refused_since";
            let since: u64 = step.db.prepare_cached(sql)?.query_row(params![job.id, step.now.0], |row| row.get(0))?;
            (Timestamp(since).after(REFUSAL_SHOWN_AFTER) <= step.now).then_some(why)
        }
    };
    step.db.prepare_cached("UPDATE job SET stuck = ?2 WHERE id = ?1")?.execute(params![job.id, shown.map(Why::name)])?;
    step.changed();
    postpone(step, job)
}

/// What holds up a conversation, if anything does.
pub(crate) fn in_chat(db: &rusqlite::Connection, log: LogId) -> Result<Option<Stuck>, StoreError> {
    let sql = "SELECT stuck, json_extract(task, '$.Say.line') FROM job WHERE lane = ?1 ORDER BY id LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Option<String>>(0)?, row.get(1)?));
    let first = db.prepare_cached(sql)?.query_row([Lane::Chat(log).to_bytes()], read).optional()?;
    Ok(first.and_then(|(stuck, line)| {
        let (why, _) = WHYS.into_iter().find(|(_, name)| stuck.as_deref() == Some(*name))?;
        Some(Stuck { why, line })
    }))
}

/// The person wants it tried now. If it is refused again, that is shown again at once.
pub(crate) fn try_again(step: &mut Step<'_>, log: LogId) -> Result<(), StoreError> {
    step.db.execute("UPDATE job SET not_before = 0, stuck = NULL WHERE lane = ?1", [Lane::Chat(log).to_bytes()])?;
    step.changed();
    Ok(())
}

/// Takes a message back that was not sent. Not while the service may have it: then others have it, too.
pub(crate) fn take_back(step: &mut Step<'_>, log: LogId, message: MessageId) -> Result<(), CommandError> {
    let line = lines::waiting(step.db, log, message)?.ok_or(CommandError::Unknown)?;
    let sql = "SELECT id, stuck IS NOT NULL FROM job WHERE lane = ?1 AND json_extract(task, '$.Say.line') = ?2";
    let (id, refused): (i64, bool) = step
        .db
        .prepare_cached(sql)
        .and_then(|mut query| {
            query.query_row(params![Lane::Chat(log).to_bytes(), line], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .map_err(StoreError::from)?
        .ok_or(CommandError::Unknown)?;
    let was_asked = job(step.db, id)?.is_some_and(|job| job.append.is_some());
    if step.live.is_busy(id) || (was_asked && !refused) {
        return Err(CommandError::TooSoon);
    }
    finish(step, id)?;
    Ok(lines::forget(step, line)?)
}
