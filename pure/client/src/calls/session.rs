//! Taking part in a call: from joining to leaving. It lives as long as the process; only the keys and the call's row are stored.

use std::collections::BTreeMap;
use std::time::Duration;

use umweg_seal::Store;
use umweg_seal::call::{CallGroup, CallSecrets};
use umweg_wire::limits::{AUDIO_SLOTS_MAX, VIDEO_SLOTS_MAX};
use umweg_wire::proto::v1::{self, participant_event::Event, participant_request::Request};
use umweg_wire::{AccountId, CallId, ChainHash, Ticket, Timestamp};

use super::seats::{self, Ghost, Going};
use super::showing::{self, Screen, Showing};
use super::{endings, invited, log, roster, rows, wishes};
use crate::account;
use crate::error::StoreError;
use crate::lines;
use crate::outbox::{self, Lane, Task};
use crate::port::{Failure, Media, MediaEvent, Output, SlotView};
use crate::step::Step;
use crate::sync;
use crate::view::StopReason;

/// How soon a lost stream is tried again while the connection stands; twice as long after each try that fails.
const STREAM_RETRY: Duration = Duration::from_millis(250);
const STREAM_RETRY_MAX: Duration = Duration::from_secs(5);

/// The call that this device takes part in.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) call: CallId,
    pub(crate) join_secret: [u8; 32],
    pub(crate) phase: Phase,
    pub(crate) since: Timestamp,
    pub(crate) showing: Showing,
    /// Where this device stands in the call's log.
    pub(crate) place: Place,
    /// By leaf, from the keys.
    pub(crate) members: Vec<Participant>,
    pub(crate) code: Option<String>,
    /// Leaves to be taken out: since when this device thinks so.
    pub(crate) going: BTreeMap<u32, Going>,
    /// By participant: whom the roster shows, and the keys do not.
    pub(crate) ghosts: BTreeMap<u32, Ghost>,
    /// Nobody else is in it.
    pub(crate) alone_since: Option<Timestamp>,
    /// Was taken for gone, and is on its way back by itself.
    pub(crate) returning: bool,
    /// When this device last told the others that it runs.
    pub(crate) said_runs: Option<Timestamp>,
    /// Somebody says that it is over, and nobody has said otherwise since.
    pub(crate) denied_by: Option<AccountId>,
    /// Tries to reach the SFU that have failed since it was last reached.
    tries: u32,
}

/// How far it has come.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Opens the call, or commits its way in.
    Joining,
    /// In by the keys; the page makes its offer.
    AwaitingOffer,
    /// Its media begins anew, for which it waits for new keys: a page that begins counts its frames anew, and no count may come twice
    /// under one key. Anybody's commit will do.
    Renewing,
    /// The SFU was not reached: the page is asked for another offer then.
    Waiting { offer_at: Timestamp },
    /// The offer is at the SFU.
    Entering,
    /// Media runs.
    In { ticket: Ticket },
    /// The stream broke; the seat is kept for a while.
    Lost { ticket: Ticket, retry_at: Timestamp },
    /// Said so; waits until the call's log has taken it.
    Leaving,
}

/// A place in the call's log.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) applied: u64,
    pub(crate) log_epoch: u64,
    pub(crate) chain: ChainHash,
}

/// Somebody whom the call's keys include.
#[derive(Clone)]
pub(crate) struct Participant {
    pub(crate) leaf: u32,
    pub(crate) account: AccountId,
    pub(crate) device: [u8; 32],
}

impl Session {
    pub(crate) fn secrets(&self) -> CallSecrets {
        CallSecrets::from_join_secret(&self.join_secret)
    }

