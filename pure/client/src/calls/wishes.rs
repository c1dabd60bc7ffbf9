//! What the person wants of a call.

use umweg_wire::limits::{INVITED_MAX, SDP_BYTES_MAX};
use umweg_wire::proto::v1::{Camera, ChooseVideos, participant_request::Request};
use umweg_wire::{AccountId, CallId, LogId};

use super::invite;
use super::rows::{self, Call};
use super::session::{self, Phase, Session};
use crate::account;
use crate::chats;
use crate::command::CommandError;
use crate::conversation::wishes::spoken_in;
use crate::error::StoreError;
use crate::outbox::{self, Lane, Task};
use crate::people;
use crate::step::Step;

fn running(step: &Step<'_>, id: CallId) -> Result<Call, CommandError> {
    let call = rows::call(step.db, id)?.ok_or(CommandError::Unknown)?;
    if call.ended.is_some() { Err(CommandError::CallOver) } else { Ok(call) }
}

/// Where one runs already, this joins it.
pub(crate) fn start(step: &mut Step<'_>, log: LogId, video: bool) -> Result<(), CommandError> {
    let chat = spoken_in(step, log)?;
    if let Some(call) = rows::running_in(step.db, log)? {
        return join(step, call.id, video);
    }
    free(step)?;
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
    let invited: Vec<AccountId> = chats::members(step.db, log)?.into_iter().map(|member| member.account).collect();
    rows::insert(step, &call, &invited)?;
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
        Some(true) => Ok(session::over(step)?),
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
    step.live.session = Some(Session::joining(call, video, step.now));
    outbox::push(step, Lane::Call(call.id), &Task::JoinCall)?;
    step.changed();
    Ok(())
}

pub(crate) fn decline(step: &mut Step<'_>, id: CallId) -> Result<(), CommandError> {
    let call = running(step, id)?;
    rows::stop_ringing(step, id)?;
    Ok(invite::send_declined(step, &call)?)
}

/// Nobody learns of it.
pub(crate) fn ignore(step: &mut Step<'_>, id: CallId) -> Result<(), CommandError> {
    running(step, id)?;
    Ok(rows::stop_ringing(step, id)?)
}

/// This device's session in that call.
fn session<'s>(step: &'s mut Step<'_>, id: CallId) -> Result<&'s mut Session, CommandError> {
    step.live.session.as_mut().filter(|session| session.call == id && session.phase != Phase::Leaving).ok_or(CommandError::Unknown)
}

pub(crate) fn leave(step: &mut Step<'_>, id: CallId) -> Result<(), CommandError> {
    session(step, id)?;
    Ok(session::leave(step)?)
}

pub(crate) fn add(step: &mut Step<'_>, id: CallId, members: &[AccountId]) -> Result<(), CommandError> {
    running(step, id)?;
    session(step, id)?;
    people::require_contacts(step.db, members)?;
    let invited = rows::invited(step.db, id)?;
    let accounts: Vec<AccountId> =
        members.iter().copied().filter(|account| invited.iter().all(|(other, _)| other != account)).collect();
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
    session(step, id)?.muted = muted;
    step.changed();
    Ok(session::update_note(step)?)
}

pub(crate) fn camera(step: &mut Step<'_>, id: CallId, on: bool) -> Result<(), CommandError> {
    let session = session(step, id)?;
    session.camera = on;
    session.camera_refused = false;
    if matches!(session.phase, Phase::In { .. }) {
        session::participate(step, id, Request::Camera(Camera { on }));
    }
    step.changed();
    Ok(session::update_note(step)?)
}

pub(crate) fn choose_videos(step: &mut Step<'_>, id: CallId, participants: Vec<u32>, height_max: u32) -> Result<(), CommandError> {
    if matches!(session(step, id)?.phase, Phase::In { .. }) {
        session::participate(step, id, Request::Videos(ChooseVideos { participants, height_max }));
    }
    Ok(())
}
