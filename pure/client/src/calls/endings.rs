//! When a call is over, and when it is not after all. Those who are in hold its keys; the others have the roster, which the service
//! tells, and what people say in the conversation, which takes its time.
//!
//! 1. The last one who leaves says that it is over. It is for who is not in it, as soon as nobody else is shown in it.
//! 2. Where nobody could say so, it is over when its roster has been empty for long (`roster::EMPTY_MAX`).
//! 3. Nobody is alone in a call that the others hold to be over. Who is in and hears that it is over says the invite again; so does who
//!    comes in (again) and finds nobody there, or is left alone by somebody who vanished. All take the call up again. If that was wrong,
//!    its roster is empty, and it is over soon.
//! 4. Who was away for so long that the others took it out of the keys, and hears that they have ended the call, does not come back to be
//!    alone in it: it is over here, too, and the person is told. So it is for who was only on the way in.
//! 5. A conversation has one call: who is alone in one, and hears of another that was begun by somebody who held this one to be over, is out
//!    of it, and the other rings.

use umweg_seal::Verified;
use umweg_wire::proto::sealed::{CallEnded, content::Body};
use umweg_wire::{AccountId, CallId, LogId, Timestamp};

use super::rows::{self, Call};
use super::session::{self, Phase, Session};
use super::{invite, invited, roster, seats};
use crate::account;
use crate::chats::Chat;
use crate::conversation::sealing;
use crate::error::StoreError;
use crate::lines;
use crate::outbox;
use crate::step::Step;
use crate::view::StopReason;

/// Somebody says that the last one has left.
pub(crate) fn handle(step: &mut Step<'_>, chat: &Chat, from: &Verified, ended: &CallEnded) -> Result<(), StoreError> {
    let Ok(id) = CallId::try_from(&ended.call_id) else { return Ok(()) };
    let Some(call) = rows::call(step.db, id)?.filter(|call| call.ended.is_none()) else { return Ok(()) };
    if invited::one(step.db, id, from.account())?.is_none() {
        return Ok(());
    }
    match step.live.session.as_mut().filter(|session| session.call == id) {
        None => believe(step, chat, from.account(), &call),
        Some(session) if session.phase == Phase::Leaving => {
            roster::set_said_over(step, id, true);
            Ok(())
        }
        Some(session) if session.phase == Phase::Joining || session.returning => end_here(step, id),
        Some(session) => {
            session.denied_by = Some(from.account());
            take_leave(step, from, ended)?;
            affirm_doubted(step)
        }
    }
}

fn believe(step: &mut Step<'_>, chat: &Chat, by: AccountId, call: &Call) -> Result<(), StoreError> {
    let me = account::mine(step.db)?;
    let others = roster::others(step, call.id, &me).any(|one| one.account != by);
    if others && roster::set_said_over(step, call.id, true) {
        return Ok(());
    }
    // Those whom this account added hear it from nobody else.
    for log in told_elsewhere(step, call, chat)? {
        say_ended(step, call, log)?;
    }
    let now = step.now;
    if others { Ok(()) } else { rows::end(step, call, now) }
}

/// Who says that it is over is out of it themselves, unless they have come back since.
fn take_leave(step: &mut Step<'_>, from: &Verified, ended: &CallEnded) -> Result<(), StoreError> {
    let Some(session) = &step.live.session else { return Ok(()) };
    let leaf = session.members.iter().find(|member| member.device == *from.device_key()).map(|member| member.leaf);
    let shown = step.live.rosters.get(&session.call).into_iter().flat_map(|seen| &seen.present);
    let is_back = shown.filter(|one| one.device == *from.device_key()).any(|one| one.since.0 > ended.ended_at);
    leaf.filter(|_| !is_back).map_or(Ok(()), |leaf| seats::handle_left(step, leaf))
}

fn told_elsewhere(step: &Step<'_>, call: &Call, chat: &Chat) -> Result<Vec<LogId>, StoreError> {
    let telling = lines::telling_of(step.db, call.id)?;
    Ok(telling.into_iter().filter(|(log, by_me)| *by_me && *log != chat.log).map(|(log, _)| log).collect())
}

