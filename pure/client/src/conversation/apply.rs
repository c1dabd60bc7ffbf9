//! One entry of a conversation's log, in order. Its place in the chain was checked by `sync`.

use umweg_seal::group::{Conversation, Received, Staged};
use umweg_seal::{HandleError, Store};
use umweg_wire::limits::MEMBERS_MAX;
use umweg_wire::proto::v1::{Entry, EntryKind};

use super::{content, duties, membership, resync};
use crate::account;
use crate::chats::{Chat, Membership};
use crate::error::StoreError;
use crate::outbox::{self, Job, Lane};
use crate::step::Step;

/// Does to the conversation what the entry says. The cursor stands behind it already; `chat` is as it was before.
pub(crate) fn apply(step: &mut Step<'_>, chat: &Chat, entry: &Entry) -> Result<(), StoreError> {
    if let Some(job) = outbox::job_of_entry(step.db, &entry.client_id)? {
        return own(step, chat, entry, &job);
    }
    if step.db.prepare_cached("DELETE FROM echo WHERE client_id = ?1")?.execute([&entry.client_id])? > 0 {
        return Ok(()); // an own message that was answered
    }
    if chat.membership != Membership::Member {
        return Ok(()); // without keys only the chain is followed
    }
    match entry.kind() {
        EntryKind::Message | EntryKind::Commit => others(step, chat, entry),
        EntryKind::Resync => duties::handle_request(step, chat, entry),
        EntryKind::Unspecified => Ok(()),
    }
}

fn own(step: &mut Step<'_>, chat: &Chat, entry: &Entry, job: &Job) -> Result<(), StoreError> {
    if entry.kind() != EntryKind::Commit {
        return outbox::accepted_echo(step, job, entry);
    }
    let store = Store::new(step.db, step.rng);
    let Some(mut group) = Conversation::load(&store, chat.log)?.filter(Conversation::has_pending) else {
        outbox::finish(step, job.id)?;
        return resync::begin(step, chat);
    };
    let change = group.pending_change();
    group.merge_pending(&store)?;
    outbox::finish(step, job.id)?;
    outbox::unseal_lane(step, Lane::Chat(chat.log))?;
    membership::committed_by_me(step, chat, entry, job, &store, &group, change.as_ref())
}

fn others(step: &mut Step<'_>, chat: &Chat, entry: &Entry) -> Result<(), StoreError> {
    let store = Store::new(step.db, step.rng);
    let Some(mut group) = Conversation::load(&store, chat.log)? else { return resync::begin(step, chat) };
    match group.handle(&store, &entry.payload, entry.kind()) {
        Ok(Received::Content { from, content }) => content::handle(step, chat, entry, &from, &content),
        Ok(Received::Commit(staged)) => commit(step, chat, entry, &store, group, staged),
        // A commit of this device from before its job was lost: it counts like any other.
        Ok(Received::Own) if group.has_pending() => {
            group.merge_pending(&store)?;
            membership::settle(step, chat, entry, &store, &group)
        }
        Ok(Received::Own) => Ok(()),
        Err(HandleError::OursStore(error)) => Err(error.into()),
        Err(HandleError::OursBehind) => resync::begin(step, chat),
        Err(HandleError::OursRemoved) => membership::removed(step, chat, entry),
        Err(error) => {
            tracing::warn!(%error, "an entry says nothing");
            epoch_passed(step, chat, entry, &store, group)
        }
    }
}

/// The log counts an invalid commit too: what was sealed before it is sealed again.
fn epoch_passed(
    step: &mut Step<'_>,
    chat: &Chat,
    entry: &Entry,
    store: &Store<'_>,
    mut group: Conversation,
) -> Result<(), StoreError> {
    if entry.kind() == EntryKind::Commit {
        if group.has_pending() {
            group.clear_pending(store)?;
        }
        outbox::unseal_lane(step, Lane::Chat(chat.log))?;
    }
    Ok(())
}

fn commit(
    step: &mut Step<'_>,
    chat: &Chat,
    entry: &Entry,
    store: &Store<'_>,
    mut group: Conversation,
    staged: Staged,
) -> Result<(), StoreError> {
    let change = staged.change.clone();
    let me = account::mine(step.db)?;
    // Every member decides this by the same rule: nobody comes into a conversation between two.
    let stranger = |account| account != me.id && Some(account) != chat.peer;
    let intrudes = chat.peer.is_some() && change.added.iter().any(|who| stranger(who.account()));
    if intrudes || group.members().len() + change.added.len() > MEMBERS_MAX + change.removed.len() {
        group.refuse(staged);
        return epoch_passed(step, chat, entry, store, group);
    }
    group.accept(store, staged)?;
    outbox::unseal_lane(step, Lane::Chat(chat.log))?;
    if change.removes_me {
        return membership::removed(step, chat, entry);
    }
    membership::committed(step, chat, entry, store, &group, &change)
}
