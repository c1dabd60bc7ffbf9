//! What somebody said in a conversation.

use rusqlite::params;
use umweg_seal::Verified;
use umweg_wire::limits::{RECEIPT_DELAY, TEXT_BYTES_MAX};
use umweg_wire::proto::sealed::{Content, Profile, Receipt, SeenChain, Text, content::Body};
use umweg_wire::proto::v1::Entry;
use umweg_wire::{MessageId, Timestamp};

use super::duties;
use crate::calls;
use crate::chats::{self, Chat, Membership};
use crate::error::StoreError;
use crate::lines::{self, NewLine, What};
use crate::people::{self, Acquaintance};
use crate::port::Output;
use crate::renewals;
use crate::step::Step;
use crate::sync;

/// A message of somebody else.
pub(crate) fn handle(
    step: &mut Step<'_>,
    chat: &Chat,
    entry: &Entry,
    from: &Verified,
    content: &Content,
) -> Result<(), StoreError> {
    if contradicts(step, chat, entry, content.seen.as_ref())? {
        return sync::forked(step, chat.log, entry);
    }
    let author = from.account();
    let Some(body) = &content.body else { return Ok(()) };
    if people::person(step.db, author)?.is_some_and(|person| person.blocked) && chat.peer.is_some() {
        return Ok(()); // a blocked person is not answered either
    }
    match body {
        Body::Text(text) => said(step, chat, entry, from, content, text),
        Body::Receipt(receipt) => received(step, chat, from, receipt),
        Body::Profile(profile) => introduced(step, from, profile),
        Body::GroupName(_) => Ok(()), // a group's name stands in its keys' context
        Body::CallInvite(invite) => calls::invite::handle(step, chat, entry, from, content, invite),
        Body::CallRing(ring) => calls::invite::rung(step, chat, entry, from, content, ring),
        Body::CallDeclined(declined) => calls::invite::declined(step, chat, from, declined),
        Body::CallEnded(ended) => calls::endings::handle(step, chat, from, ended),
        Body::ProxyRenewed(renewed) => renewals::handle(step, chat, author, renewed),
        Body::Leaving(_) => {
            write(step, chat, entry, from, None, What::Left)?;
            duties::take_out(step, chat.log, author)
        }
    }
}

/// Whether what the sender saw is not what this device saw.
fn contradicts(step: &Step<'_>, chat: &Chat, entry: &Entry, seen: Option<&SeenChain>) -> Result<bool, StoreError> {
    let Some(seen) = seen else { return Ok(false) };
    if seen.seq >= entry.seq {
        return Ok(true); // the sender read entries that this device was not shown
    }
    Ok(chats::chain_at(step.db, chat.log, seen.seq)?.is_some_and(|known| known.0[..] != seen.hash[..]))
}

fn said(
    step: &mut Step<'_>,
    chat: &Chat,
    entry: &Entry,
    from: &Verified,
    content: &Content,
    text: &Text,
) -> Result<(), StoreError> {
    if text.text.len() > TEXT_BYTES_MAX || text.text.is_empty() {
        return Ok(());
    }
    let Ok(id) = MessageId::try_from(&content.id) else { return Ok(()) };
    let reply_to = MessageId::try_from(&text.in_reply_to).ok();
    write(step, chat, entry, from, Some(id), What::Text { text: text.text.clone(), reply_to })?;
    step.live.typing.remove(&(chat.log, from.account()));
    deserves_receipt(step, chat, entry.seq)?;
    let title = people::name_of(step.db, from.account())?;
    step.output(Output::Notify { title, text: people::clipped(&text.text) });
    Ok(())
}

/// A line of somebody else.
pub(crate) fn write(
    step: &mut Step<'_>,
    chat: &Chat,
    entry: &Entry,
    from: &Verified,
    id: Option<MessageId>,
    what: What,
) -> Result<(), StoreError> {
    let line = NewLine { log: chat.log, seq: Some(entry.seq), id, author: Some(from.account()), time: Timestamp(entry.time), what };
    lines::write(step, &line)?;
    Ok(())
}

/// Receipts are gathered for a moment. They are never sent for receipts.
pub(crate) fn deserves_receipt(step: &mut Step<'_>, chat: &Chat, seq: u64) -> Result<(), StoreError> {
    step.db
        .prepare_cached("UPDATE chat SET delivered = max(delivered, ?2), receipt_at = coalesce(receipt_at, ?3) WHERE log = ?1")?
        .execute(params![chat.log.0, seq, step.now.after(RECEIPT_DELAY).0])?;
    Ok(())
}

/// Cumulative; it never goes back, and never beyond what there is.
fn received(step: &mut Step<'_>, chat: &Chat, from: &Verified, receipt: &Receipt) -> Result<(), StoreError> {
    let end = chats::chat(step.db, chat.log)?.map_or(0, |chat| chat.applied);
    step.db
        .prepare_cached("UPDATE member SET delivered = max(delivered, ?3), read = max(read, ?4) WHERE log = ?1 AND account = ?2")?
        .execute(params![chat.log.0, from.account().0, receipt.delivered.max(receipt.read).min(end), receipt.read.min(end)])?;
    step.changed();
    Ok(())
}

fn introduced(step: &mut Step<'_>, from: &Verified, profile: &Profile) -> Result<(), StoreError> {
    match &profile.card {
        Some(card) if people::whose(card) == Some(from.account()) => people::learn(step, card, Acquaintance::Known),
        _ => Ok(()),
    }
}

/// The person has seen everything up to there.
pub(crate) fn mark_read(step: &mut Step<'_>, chat: &Chat, seq: u64) -> Result<(), StoreError> {
    let seq = seq.min(chat.applied);
    if seq <= chat.read {
        return Ok(());
    }
    step.db.execute("UPDATE chat SET read = ?2 WHERE log = ?1", params![chat.log.0, seq])?;
    let owed = chat.delivered.min(seq) > chat.read_told; // something of others lies in between
    if owed && chat.membership == Membership::Member {
        step.db.execute(
            "UPDATE chat SET receipt_at = coalesce(receipt_at, ?2) WHERE log = ?1",
            params![chat.log.0, step.now.after(RECEIPT_DELAY).0],
        )?;
    }
    step.changed();
    Ok(())
}
