//! Conversations and their members, as stored.

use rusqlite::{Connection, OptionalExtension, Row, params};
use umweg_wire::{AccountId, Capability, ChainHash, LogId, Timestamp, chain};

use crate::error::StoreError;
use crate::step::Step;

/// What this device is to a conversation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Membership {
    Member = 0,
    /// Left or removed.
    Former = 1,
    /// It lost its keys and has asked to be let in again.
    Resyncing = 2,
    /// The service showed two histories.
    Forked = 3,
}

/// A conversation.
#[derive(Clone)]
pub(crate) struct Chat {
    pub(crate) log: LogId,
    /// The other one in a one-to-one conversation; `None`: a group.
    pub(crate) peer: Option<AccountId>,
    pub(crate) title: String,
    pub(crate) membership: Membership,
    pub(crate) capability: Capability,
    pub(crate) resync_key: [u8; 32],
    pub(crate) made: bool,
    pub(crate) applied: u64,
    pub(crate) log_epoch: u64,
    pub(crate) chain: ChainHash,
    pub(crate) delivered: u64,
    pub(crate) delivered_told: u64,
    pub(crate) read: u64,
    pub(crate) read_told: u64,
    pub(crate) touched: Timestamp,
}

const COLUMNS: &str = "log, peer, title, standing, capability, resync_key, made, applied, log_epoch, chain, delivered, delivered_told, read, read_told, touched";

fn read(row: &Row<'_>) -> rusqlite::Result<Chat> {
    Ok(Chat {
        log: LogId(row.get(0)?),
        peer: row.get::<_, Option<[u8; 32]>>(1)?.map(AccountId),
        title: row.get(2)?,
        membership: match row.get::<_, i64>(3)? {
            0 => Membership::Member,
            2 => Membership::Resyncing,
            3 => Membership::Forked,
            _ => Membership::Former,
        },
        capability: Capability::new(row.get(4)?),
        resync_key: row.get(5)?,
        made: row.get(6)?,
        applied: row.get(7)?,
        log_epoch: row.get(8)?,
        chain: ChainHash(row.get(9)?),
        delivered: row.get(10)?,
        delivered_told: row.get(11)?,
        read: row.get(12)?,
        read_told: row.get(13)?,
        touched: Timestamp(row.get(14)?),
    })
}

pub(crate) fn chat(db: &Connection, log: LogId) -> Result<Option<Chat>, StoreError> {
    Ok(db.prepare_cached(&format!("SELECT {COLUMNS} FROM chat WHERE log = ?1"))?.query_row([log.0], read).optional()?)
}

/// All, the one with the newest line first.
pub(crate) fn all(db: &Connection) -> Result<Vec<Chat>, StoreError> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM chat ORDER BY touched DESC, log"))?;
    Ok(query.query_map([], read)?.collect::<Result<_, _>>()?)
}

pub(crate) fn count(db: &Connection) -> Result<usize, StoreError> {
    Ok(db.query_row("SELECT count(*) FROM chat", [], |row| row.get(0))?)
}

/// Where a new conversation starts.
pub(crate) struct Beginning<'a> {
    pub(crate) log: LogId,
    pub(crate) peer: Option<AccountId>,
    pub(crate) title: &'a str,
    pub(crate) capability: &'a Capability,
    pub(crate) resync_key: &'a [u8; 32],
    /// The newest entry that is behind it: a commit that added this account, or none.
    pub(crate) applied: u64,
    pub(crate) log_epoch: u64,
    pub(crate) chain: ChainHash,
    /// The service has the log.
    pub(crate) made: bool,
}

/// Writes a new conversation down, or begins one again after its keys were lost.
pub(crate) fn begin(step: &mut Step<'_>, beginning: &Beginning<'_>) -> Result<(), StoreError> {
    let b = beginning;
    step.db.execute(
        "INSERT INTO chat (log, peer, title, standing, capability, resync_key, made, applied, log_epoch, chain, touched)
         VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (log) DO UPDATE SET title = excluded.title, standing = 0, capability = excluded.capability, resync_key = excluded.resync_key,
           applied = excluded.applied, log_epoch = excluded.log_epoch, chain = excluded.chain",
        params![
            b.log.0,
            b.peer.map(|peer| peer.0),
            b.title,
            b.capability.expose(),
            b.resync_key,
            b.made,
            b.applied,
            b.log_epoch,
            b.chain.0,
            step.now.0
        ],
    )?;
    remember_chain(step, b.log, b.applied, b.chain)?;
    step.changed();
    Ok(())
}

