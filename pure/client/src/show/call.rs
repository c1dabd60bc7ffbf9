//! Calls, as the pages show them.

use rusqlite::Connection;
use umweg_wire::limits::RINGING_INVITED_MAX;
use umweg_wire::{AccountId, CallId, Timestamp};

use crate::account::Account;
use crate::calls::invited::{self, Invited, Reply};
use crate::calls::roster::Present;
use crate::calls::rows::{self, Call};
use crate::calls::session::{Phase, Session};
use crate::calls::showing::Screen;
use crate::chats;
use crate::error::StoreError;
use crate::people;
use crate::step::Live;
use crate::view::{Absence, AbsentRow, CallRow, CallState, CallView, GhostRow, PresentRow, PresentWarning, Ringing};

/// What a call is to this account now.
pub(super) fn state(db: &Connection, live: &Live, me: &Account, call: &Call) -> Result<CallState, StoreError> {
    let mine = invited::one(db, call.id, me.id)?;
    Ok(state_of(live, call, mine.is_some_and(|mine| mine.reply == Reply::Declined)))
}

fn state_of(live: &Live, call: &Call, declined: bool) -> CallState {
    if let Some(ended) = call.ended {
        return CallState::Ended { ended, missed: !call.was_in && !declined };
    }
    match live.session.as_ref().filter(|session| session.call == call.id).map(|session| (&session.phase, session.since)) {
        Some((Phase::Joining | Phase::AwaitingOffer | Phase::Renewing | Phase::Waiting { .. } | Phase::Entering, _)) => {
            CallState::Joining
        }
        Some((Phase::In { .. } | Phase::Lost { .. }, since)) => CallState::In { since },
        Some((Phase::Leaving, _)) => CallState::Running,
        None if call.rings_until.is_some() => CallState::Ringing,
        None => CallState::Running,
    }
}

/// What to call it: a group's name, or those who are or were called.
fn title(db: &Connection, me: &Account, call: &Call) -> Result<String, StoreError> {
    match chats::chat(db, call.chat)? {
        Some(chat) if chat.peer.is_none() => chats::title(db, &chat),
        _ => {
            let others = invited::accounts(db, call.id)?.into_iter().filter(|account| *account != me.id);
            let mut names = others.map(|account| people::name_of(db, account)).collect::<Result<Vec<_>, _>>()?;
            names.sort();
            Ok(if names.is_empty() { people::name_of(db, call.caller)? } else { names.join(", ") })
        }
    }
}

/// Who else was in it.
pub(super) fn with(db: &Connection, me: &Account, call: &Call) -> Result<Vec<String>, StoreError> {
    let others = invited::all(db, call.id)?.into_iter().filter(|one| one.was_in && one.account != me.id);
    let mut names = others.map(|one| people::name_of(db, one.account)).collect::<Result<Vec<_>, _>>()?;
    names.sort();
    Ok(names)
}

/// How long it lasted.
pub(super) fn seconds(call: &Call) -> Option<u32> {
    call.ended.map(|ended| u32::try_from(ended.0.saturating_sub(call.started.0) / 1_000).unwrap_or(u32::MAX))
}

pub(super) fn row(db: &Connection, live: &Live, me: &Account, call: &Call) -> Result<CallRow, StoreError> {
    Ok(CallRow {
        id: call.id,
        chat: call.chat,
        title: title(db, me, call)?,
        video: call.video,
        started: call.started,
        state: state(db, live, me, call)?,
        outgoing: call.caller == me.id,
        with: with(db, me, call)?,
        seconds: seconds(call),
    })
}

pub(super) fn ringing(db: &Connection, live: &Live, me: &Account, now: Timestamp) -> Result<Option<Ringing>, StoreError> {
    for call in rows::running(db)? {
        let Some(until) = call.rings_until.filter(|until| *until > now) else { continue };
        if state_of(live, &call, false) == CallState::Ringing {
            let from_name = people::name_of(db, call.caller)?;
            return Ok(Some(Ringing { call: call.id, from_name, title: title(db, me, &call)?, video: call.video, until }));
        }
    }
    Ok(None)
}