    /// A new one, on its way in.
    pub(crate) fn joining(call: &rows::Call, camera: bool, now: Timestamp) -> Self {
        Self {
            call: call.id,
            join_secret: call.join_secret,
            phase: Phase::Joining,
            since: now,
            showing: Showing::with_camera(camera),
            place: Place { applied: 0, log_epoch: 0, chain: ChainHash([0; 32]) },
            members: vec![],
            code: None,
            going: BTreeMap::new(),
            ghosts: BTreeMap::new(),
            alone_since: None,
            returning: false,
            said_runs: None,
            denied_by: None,
            tries: 0,
        }
    }

    /// Said that it leaves, and is only waiting to be taken out.
    pub(crate) fn is_going(&self, leaf: u32) -> bool {
        self.going.get(&leaf).is_some_and(|going| going.said_so)
    }

    fn has_entered(&self) -> bool {
        matches!(self.phase, Phase::Entering | Phase::In { .. } | Phase::Lost { .. })
    }

    pub(super) fn own_leaf(&self, device: &[u8; 32]) -> u32 {
        self.members.iter().find(|member| member.device == *device).map(|member| member.leaf).unwrap_or_default()
    }
}

/// This device's session in that call, unless it is on its way out.
pub(crate) fn of<'s>(step: &'s mut Step<'_>, call: CallId) -> Option<&'s mut Session> {
    step.live.session.as_mut().filter(|session| session.call == call && session.phase != Phase::Leaving)
}

/// The keys are there: the page may begin.
pub(crate) fn let_in(step: &mut Step<'_>, place: Place) -> Result<(), StoreError> {
    let Some(session) = &mut step.live.session else { return Ok(()) };
    session.phase = Phase::AwaitingOffer;
    let (log, capability, after, call) =
        (session.secrets().log_id(), session.secrets().capability().clone(), place.applied, session.call);
    session.place = place;
    rows::set_was_in(step, call)?;
    let me = account::mine(step.db)?.id;
    invited::set_was_in(step, call, me)?;
    sync::subscribe(step, log, capability.expose(), after);
    make_offer(step);
    handle_keys(step)
}

fn make_offer(step: &mut Step<'_>) {
    let Some(session) = &mut step.live.session else { return };
    session.phase = Phase::AwaitingOffer;
    session.showing.ask_anew();
    let offer = MediaEvent::MakeOffer {
        call: session.call,
        audio_slots: u8::try_from(AUDIO_SLOTS_MAX).unwrap_or(u8::MAX),
        video_slots: u8::try_from(VIDEO_SLOTS_MAX).unwrap_or(u8::MAX),
        camera: session.showing.camera_wanted,
    };
    step.output(Output::Page(offer));
    step.changed();
}

/// After every commit: who is in, and new keys for the page, which has none before it is asked for an offer nor after it has stopped.
pub(crate) fn handle_keys(step: &mut Step<'_>) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone() else { return Ok(()) };
    let secrets = session.secrets();
    let store = Store::new(step.db, step.rng);
    let Some(group) = CallGroup::load(&store, secrets.log_id())? else { return Ok(()) };
    let keys = group.media_keys(&store, &secrets)?;
    let code = group.code(&store)?;
    let members: Vec<Participant> = group
        .members()
        .iter()
        .map(|member| Participant { leaf: member.leaf, account: member.identity.account(), device: *member.identity.device_key() })
        .collect();
    if let Some(session) = &mut step.live.session {
        session.going.retain(|leaf, _| members.iter().any(|member| member.leaf == *leaf));
        session.members = members;
        session.code = Some(code);
    }
    seats::dismiss(step, &session.members);
    seats::note_keys(step, &session.members)?;
    if session.phase == Phase::Renewing {
        make_offer(step);
    }
    if session.phase != Phase::Leaving {
        step.output(Output::Page(MediaEvent::Keys {
            call: session.call,
            epoch: keys.epoch,
            base_key: data_encoding::BASE64URL_NOPAD.encode(&keys.base_key),
            leaf: keys.leaf,
        }));
    }
    invited::add(step, session.call, &group.invited())?;
    seats::compare(step)
}

