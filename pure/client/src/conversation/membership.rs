//! Who comes into a conversation, and who goes.

use rusqlite::params;
use umweg_seal::Store;
use umweg_seal::group::{Change, Conversation, CreateError};
use umweg_wire::proto::v1::Entry;
use umweg_wire::{AccountId, LogId, Timestamp};

use super::{duties, invitation};
use crate::account;
use crate::chats::{self, Beginning, Chat, Membership};
use crate::error::StoreError;
use crate::lines::{self, NewLine, What};
use crate::outbox::{self, Job, Lane, Task};
use crate::people;
use crate::step::Step;
use crate::sync;

/// Makes the conversation with a person, unless there is one.
pub(crate) fn open_one_to_one(step: &mut Step<'_>, peer: AccountId) -> Result<(), StoreError> {
    if people::chat_with(step.db, peer)?.is_some() {
        return Ok(());
    }
    open(step, Some(peer), "", vec![peer])?;
    Ok(())
}

/// Makes a conversation: keys here at once, the log and the others as soon as there is a road.
pub(crate) fn open(step: &mut Step<'_>, peer: Option<AccountId>, name: &str, members: Vec<AccountId>) -> Result<LogId, StoreError> {
    let me = account::mine(step.db)?;
    let log = LogId::random(step.rng);
    let store = Store::new(step.db, step.rng);
    let group = Conversation::create(&store, &me.device, log, name).map_err(|error| match error {
        CreateError::Store(error) => error.into(),
        CreateError::NameTooLong => StoreError::Corrupt("a name that was checked"),
    })?;
    let keys = group.log_keys_of_epoch(&store)?;
    chats::begin(
        step,
        &Beginning {
            log,
            peer,
            title: name,
            capability: &keys.capability,
            resync_key: keys.resync_key.expose(),
            applied: 0,
            log_epoch: 0,
            chain: chats::unwritten(log),
            made: false,
        },
    )?;
    set_members(step, log, &group, 0)?;
    outbox::push(step, Lane::Chat(log), &Task::CreateLog)?;
    outbox::push(step, Lane::Chat(log), &Task::Add { members, packages: vec![], opening: true })?;
    if peer.is_none() {
        let line = NewLine { log, seq: Some(0), id: None, author: None, time: step.now, what: What::Created };
        lines::write(step, &line)?;
    }
    Ok(log)
}

fn set_members(step: &mut Step<'_>, log: LogId, group: &Conversation, seq: u64) -> Result<(), StoreError> {
    let members: Vec<_> = group.members().iter().map(|member| (member.identity.account(), member.leaf)).collect();
    chats::set_members(step, log, &members, seq)
}

/// A commit of somebody else was taken.
pub(crate) fn committed(
    step: &mut Step<'_>,
    chat: &Chat,
    entry: &Entry,
    store: &Store<'_>,
    group: &Conversation,
    change: &Change,
) -> Result<(), StoreError> {
    settle(step, chat, entry, store, group)?;
    readmitted(step, chat, entry, change)?;
    tell(step, chat, entry, Some(change.by.account()), change)
}

/// A commit of this device came back from the log: what it does counts from now on.
pub(crate) fn committed_by_me(
    step: &mut Step<'_>,
    chat: &Chat,
    entry: &Entry,
    job: &Job,
    store: &Store<'_>,
    group: &Conversation,
    change: Option<&Change>,
) -> Result<(), StoreError> {
    settle(step, chat, entry, store, group)?;
    let Some(change) = change else { return Ok(()) };
    readmitted(step, chat, entry, change)?;
    if let Some(welcome) = &job.welcome {
        for added in &change.added {
            invitation::send(step, chat.log, entry, added.account(), welcome)?;
        }
    }
    if matches!(job.task, Task::Add { opening: true, .. }) {
        return Ok(()); // `Created` says it
    }
    tell(step, chat, entry, None, change)
}

/// After any commit: members, name, and the log's keys if it rotated.
pub(crate) fn settle(
    step: &mut Step<'_>,
    chat: &Chat,
    entry: &Entry,
    store: &Store<'_>,
    group: &Conversation,
) -> Result<(), StoreError> {
    set_members(step, chat.log, group, entry.seq)?;
    duties::settle(step, chat.log)?;
    if chat.peer.is_none() {
        step.db.execute("UPDATE chat SET title = ?2 WHERE log = ?1", params![chat.log.0, group.name()])?;
    }
    if entry.rotates {
        let keys = group.log_keys_of_epoch(store)?;
        step.db.execute(
            "UPDATE chat SET capability = ?2, resync_key = ?3 WHERE log = ?1",
            params![chat.log.0, keys.capability.expose(), keys.resync_key.expose()],
        )?;
    }
    Ok(())
}

