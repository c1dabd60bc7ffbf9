//! Taking part in a call: from joining to leaving. It lives as long as the process; only the keys and the call's row are stored.

use std::collections::BTreeMap;
use std::time::Duration;

use umweg_seal::Store;
use umweg_seal::call::{CallGroup, CallSecrets};
use umweg_wire::limits::{AUDIO_SLOTS_MAX, SEAT_KEPT, VIDEO_SLOTS_MAX};
use umweg_wire::proto::sealed::RosterNoteBody;
use umweg_wire::proto::v1::{self, participant_event::Event, participant_request::Request};
use umweg_wire::{AccountId, CallId, ChainHash, Ticket, Timestamp};

use super::{invite, roster, rows};
use crate::account;
use crate::conversation::duties::TURN;
use crate::error::StoreError;
use crate::outbox::{self, Bytes, Lane, Task};
use crate::port::{Failure, Media, MediaEvent, Output, SlotView};
use crate::step::Step;
use crate::sync;
use crate::view::RoadState;

/// How soon a lost stream is tried again while the connection stands.
const STREAM_RETRY: Duration = Duration::from_secs(2);

/// The call that this device takes part in.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) call: CallId,
    pub(crate) join_secret: [u8; 32],
    pub(crate) phase: Phase,
    pub(crate) since: Timestamp,
    pub(crate) muted: bool,
    pub(crate) camera: bool,
    pub(crate) camera_refused: bool,
    /// Where this device stands in the call's log.
    pub(crate) place: Place,
    /// By leaf, from the keys.
    pub(crate) members: Vec<Participant>,
    pub(crate) code: Option<String>,
    /// Leaves to be taken out: since when this device thinks so.
    pub(crate) going: BTreeMap<u32, Going>,
}

/// How far it has come.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Opens the call, or commits its way in.
    Joining,
    /// In by the keys; the page makes its offer.
    AwaitingOffer,
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

/// Why a leaf is to be taken out, and from when on.
#[derive(Clone, Copy)]
pub(crate) struct Going {
    since: Timestamp,
    said_so: bool,
    queued: bool,
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
            muted: false,
            camera,
            camera_refused: false,
            place: Place { applied: 0, log_epoch: 0, chain: ChainHash([0; 32]) },
            members: vec![],
            code: None,
            going: BTreeMap::new(),
        }
    }

    /// Said that it leaves, and is only waiting to be taken out.
    pub(crate) fn is_going(&self, leaf: u32) -> bool {
        self.going.get(&leaf).is_some_and(|going| going.said_so)
    }

    fn has_entered(&self) -> bool {
        matches!(self.phase, Phase::Entering | Phase::In { .. } | Phase::Lost { .. })
    }

    fn own_leaf(&self, device: &[u8; 32]) -> u32 {
        self.members.iter().find(|member| member.device == *device).map(|member| member.leaf).unwrap_or_default()
    }
}

/// The keys are there: the page may begin.
pub(crate) fn let_in(step: &mut Step<'_>, place: Place) -> Result<(), StoreError> {
    let Some(session) = &mut step.live.session else { return Ok(()) };
    session.phase = Phase::AwaitingOffer;
    let (log, capability, after, call) =
        (session.secrets().log_id(), session.secrets().capability().clone(), place.applied, session.call);
    session.place = place;
    rows::set_was_in(step, call)?;
    handle_keys(step)?;
    sync::subscribe(step, log, capability.expose(), after);
    make_offer(step);
    Ok(())
}

fn make_offer(step: &mut Step<'_>) {
    let Some(session) = &mut step.live.session else { return };
    session.phase = Phase::AwaitingOffer;
    let offer = MediaEvent::MakeOffer {
        call: session.call,
        audio_slots: u8::try_from(AUDIO_SLOTS_MAX).unwrap_or(u8::MAX),
        video_slots: u8::try_from(VIDEO_SLOTS_MAX).unwrap_or(u8::MAX),
        camera: session.camera,
    };
    step.output(Output::Page(offer));
    step.changed();
}

/// After every commit: new keys for the page, and who is in.
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
    step.output(Output::Page(MediaEvent::Keys {
        call: session.call,
        epoch: keys.epoch,
        base_key: data_encoding::BASE64URL_NOPAD.encode(&keys.base_key),
        leaf: keys.leaf,
    }));
    rows::invite(step, session.call, &group.invited())?;
    watch_seats(step)
}