/// Another offer from a page, where frames were sealed under the keys of now.
fn offer_anew(step: &mut Step<'_>) -> Result<(), StoreError> {
    let Some(session) = &mut step.live.session else { return Ok(()) };
    session.phase = Phase::Renewing;
    session.showing.ask_anew();
    let lane = Lane::Call(session.call);
    step.changed();
    outbox::push(step, lane, &Task::RenewCallKeys).map(drop)
}

/// The page's offer.
pub(crate) fn enter(step: &mut Step<'_>, sdp: &str) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone() else { return Ok(()) };
    let note = showing::note(step, &session)?;
    let secrets = session.secrets();
    let enter = v1::Enter {
        log_id: secrets.log_id().to_vec(),
        capability: secrets.capability().expose().to_vec(),
        offer: sdp.to_owned(),
        note,
        camera: session.showing.camera_wanted,
    };
    if let Some(session) = &mut step.live.session {
        session.phase = Phase::Entering;
    }
    participate(step, session.call, Request::Enter(enter));
    step.changed();
    Ok(())
}

pub(crate) fn participate(step: &mut Step<'_>, call: CallId, request: Request) {
    step.output(Output::Participate { call, request: v1::ParticipantRequest { request: Some(request) } });
}

/// The SFU said something.
pub(crate) fn handle_event(step: &mut Step<'_>, call: CallId, event: v1::ParticipantEvent) -> Result<(), StoreError> {
    let Some(session) = of(step, call) else { return Ok(()) };
    match event.event {
        Some(Event::Entered(entered)) => return handle_entered(step, call, entered),
        Some(Event::Resumed(_)) => {
            if let Phase::Lost { ticket, .. } = session.phase {
                session.phase = Phase::In { ticket };
                session.tries = 0;
            }
            endings::affirm_doubted(step)?;
            return showing::handle_resumed(step);
        }
        Some(Event::Slots(slots)) => {
            let slots = slots
                .slots
                .into_iter()
                .map(|slot| SlotView { mid: slot.mid, participant: slot.participant, screen: slot.screen })
                .collect();
            step.output(Output::Page(MediaEvent::Slots { call, slots }));
        }
        Some(Event::Roster(seen)) => return roster::handle(step, call, &seen),
        Some(Event::Camera(answer)) => return showing::handle_camera(step, answer.on),
        Some(Event::Screen(answer)) => return showing::handle_screen(step, answer.on),
        None => {}
    }
    step.changed();
    Ok(())
}

fn handle_entered(step: &mut Step<'_>, call: CallId, entered: v1::Entered) -> Result<(), StoreError> {
    let Some(session) = step.live.session.as_mut().filter(|session| session.phase == Phase::Entering) else { return Ok(()) };
    let (Ok(ticket), Ok(udp_port)) = (Ticket::try_from(&entered.ticket), u16::try_from(entered.udp_port)) else { return Ok(()) };
    session.tries = 0;
    session.phase = Phase::In { ticket };
    let shows_screen = session.showing.screen == Screen::Shown;
    step.output(Output::Media { call, media: Media::Open { ticket, udp_port } });
    step.output(Output::Page(MediaEvent::Answer { call, sdp: entered.answer }));
    if shows_screen {
        participate(step, call, Request::Screen(v1::Screen { on: true }));
    }
    endings::affirm_entered(step)?;
    showing::handle_camera(step, entered.camera)
}