/// Somebody who was invited says that it runs.
pub(crate) fn handle_affirmed(step: &mut Step<'_>, chat: &Chat, call: &Call) -> Result<(), StoreError> {
    if let Some(session) = step.live.session.as_mut().filter(|session| session.call == call.id) {
        session.denied_by = None;
    }
    roster::set_said_over(step, call.id, false);
    if rows::take_up(step, call)? {
        for log in told_elsewhere(step, call, chat)? {
            invite::say_again(step, call, log)?;
        }
    }
    Ok(())
}

/// This device's media begins to run. If nobody else's does, the others may have ended the call.
pub(crate) fn affirm_entered(step: &mut Step<'_>) -> Result<(), StoreError> {
    let me = account::mine(step.db)?;
    if let Some(session) = &mut step.live.session {
        session.returning = false;
    }
    let Some(session) = &step.live.session else { return Ok(()) };
    let alone = roster::others(step, session.call, &me).next().is_none();
    if alone && !has_just_said(session, step.now) { affirm(step) } else { affirm_doubted(step) }
}

/// Where somebody has said that it is over, one of those whose media runs says otherwise, not all of them. So does who is left alone by
/// somebody who vanished: they may have hung up, and hold it to be over.
pub(crate) fn affirm_doubted(step: &mut Step<'_>) -> Result<(), StoreError> {
    let Some(session) = step.live.session.as_ref().filter(|session| matches!(session.phase, Phase::In { .. })) else {
        return Ok(());
    };
    let me = account::mine(step.db)?;
    let mine = session.members.iter().find(|member| member.device == me.device.key.public());
    let others = || roster::others(step, session.call, &me);
    let doubted = match session.denied_by {
        Some(by) => others().all(|one| one.account == by || mine.is_some_and(|mine| mine.leaf < one.leaf)),
        None => session.alone_since.is_none() && others().next().is_none() && !has_just_said(session, step.now),
    };
    if doubted { affirm(step) } else { Ok(()) }
}

fn has_just_said(session: &Session, now: Timestamp) -> bool {
    session.said_runs.is_some_and(|said| said.after(roster::EMPTY_MAX) > now)
}

fn affirm(step: &mut Step<'_>) -> Result<(), StoreError> {
    let Some(call) = step.live.session.as_ref().map(|session| session.call) else { return Ok(()) };
    let Some(call) = rows::call(step.db, call)? else { return Ok(()) };
    has_said_that_it_runs(step);
    lines::telling_of(step.db, call.id)?.into_iter().try_for_each(|(log, _)| invite::say_again(step, &call, log))
}

/// This device has just told the others of it.
pub(crate) fn has_said_that_it_runs(step: &mut Step<'_>) {
    let now = step.now;
    if let Some(session) = &mut step.live.session {
        (session.said_runs, session.denied_by) = (Some(now), None);
    }
}

/// Another call begins in that conversation. Whoever began it knew of those before it.
pub(crate) fn handle_another(step: &mut Step<'_>, chat: &Chat) -> Result<(), StoreError> {
    let alone = step.live.session.as_ref().filter(|session| session.phase != Phase::Leaving && session.alone_since.is_some());
    let Some(id) = alone.map(|session| session.call) else { return Ok(()) };
    match rows::call(step.db, id)?.filter(|call| call.chat == chat.log) {
        Some(call) => session::end(step, &call, StopReason::Over),
        None => Ok(()),
    }
}

/// It is over for this device, which took part in it.
pub(crate) fn end_here(step: &mut Step<'_>, id: CallId) -> Result<(), StoreError> {
    session::over(step, StopReason::Over)?;
    let now = step.now;
    rows::call(step.db, id)?.map_or(Ok(()), |call| rows::end(step, &call, now))
}

/// Tells every conversation that knows of the call from this device.
pub(crate) fn send_ended(step: &mut Step<'_>, call: &Call) -> Result<(), StoreError> {
    lines::telling_of(step.db, call.id)?.into_iter().try_for_each(|(log, _)| say_ended(step, call, log))
}

fn say_ended(step: &mut Step<'_>, call: &Call, log: LogId) -> Result<(), StoreError> {
    let now = step.now;
    let ended = CallEnded { call_id: call.id.to_vec(), ended_at: now.0 };
    let content = sealing::new_content(step, now, Body::CallEnded(ended));
    outbox::say(step, log, &content, None)
}
