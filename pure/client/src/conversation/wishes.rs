//! What the person wants of a conversation.

use std::time::Duration;
use umweg_seal::Store;
use umweg_seal::group::Conversation;
use umweg_wire::limits::{CONVERSATIONS_MAX, MEMBERS_MAX, OUTBOX_MAX, TEXT_BYTES_MAX};
use umweg_wire::proto::sealed::{Text, Transient, content::Body, transient};
use umweg_wire::proto::v1::{AppendRequest, EntryKind};
use umweg_wire::{AccountId, ClientId, LogId, MessageId};

use super::{membership, sealing};
use crate::account::{self, checked_name};
use crate::chats::{self, Chat, Membership};
use crate::command::CommandError;
use crate::error::StoreError;
use crate::lines::{self, NewLine, What};
use crate::outbox::{self, Lane, Task};
use crate::people;
use crate::port::Request;
use crate::step::{Asked, Step};

/// How often this account says that it types.
const TYPING_GAP: Duration = Duration::from_secs(3);

/// The conversation, if this account can say something in it.
pub(crate) fn spoken_in(step: &Step<'_>, log: LogId) -> Result<Chat, CommandError> {
    let chat = chats::chat(step.db, log)?.ok_or(CommandError::Unknown)?;
    match chat.membership {
        Membership::Member | Membership::Resyncing => Ok(chat),
        Membership::Former | Membership::Forked => Err(CommandError::NotAMember),
    }
}

fn group(step: &Step<'_>, log: LogId) -> Result<Chat, CommandError> {
    let chat = spoken_in(step, log)?;
    if chat.peer.is_some() { Err(CommandError::Unknown) } else { Ok(chat) }
}

pub(crate) fn send_text(step: &mut Step<'_>, log: LogId, text: &str, reply_to: Option<MessageId>) -> Result<(), CommandError> {
    let chat = spoken_in(step, log)?;
    if text.trim().is_empty() {
        return Err(CommandError::Empty);
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(CommandError::TooLong { max: TEXT_BYTES_MAX as u64 });
    }
    if outbox::count(step.db)? >= OUTBOX_MAX {
        return Err(CommandError::TooMany { max: OUTBOX_MAX as u64 });
    }
    let in_reply_to = reply_to.map(MessageId::to_vec).unwrap_or_default();
    let now = step.now;
    let content = sealing::new_content(step, now, Body::Text(Text { text: text.to_owned(), in_reply_to }));
    let id = MessageId::try_from(&content.id).map_err(StoreError::from)?;
    let what = What::Text { text: text.to_owned(), reply_to };
    let line = NewLine { log: chat.log, seq: None, id: Some(id), author: None, time: now, what };
    let row = lines::write(step, &line)?;
    outbox::say(step, log, &content, Some(row))?;
    step.live.typed.remove(&log);
    Ok(())
}

/// Told to who is watching now; nothing waits for it.
pub(crate) fn typing(step: &mut Step<'_>, log: LogId) -> Result<(), CommandError> {
    let chat = spoken_in(step, log)?;
    let lately = step.live.typed.get(&log).is_some_and(|&typed| step.now.since(typed) < TYPING_GAP);
    if !step.live.connected || lately || chat.membership != Membership::Member || !chat.made {
        return Ok(());
    }
    let me = account::mine(step.db)?;
    let store = Store::new(step.db, step.rng);
    let Some(group) = Conversation::load(&store, log).map_err(StoreError::from)? else { return Ok(()) };
    let transient = Transient { account_id: me.id.to_vec(), body: Some(transient::Body::Typing(true)) };
    let payload = group.seal_transient(&store, &transient, step.rng).map_err(StoreError::from)?;
    let request = AppendRequest {
        log_id: log.to_vec(),
        capability: chat.capability.expose().to_vec(),
        client_id: ClientId::random(step.rng).to_vec(),
        kind: EntryKind::Message.into(),
        epoch: chat.log_epoch,
        after: chat.applied,
        payload,
        ephemeral: true,
        ..Default::default()
    };
    step.live.typed.insert(log, step.now);
    step.ask(Request::Append(request), Asked::Nothing);
    Ok(())
}

pub(crate) fn create_group(step: &mut Step<'_>, name: &str, members: &[AccountId]) -> Result<(), CommandError> {
    let name = checked_name(name)?;
    let members = distinct(step, members)?;
    people::require_contacts(step.db, &members)?;
    if members.len() >= MEMBERS_MAX {
        return Err(CommandError::TooMany { max: MEMBERS_MAX as u64 });
    }
    if chats::count(step.db)? >= CONVERSATIONS_MAX {
        return Err(CommandError::TooMany { max: CONVERSATIONS_MAX as u64 });
    }
    membership::open(step, None, &name, members)?;
    Ok(())
}

pub(crate) fn add_members(step: &mut Step<'_>, log: LogId, members: &[AccountId]) -> Result<(), CommandError> {
    let chat = group(step, log)?;
    let members = distinct(step, members)?;
    people::require_contacts(step.db, &members)?;
    if chats::members(step.db, chat.log)?.len() + members.len() > MEMBERS_MAX {
        return Err(CommandError::TooMany { max: MEMBERS_MAX as u64 });
    }
    if !members.is_empty() {
        outbox::push(step, Lane::Chat(log), &Task::Add { members, packages: vec![], opening: false })?;
    }
    Ok(())
}

fn distinct(step: &Step<'_>, accounts: &[AccountId]) -> Result<Vec<AccountId>, CommandError> {
    let me = account::mine(step.db)?.id;
    let set: std::collections::BTreeSet<_> = accounts.iter().copied().filter(|account| *account != me).collect();
    Ok(set.into_iter().collect())
}

pub(crate) fn remove_member(step: &mut Step<'_>, log: LogId, account: AccountId) -> Result<(), CommandError> {
    group(step, log)?;
    if account == account::mine(step.db)?.id {
        return leave(step, log);
    }
    if !chats::is_member(step.db, log, account)? {
        return Err(CommandError::Unknown);
    }
    outbox::push(step, Lane::Chat(log), &Task::Remove { members: vec![account] })?;
    Ok(())
}

pub(crate) fn rename_group(step: &mut Step<'_>, log: LogId, name: &str) -> Result<(), CommandError> {
    group(step, log)?;
    let name = checked_name(name)?;
    outbox::push(step, Lane::Chat(log), &Task::Rename { name })?;
    Ok(())
}

/// What waits is sent first; then the others are asked to commit the removal.
pub(crate) fn leave(step: &mut Step<'_>, log: LogId) -> Result<(), CommandError> {
    group(step, log)?;
    outbox::push(step, Lane::Chat(log), &Task::Leave)?;
    Ok(())
}