/// The stream to the SFU ended.
pub(crate) fn handle_lost(step: &mut Step<'_>, call: CallId, failure: Failure) -> Result<(), StoreError> {
    let now = step.now;
    let Some(session) = step.live.session.as_mut().filter(|session| session.call == call) else { return Ok(()) };
    let retry_at = now.after((STREAM_RETRY * (1 << session.tries.min(8))).min(STREAM_RETRY_MAX));
    match (&session.phase, failure) {
        (Phase::In { ticket } | Phase::Lost { ticket, .. }, Failure::Unreachable | Failure::Broken | Failure::Full) => {
            session.phase = Phase::Lost { ticket: *ticket, retry_at };
            session.tries += 1;
        }
        // The seat is gone, or was never taken: a new one, with a new offer.
        (Phase::In { .. } | Phase::Lost { .. }, _) => {
            step.output(Output::Media { call, media: Media::Close });
            return offer_anew(step);
        }
        (Phase::Entering, Failure::Unreachable | Failure::Broken) => {
            session.phase = Phase::Waiting { offer_at: retry_at };
            session.tries += 1;
        }
        (Phase::Entering, Failure::Full) => return leave(step, StopReason::Full),
        (Phase::Entering, Failure::Refused | Failure::NotFound) => return leave(step, StopReason::Refused),
        (Phase::Entering, Failure::Exists | Failure::Invalid) => return leave(step, StopReason::Failed),
        (Phase::Joining | Phase::AwaitingOffer | Phase::Renewing | Phase::Waiting { .. } | Phase::Leaving, _) => {}
    }
    step.changed();
    Ok(())
}

/// A new connection: the log is followed from where this device stands, and the seat taken again.
pub(crate) fn handle_connected(step: &mut Step<'_>) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone() else { return Ok(()) };
    if session.phase == Phase::Joining {
        return Ok(());
    }
    log::follow(step, &session);
    match session.phase {
        Phase::In { ticket } | Phase::Lost { ticket, .. } => resume(step, &session, ticket),
        Phase::Entering | Phase::Waiting { .. } => make_offer(step),
        Phase::Joining | Phase::AwaitingOffer | Phase::Renewing | Phase::Leaving => {}
    }
    Ok(())
}

fn resume(step: &mut Step<'_>, session: &Session, ticket: Ticket) {
    let secrets = session.secrets();
    let resume = v1::Resume {
        log_id: secrets.log_id().to_vec(),
        capability: secrets.capability().expose().to_vec(),
        ticket: ticket.to_vec(),
    };
    // Should neither an answer nor a failure come back.
    let retry_at = step.now.after(STREAM_RETRY_MAX);
    if let Some(session) = &mut step.live.session {
        session.phase = Phase::Lost { ticket, retry_at };
    }
    participate(step, session.call, Request::Resume(resume));
}

/// Tries the SFU again.
pub(crate) fn handle_timeout(step: &mut Step<'_>) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone().filter(|_| step.live.connected) else { return Ok(()) };
    match session.phase {
        Phase::Lost { ticket, retry_at } if retry_at <= step.now => resume(step, &session, ticket),
        Phase::Waiting { offer_at } if offer_at <= step.now => make_offer(step),
        _ => {}
    }
    Ok(())
}

pub(crate) fn next_due(step: &Step<'_>) -> Option<Timestamp> {
    match step.live.session.as_ref().filter(|_| step.live.connected)?.phase {
        Phase::Lost { retry_at, .. } => Some(retry_at),
        Phase::Waiting { offer_at } => Some(offer_at),
        _ => None,
    }
}

/// Hangs up. The others are told; the last one ends the call.
pub(crate) fn leave(step: &mut Step<'_>, reason: StopReason) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone() else { return Ok(()) };
    if session.phase == Phase::Leaving {
        return Ok(());
    }
    stop_media(step, &session, reason);
    outbox::clear_lane(step, Lane::Call(session.call))?;
    let Some(call) = rows::call(step.db, session.call)? else { return over(step, reason) };
    match session.phase {
        Phase::Joining => {
            over(step, reason)?;
            if call.opened { Ok(()) } else { rows::forget(step, call.id) }
        }
        _ if is_last(step, &session)? => end(step, &call, reason),
        _ => {
            outbox::push(step, Lane::Call(session.call), &Task::CallLeft)?;
            step.changed();
            Ok(())
        }
    }
}

/// The last one has left.
pub(super) fn end(step: &mut Step<'_>, call: &rows::Call, reason: StopReason) -> Result<(), StoreError> {
    over(step, reason)?;
    endings::send_ended(step, call)?;
    let now = step.now;
    rows::end(step, call, now)
}

