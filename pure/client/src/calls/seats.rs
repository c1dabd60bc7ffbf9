//! Who holds the keys, and whom the service shows: the two are compared, neither is believed alone.
//!
//! Who said that they leave is taken out of the keys at once; who is not shown for as long as a seat is kept has vanished, and is
//! taken out too. Until then people are warned of whoever holds the keys unseen, and of whoever is shown without keys.

use std::time::Duration;

use umweg_wire::limits::{ALONE_MAX, ROSTER_LAG_MAX, SEAT_KEPT};
use umweg_wire::proto::v1::{self, participant_request::Request};
use umweg_wire::{AccountId, Timestamp};

use super::invited::{self, Reply};
use super::roster::Present;
use super::session::{self, Participant, Phase, Session};
use crate::account;
use crate::conversation::duties::TURN;
use crate::error::StoreError;
use crate::outbox::{self, Bytes, Lane, Task};
use crate::step::Step;
use crate::view::StopReason;

/// Why a leaf is to be taken out, and from when on.
#[derive(Clone, Copy)]
pub(crate) struct Going {
    since: Timestamp,
    pub(crate) said_so: bool,
    queued: bool,
    /// It is unseen for so long that people are warned.
    pub(crate) warned: bool,
}

/// Somebody on the roster whom the keys do not include.
#[derive(Clone, Copy)]
pub(crate) struct Ghost {
    pub(crate) account: Option<AccountId>,
    since: Timestamp,
    pub(crate) warned: bool,
}

/// Compares the keys with the newest roster.
pub(crate) fn compare(step: &mut Step<'_>) -> Result<(), StoreError> {
    let me = account::mine(step.db)?.device.key.public();
    let now = step.now;
    let Some(session) = &mut step.live.session else { return Ok(()) };
    let alone = session.members.iter().all(|member| member.device == me || session.is_going(member.leaf));
    session.alone_since = alone.then(|| session.alone_since.unwrap_or(now));
    let Some(seen) = step.live.rosters.get(&session.call) else { return Ok(()) };
    for member in session.members.iter().filter(|member| member.device != me) {
        if seen.present.iter().any(|one| is_of(one, member)) {
            if session.going.get(&member.leaf).is_some_and(|going| !going.said_so) {
                session.going.remove(&member.leaf);
            }
        } else {
            session.going.entry(member.leaf).or_insert(Going { since: now, said_so: false, queued: false, warned: false });
        }
    }
    let without = seen.present.iter().filter(|one| !session.members.iter().any(|member| is_of(one, member)));
    let shown: Vec<(u32, Option<AccountId>)> = without
        .map(|one| (one.participant, Some(one.account)))
        .chain(seen.unreadable.iter().map(|participant| (*participant, None)))
        .collect();
    session.ghosts.retain(|participant, _| shown.iter().any(|(other, _)| other == participant));
    for (participant, account) in shown {
        session.ghosts.entry(participant).or_insert(Ghost { account, since: now, warned: false });
    }
    Ok(())
}

/// Whose keys were taken away keeps no seat, whatever they or their app wish. Everybody says so: whoever took them out may be gone by now.
pub(crate) fn dismiss(step: &mut Step<'_>, before: &[Participant]) {
    let Some(session) = watching(step).filter(|session| matches!(session.phase, Phase::In { .. })) else { return };
    let Some(seen) = step.live.rosters.get(&session.call) else { return };
    let holds_keys = |one: &Present| session.members.iter().any(|member| is_of(one, member));
    let out = seen.present.iter().filter(|one| before.iter().any(|member| is_of(one, member)) && !holds_keys(one));
    let (call, out): (_, Vec<_>) = (session.call, out.map(|one| one.participant).collect());
    for participant in out {
        session::participate(step, call, Request::Dismiss(v1::Dismiss { participant }));
    }
}

fn is_of(one: &Present, member: &Participant) -> bool {
    one.device == member.device && one.leaf == member.leaf
}

/// Who holds the keys was in, and has left when they hold none any more: whether or not the service ever showed them.
pub(crate) fn note_keys(step: &mut Step<'_>, before: &[Participant]) -> Result<(), StoreError> {
    let Some(session) = step.live.session.clone() else { return Ok(()) };
    for member in &session.members {
        invited::set_was_in(step, session.call, member.account)?;
    }
    before.iter().try_for_each(|member| note_gone(step, &session, member))
}

