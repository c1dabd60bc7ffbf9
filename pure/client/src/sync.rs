//! Following logs: what is watched, and that every entry stands where the one before says it does.
//!
//! 1. With each connection everything is watched again, from the entry that was applied last.
//! 2. Entries count strictly in order. Each carries the chain hash (`umweg_wire::chain`), which is computed again here.
//! 3. The hash at every recent entry is kept, and compared with what other members say they saw, with what the service promised
//!    when it took an own message, and with what it shows again. Whoever shows two histories is caught by the next message; from
//!    then on nothing more is said in that conversation.

use umweg_seal::Store;
use umweg_seal::group::Conversation;
use umweg_wire::limits::TYPING_SHOWN;
use umweg_wire::proto::sealed::transient;
use umweg_wire::proto::v1::{self, Entry, EntryKind, closed::Reason, watch_event::Event};
use umweg_wire::{AccountId, ChainHash, LogId, Timestamp, chain};

use crate::account;
use crate::calls;
use crate::chats::{self, Chat, Membership};
use crate::conversation::{apply, resync};
use crate::error::StoreError;
use crate::inbox;
use crate::lines::{self, NewLine, What};
use crate::outbox::{self, Lane};
use crate::port::Output;
use crate::step::Step;

/// A road is there: everything is watched and asked again.
pub(crate) fn handle_connected(step: &mut Step<'_>) -> Result<(), StoreError> {
    handle_disconnected(step);
    step.live.connected = true;
    let Some(me) = account::load(step.db)? else { return Ok(()) };
    outbox::hurry(step)?;
    if me.inbox_made {
        watch_inbox(step)?;
        outbox::push_key_packages(step, 0)?;
    }
    for chat in chats::all(step.db)? {
        watch_chat(step, chat.log)?;
        if chat.membership == Membership::Resyncing {
            resync::ask(step, &chat)?;
        }
    }
    calls::handle_connected(step)
}

/// Whatever was under way is not any more.
pub(crate) fn handle_disconnected(step: &mut Step<'_>) {
    step.live.connected = false;
    step.live.asked.clear();
    step.live.until_echo.clear();
    step.live.watched.clear();
    step.live.typing.clear();
    step.live.typed.clear();
    calls::roster::handle_disconnected(step);
    step.changed();
}

pub(crate) fn watch_inbox(step: &mut Step<'_>) -> Result<(), StoreError> {
    let me = account::mine(step.db)?;
    subscribe(step, me.inbox, me.owner.expose(), me.inbox_applied);
    Ok(())
}

/// Watches a conversation from where it stands, also again with a new capability.
pub(crate) fn watch_chat(step: &mut Step<'_>, log: LogId) -> Result<(), StoreError> {
    let Some(chat) = chats::chat(step.db, log)? else { return Ok(()) };
    if chat.made && matches!(chat.membership, Membership::Member | Membership::Resyncing) {
        subscribe(step, log, chat.capability.expose(), chat.applied);
    }
    Ok(())
}

pub(crate) fn subscribe(step: &mut Step<'_>, log: LogId, capability: &[u8; 32], after: u64) {
    if !step.live.connected {
        return;
    }
    unwatch(step, log);
    step.live.watched.insert(log);
    let subscription = v1::Subscription { log_id: log.to_vec(), capability: capability.to_vec(), after };
    match step.outputs.last_mut() {
        Some(Output::Watch(request)) if request.unsubscribe.is_empty() => request.subscribe.push(subscription),
        _ => step.output(Output::Watch(v1::WatchRequest { subscribe: vec![subscription], unsubscribe: vec![] })),
    }
}

pub(crate) fn unwatch(step: &mut Step<'_>, log: LogId) {
    if step.live.watched.remove(&log) {
        step.output(Output::Watch(v1::WatchRequest { subscribe: vec![], unsubscribe: vec![log.to_vec()] }));
    }
}

/// Something came from a watched log.
pub(crate) fn handle_watched(step: &mut Step<'_>, event: v1::WatchEvent) -> Result<(), StoreError> {
    match event.event {
        Some(Event::Entries(entries)) => {
            let Ok(log) = LogId::try_from(&entries.log_id) else { return Ok(()) };
            handle_entries(step, log, &entries.entries)
        }
        Some(Event::Ephemeral(ephemeral)) => handle_ephemeral(step, &ephemeral),
        Some(Event::Closed(closed)) => {
            let Ok(log) = LogId::try_from(&closed.log_id) else { return Ok(()) };
            handle_closed(step, log, closed.reason())
        }
        Some(Event::CaughtUp(_)) | None => Ok(()),
    }
}

fn handle_entries(step: &mut Step<'_>, log: LogId, entries: &[Entry]) -> Result<(), StoreError> {
    if account::load(step.db)?.is_some_and(|me| me.inbox == log) {
        return inbox::handle_entries(step, entries);
    }
    if calls::is_call_log(step, log) {
        return calls::log::handle_entries(step, entries);
    }
    apply_to_chat(step, log, entries)?;
    let applied = chats::chat(step.db, log)?.map(|chat| chat.applied);
    if entries.last().map(|entry| entry.seq) > applied && entries.first().map(|entry| entry.seq) > applied.map(|seq| seq + 1) {
        return watch_chat(step, log); // something in between was lost on its way in here
    }
    Ok(())
}