pub(super) fn show(db: &Connection, live: &Live, me: &Account, id: CallId, now: Timestamp) -> Result<Option<CallView>, StoreError> {
    let Some(call) = rows::call(db, id)? else { return Ok(None) };
    let session = live.session.as_ref().filter(|session| session.call == id);
    let present = present(db, live, me, session, &call)?;
    let called = invited::all(db, id)?;
    let mut absent = Vec::new();
    for who in called.iter().filter(|who| present.iter().all(|one| one.account != who.account)) {
        let answer = absence(db, me, &call, who, called.len(), now)?;
        absent.push(AbsentRow { account: who.account, name: people::name_of(db, who.account)?, answer });
    }
    absent.sort_by(|one, other| (&one.name, one.account).cmp(&(&other.name, other.account)));
    Ok(Some(CallView {
        id,
        chat: call.chat,
        title: title(db, me, &call)?,
        video: call.video,
        state: state(db, live, me, &call)?,
        present,
        absent,
        muted: session.is_some_and(|session| session.showing.muted),
        camera: session.is_some_and(|session| session.showing.camera),
        camera_refused: session.is_some_and(|session| session.showing.camera_refused()),
        screen: session.is_some_and(|session| session.showing.screen == Screen::Shown),
        screen_refused: session.is_some_and(|session| session.showing.screen == Screen::Refused),
        code: session.and_then(|session| session.code.clone()),
        ghosts: session.map(|session| ghosts(db, session)).transpose()?.unwrap_or_default(),
        hand: session.is_some_and(|session| session.showing.hand.is_some()),
        stopped: live.stopped.filter(|(stopped, _)| *stopped == id).map(|(_, reason)| reason),
    }))
}

/// What is really known of somebody who is not in it.
fn absence(
    db: &Connection,
    me: &Account,
    call: &Call,
    who: &Invited,
    called: usize,
    now: Timestamp,
) -> Result<Absence, StoreError> {
    match who.reply {
        Reply::Declined => return Ok(Absence::Declined),
        Reply::Left => return Ok(Absence::Left),
        Reply::Nothing => {}
    }
    if who.account == me.id {
        return Ok(if call.rings_until.is_some_and(|until| until > now) { Absence::Ringing } else { Absence::Invited });
    }
    if called > RINGING_INVITED_MAX || !invited::is_reached(db, call, who)? {
        return Ok(Absence::Invited);
    }
    Ok(if who.rings_until.is_some_and(|until| until > now) { Absence::Ringing } else { Absence::Missed })
}

fn ghosts(db: &Connection, session: &Session) -> Result<Vec<GhostRow>, StoreError> {
    let warned = session.ghosts.iter().filter(|(_, ghost)| ghost.warned);
    warned
        .map(|(participant, ghost)| {
            let name = ghost.account.map(|account| people::name_of(db, account)).transpose()?;
            Ok(GhostRow { account: ghost.account, name, participant: *participant })
        })
        .collect()
}

/// For who is in: whom the keys include, with what the roster says of them. For who is not: whom the roster names.
fn present(
    db: &Connection,
    live: &Live,
    me: &Account,
    session: Option<&Session>,
    call: &Call,
) -> Result<Vec<PresentRow>, StoreError> {
    if call.ended.is_some() {
        return Ok(vec![]);
    }
    let seen = live.rosters.get(&call.id).map(|seen| seen.present.as_slice()).unwrap_or_default();
    let mut rows = Vec::new();
    match session.filter(|session| session.phase != Phase::Joining && session.phase != Phase::Leaving) {
        Some(session) => {
            for member in session.members.iter().filter(|member| !session.is_going(member.leaf)) {
                let mut row = blank(db, me, member.account, session.since, member.leaf)?;
                if let Some(note) = seen.iter().find(|one| one.device == member.device && one.leaf == member.leaf) {
                    fill(&mut row, note);
                }
                if member.device == me.device.key.public() {
                    fill_mine(&mut row, session);
                } else if session.going.get(&member.leaf).is_some_and(|going| going.warned) {
                    row.warning = Some(PresentWarning::NotShown);
                }
                rows.push(row);
            }
        }
        None => {
            for note in seen.iter().filter(|one| one.device != me.device.key.public()) {
                let mut row = blank(db, me, note.account, note.since, note.leaf)?;
                fill(&mut row, note);
                rows.push(row);
            }
        }
    }
    rows.sort_by_key(|row| (row.since, row.leaf));
    Ok(rows)
}

fn blank(db: &Connection, me: &Account, account: AccountId, since: Timestamp, leaf: u32) -> Result<PresentRow, StoreError> {
    Ok(PresentRow {
        account,
        name: people::name_of(db, account)?,
        me: account == me.id,
        since,
        video: false,
        screen: false,
        muted: false,
        by_proxy: false,
        participant: None,
        leaf,
        hand: None,
        reaction: None,
        warning: None,
    })
}

fn fill(row: &mut PresentRow, note: &Present) {
    row.since = note.since;
    row.video = note.video;
    row.screen = note.screen;
    row.muted = note.muted;
    row.by_proxy = note.by_proxy;
    row.participant = Some(note.participant);
    row.hand = note.hand;
    row.reaction = note.reaction.as_ref().map(|reaction| reaction.text.clone());
}

/// What this device shows is known here first.
fn fill_mine(row: &mut PresentRow, session: &Session) {
    row.muted = session.showing.muted;
    row.video = session.showing.camera;
    row.screen = session.showing.screen == Screen::Shown;
    row.hand = session.showing.hand;
    row.reaction = session.showing.reaction.as_ref().map(|reaction| reaction.text.clone());
}
