//! What is to be done at the service, and survives everything until it is done.
//!
//! 1. A *job* stands in a *lane*; each lane is done in order, one job at a time. A conversation is a lane, so its messages and
//!    commits keep their order; an inbox of somebody else is one, so that a slow friend holds up nobody.
//! 2. A longer undertaking is a row of jobs, and a finished job may push others: create log → add → deliver invitations.
//! 3. An append is sealed once, written down, and asked with the same bytes and client id until it is answered: a crash or a lost
//!    answer doubles nothing. When the log has moved on the sealing is thrown away, and made again with a new client id.
//! 4. A message is done when it is accepted. A commit is done when it comes back in the log's order: only then do its keys count.
//! 5. Nothing under way is kept but here: after a crash or a new connection everything that stands here is asked again.

mod answer;
mod run;
pub(crate) mod stuck;

pub(crate) use answer::{accepted_echo, handle_answer};
pub(crate) use run::{Started, append, link_secret, pump, request};

use std::time::Duration;

use prost::Message;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use umweg_wire::limits::{DELIVERY_TRIED, DELIVERY_WAIT_MAX};
use umweg_wire::proto::{sealed, v1};
use umweg_wire::{AccountId, CallId, ClientId, LogId, Timestamp};

use crate::error::StoreError;
use crate::step::Step;

/// What is done one after another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// The own inbox and key packages.
    Own,
    /// A conversation's log.
    Chat(LogId),
    /// The request to be let in again: it must overtake what waits in the conversation.
    Resync(LogId),
    /// Somebody else's inbox.
    Inbox(AccountId),
    /// A call's log; it does not outlive the process.
    Call(CallId),
}

impl Lane {
    fn to_bytes(self) -> Vec<u8> {
        let (tag, id): (u8, &[u8]) = match &self {
            Self::Own => (0, &[]),
            Self::Chat(log) => (1, &log.0),
            Self::Resync(log) => (2, &log.0),
            Self::Inbox(account) => (3, &account.0),
            Self::Call(call) => (4, &call.0),
        };
        [&[tag], id].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let (tag, id) = bytes.split_first().ok_or(StoreError::Corrupt("a lane"))?;
        Ok(match tag {
            0 => Self::Own,
            1 => Self::Chat(id.try_into()?),
            2 => Self::Resync(id.try_into()?),
            3 => Self::Inbox(id.try_into()?),
            4 => Self::Call(id.try_into()?),
            _ => return Err(StoreError::Corrupt("a lane")),
        })
    }
}

/// Bytes in a stored task: base64url, a third larger rather than four times.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&data_encoding::BASE64URL_NOPAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

/// One thing to do.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Task {
    // ── Lane::Own ──
    OpenInbox,
    /// Leaves so many, and with none asks how many are left.
    LeaveKeyPackages {
        count: usize,
        last_resort: bool,
    },
    TrimInbox {
        up_to: u64,
    },

    // ── Lane::Inbox ──
    /// An `InboxBody`.
    Deliver {
        to: AccountId,
        body: Bytes,
    },

    // ── Lane::Chat ──
    CreateLog,
    /// Takes everybody's key package, then commits. `opening`: the commit that begins the conversation.
    Add {
        members: Vec<AccountId>,
        packages: Vec<(AccountId, Bytes)>,
        opening: bool,
    },
    Remove {
        members: Vec<AccountId>,
    },
    Rename {
        name: String,
    },
    /// A `Content`; its line gets its place when it is accepted.
    Say {
        content: Bytes,
        line: Option<i64>,
    },
    /// A `Content` that rings again at somebody; after its minute it is not worth sending.
    Ring {
        call: CallId,
        account: AccountId,
        content: Bytes,
    },
    /// How far this account has received and read, at the time of sealing.
    /// `told`: as of the newest sealing.
    Receipt {
        told: Option<Told>,
    },
    /// This account's name and card, at the time of sealing.
    Profile,
    Leave,
    /// What a duty asked for, if nobody else has done it by then.
    TakeOut {
        account: AccountId,
    },
    Readmit {
        account: AccountId,
    },

    // ── Lane::Resync ──
    Resync,

    // ── Lane::Call ──
    CreateCallLog,
    /// The first commit leaves the snapshot that others join by.
    OpenCall,
    /// Fetches the snapshot, then commits from outside.
    JoinCall,
    CallLeft,
    InviteToCall {
        accounts: Vec<AccountId>,
    },
    /// A commit of nothing else.
    RenewCallKeys,
    /// Takes a leaf out whose device left or vanished.
    Evict {
        leaf: u32,
        device: Bytes,
    },
}