/// The page's offer.
pub(crate) fn enter(step: &mut Step<'_>, sdp: &str) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone() else { return Ok(()) };
    let note = note(step, &session)?;
    let secrets = session.secrets();
    let enter = v1::Enter {
        log_id: secrets.log_id().to_vec(),
        capability: secrets.capability().expose().to_vec(),
        offer: sdp.to_owned(),
        note,
        camera: session.camera,
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

fn note(step: &mut Step<'_>, session: &Session) -> Result<Vec<u8>, StoreError> {
    let me = account::mine(step.db)?;
    let body = RosterNoteBody {
        since: session.since.0,
        video: session.camera,
        muted: session.muted,
        by_proxy: matches!(step.live.road, RoadState::Proxy { .. }),
        leaf: session.own_leaf(&me.device.key.public()),
    };
    Ok(session.secrets().seal_note(&me.device, session.call, &body, step.rng))
}

/// Something that others see of this device has changed.
pub(crate) fn update_note(step: &mut Step<'_>) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone().filter(|session| matches!(session.phase, Phase::In { .. })) else {
        return Ok(());
    };
    let note = note(step, &session)?;
    participate(step, session.call, Request::Note(v1::UpdateNote { note }));
    step.changed();
    Ok(())
}

/// The SFU said something.
pub(crate) fn handle_event(step: &mut Step<'_>, call: CallId, event: v1::ParticipantEvent) -> Result<(), StoreError> {
    let Some(session) = step.live.session.as_mut().filter(|session| session.call == call) else { return Ok(()) };
    match event.event {
        Some(Event::Entered(entered)) => return handle_entered(step, call, entered),
        Some(Event::Resumed(_)) => {
            if let Phase::Lost { ticket, .. } = session.phase {
                session.phase = Phase::In { ticket };
            }
            return update_note(step);
        }
        Some(Event::Slots(slots)) => {
            let slots = slots.slots.into_iter().map(|slot| SlotView { mid: slot.mid, participant: slot.participant }).collect();
            step.output(Output::Page(MediaEvent::Slots { call, slots }));
        }
        Some(Event::Roster(seen)) => return roster::handle(step, call, &seen),
        Some(Event::Camera(answer)) => {
            session.camera_refused = session.camera && !answer.on;
            session.camera = answer.on;
            return update_note(step);
        }
        None => {}
    }
    step.changed();
    Ok(())
}

fn handle_entered(step: &mut Step<'_>, call: CallId, entered: v1::Entered) -> Result<(), StoreError> {
    let Some(session) = step.live.session.as_mut().filter(|session| session.phase == Phase::Entering) else { return Ok(()) };
    let (Ok(ticket), Ok(udp_port)) = (Ticket::try_from(&entered.ticket), u16::try_from(entered.udp_port)) else { return Ok(()) };
    session.camera_refused = session.camera && !entered.camera;
    session.camera &= entered.camera;
    session.phase = Phase::In { ticket };
    step.output(Output::Media { call, media: Media::Open { ticket, udp_port } });
    step.output(Output::Page(MediaEvent::Answer { call, sdp: entered.answer }));
    update_note(step)
}

/// The stream to the SFU ended.
pub(crate) fn handle_lost(step: &mut Step<'_>, call: CallId, failure: Failure) -> Result<(), StoreError> {
    let retry_at = step.now.after(STREAM_RETRY);
    let Some(session) = step.live.session.as_mut().filter(|session| session.call == call) else { return Ok(()) };
    match (&session.phase, failure) {
        (Phase::In { ticket } | Phase::Lost { ticket, .. }, Failure::Unreachable | Failure::Broken | Failure::Full) => {
            session.phase = Phase::Lost { ticket: *ticket, retry_at };
        }
        // The seat is gone, or was never taken: a new one, with a new offer.
        (Phase::In { .. } | Phase::Lost { .. }, _) => {
            step.output(Output::Media { call, media: Media::Close });
            make_offer(step);
        }
        (Phase::Entering, Failure::Unreachable | Failure::Broken) => make_offer(step),
        (Phase::Entering, _) => return leave(step),
        (Phase::Joining | Phase::AwaitingOffer | Phase::Leaving, _) => {}
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
    let secrets = session.secrets();
    sync::subscribe(step, secrets.log_id(), secrets.capability().expose(), session.place.applied);
    match session.phase {
        Phase::In { ticket } | Phase::Lost { ticket, .. } => resume(step, &session, ticket),
        Phase::Entering => make_offer(step),
        Phase::Joining | Phase::AwaitingOffer | Phase::Leaving => {}
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
    let retry_at = step.now.after(STREAM_RETRY);
    if let Some(session) = &mut step.live.session {
        session.phase = Phase::Lost { ticket, retry_at };
    }
    participate(step, session.call, Request::Resume(resume));
}

/// Compares the keys with the roster: who has no media for long has vanished.
pub(crate) fn watch_seats(step: &mut Step<'_>) -> Result<(), StoreError> {
    let me = account::mine(step.db)?.device.key.public();
    let now = step.now;
    let Some(session) = &mut step.live.session else { return Ok(()) };
    let Some(seen) = step.live.rosters.get(&session.call) else { return Ok(()) };
    for member in session.members.iter().filter(|member| member.device != me) {
        if seen.present.iter().any(|one| one.device == member.device && one.leaf == member.leaf) {
            if session.going.get(&member.leaf).is_some_and(|going| !going.said_so) {
                session.going.remove(&member.leaf);
            }
        } else {
            session.going.entry(member.leaf).or_insert(Going { since: now, said_so: false, queued: false });
        }
    }
    Ok(())
}

/// Somebody said that they leave.
pub(crate) fn handle_left(step: &mut Step<'_>, leaf: u32) {
    let now = step.now;
    if let Some(session) = &mut step.live.session {
        session.going.insert(leaf, Going { since: now, said_so: true, queued: false });
    }
    step.changed();
}

/// When it is this device's turn to take a leaf out: the lowest leaf that stays goes first.
fn turn(session: &Session, leaf: u32, going: &Going, me: &[u8; 32]) -> Timestamp {
    let staying = session.members.iter().filter(|member| member.leaf != leaf && !session.is_going(member.leaf));
    let rank = staying.take_while(|member| member.device != *me).count();
    let kept = if going.said_so { Duration::ZERO } else { SEAT_KEPT };
    going.since.after(kept).after(TURN * u32::try_from(rank).unwrap_or(u32::MAX))
}

/// Takes out whose turn it is to go, and tries a lost stream again.
pub(crate) fn handle_timeout(step: &mut Step<'_>) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone() else { return Ok(()) };
    if matches!(session.phase, Phase::Joining | Phase::Leaving) || !step.live.connected {
        return Ok(());
    }
    let me = account::mine(step.db)?.device.key.public();
    for (leaf, going) in &session.going {
        let Some(member) = session.members.iter().find(|member| member.leaf == *leaf) else { continue };
        if going.queued || turn(&session, *leaf, going, &me) > step.now {
            continue;
        }
        outbox::push(step, Lane::Call(session.call), &Task::Evict { leaf: *leaf, device: Bytes(member.device.to_vec()) })?;
        if let Some(going) = step.live.session.as_mut().and_then(|session| session.going.get_mut(leaf)) {
            going.queued = true;
        }
    }
    if let Phase::Lost { ticket, retry_at } = session.phase
        && retry_at <= step.now
    {
        resume(step, &session, ticket);
    }
    Ok(())
}

pub(crate) fn next_due(step: &Step<'_>) -> Option<Timestamp> {
    let session = step.live.session.as_ref().filter(|_| step.live.connected)?;
    if matches!(session.phase, Phase::Joining | Phase::Leaving) {
        return None;
    }
    let me = account::load(step.db).ok()??.device.key.public();
    let turns = session.going.iter().filter(|(_, going)| !going.queued).map(|(leaf, going)| turn(session, *leaf, going, &me));
    let retry = if let Phase::Lost { retry_at, .. } = session.phase { Some(retry_at) } else { None };
    turns.chain(retry).min()
}

/// Hangs up. The others are told; the last one ends the call.
pub(crate) fn leave(step: &mut Step<'_>) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone() else { return Ok(()) };
    if session.phase == Phase::Leaving {
        return Ok(());
    }
    stop_media(step, &session);
    outbox::clear_lane(step, Lane::Call(session.call))?;
    let Some(call) = rows::call(step.db, session.call)? else { return over(step) };
    match session.phase {
        Phase::Joining => {
            over(step)?;
            if call.opened { Ok(()) } else { rows::forget(step, call.id) }
        }
        _ if is_last(step, &session)? => {
            over(step)?;
            invite::send_ended(step, &call)?;
            let now = step.now;
            rows::end(step, &call, now)
        }
        _ => {
            outbox::push(step, Lane::Call(session.call), &Task::CallLeft)?;
            step.changed();
            Ok(())
        }
    }
}

/// Whether nobody stays: others in the keys have said that they go, or have no media.
fn is_last(step: &Step<'_>, session: &Session) -> Result<bool, StoreError> {
    let me = account::mine(step.db)?.device.key.public();
    Ok(session.members.iter().all(|member| member.device == me || session.is_going(member.leaf)))
}

fn stop_media(step: &mut Step<'_>, session: &Session) {
    if session.has_entered() {
        participate(step, session.call, Request::Leave(v1::Leave {}));
        step.output(Output::Media { call: session.call, media: Media::Close });
    }
    step.output(Output::Page(MediaEvent::Stop { call: session.call }));
    if let Some(session) = &mut step.live.session {
        session.phase = Phase::Leaving;
    }
}

/// Puts an end to taking part, without a word: the keys are forgotten.
pub(crate) fn over(step: &mut Step<'_>) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone() else { return Ok(()) };
    if session.phase != Phase::Leaving {
        stop_media(step, &session);
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
        session.camera = camera;
    }
    handle_keys(step)?;
    make_offer(step);
    Ok(())
}
