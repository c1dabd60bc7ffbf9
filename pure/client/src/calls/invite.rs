//! What conversations say of calls: that one began, that it rings again, that somebody declines, that it is over.
//!
//! Two calls of one conversation that began at the same moment are one: whose invite stands first in the log's order is the call,
//! and an invite whose sender had not seen that one is passed over by everybody. Its sender moves over by itself.

use prost::Message;
use umweg_seal::Verified;
use umweg_wire::limits::{INVITED_MAX, RING_AGAIN_GAP, RINGING, RINGING_INVITED_MAX, RINGS_MAX};
use umweg_wire::proto::sealed::{CallDeclined, CallInvite, CallRing, Content, content::Body};
use umweg_wire::proto::v1::Entry;
use umweg_wire::{AccountId, CallId, LogId, MessageId, Timestamp};

use super::invited::{self, Reply};
use super::rows::{self, Call};
use super::{endings, roster, session};
use crate::account;
use crate::chats::{self, Chat};
use crate::conversation::{content, sealing};
use crate::error::StoreError;
use crate::lines::{self, NewLine, What};
use crate::outbox::{self, Lane, Task};
use crate::people::{self, Acquaintance};
use crate::port::Output;
use crate::step::Step;

/// An invite, read strictly.
struct Told {
    id: CallId,
    join_secret: [u8; 32],
    accounts: Vec<AccountId>,
}

impl Told {
    fn of(invite: &CallInvite) -> Option<Self> {
        Some(Self {
            id: CallId::try_from(&invite.call_id).ok()?,
            join_secret: invite.join_secret.as_slice().try_into().ok()?,
            accounts: invite.invited.iter().take(INVITED_MAX).filter_map(|account| AccountId::try_from(account).ok()).collect(),
        })
    }
}

/// Somebody calls, or has called while this device was away.
pub(crate) fn handle(
    step: &mut Step<'_>,
    chat: &Chat,
    entry: &Entry,
    from: &Verified,
    said: &Content,
    invite: &CallInvite,
) -> Result<(), StoreError> {
    let me = account::mine(step.db)?;
    let Some(told) = Told::of(invite).filter(|told| told.accounts.contains(&me.id)) else { return Ok(()) };
    if let Some(known) = rows::call(step.db, told.id)? {
        return if known.join_secret == told.join_secret { told_again(step, chat, &known, from, &told.accounts) } else { Ok(()) };
    }
    let mine = match same_moment(step, chat, entry, said)? {
        SameMoment::TheOtherCounts => return Ok(()),
        SameMoment::ThisCountsNotMine(mine) => Some(mine),
        SameMoment::Nothing => {
            endings::handle_another(step, chat)?;
            None
        }
    };
    let call = Call {
        id: told.id,
        join_secret: told.join_secret,
        chat: chat.log,
        video: invite.video,
        started: Timestamp(entry.time),
        caller: from.account(),
        rings_until: None,
        opened: true,
        was_in: false,
        ended: None,
    };
    rows::insert(step, &call, &told.accounts)?;
    content::write(step, chat, entry, from, MessageId::try_from(&said.id).ok(), What::Call { call: call.id })?;
    content::deserves_receipt(step, chat, entry.seq)?;
    roster::watch(step, &call, true);
    let until = rings_until(step, entry);
    invited::set_ringing(step, call.id, chat.log, from.account(), until)?;
    match mine {
        Some(mine) => session::move_over(step, &mine, &call),
        None if told.accounts.len() <= RINGING_INVITED_MAX => ring(step, chat, &call, from, until),
        None => Ok(()),
    }
}

fn told_again(step: &mut Step<'_>, chat: &Chat, call: &Call, from: &Verified, accounts: &[AccountId]) -> Result<(), StoreError> {
    if invited::one(step.db, call.id, from.account())?.is_some() {
        endings::handle_affirmed(step, chat, call)?;
    }
    invited::add(step, call.id, accounts)
}

/// What becomes of an invite beside others of the conversation.
enum SameMoment {
    Nothing,
    TheOtherCounts,
    /// This account started one too, and it stands later in the log, or not yet.
    ThisCountsNotMine(Call),
}

fn same_moment(step: &Step<'_>, chat: &Chat, entry: &Entry, said: &Content) -> Result<SameMoment, StoreError> {
    let me = account::mine(step.db)?.id;
    let seen = said.seen.as_ref().map_or(0, |seen| seen.seq);
    for call in rows::running_in(step.db, chat.log)? {
        match lines::of_call(step.db, chat.log, call.id)?.flatten() {
            Some(seq) if seq > seen && seq < entry.seq => return Ok(SameMoment::TheOtherCounts),
            Some(seq) if seq < entry.seq => {} // its sender knew of that one: it is over there
            _ if call.caller == me => return Ok(SameMoment::ThisCountsNotMine(call)),
            _ => {}
        }
    }
    Ok(SameMoment::Nothing)
}

/// By the age of the entry; a clock that is wrong makes it no longer.
fn rings_until(step: &Step<'_>, entry: &Entry) -> Timestamp {
    Timestamp(entry.time).after(RINGING).min(step.now.after(RINGING))
}