fn note_gone(step: &mut Step<'_>, session: &Session, member: &Participant) -> Result<(), StoreError> {
    let stays = session.members.iter().any(|one| one.account == member.account && !session.is_going(one.leaf));
    if stays { Ok(()) } else { invited::set_reply(step, session.call, member.account, Reply::Left) }
}

/// Somebody said that they leave.
pub(crate) fn handle_left(step: &mut Step<'_>, leaf: u32) -> Result<(), StoreError> {
    let now = step.now;
    if let Some(session) = &mut step.live.session {
        session.going.insert(leaf, Going { since: now, said_so: true, queued: false, warned: false });
    }
    if let Some(session) = step.live.session.clone()
        && let Some(member) = session.members.iter().find(|member| member.leaf == leaf)
    {
        note_gone(step, &session, member)?;
    }
    step.changed();
    compare(step)
}

/// When it is this device's turn to take a leaf out: the lowest leaf that stays goes first.
fn turn(session: &Session, leaf: u32, going: &Going, me: &[u8; 32]) -> Timestamp {
    let staying = session.members.iter().filter(|member| member.leaf != leaf && !session.is_going(member.leaf));
    let rank = staying.take_while(|member| member.device != *me).count();
    let kept = if going.said_so { Duration::ZERO } else { SEAT_KEPT };
    going.since.after(kept).after(TURN * u32::try_from(rank).unwrap_or(u32::MAX))
}

/// Takes out whose turn it is to go, warns, and ends what nobody else came to.
pub(crate) fn handle_timeout(step: &mut Step<'_>) -> Result<(), StoreError> {
    let Some(session) = watching(step).cloned() else { return Ok(()) };
    take_out(step, &session)?;
    warn(step);
    if session.alone_since.is_some_and(|since| since.after(ALONE_MAX) <= step.now) {
        return session::leave(step, StopReason::Alone);
    }
    Ok(())
}

fn watching<'s>(step: &'s Step<'_>) -> Option<&'s Session> {
    let session = step.live.session.as_ref().filter(|_| step.live.connected)?;
    if matches!(session.phase, Phase::Joining | Phase::Leaving) { None } else { Some(session) }
}

fn take_out(step: &mut Step<'_>, session: &Session) -> Result<(), StoreError> {
    let me = account::mine(step.db)?.device.key.public();
    for (leaf, going) in &session.going {
        let Some(member) = session.members.iter().find(|member| member.leaf == *leaf) else { continue };
        if going.queued || turn(session, *leaf, going, &me) > step.now {
            continue;
        }
        outbox::push(step, Lane::Call(session.call), &Task::Evict { leaf: *leaf, device: Bytes(member.device.to_vec()) })?;
        if let Some(going) = step.live.session.as_mut().and_then(|session| session.going.get_mut(leaf)) {
            going.queued = true;
        }
    }
    Ok(())
}

fn warn(step: &mut Step<'_>) {
    let now = step.now;
    let Some(session) = &mut step.live.session else { return };
    let mut warned = false;
    for going in session.going.values_mut().filter(|going| !going.said_so && !going.warned && is_late(going.since, now)) {
        going.warned = true;
        warned = true;
    }
    for ghost in session.ghosts.values_mut().filter(|ghost| !ghost.warned && is_late(ghost.since, now)) {
        ghost.warned = true;
        warned = true;
    }
    if warned {
        step.changed();
    }
}

fn is_late(since: Timestamp, now: Timestamp) -> bool {
    since.after(ROSTER_LAG_MAX) <= now
}

pub(crate) fn next_due(step: &Step<'_>) -> Option<Timestamp> {
    let session = watching(step)?;
    let me = account::load(step.db).ok()??.device.key.public();
    let turns = session.going.iter().filter(|(_, going)| !going.queued).map(|(leaf, going)| turn(session, *leaf, going, &me));
    let unseen = session.going.values().filter(|going| !going.said_so && !going.warned).map(|going| going.since);
    let ghosts = session.ghosts.values().filter(|ghost| !ghost.warned).map(|ghost| ghost.since);
    let warnings = unseen.chain(ghosts).map(|since| since.after(ROSTER_LAG_MAX));
    turns.chain(warnings).chain(session.alone_since.map(|since| since.after(ALONE_MAX))).min()
}
