//! Whose media runs, as the service tells it in notes that only the invited can read. A note counts if its signature is that of
//! somebody invited; who is in the call by its keys and has no note for long has vanished.

use std::time::Duration;

use umweg_wire::limits::SEAT_KEPT;
use umweg_wire::proto::v1::Roster;
use umweg_wire::{AccountId, CallId, Timestamp};

use super::rows::{self, Call, Reply};
use super::session;
use crate::error::StoreError;
use crate::port::Output;
use crate::step::Step;

/// A roster that stays empty for so long: the call is over. Longer than a seat is kept, so that a break of everybody's road ends nothing.
const EMPTY_MAX: Duration = Duration::from_secs(SEAT_KEPT.as_secs() + 15);

/// The newest roster of a call.
#[derive(Clone, Default)]
pub(crate) struct RosterSeen {
    pub(crate) present: Vec<Present>,
    pub(crate) empty_since: Option<Timestamp>,
}

/// Somebody whose media runs.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Present {
    pub(crate) account: AccountId,
    pub(crate) device: [u8; 32],
    pub(crate) participant: u32,
    pub(crate) since: Timestamp,
    pub(crate) video: bool,
    pub(crate) muted: bool,
    pub(crate) by_proxy: bool,
    pub(crate) leaf: u32,
}

/// Asks for a call's roster, or for no more of it.
pub(crate) fn watch(step: &mut Step<'_>, call: &Call, on: bool) {
    if step.live.connected && call.opened {
        let secrets = call.secrets();
        step.output(Output::WatchRoster { call: call.id, log: secrets.log_id(), capability: secrets.capability().clone(), on });
    }
}

/// A roster came.
pub(crate) fn handle(step: &mut Step<'_>, id: CallId, roster: &Roster) -> Result<(), StoreError> {
    let Some(call) = rows::call(step.db, id)?.filter(|call| call.ended.is_none()) else { return Ok(()) };
    let invited: Vec<AccountId> = rows::invited(step.db, id)?.into_iter().map(|(account, _)| account).collect();
    let secrets = call.secrets();
    let mut present: Vec<Present> = Vec::new();
    for one in &roster.present {
        let Ok((who, note)) = secrets.open_note(&one.note, id) else { continue };
        if invited.contains(&who.account()) && present.iter().all(|other| other.device != *who.device_key()) {
            present.push(Present {
                account: who.account(),
                device: *who.device_key(),
                participant: one.participant,
                since: Timestamp(note.since),
                video: one.camera && note.video,
                muted: note.muted,
                by_proxy: note.by_proxy,
                leaf: note.leaf,
            });
        }
    }
    present.sort_by_key(|one| (one.since, one.participant));
    let now = step.now;
    let before = step.live.rosters.remove(&id).unwrap_or_default();
    for gone in before.present.iter().filter(|old| present.iter().all(|one| one.account != old.account)) {
        rows::set_reply(step, id, gone.account, Reply::Left)?;
    }
    let empty_since = present.is_empty().then(|| before.empty_since.unwrap_or(now));
    step.live.rosters.insert(id, RosterSeen { present, empty_since });
    session::watch_seats(step)?;
    step.changed();
    Ok(())
}

/// A call in which nobody has been for long is over.
pub(crate) fn handle_timeout(step: &mut Step<'_>) -> Result<(), StoreError> {
    let over: Vec<(CallId, Timestamp)> = empty_ones(step).filter(|(_, since)| since.after(EMPTY_MAX) <= step.now).collect();
    for (id, since) in over {
        if let Some(call) = rows::call(step.db, id)? {
            rows::end(step, &call, since)?;
        }
    }
    Ok(())
}

fn empty_ones(step: &Step<'_>) -> impl Iterator<Item = (CallId, Timestamp)> {
    let mine = step.live.session.as_ref().map(|session| session.call);
    let rosters = if step.live.connected { Some(&step.live.rosters) } else { None };
    rosters.into_iter().flatten().filter(move |(id, _)| Some(**id) != mine).filter_map(|(id, seen)| Some((*id, seen.empty_since?)))
}

pub(crate) fn next_due(step: &Step<'_>) -> Option<Timestamp> {
    empty_ones(step).map(|(_, since)| since.after(EMPTY_MAX)).min()
}
