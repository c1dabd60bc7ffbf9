//! What the person wants of a call.

use std::collections::BTreeSet;

use umweg_wire::limits::{
    INVITED_MAX, REACTION_BYTES_MAX, REACTION_GAP, RING_AGAIN_GAP, RINGING, RINGING_INVITED_MAX, RINGS_MAX, SDP_BYTES_MAX,
};
use umweg_wire::proto::v1::{self, Camera, ChooseVideos, participant_request::Request};
use umweg_wire::{AccountId, CallId, LogId, Timestamp};

use super::invite;
use super::invited::{self, Reply};
use super::rows::{self, Call};
use super::session::{self, Phase, Session};
use super::showing::{self, Screen};
use crate::account;
use crate::chats;
use crate::command::CommandError;
use crate::conversation::wishes::spoken_in;
use crate::error::StoreError;
use crate::outbox::{self, Lane, Task};
use crate::people;
use crate::step::Step;
use crate::view::StopReason;

fn running(step: &Step<'_>, id: CallId) -> Result<Call, CommandError> {
    let call = rows::call(step.db, id)?.ok_or(CommandError::Unknown)?;
    if call.ended.is_some() { Err(CommandError::CallOver) } else { Ok(call) }
}

/// Where one runs already, this joins it.
pub(crate) fn start(step: &mut Step<'_>, log: LogId, video: bool) -> Result<(), CommandError> {
    let chat = spoken_in(step, log)?;
    if let Some(call) = rows::running_in(step.db, log)?.first() {
        return join(step, call.id, video);
    }
    free(step)?;
    step.live.stopped = None;
    let me = account::mine(step.db)?.id;
    let mut join_secret = [0; 32];
    rand::Rng::fill_bytes(step.rng, &mut join_secret);
    let call = Call {
        id: CallId::random(step.rng),
        join_secret,
        chat: chat.log,
        video,
        started: step.now,
        caller: me,
        rings_until: None,
        opened: false,
        was_in: true,
        ended: None,
    };
    // Who is on the way into the conversation is called too: the invitation follows in its log.
    let mut invited: BTreeSet<AccountId> = chats::members(step.db, log)?.into_iter().map(|member| member.account).collect();
    invited.extend(outbox::being_added(step.db, log)?);
    rows::insert(step, &call, &Vec::from_iter(invited))?;
    step.live.session = Some(Session::joining(&call, video, step.now));
    outbox::push(step, Lane::Call(call.id), &Task::CreateCallLog)?;
    outbox::push(step, Lane::Call(call.id), &Task::OpenCall)?;
    step.changed();
    Ok(())
}

/// One call at a time; one that is being left stands in nobody's way.
fn free(step: &mut Step<'_>) -> Result<(), CommandError> {
    match step.live.session.as_ref().map(|session| session.phase == Phase::Leaving) {
        Some(false) => Err(CommandError::AlreadyInACall),
        Some(true) => Ok(session::over(step, StopReason::Left)?),
        None => Ok(()),
    }
}

pub(crate) fn join(step: &mut Step<'_>, id: CallId, video: bool) -> Result<(), CommandError> {
    let call = running(step, id)?;
    rows::stop_ringing(step, id)?;
    match step.live.session.as_ref().filter(|session| session.call == id).map(|session| session.phase.clone()) {
        Some(Phase::Joining) => return Ok(()),
        Some(Phase::Leaving) | None => {}
        Some(_) => return Ok(session::restart_media(step, video)?),
    }
    free(step)?;
    Ok(come_in(step, &call, video)?)
}

/// On the way in.
pub(crate) fn come_in(step: &mut Step<'_>, call: &Call, video: bool) -> Result<(), StoreError> {
    step.live.stopped = None;
    step.live.session = Some(Session::joining(call, video, step.now));
    outbox::push(step, Lane::Call(call.id), &Task::JoinCall)?;
    step.changed();
    Ok(())
}

pub(crate) fn decline(step: &mut Step<'_>, id: CallId) -> Result<(), CommandError> {
    let call = running(step, id)?;
    rows::stop_ringing(step, id)?;
    let me = account::mine(step.db)?.id;
    invited::set_reply(step, id, me, Reply::Declined)?;
    Ok(invite::send_declined(step, &call)?)
}

/// Nobody learns of it.
pub(crate) fn ignore(step: &mut Step<'_>, id: CallId) -> Result<(), CommandError> {
    running(step, id)?;
    Ok(rows::stop_ringing(step, id)?)
}

fn session<'s>(step: &'s mut Step<'_>, id: CallId) -> Result<&'s mut Session, CommandError> {
    session::of(step, id).ok_or(CommandError::Unknown)
}

pub(crate) fn leave(step: &mut Step<'_>, id: CallId) -> Result<(), CommandError> {
    session(step, id)?;
    Ok(session::leave(step, StopReason::Left)?)
}

