//! Whose media runs, as the service tells it in notes that only the invited can read. A note counts if its signature is that of
//! somebody invited; who is in the call by its keys and has no note for long has vanished.

use std::time::Duration;

use umweg_wire::limits::{REACTION_BYTES_MAX, REACTION_SHOWN, SEAT_KEPT};
use umweg_wire::proto::sealed::RosterNoteBody;
use umweg_wire::proto::v1::Roster;
use umweg_wire::{AccountId, CallId, Timestamp};

use super::invited::{self, Reply};
use super::rows::{self, Call};
use super::showing::{self, Reaction};
use super::{endings, seats};
use crate::account::Account;
use crate::error::StoreError;
use crate::port::Output;
use crate::step::Step;

/// A roster that stays empty for so long: the call is over. Longer than a seat is kept, so that a break of everybody's road ends nothing.
pub(super) const EMPTY_MAX: Duration = Duration::from_secs(SEAT_KEPT.as_secs() + 15);

/// Entries of a roster that are read: more than an operator can allow are a lie.
const PRESENT_MAX: usize = 256;

/// The newest roster of a call.
#[derive(Clone, Default)]
pub(crate) struct RosterSeen {
    pub(crate) present: Vec<Present>,
    /// Participants whose notes nobody who was invited has signed.
    pub(crate) unreadable: Vec<u32>,
    /// Places with video: taken, and all.
    pub(crate) cameras: usize,
    pub(crate) cameras_max: usize,
    empty_since: Option<Timestamp>,
    /// How long it was empty in the connections before this one: where none lasts, a call must end all the same.
    empty_before: Duration,
    /// Somebody has said that it is over, while others were still shown: they may only be slow to go.
    said_over: bool,
}

/// Somebody whose media runs.
#[derive(Clone)]
pub(crate) struct Present {
    pub(crate) account: AccountId,
    pub(crate) device: [u8; 32],
    pub(crate) participant: u32,
    pub(crate) since: Timestamp,
    pub(crate) video: bool,
    pub(crate) screen: bool,
    pub(crate) muted: bool,
    pub(crate) by_proxy: bool,
    pub(crate) leaf: u32,
    pub(crate) hand: Option<Timestamp>,
    pub(crate) reaction: Option<Reaction>,
    /// Of the newest reaction, shown or not (any more).
    reacted_at: u64,
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
    let now = step.now;
    let before = step.live.rosters.remove(&id).unwrap_or_default();
    let mut seen = read(&call, roster, &invited::accounts(step.db, id)?, &before, now);
    if seen.present.is_empty() {
        (seen.empty_since, seen.empty_before) = (Some(before.empty_since.unwrap_or(now)), before.empty_before);
    }
    // Who came since then says otherwise.
    let came = seen.present.iter().any(|one| before.present.iter().all(|old| old.participant != one.participant));
    seen.said_over = before.said_over && !came;
    for one in &seen.present {
        invited::set_was_in(step, id, one.account)?;
    }
    for gone in before.present.iter().filter(|old| seen.present.iter().all(|one| one.account != old.account)) {
        invited::set_reply(step, id, gone.account, Reply::Left)?;
    }
    step.live.rosters.insert(id, seen);
    seats::compare(step)?;
    endings::affirm_doubted(step)?;
    showing::handle_timeout(step)?; // a place for the camera may be free
    step.changed();
    Ok(())
}

/// Those shown in the call, without this device, which may still be shown from an earlier time in it.
pub(crate) fn others<'s>(step: &'s Step<'_>, id: CallId, me: &'s Account) -> impl Iterator<Item = &'s Present> {
    let me = me.device.key.public();
    step.live.rosters.get(&id).into_iter().flat_map(|seen| &seen.present).filter(move |one| one.device != me)
}

/// Somebody says that the call is over, or that it is not. If it is, then as soon as nobody is shown in it. Answers with what held before.
pub(crate) fn set_said_over(step: &mut Step<'_>, id: CallId, over: bool) -> bool {
    std::mem::replace(&mut step.live.rosters.entry(id).or_default().said_over, over)
}