/// What a receipt says: everything up to these entries.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) delivered: u64,
    pub(crate) read: u64,
}

/// A task in its place.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) id: i64,
    pub(crate) lane: Lane,
    pub(crate) task: Task,
    pub(crate) append: Option<v1::AppendRequest>,
    pub(crate) client_id: Option<ClientId>,
    pub(crate) welcome: Option<Vec<u8>>,
    pub(crate) not_before: Timestamp,
    pub(crate) tries: u32,
}

const COLUMNS: &str = "id, lane, task, append, client_id, welcome, not_before, tries";

struct Stored {
    id: i64,
    lane: Vec<u8>,
    task: String,
    append: Option<Vec<u8>>,
    client_id: Option<[u8; 16]>,
    welcome: Option<Vec<u8>>,
    not_before: u64,
    tries: u32,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        id: row.get(0)?,
        lane: row.get(1)?,
        task: row.get(2)?,
        append: row.get(3)?,
        client_id: row.get(4)?,
        welcome: row.get(5)?,
        not_before: row.get(6)?,
        tries: row.get(7)?,
    })
}

impl TryFrom<Stored> for Job {
    type Error = StoreError;
    fn try_from(stored: Stored) -> Result<Self, StoreError> {
        Ok(Self {
            id: stored.id,
            lane: Lane::from_bytes(&stored.lane)?,
            task: serde_json::from_str(&stored.task)?,
            append: stored.append.map(|bytes| v1::AppendRequest::decode(bytes.as_slice())).transpose()?,
            client_id: stored.client_id.map(ClientId),
            welcome: stored.welcome,
            not_before: Timestamp(stored.not_before),
            tries: stored.tries,
        })
    }
}

/// Writes a task down at the end of its lane.
pub(crate) fn push(step: &mut Step<'_>, lane: Lane, task: &Task) -> Result<i64, StoreError> {
    step.db
        .prepare_cached("INSERT INTO job (lane, task) VALUES (?1, ?2)")?
        .execute(params![lane.to_bytes(), serde_json::to_string(task)?])?;
    Ok(step.db.last_insert_rowid())
}

/// Unless the same waits there already, not yet sealed: it will say the newest.
fn push_once(step: &mut Step<'_>, lane: Lane, task: &Task) -> Result<(), StoreError> {
    let text = serde_json::to_string(task)?;
    let sql = "SELECT 1 FROM job WHERE lane = ?1 AND task = ?2 AND append IS NULL";
    if !step.db.prepare_cached(sql)?.exists(params![lane.to_bytes(), text])? {
        push(step, lane, task)?;
    }
    Ok(())
}

/// A message in a conversation.
pub(crate) fn say(step: &mut Step<'_>, log: LogId, content: &sealed::Content, line: Option<i64>) -> Result<(), StoreError> {
    push(step, Lane::Chat(log), &Task::Say { content: content.encode_to_vec().into(), line })?;
    Ok(())
}

pub(crate) fn push_receipt(step: &mut Step<'_>, log: LogId) -> Result<(), StoreError> {
    push_once(step, Lane::Chat(log), &Task::Receipt { told: None })
}