/// Who goes and comes in one commit was let in again.
fn readmitted(step: &mut Step<'_>, chat: &Chat, entry: &Entry, change: &Change) -> Result<(), StoreError> {
    for again in change.added.iter().filter(|who| change.removed.contains(who)) {
        duties::readmitted(step, chat.log, again.account(), entry.seq)?;
    }
    Ok(())
}

/// The lines that a change leaves. Who was let in again neither came nor went.
fn tell(step: &mut Step<'_>, chat: &Chat, entry: &Entry, author: Option<AccountId>, change: &Change) -> Result<(), StoreError> {
    if chat.peer.is_some() {
        return Ok(());
    }
    let accounts = |who: &[umweg_seal::Verified], other: &[umweg_seal::Verified]| -> Vec<AccountId> {
        who.iter()
            .filter(|one| !other.iter().any(|two| two.account() == one.account()))
            .map(umweg_seal::Verified::account)
            .collect()
    };
    let added = accounts(&change.added, &change.removed);
    let mut removed = accounts(&change.removed, &change.added);
    removed.retain(|account| !has_left(step, chat.log, *account).unwrap_or(false));
    let mut lines = Vec::new();
    if !added.is_empty() {
        lines.push(What::Added { accounts: added });
    }
    if !removed.is_empty() {
        lines.push(What::Removed { accounts: removed });
    }
    if let Some(name) = &change.name {
        lines.push(What::Renamed { name: name.clone() });
    }
    for what in lines {
        let line = NewLine { log: chat.log, seq: Some(entry.seq), id: None, author, time: Timestamp(entry.time), what };
        lines::write(step, &line)?;
    }
    Ok(())
}

/// Whether the newest thing known of somebody is that they left: then the line stands already.
fn has_left(step: &Step<'_>, log: LogId, account: AccountId) -> Result<bool, StoreError> {
    let sql = "SELECT what FROM line WHERE log = ?1 AND author = ?2 ORDER BY row DESC LIMIT 1";
    let mut query = step.db.prepare_cached(sql)?;
    let mut rows = query.query(params![log.0, account.0])?;
    let what: Option<String> = rows.next()?.map(|row| row.get(0)).transpose()?;
    Ok(what.map(|what| serde_json::from_str::<What>(&what)).transpose()? == Some(What::Left))
}

/// This account was taken out.
pub(crate) fn removed(step: &mut Step<'_>, chat: &Chat, entry: &Entry) -> Result<(), StoreError> {
    let me = account::mine(step.db)?;
    let what = What::Removed { accounts: vec![me.id] };
    let line = NewLine { log: chat.log, seq: Some(entry.seq), id: None, author: None, time: Timestamp(entry.time), what };
    lines::write(step, &line)?;
    close(step, chat.log)
}

/// This account's leaving is on its way to the others.
pub(crate) fn left(step: &mut Step<'_>, log: LogId) -> Result<(), StoreError> {
    let applied = chats::chat(step.db, log)?.map(|chat| chat.applied);
    let line = NewLine { log, seq: applied, id: None, author: None, time: step.now, what: What::Left };
    lines::write(step, &line)?;
    close(step, log)
}

/// Reading only, from now on.
fn close(step: &mut Step<'_>, log: LogId) -> Result<(), StoreError> {
    let store = Store::new(step.db, step.rng);
    Conversation::delete(&store, log)?;
    outbox::clear_lane(step, Lane::Chat(log))?;
    outbox::clear_lane(step, Lane::Resync(log))?;
    duties::clear(step, log)?;
    step.db.execute("DELETE FROM member WHERE log = ?1 AND account = ?2", params![log.0, account::mine(step.db)?.id.0])?;
    step.db.execute("UPDATE chat SET receipt_at = NULL WHERE log = ?1", [log.0])?;
    chats::set_membership(step, log, Membership::Former)?;
    sync::unwatch(step, log);
    Ok(())
}