/// It rings here, if it may: strangers, and who is blocked, never ring.
fn ring(step: &mut Step<'_>, chat: &Chat, call: &Call, from: &Verified, until: Timestamp) -> Result<(), StoreError> {
    let person = people::person(step.db, from.account())?;
    let may = person.is_some_and(|person| person.acquaintance == Acquaintance::Accepted && !person.blocked);
    let (rings, rang_at) = rows::rings(step.db, call.id)?;
    let often = rings > 0 && (rings > RINGS_MAX || rang_at.after(RING_AGAIN_GAP) > step.now);
    let taking_part = step.live.session.as_ref().is_some_and(|session| session.call == call.id);
    if !may || often || taking_part || until <= step.now {
        return Ok(());
    }
    rows::ring(step, call.id, until)?;
    let title = people::name_of(step.db, from.account())?;
    step.output(Output::Notify { title, text: chats::title(step.db, chat)? });
    Ok(())
}

/// Somebody who is in rings again at one who is not.
pub(crate) fn rung(
    step: &mut Step<'_>,
    chat: &Chat,
    entry: &Entry,
    from: &Verified,
    said: &Content,
    again: &CallRing,
) -> Result<(), StoreError> {
    let (Some(invite), Ok(account)) = (&again.invite, AccountId::try_from(&again.account_id)) else { return Ok(()) };
    let Some(told) = Told::of(invite) else { return Ok(()) };
    let for_me = account == account::mine(step.db)?.id;
    let Some(call) = rows::call(step.db, told.id)? else {
        return if for_me { handle(step, chat, entry, from, said, invite) } else { Ok(()) };
    };
    let called = invited::all(step.db, call.id)?;
    let may = called.iter().any(|one| one.account == from.account()) && called.len() <= RINGING_INVITED_MAX;
    if !may || call.join_secret != told.join_secret || call.ended.is_some() {
        return Ok(());
    }
    let until = rings_until(step, entry);
    if for_me {
        content::deserves_receipt(step, chat, entry.seq)?;
        return ring(step, chat, &call, from, until);
    }
    invited::set_ringing_again(step, call.id, account, until)
}

fn invite_to(step: &Step<'_>, call: &Call) -> Result<CallInvite, StoreError> {
    Ok(CallInvite {
        call_id: call.id.to_vec(),
        join_secret: call.join_secret.to_vec(),
        video: call.video,
        started_at: call.started.0,
        invited: invited::accounts(step.db, call.id)?.into_iter().map(|account| account.to_vec()).collect(),
    })
}

/// Says to a conversation that knows of the call that it runs.
pub(super) fn say_again(step: &mut Step<'_>, call: &Call, log: LogId) -> Result<(), StoreError> {
    let (invite, now) = (invite_to(step, call)?, step.now);
    let content = sealing::new_content(step, now, Body::CallInvite(invite));
    outbox::say(step, log, &content, None)
}

/// Tells a conversation of a call, with a line.
pub(crate) fn send(step: &mut Step<'_>, call: &Call, log: LogId) -> Result<(), StoreError> {
    let invite = invite_to(step, call)?;
    let now = step.now;
    let content = sealing::new_content(step, now, Body::CallInvite(invite));
    let id = MessageId::try_from(&content.id)?;
    let line = NewLine { log, seq: None, id: Some(id), author: None, time: now, what: What::Call { call: call.id } };
    let row = lines::write(step, &line)?;
    let me = account::mine(step.db)?.id;
    invited::set_ringing(step, call.id, log, me, now.after(RINGING))?;
    outbox::say(step, log, &content, Some(row))
}

/// Rings again at somebody, in that conversation.
pub(crate) fn send_ring(step: &mut Step<'_>, call: &Call, account: AccountId, log: LogId) -> Result<(), StoreError> {
    let body = CallRing { invite: Some(invite_to(step, call)?), account_id: account.to_vec() };
    let now = step.now;
    let content = sealing::new_content(step, now, Body::CallRing(body));
    invited::set_ringing_again(step, call.id, account, now.after(RINGING))?;
    invited::note_ring(step, call.id, account, log)?;
    outbox::push(step, Lane::Chat(log), &Task::Ring { call: call.id, account, content: content.encode_to_vec().into() })?;
    Ok(())
}

/// Somebody will not come.
pub(crate) fn declined(step: &mut Step<'_>, _chat: &Chat, from: &Verified, declined: &CallDeclined) -> Result<(), StoreError> {
    match CallId::try_from(&declined.call_id) {
        Ok(call) => invited::set_reply(step, call, from.account(), Reply::Declined),
        Err(_) => Ok(()),
    }
}

pub(crate) fn send_declined(step: &mut Step<'_>, call: &Call) -> Result<(), StoreError> {
    let now = step.now;
    let content = sealing::new_content(step, now, Body::CallDeclined(CallDeclined { call_id: call.id.to_vec() }));
    outbox::say(step, call.chat, &content, None)
}

/// It has rung long enough.
pub(crate) fn handle_timeout(step: &mut Step<'_>) -> Result<(), StoreError> {
    if step.db.prepare_cached("UPDATE call SET rings_until = NULL WHERE rings_until <= ?1")?.execute([step.now.0])? > 0 {
        step.changed();
    }
    invited::handle_timeout(step)
}

pub(crate) fn next_due(step: &Step<'_>) -> Result<Option<Timestamp>, StoreError> {
    let due: Option<u64> = step.db.prepare_cached("SELECT min(rings_until) FROM call")?.query_row([], |row| row.get(0))?;
    Ok([due.map(Timestamp), invited::next_due(step)?].into_iter().flatten().min())
}
