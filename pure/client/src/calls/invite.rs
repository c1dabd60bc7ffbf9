//! What conversations say of calls: that one began, that somebody declines, that it is over.

use umweg_seal::Verified;
use umweg_wire::limits::{INVITED_MAX, RINGING};
use umweg_wire::proto::sealed::{CallDeclined, CallEnded, CallInvite, Content, content::Body};
use umweg_wire::proto::v1::Entry;
use umweg_wire::{AccountId, CallId, LogId, MessageId, Timestamp};

use super::roster;
use super::rows::{self, Call, Reply};
use crate::account;
use crate::chats::Chat;
use crate::conversation::{content, sealing};
use crate::error::StoreError;
use crate::lines::{self, NewLine, What};
use crate::outbox;
use crate::people;
use crate::port::Output;
use crate::step::Step;

/// Somebody calls, or has called while this device was away.
pub(crate) fn handle(
    step: &mut Step<'_>,
    chat: &Chat,
    entry: &Entry,
    from: &Verified,
    said: &Content,
    invite: &CallInvite,
) -> Result<(), StoreError> {
    let (Ok(id), Ok(join_secret)) = (CallId::try_from(&invite.call_id), <[u8; 32]>::try_from(invite.join_secret.as_slice())) else {
        return Ok(());
    };
    let accounts: Vec<AccountId> =
        invite.invited.iter().take(INVITED_MAX).filter_map(|account| AccountId::try_from(account).ok()).collect();
    let me = account::mine(step.db)?;
    if !accounts.contains(&me.id) {
        return Ok(());
    }
    if let Some(known) = rows::call(step.db, id)? {
        return if known.join_secret == join_secret { rows::invite(step, id, &accounts) } else { Ok(()) };
    }
    let until = Timestamp(entry.time).after(RINGING);
    let blocked = people::person(step.db, from.account())?.is_some_and(|person| person.blocked);
    let rings = until > step.now && !blocked;
    let call = Call {
        id,
        join_secret,
        chat: chat.log,
        video: invite.video,
        started: Timestamp(entry.time),
        caller: from.account(),
        rings_until: rings.then_some(until),
        opened: true,
        was_in: false,
        ended: None,
    };
    rows::insert(step, &call, &accounts)?;
    content::write(step, chat, entry, from, MessageId::try_from(&said.id).ok(), What::Call { call: id })?;
    content::deserves_receipt(step, chat, entry.seq)?;
    roster::watch(step, &call, true);
    if rings {
        let title = people::name_of(step.db, from.account())?;
        step.output(Output::Notify { title, text: crate::chats::title(step.db, chat)? });
    }
    Ok(())
}

/// Tells a conversation of a call, with a line.
pub(crate) fn send(step: &mut Step<'_>, call: &Call, log: LogId) -> Result<(), StoreError> {
    let invited = rows::invited(step.db, call.id)?.iter().map(|(account, _)| account.to_vec()).collect();
    let invite = CallInvite {
        call_id: call.id.to_vec(),
        join_secret: call.join_secret.to_vec(),
        video: call.video,
        started_at: call.started.0,
        invited,
    };
    let now = step.now;
    let content = sealing::new_content(step, now, Body::CallInvite(invite));
    let id = MessageId::try_from(&content.id)?;
    let line = NewLine { log, seq: None, id: Some(id), author: None, time: now, what: What::Call { call: call.id } };
    let row = lines::write(step, &line)?;
    outbox::say(step, log, &content, Some(row))
}

/// Somebody will not come.
pub(crate) fn declined(step: &mut Step<'_>, _chat: &Chat, from: &Verified, declined: &CallDeclined) -> Result<(), StoreError> {
    match CallId::try_from(&declined.call_id) {
        Ok(call) => rows::set_reply(step, call, from.account(), Reply::Declined),
        Err(_) => Ok(()),
    }
}

pub(crate) fn send_declined(step: &mut Step<'_>, call: &Call) -> Result<(), StoreError> {
    let now = step.now;
    let content = sealing::new_content(step, now, Body::CallDeclined(CallDeclined { call_id: call.id.to_vec() }));
    outbox::say(step, call.chat, &content, None)
}

/// The last one has left, somebody says. Not believed while others are to be seen in it: then the roster will tell.
pub(crate) fn ended(step: &mut Step<'_>, _chat: &Chat, from: &Verified, ended: &CallEnded) -> Result<(), StoreError> {
    let Ok(id) = CallId::try_from(&ended.call_id) else { return Ok(()) };
    let Some(call) = rows::call(step.db, id)?.filter(|call| call.ended.is_none()) else { return Ok(()) };
    let invited = rows::invited(step.db, id)?.iter().any(|(account, _)| *account == from.account());
    let others = step.live.rosters.get(&id).is_some_and(|seen| seen.present.iter().any(|one| one.account != from.account()));
    let taking_part = step.live.session.as_ref().is_some_and(|session| session.call == id);
    if invited && !others && !taking_part {
        let now = step.now;
        rows::end(step, &call, now)?;
    }
    Ok(())
}

/// Tells every conversation that knows of the call from this device.
pub(crate) fn send_ended(step: &mut Step<'_>, call: &Call) -> Result<(), StoreError> {
    let what = serde_json::to_string(&What::Call { call: call.id })?;
    let mut query = step.db.prepare_cached("SELECT DISTINCT log FROM line WHERE what = ?1 ORDER BY log")?;
    let logs = query.query_map([what], |row| Ok(LogId(row.get(0)?)))?.collect::<Result<Vec<_>, _>>()?;
    for log in logs {
        let now = step.now;
        let ended = CallEnded { call_id: call.id.to_vec(), ended_at: now.0 };
        let content = sealing::new_content(step, now, Body::CallEnded(ended));
        outbox::say(step, log, &content, None)?;
    }
    Ok(())
}

/// It has rung long enough.
pub(crate) fn handle_timeout(step: &mut Step<'_>) -> Result<(), StoreError> {
    if step.db.prepare_cached("UPDATE call SET rings_until = NULL WHERE rings_until <= ?1")?.execute([step.now.0])? > 0 {
        step.changed();
    }
    Ok(())
}

pub(crate) fn next_due(step: &Step<'_>) -> Result<Option<Timestamp>, StoreError> {
    let due: Option<u64> = step.db.prepare_cached("SELECT min(rings_until) FROM call")?.query_row([], |row| row.get(0))?;
    Ok(due.map(Timestamp))
}
