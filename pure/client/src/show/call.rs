//! Calls, as the pages show them.

use rusqlite::Connection;
use umweg_wire::{CallId, Timestamp};

use crate::account::Account;
use crate::calls::roster::Present;
use crate::calls::rows::{self, Call, Reply};
use crate::calls::session::{Phase, Session};
use crate::chats;
use crate::error::StoreError;
use crate::people;
use crate::step::Live;
use crate::view::{Absence, AbsentRow, CallRow, CallState, CallView, PresentRow, Ringing};

/// What a call is to this account now.
pub(super) fn state(live: &Live, call: &Call) -> CallState {
    if let Some(ended) = call.ended {
        return CallState::Ended { ended, missed: !call.was_in };
    }
    match live.session.as_ref().filter(|session| session.call == call.id).map(|session| (&session.phase, session.since)) {
        Some((Phase::Joining | Phase::AwaitingOffer | Phase::Entering, _)) => CallState::Joining,
        Some((Phase::In { .. } | Phase::Lost { .. }, since)) => CallState::In { since },
        Some((Phase::Leaving, _)) => CallState::Running,
        None if call.rings_until.is_some() => CallState::Ringing,
        None => CallState::Running,
    }
}

fn title(db: &Connection, call: &Call) -> Result<String, StoreError> {
    match chats::chat(db, call.chat)? {
        Some(chat) => chats::title(db, &chat),
        None => people::name_of(db, call.caller),
    }
}

pub(super) fn row(db: &Connection, live: &Live, call: &Call) -> Result<CallRow, StoreError> {
    Ok(CallRow {
        id: call.id,
        chat: call.chat,
        title: title(db, call)?,
        video: call.video,
        started: call.started,
        state: state(live, call),
    })
}

pub(super) fn ringing(db: &Connection, live: &Live, now: Timestamp) -> Result<Option<Ringing>, StoreError> {
    for call in rows::running(db)? {
        let Some(until) = call.rings_until.filter(|until| *until > now) else { continue };
        if state(live, &call) == CallState::Ringing {
            let from_name = people::name_of(db, call.caller)?;
            return Ok(Some(Ringing { call: call.id, from_name, title: title(db, &call)?, video: call.video, until }));
        }
    }
    Ok(None)
}

pub(super) fn show(db: &Connection, live: &Live, me: &Account, id: CallId) -> Result<Option<CallView>, StoreError> {
    let Some(call) = rows::call(db, id)? else { return Ok(None) };
    let session = live.session.as_ref().filter(|session| session.call == id);
    let present = present(db, live, me, session, &call)?;
    let mut absent = Vec::new();
    for (account, reply) in rows::invited(db, id)? {
        if present.iter().any(|one| one.account == account) {
            continue;
        }
        let answer = match reply {
            Reply::Nothing => Absence::Invited,
            Reply::Declined => Absence::Declined,
            Reply::Left => Absence::Left,
        };
        absent.push(AbsentRow { account, name: people::name_of(db, account)?, answer });
    }
    absent.sort_by(|one, other| (&one.name, one.account).cmp(&(&other.name, other.account)));
    Ok(Some(CallView {
        id,
        chat: call.chat,
        title: title(db, &call)?,
        video: call.video,
        state: state(live, &call),
        present,
        absent,
        muted: session.is_some_and(|session| session.muted),
        camera: session.is_some_and(|session| session.camera),
        camera_refused: session.is_some_and(|session| session.camera_refused),
        code: session.and_then(|session| session.code.clone()),
    }))
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
                let note = seen.iter().find(|one| one.device == member.device && one.leaf == member.leaf);
                let mine = member.device == me.device.key.public();
                let mut row = PresentRow {
                    account: member.account,
                    name: people::name_of(db, member.account)?,
                    me: mine,
                    since: session.since,
                    video: false,
                    muted: false,
                    by_proxy: false,
                    participant: None,
                    leaf: member.leaf,
                };
                if let Some(note) = note {
                    fill(&mut row, note);
                }
                if mine {
                    row.muted = session.muted;
                    row.video = session.camera;
                }
                rows.push(row);
            }
        }
        None => {
            for note in seen.iter().filter(|one| one.device != me.device.key.public()) {
                let mut row = PresentRow {
                    account: note.account,
                    name: people::name_of(db, note.account)?,
                    me: note.account == me.id,
                    since: note.since,
                    video: false,
                    muted: false,
                    by_proxy: false,
                    participant: None,
                    leaf: note.leaf,
                };
                fill(&mut row, note);
                rows.push(row);
            }
        }
    }
    rows.sort_by_key(|row| (row.since, row.leaf));
    Ok(rows)
}

fn fill(row: &mut PresentRow, note: &Present) {
    row.since = note.since;
    row.video = note.video;
    row.muted = note.muted;
    row.by_proxy = note.by_proxy;
    row.participant = Some(note.participant);
}