pub(crate) fn push_profile(step: &mut Step<'_>, log: LogId) -> Result<(), StoreError> {
    push_once(step, Lane::Chat(log), &Task::Profile)
}

pub(crate) fn push_key_packages(step: &mut Step<'_>, count: usize) -> Result<(), StoreError> {
    push_once(step, Lane::Own, &Task::LeaveKeyPackages { count, last_resort: false })
}

pub(crate) fn push_trim(step: &mut Step<'_>, up_to: u64) -> Result<(), StoreError> {
    step.db.execute("DELETE FROM job WHERE lane = ?1 AND task LIKE '%TrimInbox%'", [Lane::Own.to_bytes()])?;
    push(step, Lane::Own, &Task::TrimInbox { up_to })?;
    Ok(())
}

pub(crate) fn job(db: &Connection, id: i64) -> Result<Option<Job>, StoreError> {
    let stored = db.prepare_cached(&format!("SELECT {COLUMNS} FROM job WHERE id = ?1"))?.query_row([id], read).optional()?;
    stored.map(Job::try_from).transpose()
}

/// Whose sealing an entry of the log is.
pub(crate) fn job_of_entry(db: &Connection, client_id: &[u8]) -> Result<Option<Job>, StoreError> {
    let stored =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM job WHERE client_id = ?1"))?.query_row([client_id], read).optional()?;
    stored.map(Job::try_from).transpose()
}

/// The first job of every lane.
fn heads(db: &Connection) -> Result<Vec<Job>, StoreError> {
    let mut query =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM job WHERE id IN (SELECT min(id) FROM job GROUP BY lane) ORDER BY id"))?;
    query.query_map([], read)?.map(|stored| Job::try_from(stored?)).collect()
}

/// It is done, or there is nothing to do any more.
pub(crate) fn finish(step: &mut Step<'_>, job: i64) -> Result<(), StoreError> {
    step.live.forget(job);
    step.db.prepare_cached("DELETE FROM job WHERE id = ?1")?.execute([job])?;
    Ok(())
}

/// Nothing more is done there.
pub(crate) fn clear_lane(step: &mut Step<'_>, lane: Lane) -> Result<(), StoreError> {
    let mut query = step.db.prepare_cached("SELECT id FROM job WHERE lane = ?1")?;
    let ids = query.query_map([lane.to_bytes()], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    ids.into_iter().try_for_each(|id| finish(step, id))
}

/// Who is to be let into a conversation by what waits in its lane.
pub(crate) fn being_added(db: &Connection, log: LogId) -> Result<Vec<AccountId>, StoreError> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM job WHERE lane = ?1 ORDER BY id"))?;
    let mut accounts = Vec::new();
    for stored in query.query_map([Lane::Chat(log).to_bytes()], read)? {
        if let Task::Add { members, .. } = Job::try_from(stored?)?.task {
            accounts.extend(members);
        }
    }
    Ok(accounts)
}

pub(crate) fn is_waiting(db: &Connection, lane: Lane) -> Result<bool, StoreError> {
    Ok(db.prepare_cached("SELECT 1 FROM job WHERE lane = ?1")?.exists([lane.to_bytes()])?)
}

pub(crate) fn count(db: &Connection) -> Result<usize, StoreError> {
    Ok(db.prepare_cached("SELECT count(*) FROM job")?.query_row([], |row| row.get(0))?)
}