/// The call's log has taken that this device leaves. Had others said the same before, it was the last one.
pub(crate) fn has_left(step: &mut Step<'_>) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone() else { return Ok(()) };
    match rows::call(step.db, session.call)? {
        Some(call) if is_last(step, &session)? => end(step, &call, StopReason::Left),
        _ => over(step, StopReason::Left),
    }
}

/// Whether nobody stays: others in the keys have said that they go, or have no media.
fn is_last(step: &Step<'_>, session: &Session) -> Result<bool, StoreError> {
    let me = account::mine(step.db)?.device.key.public();
    Ok(session.members.iter().all(|member| member.device == me || session.is_going(member.leaf)))
}

fn stop_media(step: &mut Step<'_>, session: &Session, reason: StopReason) {
    if session.has_entered() {
        participate(step, session.call, Request::Leave(v1::Leave {}));
        step.output(Output::Media { call: session.call, media: Media::Close });
    }
    step.output(Output::Page(MediaEvent::Stop { call: session.call, reason }));
    let silent = matches!(reason, StopReason::Left | StopReason::Moved | StopReason::Returning);
    step.live.stopped = (!silent).then_some((session.call, reason));
    if let Some(session) = &mut step.live.session {
        session.phase = Phase::Leaving;
    }
}

/// Puts an end to taking part, without a word: the keys are forgotten.
pub(crate) fn over(step: &mut Step<'_>, reason: StopReason) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone() else { return Ok(()) };
    if session.phase != Phase::Leaving {
        stop_media(step, &session, reason);
    }
    step.live.session = None;
    let log = session.secrets().log_id();
    outbox::clear_lane(step, Lane::Call(session.call))?;
    sync::unwatch(step, log);
    let store = Store::new(step.db, step.rng);
    CallGroup::delete(&store, log)?;
    step.changed();
    Ok(())
}

/// Begins taking part again, with media from the start: the page was loaded anew.
pub(crate) fn restart_media(step: &mut Step<'_>, camera: bool) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone() else { return Ok(()) };
    if session.has_entered() {
        participate(step, session.call, Request::Leave(v1::Leave {}));
        step.output(Output::Media { call: session.call, media: Media::Close });
    }
    if let Some(session) = &mut step.live.session {
        session.showing.camera = camera;
        session.showing.camera_wanted = camera;
        session.showing.screen = Screen::Hidden; // the page that showed it is gone
    }
    match session.phase {
        Phase::In { .. } | Phase::Lost { .. } => offer_anew(step),
        Phase::Renewing => Ok(()),
        // No offer was answered yet, so no frame was sealed.
        Phase::Joining | Phase::AwaitingOffer | Phase::Waiting { .. } | Phase::Entering | Phase::Leaving => {
            make_offer(step);
            handle_keys(step)
        }
    }
}

/// Two calls of one conversation began at the same moment, and that of this device came second: it goes on in the other, with
/// whomever it has called meanwhile.
pub(crate) fn move_over(step: &mut Step<'_>, mine: &rows::Call, to: &rows::Call) -> Result<(), StoreError> {
    let before = of(step, mine.id).cloned();
    if before.is_some() {
        over(step, StopReason::Moved)?;
    }
    lines::take_back(step, mine.chat, mine.id)?;
    endings::send_ended(step, mine)?;
    let known = invited::accounts(step.db, to.id)?;
    let more: Vec<AccountId> =
        invited::accounts(step.db, mine.id)?.into_iter().filter(|account| !known.contains(account)).collect();
    rows::forget(step, mine.id)?;
    let Some(before) = before else { return Ok(()) };
    wishes::come_in(step, to, before.showing.camera_wanted)?;
    if !more.is_empty() {
        outbox::push(step, Lane::Call(to.id), &Task::InviteToCall { accounts: more })?;
    }
    Ok(())
}