fn read(call: &Call, roster: &Roster, invited: &[AccountId], before: &RosterSeen, now: Timestamp) -> RosterSeen {
    let secrets = call.secrets();
    let mut seen = RosterSeen {
        cameras: roster.present.iter().filter(|one| one.camera).count(),
        cameras_max: roster.cameras_max as usize,
        ..RosterSeen::default()
    };
    for one in roster.present.iter().take(PRESENT_MAX) {
        match secrets.open_note(&one.note, call.id) {
            Ok((who, note)) if invited.contains(&who.account()) => seen.present.push(Present {
                account: who.account(),
                device: *who.device_key(),
                participant: one.participant,
                since: Timestamp(note.since),
                video: one.camera && note.video,
                screen: one.screen && note.screen,
                muted: note.muted,
                by_proxy: note.by_proxy,
                leaf: note.leaf,
                hand: (note.hand > 0).then_some(Timestamp(note.hand)),
                reaction: reaction(before, who.device_key(), &note, now),
                reacted_at: note.reacted_at,
            }),
            _ => seen.unreadable.push(one.participant),
        }
    }
    // A device that came in again may still have its former seat: the newest counts.
    seen.present.sort_by_key(|one| (one.since, one.participant));
    let all = seen.present.clone();
    let mut later = all.iter().map(|one| one.device).skip(1);
    seen.present.retain(|one| {
        let again = later.clone().any(|device| device == one.device);
        later.next();
        !again
    });
    seen
}

/// A new one is shown from now on; one that is shown already keeps its end.
fn reaction(before: &RosterSeen, device: &[u8; 32], note: &RosterNoteBody, now: Timestamp) -> Option<Reaction> {
    if note.reaction.is_empty() || note.reaction.len() > REACTION_BYTES_MAX {
        return None;
    }
    let shown = before.present.iter().find(|one| one.device == *device);
    match shown.map(|one| one.reaction.as_ref().filter(|reaction| reaction.at == note.reacted_at)) {
        Some(Some(same)) => Some(same.clone()),
        // It was there before this device looked, or has run out here.
        None => None,
        Some(None) if shown.is_some_and(|one| one.reacted_at == note.reacted_at) => None,
        Some(None) => Some(Reaction { text: note.reaction.clone(), at: note.reacted_at, until: now.after(REACTION_SHOWN) }),
    }
}

/// A call in which nobody has been for long is over; reactions are for a moment.
pub(crate) fn handle_timeout(step: &mut Step<'_>) -> Result<(), StoreError> {
    let now = step.now;
    let mut changed = false;
    for one in step.live.rosters.values_mut().flat_map(|seen| &mut seen.present) {
        changed |= one.reaction.take_if(|reaction| reaction.until <= now).is_some();
    }
    if changed {
        step.changed();
    }
    let over: Vec<CallId> = empty_ones(step).filter(|(_, due)| *due <= now).map(|(id, _)| id).collect();
    for id in over {
        if let Some(call) = rows::call(step.db, id)? {
            let since = step.live.rosters.get(&id).and_then(|seen| seen.empty_since);
            rows::end(step, &call, since.unwrap_or(now))?;
        }
    }
    Ok(())
}

/// This connection's rosters count no longer; how long they were empty does.
pub(crate) fn handle_disconnected(step: &mut Step<'_>) {
    for seen in step.live.rosters.values_mut() {
        if let Some(since) = seen.empty_since.take() {
            seen.empty_before += step.now.since(since);
        }
    }
}

/// Rosters come anew.
pub(crate) fn handle_connected(step: &mut Step<'_>) {
    step.live.rosters.retain(|_, seen| !seen.empty_before.is_zero());
}

/// Those that are empty, and when their calls are over.
fn empty_ones(step: &Step<'_>) -> impl Iterator<Item = (CallId, Timestamp)> {
    let mine = step.live.session.as_ref().map(|session| session.call);
    let rosters = if step.live.connected { Some(&step.live.rosters) } else { None };
    rosters.into_iter().flatten().filter(move |(id, _)| Some(**id) != mine).filter_map(|(id, seen)| {
        let patience = if seen.said_over { Duration::ZERO } else { EMPTY_MAX.saturating_sub(seen.empty_before) };
        Some((*id, seen.empty_since?.after(patience)))
    })
}

pub(crate) fn next_due(step: &Step<'_>) -> Option<Timestamp> {
    let reactions = step.live.rosters.values().flat_map(|seen| &seen.present).filter_map(|one| Some(one.reaction.as_ref()?.until));
    empty_ones(step).map(|(_, due)| due).chain(reactions).min()
}