/// Applies entries to a conversation, whichever way they came; those that are behind it and the same as before are passed over.
pub(crate) fn apply_to_chat(step: &mut Step<'_>, log: LogId, entries: &[Entry]) -> Result<(), StoreError> {
    for entry in entries {
        let Some(chat) = chats::chat(step.db, log)? else { return Ok(()) };
        if !matches!(chat.membership, Membership::Member | Membership::Resyncing) || entry.seq > chat.applied + 1 {
            return Ok(()); // of no use (any more), or a gap: what is missing comes first
        }
        if chats::chain_at(step.db, log, entry.seq)?.is_some_and(|known| known.0[..] != entry.chain[..]) {
            return forked(step, log, entry); // a service that lost what it had, as after a restore, comes here, too
        }
        if entry.seq <= chat.applied {
            continue;
        }
        let hash = chain::next(chat.chain, entry);
        if hash.0[..] != entry.chain[..] || entry.epoch != chat.log_epoch && entry.kind() != EntryKind::Resync {
            return forked(step, log, entry);
        }
        let log_epoch = chat.log_epoch + u64::from(entry.kind() == EntryKind::Commit);
        chats::advance(step, log, entry.seq, hash, log_epoch)?;
        apply::apply(step, &chat, entry)?;
    }
    Ok(())
}

/// Where the service says that an own entry stands is what it has to show there. False: it has shown something else already.
pub(crate) fn promise(step: &mut Step<'_>, log: LogId, accepted: &v1::Accepted) -> Result<bool, StoreError> {
    let Ok(promised) = ChainHash::try_from(&accepted.chain) else { return Ok(false) };
    chats::expect_chain(step.db, log, accepted.seq, promised)?;
    Ok(chats::chain_at(step.db, log, accepted.seq)? == Some(promised))
}

/// The service shows different people different histories.
pub(crate) fn forked(step: &mut Step<'_>, log: LogId, entry: &Entry) -> Result<(), StoreError> {
    set_forked(step, log, entry.seq)
}

pub(crate) fn set_forked(step: &mut Step<'_>, log: LogId, seq: u64) -> Result<(), StoreError> {
    tracing::error!("the service showed two histories of a conversation");
    let line = NewLine { log, seq: Some(seq), id: None, author: None, time: step.now, what: What::Forked };
    lines::write(step, &line)?;
    chats::set_membership(step, log, Membership::Forked)?;
    outbox::unseal_lane(step, Lane::Chat(log))?;
    unwatch(step, log);
    Ok(())
}

fn handle_closed(step: &mut Step<'_>, log: LogId, reason: Reason) -> Result<(), StoreError> {
    step.live.watched.remove(&log);
    if account::load(step.db)?.is_some_and(|me| me.inbox == log) {
        return match reason {
            Reason::Slow | Reason::Rotated => watch_inbox(step),
            Reason::Trimmed => {
                let me = account::mine(step.db)?;
                subscribe(step, me.inbox, me.owner.expose(), 0);
                Ok(())
            }
            Reason::Refused | Reason::Unspecified => Ok(()),
        };
    }
    if calls::is_call_log(step, log) {
        return calls::log::handle_closed(step, reason);
    }
    match reason {
        Reason::Slow | Reason::Rotated => watch_chat(step, log),
        // What this device did not read in time is gone, commits among it.
        Reason::Trimmed => chats::chat(step.db, log)?.map_or(Ok(()), |chat| resync::begin(step, &chat)),
        Reason::Refused | Reason::Unspecified => {
            tracing::warn!("the service refused to show a conversation");
            Ok(())
        }
    }
}

fn handle_ephemeral(step: &mut Step<'_>, ephemeral: &v1::Ephemeral) -> Result<(), StoreError> {
    let Ok(log) = LogId::try_from(&ephemeral.log_id) else { return Ok(()) };
    let Some(chat) = chats::chat(step.db, log)?.filter(|chat| chat.membership == Membership::Member) else { return Ok(()) };
    if let Some(account) = who_types(step, &chat, &ephemeral.payload)? {
        step.live.typing.insert((log, account), step.now.after(TYPING_SHOWN));
        step.changed();
    }
    Ok(())
}

fn who_types(step: &mut Step<'_>, chat: &Chat, payload: &[u8]) -> Result<Option<AccountId>, StoreError> {
    let store = Store::new(step.db, step.rng);
    let Some(group) = Conversation::load(&store, chat.log)? else { return Ok(None) };
    let Ok(transient) = group.open_transient(&store, payload) else { return Ok(None) };
    let Ok(account) = AccountId::try_from(&transient.account_id) else { return Ok(None) };
    let typing = matches!(transient.body, Some(transient::Body::Typing(true)));
    let other = account != account::mine(step.db)?.id && chats::is_member(step.db, chat.log, account)?;
    Ok((typing && other).then_some(account))
}

/// Nobody types any more who has not said so lately.
pub(crate) fn handle_timeout(step: &mut Step<'_>) {
    let before = step.live.typing.len();
    let now = step.now;
    step.live.typing.retain(|_, until| *until > now);
    if step.live.typing.len() != before {
        step.changed();
    }
}

pub(crate) fn next_due(step: &Step<'_>) -> Option<Timestamp> {
    step.live.typing.values().min().copied()
}