/// The chain hash before the first entry, for a log that this device makes.
pub(crate) fn unwritten(log: LogId) -> ChainHash {
    chain::genesis(log)
}

pub(crate) fn set_membership(step: &mut Step<'_>, log: LogId, membership: Membership) -> Result<(), StoreError> {
    step.db.execute("UPDATE chat SET standing = ?2 WHERE log = ?1", params![log.0, membership as i64])?;
    step.changed();
    Ok(())
}

/// One entry further.
pub(crate) fn advance(step: &mut Step<'_>, log: LogId, seq: u64, hash: ChainHash, log_epoch: u64) -> Result<(), StoreError> {
    step.db
        .prepare_cached("UPDATE chat SET applied = ?2, chain = ?3, log_epoch = ?4 WHERE log = ?1")?
        .execute(params![log.0, seq, hash.0, log_epoch])?;
    remember_chain(step, log, seq, hash)
}

/// How many entries back a fork is still noticed.
const CHAIN_KEPT: u64 = 2_000;

pub(crate) fn remember_chain(step: &mut Step<'_>, log: LogId, seq: u64, hash: ChainHash) -> Result<(), StoreError> {
    step.db
        .prepare_cached("INSERT OR REPLACE INTO chain (log, seq, hash) VALUES (?1, ?2, ?3)")?
        .execute(params![log.0, seq, hash.0])?;
    step.db
        .prepare_cached("DELETE FROM chain WHERE log = ?1 AND seq < ?2")?
        .execute(params![log.0, seq.saturating_sub(CHAIN_KEPT)])?;
    Ok(())
}

/// What has to stand there, if nothing is known of it yet.
pub(crate) fn expect_chain(db: &Connection, log: LogId, seq: u64, hash: ChainHash) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR IGNORE INTO chain (log, seq, hash) VALUES (?1, ?2, ?3)")?.execute(params![log.0, seq, hash.0])?;
    Ok(())
}

pub(crate) fn chain_at(db: &Connection, log: LogId, seq: u64) -> Result<Option<ChainHash>, StoreError> {
    let sql = "SELECT hash FROM chain WHERE log = ?1 AND seq = ?2";
    let hash: Option<[u8; 32]> = db.prepare_cached(sql)?.query_row(params![log.0, seq], |row| row.get(0)).optional()?;
    Ok(hash.map(ChainHash))
}

/// A member, with how far its receipts reach.
#[derive(Clone, Copy)]
pub(crate) struct MemberOf {
    pub(crate) account: AccountId,
    pub(crate) joined: u64,
    pub(crate) delivered: u64,
    pub(crate) read: u64,
}

/// By leaf.
pub(crate) fn members(db: &Connection, log: LogId) -> Result<Vec<MemberOf>, StoreError> {
    let mut query = db.prepare_cached("SELECT account, joined, delivered, read FROM member WHERE log = ?1 ORDER BY leaf")?;
    let rows = query.query_map([log.0], |row| {
        Ok(MemberOf { account: AccountId(row.get(0)?), joined: row.get(1)?, delivered: row.get(2)?, read: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes down whom the keys include after the entry `seq`.
pub(crate) fn set_members(step: &mut Step<'_>, log: LogId, now: &[(AccountId, u32)], seq: u64) -> Result<(), StoreError> {
    let before = members(step.db, log)?;
    for gone in before.iter().filter(|old| now.iter().all(|(account, _)| *account != old.account)) {
        step.db.execute("DELETE FROM member WHERE log = ?1 AND account = ?2", params![log.0, gone.account.0])?;
    }
    for (account, leaf) in now {
        step.db
            .prepare_cached(
                "INSERT INTO member (log, account, leaf, joined) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (log, account) DO UPDATE SET leaf = excluded.leaf",
            )?
            .execute(params![log.0, account.0, leaf, seq])?;
        crate::people::meet(step, *account)?;
    }
    step.changed();
    Ok(())
}

pub(crate) fn is_member(db: &Connection, log: LogId, account: AccountId) -> Result<bool, StoreError> {
    Ok(db.prepare_cached("SELECT 1 FROM member WHERE log = ?1 AND account = ?2")?.exists(params![log.0, account.0])?)
}

/// What to call a conversation: the other's name, or the group's.
pub(crate) fn title(db: &Connection, chat: &Chat) -> Result<String, StoreError> {
    match chat.peer {
        Some(peer) => crate::people::name_of(db, peer),
        None => Ok(chat.title.clone()),
    }
}