/// The log has moved on: what was sealed for its earlier epoch is sealed again. Answers to the old sealing no longer matter.
pub(crate) fn unseal_lane(step: &mut Step<'_>, lane: Lane) -> Result<(), StoreError> {
    let sql = "UPDATE job SET append = NULL, client_id = NULL, welcome = NULL WHERE lane = ?1 AND append IS NOT NULL RETURNING id";
    let mut query = step.db.prepare_cached(sql)?;
    let ids = query.query_map([lane.to_bytes()], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    for id in ids {
        step.live.forget(id);
    }
    Ok(())
}

/// Writes the sealing down, before anybody is asked to take it.
fn save_append(step: &mut Step<'_>, job: &mut Job, append: v1::AppendRequest, welcome: Option<Vec<u8>>) -> Result<(), StoreError> {
    step.db.prepare_cached("UPDATE job SET append = ?2, client_id = ?3, welcome = ?4 WHERE id = ?1")?.execute(params![
        job.id,
        append.encode_to_vec(),
        append.client_id,
        welcome
    ])?;
    job.client_id = Some(append.client_id.as_slice().try_into()?);
    job.append = Some(append);
    job.welcome = welcome;
    Ok(())
}

pub(crate) fn save_task(step: &mut Step<'_>, job: i64, task: &Task) -> Result<(), StoreError> {
    step.db
        .prepare_cached("UPDATE job SET task = ?2, tries = 0, not_before = 0 WHERE id = ?1")?
        .execute(params![job, serde_json::to_string(task)?])?;
    Ok(())
}

/// Tries later: after a second, two, four … at most a minute.
pub(crate) fn postpone(step: &mut Step<'_>, job: &Job) -> Result<(), StoreError> {
    let wait = Duration::from_secs(1 << job.tries.min(6)).min(Duration::from_secs(60));
    step.live.forget(job.id);
    step.db
        .prepare_cached("UPDATE job SET tries = tries + 1, not_before = ?2 WHERE id = ?1")?
        .execute(params![job.id, step.now.after(wait).0])?;
    Ok(())
}

/// It was refused, which may change: tries again after a minute, two, four … at most some hours, and gives up after some weeks.
pub(crate) fn try_for_weeks(step: &mut Step<'_>, job: &Job) -> Result<(), StoreError> {
    let sql = "UPDATE job SET tries = CASE WHEN refused IS NULL THEN 0 ELSE tries + 1 END, refused = coalesce(refused, ?2)
               WHERE id = ?1 RETURNING tries, refused";
    let (tries, refused): (u32, u64) =
        step.db.prepare_cached(sql)?.query_row(params![job.id, step.now.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if Timestamp(refused).after(DELIVERY_TRIED) <= step.now {
        return finish(step, job.id);
    }
    let wait = Duration::from_secs(60 << tries.min(16)).min(DELIVERY_WAIT_MAX);
    step.live.forget(job.id);
    step.db.execute("UPDATE job SET not_before = ?2 WHERE id = ?1", params![job.id, step.now.after(wait).0])?;
    Ok(())
}

/// The person asks again for what waits there: now is a good time.
pub(crate) fn hurry_lane(step: &mut Step<'_>, lane: Lane) -> Result<(), StoreError> {
    step.db.execute("UPDATE job SET not_before = 0 WHERE lane = ?1", [lane.to_bytes()])?;
    Ok(())
}

/// Nothing more is said by that line.
pub(crate) fn forget_line(step: &mut Step<'_>, log: LogId, line: i64) -> Result<(), StoreError> {
    let sql = "SELECT id FROM job WHERE lane = ?1 AND json_extract(task, '$.Say.line') = ?2";
    let id: Option<i64> =
        step.db.prepare_cached(sql)?.query_row(params![Lane::Chat(log).to_bytes(), line], |row| row.get(0)).optional()?;
    id.map_or(Ok(()), |id| finish(step, id))
}

/// With a new connection everything is worth a try, but for what was refused.
pub(crate) fn hurry(step: &mut Step<'_>) -> Result<(), StoreError> {
    step.db.execute("UPDATE job SET not_before = 0 WHERE refused IS NULL", [])?;
    Ok(())
}

/// When a postponed job is due.
pub(crate) fn next_due(step: &Step<'_>) -> Result<Option<Timestamp>, StoreError> {
    let due = heads(step.db)?.into_iter().filter(|job| job.not_before > step.now && !step.live.is_busy(job.id));
    Ok(due.map(|job| job.not_before).min())
}