pub(crate) fn add(step: &mut Step<'_>, id: CallId, members: &[AccountId]) -> Result<(), CommandError> {
    running(step, id)?;
    session(step, id)?;
    people::require_contacts(step.db, members)?;
    let invited = invited::accounts(step.db, id)?;
    let accounts: Vec<AccountId> = members.iter().copied().filter(|account| !invited.contains(account)).collect();
    if invited.len() + accounts.len() > INVITED_MAX {
        return Err(CommandError::TooMany { max: INVITED_MAX as u64 });
    }
    if !accounts.is_empty() {
        outbox::push(step, Lane::Call(id), &Task::InviteToCall { accounts })?;
    }
    Ok(())
}

pub(crate) fn offer(step: &mut Step<'_>, id: CallId, sdp: &str) -> Result<(), CommandError> {
    if sdp.len() > SDP_BYTES_MAX {
        return Err(CommandError::TooLong { max: SDP_BYTES_MAX as u64 });
    }
    if session(step, id)?.phase != Phase::AwaitingOffer {
        return Err(CommandError::Unknown);
    }
    Ok(session::enter(step, sdp)?)
}

pub(crate) fn mute(step: &mut Step<'_>, id: CallId, muted: bool) -> Result<(), CommandError> {
    session(step, id)?.showing.muted = muted;
    step.changed();
    Ok(showing::update_note(step)?)
}

pub(crate) fn camera(step: &mut Step<'_>, id: CallId, on: bool) -> Result<(), CommandError> {
    let session = session(step, id)?;
    session.showing.camera = on;
    session.showing.camera_wanted = on;
    if matches!(session.phase, Phase::In { .. }) {
        session::participate(step, id, Request::Camera(Camera { on }));
    }
    step.changed();
    Ok(showing::update_note(step)?)
}

pub(crate) fn screen(step: &mut Step<'_>, id: CallId, on: bool) -> Result<(), CommandError> {
    let session = session(step, id)?;
    session.showing.screen = if on { Screen::Shown } else { Screen::Hidden };
    if matches!(session.phase, Phase::In { .. }) {
        session::participate(step, id, Request::Screen(v1::Screen { on }));
    }
    step.changed();
    Ok(showing::update_note(step)?)
}

pub(crate) fn raise_hand(step: &mut Step<'_>, id: CallId, raised: bool) -> Result<(), CommandError> {
    let now = step.now;
    let hand = &mut session(step, id)?.showing.hand;
    *hand = raised.then(|| hand.unwrap_or(now));
    step.changed();
    Ok(showing::update_note(step)?)
}

pub(crate) fn react(step: &mut Step<'_>, id: CallId, reaction: &str) -> Result<(), CommandError> {
    let now = step.now;
    let session = session(step, id)?;
    if reaction.trim().is_empty() {
        return Err(CommandError::Empty);
    }
    if reaction.len() > REACTION_BYTES_MAX {
        return Err(CommandError::TooLong { max: REACTION_BYTES_MAX as u64 });
    }
    if session.showing.reaction.as_ref().is_some_and(|before| Timestamp(before.at).after(REACTION_GAP) > now) {
        return Err(CommandError::TooSoon);
    }
    session.showing.reaction = Some(showing::reaction(reaction, now));
    step.changed();
    Ok(showing::update_note(step)?)
}

/// Rings once more at somebody who has not come: where this account talks to them, or else where the call is.
pub(crate) fn ring_again(step: &mut Step<'_>, id: CallId, account: AccountId) -> Result<(), CommandError> {
    let call = running(step, id)?;
    let session = session(step, id)?;
    if session.members.iter().any(|member| member.account == account && !session.is_going(member.leaf)) {
        return Ok(()); // they are in
    }
    let who = invited::one(step.db, id, account)?.ok_or(CommandError::Unknown)?;
    if invited::accounts(step.db, id)?.len() > RINGING_INVITED_MAX {
        return Err(CommandError::TooMany { max: RINGING_INVITED_MAX as u64 });
    }
    let just_now = who.rings_until.is_some_and(|until| until > step.now.after(RINGING - RING_AGAIN_GAP));
    if just_now || who.rung.times >= RINGS_MAX || who.rung.at.after(RING_AGAIN_GAP) > step.now {
        return Err(CommandError::TooSoon);
    }
    let log = match people::chat_with(step.db, account)? {
        Some(log) => log,
        None if chats::is_member(step.db, call.chat, account)? => call.chat,
        None => return Err(CommandError::Unknown),
    };
    Ok(invite::send_ring(step, &call, account, log)?)
}

pub(crate) fn choose_videos(step: &mut Step<'_>, id: CallId, participants: Vec<u32>, height_max: u32) -> Result<(), CommandError> {
    if matches!(session(step, id)?.phase, Phase::In { .. }) {
        session::participate(step, id, Request::Videos(ChooseVideos { participants, height_max }));
    }
    Ok(())
}
